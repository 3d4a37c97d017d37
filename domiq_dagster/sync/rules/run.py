"""Running the rules: each logged change of a connected property once, whatever crashes in between.

A batch is one transaction: what the rules did and the marks that they have looked are stored together or not
at all. Several workers at once share the work; the changes of one conversation are looked at in order.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import DBAPIError, OperationalError

from domiq_dagster.sync.notifications.templates import Templates
from domiq_dagster.sync.rules.carry import Carried, Carrier
from domiq_dagster.sync.rules.compile import RuleBook, compile_rules, same_rows
from domiq_dagster.sync.rules.fields import Catalogue, Facts
from domiq_dagster.sync.rules.judge import Chain, Outcome, Verdict, answers, judge
from domiq_dagster.sync.rules.store import (
    QUERIES,
    Place,
    gather_facts,
    load_catalogue,
    load_meanings,
    load_places,
    load_rule_rows,
)

logger = logging.getLogger(__name__)
_CONVERSATIONS = 200
_CHANGES = 500
COUNTS = ("changes", "moves", "notifications", "follow_ups", "tasks", "score_changes")
OUTCOMES = tuple(outcome.value for outcome in Outcome)


@dataclass(slots=True)
class RulesRun:
    """What one run did."""

    by_property: dict[str, Counter[str]] = field(default_factory=dict)
    """The counts named in COUNTS, and how rules ended, as in OUTCOMES, by partition key."""
    waiting: list[str] = field(default_factory=list)
    """A sentence for each property whose changes wait."""
    left: int = 0
    """Conversations that somebody else was changing, or that the database refused: the next run's."""
    in_time: bool = True

    def total(self, name: str) -> int:
        """The sum of a count over the properties."""
        return sum(counts[name] for counts in self.by_property.values())


@dataclass(slots=True)
class _Turn:
    """A property's work in this run."""

    place: Place
    catalogue: Catalogue
    templates: Templates
    counts: Counter[str]
    book: RuleBook | None = None
    rows: str = ""
    size: int = _CONVERSATIONS
    careful: bool = False
    """Whether the next batch guards each rule by itself, since the last one ended in an error."""
    claimed: list[UUID] = field(default_factory=list)
    left: set[UUID] = field(default_factory=set)


def run_rules(
    engine: Engine,
    *,
    property_ids: Iterable[UUID] | None = None,
    templates: Templates | None = None,
    seconds: float = 60.0,
    now: Callable[[], float] = time.monotonic,
) -> RulesRun:
    """Looks at every change that the rules have not looked at, the moves that they make included; of some
    properties, if given. Properties take turns. After `seconds` no further batch is begun. An error that is
    not one rule's ends the work at its property, and is raised when the others are done."""
    run = RulesRun()
    end = now() + seconds
    with engine.connect() as connection:
        places = load_places(connection, property_ids, due=True)
        catalogue = load_catalogue(connection)
    templates = templates or Templates()
    turns = [
        _Turn(p, catalogue, templates, run.by_property.setdefault(p.partition_key, Counter())) for p in places
    ]
    errors: list[Exception] = []
    while turns:
        for turn in list(turns):
            if now() >= end:
                run.in_time = False
                turns.clear()
                break
            try:
                more = _take_turn(engine, turn, run)
            except Exception as error:
                logger.error("rules of %s ended in an error", turn.place.partition_key)
                errors.append(error)
                more = False
            if not more:
                turns.remove(turn)
                run.left += len(turn.left)
    for key, counts in run.by_property.items():
        if counts:
            logger.info("rules of %s: %s", key, {str(name): n for name, n in counts.items()})
    if errors:
        raise errors[0]
    return run


def _take_turn(engine: Engine, turn: _Turn, run: RulesRun) -> bool:
    """One batch; whether there may be another. One that ends in an error is done again with care. Where the
    database refuses it even so for a reason that may pass, its conversations are taken one by one, and the
    one that it refuses is left for the next run."""
    try:
        with engine.begin() as connection:
            counts = _batch(connection, turn, run)
        turn.careful = False
        turn.counts.update(counts or {})
        return counts is not None
    except Exception as error:
        passing = isinstance(error, OperationalError)
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or not turn.claimed or (turn.careful and not passing):
            raise
        if not turn.careful:
            turn.careful = True
        elif turn.size > 1:
            turn.size = 1
        else:
            logger.warning("rules of %s: a conversation is left for the next run", turn.place.partition_key)
            turn.left.update(turn.claimed)
            turn.size = _CONVERSATIONS
        return True


def _batch(connection: Connection, turn: _Turn, run: RulesRun) -> Counter[str] | None:
    """What a batch counted; None where there was nothing left to look at."""
    turn.claimed = []
    place, book = turn.place, _rule_book(connection, turn)
    if book.needs.zone and place.zone is None:
        run.waiting.append(f"{place.zone_problem}; until then its changes wait for the rules")
        return None
    asked = {"property_id": place.property_id, "connected_at": place.connected_at}
    turn.claimed = list(
        connection.scalars(QUERIES.claim, {**asked, "left": list(turn.left), "most": turn.size})
    )
    if not turn.claimed:
        return None
    changes: Sequence[Row[Any]] = connection.execute(
        QUERIES.changes, {**asked, "conversations": turn.claimed, "most": _CHANGES}
    ).all()
    # A rule's move lands on a change that is yet to come, so whatever follows one of these is in order.
    triggering = [c for c in changes if c.new_status in book.by_trigger]
    facts = (
        gather_facts(connection, turn.catalogue, book.needs, place, triggering, lock=True)
        if triggering
        else {}
    )
    busy = {c.conversation_id for c in triggering if c.change_id not in facts}
    turn.left |= busy
    batch = _Batch(connection, place, book, facts, turn.templates, careful=turn.careful)
    batch.look_up_chains(changes)
    for change in changes:
        if change.conversation_id not in busy:
            batch.look_at(change)
    batch.store()
    return batch.counts


