"""What must do on every supported version of PostgreSQL, on those that are here: `make matrix` fetches them.

The embedded one is always here. A test's id names the version that it ran on.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.errors import UnsuitableEncoding
from domiq_dagster.db.migrate import HEAD, migrate, migration_sql
from domiq_dagster.db.privileges import missing_privileges
from domiq_dagster.runtime.files import shipped
from domiq_dagster.sync.housekeeping.erase import erase, find_conversation
from domiq_dagster.sync.housekeeping.housekeeping import keep_house
from domiq_dagster.sync.monitoring import log_totals
from domiq_dagster.sync.setup.doctor import examine
from domiq_dagster.sync.uninstall import uninstall
from tests.fixtures.domiq_shapes import (
    PEOPLE,
    add_conversation,
    connected,
    differences,
    domiq_tables,
    engine_on,
    migrated,
    rows,
    run,
    run_printed,
    whole_catalog,
)
from tests.fixtures.postgres_versions import Server, server, versions
from tests.fixtures.world import Standin, World
from tests.integration.sync.housekeeping.test_housekeeping import ARCHIVE, age

pytestmark = pytest.mark.matrix

RUNTIME = "the_sync"


@pytest.fixture(scope="module", params=versions())
def there(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each version that is here."""
    directory: Path | None = versions()[request.param]
    with server(directory) as found:
        found.do(f"CREATE ROLE {RUNTIME} LOGIN BYPASSRLS")
        yield found


def new_database(there: Server, name: str, options: str = "") -> str:
    there.do(f"CREATE DATABASE {name} {options}")
    return there.url(name)


def test_the_schema_is_made_by_migrate_and_by_what_it_prints(there: Server) -> None:
    ours, theirs = new_database(there, "ours"), new_database(there, "theirs")
    for url in (ours, theirs):
        run(url, *domiq_tables())
    assert migrated(ours).log_index is None
    assert migrated(ours).before == HEAD
    run_printed(theirs, migration_sql())
    assert differences(whole_catalog(ours), whole_catalog(theirs)) == []


def test_a_whole_pass_under_a_role_that_may_no_more_than_it_must(there: Server, standin: Standin) -> None:
    """F7: migrated by the owner, run by a role with sql/roles/runtime.sql alone; doctor finds all well."""
    owner_url = new_database(there, "passes")
    migrated(owner_url)
    run(
        owner_url,
        (shipped("sql") / "roles/runtime.sql").read_text(),
        f"GRANT domiq_sync_runtime TO {RUNTIME}",
    )
    url = there.url("passes", RUNTIME)
    engine, owner = make_engine(url, pool_size=10), make_engine(owner_url)
    world, building = World(engine, url, standin), World(owner, owner_url, standin)
    try:
        flats = building.property(0)
        told, moved = building.conversation(flats, "contacted"), building.conversation(flats, "new")
        world.sync(2)
        building.change(told, is_book_tour=True, tour_datetime="2027-03-01 15:00")
        standin.edit(world.lead_of(moved)["prospectId"], status="Lost")
        report = world.sync(2)
        assert not report.problems
        assert not report.pull_errors
        assert world.told(told)[-1] == "Appointment"
        assert world.status(moved) == "lost"
        assert world.verdicts() == ["agrees", "agrees"]
        view = "SELECT property_id, sync_success_rate, failed_status_updates FROM status_sync_success_rate"
        assert [tuple(r) for r in world.rows(view)] == [(flats, 100.0, 0)]
        found = examine(engine, world.client)
        assert [f for f in found if not f["ok"]] == []
        assert world.conservation() == []
        assert world.kept_locks() == []
    finally:
        for one in (world, building):
            one.closing.close()
        engine.dispose()
        owner.dispose()


