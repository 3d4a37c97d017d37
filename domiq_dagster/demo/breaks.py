"""What can be broken in the made-up world, each for real: at the stand-in, at the messenger, or in DomIQ, as
people would. And mending it, by what an operator has for it, on record."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import requests
from sqlalchemy import Engine, Row

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.demo import edits
from domiq_dagster.demo.messenger import NOTICE
from domiq_dagster.runtime.dev_home import CannotBreak, broken_now, note_broken, note_mended
from domiq_dagster.sync.accounts import list_accounts, open_account
from domiq_dagster.sync.decisions.conflict_store import open_conflicts
from domiq_dagster.sync.notifications import status as notices
from domiq_dagster.sync.queue.queue import bring_forward
from domiq_dagster.sync.repair.conflicts import NoSuchConflict, resolve
from domiq_dagster.sync.repair.reconcile import reconcile
from domiq_dagster.sync.repair.retry import Choice, put_back

QUERIES = load_queries(__package__, "breaks.sql")
REFUSAL: Final = "This property is closed for new events."
_RULE: Final = uuid.UUID("5eed0000-0000-4000-8000-000000000001")
_PREFERENCE: Final = uuid.UUID("5eed0000-0000-4000-8000-000000000002")
_MISSPELLED: Final = {"lead_scoer": {"gte": 70}}
_CORRECT: Final = {"lead_score": {"gte": 70}}
_ACTIONS: Final = [{"type": "create_task", "config": {"title": "Ask why this lead was lost"}}]
_REFUSED_CHANGES: Final = 12
_NEXT: Final = {"new": "contacted", "contacted": "qualified", "qualified": "lost"}
_PATIENCE: Final = 120.0
_LOOKS: Final = 0.3


@dataclass(frozen=True, slots=True)
class World:
    """The world of a `dev` that runs: DomIQ's database, the stand-in's URL, the state directory."""

    engine: Engine
    resman: str
    home: Path


def refuse(world: World) -> str:
    """ResMan refuses every event of one property, and a dozen of its leads are moved."""
    leads = _leads(world)
    _faults(world, {"kind": "refuse", "endpoint": "PostLeadManagement4_0", "description": REFUSAL}, leads[0])
    note_broken(world.home, "refuse", leads[0].partition_key)
    since, moved = _now(world), 0
    for lead in leads:
        status = lead.lead_status
        while moved < _REFUSED_CHANGES and status in _NEXT:
            status = _NEXT[status]
            _set(world, lead, status)
            moved += 1
    where = {"property_id": leads[0].property_id, "since": since}
    _until(world, "no change was refused", lambda: _scalar(world, "failed_since", **where) >= moved)
    return f"ResMan refuses the events of {leads[0].partition_key}: {moved} changes failed."


def outage(world: World) -> str:
    """ResMan answers 503 to everything, and three leads are moved, which wait."""
    leads = _leads(world)[:3]
    _faults(world, {"kind": "status", "status": 503})
    note_broken(world.home, "outage")
    for lead in leads:
        _set(world, lead, _NEXT[lead.lead_status])
    _until(world, "no pull failed", lambda: _scalar(world, "properties_failing") > 0)
    return f"ResMan answers 503 to everything; {len(leads)} changes wait. None of them fails by it."


def conflict(world: World) -> str:
    """Staff lose a lead that the chatbot books a tour for, where a person decides conflicts."""
    lead = _leads(world, "manual_review")[0]
    state = _standin(world, "GET", f"prospects/{lead.prospect_id}")
    reasons = _standin(world, "GET", "state?requests=false")["lostReasons"][state["accountId"]]
    _standin(world, "POST", f"prospects/{lead.prospect_id}", status="Lost", lostReason=reasons[0]["name"])
    with world.engine.begin() as connection:
        tour = datetime.now() + timedelta(days=2)
        values = {"conversation_id": lead.conversation_id, "status": "tour_scheduled", "tour": tour}
        connection.execute(edits.QUERIES.set_tour_time, values)
    note_broken(world.home, "conflict", lead.partition_key)
    chosen = {"conversation_id": lead.conversation_id}
    _until(world, "there is no conflict", lambda: _scalar(world, "has_conflict", **chosen))
    return (
        f"Staff and chatbot moved one lead of {lead.partition_key} to different ends: a person must decide."
    )


def diverge(world: World) -> str:
    """A property is set to take from ResMan alone, and the chatbot goes on: nothing tells ResMan."""
    leads = _leads(world)
    lead = next((one for one in leads if _NEXT[one.lead_status] == "lost"), leads[0])
    note_broken(world.home, "diverge", lead.partition_key)
    _direct(world, lead.partition_key, "from_resman")
    _set(world, lead, "lost")
    return f"{lead.partition_key} takes from ResMan alone, and DomIQ lost a lead of its: the two disagree."


def rule(world: World) -> str:
    """Somebody writes a workflow rule with a misspelled field."""
    lead = _leads(world)[0]
    note_broken(world.home, "rule", lead.partition_key)
    values = {"id": _RULE, "property_id": lead.property_id, "actions": json.dumps(_ACTIONS)}
    with world.engine.begin() as connection:
        connection.execute(QUERIES.make_rule, {**values, "conditions": json.dumps(_MISSPELLED)})
    return f"A workflow rule of {lead.partition_key} asks for the field lead_scoer, which there is not."


def notice(world: World) -> str:
    """The messenger refuses what is sent to it, and somebody is to be told of a lead."""
    lead = _leads(world)[0]
    status, since = _NEXT[lead.lead_status], _now(world)
    note_broken(world.home, NOTICE, lead.partition_key)
    values = {"id": _PREFERENCE, "property_id": lead.property_id, "recipients": json.dumps(["#leasing"])}
    with world.engine.begin() as connection:
        connection.execute(QUERIES.make_preference, {**values, "status": status})
    _set(world, lead, status)
    _until(world, "no notice was refused", lambda: _scalar(world, "notices_undeliverable", since=since) > 0)
    return f"The messenger refuses its channel #leasing: nobody at {lead.partition_key} was told of a lead."


BREAKS: Final[Mapping[str, Callable[[World], str]]] = {
    "refuse": refuse,
    "outage": outage,
    "conflict": conflict,
    "diverge": diverge,
    "rule": rule,
    NOTICE: notice,
}


def mend(world: World, by: str) -> list[str]:
    """Puts right whatever was broken, and waits until everything has gone through. Done again it finds
    nothing to do.

    Args:
        by: who goes on record.

    Returns:
        What was done, one sentence each.

    Raises:
        CannotBreak: something does not settle.
    """
    broken = broken_now(world.home)
    _standin(world, "POST", "faults", faults=[])
    for one in broken:
        if one.name == "diverge":
            _direct(world, one.where, "both")
    note_mended(world.home)
    done = [f"No longer broken: {one.name}{f' at {one.where}' if one.where else ''}." for one in broken]
    done += _open_accounts(world, by)
    with world.engine.begin() as connection:
        if connection.execute(
            QUERIES.correct_rule, {"id": _RULE, "conditions": json.dumps(_CORRECT)}
        ).rowcount:
            done.append("The rule asks for lead_score now.")
    reconcile(world.engine)
    retried = put_back(world.engine, Choice(), by=by)
    if retried.total:
        done.append(f"{retried.total} failed changes were put back into the queue.")
    if told := notices.retry(world.engine, all_undeliverable=True, by=by):
        done.append(f"{told} notices are sent again.")
    decided = [_decide(world, one.conversation_id, by) for one in _open_conflicts(world)]
    if decided:
        done.append(f"{len(decided)} conflicts were decided for ResMan's status.")
    _until(world, "something is not settled", lambda: not any(_unsettled(world).values()))
    if doubts := _scalar(world, "in_doubt"):
        done.append(
            f"{doubts} changes are looked for at ResMan before they are sent again, since it may have taken "
            "them though it said 503: that takes up to 8 minutes, and colours no check."
        )
    return done


def _open_accounts(world: World, by: str) -> list[str]:
    """Ends the pause of each paused account."""
    opened = []
    with world.engine.begin() as connection:
        for account in list_accounts(connection):
            if open_account(connection, account.account_id, by=by) is not None:
                bring_forward(connection, account.account_id)
                opened.append(f"Account {account.account_id} is asked again at once.")
    return opened


def _open_conflicts(world: World) -> list[Any]:
    with world.engine.connect() as connection:
        return list(open_conflicts(connection))


def _decide(world: World, conversation_id: uuid.UUID, by: str) -> uuid.UUID:
    """Decides a conflict for ResMan's status, once nothing of it is on its way."""

    def decided() -> bool:
        if conversation_id not in {one.conversation_id for one in _open_conflicts(world)}:
            return True
        try:
            resolve(world.engine, conversation_id, "resman", by=by)
        except NoSuchConflict:
            return False  # one of its changes is on its way, or it has moved on
        return True

    _until(world, "a conflict cannot be decided", decided)
    return conversation_id


