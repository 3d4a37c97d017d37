"""Before a property is connected: may we use what the sync needs of ResMan, which property is it there, and
what would its open settings become? Asks ResMan, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import BadCredentials, NotEntitled, ResManError, Scope
from domiq_dagster.resman.ids import same_id
from domiq_dagster.resman.models import Employee, PickListItem, Property
from domiq_dagster.resman.prospect import UnreadableProspect
from domiq_dagster.sync.grants import WHOM_TO_ASK
from domiq_dagster.sync.setup.fill_settings import (
    PREFERRED_LOST_REASONS,
    PREFERRED_SOURCES,
    choose_agent,
    prefer,
)

T = TypeVar("T")
SHOWN = 25
"""How many sources, agents and reasons are listed."""


@dataclass(slots=True)
class Survey:
    """What ResMan says of one property. `findings` are {question, ok, answer}, one an endpoint; `at_resman`
    is the property itself, None where it is not among the account's or could not be asked for."""

    account_id: str
    findings: list[dict[str, Any]] = field(default_factory=list)
    properties: list[Property] | None = None
    at_resman: Property | None = None
    sources: list[PickListItem] = field(default_factory=list)
    lost_reasons: list[PickListItem] = field(default_factory=list)
    employees: list[Employee] = field(default_factory=list)
    leasing: list[Employee] = field(default_factory=list)
    """v2's employees: the only ones of whom is known who leases."""
    silent: ResManError | None = None
    """The service did not answer: nothing more was asked."""

    @property
    def ok(self) -> bool:
        return all(finding["ok"] for finding in self.findings)

    def proposals(self, resman_property_id: str) -> dict[str, str | None]:
        """What the settings would become that nobody gave; None where ResMan offers nothing."""
        agent = choose_agent(self.employees, self.leasing, resman_property_id)
        return {
            "agent_id": agent.id if agent else None,
            "source_id": prefer(self.sources, PREFERRED_SOURCES),
            "lost_reason_id": prefer(self.lost_reasons, PREFERRED_LOST_REASONS),
            "time_zone": self.at_resman.time_zone if self.at_resman else None,
        }

    def choices(self) -> Mapping[str, Sequence[PickListItem | Employee]]:
        """What there is to choose from, by setting."""
        return {
            "agent_id": self.employees,
            "source_id": self.sources,
            "lost_reason_id": self.lost_reasons,
        }


def survey(
    client: ResManClient,
    account_id: str,
    resman_property_id: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Survey:
    """Asks each endpoint that the sync uses, once, save the one that posts. Ends early where the service
    as a whole does not answer."""
    found = Survey(account_id)
    a, p = account_id, resman_property_id

    def one_prospect() -> int:
        odd: list[UnreadableProspect] = []
        with closing(client.prospects(a, p, modified_since=clock(), on_unreadable=odd.append)) as answer:
            return int(next(answer, None) is not None or bool(odd))

    found.properties = _ask(found, "v2 Properties", lambda: client.properties(a), "properties")
    found.at_resman = next((q for q in found.properties or [] if same_id(q.property_id, p)), None)
    if found.properties is not None:
        there = found.at_resman is not None
        answer = "yes" if there else "no: correct --resman-property with domiq-sync connect"
        found.findings.append(finding(f"{p} is a property of account {a}", there, answer))
    _ask(found, "v2 Prospects", one_prospect)
    found.sources = _ask(found, "v1 GetProspectSources", lambda: client.prospect_sources(a, p)) or []
    found.lost_reasons = _ask(found, "v1 GetLostProspectReasons", lambda: client.lost_reasons(a)) or []
    found.employees = _ask(found, "v1 GetEmployees", lambda: client.employees(a, p)) or []
    _ask(found, "v1 SearchProspects", lambda: client.search_by_email(a, p, "nobody@example.com"))
    found.leasing = (
        _ask(found, "v2 Employees", lambda: client.employees_v2(a), spare="who leases is then guessed") or []
    )
    _doubt_credentials(found)
    return found


def _ask(
    found: Survey, endpoint: str, ask: Callable[[], T], what: str = "found", spare: str | None = None
) -> T | None:
    """Asks one endpoint and notes how it answered. `spare`: what it means to be without it; then that it is
    not granted is no fault."""
    question = f"Account {found.account_id}: {endpoint}"
    if found.silent is not None:
        found.findings.append(finding(question, False, "not asked, since ResMan does not answer"))
        return None
    try:
        answer = ask()
    except ResManError as error:
        without = spare is not None and isinstance(error, NotEntitled)
        found.findings.append(finding(question, without, explain(error) + (f"; {spare}" if without else "")))
        if error.scope is Scope.SERVICE:
            found.silent = error
        return None
    count = len(answer) if isinstance(answer, list) else answer
    found.findings.append(finding(question, True, f"{count} {what}"))
    return answer


def explain(error: ResManError) -> str:
    """An error with what to do about it. A 401 means either of two things, which call for two people."""
    if isinstance(error, NotEntitled):
        return (
            f"{error.kind}: the credentials are right, but ResMan has not granted this endpoint: "
            f"ask {WHOM_TO_ASK} to enable it for this partner and account"
        )
    if isinstance(error, BadCredentials):
        return f"{error.kind}: {error} Correct RESMAN_PARTNER_ID and RESMAN_API_KEY."
    return f"{error.kind}: {error}"


def _doubt_credentials(found: Survey) -> None:
    """ResMan may word a 401 for a missing grant like one for a wrong key. Where other endpoints took the
    same credentials, they are not what is wrong."""
    answered = any(f["ok"] and f["question"].startswith("Account ") for f in found.findings)
    for one in found.findings:
        if answered and one["answer"].startswith(BadCredentials.kind):
            one["answer"] += f" Other endpoints take them, though: ask {WHOM_TO_ASK} to enable this one."


def finding(question: str, ok: bool, answer: str) -> dict[str, Any]:
    return {"question": question, "ok": ok, "answer": answer}
