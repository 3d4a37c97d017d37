"""What speaks against connecting a property as the user wants it: ids that ResMan says it does not have.

Only what ResMan answered counts. What could not be asked (no answer, no credentials yet, an endpoint that is
not granted) is no objection: properties are set up while one still waits for ResMan's approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domiq_dagster.resman.errors import BadRequest, NotEntitled, Refused
from domiq_dagster.sync.setup.survey import SHOWN, Survey

_LISTED_BY: Mapping[str, tuple[str, str]] = {
    "agent_id": ("v1 GetEmployees", "agent"),
    "source_id": ("v1 GetProspectSources", "source"),
    "lost_reason_id": ("v1 GetLostProspectReasons", "lost reason"),
}
"""The endpoint that lists a setting's ids, and what the setting is to a person."""


def objections(found: Survey, resman_property_id: str, given: Mapping[str, Any]) -> list[str]:
    """What ResMan says it does not have, each with what it has instead, as parts of a sentence.

    Args:
        found: what ResMan answered.
        given: the settings that the user gave.
    """
    unknown = _unknown_property(found, resman_property_id)
    return [unknown] if unknown is not None else _unknown_settings(found, given)


def _unknown_property(found: Survey, resman_property_id: str) -> str | None:
    account = found.account_id
    if found.properties is not None:
        if found.at_resman is not None:
            return None
        known = [(p.name, p.property_id) for p in found.properties]
        return f"account {account} has no property {resman_property_id} ({_listed(known)})"
    answers = [f for f in found.findings if f["question"].startswith(f"Account {account}: ")]
    failed = [f["answer"] for f in answers if not f["ok"] and not f["answer"].startswith(NotEntitled.kind)]
    if found.silent is not None or not failed:
        return None
    if not any(f["ok"] for f in answers):
        return f"account {account[:40]} is not one that ResMan lets these credentials use"
    named = [answer for answer in failed if answer.startswith((BadRequest.kind, Refused.kind))]
    if named:
        return f"account {account} does not take property {resman_property_id} ({named[0].rstrip('.')})"
    return None


def _unknown_settings(found: Survey, given: Mapping[str, Any]) -> list[str]:
    said = []
    for name, (endpoint, word) in _LISTED_BY.items():
        wanted, choices = given.get(name), found.choices()[name]
        about = f"Account {found.account_id}: {endpoint}"
        answered = any(f["ok"] for f in found.findings if f["question"] == about)
        if wanted is None or not answered or any(is_same_id(wanted, c.id) for c in choices):
            continue
        known = [(c.name, c.id) for c in choices]
        said.append(f"account {found.account_id} has no {word} {wanted} ({_listed(known)})")
    return said


def _listed(known: Sequence[tuple[str, str]]) -> str:
    """Names and ids, at most so many."""
    if not known:
        return "it has none"
    shown = ", ".join(f"{name} is {its_id}" for name, its_id in known[:SHOWN])
    more = f", and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"it has: {shown}{more}"


def is_same_id(one: str, other: str) -> bool:
    """Ids are GUIDs, which people write in any case, in braces or without."""
    return one.strip(" {}").lower() == other.strip(" {}").lower()
