"""The checks that the inbound step evaluates itself when it is done, whether it fails or not. Dagster skips a
check that is a step of its own where its asset's step fails, or marks its partitions as it goes; and it is
then that one wants to know. They can be run alone as well, and the sweep evaluates them when it has mended
what it could. All other checks are in `domiq_dagster.checks`.

Each is one check over all properties with a table by property, rather than one by partition: of 1,000
verdicts the UI would list none by what is wrong. The figures of one property are with the materialisations of
its partition.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import dagster as dg
from sqlalchemy import Engine

from domiq_dagster.assets.inbound_status_changes import inbound_status_changes
from domiq_dagster.assets.resman_leads import resman_leads
from domiq_dagster.assets.tables import mended_by, table_unless_empty
from domiq_dagster.resources import LimitsResource
from domiq_dagster.sync import trouble
from domiq_dagster.sync.monitoring.divergence import (
    WHY_NOT_COMPARED,
    Coverage,
    UnknownWord,
    coverage,
    divergences,
    note_divergence,
    unknown_words,
)
from domiq_dagster.sync.monitoring.gaps import Gap, days_without_pull, gaps
from domiq_dagster.sync.property_names import PropertyNames

DIVERGENCE = dg.AssetCheckSpec(
    "divergence",
    asset=inbound_status_changes.key,
    description="Linked leads agree, or something explains why not.",
)
PULL_GAPS = dg.AssetCheckSpec(
    "pull_gaps", asset=resman_leads.key, description="Every connected property was pulled lately."
)
RECORDS = dg.AssetCheckSpec(
    "records_in_trouble",
    asset=inbound_status_changes.key,
    description="Every record can be dealt with: prospects are read, leads applied, changes ruled and told.",
)
INBOUND_CHECKS = [PULL_GAPS, DIVERGENCE, RECORDS]
_SAMPLE = 20


def inbound_results(
    engine: Engine, limits: LimitsResource, wanted: Collection[dg.AssetCheckKey], *, note: bool = True
) -> list[dg.AssetCheckResult]:
    """The verdicts of those of the checks that are wanted. With `note`, what diverges is remembered with the
    time at which it was first seen."""
    return list(inbound_words(engine, limits, wanted, note=note).values())


def inbound_words(
    engine: Engine, limits: LimitsResource, wanted: Collection[dg.AssetCheckKey], *, note: bool = True
) -> dict[dg.AssetCheckKey, dg.AssetCheckResult]:
    """The same by the checks' keys."""
    found = {}
    if PULL_GAPS.key in wanted:
        found[PULL_GAPS.key] = gaps_result(engine, limits)
    if DIVERGENCE.key in wanted:
        found[DIVERGENCE.key] = divergence_result(engine, note=note)
    if RECORDS.key in wanted:
        found[RECORDS.key] = records_result(engine)
    return found


def inbound_evaluations(engine: Engine, limits: LimitsResource) -> Iterator[dg.AssetCheckEvaluation]:
    """The verdicts of all of them, as events of an op that is not theirs."""
    for key, result in inbound_words(engine, limits, [spec.key for spec in INBOUND_CHECKS]).items():
        yield evaluation(key, result)


def evaluation(check: dg.AssetCheckKey, result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """A verdict as an event of an op that is not the check's."""
    return dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )


def divergence_result(engine: Engine, *, note: bool = True) -> dg.AssetCheckResult:
    """How many linked leads disagree unexplained, since when, which, and what mends it; and what share of the
    leads could be compared."""
    with engine.begin() as connection:
        if note:
            note_divergence(connection)
        found = divergences(connection)
        strangers = unknown_words(connection)
        covered = Coverage()
        for one in coverage(connection).values():
            covered.add(one)
    diverged = sum(one.leads for one in found)
    not_compared = [
        {"leads": count, "why": WHY_NOT_COMPARED[reason]}
        for reason, count in sorted(covered.not_compared.items())
    ]
    by_property = [
        {
            "property": one.partition_key,
            "diverged": one.leads,
            "since": one.since.isoformat(timespec="seconds") if one.since else "",
            "repair": one.repair,
            "conversations": ", ".join(map(str, one.sample)),
        }
        for one in found
    ]
    share = {} if covered.percent is None else {"compared_percent": round(covered.percent, 1)}
    return dg.AssetCheckResult(
        asset_key=DIVERGENCE.asset_key,
        check_name=DIVERGENCE.name,
        passed=not (diverged or strangers),
        severity=dg.AssetCheckSeverity.WARN,
        description=_sentence(diverged, len(found), covered) + _strange(strangers),
        metadata={
            "diverged": diverged,
            **mended_by("reconcile_pending", passed=not (diverged or strangers)),
            "compared": covered.compared,
            "leads": covered.leads,
            **share,
            **table_unless_empty("not_compared", not_compared),
            **table_unless_empty("by_property", by_property),
            **table_unless_empty(
                "unknown_words",
                [{"property": w.partition_key, "word": w.word, "leads": w.leads} for w in strangers],
            ),
        },
    )


