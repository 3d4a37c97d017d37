"""What an alert says: one or two sentences a person can act on, with the figures and the command that helps.

Pure. Only what the machinery knows of properties and accounts; never anything of a lead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domiq_dagster.sync.alerts.cases import CREDENTIALS, RESMAN_DOWN, STANDSTILL, IncidentCase
from domiq_dagster.sync.alerts.incidents import Incident, Transition
from domiq_dagster.sync.alerts.watched import Reading, TroubleKind, WatchedProperty
from domiq_dagster.sync.alerts.wording import WORDINGS
from domiq_dagster.sync.durations import in_words

_MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class AlertText:
    """The words of one notice: its subject, and a body in plain text."""

    subject: str
    body: str


class _Sentences(NamedTuple):
    """What there is to say of a subject: its title, how bad it is and what helps, and that it is over."""

    title: str
    bad: str
    good: str


def describe(reading: Reading) -> str:
    """Describes a property that is past its threshold.

    Args:
        reading: of that property, with the figures of its kind.

    Returns:
        How it looks, in one sentence, and what to do, in another.
    """
    wording = WORDINGS[reading.kind]
    return f"{reading.watched.property_name}: {wording.bad(reading)}. {wording.advice(reading)}"


def compose(
    case: IncidentCase, transition: Transition, incident: Incident, figures: Mapping[str, Any]
) -> AlertText:
    """Puts one transition of an incident in words.

    Args:
        case: the subject as it looks now.
        transition: what people are notified of.
        incident: the incident after the transition.
        figures: the alert's figures, of a cause with every property and account that it has touched.
    """
    sentences = (
        _of_cause(case, figures) if case.subject.property_id is None else _of_property(case.members[0])
    )
    title = sentences.title
    lasted = in_words((case.observation.at - incident.opened_at).total_seconds())
    if transition is Transition.RECOVERED:
        return AlertText(f"Recovered: {title}", f"{sentences.good} It lasted {lasted}.")
    before, first = {
        Transition.OPENED: ("", ""),
        Transition.REOPENED: ("Again: ", f"This is back, {lasted} after it first began. "),
        Transition.WIDENED: ("Now at more: ", "This has spread since people were last told. "),
        Transition.REMINDER: ("Still: ", f"This has gone on for {lasted}. "),
    }[transition]
    return AlertText(f"{before}{title}", f"{first}{sentences.bad}")


def _of_property(reading: Reading) -> _Sentences:
    name = reading.watched.property_name
    wording = WORDINGS[reading.kind]
    return _Sentences(f"{name}: {wording.title}", describe(reading), f"{name}: {wording.good}.")


def _of_cause(case: IncidentCase, figures: Mapping[str, Any]) -> _Sentences:
    kind = case.subject.kind
    if kind in (RESMAN_DOWN, CREDENTIALS):
        return _of_accounts(kind, case, figures)
    if kind == STANDSTILL:
        return _of_standstill(case, figures)
    return _of_shared(kind, case, figures)


def _of_accounts(kind: str, case: IncidentCase, figures: Mapping[str, Any]) -> _Sentences:
    # Those that are paused now; where none is any more, all that were.
    reasons = dict(case.accounts or figures.get("accounts") or {})
    accounts = ("account " if len(reasons) == 1 else "accounts ") + _listed(
        [f"{account} ({reason})" for account, reason in sorted(reasons.items())]
    )
    touched = _names(case.properties)
    across = f"what waited at {_count(figures)} has gone across."
    if kind == CREDENTIALS:
        return _Sentences(
            f"ResMan refuses the credentials of {accounts}",
            f"ResMan refuses the credentials of {accounts}. No status goes either way at {touched}; nothing "
            "is lost, changes wait. Check RESMAN_PARTNER_ID and RESMAN_API_KEY, and whether the account "
            "still admits this partner; `domiq-sync doctor` asks each account.",
            f"ResMan takes the credentials of {accounts} again, and {across}",
        )
    return _Sentences(
        f"ResMan does not answer {accounts}",
        f"ResMan does not answer {accounts}. No status goes either way at {touched}; nothing is lost, "
        "changes wait and go out when it answers. `domiq-sync doctor` asks each account, "
        "`domiq-sync status` tells what waits.",
        f"ResMan answers {accounts} again, and {across}",
    )


def _of_standstill(case: IncidentCase, figures: Mapping[str, Any]) -> _Sentences:
    longest = max(
        (float(r.figures.get("seconds", r.figures.get("oldest_seconds", 0.0))) for r in case.members),
        default=0,
    )
    unwatched = ""
    if case.unwatched_since:
        unwatched = (
            f" Nothing looked after it from {case.unwatched_since:%Y-%m-%d %H:%M} to "
            f"{case.observation.at:%H:%M} UTC."
        )
    return _Sentences(
        "The status sync stands still",
        f"The status sync stands still at {_names(case.properties)}: pulls neither succeed nor fail, or "
        f"nothing is sent, at the longest for {in_words(longest)}.{unwatched} See whether Dagster's daemon "
        "runs and its schedules and sensors are on; `domiq-sync doctor` tells whether the database role and "
        "ResMan's credentials are good, `domiq-sync sync` does one pass by hand.",
        f"The status sync is at work again at {_count(figures)}.",
    )


def _of_shared(kind: str, case: IncidentCase, figures: Mapping[str, Any]) -> _Sentences:
    _, trouble, reason = kind.split(":", 2)
    wording = WORDINGS[TroubleKind(trouble)]
    because = f" ({reason})" if reason else ""
    shown = case.members[:_MOST_NAMES]
    each = " ".join(f"{r.watched.property_name}: {wording.bad(r)}." for r in shown)
    more = len(case.members) - len(shown)
    rest = f" And {more} more (`domiq-sync alerts list`)." if more > 0 else ""
    advice = f" {wording.advice_for_each}" if case.members else ""
    return _Sentences(
        f"{_count(figures)}: {wording.title}{because}",
        f"{_plural(len(case.members))} in the same trouble{because}. {each}{rest}{advice}",
        f"At {_count(figures)}: {wording.good}.",
    )


def _names(properties: Sequence[WatchedProperty]) -> str:
    names = [p.property_name for p in properties]
    if len(names) == 1:
        return names[0]
    return f"{len(names)} properties ({_listed(names)})"


def _count(figures: Mapping[str, Any]) -> str:
    """How many properties an alert has touched."""
    return _plural(len(figures.get("property_ids") or ()))


def _plural(count: int) -> str:
    return f"{count} {'property' if count == 1 else 'properties'}"


def _listed(names: Sequence[str]) -> str:
    """The first ten names, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
