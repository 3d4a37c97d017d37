"""Charts as inline SVG, drawn by hand: a few bars and lines need no library, and colours that are classes
follow the page from light to dark. Each says in its title what it shows, for whoever does not see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from markupsafe import Markup

from domiq_dagster.sync.report.collect import DayFlow

_SPARK_WIDTH, _SPARK_HEIGHT = 112, 26
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 560, 170, 44, 16, 22


def spark(days: Sequence[DayFlow], title: str) -> Markup:
    """The changes of each day as little bars, those that failed at their feet."""
    most = max((d.changes for d in days), default=0)
    step = _SPARK_WIDTH / max(len(days), 1)
    wide = max(step - (2 if step > 5 else 0.5), 0.5)
    parts = []
    for n, day in enumerate(days):
        high = _SPARK_HEIGHT * day.changes / most if most else 0.0
        bad = _SPARK_HEIGHT * min(day.failed, day.changes) / most if most else 0.0
        x = n * step
        if day.changes:
            parts.append(_rect("out", x, _SPARK_HEIGHT - max(high, 1.5), wide, max(high, 1.5)))
        else:
            parts.append(_rect("none", x, _SPARK_HEIGHT - 1, wide, 1))
        if bad:
            parts.append(_rect("bad", x, _SPARK_HEIGHT - max(bad, 1.5), wide, max(bad, 1.5)))
    return _svg(_SPARK_WIDTH, _SPARK_HEIGHT, title, parts, "spark")


def day_bars(days: Sequence[DayFlow], title: str) -> Markup:
    """The changes of each day: to ResMan, from ResMan above, and what failed beside."""
    top = _nice(max((d.changes for d in days), default=0))
    parts = _axis([(f"{value:,}", value / top) for value in (0, top // 2, top)])
    step = (_WIDTH - _LEFT) / max(len(days), 1)
    wide = min(step * 0.62, 44)
    full = _HEIGHT - _TOP - _BOTTOM
    for n, day in enumerate(days):
        x = _LEFT + n * step + (step - wide) / 2
        out, into, bad = (full * count / top for count in (day.outbound, day.inbound, day.failed))
        foot = _HEIGHT - _BOTTOM
        parts.append(_rect("out", x, foot - out, wide, out))
        parts.append(_rect("in", x, foot - out - into, wide, into))
        if day.failed:
            parts.append(_rect("bad", x + wide + 1.5, foot - max(bad, 2), 4, max(bad, 2)))
        if day.changes and len(days) <= 14:
            parts.append(_text(x + wide / 2, foot - out - into - 4, f"{day.changes:,}", "value", "middle"))
    parts += _day_labels([d.day for d in days], step)
    return _svg(_WIDTH, _HEIGHT, title, parts)


def share_lines(days: Sequence[DayFlow], title: str) -> Markup:
    """Of each day how many percent of the changes were at ResMan within a minute, and within 10 seconds."""
    parts = _axis([(f"{value}\u00a0%", value / 100) for value in (0, 50, 100)])
    step = (_WIDTH - _LEFT) / max(len(days), 1)
    for name, kind in (("within_10s", "in"), ("within_1min", "out")):
        points = {n: 100 * getattr(day, name) / day.timed for n, day in enumerate(days) if day.timed}
        parts += _line(points, step, kind)
    parts += _day_labels([d.day for d in days], step)
    return _svg(_WIDTH, _HEIGHT, title, parts)


def trend(values: Mapping[date, float], days: Sequence[date], title: str) -> Markup:
    """A line of percentages, scaled to what there is: a hint of the way things go."""
    known = [values[day] for day in days if day in values]
    low, high = min(known), max(known)
    span = max(high - low, 1.0)
    step = _SPARK_WIDTH / max(len(days) - 1, 1)
    points = [
        f"{n * step:.1f},{_SPARK_HEIGHT - 3 - (_SPARK_HEIGHT - 6) * (values[day] - low) / span:.1f}"
        for n, day in enumerate(days)
        if day in values
    ]
    line = f'<polyline class="line out" points="{" ".join(points)}"/>'
    return _svg(_SPARK_WIDTH, _SPARK_HEIGHT, title, [line], "spark")


def _line(points: Mapping[int, float], step: float, kind: str) -> list[str]:
    """A line through the days that have a value, broken where one has none, with a dot on each."""
    spots = {
        n: (_LEFT + (n + 0.5) * step, _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / 100))
        for n, value in points.items()
    }
    parts, run = [], []
    for n in range(max(spots, default=-1) + 2):
        if n in spots:
            run.append(f"{spots[n][0]:.1f},{spots[n][1]:.1f}")
            continue
        if len(run) > 1:
            parts.append(f'<polyline class="line {kind}" points="{" ".join(run)}"/>')
        run = []
    parts += [f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>' for x, y in spots.values()]
    return parts


def _axis(ticks: Iterable[tuple[str, float]]) -> list[str]:
    """Lines across with their labels; each stands at a part of the height, 0 to 1."""
    parts = []
    for label, at in ticks:
        y = _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - at)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(_LEFT - 5, y + 3.5, label, "label", "end"))
    return parts


def _day_labels(days: Sequence[date], step: float) -> list[str]:
    each = -(-len(days) // 10)  # so many that they do not touch
    return [
        _text(_LEFT + (n + 0.5) * step, _HEIGHT - 6, f"{day:%a} {day.day}", "label", "middle")
        for n, day in enumerate(days)
        if n % each == (len(days) - 1) % each
    ]


def _nice(most: int) -> int:
    """The end of an axis: the next of 4, 6, 8, 10, 20, 40, 60 and so on, each of which has a whole half."""
    size = 1
    while True:
        for first in (4, 6, 8, 10, 20):
            if first * size >= most:
                return first * size
        size *= 10


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _text(x: float, y: float, words: str, kind: str, anchor: str) -> str:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, f"{x:.1f}", f"{y:.1f}", anchor, words
    )


def _svg(width: int, height: int, title: str, parts: Iterable[str], kind: str = "chart") -> Markup:
    """Our own parts, which hold numbers and escaped words."""
    drawn = Markup("").join(Markup(part) for part in parts)
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}</svg>'
    ).format(kind, width, height, title, title, drawn)
