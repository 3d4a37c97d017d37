"""One lead seen whole, as a page: one file, no script, nothing fetched, for light, dark and a phone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from domiq_dagster.cli.views.lead import lead_name, sections
from domiq_dagster.cli.views.screen import neutral

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6575; --ground: #f6f7f9;
        --card: #fff; --line: #dde1e8; --domiq: #1f5fbf; --domiq-ground: #e4eefc; --resman: #8a4b00;
        --resman-ground: #fbeedb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #9aa4b5; --ground: #12161d; --card: #1b212b; --line: #303947;
          --domiq: #9cc4ff; --domiq-ground: #1d3354; --resman: #ffc98a; --resman-ground: #46300f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--ground); color: var(--ink);
       font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem;
          margin: 0 0 1rem; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.soft, time { color: var(--soft); font-size: .85rem; }
.chip { display: inline-block; border-radius: .4rem; padding: .1rem .5rem; font-size: .9rem;
        white-space: nowrap; }
.domiq { color: var(--domiq); background: var(--domiq-ground); }
.resman { color: var(--resman); background: var(--resman-ground); }
.same { opacity: .6; }
.line { display: flex; list-style: none; margin: 0; padding: .5rem 0; overflow-x: auto; }
.line li { flex: 1 0 auto; min-width: 8.5rem; padding: .6rem .5rem 0; border-top: 3px solid var(--line);
           position: relative; display: flex; flex-direction: column; gap: .3rem; align-items: flex-start; }
.line li::before { content: ""; position: absolute; top: -.45rem; left: .5rem; width: .7rem; height: .7rem;
                   border-radius: 50%; background: var(--domiq); }
.list { list-style: none; margin: 0; padding: 0; }
.list li { padding: .35rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.list time { display: block; }
@media (max-width: 36rem) {
  body { padding: .5rem; }
  .line { flex-direction: column; overflow: visible; }
  .line li { border-top: 0; border-left: 3px solid var(--line); padding: 0 0 .8rem .9rem;
             margin-left: .4rem; }
  .line li::before { left: -.45rem; top: .35rem; }
}
""".strip()


def lead_page(result: Mapping[str, Any]) -> str:
    """The page, of what `lead_result` gives. It names nobody."""
    title = f"Lead {result['asked_for']}"
    body = "\n".join(line for one in result["leads"] for line in _article(one))
    more = f"<p class=soft>{result['not_shown']} more leads are not shown.</p>" if result["not_shown"] else ""
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M UTC}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # nothing is fetched, and no script runs, whatever a status or a reason holds
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<main>\n{body}\n{more}\n"
        f"<p class=soft>domiq-sync lead, {made}. Times are UTC. The page names nobody.</p>\n"
        "</main>\n</body>\n</html>\n"
    )


def _article(one: Mapping[str, Any]) -> Iterator[str]:
    yield "<article>"
    yield f"<h1>{_text(lead_name(one).capitalize())}</h1>"
    found = ", ".join(one["found_as"])
    yield f"<p class=soft>{_text(one['property'] or 'of no connected property')}; found as {_text(found)}</p>"
    now = (_chip("domiq", one["domiq_status"]), _chip("resman", one["resman_status"]))
    yield f"<p>Now {now[0]} in DomIQ, {now[1]} at ResMan</p>"
    for c in one["conversations"]:
        speaks = ", speaks for it" if c["speaks_for_lead"] else ""
        yield f"<p class=soft>conversation {_text(c['conversation_id'])}{speaks}</p>"
    yield from _timeline(one)
    for name, lines in sections(one):
        if not lines:
            continue
        yield f"<h2>{_text(name)}</h2>\n<ul class=list>"
        for moment, told in lines:
            yield f"<li>{_time(moment)}{_text(told.replace(chr(10), ', '))}</li>"
        yield "</ul>"
    yield "</article>"


def _timeline(one: Mapping[str, Any]) -> Iterator[str]:
    if not one["timeline"]:
        return
    yield "<h2>Both sides over time</h2>\n<ol class=line>"
    before: tuple[str | None, str | None] = (None, None)
    for m in one["timeline"]:
        chips = (
            _chip("domiq", m["domiq_status"], same=m["domiq_status"] == before[0]),
            _chip("resman", m["resman_status"], same=m["resman_status"] == before[1]),
        )
        yield f"<li>{_time(m['at'])}{chips[0]}{chips[1]}</li>"
        before = m["domiq_status"], m["resman_status"]
    yield "</ol>"


def _chip(side: str, status: str | None, *, same: bool = False) -> str:
    faded = " same" if same else ""
    said = "DomIQ" if side == "domiq" else "ResMan"
    return f'<span class="chip {side}{faded}" title="{said}">{_text(status or "-")}</span>'


def _time(moment: datetime | None) -> str:
    if moment is None:
        return "<time>at an unknown time</time>"
    at = moment.astimezone(UTC)
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%Y-%m-%d %H:%M:%S}</time>'


def _text(value: object) -> str:
    return escape(" ".join(neutral(str(value)).split()))
