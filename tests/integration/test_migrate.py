"""Migrating every shape of database that a user may have: once, again, as printed SQL, twice at a time,
in a role that may not; and what a migration leaves alone."""

import re
import threading
from collections.abc import Callable

import pytest

from domiq_dagster.db.checks import require_migrated
from domiq_dagster.db.errors import BlindRole, DatabaseError, NotMigrated, WrongDatabase
from domiq_dagster.db.migrate import HEAD, MayNotMigrate, Migrated, migrate, migration_sql, sql_text
from domiq_dagster.runtime.files import shipped
from tests.fixtures.domiq_shapes import (
    CAPTURE_TRIGGERS,
    HOME_TRIGGERS,
    MINIMAL_OWN_COLUMN,
    PEOPLE,
    SEED_TABLES,
    SEED_VIEW,
    UUID_FUNCTION,
    VIEW_FUNCTIONS,
    Catalog,
    add_conversation,
    as_role,
    catalog,
    connected,
    differences,
    domiq_tables,
    engine_on,
    migrated,
    rows,
    run,
    run_printed,
    seed_statements,
    shapes,
    value,
    whole_catalog,
)

MakeDatabase = Callable[..., str]
SHAPES = shapes()
LOG_ROWS = "SELECT * FROM status_sync_log ORDER BY id"
QUEUE = """
SELECT g.new_status, d.lane = c.conversation_id OR c.conversation_id IS NULL, d.is_head, d.state
FROM domiq_sync.delivery d JOIN domiq_sync.change c USING (change_id)
JOIN status_sync_log g ON g.id = c.change_id ORDER BY d.seq"""


def own_tables(url: str) -> Catalog:
    """Schema public without what the contract adds to it."""
    with connected(url) as connection:
        found = catalog(connection, "public")
    ours = {*SEED_TABLES, SEED_VIEW, *VIEW_FUNCTIONS}
    return {
        kind: [e for e in entries if e[0] not in ours and e[0] != "uuid_generate_v4"]
        for kind, entries in found.items()
    }


def test_an_empty_database_gets_domiqs_tables_first(make_database: MakeDatabase) -> None:
    url = make_database()
    assert migrated(url) == Migrated(None, HEAD, created_domiq_tables=True, capture_trigger=True)
    assert migrated(url) == Migrated(HEAD, HEAD, created_domiq_tables=False, capture_trigger=True)
    assert value(url, "SELECT count(*) FROM conversation") == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_migrating_again_changes_and_loses_nothing(shape: str, make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, *SHAPES[shape])
    before = rows(url, LOG_ROWS) if "seed" in shape else []
    assert migrated(url).before is None
    once, queue = whole_catalog(url), rows(url, QUEUE)
    assert migrated(url).before == HEAD
    assert differences(once, whole_catalog(url)) == []
    assert rows(url, LOG_ROWS) == before
    assert rows(url, QUEUE) == queue


@pytest.mark.parametrize("shape", SHAPES)
def test_of_domiqs_own_tables_only_conversation_gets_triggers(
    shape: str, make_database: MakeDatabase
) -> None:
    url = make_database()
    run(url, *SHAPES[shape])
    before = own_tables(url)
    migrated(url, capture_trigger=False)
    assert differences(before, own_tables(url)) == []
    migrated(url, capture_trigger=True)
    after = own_tables(url)
    added = [t for t in after["triggers"] if t not in before["triggers"]]
    without_status = shape.startswith("minimal") or "seed" in shape
    expected = {("conversation", t) for t in HOME_TRIGGERS | (set() if without_status else CAPTURE_TRIGGERS)}
    assert {(table, name) for table, name, *_ in added} == expected
    assert differences({**after, "triggers": before["triggers"]}, before) == []


def test_a_table_without_status_is_migrated_with_a_warning(make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, UUID_FUNCTION, *MINIMAL_OWN_COLUMN)
    heard: list[str | None] = []
    with connected(url) as connection:
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        connection.execute(migration_sql(log_index=False).encode())
    assert "conversation has no column status: nothing can be captured from it" in heard


