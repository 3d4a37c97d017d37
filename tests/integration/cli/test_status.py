"""status, doctor, explain, retry, conflicts: how things stand, and what a person does about it."""

import re
import socket
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from domiq_dagster.sync.monitoring.log_totals import recount
from tests.fixtures.commands import Run
from tests.fixtures.world import POST, World


def test_status_says_how_things_stand(run: Run, world: World, env: dict[str, str]) -> None:
    flats = world.property(0)
    world.property(1)
    world.conversation(flats, "new")
    world.conversation(flats, "active")
    world.do(
        "UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 h', open_reason = 'busy'"
    )
    done = run("status", "--utc", "--json", **env)
    assert (done.code, done.err) == (0, "")
    first = {row["property"]: row for row in done.result["properties"]}["juniper-flats"]
    assert (first["pending"], first["statuses_left_alone"]) == (1, {"active": 1})
    (account,) = done.result["accounts"]
    assert (account["reason"], account["pending"], account["due"]) == ("busy", 1, 0)
    assert (account["per_minute"], account["catch_up_seconds"]) == (None, None)
    until = f"{datetime.fromisoformat(account['paused_until']):%Y-%m-%d %H:%M:%S UTC}"
    assert f"account 400 paused (busy), tried again {until}" in done.out
    assert re.search(r"account 400 paused \(busy\), tried again in (59 min|1 h)", run("status", **env).out)
    assert re.search(r"^ *400 +1 +0 +0 +0 +\d+ s +- +cannot tell$", done.out, re.MULTILINE)
    assert "Left alone, since no lead status: active 1" in done.out
    world.do("UPDATE status_sync_log SET sync_status = 'failed'")
    world.reconcile()
    failed = run("status", "--json", "--property", flats, **env)
    assert (failed.code, len(failed.result["properties"]), failed.result["totals"]["failed"]) == (1, 1, 1)


