"""Reading logged changes and their facts: few statements for many changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from domiq_dagster.db.json_values import as_object, require_readable
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.rules.comparisons import Needs
from domiq_dagster.sync.rules.facts import (
    CHANGE_FIELDS,
    Catalogue,
    Facts,
    FieldKind,
    LoggedChange,
    Predecessor,
)
from domiq_dagster.sync.rules.store import RuledProperty

QUERIES = load_queries(__package__, "changes.sql")
_COLUMNS = tuple(name for name in LoggedChange.__dataclass_fields__ if name != "before")
_MAY_BE_INFINITE = frozenset({FieldKind.DATE, FieldKind.MOMENT, FieldKind.LOCAL_MOMENT})
_AT_A_TIME = 2000


def unruled_changes(
    connection: Connection, ruled: RuledProperty, conversations: Sequence[UUID], *, most: int
) -> list[LoggedChange]:
    """Reads the changes of these conversations that the rules have not looked at, in order, each with the one
    before it."""
    given = {
        "conversations": list(conversations),
        "property_id": ruled.property_id,
        "connected_at": ruled.connected_at,
        "most": most,
    }
    changes = []
    for row in connection.execute(QUERIES.unruled_changes, given):
        before = None
        if row.before_id is not None:
            before = Predecessor(row.before_id, row.before_rule_id, row.before_depth, row.before_old_status)
        changes.append(_change(row._mapping, before))
    return changes


def has_unruled(connection: Connection, ruled: RuledProperty, conversation_id: UUID) -> bool:
    """Whether a conversation has a change that the rules have not looked at."""
    given = {
        "conversation_id": conversation_id,
        "property_id": ruled.property_id,
        "connected_at": ruled.connected_at,
    }
    return bool(connection.scalar(QUERIES.still_unruled, given))


def logged_changes(
    connection: Connection, property_id: UUID, since: datetime, *, open_only: bool
) -> Iterator[list[LoggedChange]]:
    """Reads what was logged for a property since a time, in order, some thousand at a time.

    Args:
        open_only: only what the rules have not looked at.
    """
    given = {"property_id": property_id, "since": since, "open_only": open_only, "most": _AT_A_TIME}
    after = 0
    while True:
        rows = connection.execute(QUERIES.logged_changes, {**given, "after": after}).all()
        if not rows:
            return
        changes = [_change(row._mapping) for row in rows]
        yield changes
        after = changes[-1].seq


def first_unruled(connection: Connection, property_id: UUID, since: datetime) -> datetime | None:
    """When the first change was logged, since a time, that the rules have not looked at."""
    found: datetime | None = connection.scalar(
        QUERIES.first_unruled, {"property_id": property_id, "since": since}
    )
    return found


def _change(row: Mapping[Any, Any], before: Predecessor | None = None) -> LoggedChange:
    return LoggedChange(**{name: row[name] for name in _COLUMNS}, before=before)


class FactReader:
    """Reads the facts of changes of one property: what its rules need of them, and no more."""

    def __init__(
        self, connection: Connection, catalogue: Catalogue, needs: Needs, zone: ZoneInfo | None
    ) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._needs = needs
        self._zone = zone

    def read(self, changes: Sequence[LoggedChange], *, lock: bool) -> dict[UUID, Facts]:
        """Reads the facts of these changes.

        Args:
            lock: keep the conversations locked until the transaction ends.

        Returns:
            The facts by change. With `lock`, a change whose conversation somebody else is changing just now
            has none.

        Raises:
            UnreadableValue, DBAPIError: one of them cannot be read.
        """
        if not changes:
            return {}
        conversations = self._conversations(list({c.conversation_id for c in changes}), lock=lock)
        known = [c for c in changes if c.conversation_id in conversations]
        messages = self._count_messages(known) if self._needs.messages and known else {}
        return {
            c.change_id: Facts(
                change={name: getattr(c, name) for name in CHANGE_FIELDS},
                conversation=conversations[c.conversation_id],
                context=as_object(c.context_data),
                changed_at=c.changed_at,
                zone=self._zone,
                message_count=messages.get(c.change_id),
            )
            for c in known
        }

    def _conversations(self, ids: Sequence[UUID], *, lock: bool) -> dict[UUID, dict[str, Any]]:
        """The status of these conversations, and the columns that the rules need."""
        columns = self._catalogue.conversation
        chosen = sorted({"status", *self._needs.columns}.intersection(columns))
        selected = "".join(f", {_selected(name, columns[name])}" for name in chosen)
        locking = "FOR NO KEY UPDATE SKIP LOCKED" if lock else ""
        query = text(
            f"SELECT c.id{selected} FROM public.conversation c "
            f"WHERE c.id = ANY (CAST(:ids AS uuid[])) {locking}"
        )
        rows = self._connection.execute(query, {"ids": list(ids)})
        return {row[0]: dict(zip(chosen, map(_plain, row[1:]), strict=True)) for row in rows}

    def _count_messages(self, changes: Sequence[LoggedChange]) -> Mapping[UUID, int]:
        """How many messages each change's conversation had by then."""
        given: dict[str, Any] = {
            "ids": [c.change_id for c in changes],
            "conversations": [c.conversation_id for c in changes],
        }
        if self._catalogue.message_times:
            given["times"] = [c.changed_at for c in changes]
            rows = self._connection.execute(QUERIES.count_messages, given)
        else:
            rows = self._connection.execute(QUERIES.count_all_messages, given)
        return {row.change_id: row.messages for row in rows}


def _selected(name: str, kind: FieldKind) -> str:
    """A column as it is selected; Python knows no infinite times."""
    quoted = 'c."' + name.replace('"', '""').replace(":", r"\:") + '"'
    return f"CASE WHEN isfinite({quoted}) THEN {quoted} END" if kind in _MAY_BE_INFINITE else quoted


def _plain(value: Any) -> Any:
    require_readable(value)
    return str(value) if isinstance(value, UUID) else value
