"""Taking up records in trouble at once, rather than at the next pass: what can be done without asking
ResMan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine

from domiq_dagster.sync import grants, trouble
from domiq_dagster.sync.decisions.apply import apply_property
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.notifications.notify import notify_changes
from domiq_dagster.sync.notifications.templates import Templates
from domiq_dagster.sync.operator_actions import Deciding, record
from domiq_dagster.sync.queue import lanes, queue
from domiq_dagster.sync.repair.reconcile import reconcile
from domiq_dagster.sync.rules import run_rules
from domiq_dagster.sync.trouble import Trouble, records_in_trouble

_AT_THE_NEXT_PASS = frozenset({trouble.PROSPECT, trouble.PROPERTY, trouble.GRANT, trouble.DELIVERY})
"""Kinds for which ResMan has to be asked, or the whole of a property looked at."""
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class TakenUp:
    """What became of the records of one kind at one property.

    Attributes:
        records: how many were in trouble.
        left: how many of them still are.
        waits: whether the next pass takes them up, since it cannot be done without ResMan.
        problem: why nothing could be done about records of this kind, if so.
    """

    partition_key: str
    kind: str
    records: int
    left: int
    waits: bool
    problem: str | None = None

    @property
    def then(self) -> str:
        """What becomes of those that are left."""
        return trouble.REMEDIES[self.kind]


def take_up(
    engine: Engine,
    property_ids: Sequence[UUID] | None = None,
    *,
    templates: Templates | None = None,
    by: str | None = None,
    why: str | None = None,
    dry_run: bool = False,
) -> list[TakenUp]:
    """Deals again with what is in trouble: leads are applied, statuses logged, changes ruled and told.
    Prospects come first in their turn at the next pull, what ResMan has not granted is asked again, and
    changes go with the next push.

    Args:
        property_ids: what is in trouble there; everywhere, if not given.
        templates: the words of notices; the shipped ones, if not given.
        by: who asks for it, for the record; and why.
        dry_run: it is only counted.

    Returns:
        What became of it, by property and kind. What could not be dealt with as a whole is left as it was.

    Raises:
        Exception: the database is gone.
    """
    before = _read(engine, property_ids)
    faults = trouble.Faults("records in trouble ({}) could not be taken up")
    if before and not dry_run:
        with engine.begin() as connection:
            one = property_ids[0] if property_ids is not None and len(property_ids) == 1 else None
            record(
                connection,
                Deciding.RETRY,
                by,
                why,
                property_id=one,
                details={"records_in_trouble": len(before)},
            )
        for kind in sorted({record.kind for record in before}):
            with faults.of(kind):
                _deal_with(engine, kind, [r for r in before if r.kind == kind], templates)
    after = {_key(record) for record in (before if dry_run else _read(engine, property_ids))}
    counts = Counter((r.partition_key, r.kind) for r in before)
    left = Counter((r.partition_key, r.kind) for r in before if _key(r) in after)
    return [
        TakenUp(
            key,
            kind,
            counts[key, kind],
            left[key, kind],
            kind in _AT_THE_NEXT_PASS,
            faults.sentences.get(kind),
        )
        for key, kind in sorted(counts)
    ]


def _deal_with(engine: Engine, kind: str, records: Sequence[Trouble], templates: Templates | None) -> None:
    """Deals with the records of one kind. What cannot be done is noted again."""
    ids = sorted({record.property_id for record in records}, key=str)
    if kind == trouble.PROSPECT:
        with engine.begin() as connection:
            trouble.ask_first(connection, kind, ids)
    elif kind == trouble.GRANT:
        with engine.begin() as connection:
            lanes.wake_granted(connection, grants.ask_at_once(connection, ids))
    elif kind == trouble.DELIVERY:
        with engine.begin() as connection:
            queue.give_new_tries(connection, [UUID(record.key) for record in records])
    elif kind == trouble.LEAD:
        deciding = trouble.PropertyFaults(engine, "decisions")
        with engine.connect() as connection:
            connected = load_integrations(connection, property_ids=ids)
        for integration in connected:
            with deciding.of(integration.property_id, integration.partition_key):
                apply_property(engine, integration)
    elif kind in (trouble.UNLOGGED, trouble.UNADOPTED):
        reconcile(engine, property_ids=ids)
    elif kind == trouble.RULING:
        run_rules(engine, property_ids=ids, templates=templates)
    elif kind == trouble.TELLING:
        notify_changes(engine, templates)


def _read(engine: Engine, property_ids: Sequence[UUID] | None) -> list[Trouble]:
    with engine.connect() as connection:
        return records_in_trouble(connection, property_ids, most=_MOST)


def _key(record: Trouble) -> tuple[str, UUID, str]:
    return record.kind, record.property_id, record.key
