"""What is wrong with the surroundings: one clear sentence, and nothing secret in it."""

import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from domiq_dagster.db.migrate import sql_text
from domiq_dagster.runtime.supervise import free_port
from tests.fixtures.commands import Run
from tests.fixtures.world import World


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
        # D20: credentials go unencrypted to this machine alone.
        (
            ["sync"],
            {"RESMAN_V1_URL": "http://resman.invalid"},
            "RESMAN_V1_URL starts with http://, which would",
        ),
        # D17: bounded, and one sentence.
        (["status"], {"DOMIQ_LOG_LEVEL": "bogus"}, "DOMIQ_LOG_LEVEL is no level: set it to one of CRITICAL"),
        (["explain", "\udcff\udcfe"], {}, "An argument holds bytes that are no utf-8"),
        (["sync"], {"RESMAN_API_KEY": "k\udcff"}, "RESMAN_API_KEY holds bytes that are no utf-8"),
        (["explain", "\x1b[31m[/red]"], {}, "Nothing is known of  [31m[/red]: give the id of a change"),
        (["rules", "plan", "--rule-file", "/dev/zero"], {}, "/dev/zero is no file."),
        (["rules", "plan", "--rule-file", "/"], {}, "/ is no file."),
        (
            ["rules", "plan", "--rule-file", "/nowhere\x1b[1m"],
            {},
            "/nowhere [1m cannot be read: No such file",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    run: Run, env: dict[str, str], arguments: list[str], change: dict[str, str], sentence: str
) -> None:
    done = run(*arguments, **{**env, **change})
    assert done.sentence.startswith(sentence)
    assert "hunter2" not in done.err + done.out


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[" * 100_000, "the rule file is no JSON that can be read"),
        (b"9" * 100_000, "the rule file is no JSON that can be read"),
        (b" " * (4 * 2**20 + 1), "larger than 4 MB."),
        (b"\xff\xfe", "it is not UTF-8."),
        (None, "is no file."),
    ],
)
def test_an_odd_rule_file_is_one_sentence(
    run: Run, env: dict[str, str], tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    """D17: no file that a user names is read for ever."""
    file = tmp_path / "rules.json"
    if content is None:
        os.mkfifo(file)
    else:
        file.write_bytes(content)
    assert sentence in run("rules", "plan", "--rule-file", str(file), **env).sentence


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
