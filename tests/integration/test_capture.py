"""Capturing what the application does to conversations and to the log: in its transaction, in order, never
at its cost, and found again by reconciliation where capture could not work."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.sync.repair.reconcile import UNADOPTED, UNDELIVERED, Reconciled, reconcile
from tests.depth import examples
from tests.fixtures.domiq_shapes import (
    PEOPLE,
    Connection,
    add_conversation,
    as_role,
    connected,
    engine_on,
    migrated,
    rows,
    run,
    value,
)

pytestmark = pytest.mark.soaked

CAPTURED = """
SELECT g.old_status, g.new_status, g.updated_by, g.sync_direction, g.sync_status, d.state,
       d.lane = c.conversation_id, c.property_id IS NOT NULL AND d.property_id = c.property_id
FROM status_sync_log g LEFT JOIN domiq_sync.change c ON c.change_id = g.id
LEFT JOIN domiq_sync.delivery d ON d.change_id = g.id ORDER BY c.seq"""
SET_STATUS = "UPDATE conversation SET status = %s WHERE id = %s"


def captured(old: str | None, new: str) -> tuple[object, ...]:
    """One whole row of CAPTURED, as every captured change reads."""
    return (old, new, "chatbot", "to_resman", "pending", "ready", True, True)


@pytest.fixture
def database(
    make_template: Callable[[str, Callable[[str], None]], str], make_database: Callable[..., str]
) -> str:
    """A migrated DomIQ database with one connected property."""

    def build(url: str) -> None:
        migrated(url)
        run(url, PEOPLE)

    return make_database(make_template("capture", build))


@pytest.fixture
def application(database: str) -> Iterator[Connection]:
    """The application's connection: it commits each statement, unless a test begins a transaction."""
    with connected(database) as connection:
        yield connection


def warnings_of(connection: Connection) -> list[str]:
    """A list that fills with the warnings that the connection is sent."""
    heard: list[str] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            heard.append(notice.message_primary or "")

    connection.add_notice_handler(hear)
    return heard


def reconciled(url: str) -> Reconciled:
    with engine_on(url) as engine:
        return reconcile(engine)


@pytest.mark.parametrize(
    ("flag", "status"), [("is_book_tour", "tour_scheduled"), ("pre_qualified", "qualified")]
)
def test_a_flag_that_moves_the_status_is_one_change_in_the_same_transaction(
    application: Connection, database: str, flag: str, status: str
) -> None:
    conversation = add_conversation(application)
    update = f"UPDATE conversation SET {flag} = TRUE WHERE id = %s"
    with application.transaction(force_rollback=True):
        application.execute(update, [conversation])
        assert rows(application, CAPTURED) == [captured("active", status)]
        assert rows(database, CAPTURED) == []
    assert rows(application, CAPTURED) == []
    application.execute(update, [conversation])
    assert rows(database, CAPTURED) == [captured("active", status)]
    application.execute(update, [conversation])
    assert len(rows(database, CAPTURED)) == 1


def test_a_savepoint_that_is_rolled_back_takes_its_change_along(application: Connection) -> None:
    conversation = add_conversation(application)
    with application.transaction():
        application.execute(SET_STATUS, ["contacted", conversation])
        with application.transaction(force_rollback=True):
            application.execute(SET_STATUS, ["qualified", conversation])
        application.execute(SET_STATUS, ["lost", conversation])
    assert rows(application, CAPTURED) == [captured("active", "contacted"), captured("contacted", "lost")]


def test_a_new_conversation_with_a_lead_status_is_a_change(application: Connection) -> None:
    statuses = ["new", "contacted", "leased", "initial_contact", "tour_booked", "NEW", " Lost\n"]
    for status in statuses:
        add_conversation(application, status)
    assert rows(application, CAPTURED) == [captured(None, status) for status in statuses]


