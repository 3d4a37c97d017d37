"""A6: an endpoint that ResMan has not granted is named with whom to ask, asked again seldom, keeps what needs
it pending, and stops nothing beside it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domiq_dagster.assets.inbound_checks import records_result
from domiq_dagster.sync import trouble
from domiq_dagster.sync.account_gate import BreakerRules
from domiq_dagster.sync.alerts.evaluate import Evaluation, evaluate
from domiq_dagster.sync.alerts.listing import in_alert
from domiq_dagster.sync.alerts.readings import database_time
from domiq_dagster.sync.grants import NotGranted, missing_grants
from domiq_dagster.sync.monitoring.backlog import AccountQueue, load_backlog
from domiq_dagster.sync.setup.doctor import examine
from domiq_dagster.sync.take_up import take_up
from tests.fixtures.commands import Run
from tests.fixtures.world import POST, SEARCH, World

QUARTER = 15 * 60
TEAM = "ResMan's partner integrations team"


def grant(world: World, **endpoints: bool) -> None:
    world.standin.faults(entitlements=endpoints)


def lacking(world: World) -> list[tuple[str, str]]:
    """The partition key and the endpoint of each grant that is missing."""
    with world.engine.connect() as connection:
        return [(g.partition_key, g.endpoint) for g in missing_grants(connection)]


def refused(world: World, endpoint: str) -> int:
    """How often the stand-in was asked for an endpoint and did not give it."""
    return len(world.standin.requests(endpoint))


def account(world: World) -> AccountQueue:
    """The account of the stand-in's first property."""
    with world.engine.connect() as connection:
        backlog = load_backlog(connection)
    return next(a for a in backlog.accounts if a.account_id == world.at_resman[0]["accountId"])


def elsewhere(world: World) -> int:
    """The number of a property of another account."""
    mine = world.at_resman[0]["accountId"]
    return next(n for n, p in enumerate(world.at_resman) if p["accountId"] != mine)


def waiting(world: World, count: int = 3, **settings: Any) -> tuple[UUID, list[UUID]]:
    """A property that was pulled, with so many conversations whose changes are pending."""
    property_id = world.property(**settings)
    world.sync()
    return property_id, [world.conversation(property_id, "qualified") for _ in range(count)]


def test_a_missing_grant_to_post_keeps_changes_pending_and_is_asked_again_every_quarter_of_an_hour(
    world: World,
) -> None:
    """A6: 39 changes, none of which can be posted."""
    _, chats = waiting(world, 39)
    grant(world, **{POST: False})
    report = world.sync()
    assert refused(world, POST) == 1
    assert lacking(world) == [("juniper-flats", "MITS/PostLeadManagement4_0")]
    (sentence,) = report.missing_grants
    number = world.at_resman[0]["accountId"]
    assert (
        f"has not granted this integration partner MITS/PostLeadManagement4_0 at account {number}" in sentence
    )
    assert f"ask {TEAM} to enable it" in sentence
    assert "juniper-flats" in sentence

    searches = refused(world, SEARCH)
    for _ in range(3):
        world.do("UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp()")
        world.push()
    assert (refused(world, POST), refused(world, SEARCH)) == (1, searches)
    world.pass_time(QUARTER + 1)
    world.push()
    assert refused(world, POST) == 2
    rows = world.rows("SELECT attempts, state, last_outcome FROM domiq_sync.delivery")
    assert {tuple(r) for r in rows} == {(0, "ready", "not_entitled")}
    assert len(rows) == 39

    grant(world, **{POST: True})
    world.pass_time(QUARTER + 1)
    world.push()
    assert lacking(world) == []
    assert {world.last(chat).sync_status for chat in chats} == {"success"}
    assert world.repeated_markers() == []
    assert world.conservation() == []


def test_figures_do_not_say_caught_up_while_a_grant_is_missing(world: World) -> None:
    """A6: "caught up in 30 s"."""
    property_id, _ = waiting(world, 2)
    world.push()
    assert account(world).catch_up_seconds == 0.0
    grant(world, **{POST: False})
    for _ in range(3):
        world.conversation(property_id, "qualified")
    world.push()
    queue = account(world)
    assert (queue.pending, queue.on_hold) == (3, 3)
    assert queue.properties[0].grants == 3
    assert queue.catch_up_seconds is None


@pytest.mark.parametrize(
    ("endpoint", "named"),
    [
        (POST, "MITS/PostLeadManagement4_0"),
        (SEARCH, "MITS/SearchProspects"),
        ("Prospects", "GET /Prospects"),
        ("Properties", "GET /Properties"),
        ("GetEmployees", "Leasing/GetEmployees"),
        ("GetProspectSources", "Leasing/GetProspectSources"),
        ("GetLostProspectReasons", "Leasing/GetLostProspectReasons"),
    ],
)
def test_each_endpoint_is_named_asked_seldom_and_taken_up_as_soon_as_it_is_granted(
    world: World, endpoint: str, named: str
) -> None:
    """A6, of every endpoint that the sync asks."""
    property_id = world.property()
    grant(world, **{endpoint: False})
    chat = world.conversation(property_id, "qualified")
    for _ in range(3):
        report = world.sync()
        world.do("UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp()")
    assert lacking(world) == [("juniper-flats", named)]
    assert refused(world, endpoint) == 1
    assert [named in said and TEAM in said for said in report.missing_grants] == [True]
    assert world.rows("SELECT FROM domiq_sync.delivery WHERE attempts > 0") == []
    assert world.value("SELECT max(consecutive_failures) FROM domiq_sync.account") == 0

    grant(world, **{endpoint: True})
    world.pass_time(QUARTER + 1)
    report = world.sync()
    assert (lacking(world), report.missing_grants) == ([], [])
    assert world.last(chat).sync_status == "success"


