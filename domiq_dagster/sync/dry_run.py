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

from sqlalchemy import Connection, Engine, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.text import one_line
from domiq_dagster.sync import trouble
from domiq_dagster.sync.decisions.apply import decisions
from domiq_dagster.sync.decisions.decide import Action
from domiq_dagster.sync.delivery.planning import (
    NothingToSend,
    OutboundChange,
    Post,
    PostSettings,
    TourMove,
    plan,
)
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.matching import contact
from domiq_dagster.sync.pull.pull import Pulled, PullOptions, pull_property
from domiq_dagster.sync.status_map import StatusMap, load_status_map
from domiq_dagster.sync.tour_times import as_time

QUERIES = load_queries(__package__, "dry_run.sql")
_CHUNK = 2_000
_NOBODY = UUID(int=0)

OpenDryRun = Callable[[], AbstractContextManager[Engine]]
"""Opens a session that is undone at its end (`db.dry_run_session`)."""


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
    open_dry_run: OpenDryRun,
    client: ResManClient,
    integration: Integration,
    options: PullOptions | None = None,
) -> tuple[Forecast, Pulled | None]:
    """Pulls, links and decides in a session that is undone, and plans what would be posted then. Of the
    integration nothing needs to be stored yet.

    Returns:
        The forecast, and the pull; None where ResMan did not give it.

    Raises:
        Exception: the database is gone.
    """
    result = Forecast(integration.partition_key)
    pulled = None
    reading, deciding = (
        trouble.Faults(f"dry run of {{}}: {what} failed") for what in ("reading", "deciding")
    )
    with open_dry_run() as engine:
        with reading.of(integration.partition_key):
            pulled = pull_property(engine, client, integration, options)
            result.fetched, result.stored = pulled.fetched, pulled.stored
            result.would_link = pulled.linked
        with deciding.of(integration.partition_key), engine.connect() as connection:
            _Forecasting.begin(connection, integration, result).run()
    result.error = next(iter([*reading.sentences.values(), *deciding.sentences.values()]), None)
    return result, pulled


def forecast_all(
    open_dry_run: OpenDryRun,
    client: ResManClient,
    integrations: Sequence[Integration],
    options: PullOptions | None = None,
) -> list[tuple[Integration, Forecast, Pulled | None]]:
    """Several properties, accounts side by side, in the order given."""
    options = options or PullOptions()

    def one_account(account: str) -> dict[UUID, tuple[Forecast, Pulled | None]]:
        return {
            i.property_id: forecast_property(open_dry_run, client, i, options)
            for i in integrations
            if i.account_id == account
        }

    found: dict[UUID, tuple[Forecast, Pulled | None]] = {}
    with ThreadPoolExecutor(max_workers=options.max_accounts, thread_name_prefix="forecast") as pool:
        for part in pool.map(one_account, sorted({i.account_id for i in integrations})):
            found |= part
    return [(i, *found[i.property_id]) for i in integrations]


def forecast_push(engine: Engine, integration: Integration) -> Forecast:
    """What the next decisions and the next push would do, from what is stored. Reads only."""
    result = Forecast(integration.partition_key)
    faults = trouble.Faults("dry run of {} failed")
    with faults.of(integration.partition_key), engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        _Forecasting.begin(connection, integration, result).run()
    result.error = faults.sentences.get(integration.partition_key)
    return result


@dataclass(frozen=True, slots=True)
class _OutboundRow:
    """A change that the push would take up.

    Attributes:
        seq: its place in the order; None: it is still to be logged.
        new_status: None where whoever logged it named none.
        speaks: whether its conversation speaks for its lead.
    """

    conversation_id: UUID
    seq: int | None
    old_status: str | None
    new_status: str | None
    outcome_unknown: bool
    tour: str | None
    moves_tour: bool
    first_name: str | None = field(repr=False)
    last_name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    speaks: bool
    resman_status: str | None

    @property
    def has_name(self) -> bool:
        """Whether first and last name are there, without which ResMan takes no lead."""
        return bool(one_line(self.first_name or "") and one_line(self.last_name or ""))

    @property
    def is_reachable(self) -> bool:
        """Whether a lead could be created of it."""
        return contact(self.first_name, self.last_name, self.email, self.phone).reachable

    def as_outbound(self, new_status: str) -> OutboundChange:
        move = TourMove(None) if self.moves_tour else None  # what it was decides nothing of what is posted
        tour = as_time(self.tour)
        return OutboundChange(_NOBODY, self.old_status, new_status, None, None, datetime.now(UTC), tour, move)


