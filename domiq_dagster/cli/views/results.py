"""Results of commands as plain values: what --json prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from domiq_dagster.sync.monitoring.backlog import WAITS_FOR, AccountQueue, Backlog
from domiq_dagster.sync.monitoring.divergence import Coverage, UnknownWord
from domiq_dagster.sync.monitoring.figures import PropertyFigures, figures_row, totals
from domiq_dagster.sync.monitoring.pauses import Pause
from domiq_dagster.sync.passes import PassReport
from domiq_dagster.sync.repair.retry import Retried
from domiq_dagster.sync.rules.run import COUNTS, OUTCOMES
from domiq_dagster.sync.take_up import TakenUp
from domiq_dagster.sync.trouble import REMEDIES, Trouble


def pass_result(report: PassReport, figures: Sequence[PropertyFigures]) -> dict[str, Any]:
    """The result of one pass: what it did, and how things stand after it."""
    rows = [figures_row(f) for f in figures]
    for row in rows:
        key = row["property"]
        pushed: Mapping[str, int] = report.pushed.by_property.get(key, {}) if report.pushed else {}
        row["this_pass"] = {
            "fetched": report.pulled[key].fetched if key in report.pulled else 0,
            "stored": report.pulled[key].stored if key in report.pulled else 0,
            "linked": report.pulled[key].linked if key in report.pulled else 0,
            "unreadable": dict(report.pulled[key].unreadable) if key in report.pulled else {},
            "applied": report.applied[key].applied if key in report.applied else 0,
            "refused": _refused(report, key),
            "pushed": pushed.get("success", 0),
            "failed": pushed.get("failed", 0),
            "postponed": pushed.get("postponed", 0),
        }
    sums = totals(rows)
    rules_failed = report.ruled.total("failed") if report.ruled else 0
    return {
        "ok": not (
            sums["failed"]
            or sums["diverged"]
            or report.pull_errors
            or report.problems
            or report.missing_grants
            or rules_failed
            or any(row["this_pass"]["unreadable"] or row["this_pass"]["refused"] for row in rows)
        ),
        "properties": rows,
        "totals": sums,
        "pull_errors": report.pull_errors,
        "problems": report.problems,
        "missing_grants": report.missing_grants,
        "push_ended": report.pushed.ended if report.pushed else None,
        "outages": report.pushed.outages if report.pushed else {},
        "reconciled": report.reconciled.findings if report.reconciled else {},
        "rules": {n: report.ruled.total(n) for n in (*COUNTS, *OUTCOMES)} if report.ruled else {},
        "rules_wait": report.ruled.waiting if report.ruled else [],
        "reconciled_by_property": report.reconciled.by_property if report.reconciled else [],
    }


def status_result(
    figures: Sequence[PropertyFigures],
    queues: Backlog,
    accounts: Sequence[AccountQueue],
    covered: Mapping[UUID, Coverage],
    troubled: Mapping[str, Sequence[str]],
    records: Sequence[Trouble],
    strangers: Sequence[UnknownWord] = (),
) -> dict[str, Any]:
    """The state of the given properties and accounts, and of the queue as a whole. `records`: those in
    trouble. `strangers`: ResMan's words for a status that mean nothing here."""
    waiting = {q.partition_key: q for q in queues.properties}
    rows = []
    for f in figures:
        queue = waiting[f.partition_key]
        cover = covered.get(f.property_id, Coverage())
        rows.append(
            {
                **figures_row(f),
                "due": queue.due,
                "held": queue.on_hold,
                "waiting_for": {n: getattr(queue, n) for n in WAITS_FOR},
                "switched_off": not queue.outbound,
                "paused": None if queue.pause is None else pause_row(queue.pause),
                "unknown_outcomes": queue.unknown,
                "oldest_unknown_seconds": queue.oldest_unknown_seconds,
                "oldest_pending_seconds": queue.oldest_seconds,
                "last_pull_at": f.last_pull_at,
                "watermark": f.watermark,
                "failing_since": f.failing_since,
                "overlap_seconds": f.overlap_seconds,
                "missing": f.missing,
                "distrust": f.rejected_reason,
                "last_error": f.last_error,
                "linked_leads": sum(f.verdicts.values()),
                "compared_percent": None if cover.percent is None else round(cover.percent, 1),
                "not_compared": dict(cover.not_compared),
                "statuses_left_alone": dict(cover.left_alone),
                "unknown_words": {w.word: w.leads for w in strangers if w.property_id == f.property_id},
                "in_alert": list(troubled.get(f.partition_key, ())),
                "records_in_trouble": [_trouble_row(t) for t in records if t.property_id == f.property_id],
            }
        )
    sums = totals(rows)
    return {
        "ok": not (
            sums["failed"]
            or sums["diverged"]
            or any(r["records_in_trouble"] or r["unknown_words"] for r in rows)
        ),
        "properties": rows,
        "totals": sums,
        "queue": {
            **queue_row(queues),
            "oldest_unknown_seconds": queues.oldest_unknown_seconds,
            "not_connected": queues.not_connected,
        },
        "accounts": [account_row(a) for a in accounts],
    }


def pause_row(pause: Pause) -> dict[str, Any]:
    """Who paused a property, since when and why; and that as a sentence."""
    return {
        "by": pause.paused_by,
        "since": pause.paused_at,
        "because": pause.because,
        "sentence": pause.sentence,
    }


def _refused(report: PassReport, key: str) -> dict[str, str]:
    """About which conversations of a property nothing could be done, each with why."""
    if key not in report.applied:
        return {}
    return {str(conversation_id): why for conversation_id, why in report.applied[key].refused.items()}


def _trouble_row(record: Trouble) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "id": record.key,
        "why": record.sentence,
        "since": record.since,
        "times": record.times,
        "then": REMEDIES.get(record.kind, ""),
    }


def queue_row(queue: AccountQueue | Backlog) -> dict[str, Any]:
    """What waits, how fast it went of late, and when it will have caught up; of one account, or of all.
    None where nobody can tell."""
    rate, catch_up = queue.per_second, queue.catch_up_seconds
    return {
        "pending": queue.pending,
        "due": queue.due,
        "held": queue.on_hold,
        "unknown_outcomes": queue.unknown,
        "oldest_pending_seconds": queue.oldest_seconds,
        "per_minute": None if rate is None else round(60 * rate, 1),
        "catch_up_seconds": None if catch_up is None else round(catch_up, 1),
    }


def account_row(account: AccountQueue) -> dict[str, Any]:
    """One account: its queue, and its breaker."""
    return {
        "account": account.account_id,
        **queue_row(account),
        "settled_recently": account.settled,
        "paused_until": account.paused_until,
        "reason": account.paused_because,
        "consecutive_failures": account.consecutive_failures,
        "ramp_seconds": account.ramp_seconds,
    }


def retry_result(done: Retried, taken_up: Sequence[TakenUp], *, dry_run: bool) -> dict[str, Any]:
    """What was put back, or would be, by property and reason; and the records in trouble that were dealt with
    again. Not ok: some of those were, in vain."""
    return {
        "ok": dry_run or not any(t.problem or (t.left and not t.waits) for t in taken_up),
        "retried": done.total,
        "dry_run": dry_run,
        "overtaken": done.overtaken,
        "changes": [
            {"property": key, "reason": reason, "changes": count}
            for (key, reason), count in sorted(done.counts.items())
        ],
        "records": [
            {
                "property": t.partition_key,
                "kind": t.kind,
                "records": t.records,
                "left": t.left,
                "waits": t.waits,
                "problem": t.problem,
                "then": t.then,
            }
            for t in taken_up
        ],
    }
