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
from tests.fake_servers.victim import DIED
from tests.fixtures.notices import NoticeWorld

pytestmark = pytest.mark.soaked

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def die_at(notice_world: NoticeWorld) -> Iterator[Callable[[int], bool]]:
    """`die_at(step)`: tells people in another process, which dies at that step. False: it had fewer."""
    environment = {**os.environ, "NO_PROXY": "*", "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_servers.victim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None

    def die(step: int) -> bool:
        webhook = f"{notice_world.endpoint.url}/services"
        job = {
            "url": notice_world.world.url,
            "settings": notice_world.settings,
            "webhook": webhook,
            "step": step,
        }
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
    notice_world: NoticeWorld, die_at: Callable[[int], bool]
) -> None:
    property_id = notice_world.world.property()
    notice_world.prefer(property_id, "any", "email", ["a@staff.example"])
    notice_world.prefer(property_id, "any", "slack", ["#leasing"])
    notice_world.prefer(property_id, "any", "in_app", ["property_manager"])
    notice_world.world.do("UPDATE domiq_sync.integration SET connected_at = '2020-01-01'")
    unknown, step = 0, 0
    died = True
    while died:
        step += 1 if SOAK_MINUTES else 3
        conversation = notice_world.world.conversation(property_id, "active")
        change = notice_world.world.log(conversation, "qualified", sync_status="success")
        died = die_at(step)
        notice_world.later()
        for _ in range(2):
            notice_world.tell()
        rows = notice_world.rows(f"change_id = '{change}'")
        arrived = {
            "email": [m for m in notice_world.mailbox.mails if str(conversation) in m.text],
            "slack": [p for p in notice_world.endpoint.posts if str(conversation) in p.body.decode()],
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
        notice_world.mailbox.mails.clear()
        notice_world.endpoint.posts.clear()
        notice_world.later()
    assert step > 40
    assert 0 < unknown == len(notice_world.rows("state = 'unknown'"))
