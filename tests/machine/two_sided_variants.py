"""The inbound half of the engine, broken on purpose in one way each, so that tests can show the two-sided
machine catching it. As in variants.py, what is replaced must be there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Row, text

from domiq_dagster.db.sqlfile import Queries
from domiq_dagster.sync.decisions import apply as inbound
from domiq_dagster.sync.decisions.decide import Action, Decision, Situation
from domiq_dagster.sync.delivery.delivery import Delivery
from domiq_dagster.sync.pull import pull
from domiq_dagster.sync.pull import staging as stage
from domiq_dagster.sync.pull.overlap import PullRules
from domiq_dagster.sync.status_map import StatusMap


def echo(patch: pytest.MonkeyPatch) -> None:
    """What is applied is not marked as ResMan's: the trigger takes it for the chatbot's."""
    assert inbound.QUERIES.mark_origin is not None
    patch.setattr(inbound.QUERIES, "mark_origin", text("SELECT 1"))


def watermark_ahead(patch: pytest.MonkeyPatch) -> None:
    """The watermark is the time of the pull, as far as what was modified by then is believed to have come."""
    ahead = "THEN EXCLUDED.last_pull_at"
    _replace(patch, pull.QUERIES, "finish_pull", _TRUE_WATERMARK, ahead)
    patch.setattr(pull, "PullRules", lambda: _RULES)


_RULES = PullRules(overlap=timedelta(0))
_TRUE_WATERMARK = """THEN least(greatest(kept.watermark, EXCLUDED.watermark), EXCLUDED.last_pull_at)"""


def stale_apply(patch: pytest.MonkeyPatch) -> None:
    """Carries out what was decided on the first reading, without a lock and without reading again."""

    def act(
        connection: Connection,
        integration: Any,
        row: Row[Any],
        statuses: StatusMap,
        applied: inbound.Applied,
        domiq_is_newer: bool | None,
    ) -> None:
        with connection.begin():
            decision = inbound.decide(inbound._situation(integration, row, domiq_is_newer), statuses)
            if decision.action is Action.APPLY:
                known = {
                    "connection": connection, "integration": integration, "row": row, "decision": decision
                }  # fmt: skip
                wanted = inspect.signature(inbound._apply).parameters
                inbound._apply(**{name: known[name] for name in wanted})
            elif decision.action is Action.PUSH:
                inbound._log_outbound(connection, row, decision)

    patch.setattr(inbound, "_act", act)


def no_base(patch: pytest.MonkeyPatch) -> None:
    """Decides without the pair last agreed: whatever differs has moved on both sides."""
    true: Callable[[Situation, StatusMap], Decision] = inbound.decide
    patch.setattr(
        inbound, "decide", lambda situation, statuses: true(replace(situation, agreed=None), statuses)
    )


def blind_post(patch: pytest.MonkeyPatch) -> None:
    """What was pulled a moment ago is taken for what ResMan shows now."""
    patch.setattr(Delivery, "_may_undo", lambda *_: False)


def old_news(patch: pytest.MonkeyPatch) -> None:
    """A pull stores what it read, though one that began later has stored newer things meanwhile."""
    _replace(patch, stage.QUERIES, "merge_stage", " AND kept.read_at <= EXCLUDED.read_at", "")


def _replace(patch: pytest.MonkeyPatch, queries: Queries, query: str, old: str, new: str) -> None:
    sql = queries[query].text
    assert old in sql, f"{query} no longer says {old!r}: break it in another way"
    patch.setattr(queries, query, text(sql.replace(old, new)))
