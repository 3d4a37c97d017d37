"""One incident: what each observation makes of it, and of which transitions people are notified. Pure.

An incident begins when something turns bad. People are notified once that has lasted for a time, and it ends
when all has looked good for a time. What flaps between good and bad therefore stays one incident. One that
begins again soon after its end is the same incident: people are notified that it is back, and its next end
must last twice as long.

The live alerts and the backtest run this same code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

_MOST_DOUBLINGS = 3


class Phase(StrEnum):
    """How far an incident has come."""

    SUSPECT = "suspect"
    """Bad, but not for long enough that people were notified."""
    OPEN = "open"
    CLOSED = "closed"


class Transition(StrEnum):
    """A change of an incident that people are notified of."""

    OPENED = "opened"
    REOPENED = "reopened"
    WIDENED = "widened"
    REMINDER = "reminder"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class AlertRules:
    """Times of an incident.

    Attributes:
        open_after: how long something is bad before people are notified.
        recover_after: how long it looks good before it is over.
        reopen_within: how soon after its end an incident may go on.
        remind_after: how long after the last notice people are reminded.
        widen_after: the least time between the last notice and one about who has joined.
    """

    open_after: timedelta = timedelta(0)
    recover_after: timedelta = timedelta(minutes=10)
    reopen_within: timedelta = timedelta(minutes=60)
    remind_after: timedelta = timedelta(hours=12)
    widen_after: timedelta = timedelta(minutes=15)

    def close_after(self, reopened: int) -> timedelta:
        """How long an incident that came back so often must look good before it is over."""
        doublings: int = 2 ** min(reopened, _MOST_DOUBLINGS)
        return self.recover_after * doublings


@dataclass(frozen=True, slots=True)
class Observation:
    """How something looks at one moment.

    Attributes:
        at: the moment (aware).
        bad: whether it is bad; None where nobody can tell (another alert explains it, say).
        scope: what a cause has taken hold of.
    """

    at: datetime
    bad: bool | None
    scope: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Incident:
    """One stretch of trouble.

    Attributes:
        opened_at: when it turned bad.
        suspected_at: the same, or when it last turned bad after it had been closed.
        notified_at: when people were last notified.
        good_since: since when it looks good, while it is open.
        reopened: how often it came back.
        scope: what a cause has taken hold of, as far as people were notified.
    """

    phase: Phase
    opened_at: datetime
    suspected_at: datetime
    notified_at: datetime | None = None
    good_since: datetime | None = None
    closed_at: datetime | None = None
    reopened: int = 0
    scope: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        return self.phase is Phase.OPEN


def advance(
    incident: Incident | None, observation: Observation, rules: AlertRules
) -> tuple[Incident | None, Transition | None]:
    """Takes an incident one observation further. Observations come in the order of time.

    Args:
        incident: as the observation before this one left it; None where there is none.
        observation: how it looks now.
        rules: the times in force.

    Returns:
        The incident after the observation (None: there is none), and the transition that people are to be
        notified of.
    """
    if observation.bad is None:
        return incident, None
    if incident is None or incident.phase is Phase.CLOSED:
        return _from_closed(incident, observation, rules)
    if incident.phase is Phase.SUSPECT:
        return _from_suspect(incident, observation, rules)
    if observation.bad:
        return _still_bad(incident, observation, rules)
    return _looks_good(incident, observation, rules)


def _from_closed(
    incident: Incident | None, observation: Observation, rules: AlertRules
) -> tuple[Incident | None, Transition | None]:
    if not observation.bad:
        return incident, None
    at = observation.at
    ended = incident.closed_at if incident is not None else None
    if incident is not None and ended is not None and at - ended <= rules.reopen_within:
        suspect = replace(incident, phase=Phase.SUSPECT, suspected_at=at)
    else:
        suspect = Incident(Phase.SUSPECT, opened_at=at, suspected_at=at)
    return _from_suspect(suspect, observation, rules)


def _from_suspect(
    incident: Incident, observation: Observation, rules: AlertRules
) -> tuple[Incident | None, Transition | None]:
    again = incident.closed_at is not None
    if not observation.bad:
        return (replace(incident, phase=Phase.CLOSED), None) if again else (None, None)
    if observation.at - incident.suspected_at < rules.open_after:
        return incident, None
    opened = replace(
        incident,
        phase=Phase.OPEN,
        notified_at=observation.at,
        good_since=None,
        closed_at=None,
        reopened=incident.reopened + again,
        scope=observation.scope,
    )
    return opened, Transition.REOPENED if again else Transition.OPENED


def _still_bad(
    incident: Incident, observation: Observation, rules: AlertRules
) -> tuple[Incident, Transition | None]:
    at = observation.at
    if incident.good_since is not None:
        incident = replace(incident, good_since=None)
    since_notice = at - (incident.notified_at or incident.opened_at)
    if observation.scope - incident.scope and since_notice >= rules.widen_after:
        scope = incident.scope | observation.scope
        return replace(incident, notified_at=at, scope=scope), Transition.WIDENED
    if since_notice >= rules.remind_after:
        return replace(incident, notified_at=at), Transition.REMINDER
    return incident, None


def _looks_good(
    incident: Incident, observation: Observation, rules: AlertRules
) -> tuple[Incident, Transition | None]:
    at = observation.at
    good_since = incident.good_since or at
    if at - good_since < rules.close_after(incident.reopened):
        return replace(incident, good_since=good_since), None
    closed = replace(incident, phase=Phase.CLOSED, good_since=None, closed_at=at, notified_at=at)
    return closed, Transition.RECOVERED


def next_change_at(incident: Incident | None, observation: Observation, rules: AlertRules) -> datetime | None:
    """The first moment at which an observation like this one could change anything again.

    Args:
        incident: as `observation` has left it.
        observation: the last one, after which all stays as it was.
        rules: the times in force.

    Returns:
        That moment; None where nothing could change.
    """
    if observation.bad is None or incident is None or incident.phase is Phase.CLOSED:
        return None
    if incident.phase is Phase.SUSPECT:
        return incident.suspected_at + rules.open_after
    if not observation.bad:
        good_since = incident.good_since
        return good_since + rules.close_after(incident.reopened) if good_since else None
    widens = bool(observation.scope - incident.scope)
    last_notice = incident.notified_at or incident.opened_at
    return last_notice + (rules.widen_after if widens else rules.remind_after)
