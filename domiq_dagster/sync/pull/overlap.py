"""How far back a pull asks, and what of it the watermark may claim. Pure.

The overlap is how far behind the watermark a pull asks again. It has to cover a modifiedSince filter that
rounds down to the day in some zone, and changes that become visible late. How late is measured: a prospect
that is new to us, or shows another lastModified than it did, though its lastModified lies behind the
watermark, would not have come with a smaller overlap than that distance. Both are ResMan's times, so that no
clock's skew is in it. What lies further back than an overlap reaches is found, and measured, by the nightly
full re-read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class PullRules:
    """How far back a pull asks, and what a full re-read may conclude.

    Attributes:
        overlap: the least; it covers a filter that rounds down to the day in any zone.
        overlap_most: however late something came.
        late_factor: how many times the lateness measured.
        late_memory: for how long one counts.
        first_span: a property's first pull (other v2 endpoints refuse more than 364 days).
        full_span: a full re-read.
        short_share, short_least: a full read that misses more than this share of what is stored, and more
            than this many, is taken for a short answer, not for the truth.
        confirm_most: how many missing prospects are asked for by id after one full read.
    """

    overlap: timedelta = timedelta(hours=26)
    overlap_most: timedelta = timedelta(days=7)
    late_factor: float = 1.5
    late_memory: timedelta = timedelta(days=30)
    first_span: timedelta = timedelta(days=360)
    full_span: timedelta = timedelta(days=360)
    short_share: float = 0.1
    short_least: int = 5
    confirm_most: int = 200


@dataclass(frozen=True, slots=True)
class PullWindow:
    """What a pull asks for.

    Attributes:
        since: never in the future.
        overlap: how far behind the watermark it lies by itself.
        claims: whether it reaches back to where the last one ended, so that the watermark may move on to what
            came.
    """

    since: datetime
    overlap: timedelta
    claims: bool


def overlap_for(late_seconds: float, rules: PullRules) -> timedelta:
    """The overlap after newcomers came up to so late: at least the floor, at most the cap."""
    measured = min(timedelta(seconds=late_seconds) * rules.late_factor, rules.overlap_most)
    return max(rules.overlap, measured)


def pull_window(
    watermark: datetime | None,
    late_seconds: float,
    rules: PullRules,
    now: datetime,
    *,
    full: bool = False,
    since: datetime | None = None,
) -> PullWindow:
    """What to ask for: `since` if given, else everything that a full read reads, else what is new."""
    overlap = overlap_for(late_seconds, rules)
    ordinary = now - rules.first_span if watermark is None else min(watermark, now) - overlap
    wanted = since or (now - rules.full_span if full else ordinary)
    wanted = min(wanted, now)
    return PullWindow(wanted, overlap, claims=wanted <= ordinary)


def too_short(fetched: int, known: int, missing: int, rules: PullRules) -> str | None:
    """Why a full read is not believed, in words; None if it is. `known` is how many stored prospects it
    should have brought, `missing` how many of them it did not."""
    if missing == 0:
        return None
    if fetched == 0:
        return f"it brought nothing, though {known} prospects are known"
    if missing > rules.short_least and missing > known * rules.short_share:
        return f"it lacked {missing} of {known} known prospects, more than {rules.short_share:.0%}"
    return None
