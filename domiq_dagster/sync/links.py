"""Storing which prospect a conversation belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.linking import Ambiguous, Contact, Index, Match, contact

_QUERIES = load_queries(__package__, "pull.sql")
_STRENGTH = {"stored_id": 3, "email": 2, "phone": 1, "name": 0}


def link_conversation(
    connection: Connection,
    *,
    property_id: UUID,
    conversation_id: UUID,
    prospect_id: str,
    person_id: str | None,
    linked_by: str,
) -> bool:
    """Links a conversation; of several conversations of one lead the newest becomes current. Returns
    False where it was linked already."""
    values = {
        "property_id": property_id,
        "conversation_id": conversation_id,
        "prospect_id": prospect_id,
        "person_id": person_id,
        "linked_by": linked_by,
    }
    connection.execute(text(_QUERIES["step_back"]), values)
    return connection.execute(text(_QUERIES["link_conversation"]), values).rowcount == 1


@dataclass(slots=True)
class _Claim:
    """A prospect that looks like a user."""

    prospect_id: str
    person_id: str | None
    linked_by: str
    lost: bool


class LinkFinder:
    """Collects, while prospects stream by, which of them belong to unlinked conversations.

    Holds DomIQ's side in memory, never ResMan's: 200,000 prospects cost nothing here unless they
    match. Nothing is stored before `store`.
    """

    def __init__(self, connection: Connection, property_id: UUID) -> None:
        self._property_id = property_id
        rows = connection.execute(
            text(_QUERIES["unlinked_conversations"]), {"property_id": property_id}
        ).all()
        self._conversations: dict[object, list[UUID]] = {}
        self._by_stored_id: dict[str, object] = {}
        for row in rows:
            self._conversations.setdefault(row.user_id, []).append(row.conversation_id)
            if row.stored_id:
                self._by_stored_id[row.stored_id] = row.user_id
        contacts = [contact(r.first_name, r.last_name, r.email, r.phone) for r in rows]
        self._index = Index(contacts, [r.user_id for r in rows])
        self._users = [r.user_id for r in rows]
        self._linked = set(
            connection.scalars(
                text("SELECT prospect_id FROM domiq_sync.lead_link WHERE property_id = :p AND is_current"),
                {"p": property_id},
            )
        )
        self._claims: dict[object, list[_Claim]] = {}
        self._ambiguous: dict[str, Ambiguous] = {}

    def see(self, prospect_id: str, person_id: str | None, person: Contact, lost: bool) -> None:
        """Looks at one prospect. A prospect that has its conversation may still get a newer one."""
        if prospect_id in self._by_stored_id:
            self._claim(self._by_stored_id[prospect_id], _Claim(prospect_id, person_id, "stored_id", lost))
            return
        found = self._index.find(person)
        if isinstance(found, Ambiguous):
            if prospect_id not in self._linked:
                self._ambiguous[prospect_id] = found
        elif isinstance(found, Match):
            self._claim(self._users[found.index], _Claim(prospect_id, person_id, found.linked_by, lost))

    def _claim(self, user: object, claim: _Claim) -> None:
        self._claims.setdefault(user, []).append(claim)

    def store(self, connection: Connection) -> int:
        """Stores what is certain and lists what is not. Returns how many conversations were linked."""
        linked = 0
        for user, claims in self._claims.items():
            chosen = _choose(claims)
            if chosen is None:
                self._ask(
                    connection, claims[0].prospect_id, "several prospects look like one user", len(claims)
                )
                continue
            connection.execute(
                text(_QUERIES["close_link_question"]),
                {"property_id": self._property_id, "prospect_id": chosen.prospect_id},
            )
            for conversation_id in self._conversations[user]:
                linked += link_conversation(
                    connection,
                    property_id=self._property_id,
                    conversation_id=conversation_id,
                    prospect_id=chosen.prospect_id,
                    person_id=chosen.person_id,
                    linked_by=chosen.linked_by,
                )
        for prospect_id, found in self._ambiguous.items():
            self._ask(connection, prospect_id, f"several users share its {found.linked_by}", found.candidates)
        return linked

    def _ask(self, connection: Connection, prospect_id: str, reason: str, candidates: int) -> None:
        connection.execute(
            text(_QUERIES["ask_about_link"]),
            {
                "property_id": self._property_id,
                "prospect_id": prospect_id,
                "reason": reason,
                "candidates": candidates,
            },
        )


def _choose(claims: list[_Claim]) -> _Claim | None:
    """The strongest claim; among equals the only one that is not lost; None where several are left."""
    by_prospect = {c.prospect_id: c for c in sorted(claims, key=lambda c: _STRENGTH[c.linked_by])}
    strongest = max(_STRENGTH[c.linked_by] for c in by_prospect.values())
    best = [c for c in by_prospect.values() if _STRENGTH[c.linked_by] == strongest]
    if len(best) > 1:
        best = [c for c in best if not c.lost]
    return best[0] if len(best) == 1 else None