def test_an_existing_uuid_function_stays_as_it_is(make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, *SHAPES["domiq with a uuid function"])
    definition = "SELECT pg_get_functiondef('public.uuid_generate_v4()'::regprocedure)"
    before = value(url, definition)
    migrated(url)
    assert value(url, definition) == before
    assert "plpgsql" in before


def test_a_uuid_function_off_the_search_path_does_not_count(make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, "CREATE SCHEMA extensions", UUID_FUNCTION.replace("public.", "extensions."), *MINIMAL_OWN_COLUMN)
    migrated(url)
    run(url, "INSERT INTO status_sync_log DEFAULT VALUES")
    assert value(url, "SELECT to_regprocedure('public.uuid_generate_v4()') IS NOT NULL")


def test_what_was_logged_before_gets_its_place_and_its_deliveries(make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, *SHAPES["seed and rows there"])
    before = rows(url, LOG_ROWS)
    migrated(url)
    assert rows(url, LOG_ROWS) == before
    assert value(url, "SELECT count(*) FROM domiq_sync.change") == len(before) == 8
    # Per conversation a pending `contacted`, the head of its lane, then `qualified`; one without any.
    assert rows(url, QUEUE) == [
        ("contacted", True, True, "ready"),
        ("contacted", True, True, "ready"),
        ("qualified", True, False, "ready"),
        ("qualified", True, False, "ready"),
        (None, True, True, "ready"),
    ]
    in_order = """SELECT g.created_at FROM status_sync_log g JOIN domiq_sync.change c ON c.change_id = g.id
                  WHERE g.conversation_id IS NOT NULL ORDER BY c.seq"""
    found = rows(url, in_order)
    assert found == sorted(found)
    assert len(set(found)) == 3
    assert value(url, "SELECT count(property_id) FROM domiq_sync.change") == 6


@pytest.mark.parametrize("kept", ["none", "first", "most", "odd", "last"])
def test_a_seed_that_was_applied_in_part_is_completed(kept: str, make_database: MakeDatabase) -> None:
    statements = seed_statements()
    tables, rest = statements[:6:2], statements[1:6:2] + statements[6:]
    partly = {
        "none": [],
        "first": statements[:1],
        "most": statements[:11],
        "odd": tables + rest[::2],
        "last": tables + rest[-2:],
    }[kept]
    whole, partial = make_database(), make_database()
    run(whole, UUID_FUNCTION, *MINIMAL_OWN_COLUMN, *statements)
    run(partial, UUID_FUNCTION, *MINIMAL_OWN_COLUMN, *partly)
    migrated(whole)
    migrated(partial)
    assert differences(whole_catalog(whole), whole_catalog(partial)) == []


def test_the_capture_trigger_comes_and_goes_by_choice(make_database: MakeDatabase) -> None:
    url = make_database()
    names = "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'domiq_sync_capture%'"
    for chosen in (False, False, True, True, False, True):
        assert migrated(url, capture_trigger=chosen).capture_trigger is chosen
        assert {name for (name,) in rows(url, names)} == (CAPTURE_TRIGGERS if chosen else set())


def test_migrating_again_locks_no_table_against_the_application_or_a_worker(
    make_database: MakeDatabase,
) -> None:
    url = make_database()
    migrated(url)
    triggers = "SELECT oid, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY oid"
    before = rows(url, triggers)
    tables = value(
        url,
        "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace IN ('public'::regnamespace, 'domiq_sync'::regnamespace)",
    )
    with connected(url) as application, application.transaction():
        application.execute(f"LOCK TABLE {tables} IN ROW EXCLUSIVE MODE")
        with engine_on(url, lock_timeout_ms=500) as engine:
            assert migrate(engine).before == HEAD
    assert rows(url, triggers) == before


