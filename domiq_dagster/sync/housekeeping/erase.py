"""Erasure: what the sync holds of a person is removed, in the log and its archive as well. That there were
changes, when, between which statuses and how they ended stays, and so does the fact, with a keyed hash of
what was asked for and nothing else of it.

DomIQ's own tables and ResMan are not touched: for as long as both have the lead, the next pull and the next
change bring it back, without a name, e-mail address or phone number. So it is erased there first.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row

from domiq_dagster.db.errors import DatabaseError
from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.redact import describe
from domiq_dagster.sync import trouble
from domiq_dagster.sync.decisions.conflict_store import count_open, erase_conflicts
from domiq_dagster.sync.linking.erasure import erase_links
from domiq_dagster.sync.linking.matching import split_emails, split_phones
from domiq_dagster.sync.notifications.erasure import being_sent, erase_notices, erase_reports
from domiq_dagster.sync.operator_actions import Deciding, erase_actions, record
from domiq_dagster.sync.pull.erasure import erase_leads
from domiq_dagster.sync.queue import erasure as changes_of
from domiq_dagster.sync.report.erasure import erase_pages
from domiq_dagster.sync.rules.erasure import erase_rulings
from domiq_dagster.sync.setup.pausing import erase_reasons

QUERIES = load_queries(__package__, "erase.sql")
_KINDS = (
    *(trouble.PROSPECT, trouble.LEAD, trouble.UNADOPTED, trouble.UNLOGGED, trouble.RULING, trouble.TELLING),
    trouble.DELIVERY,
)
_REQUEST = re.compile(r"[A-Za-z0-9._#/-]{1,40}")
_SHORTEST_NAME = 3
_ANYWHERE = 5
"""From so many letters on a name is looked for inside of other words too."""
_TAIL = 7
"""So many digits tell phone numbers apart, however they are written."""


class CannotErase(DatabaseError):
    """Somebody cannot be erased now, or nothing is known of them; the text says what to do, and does not name
    them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an erasure is about.

    Attributes:
        kind: conversation or person.
        conversations: theirs, by id.
        users: DomIQ's users that the person is.
        values: the addresses and numbers by which something may be found.
        names: what DomIQ calls them.
        canonical: what was asked for, as its hash is made.
    """

    kind: str
    conversations: Sequence[UUID]
    users: Sequence[UUID] = ()
    values: Sequence[str] = field(default=(), repr=False)
    names: Sequence[str] = field(default=(), repr=False)
    canonical: str = field(default="", repr=False)

    def reference(self, key: bytes) -> str:
        """The keyed hash of what was asked for: the same for the same person, as it was given."""
        return hmac.digest(key, f"{self.kind}:{self.canonical}".encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, or would be.

    Attributes:
        counts: how many rows of what.
        earlier: when and by whom the same was erased before.
        erased_at: None in a dry run.
    """

    subject: str
    reference: str
    conversations: int
    counts: dict[str, int]
    earlier: Sequence[tuple[datetime, str]]
    erased_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def find_conversation(connection: Connection, conversation: UUID) -> Subject:
    """One conversation, also one that DomIQ has deleted.

    Raises:
        CannotErase: nothing is known of it.
    """
    if not connection.scalar(QUERIES.is_known, {"conversation": conversation}):
        raise CannotErase("Nothing is known of this conversation: give the id that DomIQ has, or had.")
    user = connection.execute(QUERIES.user_of, {"conversation": conversation}).all()
    values = tuple(v for row in user for v in (row.email, row.phone) if v)
    return Subject("conversation", [conversation], (), values, _names(user), str(conversation))


def find_person(connection: Connection, given: str) -> Subject:
    """All of DomIQ's users with an e-mail address, a phone number or an id, with their conversations.

    Raises:
        CannotErase: nobody has it.
    """
    given = given.strip()
    user_id = _uuid(given)
    if user_id is not None:
        users = connection.execute(QUERIES.users_by_id, {"value": user_id}).all()
        canonical = str(user_id)
    elif "@" in given:
        canonical = given.lower()
        found = connection.execute(QUERIES.users_by_email, {"value": given}).all()
        users = [u for u in found if canonical in (e.strip().lower() for e in split_emails(u.email))]
    else:
        canonical = re.sub(r"\D", "", given)[-10:]
        if len(canonical) < _TAIL:
            raise CannotErase("This is no e-mail address, phone number or id of a user of DomIQ's.")
        found = connection.execute(QUERIES.users_by_phone, {"value": canonical[-_TAIL:]}).all()
        users = [u for u in found if any(_same_phone(canonical, p) for p in split_phones(u.phone))]
    if not users:
        raise CannotErase(
            "DomIQ has no user with this e-mail address, phone number or id: give --conversation, with the "
            "id of each conversation that they had."
        )
    ids = [u.id for u in users]
    conversations = list(connection.scalars(QUERIES.conversations_of, {"users": ids}))
    values = {v for u in users for v in (u.email, u.phone) if v}
    return Subject("person", conversations, ids, sorted({*values, given}), _names(users), canonical)