def test_a_status_that_is_no_lead_status_is_none(application: Connection) -> None:
    for status in ["active", "completed", "scheduled", "converted", None, "", "NE W"]:
        conversation = add_conversation(application, status)
        assert rows(application, CAPTURED) == []
        application.execute(SET_STATUS, ["new", conversation])
        application.execute(SET_STATUS, [status, conversation])
        assert rows(application, CAPTURED) == [captured(status, "new")]
        application.execute("DELETE FROM conversation")


def test_updates_that_leave_the_status_alone_are_none(application: Connection) -> None:
    conversation = add_conversation(application, "new")
    application.execute("UPDATE conversation SET lead_score = 7 WHERE id = %s", [conversation])
    application.execute(SET_STATUS, ["new", conversation])
    assert len(rows(application, CAPTURED)) == 1


def test_many_changes_of_one_transaction_keep_their_order(application: Connection) -> None:
    one, other = add_conversation(application), add_conversation(application)
    statuses = ["new", "contacted", "qualified", "tour_scheduled", "application", "leased", "lost"] * 3
    with application.transaction():
        for status in statuses:
            for conversation in (one, other):
                application.execute(SET_STATUS, [status, conversation])
    for conversation in (one, other):
        queued = rows(
            application,
            """SELECT g.new_status, g.created_at, d.is_head FROM domiq_sync.delivery d
               JOIN status_sync_log g ON g.id = d.change_id WHERE d.lane = %s ORDER BY d.seq""",
            [conversation],
        )
        assert [q[0] for q in queued] == statuses
        assert len({q[1] for q in queued}) == 1, "created_at cannot order them"
        assert [q[2] for q in queued] == [True] + [False] * (len(statuses) - 1)


def test_what_the_sync_writes_itself_is_not_captured_and_the_mark_ends_with_its_transaction(
    application: Connection,
) -> None:
    conversation = add_conversation(application)
    with application.transaction():
        application.execute("SELECT set_config('domiq_sync.origin', 'resman', true)")
        application.execute(SET_STATUS, ["lost", conversation])
        application.execute("UPDATE conversation SET is_book_tour = TRUE WHERE id = %s", [conversation])
        add_conversation(application, "leased")
    assert rows(application, CAPTURED) == []
    application.execute(SET_STATUS, ["contacted", conversation])
    assert rows(application, CAPTURED) == [captured("tour_scheduled", "contacted")]


def test_who_changed_it_is_stored_where_the_contract_knows_the_name(application: Connection) -> None:
    conversation = add_conversation(application)
    said = {"contacted": "system", "qualified": "resman_user", "application": "", "lost": "somebody"}
    for status, name in said.items():
        application.execute("SELECT set_config('domiq_sync.updated_by', %s, false)", [name])
        application.execute(SET_STATUS, [status, conversation])
    assert [row[2] for row in rows(application, CAPTURED)] == ["system", "resman_user", "chatbot", "chatbot"]


def test_a_property_that_only_listens_is_not_captured(application: Connection) -> None:
    conversation = add_conversation(application)
    application.execute("UPDATE domiq_sync.integration SET sync_direction = 'from_resman'")
    application.execute(SET_STATUS, ["contacted", conversation])
    assert rows(application, CAPTURED) == []


def test_a_linked_lead_is_named_in_the_change(application: Connection) -> None:
    conversation = add_conversation(application)
    application.execute(
        """INSERT INTO domiq_sync.lead_link (conversation_id, property_id, prospect_id, linked_by)
           SELECT %s, id, 'a-prospect', 'email' FROM property""",
        [conversation],
    )
    application.execute(SET_STATUS, ["contacted", conversation])
    assert value(application, "SELECT resman_lead_id FROM status_sync_log") == "a-prospect"


@pytest.fixture(scope="module")
def log_writer(pg_server: EmbeddedServer) -> Iterator[tuple[Connection, list[str]]]:
    """A connection that never commits, one conversation in its database, and the warnings it is sent."""
    pg_server.ensure_database("capture_log")
    url = pg_server.url("capture_log")
    migrated(url)
    run(url, PEOPLE)
    with connected(url) as connection:
        add_conversation(connection)
    with psycopg.connect(url) as connection:
        yield connection, warnings_of(connection)