def records_result(engine: Engine) -> dg.AssetCheckResult:
    """How many records could not be dealt with, by property and kind, the first of them with the reason, and
    what mends each kind. All others were dealt with."""
    with engine.connect() as connection:
        counts = trouble.count_troubles(connection)
        records = trouble.records_in_trouble(connection, most=_SAMPLE)
        names = PropertyNames(connection)
    total = sum(counted.records for counted in counts)
    by_kind = [
        {
            "property": names.name(counted.property_id),
            "kind": counted.kind,
            "records": counted.records,
            "since": counted.since.isoformat(timespec="seconds"),
            "then": trouble.REMEDIES[counted.kind],
        }
        for counted in counts
    ]
    sample = [
        {
            "property": record.partition_key,
            "kind": record.kind,
            "record": record.key,
            "since": record.since.isoformat(timespec="seconds"),
            "why": record.sentence,
        }
        for record in records
    ]
    return dg.AssetCheckResult(
        asset_key=RECORDS.asset_key,
        check_name=RECORDS.name,
        passed=not total,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{_some(total, 'record')} cannot be dealt with; all beside them were. by_kind says what "
        "mends them; then `domiq-sync retry` takes them up at once."
        if total
        else "Every record can be dealt with.",
        metadata={
            "records": total,
            **table_unless_empty("by_kind", by_kind),
            **table_unless_empty("sample", sample),
        },
    )


def gaps_result(engine: Engine, limits: LimitsResource) -> dg.AssetCheckResult:
    """Which properties are behind ResMan, since when and why, and which days were missed altogether. The
    sensor `pull_gaps` has closed what can be."""
    with engine.connect() as connection:
        found = gaps(connection, limits.pull_gap, limits.full_gap)
        missed = days_without_pull(connection)
    by_property = [
        {
            "property": gap.partition_key,
            "why": gap.reason,
            "last_pull": gap.last_pull_at.isoformat(timespec="seconds") if gap.last_pull_at else "never",
            "account_paused": gap.paused,
            "error": gap.last_error or "",
        }
        for gap in found
    ]
    days = [
        {"property": m.partition_key, "days": m.days, "from": str(m.first_day), "to": str(m.last_day)}
        for m in missed
    ]
    return dg.AssetCheckResult(
        asset_key=PULL_GAPS.asset_key,
        check_name=PULL_GAPS.name,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{_some(len(found), 'property is', 'properties are')} behind ({_by_reason(found)}); the "
        "sensor pull_gaps has them pulled. `domiq-sync doctor` asks ResMan and says what is wrong."
        if found
        else "Every connected property was pulled lately.",
        metadata={
            "behind": len(found),
            **mended_by("pull", passed=not found),
            **table_unless_empty("by_property", by_property),
            **table_unless_empty("days_without_pull", days),
        },
    )


def _by_reason(found: Sequence[Gap]) -> str:
    """How many properties are behind for which reason, the commonest first."""
    counts = Counter(gap.reason for gap in found)
    return ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in counts.most_common())


def _strange(strangers: Sequence[UnknownWord]) -> str:
    if not strangers:
        return ""
    words = ", ".join(sorted({repr(w.word) for w in strangers}))
    return (
        f" {sum(w.leads for w in strangers)} leads have a status of ResMan's that means nothing here "
        f"({words}): add it to domiq_sync.resman_status_map."
    )


def _sentence(diverged: int, properties: int, covered: Coverage) -> str:
    share = "" if covered.percent is None else f" {covered.percent:.1f} % of the leads could be compared."
    if not diverged:
        return f"Both sides agree.{share}"
    return (
        f"{_some(diverged, 'lead')} of {_some(properties, 'property', 'properties')} "
        f"{'diverges' if diverged == 1 else 'diverge'}; by_property names what mends each. "
        f"`domiq-sync sync` does a pass by hand.{share}"
    )


def _some(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
