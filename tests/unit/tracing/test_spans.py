"""The ids of spans follow from the change, and an attempt is handed over however it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domiq_dagster.resman.errors import Busy
from domiq_dagster.tracing import spans
from domiq_dagster.tracing.spans import Attempt, TracedChange

LOGGED = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
CHANGE = TracedChange(UUID("6f1c0a52-7f0e-4f0e-9d6b-0c1d2e3f4a5b"), LOGGED, uuid4(), "400")


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.counts = {"sent": 0, "dropped": 0}

    def take(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)


class Broken(Kept):
    def take(self, attempt: Attempt) -> None:
        raise RuntimeError("bo@example.com")


def test_the_trace_of_a_change_has_the_id_of_the_change() -> None:
    assert f"{CHANGE.trace_id:032x}" == CHANGE.change_id.hex
    assert Attempt(CHANGE, 7).log_keys["trace_id"] == CHANGE.change_id.hex


@given(st.uuids(), st.integers(1, 2**63 - 1))
def test_ids_are_valid_and_the_same_wherever_they_are_worked_out(change_id: UUID, token: int) -> None:
    change = replace(CHANGE, change_id=change_id)
    again = replace(CHANGE, change_id=UUID(str(change_id)), property_id=uuid4())
    one, other = Attempt(change, token, earlier_token=3), Attempt(again, token + 1, earlier_token=token)
    assert 0 < change.trace_id == again.trace_id < 2**128
    assert 0 < change.span_id == again.span_id < 2**64
    assert 0 < one.span_id == other.earlier_span_id < 2**64
    ids = [change.span_id, one.span_id, other.span_id, one.request_span_id(0), one.request_span_id(1)]
    assert len(set(ids)) == len(ids)


def test_a_change_whose_id_is_nothing_but_zeros_has_a_trace_all_the_same() -> None:
    assert replace(CHANGE, change_id=UUID(int=0)).trace_id > 0


def test_a_change_that_is_put_back_stays_in_its_trace_with_a_span_of_its_own() -> None:
    back = replace(CHANGE, logged_at=LOGGED + timedelta(days=1))
    assert back.trace_id == CHANGE.trace_id
    assert back.sampling_id == CHANGE.sampling_id
    assert back.span_id != CHANGE.span_id


def test_times_are_kept_to_the_microsecond() -> None:
    assert CHANGE.logged_ns == 1772366400_123456_000


def test_where_nobody_gathers_traces_a_request_belongs_to_none() -> None:
    assert not spans.is_on()
    with spans.under_way(None), spans.request("GET", "GET /Prospects", "resman.test") as seen:
        assert seen is None


def test_requests_belong_to_the_attempt_that_is_under_way_in_their_thread() -> None:
    kept, attempt = Kept(), Attempt(CHANGE, 7)
    with spans.gathered_by(kept):
        with spans.under_way(attempt):
            spans.statuses("new", "contacted")
            with spans.request("GET", "GET /Prospects", "resman.test") as seen:
                assert seen is not None
                seen.http_status = 200
            with (
                pytest.raises(Busy),
                spans.request("POST", "MITS/PostLeadManagement4_0", "resman.test"),
            ):
                raise Busy("POST MITS/PostLeadManagement4_0: wait")
            attempt.result = "postponed"
        with spans.request("GET", "GET /Prospects", "resman.test") as seen:
            assert seen is None
    assert kept.attempts == [attempt]
    assert (attempt.old_status, attempt.new_status, attempt.result) == ("new", "contacted", "postponed")
    assert [(r.method, r.http_status, r.error) for r in attempt.requests] == [
        ("GET", 200, None),
        ("POST", None, "busy"),
    ]
    assert all(attempt.began <= r.began <= r.ended <= attempt.ended for r in attempt.requests)


def test_an_attempt_that_is_broken_off_says_of_what_without_its_words() -> None:
    kept = Kept()
    with spans.gathered_by(kept), pytest.raises(ValueError), spans.under_way(Attempt(CHANGE, 7)):
        raise ValueError("bo@example.com")
    (attempt,) = kept.attempts
    assert (attempt.result, attempt.outcome, attempt.is_last) == ("fault", "ValueError", False)


def test_whatever_is_wrong_with_the_tracing_the_delivery_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with spans.gathered_by(Broken()), spans.under_way(Attempt(CHANGE, 7)):
        pass
    assert caplog.messages == ["an attempt could not be traced: RuntimeError"]
