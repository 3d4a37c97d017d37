"""The chaos run: sets everything up, lets it happen, waits until all is quiet, verifies.

Progress goes to stderr, one JSON line to stdout; exit code 1 if anything was lost, doubled, out of order,
invented or held, or if a worker did not behave.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Engine, text

from domiq_dagster.db.engine import make_engine
from domiq_dagster.demo.stage import API_KEY, PARTNER_ID
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.config import ResManConfig
from domiq_dagster.sync.account_gate import BreakerRules
from domiq_dagster.sync.delivery.outcomes import DeliveryRules
from domiq_dagster.sync.monitoring.explain import explain
from domiq_dagster.wiring import open_client
from tests.chaos import chapters
from tests.chaos import verdict as verdicts
from tests.chaos.faults import FULL_DECKS, SHORT_DECKS, Climate, FaultPlayer
from tests.chaos.stage import Stage, stage
from tests.chaos.timeline import Timeline
from tests.chaos.workers import Workers
from tests.chaos.world import Application, Lead, Size, build

_FULL_PAUSES = {
    "workers": (1.5, 6.0), "database": (12.0, 25.0), "network": (1.0, 5.0), "resman": (1.0, 3.0),
}  # fmt: skip
_SHORT_PAUSES = {
    "workers": (0.8, 2.0), "database": (1.5, 3.0), "network": (0.2, 0.6), "resman": (0.3, 0.8),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    _tell(f"seed {seed}")
    logs = Path(tempfile.mkdtemp(prefix="domiq-chaos-logs-"))
    result = _run(options, seed, logs)
    if result["ok"]:
        shutil.rmtree(logs)
    else:
        _tell(f"the workers' logs are kept in {logs}")
    print(json.dumps(result))
    return 0 if result["ok"] else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeats what is random; a new one each time by default")
    parser.add_argument("--short", action="store_true", help="the form that is in the test suite")
    parser.add_argument("--services", action="store_true", help="workers that go on, instead of pushes")
    parser.add_argument("--changes", type=int)
    parser.add_argument("--properties", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--seconds", type=float, help="how long it is disturbed, at least")
    parser.add_argument("--deadline", type=float, default=300, help="seconds to get quiet afterwards")
    options = parser.parse_args(arguments)
    changes, properties, workers, seconds = (160, 4, 2, 5.0) if options.short else (5000, 20, 3, 180.0)
    options.changes = options.changes or changes
    options.properties = options.properties or properties
    options.workers = options.workers or workers
    options.seconds = options.seconds or seconds
    return options


def _times(short: bool) -> dict[str, Any]:
    """The engine's default times, scaled down alike, so that they stand to each other as they do in
    earnest. Pauses between tries are scaled down further, or the run would be one of waiting."""
    factor = 18.0 if short else 10.0
    delivery, breaker, wire = DeliveryRules(), BreakerRules(), ResManConfig("https://a", "https://a", "", "")
    lease, heartbeat = delivery.lease / factor, delivery.heartbeat / factor
    return {
        "rules": {
            "lease": lease,
            "heartbeat": heartbeat,
            "longest_hold": delivery.longest_hold / factor,
            "fresh": delivery.fresh / factor,
            "unknown_pause": delivery.unknown_pause / factor,
            "read_backs": [after / factor / 5 for after in delivery.read_backs],
            "first_pause": 0.3,
            "longest_pause": 2.0,
            "configuration_pause": 2.0,
        },
        "breaker": {
            "first_pause": 0.2,
            "longest_pause": 1.0,
            "first_ramp": 0.1,
            "longest_request": breaker.longest_request / factor,
        },
        "wire": {"connect_timeout": 2.0, "read_timeout": wire.read_timeout / factor},
        "pause": 0.1,
        "reconcile_rate": 0.1,
        # What ResMan and the network together may take for a request: a dead worker's last one has arrived
        # before the lease that it left can have run out.
        "slowest": 0.45 * (lease - heartbeat),
        "longest_stall": 0.35 * (lease - heartbeat),
        # As five minutes stand to the seven for which a post is looked for.
        "latest_commit": 0.7 * delivery.read_backs[-1] / factor / 5,
        "freeze": 1.3 * lease,
    }


def _run(options: argparse.Namespace, seed: int, logs: Path) -> dict[str, Any]:
    began = time.monotonic()
    dice = random.Random(f"{seed}:world")
    size = Size(options.changes, options.properties, max(8, options.changes // 6))
    times = _times(options.short)
    with stage(seed, durable=not options.short) as there:
        leads = build(there, size, dice, settings_known=options.short)
        _tell(f"{size.properties} properties of {size.accounts} accounts, {len(leads)} conversations")
        with _running_workers(there, times, logs, options) as workers:
            workers.wait_started()
            timeline = Timeline()
            application = Application(there.database, leads, size, seed, options.seconds)
            climate = _climate(options, times)
            player = FaultPlayer(there, workers, climate, timeline, seed)
            _disturb(there, workers, application, player)
            pending = _settle(there, workers, options.deadline)
            workers.terminate_all()
            verdict, figures = _verify(there, leads, application, timeline)
            later = {} if options.short else _chapters(there, workers, leads, size, seed, options)
            result = {
                "benchmark": "chaos", "form": "short" if options.short else "full", "seed": seed,
                "changes": verdict.changes, "properties": size.properties, "accounts": size.accounts,
                "conversations": verdict.conversations, "workers": options.workers,
                **_mishaps(there, workers, player), **figures,
                "seconds": round(time.monotonic() - began, 1), "pending": pending, "chapters": later,
            }  # fmt: skip
    kinds = ("lost", "doubled", "out_of_order", "invented", "diverged", "held")
    result |= {kind: verdict.count(kind) for kind in kinds}
    result["checksum_mismatches"] = verdict.checksum_mismatches
    result["misbehaved"] = workers.problems
    result["ok"] = not (
        any(result[kind] for kind in kinds)
        or pending or verdict.checksum_mismatches or workers.problems
        or any(told and (told["pending"] or told["problems"]) for told in later.values())
        or verdict.changes < options.changes or "nothing" in result["overlaps"]
    )  # fmt: skip
    return result


def _chapters(
    there: Stage, workers: Workers, leads: list[Lead], size: Size, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Each chapter with how it ended; null where it could not be played."""
    told: dict[str, Any] = {}
    with _engine(there) as engine, _client(there) as client:
        for chapter in chapters.ALL:
            for number in range(options.workers):
                workers.start(number)
            workers.wait_started()
            part = Size(max(1000, size.changes // 4), size.properties, size.conversations)
            scene = chapters.Scene(
                there, workers, options.workers, engine, client, leads, part, seed,
                quiet=lambda: _settle(there, workers, options.deadline),
            )  # fmt: skip
            told[chapter.__name__] = chapter(scene)
            _tell(f"{chapter.__name__}: {told[chapter.__name__]}")
            workers.terminate_all()
            engine.dispose()
    return told


@contextmanager
def _client(there: Stage) -> Iterator[ResManClient]:
    """As the workers have one, on the straight way to both."""
    wire = ResManConfig(there.standin.url, there.standin.url, PARTNER_ID, API_KEY)
    with open_client(wire, there.database.url) as client:
        yield client


def _climate(options: argparse.Namespace, times: dict[str, Any]) -> Climate:
    return Climate(
        seconds=options.seconds,
        workers=options.workers,
        slowest=times["slowest"],
        longest_stall=times["longest_stall"],
        longest_storm=1.2 if options.short else 3.0,
        latest_commit=times["latest_commit"],
        freeze=times["freeze"],
        pauses=_SHORT_PAUSES if options.short else _FULL_PAUSES,
        decks=SHORT_DECKS if options.short else FULL_DECKS,
    )


@contextmanager
def _running_workers(
    there: Stage, times: dict[str, Any], logs: Path, options: argparse.Namespace
) -> Iterator[Workers]:
    settings = {**times, "service": options.services, "database_url": there.proxied_url}
    workers = Workers(settings, there.worker_env, logs, end_within=30)
    try:
        for number in range(options.workers):
            workers.start(number)
        yield workers
    finally:
        workers.kill_all()


def _disturb(there: Stage, workers: Workers, application: Application, player: FaultPlayer) -> None:
    """Changes are made while everything happens; returns when both are over."""
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=5) as pool:
        under_way: list[Future[None]] = [pool.submit(application.write, n) for n in range(4)]
        under_way.append(pool.submit(player.play))
        left: set[Future[None]] = set(under_way)
        try:
            while left:
                left = wait(left, timeout=5).not_done
                there.standin.state()  # the stand-in forgets its oldest requests
                _tell(
                    f"{time.monotonic() - began:4.0f} s: {application.made} changes made, "
                    f"{workers.started} workers started, {dict(player.done)}"
                )
        finally:
            for ending in (application.stop, player.stop):
                ending.set()
    for done in under_way:
        done.result()


def _settle(there: Stage, workers: Workers, deadline: float) -> int:
    """Waits, without faults, until nothing is pending. Returns how many are at the deadline."""
    ends = time.monotonic() + deadline
    told = 0.0
    with _engine(there) as engine:
        while True:
            workers.restart_dead()
            with engine.connect() as connection:
                pending: int = connection.execute(
                    text("SELECT count(*) FROM status_sync_log WHERE sync_status = 'pending'")
                ).scalar_one()
            if not pending or time.monotonic() > ends:
                return pending
            if time.monotonic() - told > 5:
                told = time.monotonic()
                _tell(f"calm; {pending} changes still to go")
            time.sleep(0.1)


def _verify(
    there: Stage, leads: list[Lead], application: Application, timeline: Timeline
) -> tuple[verdicts.Verdict, dict[str, Any]]:
    prospects = there.standin.state()["prospects"]
    requests = there.standin.requests()
    with _engine(there) as engine:
        with engine.connect() as connection:
            verdict = verdicts.verify(connection, prospects, leads, application.acknowledged)
            tried = verdicts.tried(connection)
        for what in _held(there, engine):
            verdict.add("held", what)
        _investigate(verdict, engine, prospects)
    figures = {
        **tried,
        "faults": dict(verdicts.faults_met(requests)),
        "requests": len(requests),
        "max_concurrent": max(there.standin.state()["maxConcurrent"].values(), default=0),
        "overlaps": dict(verdicts.overlaps(requests, timeline)),
        "application_interrupted": application.interruptions,
    }
    return verdict, figures


def _held(there: Stage, engine: Engine) -> list[str]:
    """What the ended workers still hold; a session is given a moment to notice that its client is gone."""
    ends = time.monotonic() + 5
    while True:
        with engine.connect() as connection:
            connections = there.to_database.open_connections() + there.to_standin.open_connections()
            found = verdicts.leaks(connection, connections)
        if not found or time.monotonic() > ends:
            return found
        time.sleep(0.1)


def _mishaps(there: Stage, workers: Workers, player: FaultPlayer) -> dict[str, Any]:
    done, database, standin = player.done, there.to_database.seen, there.to_standin.seen
    said = workers.said()
    return {
        "kills": done["kills"],
        "terms": done["term"],
        "freezes": done["freeze"],
        "storms_of_late_commits": done["late"],
        "database_restarts": {mode: done[mode] for mode in ("fast", "immediate")},
        "connections_cut": {"database": database["cut"], "standin": standin["cut"]},
        "half_open": database["half_open"],
        "stalls": sum(n for card, n in done.items() if card.startswith("stall")),
        "connections_stalled": database["stalled"] + standin["stalled"],
        "refusals": sum(n for card, n in done.items() if card.startswith("refuse")),
        "answers_lost": {"database": database["answers_lost"], "standin": standin["answers_lost"]},
        "database_errors": said["database_errors"],
    }


def _investigate(verdict: verdicts.Verdict, engine: Engine, prospects: list[dict[str, Any]]) -> None:
    """What a person needs to find the cause: the sentences, then the story of the first changes concerned."""
    for kind, sentences in verdict.problems.items():
        for sentence in sentences[:20]:
            _tell(f"{kind}: {sentence}")
    with engine.connect() as connection:
        for change_id in list(dict.fromkeys(verdict.concerned))[:5]:
            for story in explain(connection, str(change_id)).changes:
                _tell(json.dumps(story, default=str, indent=1))
            mark = change_id.hex[:12]
            for prospect in prospects:
                if any(mark in (event["comments"] or "") for event in prospect["events"]):
                    _tell(json.dumps(prospect["events"], indent=1))


@contextmanager
def _engine(there: Stage) -> Iterator[Engine]:
    engine = make_engine(there.database.url, application_name="chaos")
    try:
        yield engine
    finally:
        engine.dispose()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
