"""How a read shows what there is, with the switches that make it harder to recognise: shared by v1 and v2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final

from .records import Employee, Event, Property, Prospect
from .store import Store
from .switches import Switches

_TAG: Final = re.compile(r"<[^<>]*>")
_BRACKETS: Final = re.compile(r"[\[\]<>(){}]")


def shown(store: Store, switches: Switches, prospects: Iterable[Prospect]) -> Iterator[Prospect]:
    """Prospects as a read shows them: as they were a while ago, where reads lag, with their comments as they
    are read."""
    when = store.clock() - timedelta(seconds=switches.read_lag_seconds) if switches.read_lag_seconds else None
    for prospect in prospects:
        seen = prospect if when is None else store.as_of(prospect, when)
        if seen is None:
            continue
        if switches.read_comment_length is not None or switches.sanitise_comments:
            events = [replace(e, comments=comments_as_read(e.comments, switches)) for e in seen.events]
            seen = replace(seen, events=events)
        yield seen


def comments_as_read(comments: str | None, switches: Switches) -> str | None:
    if comments is None:
        return None
    if switches.sanitise_comments:
        comments = _BRACKETS.sub("", _TAG.sub("", comments)).upper()
    return comments[: switches.read_comment_length] or None


def events_as_searched(prospect: Prospect, switches: Switches) -> list[Event]:
    """The events that a search of v1 shows."""
    if switches.events_left_out == "all":
        return []
    return prospect.events[:-1] if switches.events_left_out == "newest" else prospect.events


def spelled(word: str, switches: Switches) -> str:
    """A word for a status."""
    return {"lower": word.lower(), "upper": word.upper()}.get(switches.status_case, word)


def v1_id(employee: Employee, switches: Switches) -> str:
    """By which v1 knows an employee."""
    return employee.person_id if switches.v1_agent_ids == "person" else employee.agent_id


def employee_of(record: Property, given: str | None, switches: Switches) -> Employee | None:
    """The employee whom an id means that v1 was given."""
    if switches.v1_agent_ids == "agent":
        return record.agent(given)
    named = (given or "").strip().lower()
    return next((e for e in record.employees if e.person_id.lower() == named), None)