def erase(
    engine: Engine,
    subject: Subject,
    *,
    key: bytes,
    by: str,
    request: str | None = None,
    settle: bool = False,
    dry_run: bool = False,
) -> Erased:
    """Erases in one transaction, and puts on record that it was done.

    Args:
        key: of the hash.
        by: who goes on record.
        request: what their request is filed under: a word without anything of theirs.
        settle: what is pending fails, and a conflict ends undecided, rather than being in the way.

    Raises:
        CannotErase: something is still open, or under way; or `request` may tell of them.
    """
    _check_request(request, subject)
    with engine.connect() as connection:
        conversations = subject.conversations
        if changes_of.lock_settled(connection, conversations, settle=settle):
            raise CannotErase(_OPEN_DELIVERY_SETTLED if settle else _OPEN_DELIVERY)
        if not settle and count_open(connection, conversations):
            raise CannotErase(_OPEN_CONFLICT)
        changes = changes_of.change_ids(connection, conversations)
        if being_sent(connection, changes):
            raise CannotErase("A notice about them is being sent just now: run it again in a minute.")
        counts, leads = erase_links(connection, conversations, subject.users)
        counts["conflicts"] = erase_conflicts(connection, conversations, open_too=settle)
        prospects = [prospect for _, prospect in leads]
        counts["leads"] = erase_leads(connection, leads)
        counts |= changes_of.erase_changes(connection, changes, prospects)
        counts |= erase_rulings(connection, changes, conversations)
        counts["notices"] = erase_notices(connection, changes, subject.values)
        keys = [str(k) for k in (*conversations, *changes, *prospects)]
        for kind in _KINDS:
            trouble.clear(connection, kind, None, keys)
        counts["reports"] = erase_reports(connection, conversations, prospects)
        counts["report_pages"] = erase_pages(connection, conversations, prospects)
        patterns = _patterns((*subject.values, *subject.names))
        counts["operator_actions"] = erase_actions(connection, keys, patterns)
        counts["pauses"] = erase_reasons(connection, patterns)
        reference = subject.reference(key)
        earlier = [
            (e.erased_at, e.erased_by) for e in connection.execute(QUERIES.earlier, {"reference": reference})
        ]
        erased_at = None
        if dry_run:
            connection.rollback()
        else:
            values = {
                **{"by": by, "subject": subject.kind, "reference": reference},
                **{"conversations": len(conversations), "counts": json.dumps(counts)},
            }
            erased_at = connection.scalar(QUERIES.record, values)
            record(
                connection,
                Deciding.ERASE,
                by,
                details={
                    "reference": reference,
                    "conversations": len(conversations),
                    "request": request,
                },
            )
            connection.commit()
        return Erased(subject.kind, reference, len(conversations), counts, earlier, erased_at)


_OPEN_DELIVERY = (
    "Changes of theirs have yet to reach ResMan: let `domiq-sync sync` bring them there, or give --settle, "
    "and they fail."
)
_OPEN_DELIVERY_SETTLED = (
    "A change of theirs is being sent to ResMan, or may have arrived there: run it again in ten minutes; "
    "`domiq-sync conflicts` lists what waits for somebody's word."
)
_OPEN_CONFLICT = (
    "A conflict of theirs waits for a person (`domiq-sync conflicts`): decide it, or give --settle, and it "
    "ends undecided."
)


def _check_request(request: str | None, subject: Subject) -> None:
    if request is None:
        return
    private = (*subject.values, *subject.names, *map(str, (*subject.conversations, *subject.users)))
    if not _REQUEST.fullmatch(request) or describe(request, private) != request:
        raise CannotErase(
            "--request is one word that their request is filed under, such as DSR-2041: at most 40 letters, "
            "digits and signs, and nothing of the person, since it stays on record."
        )


def _names(users: Sequence[Row[Any]]) -> tuple[str, ...]:
    """First and last names, those of a letter or two left out: any word has them."""
    parts = {part.strip() for u in users for part in (u.first_name, u.last_name) if part}
    return tuple(sorted(part for part in parts if len(part) >= _SHORTEST_NAME))


def _patterns(words: Iterable[str]) -> list[str]:
    """PostgreSQL's regular expressions that find these in a text in lower case. A short one not within a
    longer word: whoever is called Don has nothing to do with what is done."""
    bare = [word.strip().lower() for word in words if word.strip()]
    return [
        re.escape(word) if len(word) >= _ANYWHERE else f"(^|[^[:alnum:]]){re.escape(word)}($|[^[:alnum:]])"
        for word in bare
    ]


def _same_phone(digits: str, phone: str) -> bool:
    other = re.sub(r"\D", "", phone)[-10:]
    return other == digits or (min(len(other), len(digits)) == _TAIL and other[-_TAIL:] == digits[-_TAIL:])


def _uuid(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None
