"""Running the rules: each logged change of a connected property once, whatever crashes in between.

A batch is one transaction: what the rules did and the marks of the changes are stored together or not at
all. Several workers at once share the work; the changes of one conversation are taken in order.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine

from domiq_dagster.sync import trouble
from domiq_dagster.sync.notifications.templates import Templates
from domiq_dagster.sync.rules.evaluate import RuleOutcome
from domiq_dagster.sync.rules.property_run import PropertyRun
from domiq_dagster.sync.rules.store import load_catalogue, load_properties

logger = logging.getLogger(__name__)
COUNTS = ("changes", "moves", "notifications", "follow_ups", "tasks", "score_changes")
OUTCOMES = tuple(outcome.value for outcome in RuleOutcome)


@dataclass(slots=True)
class RulesRun:
    """What one run did.

    Attributes:
        by_property: the counts named in COUNTS, and how rules ended, as in OUTCOMES, by partition key.
        waiting: a sentence for each property whose changes wait.
        left: how many conversations somebody else was changing, or could not be dealt with: the next run's.
        problems: a sentence for each conversation or property that could not be dealt with.
        in_time: whether everything was taken before the time was up.
    """

    by_property: dict[str, Counter[str]] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    left: int = 0
    problems: list[str] = field(default_factory=list)
    in_time: bool = True

    def total(self, name: str) -> int:
        """The sum of a count over the properties."""
        return sum(counts[name] for counts in self.by_property.values())


def run_rules(
    engine: Engine,
    *,
    property_ids: Iterable[UUID] | None = None,
    templates: Templates | None = None,
    seconds: float = 60.0,
    now: Callable[[], float] = time.monotonic,
) -> RulesRun:
    """Runs the rules for every change that they have not looked at, the moves that they make included.

    Properties take batch after batch, one after the other.

    Args:
        engine: DomIQ's database.
        property_ids: of these properties only, if given.
        templates: the words of notifications; the shipped ones, if not given.
        seconds: after these no further batch is begun.
        now: a clock, in seconds.

    Returns:
        What was done, by property.

    Raises:
        Exception: the database is gone, or what all rules need could not be read.
    """
    run = RulesRun()
    end = now() + seconds
    with engine.connect() as connection:
        properties = load_properties(connection, property_ids, due=True)
        catalogue = load_catalogue(connection)
    templates = templates or Templates()
    unfinished = [PropertyRun(engine, ruled, catalogue, templates) for ruled in properties]
    run.by_property = {property_run.ruled.partition_key: property_run.counts for property_run in unfinished}
    faults = trouble.PropertyFaults(engine, "rules")
    while unfinished and run.in_time:
        for property_run in list(unfinished):
            if now() >= end:
                run.in_time = False
                break
            if not _run_batch(property_run, faults):
                unfinished.remove(property_run)
                run.left += len(property_run.left)
                run.waiting += [property_run.waits] if property_run.waits else []
                run.problems += property_run.problems
    for key, counts in run.by_property.items():
        if counts:
            logger.info("rules of %s: %s", key, {str(name): n for name, n in counts.items()})
    run.problems += faults.sentences
    return run


def _run_batch(property_run: PropertyRun, faults: trouble.PropertyFaults) -> bool:
    """Whether there may be another batch. What a property ends in is its own: the others go on."""
    more = False
    with faults.of(property_run.ruled.property_id, property_run.ruled.partition_key):
        more = property_run.run_batch()
    return more
