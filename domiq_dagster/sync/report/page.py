"""The page: one HTML file that needs nothing else, with the report in a leasing manager's words.

It has no script and asks no other machine, names nobody, follows the reader's light or dark, and prints to
two pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.report import charts
from domiq_dagster.sync.report.collect import LEAD_STATUSES, PropertyLine, Report
from domiq_dagster.sync.report.links import Links
from domiq_dagster.sync.report.service_level import AGES
from domiq_dagster.sync.report.waiting import KINDS, WaitingLead

_MOST_OF_KIND = 25
"""So many leads of a kind are listed where the report is of several properties."""
_PRINTED_LINES = 34
"""So many lines of leads and properties are on the first of two sheets of paper."""
_PRINTED_PROPERTIES = 20
_PRINTED_LEADS = 3
"""Of so many of a kind there is room in any case."""
_MOST_OF_PROPERTY = 200
"""The same where it is of one."""


@dataclass(frozen=True, slots=True)
class _Group:
    """The leads that wait for the same thing.

    Attributes:
        leads: those that are listed, the longest waiting first; printed: how many of them on paper.
        more: how many are not listed, by property.
    """

    what: str
    why: str
    count: int
    leads: Sequence[WaitingLead]
    printed: int
    more: Sequence[tuple[str, int]]


def page(report: Report, links: Links | None = None) -> str:
    """The HTML of a report."""
    template = _environment().get_template("page.html.j2")
    days = [d.day for d in report.flow.days]
    several = len(report.properties) != 1
    return template.render(
        report=report,
        title=title(report),
        headline=headline(report),
        period=period(report.first, report.last),
        links=links or Links(),
        groups=list(_groups(report, several=several)),
        several=several,
        properties=sorted(report.properties, key=_urgency),
        charts=charts,
        days=days,
        printed_properties=_PRINTED_PROPERTIES,
        statuses=LEAD_STATUSES,
        ages=AGES,
        css=(Path(__file__).parent / "page.css").read_text(encoding="utf-8"),
        change=change(report),
    )


def title(report: Report) -> str:
    """What the page, and a mail with it, is called."""
    names = [p.name for p in report.properties]
    about = names[0] if len(names) == 1 else f"{len(names)} properties"
    return f"Lead status report, {about}, {period(report.first, report.last)}"


def headline(report: Report) -> str:
    """The first sentence: what a manager wants to know before all else."""
    count = len(report.waiting)
    step = report.in_step_percent
    if not report.properties:
        return "No property is connected."
    waits = (
        "Nothing waits for you"
        if not count
        else f"{_leads(count)} {'waits' if count == 1 else 'wait'} for you"
    )
    if step is None:
        return f"{waits}; no lead is known on both sides yet."
    also = "and" if (step >= 99) == (not count) else "but"
    return f"{waits}, {also} {percent(step)} of the leads are in step."


def change(report: Report) -> str | None:
    """How many changes there were, beside the time of the same length before; None where none were then."""
    now, before = sum(d.changes for d in report.flow.days), sum(d.changes for d in report.before.days)
    if not before:
        return None
    if now == before:
        return "as many as in the days before"
    than = f"{'more' if now > before else 'fewer'} than in the days before"
    return f"{100 * abs(now - before) / before:.0f} % {than}"


def period(first: date, last: date) -> str:
    """A range of days in words."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {last.day} {last:%B %Y}" if first != last else f"{last.day} {last:%B %Y}"
    begin = f"{first.day} {first:%B}" + (f" {first.year}" if first.year != last.year else "")
    return f"{begin} to {last.day} {last:%B %Y}"


def percent(value: float | None) -> str:
    """Never 100 % of what is not all, nor 0 % of what is something."""
    if value is None:
        return "\u2013"
    if 1 <= value < 99 or value in (0.0, 100.0):
        return f"{value:.0f} %"
    return f"{min(max(value, 0.1), 99.9):.1f} %"


def _groups(report: Report, *, several: bool) -> Iterator[_Group]:
    most = _MOST_OF_KIND if several else _MOST_OF_PROPERTY
    kinds = max(len({w.kind for w in report.waiting}), 1)
    room = _PRINTED_LINES - (min(len(report.properties), _PRINTED_PROPERTIES) if several else 0)
    printed = max((room - 3 * kinds) // kinds, _PRINTED_LEADS)
    for kind, (what, why) in KINDS.items():
        found = [w for w in report.waiting if w.kind == kind]
        if found:
            rest = Counter(report.names.get(w.partition_key, w.partition_key) for w in found[most:])
            yield _Group(what, why, len(found), found[:most], printed, rest.most_common())


def _urgency(line: PropertyLine) -> tuple[bool, int, str]:
    """Those in trouble first, then those at which most waits."""
    return line.trouble is None, -line.waiting, line.name


def _leads(count: int) -> str:
    return f"{count:,} lead" + ("" if count == 1 else "s")


def _since(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.day}\u00a0{moment:%b}"


def _unbroken(words: str) -> str:
    """With no line's end between a number and its sign."""
    return words.replace(" %", "\u00a0%")


def _days(days: float) -> str:
    """A span of days as a person says it."""
    if days < 2:
        return in_words(round(days * 24) * 3600) if days >= 1 / 24 else "under an hour"
    return f"{days:.0f} days"


def _words(status: str) -> str:
    return status.replace("_", " ")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": lambda value: _unbroken(percent(value)),
        "unbroken": _unbroken,
        "since": _since,
        "words": _words,
        "leads": _leads,
        "duration": in_words,
        "days": _days,
        "n": lambda count: f"{count:,}",
    }
    return environment
