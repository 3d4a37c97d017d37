"""`make test-distributed`: workers on three machines and on one, at one PostgreSQL; then one machine is lost.

One JSON line. A machine is a container with an address of its own and one worker. `limit` is accounts /
latency, the latency measured in the same run; `cores_busy` says how many of this machine's cores all of it
together kept busy, since the three share them. Where of three machines one is killed and one cut off from the
network in the middle, what counts is that nothing is `lost` or `doubled`, and that no account was asked twice
`at_once`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from sqlalchemy import text

from benchmarks.world import World, fill, latency
from domiq_dagster.db.migrate import migrate
from domiq_dagster.demo.stage import API_KEY, PARTNER_ID
from domiq_dagster.resman.client import ResManConfig
from domiq_dagster.wiring import open_client, open_engine
from tests.deploy.podman import ROOT, our_image, podman, postgres_image, run

NAME = f"domiq-distributed-{os.getpid()}"
LATENCY_SECONDS = 0.1
CHANGES = 60
"""Of each account."""
_STARTS_SECONDS = 120.0
_ENDS_SECONDS = 1800.0
_MARK = re.compile(r"\[DQ-[0-9a-f]{12}\]")


@dataclass(frozen=True)
class Place:
    """What the machines have in common: PostgreSQL, the stand-in, and its accounts."""

    world: World
    accounts: int

    @contextmanager
    def machine(self, number: int) -> Iterator[Machine]:
        """One with a worker that is ready."""
        name = f"{NAME}-machine-{number}"
        variables = {
            "DOMIQ_DATABASE_URL": self.world.url, "RESMAN_V1_URL": self.world.standin_url,
            "RESMAN_V2_URL": self.world.standin_url, "RESMAN_ALLOW_HTTP": "1",
            "RESMAN_PARTNER_ID": PARTNER_ID, "RESMAN_API_KEY": API_KEY,
        }  # fmt: skip
        told = [f"--env={key}={value}" for key, value in variables.items()]
        worker = ["domiq-sync", "worker", "--no-pull", "--accounts=64", "--http=0.0.0.0:9273"]
        options = [*told, "--read-only", "--tmpfs=/var/lib/domiq:mode=1777"]
        with _container(name, *options, our_image(), *worker) as address:
            machine = Machine(name, address)
            _until("a worker works", machine.works)
            yield machine

    def change_all(self) -> None:
        """A change of CHANGES leads of each account, in one transaction."""
        with self.world.engine.begin() as connection:
            connection.execute(text(_CHANGE), {"n": CHANGES})

    def left(self, *, besides_doubt: bool = False) -> int:
        """Changes that are not settled; without those that may have arrived, which are looked for over
        minutes before they are told again."""
        with self.world.engine.connect() as connection:
            return int(connection.scalar(text(_LEFT), {"besides": besides_doubt}) or 0)

    def at_resman(self) -> dict[str, Any]:
        url = f"{self.world.standin_url}/_standin/state?requests=false"
        answer = requests.get(url, timeout=60)
        found: dict[str, Any] = answer.json()
        return found


@dataclass(frozen=True)
class Machine:
    name: str
    address: str

    def works(self) -> bool:
        """Whether its loop goes round. It is not ready, since there is no Dagster to report to."""
        return requests.get(f"http://{self.address}:9273/healthz", timeout=5).ok

    def kill(self) -> None:
        podman("kill", "--signal=KILL", self.name)

    def cut_off(self) -> None:
        """It goes on, and reaches nothing any more."""
        podman("network", "disconnect", NAME, self.name)


@contextmanager
def _container(name: str, *argv: str) -> Iterator[str]:
    """Runs one; its address."""
    podman("run", "--detach", "--rm", f"--name={name}", f"--network={NAME}", *argv)
    try:
        ours = '{{(index .NetworkSettings.Networks "' + NAME + '").IPAddress}}'
        yield podman("inspect", f"--format={ours}", name)
    finally:
        podman("rm", "--force", "--ignore", "--time=0", name)


@contextmanager
def place(accounts: int) -> Iterator[Place]:
    """PostgreSQL and a stand-in in containers, with leads that both sides agree about at so many accounts."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.chmod(0o755)
        run("cp", "-R", ROOT / "deploy" / "secrets.sh", ROOT / "deploy" / "postgres", directory)
        run(directory / "secrets.sh", "--trial")
        secrets = directory / "secrets"
        podman("network", "create", NAME)
        stack.callback(podman, "network", "rm", "--force", NAME)
        # One by one, as compose.yaml hands them on: the directory lets only its owner by.
        mounts = [f"--volume={secret}:/run/secrets/{secret.name}:ro" for secret in secrets.glob("*_password")]
        mounts += [f"--volume={directory}/postgres:/docker-entrypoint-initdb.d:ro"]
        variable = "--env=POSTGRES_PASSWORD_FILE=/run/secrets/postgres_password"
        serves = ["postgres", "-c", "max_connections=1000"]
        database = stack.enter_context(
            _container(f"{NAME}-postgres", *mounts, variable, postgres_image(), *serves)
        )
        serve = ["domiq-sync", "standin", "--port=8090", "--host=0.0.0.0"]
        standin = stack.enter_context(_container(f"{NAME}-standin", "--read-only", our_image(), *serve))
        address = f"http://{standin}:8090"
        # As a superuser, who may fill tables without their triggers.
        password = (secrets / "postgres_password").read_text().strip()
        url = f"postgresql://postgres:{password}@{database}:5432/domiq"
        _until("PostgreSQL is ready", lambda: _answers(database))
        state = f"{address}/_standin/state?requests=false"
        _until("the stand-in is ready", lambda: requests.get(state, timeout=5).ok)
        config = ResManConfig(address, address, PARTNER_ID, API_KEY, allow_http=True)
        engine = stack.enter_context(open_engine(url, check=False))
        migrate(engine)
        client = stack.enter_context(open_client(config, url))
        world = World(engine, client, address, url, config)
        fill(world, accounts=accounts, leads=3 * CHANGES + 10)
        yield Place(world, accounts)


