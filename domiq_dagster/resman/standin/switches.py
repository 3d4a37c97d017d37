"""The switches.

Where public facts leave ResMan's behaviour open, one switch each, with the assumed case as default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "duplicate_policy": ("create", "refuse"),
    "event_id_policy": ("echo_and_edit", "ignore"),
    "modified_since_granularity": ("exact", "day"),
    "first_contact_filter": ("exact", "day", "ignore"),
    "cancel_after_conversion": ("lose", "ignore", "error"),
    "v1_bad_credentials": ("failed", "401", "500"),
    "error_code_type": ("number", "string"),
    "date_style": ("z", "offset", "naive"),
}


@dataclass(frozen=True)
class Switches:
    """All switches.

    Entitlements name an endpoint ("Prospects", "PostLeadManagement4_0"); one not named is granted.
    """

    latency_ms: float = 0.0
    auto_lose_after_days: float | None = None
    entitlements: Mapping[str, bool] = field(default_factory=lambda: {"ProspectSources": False})
    duplicate_policy: str = "create"
    event_id_policy: str = "echo_and_edit"
    modified_since_granularity: str = "exact"
    refuse_future_modified_since: bool = False
    max_search_results: int = 500
    max_prospects: int | None = None
    first_contact_filter: str = "exact"
    omit_prospects: float = 0.0
    max_comment_length: int | None = None
    activity_reactivates: bool = True
    strict_agents: bool = True
    strict_lost_reasons: bool = True
    cancel_needs_lost_type: bool = True
    cancel_after_conversion: str = "lose"
    v1_bad_credentials: str = "failed"
    error_code_type: str = "number"
    date_style: str = "z"

    def merged(self, changes: Mapping[str, Any]) -> Switches:
        """These switches with some changed. Entitlements are merged one by one.

        Raises ValueError for an unknown switch or a value that it cannot have.
        """
        defaults = {item.name: getattr(Switches(), item.name) for item in fields(Switches)}
        for name, value in changes.items():
            if name not in defaults:
                raise ValueError(f"there is no switch {name}; there are {', '.join(defaults)}")
            _check(name, value, defaults[name])
        values = dict(changes)
        if "entitlements" in values:
            values["entitlements"] = {**self.entitlements, **values["entitlements"]}
        return replace(self, **values)

    def grants(self, endpoint: str) -> bool:
        return self.entitlements.get(endpoint, True)

    def as_json(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


def _check(name: str, value: Any, default: Any) -> None:
    if name in _CHOICES:
        good = value in _CHOICES[name]
    elif name == "entitlements":
        good = isinstance(value, dict) and all(isinstance(granted, bool) for granted in value.values())
    elif isinstance(default, bool):
        good = isinstance(value, bool)
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        good = number or (default is None and value is None)
    if not good:
        raise ValueError(f"switch {name} cannot be {value!r}")
