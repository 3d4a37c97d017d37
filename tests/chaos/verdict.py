"""The verdict: DomIQ's log on one side, ResMan's events on the other, and what must be true of the two.

What ResMan should show is worked out here anew from the log, by the rules in docs, not by the engine's own
planning: a mistake there must not hide itself.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.sync.delivery.planning import marker
from domiq_dagster.sync.monitoring.figures import conservation_problems
from tests.chaos.timeline import Timeline
from tests.chaos.world import Lead

_MARK = re.compile(r"\[DQ-[0-9a-f]{12}[a-z]?\]")
_TOLD_BY_FIRST_CONTACT = frozenset({"new", "contacted", "engaged", "follow_up_needed"})
_DONE = frozenset({"sent", "confirmed_by_read"})
_CHANGES = """
SELECT g.id, g.conversation_id, g.new_status, g.sync_direction, g.sync_status, g.status_reason,
       g.context_data #>> '{sync,outcome}' AS outcome
FROM domiq_sync.change c JOIN public.status_sync_log g ON g.id = c.change_id ORDER BY c.seq
"""
_HELD = """
SELECT 'delivery in flight: change ' || change_id AS what FROM domiq_sync.delivery WHERE state = 'in_flight'
UNION ALL
SELECT 'advisory lock of session ' || pid FROM pg_locks
WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT concat_ws(' ', 'session', pid, application_name, state, xact_start) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_TRIED = """
SELECT count(*) FILTER (WHERE a.detail ->> 'disposition' = 'unknown') AS unknown_outcomes,
       count(*) FILTER (WHERE (a.action = 'read' OR a.action LIKE 'search%') AND EXISTS (
           SELECT FROM domiq_sync.attempt b WHERE b.change_id = a.change_id AND b.id < a.id
             AND b.lease_token < a.lease_token AND b.detail ->> 'disposition' = 'unknown')) AS probes,
       count(DISTINCT a.change_id) FILTER (WHERE a.action = 'probe' AND a.outcome = 'found')
           AS confirmed_by_read,
       count(DISTINCT a.worker) AS pushes
FROM domiq_sync.attempt a
"""


@dataclass(slots=True)
class Verdict:
    """What was found, as sentences by kind; `concerned` are the changes to look at."""

    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    concerned: list[UUID] = field(default_factory=list)
    changes: int = 0
    conversations: int = 0
    checksum_mismatches: int = 0

    def add(self, kind: str, sentence: str, *changes: UUID) -> None:
        self.problems[kind].append(sentence)
        self.concerned += changes

    def count(self, kind: str) -> int:
        return len(self.problems[kind])


def roll(marks: Iterable[str]) -> str:
    """The rolling checksum of a conversation: each mark is hashed onto all before it, so that one lost,
    repeated or out of its place changes everything after."""
    running = b""
    for mark in marks:
        running = hashlib.sha256(running + mark.encode()).digest()
    return running.hex()


def verify(
    connection: Connection,
    prospects: Sequence[dict[str, Any]],
    leads: Sequence[Lead],
    acknowledged: Iterable[tuple[UUID, str]],
) -> Verdict:
    """Everything that can be said once all is quiet and before the workers have ended."""
    verdict = Verdict()
    rows = connection.execute(text(_CHANGES)).all()
    verdict.changes = len(rows)
    _verify_log(verdict, rows, acknowledged)
    for problem in conservation_problems(connection):
        verdict.add("lost", f"conservation: {problem}", problem["change_id"])
    by_conversation: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        by_conversation[row.conversation_id].append(row)
    verdict.conversations = len(by_conversation)
    kinds = {lead.conversation_id: lead.kind for lead in leads}
    shown = _shown(prospects, rows)
    _verify_repeats(verdict, shown, rows)
    for conversation_id, changes in by_conversation.items():
        there = [mark for mark, _ in shown[conversation_id]]
        if kinds[conversation_id] == "twin":
            expected, there = _of_twin(changes, there)
            final = None
        else:
            expected, final = _expected(changes, linked=kinds[conversation_id] == "linked")
        _verify_conversation(verdict, conversation_id, changes, expected, there)
        found = {prospect["prospectId"]: prospect["status"] for _, prospect in shown[conversation_id]}
        if len(found) > 1:
            verdict.add("doubled", f"conversation {conversation_id} has {len(found)} leads", changes[0].id)
        elif final is not None and set(found.values()) != {final}:
            verdict.add(
                "diverged", f"conversation {conversation_id}: {found}, expected {final}", changes[-1].id
            )
    _verify_persons(verdict, prospects)
    return verdict


def leaks(connection: Connection, open_connections: int) -> list[str]:
    """What is still held, once every worker has ended."""
    found = [row.what for row in connection.execute(text(_HELD))]
    return found + ["a connection through a proxy"] * open_connections


def tried(connection: Connection) -> dict[str, int]:
    """What the attempts on record tell."""
    return dict(connection.execute(text(_TRIED)).one()._mapping)


def faults_met(requests: Sequence[dict[str, Any]]) -> Counter[str]:
    """The stand-in's faults that struck a request, by kind."""
    met: Counter[str] = Counter()
    for request in requests:
        if request["fault"] is None:
            continue
        kind = str(request["status"]) if request["fault"] == "status" else request["fault"]
        if request["fault"] in ("status", "html", "hang") and request["outcome"] != "Unprocessed":
            kind += "_after"
        met[kind] += 1
    return met


