"""What is old goes, in bounded steps, and nothing goes that somebody still needs."""

from __future__ import annotations

import threading
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.engine import make_engine
from domiq_dagster.sync.housekeeping.housekeeping import Housekept, keep_house
from domiq_dagster.sync.housekeeping.retention import LEAST_DAYS, Retention, TooShort
from domiq_dagster.sync.monitoring.explain import explain
from domiq_dagster.sync.monitoring.figures import property_figures
from domiq_dagster.sync.rules import run_rules
from tests.fixtures.rules import action, add_rule
from tests.fixtures.world import World

ARCHIVE = Retention(archive_after_days=30)
COLUMNS = (
    "id, conversation_id, resman_lead_id, old_status, new_status, status_reason, updated_by, sync_direction, "
    "sync_status, context_data, created_at"
)


def age(world: World, days: int = 100) -> None:
    """All that is on record happened so many days earlier."""
    for table, columns in {
        "public.status_sync_log": ["created_at"],
        "domiq_sync.change": ["logged_at", "ruled_at", "notified_at"],
        "domiq_sync.integration": ["connected_at"],
        "domiq_sync.attempt": ["started_at"],
        "domiq_sync.pull": ["started_at", "finished_at"],
        "domiq_sync.notification": ["created_at", "settled_at", "read_at"],
    }.items():
        sets = ", ".join(f"{c} = {c} - :d * interval '1 day'" for c in columns)
        world.do(f"UPDATE {table} SET {sets}", d=days)
    world.do(
        "UPDATE domiq_sync.attempt SET detail = detail - 'event_date' - 'posted' WHERE detail ? 'event_date'"
    )


def both(world: World) -> list[Any]:
    """The log and its archive as one, as anybody reads them."""
    return world.rows(f"SELECT {COLUMNS} FROM domiq_sync.status_sync_log_all ORDER BY id")


def archived(world: World) -> list[UUID]:
    rows = world.rows("SELECT id FROM domiq_sync.status_sync_log_archive ORDER BY seq")
    return [row.id for row in rows]


def moved(world: World, *statuses: str) -> UUID:
    """A conversation that went through these statuses, each of which reached ResMan."""
    conversation = world.conversation(world.property(), statuses[0])
    for status in statuses[1:]:
        world.sync()
        world.change(conversation, status=status)
    world.sync()
    return conversation


def house(world: World, retention: Retention = ARCHIVE, **options: Any) -> Housekept:
    done = keep_house(world.engine, retention, **options)
    assert done.problems == []
    return done


def test_settled_rows_move_and_the_newest_of_a_conversation_stays(world: World) -> None:
    conversation = moved(world, "new", "contacted", "qualified")
    age(world)
    before = both(world)
    assert house(world, Retention()).kinds.keys().isdisjoint({"log"}), "off by default"
    assert house(world).kinds["log"].rows == 2
    assert both(world) == before
    assert [r.new_status for r in world.rows("SELECT new_status FROM status_sync_log")] == ["qualified"]
    assert house(world).kinds["log"].rows == 0
    world.change(conversation, status="tour_scheduled")
    world.sync()
    assert world.value("SELECT count(*) FROM status_sync_log") == 2


def test_what_is_young_stays(world: World) -> None:
    moved(world, "new", "contacted")
    age(world, 29)
    assert house(world).kinds["log"].rows == 0


def test_explain_tells_an_archived_change_as_before(world: World) -> None:
    flats = world.property()
    add_rule(world, flats, "contacted", actions=[action("create_task")])
    add_rule(world, flats, "contacted", conditions={"updated_by": "system"})
    conversation = world.conversation(flats, "new")
    for status in ("contacted", "qualified"):
        world.sync()
        world.change(conversation, status=status)
    world.sync()
    age(world)

    def told() -> list[dict[str, Any]]:
        with world.engine.connect() as c:
            return [dict(story) for story in explain(c, str(conversation)).changes]

    before = told()
    assert sum(len(s["rules"]) for s in before) == 2
    assert house(world).kinds["log"].rows == 2
    after = told()
    assert [s.pop("archived_at") is not None for s in after] == [True, True, False]
    for story in before:
        story.pop("archived_at")
    assert after == before
    with world.engine.connect() as c:
        assert explain(c, str(before[0]["change_id"])).changes[0]["new_status"] == "new"
        assert len(explain(c, world.lead_of(conversation)["prospectId"]).changes) == 3


