"""Is everything in place? One finding a question, each with what to do where the answer is no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.measure import conservation_problems


def examine(engine: Engine, client: ResManClient) -> list[dict[str, Any]]:
    """Findings as {question, ok, answer}. The database was opened and found migrated before this."""
    findings = [_finding("The database is DomIQ's, migrated, and this role sees its rows", True, "yes")]
    with engine.connect() as connection:
        captured = connection.scalar(
            text(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.conversation'::regclass "
                "AND tgname LIKE 'domiq_sync_capture%' AND tgenabled <> 'D'"
            )
        )
        integrations = load_integrations(connection, enabled_only=False)
        problems = conservation_problems(connection)
    findings.append(
        _finding(
            "Changes of conversation.status are captured",
            captured == 2,
            "yes" if captured == 2 else "no trigger: reconciliation finds them, later",
        )
    )
    findings.append(
        _finding(
            "Every pending change has its delivery",
            not problems,
            "yes" if not problems else f"{len(problems)} do not match: run domiq-sync sync",
        )
    )
    findings.append(
        _finding(
            "Properties are connected",
            bool(integrations),
            f"{len(integrations)}" if integrations else "none: run domiq-sync connect",
        )
    )
    for account in sorted({i.account_id for i in integrations}):
        findings += _account(client, [i for i in integrations if i.account_id == account])
    return findings


def _account(client: ResManClient, integrations: list[Integration]) -> list[dict[str, Any]]:
    account, first = integrations[0].account_id, integrations[0].resman_property_id
    seen: set[str] = set()

    def properties() -> str:
        seen.update(p.property_id.lower() for p in client.properties(account))
        return f"{len(seen)} properties"

    findings = [_ask(f"Account {account}: v2 Properties", properties)]
    for name, count in (
        ("v1 GetProspectSources", lambda: len(client.prospect_sources(account, first))),
        ("v1 GetLostProspectReasons", lambda: len(client.lost_reasons(account))),
        ("v1 GetEmployees", lambda: len(client.employees(account, first))),
        ("v1 SearchProspects", lambda: len(client.search_by_email(account, first, "nobody@example.com"))),
    ):
        findings.append(_ask(f"Account {account}: {name}", lambda count=count: f"{count()} found"))  # type: ignore[misc]
    if findings[0]["ok"]:
        for integration in integrations:
            there = integration.resman_property_id.lower() in seen
            findings.append(
                _finding(
                    f"{integration.partition_key} is a property of account {account}",
                    there,
                    "yes" if there else "no: correct --resman-property with domiq-sync connect",
                )
            )
    return findings


def _ask(question: str, answer: Callable[[], str]) -> dict[str, Any]:
    try:
        return _finding(question, True, answer())
    except ResManError as error:
        return _finding(question, False, f"{error.kind}: {error}")


def _finding(question: str, ok: bool, answer: str) -> dict[str, Any]:
    return {"question": question, "ok": ok, "answer": answer}
