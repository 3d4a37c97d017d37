"""A made-up world of records of every kind, each of a person of its own, in which some can be spoiled: what
becomes of the others must be what becomes of them without those."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from domiq_dagster.sync.alerts.evaluate import evaluate
from domiq_dagster.sync.dry_run import forecast_push
from domiq_dagster.sync.rules.plan import plan_rules
from domiq_dagster.sync.take_up import take_up
from tests.fixtures.rules import action, add_rule
from tests.fixtures.world import World

DEEP = "[" * 3_000 + "]" * 3_000
DIGITS = '{"lead_score": ' + "9" * 5_000 + "}"
DOCUMENTS = [
    "null",
    "[]",
    "{}",
    '"text"',
    "7",
    "1e400",
    "true",
    '[[{"role": []}]]',
    '{"any": [{}]}',
    DEEP,
    DIGITS,
]
"""JSON that PostgreSQL takes; of a rule none means anything that would be done."""
ODD: list[Any] = [
    None,
    "",
    0,
    -1,
    1.5,
    True,
    [],
    {},
    [[]],
    "no such",
    "x" * 5_000,
    "0001-01-01T00:00:00",
    "\u202e\u0007",
]
"""What a field of v2's may hold."""
TIMES = [None, "infinity", "-infinity", "9999-12-31 23:59:59", "0001-01-01 00:00:00 BC", "20000-01-01"]
WORDS = [None, "", "no such", "LOST ", "x" * 300]
FIELDS = (
    "status",
    "lastModified",
    "prospectId",
    "firstContactDate",
    "people",
    "propertyId",
    "agent",
    "lostReason",
)


@dataclass(frozen=True, slots=True)
class Spoiled:
    """One record that is not as it should be.

    Attributes:
        kind: a name in SPOILERS.
        property_number: where it is.
        column: which of its fields, counted on and round.
        value: which of the odd values, counted on and round.
    """

    kind: str
    property_number: int
    column: int
    value: int


@dataclass(slots=True)
class Stage:
    """A world with what was put into it.

    Attributes:
        healthy: conversations by what they are called.
        rules, preferences: those that are as they should be.
        lost: properties whose own row is spoiled; nothing is asked of their records.
        refused: spoiled records that the database did not take.
    """

    world: World
    properties: list[UUID] = field(default_factory=list)
    healthy: dict[str, tuple[int, UUID]] = field(default_factory=dict)
    rules: list[UUID] = field(default_factory=list)
    preferences: list[UUID] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)
    refused: int = 0

    def build(self) -> None:
        """Two properties of one account, and one of another, with leads both ways."""
        world = self.world
        for number in range(3):
            property_id = world.property(number)
            self.properties.append(property_id)
            task = action("create_task", title="Look")
            self.rules.append(add_rule(world, property_id, "contacted", None, None, [task]))
            self.rules.append(
                add_rule(world, property_id, "application", None, {"context_data": None}, [task])
            )
            self.preferences.append(self.prefer(property_id, '["desk"]'))
            for name, status in (("in", "contacted"), ("out", "qualified"), ("tour", "tour_scheduled")):
                self.add(number, name, status)
            world.lead(number, email=f"in{number}@example.com", last=f"In{number}", status="Applicant")
        world.log(self.healthy["out0"][1], "contacted", old_status="qualified")

    def add(self, number: int, name: str, status: str, **columns: Any) -> UUID:
        called = f"{name}{number}"
        user = self.world.user("Ada", called.title(), f"{called}@example.com")
        tour = {"tour_datetime": "2027-02-02 15:00"} if status == "tour_scheduled" else {}
        found = self.world.conversation(self.properties[number], status, user=user, **{**tour, **columns})
        if not columns:
            self.healthy[called] = (number, found)
        return found

    def prefer(self, property_id: UUID, recipients: str, **columns: Any) -> UUID:
        given = {"status_type": "any", "notification_method": "in_app", **columns}
        found: UUID = self.world.value(
            f"INSERT INTO status_notification_preferences (property_id, recipients, {', '.join(given)}) "
            f"VALUES (:p, CAST(:r AS jsonb), {', '.join(':' + n for n in given)}) RETURNING id",
            p=property_id, r=recipients, **given,
        )  # fmt: skip
        return found

    def spoil(self, spoiled: Sequence[Spoiled]) -> None:
        for number, each in enumerate(spoiled):
            try:
                SPOILERS[each.kind](self, each, number)
            except DBAPIError:  # the tables refuse it: it cannot be there
                self.refused += 1

    def run(self) -> None:
        """Passes until all is done that can be, and whatever else goes over all records. None of it may
        raise."""
        world = self.world
        for _ in range(3):
            world.sync()
            world.later()
        for integration in world.integrations():
            forecast_push(world.engine, integration)
        plan_rules(world.engine)
        evaluate(world.engine)
        take_up(world.engine)

    def found(self) -> dict[str, Mapping[str, Any]]:
        """How each healthy conversation ended, by its name: its status, its log, what ResMan has, what came
        of it."""
        return {
            called: self._ended(conversation)
            for called, (number, conversation) in self.healthy.items()
            if number not in self.lost
        }

    def _ended(self, conversation: UUID) -> Mapping[str, Any]:
        world = self.world
        lead = world.lead_of(conversation)
        return {
            "status": world.status(conversation),
            "log": [
                (c.old_status, c.new_status, c.sync_direction, c.sync_status, c.outcome)
                for c in world.changes(conversation)
            ],
            "at ResMan": (lead["status"], world.told(conversation), [p["email"] for p in lead["people"]]),
            "deliveries": len(world.rows("SELECT FROM domiq_sync.delivery WHERE lane = :c", c=conversation)),
            "tasks": self._rows(
                "SELECT t.kind, t.title FROM domiq_sync.task t JOIN domiq_sync.change n USING (change_id) "
                "WHERE t.conversation_id = :c AND t.rule_id = ANY (CAST(:healthy AS uuid[])) ORDER BY n.seq",
                c=conversation,
                healthy=self.rules,
            ),
            "notices": self._rows(
                "SELECT n.recipient, n.state, n.subject FROM domiq_sync.notification n "
                "JOIN domiq_sync.change c USING (change_id) WHERE c.conversation_id = :c "
                "AND n.preference_id = ANY (CAST(:healthy AS uuid[])) ORDER BY c.seq",
                c=conversation,
                healthy=self.preferences,
            ),
        }

    def _rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.world.rows(query, **values)]


