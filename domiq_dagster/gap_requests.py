"""Which gaps were asked about, and when: what the sensors `pull_gaps` and `missing_days` remember in their
cursors. Plain arithmetic, no Dagster."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable
from typing import NamedTuple

from domiq_dagster.sync.monitoring.gaps import Gap

_ASK_AGAIN_SECONDS = 600
_LONGEST_REST_SECONDS = 7200


class _Asked(NamedTuple):
    """When a gap was last asked about (a Unix time), and how often since it opened."""

    at: float
    times: int

    @property
    def again_at(self) -> float:
        """A gap that stays open is asked about less and less: what a pull cannot mend, people must."""
        return self.at + min(_ASK_AGAIN_SECONDS * 2.0 ** (self.times - 1), _LONGEST_REST_SECONDS)


class GapRequests:
    """What was asked for already, by partition key: of a property, or of a day.

    Args:
        cursor: what `cursor` gave at the last tick; None: nothing was asked yet.
        still_open: the gaps that there are. Others are forgotten: should one open again, it is asked about at
            once.
    """

    def __init__(self, cursor: str | None, still_open: Collection[str]) -> None:
        self._asked = {key: one for key, one in _read(cursor).items() if key in still_open}

    def may_ask(self, key: str, now: float) -> bool:
        """Whether a gap was not asked about yet, or long enough ago."""
        return key not in self._asked or now >= self._asked[key].again_at

    def note(self, keys: Iterable[str], now: float) -> None:
        """Notes that these are asked about now."""
        for key in keys:
            before = self._asked[key].times if key in self._asked else 0
            self._asked[key] = _Asked(now, before + 1)

    @property
    def cursor(self) -> str:
        """For the next tick."""
        return json.dumps({key: [one.at, one.times] for key, one in self._asked.items()})


def _read(cursor: str | None) -> dict[str, _Asked]:
    """What a cursor says. Somebody may have set it by hand: what makes no sense in it was never asked."""
    try:
        found = json.loads(cursor or "{}")
    except ValueError:
        return {}
    read: dict[str, _Asked] = {}
    for key, one in found.items() if isinstance(found, dict) else ():
        # A cursor of an earlier version holds times alone.
        at, times = one if isinstance(one, list) and len(one) == 2 else (one, 1)
        if isinstance(at, int | float) and math.isfinite(at) and isinstance(times, int) and times > 0:
            read[key] = _Asked(at, min(times, 64))
    return read


def why_not(found: Collection[Gap], known: Collection[str]) -> str:
    """Why of these gaps none is asked about now. `known`: the partitions that there are."""
    paused = sum(gap.paused for gap in found)
    unknown = sum(gap.partition_key not in known for gap in found)
    others = len(found) - paused - unknown
    parts = [
        f"{count} {why}"
        for count, why in (
            (paused, "whose account does not answer"),
            (unknown, "without a partition yet"),
            (others, "asked about already or being pulled"),
        )
        if count
    ]
    return f"{len(found)} gaps" + (f": {', '.join(parts)}" if parts else "")
