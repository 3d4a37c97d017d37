"""The queue beside procrastinate: as many jobs, each of an empty task, until none is left.

Both are in one PostgreSQL with durable writes. Each job is that of another conversation, so that no order
keeps one waiting. The seconds begin when all processes are ready, and end when no job is left.

ours             two processes, which claim by hundreds of changes, and settle these in one transaction.
                 `ours_one_by_one`: a claim and a settlement for each change; more processes were slower
procrastinate    a lock for each conversation, as our lanes are. Four worker processes of five sub-workers,
                 the fastest of those tried (2, 4, 8 and 16 of 1 to 30), with a connection for each
                 sub-worker and one more, as its pages advise for short jobs, and without LISTEN. It takes
                 jobs one by one: there is no other way. Finished jobs stay, with their events, as our log
                 and attempts do

Ours keeps a lease with a fencing token for each claim, and writes an attempt with its details, the outcome
and the reason; theirs writes two events. Theirs runs a task, if an empty one, and could run any.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import psycopg
from queue_rate import Side, databases, drain, enqueue, run, vacuum
from turns import Figures, Round, in_turns

_SPAWN = multiprocessing.get_context("spawn")
LOG = 100_000
"""Settled changes that are in our log before."""
BATCH = 500
PROCESSES = 2
WORKERS = 4
SUB_WORKERS = 5


def rounds(given: Namespace) -> Iterator[tuple[str, Round]]:
    with databases(LOG) as (ours, theirs):
        asyncio.run(_apply_schema(theirs.url))
        for n in range(given.rounds):
            yield (
                "worked_off",
                in_turns(
                    n,
                    {
                        "ours": lambda: claim_and_settle(ours, given.jobs, BATCH),
                        "procrastinate": lambda: work_off(theirs, given.jobs),
                        "ours_one_by_one": lambda: claim_and_settle(ours, given.jobs, 1),
                    },
                ),
            )


def claim_and_settle(side: Side, jobs: int, batch: int) -> Figures:
    run(side.engine, "DELETE FROM domiq_sync.delivery")
    enqueue(side.engine, jobs)
    vacuum(side.engine)
    found = drain(side.url, PROCESSES, batch)
    assert found["changes"] == jobs, found
    return {"seconds": found["seconds"], "per_second": jobs / found["seconds"]}


def work_off(side: Side, jobs: int) -> Figures:
    with psycopg.connect(side.url, autocommit=True) as connection:
        connection.execute("TRUNCATE procrastinate_jobs, procrastinate_events CASCADE")
        asyncio.run(_defer(side.url, jobs))
        vacuum(side.engine)
        start, ended = _SPAWN.Barrier(WORKERS + 1), _SPAWN.SimpleQueue()
        workers = [_SPAWN.Process(target=_work, args=(side.url, start, ended)) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        start.wait(120)
        began = time.perf_counter()
        for _ in workers:
            ended.get()
        seconds = time.perf_counter() - began
        for worker in workers:
            worker.join()
        done = connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
        ).fetchone()
    assert done == (jobs,), done
    return {"seconds": seconds, "per_second": jobs / seconds}


def _app(url: str) -> Any:
    import procrastinate

    connector = procrastinate.PsycopgConnector(
        conninfo=url, min_size=SUB_WORKERS + 1, max_size=SUB_WORKERS + 1
    )
    app = procrastinate.App(connector=connector)

    async def nothing() -> None:
        pass

    app.task(name="nothing")(nothing)
    return app


async def _apply_schema(url: str) -> None:
    async with _app(url).open_async() as app:
        await app.schema_manager.apply_schema_async()


async def _defer(url: str, jobs: int) -> None:
    """Each with a lock of its own, which its own call for many jobs at once cannot give."""
    async with _app(url).open_async() as app:
        task = app.tasks["nothing"]
        made = [task.configure(lock=f"conversation-{n}").make_new_job() for n in range(jobs)]
        await app.job_manager.batch_defer_jobs_async(made)


def _work(url: str, start: Any, ended: Any) -> None:
    asyncio.run(_work_until_none_is_left(url, start))
    ended.put(None)


async def _work_until_none_is_left(url: str, start: Any) -> None:
    async with _app(url).open_async() as app:
        start.wait(120)
        await app.run_worker_async(wait=False, concurrency=SUB_WORKERS, listen_notify=False)