def _unsettled(world: World) -> dict[str, int]:
    with world.engine.connect() as connection:
        return dict(connection.execute(QUERIES.unsettled).mappings().one())


def _leads(world: World, policy: str = "resman_wins") -> list[Row[Any]]:
    """The leads of one property that can be moved: early ones about which both sides agree. The property is
    the one with most of them where conflicts are decided so.

    Raises:
        CannotBreak: there is none left.
    """
    with world.engine.connect() as connection:
        rows = connection.execute(edits.QUERIES.conversations).all()
    by_property: dict[str, list[Row[Any]]] = {}
    for row in rows:
        fits = row.is_current and row.resman_status == "Prospect" and row.lead_status in _NEXT
        if fits and row.conflict_policy == policy:
            by_property.setdefault(row.partition_key, []).append(row)
    if not by_property:
        raise CannotBreak(
            f"No lead is left that could be moved (under the policy {policy}): wait until the first pulls "
            "are done, or begin with a new world: end dev, delete its directory, and start it again."
        )
    return max(by_property.values(), key=len)


def _set(world: World, lead: Row[Any], status: str) -> None:
    with world.engine.begin() as connection:
        values = {"conversation_id": lead.conversation_id, "status": status}
        connection.execute(edits.QUERIES.set_status, values)


