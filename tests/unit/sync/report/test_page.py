"""The page needs nothing else, runs nothing, and says what a manager asks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.sync.report.collect import LEAD_STATUSES, DayFlow, Flow, PropertyLine, Report
from domiq_dagster.sync.report.links import Links
from domiq_dagster.sync.report.page import change, headline, page, percent, period, title
from domiq_dagster.sync.report.service_level import CatchUp
from domiq_dagster.sync.report.waiting import KINDS, WaitingLead, in_order
from domiq_dagster.sync.report.weekly import words

AT = datetime(2026, 3, 9, 12, tzinfo=UTC)
LAST = AT.date()
VOID = {"meta", "link", "br", "img", "input"}


def flow(days: int = 7, **counts: int) -> Flow:
    return Flow([DayFlow(LAST - timedelta(days=n), **counts) for n in reversed(range(days))])


def line(key: str = "flats", name: str = "Juniper Flats", **given: Any) -> PropertyLine:
    values = {"compared": 100, "in_step": 98, "awaiting": 1, "diverged": 1, "waiting": 0, "trouble": None}
    return PropertyLine(key=key, name=name, last_pull_at=AT, flow=flow(outbound=2), **{**values, **given})


def lead(kind: str = "conflict", number: int = 1, **given: Any) -> WaitingLead:
    values = {
        "partition_key": "flats",
        "kind": kind,
        "conversation_id": UUID(int=number),
        "prospect_id": f"prospect-{kind}-{number}",
        "domiq_status": "tour_scheduled",
        "resman_status": "Applicant/LeaseSigned",
        "reason": None,
        "since": AT - timedelta(days=number),
    }
    return WaitingLead(**{**values, **given})


def report(*lines: PropertyLine, waiting: Sequence[WaitingLead] = (), **given: Any) -> Report:
    values = {
        "flow": flow(outbound=5, inbound=3, failed=1, success=7, timed=5, within_10s=4, within_1min=5),
        "before": flow(outbound=4),
        "funnel": dict.fromkeys(LEAD_STATUSES, 3),
        "moves": [("new", "contacted", 4)],
        "days_in_status": {"new": 2.5, "contacted": 0.01},
        "reasons": [("refused", 2)],
        "conflicts_opened": 1,
        "conflicts_decided": 1,
        "in_step_by_day": {LAST - timedelta(days=n): 90.0 + n for n in range(5)},
        "diverged": [1, 0, 2, 0],
        "accounts": [CatchUp("400", 3, 1, 90.0, None, "unreachable"), CatchUp("401", 0, 0, None, 0.0, None)],
    }
    chosen = lines or (line(),)
    return Report(
        at=AT,
        first=LAST - timedelta(days=6),
        last=LAST,
        properties=chosen,
        waiting=waiting,
        names={p.key: p.name for p in chosen},
        **{**values, **given},
    )


class Reader(HTMLParser):
    """The elements with their attributes, and whether each that begins ends."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def everything() -> Report:
    """All kinds of what waits, at two properties."""
    waiting = [lead(kind, n) for kind in KINDS for n in (1, 2)]
    return report(line(), line("lofts", "Prairie Lofts", trouble="paused"), waiting=waiting)


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    html = page(everything())
    read = Reader(html)
    assert read.open == []
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"}
    names = {name for _, attributes in read.tags for name in attributes}
    assert not names & {"src", "srcset", "href", "action", "background", "poster"}
    assert [name for name in names if name.startswith("on")] == []
    assert not re.search(r"url\(|@import|https?:|//\w", html)
    assert "default-src 'none'" in html
    assert len(html) < 100_000


def test_it_tells_the_leads_that_wait_by_their_ids_with_what_to_do() -> None:
    html = page(everything())
    for kind, (what, _) in KINDS.items():
        assert what in html
        assert f"<code>prospect-{kind}-1</code>" in html
    assert "DomIQ: tour scheduled, ResMan: Applicant" in html
    assert "LeaseSigned" not in html


def test_links_lead_where_a_pattern_says_and_nowhere_else() -> None:
    links = Links("https://app.example.com/c/{conversation_id}", "https://resman.example.com/{prospect_id}/x")
    found = report(waiting=[lead(prospect_id='a"/<b>'), lead(number=2, prospect_id=None)])
    hrefs = [a["href"] for tag, a in Reader(page(found, links)).tags if tag == "a"]
    assert hrefs == [
        "https://resman.example.com/a%22%2F%3Cb%3E/x",
        f"https://app.example.com/c/{UUID(int=1)}",
        f"https://app.example.com/c/{UUID(int=2)}",
    ]
    evil = Links("javascript:alert(1)//{conversation_id}", None)
    assert "javascript" not in page(found, evil)