def overlaps(requests: Sequence[dict[str, Any]], timeline: Timeline) -> Counter[str]:
    """Requests during which ResMan got another one of the same account, by what had happened since shortly
    before the first began and until the second came."""
    found: Counter[str] = Counter()
    under_way: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for request in sorted(requests, key=lambda r: r["startedAt"]):
        account = request["accountId"]
        began = _seconds(request["startedAt"])
        ended = _seconds(request["finishedAt"]) if request["finishedAt"] else float("inf")
        for other_began, other_ended in under_way[account]:
            if other_ended > began:
                found[" + ".join(timeline.between(other_began - 0.5, began + 0.1)) or "nothing"] += 1
        under_way[account] = [(began, ended)]  # of several that follow, the first tells why
    return found


def _verify_log(verdict: Verdict, rows: Sequence[Any], acknowledged: Iterable[tuple[UUID, str]]) -> None:
    for row in rows:
        if row.sync_status != "success":
            verdict.add("lost", f"change {row.id} is {row.sync_status} ({row.outcome})", row.id)
        if row.sync_direction != "to_resman" or row.status_reason is not None:
            # ResMan's staff did nothing, and capture was never off.
            verdict.add("invented", f"change {row.id}: {row.sync_direction}, {row.status_reason}", row.id)
    logged = Counter((row.conversation_id, row.new_status) for row in rows)
    for (conversation_id, status), missing in (Counter(acknowledged) - logged).items():
        verdict.add("lost", f"{missing} committed to '{status}' of {conversation_id} are not in the log")


def _shown(prospects: Sequence[dict[str, Any]], rows: Sequence[Any]) -> dict[UUID, list[tuple[str, Any]]]:
    """By conversation, the marks that ResMan shows, in the order in which they were posted."""
    owners = {marker(row.id)[:-1]: row.conversation_id for row in rows}
    assert len(owners) == len(rows), "two changes share a marker"
    events = sorted(
        ((event, prospect) for prospect in prospects for event in prospect["events"]),
        key=lambda pair: pair[0]["postedAt"],
    )
    shown: dict[UUID, list[tuple[str, Any]]] = defaultdict(list)
    for event, prospect in events:
        for mark in _MARK.findall(event["comments"] or ""):
            shown[owners[mark[:16]]].append((mark, prospect))
    return shown


def _verify_repeats(verdict: Verdict, shown: dict[UUID, list[tuple[str, Any]]], rows: Sequence[Any]) -> None:
    changes = {marker(row.id)[:-1]: row.id for row in rows}
    seen = Counter(mark for marks in shown.values() for mark, _ in marks)
    for mark, times in seen.items():
        if times > 1:
            verdict.add("doubled", f"{mark} stands at ResMan {times} times", changes[mark[:16]])


def _expected(changes: Sequence[Any], *, linked: bool) -> tuple[list[str], str]:
    """The marks that ResMan should show, and the lead's status in the end, from the log alone."""
    status = "Prospect" if linked else None
    marks: list[str] = []
    for change in changes:
        lost = change.new_status == "lost"
        if status == "Lost" and lost:
            continue
        if status != "Prospect":
            marks.append(marker(change.id, "c" if status is None else "r"))
        if status == "Prospect" or change.new_status not in _TOLD_BY_FIRST_CONTACT:
            marks.append(marker(change.id))
        status = "Lost" if lost else "Prospect"
    assert status is not None
    return marks, status


def _of_twin(changes: Sequence[Any], there: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which of two conversations speaks for their lead depends on who came first. What was sent must have
    come in its order, and nothing else but posts of a change that the other conversation then beat."""
    expected = [marker(change.id) for change in changes if change.outcome in _DONE]
    beaten = {marker(change.id) for change in changes if change.outcome == "superseded"}
    bare = [mark for mark in (f"{mark[:16]}]" for mark in there) if mark not in beaten]
    return expected, [mark for n, mark in enumerate(bare) if n == 0 or mark != bare[n - 1]]


def _verify_conversation(
    verdict: Verdict, conversation_id: UUID, changes: Sequence[Any], expected: list[str], there: list[str]
) -> None:
    if roll(expected) == roll(there):
        return
    verdict.checksum_mismatches += 1
    ids = {marker(change.id)[:-1]: change.id for change in changes}
    for mark in expected:
        if mark not in there:
            verdict.add("lost", f"{mark} of conversation {conversation_id} is not at ResMan", ids[mark[:16]])
    for mark in dict.fromkeys(there):
        if mark not in expected:
            verdict.add("doubled", f"{mark} of {conversation_id} is at ResMan and should not", ids[mark[:16]])
    common = [mark for mark in expected if mark in there]
    if common != [mark for mark in dict.fromkeys(there) if mark in expected]:
        verdict.add("out_of_order", f"{conversation_id}: {there}, expected {expected}", changes[0].id)


def _verify_persons(verdict: Verdict, prospects: Sequence[dict[str, Any]]) -> None:
    persons = Counter(
        (prospect["propertyId"], person["email"]) for prospect in prospects for person in prospect["people"]
    )
    for (property_id, email), times in persons.items():
        if times > 1:
            verdict.add("doubled", f"{email} is {times} prospects at {property_id}")


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
