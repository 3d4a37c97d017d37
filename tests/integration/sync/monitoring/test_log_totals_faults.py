"""The totals of the log where something is in the way: what is not noted is noticed, and nobody is told a
wrong figure, waits for another one, or sees what is not his."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.db.migrate import migrate
from domiq_dagster.sync.monitoring import figures, log_totals
from domiq_dagster.sync.monitoring.log_totals import Drift, Ended
from tests.fixtures.domiq_shapes import (
    Connection,
    as_role,
    connected,
    domiq_tables,
    engine_on,
    migrated,
    rows,
    run,
    value,
)

DESIGN = """
SELECT b.property_id, COUNT(*) FILTER (WHERE ssl.sync_status = 'success')::float / NULLIF(COUNT(*), 0) * 100,
       COUNT(*) FILTER (WHERE ssl.sync_status = 'failed')
FROM conversation c LEFT JOIN chatbot b ON b.id = c.chatbot_id
JOIN status_sync_log ssl ON ssl.conversation_id = c.id GROUP BY 1 ORDER BY 1
"""
VIEW = "SELECT * FROM status_sync_success_rate ORDER BY property_id"
COUNTED = "SELECT public.status_sync_is_counted()"
TWO_COMPANIES = """
INSERT INTO company (id, name) SELECT ('c0000000-0000-0000-0000-00000000000' || n)::uuid, 'Company ' || n
    FROM generate_series(1, 2) n;
INSERT INTO property (company_id, name, address, city, state, zip_code)
    SELECT id, name || ' Court ' || n, 'A', 'B', 'TX', '0' FROM company, generate_series(1, 3) n;
INSERT INTO chatbot (property_id, name) SELECT id, 'Sam' FROM property;
INSERT INTO conversation (chatbot_id) SELECT id FROM chatbot, generate_series(1, 4);
INSERT INTO status_sync_log (conversation_id, new_status, sync_direction, sync_status)
    SELECT c.id, 'new', 'to_resman',
           (ARRAY['success', 'failed', 'pending'])[1 + (n + ascii(left(c.id::text, 1))) % 3]
    FROM conversation c, generate_series(1, 5) n;