def test_a_name_is_text_whatever_it_holds() -> None:
    html = page(report(line(name="<script>alert(1)</script> & Sons"), line("lofts", '" onload="x')))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in html
    assert 'onload="x' not in html


def test_of_many_leads_the_longest_waiting_are_listed_and_the_others_counted() -> None:
    waiting = [lead(number=n) for n in range(1, 301)]
    several = page(report(line(), line("lofts", "Lofts"), waiting=waiting))
    assert several.count("<code>") == 25
    assert "and 275 more: Juniper Flats 275." in several
    one = page(report(waiting=waiting))
    assert one.count("<code>") == 200
    # One lead in several groups is told in the first of them.
    twice = in_order([lead("failed"), lead("conflict"), lead("awaiting", 2)])
    assert [(w.kind, w.conversation_id) for w in twice] == [
        ("conflict", UUID(int=1)),
        ("awaiting", UUID(int=2)),
    ]


def test_of_many_properties_those_in_trouble_and_those_that_wait_come_first() -> None:
    lines = [line(f"p{n}", f"Property {n:02}") for n in range(30)]
    lines[20] = replace(lines[20], waiting=3)
    lines[25] = replace(lines[25], trouble="ResMan cannot be read")
    html = page(report(*lines))
    names = re.findall(r'class="name">([^<]*)<', html)
    assert names[:3] == ["Property 25", "Property 20", "Property 00"]
    assert "ResMan cannot be read" in html
    assert html.count('<tr class="screen">') == 10, "paper has room for twenty"


@pytest.mark.parametrize(
    ("lines", "waiting", "said"),
    [
        ([line(in_step=100)], 0, "Nothing waits for you, and 100 % of the leads are in step."),
        ([line(in_step=80)], 0, "Nothing waits for you, but 80 % of the leads are in step."),
        ([line(in_step=100)], 1, "1 lead waits for you, but 100 % of the leads are in step."),
        ([line(in_step=50)], 2, "2 leads wait for you, and 50 % of the leads are in step."),
        ([line(compared=0, in_step=0)], 0, "Nothing waits for you; no lead is known on both sides yet."),
    ],
)
def test_the_headline_says_what_matters(lines: list[PropertyLine], waiting: int, said: str) -> None:
    found = report(*lines, waiting=[lead(number=n) for n in range(1, waiting + 1)])
    assert headline(found) == said


def test_a_report_of_nothing_is_a_page_all_the_same() -> None:
    empty = replace(report(), properties=[], names={}, accounts=[], moves=[], reasons=[], days_in_status={})
    empty = replace(empty, flow=flow(), before=flow(), in_step_by_day={}, diverged=[0, 0, 0, 0])
    assert headline(empty) == "No property is connected."
    html = page(empty)
    assert Reader(html).open == []
    assert "No lead moved" in html


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "\u2013"), (100.0, "100 %"), (99.99, "99.9 %"), (97.4, "97 %"), (0.0, "0 %"), (0.01, "0.1 %")],
)
def test_a_percentage_is_never_rounded_to_all_or_nothing(value: float | None, said: str) -> None:
    assert percent(value) == said


def test_periods_titles_and_changes_in_words() -> None:
    assert period(date(2026, 3, 3), date(2026, 3, 9)) == "3 to 9 March 2026"
    assert period(date(2026, 3, 9), date(2026, 3, 9)) == "9 March 2026"
    assert period(date(2026, 2, 25), date(2026, 3, 3)) == "25 February to 3 March 2026"
    assert period(date(2025, 12, 30), date(2026, 1, 5)) == "30 December 2025 to 5 January 2026"
    assert title(report()) == "Lead status report, Juniper Flats, 3 to 9 March 2026"
    assert change(report()) == "100 % more than in the days before"
    assert change(report(before=flow(outbound=8))) == "as many as in the days before"
    assert change(report(before=flow())) is None


def test_the_words_of_a_notice_tell_the_same_and_a_short_one_the_headline() -> None:
    found = report(waiting=[lead(number=n) for n in range(1, 33)])
    assert words(found, short=True) == headline(found)
    lines = words(found).splitlines()
    assert lines[2] == "Juniper Flats: 32 to look at"
    assert lines[3] == (
        "- Juniper Flats, lead prospect-conflict-1: Decide which status is right, since 2026-03-08"
    )
    assert lines[-1] == "and 2 more"
