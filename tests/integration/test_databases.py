"""Databases as users have them: odd roles, sequences set back, ALTERs of DomIQ's own, locked tables,
dumps and standbys."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.embedded_programs import programs_for
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.log_index import LOG_INDEX, ensure_log_index
from domiq_dagster.db.migrate import migrate
from domiq_dagster.gap_requests import GapRequests
from domiq_dagster.runtime.files import shipped
from domiq_dagster.sync.repair.reconcile import SEQUENCES, UNCAPTURED
from domiq_dagster.sync.setup.doctor import examine
from domiq_dagster.sync.trouble import is_lost_database
from tests.fixtures.commands import Run, environment_for
from tests.fixtures.domiq_shapes import (
    PEOPLE,
    add_conversation,
    as_role,
    connected,
    engine_on,
    migrated,
    rows,
    run,
    value,
)
from tests.fixtures.postgres_versions import server
from tests.fixtures.world import Standin, World

SET_STATUS = "UPDATE conversation SET status = %s WHERE id = %s"
LOGGED = "SELECT g.old_status, g.new_status FROM status_sync_log g ORDER BY g.created_at, g.id"


@pytest.fixture
def database(
    make_template: Callable[[str, Callable[[str], None]], str], make_database: Callable[..., str]
) -> str:
    """A migrated DomIQ database with one connected property."""

    def build(url: str) -> None:
        migrated(url)
        run(url, PEOPLE)

    return make_database(make_template("databases", build))


def ill(world: World) -> list[str]:
    """What doctor finds wrong."""
    return [f["answer"] for f in examine(world.engine, world.client) if not f["ok"]]


def test_sequences_that_were_set_back_are_set_right_and_nothing_is_posted_twice(world: World) -> None:
    """C1: as after a logical switchover. doctor names them; sweeps, pulls, pushes and migrate mend them."""
    flats = world.property(0)
    conversation, other = world.conversation(flats, "contacted"), world.conversation(flats, "new")
    world.sync(2)
    world.change(conversation, status="qualified")
    world.sync()
    sequences = [
        r.name for r in world.rows(
            "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'S' "
            "AND relnamespace = 'domiq_sync'::regnamespace"
        )
    ]  # fmt: skip
    for name in sequences:
        world.do(f"ALTER SEQUENCE {name} RESTART")
    # Takes a place in the order before those that were logged before it.
    world.change(conversation, status="tour_scheduled", tour_datetime="2027-02-03 15:00")
    (answer,) = ill(world)
    assert "domiq_sync.change_seq_seq" in answer
    assert "domiq_sync.attempt_id_seq" in answer
    swept = world.reconcile().findings
    assert (swept[SEQUENCES] >= 4, swept[UNCAPTURED]) == (True, 0)
    assert ill(world) == []
    world.sync(2)
    assert [c.new_status for c in world.changes(conversation)][-2:] == ["qualified", "tour_scheduled"]
    assert [c.sync_status for c in world.changes(conversation)] == ["success"] * len(
        world.changes(conversation)
    )
    assert world.told(conversation).count("Appointment") == 1
    assert world.repeated_markers() == []
    assert world.status(other) == "new"
    world.do("ALTER SEQUENCE domiq_sync.pull_id_seq RESTART")
    assert migrate(world.engine).sequences == ("domiq_sync.pull_id_seq",)
    assert ill(world) == []


def test_a_change_whose_place_is_too_early_is_not_logged_again_by_the_sweep(world: World) -> None:
    """C1: it was logged last by the clock, whatever its number."""
    conversation = world.conversation(world.property(0), "contacted")
    world.sync(2)
    world.change(conversation, status="qualified")
    world.do(
        "WITH late AS (SELECT c.change_id FROM domiq_sync.change c ORDER BY c.seq DESC LIMIT 1) "
        "UPDATE domiq_sync.change SET seq = DEFAULT WHERE change_id NOT IN (SELECT change_id FROM late)"
    )
    before = world.value("SELECT count(*) FROM status_sync_log")
    world.sync(3)
    assert world.value("SELECT count(*) FROM status_sync_log") == before


ODD_SETTINGS = {
    "DateStyle": "'SQL, DMY'", "IntervalStyle": "'sql_standard'", "TimeZone": "'Asia/Kolkata'",
    "default_transaction_isolation": "'serializable'", "default_transaction_read_only": "on",
    "idle_session_timeout": "'500ms'", "idle_in_transaction_session_timeout": "'50ms'",
    "transaction_timeout": "'500ms'", "statement_timeout": "'100ms'", "lock_timeout": "'1ms'",
    "search_path": "'nowhere'", "client_encoding": "'LATIN1'", "bytea_output": "'escape'",
    "extra_float_digits": "'-15'", "standard_conforming_strings": "off", "row_security": "on",
    "quote_all_identifiers": "on", "transform_null_equals": "on",
}  # fmt: skip
"""No timeout is so short that a busy machine passes it before a new session is set up."""


def test_whatever_a_role_is_set_to_the_sync_works(
    pg_server: EmbeddedServer, domiq_url: str, standin: Standin
) -> None:
    """C2: every setting that we rely on is ours."""
    run(pg_server.url("postgres"), "CREATE ROLE odd LOGIN SUPERUSER")
    try:
        run(
            pg_server.url("postgres"),
            *(f"ALTER ROLE odd SET {name} = {value}" for name, value in ODD_SETTINGS.items()),
        )
        url = as_role(domiq_url, "odd")
        engine = make_engine(url, pool_size=10)
        world = World(engine, url, standin)
        flats = world.property(0)
        conversation = world.conversation(flats, "contacted", tour_datetime="2027-02-03 15:00")
        world.sync(2)
        time.sleep(0.6)  # longer than its idle_session_timeout
        world.change(conversation, status="tour_scheduled")
        assert not world.sync().problems
        assert world.told(conversation)[-1] == "Appointment"
        assert world.value("SELECT DATE '2027-02-03'::text") == "2027-02-03"
        for name in ("idle_session_timeout", "transaction_timeout", "statement_timeout", "lock_timeout"):
            odd = ODD_SETTINGS[name].strip("'")
            assert world.value("SELECT current_setting(:n, true)", n=name) not in (odd, ""), name
        assert ill(world) == []
        world.closing.close()
        engine.dispose()
    finally:
        run(pg_server.url("postgres"), "DROP OWNED BY odd", "DROP ROLE odd")


def test_domiq_deletes_what_a_publication_of_all_tables_has(database: str) -> None:
    """C5: PostgreSQL wants a replica identity of each table whose rows go with it."""
    with connected(database) as connection:
        connection.execute("CREATE PUBLICATION everything FOR ALL TABLES")
        conversation = add_conversation(connection, "new")
        connection.execute(SET_STATUS, ["contacted", conversation])
        connection.execute("DELETE FROM conversation")
        connection.execute("DELETE FROM property")
        assert rows(connection, LOGGED) == []


ALTERS = [
    "ALTER TABLE conversation ALTER COLUMN status TYPE text",
    "ALTER TABLE conversation ALTER COLUMN status TYPE varchar(100)",
    "ALTER TABLE conversation ALTER COLUMN status DROP DEFAULT; "
    "CREATE TYPE lead_word AS ENUM ('active', 'new', 'contacted', 'qualified', 'tour_scheduled', 'lost'); "
    "ALTER TABLE conversation ALTER COLUMN status TYPE lead_word USING status::lead_word",
    "ALTER TABLE conversation ADD COLUMN budget integer, DROP COLUMN lead_score, DROP COLUMN has_pets",
    "ALTER TABLE conversation RENAME COLUMN source TO origin",
    "ALTER TABLE conversation ALTER COLUMN tour_datetime TYPE timestamptz",
]


@pytest.mark.parametrize("alter", ALTERS)
def test_domiq_alters_its_table_and_what_changes_is_captured_still(alter: str, database: str) -> None:
    """C6, C7: also by a session that was there before, and for a status that is an ENUM."""
    with connected(database) as application, connected(database) as dba:
        conversation = add_conversation(application, "new")
        application.execute(SET_STATUS, ["contacted", conversation])
        # DomIQ's own triggers have plans for the old type in this session
        dba.execute("ALTER TABLE conversation DISABLE TRIGGER conversation_notify")
        dba.execute("ALTER TABLE conversation DISABLE TRIGGER conversation_derive_status")
        dba.execute(alter.encode())
        application.execute(SET_STATUS, ["qualified", conversation])
        with connected(database) as later:
            later.execute(SET_STATUS, ["lost", conversation])
        assert rows(application, LOGGED) == [
            (None, "new"), ("new", "contacted"), ("contacted", "qualified"), ("qualified", "lost")
        ]  # fmt: skip
        assert value(application, "SELECT count(*) FROM domiq_sync.delivery") == 4
    assert migrated(database).capture_trigger


@pytest.mark.parametrize("alter", ["RENAME COLUMN status TO lead_status", "DROP COLUMN status"])
def test_without_its_status_column_the_application_goes_on(alter: str, database: str) -> None:
    """C6: nothing can be captured, and nothing is refused."""
    with connected(database) as application:
        conversation = add_conversation(application, "new")
        application.execute("DROP TRIGGER conversation_derive_status ON conversation")
        application.execute("DROP TRIGGER conversation_notify ON conversation")
        application.execute(f"ALTER TABLE conversation {alter}".encode())
        application.execute("UPDATE conversation SET lead_score = 5 WHERE id = %s", [conversation])
    assert not migrated(database).capture_trigger


def test_a_status_that_is_an_enum_goes_both_ways(world: World) -> None:
    """C7: read, compared, written; a word that the type lacks is the lead's own trouble."""
    flats = world.property(0)
    world.do(ALTERS[2])
    told, moved, refused = (world.conversation(flats, "contacted") for _ in range(3))
    world.sync(2)
    world.change(told, status="qualified")
    world.standin.edit(world.lead_of(moved)["prospectId"], status="Lost")
    world.standin.edit(world.lead_of(refused)["prospectId"], status="Resident")
    report = world.sync(2)
    assert (world.last(told).sync_status, world.status(moved), world.status(refused)) == (
        "success", "lost", "contacted"
    )  # fmt: skip
    (applied,) = report.applied.values()
    assert "SQLSTATE 22P02" in applied.refused[refused]


