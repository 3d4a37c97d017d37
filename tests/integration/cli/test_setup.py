"""migrate and connect: what they store, and what they refuse."""

import re
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from domiq_dagster.db.migrate import HEAD, sql_text
from tests.fixtures.commands import Run, resman_options
from tests.fixtures.domiq_shapes import at_revision, run_printed
from tests.fixtures.domiq_shapes import run as statements
from tests.fixtures.world import World


def test_migrate_makes_an_empty_database_up_once_and_is_safe_to_repeat(
    run: Run, make_database: Callable[..., str]
) -> None:
    url = make_database()
    first = run("migrate", "--database-url", url)
    assert first.code == 0, first.err
    assert "created DomIQ's own tables" in first.out
    assert "captured by a trigger" in first.out
    again = run("migrate", "--no-capture-trigger", DOMIQ_DATABASE_URL=url)
    assert again.code == 0, again.err
    assert "created" not in again.out
    assert "No capture trigger" in again.out
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'domiq_sync_capture%'")
        assert found.fetchone() == (0,)
    assert run("status", DOMIQ_DATABASE_URL=url).code == 0


def test_the_printed_sql_run_by_a_dba_is_a_migration(run: Run, make_database: Callable[..., str]) -> None:
    url = make_database()
    printed = run("migrate", "--sql")
    assert (printed.code, printed.err) == (0, "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql_text("001_uuid_function.sql").encode())
        connection.execute(sql_text("000_domiq_tables.sql").encode())
        assert run("status", DOMIQ_DATABASE_URL=url).code == 2
    run_printed(url, printed.out)
    assert run("status", "--json", DOMIQ_DATABASE_URL=url).result["properties"] == []
    assert "captured by a trigger" in run("migrate", DOMIQ_DATABASE_URL=url).out


def test_what_is_printed_for_one_database_is_what_that_one_needs(
    run: Run, make_database: Callable[..., str]
) -> None:
    url = make_database()
    statements(url, *at_revision("0014", with_rows=True))
    plan = run("migrate", "--dry-run", "--database-url", url).out
    assert re.search(rf"from revision 0014 through 0016, .*{HEAD}\.", plan)
    assert "`--sql --database-url URL` prints what would run" in plan
    printed = run("migrate", "--sql", "--database-url", url)
    assert (printed.code, printed.err) == (0, "")
    assert run("status", DOMIQ_DATABASE_URL=url).code == 2
    run_printed(url, printed.out)
    assert run("status", DOMIQ_DATABASE_URL=url).code == 0
    assert "was" not in run("migrate", "--database-url", url).out


def test_a_revision_that_is_not_taken_over_is_refused(run: Run, make_database: Callable[..., str]) -> None:
    url = make_database()
    earlier = "UPDATE domiq_sync.alembic_version SET version_num = '0013'"
    statements(url, *at_revision("0014", with_rows=False), earlier)
    for options in ([], ["--dry-run"], ["--sql"]):
        refused = run("migrate", "--database-url", url, *options)
        assert refused.code == 2
        assert "at revision 0013" in refused.sentence
        assert "DROP SCHEMA domiq_sync CASCADE" in refused.sentence


def test_connect_stores_what_is_given_and_keeps_what_is_not(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats = world.property(0, connected=False)
    first = run(
        "connect", "--property", flats, *resman_options(world), "--time-zone", "America/Chicago", **env
    )
    assert (first.code, first.err) == (0, "")
    assert "Connected Juniper Flats as juniper-flats." in first.out
    assert "agent_id, source_id, lost_reason_id" in first.out
    again = run(
        "connect", "--property", flats, *resman_options(world), "--policy", "domiq_wins", "--disable", **env
    )
    assert again.code == 0
    (found,) = world.rows("SELECT * FROM domiq_sync.integration")
    assert (found.property_id, found.conflict_policy, found.sync_enabled, found.time_zone) == (
        flats, "domiq_wins", False, "America/Chicago",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--policy", "coin_toss"],
            "The policy must be resman_wins, domiq_wins, furthest_progress or manual",
        ),
        (["--direction", "sideways"], "The direction must be both, to_resman or from_resman."),
        (["--time-zone", "Mars/Olympus"], "'Mars/Olympus' is no time zone: give an IANA name"),
        (["--partition-key", "copper-ridge"], "Another property has this partition key already"),
    ],
)
def test_connect_refuses_a_setting_that_makes_no_sense(
    run: Run, world: World, env: dict[str, str], options: list[str], sentence: str
) -> None:
    flats = world.property(0, connected=False)
    world.property(1)
    done = run("connect", "--property", flats, *resman_options(world), *options, **env)
    assert done.sentence.startswith(sentence)
    assert len(world.rows("SELECT FROM domiq_sync.integration")) == 1


def test_connect_refuses_a_property_that_is_unknown_or_taken(
    run: Run, world: World, env: dict[str, str]
) -> None:
    nobody = uuid4()
    done = run("connect", "--property", nobody, *resman_options(world), **env)
    assert done.sentence == f"DomIQ has no property {nobody}: give an id of table property."
    world.property(0)
    other = world.property(1, connected=False)
    assert "connected to this ResMan property already" in run(
        "connect", "--property", other, *resman_options(world, 0), **env
    ).sentence  # fmt: skip
