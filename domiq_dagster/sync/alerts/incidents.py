"""The state of one alert: what a look at something makes of it, and what people are told. Pure.

A spell begins when something turns bad, is told once that has lasted for a time, and ends when all has looked
good for a time. What looks good and bad in turn (flapping) therefore stays one spell; one that begins again
soon after its end is the same spell, which people are told again, and whose next end must last twice as long.
The live alerts and the backtest run this same code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

_MOST_DOUBLINGS = 3


class Phase(StrEnum):
    SUSPECT = "suspect"
    """Bad, but not for long enough that people were told."""
    OPEN = "open"
    CLOSED = "closed"


class Turn(StrEnum):
    """What people are told."""

    OPENED = "opened"
    REOPENED = "reopened"
    WIDENED = "widened"
    REMINDER = "reminder"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class AlertRules:
    """Times of a spell.

    open_after: how long something is bad before people are told. recover_after: how long it looks good before
    it is over. reopen_within: how soon after its end a spell may go on. remind_after: since the last word.
    widen_after: the least time between the last word and one about who has joined.
    """

    open_after: timedelta = timedelta(0)
    recover_after: timedelta = timedelta(minutes=10)
    reopen_within: timedelta = timedelta(minutes=60)
    remind_after: timedelta = timedelta(hours=12)
    widen_after: timedelta = timedelta(minutes=15)

    def hold(self, reopened: int) -> timedelta:
        """How long a spell that came back so often must look good before it is over."""
        doublings: int = 2 ** min(reopened, _MOST_DOUBLINGS)
        return self.recover_after * doublings


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen: bad, good, or None where nobody can tell (another alert explains it, say). `scope` is
    what a cause has taken hold of."""

    at: datetime
    bad: bool | None
    scope: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Spell:
    """One spell of trouble. opened_at: when it turned bad; suspected_at: the same, or when it last turned bad
    after it had been closed; told_at: when people were last told; scope: of what."""

    phase: Phase
    opened_at: datetime
    suspected_at: datetime
    told_at: datetime | None = None
    good_since: datetime | None = None
    closed_at: datetime | None = None
    reopened: int = 0
    scope: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        return self.phase is Phase.OPEN


def step(spell: Spell | None, look: Look, rules: AlertRules) -> tuple[Spell | None, Turn | None]:
    """The spell after a look, and what people are told. Looks come in the order of time."""
    if look.bad is None:
        return spell, None
    if spell is None or spell.phase is Phase.CLOSED:
        return _quiet(spell, look, rules)
    if spell.phase is Phase.SUSPECT:
        return _suspect(spell, look, rules)
    return _bad(spell, look, rules) if look.bad else _good(spell, look, rules)


def _quiet(spell: Spell | None, look: Look, rules: AlertRules) -> tuple[Spell | None, Turn | None]:
    if not look.bad:
        return spell, None
    if spell is not None and spell.closed_at is not None and look.at - spell.closed_at <= rules.reopen_within:
        begun = replace(spell, phase=Phase.SUSPECT, suspected_at=look.at)
    else:
        begun = Spell(Phase.SUSPECT, opened_at=look.at, suspected_at=look.at)
    return _suspect(begun, look, rules)


def _suspect(spell: Spell, look: Look, rules: AlertRules) -> tuple[Spell | None, Turn | None]:
    again = spell.closed_at is not None
    if not look.bad:
        return (replace(spell, phase=Phase.CLOSED), None) if again else (None, None)
    if look.at - spell.suspected_at < rules.open_after:
        return spell, None
    told = replace(
        spell,
        phase=Phase.OPEN,
        told_at=look.at,
        good_since=None,
        closed_at=None,
        reopened=spell.reopened + again,
        scope=look.scope,
    )
    return told, Turn.REOPENED if again else Turn.OPENED


def _bad(spell: Spell, look: Look, rules: AlertRules) -> tuple[Spell, Turn | None]:
    spell = replace(spell, good_since=None) if spell.good_since else spell
    since_told = look.at - (spell.told_at or spell.opened_at)
    if look.scope - spell.scope and since_told >= rules.widen_after:
        return replace(spell, told_at=look.at, scope=spell.scope | look.scope), Turn.WIDENED
    if since_told >= rules.remind_after:
        return replace(spell, told_at=look.at), Turn.REMINDER
    return spell, None


def _good(spell: Spell, look: Look, rules: AlertRules) -> tuple[Spell, Turn | None]:
    spell = spell if spell.good_since else replace(spell, good_since=look.at)
    assert spell.good_since is not None
    if look.at - spell.good_since < rules.hold(spell.reopened):
        return spell, None
    over = replace(spell, phase=Phase.CLOSED, good_since=None, closed_at=look.at, told_at=look.at)
    return over, Turn.RECOVERED


def next_turn(spell: Spell | None, look: Look, rules: AlertRules) -> datetime | None:
    """The first time at which a look like this one could change anything again after it was taken; None where
    none could. `spell` is what the look made."""
    if look.bad is None or spell is None or spell.phase is Phase.CLOSED:
        return None
    if spell.phase is Phase.SUSPECT:
        return spell.suspected_at + rules.open_after
    if not look.bad:
        return spell.good_since + rules.hold(spell.reopened) if spell.good_since else None
    told = spell.told_at or spell.opened_at
    return told + (rules.widen_after if look.scope - spell.scope else rules.remind_after)
