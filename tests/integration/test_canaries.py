"""Nobody's name, address, number or words, and nothing secret, comes out where it does not belong: everything
is run with canaries in every place, from the command line and in Dagster, while ResMan, PostgreSQL and a
template repeat them in all forms; then all that was kept and shown is searched.

A5, B8, D5, D8, D12, D17 meet here; each has tests of its own for the forms and the bounds.
"""

from __future__ import annotations

import json
import logging
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import dagster as dg
import psycopg
import pytest

from domiq_dagster.db.embedded import EmbeddedServer
from domiq_dagster.definitions import defs
from domiq_dagster.resources import all_resources
from tests.fake_servers.collector import Collector, collecting
from tests.fake_servers.http import Endpoint
from tests.fake_servers.smtp import Mailbox
from tests.fixtures.commands import Done, Run
from tests.fixtures.dagster_instance import Harness
from tests.fixtures.notices import NoticeWorld
from tests.fixtures.rules import action, add_rule
from tests.fixtures.world import POST, World

FIRST, LAST = "Zebediah", "Quillfeather"
EMAIL, PHONE = "zq.canary@mail.example", "+1 (212) 555-0187"
SUMMARY = "Sesquipedalian velodrome marmalade, and nothing else was said about it"
PEOPLE = (FIRST, LAST, EMAIL, PHONE, "Sesquipedalian", "velodrome", "marmalade")
SECRETS = (
    "standin-key",
    "standin-partner:standin-key",
    "cnry-db-pa55",
    "cnry-channel-pa55",
    "cnry-collector-pa55",
)
EVIL = "Evil\x1b[31m[/red][bold] <!here>\r\nBcc: x@y.example \u202e Court"
TOLD = f"{FIRST} {LAST} ({EMAIL}, {PHONE}): {SUMMARY}"

STAFF = {
    # table, column: why something personal or of a person's own words must be there
    ("notification", "recipient"): "where the notice goes: an address of staff, from the preferences",
    # what the application wrote into the log, seen through the view that has its archive as well
    ("status_sync_log_all", "status_reason"): "the log's own",
    ("status_sync_log_all", "context_data"): "the log's own",
}
"""Where the machinery's own tables hold an address, or show the log's. None of them holds anything of a lead's, but
the archive of the log, of what moved there."""


def forms(value: str) -> set[str]:
    """A value in the forms in which somebody may repeat it, in lower case."""
    digits = "".join(c for c in value if c.isdigit())
    found = {value, quote(value), quote(value, safe=""), b64encode(value.encode()).decode()[:-4], value[::-1]}
    found.add(re.sub(r"\W", "", value))
    if len(digits) > 9:
        found |= {digits, digits[-10:], digits[-7:], "555-0187", "555 0187", "555.0187"}
    return {form.lower() for form in found if len(form) >= 6}


CANARY = re.compile("|".join(sorted(re.escape(f) for v in (*PEOPLE, *SECRETS) for f in forms(v))))
ECHO = " ".join(
    (TOLD, FIRST + LAST, LAST[::-1], TOLD.upper(), quote(EMAIL), "2125550187", b64encode(LAST.encode()).decode(),
     "key standin-key", LAST[:7])
)  # fmt: skip


def seen(text: str) -> list[str]:
    """The canaries in a text, with what stands around them."""
    low = text.lower()
    return [low[max(0, m.start() - 80) : m.end() + 40] for m in CANARY.finditer(low)][:3]


