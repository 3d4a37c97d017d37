"""The command line as processes: exit codes, the JSON line, and one clear sentence for every user's error.

Loading the program takes more than a second, so one process loads it once and forks for each command.
What a fork could hide, the last tests do with the installed program itself.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import psycopg
import pytest

from domiq_dagster.db.embedded import running
from domiq_dagster.db.engine import make_engine
from domiq_dagster.db.migrate import migrate, sql_text
from domiq_dagster.supervise import free_port
from tests.integration.sync import conftest as sync_tests

standin_url = sync_tests.standin_url
standin = sync_tests.standin
domiq_url = sync_tests.domiq_url
world = sync_tests.world
World = sync_tests.World
Standin = sync_tests.Standin
POST = sync_tests.POST

PROGRAM = str(Path(sys.executable).with_name("domiq-sync"))
FORKER = """
import json, os, sys
from domiq_dagster.cli import main
for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if not pid:
        os.environ.clear()
        os.environ.update(job["environment"])
        os.chdir(job["place"])
        for number, path in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = ["domiq-sync", *job["arguments"]]
        sys.exit(main())
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """What --json put into the last line."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found

    @property
    def sentence(self) -> str:
        """The one sentence with which a command that could not run must end; no traceback, nothing else."""
        assert self.code == 2, self
        assert "Traceback" not in self.err + self.out
        (line,) = self.err.splitlines()
        assert line.startswith("domiq-sync: ")
        return line.removeprefix("domiq-sync: ")


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def forker() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", FORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate()
    assert process.returncode == 0


@pytest.fixture
def run(forker: subprocess.Popen[str], tmp_path: Path) -> Run:
    """`run(*arguments, **environment)`; without a world it knows of no database and no ResMan."""

    def run(*arguments: object, **environment: str) -> Done:
        assert forker.stdin is not None
        assert forker.stdout is not None
        job = {
            "arguments": [str(a) for a in arguments],
            "environment": {"PATH": os.environ["PATH"], "DOMIQ_HOME": str(tmp_path / "home"), **environment},
            "place": str(tmp_path),
            "out": str(tmp_path / "out"),
            "err": str(tmp_path / "err"),
        }
        forker.stdin.write(json.dumps(job) + "\n")
        forker.stdin.flush()
        code = int(forker.stdout.readline())
        return Done(code, (tmp_path / "out").read_text(), (tmp_path / "err").read_text())

    return run


@pytest.fixture
def env(world: World, domiq_url: str) -> dict[str, str]:
    """The environment that points at the world."""
    return environment_for(domiq_url, world.standin.url)


def environment_for(database_url: str, standin_url: str) -> dict[str, str]:
    return {
        "DOMIQ_DATABASE_URL": database_url,
        "RESMAN_V1_URL": standin_url,
        "RESMAN_V2_URL": standin_url,
        "RESMAN_PARTNER_ID": "standin-partner",
        "RESMAN_API_KEY": "standin-key",
    }


# migrate


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
        connection.execute(printed.out.encode())
    assert run("status", "--json", DOMIQ_DATABASE_URL=url).result["properties"] == []
    assert "captured by a trigger" in run("migrate", DOMIQ_DATABASE_URL=url).out


# connect


def place(world: World, number: int = 0) -> tuple[str, ...]:
    there = world.places[number]
    return "--account", there["accountId"], "--resman-property", there["propertyId"]


def test_connect_stores_what_is_given_and_keeps_what_is_not(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats = world.property(0, connected=False)
    first = run("connect", "--property", flats, *place(world), "--time-zone", "America/Chicago", **env)
    assert (first.code, first.err) == (0, "")
    assert "Connected Juniper Flats as juniper-flats." in first.out
    assert "agent_id, source_id, lost_reason_id" in first.out
    again = run("connect", "--property", flats, *place(world), "--policy", "domiq_wins", "--disable", **env)
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
    done = run("connect", "--property", flats, *place(world), *options, **env)
    assert done.sentence.startswith(sentence)
    assert len(world.rows("SELECT FROM domiq_sync.integration")) == 1


def test_connect_refuses_a_property_that_is_unknown_or_taken(
    run: Run, world: World, env: dict[str, str]
) -> None:
    nobody = uuid4()
    done = run("connect", "--property", nobody, *place(world), **env)
    assert done.sentence == f"DomIQ has no property {nobody}: give an id of table property."
    world.property(0)
    other = world.property(1, connected=False)
    assert "connected to this ResMan property already" in run(
        "connect", "--property", other, *place(world, 0), **env
    ).sentence  # fmt: skip


# sync


def test_sync_does_one_pass_and_its_figures_are_those_of_the_tables(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats, ridge = world.property(0), world.property(1)
    world.lead(0, "Lost", email="a@example.com")
    lost = world.conversation(flats, "contacted", email="a@example.com", age="1 day")
    world.conversation(ridge, "qualified")

    done = run("sync", "--json", **env)

    assert (done.code, done.err) == (0, "")
    assert world.status(lost) == "lost"
    assert done.result["ok"] is True
    assert re.search(r"^ *juniper-flats +1 +1 ", done.out, re.MULTILINE)
    by_key = {row["property"]: row for row in done.result["properties"]}
    assert by_key["juniper-flats"]["this_pass"]["applied"] == 1
    assert by_key["copper-ridge"]["this_pass"]["pushed"] == 1
    totals = done.result["totals"]
    assert totals["pending"] == totals["failed"] == totals["diverged"] == 0
    for name, direction in (("applied", "from_resman"), ("pushed", "to_resman")):
        in_log = world.value(
            "SELECT count(*) FROM status_sync_log WHERE sync_status = 'success' AND sync_direction = :d",
            d=direction,
        )
        assert totals[name] == in_log


def test_sync_of_one_property_leaves_the_others_alone(run: Run, world: World, env: dict[str, str]) -> None:
    flats, ridge = world.property(0), world.property(1)
    for each in (flats, ridge):
        world.conversation(each, "new")
    done = run("sync", "--property", "copper-ridge", "--json", **env)
    assert (done.code, [row["property"] for row in done.result["properties"]]) == (0, ["copper-ridge"])
    assert [row.property_id for row in world.rows("SELECT property_id FROM domiq_sync.delivery")] == [flats]
    assert run("sync", "--property", flats, **env).code == 0
    assert world.rows("SELECT FROM domiq_sync.delivery") == []


def test_sync_ends_with_1_when_rows_failed(run: Run, world: World, env: dict[str, str]) -> None:
    flats = world.property(0)
    world.conversation(flats, "new")
    world.standin.faults({"kind": "refuse", "endpoint": POST})
    done = run("sync", "--json", **env)
    assert (done.code, done.result["ok"], done.result["totals"]["failed"]) == (1, False, 1)


def test_sync_ends_with_1_when_only_some_properties_could_be_pulled(
    run: Run, world: World, env: dict[str, str]
) -> None:
    world.property(0)
    world.property(1)
    broken = world.places[0]["propertyId"]
    world.standin.faults({"kind": "status", "status": 503, "endpoint": "Prospects", "property_id": broken})
    done = run("sync", "--json", **env)
    assert (done.code, list(done.result["pull_errors"])) == (1, ["juniper-flats"])
    assert "not pulled juniper-flats: server_fault" in done.out


def test_sync_with_nothing_connected_is_done_at_once(run: Run, env: dict[str, str]) -> None:
    done = run("sync", "--json", **env)
    assert (done.code, done.result["properties"]) == (0, [])


@pytest.mark.parametrize("disabled", [False, True])
def test_sync_with_wrong_credentials_could_not_run(
    run: Run, world: World, env: dict[str, str], disabled: bool
) -> None:
    world.property(0)
    if disabled:
        world.property(1, sync_enabled=False)
    done = run("sync", **{**env, "RESMAN_API_KEY": "wrong-key-of-example"})
    assert done.sentence.startswith("No property could be pulled (`domiq-sync doctor` asks each account): ")
    assert "bad_credentials" in done.sentence
    assert "wrong-key-of-example" not in done.out + done.err


def test_sync_against_a_resman_that_is_not_there_could_not_run(
    run: Run, world: World, env: dict[str, str]
) -> None:
    world.property(0)
    nowhere = f"http://127.0.0.1:{free_port()}"
    done = run("sync", **{**env, "RESMAN_V1_URL": nowhere, "RESMAN_V2_URL": nowhere})
    assert re.match(r"No property could be pulled .*: unreachable: .* no connection was made", done.sentence)


# status, doctor, explain, retry, conflicts


def test_status_says_how_things_stand(run: Run, world: World, env: dict[str, str]) -> None:
    flats = world.property(0)
    world.property(1)
    world.conversation(flats, "new")
    world.conversation(flats, "active")
    world.do(
        "UPDATE domiq_sync.account SET open_until = clock_timestamp() + interval '1 h', open_reason = 'busy'"
    )
    done = run("status", "--json", **env)
    assert (done.code, done.err) == (0, "")
    first = {row["property"]: row for row in done.result["properties"]}["juniper-flats"]
    assert (first["pending"], first["statuses_left_alone"]) == (1, {"active": 1})
    assert done.result["accounts"][0]["reason"] == "busy"
    assert "account 400 paused until" in done.out
    assert "Left alone, since no lead status: active 1" in done.out
    world.do("UPDATE status_sync_log SET sync_status = 'failed'")
    world.reconcile()
    failed = run("status", "--json", "--property", flats, **env)
    assert (failed.code, len(failed.result["properties"]), failed.result["totals"]["failed"]) == (1, 1, 1)


def test_doctor_finds_what_is_in_place_and_what_is_not(run: Run, world: World, env: dict[str, str]) -> None:
    world.property(0)
    well = run("doctor", "--json", **env)
    assert well.code == 0, well.out
    assert all(f["ok"] for f in well.result["findings"])
    world.standin.faults({"kind": "refuse", "endpoint": "GetEmployees"})
    world.do("DROP TRIGGER domiq_sync_capture_update ON conversation")
    ill = run("doctor", "--json", **env)
    assert ill.code == 1
    assert [f["question"] for f in ill.result["findings"] if not f["ok"]] == [
        "Changes of conversation.status are captured",
        "Account 400: v1 GetEmployees",
    ]


def test_doctor_names_wrong_credentials_and_a_wrong_property(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats = world.property(0)
    world.do("UPDATE domiq_sync.integration SET resman_property_id = :p", p=str(flats))
    done = run("doctor", "--json", **env)
    assert done.code == 1
    assert [
        f["answer"] for f in done.result["findings"] if f["question"].startswith("juniper-flats is a")
    ] == ["no: correct --resman-property with domiq-sync connect"]
    wrong = run("doctor", "--json", **{**env, "RESMAN_API_KEY": "wrong-key-of-example"})
    assert wrong.code == 1
    assert "bad_credentials" in wrong.out
    assert "wrong-key-of-example" not in wrong.out + wrong.err


def test_explain_tells_the_story_by_change_conversation_and_lead(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats = world.property(0)
    chat = world.conversation(flats, "qualified", email="zeb@example.com")
    world.sync()
    change, lead = world.last(chat).id, world.last(chat).resman_lead_id
    for identifier in (change, chat, lead):
        done = run("explain", identifier, "--json", **env)
        assert (done.code, done.err) == (0, "")
        (story,) = done.result["changes"]
        assert (story["change_id"], story["sync_status"], story["new_status"]) == (
            str(change), "success", "qualified",
        )  # fmt: skip
        assert story["settlement"]["outcome"] == "sent"
        assert [s["outcome"] for s in story["steps"]]
        assert "zeb@example.com" not in done.out


@pytest.mark.parametrize("identifier", ["5c0a5a2e-0000-4000-8000-000000000000", "nothing-like-an-id"])
def test_explain_of_what_nobody_knows_could_not_run(run: Run, env: dict[str, str], identifier: str) -> None:
    assert run("explain", identifier, **env).sentence.startswith(f"Nothing is known of {identifier}:")


def test_retry_puts_failed_changes_back_by_property_and_time(
    run: Run, world: World, env: dict[str, str]
) -> None:
    flats, ridge = world.property(0), world.property(1)
    world.conversation(flats, "new")
    world.conversation(ridge, "new")
    world.standin.faults({"kind": "refuse", "endpoint": POST})
    world.sync()
    world.standin.faults()
    assert run("retry", "--since", "2199-01-01", "--json", **env).result == {"retried": 0}
    assert run("retry", "--property", "copper-ridge", "--json", **env).result == {"retried": 1}
    done = run("retry", "--since", "2026-01-01T00:00:00Z", **env)
    assert (done.code, done.out) == (0, "1 failed changes are pending again.\n")
    assert run("sync", "--json", **env).result["totals"]["pushed"] == 2


@pytest.fixture
def conflict(world: World) -> UUID:
    """A conversation about which a person must decide: DomIQ says tour_scheduled, ResMan Lost."""
    flats = world.property(0, conflict_policy="manual_review")
    lead = world.lead(0, email="a@example.com")
    chat = world.conversation(flats, "contacted", email="a@example.com")
    world.sync()
    world.change(chat, status="tour_scheduled")
    world.standin.edit(lead["prospectId"], status="Lost")
    world.sync()
    return chat


@pytest.mark.parametrize(("keep", "status"), [("resman", "lost"), ("domiq", "tour_scheduled")])
def test_conflicts_are_listed_and_decided(
    run: Run, world: World, env: dict[str, str], conflict: UUID, keep: str, status: str
) -> None:
    listed = run("conflicts", "--json", **env)
    assert listed.code == 0
    (found,) = listed.result["conflicts"]
    assert (found["conversation_id"], found["domiq_status"], found["resman_status"]) == (
        str(conflict), "tour_scheduled", "Lost",
    )  # fmt: skip
    decided = run("conflicts", "--resolve", conflict, "--keep", keep, "--json", **env)
    assert (decided.code, decided.err, decided.result) == (0, "", {"conflicts": []})
    assert f"Decided for {keep}." in decided.out
    world.deliver()
    world.sync()
    assert world.status(conflict) == status
    assert world.lead_of(conflict)["status"] == {"resman": "Lost", "domiq": "Prospect"}[keep]
    assert "No conflict waits for a person." in run("conflicts", **env).out


@pytest.mark.parametrize(
    "options",
    [["--resolve", str(uuid4())], ["--keep", "domiq"], ["--resolve", str(uuid4()), "--keep", "both"]],
    ids=["which side?", "which one?", "both?"],
)
def test_conflicts_misused_could_not_run(run: Run, env: dict[str, str], options: list[str]) -> None:
    assert run("conflicts", *options, **env).sentence == (
        "Give --resolve CONVERSATION together with --keep domiq or --keep resman."
    )


def test_a_conflict_that_is_not_open_cannot_be_decided(run: Run, env: dict[str, str]) -> None:
    nobody = uuid4()
    done = run("conflicts", "--resolve", nobody, "--keep", "domiq", **env)
    assert done.sentence == f"There is no open conflict for conversation {nobody}."


# What is wrong with the surroundings


@pytest.mark.parametrize(
    ("arguments", "change", "sentence"),
    [
        (["status"], {"DOMIQ_DATABASE_URL": "mysql://x/y"}, "The database URL is not one of PostgreSQL"),
        (["status"], {"DOMIQ_DATABASE_URL": "postgresql://u:hunter2@h:x/y"}, "The database URL"),
        (["sync"], {"RESMAN_API_KEY": ""}, "RESMAN_API_KEY must be set"),
        (["doctor"], {"RESMAN_API_KEY": "", "RESMAN_PARTNER_ID": " "}, "RESMAN_PARTNER_ID and RESMAN_API_K"),
        (["sync"], {"RESMAN_V2_URL": "ftp://hunter2"}, "RESMAN_V2_URL does not start with https://"),
        (["sync", "--property", "nowhere"], {}, "No connected property is called nowhere. Connected: none."),
        (["status", "--property", "nowhere"], {}, "No connected property is called nowhere."),
        (["retry", "--property", "nowhere"], {}, "No connected property is called nowhere."),
        (["retry", "--since", "last week"], {}, "'last week' is no ISO time: write it like 2026-03-01T12"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    run: Run, env: dict[str, str], arguments: list[str], change: dict[str, str], sentence: str
) -> None:
    done = run(*arguments, **{**env, **change})
    assert done.sentence.startswith(sentence)
    assert "hunter2" not in done.err + done.out


def test_a_database_that_does_not_answer_is_one_sentence(run: Run) -> None:
    url = f"postgresql://ada:hunter2@127.0.0.1:{free_port()}/domiq"
    done = run("status", DOMIQ_DATABASE_URL=url)
    assert re.match(r"The database domiq at 127\.0\.0\.1:\d+ as ada cannot be used: .*refused", done.sentence)
    assert "hunter2" not in done.err


def test_a_password_that_is_refused_is_not_repeated(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        refusing = threading.Thread(target=_refuse_a_password, args=(server,))
        refusing.start()
        port = server.getsockname()[1]
        done = run("status", DOMIQ_DATABASE_URL=f"postgresql://ada:hunter2@127.0.0.1:{port}/domiq")
        refusing.join()
    assert done.sentence.endswith('cannot be used: password authentication failed for user "ada".')
    assert "hunter2" not in done.err


def _refuse_a_password(server: socket.socket) -> None:
    """One client of PostgreSQL's protocol, asked for a password (no encryption), which is then wrong."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + (len(body) + 4).to_bytes(4) + body

    client, _ = server.accept()
    with client:
        asked = client.recv(4096)
        while asked[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):  # for TLS, for GSSAPI
            client.sendall(b"N")
            asked = client.recv(4096)
        client.sendall(message(b"R", (3).to_bytes(4)))
        assert client.recv(4096) == message(b"p", b"hunter2\0")
        words = b'SFATAL\0C28P01\0Mpassword authentication failed for user "ada"\0\0'
        client.sendall(message(b"E", words))


