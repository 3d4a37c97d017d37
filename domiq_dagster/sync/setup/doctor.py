"""Is everything in place? One finding a question, each with what to do where the answer is no."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.monitoring.figures import conservation_problems
from domiq_dagster.sync.setup.survey import finding, survey
from domiq_dagster.sync.trouble import Trouble, records_in_trouble

_MOST_RECORDS = 20


def examine(engine: Engine, client: ResManClient) -> list[dict[str, Any]]:
    """Findings as {question, ok, answer}. The database was opened and found migrated before this."""
    findings = [finding("The database is DomIQ's, migrated, and this role sees its rows", True, "yes")]
    with engine.connect() as connection:
        captured = connection.scalar(
            text(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.conversation'::regclass "
                "AND tgname LIKE 'domiq_sync_capture%' AND tgenabled <> 'D'"
            )
        )
        integrations = load_integrations(connection, enabled_only=False)
        problems = conservation_problems(connection)
        records = records_in_trouble(connection)
    findings.append(
        finding(
            "Changes of conversation.status are captured",
            captured == 2,
            "yes" if captured == 2 else "no trigger: reconciliation finds them, later",
        )
    )
    findings.append(
        finding(
            "Every pending change has its delivery",
            not problems,
            "yes" if not problems else f"{problems[0]['of_all']} do not match: run domiq-sync sync",
        )
    )
    findings.append(
        finding(
            "Every record can be dealt with",
            not records,
            "yes" if not records else "; ".join(_told(record) for record in records[:_MOST_RECORDS]),
        )
    )
    findings.append(
        finding(
            "Properties are connected",
            bool(integrations),
            f"{len(integrations)}" if integrations else "none: run domiq-sync connect",
        )
    )
    for account in sorted({i.account_id for i in integrations}):
        findings += _account(client, [i for i in integrations if i.account_id == account])
    return findings


def _told(record: Trouble) -> str:
    return f"{record.partition_key}: {record.kind} {record.key} {record.sentence}"


def _account(client: ResManClient, integrations: list[Integration]) -> list[dict[str, Any]]:
    first, *others = integrations
    found = survey(client, first.account_id, first.resman_property_id)
    seen = {p.property_id.lower() for p in found.properties or []}
    findings = [f for f in found.findings if f["question"].startswith("Account ")]
    if found.properties is not None:
        for integration in (first, *others):
            there = integration.resman_property_id.lower() in seen
            findings.append(
                finding(
                    f"{integration.partition_key} is a property of account {first.account_id}",
                    there,
                    "yes" if there else "no: correct --resman-property with domiq-sync connect",
                )
            )
    return findings
