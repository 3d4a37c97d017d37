"""What a pass would do at one property, found by doing it: the same pull, linking, deciding and planning as
the real one, in a session that is undone. Nothing is posted, claimed or settled, and no conversation locked.

What cannot be known without asking ResMan for each lead is left open: a conversation without a lead counts as
one that would be created, though the push searches first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.sync import trouble
from domiq_dagster.sync.decisions.apply import decisions
from domiq_dagster.sync.decisions.decide import Action
from domiq_dagster.sync.delivery.planning import NothingToSend, OutboundChange, Settings, Step, plan
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.matching import contact
from domiq_dagster.sync.pull.pull import Pulled, pull_property
from domiq_dagster.sync.status_map import StatusMap, load_status_map

QUERIES = load_queries(__package__, "dry_run.sql")
_UNCAPTURED = load_queries("domiq_dagster.sync.repair", "reconcile.sql").uncaptured_conversations.text
_CHUNK = 2_000
_NOBODY = UUID(int=0)

Rehearse = Callable[[], AbstractContextManager[Engine]]
"""Opens a session that is undone at its end (`db.rehearsal`)."""


@dataclass(slots=True)
class Forecast:
    """What would be done at one property; counts. Of the posts each event is one."""

    partition_key: str
    fetched: int = 0
    stored: int = 0
    would_link: int = 0
    ambiguous: int = 0
    """Leads that fit several users, or users whom several leads fit: a person decides."""
    would_apply: Counter[str] = field(default_factory=Counter)
    """Conversations that would take ResMan's status, by that status."""
    would_create: int = 0
    """Conversations that would become a new lead at ResMan, unless the search before it finds one."""
    would_push: int = 0
    """Changes that would be told to a lead that is known."""
    would_post: Counter[str] = field(default_factory=Counter)
    """The posts for both, by their event type."""
    conflicts: int = 0
    agree: int = 0
    left_alone: int = 0
    held: int = 0
    beaten: int = 0
    """Pending changes that would be settled without a post: ResMan's status wins, or a newer conversation
    speaks for the lead."""
    nothing_to_send: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    """Pending changes that would go on waiting, by what for."""
    error: str | None = None
    """Why the property could not be read; then there is nothing but what is known already."""

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        found: dict[str, Any] = {"property": self.partition_key}
        for each in fields(self)[1:]:
            value = getattr(self, each.name)
            found[each.name] = dict(value) if isinstance(value, Counter) else value
        return found


def forecast_property(
    rehearse: Rehearse,
    client: ResManClient,
    integration: Integration,
    *,
    full: bool = False,
    since: datetime | None = None,
) -> tuple[Forecast, Pulled | None]:
    """Pulls, links and decides in a session that is undone, and plans what would be posted then. Of the
    integration nothing needs to be stored yet. The pull is None where ResMan did not give it."""
    result = Forecast(integration.partition_key)
    pulled = None
    with rehearse() as engine:
        try:
            pulled = pull_property(engine, client, integration, full=full, since=since)
            result.fetched, result.stored = pulled.fetched, pulled.stored
            result.would_link = pulled.linked
        except Exception as error:
            if trouble.is_lost_database(error):
                raise
            result.error = trouble.sentence(error)
        with engine.connect() as connection:
            _decide_and_plan(connection, integration, result)
    return result, pulled


def forecast_all(
    rehearse: Rehearse,
    client: ResManClient,
    integrations: Sequence[Integration],
    *,
    full: bool = False,
    since: datetime | None = None,
    max_accounts: int = 4,
) -> list[tuple[Integration, Forecast, Pulled | None]]:
    """Several properties, accounts side by side, in the order given."""

    def one_account(account: str) -> dict[UUID, tuple[Forecast, Pulled | None]]:
        return {
            i.property_id: forecast_property(rehearse, client, i, full=full, since=since)
            for i in integrations
            if i.account_id == account
        }

    found: dict[UUID, tuple[Forecast, Pulled | None]] = {}
    with ThreadPoolExecutor(max_workers=max_accounts, thread_name_prefix="forecast") as pool:
        for part in pool.map(one_account, sorted({i.account_id for i in integrations})):
            found |= part
    return [(i, *found[i.property_id]) for i in integrations]


def forecast_push(engine: Engine, integration: Integration) -> Forecast:
    """What the next decisions and the next push would do, from what is stored. Reads only."""
    result = Forecast(integration.partition_key)
    with engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        _decide_and_plan(connection, integration, result)
    return result


