"""history: each decision of a person is on record with who, when and why, in its transaction."""

import socket
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from domiq_dagster.sync.operator_actions import Deciding
from tests.fixtures.commands import Run, resman_options
from tests.fixtures.world import World

WHY = "the leasing office said so"


@pytest.fixture
def history(run: Run, env: dict[str, str]) -> Callable[..., list[dict[str, Any]]]:
    """What is on record, the newest first, without what the test's own SQL put there."""

    def listed(*options: str) -> list[dict[str, Any]]:
        done = run("history", "--json", *options, **env)
        assert (done.code, done.err) == (0, "")
        return [a for a in done.result["actions"] if a["who"] != "postgres"]

    return listed


History = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def failed(world: World) -> UUID:
    """A failed change."""
    return world.log(
        world.conversation(world.property(0), "active"), "new", sync_status="failed",
        context_data='{"sync": {"outcome": "refused"}}',
    )  # fmt: skip


def test_a_retry_is_on_record_with_what_was_chosen(
    run: Run, world: World, env: dict[str, str], history: History, failed: UUID
) -> None:
    assert run("retry", "--reason", "refused", "--dry-run", **env).code == 0
    assert history() == []
    as_grace = {**env, "DOMIQ_ACTOR": " Grace  Hopper "}
    assert run("retry", "--reason", "refused", "--why", WHY, **as_grace).code == 0
    (action,) = history("--property", "juniper-flats")
    assert (action["action"], action["who"], action["why"]) == ("retry", "Grace Hopper", WHY)
    (one,) = run("lead", failed, "--json", **env).result["leads"]
    (told,) = one["decisions"]
    assert (told["action"], told["who"], told["why"]) == ("retry", "Grace Hopper", WHY)
    assert told["details"] == {"reason": "refused"}
    assert action["details"] == {"changes": 1, "reason": "refused"}
    retried = world.value("SELECT context_data #> '{retries,0}' FROM status_sync_log")
    assert (retried["by"], retried["why"]) == ("Grace Hopper", WHY)
    assert run("retry", "--reason", "refused", **env).code == 0
    assert len(history()) == 1, "nothing was put back, so nothing was decided"


def test_who_decided_is_the_login_where_nobody_says_otherwise(
    run: Run, env: dict[str, str], history: History, failed: UUID
) -> None:
    assert run("retry", failed, **env).code == 0
    (action,) = history()
    assert action["who"].endswith(f"@{socket.gethostname()}")
    assert action["subject"] == [str(failed)]
    assert run("retry", "--by", " ", **env).sentence.startswith("--by is empty")
    assert (
        run("retry", "--why", "x" * 501, **env).sentence == "Say why with --why, in 500 characters at most."
    )


def test_pauses_and_whatever_ends_them_are_on_record_once(
    run: Run, world: World, env: dict[str, str], history: History
) -> None:
    flats = world.property(0)
    run("pause", "juniper-flats", "--why", WHY, "--by", "Grace", **env)
    run("resume", "juniper-flats", "--why", "it is over", "--by", "Linus", **env)
    run("pause", "juniper-flats", "--because", WHY, "--by", "Grace", **env)
    run("connect", "--property", flats, *resman_options(world), "--enable", "--by", "Ada", **env)
    told = [(a["action"], a["who"], a["why"], a["property"]) for a in history()]
    assert told == [
        ("connect", "Ada", None, "juniper-flats"),
        ("resume", "Ada", None, "juniper-flats"),
        ("pause", "Grace", WHY, "juniper-flats"),
        ("resume", "Linus", "it is over", "juniper-flats"),
        ("pause", "Grace", WHY, "juniper-flats"),
    ]
    run("pause", "juniper-flats", "--because", WHY, **env)
    world.do("UPDATE domiq_sync.integration SET sync_enabled = TRUE")
    role = world.value("SELECT session_user")
    newest = run("history", "--json", **env).result["actions"][0]
    assert (newest["action"], newest["who"]) == ("resume", role)