def test_a_trigger_that_is_stated_otherwise_is_made_anew(make_database: MakeDatabase) -> None:
    url = make_database()
    migrated(url)
    before = whole_catalog(url)
    run(
        url,
        "DROP TRIGGER link_closed ON domiq_sync.lead_link",
        "CREATE TRIGGER link_closed AFTER INSERT ON domiq_sync.lead_link FOR EACH ROW "
        "EXECUTE FUNCTION domiq_sync.on_link_closed()",
        "DROP TRIGGER domiq_sync_capture_update ON conversation",
        "CREATE TRIGGER domiq_sync_capture_update AFTER UPDATE ON conversation FOR EACH ROW "
        "WHEN (OLD.status IS NOT NULL) EXECUTE FUNCTION domiq_sync.capture_status()",
    )
    assert len(differences(before, whole_catalog(url))) == 4
    migrated(url)
    assert differences(before, whole_catalog(url)) == []


@pytest.mark.parametrize(("shape", "capture_trigger"), [("domiq", False), *((s, True) for s in SHAPES)])
def test_the_printed_sql_does_the_same(
    shape: str, capture_trigger: bool, make_database: MakeDatabase
) -> None:
    ours, theirs = make_database(), make_database()
    for url in (ours, theirs):
        run(url, *SHAPES[shape])
    migrated(ours, capture_trigger=capture_trigger)
    run_printed(theirs, migration_sql(capture_trigger=capture_trigger))
    assert differences(whole_catalog(ours), whole_catalog(theirs)) == []
    assert rows(theirs, QUEUE) == rows(ours, QUEUE)
    assert migrated(theirs, capture_trigger=capture_trigger).before == HEAD


def test_printed_sql_that_fails_halfway_leaves_nothing(make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, *domiq_tables(), "CREATE TABLE status_sync_log (id UUID PRIMARY KEY)")
    with pytest.raises(Exception, match="new_status"):
        run_printed(url, migration_sql())
    assert value(url, "SELECT to_regnamespace('domiq_sync') IS NULL")


def test_two_at_once_do_it_once(make_database: MakeDatabase) -> None:
    url = make_database()
    start, done = threading.Barrier(2), []

    def go() -> None:
        with engine_on(url) as engine:
            engine.connect().close()
            start.wait(timeout=10)
            done.append(migrate(engine))

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(d.before or "" for d in done) == ["", HEAD]
    assert sorted(d.created_domiq_tables for d in done) == [False, True]


