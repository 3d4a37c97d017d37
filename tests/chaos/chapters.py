"""What comes after the main run, on what it left: mishaps that take something away from DomIQ itself, so that
its log alone no longer tells what ResMan should show.

Each chapter changes statuses, does its harm, waits until all is quiet, and asks for what must be true even
then: nothing pending, nothing twice at ResMan, nobody twice, and every lead where its conversation is.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.figures import conservation_problems
from domiq_dagster.sync.passes import pull_and_apply
from domiq_dagster.sync.queue.restores import declare
from domiq_dagster.sync.repair.reconcile import reconcile
from tests.chaos.stage import Stage
from tests.chaos.workers import Workers
from tests.chaos.world import Application, Lead, Size

_MARK = re.compile(r"\[DQ-[0-9a-f]{12}[a-z]?\]")
_PAIRS = """
SELECT c.id, c.status, l.prospect_id, count(*) OVER (PARTITION BY l.prospect_id) AS chats
FROM conversation c JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a chapter plays with.

    Attributes:
        quiet: waits until nothing is pending; returns how many changes still are at its deadline.
        client: asks the stand-in as the workers do.
    """

    there: Stage
    workers: Workers
    worker_count: int
    engine: Engine
    client: ResManClient
    leads: list[Lead]
    size: Size
    seed: int
    quiet: Callable[[], int]

    def application(self, seconds: float) -> Application:
        """DomIQ, for some seconds of a run's changes."""
        return Application(self.there.database, self.leads, self.size, self.seed + 1, seconds)

    def logged(self) -> int:
        """How many rows the log has, but for those that reconciliation wrote."""
        with self.engine.connect() as connection:
            found: int = connection.execute(
                text("SELECT count(*) FROM status_sync_log WHERE status_reason IS NULL")
            ).scalar_one()
        return found

    def settle(self) -> dict[str, Any]:
        """Everything that is due: pushes, what reconciliation finds, what ResMan shows.

        Returns:
            How many changes are pending after it, and how many were found that nobody had logged.
        """
        pending, uncaptured = self.quiet(), 0
        for _ in range(2):
            uncaptured += reconcile(self.engine).uncaptured.total()
            self._pull()
            pending = self.quiet()
        return {"pending": pending, "uncaptured": uncaptured}

    def _pull(self) -> None:
        with self.engine.connect() as connection:
            integrations = load_integrations(connection)
        errors = pull_and_apply(
            self.engine, self.client, integrations, on_pulled=lambda *_: None, on_applied=lambda *_: None
        )
        assert not errors, errors


def disk_full(scene: Scene) -> dict[str, Any] | None:
    """The disk of the data directory is full for some seconds, three times, while statuses change. What could
    not be captured is found by reconciliation. None where there is no disk to fill."""
    if not scene.there.database.has_own_disk:
        return None
    dice = random.Random(f"{scene.seed}:disk")
    application = scene.application(seconds=10.0)
    before = scene.logged()
    with _writing(application):
        for _ in range(3):
            time.sleep(dice.uniform(0.5, 1.0))
            scene.there.database.fill_disk(dice.uniform(1.0, 2.5))
    missed = application.made - (scene.logged() - before)
    return {"not_captured": missed, **_ended(scene, application, scene.settle())}


def old_copy(scene: Scene) -> dict[str, Any]:
    """The database is put back to a copy that was taken while statuses changed and were told, which is said
    (`domiq-sync restored`). What was told since is not told again."""
    database, workers = scene.there.database, scene.workers
    lost = scene.application(seconds=8.0)
    with _writing(lost):
        time.sleep(2.0)
        kept = database.copy()
    scene.quiet()
    workers.terminate_all()
    scene.engine.dispose()
    database.put_back(kept)
    with scene.engine.begin() as connection:
        declare(connection, "chaos", None)
    for number in range(scene.worker_count):
        workers.start(number)
    application = scene.application(seconds=4.0)
    with _writing(application):
        pass
    return {"changes_lost": lost.made, **_ended(scene, application, scene.settle())}


@contextmanager
def _writing(application: Application) -> Iterator[None]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        writing = [pool.submit(application.write, n) for n in range(4)]
        try:
            yield
        finally:
            application.stop.wait(1.0)
        for done in writing:
            done.result()


def _ended(scene: Scene, application: Application, settled: dict[str, Any]) -> dict[str, Any]:
    prospects = scene.there.standin.state()["prospects"]
    with scene.engine.connect() as connection:
        problems = [*_twice(prospects), *_apart(connection, prospects)]
        problems += [f"conservation: {problem}" for problem in conservation_problems(connection)]
    return {"changes": application.made, "interrupted": application.interruptions, **settled,
            "problems": problems}  # fmt: skip


def _twice(prospects: Sequence[dict[str, Any]]) -> list[str]:
    marks = Counter(
        mark for p in prospects for event in p["events"] for mark in _MARK.findall(event["comments"] or "")
    )
    persons = Counter((p["propertyId"], person["email"]) for p in prospects for person in p["people"])
    found = [f"{mark} stands at ResMan {times} times" for mark, times in marks.items() if times > 1]
    return found + [f"{who} is {times} prospects" for who, times in persons.items() if times > 1]


def _apart(connection: Connection, prospects: Sequence[dict[str, Any]]) -> list[str]:
    """The leads that are not where their conversation is. Of one with two, only the newer speaks."""
    shown = {p["prospectId"]: p["status"] for p in prospects}
    found = []
    for row in connection.execute(text(_PAIRS)):
        expected = "Lost" if row.status == "lost" else "Prospect"
        if row.chats == 1 and shown[row.prospect_id] != expected:
            found.append(f"conversation {row.id} is at {row.status}, its lead is {shown[row.prospect_id]}")
    return found


ALL: tuple[Callable[[Scene], dict[str, Any] | None], ...] = (disk_full, old_copy)
