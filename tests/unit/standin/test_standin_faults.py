"""Each kind of fault strikes as it says, and leaves committed what it says."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from tests.fixtures.standin_hand import Hand, Wording


def post(hand: Hand, say: type[Wording], ids: tuple[str, str]) -> requests.Response:
    lead = say.lead(ids=ids, event=say.event("Other", agent=hand.agent))
    answer: requests.Response = hand.v1("MITS/PostLeadManagement4_0", Xml=lead)
    return answer


def events(hand: Hand, ids: tuple[str, str]) -> int:
    """How many events there are beyond the first contact."""
    return len(hand.prospect(ids[0])["events"]) - 1


@pytest.mark.parametrize(("kind", "committed"), [("drop_before", 0), ("drop_after", 1)])
def test_dropped_connections(hand: Hand, say: type[Wording], kind: str, committed: int) -> None:
    ids = hand.created()
    hand.faults({"kind": kind, "count": 1, "endpoint": "PostLeadManagement4_0"})
    with pytest.raises(requests.ConnectionError):
        post(hand, say, ids)
    assert events(hand, ids) == committed
    assert post(hand, say, ids).status_code == 200
    dropped = next(r for r in hand.state()["requests"] if r["fault"] == kind)
    assert dropped["status"] is None
    assert dropped["outcome"] == ("Success" if committed else "Unprocessed")
    assert dropped["finishedAt"] is not None


def test_truncate_commits_and_sends_half(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.faults({"kind": "truncate", "count": 1})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        post(hand, say, ids)
    assert events(hand, ids) == 1


def test_hang_outlasts_the_client_and_commits_only_if_told(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    lead = say.lead(ids=ids, event=say.event("Other"))
    form = {"IntegrationPartnerID": "standin-partner", "ApiKey": "standin-key", "AccountID": "400"}
    form |= {"PropertyID": hand.property["propertyId"], "Xml": lead}
    url = hand.url + "/MITS/PostLeadManagement4_0"
    for commit, committed in ((False, 0), (True, 1)):
        hand.faults({"kind": "hang", "seconds": 30, "count": 1, "commit": commit})
        with pytest.raises(requests.ReadTimeout):
            hand.http.post(url, data=form, timeout=0.2)
        assert events(hand, ids) == committed
    hand.faults({"kind": "hang", "seconds": 0.05, "count": 1})
    with pytest.raises(requests.ConnectionError):
        hand.http.post(url, data=form, timeout=5)


def test_latency_delays_and_still_answers(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.faults({"kind": "latency", "seconds": 0.1}, {"kind": "latency", "seconds": 0.1}, latency_ms=50)
    begun = time.monotonic()
    assert post(hand, say, ids).status_code == 200
    assert time.monotonic() - begun >= 0.25
    assert events(hand, ids) == 1


def test_a_slow_server_commits_for_a_client_that_gave_up(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.faults({"kind": "latency", "seconds": 0.3, "count": 1})
    query = {"ProspectID": ids[0], "Xml": say.lead(ids=ids, event=say.event("Other"))}
    form = {"IntegrationPartnerID": "standin-partner", "ApiKey": "standin-key", "AccountID": "400"}
    form |= {"PropertyID": hand.property["propertyId"], **query}
    with pytest.raises(requests.ReadTimeout):
        hand.http.post(hand.url + "/MITS/PostLeadManagement4_0", data=form, timeout=0.1)
    deadline = time.monotonic() + 5
    while events(hand, ids) == 0 and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert events(hand, ids) == 1


def test_what_waits_when_the_world_is_made_anew_takes_no_effect_in_it(hand: Hand, say: type[Wording]) -> None:
    """The new world may have the lead that it names: one seed gives the same ids each time."""
    ids = hand.created()
    state = hand.state()
    same = {key: state[key] for key in ("accounts", "properties", "lostReasons", "prospects")}
    hand.faults({"kind": "latency", "seconds": 4.0, "count": 1})
    answers: list[requests.Response] = []
    thread = threading.Thread(target=lambda: answers.append(post(hand, say, ids)))
    thread.start()
    deadline = time.monotonic() + 60
    while not any(r["fault"] == "latency" for r in hand.state()["requests"]):
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
    hand.reset(world=same)
    thread.join()
    assert answers[0].status_code == 503
    assert events(hand, ids) == 0


def test_status_with_headers_body_and_hints(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.faults(
        {"kind": "status", "status": 429, "retry_after": 7, "count": 1},
        {"kind": "status", "status": 502, "retry_after": 60, "count": 1},
        {"kind": "status", "status": 503, "headers": {"X-Edge": "1"}, "count": 1},
        {"kind": "status", "status": 500, "body": {"message": "no"}, "count": 1, "commit": True},
    )
    busy, gateway, away, broken = (post(hand, say, ids) for _ in range(4))
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")
    assert (gateway.status_code, gateway.json()["retry_after"]) == (502, 60)
    assert (away.status_code, away.headers["X-Edge"]) == (503, "1")
    assert away.text.startswith("<!DOCTYPE html>")
    assert (broken.status_code, broken.json()) == (500, {"message": "no"})
    assert events(hand, ids) == 1


def test_html_refuse_and_unauthorized(hand: Hand, say: type[Wording]) -> None:
    ids = hand.created()
    hand.faults({"kind": "html", "count": 1}, {"kind": "refuse", "description": "Not today", "count": 3})
    page = post(hand, say, ids)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    refused = post(hand, say, ids)
    assert "<Status>Error</Status><ErrorDescription>Not today</ErrorDescription>" in refused.text
    failed = hand.v1("Leasing/GetEmployees").json()
    assert (failed["Status"], failed["ErrorDescription"]) == ("Failed", "Not today")
    assert hand.v2("Properties").status_code == 400
    hand.faults({"kind": "unauthorized", "count": 1}, {"kind": "unauthorized", "code": None, "count": 1})
    assert hand.v2("Properties").json()["code"] == 20001
    assert "code" not in hand.v2("Properties").json()
    assert events(hand, ids) == 0


def test_faults_are_for_an_endpoint_a_property_or_an_account(hand: Hand) -> None:
    property_id = hand.property["propertyId"]
    hand.faults(
        {"kind": "status", "status": 503, "endpoint": "Employees"},
        {"kind": "status", "status": 504, "property_id": property_id},
        {"kind": "status", "status": 500, "account_id": "401"},
    )
    codes = [hand.v2(p).status_code for p in ("Properties", "Employees")]
    codes += [hand.v1("Leasing/GetEmployees").status_code, hand.v2("Properties", account="401").status_code]
    assert codes == [200, 503, 504, 500]


def test_a_rate_is_seeded_and_repeats(hand: Hand) -> None:
    def run(seed: int) -> list[int]:
        hand.faults({"kind": "status", "status": 503, "rate": 0.5}, seed=seed)
        return [hand.v2("Employees").status_code for _ in range(24)]

    first = run(3)
    assert {200, 503} == set(first)
    assert run(3) == first
    assert run(4) != first


@pytest.mark.parametrize(
    "bad",
    [
        {"faults": [{"kind": "nonsense"}]},
        {"faults": [{"kind": "hang", "second": 3}]},
        {"faults": [{"kind": "html", "rate": 2}]},
        {"switches": {"latency": 3}},
        {"switches": {"duplicate_policy": "maybe"}},
        {"switches": {"entitlements": {"Prospects": "yes"}}},
        {"fault": []},
    ],
)
def test_a_misspelled_fault_or_switch_is_400_and_changes_nothing(hand: Hand, bad: dict[str, Any]) -> None:
    before = hand.state(requests="false")
    answer = hand.control("faults", bad)
    assert answer.status_code == 400
    assert answer.json()["error"]
    after = hand.state(requests="false")
    assert (after["faults"], after["switches"]) == (before["faults"], before["switches"])


def test_requests_in_flight_are_counted_by_account(hand: Hand) -> None:
    hand.v2("Properties")
    assert hand.state()["maxConcurrent"] == {"400": 1}
    hand.faults({"kind": "latency", "seconds": 0.2})
    auth = ("standin-partner", "standin-key")

    def ask() -> None:
        headers = {"ResMan-Account-Id": "401"}
        assert (
            requests.get(hand.url + "/Properties", auth=auth, headers=headers, timeout=5).status_code == 200
        )

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hand.state()["maxConcurrent"] == {"400": 1, "401": 3}