WRONG = {
    "somebody else's": (["CREATE TABLE orders (id INT)"], "no table property and no table conversation"),
    "property alone": (["CREATE TABLE property (id UUID PRIMARY KEY)"], "no table conversation"),
    "ids that are numbers": (
        [
            "CREATE TABLE property (id BIGINT PRIMARY KEY)",
            "CREATE TABLE conversation (id BIGINT PRIMARY KEY, property_id BIGINT)",
        ],
        "The id of table property and of table conversation is no UUID",
    ),
    "an id that is no key": (
        [
            "CREATE TABLE property (id UUID PRIMARY KEY)",
            "CREATE TABLE conversation (id UUID, property_id UUID)",
        ],
        "The id of table conversation is no UUID",
    ),
    "no way to the property": (
        [
            "CREATE TABLE property (id UUID PRIMARY KEY)",
            "CREATE TABLE chatbot (id UUID PRIMARY KEY, property_id UUID)",
            "CREATE TABLE conversation (id UUID PRIMARY KEY)",
        ],
        "does not lead to its property",
    ),
    "a chatbot of no property": (
        [
            "CREATE TABLE property (id UUID PRIMARY KEY)",
            "CREATE TABLE chatbot (id UUID PRIMARY KEY)",
            "CREATE TABLE conversation (id UUID PRIMARY KEY, chatbot_id UUID)",
        ],
        "does not lead to its property",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_database_is_refused_in_one_sentence(kind: str, make_database: MakeDatabase) -> None:
    url = make_database()
    statements, says = WRONG[kind]
    run(url, *statements)
    with connected(url) as connection:
        before = catalog(connection, "public")
    refusal = refused(url, WrongDatabase)
    assert says in refusal
    with connected(url) as connection:
        assert differences(before, catalog(connection, "public")) == []
        assert value(connection, "SELECT to_regnamespace('domiq_sync') IS NULL")


def refused(url: str, error: type[DatabaseError]) -> str:
    with pytest.raises(error) as caught:
        migrated(url)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("granted", [True, False])
def test_a_role_that_row_level_security_blinds_is_refused(
    granted: bool, make_role: Callable[[str], str], make_database: MakeDatabase
) -> None:
    role, url = make_role(""), make_database()
    run(url, *domiq_tables())
    if granted:
        run(url, *everything_to(url, role))
    sentence = refused(as_role(url, role), BlindRole)
    assert f'from role "{role}"' in sentence
    assert "chatbot, company, conversation" in sentence
    assert value(url, "SELECT to_regnamespace('domiq_sync') IS NULL")


def test_the_owner_is_refused_too_where_policies_are_forced_on_it(
    make_role: Callable[[str], str], make_database: MakeDatabase
) -> None:
    role, url = make_role(""), make_database()
    run(url, *owned_by(url, role))
    migrated(as_role(url, role))
    run(url, "ALTER TABLE status_sync_log ENABLE ROW LEVEL SECURITY")
    migrated(as_role(url, role))
    run(url, "ALTER TABLE status_sync_log FORCE ROW LEVEL SECURITY")
    assert "hides rows of status_sync_log" in refused(as_role(url, role), BlindRole)


def everything_to(url: str, role: str) -> list[str]:
    """What lets a role migrate that owns nothing."""
    database = value(url, "SELECT current_database()")
    return [
        f"GRANT CREATE ON DATABASE {database} TO {role}",
        f"GRANT CREATE ON SCHEMA public TO {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
    ]


def owned_by(url: str, role: str) -> list[str]:
    """DomIQ's tables, made by a role that is no superuser."""
    grants = everything_to(url, role)
    return [*grants[:2], f"SET SESSION AUTHORIZATION {role}; " + ";".join(domiq_tables())]


def test_an_owner_without_any_privilege_beyond_may_migrate(
    make_role: Callable[[str], str], make_database: MakeDatabase
) -> None:
    role, url = make_role(""), make_database()
    run(url, *owned_by(url, role))
    assert migrated(as_role(url, role)).before is None
    assert migrated(as_role(url, role)).before == HEAD
    captures_a_change(as_role(url, role))


def test_bypassrls_and_grants_are_enough_to_migrate(
    make_role: Callable[[str], str], make_database: MakeDatabase
) -> None:
    role, url = make_role("BYPASSRLS"), make_database()
    run(url, *domiq_tables(), *everything_to(url, role))
    assert migrated(as_role(url, role)).before is None
    assert migrated(as_role(url, role)).before == HEAD
    captures_a_change(url)


def test_bypassrls_without_rights_is_refused_in_one_sentence(
    make_role: Callable[[str], str], make_database: MakeDatabase
) -> None:
    role, url = make_role("BYPASSRLS"), make_database()
    run(url, *domiq_tables())
    assert "permission denied for database" in refused(as_role(url, role), MayNotMigrate)
    run(url, *everything_to(url, role)[:2])
    assert "permission denied for table" in refused(as_role(url, role), MayNotMigrate)
    run(url, *seed_statements()[:6], *everything_to(url, role))
    assert "must be owner of table status_sync_log" in refused(as_role(url, role), MayNotMigrate)
    assert value(url, "SELECT to_regnamespace('domiq_sync') IS NULL")


def captures_a_change(url: str) -> None:
    with connected(url) as connection:
        connection.execute(PEOPLE)
        conversation = add_conversation(connection)
        connection.execute("UPDATE conversation SET status = 'contacted' WHERE id = %s", [conversation])
        assert rows(connection, QUEUE) == [("contacted", True, True, "ready")]


def test_dropping_the_machinery_leaves_log_view_and_application(make_database: MakeDatabase) -> None:
    url = make_database()
    migrated(url)
    captures_a_change(url)
    before, figures = rows(url, LOG_ROWS), rows(url, f"SELECT * FROM {SEED_VIEW}")
    with connected(url) as connection:
        tables = catalog(connection, "public", [*SEED_TABLES, SEED_VIEW])
        connection.execute("DROP SCHEMA domiq_sync CASCADE")
        left = catalog(connection, "public", [*SEED_TABLES, SEED_VIEW])
        assert {**tables, "triggers": []} == left
        assert rows(connection, LOG_ROWS) == before
        assert rows(connection, f"SELECT * FROM {SEED_VIEW}") == figures != []
        connection.execute("UPDATE conversation SET is_book_tour = TRUE")
        insert = "INSERT INTO status_sync_log (sync_direction, sync_status) VALUES ('to_resman', 'pending')"
        connection.execute(insert)
        connection.execute("DELETE FROM conversation")
    assert migrated(url).before is None
    assert value(url, "SELECT count(*) FROM domiq_sync.delivery") == 1


def test_a_database_that_is_not_at_this_version_is_refused(make_database: MakeDatabase) -> None:
    url = make_database()
    with engine_on(url) as engine:
        with engine.connect() as connection, pytest.raises(NotMigrated, match="not set up"):
            require_migrated(connection, HEAD)
        migrate(engine)
        with engine.connect() as connection:
            require_migrated(connection, HEAD)
            with pytest.raises(
                NotMigrated, match=f"at revision {HEAD} in this database, this version needs 9999"
            ):
                require_migrated(connection, "9999")


def test_every_shipped_file_is_applied_save_domiqs_own_tables_the_other_choice_and_the_take_over() -> None:
    script = migration_sql()
    folders = {path.name for path in shipped("sql").iterdir() if path.is_dir()}
    names = {path.name for path in shipped("sql").iterdir()} - folders
    assert folders == {"comments", "roles", "uninstall"}
    assert {name for name in names if sql_text(name) not in script} == {
        "000_domiq_tables.sql",
        "016_take_over.sql",
        "111_no_capture_trigger.sql",
        "140_rls.sql",
        "141_no_rls.sql",
    }


MADE = re.compile(
    r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) ([\w.]+)\(|ensure_trigger\(\s*'([\w.]+)', '(\w+)'"
)
MADE_AT_LAST = r"""
SELECT format('%s.%s', pronamespace::regnamespace, proname) FROM pg_proc
WHERE pronamespace = 'domiq_sync'::regnamespace OR proname LIKE 'status\_sync\_%'
UNION ALL
SELECT format('%s.%s %s', c.relnamespace::regnamespace, c.relname, t.tgname)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND p.pronamespace = 'domiq_sync'::regnamespace"""


def test_functions_and_triggers_are_stated_once_in_what_is_applied_at_every_migrate(
    make_database: MakeDatabase,
) -> None:
    url = make_database()
    migrated(url)
    stated: dict[str, list[str]] = {"once": [], "every time": []}
    for path in shipped("sql").glob("*.sql"):
        if not path.name.startswith(
            ("000", "001")
        ):  # DomIQ's own, and what is not the machinery's to replace
            found = [" ".join(match).strip() for match in MADE.findall(path.read_text(encoding="utf-8"))]
            stated["every time" if path.name >= "100" else "once"] += found
    assert stated["once"] == []
    assert sorted(stated["every time"]) == sorted(name for (name,) in rows(url, MADE_AT_LAST))


def test_every_table_has_a_primary_key(make_database: MakeDatabase) -> None:
    url = make_database()
    migrated(url)
    without = """SELECT oid::regclass::text FROM pg_class c WHERE relkind = 'r'
        AND relnamespace IN ('public'::regnamespace, 'domiq_sync'::regnamespace)
        AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)"""
    assert rows(url, without) == []
    run(url, "ALTER TABLE domiq_sync.daily_total DROP CONSTRAINT daily_total_pkey")
    assert rows(url, without) == [("domiq_sync.daily_total",)]