@pytest.mark.parametrize("cursor", ["abc", "[1]", "3", '{"a": "x", "b": [1], "c": [NaN, 2], "d": null}', ""])
def test_a_cursor_that_somebody_set_by_hand_was_never_asked(cursor: str) -> None:
    """C7: and the next tick writes a whole one."""
    asked = GapRequests(cursor, still_open=["a", "b", "c", "d"])
    assert asked.may_ask("a", 0.0)
    asked.note(["a"], 5.0)
    assert not GapRequests(asked.cursor, still_open=["a"]).may_ask("a", 6.0)


def test_a_row_without_a_time_is_explained(run: Run, world: World, env: dict[str, str]) -> None:
    """C7"""
    change = world.log(world.conversation(world.property(0), "new"), "contacted", created_at=None)
    done = run("explain", str(change), **env)
    assert (done.code, done.err) == (0, "")
    assert "at an unknown time" in done.out


def test_the_log_has_an_index_for_deleted_conversations_unless_it_is_not_wanted(
    make_database: Callable[..., str],
) -> None:
    """C8: beyond the seed; made while others write; one that was left half made is made anew."""
    url = make_database()
    with engine_on(url) as engine:
        assert migrate(engine, log_index=False).log_index is None
        valid = f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{LOG_INDEX}')"
        assert rows(url, valid) == []
        with connected(url) as application, application.transaction():
            application.execute("LOCK TABLE status_sync_log IN ROW EXCLUSIVE MODE")
            why = ensure_log_index(engine, wait_seconds=0.05)
            assert why == "a transaction that was open before has not ended"
        assert migrate(engine).log_index is None
        assert rows(url, valid) == [(True,)]
        run(
            url,
            f"DROP INDEX {LOG_INDEX}",
            "CREATE INDEX of_their_own ON status_sync_log (conversation_id, id)",
        )
        assert migrate(engine).log_index is None
        assert rows(url, valid) == []


