"""Checks by the clock: what each check says now, told to Dagster outside of any run where that is news.

So a check turns green by itself once what it found is mended, and keeps its last word: one that a run was to
evaluate and did not (it failed, was a dry run, or hangs) would show as not evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from domiq_dagster.assets.inbound_checks import evaluation

REPEATED = timedelta(minutes=10)
"""How soon a check that stays red is told again for its text alone, an age or a count in it: each is kept."""
LONGEST_EVALUATION = timedelta(minutes=5)
"""For how long a check is left to a run that is to evaluate it."""

Words = Mapping[dg.AssetCheckKey, dg.AssetCheckResult]
Records = Mapping[dg.AssetCheckKey, AssetCheckExecutionRecord | None]


def last_words(instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey]) -> Records:
    """What was last said of each check, or planned; None or nothing of one that never was."""
    return instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)


def awaiting_a_look(
    instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey], now: datetime
) -> list[dg.AssetCheckKey]:
    """Those of the checks that were not well when last looked at, that a run was to evaluate and did not, or
    whose last word is out of sight.

    Args:
        now: the time (aware).
    """
    said = last_words(instance, keys)
    unseen = _out_of_sight(instance, said)
    return [
        key
        for key in keys
        if (record := said.get(key)) and (key in unseen or _awaits_a_look(instance, record, now))
    ]


def tell_news(instance: dg.DagsterInstance, found: Words, now: datetime) -> int:
    """Tells Dagster of the checks that say something else than was last said.

    Args:
        now: the time (aware).

    Returns:
        How many there were.
    """
    told = list(_news(instance, found, last_words(instance, list(found)), now))
    for one in told:
        instance.report_runless_asset_event(one)
    return len(told)


def _news(
    instance: dg.DagsterInstance, found: Words, said: Records, now: datetime
) -> Iterator[dg.AssetCheckEvaluation]:
    unseen = _out_of_sight(instance, said)
    for key, result in found.items():
        record = said.get(key)
        if record is None or key in unseen or _differs(instance, record, result, now):
            yield evaluation(key, result)


def _differs(
    instance: dg.DagsterInstance,
    record: AssetCheckExecutionRecord,
    result: dg.AssetCheckResult,
    now: datetime,
) -> bool:
    if record.status is AssetCheckExecutionRecordStatus.PLANNED:
        return _awaits_a_look(instance, record, now)
    before = record.evaluation
    if before is None or (before.passed, before.severity) != (result.passed, result.severity):
        return True
    is_new_text = not result.passed and before.description != result.description
    return is_new_text and now.timestamp() - _said_at(record) >= REPEATED.total_seconds()


def _awaits_a_look(instance: dg.DagsterInstance, record: AssetCheckExecutionRecord, now: datetime) -> bool:
    if record.status is not AssetCheckExecutionRecordStatus.PLANNED:
        return record.status is AssetCheckExecutionRecordStatus.FAILED
    run = instance.get_run_by_id(record.run_id)
    age = now.timestamp() - record.create_timestamp
    return run is None or run.is_finished or age >= LONGEST_EVALUATION.total_seconds()


def _out_of_sight(instance: dg.DagsterInstance, said: Records) -> set[dg.AssetCheckKey]:
    """Those of the checks of which the UI shows no word, since their asset was materialised after it by
    something else: a word of a run by a worker's report, or the other way round. What is said again outside
    of runs is shown with all that workers report from then on, so this costs an event after a run at most."""
    evaluated = {
        key: record
        for key, record in said.items()
        if record and isinstance(record.evaluation, dg.AssetCheckEvaluation)
    }
    if not evaluated:
        return set()
    latest = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization_record
        for record in instance.get_asset_records([key.asset_key for key in evaluated])
    }
    return {key for key, record in evaluated.items() if _is_older(record, latest.get(key.asset_key))}


def _is_older(record: AssetCheckExecutionRecord, made: dg.EventLogRecord | None) -> bool:
    """Whether the word was said before this materialisation, and not by what made that."""
    if made is None or record.evaluation is None or made.event_log_entry.run_id == record.run_id:
        return False
    target = record.evaluation.target_materialization_data
    if target is not None:
        return bool(target.storage_id != made.storage_id)
    return bool(made.timestamp >= record.create_timestamp)


def _said_at(record: AssetCheckExecutionRecord) -> float:
    """When it was said: a row is made when its run is planned."""
    return float(record.event.timestamp if record.event else record.create_timestamp)