def test_rows_are_archived_and_erased_under_that_role_with_row_level_security(
    there: Server, standin: Standin
) -> None:
    owner_url = new_database(there, "archive")
    with engine_on(owner_url) as engine:
        migrate(engine, rls=True)
    run(owner_url, (shipped("sql") / "roles/runtime.sql").read_text())
    run(owner_url, f"GRANT domiq_sync_runtime TO {RUNTIME}")
    url = there.url("archive", RUNTIME)
    engine, owner = make_engine(url, pool_size=10), make_engine(owner_url)
    world, building = World(engine, url, standin), World(owner, owner_url, standin)
    try:
        flats = building.property(0)
        conversations = [building.conversation(flats, "new") for _ in range(2)]
        world.sync()
        for conversation in conversations:
            building.change(conversation, status="qualified")
        world.sync()
        age(building)
        before = world.rows("SELECT * FROM domiq_sync.status_sync_log_all ORDER BY id")
        done = keep_house(engine, ARCHIVE)
        assert (done.problems, done.kinds["log"].rows) == ([], 2)
        assert world.rows("SELECT * FROM domiq_sync.status_sync_log_all ORDER BY id") == before
        with engine.connect() as connection:
            assert missing_privileges(connection) == []
            subject = find_conversation(connection, conversations[0])
        erased = erase(engine, subject, key=b"key", by="somebody")
        assert (erased.counts["log"], erased.counts["archive"], erased.counts["links"]) == (1, 1, 1)
        building.do("DELETE FROM conversation WHERE id = :c", c=conversations[1])
        assert world.value("SELECT count(*) FROM domiq_sync.status_sync_log_archive") == 1
        with engine_on(owner_url) as again:
            assert migrate(again).before == HEAD
        assert keep_house(engine, ARCHIVE).problems == []
    finally:
        for one in (world, building):
            one.closing.close()
        engine.dispose()
        owner.dispose()


def test_each_missing_grant_is_named(there: Server) -> None:
    """F7, D18: doctor's list and the script are the same list."""
    url = new_database(there, "grants")
    migrated(url)
    role_url = there.url("grants", RUNTIME)

    def missing() -> list[str]:
        with engine_on(role_url) as engine, engine.connect() as connection:
            return missing_privileges(connection)

    assert missing() == ["USAGE on schema domiq_sync"]
    script = (shipped("sql") / "roles/runtime.sql").read_text()
    run(url, script, script, f"GRANT domiq_sync_runtime TO {RUNTIME}")
    assert missing() == []
    for grant, what in {
        "INSERT ON domiq_sync.attempt": "INSERT on domiq_sync.attempt",
        "USAGE ON SEQUENCE domiq_sync.lease_token": "USAGE on sequence domiq_sync.lease_token",
        "UPDATE (status) ON public.conversation": "UPDATE on public.conversation (status)",
        'SELECT ON public."user"': 'SELECT on public."user"',
    }.items():
        run(url, f"REVOKE {grant} FROM domiq_sync_runtime")
        assert missing() == [what]
        run(url, script)


def test_latin1_and_sql_ascii(there: Server) -> None:
    """C4: what LATIN1 cannot hold is replaced, in text and in JSON; SQL_ASCII is refused in one sentence."""
    url = new_database(there, "latin", "ENCODING 'LATIN1' TEMPLATE template0")
    migrated(url)
    with engine_on(url) as engine, engine.begin() as connection:
        values = {
            "t": "Won\u2019t \u2013 caf\u00e9 \u4e2d\u2026",
            "j": '{"a": "\\u2019 \\u00e9 \\u201c \\\\u2019"}',
        }
        found = connection.execute(text("SELECT CAST(:t AS text), CAST(:j AS jsonb)"), values).one()
    assert found[0] == "Won't - caf\u00e9 ?..."
    assert found[1] == {"a": "' \u00e9 \" \\u2019"}
    ascii_url = new_database(there, "ascii", "ENCODING 'SQL_ASCII' TEMPLATE template0")
    with engine_on(ascii_url) as engine, pytest.raises(UnsuitableEncoding, match="ENCODING 'UTF8'"):
        migrate(engine)