def open_delivery(world: World, conversation: UUID) -> None:
    world.change(conversation, status="lost")


def open_conflict(world: World, conversation: UUID) -> None:
    world.do(
        "INSERT INTO domiq_sync.conflict (property_id, conversation_id, prospect_id, resman_status) "
        "SELECT property_id, conversation_id, prospect_id, 'Lost' FROM domiq_sync.lead_link"
    )


def unruled(world: World, conversation: UUID) -> None:
    world.do(
        "UPDATE domiq_sync.change SET ruled_at = NULL WHERE seq = (SELECT max(seq) FROM domiq_sync.change)"
    )


def untold(world: World, conversation: UUID) -> None:
    world.do("UPDATE domiq_sync.change SET notified_at = NULL")


def a_tour_to_come(world: World, conversation: UUID) -> None:
    world.do(
        'UPDATE domiq_sync.attempt SET detail = detail || \'{"event_date": "2099-01-01T00:00:00"}\' '
        "WHERE id = (SELECT min(id) FROM domiq_sync.attempt)"
    )


def a_notice_to_go(world: World, conversation: UUID) -> None:
    world.do(
        "INSERT INTO domiq_sync.notification (change_id, channel, recipient, subject, body, state) "
        "SELECT change_id, 'email', 'a@b.example', '', '', 'pending' FROM domiq_sync.change "
        "ORDER BY seq LIMIT 1"
    )


@pytest.mark.parametrize(
    "keeps", [open_delivery, open_conflict, unruled, untold, a_tour_to_come, a_notice_to_go]
)
def test_what_is_open_keeps_the_rows_of_its_conversation(world: World, keeps: Any) -> None:
    conversation = moved(world, "new", "contacted", "qualified")
    age(world)
    keeps(world, conversation)
    assert house(world).kinds["log"].rows == 0


def test_a_row_that_stays_keeps_all_after_it(world: World) -> None:
    """A failed change whose successor were gone could be told again."""
    moved(world, "new", "contacted", "qualified", "tour_scheduled")
    age(world)
    world.do("UPDATE status_sync_log SET created_at = '-infinity' WHERE new_status = 'contacted'")
    house(world)
    assert world.value("SELECT array_agg(new_status::text) FROM domiq_sync.status_sync_log_archive") == [
        "new"
    ]


def test_the_last_row_that_names_a_lead_stays(world: World) -> None:
    conversation = moved(world, "new", "contacted", "qualified")
    age(world)
    world.do("UPDATE status_sync_log SET resman_lead_id = NULL WHERE new_status <> 'new'")
    assert house(world).kinds["log"].rows == 0
    assert conversation


def test_the_archive_goes_with_the_conversation(world: World) -> None:
    conversation = moved(world, "new", "contacted", "qualified")
    age(world)
    house(world)
    world.do("DELETE FROM conversation WHERE id = :c", c=conversation)
    assert archived(world) == []
    assert world.value("SELECT count(*) FROM domiq_sync.archived_conversation") == 0


def test_an_archive_that_is_locked_keeps_nobody_from_deleting_a_conversation(world: World) -> None:
    conversation = moved(world, "new", "contacted")
    age(world)
    house(world)
    with world.engine.begin() as locked:
        locked.execute(text("LOCK TABLE domiq_sync.status_sync_log_archive"))
        world.do("DELETE FROM conversation WHERE id = :c", c=conversation)
    assert len(archived(world)) == 1
    assert house(world).kinds["archived rows of deleted conversations"].rows == 1
    assert archived(world) == []


def test_a_dry_run_tells_the_same_and_changes_nothing(world: World) -> None:
    moved(world, "new", "contacted", "qualified")
    age(world)
    before = {table: world.value(f"SELECT count(*) FROM {table}") for table in TABLES}
    told = house(world, dry_run=True, step_rows=2)
    assert {table: world.value(f"SELECT count(*) FROM {table}") for table in TABLES} == before
    done = house(world)
    assert told.kinds["log"].rows == done.kinds["log"].rows == 2
    assert {k: v.rows for k, v in told.kinds.items()} == {k: v.rows for k, v in done.kinds.items()}