def test_a_conflict_and_links_are_on_record_with_their_ids(
    run: Run, world: World, env: dict[str, str], history: History
) -> None:
    flats = world.property(0, conflict_policy="manual_review")
    lead = world.lead(0, email="a@example.com")["prospectId"]
    chat = world.conversation(flats, "contacted", email="a@example.com")
    world.sync()
    world.change(chat, status="tour_scheduled")
    world.standin.edit(lead, status="Lost")
    world.sync()
    by = ("--by", "Grace", "--why", WHY)
    assert run("conflicts", "--resolve", chat, "--keep", "resman", "--dry-run", *by, **env).code == 0
    assert history() == []
    assert run("conflicts", "--resolve", chat, "--keep", "resman", *by, **env).code == 0
    assert run("conflicts", "--link", chat, "--never", lead, *by, **env).code == 0
    assert run("conflicts", "--link", chat, "--to", lead, *by, **env).code == 0
    found = history("--who", "GRACE", "--property", "juniper-flats")
    assert [a["action"] for a in found] == ["link", "never_link", "resolve"]
    assert all(a["subject"] == [str(chat), lead] and a["why"] == WHY for a in found)
    assert found[2]["details"] == {"keep": "resman"}
    assert history("--who", "linus") == []


def test_thresholds_accounts_restores_and_housekeeping_are_on_record(
    run: Run, world: World, env: dict[str, str], history: History
) -> None:
    world.property(0)
    world.do(
        "UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 h', open_reason = 'busy'"
    )
    by = ("--by", "Grace")
    run("alerts", "thresholds", "--set", "most_failures=5", "--set", "window_hours=", *by, **env)
    run("alerts", "thresholds", "--set", "most_failures=6", "--dry-run", *by, **env)
    run("accounts", "--open", "400", "--why", WHY, *by, **env)
    run("restored", "--since", "2026-03-01", *by, **env)
    run("housekeeping", *by, **env)
    run("sync", "--full", "--believe-short", *by, **env)
    found = {a["action"]: a["details"] for a in history()}
    assert found["thresholds"] == {"most_failures": 5, "window_hours": "as the default"}
    assert found["open_account"] == {"account": "400", "was_paused": "busy"}
    assert found["restored"]["since"].startswith("2026-03-01 00:00:00")
    assert found["housekeeping"]["attempts_days"] > 0
    assert found["believe_short"] == {}
    assert len(history()) == 5


def test_notices_that_are_sent_again_are_on_record(
    run: Run, world: World, env: dict[str, str], history: History
) -> None:
    flats = world.property(0)
    notice = world.value(
        "INSERT INTO domiq_sync.notification (property_id, channel, recipient, subject, body, state, "
        "settled_at) VALUES (:p, 'in_app', 'manager', 's', 'b', 'undeliverable', now()) RETURNING id",
        p=flats,
    )
    run("notifications", "--retry", notice, "--by", "Grace", "--why", WHY, **env)
    (action,) = history()
    assert (action["action"], action["subject"], action["details"]) == (
        "retry_notices", [str(notice)], {"notices": 1}
    )  # fmt: skip