def _rule_book(connection: Connection, turn: _Turn) -> RuleBook:
    """The property's rules, understood anew only where they have changed since the last batch."""
    rows = load_rule_rows(connection, turn.place.property_id)
    fingerprint = same_rows(rows)
    if turn.book is None or turn.rows != fingerprint:
        meanings = load_meanings(connection, turn.place.property_id)
        turn.book, turn.rows = compile_rules(rows, turn.catalogue, meanings), fingerprint
    return turn.book


class _Batch:
    """Some changes of one property, looked at in order, and what is to be stored of that."""

    def __init__(
        self,
        connection: Connection,
        place: Place,
        book: RuleBook,
        facts: dict[UUID, Facts],
        templates: Templates,
        *,
        careful: bool,
    ) -> None:
        self._carrier = Carrier(connection, place, book, templates, careful=careful)
        self._connection, self._place, self._book, self._facts = connection, place, book, facts
        self.counts: Counter[str] = Counter()
        self._ran: dict[UUID, frozenset[UUID]] = {}
        self._marks: list[tuple[UUID, UUID | None, int]] = []
        self._runs: list[tuple[UUID, UUID, str, str, str]] = []
        self._not_held: list[dict[str, Any]] = []

    def look_up_chains(self, changes: Sequence[Row[Any]]) -> None:
        """The rules that ran before in the chains that these changes go on."""
        causes = {cause for c in changes if (cause := _cause(c)[0])}
        if causes:
            found: dict[UUID, set[UUID]] = {}
            rows = self._connection.execute(QUERIES.ran_in_chains, {"ids": list(causes)})
            for row in rows:
                found.setdefault(row.of_change, set()).add(row.rule_id)
            self._ran = {change: frozenset(rules) for change, rules in found.items()}

    def look_at(self, change: Row[Any]) -> None:
        """Runs the rules that a change triggers."""
        cause, depth = _cause(change)
        before = self._ran.get(cause, frozenset()) if cause else frozenset()
        ran: list[UUID] = []
        facts = self._facts.get(change.change_id)
        if facts is not None:
            not_held: list[Verdict] = []
            for verdict in judge(self._book, facts, Chain(before, depth)):
                if verdict.outcome is Outcome.NOT_HELD:
                    not_held.append(verdict)
                    continue
                ended = self._end(verdict, change, facts, depth)
                if ended.outcome is Outcome.RAN:
                    ran.append(verdict.rule.id)
                self._count(ended)
                self._runs.append(
                    (
                        change.change_id,
                        verdict.rule.id,
                        ended.outcome,
                        ended.why,
                        json.dumps(ended.done, default=float),
                    )
                )
            if not_held:
                self.counts[Outcome.NOT_HELD] += len(not_held)
                self._not_held.append(_not_held(change.change_id, not_held))
        self._ran[change.change_id] = before.union(ran)
        self._marks.append((change.change_id, cause, depth))
        self.counts["changes"] += 1

    def _end(self, verdict: Verdict, change: Row[Any], facts: Facts, depth: int) -> Carried:
        if verdict.outcome is not None:
            return Carried(verdict.outcome, verdict.why, {})
        return self._carrier.carry_out(verdict.rule, change, facts, depth)

    def _count(self, ended: Carried) -> None:
        self.counts[ended.outcome] += 1
        self.counts["moves"] += "moved" in ended.done
        self.counts["score_changes"] += "lead_score" in ended.done
        for name in ("notifications", "follow_ups", "tasks"):
            self.counts[name] += ended.done.get(name, 0)

    def store(self) -> None:
        """Puts what the rules did, the record of it and the marks into the transaction."""
        self._carrier.write()
        if self._runs:
            names = ("changes", "rules", "outcomes", "whys", "dones")
            columns = dict(zip(names, map(list, zip(*self._runs, strict=True)), strict=True))
            self._connection.execute(QUERIES.record_runs, {**columns, "property_id": self._place.property_id})
        if self._not_held:
            self._connection.execute(QUERIES.record_not_held, self._not_held)
        if self._marks:
            ids, causes, depths = zip(*self._marks, strict=True)
            self._connection.execute(
                QUERIES.mark_ruled,
                {"ids": list(ids), "causes": list(causes), "depths": list(depths)},
            )


def _not_held(change_id: UUID, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The record of the rules that did not hold for a change, each reason once. Arrays of ids and numbers are
    written as PostgreSQL reads them: adapting them one by one took longer than asking the rules."""
    places: dict[str, int] = {}
    which = [places.setdefault(v.why, len(places) + 1) for v in verdicts]
    return {
        "change_id": change_id,
        "rule_ids": "{" + ",".join([v.rule.key for v in verdicts]) + "}",
        "which": "{" + ",".join(map(str, which)) + "}",
        "whys": list(places),
    }


def _cause(change: Row[Any]) -> tuple[UUID | None, int]:
    """The change that this one follows in a chain, and its depth. A move that a rule made follows the change
    that triggered the rule. What answers such a move (ResMan's next word, or whoever puts the lead back) goes
    on with its chain, so that a rule does not fight the other side for ever."""
    if change.caused_by is not None:
        return change.caused_by, change.chain_depth
    if change.before_rule_id is not None and answers(
        change.sync_direction, change.new_status, change.before_old_status
    ):
        return change.before_id, change.before_depth + 1
    return None, 0
