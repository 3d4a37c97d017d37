"""The table of all decisions as Markdown.

`python -m domiq_dagster.sync.decisions.decision_table > docs/decision-table.md` writes it.

Every case that `decide.rule_on` can be asked is ruled on here, then cases that are alike are folded into one
row. Pure; a test holds docs/decision-table.md equal to what this gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields, replace
from enum import Enum
from itertools import product
from typing import Any

from domiq_dagster.sync.decisions.decide import Action, Case, Moved, Open, Words, enforceable, rule_on
from domiq_dagster.sync.status_map import SHIPPED, ConflictPolicy, LeadStatus, progress

Ruling = tuple[Action, str]
_DOMAINS: dict[str, tuple[Any, ...]] = {
    "words": tuple(Words),
    "moved": tuple(Moved),
    "open": tuple(Open),
    "postable": (True, False),
    "policy": tuple(ConflictPolicy),
    "further": (True, False),
    "push_failed": (True, False),
    "inbound": (True, False),
    "outbound": (True, False),
}
_FOLDED_LAST = ("moved", "open", "words")
"""What a reader looks for first stays apart longest."""
_HEADINGS = {
    "moved": "who moved",
    "open": "open change",
    "postable": "can be posted",
    "further": "DomIQ is further",
    "push_failed": "its push failed",
    "inbound": "takes from ResMan",
    "outbound": "sends to ResMan",
}
_TOLD = {
    Action.LEAVE: "leave both alone",
    Action.AGREE: "remember the pair",
    Action.HOLD: "hold",
    Action.APPLY: "**apply ResMan's**",
    Action.PUSH: "**push DomIQ's**",
    Action.REVIEW: "**ask a person**",
}

Row = dict[str, frozenset[Any]]
"""For each field of a case, the values that a row stands for."""


def all_cases() -> Iterator[Case]:
    """Every case there is."""
    names = [f.name for f in fields(Case)]
    for values in product(*(_DOMAINS[name] for name in names)):
        yield Case(**dict(zip(names, values, strict=True)))


def fold(ruled: Mapping[Case, Ruling]) -> list[tuple[Row, Ruling]]:
    """The cases as few rows, no case in two: rows that end alike and differ in one field become one."""
    names = [f.name for f in fields(Case)]
    rows: dict[tuple[frozenset[Any], ...], Ruling] = {
        tuple(frozenset([value]) for value in astuple(case)): outcome for case, outcome in ruled.items()
    }
    order = [n for n in names if n not in _FOLDED_LAST and n != "policy"] + [*_FOLDED_LAST, "policy"]
    before = -1
    while len(rows) != before:
        before = len(rows)
        for name in order:
            rows = _fold_one(rows, names.index(name))
    return [(dict(zip(names, values, strict=True)), outcome) for values, outcome in rows.items()]


def _fold_one(
    rows: Mapping[tuple[frozenset[Any], ...], Ruling], position: int
) -> dict[tuple[frozenset[Any], ...], Ruling]:
    alike: dict[tuple[Any, ...], frozenset[Any]] = {}
    for values, outcome in rows.items():
        key = (values[:position], values[position + 1 :], outcome)
        alike[key] = alike.get(key, frozenset()) | values[position]
    return {(*start, merged, *end): outcome for (start, end, outcome), merged in alike.items()}


def sections() -> list[tuple[str, list[tuple[Row, Ruling]]]]:
    """Titles and rows: first what holds under every policy, then what each policy adds."""
    ruled = {case: rule_on(case) for case in all_cases()}
    everywhere: dict[Case, Ruling] = {}
    apart: dict[Case, Ruling] = {}
    for case, outcome in ruled.items():
        same = {ruled[_with_policy(case, policy)] for policy in ConflictPolicy}
        (everywhere if len(same) == 1 else apart)[case] = outcome
    found = [("Under every policy", _in_order(fold(everywhere)))]
    for policy in ConflictPolicy:
        own = {case: outcome for case, outcome in apart.items() if case.policy is policy}
        found.append((f"`{policy.value}`", _in_order(fold(own))))
    return found


def _with_policy(case: Case, policy: ConflictPolicy) -> Case:
    return replace(case, policy=policy)


def _in_order(rows: list[tuple[Row, Ruling]]) -> list[tuple[Row, Ruling]]:
    def order(item: tuple[Row, Ruling]) -> list[list[int]]:
        return [sorted(_DOMAINS[name].index(v) for v in item[0][name]) for name in _DOMAINS]

    return sorted(rows, key=order)


def markdown() -> str:
    """The whole of docs/decision-table.md."""
    parts = [_INTRODUCTION, _map_tables(), _CASES]
    for title, rows in sections():
        parts.append(f"### {title}\n\n{_table(rows)}")
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[tuple[Row, Ruling]]) -> str:
    shown = [n for n in _HEADINGS if any(row[n] != frozenset(_DOMAINS[n]) for row, _ in rows)]
    with_words = any(row["words"] != {Words.DIFFER} for row, _ in rows)
    head = [*(["the two words"] if with_words else []), *(_HEADINGS[n] for n in shown), "then", "because"]
    lines = []
    for row, (action, reason) in rows:
        cells = [_cell("words", row["words"])] if with_words else []
        cells += [_cell(n, row[n]) for n in shown]
        lines.append([*cells, _TOLD[action], reason.format(resman_status="status")])
    return _grid(head, lines)


def _cell(name: str, values: frozenset[Any]) -> str:
    if values == frozenset(_DOMAINS[name]):
        return "any"
    told = [v for v in _DOMAINS[name] if v in values]
    return " or ".join(v.value if isinstance(v, Enum) else ("yes" if v else "no") for v in told)


def _grid(head: Iterable[str], lines: Iterable[Sequence[str]]) -> str:
    head = list(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *lines))


def _map_tables() -> str:
    said = _grid(
        ["DomIQ's word", "lead status", "posted as", "progress"],
        [
            (word, m.lead_status.value, m.event_type, _rank(m.lead_status))
            for word, m in SHIPPED.domiq.items()
        ],
    )
    shown = _grid(
        ["ResMan's word", "covers", "sets", "DomIQ's statuses that can be posted to it"],
        [
            (word, _listed(m.covers), m.sets.value, _listed({s for s in LeadStatus if enforceable(word, s)}))
            for word, m in SHIPPED.resman.items()
        ],
    )
    return f"{_MAP}\n\n{said}\n\n{_RESMAN}\n\n{shown}"


def _rank(status: LeadStatus) -> str:
    return "none" if status is LeadStatus.LOST else str(progress(status))


def _listed(statuses: Iterable[LeadStatus]) -> str:
    found = set(statuses)
    if found == set(LeadStatus):
        return "all"
    return ", ".join(s.value for s in LeadStatus if s in found)


_INTRODUCTION = """<!-- Generated:
     python -m domiq_dagster.sync.decisions.decision_table > docs/decision-table.md -->

