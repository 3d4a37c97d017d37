"""What was tried for one change: each request with its outcome and duration, without personal data."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from domiq_dagster.resman.errors import Disposition, ResManError
from domiq_dagster.resman.models import LeadRecord, PostedLead
from domiq_dagster.resman.outcomes import about
from domiq_dagster.resman.redact import describe
from domiq_dagster.sync.account_gate import NotWanted
from domiq_dagster.sync.delivery.planning import POST_NAMES
from domiq_dagster.sync.queue.queue import Attempt

T = TypeVar("T")


class AttemptLog:
    """Collects the attempts of one delivery; the queue stores them with the settlement."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.can_be_stored = True
        self.private: tuple[str | None, ...] = ()
        """What ResMan's words may say of the person, though the request did not: it is blanked, and decides
        nothing."""

    @property
    def last_was_post(self) -> bool:
        """Whether the last thing tried was to send something, rather than to read."""
        return bool(self.attempts) and self.attempts[-1].action in POST_NAMES

    @property
    def may_have_posted(self) -> bool:
        """Whether ResMan may have got a post: it was sent, or a fault of ours leaves that open."""
        return any(a.action in POST_NAMES and a.outcome in ("ok", "fault") for a in self.attempts)

    @property
    def has_posted(self) -> bool:
        """Whether anything was to be sent to ResMan, whatever became of it."""
        return any(a.action in POST_NAMES for a in self.attempts)

    @property
    def has_found(self) -> bool:
        """Whether an earlier post of the change was seen to have arrived."""
        return any((a.action, a.outcome) == ("probe", "found") for a in self.attempts)

    @property
    def fault(self) -> str | None:
        """What the database refused, or our own code could not do, the last time; None where nothing was."""
        return next((a.detail["sentence"] for a in reversed(self.attempts) if a.action == "fault"), None)

    @property
    def effect_is_known(self) -> bool:
        """Whether something was to be sent, and what became of the last of it is known. (All before it was
        answered, or it would not have gone on.)"""
        posts = [a for a in self.attempts if a.action in POST_NAMES]
        if not posts:
            return False
        last = posts[-1]
        return last.outcome != "fault" and last.detail.get("disposition") != Disposition.UNKNOWN.value

    def words(self, error: ResManError) -> str | None:
        """ResMan's own words, without the person's data."""
        return describe(error.description, self.private)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def note(self, action: str, outcome: str, detail: dict[str, Any]) -> None:
        """Records something that asked nothing."""
        self.attempts.append(Attempt(action, outcome, detail, self.now(), 0))

    def call(self, action: str, request: Callable[[], T], detail: dict[str, Any] | None = None) -> T:
        """Runs a request and records how it ended. Its error passes through."""
        started, begun = self.now(), time.monotonic()
        noted = dict(detail or {})
        outcome = "ok"
        try:
            with about(self.private):
                answer = request()
        except ResManError as error:
            outcome = error.kind
            noted |= {
                "disposition": error.disposition.value,
                "http_status": error.http_status,
                "code": error.code,
                "answer": self.words(error),
            }
            raise
        except NotWanted:
            outcome = "not_asked"  # whoever asks was told to stop, or lost its lease, while it waited
            raise
        except Exception:
            outcome = "fault"  # of our own: it may have been sent
            raise
        else:
            if isinstance(answer, PostedLead):
                noted |= {
                    "answer_prospect_id": answer.prospect_id,
                    "answer_event_ids": list(answer.event_ids),
                }
            elif isinstance(answer, LeadRecord):
                noted |= {
                    "answer_prospect_id": answer.prospect_id,
                    "answer_status": describe(answer.customer_type, self.private),
                    "answer_events": len(answer.events),
                }
            elif isinstance(answer, list):
                noted["found"] = len(answer)
            elif answer is None:
                outcome = "not_found"
            return answer
        finally:
            duration = round((time.monotonic() - begun) * 1000)
            self.attempts.append(Attempt(action, outcome, noted, started, duration))
