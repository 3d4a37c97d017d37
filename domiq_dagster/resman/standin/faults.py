"""Faults on demand: which of them strikes a request. `wire` carries them out.

Every fault has its own random numbers, made of the plan's seed and its place in the list, so that a run
repeats and one fault does not disturb another.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final = (
    "status",
    "latency",
    "hang",
    "drop_before",
    "drop_after",
    "truncate",
    "html",
    "refuse",
    "unauthorized",
)
_PARAMETERS: Final = {
    "status": {"status", "body", "headers", "retry_after", "commit", "commit_after"},
    "latency": {"seconds"},
    "hang": {"seconds", "commit", "commit_after"},
    "html": {"body", "commit", "commit_after"},
    "drop_after": {"commit_after"},
    "refuse": {"description"},
    "unauthorized": {"code", "message"},
}
_COMMON: Final = {"kind", "rate", "count", "endpoint", "property_id", "account_id"}


@dataclass
class Fault:
    """One fault: what, how often (`rate` of the matching requests, at most `count` times), and for whom."""

    kind: str
    dice: random.Random
    rate: float = 1.0
    count: int | None = None
    endpoint: str | None = None
    property_id: str | None = None
    account_id: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    struck: int = 0

    def strikes(self, endpoint: str, account_id: str | None, property_id: str | None) -> bool:
        """Whether it strikes this request. Counts it if so."""
        wanted = ((self.endpoint, endpoint), (self.account_id, account_id), (self.property_id, property_id))
        if any(mine is not None and mine != theirs for mine, theirs in wanted):
            return False
        if self.count is not None and self.struck >= self.count:
            return False
        if self.dice.random() >= self.rate:
            return False
        self.struck += 1
        return True

    def as_json(self) -> dict[str, Any]:
        common = {"kind": self.kind, "rate": self.rate, "count": self.count, "endpoint": self.endpoint}
        scope = {"property_id": self.property_id, "account_id": self.account_id, "struck": self.struck}
        return {**common, **scope, **self.parameters}


class FaultPlan:
    """The faults in force, in the order in which they are tried."""

    def __init__(self, seed: int = 1, specs: list[Mapping[str, Any]] | None = None) -> None:
        """Takes the specs as the control endpoint gets them.

        Raises ValueError for a spec that makes no sense.
        """
        self.seed = seed
        self.faults = [
            _fault(spec, random.Random(f"{seed}:{number}")) for number, spec in enumerate(specs or [])
        ]

    def draw(
        self, endpoint: str, account_id: str | None, property_id: str | None
    ) -> tuple[float, Fault | None]:
        """Seconds to wait first (all latency faults that strike), and the first other fault that strikes."""
        seconds = 0.0
        for fault in self.faults:
            if not fault.strikes(endpoint, account_id, property_id):
                continue
            if fault.kind != "latency":
                return seconds, fault
            seconds += float(fault.parameters.get("seconds", 1.0))
        return seconds, None

    def as_json(self) -> list[dict[str, Any]]:
        return [fault.as_json() for fault in self.faults]


def _fault(spec: Mapping[str, Any], dice: random.Random) -> Fault:
    kind = spec.get("kind")
    if kind not in KINDS:
        raise ValueError(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
    parameters = {key: value for key, value in spec.items() if key not in _COMMON}
    unknown = set(parameters) - _PARAMETERS.get(kind, set())
    if unknown:
        raise ValueError(f"fault {kind} has no {', '.join(sorted(unknown))}")
    rate, count = spec.get("rate", 1.0), spec.get("count")
    if not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise ValueError(f"rate cannot be {rate!r}: it goes from 0 to 1")
    if count is not None and (not isinstance(count, int) or count < 0):
        raise ValueError(f"count cannot be {count!r}")
    if kind == "status" and not isinstance(parameters.get("status", 503), int):
        raise ValueError(f"status cannot be {parameters['status']!r}")
    for name in ("seconds", "commit_after"):
        if not isinstance(parameters.get(name, 1.0), int | float):
            raise ValueError(f"{name} cannot be {parameters[name]!r}")
    account_id = spec.get("account_id")
    return Fault(
        kind=str(kind),
        dice=dice,
        rate=float(rate),
        count=count,
        endpoint=spec.get("endpoint"),
        property_id=spec.get("property_id"),
        account_id=None if account_id is None else str(account_id),
        parameters=parameters,
    )