# What is decided about a lead

For each linked lead three things are compared: the pair of statuses that both sides last agreed on, what
ResMan shows now, and what DomIQ shows now. `sync/decisions/decide.py` sees which case that is and what the
case asks for; this page lists all cases, and is generated from that code."""

_MAP = """## The status map

What ships. A row of `domiq_sync.domiq_status_map` or `domiq_sync.resman_status_map` with a `property_id`
overrides it for that property; one with `property_id` NULL is the default for all. DomIQ's words that have no
row (`active`, `completed`, none at all) are no lead status and are left alone. `lost` is always posted as a
Cancel, which alone among the events makes a lead lost."""

_RESMAN = """A ResMan status may carry the milestone of its lease: Applicant/Approved, /LeaseSigned, /MovedIn,
/Denied, /Cancelled, and Resident/Former, /Evicted. The row that holds is, of those that are there: the
milestone's at the property, the shipped one of the milestone, the bare status's at the property, the shipped
one of the bare status. A ResMan word with no row at all is left alone and counted. What sets a status that a
row covers is no news; what it does not cover is set to `sets`. When a row is changed, leads that were in step
until then are decided about anew.

A denied or cancelled application is neither made lost nor called a difference if DomIQ calls it lost: staff
decide what becomes of it. A property that wants it otherwise overrides the row:
`INSERT INTO domiq_sync.resman_status_map VALUES ('<property>', 'Applicant/Denied', '{lost}', 'lost')`."""

_CASES = """## The cases

- **Who moved** is seen from what words mean: `engaged` for `contacted`, or Applicant/Approved for Applicant,
  is no move. Where no pair was ever agreed both moved, or DomIQ alone if the conversation began after
  ResMan's last news of the lead.
- **An open change** is an outbound one that is not settled. It counts as a move of DomIQ's, so ResMan's
  status is not applied over it unless the policy beats it, and then it is settled as superseded. One that is
  under way is always waited for.
- **Can be posted**: an event from outside can bring ResMan to DomIQ's status. An applicant or a resident is
  not made a prospect again, nor a resident, or an applicant who signed, lost.
- **DomIQ is further**: further than the status that ResMan's sets, in the order of progress above; lost is
  no progress.
- **Terminal statuses.** `leased` and `lost` end DomIQ's own flow, not ResMan's: staff who make a lost lead a
  prospect again make it `contacted`, and a signed lease that is cancelled makes a leased one `application`.
  Where both moved, the policy decides about them as about any other; under `furthest_progress` nothing beats
  leased, and anything beats lost.
- **Reactivation.** A conversation that DomIQ makes active again after it was lost is pushed: a ReActivate
  event first, then what there is to tell.
- **One way only.** A property that only sends, or only takes, leaves the policy nothing to choose.
- **Its push failed**: the last change of the conversation carried the present status, and failed. It waits
  for `domiq-sync retry`.

Columns that make no difference in a table are left out; "any" stands for all values."""


if __name__ == "__main__":
    print(markdown(), end="")