def test_status_tells_the_backlog_the_rate_and_what_waits_for_whom(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats, lofts = world.property(0), world.property(7)
    world.sync()
    world.conversation(flats, "new")
    world.standin.faults({"kind": "latency", "seconds": 0.05, "endpoint": POST})
    world.push()
    chats = [world.conversation(flats, "new") for _ in range(6)]
    world.conversation(world.property(2, connected=False), "new")
    world.conversation(lofts, "new")
    for chat, outcome in zip(chats, ("conflict", "not_configured: agent_id", "no_contact"), strict=False):
        world.do(
            "UPDATE domiq_sync.delivery SET state = 'waiting', last_outcome = :o WHERE lane = :c",
            o=outcome, c=chat,
        )  # fmt: skip
    world.do(
        "UPDATE domiq_sync.delivery SET state = 'unknown', enqueued_at = now() - interval '3 h' "
        "WHERE lane = :c", c=chats[-1],
    )  # fmt: skip
    world.do("UPDATE domiq_sync.account SET ramp_ms = 1200 WHERE resman_account_id = '400'")
    world.do("UPDATE domiq_sync.integration SET sync_enabled = FALSE WHERE partition_key = 'prairie-lofts'")

    done = run("status", "--json", **env)

    result = done.result
    queue, (first, second) = result["queue"], result["accounts"]
    assert (queue["pending"], queue["held"], queue["unknown_outcomes"], queue["not_connected"]) == (
        7,
        4,
        1,
        1,
    )
    assert queue["oldest_pending_seconds"] == queue["oldest_unknown_seconds"] == pytest.approx(10800, abs=60)
    assert (first["account"], first["pending"], first["held"], first["settled_recently"]) == ("400", 6, 3, 1)
    assert first["catch_up_seconds"] == pytest.approx(3 / first["per_minute"] * 60, abs=0.06)
    assert (second["pending"], second["held"], second["catch_up_seconds"]) == (1, 1, 0.0)
    flats_row, lofts_row = result["properties"]
    assert flats_row["waiting_for"] == {
        "conflicts": 1, "settings": 1, "contact": 1, "grants": 0, "in_doubt": 0,
    }  # fmt: skip
    assert (flats_row["due"], flats_row["unknown_outcomes"]) == (3, 1)
    assert (lofts_row["switched_off"], lofts_row["due"]) == (True, 0)
    assert re.search(r"^ *400 +6 +3 +3 +1 +3 h 0 min +\d+/min +\d+ s$", done.out, re.MULTILINE)
    for sentence in (
        "account 400: after an outage, one request in 1.2 s, and faster with each success",
        "juniper-flats: waiting for a person's decision (domiq-sync conflicts): 1",
        "juniper-flats: waiting for the property's settings (domiq-sync doctor): 1",
        "juniper-flats: waiting for an e-mail address or phone of the lead: 1",
        "juniper-flats: the oldest pending change has waited for 3 h 0 min",
        "juniper-flats: may or may not have reached ResMan: 1, the oldest pending for 3 h 0 min; the",
        "prairie-lofts: waiting, since sync to ResMan is switched off: 1",
        "waiting at properties that are not connected: 1",
    ):
        assert sentence in done.out
    one = run("status", "--property", "prairie-lofts", "--json", **env)
    assert [a["account"] for a in one.result["accounts"]] == ["401"]


def test_doctor_finds_what_is_in_place_and_what_is_not(run: Run, world: World, env: dict[str, str]) -> None:
    world.property(0)
    well = run("doctor", "--json", **env)
    assert well.code == 0, well.out
    assert all(f["ok"] for f in well.result["findings"])
    world.standin.faults({"kind": "refuse", "endpoint": "GetEmployees"})
    world.do("DROP TRIGGER domiq_sync_capture_update ON conversation")
    ill = run("doctor", "--json", **env)
    assert ill.code == 1
    assert [f["question"] for f in ill.result["findings"] if not f["ok"]] == [
        "Changes of conversation.status are captured",
        "Account 400: v1 GetEmployees",
    ]


def test_doctor_says_whether_the_totals_of_the_log_agree_with_it(
    run: Run, world: World, env: dict[str, str]
) -> None:
    question = "The totals of the log agree with it"
    world.property(0)

    def answer() -> tuple[bool, str]:
        (found,) = [f for f in run("doctor", "--json", **env).result["findings"] if f["question"] == question]
        return found["ok"], found["answer"]

    assert answer()[0]
    with world.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("INSERT INTO status_sync_log (sync_status) VALUES ('failed')"))
    assert recount(world.engine).differed == 1
    ok, told = answer()
    assert not ok
    assert told.startswith("off by 1 when the log was counted ")
    world.do("DELETE FROM domiq_sync.log_count")
    assert answer() == (False, "the log is yet to be counted: run domiq-sync sync")
    run("migrate", **env)  # which counts so small a log by itself
    assert answer()[0]