def text_or_null(longest: int) -> st.SearchStrategy[str | None]:
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.none() | st.text(letters, max_size=longest)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | text_or_null(5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sync", "a"]), inner),
    max_leaves=5,
)
log_rows = st.fixed_dictionaries(
    {
        "has_conversation": st.booleans(),
        "resman_lead_id": text_or_null(100),
        "old_status": text_or_null(50),
        "new_status": st.sampled_from(["new", "leased", "active"]) | text_or_null(50),
        "status_reason": text_or_null(80),
        "updated_by": st.sampled_from([None, "chatbot", "resman_user", "system"]),
        "sync_direction": st.sampled_from([None, "to_resman", "from_resman"]),
        "sync_status": st.sampled_from([None, "pending", "success", "failed"]),
        "context_data": st.none() | json_values.map(Jsonb),
        "created_at": st.none() | st.datetimes(),
    }
)


@settings(max_examples=examples(60))
@given(entry=log_rows)
def test_no_row_that_the_contract_allows_fails_or_is_lost(
    log_writer: tuple[Connection, list[str]], entry: dict[str, Any]
) -> None:
    connection, heard = log_writer
    values = {**entry, "id": uuid.uuid4()}
    connection.execute(
        """INSERT INTO status_sync_log
           SELECT %(id)s, (SELECT id FROM conversation WHERE %(has_conversation)s),
           %(resman_lead_id)s, %(old_status)s, %(new_status)s, %(status_reason)s, %(updated_by)s,
           %(sync_direction)s, %(sync_status)s, %(context_data)s, %(created_at)s""",
        values,
    )
    placed = rows(
        connection,
        """SELECT c.conversation_id IS NOT NULL, c.property_id IS NOT NULL, d.lane IS NOT NULL,
                  d.lane IS NULL OR d.lane = COALESCE(c.conversation_id, c.change_id),
                  COALESCE(d.is_head, TRUE)
           FROM domiq_sync.change c LEFT JOIN domiq_sync.delivery d USING (change_id)
           WHERE c.change_id = %s""",
        [values["id"]],
    )
    connection.rollback()
    to_send = (entry["sync_direction"], entry["sync_status"]) == ("to_resman", "pending")
    known = entry["has_conversation"]
    assert placed == [(known, known, to_send, True, True)]
    assert heard == []


@pytest.fixture
def restricted(pg_server: EmbeddedServer, database: str) -> Iterator[Connection]:
    """The application in a role that row-level security applies to and that has no right in domiq_sync."""
    role = f"app_{uuid.uuid4().hex[:12]}"
    grants = f"""
        CREATE ROLE {role} LOGIN;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
        REVOKE ALL ON status_sync_log FROM {role}"""
    run(database, *grants.split(";"))
    with connected(as_role(database, role)) as connection:
        yield connection
    run(database, f"DROP OWNED BY {role} CASCADE")
    run(pg_server.url("postgres"), f"DROP ROLE {role}")


def test_a_restricted_application_is_captured(
    restricted: Connection, application: Connection, database: str
) -> None:
    conversation = add_conversation(application)
    heard = warnings_of(restricted)
    update = "UPDATE conversation SET is_book_tour = TRUE WHERE id = %s"
    assert restricted.execute(update, [conversation]).rowcount == 0, "it sees nothing without its company"
    company = value(database, "SELECT id::text FROM company")
    restricted.execute("SELECT set_config('app.current_company_id', %s, false)", [company])
    assert restricted.execute(update, [conversation]).rowcount == 1
    assert rows(database, CAPTURED) == [captured("active", "tour_scheduled")]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        restricted.execute("SELECT * FROM domiq_sync.delivery")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        restricted.execute("SELECT domiq_sync.adopt_change(NULL, NULL, NULL, NULL)")
    assert restricted.execute("DELETE FROM conversation").rowcount == 1
    assert rows(database, CAPTURED) == []
    assert heard == []


