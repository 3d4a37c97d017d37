"""The process is killed between every two steps of telling people: each notice goes once, or is marked
unknown and goes no second time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.depth import SOAK_MINUTES
from tests.doors.victim import DIED
from tests.integration.sync import desk as sync_desk

mailbox, endpoint, desk = sync_desk.mailbox, sync_desk.endpoint, sync_desk.desk
Desk = sync_desk.Desk
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def die_at(desk: Desk) -> Iterator[Callable[[int], bool]]:
    """`die_at(step)`: tells people in another process, which dies at that step. False: it had fewer."""
    environment = {**os.environ, "NO_PROXY": "*", "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.doors.victim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None

    def die(step: int) -> bool:
        webhook = f"{desk.endpoint.url}/services"
        job = {"url": desk.world.url, "settings": desk.settings, "webhook": webhook, "step": step}
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(job) + "\n")
        child.stdin.flush()
        code = int(child.stdout.readline())
        assert code in (0, DIED)
        return code == DIED

    yield die
    child.stdin.close()
    assert child.wait(10) == 0
    child.stdout.close()


def test_killed_between_any_two_steps_each_notice_goes_once_or_is_unknown(
    desk: Desk, die_at: Callable[[int], bool]
) -> None:
    place = desk.world.property()
    desk.prefer(place, "any", "email", ["a@staff.example"])
    desk.prefer(place, "any", "slack", ["#leasing"])
    desk.prefer(place, "any", "in_app", ["property_manager"])
    desk.world.do("UPDATE domiq_sync.integration SET connected_at = '2020-01-01'")
    unknown, step = 0, 0
    died = True
    while died:
        step += 1 if SOAK_MINUTES else 3
        conversation = desk.world.conversation(place, "active")
        change = desk.world.log(conversation, "qualified", sync_status="success")
        died = die_at(step)
        desk.later()
        for _ in range(2):
            desk.tell()
        rows = desk.rows(f"change_id = '{change}'")
        arrived = {
            "email": [m for m in desk.mailbox.mails if str(conversation) in m.text],
            "slack": [p for p in desk.endpoint.posts if str(conversation) in p.body.decode()],
        }
        told = [(r.channel, r.recipient) for r in rows]
        assert sorted(told) == [
            ("email", "a@staff.example"),
            ("in_app", "property_manager"),
            ("slack", "#leasing"),
        ], step
        for channel, got in arrived.items():
            states = [r.state for r in rows if r.channel == channel]
            assert set(states) <= {"delivered", "unknown"}, step
            assert states.count("delivered") <= len(got) <= len(states), step
            unknown += states.count("unknown")
        assert [r.state for r in rows if r.channel == "in_app"] == ["delivered"]
        desk.mailbox.mails.clear()
        desk.endpoint.posts.clear()
        desk.later()
    assert step > 40
    assert 0 < unknown == len(desk.rows("state = 'unknown'"))
