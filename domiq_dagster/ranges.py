"""Ranges of property partitions for one run: plain arithmetic, no Dagster."""

from __future__ import annotations

from collections.abc import Collection, Sequence

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def all_properties(keys: Sequence[str]) -> dict[str, str]:
    """The tags of a run over all keys, in the order in which Dagster keeps them; empty where there are
    none."""
    return {RANGE_START: keys[0], RANGE_END: keys[-1]} if keys else {}


def covering(keys: Sequence[str], wanted: Collection[str]) -> dict[str, str]:
    """The tags of the shortest range that holds all wanted keys: a pull of one in between does no harm,
    and one run is cheaper than many."""
    return all_properties([keys[i] for i in _span(keys, wanted)])


def _span(keys: Sequence[str], wanted: Collection[str]) -> range:
    found = [i for i, key in enumerate(keys) if key in wanted]
    return range(found[0], found[-1] + 1) if found else range(0)