TABLES = (
    "status_sync_log",
    "domiq_sync.change",
    "domiq_sync.attempt",
    "domiq_sync.pull",
    "domiq_sync.notification",
    "domiq_sync.status_sync_log_archive",
)


def test_it_stops_when_its_time_is_over_and_goes_on_the_next_time(world: World) -> None:
    moved(world, "new", "contacted", "qualified", "tour_scheduled")
    age(world)
    times = iter([0.0, *[0.1] * 3])
    first = keep_house(world.engine, ARCHIVE, seconds=0.05, step_rows=1, clock=lambda: next(times, 1.0))
    assert not first.kinds["attempts"].whole
    before = both(world)
    seen = [house(world, step_rows=2).kinds["log"].rows for _ in range(2)]
    assert [first.kinds["log"].rows, *seen] == [1, 2, 0]
    assert both(world) == before


def test_killed_in_the_middle_of_a_step_nothing_is_lost_or_doubled(world: World) -> None:
    moved(world, "new", "contacted", "qualified")
    age(world)
    before = both(world)
    world.do(
        "CREATE FUNCTION public.dies() RETURNS TRIGGER LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN OLD; END $$; "
        "CREATE TRIGGER dies BEFORE DELETE ON status_sync_log FOR EACH ROW EXECUTE FUNCTION public.dies()"
    )
    with pytest.raises(DBAPIError):
        keep_house(world.engine, ARCHIVE)
    world.do("DROP FUNCTION public.dies CASCADE")
    assert both(world) == before
    assert house(world).kinds["log"].rows == 2
    assert both(world) == before


def test_where_a_trigger_keeps_rows_none_is_doubled_and_one_sentence_says_so(world: World) -> None:
    moved(world, "new", "contacted")
    age(world)
    before = both(world)
    world.do(
        "CREATE FUNCTION public.keeps() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
        "CREATE TRIGGER keeps BEFORE DELETE ON status_sync_log FOR EACH ROW EXECUTE FUNCTION public.keeps()"
    )
    done = keep_house(world.engine, ARCHIVE)
    assert done.kinds["attempts"].whole
    (problem,) = done.problems
    assert "trigger" in problem
    assert both(world) == before


