"""A quick look at each prospect that streams by: may it belong to one of DomIQ's users who have no lead yet?

Recognising a phone number costs more than all else of reading a prospect, and most prospects are nobody's. So
only those are kept for the link finder that share an e-mail address, the last digits of a phone or a name
with somebody, or whose id the application logged. What is let go could not have been linked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, text

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.resman.prospect import Prospect
from domiq_dagster.sync.linking import Contact, contact, normalise_email, normalise_name, normalise_phone
from domiq_dagster.sync.links import LinkFinder
from domiq_dagster.sync.statuses import RESMAN_LOST

_QUERIES = load_queries(__package__, "pull.sql")
_LAST_DIGITS = 7
_PLAIN = re.compile(r"[-0-9()+./ ]*\Z")
_NO_MARKS = str.maketrans("", "", "-()+./ ")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A prospect that may belong to somebody. The contact stays in memory."""

    prospect_id: str
    person_id: str | None
    person: Contact = field(repr=False)
    lost: bool


class Glance:
    """Keeps what it sees of interest: of the answer under way until that is whole, then for good."""

    def __init__(self, connection: Connection, property_id: UUID) -> None:
        self._ids: set[str] = set()
        self._emails: set[str] = set()
        self._phones: set[str] = set()
        self._names: set[tuple[str, str]] = set()
        for row in connection.execute(text(_QUERIES["may_be_linked"]), {"property_id": property_id}):
            email, phone = normalise_email(row.email), normalise_phone(row.phone)
            name = normalise_name(row.first_name, row.last_name)
            if row.stored_id:
                self._ids.add(row.stored_id)
            if email:
                self._emails.add(email)
            if phone:
                self._phones.add(phone[-_LAST_DIGITS:])
            if name:
                self._names.add(name)
        self._looks = bool(self._ids or self._emails or self._phones or self._names)
        self._under_way: list[Sighting] = []
        self.seen: list[Sighting] = []

    def look(self, prospect: Prospect) -> None:
        """Looks at one prospect of an answer that is under way."""
        if not self._looks or (main := prospect.main_person) is None:
            return
        if not (
            prospect.prospect_id in self._ids
            or self._knows_phone(main.phone)
            or (main.email is not None and normalise_email(main.email) in self._emails)
            or normalise_name(main.first_name, main.last_name) in self._names
        ):
            return
        person = contact(main.first_name, main.last_name, main.email, main.phone)
        lost = prospect.status == RESMAN_LOST
        self._under_way.append(Sighting(prospect.prospect_id, prospect.main_person_id, person, lost))

    def _knows_phone(self, phone: str | None) -> bool:
        if phone is None or not self._phones:
            return False
        digits = last_digits(phone)
        return digits is None or digits in self._phones

    def keep(self) -> None:
        """The answer was whole."""
        self.seen += self._under_way
        self._under_way = []

    def drop(self) -> None:
        """The answer broke off: what it showed did not happen."""
        self._under_way = []

    def show(self, finder: LinkFinder) -> None:
        """Shows a finder what was seen."""
        for s in self.seen:
            finder.see(s.prospect_id, s.person_id, s.person, s.lost)


def last_digits(phone: str) -> str | None:
    """The last digits of a phone number as somebody wrote it, which are those of its E.164 form as well; None
    where that cannot be told without understanding the number (letters, an extension, another country)."""
    if not _PLAIN.match(phone):
        return None
    digits = phone.translate(_NO_MARKS)
    plain = len(digits) == 10 or (len(digits) == 11 and digits[0] == "1") or len(digits) < _LAST_DIGITS
    return digits[-_LAST_DIGITS:] if plain else None