def test_a_session_that_ends_while_it_makes_the_index_is_a_lost_database(
    make_database: Callable[..., str],
) -> None:
    url = make_database()
    with engine_on(url) as engine:
        migrate(engine, log_index=False)

        def end(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "CREATE INDEX" in statement:
                pid = connection.connection.dbapi_connection.info.backend_pid
                run(url, f"SELECT pg_terminate_backend({pid}, 5000)")

        event.listen(engine, "before_cursor_execute", end)
        with pytest.raises(DBAPIError) as lost:
            ensure_log_index(engine)
        assert is_lost_database(lost.value)
        event.remove(engine, "before_cursor_execute", end)
        assert ensure_log_index(engine) is None


def test_every_row_that_goes_with_another_is_found_by_an_index(database: str) -> None:
    """C8: of the machinery's tables that grow."""
    without = """
        SELECT k.conrelid::regclass::text, k.confrelid::regclass::text FROM pg_constraint k
        WHERE k.contype = 'f' AND k.connamespace = 'domiq_sync'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
                          AND i.indkey[0] = k.conkey[1])
        ORDER BY 1"""
    small = {"threshold", "alert", "trouble", "domiq_status_map", "resman_status_map", "alert_complaint"}
    assert {table.partition(".")[2] for table, _ in rows(database, without)} <= small


@pytest.mark.parametrize("locked", ["domiq_sync.change", "domiq_sync.delivery", "domiq_sync.integration"])
def test_a_locked_table_holds_a_transaction_up_once(locked: str, database: str) -> None:
    """D14: whatever the number of rows; what was not captured is counted, and found."""
    with connected(database) as application, connected(database) as intruder:
        ids = [add_conversation(application) for _ in range(30)]
        with intruder.transaction():
            intruder.execute(f"LOCK TABLE {locked} IN ACCESS EXCLUSIVE MODE".encode())
            application.execute("SET statement_timeout = '900ms'")
            application.execute("UPDATE conversation SET status = 'contacted'")
    logged = value(database, "SELECT count(*) FROM status_sync_log")
    assert logged == (0 if locked == "domiq_sync.integration" else len(ids))
    misses = (
        value(database, "SELECT last_value FROM domiq_sync.capture_misses WHERE is_called")
        if not logged
        else 0
    )
    assert logged + misses == len(ids)


def test_a_trigger_that_was_disabled_is_enabled_again_and_said(
    run: Run, world: World, env: dict[str, str]
) -> None:
    """D16: on any of the tables; one that fires always is left so."""
    world.property(0)
    world.do("ALTER TABLE conversation DISABLE TRIGGER domiq_sync_capture_update")
    world.do("ALTER TABLE conversation ENABLE ALWAYS TRIGGER domiq_sync_capture_insert")
    world.do("ALTER TABLE status_sync_log ENABLE REPLICA TRIGGER domiq_sync_change_logged")
    world.do("ALTER TABLE domiq_sync.integration DISABLE TRIGGER USER")
    answers = " ".join(ill(world))
    assert "no trigger that fires" in answers
    assert "domiq_sync_change_logged on status_sync_log" in answers
    done = run("migrate", **env)
    assert (done.code, done.err) == (0, "")
    assert "Enabled again: domiq_sync_capture_update on conversation, " in done.out
    assert ill(world) == []
    state = world.value("SELECT tgenabled FROM pg_trigger WHERE tgname = 'domiq_sync_capture_insert'")
    assert state in ("A", b"A")


@pytest.fixture
def lacking(pg_server: EmbeddedServer, world: World) -> Iterator[World]:
    """A world of a role with sql/roles/runtime.sql alone."""
    run(world.url, (shipped("sql") / "roles/runtime.sql").read_text())
    run(
        world.url,
        "DROP ROLE IF EXISTS lacking",
        "CREATE ROLE lacking LOGIN BYPASSRLS IN ROLE domiq_sync_runtime",
    )
    url = as_role(world.url, "lacking")
    with engine_on(url, pool_size=10) as engine:
        theirs = World(engine, url, world.standin)
        yield theirs
        theirs.closing.close()
    run(pg_server.url("postgres"), "DROP ROLE lacking")


def test_a_grant_that_is_missing_in_a_delivery_is_said_and_the_change_waits(
    run: Run, world: World, lacking: World, env: dict[str, str]
) -> None:
    """D18, F7: the sentence names the script, doctor the grant; nothing stays in flight or goes out twice."""
    conversation = world.conversation(world.property(0), "contacted")
    world.sync(2)
    world.do("REVOKE INSERT ON domiq_sync.attempt FROM domiq_sync_runtime")
    world.change(conversation, status="lost")
    theirs = {**env, "DOMIQ_DATABASE_URL": lacking.url}
    done = run("sync", "--json", **theirs)
    assert done.code == 1, done.err
    assert "Traceback" not in done.err
    assert any("sql/roles/runtime.sql" in problem for problem in done.result["problems"])
    assert world.delivery().state != "in_flight"
    doctor = run("doctor", **theirs)
    assert doctor.code == 1
    assert "INSERT on domiq_sync.attempt" in " ".join(doctor.out.split())
    world.do("GRANT INSERT ON domiq_sync.attempt TO domiq_sync_runtime")
    lacking.deliver()
    assert world.told(conversation).count("Cancel") == 1
    world.do("REVOKE USAGE ON SCHEMA domiq_sync FROM domiq_sync_runtime")
    refused = run("status", **theirs)
    assert refused.code == 2
    assert "sql/roles/runtime.sql" in refused.sentence


def test_a_dump_that_is_restored_goes_on_without_doubles(
    tmp_path: Path, world: World, make_database: Callable[..., str]
) -> None:
    """Sequences, triggers and functions come along; a migrate and doctor find nothing to mend."""
    programs = programs_for(tmp_path).directory
    flats: UUID = world.property(0)
    conversation = world.conversation(flats, "contacted")
    world.sync(2)
    world.change(conversation, status="lost")
    url = make_database()
    dump = tmp_path / "dump.sql"
    subprocess.run([programs / "pg_dump", "-d", world.url, "-f", dump], check=True, capture_output=True)
    subprocess.run(
        [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", dump],
        check=True,
        capture_output=True,
    )
    with engine_on(url, pool_size=10) as engine:
        again = World(engine, url, world.standin)
        done = migrate(engine)
        assert (done.enabled, done.sequences, done.log_index) == ((), (), None)
        assert ill(again) == []
        again.sync(2)
        assert again.told(conversation)[-1] == "Cancel"
        assert again.repeated_markers() == []
        again.closing.close()
    world.do("DELETE FROM domiq_sync.delivery; DELETE FROM conversation")


def test_a_backup_from_before_the_last_push_is_restored_as_the_runbook_says(
    tmp_path: Path, world: World, make_database: Callable[..., str], run: Run
) -> None:
    """D4: what ResMan was told after the copy is not told again."""
    programs = programs_for(tmp_path).directory
    conversation = world.conversation(world.property(), "contacted")
    world.sync(2)
    world.change(conversation, status="lost")
    dump, url = tmp_path / "domiq.dump", make_database()
    subprocess.run([programs / "pg_dump", "-Fc", "-d", world.url, "-f", dump], check=True)
    world.sync()
    assert world.told(conversation).count("Cancel") == 1
    restore = [programs / "pg_restore", "--exit-on-error", "-d", url, dump]
    subprocess.run(restore, check=True, capture_output=True)
    env = {**environment_for(url, world.standin.url), "DOMIQ_HOME": str(tmp_path / "home")}
    for command in (["migrate"], ["restored"], ["sync"], ["status"], ["doctor"]):
        done = run(*command, **env)
        assert done.code == 0, (command, done)
    assert world.told(conversation).count("Cancel") == 1
    assert world.repeated_markers() == []
    world.do("DELETE FROM domiq_sync.delivery; DELETE FROM conversation")


def test_a_standby_that_is_promoted_goes_on(standin: Standin) -> None:
    """While it follows it is read-only, which is said in one sentence; promoted it takes everything up."""
    with server(None) as primary:
        primary.do("CREATE DATABASE domiq")
        migrated(primary.url("domiq"))
        with engine_on(primary.url("domiq"), pool_size=10) as engine:
            world = World(engine, primary.url("domiq"), standin)
            conversation = world.conversation(world.property(0), "contacted")
            world.sync(2)
            world.change(conversation, status="lost")
            world.closing.close()
        with server(None, copy_of=primary) as standby:
            with engine_on(standby.url("domiq")) as engine, engine.connect() as connection:
                assert connection.scalar(text("SELECT pg_is_in_recovery()"))
            standby.promote()
            with engine_on(standby.url("domiq"), pool_size=10) as engine:
                again = World(engine, standby.url("domiq"), standin)
                assert ill(again) == []
                again.sync(2)
                assert again.told(conversation)[-1] == "Cancel"
                assert again.conservation() == []
                assert again.repeated_markers() == []
                again.closing.close()
