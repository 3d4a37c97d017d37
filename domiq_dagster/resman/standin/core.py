"""The stand-in as a whole: store, switches, faults and log, and how they are reset, saved and loaded.

It knows nothing of sockets; `wire` and `control` put it on the network.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from .faults import FaultPlan
from .instants import AdjustableClock, iso, parse_instant
from .records import encode
from .requestlog import RequestLog
from .staff import auto_lose
from .store import Store
from .switches import Switches
from .world import WorldMaker, load_world, world_head_json

_FORMAT: Final = 1
_NAMESPACE: Final = uuid.UUID("0b7d5a4e-52b6-4d0c-9c1e-2a6d0c6f5b90")
_CHUNK: Final = 200


class Standin:
    """All state of one stand-in."""

    def __init__(self, seed: int = 1, prospects: int = 1500, clock: AdjustableClock | None = None) -> None:
        self.clock = clock or AdjustableClock()
        self.partner_id = os.environ.get("RESMAN_PARTNER_ID") or "standin-partner"
        self.api_key = os.environ.get("RESMAN_API_KEY") or "standin-key"
        self.default_prospects = prospects
        self.store = Store(self.clock, seed)
        self.switches = Switches()
        self.plan = FaultPlan()
        self.log = RequestLog(self.clock)
        self._settings_changes = 0
        self._next_sweep: datetime | None = None
        self._late: list[tuple[datetime, Callable[[], None]]] = []
        """What takes effect when. Not kept in the state's file."""
        WorldMaker(self.store, seed).make(prospects)

    @property
    def version(self) -> tuple[int, int]:
        """Changes whenever something that is saved has changed."""
        return self.store.changes, self._settings_changes

    def derived_id(self, name: str) -> str:
        """The GUID of something that has no record of its own."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.store.seed}:{name}"))

    def reset(
        self, seed: int = 1, prospects: int | None = None, world: Mapping[str, Any] | None = None
    ) -> None:
        """A fresh world (the given one exactly, or a made-up one) at the present time, default switches, no
        faults, an empty log.

        Raises ValueError, and changes nothing but the time, if the given world makes no sense.
        """
        self.clock.offset = timedelta(0)
        store = Store(self.clock, seed)
        if world is not None:
            load_world(store, world)
        else:
            WorldMaker(store, seed).make(self.default_prospects if prospects is None else prospects)
        self.store, self.switches, self.plan = store, Switches(), FaultPlan()
        self.log.clear()
        self._late.clear()
        self._settings_changes += 1

    def configure(self, plan: FaultPlan | None, switches: Mapping[str, Any]) -> None:
        """Replaces the faults, if a plan is given, and merges the switches.

        Raises ValueError, changing nothing.
        """
        merged = self.switches.merged(switches)
        self.switches, self.plan = merged, plan or self.plan
        self.store.remembers = merged.read_lag_seconds > 0
        self._settings_changes += 1
        self.sweep(now=True)

    def advance(self, seconds: float) -> None:
        """Moves the clock, and lets happen what time makes happen."""
        self.clock.advance(seconds)
        self._settings_changes += 1
        self.sweep(now=True)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Has something happen so many seconds from now, by the clock."""
        self._late.append((self.clock() + timedelta(seconds=seconds), act))

    def catch_up(self) -> None:
        """Lets happen, in order, what is due."""
        while self._late:
            when, act = due = min(self._late, key=lambda one: one[0])
            if when > self.clock():
                return
            self._late.remove(due)
            act()

    def sweep(self, now: bool = False) -> None:
        """Loses the idle prospects, where that is switched on; without `now` at most once a second."""
        self.catch_up()
        if self.switches.auto_lose_after_days is None:
            return
        if now or self._next_sweep is None or self.clock() >= self._next_sweep:
            auto_lose(self.store, self.switches.auto_lose_after_days)
            self._next_sweep = self.clock() + timedelta(seconds=1)

    def state_chunks(self, requests: bool = True, since: int = 0) -> Iterator[bytes]:
        """The text of `GET /_standin/state`, piece by piece."""
        yield from self._with_prospects(
            {
                "now": iso(self.clock()),
                **world_head_json(self.store),
                "switches": self.switches.as_json(),
                "faults": self.plan.as_json(),
                "faultSeed": self.plan.seed,
                "maxConcurrent": self.log.max_concurrent,
                "requestCount": self.log.count,
                "requests": self.log.since(since) if requests else [],
            }
        )

    def save(self, path: Path) -> None:
        """Saves everything but the requests; readers see the old file or the new one, never half of one."""
        write_whole(path, self.snapshot())

    def snapshot(self) -> bytes:
        head = {
            "format": _FORMAT,
            "seed": self.store.seed,
            "serial": self.store.serial,
            "lastStamp": iso(self.store.last_stamp),
            "clockOffset": self.clock.offset.total_seconds(),
            "requestCount": self.log.count,
            "switches": self.switches.as_json(),
            "faults": self.plan.as_json(),
            "faultSeed": self.plan.seed,
            **world_head_json(self.store),
        }
        return b"".join(self._with_prospects(head))

    def load(self, path: Path) -> None:
        """Loads what `save` wrote. Raises ValueError if the file holds something else."""
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ValueError(f"{path} is not a state file of the stand-in")
        self.clock.offset = timedelta(seconds=data["clockOffset"])
        store = Store(self.clock, data["seed"])
        load_world(store, data)
        store.serial = data["serial"]
        store.last_stamp = parse_instant(data["lastStamp"])
        self.store = store
        self.switches = Switches().merged(data["switches"])
        store.remembers = self.switches.read_lag_seconds > 0
        self.plan = FaultPlan(data["faultSeed"], [_remaining(fault) for fault in data["faults"]])
        self.log.count = data["requestCount"]

    def _with_prospects(self, head: dict[str, Any]) -> Iterator[bytes]:
        yield json.dumps(head)[:-1].encode() + b', "prospects": ['
        records = list(self.store.prospects.values())
        for start in range(0, len(records), _CHUNK):
            rows = ",".join(json.dumps(encode(record)) for record in records[start : start + _CHUNK])
            yield ("," if start else "").encode() + rows.encode()
        yield b"]}"


def write_whole(path: Path, text: bytes) -> None:
    """Writes a file by way of a temporary one beside it, so that it is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(text)
    os.replace(temporary, path)


def _remaining(fault: Mapping[str, Any]) -> dict[str, Any]:
    """A saved fault as a spec: what has struck already does not strike again."""
    spec = {key: value for key, value in fault.items() if key != "struck"}
    if spec["count"] is not None:
        spec["count"] -= fault["struck"]
    return spec
