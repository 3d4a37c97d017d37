"""Read-back: what a change and the lead as ResMan shows it say together. Has our post arrived, is DomIQ's
news newer? Pure.

A post is recognised by its marker, however ResMan has cut, stripped or spelled the comments that hold it.
Where the comments no longer hold it, the type, date and agent of its event tell, as far as no other post has
the same. Where neither can be seen nobody knows, and a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from domiq_dagster.resman.errors import Refused
from domiq_dagster.resman.models import LeadEvent, LeadRecord
from domiq_dagster.sync.delivery.pending_change import PendingChange
from domiq_dagster.sync.delivery.planning import TOLD_BY_CREATION, marker
from domiq_dagster.sync.status_map import LeadStatus

_ANY_MARKER = re.compile(r"dq[^0-9a-z]{0,3}[0-9a-f]{12}[a-z]?(?![0-9a-z])", re.IGNORECASE)
_CUT_MARKER = re.compile(r"dq[^0-9a-z]{0,3}([0-9a-f]{1,12})\W*$", re.IGNORECASE)
_OURS_BEGINS = "domiqstatus"
"""How the comments of our posts begin, squeezed."""


class Seen(StrEnum):
    """What ResMan's answers say of a post in doubt."""

    ARRIVED = "arrived"
    NOT_THERE = "not_there"
    """They show all that they should, and not the post."""
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class SentPost:
    """A post that was sent, as far as it may be recognised at ResMan without its marker.

    Attributes:
        name: `create`, `reactivate` or `tell`.
        marker: in full.
    """

    name: str
    marker: str
    event_type: str
    event_date: datetime | None
    agent_id: str | None

    @classmethod
    def of(cls, noted: Any) -> SentPost:
        """Of what was noted of a post. What it lacks, or has of another kind, counts as unknown."""
        values = noted if isinstance(noted, dict) else {}
        words = {k: v for k, v in values.items() if isinstance(v, str)}
        try:
            when = datetime.fromisoformat(words.get("event_date", ""))
        except ValueError:
            when = None
        return cls(
            words.get("name", ""),
            words.get("marker", ""),
            words.get("event_type", ""),
            when if when is not None and when.tzinfo is not None else None,
            words.get("agent_id"),
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The other posts to a lead.

    Attributes:
        known: those that ResMan has for certain, the newest first.
        in_doubt: those of which somebody else asks the same, or nobody does any more.
    """

    known: Sequence[SentPost] = field(default=())
    in_doubt: Sequence[SentPost] = field(default=())


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a post in doubt, and a sentence for a person."""

    seen: Seen
    sentence: str


def misses_name(refused: Refused) -> bool:
    """Whether ResMan refused an update for want of a name, which no source says it needs."""
    return "name" in (refused.description or "").lower()


def has_arrived(change: PendingChange, target: LeadStatus, record: LeadRecord) -> bool:
    """Whether the lead shows all that this change has to say."""
    return shows(record, marker(change.change_id)) or (
        target in TOLD_BY_CREATION and half_arrived(change, record)
    )


def half_arrived(change: PendingChange, record: LeadRecord) -> bool:
    """Whether the lead shows the first of this change's two posts."""
    return shows(record, marker(change.change_id, "c")) or shows(record, marker(change.change_id, "r"))


def shows(record: LeadRecord, mark: str) -> bool:
    """Whether an event of the lead carries a marker. Of one without its last bracket: that, or a marker that
    begins so."""
    return any(carries(event, mark) for event in record.events)


def is_appointment(event: LeadEvent) -> bool:
    """Whether an event may be an appointment: it is called so, or ResMan does not say what it is."""
    return event.event_type.lower() in ("", "appointment")


def carries(event: LeadEvent, mark: str) -> bool:
    """The same of one event. Brackets, case and what joins the marker's parts do not matter."""
    return _pattern(mark).search(event.comments or "") is not None


@lru_cache(maxsize=1024)
def _pattern(mark: str) -> re.Pattern[str]:
    digits = mark.strip("[]").removeprefix("DQ-")
    end = "" if not mark.endswith("]") else "(?![0-9a-z])"
    return re.compile(rf"dq[^0-9a-z]{{0,3}}{re.escape(digits)}{end}", re.IGNORECASE)


def find_post(
    post: SentPost, answers: Sequence[Sequence[LeadEvent]], around: Surroundings, *, is_whole: bool
) -> Finding:
    """Looks for a post in doubt among the events that ResMan shows of its lead.

    Args:
        answers: the events of each of its answers. They may show the same ones, under other ids.
        is_whole: one of them lists all that there is, so that no event at all means that there is none.
    """
    events = [event for answer in answers for event in answer]
    if any(carries(e, post.marker) for e in events):
        return Finding(Seen.ARRIVED, "ResMan shows its marker")
    alike = [[e for e in answer if _may_be(e, post)] for answer in answers]
    sure = [[e for e in found if _same_moment(e.event_date, post.event_date)] for found in alike]
    # Of those that look like it, some may be posts that are known to be there: what is left over is this one.
    over = max((len(s) - _rivals(post, a, around) for s, a in zip(sure, answers, strict=True)), default=0)
    if over > sum(_same(other, post) for other in around.in_doubt):
        return Finding(Seen.ARRIVED, "ResMan shows an event of its type, date and agent")
    if over > 0:
        return Finding(
            Seen.CANNOT_TELL,
            "ResMan shows an event of its type, date and agent, which may be that of another change",
        )
    undated = max((len(a) - len(s) for a, s in zip(alike, sure, strict=True)), default=0)
    if undated:
        return Finding(
            Seen.CANNOT_TELL,
            f"ResMan shows {undated} of its type without a date or a marker that would tell them apart",
        )
    if around.known and not is_shown(around.known[0], events):
        return Finding(
            Seen.CANNOT_TELL, "ResMan shows neither it nor the post before it: its answers leave events out"
        )
    if not events and not is_whole:
        return Finding(Seen.CANNOT_TELL, "ResMan shows no event of the lead at all")
    return Finding(Seen.NOT_THERE, "ResMan shows the lead's events, and it is not among them")


def _rivals(post: SentPost, answer: Sequence[LeadEvent], around: Surroundings) -> int:
    """How many posts that are there look like this one, and are not told apart by their marker."""
    return sum(
        _same(other, post) and not any(carries(e, other.marker) for e in answer) for other in around.known
    )


def is_shown(post: SentPost, events: Iterable[LeadEvent]) -> bool:
    """Whether a post that ResMan has for certain is among these events."""
    return any(_is(event, post) for event in events)


def shown_id(post: SentPost, events: Iterable[LeadEvent]) -> str | None:
    """ResMan's id of a post that is among these events; None where they show none, or several that may be
    it."""
    events = list(events)
    marked = [e for e in events if carries(e, post.marker)]
    ids = {e.event_id for e in marked or events if e.event_id and _is(e, post)}
    return ids.pop() if len(ids) == 1 else None


def _is(event: LeadEvent, post: SentPost) -> bool:
    return carries(event, post.marker) or (
        _may_be(event, post) and _same_moment(event.event_date, post.event_date)
    )


def _may_be(event: LeadEvent, post: SentPost) -> bool:
    """Whether an event without the post's marker may be the post all the same: nothing that it shows speaks
    against it."""
    if event.event_type and event.event_type.lower() != post.event_type.lower():
        return False
    if event.agent_id and post.agent_id and event.agent_id.lower() != post.agent_id.lower():
        return False
    if event.event_date and post.event_date and not _same_moment(event.event_date, post.event_date):
        return False
    return _may_be_ours(event.comments or "", post.marker)


def _may_be_ours(comments: str, mark: str) -> bool:
    if _ANY_MARKER.search(comments):
        return False  # of another post
    cut = _CUT_MARKER.search(comments)
    if cut is not None and not mark.lower().startswith(f"[dq-{cut[1].lower()}"):
        return False
    squeezed = _squeezed(comments)
    return _OURS_BEGINS.startswith(squeezed[: len(_OURS_BEGINS)]) or _OURS_BEGINS in squeezed


def _squeezed(comments: str) -> str:
    """In small letters, without blanks and signs."""
    return "".join(c for c in comments.lower() if c.isalnum())


def _same(one: SentPost, other: SentPost) -> bool:
    """Whether two posts look alike without their markers."""
    return (
        one.event_type.lower() == other.event_type.lower()
        and (one.agent_id or "").lower() == (other.agent_id or "").lower()
        and _same_moment(one.event_date, other.event_date)
    )


def _same_moment(one: datetime | None, other: datetime | None) -> bool:
    """Whether two times are the same second, or the same minute where one of them knows no seconds."""
    if not one or not other:
        return False
    if one.replace(microsecond=0) == other.replace(microsecond=0):
        return True
    knows_no_seconds = 0 in (one.second, other.second)
    return knows_no_seconds and one.replace(second=0, microsecond=0) == other.replace(second=0, microsecond=0)


def is_newer(change: PendingChange, record: LeadRecord | None) -> bool:
    """Whether the conversation began after the last thing that ResMan itself tells of the lead. An
    appointment's date is not when it was made, and what we posted is no news."""
    if record is not None and record.events:
        theirs = [
            e.event_date for e in record.events if not _is_ours(e) and e.event_type.lower() != "appointment"
        ]
        dated = [when for when in theirs if when is not None]
        if dated or not theirs:
            return not theirs or bool(change.began_at > max(dated))
        # none of theirs tells when it was
    return change.last_modified is not None and bool(change.began_at > change.last_modified)


def _is_ours(event: LeadEvent) -> bool:
    """Whether the comments show that we posted it, be they cut or stripped."""
    comments = event.comments or ""
    return _ANY_MARKER.search(comments) is not None or _squeezed(comments).startswith(_OURS_BEGINS)


def main_person_id(record: LeadRecord) -> str | None:
    return record.people[0].person_id if record.people else None
