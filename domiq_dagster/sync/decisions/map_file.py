"""The file of `domiq-sync plan-map`: rows of the status map and a conflict policy as somebody would have
them.

JSON: an object, or a list of several.

    {"property": "juniper-flats",
     "policy": "domiq_wins",
     "domiq": {"hot_lead": {"lead_status": "qualified", "event_type": "Other"}},
     "resman": {"Applicant/Denied": {"covers": ["lost"], "sets": "lost"}}}

Without `property` it is about the default: the map's rows that hold everywhere, and the policy of each
property. `null` instead of a row takes it away. What is refused here the tables refuse as well
(sql/103_status_map.sql).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domiq_dagster.sync.status_map import (
    RESMAN_APPLICANT,
    RESMAN_RESIDENT,
    ConflictPolicy,
    DomiqMeaning,
    LeadStatus,
    MapChanges,
    Milestone,
    ResmanMeaning,
    folded,
)

_KEYS = ("property", "policy", "domiq", "resman")
_SAYS_SOMETHING_ELSE = ("cancel", "reactivate")
_OF_RESIDENTS = (Milestone.FORMER, Milestone.EVICTED)
_MILESTONES = tuple(
    f"{RESMAN_RESIDENT if m in _OF_RESIDENTS else RESMAN_APPLICANT}/{m.value}" for m in Milestone
)
_STATUSES = ", ".join(LeadStatus)


class MapFileError(Exception):
    """The file cannot be understood, or has rows that the tables would refuse.

    Attributes:
        faults: a sentence for each.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a file proposes: rows of the map, and policies by property (None: of each property)."""

    rows: MapChanges
    policies: Mapping[UUID | None, ConflictPolicy] = field(default_factory=dict)

    def policy_of(self, property_id: UUID, now: ConflictPolicy) -> ConflictPolicy:
        """The policy that a property would have; `now`: what it has."""
        return self.policies.get(property_id, self.policies.get(None, now))


def read_map_file(text: str, find: Callable[[str], UUID | None]) -> Proposed:
    """Reads a file.

    Args:
        find: the id of a connected property by its partition key or id; None: there is none.

    Raises:
        MapFileError: with a sentence for each fault.
    """
    reading = _Reading(find)
    try:
        content = json.loads(text, object_pairs_hook=reading.once)
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise MapFileError(
            [f"The file is no JSON{where}: see domiq-sync plan-map --help for its form."]
        ) from None
    parts = content if isinstance(content, list) else [content]
    for number, part in enumerate(parts, 1):
        reading.part(part, f"Part {number}" if len(parts) > 1 else "The file")
    if not reading.faults and not (reading.domiq or reading.resman or reading.policies):
        reading.faults.append("The file proposes nothing: give it domiq, resman or policy.")
    if reading.faults:
        raise MapFileError(reading.faults)
    return Proposed(MapChanges(reading.domiq, reading.resman), reading.policies)


@dataclass(slots=True)
class _Reading:
    """A file being read: what it proposes, and what is wrong with it."""

    find: Callable[[str], UUID | None]
    faults: list[str] = field(default_factory=list)
    domiq: dict[tuple[UUID | None, str], DomiqMeaning | None] = field(default_factory=dict)
    resman: dict[tuple[UUID | None, str], ResmanMeaning | None] = field(default_factory=dict)
    policies: dict[UUID | None, ConflictPolicy] = field(default_factory=dict)
    said: dict[tuple[str, UUID | None, str], str] = field(default_factory=dict)

    def once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; a key that comes twice, in whatever case, is a fault."""
        seen: set[str] = set()
        for key, _ in pairs:
            if folded(key) in seen:
                self.faults.append(f"'{_short(key)}' comes twice in one object: leave one of them.")
            seen.add(folded(key))
        return dict(pairs)

    def part(self, part: object, name: str) -> None:
        if not isinstance(part, dict):
            self.faults.append(f"{name} is no object: write {{...}} with domiq, resman or policy in it.")
            return
        for key in part:
            if key not in _KEYS:
                self.faults.append(
                    f"{name} has '{_short(key)}', which means nothing: use {', '.join(_KEYS)}."
                )
        scope = None
        if (named := part.get("property")) is not None:
            scope = self.find(named) if isinstance(named, str) else None
            if scope is None:
                self.faults.append(
                    f"{name} is about '{_short(named)}', which is no connected property: "
                    "see domiq-sync properties."
                )
                return
        self._policy(part.get("policy"), scope, name)
        for word, row in self._rows(part, "domiq", name):
            meaning = None if row is None else self._domiq_meaning(word, row)
            if row is None or meaning is not None:
                self._once_in_all("domiq", scope, word, name)
                self.domiq[scope, word] = meaning
        for word, row in self._rows(part, "resman", name):
            covered = None if row is None else self._resman_meaning(word, row)
            if row is None or covered is not None:
                self._once_in_all("resman", scope, word, name)
                self.resman[scope, word] = covered

    def _policy(self, policy: object, scope: UUID | None, name: str) -> None:
        if policy is None:
            return
        if policy not in tuple(ConflictPolicy):
            known = ", ".join(ConflictPolicy)
            self.faults.append(
                f"{name} has the policy '{_short(policy)}', which there is not: use one of {known}."
            )
            return
        self._once_in_all("policy", scope, "", name)
        self.policies[scope] = ConflictPolicy(str(policy))

    def _once_in_all(self, side: str, scope: UUID | None, word: str, part: str) -> None:
        """What two parts of a file say of the same thing is a fault: one of them would be passed over."""
        if self.said.setdefault((side, scope, folded(word)), part) != part:
            what = f"'{_short(word)}' under {side}" if word else f"the {side}"
            self.faults.append(f"Two parts say {what} of the same property: leave one of them.")

    def _rows(self, part: Mapping[str, Any], side: str, name: str) -> Iterator[tuple[str, Any]]:
        rows = part.get(side)
        if rows is None:
            return
        if not isinstance(rows, dict):
            self.faults.append(f"{name} has no object under {side}: write a word and its row, as in --help.")
            return
        for word, row in rows.items():
            if not word.strip():
                self.faults.append(f"{name} has an empty word under {side}: name a status.")
            elif row is not None and not isinstance(row, dict):
                self.faults.append(
                    f"The row of '{_short(word)}' is no object: write {{...}}, or null to remove it."
                )
            else:
                yield word.strip(), row

    def _domiq_meaning(self, word: str, row: Mapping[str, Any]) -> DomiqMeaning | None:
        of = f"The row for DomIQ's status '{_short(word)}'"
        if not self._has_only(row, ("lead_status", "event_type"), of):
            return None
        status, event = row["lead_status"], row["event_type"]
        if status not in tuple(LeadStatus):
            self.faults.append(f"{of} names the lead status '{_short(status)}': use one of {_STATUSES}.")
            return None
        if not isinstance(event, str) or not event.strip():
            self.faults.append(
                f"{of} has no event type: use Contact, Other, Appointment or another that only tells."
            )
            return None
        if event.strip().lower() in _SAYS_SOMETHING_ELSE and status != LeadStatus.LOST:
            self.faults.append(
                f"{of} would post the event '{_short(event)}', which says something else at ResMan: "
                "use Contact, Other, Appointment or another that only tells."
            )
            return None
        return DomiqMeaning(LeadStatus(status), event.strip())

    def _resman_meaning(self, word: str, row: Mapping[str, Any]) -> ResmanMeaning | None:
        of = f"The row for ResMan's status '{_short(word)}'"
        if "/" in word and folded(word) not in map(folded, _MILESTONES):
            known = ", ".join(_MILESTONES)
            self.faults.append(
                f"{of} names no lease milestone that there is: use one of {known}, or a status alone."
            )
            return None
        if not self._has_only(row, ("covers", "sets"), of):
            return None
        covers, sets = row["covers"], row["sets"]
        if not isinstance(covers, list) or not covers:
            self.faults.append(f"{of} covers nothing: give a list with some of {_STATUSES}.")
            return None
        strangers = [c for c in covers if not isinstance(c, str) or c not in set(LeadStatus)]
        if strangers:
            self.faults.append(
                f"{of} covers '{_short(strangers[0])}', which is no lead status: use some of {_STATUSES}."
            )
            return None
        if sets not in covers:
            self.faults.append(
                f"{of} sets '{_short(sets)}', which it does not cover: use one of {', '.join(covers)}."
            )
            return None
        return ResmanMeaning(frozenset(map(LeadStatus, covers)), LeadStatus(sets))

    def _has_only(self, row: Mapping[str, Any], names: Sequence[str], of: str) -> bool:
        """Whether a row has just these keys."""
        lacking = [name for name in names if name not in row]
        strange = [name for name in row if name not in names]
        for name in lacking:
            self.faults.append(f"{of} has no {name}: give {' and '.join(names)}, or null to remove the row.")
        for name in strange:
            self.faults.append(f"{of} has '{_short(name)}', which means nothing: give {' and '.join(names)}.")
        return not lacking and not strange


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
