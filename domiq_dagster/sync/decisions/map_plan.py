"""Planning a changed status map or policy: what would be decided about today's leads, against what would be
decided as things are. Reads only: the rows are never in the tables, and no lead is locked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.decisions.apply import MovedLead, situation_of
from domiq_dagster.sync.decisions.decide import Action, Decision, decide
from domiq_dagster.sync.decisions.map_file import Proposed
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.status_map import StatusMap, folded, load_status_map

QUERIES = load_queries(__package__, "map_plan.sql")
SAMPLE = 3
"""So many conversations are named for each effect."""
_CHUNK = 2_000
ASKS, NOTHING = "a person is asked", "nothing"


@dataclass(frozen=True, slots=True, order=True)
class Effect:
    """What would become of leads.

    Attributes:
        does: `set in DomIQ`, `told to ResMan`, `a person is asked`, or `nothing`, where something would have
            been done without the change.
        was, becomes: the status on that side before and after it; of a lead that a person is asked about,
            the two sides.
        instead_of: what would be done about it as things are.
    """

    does: str
    was: str
    becomes: str
    instead_of: str


@dataclass(frozen=True, slots=True)
class WordEffect:
    """One of DomIQ's words that would mean another lead status, or none: how many conversations show it."""

    word: str
    meant: str | None
    would_mean: str | None
    conversations: int


@dataclass(slots=True)
class PropertyPlan:
    """What would become of one property's leads.

    Attributes:
        leads: how many were looked at.
        effects: how many of each; what is not in it stays as it is.
        samples: the conversations of some of them.
    """

    partition_key: str
    leads: int = 0
    effects: Counter[Effect] = field(default_factory=Counter)
    samples: dict[Effect, list[UUID]] = field(default_factory=dict)
    words: Sequence[WordEffect] = ()


def plan_map(connection: Connection, integration: Integration, proposed: Proposed) -> PropertyPlan:
    """What would become of a property's leads. Leads that are not linked yet are counted by their words."""
    now = load_status_map(connection, integration.property_id)
    then = load_status_map(connection, integration.property_id, proposed.rows)
    policy = proposed.policy_of(integration.property_id, integration.policy)
    changed = replace(integration, policy=policy)
    touched = {
        folded(word) for scope, word in proposed.rows.resman if scope in (None, integration.property_id)
    }
    plan = PropertyPlan(integration.partition_key)
    asked = {"property_id": integration.property_id, "outbound": integration.outbound}
    query = QUERIES.leads.execution_options(yield_per=_CHUNK)
    for row in connection.execute(query, asked).mappings():
        values: dict[str, Any] = dict(row)
        has_moved, is_seen = values.pop("has_moved"), values.pop("is_seen")
        lead = MovedLead(**values)
        plan.leads += 1
        if not is_seen:
            continue
        before = decide(situation_of(integration, lead), now) if has_moved else None
        anew = _is_decided_anew(lead, now, then, touched)
        seen = replace(lead, agreed_resman_status="") if anew else lead
        after = decide(situation_of(changed, seen), then) if has_moved or anew else None
        effect = _effect(lead, before, after)
        if effect is not None:
            plan.effects[effect] += 1
            sample = plan.samples.setdefault(effect, [])
            if len(sample) < SAMPLE:
                sample.append(lead.conversation_id)
    plan.words = _word_effects(connection, integration, proposed, now, then)
    return plan


def _is_decided_anew(lead: MovedLead, now: StatusMap, then: StatusMap, touched: set[str]) -> bool:
    """Whether the pair last agreed was in step until the map says otherwise: what the trigger on the table
    does (on_status_map_changed in sql/103_status_map.sql)."""
    agreed = lead.agreed
    if agreed is None or not agreed.resman_status:
        return False
    words = {folded(agreed.resman_status), folded(agreed.resman_status.partition("/")[0])}
    ours = then.lead_status(agreed.domiq_status)
    if ours is None or touched.isdisjoint(words):
        return False
    return now.covers(agreed.resman_status, ours) and not then.covers(agreed.resman_status, ours)


def _effect(lead: MovedLead, before: Decision | None, after: Decision | None) -> Effect | None:
    """How what would be done differs from what is done as things are; None where it does not."""
    was, becomes = _done(lead, before), _done(lead, after)
    if was == becomes:
        return None
    instead_of = was[0] if was[0] in (ASKS, NOTHING) else f"{was[0]}: {was[2]}"
    return Effect(*becomes, instead_of=instead_of)


def _done(lead: MovedLead, decision: Decision | None) -> tuple[str, str, str]:
    """What a decision does that anybody sees: what, and from which status to which."""
    domiq, resman = lead.domiq_status or "no status", lead.resman_status
    if decision is None:
        return NOTHING, "", ""
    match decision.action:
        case Action.APPLY:
            assert decision.new_status is not None
            return "set in DomIQ", domiq, decision.new_status.value
        case Action.PUSH:
            return "told to ResMan", resman, domiq
        case Action.REVIEW:
            return ASKS, domiq, resman
        case _:
            return NOTHING, "", ""


def _word_effects(
    connection: Connection, integration: Integration, proposed: Proposed, now: StatusMap, then: StatusMap
) -> list[WordEffect]:
    words = sorted(
        {folded(word) for scope, word in proposed.rows.domiq if scope in (None, integration.property_id)}
    )
    moved = [w for w in words if now.lead_status(w) != then.lead_status(w)]
    if not moved:
        return []
    rows = connection.execute(QUERIES.words, {"property_id": integration.property_id, "words": moved})
    return [
        WordEffect(row.word, now.lead_status(row.word), then.lead_status(row.word), row.conversations)
        for row in rows
    ]