def _answers(database: str) -> bool:
    with socket.create_connection((database, 5432), timeout=5):
        return True


def _until(what: str, look: Callable[[], bool], seconds: float = _STARTS_SECONDS) -> None:
    ends = time.monotonic() + seconds
    while True:
        try:
            if look():
                return
        except (OSError, requests.RequestException):
            pass  # it does not answer yet
        assert time.monotonic() < ends, f"{what}: not after {seconds:g} s"
        time.sleep(0.05)


def measure(place: Place, machines: int) -> dict[str, float]:
    """How fast so many machines tell ResMan of a change of CHANGES leads at each account."""
    with ExitStack() as stack:
        for number in range(machines):
            stack.enter_context(place.machine(number))
        psutil.cpu_percent()
        began = time.perf_counter()
        place.change_all()
        _until("all is told", lambda: not place.left(), _ENDS_SECONDS)
        seconds = time.perf_counter() - began
        busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
    changes = CHANGES * place.accounts
    return {
        "machines": machines,
        "changes": changes,
        "seconds": round(seconds, 2),
        "per_second": round(changes / seconds, 1),
        "cores_busy": round(busy, 2),
    }


def lose(place: Place) -> dict[str, float]:
    """Of three machines one is killed and one cut off, both with requests under way."""
    with ExitStack() as stack:
        killed, cut_off, _ = [stack.enter_context(place.machine(number)) for number in range(3)]
        place.change_all()
        changes = place.left()
        _until("a third is told", lambda: place.left() < changes * 2 / 3, _ENDS_SECONDS)
        killed.kill()
        cut_off.cut_off()
        left, began = place.left(), time.perf_counter()
        _until("the others are told", lambda: not place.left(besides_doubt=True), _ENDS_SECONDS)
        told, in_doubt = time.perf_counter() - began, place.left()
        _until("all is told", lambda: not place.left(), _ENDS_SECONDS)
        seconds = time.perf_counter() - began
    return {
        "left": left,
        "told_after_seconds": round(told, 2),
        "in_doubt_then": in_doubt,
        "all_settled_after_seconds": round(seconds, 2),
    }


def accounted_for(place: Place) -> dict[str, int]:
    """What became of all changes: those that are not at ResMan, those that are there twice, and the most
    requests that an account had at once."""
    state = place.at_resman()
    comments = [event["comments"] or "" for p in state["prospects"] for event in p["events"]]
    found = Counter(mark for comment in comments for mark in _MARK.findall(comment))
    with place.world.engine.connect() as connection:
        ids = connection.scalars(text("SELECT id FROM public.status_sync_log")).all()
    told = [found[f"[DQ-{change.hex[:12]}]"] for change in ids]
    return {
        "changes": len(told),
        "lost": sum(times == 0 for times in told),
        "doubled": sum(times > 1 for times in told),
        "at_once": max(state["maxConcurrent"].values()),
    }


def main() -> int:
    options = argparse.ArgumentParser(description="Workers on three machines and on one, at one PostgreSQL.")
    options.add_argument("--accounts", type=int, nargs="+", default=[20, 60], help="how many, in turns")
    given = options.parse_args().accounts
    result: dict[str, Any] = {"benchmark": "distributed", "cores": psutil.cpu_count()}
    good = True
    for accounts in given:
        print(f"{accounts} accounts ...", file=sys.stderr)
        with place(accounts) as here:
            one = latency(here.world, LATENCY_SECONDS)
            limit = accounts / one
            figures: dict[str, Any] = {"latency": round(one, 4), "limit": round(limit, 1)}
            for machines in (1, 3):
                found = measure(here, machines)
                share = round(found["per_second"] / limit, 3)
                figures[f"machines_{machines}"] = {**found, "share_of_limit": share}
            if accounts == min(given):  # it takes ten minutes, however many there are
                figures["two_of_three_lost"] = lose(here)
            figures["accounted_for"] = accounted_for(here)
        end = figures["accounted_for"]
        good = good and (end["lost"], end["doubled"], end["at_once"]) == (0, 0, 1)
        result[f"accounts_{accounts}"] = figures
    print(json.dumps(result))
    return 0 if good else 1


_CHANGE = """
UPDATE public.conversation SET status = 'contacted' WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY chatbot_id ORDER BY id) AS n
        FROM public.conversation WHERE status = 'new') AS x
    WHERE n <= :n)
"""
_LEFT = """
SELECT count(*) FROM public.status_sync_log g LEFT JOIN domiq_sync.delivery d ON d.change_id = g.id
WHERE g.sync_status <> 'success' AND NOT (:besides AND d.state IS NOT DISTINCT FROM 'unknown')
"""

if __name__ == "__main__":
    try:
        sys.exit(main())
    except pytest.skip.Exception as reason:
        sys.exit(f"Containers cannot be had here: {reason}")