def test_who_leases_is_guessed_where_it_is_not_granted(world: World) -> None:
    """A6: v2's employees are spared, so nobody is told."""
    _, (chat,) = waiting(world, 1)
    grant(world, Employees=False)
    world.do("UPDATE domiq_sync.integration SET agent_id = NULL")
    world.sync()
    assert lacking(world) == []
    assert world.last(chat).sync_status == "success"


def test_pulls_go_on_without_the_grant_to_post_and_posts_without_the_one_to_pull(world: World) -> None:
    """A6: a missing grant stops nothing beside it."""
    _, (chat,) = waiting(world, 1)
    grant(world, **{POST: False})
    world.lead(email="staff@example.com")
    report = world.sync()
    assert (report.pulled["juniper-flats"].stored, report.pull_errors) == (1, {})
    grant(world, **{POST: True, "Prospects": False})
    world.later()
    report = world.sync()
    assert report.pull_errors["juniper-flats"].startswith("not_entitled: ")
    assert world.last(chat).sync_status == "success"


def test_other_accounts_and_properties_go_on(world: World) -> None:
    """A6: a refusal at one property is that one's, and one at an account that account's."""
    ids = [world.property(n) for n in (0, 1, elsewhere(world))]
    world.sync()
    chats = [world.conversation(i, "qualified") for i in ids]
    grant(world, **{POST: False})
    world.push(property_ids=ids[:1])
    grant(world, **{POST: True})
    world.push(property_ids=ids[2:])
    assert [world.last(chat).sync_status for chat in chats] == ["pending", "pending", "success"]
    assert lacking(world) == [("juniper-flats", "MITS/PostLeadManagement4_0")]
    world.push(property_ids=ids[1:2])
    assert world.last(chats[1]).sync_status == "success"


def test_once_one_property_is_granted_the_others_of_the_account_are_asked_at_once(world: World) -> None:
    """A6: it was mostly granted for the whole account."""
    ids = [world.property(n) for n in (0, 1)]
    world.sync()
    chats = [world.conversation(i, "qualified") for i in ids]
    grant(world, **{POST: False})
    world.push()
    assert len(lacking(world)) == 2
    grant(world, **{POST: True})
    world.do(
        "UPDATE domiq_sync.trouble SET seen_at = seen_at - interval '1 h' "
        "WHERE kind = 'grant' AND property_id = :p",
        p=ids[0],
    )
    world.do(
        "UPDATE domiq_sync.delivery SET next_attempt_at = clock_timestamp() WHERE property_id = :p", p=ids[0]
    )
    world.push()
    world.push()
    assert lacking(world) == []
    assert {world.last(chat).sync_status for chat in chats} == {"success"}


def test_retry_has_it_asked_at_once(world: World) -> None:
    """A6: after ResMan has said that it is granted, nobody waits for a quarter of an hour."""
    _, chats = waiting(world)
    grant(world, **{POST: False})
    world.push()
    grant(world, **{POST: True})
    world.push()
    assert refused(world, POST) == 1
    (taken,) = take_up(world.engine)
    assert (taken.kind, taken.records, taken.waits) == (trouble.GRANT, 1, True)
    world.push()
    assert {world.last(chat).sync_status for chat in chats} == {"success"}
    assert lacking(world) == []


def test_doctor_asks_all_the_same_and_names_what_it_does_not_ask(world: World) -> None:
    """A6: "doctor ok"."""
    waiting(world)
    grant(world, **{POST: False, SEARCH: False})
    world.push()
    grant(world, **{SEARCH: True})
    doctor = world.make_client(rules=BreakerRules(grant_pause=0.0))
    findings = {f["question"]: f for f in examine(world.engine, doctor)}
    assert findings["No endpoint was refused for want of a grant"]["ok"]
    assert lacking(world) == []  # the searches come first, and now work
    world.push()
    findings = {f["question"]: f for f in examine(world.engine, doctor)}
    number = world.at_resman[0]["accountId"]
    asked = findings[f"Account {number}: MITS/PostLeadManagement4_0 is granted"]
    assert asked["ok"] is False
    assert "MITS/PostLeadManagement4_0" in asked["answer"]
    assert TEAM in asked["answer"]
    assert findings["Every record can be dealt with"]["ok"] is True


