"""Databases of earlier versions: those of the heads that are kept in tests/upgrade are taken over as they
are, those from before them are refused."""

import re
from collections.abc import Callable

import pytest

from domiq_dagster.db.migrate import BASELINE, HEAD, UnknownRevision, migrate, migration_plan, migration_sql
from tests.fixtures.domiq_shapes import (
    EARLIER_REVISIONS,
    Catalog,
    at_revision,
    both_schemas,
    connected,
    differences,
    domiq_tables,
    engine_on,
    migrated,
    rows,
    run,
    run_printed,
    value,
)

MakeDatabase = Callable[..., str]
Take = Callable[[str], None]
CASTS = re.compile(r"[()]|::text|::character varying|\[\]")
DERIVED = ("log_count", "log_delta", "log_move", "log_total")
"""What is counted anew from the log, where that has another file than when it was counted."""
BEFORE_THE_BASELINE = ["0014", "0015"]


@pytest.fixture(params=EARLIER_REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def by_migrate(url: str) -> None:
    migrated(url)


def by_the_printed_sql(url: str) -> None:
    with connected(url) as connection:
        revision = value(connection, "SELECT version_num FROM domiq_sync.alembic_version")
    run_printed(url, migration_sql(revision))


@pytest.fixture(params=[by_migrate, by_the_printed_sql])
def take_over(request: pytest.FixtureRequest) -> Take:
    found: Take = request.param
    return found


def schema(url: str) -> Catalog:
    """What the catalogs say of both schemas, save the place of a column in its table, the months of the
    archive, and the casts that pg_dump leaves in a CHECK."""
    with connected(url) as connection:
        found = both_schemas(connection)
    for kind in found:
        found[kind] = [e for e in found[kind] if not re.match(r"status_sync_log_archive_\d", str(e[0]))]
    for kind in ("public columns", "domiq_sync columns"):
        found[kind] = [(table, *rest) for table, _, *rest in found[kind]]
    for kind in ("public constraints", "domiq_sync constraints"):
        found[kind] = [
            (table, name, what, CASTS.sub("", condition), *rest)
            for table, name, what, condition, *rest in found[kind]
        ]
    return found


def contents(url: str, columns: dict[str, str] | None = None) -> dict[str, list[str]]:
    """The rows of every table of the machinery and of DomIQ, as text, in no order."""
    with connected(url) as connection:
        return {
            table: sorted(text for (text,) in rows(connection, f"SELECT ROW({listed})::text FROM {table}"))
            for table, listed in (columns or columns_of(url)).items()
        }


def columns_of(url: str) -> dict[str, str]:
    """The columns of every table, save Alembic's and what is derived from others."""
    listed = """
        SELECT c.oid::regclass::text, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relname <> 'alembic_version'
          AND c.relnamespace IN ('public'::regnamespace, 'domiq_sync'::regnamespace) GROUP BY c.oid"""
    return {
        table: columns
        for table, columns in rows(url, listed)
        if table not in {f"domiq_sync.{name}" for name in DERIVED}
    }


@pytest.mark.parametrize("with_rows", [False, True])
def test_what_is_taken_over_is_what_a_new_database_is(
    revision: str, take_over: Take, with_rows: bool, make_database: MakeDatabase
) -> None:
    ours, new = make_database(), make_database()
    run(ours, *at_revision(revision, with_rows=with_rows))
    migrated(new)
    assert differences(schema(ours), schema(new)) != []
    take_over(ours)
    assert differences(schema(ours), schema(new)) == []
    again = migrated(ours)
    assert again.before == again.now == HEAD
    assert differences(schema(ours), schema(new)) == []


def test_every_row_is_kept(revision: str, take_over: Take, make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, *at_revision(revision, with_rows=True))
    columns, before = columns_of(url), contents(url)
    empty = {table for table, found in before.items() if not found}
    assert not any(table.startswith(("domiq_sync.", "status_")) for table in empty)
    take_over(url)
    assert contents(url, columns) == before
    migrated(url)
    assert contents(url, columns) == before
    with connected(url) as connection:
        last = value(connection, "SELECT max(seq) FROM domiq_sync.change")
        connection.execute("UPDATE conversation SET status = 'lost' WHERE status = 'leased'")
        assert value(connection, "SELECT max(seq) FROM domiq_sync.change") == last + 1
        connection.execute(
            "INSERT INTO domiq_sync.resman_status_map (resman_status, covers, sets) "
            "VALUES ('Applicant/Cancelled', '{lost}', 'lost')"
        )
        assert value(connection, "SELECT count(DISTINCT id) FROM domiq_sync.resman_status_map") == 9


@pytest.mark.parametrize("revision", BEFORE_THE_BASELINE)
def test_where_all_tables_are_published_domiq_may_delete_its_rows(
    revision: str, make_database: MakeDatabase
) -> None:
    url = make_database()
    run(url, *at_revision(revision, with_rows=True))
    migrated(url)
    run(url, "CREATE PUBLICATION everything FOR ALL TABLES", "DELETE FROM company")
    left = {table for table, found in contents(url).items() if found and table.startswith("domiq_sync.")}
    # What is of no property, and the records that outlive one.
    assert left - {"domiq_sync.worker"} == {
        f"domiq_sync.{table}"
        for table in (
            *("account", "account_turn", "alert_watch", "attempt", "channel", "closed_link", "conflict"),
            *(
                "daily_total",
                "divergence",
                "domiq_status_map",
                "installation",
                "link_decision",
                "operator_action",
                "resman_status_map",
                "threshold",
            ),
        )
    }
    run(url, *(f"DELETE FROM {table}" for table in left))


def test_the_application_is_held_up_by_nothing_but_the_machinery_s_own_tables(
    make_database: MakeDatabase,
) -> None:
    url = make_database()
    run(url, *at_revision("0015", with_rows=True))
    with connected(url) as application, application.transaction():
        # conversation and the log are locked for a moment, since triggers are made on them
        application.execute("LOCK TABLE property, chatbot, company IN ROW EXCLUSIVE MODE")
        with engine_on(url, lock_timeout_ms=500) as engine:
            # The log's index is made afterwards, and waits a minute for whoever writes to the log.
            assert migrate(engine, log_index=False).before == "0015"


@pytest.mark.parametrize("from_revision", ["0028", "0031", HEAD])
def test_what_the_capture_triggers_read_is_not_locked_by_a_migration(
    from_revision: str, make_database: MakeDatabase
) -> None:
    """D21: they wait for 100 ms at most, and what they cannot read by then is not captured."""
    url = make_database()
    if from_revision == HEAD:
        migrated(url)
    else:
        run(url, *at_revision(from_revision, with_rows=True))
    with connected(url) as application, application.transaction():
        value(application, "SELECT count(*) FROM domiq_sync.conversation_property")
        value(application, "SELECT count(*) FROM domiq_sync.domiq_status_map")
        value(application, "SELECT count(*) FROM domiq_sync.integration")
        with engine_on(url, lock_timeout_ms=500) as engine:
            assert migrate(engine, log_index=False).before == from_revision


def test_what_would_be_done_is_said(revision: str, make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, *at_revision(revision, with_rows=False))
    with engine_on(url) as engine:
        plan = migration_plan(engine)
        first = BASELINE if revision < BASELINE else plan.to_come[0]
        assert (plan.now, plan.to_come[0], plan.to_come[-1]) == (revision, first, HEAD)
        migrate(engine)
        assert migration_plan(engine).to_come == ()


def test_sql_that_was_printed_for_another_revision_does_nothing(make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, *at_revision("0014", with_rows=False))
    before = schema(url)
    for printed, refusal in {
        migration_sql(): 'relation "alembic_version" already exists',
        migration_sql("0015"): "This is for a database at revision 0015",
    }.items():
        with pytest.raises(Exception, match=refusal):
            run_printed(url, printed)
    assert differences(before, schema(url)) == []
    run_printed(url, migration_sql("0014"))
    with pytest.raises(Exception, match="This is for a database at revision 0014"):
        run_printed(url, migration_sql("0014"))
    run_printed(url, migration_sql(HEAD))
    assert migrated(url).before == HEAD


@pytest.mark.parametrize(
    ("other", "advice"),
    [
        (
            "0001",
            "run DROP SCHEMA domiq_sync CASCADE, which leaves the log of status changes, then `domiq-sync",
        ),
        (
            "0013",
            "run DROP SCHEMA domiq_sync CASCADE, which leaves the log of status changes, then `domiq-sync",
        ),
        ("9999", "use the version of domiq-dagster that migrated it, or a newer one."),
    ],
)
def test_any_other_revision_is_refused_in_one_sentence(
    other: str, advice: str, make_database: MakeDatabase
) -> None:
    url = make_database()
    run(
        url,
        *at_revision("0014", with_rows=True),
        f"UPDATE domiq_sync.alembic_version SET version_num = '{other}'",
    )
    before = schema(url)
    with engine_on(url) as engine:
        for refused in (migrate, migration_plan):
            with pytest.raises(UnknownRevision) as caught:
                refused(engine)
            sentence = str(caught.value)
            assert f"at revision {other} in this database" in sentence
            assert advice in sentence
            assert sentence.endswith(".")
            assert "\n" not in sentence
    assert differences(before, schema(url)) == []


def test_after_the_advice_was_followed_the_log_is_there_and_queued(make_database: MakeDatabase) -> None:
    url = make_database()
    run(url, *at_revision("0014", with_rows=True))
    logged = "SELECT * FROM status_sync_log ORDER BY id"
    before = rows(url, logged)
    run(url, "DROP SCHEMA domiq_sync CASCADE")
    assert migrated(url).before is None
    assert rows(url, logged) == before != []
    assert value(url, "SELECT count(*) FROM domiq_sync.change") == len(before)
    new = make_database()
    run(new, *domiq_tables())
    migrated(new)
    assert differences(schema(url), schema(new)) == []