def test_both_as_one_are_the_same_at_every_instant_while_rows_move_and_are_written(world: World) -> None:
    flats = world.property()
    conversations = [world.conversation(flats, "new") for _ in range(12)]
    for status in ("contacted", "qualified", "tour_scheduled"):
        world.sync()
        for conversation in conversations:
            world.change(conversation, status=status)
    world.sync()
    age(world)
    before = {r.id for r in both(world)}
    ended = threading.Event()
    faults: list[Any] = []

    def read() -> None:
        while not ended.is_set():
            with world.engine.connect() as c:
                ids = c.scalars(text("SELECT id FROM domiq_sync.status_sync_log_all")).all()
            if len(ids) != len(set(ids)) or not before <= set(ids):
                faults.append((len(ids), len(set(ids)), len(before - set(ids))))

    def write() -> None:
        n = 0
        while not ended.is_set():
            n += 1
            world.change(conversations[n % 4], status=("lost", "new")[n // 4 % 2])

    threads = [threading.Thread(target=read), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    try:
        rows = sum(house(world, step_rows=3).kinds["log"].rows for _ in range(3))
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert rows == len(archived(world)) > 0
    for conversation in conversations:
        last = world.value(
            "SELECT g.new_status FROM domiq_sync.change c JOIN status_sync_log g ON g.id = c.change_id "
            "WHERE c.conversation_id = :c ORDER BY c.seq DESC LIMIT 1", c=conversation
        )  # fmt: skip
        assert last == world.value("SELECT status FROM conversation WHERE id = :c", c=conversation)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_log_holds_what_moves_is_old_settled_and_in_front(world: World, seed: int) -> None:
    """Logs of any make, housekeepings with any step, one at a time or two at once."""
    draw = Random(seed)
    flats = world.property()
    conversations = [*(world.conversation(flats, "new") for _ in range(8)), None]
    world.do("DELETE FROM status_sync_log; UPDATE domiq_sync.integration SET connected_at = '2000-01-01Z'")
    for _ in range(60):
        world.log(
            draw.choice(conversations),
            draw.choice(["contacted", "qualified", "a word", None]),
            sync_status=draw.choice(["success", "success", "success", "failed", None]),
            sync_direction=draw.choice(["to_resman", "to_resman", "from_resman", None]),
            resman_lead_id=draw.choice(["lead-1", None]),
        )
    days = [draw.choice([10, 29, 31, 50, 400, 4000]) for _ in range(60)]
    world.do(
        "UPDATE domiq_sync.change c SET logged_at = now() - d.days * interval '1 day', "
        "notified_at = CASE WHEN d.days <> 4000 THEN now() END, ruled_at = now() "
        "FROM (SELECT change_id, (CAST(:days AS int[]))[row_number() OVER (ORDER BY seq)] AS days "
        "FROM domiq_sync.change) AS d WHERE d.change_id = c.change_id",
        days=days,
    )
    world.do(
        "UPDATE status_sync_log g SET created_at = c.logged_at "
        "FROM domiq_sync.change c WHERE c.change_id = g.id"
    )
    before = both(world)
    order = world.rows(
        "SELECT change_id, conversation_id, seq, logged_at FROM domiq_sync.change ORDER BY seq"
    )

    def keep() -> None:
        keep_house(world.engine, ARCHIVE, step_rows=draw.choice([1, 3, 7, 100]))

    threads = [threading.Thread(target=keep) for _ in range(draw.choice([1, 2]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house(world, step_rows=5)

    assert both(world) == before
    gone = set(archived(world))
    assert gone
    rows = {row.id: row for row in before}
    for conversation in conversations:
        own = [row for row in order if row.conversation_id == conversation]
        moved_ids = [row.change_id for row in own if row.change_id in gone]
        for change_id in moved_ids:
            assert rows[change_id].sync_status in ("success", "failed")
        if conversation is not None and own:
            assert moved_ids == [row.change_id for row in own][: len(moved_ids)], "the rows in front"
            assert own[-1].change_id not in gone
            assert max(own, key=lambda row: (row.logged_at, row.seq)).change_id not in gone
    assert house(world).kinds["log"].rows == 0


def test_rows_of_several_months_and_of_no_conversation_move(world: World) -> None:
    world.property()
    for month in ("2019-01-31 23:59:59Z", "2019-02-01 00:00Z", "2020-02-29 12:00Z"):
        world.log(None, "new", sync_status="failed", created_at=month)
    world.do("UPDATE domiq_sync.change SET logged_at = '2019-01-01Z'")
    assert house(world).kinds["log"].rows == 3
    found = world.rows(
        "SELECT tableoid::regclass::text AS month FROM domiq_sync.status_sync_log_archive ORDER BY 1"
    )
    assert [r.month.removeprefix("domiq_sync.status_sync_log_archive_") for r in found] == [
        "2019_01", "2019_02", "2020_02"
    ]  # fmt: skip


def test_a_row_that_names_an_odd_date_stays(world: World) -> None:
    world.property()
    for when in ("-infinity", "0044-03-15 BC", "infinity", None):
        world.log(None, "new", sync_status="failed", created_at=when)
    world.do("UPDATE domiq_sync.change SET logged_at = '2019-01-01Z'")
    assert house(world).kinds["log"].rows == 0


def test_attempts_pulls_and_notices_go_and_what_is_needed_stays(world: World) -> None:
    flats = world.property()
    world.sync()
    world.do(
        "INSERT INTO domiq_sync.attempt (change_id, lease_token, worker, action, outcome, started_at, "
        "duration_ms) SELECT gen_random_uuid(), 1, 'w', 'tell', 'ok', now(), 1 FROM generate_series(1, 130)"
    )
    for channel, state, read in (
        ("in_app", "delivered", None),
        ("in_app", "delivered", "now()"),
        ("email", "delivered", None),
        ("email", "pending", None),
    ):
        world.do(
            "INSERT INTO domiq_sync.notification (channel, recipient, subject, body, state, settled_at, "
            f"read_at) VALUES ('{channel}', 'r', '', '', '{state}', now(), {read or 'NULL'})"
        )
    world.pull()
    with world.engine.connect() as c:
        before = property_figures(c)
    age(world)
    done = house(world, Retention())
    assert {k: v.rows for k, v in done.kinds.items()} == {
        "attempts": 30, "pulls": 1, "heartbeats": 0, "notices": 2, "archived rows of deleted conversations": 0
    }  # fmt: skip
    with world.engine.connect() as c:
        assert [f.pulled for f in property_figures(c)] == [f.pulled for f in before]
    assert world.value("SELECT count(*) FROM domiq_sync.pull WHERE property_id = :p", p=flats) == 1
    age(world, 300)
    assert house(world, Retention()).kinds["notices"].rows == 1


@pytest.mark.parametrize("name", LEAST_DAYS)
def test_less_than_the_sync_needs_is_refused(world: World, name: str) -> None:
    with pytest.raises(TooShort, match=f"^{name} is 3, and .*: give "):
        keep_house(world.engine, Retention(**{name: 3}))
    with pytest.raises(TooShort):
        keep_house(world.engine, Retention(**{name: float("nan")}))


def test_what_settings_look_back_to_is_kept(world: World) -> None:
    flats = world.property()
    world.do("INSERT INTO domiq_sync.threshold (window_hours) VALUES (24 * 60)")
    with pytest.raises(TooShort, match="60 days"):
        keep_house(world.engine, ARCHIVE)
    world.do(
        "INSERT INTO domiq_sync.notification_settings (property_id, window_minutes) VALUES (:p, 1440 * 200)",
        p=flats,
    )
    with pytest.raises(TooShort, match="200 days"):
        keep_house(world.engine, Retention())


def test_a_role_that_may_not_delete_from_the_log_is_told_so_and_the_rest_is_done(world: World) -> None:
    moved(world, "new", "contacted")
    age(world)
    name = f"keeper_{uuid4().hex[:8]}"
    world.do(
        f"CREATE ROLE {name} LOGIN BYPASSRLS; GRANT USAGE ON SCHEMA domiq_sync, public TO {name}; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA domiq_sync TO {name}; "
        f"GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO {name}"
    )
    engine = make_engine(world.url.replace("postgres@", f"{name}@"), application_name="keeper")
    try:
        done = keep_house(engine, ARCHIVE)
        assert done.kinds["pulls"].whole
        (problem,) = done.problems
        assert "may not delete rows of status_sync_log" in problem
        world.do(f"GRANT DELETE ON status_sync_log TO {name}")
        assert keep_house(engine, ARCHIVE).kinds["log"].rows == 1
        with engine.connect() as c:
            assert c.scalar(text("SELECT count(*) FROM domiq_sync.status_sync_log_all")) == 2
    finally:
        engine.dispose()
        world.do(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_both_as_one_are_read_by_the_indexes_of_each(world: World) -> None:
    with world.engine.connect() as c:
        c.execute(text("SELECT domiq_sync.make_archive_month('2020-01-01')"))
        c.execute(text("SET LOCAL enable_seqscan = off"))
        for column in ("id", "conversation_id"):
            plan = "\n".join(
                c.scalars(
                    text(
                        "EXPLAIN SELECT * FROM domiq_sync.status_sync_log_all "
                        f"WHERE {column} = '00000000-0000-0000-0000-000000000001'"
                    )
                )
            )
            assert "Function Scan" not in plan
            assert plan.count("Index Scan") == 2, plan


def test_a_conversation_that_came_back_keeps_its_archive(world: World) -> None:
    conversation = moved(world, "new", "contacted", "qualified")
    age(world)
    world.do("INSERT INTO domiq_sync.archived_conversation (conversation_id) VALUES (:c)", c=conversation)
    done = keep_house(world.engine, ARCHIVE)
    assert done.kinds["log"].rows == 2
    house(world)
    assert len(archived(world)) == 2


def test_rules_and_the_success_rate_go_on(world: World) -> None:
    conversation = moved(world, "new", "contacted", "qualified")
    age(world)
    house(world)
    world.change(conversation, status="tour_scheduled")
    run_rules(world.engine)
    world.sync()
    assert world.conservation() == []
    assert world.rows("SELECT * FROM status_sync_success_rate")[0].sync_success_rate == 100.0