def _decide_and_plan(connection: Connection, integration: Integration, result: Forecast) -> None:
    statuses = load_status_map(connection, integration.property_id)
    settings = _settings(integration)
    taken: dict[UUID, Action] = {}
    for row, decision in decisions(connection, integration, statuses):
        if decision.action is Action.APPLY:
            assert decision.new_status is not None
            result.would_apply[decision.new_status.value] += 1
        elif decision.action is Action.REVIEW:
            result.conflicts += 1
        elif decision.action is not Action.PUSH:
            result.agree += decision.action is Action.AGREE
            result.left_alone += decision.action is Action.LEAVE
            result.held += decision.action is Action.HOLD
            continue
        taken[row.conversation_id] = decision.action
    result.ambiguous = connection.scalar(QUERIES.ambiguous, {"property_id": integration.property_id})
    pushed = [conversation for conversation, action in taken.items() if action is Action.PUSH]
    for change in _outbound(connection, integration, pushed):
        _take_up(result, change, taken, statuses, settings, integration)


def _take_up(
    result: Forecast,
    row: _Outbound,
    taken: dict[UUID, Action],
    statuses: StatusMap,
    settings: Settings,
    integration: Integration,
) -> None:
    """One change that the push would take up."""
    found, action = row.found, taken.get(row.found.conversation_id)
    if not integration.outbound:
        if found.seq is not None:
            result.waits["the property does not send"] += 1
    elif action is Action.REVIEW:
        result.waits["a person's decision"] += 1
    elif action is Action.APPLY or not found.speaks:
        result.beaten += found.seq is not None
    elif found.left:
        result.waits["a probe, whether it arrived"] += 1
    elif not row.known and not contact(found.first_name, found.last_name, found.email, found.phone).reachable:
        result.waits["an e-mail address or phone"] += 1
    else:
        _count(result, row.plan(statuses, settings))


@dataclass(slots=True)
class _Outbound:
    """A change in line, and its lead's status as those before it in the same conversation leave it."""

    found: Row[Any]
    lead: _Lead

    @property
    def known(self) -> bool:
        return self.lead.status is not None

    def plan(self, statuses: StatusMap, settings: Settings) -> list[Step] | NothingToSend | None:
        change = _change(self.found, self.found.old_status, self.found.new_status)
        steps = _plan(change, statuses, settings, self.lead.status)
        if isinstance(steps, list):
            self.lead.status = steps[-1].resman_status
        return steps


@dataclass(slots=True)
class _Lead:
    status: str | None


def _outbound(connection: Connection, integration: Integration, pushed: list[UUID]) -> Iterator[_Outbound]:
    asked = text(QUERIES.outbound.text.replace("{uncaptured}", _UNCAPTURED)).execution_options(
        yield_per=_CHUNK
    )
    rows = connection.execute(asked, {"property_id": integration.property_id, "pushed": pushed})
    lane: UUID | None = None
    lead = _Lead(None)
    for row in rows:
        if row.conversation_id != lane:
            lane, lead = row.conversation_id, _Lead(row.resman_status)
        yield _Outbound(row, lead)


def _change(row: Row[Any], old: str | None, new: str) -> OutboundChange:
    return OutboundChange(_NOBODY, old, new, None, None, datetime.now(UTC), row.tour_datetime)


def _plan(
    change: OutboundChange, statuses: StatusMap, settings: Settings, resman_status: str | None
) -> list[Step] | NothingToSend | None:
    meaning = statuses.meaning(change.new_status)
    return None if meaning is None else plan(change, meaning, settings, resman_status)


def _count(result: Forecast, steps: list[Step] | NothingToSend | None) -> None:
    if steps is None:
        result.nothing_to_send["unmapped_status"] += 1
    elif isinstance(steps, NothingToSend):
        result.nothing_to_send[steps.outcome] += 1
    else:
        creates = any(step.creates for step in steps)
        result.would_create += creates
        result.would_push += not creates
        result.would_post.update(step.event.event_type for step in steps)


def _settings(integration: Integration) -> Settings:
    """Which settings there are decides nothing of what is posted, only whether it can be."""
    i = integration
    return Settings(i.agent_id or "", i.source_id or "", i.lost_reason_id or "", i.time_zone or "UTC")
