"""Ranges of partitions for one run, and the tags that say so: plain arithmetic, no Dagster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
SCHEDULE_NAME = "dagster/schedule_name"
"""The tag that Dagster gives a schedule's runs."""
_PARTITION = "dagster/partition"


def all_properties(keys: Sequence[str]) -> dict[str, str]:
    """The tags of a run over all keys, in the order in which Dagster keeps them; empty where there are
    none."""
    return {RANGE_START: keys[0], RANGE_END: keys[-1]} if keys else {}


def ranges(
    keys: Sequence[str], wanted: Collection[str], *, most: int = 3, bridge: int = 10
) -> list[dict[str, str]]:
    """The tags of the fewest runs that hold all wanted keys without many others.

    Dagster cuts a run out of the keys as one piece, and what lies in between is pulled with it. That does no
    harm and, up to `bridge` keys, costs less than the start of another run. Of two gaps at the ends of 1,000
    properties it would ask ResMan 998 times for nothing: those become two runs. There are never more than
    `most`; then the smallest holes are bridged.
    """
    spans: list[tuple[int, int]] = []
    for at in (i for i, key in enumerate(keys) if key in wanted):
        if spans and at - spans[-1][1] - 1 <= bridge:
            spans[-1] = (spans[-1][0], at)
        else:
            spans.append((at, at))
    while len(spans) > most:
        n = min(range(1, len(spans)), key=lambda n: spans[n][0] - spans[n - 1][1])
        spans[n - 1 : n + 1] = [(spans[n - 1][0], spans[n][1])]
    return [{RANGE_START: keys[first], RANGE_END: keys[last]} for first, last in spans]


def covered(keys: Sequence[str], tags: Mapping[str, str]) -> set[str]:
    """The keys that a run with these tags is about."""
    if _PARTITION in tags:
        return {tags[_PARTITION]}
    first, last = tags.get(RANGE_START), tags.get(RANGE_END)
    if first not in keys or last not in keys:
        return set()
    return set(keys[keys.index(first) : keys.index(last) + 1])
