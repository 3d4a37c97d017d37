"""What the actions of a rule come to for one change. Pure; execute.py writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Task:
    """A follow-up or a task that a rule asks for.

    Attributes:
        due_at: when it falls due (aware); None for a task without a time.
    """

    kind: Literal["follow_up", "task"]
    title: str
    detail: str | None
    assignee_role: str | None
    priority: str
    due_at: datetime | None

    @property
    def counted_as(self) -> str:
        """The name under which it is counted."""
        return "follow_ups" if self.kind == "follow_up" else "tasks"


@dataclass(frozen=True, slots=True)
class NotificationRequest:
    """A notification that a rule asks for, to one recipient: an address or a role."""

    counted_as: ClassVar[str] = "notifications"
    channel: str
    recipient: str
    subject: str | None
    message: str | None
    template_id: str | None


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """What a rule does to the lead score: adds to it or sets it, within bounds."""

    counted_as: ClassVar[str] = "score_changes"
    add: int | None
    set: int | None
    low: int
    high: int

    def after(self, score: int | None) -> int:
        """The score that this leaves; a lead without one starts at 0."""
        wanted = self.set if self.set is not None else (score or 0) + (self.add or 0)
        return min(max(wanted, self.low), self.high)


Effect = Task | NotificationRequest | ScoreChange