def test_commands_end_with_1_and_name_the_grant_and_whom_to_ask(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """A6: "rc 0, doctor ok"."""
    waiting(world)
    grant(world, **{POST: False})
    for command in ("sync", "status", "doctor"):
        done = run(command, "--json", **env)
        assert done.code == 1, command
        words = " ".join(done.out.split())
        assert "MITS/PostLeadManagement4_0" in done.stdout, command
        assert "partner integrations team" in words, command
    (queue,) = run("status", "--json", **env).result["accounts"][:1]
    assert queue["catch_up_seconds"] is None
    assert "caught up in" in run("status", **env).out
    assert "cannot tell" in run("status", **env).out


def test_a_pass_that_could_pull_nothing_for_want_of_a_grant_ends_with_1(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """A6, of the endpoint that pulls."""
    world.property()
    grant(world, Prospects=False)
    done = run("sync", "--json", **env)
    assert done.code == 1
    assert "GET /Prospects" in done.result["missing_grants"][0]
    grant(world, Prospects=True)
    assert run("retry", **env).code == 0
    assert run("sync", "--json", **env).code == 0


def test_the_check_in_dagster_names_it(world: World) -> None:
    """A6: where people look at Dagster."""
    waiting(world)
    assert records_result(world.engine).passed
    grant(world, **{POST: False})
    world.push()
    found = records_result(world.engine)
    assert not found.passed
    assert "MITS/PostLeadManagement4_0" in str(found.metadata)


class Watch:
    """Evaluates the alerts at times that follow the database's clock."""

    def __init__(self, world: World) -> None:
        self.world = world
        with world.engine.connect() as connection:
            self.now = database_time(connection)

    def __call__(self, minutes: float = 0) -> Evaluation:
        self.now += timedelta(minutes=minutes)
        self.world.do("UPDATE domiq_sync.watermark SET last_pull_at = :n", n=self.now)
        return evaluate(self.world.engine, now=self.now)

    def notices(self, minutes: float = 0) -> list[tuple[str, str]]:
        return [(n.transition.value, n.subject.kind) for n in self(minutes).notices]


def test_one_alert_opens_and_closes_and_takes_what_comes_of_it(world: World) -> None:
    """A6: "no alert"."""
    waiting(world)
    watch = Watch(world)
    assert watch.notices() == []
    grant(world, **{POST: False})
    world.push()
    (notice,) = watch(1).notices
    assert (notice.transition.value, notice.subject.kind) == ("opened", "not_entitled")
    for words in ("MITS/PostLeadManagement4_0 at account", TEAM, "nothing is lost"):
        assert words in notice.text.body
    with world.engine.connect() as connection:
        assert in_alert(connection) == {"juniper-flats": ["not_entitled"]}
    # The changes wait for longer than a threshold allows, and people know why.
    assert [watch.notices(5) for _ in range(12)] == [[]] * 12

    grant(world, **{POST: True})
    world.later()
    world.push()
    assert watch.notices(1) == []
    assert watch.notices(11) == [("recovered", "not_entitled")]
    with world.engine.connect() as connection:
        assert in_alert(connection) == {}


def test_the_alert_widens_when_another_endpoint_is_refused(world: World) -> None:
    """A6: people are told of each endpoint, in one alert."""
    waiting(world)
    grant(world, **{POST: False})
    world.push()
    watch = Watch(world)
    assert watch.notices() == [("opened", "not_entitled")]
    grant(world, Prospects=False)
    world.sync()
    found = watch(20)
    assert [(n.transition.value, n.subject.kind) for n in found.notices] == [("widened", "not_entitled")]
    assert "GET /Prospects" in found.notices[0].text.body


def test_a_property_that_moves_to_another_account_takes_no_refusal_along(world: World) -> None:
    """A6: the grant was missing at the account that it has left."""
    property_id, _ = waiting(world, 1)
    grant(world, **{POST: False})
    world.push()
    assert len(lacking(world)) == 1
    world.connect(property_id, elsewhere(world))
    assert lacking(world) == []


def test_a_setting_that_somebody_gave_needs_no_grant_to_ask_for_it(world: World) -> None:
    """A6: nobody asks again, so nobody is to be told."""
    property_id = world.property()
    grant(world, GetEmployees=False)
    world.sync()
    assert lacking(world) == [("juniper-flats", "Leasing/GetEmployees")]
    world.connect(property_id, agent_id=world.at_resman[0]["employees"][0]["agentId"])
    assert world.sync().missing_grants == []


def test_what_is_kept_in_takes_no_slot(world: World) -> None:
    """A6: an account that is busy is not awaited for what would not be asked."""
    waiting(world, 1)
    grant(world, Prospects=False)
    world.sync()
    there = world.at_resman[0]
    before = world.rows("SELECT holder FROM domiq_sync.account_turn")
    with pytest.raises(NotGranted) as raised:
        next(
            world.client.prospects(
                there["accountId"], there["propertyId"], modified_since=world.value("SELECT now()")
            )
        )
    assert 0 < (raised.value.retry_after or 0.0) <= QUARTER
    assert world.rows("SELECT holder FROM domiq_sync.account_turn") == before