"""
LOG_ONE = """
INSERT INTO status_sync_log (conversation_id, sync_direction, sync_status)
SELECT id, 'to_resman', 'pending' FROM conversation WHERE id = %s
"""
SETTLE_ONE = """
UPDATE status_sync_log SET sync_status = 'success' WHERE conversation_id = %s AND sync_status = 'pending'
"""
ONE_MORE = """
INSERT INTO status_sync_log (conversation_id, new_status, sync_direction, sync_status)
SELECT id, 'new', 'to_resman', 'failed' FROM conversation ORDER BY id LIMIT 1
"""


@pytest.fixture
def url(make_database: Callable[..., str]) -> str:
    """A migrated database of two companies with three properties each, whose totals are kept."""
    url = make_database()
    run(url, *domiq_tables())
    migrated(url)
    run(url, *(s for s in TWO_COMPANIES.split(";\n") if s.strip()))
    assert value(url, COUNTED)
    return url


@pytest.fixture
def roles(pg_server: EmbeddedServer) -> Iterator[None]:
    names = ("totals_reader", "totals_stranger", "totals_of_company", "totals_dashboard")
    run(pg_server.url("postgres"), *(f"CREATE ROLE {name} LOGIN" for name in names))
    yield
    run(pg_server.url("postgres"), *(f"DROP ROLE {name}" for name in names))


def agrees(url: str | Connection) -> bool:
    return rows(url, VIEW) == rows(url, DESIGN)


def test_writers_a_folder_moves_and_cascades_never_wait_in_a_circle(url: str) -> None:
    """16 writers, of two statements a transaction, beside one that folds, one that moves conversations, and
    one that deletes them."""
    run(url, "INSERT INTO conversation (chatbot_id) SELECT id FROM chatbot, generate_series(1, 50)")
    with connected(url) as session:
        ids = [id for (id,) in rows(session, "SELECT id FROM conversation ORDER BY id")]
        bots = [id for (id,) in rows(session, "SELECT id FROM chatbot ORDER BY id")]
    states: Counter[str] = Counter()
    over = threading.Event()

    def write(number: int) -> None:
        with psycopg.connect(url) as session:
            for n in range(40):
                one = ids[(number * 7919 + n * 104_729) % len(ids)]
                guarded(session, LOG_ONE, [one], states)
                guarded(session, SETTLE_ONE, [one], states)
                session.rollback() if n % 5 == 0 else session.commit()

    def meanwhile(do: Callable[[Connection, int], None]) -> None:
        with psycopg.connect(url, autocommit=True) as session:
            n = 0
            while not over.is_set():
                n += 1
                do(session, n)

    def move(session: Connection, n: int) -> None:
        guarded(session, "UPDATE conversation SET chatbot_id = %s WHERE id = %s",
                [bots[n % len(bots)], ids[n * 31 % len(ids)]], states)  # fmt: skip

    def delete(session: Connection, n: int) -> None:
        guarded(session, "DELETE FROM conversation WHERE id = %s", [ids[n * 17 % len(ids)]], states)
        time.sleep(0.02)

    def fold(session: Connection, n: int) -> None:
        guarded(session, "SELECT domiq_sync.fold_log(1, 0)", [], states)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(16)]
    others = [threading.Thread(target=meanwhile, args=(do,)) for do in (move, delete, fold)]
    for thread in (*writers, *others):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in others:
        thread.join()
    assert states["40P01"] == 0, states
    assert states["done"] > 1000
    assert value(url, COUNTED)
    assert agrees(url)
    with engine_on(url) as engine:
        log_totals.fold(engine)
        assert agrees(url)
        assert log_totals.recount(engine).drift == []


def guarded(session: Connection, statement: str, params: list[Any], states: Counter[str]) -> None:
    try:
        with session.transaction():
            session.execute(statement.encode(), params or None)
        states["done"] += 1
    except psycopg.Error as error:
        states[error.sqlstate or "lost"] += 1


def test_what_was_written_around_the_triggers_is_found_shown_and_set_right(url: str) -> None:
    with connected(url) as session:
        session.execute("SET session_replication_role = replica")
        session.execute("DELETE FROM status_sync_log WHERE sync_status = 'success'")
        session.execute("SET session_replication_role = origin")
        assert value(session, COUNTED)  # nobody can know yet
        session.execute("DELETE FROM status_sync_log")
        below = value(session, "SELECT sum(changes) FROM domiq_sync.kept_totals()")
        assert below > 0
    with engine_on(url) as engine:
        found = log_totals.recount(engine)
        assert (found.ended, found.changes, found.differed) == (Ended.COUNTED, 0, below)
        assert {(d.kind, d.sync_direction, d.sync_status, d.logged) for d in found.drift} == {
            ("chatbot", "to_resman", "success", 0)
        }
        assert agrees(url)
        with engine.connect() as connection:
            shown = log_totals.totals_state(connection)
        assert (shown.is_counted, shown.differed, shown.last_drift) == (True, below, below)
        assert [*shown.drift] == [*found.drift]
        assert log_totals.recount(engine).drift == []
        with engine.connect() as connection:
            shown = log_totals.totals_state(connection)
        assert (shown.differed, shown.last_drift) == (0, below)


def test_a_total_below_nothing_is_shown_as_it_is(url: str) -> None:
    with connected(url) as session:
        session.execute("TRUNCATE status_sync_log CASCADE")
        session.execute("SET session_replication_role = replica")
        session.execute(ONE_MORE)
        session.execute("SET session_replication_role = origin")
        session.execute("DELETE FROM status_sync_log")
        assert rows(session, "SELECT sync_status, changes FROM domiq_sync.kept_totals()") == [("failed", -1)]
    with engine_on(url) as engine:
        [drift] = log_totals.recount(engine).drift
        assert drift == Drift("chatbot", drift.home, "to_resman", "failed", -1, 0)
    assert rows(url, VIEW) == []


@pytest.mark.parametrize(
    ("table", "trigger"),
    [
        ("status_sync_log", "domiq_sync_count_insert"),
        ("status_sync_log", "domiq_sync_count_truncate"),
        ("conversation", "domiq_sync_home_moved"),
    ],
)
def test_a_trigger_that_was_off_is_noticed_at_once_and_after_it_is_on_again(
    table: str, trigger: str, url: str
) -> None:
    run(url, f"ALTER TABLE {table} DISABLE TRIGGER {trigger}", ONE_MORE)
    assert not value(url, COUNTED)
    assert agrees(url)
    run(url, f"ALTER TABLE {table} ENABLE TRIGGER {trigger}", ONE_MORE)
    assert not value(url, COUNTED)
    assert agrees(url)
    with engine_on(url) as engine:
        found = log_totals.keep(engine)
        assert found is not None
        assert found.differed == (1 if trigger.endswith("insert") else 0)
    assert value(url, COUNTED)
    assert agrees(url)


def test_a_locked_table_fails_no_statement_is_waited_for_once_and_counted_as_missing(url: str) -> None:
    told: list[str] = []
    with connected(url) as holder, connected(url) as application, holder.transaction():
        application.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        holder.execute("LOCK TABLE domiq_sync.log_delta IN ACCESS EXCLUSIVE MODE")
        with application.transaction():
            for _ in range(3):
                application.execute(ONE_MORE)
            assert value(application, "SELECT domiq_sync.gave_up('totals')")
            assert value(application, "SELECT domiq_sync.count_of_total_misses()") == 3
            assert agrees(application)
    assert [t for t in told if "SQLSTATE 55P03" in t] == told
    assert agrees(url)
    assert not value(url, COUNTED)
    with engine_on(url) as engine:
        found = log_totals.keep(engine)
        assert found is not None
        assert found.differed == 3
    assert value(url, COUNTED)
    assert agrees(url)


def test_what_a_transaction_did_not_note_is_accounted_for_only_once_it_has_ended(url: str) -> None:
    with connected(url) as holder, psycopg.connect(url) as application, engine_on(url) as engine:
        with holder.transaction():
            holder.execute("LOCK TABLE domiq_sync.log_delta IN ACCESS EXCLUSIVE MODE")
            application.execute(ONE_MORE)
        waited: list[float] = []
        assert log_totals.recount(engine, pause=waited.append).ended is Ended.OPEN_TRANSACTIONS
        assert sum(waited) == 10
        assert not value(url, COUNTED)
        application.commit()
        assert log_totals.recount(engine, pause=waited.append).differed == 1
    assert value(url, COUNTED)
    assert agrees(url)


def test_the_view_outlives_the_machinery(url: str) -> None:
    before = rows(url, VIEW)
    with connected(url) as session:
        assert rows(session, VIEW) == before  # this session has its plans
        session.execute("DROP SCHEMA domiq_sync CASCADE")
        assert rows(session, VIEW) == before
        session.execute(ONE_MORE)
        assert agrees(session)
    assert rows(url, VIEW) != before
    migrated(url)
    assert value(url, COUNTED)
    assert agrees(url)


def test_another_file_of_the_log_is_counted_anew_and_an_empty_one_need_not_be(url: str) -> None:
    run(url, "VACUUM FULL status_sync_log")
    assert not value(url, COUNTED)
    assert agrees(url)
    with engine_on(url) as engine:
        assert log_totals.keep(engine) is not None
        assert value(url, COUNTED)
        run(url, ONE_MORE)
        assert agrees(url)
        run(url, "TRUNCATE conversation CASCADE")
        assert value(url, COUNTED)
        assert rows(url, VIEW) == []
        with connected(url) as session, session.transaction(force_rollback=True):
            session.execute("TRUNCATE status_sync_log CASCADE")
            session.execute("TRUNCATE status_sync_log CASCADE")
            assert agrees(session)
        log_totals.fold(engine)
    assert rows(url, "SELECT FROM domiq_sync.log_total") == []


def test_a_snapshot_from_before_the_totals_reads_the_log(make_database: Callable[..., str]) -> None:
    url = make_database()
    run(url, *domiq_tables())
    migrated(url, capture_trigger=False)
    with psycopg.connect(url) as old:
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert value(old, "SELECT 1") == 1
        run(url, *(s for s in TWO_COMPANIES.split(";\n") if s.strip()))
        run(url, "DELETE FROM domiq_sync.log_count")
        with engine_on(url) as engine:
            assert not value(url, COUNTED)
            assert log_totals.keep(engine) is None  # where nothing captures, nothing is kept
            assert agrees(url)
            migrated(url)
            assert value(url, COUNTED)
        assert (rows(old, VIEW), rows(old, DESIGN)) == ([], [])
        old.rollback()
        assert agrees(old)


def test_a_large_log_is_counted_in_slices_after_the_migration(make_database: Callable[..., str]) -> None:
    url = make_database()
    run(url, *domiq_tables())
    migrated(url)
    run(url, *(s for s in TWO_COMPANIES.split(";\n") if s.strip()), "DROP SCHEMA domiq_sync CASCADE")
    run(
        url,
        "INSERT INTO status_sync_log (conversation_id, new_status, sync_status, context_data) "
        "SELECT c.id, 'new', 'success', jsonb_build_object('sync', repeat(md5(n::text), 20)) "
        "FROM conversation c, generate_series(1, 800) n",
        "INSERT INTO status_sync_log (new_status, sync_status) VALUES ('lost', 'failed')",
    )
    assert value(url, "SELECT pg_relation_size('status_sync_log')") > 8 * 1024 * 1024
    migrated(url)
    assert not value(url, COUNTED)
    with engine_on(url) as engine:
        found = log_totals.recount(engine, pages_at_once=100)
        assert found.ended is Ended.COUNTED
        assert found.changes == value(url, "SELECT count(*) FROM status_sync_log")
        assert found.drift == []  # nothing was promised before
        assert value(url, COUNTED)
        assert agrees(url)
        with engine.connect() as connection:
            assert int(figures.log_totals_frame(connection)["changes"].sum()) == found.changes


def test_counting_gives_way_to_whoever_waits_for_the_log(url: str) -> None:
    with engine_on(url) as engine, psycopg.connect(url) as reader:
        rows(reader, "SELECT count(*) FROM conversation")
        alter = "ALTER TABLE conversation ADD COLUMN one_more INTEGER"
        waiter = threading.Thread(target=run, args=(url, alter))
        waiter.start()
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'conversation'::regclass"
        while not value(url, waits):
            time.sleep(0.01)
        assert log_totals.recount(engine).ended is Ended.GAVE_WAY
        reader.rollback()
        waiter.join()
        assert log_totals.recount(engine).ended is Ended.COUNTED


def test_nobody_folds_while_somebody_counts_and_nobody_counts_twice(url: str) -> None:
    with connected(url) as other, engine_on(url) as engine:
        run(url, ONE_MORE)
        other.execute("SELECT pg_advisory_lock(hashtextextended('domiq_sync.log_totals', 0))")
        assert log_totals.fold(engine) == 0
        assert log_totals.recount(engine).ended is Ended.ELSEWHERE
        assert agrees(url)
        other.execute("SELECT pg_advisory_unlock_all()")
        assert log_totals.fold(engine) > 0


def test_many_notes_are_folded_in_parts(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_totals, "_NOTES_AT_ONCE", 5)
    run(
        url,
        "UPDATE status_sync_log SET sync_status = 'success' WHERE sync_status = 'pending'",
        "UPDATE conversation SET chatbot_id = (SELECT id FROM chatbot ORDER BY id LIMIT 1)",
    )
    notes = sum(value(url, f"SELECT count(*) FROM domiq_sync.{table}") for table in ("log_delta", "log_move"))
    with engine_on(url) as engine:
        assert log_totals.fold(engine) == notes > 20
        assert agrees(url)
        assert log_totals.recount(engine).drift == []


def test_a_conversation_that_stays_where_it_is_leaves_no_note(url: str) -> None:
    run(
        url,
        "UPDATE conversation SET status = 'contacted'",
        "UPDATE conversation SET chatbot_id = chatbot_id",
        "INSERT INTO conversation (chatbot_id) SELECT id FROM chatbot",
    )
    assert rows(url, "SELECT FROM domiq_sync.log_move") == []


@pytest.mark.usefixtures("roles")
def test_whoever_may_read_the_view_reads_the_totals_and_nobody_else_does(url: str) -> None:
    run(url, "GRANT SELECT ON status_sync_success_rate TO totals_reader")
    whole = rows(url, VIEW)
    with connected(as_role(url, "totals_reader")) as reader:
        assert value(reader, COUNTED)
        assert rows(reader, VIEW) == whole
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(reader, "SELECT count(*) FROM status_sync_log")
    with connected(as_role(url, "totals_stranger")) as stranger:
        assert not value(stranger, COUNTED)
        assert rows(stranger, "SELECT * FROM public.status_sync_totals()") == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(stranger, VIEW)
    with connected(url) as owner:
        owner.execute("SET ROLE totals_stranger")
        assert rows(owner, "SELECT * FROM public.status_sync_totals()") == []


@pytest.mark.usefixtures("roles")
def test_through_a_view_of_somebody_elses_the_rows_are_the_same(url: str) -> None:
    run(
        url,
        "GRANT SELECT ON status_sync_success_rate TO totals_dashboard",
        "CREATE VIEW dashboard AS SELECT * FROM status_sync_success_rate",
        "ALTER VIEW dashboard OWNER TO totals_dashboard",
        "GRANT SELECT ON dashboard TO totals_stranger",
    )
    whole = rows(url, VIEW)
    with connected(as_role(url, "totals_stranger")) as stranger:
        assert not value(stranger, COUNTED)
        assert rows(stranger, "SELECT * FROM dashboard ORDER BY property_id") == whole
    run(url, "DROP VIEW dashboard")


@pytest.mark.usefixtures("roles")
def test_under_row_level_security_a_role_sees_its_companys_figures(url: str) -> None:
    with engine_on(url) as engine:
        migrate(engine, rls=True)
    run(
        url,
        "GRANT SELECT ON status_sync_success_rate, status_sync_log, conversation, chatbot, property "
        "TO totals_of_company, totals_reader",
        "ALTER ROLE totals_reader BYPASSRLS",
    )
    whole = rows(url, VIEW)
    assert len(whole) == 6
    assert value(url, COUNTED)
    with connected(as_role(url, "totals_of_company")) as company:
        company.execute("SET app.current_company_id = 'c0000000-0000-0000-0000-000000000001'")
        own = rows(company, "SELECT id FROM property ORDER BY id")
        assert rows(company, VIEW) == [row for row in whole if (row[0],) in own]
        assert len(own) == 3
        assert not value(company, COUNTED)
        assert rows(company, "SELECT * FROM public.status_sync_totals()") == []
    with connected(as_role(url, "totals_reader")) as reader:
        assert value(reader, COUNTED)
        assert rows(reader, VIEW) == whole


def test_no_figure_reads_the_log(url: str) -> None:
    """Nothing of the log is read for the view, and PostgreSQL takes it for cheap, so does not compile it."""
    plan = [line for (line,) in rows(url, f"EXPLAIN (ANALYZE, TIMING OFF) {VIEW}")]
    of_log = [line for line in plan if "status_sync_log" in line]
    assert of_log
    assert all("never executed" in line for line in of_log)
    assert float(plan[0].split("..")[1].split(" ")[0]) < 1000
    with connected(url) as session:
        session.execute("SELECT pg_stat_reset()")
        before = read_of_log(session)
        rows(session, "SELECT * FROM domiq_sync.property_totals()")
        rows(session, VIEW)
        assert read_of_log(session) == before


def read_of_log(session: Connection) -> Any:
    """How often this database's log was read whole, with what this session has done."""
    session.execute("SELECT pg_stat_clear_snapshot()")
    return value(
        session,
        "SELECT pg_stat_get_numscans('status_sync_log'::regclass) "
        "+ pg_stat_get_xact_numscans('status_sync_log'::regclass)",
    )


def test_pending_and_recent_changes_are_found_by_the_contracts_index_alone(url: str) -> None:
    run(
        url,
        "INSERT INTO status_sync_log (sync_direction, sync_status) "
        "VALUES ('to_resman', 'pending'), (NULL, NULL)",
        "INSERT INTO status_sync_log (new_status, sync_direction, sync_status, created_at) "
        "VALUES ('lost', 'to_resman', 'pending', '2020-01-01'), ('lost', NULL, NULL, now())",
    )
    pending = """SELECT id FROM status_sync_log
                 WHERE sync_status = 'pending' AND sync_direction = 'to_resman' ORDER BY 1"""
    assert rows(url, "SELECT domiq_sync.pending_changes() ORDER BY 1") == rows(url, pending)
    recent = "SELECT id FROM status_sync_log WHERE created_at >= '2021-01-01' ORDER BY 1"
    assert rows(url, "SELECT domiq_sync.changes_since('2021-01-01') ORDER BY 1") == rows(url, recent)
