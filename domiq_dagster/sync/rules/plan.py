"""Plan before apply: what the rules, or new ones from a file, would have done over the last days of the log.
Nothing is written or sent: the whole of it reads in a read-only transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from domiq_dagster.sync.rules.changes import FactReader, first_unruled, logged_changes
from domiq_dagster.sync.rules.compile import Rule, RuleBook, RuleRow, compile_rules
from domiq_dagster.sync.rules.evaluate import RuleOutcome
from domiq_dagster.sync.rules.facts import Catalogue, Facts, LoggedChange
from domiq_dagster.sync.rules.loops import find_loops
from domiq_dagster.sync.rules.replay import ReplayedRule, RuleReplay
from domiq_dagster.sync.rules.rule_file import parse_rule_file
from domiq_dagster.sync.rules.store import (
    RuledProperty,
    load_catalogue,
    load_meanings,
    load_properties,
    load_rule_rows,
)
from domiq_dagster.sync.trouble import Faults

_SAMPLE = 5
CAVEAT = (
    "Nothing was sent or written. The change itself, and messages that have a time, are as they were then; "
    "every other field of a conversation (lead_score, say) is as it is now, since its history is not kept."
)


@dataclass(slots=True)
class PlannedRule:
    """What one rule would have done.

    Attributes:
        from_file: whether it is one of those that are tried.
        asked: for how many changes it was evaluated.
        outcomes: how it ended for them.
        moves: how often it would have moved a lead from which status to which.
        done: notifications, follow_ups, tasks, score_changes.
        without_value: how often a condition failed since a field had no value.
        sample: some of the changes for which it would have run.
    """

    rule: Rule
    from_file: bool
    asked: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    moves: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    without_value: int = 0
    sample: list[UUID] = field(default_factory=list)

    def count(self, replayed: ReplayedRule) -> None:
        """Counts what it would have come to for one more change."""
        self.asked += 1
        self.outcomes[replayed.outcome] += 1
        if replayed.outcome is RuleOutcome.NOT_HELD:
            self.without_value += "has no value" in replayed.why
        if replayed.outcome is not RuleOutcome.RAN:
            return
        if len(self.sample) < _SAMPLE:
            self.sample.append(replayed.change_id)
        if replayed.move:
            self.moves["{} -> {}".format(*replayed.move)] += 1
        self.done.update(effect.counted_as for effect in replayed.effects)


@dataclass(slots=True)
class PropertyPlan:
    """What the rules of one property would have done.

    Attributes:
        changes: how many changes of the log were replayed: those that no rule had made.
        unreadable: how many could not be read.
        problem: why this property could not be replayed.
    """

    partition_key: str
    changes: int = 0
    unreadable: int = 0
    rules: list[PlannedRule] = field(default_factory=list)
    loops: list[tuple[Rule, ...]] = field(default_factory=list)
    problem: str | None = None


def read_rule_file(content: str, connection: Connection) -> list[RuleRow]:
    """Reads the rules of a JSON file, in which a property is called by its id or its partition key.

    See `rule_file.parse_rule_file`.

    Raises:
        RuleFileError: the file cannot be used.
    """
    properties = load_properties(connection)
    by_key = {p.partition_key: p.property_id for p in properties}
    by_id = {str(p.property_id): p.property_id for p in properties}
    return parse_rule_file(content, {**by_key, **by_id})


def plan_rules(
    engine: Engine,
    *,
    since: datetime | None = None,
    property_id: UUID | None = None,
    tried: Sequence[RuleRow] = (),
    open_only: bool = False,
) -> list[PropertyPlan]:
    """Plans what the active rules would have done about each logged change. Changes nothing.

    Args:
        engine: DomIQ's database.
        since: about those that were logged since then (aware), or since a property was connected.
        property_id: of one property only.
        tried: only what these rules would have done, and what others would have done after them.
        open_only: only about those changes that the rules have not looked at yet.

    Returns:
        A plan for each connected property; with `tried`, for each that those are rules of.
    """
    plans = []
    with engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        catalogue = load_catalogue(connection)
        for ruled in load_properties(connection, None if property_id is None else [property_id]):
            begin = ruled.connected_at if since is None else max(since, ruled.connected_at)
            tried_here = [row for row in tried if row.property_id in (None, ruled.property_id)]
            if tried_here or not tried:
                plan = PropertyPlan(ruled.partition_key)
                plans.append(plan)
                faults = Faults("planning the rules of {} failed")
                with faults.of(ruled.partition_key, savepoint=connection):
                    _Planner(connection, ruled, catalogue, tried_here).fill(plan, begin, open_only=open_only)
                plan.problem = faults.sentences.get(ruled.partition_key, plan.problem)
    return plans


class _Planner:
    """Plans the rules of one property, among them those that are tried."""

    def __init__(
        self, connection: Connection, ruled: RuledProperty, catalogue: Catalogue, tried: Sequence[RuleRow]
    ) -> None:
        self._connection = connection
        self._property = ruled
        self._catalogue = catalogue
        self._tried = {row.id: replace(row, property_id=ruled.property_id) for row in tried}

    def fill(self, plan: PropertyPlan, since: datetime, *, open_only: bool) -> None:
        """Plans; what was planned is in `plan`."""
        book = self._rule_book()
        plan.loops = [loop for loop in find_loops(book.rules) if self._concerns(rule.id for rule in loop)]
        if book.needs.zone and self._property.zone is None:
            plan.problem = self._property.zone_problem
            return
        if open_only:
            since = first_unruled(self._connection, self._property.property_id, since) or datetime.now(UTC)
        planned = {rule.id: PlannedRule(rule, rule.id in self._tried) for rule in book.rules}
        for replayed in self._replay(book, since, open_only, plan):
            if self._concerns((replayed.rule.id, *replayed.ran_before)):
                planned[replayed.rule.id].count(replayed)
        plan.rules = [p for p in planned.values() if p.asked or p.from_file or not self._tried]

    def _rule_book(self) -> RuleBook:
        """The rules with those that are tried: an edited one keeps its place, a new one is the youngest."""
        stored = load_rule_rows(self._connection, self._property.property_id)
        rows = [self._tried.get(row.id, row) for row in stored]
        known = {row.id for row in stored}
        rows += [row for row in self._tried.values() if row.id not in known]
        meanings = load_meanings(self._connection, self._property.property_id)
        return compile_rules(rows, self._catalogue, meanings)

    def _concerns(self, rules: Iterable[UUID]) -> bool:
        """Whether any of these is tried; everything is of concern where none are."""
        return not self._tried or any(rule in self._tried for rule in rules)

    def _replay(
        self, book: RuleBook, since: datetime, open_only: bool, plan: PropertyPlan
    ) -> Iterator[ReplayedRule]:
        """What each rule would have come to; counts the changes in the plan."""
        replay = RuleReplay(book, self._property.sync_direction)
        reader = FactReader(self._connection, self._catalogue, book.needs, self._property.zone)
        for changes in logged_changes(
            self._connection, self._property.property_id, since, open_only=open_only
        ):
            of_others = [change for change in changes if change.cause_rule_id is None]
            triggering = [change for change in of_others if change.new_status in book.by_trigger]
            plan.changes += len(of_others)
            yield from replay.feed(changes, self._facts(reader, triggering, plan))

    def _facts(
        self, reader: FactReader, changes: Sequence[LoggedChange], plan: PropertyPlan
    ) -> dict[UUID, Facts]:
        """The facts of changes. One that cannot be read triggers no rule, and is counted."""
        found: dict[UUID, Facts] = {}
        faults = Faults("change {} cannot be read")
        faults.together(
            {str(c.change_id): c for c in changes},
            lambda some: found.update(reader.read(some, lock=False)),
            savepoint=self._connection,
        )
        plan.unreadable += len(faults.sentences)
        return found