def test_a_database_that_is_not_domiqs_is_one_sentence(run: Run, make_database: Callable[..., str]) -> None:
    url = make_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE something_else (id int)")
    for command in ("status", "migrate"):
        done = run(command, DOMIQ_DATABASE_URL=url)
        assert "point DOMIQ_DATABASE_URL at DomIQ's own database" in done.sentence


def test_a_database_that_is_not_migrated_is_one_sentence(run: Run, make_database: Callable[..., str]) -> None:
    url = make_database()
    with psycopg.connect(url) as connection:
        connection.execute(sql_text("001_uuid_function.sql").encode())
        connection.execute(sql_text("000_domiq_tables.sql").encode())
    assert run("status", DOMIQ_DATABASE_URL=url).sentence.endswith("run `domiq-sync migrate`.")


def test_a_role_that_sees_nothing_is_one_sentence(
    run: Run, world: World, env: dict[str, str], domiq_url: str
) -> None:
    role = f"blind_{uuid4().hex[:8]}"
    world.do(f"CREATE ROLE {role} LOGIN")
    world.do(f"GRANT pg_read_all_data, pg_write_all_data TO {role}")
    try:
        done = run("status", **{**env, "DOMIQ_DATABASE_URL": domiq_url.replace("postgres@", f"{role}@")})
        assert done.sentence.startswith("Row-level security hides rows of")
        assert f'ALTER ROLE "{role}" BYPASSRLS' in done.sentence
    finally:
        world.do(f"DROP OWNED BY {role}")
        world.do(f"DROP ROLE {role}")


