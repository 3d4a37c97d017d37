"""The inbound half of the engine, broken on purpose in one way each, so that tests can show the two-sided
machine catching it. As in variants.py, what is replaced must be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domiq_dagster.db.sqlfile import Queries
from domiq_dagster.sync.decisions import apply as inbound
from domiq_dagster.sync.decisions.decide import Action, Decision, Situation
from domiq_dagster.sync.delivery import lost_time, resolving
from domiq_dagster.sync.delivery.resolving import Resolved
from domiq_dagster.sync.pull import pull, record
from domiq_dagster.sync.pull import staging as stage
from domiq_dagster.sync.pull.overlap import PullRules, PullWindow, pull_window
from domiq_dagster.sync.status_map import StatusMap


def echo(patch: pytest.MonkeyPatch) -> None:
    """What is applied is not marked as ResMan's: the trigger takes it for the chatbot's."""
    assert inbound.QUERIES.mark_origin is not None
    patch.setattr(inbound.QUERIES, "mark_origin", text("SELECT 1"))


def watermark_ahead(patch: pytest.MonkeyPatch) -> None:
    """The watermark is the time of the pull, as far as what was modified by then is believed to have come."""
    ahead = "THEN EXCLUDED.last_pull_at"
    _replace(patch, record.QUERIES, "finish", _TRUE_WATERMARK, ahead)

    def window(
        watermark: datetime | None, late: float, rules: PullRules, now: datetime, **options: Any
    ) -> PullWindow:
        return pull_window(watermark, late, _RULES, now, **options)

    assert pull.pull_window is pull_window
    patch.setattr(pull, "pull_window", window)


_RULES = PullRules(overlap=timedelta(0))
_TRUE_WATERMARK = """THEN least(greatest(kept.watermark, EXCLUDED.watermark), EXCLUDED.last_pull_at)"""


def stale_apply(patch: pytest.MonkeyPatch) -> None:
    """Carries out what was decided on the first reading, without a lock and without reading again."""

    def decide_blindly(self: Any, conversation_id: Any) -> None:
        lead = read[conversation_id]
        with self.connection.begin():
            decision = inbound.decide(
                inbound.situation_of(self.integration, lead, self.domiq_is_newer), self.statuses
            )
            if decision.action in (Action.APPLY, Action.PUSH):
                self._execute(lead, decision)

    read: dict[Any, inbound.MovedLead] = {}
    load = inbound._Applying.load

    def remember(self: Any, conversation_id: Any) -> list[inbound.MovedLead]:
        leads = load(self, conversation_id)
        read.update({lead.conversation_id: lead for lead in leads})
        return leads

    assert callable(inbound._Applying._decide_locked)
    patch.setattr(inbound._Applying, "load", remember)
    patch.setattr(inbound._Applying, "_decide_locked", decide_blindly)


def no_base(patch: pytest.MonkeyPatch) -> None:
    """Decides without the pair last agreed: whatever differs has moved on both sides."""
    true: Callable[[Situation, StatusMap], Decision] = inbound.decide
    patch.setattr(
        inbound, "decide", lambda situation, statuses: true(replace(situation, agreed=None), statuses)
    )


def blind_post(patch: pytest.MonkeyPatch) -> None:
    """What was pulled a moment ago is taken for what ResMan shows now."""
    patch.setattr(Resolved, "may_undo", lambda *_: False)


def blind_after_restore(patch: pytest.MonkeyPatch) -> None:
    """That the database was put back changes nothing."""
    patch.setattr(lost_time, "must_read", lambda _: False)


def tells_early(patch: pytest.MonkeyPatch) -> None:
    """What happened before a property was connected is told before it was pulled."""
    patch.setattr(resolving, "ended_beforehand", lambda *_: None)


def old_news(patch: pytest.MonkeyPatch) -> None:
    """A pull stores what it read, though one that began later has stored newer things meanwhile."""
    _replace(patch, stage.QUERIES, "merge_stage", " AND kept.read_at <= EXCLUDED.read_at", "")


def _replace(patch: pytest.MonkeyPatch, queries: Queries, query: str, old: str, new: str) -> None:
    sql = queries[query].text
    assert old in sql, f"{query} no longer says {old!r}: break it in another way"
    patch.setattr(queries, query, text(sql.replace(old, new)))
