"""The verdicts of the inbound assets' checks, for whoever evaluates them: the check itself when somebody
runs it, the pull and the sweep when they are done. Those log them as events: Dagster skips a check's own step
where the asset's step yields no output or fails, and it is then that one wants to know.

Each is one check over all properties with a table by property, rather than one by partition: of 1,000
verdicts the UI would list none by what is wrong. The figures of one property are with the materialisations of
its partition.
"""

from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    MetadataValue,
    TableRecord,
)
from sqlalchemy import Engine

from domiq_dagster.resources import SyncResource
from domiq_dagster.sync.monitoring.divergence import (
    WHY_NOT_COMPARED,
    Coverage,
    coverage,
    divergences,
    note_divergence,
)
from domiq_dagster.sync.monitoring.gaps import days_without_pull, gaps


def divergence_result(engine: Engine) -> AssetCheckResult:
    """Notes what diverges, and tells how many leads do, since when, which, and what mends it; and what
    share of the leads could be compared."""
    with engine.begin() as connection:
        note_divergence(connection)
        found = divergences(connection)
        covered = Coverage()
        for one in coverage(connection).values():
            covered.add(one)
    diverged = sum(one.leads for one in found)
    rows = [
        TableRecord(
            {
                "property": one.partition_key,
                "diverged": one.leads,
                "since": one.since.isoformat(timespec="seconds") if one.since else "",
                "repair": one.repair,
                "conversations": ", ".join(map(str, one.sample)),
            }
        )
        for one in found
    ]
    metadata: dict[str, Any] = {
        "diverged": MetadataValue.int(diverged),
        "compared": MetadataValue.int(covered.compared),
        "leads": MetadataValue.int(covered.leads),
    }
    if covered.percent is not None:
        metadata["compared_percent"] = MetadataValue.float(round(covered.percent, 1))
    if covered.not_compared:
        metadata["not_compared"] = MetadataValue.table(
            [
                TableRecord({"leads": count, "why": WHY_NOT_COMPARED[reason]})
                for reason, count in sorted(covered.not_compared.items())
            ]
        )
    if rows:
        metadata["by_property"] = MetadataValue.table(rows)
    return AssetCheckResult(
        asset_key=AssetKey("inbound_status_changes"),
        check_name="divergence",
        passed=not diverged,
        severity=AssetCheckSeverity.WARN,
        description=_sentence(diverged, len(found), covered),
        metadata=metadata,
    )


def gaps_result(engine: Engine, sync: SyncResource) -> AssetCheckResult:
    """Tells which properties are behind ResMan, since when and why, and which days were missed altogether."""
    with engine.connect() as connection:
        found = gaps(connection, sync.pull_gap, sync.full_gap)
        missed = days_without_pull(connection)
    rows = [
        TableRecord(
            {
                "property": gap.partition_key,
                "why": gap.reason,
                "last_pull": gap.last_pull_at.isoformat(timespec="seconds") if gap.last_pull_at else "never",
                "account_paused": gap.paused,
                "error": gap.last_error or "",
            }
        )
        for gap in found
    ]
    days = [
        TableRecord(
            {"property": m.partition_key, "days": m.days, "from": str(m.first_day), "to": str(m.last_day)}
        )
        for m in missed
    ]
    return AssetCheckResult(
        asset_key=AssetKey("resman_leads"),
        check_name="pull_gaps",
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(found)} properties are behind; the sensor pull_gaps has them pulled."
        if found
        else "Every connected property was pulled lately.",
        metadata={
            "behind": MetadataValue.int(len(found)),
            **({"by_property": MetadataValue.table(rows)} if rows else {}),
            **({"days_without_pull": MetadataValue.table(days)} if days else {}),
        },
    )


def inbound_evaluations(engine: Engine, sync: SyncResource) -> list[AssetCheckEvaluation]:
    """Both, as events for a step that is not the checks' own."""
    return [
        AssetCheckEvaluation(
            asset_key=result.asset_key or AssetKey([]),
            check_name=result.check_name or "",
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata=result.metadata,
        )
        for result in (divergence_result(engine), gaps_result(engine, sync))
    ]


def _sentence(diverged: int, places: int, covered: Coverage) -> str:
    share = "" if covered.percent is None else f" {covered.percent:.1f} % of the leads could be compared."
    if not diverged:
        return f"Both sides agree.{share}"
    return f"{diverged} leads of {places} properties diverge; by_property names what mends each.{share}"