def test_rls_keeps_a_company_to_itself(there: Server) -> None:
    """D19: with `migrate --rls` the application's role sees and writes what its company's conversations have;
    a later migrate keeps that, and `--no-rls` ends it."""
    url = new_database(there, "companies")
    there.do("DO $$ BEGIN CREATE ROLE the_app LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    with engine_on(url) as engine:
        migrate(engine, rls=True)
        migrate(engine)
    with connected(url) as connection:
        connection.execute(PEOPLE)
        conversation = add_conversation(connection, "new")
        connection.execute("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO the_app")
        company = rows(connection, "SELECT id FROM company")[0][0]
    insert = "INSERT INTO status_sync_log (conversation_id, new_status) VALUES (%s, 'contacted')"
    log, view = "SELECT count(*) FROM status_sync_log", "SELECT count(*) FROM status_sync_success_rate"
    with connected(there.url("companies", "the_app")) as app:
        app.execute("SET app.current_company_id = '00000000-0000-0000-0000-000000000001'")
        assert rows(app, log) == [(0,)]
        if app.info.server_version >= 150000:
            assert rows(app, view) == [(0,)]
        with pytest.raises(Exception, match="row-level security"):
            app.execute(insert, [conversation])
        app.execute(f"SET app.current_company_id = '{company}'")
        assert rows(app, log) == [(1,)]
        app.execute(insert, [conversation])
        assert rows(app, view) == [(1,)]
    with engine_on(url) as engine:
        migrate(engine, rls=False)
    assert rows(there.url("companies", "the_app"), log) == [(2,)]


def test_the_success_rate_is_read_from_totals_that_follow_every_move(there: Server) -> None:
    url = new_database(there, "totals")
    migrated(url)
    view = "SELECT * FROM status_sync_success_rate ORDER BY property_id"
    design = """SELECT b.property_id,
        COUNT(*) FILTER (WHERE ssl.sync_status = 'success')::float / COUNT(*) * 100,
        COUNT(*) FILTER (WHERE ssl.sync_status = 'failed')
        FROM conversation c JOIN chatbot b ON b.id = c.chatbot_id
        JOIN status_sync_log ssl ON ssl.conversation_id = c.id GROUP BY 1 ORDER BY 1"""
    with connected(url) as connection, engine_on(url) as engine:
        connection.execute(PEOPLE)
        connection.execute(
            "WITH p AS (INSERT INTO property (company_id, name, address, city, state, zip_code) "
            "SELECT id, 'Sample Yard', 'A', 'B', 'TX', '00000' FROM company RETURNING id) "
            "INSERT INTO chatbot (property_id, name) SELECT id, 'Sue' FROM p"
        )
        connection.execute(
            "INSERT INTO conversation (chatbot_id) SELECT id FROM chatbot, generate_series(1, 3)"
        )
        for step in (
            "INSERT INTO status_sync_log (conversation_id, sync_status) "
            "SELECT id, 'failed' FROM conversation",
            "UPDATE conversation SET chatbot_id = (SELECT id FROM chatbot ORDER BY id LIMIT 1)",
            "SELECT domiq_sync.fold_log(1, 0)",
            "UPDATE conversation SET chatbot_id = (SELECT id FROM chatbot ORDER BY id DESC LIMIT 1)",
            "UPDATE status_sync_log SET sync_status = 'success' "
            "WHERE id = (SELECT id FROM status_sync_log LIMIT 1)",
            "DELETE FROM conversation WHERE id = (SELECT id FROM conversation LIMIT 1)",
        ):
            connection.execute(step.encode())
            assert rows(connection, "SELECT public.status_sync_is_counted()") == [(True,)]
            assert rows(connection, view) == rows(connection, design)
        assert log_totals.recount(engine, pages_at_once=1).drift == []
        assert rows(connection, "SELECT count(*) FROM domiq_sync.pending_changes()") == [(0,)]
        connection.execute("DROP SCHEMA domiq_sync CASCADE")
        assert rows(connection, view) == rows(connection, design) != []


def test_the_sync_goes_out_and_its_archive_back_to_the_log(there: Server, standin: Standin) -> None:
    url = new_database(there, "without_it")
    run(url, *domiq_tables())
    log = "SELECT * FROM status_sync_log ORDER BY id"
    with engine_on(url, pool_size=10) as engine:
        migrate(engine, rls=True)
        world = World(engine, url, standin)
        conversation = world.conversation(world.property(), "new")
        for status in ("contacted", "qualified"):
            world.sync()
            world.change(conversation, status=status)
        world.sync()
        age(world)
        before = rows(url, log)
        assert keep_house(engine, ARCHIVE).kinds["log"].rows == 2
        world.closing.close()
    run(url, (shipped("sql") / "roles" / "runtime.sql").read_text(encoding="utf-8"))
    with engine_on(url, pool_size=1) as engine:
        assert uninstall(engine).counts.archived == 2
    assert rows(url, log) == before
    assert rows(url, "SELECT * FROM status_sync_success_rate") != []
    assert rows(url, "SELECT to_regnamespace('domiq_sync')") == [(None,)]
    assert migrated(url).before is None