def test_doctor_names_wrong_credentials_and_a_wrong_property(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats = world.property(0)
    world.do("UPDATE domiq_sync.integration SET resman_property_id = :p", p=str(flats))
    done = run("doctor", "--json", **env)
    assert done.code == 1
    assert [
        f["answer"] for f in done.result["findings"] if f["question"].startswith("juniper-flats is a")
    ] == ["no: correct --resman-property with domiq-sync connect"]
    wrong = run("doctor", "--json", **{**env, "RESMAN_API_KEY": "wrong-key-of-example"})
    assert wrong.code == 1
    assert "bad_credentials" in wrong.out
    assert "wrong-key-of-example" not in wrong.out + wrong.err


def test_explain_tells_the_story_by_change_conversation_and_lead(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """A lost answer, a probe, a refusal, a retry: in order, and without the person unless asked for."""
    flats = world.property(0)
    world.sync()
    person = world.user("Zebedee", "Quillfeather", "zeb@example.com", "+1 212 555 0187")
    chat = world.conversation(flats, "active", user=person)
    world.log(chat, "new", status_reason="Zebedee rang", context_data='{"conversation_summary": "Zeb"}')
    world.standin.faults({"kind": "drop_after", "endpoint": POST, "count": 1})
    world.push()
    world.deliver()
    world.standin.faults({"kind": "refuse", "endpoint": POST, "description": "Not today"})
    world.log(chat, "contacted")
    world.push()
    world.standin.faults()
    assert run("retry", "--reason", "refused", "--by", "ops", **env).code == 0
    world.push()
    change, lead = world.changes(chat)[0].id, world.last(chat).resman_lead_id

    whole = run("explain", chat, "--utc", "--json", **env)
    assert (whole.code, whole.err) == (0, "")
    first, second = whole.result["changes"]
    assert (first["change_id"], first["settlement"]["outcome"]) == (str(change), "confirmed_by_read")
    assert (second["retries"][0]["by"], second["settlement"]["outcome"]) == ("ops", "sent")
    story = [
        rf"Conversation {chat} \(juniper-flats\)",
        r"  now active in DomIQ, which is no lead status and left alone",
        r"  Prospect at ResMan",
        r"  lead \S+, linked by email [-0-9]+ [:0-9]+ UTC",
        r"  last agreed on contacted and Prospect [-0-9]+ [:0-9]+",
        rf"[-0-9]+ [:0-9]+ UTC somebody: no status -> new, to ResMan: success  \(change {change}\)",
        r"  reason: \[hidden\] rang",
        r"  the application's context: conversation_summary \(shown with --with-contact\)",
        r"  [-0-9]+ [:0-9]+ UTC worker \S+",
        r"    [.:0-9]+ search_by_email: ok \(\d+ ms\); answer: 0 found",
        r"    [.:0-9]+ create: no_answer \(\d+ ms\); asked: Contact of \S+ as prospect \[DQ-\w+\]; nobody",
        r"    [.:0-9]+ probe: found \(0 ms\); marker \[DQ-",
        r"  ended: confirmed_by_read: ResMan shows the event, though its answer did not come",
        r"[-0-9]+ [:0-9]+ UTC somebody: no status -> contacted, to ResMan: success",
        r"    [.:0-9]+ tell: refused \(\d+ ms\); asked: .* of lead \S+ \[DQ-\w+\]; answer: HTTP 200, .*"
        r"\"Not today\"; it took no effect and will not",
        r"  [-0-9]+ [:0-9]+ UTC retried by ops, who chose reason refused; it had failed: refused: Not today",
        r"    [.:0-9]+ tell: ok \(\d+ ms\); asked: .*; answer: lead \S+, events \S+",
        r"  ended: sent: .* at ResMan, events \S+",
    ]
    lines = iter(whole.out.splitlines())
    for expected in story:
        assert any(re.match(expected, line) for line in lines), expected
    for identifier in (change, chat, lead):
        done = run("explain", identifier, "--json", **env)
        assert str(change) in [c["change_id"] for c in done.result["changes"]]
        assert not re.search(r"zeb|quillfeather|555[ .-]?0187", done.out, re.IGNORECASE)
    shown = run("explain", chat, "--with-contact", "--json", **env)
    assert "  Zebedee Quillfeather, zeb@example.com, +1 212 555 0187" in shown.out
    assert "  the application's context: {'conversation_summary': 'Zeb'}" in shown.out
    assert shown.result["conversations"][0]["contact"]["email"] == "zeb@example.com"


def test_explain_tells_what_waits_and_why(run: Run, world: World, env: dict[str, str]) -> None:
    chat = world.conversation(world.property(0), "new")
    world.do("UPDATE domiq_sync.integration SET agent_id = NULL")
    world.standin.faults({"kind": "refuse", "endpoint": "GetEmployees"})
    world.push()
    done = run("explain", chat, **env)
    assert "\n  now new in DomIQ\n  no lead at ResMan is known\n" in done.out
    assert re.search(
        r"^  waits: waiting \(0 counted tries, 1 postponed, last not_configured: agent_id\), next in \d+ ",
        done.out, re.MULTILINE,
    )  # fmt: skip


@pytest.mark.parametrize("identifier", ["5c0a5a2e-0000-4000-8000-000000000000", "nothing-like-an-id"])
def test_explain_of_what_nobody_knows_could_not_run(run: Run, env: dict[str, str], identifier: str) -> None:
    assert run("explain", identifier, **env).sentence.startswith(f"Nothing is known of {identifier}:")


def test_retry_puts_failed_changes_back_by_property_time_and_reason(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats, ridge = world.property(0), world.property(1)
    for property_id in (flats, ridge, ridge):
        world.log(
            world.conversation(property_id, "active"), "new", sync_status="failed",
            context_data='{"sync": {"outcome": "refused"}}',
        )  # fmt: skip
    rows = [
        {"property": "copper-ridge", "reason": "refused", "changes": 2},
        {"property": "juniper-flats", "reason": "refused", "changes": 1},
    ]
    before = world.versions()
    would = run("retry", "--dry-run", "--json", **env)
    assert would.result == {
        "ok": True, "retried": 3, "dry_run": True, "overtaken": 0, "changes": rows, "records": []
    }  # fmt: skip
    assert would.out.splitlines()[:3] == [
        "3 failed changes would be pending again. Nothing was changed.",
        "  copper-ridge: 2 that failed of refused",
        "  juniper-flats: 1 that failed of refused",
    ]
    assert world.versions() == before

    assert run("retry", "--since", "2199-01-01", **env).sentence.startswith(
        "2199-01-01 00:00:00 UTC is in the"
    )
    assert run("retry", "--reason", "refusal", **env).sentence == (
        "No change has failed of refusal. Changes have failed of: refused (3)."
    )
    assert world.versions() == before

    assert run("retry", "--property", "copper-ridge", "--json", **env).result["retried"] == 2
    done = run("retry", "--since", "2026-01-01T00:00:00Z", "--reason", "refused", "--by", "ops", **env)
    assert (done.code, done.out) == (
        0,
        "1 failed changes are pending again.\n  juniper-flats: 1 that failed of refused\n",
    )
    by = world.rows(
        "SELECT context_data #>> '{retries,0,by}' AS name FROM status_sync_log ORDER BY created_at"
    )
    first, *others = (row.name for row in by)
    assert first == "ops"
    assert [name.rpartition("@")[2] for name in others] == 2 * [socket.gethostname()]
    assert run("retry", "--json", **env).result["retried"] == 0


@pytest.fixture
def conflict(world: World) -> UUID:
    """A conversation about which a person must decide: DomIQ says tour_scheduled, ResMan Lost."""
    flats = world.property(0, conflict_policy="manual_review")
    lead = world.lead(0, email="a@example.com")
    chat = world.conversation(flats, "contacted", email="a@example.com")
    world.sync()
    world.change(chat, status="tour_scheduled")
    world.standin.edit(lead["prospectId"], status="Lost")
    world.sync()
    return chat


@pytest.mark.parametrize(("keep", "status"), [("resman", "lost"), ("domiq", "tour_scheduled")])
def test_conflicts_are_listed_and_decided(
    run: Run, world: World, env: dict[str, str], conflict: UUID, keep: str, status: str
) -> None:
    listed = run("conflicts", "--json", **env)
    assert listed.code == 0
    (found,) = listed.result["conflicts"]
    assert (found["conversation_id"], found["domiq_status"], found["resman_status"]) == (
        str(conflict), "tour_scheduled", "Lost",
    )  # fmt: skip
    decided = run("conflicts", "--resolve", conflict, "--keep", keep, "--json", **env)
    assert (decided.code, decided.err, decided.result) == (
        0,
        "",
        {"conflicts": [], "links": [], "doubts": []},
    )
    assert f"Decided for {keep}." in decided.out
    world.deliver()
    world.sync()
    assert world.status(conflict) == status
    assert world.lead_of(conflict)["status"] == {"resman": "Lost", "domiq": "Prospect"}[keep]
    assert "No conflict waits for a person." in run("conflicts", **env).out


def test_a_change_in_doubt_is_listed_and_decided(run: Run, world: World, env: dict[str, str]) -> None:
    """B10: where ResMan's answers leave events out, nobody but a person can tell whether a post arrived."""
    chat = world.conversation(world.property(), "contacted", email="a@example.com")
    world.sync(2)
    world.change(chat, status="qualified")
    lost = {"kind": "drop_after", "endpoint": "PostLeadManagement4_0", "count": 1}
    world.standin.faults(lost, events_left_out="all")
    world.standin.odd(world.lead_of(chat)["prospectId"], values={"communicationLog": None})
    for _ in range(3):
        world.push()
        world.later()
    listed = run("conflicts", "--json", **env)
    (found,) = listed.result["doubts"]
    change = str(world.last(chat).id)
    assert (found["change_id"], found["new_status"], found["event_type"]) == (change, "qualified", "Other")
    assert "answers leave events out" in listed.out
    decided = run("conflicts", "--arrived", change, "--by", "Casey", "--json", **env)
    assert (decided.code, decided.err, decided.result["doubts"]) == (0, "", [])
    assert "the next push has it counted as sent" in decided.out
    world.push()
    assert world.last(chat).outcome == "confirmed_by_person"
    assert "is not in doubt" in str(run("conflicts", "--send-again", change, **env).sentence)
    both = run("conflicts", "--send-again", change, "--arrived", change, **env)
    assert "give it to --arrived or to --send-again" in str(both.sentence)


@pytest.mark.parametrize(
    "options",
    [["--resolve", str(uuid4())], ["--keep", "domiq"], ["--resolve", str(uuid4()), "--keep", "both"]],
    ids=["which side?", "which one?", "both?"],
)
def test_conflicts_misused_could_not_run(run: Run, env: dict[str, str], options: list[str]) -> None:
    assert run("conflicts", *options, **env).sentence == (
        "Give --resolve CONVERSATION together with --keep domiq or --keep resman."
    )


def test_a_conflict_that_is_not_open_cannot_be_decided(run: Run, env: dict[str, str]) -> None:
    nobody = uuid4()
    done = run("conflicts", "--resolve", nobody, "--keep", "domiq", **env)
    assert done.sentence == f"There is no open conflict for conversation {nobody}."


@pytest.fixture
def unclear(world: World) -> tuple[UUID, list[str]]:
    """A conversation that two leads fit."""
    property_id = world.property()
    leads = sorted(world.lead(email="bo@example.com")["prospectId"] for _ in "ab")
    chat = world.conversation(property_id, "qualified", email="bo@example.com")
    world.sync()
    return chat, leads


def test_unclear_links_are_listed_and_decided_and_who_decided_is_on_record(
    run: Run, world: World, env: dict[str, str], unclear: tuple[UUID, list[str]]
) -> None:
    chat, leads = unclear
    listed = run("conflicts", "--json", **env)
    (found,) = listed.result["links"]
    assert (found["conversation_ids"], found["prospect_ids"]) == ([str(chat)], leads)
    assert "Links to decide" in listed.out
    ruled_out = run("conflicts", "--link", chat, "--never", leads[0], "--by", "pat", "--json", **env)
    assert ruled_out.code == 0
    linked = run("conflicts", "--link", chat, "--to", leads[1], "--by", "pat", "--json", **env)
    assert (linked.code, linked.result["links"]) == (0, [])
    decisions = world.rows(
        "SELECT verdict, decided_by, prospect_id FROM domiq_sync.link_decision ORDER BY id"
    )
    assert [tuple(d) for d in decisions] == [("never", "pat", leads[0]), ("same", "pat", leads[1])]


@pytest.mark.parametrize(
    "options",
    [["--link", str(uuid4())], ["--to", "x"], ["--link", str(uuid4()), "--to", "x", "--never", "y"]],
    ids=["which lead?", "which one?", "both?"],
)
def test_linking_misused_could_not_run(run: Run, env: dict[str, str], options: list[str]) -> None:
    assert run("conflicts", *options, **env).sentence == (
        "Give --link CONVERSATION together with --to LEAD or --never LEAD."
    )


def test_a_conversation_that_is_not_there_cannot_be_linked(run: Run, env: dict[str, str]) -> None:
    nobody = uuid4()
    done = run("conflicts", "--link", nobody, "--to", "x", **env)
    assert done.sentence == f"DomIQ has no conversation {nobody} at any property."


def test_retry_takes_records_in_trouble_up_and_says_which_it_dealt_with_in_vain(
    run: Run, world: World, domiq_url: str
) -> None:
    """A2: leads are applied again at once; prospects come first at the next pull."""
    env = {"DOMIQ_DATABASE_URL": domiq_url}
    world.property()
    lead = world.lead(email="a@example.com")["prospectId"]
    world.conversation(world.integrations()[0].property_id, "contacted", email="a@example.com")
    world.sync(2)
    odd = world.lead(email="b@example.com")["prospectId"]
    world.standin.odd(odd, values={"status": None})
    world.do("ALTER TABLE conversation ADD CONSTRAINT no_applications CHECK (status <> 'application')")
    world.standin.edit(lead, status="Applicant")
    world.sync()

    status = run("status", **env)
    assert status.code == 1
    assert f"prospect {odd}" in status.out and "which constraint or trigger" in " ".join(status.out.split())
    kinds = [("lead", 1, False), ("prospect", 1, True)]
    for options, code in ((("--dry-run",), 0), ((), 1)):
        done = run("retry", "--json", *options, **env)
        assert done.code == code
        assert [(r["kind"], r["left"], r["waits"]) for r in done.result["records"]] == kinds
    assert run("retry", "--reason", "", "--json", **env).code == 0
    world.do("ALTER TABLE conversation DROP CONSTRAINT no_applications")
    done = run("retry", "--json", **env)
    assert (done.code, [r["left"] for r in done.result["records"]]) == (0, [0, 1])
    assert world.rows("SELECT FROM conversation WHERE status = 'application'") != []


def test_doctor_says_where_alerts_go(run: Run, world: World, env: dict[str, str]) -> None:
    """F9: that no address is set is told, and nothing is wrong with it; an address that is none is wrong."""
    world.property(0)

    def answer(**more: str) -> tuple[bool, str]:
        found = run("doctor", "--json", **env, **more).result["findings"]
        (finding,) = [f for f in found if f["question"] == "The operator is told of alerts"]
        return finding["ok"], finding["answer"]

    assert answer() == (True, "in DomIQ and Dagster alone: DOMIQ_OPERATOR_ADDRESS is not set")
    ok, told = answer(DOMIQ_OPERATOR_ADDRESS="nonsense")
    assert not ok
    assert "address 1" in told


def test_status_says_since_when_pulls_fail_and_when_the_last_one_came(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """F15: the two are told apart, and what the counts add up is said."""
    world.property(0)
    world.sync()
    world.do(
        "UPDATE domiq_sync.watermark SET failing_since = '2026-03-02 10:00Z', last_pull_at = "
        "'2026-03-01 09:30Z', last_error = 'unreachable: nobody answers'"
    )
    out = run("status", "--utc", **env).out
    assert (
        "juniper-flats its pulls have failed since 2026-03-02 10:00:00 UTC; last pulled: 2026-03-01 09:30:00 "
        "UTC: unreachable: nobody answers" in out
    )
    assert "count since the property was connected" in " ".join(out.split())
