"""`domiq-sync demo`, as a user runs it; what it claims is then read from both sides by other means."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domiq_dagster.db.embedded import running

pytestmark = pytest.mark.slow

PROGRAM = str(Path(sys.executable).with_name("domiq-sync"))
OURS = ("DOMIQ_", "RESMAN_", "DAGSTER_")
PROPERTIES = 12

# What each of ResMan's statuses says of a lead, in DomIQ's words; and DomIQ's other words for the same.
COVERS = {
    "Prospect": {"new", "contacted", "qualified", "tour_scheduled"},
    "Applicant": {"application"},
    "Resident": {"leased"},
    "Lost": {"lost"},
}
OTHER_WORDS = {
    "initial_contact": "new",
    "engaged": "contacted",
    "follow_up_needed": "contacted",
    "tour_booked": "tour_scheduled",
    "application_started": "application",
}


@dataclass
class Demo:
    """A demo that has run, with its databases up again."""

    code: int
    out: str
    err: str
    connection: psycopg.Connection[tuple[Any, ...]]
    prospects: dict[str, dict[str, Any]]
    postgres_left: bool

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    with tempfile.TemporaryDirectory(prefix="domiq-demo-") as name:
        home = Path(name)
        home.chmod(0o755)  # if root runs the tests, the server runs under another account
        done = subprocess.run(
            [PROGRAM, "demo", "--json"],
            env={**environment, "DOMIQ_HOME": name},
            cwd=name,
            capture_output=True,
            text=True,
            timeout=300,
        )
        left = (home / "pg" / "postmaster.pid").exists()
        state = json.loads((home / "standin.json").read_text())
        with running(home / "pg") as server, psycopg.connect(server.url("domiq")) as connection:
            prospects = {p["prospectId"]: p for p in state["prospects"]}
            yield Demo(done.returncode, done.stdout, done.stderr, connection, prospects, left)


def test_it_ends_well_and_its_figures_add_up(demo: Demo) -> None:
    assert demo.code == 0, demo.err
    assert "Traceback" not in demo.err + demo.out
    assert not demo.postgres_left
    result = demo.result
    assert result["ok"] is True
    rows, totals = result["properties"], result["totals"]
    assert len(rows) == PROPERTIES
    for name in ("pulled", "applied", "pushed", "failed", "pending", "diverged", "conflicts"):
        assert totals[name] == sum(row[name] for row in rows), name
    assert (totals["pending"], totals["failed"], totals["diverged"]) == (0, 0, 0)
    assert totals["success_rate"] == 100.0
    assert all(row["pulled"] > 0 and row["applied"] > 0 and row["pushed"] > 0 for row in rows)
    assert totals["conflicts"] == len(result["conflicts"])
    assert sum(result["stirred"]["chatbot"].values()) > 100
    assert sum(result["stirred"]["staff"].values()) > 100
    for row in rows:
        assert row["property"] in demo.out.splitlines()[-1]
        # With --json what is for people is on stderr.
        assert sum(line.split()[:1] == [row["property"]] for line in demo.err.splitlines()) == 1


def test_its_figures_are_those_of_the_log(demo: Demo) -> None:
    logged = demo.rows(
        "SELECT p.name, g.sync_direction, g.sync_status, count(*) FROM status_sync_log g "
        "JOIN conversation c ON c.id = g.conversation_id JOIN chatbot b ON b.id = c.chatbot_id "
        "JOIN property p ON p.id = b.property_id GROUP BY 1, 2, 3"
    )
    counted = {(name, direction, status): n for name, direction, status, n in logged}
    for row in demo.result["properties"]:
        assert row["pushed"] == counted[row["name"], "to_resman", "success"]
        assert row["applied"] == counted[row["name"], "from_resman", "success"]
    assert {status for _, _, status, _ in logged} == {"success"}
    assert demo.rows("SELECT count(*) FROM domiq_sync.delivery") == [(0,)]


def test_both_sides_agree_about_every_lead_but_the_listed_conflicts(demo: Demo) -> None:
    conflicts = {c["conversation_id"] for c in demo.result["conflicts"]}
    assert 0 < len(conflicts) < 30
    linked = demo.rows(
        "SELECT l.conversation_id::text, c.status, l.prospect_id FROM domiq_sync.lead_link l "
        "JOIN conversation c ON c.id = l.conversation_id WHERE l.is_current"
    )
    verdicts: Counter[str] = Counter()
    for conversation, status, prospect_id in linked:
        there = demo.prospects[prospect_id]["status"]
        word = OTHER_WORDS.get(status, status)
        if word not in set().union(*COVERS.values()):
            verdicts["no lead status"] += 1
            continue
        agrees = word in COVERS[there]
        if conversation in conflicts:
            assert not agrees, f"{conversation}: no conflict between {word} and {there}"
            verdicts["conflict"] += 1
        else:
            assert agrees, f"{conversation}: DomIQ says {status}, ResMan {there}"
            verdicts["agrees"] += 1
    assert verdicts["agrees"] > 1000
    assert verdicts["conflict"] == len(conflicts)


def test_each_change_reached_resman_once(demo: Demo) -> None:
    comments = [e.get("comments") or "" for p in demo.prospects.values() for e in p["events"]]
    marks = Counter(word.rstrip(".") for text in comments for word in text.split() if word.startswith("[DQ-"))
    assert [mark for mark, times in marks.items() if times > 1] == []
    sent = demo.rows(
        "SELECT id FROM status_sync_log WHERE sync_direction = 'to_resman' "
        "AND context_data #>> '{sync,outcome}' = 'sent'"
    )
    told = {mark[4:16] for mark in marks}
    assert len(sent) > 200
    assert [str(i) for (i,) in sent if i.hex[:12] not in told] == []


def test_dagster_kept_the_runs_and_their_partitions(demo: Demo) -> None:
    with psycopg.connect(
        host=demo.connection.info.host, user=demo.connection.info.user, dbname="dagster",
        port=demo.connection.info.port,
    ) as dagster:  # fmt: skip
        runs = dagster.execute("SELECT pipeline_name, status, count(*) FROM runs GROUP BY 1, 2").fetchall()
        partitions = dagster.execute(
            "SELECT count(DISTINCT partition) FROM event_logs "
            "WHERE asset_key = '[\"resman_leads\"]' AND dagster_event_type = 'ASSET_MATERIALIZATION'"
        ).fetchone()
        days = dagster.execute(
            "SELECT count(DISTINCT partition) FROM event_logs "
            "WHERE asset_key = '[\"status_sync_daily\"]' AND dagster_event_type = 'ASSET_MATERIALIZATION'"
        ).fetchone()
    assert sorted(runs) == [
        ("daily", "SUCCESS", 1),  # all days are one run
        ("pull", "SUCCESS", 2),
        ("push", "SUCCESS", 2),
        ("reconcile_pending", "SUCCESS", 2),
        ("report", "SUCCESS", 1),
    ]
    assert days == (14,)
    assert partitions == (PROPERTIES,)


def test_the_last_days_have_their_figures_and_a_manager_finds_what_waits_in_the_report(demo: Demo) -> None:
    counted = demo.rows("SELECT day, sum(changes)::int FROM domiq_sync.daily_figure GROUP BY 1 ORDER BY 1")
    assert len(counted) >= 13
    assert sum(changes for _, changes in counted) == demo.rows("SELECT count(*) FROM status_sync_log")[0][0]
    page = Path(demo.result["report"]).read_text()
    conflicts = demo.rows("SELECT prospect_id FROM domiq_sync.conflict WHERE resolved_at IS NULL")
    assert conflicts
    assert all(f"<code>{prospect}</code>" in page for (prospect,) in conflicts)
    assert "<script" not in page
