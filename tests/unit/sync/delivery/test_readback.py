"""Recognising a post at ResMan: by its marker, else by the type, date and agent of its event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.resman.communication_log import log_of
from domiq_dagster.resman.models import LeadEvent, LeadRecord
from domiq_dagster.sync.delivery.planning import marker
from domiq_dagster.sync.delivery.readback import Seen, SentPost, Surroundings, find_post, shows
from domiq_dagster.sync.linking.lookup_keys import person_keys
from domiq_dagster.sync.linking.matching import contact

CHANGE = UUID("0123456789ab4def8123456789abcdef")
MARK = marker(CHANGE)
WHEN = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
POST = SentPost("tell", MARK, "Other", WHEN, "agent-1")
OTHER = SentPost("tell", "[DQ-ba9876543210]", "Other", WHEN, "agent-1")
EARLIER = SentPost("tell", "[DQ-aaaaaaaaaaaa]", "Contact", WHEN - timedelta(days=1), "agent-1")
CUT = "DomIQ status: contacted -> qua"


def event(comments: str | None = CUT, **values: Any) -> LeadEvent:
    given = {
        "event_type": "other",
        "event_date": WHEN.replace(microsecond=0),
        "agent_id": "AGENT-1",
        **values,
    }
    return LeadEvent(comments=comments, **given)


def seen(*events: LeadEvent, known: Any = (), in_doubt: Any = (), is_whole: bool = False) -> Seen:
    return find_post(POST, [events], Surroundings(known, in_doubt), is_whole=is_whole).seen


@pytest.mark.parametrize(
    "comments",
    [
        f"DomIQ status: new. {MARK}",
        "DomIQ status: new. DQ-0123456789ab",
        "DOMIQ STATUS: NEW. DQ-0123456789AB",
        "domiq status new dq 0123456789ab",
        "DomIQ status: new. (DQ_0123456789ab) seen by staff",
    ],
)
def test_a_marker_is_known_however_it_is_spelled(comments: str) -> None:
    """B10: brackets are stripped, the case is changed."""
    record = LeadRecord("p", "prospect", events=(event(comments, event_type="Email"),))
    assert shows(record, MARK) and shows(record, MARK[:-1])
    assert not shows(record, marker(CHANGE, "c"))
    first = LeadRecord("p", "prospect", events=(event(f"x {marker(CHANGE, 'c')}".upper()),))
    assert not shows(first, MARK)
    assert shows(first, marker(CHANGE, "c")) and shows(first, MARK[:-1])


@pytest.mark.parametrize("comments", [CUT, None, "", "DomIQ status: new. [DQ-01234", "DOMIQ STATUS NEW"])
def test_without_its_marker_type_date_and_agent_tell(comments: str | None) -> None:
    """B10."""
    assert seen(event(comments)) is Seen.ARRIVED
    assert seen(event(comments, agent_id=None)) is Seen.ARRIVED
    assert seen(event(comments, event_date=WHEN.replace(second=0, microsecond=0))) is Seen.ARRIVED
    assert seen(event(comments, event_type="Email")) is Seen.NOT_THERE
    assert seen(event(comments, event_date=WHEN + timedelta(seconds=2))) is Seen.NOT_THERE
    assert seen(event(comments, agent_id="agent-2")) is Seen.NOT_THERE


@pytest.mark.parametrize("comments", ["Called, will come by", f"x {OTHER.marker}", "DomIQ status: a [DQ-99"])
def test_what_shows_itself_to_be_another_s_is_not_taken_for_it(comments: str) -> None:
    assert seen(event(comments)) is Seen.NOT_THERE


def test_of_posts_that_look_the_same_as_many_must_be_there_as_are_known() -> None:
    """B10: where two cannot be told apart nobody guesses."""
    one, two = event(event_id="1"), event(event_id="2")
    assert seen(one, known=[OTHER]) is Seen.NOT_THERE
    assert seen(one, two, known=[OTHER]) is Seen.ARRIVED
    assert seen(event(f"x {OTHER.marker}"), two, known=[OTHER]) is Seen.ARRIVED
    assert seen(one, in_doubt=[OTHER]) is Seen.CANNOT_TELL
    assert seen(one, two, in_doubt=[OTHER]) is Seen.ARRIVED
    # Two answers show the same event, one of them with its marker: it is not two.
    answers = [[one], [event(f"x {OTHER.marker}", event_id="v2")]]
    assert find_post(POST, answers, Surroundings([OTHER]), is_whole=True).seen is Seen.NOT_THERE


def test_absence_counts_only_in_an_answer_that_shows_what_must_be_there() -> None:
    """B10: events are left out of a search's answer."""
    before = event(EARLIER.marker, event_type="Contact")
    assert seen() is Seen.CANNOT_TELL
    assert seen(is_whole=True) is Seen.NOT_THERE
    assert seen(is_whole=True, known=[EARLIER]) is Seen.CANNOT_TELL
    assert seen(before, known=[EARLIER]) is Seen.NOT_THERE
    assert seen(event("by staff", event_type="Show"), known=[EARLIER]) is Seen.CANNOT_TELL
    undated: Any = None
    assert seen(event("", event_date=undated), before, known=[EARLIER]) is Seen.CANNOT_TELL


def test_what_was_noted_of_a_post_may_lack_anything() -> None:
    for noted in (None, [], {}, {"marker": 5, "event_date": "soon"}, {"event_date": "2026-01-01T00:00:00"}):
        assert SentPost.of(noted) == SentPost("", "", "", None, None)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (b'{"prospectId": "{P-1}", "communicationLog": []}', 0),
        (
            b'{"PROSPECTID": "p-1", "CommunicationLog": [{"Date": "2026-02-03T04:05:06Z"}, 7, {}]}',
            1,
        ),
        (b'{"prospectId": "p-1", "communicationLog": null}', None),
        (b'{"prospectId": "p-1"}', None),
        (b'{"prospectId": "p-2", "communicationLog": []}', None),
        (b"[1]", None),
        (b"{", None),
    ],
)
def test_a_communication_log_is_read_as_far_as_it_can_be(source: bytes, found: int | None) -> None:
    log = log_of(source, "p-1", None)
    assert (None if log is None else len(log)) == found


def test_of_an_employee_s_two_ids_the_one_that_v1_knows_is_given() -> None:
    row = (
        b'{"date": "2026-02-03T04:05:06Z", "contactType": "In person", '
        b'"employee": {"agentId": "A", "personId": "P"}}'
    )
    source = b'{"prospectId": "p-1", "communicationLog": [' + row + b"]}"
    for given, wanted in ((None, "A"), ("A", "A"), ("p", "p"), ("x", "A")):
        (only,) = log_of(source, "p-1", given) or ()
        assert (only.agent_id, only.event_type) == (wanted, "")


def test_two_user_rows_of_one_person_share_a_key_and_strangers_share_none() -> None:
    """D9."""

    def keys(first: str, last: str, email: str | None, phone: str | None) -> frozenset[str]:
        return person_keys(contact(first, last, email, phone))

    bo = keys("Bo", "Tern", "bo.tern@example.com", "(512) 736-0101")
    assert bo & keys("B", "T", " Bo.Tern@Example.COM", None)
    assert bo & keys("B", "T", "bo.tern+flat@example.com", None)
    assert bo & keys("B", "T", "other@example.com", "+1 512-736-0101")
    assert bo & keys(" bo ", "TERN", None, None)
    assert not bo & keys("Di", "Ash", "di@example.com", "(512) 736-0199")
    assert not keys("Guest", "User", "noemail@noemail.com", None)
