"""Uninstalling leaves DomIQ's database as one that only ever had the design's objects, with all rows of the
log; and it is refused, or undone as a whole, where that cannot be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from domiq_dagster.db import uninstall as db_uninstall
from domiq_dagster.db.errors import BlindRole, NotMigrated, WrongDatabase
from domiq_dagster.db.migrate import HEAD, migrate
from domiq_dagster.db.uninstall import CannotUninstall
from domiq_dagster.runtime.files import shipped
from domiq_dagster.sync.housekeeping.housekeeping import keep_house
from domiq_dagster.sync.queue.archive import CannotArchive
from domiq_dagster.sync.uninstall import UninstallPlan, uninstall, uninstall_plan
from domiq_dagster.sync.workers import Presence
from tests.fixtures.commands import eventually
from tests.fixtures.domiq_shapes import (
    PEOPLE,
    SEED_TABLES,
    SEED_VIEW,
    UUID_FUNCTION,
    Catalog,
    add_conversation,
    as_role,
    catalog,
    connected,
    differences,
    engine_on,
    migrated,
    rows,
    run,
    seed_statements,
    shapes,
    value,
    whole_catalog,
)
from tests.fixtures.world import World
from tests.integration.sync.delivery.test_doubt import (
    kill_after_posting,
    lose_answer,
    pass_until_quiet,
    settled,
)
from tests.integration.sync.housekeeping.test_housekeeping import ARCHIVE, age, moved
from tests.integration.test_migrate import owned_by

MakeDatabase = Callable[..., str]
SHAPES = shapes()
THROUGH_CHATBOT = """
CREATE VIEW status_sync_success_rate AS
SELECT b.property_id,
       COUNT(*) FILTER (WHERE ssl.sync_status = 'success')::float / NULLIF(COUNT(*), 0) * 100
           AS sync_success_rate,
       COUNT(*) FILTER (WHERE ssl.sync_status = 'failed') AS failed_status_updates
FROM status_sync_log ssl JOIN conversation c ON ssl.conversation_id = c.id
LEFT JOIN chatbot b ON b.id = c.chatbot_id GROUP BY b.property_id
"""
"""The design's view where conversation has no property_id, so that its own query cannot be created."""
ARCHIVED = "SELECT * FROM domiq_sync.status_sync_log_archive ORDER BY id"
LOG = "SELECT * FROM status_sync_log ORDER BY id"
FIGURES = f"SELECT * FROM {SEED_VIEW} ORDER BY property_id NULLS FIRST"
GRANTED = """
SELECT c.relname FROM pg_class c CROSS JOIN aclexplode(c.relacl) x
WHERE x.grantee = to_regrole('domiq_sync_runtime') AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT a.attname FROM pg_attribute a CROSS JOIN aclexplode(a.attacl) x
WHERE x.grantee = to_regrole('domiq_sync_runtime')
UNION ALL
SELECT n.nspname FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) x
WHERE x.grantee = to_regrole('domiq_sync_runtime')
"""


def taken_out(url: str) -> UninstallPlan:
    with engine_on(url, pool_size=1) as engine:
        return uninstall(engine)


def refused(url: str, kind: type[Exception] = CannotUninstall) -> str:
    """The sentence with which it is refused."""
    with engine_on(url, pool_size=1) as engine, pytest.raises(kind) as caught:
        uninstall(engine)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def public(url: str) -> Catalog:
    with connected(url) as connection:
        return catalog(connection, "public")


def has_people(url: str) -> bool:
    """Whether a conversation can be added there, with a status."""
    columns = rows(url, "SELECT attname FROM pg_attribute WHERE attrelid = 'conversation'::regclass")
    return {("status",), ("chatbot_id",)} <= set(columns)


@pytest.fixture
def seeded(make_database: MakeDatabase) -> Callable[[str], str]:
    """`seeded(shape)`: a database of a shape that has the design's objects, and never had the sync."""

    def make(shape: str) -> str:
        url = make_database()
        run(url, *SHAPES[shape])
        if "seed" in shape:
            return url
        if value(url, "SELECT to_regprocedure('uuid_generate_v4()') IS NULL"):
            run(url, UUID_FUNCTION)
        *statements, view = seed_statements()
        own = value(url, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'conversation'::regclass "
                         "AND attname = 'property_id'")  # fmt: skip
        run(url, *statements, view if own else THROUGH_CHATBOT)
        return url

    return make


