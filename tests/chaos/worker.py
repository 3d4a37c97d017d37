"""One worker process: pushes what is due, over and over, as a supervisor would run it; or the service, which
goes on by itself.

It makes engine and client anew after every database error, and says on stdout, one JSON line each, what
went wrong. SIGTERM ends it after the change in hand, with code 0; SIGUSR1 prints where its threads are.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import functools
import json
import logging
import os
import random
import signal
import sys
import threading
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from domiq_dagster import wiring
from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.sync.account_gate import AccountGate, BreakerRules
from domiq_dagster.sync.budget import Budget
from domiq_dagster.sync.delivery.outcomes import DeliveryRules
from domiq_dagster.sync.delivery.push import PushOptions, push
from domiq_dagster.sync.repair.reconcile import UNDELIVERED, reconcile
from domiq_dagster.sync.service.service import Service, ServiceOptions
from domiq_dagster.wiring import open_client, open_engine, resman_config


def main(settings: dict[str, Any]) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    faulthandler.register(signal.SIGUSR1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    # Everything is made as the command line makes it, save that the breaker's times are scaled down.
    wiring.AccountGate = functools.partial(  # type: ignore[attr-defined,assignment]
        AccountGate, rules=BreakerRules(**settings["breaker"])
    )
    dice = random.Random(settings["seed"])
    _say(started=os.getpid())
    while not stop.is_set():
        try:
            _work(settings, stop, dice)
        except (SQLAlchemyError, DatabaseError) as error:
            # A lost connection, a database that is away: the supervisor starts afresh.
            _say(database_error=type(error).__name__, text=str(error).splitlines()[0])
            stop.wait(settings["pause"])
    _say(ended="asked to stop")


def _work(settings: dict[str, Any], stop: threading.Event, dice: random.Random) -> None:
    rules = DeliveryRules(**settings["rules"])
    url = settings["database_url"]
    config = dataclasses.replace(resman_config(os.environ), **settings["wire"])
    with open_engine(url, pool_size=40) as engine, open_client(config, url) as client:
        if settings["service"]:
            _serve(
                Service(engine, client, ServiceOptions(rules=rules, pulls=False)),
                engine,
                settings,
                stop,
                dice,
            )
            return
        while not stop.is_set():
            budget = Budget(seconds=dice.uniform(1, 5))
            report = push(engine, client, PushOptions(rules=rules, budget=budget), stop=stop.is_set)
            if not stop.is_set() and dice.random() < settings["reconcile_rate"]:
                _reconcile(engine)
            if not report.delivered:
                stop.wait(settings["pause"])


def _serve(
    service: Service, engine: Engine, settings: dict[str, Any], stop: threading.Event, dice: random.Random
) -> None:
    """The service until it is told to stop, with a sweep beside it now and then."""

    def sweep() -> None:
        while not stop.wait(dice.uniform(1, 5)):
            if dice.random() < settings["reconcile_rate"]:
                try:
                    _reconcile(engine)
                except (SQLAlchemyError, DatabaseError) as error:
                    _say(database_error=type(error).__name__, text=str(error).splitlines()[0])
        service.stop()

    beside = threading.Thread(target=sweep, daemon=True)
    beside.start()
    service.run()


def _reconcile(engine: Engine) -> None:
    found = reconcile(engine)
    mended = found.found[UNDELIVERED].total() or found.uncaptured
    if mended or any(a.applied for a in found.applied):
        _say(reconciled={k: v for k, v in found.findings.items() if v})


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    """The parent holds our stdin open; its end, however it came, is ours too."""
    while os.read(0, 1):
        pass
    os._exit(3)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
