"""The actions of a rule: what each takes, and what it comes to for a change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from domiq_dagster.sync.rules import clock
from domiq_dagster.sync.rules.effects import Effect, NotificationRequest, ScoreChange, Task
from domiq_dagster.sync.rules.facts import Facts
from domiq_dagster.sync.status_map import LeadStatus

Priority = Literal["low", "medium", "high", "urgent"]
_PRIORITIES: Mapping[str, Priority] = {
    LeadStatus.NEW: "medium",
    LeadStatus.CONTACTED: "medium",
    LeadStatus.QUALIFIED: "high",
    LeadStatus.TOUR_SCHEDULED: "high",
    LeadStatus.APPLICATION: "urgent",
    LeadStatus.LEASED: "high",
    LeadStatus.LOST: "low",
}
"""DomIQ's own priorities, where an action names none."""

Clock = Annotated[time, BeforeValidator(clock.parse_time)]
_YEAR_MINUTES = 366 * 24 * 60


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Due(_Config):
    """When something is due, counted from the change; see `clock.due`."""

    delay_minutes: int = Field(default=0, ge=0, le=_YEAR_MINUTES)
    delay_hours: int = Field(default=0, ge=0, le=_YEAR_MINUTES // 60)
    delay_days: int = Field(default=0, ge=0, le=366)
    at: Clock | None = None
    business_days: bool = False

    @property
    def given(self) -> bool:
        return bool(self.delay_minutes or self.delay_hours or self.delay_days or self.at)

    @property
    def needs_zone(self) -> bool:
        return bool(self.delay_days or self.at or self.business_days)

    def when(self, facts: Facts) -> datetime:
        return clock.due(
            facts.changed_at,
            facts.zone,
            minutes=self.delay_minutes,
            hours=self.delay_hours,
            days=self.delay_days,
            at=self.at,
            business_days=self.business_days,
        )


class ScheduleFollowUp(_Due):
    """Somebody is to get in touch again; a day later, if it does not say when."""

    title: str | None = Field(default=None, min_length=1, max_length=200)
    message: str | None = Field(default=None, max_length=2000)
    assignee_role: str = "leasing_agent"
    priority: Priority | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_day_later(cls, given: Any) -> Any:
        timed = {"delay_minutes", "delay_hours", "delay_days", "at"}
        return {"delay_days": 1, **given} if isinstance(given, dict) and not timed & given.keys() else given

    def effects(self, facts: Facts, priority: str) -> list[Effect]:
        title = self.title or f"Follow up on a lead that is now {facts.change['new_status']}"
        return [
            Task(
                "follow_up",
                title,
                self.message,
                self.assignee_role,
                self.priority or priority,
                self.when(facts),
            )
        ]


class CreateTask(_Due):
    """Something is to be done; without a time if it does not say when."""

    title: str | None = Field(default=None, min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=2000)
    assignee_role: str = "leasing_agent"
    priority: Priority | None = None

    def effects(self, facts: Facts, priority: str) -> list[Effect]:
        title = self.title or f"See to a lead that is now {facts.change['new_status']}"
        due_at = self.when(facts) if self.given else None
        return [Task("task", title, self.description, self.assignee_role, self.priority or priority, due_at)]


class UpdateLeadScore(_Config):
    """Adds to the lead score, or sets it; within bounds."""

    add: int | None = Field(default=None, ge=-1_000_000, le=1_000_000)
    set: int | None = Field(default=None, ge=-1_000_000, le=1_000_000)
    min: int = Field(default=0, ge=-1_000_000, le=1_000_000)
    max: int = Field(default=100, ge=-1_000_000, le=1_000_000)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.add is None) == (self.set is None):
            raise ValueError("give either add or set")
        if self.min > self.max:
            raise ValueError("min is more than max")
        return self

    def effects(self, facts: Facts, priority: str) -> list[Effect]:
        return [ScoreChange(self.add, self.set, self.min, self.max)]


def _named(value: Any) -> list[str]:
    """A text, or a list of texts and of objects with an address or a role; each once."""
    named = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            item = next(
                (item[k] for k in ("address", "email", "phone", "channel", "role") if item.get(k)), ""
            )
        if not isinstance(item, str) or not item.strip():
            raise ValueError("each is an address or the name of a role")
        named.append(item.strip())
    if not named:
        raise ValueError("it names nobody: give addresses or roles")
    return list(dict.fromkeys(named))


class SendNotification(_Config):
    """Tells people; through the outbox, where roles become persons."""

    recipients: Annotated[list[str], BeforeValidator(_named)]
    channel: Literal["email", "sms", "slack", "in_app"] = "in_app"
    subject: str | None = Field(default=None, min_length=1, max_length=200)
    message: str | None = Field(default=None, min_length=1, max_length=10_000)
    template_id: str | None = Field(default=None, min_length=1, max_length=100)

    def effects(self, facts: Facts, priority: str) -> list[Effect]:
        return [
            NotificationRequest(self.channel, recipient, self.subject, self.message, self.template_id)
            for recipient in self.recipients
        ]


Action = SendNotification | ScheduleFollowUp | UpdateLeadScore | CreateTask
_TYPES: Mapping[str, type[Action]] = {
    "send_notification": SendNotification,
    "schedule_follow_up": ScheduleFollowUp,
    "update_lead_score": UpdateLeadScore,
    "create_task": CreateTask,
}


def parse_actions(given: Any) -> tuple[list[Action], list[str]]:
    """Reads the JSON of `status_workflow_rules.actions`.

    Returns:
        The actions, and what is wrong with those that cannot be understood. No problem quotes what it found,
        which may be somebody's address.
    """
    if given is None:
        return [], []
    if not isinstance(given, list):
        return [], ["actions is not a JSON list"]
    actions: list[Action] = []
    problems: list[str] = []
    for number, item in enumerate(given, 1):
        kind = item.get("type") if isinstance(item, dict) else None
        model = _TYPES.get(kind) if isinstance(kind, str) else None
        if model is None:
            problems.append(f"unknown action {kind!r}")
            continue
        if unknown := sorted(set(item) - {"type", "config"}):
            problems.append(
                f"action {number} ({kind}): it has type and config alone, not {', '.join(unknown)}"
            )
            continue
        config = item.get("config")
        try:
            actions.append(model.model_validate({} if config is None else config))
        except ValidationError as error:
            problems += [f"action {number} ({kind}): {sentence}" for sentence in _sentences(error)]
    return actions, problems


def default_priority(lead_status: str | None) -> str:
    """DomIQ's priority for a lead at this status."""
    return _PRIORITIES.get(lead_status or "", "medium")


def _sentences(error: ValidationError) -> list[str]:
    found = []
    for detail in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            found.append(f"unknown setting {where!r}")
        elif detail["type"] == "missing":
            found.append(f"{where} is missing")
        else:
            message = detail["msg"].removeprefix("Value error, ")
            found.append(f"{where}: {message}" if where else message)
    return found