def _direct(world: World, partition_key: str, direction: str) -> None:
    with world.engine.begin() as connection:
        connection.execute(QUERIES.set_direction, {"partition_key": partition_key, "direction": direction})


def _faults(world: World, fault: Mapping[str, Any], lead: Row[Any] | None = None) -> None:
    """Adds a fault to those of the stand-in; of a lead's property alone, if one is given."""
    where = {} if lead is None else {"property_id": lead.resman_property_id}
    now = _standin(world, "GET", "state?requests=false")["faults"]
    kept = [{name: value for name, value in one.items() if name != "struck"} for one in now]
    wanted = {**fault, **where}
    kept = [one for one in kept if any(one.get(name) != value for name, value in wanted.items())]
    _standin(world, "POST", "faults", faults=[*kept, wanted])


def _standin(world: World, method: str, path: str, **data: Any) -> Any:
    with requests.Session() as http:
        http.trust_env = False
        answer = http.request(method, f"{world.resman}/_standin/{path}", json=data or None, timeout=60)
    answer.raise_for_status()
    return answer.json()


def _scalar(world: World, query: str, **values: Any) -> Any:
    with world.engine.connect() as connection:
        return connection.scalar(QUERIES[query], values)


def _now(world: World) -> datetime:
    """By the database's clock."""
    with world.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT clock_timestamp()").scalar()
    assert isinstance(found, datetime)
    return found.astimezone(UTC)


def _until(world: World, what: str, look: Callable[[], object]) -> None:
    """Waits until there is something to see."""
    deadline = time.monotonic() + _PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise CannotBreak(
                f"After {_PATIENCE:.0f} s {what}. `domiq-sync status` says how things stand; what the "
                f"programs say is in {world.home}."
            )
        time.sleep(_LOOKS)