@dataclass(slots=True)
class _Forecasting:
    """Deciding and planning for one property, in the session of a dry run.

    Attributes:
        decided: what would be decided about leads whose pair moved, by conversation.
    """

    connection: Connection
    integration: Integration
    result: Forecast
    statuses: StatusMap
    settings: PostSettings
    decided: dict[UUID, Action] = field(default_factory=dict)

    @classmethod
    def begin(cls, connection: Connection, integration: Integration, result: Forecast) -> _Forecasting:
        statuses = load_status_map(connection, integration.property_id)
        i = integration
        # Which settings there are decides nothing of what is posted, only whether it can be.
        settings = PostSettings(
            i.agent_id or "", i.source_id or "", i.lost_reason_id or "", i.time_zone or "UTC", i.tour_times
        )
        return cls(connection, integration, result, statuses, settings)

    def run(self) -> None:
        self._decide()
        values = {"property_id": self.integration.property_id}
        self.result.ambiguous = self.connection.scalar(QUERIES.open_reviews, values) or 0
        lane: UUID | None = None
        resman_status: str | None = None
        faults = trouble.Faults("it cannot be foreseen what becomes of conversation {}")
        for row in self._outbound():
            if row.conversation_id != lane:
                lane, resman_status = row.conversation_id, row.resman_status
            with faults.of(str(row.conversation_id)):
                resman_status = self._take_up(row, resman_status)
        for said in faults.sentences.values():
            self.result.waits[said] += 1

    def _decide(self) -> None:
        result = self.result
        for lead, decision in decisions(self.connection, self.integration, self.statuses):
            match decision.action:
                case Action.APPLY:
                    assert decision.new_status is not None
                    result.would_apply[decision.new_status.value] += 1
                case Action.REVIEW:
                    result.conflicts += 1
                case Action.AGREE:
                    result.agree += 1
                case Action.LEAVE:
                    result.left_alone += 1
                case Action.HOLD:
                    result.held += 1
            if decision.action in (Action.APPLY, Action.REVIEW, Action.PUSH):
                self.decided[lead.conversation_id] = decision.action

    def _outbound(self) -> Iterator[_OutboundRow]:
        pushed = [c for c, action in self.decided.items() if action is Action.PUSH]
        values = {"property_id": self.integration.property_id, "pushed": pushed}
        query = QUERIES.outbound.execution_options(yield_per=_CHUNK)
        for row in self.connection.execute(query, values).mappings():
            yield _OutboundRow(**row)

    def _take_up(self, row: _OutboundRow, resman_status: str | None) -> str | None:
        """Counts what would become of one change, of a lead at `resman_status` as the changes before it leave
        it. Returns the status after it."""
        result, action = self.result, self.decided.get(row.conversation_id)
        is_logged = row.seq is not None
        if not self.integration.outbound:
            if is_logged:
                result.waits["the property does not send"] += 1
        elif action is Action.REVIEW:
            result.waits["a person's decision"] += 1
        elif action is Action.APPLY or not row.speaks:
            result.beaten += is_logged
        elif row.outcome_unknown:
            result.waits["a probe, whether it arrived"] += 1
        elif resman_status is None and not row.is_reachable:
            result.waits["an e-mail address or phone"] += 1
        elif resman_status is None and not row.has_name:
            result.waits["a first and a last name"] += 1
        else:
            return self._count_posts(row, resman_status)
        return resman_status

    def _count_posts(self, row: _OutboundRow, resman_status: str | None) -> str | None:
        result, new_status = self.result, row.new_status
        if new_status is None:
            result.nothing_to_send["no_status"] += 1
            return resman_status
        meaning = self.statuses.meaning(new_status)
        if meaning is None:
            result.nothing_to_send["unmapped_status"] += 1
            return resman_status
        posts: list[Post] | NothingToSend = plan(
            row.as_outbound(new_status), meaning, self.settings, resman_status
        )
        if isinstance(posts, NothingToSend):
            result.nothing_to_send[posts.outcome] += 1
            return resman_status
        creates = any(post.creates for post in posts)
        result.would_create += creates
        result.would_push += not creates
        result.would_post.update(post.event.event_type for post in posts)
        return posts[-1].resman_status