def _pick(values: Sequence[Any], number: int) -> Any:
    return values[number % len(values)]


def _prospect(stage: Stage, spoiled: Spoiled, number: int) -> None:
    """Somebody else's prospect, of which v2 shows one field so."""
    world, at = stage.world, spoiled.property_number
    lead = world.lead(at, email=f"odd{number}@example.com", last=f"Odd{number}")["prospectId"]
    shown: dict[str, Any] = {"values": {_pick(FIELDS, spoiled.column): _pick(ODD, spoiled.value)}}
    world.standin.odd(lead, **({"instead": _pick(ODD, spoiled.value)} if spoiled.column % 9 == 8 else shown))


def _conversation(stage: Stage, spoiled: Spoiled, number: int) -> None:
    """A conversation, or the user behind it, with an odd column."""
    world = stage.world
    odd = stage.add(spoiled.property_number, f"odd{number}.", "contacted", lead_score=1)
    column = _pick(
        ["status", "created_at", "tour_datetime", "move_in_date", "email", "phone", "name"], spoiled.column
    )
    if column in ("created_at", "tour_datetime", "move_in_date"):
        world.change(odd, **{column: _pick(TIMES, spoiled.value)})
    elif column == "status":
        world.change(odd, status=_pick(WORDS, spoiled.value))
    else:
        word = _pick([*WORDS, "=?utf-8?q?a=0d=0ab?=", "(214) 736-5000 ext. 12", "\u202eada"], spoiled.value)
        names = ("first_name", "last_name") if column == "name" else (column,)
        sets = ", ".join(f"{n} = :w" for n in names)
        world.do(
            f'UPDATE "user" SET {sets} WHERE id = (SELECT user_id FROM conversation WHERE id = :c)',
            w=word,
            c=odd,
        )


def _log_row(stage: Stage, spoiled: Spoiled, number: int) -> None:
    """A row that the application logged itself."""
    odd = stage.add(spoiled.property_number, f"log{number}.", "contacted", lead_score=1)
    column = _pick(
        [
            "created_at",
            "context_data",
            "new_status",
            "old_status",
            "status_reason",
            "updated_by",
            "resman_lead_id",
        ],
        spoiled.column,
    )
    values = {"created_at": TIMES, "context_data": DOCUMENTS}.get(column, WORDS)
    row = {column: _pick(values, spoiled.value)}
    stage.world.log(odd, row.pop("new_status", "qualified"), **row)


def _rule(stage: Stage, spoiled: Spoiled, number: int) -> None:
    property_id = stage.properties[spoiled.property_number]
    odd = add_rule(stage.world, property_id, "contacted")
    column = _pick(["conditions", "actions", "trigger_status", "target_status", "created_at"], spoiled.column)
    is_document = column in ("conditions", "actions")
    value = _pick(DOCUMENTS if is_document else TIMES if column == "created_at" else WORDS, spoiled.value)
    typed = "CAST(:v AS jsonb)" if is_document else ":v"
    stage.world.do(f"UPDATE status_workflow_rules SET {column} = {typed} WHERE id = :r", v=value, r=odd)


def _preference(stage: Stage, spoiled: Spoiled, number: int) -> None:
    property_id = stage.properties[spoiled.property_number]
    column = _pick(["recipients", "status_type", "notification_method", "template_id"], spoiled.column)
    if column == "recipients":
        stage.prefer(property_id, _pick(DOCUMENTS, spoiled.value))
    else:
        stage.prefer(property_id, '["nobody"]', **{column: _pick([*WORDS, "email", "../x"], spoiled.value)})


def _integration(stage: Stage, spoiled: Spoiled, number: int) -> None:
    """The row of the last property, which is then the spoiled record itself."""
    column = _pick(
        ["time_zone", "agent_id", "source_id", "lost_reason_id", "resman_property_id", "connected_at"],
        spoiled.column,
    )
    value = _pick(TIMES if column == "connected_at" else WORDS, spoiled.value)
    stage.lost.add(2)
    stage.world.do(
        f"UPDATE domiq_sync.integration SET {column} = :v WHERE property_id = :p",
        v=value,
        p=stage.properties[2],
    )


def _status_map(stage: Stage, spoiled: Spoiled, number: int) -> None:
    """What a word means at the last property."""
    stage.lost.add(2)
    stage.world.do(
        "INSERT INTO domiq_sync.resman_status_map (property_id, resman_status, covers, sets) "
        "VALUES (:p, :w, ARRAY[:l], :l)",
        p=stage.properties[2], w=_pick(["Prospect", "Applicant", "no such"], spoiled.column),
        l=_pick(["leased", "lost", "no such"], spoiled.value),
    )  # fmt: skip


SPOILERS: Mapping[str, Callable[[Stage, Spoiled, int], None]] = {
    "prospect": _prospect,
    "conversation": _conversation,
    "log row": _log_row,
    "rule": _rule,
    "preference": _preference,
    "integration": _integration,
    "status map": _status_map,
}
