"""Is everything in place? One finding a question, each with what to do where the answer is no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Engine

from domiq_dagster.db.privileges import SCRIPT, missing_privileges
from domiq_dagster.db.triggers import captures, disabled_triggers
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.sync.grants import MissingGrant, by_endpoint, missing_grants
from domiq_dagster.sync.integrations import Integration, load_integrations
from domiq_dagster.sync.monitoring.divergence import coverage, unknown_words
from domiq_dagster.sync.monitoring.figures import conservation_problems
from domiq_dagster.sync.monitoring.log_totals import totals_state
from domiq_dagster.sync.queue import capture_misses, sequences
from domiq_dagster.sync.setup.survey import finding, survey
from domiq_dagster.sync.tour_times import sent_as, tour_column
from domiq_dagster.sync.trouble import GRANT, REMEDIES, Trouble, records_in_trouble

_MOST_RECORDS = 20


def examine(engine: Engine, client: ResManClient) -> list[dict[str, Any]]:
    """Findings as {question, ok, answer}. The database was opened and found migrated before this."""
    findings = [finding("The database is DomIQ's, migrated, and this role sees its rows", True, "yes")]
    with engine.connect() as connection:
        lacking = _grants(connection)
        if not lacking["ok"]:
            return [*findings, lacking]
        findings += [lacking, *_capture(connection), _totals(connection)]
        integrations = load_integrations(connection, enabled_only=False)
        problems = conservation_problems(connection)
        records = [r for r in records_in_trouble(connection) if r.kind != GRANT]
        words = _words(connection)
        tours = _tour_times(connection, integrations)
    findings.append(
        finding(
            "Every pending change has its delivery",
            not problems,
            "yes" if not problems else f"{problems[0]['of_all']} do not match: run domiq-sync sync",
        )
    )
    findings.append(
        finding(
            "Every record can be dealt with",
            not records,
            "yes" if not records else _all_told(records),
        )
    )
    findings.append(
        finding(
            "Properties are connected",
            bool(integrations),
            f"{len(integrations)}" if integrations else "none: run domiq-sync connect",
        )
    )
    findings += [words, *tours]
    for account in sorted({i.account_id for i in integrations}):
        findings += _account(client, [i for i in integrations if i.account_id == account])
    with engine.connect() as connection:
        lacking_grants = missing_grants(connection)  # as ResMan has just answered, and as it last did
    return [*findings, *_endpoints(lacking_grants)]


def _endpoints(lacking: Sequence[MissingGrant]) -> list[dict[str, Any]]:
    """Whether what the sync has asked of ResMan is granted, which it shows of posts without sending one."""
    found = [
        finding(f"Account {grant.account_id}: {grant.endpoint} is granted", False, said)
        for grant, said in by_endpoint(lacking)
    ]
    return found or [finding("No endpoint was refused for want of a grant", True, "yes")]


def _words(connection: Connection) -> dict[str, Any]:
    """Whether both sides' words for a status are known; of DomIQ's it only says which are left alone, since a
    chat has states that are no lead's."""
    strange = unknown_words(connection)
    alone = sum((cover.left_alone for cover in coverage(connection).values()), Counter[str]())
    told = [
        f"{w.partition_key}: ResMan's {w.word!r} of {w.leads} leads: add it to domiq_sync.resman_status_map"
        for w in strange[:_MOST_RECORDS]
    ]
    if alone:
        counts = ", ".join(f"{word} {count}" for word, count in sorted(alone.items())[:_MOST_RECORDS])
        told.append(f"left alone, since no lead status of DomIQ's: {counts}")
    return finding("Every status has a meaning", not strange, "; ".join(told) or "yes")


_EXAMPLE = datetime(2027, 2, 2, 15, 0)


