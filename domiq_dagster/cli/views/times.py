"""Times for a person: how long ago, or how soon; exact, in UTC, with --utc. In JSON they always are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from domiq_dagster.sync.durations import in_words

_NOW_SECONDS = 2.0
_LONG_AGO_DAYS = 60


@dataclass(slots=True)
class _Manner:
    """How times are told."""

    exact: bool = False


_manner = _Manner()


def be_exact() -> None:
    """From now on times are told to the second, in UTC."""
    _manner.exact = True


def are_exact() -> bool:
    """Whether times are told to the second."""
    return _manner.exact


def when(moment: datetime | None, now: datetime | None = None, *, never: str = "never") -> str:
    """When something was, or will be: `4 min ago`, `in 20 s`; of what is months away, the day.

    Args:
        now: when it is told; by the machine's clock, if not given.
        never: what is said where there is no time.
    """
    if moment is None:
        return never
    if _manner.exact:
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if abs(seconds) < _NOW_SECONDS:
        return "just now"
    if abs(seconds) > _LONG_AGO_DAYS * 86_400:
        return f"on {moment.astimezone(UTC):%Y-%m-%d}"
    return f"{_span(seconds)} ago" if seconds > 0 else f"in {_span(-seconds)}"


def since(moment: datetime | None, now: datetime | None = None) -> str:
    """From when on: `for 4 min`, or with --utc `since 2026-03-01 12:00:00 UTC`."""
    if moment is None or _manner.exact:
        return f"since {when(moment, now)}"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds > _LONG_AGO_DAYS * 86_400:
        return f"since {moment.astimezone(UTC):%Y-%m-%d}"
    return f"for {_span(max(seconds, 0.0))}"


def in_the_last(moment: datetime, now: datetime | None = None) -> str:
    """A time until now: `in the last 7 d`, or with --utc `since 2026-03-01 12:00:00 UTC`."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if _manner.exact or seconds > _LONG_AGO_DAYS * 86_400:
        return f"since {when(moment, now).removeprefix('on ')}"
    return f"in the last {_span(max(seconds, 0.0))}"


def _span(seconds: float) -> str:
    return in_words(seconds).removesuffix(" 0 h").removesuffix(" 0 min")


def after(moment: datetime, begun: datetime) -> str:
    """How long after a beginning something was: `+0.4 s`; with --utc the time itself."""
    if _manner.exact:
        return f"{moment.astimezone(UTC):%H:%M:%S.%f}"
    seconds = (moment - begun).total_seconds()
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{abs(seconds):.1f} s" if abs(seconds) < 60 else f"{sign}{in_words(abs(seconds))}"