def test_objects_of_the_application_cannot_pose_as_the_syncs(
    restricted: Connection, application: Connection, database: str
) -> None:
    """The functions run with their owner's rights, so nothing may be looked up where the caller says."""
    conversation = add_conversation(application)
    company = value(database, "SELECT id::text FROM company")
    role = value(restricted, "SELECT current_user")
    run(
        database,
        f"CREATE SCHEMA impostor AUTHORIZATION {role}",
        "CREATE FUNCTION impostor.current_setting(TEXT, BOOLEAN) RETURNS TEXT LANGUAGE sql "
        "AS $$ SELECT 'resman' $$",
    )
    restricted.execute("SELECT set_config('app.current_company_id', %s, false)", [company])
    restricted.execute("CREATE TEMP TABLE status_sync_log (id UUID)")
    restricted.execute("SET search_path = impostor, pg_temp, pg_catalog, public")
    assert value(restricted, "SELECT current_setting('domiq_sync.origin', true)") == "resman"
    restricted.execute("UPDATE public.conversation SET status = 'contacted' WHERE id = %s", [conversation])
    assert rows(database, CAPTURED) == [captured("active", "contacted")]


def renamed(kind: str, schema: str, name: str) -> tuple[str, str]:
    """Statements that take an object away and bring it back."""
    return (
        f"ALTER {kind} {schema}.{name} RENAME TO {name}_away",
        f"ALTER {kind} {schema}.{name}_away RENAME TO {name}",
    )


def switched(table: str, trigger: str) -> tuple[str, str]:
    """Statements that turn a trigger off and on."""
    return f"ALTER TABLE {table} DISABLE TRIGGER {trigger}", f"ALTER TABLE {table} ENABLE TRIGGER {trigger}"


UNPLACED = {
    "deliveries gone": renamed("TABLE", "domiq_sync", "delivery"),
    "changes gone": renamed("TABLE", "domiq_sync", "change"),
    "log trigger off": switched("status_sync_log", "domiq_sync_change_logged"),
}
"""What keeps a logged change from getting its place and its delivery."""
UNLOGGED = {
    "links gone": renamed("TABLE", "domiq_sync", "lead_link"),
    "property view gone": renamed("VIEW", "domiq_sync", "conversation_property"),
    "log altered": (
        "ALTER TABLE status_sync_log ADD COLUMN extra INT NOT NULL",
        "ALTER TABLE status_sync_log DROP COLUMN extra",
    ),
    "log gone": renamed("TABLE", "public", "status_sync_log"),
    "capture trigger off": switched("conversation", "domiq_sync_capture_update"),
}
"""What keeps a change of status from being logged."""


@pytest.mark.parametrize("how", [*UNPLACED, *UNLOGGED])
def test_a_broken_machinery_costs_the_application_nothing_and_reconciliation_finds_the_change(
    application: Connection, database: str, how: str
) -> None:
    conversation = add_conversation(application)
    heard = warnings_of(application)
    broken, mended = (UNPLACED | UNLOGGED)[how]
    run(database, broken)
    application.execute(SET_STATUS, ["contacted", conversation])
    run(database, mended)
    assert value(database, "SELECT status FROM conversation") == "contacted"
    assert len(heard) == (0 if how.endswith("off") else 1)
    assert all("domiq_sync: " in warning and "reconciliation will" in warning for warning in heard)
    assert rows(database, "SELECT FROM domiq_sync.delivery") == []

    run(
        database,
        "INSERT INTO domiq_sync.watermark (property_id, last_pull_at) SELECT id, now() FROM property",
    )
    done = reconciled(database)
    if how in UNPLACED:
        assert done.found[UNADOPTED].total() == 1
        assert rows(database, CAPTURED) == [captured("active", "contacted")]
    else:
        assert sum(done.uncaptured.values()) == 1
        [(_, status, updated_by, *rest)] = rows(database, CAPTURED)
        assert (status, updated_by, tuple(rest)) == ("contacted", "system", captured("", "")[3:])
    assert not any(reconciled(database).findings.values())
    assert len(rows(database, CAPTURED)) == 1