def _tour_times(connection: Connection, integrations: list[Integration]) -> list[dict[str, Any]]:
    """How a tour time of each property is understood, by an example."""
    column = tour_column(connection)
    if column is None:
        return []
    told: dict[str, list[str]] = {}
    wrong: list[str] = []
    for i in integrations:
        if column.has_zone:
            how = "the column has a zone: it is sent as the instant that it is"
        elif i.time_zone is None and i.tour_times == "local":
            how = "the property's time zone is not known yet"
        elif i.time_zone is not None and not _is_zone(i.time_zone):
            wrong.append(i.partition_key)
            continue
        else:
            sent = sent_as(_EXAMPLE, i.tour_times, i.time_zone)
            meant = f"the property's clock, {i.time_zone}" if i.tour_times == "local" else "UTC"
            how = f"{_EXAMPLE:%Y-%m-%d %H:%M} is {meant}, and sent as {sent:%Y-%m-%d %H:%M}Z"
        told.setdefault(how, []).append(i.partition_key)
    return [
        finding(
            f"What conversation.tour_datetime means ({column.type_name})", True, f"{how} ({_several(keys)})"
        )
        for how, keys in told.items()
    ] + [
        finding(f"{key} has a time zone", False, "no: correct it with domiq-sync connect --time-zone")
        for key in wrong
    ]


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _several(keys: list[str]) -> str:
    shown = ", ".join(keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"


def _grants(connection: Connection) -> dict[str, Any]:
    lacking = missing_privileges(connection)
    answer = f"lacks {', '.join(lacking)}: have {SCRIPT} run" if lacking else "yes"
    return finding("This role may do what the sync needs", not lacking, answer)


def _capture(connection: Connection) -> list[dict[str, Any]]:
    """Whether each change gets its place in the log and in the order."""
    captured = captures(connection)
    disabled, behind = sorted(disabled_triggers(connection)), sequences.behind(connection)
    gaps = capture_misses.recent_gaps(connection)
    missed = capture_misses.outstanding(connection).changes + sum(gap.changes for gap in gaps)
    none = "no trigger that fires: reconciliation finds them, later"
    off = f"disabled: {', '.join(disabled)}; run domiq-sync migrate"
    set_back = f"set back: {', '.join(behind)}; run domiq-sync migrate"
    lost = (
        f"{missed} could not be logged in the last {capture_misses.RECENT_DAYS} days (a full disk, a locked "
        "table): reconciliation logs what became of each conversation, and what lay between is lost"
    )
    return [
        finding("Changes of conversation.status are captured", captured, "yes" if captured else none),
        finding("Every trigger of the sync's is enabled", not disabled, off if disabled else "yes"),
        finding("Every change was logged when it was made", not missed, lost if missed else "yes"),
        finding(
            "Every sequence stands ahead of what was drawn from it", not behind, set_back if behind else "yes"
        ),
    ]


def _totals(connection: Connection) -> dict[str, Any]:
    """Whether figures are read from totals of the log. A trigger that is off is a finding of its own."""
    found = totals_state(connection)
    if not found.is_watched:
        ok, answer = True, "not kept, since not every trigger is there: each figure counts the log"
    elif not found.is_counted or found.counted_at is None:
        ok, answer = False, "the log is yet to be counted: run domiq-sync sync"
    else:
        ok, when = not found.differed, f"{found.counted_at:%Y-%m-%d %H:%M}Z"
        answer = f"yes: {found.changes} changes, counted {when}"
        if found.differed:
            answer = (
                f"off by {found.differed} when the log was counted {when}, and set right: something wrote to "
                "it around its triggers"
            )
    return finding("The totals of the log agree with it", ok, answer)


def _all_told(records: Sequence[Trouble]) -> str:
    told = [_told(record) for record in records[:_MOST_RECORDS]]
    more = [f"and {len(records) - _MOST_RECORDS} more"] if len(records) > _MOST_RECORDS else []
    remedies = [f"{kind}: {REMEDIES[kind]}" for kind in sorted({r.kind for r in records})]
    return "; ".join([*told, *more]) + f" ({'; '.join(remedies)})"


def _told(record: Trouble) -> str:
    return f"{record.partition_key}: {record.kind} {record.key} {record.sentence}"


def _account(client: ResManClient, integrations: list[Integration]) -> list[dict[str, Any]]:
    first, *others = integrations
    found = survey(client, first.account_id, first.resman_property_id)
    seen = {canonical_id(p.property_id) for p in found.properties or []}
    findings = [f for f in found.findings if f["question"].startswith("Account ")]
    if found.properties is not None:
        for integration in (first, *others):
            there = canonical_id(integration.resman_property_id) in seen
            findings.append(
                finding(
                    f"{integration.partition_key} is a property of account {first.account_id}",
                    there,
                    "yes" if there else "no: correct --resman-property with domiq-sync connect",
                )
            )
    return findings
