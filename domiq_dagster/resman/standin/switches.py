"""The switches.

Where public facts leave ResMan's behaviour open, one switch each, with the assumed case as default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "duplicate_policy": ("create", "refuse"),
    "event_id_policy": ("echo_and_edit", "ignore", "keep", "refuse"),
    "event_ids": ("everywhere", "reads", "nowhere"),
    "modified_since_granularity": ("exact", "day"),
    "first_contact_filter": ("exact", "day", "ignore"),
    "cancel_after_conversion": ("lose", "ignore", "error"),
    "v1_bad_credentials": ("failed", "401", "500"),
    "error_code_type": ("number", "string"),
    "date_style": ("z", "offset", "naive"),
    "events_left_out": ("none", "newest", "all"),
    "status_case": ("as_documented", "lower", "upper"),
    "v1_agent_ids": ("agent", "person"),
}


@dataclass(frozen=True)
class Switches:
    """All switches.

    Entitlements name an endpoint ("Prospects", "PostLeadManagement4_0"); one not named is granted.

    Attributes:
        event_id_policy: what becomes of a post with the EventID of an event that is there: it edits that;
            a new one is made of it (ignore); it is answered as if it did, and nothing changes (keep); or it
            is refused.
        event_ids: where v1 shows the ids of events: in a search and in the answer to a post, or in a search
            alone.
        read_comment_length: how much of an event's comments a read shows.
        sanitise_comments: a read shows them without brackets and HTML, in capitals.
        events_left_out: which of a lead's events a search does not show.
        read_lag_seconds: how far behind a read is, in v1 and v2, on the stand-in's clock.
        commit_late_seconds: how long after its request a post takes effect, and is answered, on the
            stand-in's clock. A fault that commits may name its own `commit_after`, and strikes at once.
        foreign_identification: in a read another system's id of a customer stands before ResMan's.
        status_case: how v1 and v2 spell their words for a status.
        two_phones: in a read of v1 another phone of a customer stands before the one that was posted.
        v1_agent_ids: which of an employee's ids v1 takes and gives: its own, or v2's personId.
        next_page: a list of v2 has a field `nextPage`, with nothing in it.
    """

    latency_ms: float = 0.0
    auto_lose_after_days: float | None = None
    entitlements: Mapping[str, bool] = field(default_factory=lambda: {"ProspectSources": False})
    duplicate_policy: str = "create"
    event_id_policy: str = "echo_and_edit"
    event_ids: str = "everywhere"
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
    read_comment_length: int | None = None
    sanitise_comments: bool = False
    events_left_out: str = "none"
    read_lag_seconds: float = 0.0
    commit_late_seconds: float = 0.0
    foreign_identification: bool = False
    status_case: str = "as_documented"
    two_phones: bool = False
    v1_agent_ids: str = "agent"
    next_page: bool = False

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