def test_a_rule_a_preference_and_a_row_of_the_map_that_somebody_edits_are_on_record(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """What stands in them is not: recipients are people."""
    flats = world.property(0)
    world.do(
        "INSERT INTO status_workflow_rules (property_id, trigger_status, target_status) VALUES (:p, 'new', "
        "'contacted')",
        p=flats,
    )
    world.do("UPDATE status_workflow_rules SET is_active = FALSE")
    world.do("UPDATE status_workflow_rules SET is_active = FALSE")
    world.do(
        "INSERT INTO status_notification_preferences (property_id, status_type, notification_method, "
        "recipients) VALUES (:p, 'new', 'email', '[\"ada@example.com\"]')",
        p=flats,
    )
    world.do(
        "INSERT INTO domiq_sync.resman_status_map VALUES (:p, 'Applicant/Denied', '{lost}', 'lost')", p=flats
    )
    world.do("DELETE FROM domiq_sync.resman_status_map WHERE property_id = :p", p=flats)
    done = run("history", "--json", "--property", "juniper-flats", **env)
    told = [(a["action"], a["details"]) for a in done.result["actions"]]
    assert told == [
        ("status_map", {"change": "removed", "word": "Applicant/Denied"}),
        ("status_map", {"change": "added", "word": "Applicant/Denied"}),
        ("preference", {"change": "added"}),
        ("rule", {"change": "changed", "columns": ["is_active"]}),
        ("rule", {"change": "added"}),
    ]
    assert {a["who"] for a in done.result["actions"]} == {world.value("SELECT session_user")}
    assert "ada@example.com" not in str(world.rows("SELECT * FROM domiq_sync.operator_action"))


def test_a_rule_that_cannot_be_put_on_record_is_written_all_the_same(world: World) -> None:
    """DomIQ writes it: neither a fault of the record nor a lock on it is in its way."""
    flats = world.property(0)
    insert = "INSERT INTO status_workflow_rules (property_id, trigger_status) VALUES (:p, 'new')"
    with world.engine.begin() as other:
        other.execute(text("LOCK TABLE domiq_sync.operator_action IN ACCESS EXCLUSIVE MODE"))
        world.do(insert, p=flats)
    world.do("ALTER TABLE domiq_sync.operator_action ADD CHECK (action <> 'rule')")
    world.do(insert, p=flats)
    assert world.value("SELECT count(*) FROM status_workflow_rules") == 2
    assert world.value("SELECT count(*) FROM domiq_sync.operator_action WHERE action = 'rule'") == 0


def test_what_an_erasure_leaves_on_record_tells_nothing_of_the_person(
    run: Run, world: World, env: dict[str, str], history: History
) -> None:
    flats = world.property(0)
    lead = world.lead(0, email="zeb@example.com", first="Zebedee", last="Quill")["prospectId"]
    user = world.user("Zebedee", "Quill", "zeb@example.com")
    chat = world.conversation(flats, "contacted", user=user)
    world.sync(2)
    run("conflicts", "--link", chat, "--to", lead, "--by", "Grace", "--why", "Zebedee rang", **env)
    run("pause", "juniper-flats", "--because", "quill asked for it", "--by", "Grace", **env)
    keyed = {**env, "DOMIQ_ERASURE_KEY": "k" * 32}
    erasing = ("erase", "--person", "zeb@example.com", "--yes", "--settle", "--by", "Grace")
    for telling in ("Zebedee-1", "zeb@example.com", "two words"):
        assert run(*erasing, "--request", telling, **keyed).sentence.startswith("--request is one word")
    assert run(*erasing, "--request", "DSR-2041", **keyed).code == 0
    erased, paused, linked = history()
    assert set(erased["details"]) == {"reference", "conversations", "request"}
    assert (erased["action"], erased["subject"], erased["details"]["request"]) == ("erase", [], "DSR-2041")
    assert (linked["action"], linked["who"], linked["why"], linked["subject"]) == ("link", "Grace", None, [])
    assert (paused["why"], paused["property"]) == (None, "juniper-flats")
    kept = str(world.rows("SELECT * FROM domiq_sync.operator_action")).lower()
    for value in ("zeb", "quill", str(chat), str(user), lead):
        assert value.lower() not in kept


def test_history_tells_who_when_and_why_and_folds_what_is_alike(
    run: Run, world: World, env: dict[str, str]
) -> None:
    for number in (0, 1):
        world.property(number)
    assert "Nobody decided anything in the last 30 d." in run("history", **env).out
    run("pause", "--all", "--because", WHY, "--by", "Grace", **env)
    lines = run("history", COLUMNS="80", **env).out.splitlines()
    assert lines[0].endswith(" Grace, 2 times")
    assert lines[1:] == ["  paused it", "  at copper-ridge, juniper-flats", f"  why: {WHY}"]
    exact = run("history", "--utc", "--most", "1", **env).out.splitlines()
    datetime.strptime(exact[0][:19], "%Y-%m-%d %H:%M:%S")
    assert exact[-1] == "There are older ones: --most lists more."
    assert run("history", "--since", "soon", **env).sentence.startswith("'soon' is no time")


def test_every_kind_of_decision_has_words_of_its_own() -> None:
    from domiq_dagster.cli.views.history import _SENTENCES

    assert set(_SENTENCES) == set(Deciding)