def test_a_delivery_that_was_lost_alone_is_made_again(application: Connection, database: str) -> None:
    conversation = add_conversation(application)
    application.execute(SET_STATUS, ["contacted", conversation])
    application.execute("DELETE FROM domiq_sync.delivery")
    assert reconciled(database).found[UNDELIVERED].total() == 1
    assert rows(database, CAPTURED) == [captured("active", "contacted")]


def test_a_locked_machinery_holds_the_application_up_for_a_moment_only(
    application: Connection, database: str
) -> None:
    conversation = add_conversation(application)
    heard = warnings_of(application)
    application.execute("SET statement_timeout = '10s'")
    with connected(database) as intruder, intruder.transaction():
        intruder.execute("LOCK TABLE domiq_sync.delivery IN ACCESS EXCLUSIVE MODE")
        application.execute(SET_STATUS, ["contacted", conversation])
    assert len(heard) == 1
    assert "55P03" in heard[0]
    assert value(application, "SHOW lock_timeout") == "0"
    assert reconciled(database).found[UNADOPTED].total() == 1
    assert rows(database, CAPTURED) == [captured("active", "contacted")]


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_strict_transactions_are_captured(application: Connection, database: str, isolation: str) -> None:
    conversation = add_conversation(application)
    begin = f"BEGIN ISOLATION LEVEL {isolation}"
    application.execute(begin)
    application.execute("SELECT count(*) FROM status_sync_log")
    with connected(database) as other:
        add_conversation(other, "new")
    application.execute(SET_STATUS, ["contacted", conversation])
    application.execute(SET_STATUS, ["lost", conversation])
    application.execute("COMMIT")
    wanted = [captured(None, "new"), captured("active", "contacted"), captured("contacted", "lost")]
    assert sorted(map(repr, rows(database, CAPTURED))) == sorted(map(repr, wanted))


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_of_concurrent_transactions_those_that_commit_are_captured(
    application: Connection, database: str, isolation: str
) -> None:
    """SERIALIZABLE may refuse one of two, which is for its application to repeat; nothing else may."""
    conversations = [add_conversation(application) for _ in range(2)]
    committed = []
    with connected(database) as one, connected(database) as other:
        for session, conversation in zip((one, other), conversations, strict=True):
            session.execute(f"BEGIN ISOLATION LEVEL {isolation}")
            session.execute(SET_STATUS, ["contacted", conversation])
        for session, conversation in zip((one, other), conversations, strict=True):
            try:
                session.execute("COMMIT")
                committed.append(conversation)
            except psycopg.errors.SerializationFailure:
                assert isolation == "SERIALIZABLE"
    assert committed
    assert isolation == "SERIALIZABLE" or committed == conversations
    lanes = {lane for (lane,) in rows(database, "SELECT lane FROM domiq_sync.delivery")}
    assert lanes == set(committed)
    assert rows(database, CAPTURED) == [captured("active", "contacted")] * len(committed)


def test_deleting_a_conversation_takes_its_changes_along(application: Connection, database: str) -> None:
    doomed, other = add_conversation(application, "new"), add_conversation(application, "lost")
    application.execute(SET_STATUS, ["contacted", doomed])
    application.execute(
        "UPDATE domiq_sync.delivery SET state = 'in_flight' WHERE lane = %s AND is_head", [doomed]
    )
    application.execute("DELETE FROM conversation WHERE id = %s", [doomed])
    assert rows(database, CAPTURED) == [captured(None, "lost")]
    left = "SELECT conversation_id FROM domiq_sync.change UNION ALL SELECT lane FROM domiq_sync.delivery"
    assert rows(database, left) == [(other,), (other,)]


def test_deleting_a_property_takes_everything_of_it_along(application: Connection, database: str) -> None:
    add_conversation(application, "new")
    application.execute("DELETE FROM company")
    for table in ("status_sync_log", "domiq_sync.change", "domiq_sync.delivery", "domiq_sync.integration"):
        assert value(database, f"SELECT count(*) FROM {table}") == 0


