"""No name, e-mail address, phone number or key is in a log line, an exception or the machinery's tables."""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any

import pytest

from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.monitoring.explain import explain
from domiq_dagster.sync.setup.doctor import examine
from tests.fixtures.world import World

FIRST, LAST, EMAIL = "Zebedee", "Quillfeather", "zebedee.quillfeather@example.com"
PHONE = "+1 (212) 555-0187"
SECRETS = re.compile(
    r"zebedee|quillfeather|example\.com|555-?0187|2125550187|standin-key|c3RhbmRpbi1w", re.IGNORECASE
)
WORDS = f"Customer {FIRST} {LAST} ({EMAIL}, {PHONE}) cannot be saved with key standin-key"

SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "it succeeds": [],
    "it is refused with the person's data": [{"kind": "refuse", "description": WORDS}],
    "an error page repeats the person's data": [
        {"kind": "status", "status": 400, "body": {"message": WORDS, "code": 7}}
    ],
    "a fault repeats the person's data": [{"kind": "status", "status": 500, "body": {"message": WORDS}}],
    "the connection drops": [{"kind": "drop_after", "rate": 0.7}],
    "the answer is cut": [{"kind": "truncate", "rate": 0.7}],
    "the key is wrong": [{"kind": "unauthorized", "code": None}],
    "it asks to wait": [{"kind": "status", "status": 429, "retry_after": 1}],
}


def play(world: World, faults: list[dict[str, Any]]) -> list[str]:
    """A lead's life in a property where ResMan has the same person; gives the texts of what was raised."""
    property_id = world.property()
    world.sync()
    world.lead(first=FIRST, last=LAST, email=EMAIL, phone=PHONE)
    found = world.user(FIRST, LAST, EMAIL, PHONE)
    made = world.user(FIRST, LAST, "other." + EMAIL, "+1 212 555 0188")
    world.standin.faults(*faults)
    ids = [world.conversation(property_id, "new", user=u) for u in (found, made)]
    raised = []
    for status in ("contacted", "qualified", "lost"):
        for conversation in ids:
            world.change(conversation, status=status)
        world.later()
        world.sync()
    world.later()
    for ask in (world.pull, lambda: world.client.search_by_email("400", "x", EMAIL)):
        try:
            ask()
        except ResManError as error:
            raised.append("".join(traceback.format_exception(error)))
    raised.append(repr(examine(world.engine, world.client)))
    with world.engine.connect() as c:
        raised += [repr(explain(c, str(i)).changes) for i in ids]
    raised.append(repr((world.client, world.client._v1._config, world.integrations())))
    return raised


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_personal_or_secret_is_told(
    debugging: pytest.LogCaptureFixture, world: World, capfd: pytest.CaptureFixture[str], scenario: str
) -> None:
    raised = play(world, SCENARIOS[scenario])
    lines = [
        logging.Formatter("%(name)s %(message)s").format(record)
        for record in debugging.records
        if "_standin" not in record.getMessage()
    ]
    assert any("domiq_dagster" in line for line in lines)
    tables = world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'domiq_sync'")
    names = [f"domiq_sync.{t.tablename}" for t in tables] + ["status_sync_log"]
    stored = [r.row for name in names for r in world.rows(f"SELECT x::text AS row FROM {name} x")]
    assert len(stored) > 20
    out = capfd.readouterr()
    everything = [*lines, *raised, *stored, out.out, out.err]
    assert [text for text in everything if SECRETS.search(text)] == []