# The installed program itself


def test_the_installed_program_runs_and_says_what_it_can(tmp_path: Path) -> None:
    done = subprocess.run([PROGRAM, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    listed = re.findall(r"^\W*([a-z]+)  ", done.stdout, re.MULTILINE)
    assert listed[1:] == [  # after --help
        *("demo", "dev", "migrate", "connect", "sync", "standin"),
        *("status", "doctor", "explain", "retry", "conflicts"),
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_standin_prints_its_address_keeps_its_state_and_ends_when_told(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    command = [PROGRAM, "standin", "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        port = url.rpartition(":")[2]
        second = subprocess.run([PROGRAM, "standin", "--port", port], capture_output=True, text=True)
        prospects = len(Standin(url).prospects())
        process.terminate()
        assert (process.wait(10), process.stderr and process.stderr.read()) == (0, "")
    assert f"port {port} cannot be used" in Done(second.returncode, second.stdout, second.stderr).sentence
    assert prospects == len(json.loads(state.read_text())["prospects"]) == 1500


def test_sigterm_during_sync_leaves_no_embedded_postgres_behind(standin: Standin) -> None:
    with tempfile.TemporaryDirectory(prefix="domiq-cli-") as name:
        home = Path(name)
        home.chmod(0o755)  # if root runs the tests, the server runs under another account
        _connected_home(home, standin)
        standin.faults({"kind": "hang", "seconds": 1.5, "endpoint": "Prospects"})
        process = subprocess.Popen(
            [PROGRAM, "sync"],
            env={**os.environ, **environment_for("", standin.url), "DOMIQ_HOME": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            eventually(lambda: standin.requests("Prospects"), 30)
            pid_file = home / "pg" / "postmaster.pid"
            server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
            family = [server, *server.children()]

            process.send_signal(signal.SIGTERM)

            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
            process.communicate()
        assert Done(process.returncode, out, err).sentence.startswith("Interrupted; what was done is stored")
        assert not pid_file.exists()
        assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def _connected_home(home: Path, standin: Standin) -> None:
    """An embedded database with one connected property, as last time left it."""
    with running(home / "pg", durable=False) as server:
        server.ensure_database("domiq")
        engine = make_engine(server.url("domiq"))
        migrate(engine)
        there = World(engine, server.url("domiq"), standin)
        there.property(0)
        there.closing.close()
        engine.dispose()


def eventually(happened: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not after {seconds:g} s"
        time.sleep(0.05)