def test_a_conversation_of_no_property_is_placed_once_it_has_one(
    database: str, application: Connection
) -> None:
    """Where the property is conversation's own column, it may be filled in later."""
    application.execute("ALTER TABLE conversation ADD COLUMN property_id UUID REFERENCES property(id)")
    application.execute("ALTER TABLE conversation ALTER COLUMN chatbot_id DROP NOT NULL")
    migrated(database)
    conversation = add_conversation(application, "new", chatbot=False)
    assert rows(application, CAPTURED) == [
        (None, "new", "chatbot", "to_resman", "pending", "ready", True, False)
    ]
    application.execute(
        "UPDATE conversation SET property_id = (SELECT id FROM property) WHERE id = %s", [conversation]
    )
    reconciled(database)
    assert rows(application, CAPTURED) == [captured(None, "new")]


def test_a_propertys_own_words_win_over_the_shipped_ones(application: Connection) -> None:
    conversation = add_conversation(application)
    application.execute(SET_STATUS, ["scheduled", conversation])
    assert rows(application, CAPTURED) == []
    application.execute(
        """INSERT INTO domiq_sync.domiq_status_map (property_id, domiq_status, lead_status, event_type)
           SELECT id, status, 'tour_scheduled', 'Appointment'
           FROM property, unnest('{scheduled,contacted}'::text[]) AS status"""
    )
    application.execute(SET_STATUS, ["active", conversation])
    application.execute(SET_STATUS, ["scheduled", conversation])
    assert rows(application, CAPTURED) == [captured("active", "scheduled")]
    meant = "SELECT domiq_sync.lead_status(p.id, 'contacted'), domiq_sync.lead_status(NULL, 'contacted')"
    assert rows(application, f"{meant} FROM property p") == [("tour_scheduled", "contacted")]


IN_ONE_STATEMENT = {
    "a first status": "UPDATE conversation SET status = 'new'",
    "a next status": "UPDATE conversation SET status = 'contacted'",
    "a status with a tour": "UPDATE conversation SET status = 'tour_scheduled', tour_datetime = NOW()",
    "a row of the application's": "INSERT INTO status_sync_log (conversation_id, old_status, new_status, "
    "sync_direction, sync_status) SELECT id, 'new', 'contacted', 'to_resman', 'pending' FROM conversation",
}
READS = """
SELECT relname, seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables
WHERE relname IN ('status_sync_log', 'change', 'delivery', 'lead_link', 'conversation')"""


@pytest.mark.parametrize("kind", IN_ONE_STATEMENT)
def test_a_plan_made_for_empty_tables_does_not_read_them_whole_later(
    application: Connection, kind: str
) -> None:
    """C9: one statement, the tables known to be empty at its start: the case in which plans go stale. What a
    row costs does not grow with those before it."""
    tables = ["status_sync_log", "domiq_sync.change", "domiq_sync.delivery", "domiq_sync.lead_link"]
    add_conversation(application)
    application.execute(
        "INSERT INTO conversation (chatbot_id) SELECT id FROM chatbot, generate_series(1, 300)"
    )
    if kind != "a first status":
        application.execute("SELECT set_config('domiq_sync.origin', 'resman', false)")
        application.execute("UPDATE conversation SET status = 'new'")
    application.execute(f"ANALYZE {', '.join(tables)}, conversation")
    logged = value(application, "SELECT count(*) FROM status_sync_log")
    with psycopg.connect(application.info.dsn) as session:
        session.execute(IN_ONE_STATEMENT[kind])
        read = rows(session, READS)
    assert [(table, scans) for table, scans, _ in read if scans > 1] == []
    assert [(table, fetched) for table, _, fetched in read if fetched > 301 * 12] == []
    assert value(application, "SELECT count(*) FROM domiq_sync.delivery") == 301
    assert logged == 0