class Stage:
    """A world full of canaries, and all that comes out of it."""

    def __init__(
        self, harness: Harness, notices: NoticeWorld, run: Run, templates: Path, collector: Collector
    ) -> None:
        self.harness, self.world, self.notices, self.run = harness, harness.world, notices, run
        self.shown: dict[str, str] = {}
        url = self.world.url.replace("postgres@", "postgres:cnry-db-pa55@")
        assert "cnry-db-pa55" in url
        self.environment = {
            "DOMIQ_DATABASE_URL": url,
            "RESMAN_V1_URL": self.world.standin.url,
            "RESMAN_V2_URL": self.world.standin.url,
            "RESMAN_PARTNER_ID": "standin-partner",
            "RESMAN_API_KEY": "standin-key",
            **notices.settings,
            "DOMIQ_SMS_URL": notices.settings["DOMIQ_SMS_URL"].replace(
                "json://", "json://me:cnry-channel-pa55@"
            ),
            "DOMIQ_TEMPLATE_DIR": str(templates),
            "DOMIQ_LOG_LEVEL": "DEBUG",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=cnry-collector-pa55",
        }
        (templates / "repeats.j2").write_text("{% set m = {} %}{{ m[lead.email] }}")
        (templates / "raises.j2").write_text("{{ lead.email.index(lead.name) }}")
        os.environ.update(self.environment)
        self.flats, self.lofts = harness.connect(0, 7)

    def settle_in(self) -> list[UUID]:
        """Rules, preferences and leads; gives the conversations."""
        world = self.world
        world.do("UPDATE property SET name = :n WHERE id = :p", n=EVIL, p=self.lofts)
        for template in (None, "repeats", "raises"):
            for method, who in (("email", "desk@staff.test"), ("slack", "#desk"), ("sms", "+12125550100")):
                self.notices.prefer(self.flats, "any", method, [who], template)
        self.notices.prefer(self.lofts, "any", "in_app", ["desk"])
        tell = action("send_notification", channel="slack", recipients=["#desk"], message="<!here> look")
        add_rule(world, self.flats, "contacted", "qualified", actions=[tell, action("create_task")])
        add_rule(world, self.lofts, "contacted", conditions={"context_data.conversation_summary": {"gte": 5}})
        world.lead(0, first=FIRST, last=LAST, email=EMAIL, phone=PHONE)
        world.lead(7, first=LAST, last=FIRST, email=EMAIL, phone=PHONE)
        world.lead(7, first=LAST, last=FIRST, email=EMAIL, phone=PHONE)
        people = [(FIRST, LAST, EMAIL, PHONE), ("Zed", LAST, EMAIL + ".au")]
        users = [world.user(*who) for who in people]
        return [
            world.conversation(p, "new", user=user, ai_intent_summary=TOLD)
            for p in (self.flats, self.lofts)
            for user in users
        ]

    def move(self, conversations: list[UUID], status: str) -> None:
        self.world.later()
        for conversation in conversations:
            self.world.change(conversation, status=status)
        self.world.do(
            "UPDATE status_sync_log g SET status_reason = concat_ws(' ', u.first_name, u.last_name, u.email, "
            "u.phone), context_data = COALESCE(g.context_data, '{}') || CAST(:x AS jsonb) "
            'FROM conversation c JOIN "user" u ON u.id = c.user_id '
            "WHERE c.id = g.conversation_id AND g.new_status = :s AND g.sync_status = 'pending'",
            x=json.dumps({"conversation_summary": TOLD, "next_steps": TOLD}), s=status,
        )  # fmt: skip

    def command(self, *arguments: object) -> Done:
        done = self.run(*arguments, **self.environment)
        assert done.code in (0, 1, 2), (arguments, done)
        assert "Traceback" not in done.out + done.err
        for text in (done.out, done.err):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), (arguments, text)
        self.shown[" ".join(map(str, arguments))] = done.out + done.err
        return done

    def jobs(self, *names: str) -> None:
        for name in names:
            keys = self.harness.keys() if name in ("pull", "full_reread") else None
            partition = "2026-01-05" if name == "daily" else None
            self.harness.run(name, keys=keys, partition=partition, fails=None)


