"""Made-up people: names, e-mail addresses at example.com, 555-01xx numbers, and the ways to write one."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

FIRST_NAMES: Final = (
    "Amara", "Anselm", "Beatrix", "Caspian", "Clio", "Damaris", "Edwin", "Elowen", "Fenna", "Florian",
    "Gideon", "Hanne", "Imre", "Isolde", "Jorah", "Juno", "Keziah", "Lazlo", "Linnea", "Magnus",
    "Marisol", "Nadia", "Orla", "Oswin", "Perrin", "Phaedra", "Rafael", "Romy", "Soren", "Sunniva",
    "Tamsin", "Teodor", "Umi", "Valentin", "Vesper", "Willa", "Xenia", "Yusuf", "Zara", "Zoltan",
)  # fmt: skip
LAST_NAMES: Final = (
    "Abernathy", "Arkwright", "Barrowe", "Brightwater", "Calloway", "Crane", "Dellarosa", "Drummond",
    "Elmhurst", "Everly", "Fairbrook", "Foxglove", "Glasswell", "Greenhalgh", "Hawksley", "Hollander",
    "Ironwood", "Ives", "Juniper", "Karras", "Kingsley", "Larkin", "Lockhart", "Merriweather", "Moss",
    "Nettles", "Okafor", "Pemberton", "Pryce", "Quimby", "Ravenel", "Rutherford", "Saltmarsh", "Stroud",
    "Tillery", "Upton", "Vandermeer", "Wexford", "Yates", "Zimmer",
)  # fmt: skip
_AREA_CODES: Final = (
    "402", "404", "405", "406", "407", "409", "410", "412", "413", "414", "415", "417", "419", "423",
    "432", "434", "440", "443", "458", "470", "478", "480", "501", "502", "503", "505", "507", "508",
    "509", "512", "513", "515", "517", "518", "520", "530", "540", "541", "559", "561",
)  # fmt: skip
_NOTATIONS: Final = (
    "({0}) {1}-{2}",
    "{0}-{1}-{2}",
    "{0}.{1}.{2}",
    "{0}{1}{2}",
    "+1 {0} {1} {2}",
    "1-{0}-{1}-{2}",
)


@dataclass(frozen=True, slots=True)
class Person:
    first_name: str
    last_name: str
    email: str
    phone: str


def phone_digits(phone: str) -> str:
    """The ten digits of a North American number, however it is written."""
    return "".join(c for c in phone if c.isdigit())[-10:]


def other_notation(phone: str, dice: random.Random) -> str:
    """The same ten-digit number in a notation that differs from the given text."""
    digits = phone_digits(phone)
    parts = digits[:3], digits[3:6], digits[6:]
    return dice.choice([text for n in _NOTATIONS if (text := n.format(*parts)) != phone])


class PeopleMaker:
    """Makes people of whom none shares a full name, an e-mail or a phone with another, or with one known
    beforehand. An e-mail counts without its case, a phone by its digits."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._names: set[tuple[str, str]] = set()
        self._emails: set[str] = set()
        self._phones: set[str] = set()

    def know(self, people: Iterable[tuple[str, str, str | None, str | None]]) -> None:
        """Keeps clear of these people: first name, last name, e-mail, phone."""
        for first, last, email, phone in people:
            self._names.add((first.lower(), last.lower()))
            self._emails.add((email or "").lower())
            self._phones.add(phone_digits(phone or ""))

    def make(self) -> Person:
        """A new person with e-mail and phone. Raises RuntimeError when no 555-01xx number is left."""
        first, last = self._name()
        email, serial = f"{first}.{last}@example.com".lower(), 1
        while email in self._emails:
            serial += 1
            email = f"{first}.{last}{serial}@example.com".lower()
        self._emails.add(email)
        return Person(first, last, email, self._phone())

    def _name(self) -> tuple[str, str]:
        for attempt in range(10_000):
            first, last = self._dice.choice(FIRST_NAMES), self._dice.choice(LAST_NAMES)
            if attempt > 50:
                last = f"{last}-{self._dice.choice(LAST_NAMES)}"
            if (first.lower(), last.lower()) not in self._names:
                self._names.add((first.lower(), last.lower()))
                return first, last
        raise RuntimeError("there is no name left that nobody has")

    def _phone(self) -> str:
        for _ in range(100_000):
            area, line = self._dice.choice(_AREA_CODES), self._dice.randrange(100)
            if f"{area}55501{line:02d}" not in self._phones:
                self._phones.add(f"{area}55501{line:02d}")
                return f"({area}) 555-01{line:02d}"
        raise RuntimeError("there is no 555-01xx number left that nobody has")