@pytest.mark.parametrize("rls", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_left_is_what_the_design_says(
    shape: str, rls: bool, make_database: MakeDatabase, seeded: Callable[[str], str]
) -> None:
    url = seeded(shape)
    before, kept = public(url), rows(url, LOG)
    figures = rows(url, FIGURES)
    with engine_on(url) as engine:
        migrate(engine, rls=rls or None)
    run(url, (shipped("sql") / "roles" / "runtime.sql").read_text(encoding="utf-8"))
    if has_people(url):
        run(url, PEOPLE)
        with connected(url) as connection:
            conversation = add_conversation(connection)
            connection.execute("UPDATE conversation SET status = 'contacted' WHERE id = %s", [conversation])
        kept, figures = rows(url, LOG), rows(url, FIGURES)
        assert (len(kept), len(figures)) == (1, 1)
    assert differences(before, public(url)) != []

    done = taken_out(url)
    assert done.counts.pending == (1 if has_people(url) else 5 if "seed" in shape else 0)
    assert differences(before, public(url)) == []
    assert value(url, "SELECT to_regnamespace('domiq_sync') IS NULL")
    assert rows(url, GRANTED) == []
    assert rows(url, LOG) == kept
    if shape != "property_id and chatbot":  # where the design's query knows one of both ways alone
        assert rows(url, FIGURES) == figures
    if has_people(url):
        run(url, "UPDATE conversation SET status = 'qualified'", "DELETE FROM conversation")
        assert rows(url, LOG) == []
    run(url, "INSERT INTO status_sync_log (sync_direction, sync_status) VALUES ('to_resman', 'pending')")


def test_a_database_that_migrate_made_whole_is_left_with_the_design_s_tables(
    make_database: MakeDatabase, seeded: Callable[[str], str]
) -> None:
    url = make_database()
    run(url, *SHAPES["domiq"])
    migrated(url)
    taken_out(url)
    assert differences(public(seeded("domiq")), public(url)) == []


def test_a_schema_that_was_dropped_by_hand_is_cleaned_up_after(
    make_database: MakeDatabase, seeded: Callable[[str], str]
) -> None:
    url = seeded("minimal")
    before = public(url)
    with engine_on(url) as engine:
        migrate(engine, rls=True)
    run(url, "DROP SCHEMA domiq_sync CASCADE")
    assert differences(before, public(url)) != []
    assert taken_out(url).installed.own_schema is None
    assert differences(before, public(url)) == []
    assert "nothing of the sync in this database" in refused(url)


def test_what_was_synced_archived_and_pending_is_in_the_log_and_is_taken_up_again(world: World) -> None:
    conversation = moved(world, "new", "contacted", "qualified")
    properties = [world.value("SELECT id FROM property"), world.property(1)]
    gone = world.conversation(properties[1], "new")
    age(world)
    everything = world.rows(LOG)
    assert keep_house(world.engine, ARCHIVE).kinds["log"].rows == 2
    # Housekeeping could not have them, so that they are there for nobody.
    world.do("INSERT INTO domiq_sync.archived_conversation VALUES (:g, NULL)", g=gone)
    world.do(
        "INSERT INTO domiq_sync.status_sync_log_archive SELECT (jsonb_populate_record(a, jsonb_build_object("
        "'id', gen_random_uuid(), 'conversation_id', gen_random_uuid()))).* "
        "FROM domiq_sync.status_sync_log_archive a LIMIT 1"
    )
    domiqs = {
        table: world.rows(f'SELECT * FROM "{table}" ORDER BY id')
        for table in ("property", "chatbot", "user", "conversation", *SEED_TABLES[1:])
    }
    told = world.told(conversation)

    world.engine.dispose()
    counts = taken_out(world.url).counts
    assert (counts.archived, counts.archived_gone, counts.pending, counts.properties) == (2, 1, 1, 2)
    assert (counts.links, counts.unknown, counts.conflicts) == (1, 0, 0)
    assert world.rows(LOG) == everything
    for table, before in domiqs.items():
        assert world.rows(f'SELECT * FROM "{table}" ORDER BY id') == before

    assert migrate(world.engine).before is None
    assert world.rows(LOG) == everything
    assert world.value("SELECT count(*) FROM domiq_sync.change") == len(everything)
    for number, connected_before in enumerate(properties):
        world.connect(connected_before, number)
    world.sync(2)
    assert world.rows("SELECT FROM status_sync_log WHERE sync_status = 'pending'") == []
    assert world.told(conversation) == told
    world.change(conversation, status="lost")
    world.sync()
    assert world.conservation() == []
    assert world.repeated_markers() == []
    assert world.told(conversation) == [*told, "Cancel"]


def test_it_is_refused_while_a_change_may_have_arrived_at_resman(world: World) -> None:
    """Uninstalled, nothing would tell of it, and a later installation would send it again."""
    conversation = settled(world, "contacted")
    world.change(conversation, status="qualified")
    lose_answer(world)
    kill_after_posting(world)
    property_id = world.value("SELECT property_id FROM domiq_sync.integration")
    world.engine.dispose()
    before = whole_catalog(world.url)
    sentence = refused(world.url)
    assert sentence.startswith("1 change may have arrived at ResMan")
    assert differences(before, whole_catalog(world.url)) == []
    assert pass_until_quiet(world) > 0
    world.engine.dispose()
    assert taken_out(world.url).counts.unknown == 0
    migrate(world.engine)
    world.connect(property_id)
    world.sync(2)
    assert world.told(conversation) == ["Contact", "Other"]
    assert world.repeated_markers() == []


def test_it_is_refused_while_somebody_works_on_the_sync(world: World) -> None:
    world.conversation(world.property(), "new")
    before = whole_catalog(world.url)
    with Presence(world.engine, "host-1-abc", "service", leaves=True):
        sentence = refused(world.url)
        assert sentence.startswith("The sync is at work: service host-1-abc (seen ")
        with engine_on(world.url) as engine:
            assert len(uninstall_plan(engine).alive) >= 1
    Presence(world.engine, "host-2-abc", "push", run_id="some-run").beat()  # and was killed
    assert "push host-2-abc (seen " in refused(world.url)
    assert differences(before, whole_catalog(world.url)) == []


def test_it_is_refused_while_a_command_or_a_sensor_has_a_session(world: World) -> None:
    world.engine.dispose()
    with engine_on(world.url) as theirs, theirs.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        assert "a session of domiq-sync (pid " in refused(world.url)
    world.closing.close()
    assert taken_out(world.url).alive == ()
    migrate(world.engine)


UNINSTALLING = """
SELECT pid FROM pg_locks
WHERE relation = 'domiq_sync.worker'::regclass AND mode = 'ShareRowExclusiveLock' AND granted
"""
WAITING = """
SELECT count(*) FROM pg_locks WHERE relation = 'domiq_sync.worker'::regclass AND mode = 'RowExclusiveLock'
AND NOT granted
"""


@contextmanager
def held_up(url: str) -> Iterator[tuple[psycopg.Connection[Any], list[Exception | UninstallPlan]]]:
    """An uninstall that waits, with all but DomIQ's tables in hand, for the transaction of the connection;
    and how it ended, once that is known."""
    ended: list[Exception | UninstallPlan] = []

    def begin() -> None:
        with engine_on(url, pool_size=1) as engine:
            try:
                ended.append(uninstall(engine))
            except Exception as error:
                ended.append(error)

    uninstalling = threading.Thread(target=begin)
    with psycopg.connect(url) as application:
        application.execute("LOCK TABLE conversation IN ROW EXCLUSIVE MODE")
        uninstalling.start()
        eventually(lambda: rows(url, UNINSTALLING), 30)
        try:
            yield application, ended
        finally:
            application.rollback()
            uninstalling.join()


def test_a_worker_that_begins_meanwhile_waits_and_then_finds_nothing(make_database: MakeDatabase) -> None:
    url = make_database()
    migrated(url)
    refusals: list[Exception] = []

    def begin() -> None:
        with engine_on(url) as engine:
            try:
                Presence(engine, "host-3-abc", "service").beat()
            except DBAPIError as error:
                refusals.append(error)

    beginning = threading.Thread(target=begin)
    with held_up(url) as (_, ended):
        beginning.start()
        eventually(lambda: value(url, WAITING), 30)
    beginning.join()
    (done,) = ended
    assert isinstance(done, UninstallPlan)
    (error,) = refusals
    assert 'relation "domiq_sync.worker" does not exist' in str(error)


def test_one_that_is_killed_leaves_all_as_it_was(world: World) -> None:
    """Killed with the archive's rows back in the log already."""
    moved(world, "new", "contacted", "qualified")
    age(world)
    assert keep_house(world.engine, ARCHIVE).kinds["log"].rows == 2
    before = whole_catalog(world.url)
    kept = [
        rows(world.url, LOG),
        rows(world.url, ARCHIVED),
        rows(world.url, FIGURES),
    ]
    world.engine.dispose()
    with held_up(world.url) as (_, ended):
        run(world.url, f"SELECT pg_terminate_backend(({UNINSTALLING}))")
        eventually(lambda: ended, 30)
    (done,) = ended
    assert isinstance(done, DBAPIError)
    assert differences(before, whole_catalog(world.url)) == []
    assert [rows(world.url, LOG), rows(world.url, ARCHIVED), rows(world.url, FIGURES)] == kept
    assert world.conservation() == []


def test_a_conversation_that_is_deleted_meanwhile_goes_first(world: World) -> None:
    """Its archived rows are being put back, so its deletion waits; and neither is ended as a deadlock."""
    conversation = moved(world, "new", "contacted", "qualified")
    age(world)
    assert keep_house(world.engine, ARCHIVE).kinds["log"].rows == 2
    world.engine.dispose()
    faults: list[Exception] = []

    def delete() -> None:
        try:
            with connected(world.url) as application:
                application.execute("DELETE FROM conversation WHERE id = %s", [conversation])
        except psycopg.Error as error:
            faults.append(error)

    deleting = threading.Thread(target=delete)
    with held_up(world.url) as (_, ended):
        deleting.start()
        eventually(lambda: ended, 60)
    deleting.join()
    (done,) = ended
    assert isinstance(done, CannotUninstall)
    assert str(done).startswith("DomIQ deletes conversations just now")
    assert faults == []
    assert rows(world.url, LOG) == rows(world.url, ARCHIVED) == []
    assert taken_out(world.url).counts.archived == 0
    migrate(world.engine)


def test_the_application_goes_on_while_it_waits_for_a_long_transaction(make_database: MakeDatabase) -> None:
    """What comes after the last wait in vain is let through, captured and kept."""
    url = make_database()
    migrated(url)
    run(url, PEOPLE)
    with held_up(url) as (_, ended), connected(url) as application:
        conversation = add_conversation(application)
        for status in ("contacted", "qualified", "lost"):
            application.execute("UPDATE conversation SET status = %s WHERE id = %s", [status, conversation])
        assert ended == []
    (done,) = ended
    assert isinstance(done, UninstallPlan)
    logged = rows(url, "SELECT new_status, sync_status FROM status_sync_log ORDER BY created_at")
    assert logged == [("contacted", "pending"), ("qualified", "pending"), ("lost", "pending")]


def test_it_gives_up_where_a_transaction_does_not_end(make_database: MakeDatabase) -> None:
    url = make_database()
    migrated(url)
    before = whole_catalog(url)
    with psycopg.connect(url) as application, engine_on(url) as engine:
        application.execute("LOCK TABLE conversation IN ROW EXCLUSIVE MODE")
        with engine.begin() as connection, pytest.raises(CannotUninstall, match="in use by a transaction"):
            db_uninstall.remove(connection, wait_seconds=0)
    assert differences(before, whole_catalog(url)) == []


@pytest.mark.parametrize(
    ("built", "named"),
    [
        ("CREATE VIEW dashboard AS SELECT * FROM domiq_sync.status_sync_log_all", "view dashboard"),
        ("CREATE MATERIALIZED VIEW links AS SELECT * FROM domiq_sync.lead_link", "materialized view links"),
        ("CREATE TABLE notes (c UUID REFERENCES domiq_sync.change)", "constraint notes_c_fkey on table"),
        ("CREATE TABLE marks (id BIGINT DEFAULT nextval('domiq_sync.lease_token'))", "default value for"),
        ("CREATE TABLE maps (m domiq_sync.domiq_status_map)", "table maps"),
        (
            "CREATE TRIGGER theirs AFTER INSERT ON message EXECUTE FUNCTION domiq_sync.note_home()",
            "trigger theirs on table message",
        ),
        ("CREATE VIEW totals AS SELECT * FROM public.status_sync_totals()", "view totals"),
    ],
)  # fmt: skip
def test_what_others_have_built_on_it_is_named_and_nothing_goes(
    built: str, named: str, make_database: MakeDatabase
) -> None:
    url = make_database()
    migrated(url)
    run(url, built)
    before = whole_catalog(url)
    sentence = refused(url)
    assert sentence.startswith("Others have built on the sync's tables")
    assert named in sentence
    assert differences(before, whole_catalog(url)) == []


def test_what_others_have_built_on_the_view_stays(make_database: MakeDatabase) -> None:
    url = make_database()
    migrated(url)
    run(url, f"CREATE VIEW board AS SELECT * FROM {SEED_VIEW}", f"GRANT SELECT ON {SEED_VIEW} TO pg_monitor")
    taken_out(url)
    assert rows(url, "SELECT * FROM board") == []
    assert value(url, f"SELECT has_table_privilege('pg_monitor', '{SEED_VIEW}', 'SELECT')")


def test_a_policy_of_domiq_s_own_keeps_row_level_security_on(make_database: MakeDatabase) -> None:
    url = make_database()
    with engine_on(url) as engine:
        migrate(engine, rls=True)
    run(url, "CREATE POLICY theirs ON status_sync_log USING (TRUE)")
    taken_out(url)
    secured = "SELECT relrowsecurity FROM pg_class WHERE relname = %s"
    assert value(url, secured, ["status_sync_log"])
    assert not value(url, secured, ["status_workflow_rules"])
    assert rows(url, "SELECT polname FROM pg_policy WHERE polrelid = 'status_sync_log'::regclass") == [
        ("theirs",)
    ]


def test_rows_that_the_log_does_not_take_back_keep_all_as_it_was(world: World) -> None:
    moved(world, "new", "contacted", "qualified")
    age(world)
    keep_house(world.engine, ARCHIVE)
    world.do(
        "CREATE FUNCTION refuse_old() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
        "CREATE TRIGGER refuse_old BEFORE INSERT ON status_sync_log FOR EACH ROW "
        "EXECUTE FUNCTION refuse_old()"
    )
    before, archived = whole_catalog(world.url), rows(world.url, ARCHIVED)
    world.engine.dispose()
    assert "trigger or rule of DomIQ's" in refused(world.url, CannotArchive)
    assert differences(before, whole_catalog(world.url)) == []
    assert rows(world.url, ARCHIVED) == archived != []


def test_a_role_that_may_not_is_told_so(make_role: Callable[[str], str], make_database: MakeDatabase) -> None:
    blind, weak = make_role(""), make_role("BYPASSRLS")
    url = make_database()
    migrated(url)
    run(
        url,
        f"GRANT USAGE ON SCHEMA domiq_sync TO {weak}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA domiq_sync, public TO {weak}",
    )
    before = whole_catalog(url)
    assert "Row-level security hides rows" in refused(as_role(url, blind), BlindRole)
    assert "as the role that migrates" in refused(as_role(url, weak))
    assert differences(before, whole_catalog(url)) == []


def test_an_owner_without_any_privilege_beyond_may_uninstall(
    make_role: Callable[[str], str], make_database: MakeDatabase
) -> None:
    owner, url = make_role(""), make_database()
    run(url, *owned_by(url, owner))
    before = public(url)
    migrated(as_role(url, owner))
    taken_out(as_role(url, owner))
    ours = {*SEED_TABLES, SEED_VIEW}
    left = {kind: [e for e in entries if e[0] not in ours] for kind, entries in public(url).items()}
    assert differences(before, left) == []


def test_a_database_that_is_not_at_this_version_or_not_domiq_s_is_refused(
    make_database: MakeDatabase,
) -> None:
    url = make_database()
    run(url, "CREATE TABLE something (id INTEGER)")
    assert "point DOMIQ_DATABASE_URL at DomIQ's own database" in refused(url, WrongDatabase)
    url = make_database()
    migrated(url)
    run(url, "UPDATE domiq_sync.alembic_version SET version_num = '0031'")
    assert f"at revision 0031 in this database, this version needs {HEAD}" in refused(url, NotMigrated)