TRIGGERS = """
ALTER TABLE conversation ADD CONSTRAINT no_applicants CHECK (status <> 'application');
CREATE FUNCTION says_who() RETURNS TRIGGER LANGUAGE plpgsql AS $$ DECLARE who TEXT; BEGIN
  SELECT first_name || ' ' || last_name || ', ' || email || ', ' || phone INTO who
  FROM "user" WHERE id = (SELECT user_id FROM conversation WHERE id = NEW.conversation_id);
  RAISE EXCEPTION '% must not be touched', who USING DETAIL = who, HINT = who, CONSTRAINT = who, TABLE = who;
END $$;
CREATE TRIGGER says_who BEFORE UPDATE ON status_sync_log FOR EACH ROW
WHEN (NEW.new_status = 'tour_scheduled' AND NEW.sync_status <> 'pending') EXECUTE FUNCTION says_who();
"""


def live(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Everything that there is, while everybody repeats what they know."""
    world, faults = stage.world, stage.world.standin.faults
    chats = stage.settle_in()
    stage.jobs("pull", "push", "notify")
    # ResMan repeats it, in a refusal, an error page with an address as its code, a fault, a proxy's page.
    stage.move(chats, "contacted")
    faults({"kind": "refuse", "endpoint": POST, "description": ECHO})
    stage.jobs("push")
    stage.command("sync", "--json")
    stage.move(chats, "qualified")
    faults({"kind": "status", "status": 400, "endpoint": POST, "body": {"message": ECHO, "code": EMAIL}})
    stage.command("sync")
    faults({"kind": "status", "status": 500, "body": {"ErrorDescription": ECHO + " partner credentials"}})
    stage.jobs("pull")
    world.later()
    stage.command("sync")
    faults({"kind": "status", "status": 403, "body": {"message": ECHO}})
    world.later()
    stage.jobs("push", "full_reread")
    stage.command("doctor")
    # PostgreSQL repeats it: the row in DETAIL, and a trigger of somebody else's.
    faults()
    world.later()
    stage.command("sync")
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute(TRIGGERS)
    for lead in world.standin.prospects():
        world.standin.edit(lead["prospectId"], status="Applicant")
    stage.move(chats[:1], "tour_scheduled")
    world.later()
    stage.jobs("pull", "push", "reconcile_pending")
    stage.command("sync")
    stage.command("conflicts")

    # Something in our own code fails with it.
    def broken(*_: Any, **__: Any) -> Any:
        try:
            raise KeyError(ECHO)
        except KeyError as error:
            raise ValueError(TOLD) from error

    with monkeypatch.context() as patch:
        patch.setattr("domiq_dagster.jobs.reconcile", broken)
        stage.jobs("reconcile_pending")
    stage.jobs("daily", "notify", "report")
    for sensor in defs.sensors or ():
        with dg.build_sensor_context(
            stage.harness.instance, definitions=defs, resources=all_resources()
        ) as context:
            try:
                stage.shown[f"sensor {sensor.name}"] = repr(sensor(context))  # type: ignore[operator]
            except Exception as error:  # what is raised is looked at too
                stage.shown[f"sensor {sensor.name}"] = repr(error)
    return chats


def look(stage: Stage, chats: list[UUID]) -> None:
    """Every command that shows something."""
    change = stage.world.value(
        "SELECT id FROM status_sync_log WHERE conversation_id = :c LIMIT 1", c=chats[0]
    )
    there = stage.world.at_resman[7]
    at_resman = ("--account", there["accountId"], "--resman-property", there["propertyId"])
    for command in (
        "status", "status --json", "doctor --json", f"explain {chats[0]}", f"explain {change} --json",
        "conflicts --json", "rules check", "rules check --json", "rules plan", "notifications",
        "notifications --json", "notifications --retry-undeliverable", "alerts list --history", "alerts look",
        "alerts thresholds", "alerts backtest", "migrate --dry-run", "migrate", "sync --dry-run",
        "retry --dry-run", "retry --json", "report", "report --json --property juniper-flats",
    ):  # fmt: skip
        stage.command(*command.split())
    stage.command("connect", "--property", stage.lofts, *at_resman, "--dry-run")
    stage.command("explain", "nobody")
    stage.command("explain", "\x1b[31m")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def test_no_canary_is_found_where_it_does_not_belong(
    collector: Collector,
    debugging: pytest.LogCaptureFixture,
    stored_harness: Harness,
    mailbox: Mailbox,
    endpoint: Endpoint,
    run: Run,
    tmp_path: Path,
    pg_server: EmbeddedServer,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "DOMIQ_TEMPLATE_DIR",
        "DOMIQ_LOG_LEVEL",
        "DOMIQ_EMAIL_URL",
        "DOMIQ_SLACK_URL",
        "DOMIQ_SMS_URL",
    ):
        monkeypatch.setenv(name, "")  # so that they are as they were when this ends
    for name in ("DOMIQ_OPERATOR_ADDRESS", "DOMIQ_LINK_URL"):
        monkeypatch.setenv(name, "")
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.setenv(name, "")
    templates = tmp_path / "templates"
    templates.mkdir()
    world: World = stored_harness.world
    stage = Stage(stored_harness, NoticeWorld(world, mailbox, endpoint), run, templates, collector)
    chats = live(stage, monkeypatch)
    settled = world.rows("SELECT context_data ->> 'sync' AS said FROM status_sync_log")
    assert any(row.said and "refused" in row.said for row in settled)
    look(stage, chats)

    assert seen(f"x {TOLD} y {LAST.upper()} z cnry-db-pa55")  # the search finds what it looks for
    assert any(seen(mail.text) for mail in mailbox.mails)  # and they are where they belong
    assert any(seen(post) for post in world.standin.posts())
    found: dict[str, list[str]] = {}
    found["the log"] = [
        hit
        for record in debugging.records
        if "_standin" not in record.getMessage()
        for hit in seen(logging.Formatter("%(name)s %(message)s").format(record))
    ]
    out = capfd.readouterr()
    found["stdout and stderr"] = seen(out.out + out.err)
    for name, text in stage.shown.items():
        found[name] = seen(text)
    server_log = "".join(p.read_text(errors="replace") for p in pg_server.data_dir.glob("server.log*"))
    found["PostgreSQL's log"] = seen(server_log)
    storage: Any = stored_harness.instance.event_log_storage
    kept = everything_in(storage.postgres_url, "public")
    assert "reconcile_pending" in kept["event_logs"] and "SQLSTATE" in json.dumps(kept)
    for table, text in kept.items():
        found[f"Dagster's {table}"] = seen(text)
    for file in tmp_path.rglob("*"):
        if file.is_file() and templates not in file.parents:
            found[str(file.name)] = seen(file.read_text(errors="replace"))
    for row in world.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'domiq_sync'"
    ):
        if (row.table_name, row.column_name) not in STAFF:
            values = world.rows(f'SELECT "{row.column_name}"::text AS v FROM domiq_sync."{row.table_name}"')
            found[f"{row.table_name}.{row.column_name}"] = seen("\n".join(v.v or "" for v in values))
    assert {span.attributes["domiq.result"] for span in collector.named("attempt")} > {"success", "failed"}
    found["traces"] = [hit for body in collector.bodies for hit in seen(body.decode(errors="replace"))]
    found["settlements"] = [hit for row in settled for hit in seen(row.said or "")]
    assert len(found) > 60
    assert {where: hits for where, hits in found.items() if hits} == {}
    assert world.rows("SELECT FROM domiq_sync.account WHERE open_reason = 'bad_credentials'") == []  # D8


def everything_in(url: str, schema: str) -> dict[str, str]:
    """All rows of all tables of a schema, as text."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]
        ).fetchall()
        return {
            name: "\n".join(
                str(row[0]) for row in connection.execute(f'SELECT t::text FROM {schema}."{name}" t')
            )
            for (name,) in names
        }
