"""A look at how things stand, and what people are told of it.

State and messages are one transaction, under a lock that one look at a time holds: whatever crashes, each
turn of a spell is told once. Sending comes after it (alert_sending.py), and is tried until it is done.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.alerts.causes import SHARED, Case, Subject, cases
from domiq_dagster.sync.alerts.dispatch import AlertNotice, post
from domiq_dagster.sync.alerts.incidents import Phase, Spell, Turn, step
from domiq_dagster.sync.alerts.readings import (
    ALL_KINDS,
    Kind,
    Reading,
    Readings,
    database_time,
    note_look,
    read_all,
)
from domiq_dagster.sync.alerts.texts import Said, tell
from domiq_dagster.sync.alerts.thresholds import Threshold, Thresholds, load_thresholds

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "alerts.sql")


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that people are told."""

    subject: Subject
    turn: Turn
    said: Said
    properties: Sequence[str]
    """Partition keys of the properties that it is about."""


@dataclass(slots=True)
class Looked:
    """What one look saw, and what people are told of it."""

    seen: Readings
    told: list[Told] = field(default_factory=list)

    def bad(self, kind: Kind) -> list[Reading]:
        """The properties that are past their threshold."""
        return [r for r in self.seen.readings if r.kind is kind and r.bad]

    def turns(self, *turns: Turn) -> list[Told]:
        return [t for t in self.told if t.turn in turns]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A spell as the table has it."""

    id: UUID
    spell: Spell
    turns: int
    figures: Mapping[str, Any]


def look(
    engine: Engine,
    base: Threshold | None = None,
    *,
    now: datetime | None = None,
    kinds: Collection[Kind] = ALL_KINDS,
) -> Looked:
    """Looks once, and stores what came of it together with the messages.

    Args:
        base: what counts where the table of thresholds says nothing; as shipped, if not given.
        now: the time of the look (aware); the database's clock, if not given.
        kinds: what is looked at. Only a look at everything counts as looking after the sync.
    """
    with engine.begin() as connection:
        connection.execute(QUERIES.lock)
        thresholds = load_thresholds(connection, base)
        now = now or database_time(connection)
        seen = read_all(connection, thresholds, now, kinds)
        if set(kinds) == ALL_KINDS:
            seen = Readings(now, seen.places, seen.readings, note_look(connection, now))
        kept = _load(connection, thresholds, now)
        looked = Looked(seen)
        found = cases(seen, {s: k.spell for s, k in kept.items()}, thresholds, kinds)
        for case in found:
            _take(connection, case, kept.get(case.subject), looked)
        _retire(connection, kept, {c.subject for c in found}, seen, kinds)
    for told in looked.told:
        logger.warning("alert %s: %s", told.turn, told.said.body)
    return looked


def _load(connection: Connection, thresholds: Thresholds, now: datetime) -> dict[Subject, _Kept]:
    longest = max(thresholds.of(p).reopen_minutes for p in (None, *thresholds.own))
    rows = connection.execute(QUERIES.spells, {"closed_since": now - timedelta(minutes=longest)})
    return {
        Subject(r.property_id, r.kind): _Kept(
            r.id,
            Spell(
                Phase(r.phase),
                r.opened_at,
                r.suspected_at,
                r.told_at,
                r.good_since,
                r.closed_at,
                r.reopened,
                frozenset(r.scope),
            ),
            r.turns,
            r.figures,
        )
        for r in rows
    }


def _take(connection: Connection, case: Case, kept: _Kept | None, looked: Looked) -> None:
    """One step of one spell: its row, its place in the history, its messages."""
    before = kept.spell if kept else None
    spell, turn = step(before, case.look, case.rules)
    if spell is None:
        if kept:
            connection.execute(QUERIES.forget, {"id": kept.id})
        return
    # A spell that begins anew gets a row of its own; one that goes on keeps its row.
    goes_on = kept if kept and spell.opened_at == kept.spell.opened_at else None
    figures = _figures(case, turn, goes_on)
    if spell == before and turn is None and goes_on and figures == goes_on.figures:
        return
    turns = (goes_on.turns if goes_on else 0) + (turn is not None)
    alert_id = _store(connection, case.subject, spell, turns, figures, goes_on)
    if turn is not None:
        said = tell(case, turn, spell, figures)
        _record(connection, alert_id, turns, turn, case.look.at, said)
        _post(connection, case, alert_id, turns, said, figures)
        keys = figures.get("properties") or [p.partition_key for p in case.places]
        looked.told.append(Told(case.subject, turn, said, keys))


def _figures(case: Case, turn: Turn | None, kept: _Kept | None) -> dict[str, Any]:
    """As people were last told that it is bad. Of a cause also every property and account that it has touched
    in this spell, since they are told when it is over."""
    if case.subject.property_id is not None:
        news = kept is None or turn not in (None, Turn.RECOVERED)
        return case.figures() if news else dict(kept.figures if kept else {})
    figures = case.figures()
    if kept is not None:
        for name in ("properties", "property_ids"):
            before = kept.figures.get(name) or []
            figures[name] = [*before, *(v for v in figures[name] if v not in before)]
        figures["accounts"] = {**(kept.figures.get("accounts") or {}), **figures["accounts"]}
        figures["unwatched_since"] = figures["unwatched_since"] or kept.figures.get("unwatched_since")
    return figures


def _store(
    connection: Connection,
    subject: Subject,
    spell: Spell,
    turns: int,
    figures: Mapping[str, Any],
    kept: _Kept | None,
) -> UUID:
    values = {
        "figures": json.dumps(figures),
        "phase": spell.phase.value,
        "opened_at": spell.opened_at,
        "suspected_at": spell.suspected_at,
        "told_at": spell.told_at,
        "good_since": spell.good_since,
        "closed_at": spell.closed_at,
        "reopened": spell.reopened,
        "turns": turns,
        "scope": sorted(spell.scope),
    }
    if kept is not None:
        connection.execute(QUERIES.go_on, {**values, "id": kept.id})
        return kept.id
    subject_values = {"property_id": subject.property_id, "kind": subject.kind}
    found: UUID = connection.execute(QUERIES.begin, {**values, **subject_values}).scalar_one()
    return found


def _record(connection: Connection, alert_id: UUID, n: int, turn: str, at: datetime, said: Said) -> None:
    connection.execute(
        QUERIES.record_turn,
        {
            "alert_id": alert_id,
            "n": n,
            "turn": turn,
            "said_at": at,
            "subject": said.subject,
            "body": said.body,
        },
    )


def _post(
    connection: Connection, case: Case, alert_id: UUID, n: int, said: Said, figures: Mapping[str, Any]
) -> None:
    touched = figures.get("property_ids") or [p.property_id for p in case.places]
    post(
        connection,
        AlertNotice(
            alert_id=alert_id,
            n=n,
            property_id=case.subject.property_id,
            touched=[UUID(str(p)) for p in touched],
            said=said,
        ),
    )


def _retire(
    connection: Connection,
    kept: Mapping[Subject, _Kept],
    judged: Collection[Subject],
    seen: Readings,
    kinds: Collection[Kind],
) -> None:
    """Ends the spells of properties that are not looked after any more (disconnected, or switched off), which
    is no recovery, so nobody is told."""
    watched = {p.property_id for p in seen.places}
    for subject, row in kept.items():
        gone = subject.property_id is not None and subject.property_id not in watched
        if row.spell.phase is Phase.CLOSED or subject in judged or not gone:
            continue
        said = Said("No longer looked after", "The property was disconnected, or its sync switched off.")
        spell = Spell(
            Phase.CLOSED,
            row.spell.opened_at,
            row.spell.suspected_at,
            row.spell.told_at,
            closed_at=seen.at,
            reopened=row.spell.reopened,
            scope=row.spell.scope,
        )
        _store(connection, subject, spell, row.turns + 1, row.figures, row)
        _record(connection, row.id, row.turns + 1, "retired", seen.at, said)


def list_alerts(
    connection: Connection, *, since: datetime, property_id: UUID | None = None, most: int = 200
) -> list[dict[str, Any]]:
    """Spells that go on or were open since then, as plain values, each with its history; with a property, its
    own and those of causes that touch it."""
    rows = connection.execute(
        QUERIES.listed, {"since": since, "property_id": property_id, "most": most}
    ).all()
    history: dict[UUID, list[dict[str, Any]]] = {r.id: [] for r in rows}
    for turn in connection.execute(QUERIES.turns, {"ids": list(history)}):
        history[turn.alert_id].append(
            {"turn": turn.turn, "at": turn.said_at, "subject": turn.subject, "body": turn.body}
        )
    return [_listed(r._mapping, history[r.id]) for r in rows]


def _listed(row: Mapping[Any, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
    keys = row["figures"].get("properties") if row["property_id"] is None else [row["partition_key"]]
    return {
        "alert": row["id"],
        "property": row["partition_key"],
        "property_name": row["property_name"],
        "kind": row["kind"].removeprefix(SHARED).partition(":")[0],
        "cause": row["kind"] if row["property_id"] is None else None,
        "properties": [k for k in keys or [] if k],
        "open": row["phase"] == Phase.OPEN,
        "opened_at": row["opened_at"],
        "told_at": row["told_at"],
        "looks_good_since": row["good_since"],
        "closed_at": row["closed_at"],
        "reopened": row["reopened"],
        "notices": row["turns"],
        "unsent_messages": row["unsent"],
        "figures": row["figures"],
        "last_word": row["last_body"],
        "history": history,
    }


def in_alert(connection: Connection) -> dict[str, list[str]]:
    """What is wrong with each property that is in an open alert, its own or a cause's, by partition key."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(QUERIES.open_now):
        found.setdefault(row.partition_key, []).append(row.kind)
    return found
