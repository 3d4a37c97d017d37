"""What an alert says: one or two sentences a person can act on, with the figures and the command that helps.

Pure. Only what the machinery knows of properties and accounts; never anything of a lead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domiq_dagster.sync.alerts.cases import (
    CAPTURE_MISSES,
    CREDENTIALS,
    NOT_ENTITLED,
    RESMAN_DOWN,
    STANDSTILL,
    IncidentCase,
)
from domiq_dagster.sync.alerts.incidents import Incident, Transition
from domiq_dagster.sync.alerts.watched import Reading, TroubleKind, WatchedProperty
from domiq_dagster.sync.alerts.wording import WORDINGS
from domiq_dagster.sync.durations import in_words
from domiq_dagster.sync.grants import WHOM_TO_ASK

_MOST_NAMES = 10
_FOUND = (
    "Reconciliation has gone over every property since, and logged the status that each conversation had by "
    "then; `domiq-sync status` names those of which it could not."
)


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


def describe_all(readings: Sequence[Reading]) -> str:
    """Describes properties that are past their threshold of one kind: the one by itself, of several a part a
    reason, and once what to do. Empty where there are none."""
    if len(readings) < 2:
        return "".join(describe(reading) for reading in readings)
    wording = WORDINGS[readings[0].kind]
    by_reason: dict[str, list[str]] = {}
    for reading in readings:
        by_reason.setdefault(reading.reason or "", []).append(reading.watched.property_name)
    parts = [
        f"{reason}: {_plural(len(names))} ({_listed(names)})"
        if reason
        else f"{_plural(len(names))} ({_listed(names)})"
        for reason, names in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]
    title = f"{wording.title[0].upper()}{wording.title[1:]}"
    return f"{title}. {'; '.join(parts)}. {wording.advice_for_each}"


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
    if kind == NOT_ENTITLED:
        return _of_grants(case, figures)
    if kind == STANDSTILL:
        return _of_standstill(case, figures)
    if kind == CAPTURE_MISSES:
        return _of_misses(case, figures)
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


def _of_grants(case: IncidentCase, figures: Mapping[str, Any]) -> _Sentences:
    # Those that are not granted now; where all are, those that were not.
    lacking = dict(case.accounts or figures.get("accounts") or {})
    endpoints = _listed([f"{names} at account {account}" for account, names in sorted(lacking.items())])
    what = "what needs them" if "," in endpoints else "what needs it"
    return _Sentences(
        f"ResMan has not granted {endpoints}",
        f"ResMan has not granted this integration partner {endpoints}. At {_names(case.properties)} {what} "
        f"waits; nothing is lost, and all else goes on. Ask {WHOM_TO_ASK} to enable it for this partner and "
        "account. It is asked again every 15 minutes, and at once after `domiq-sync retry`; "
        "`domiq-sync doctor` tells what is granted.",
        f"ResMan grants {endpoints} now, and what waited at {_count(figures)} has gone across.",
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


def _of_misses(case: IncidentCase, figures: Mapping[str, Any]) -> _Sentences:
    n = figures.get("misses", 0)
    which = "1 status change" if n == 1 else f"{n} status changes"
    since = case.misses.since if case.misses else None
    window = f" since {since:%Y-%m-%d %H:%M} UTC" if since else ""
    waits = case.misses is not None and case.misses.outstanding > 0
    found = (
        "Reconciliation has yet to find what became of them: see whether the database has room on its disk "
        "and none of its tables is locked, then run the job reconcile_pending or `domiq-sync sync`."
        if waits
        else _FOUND
    )
    return _Sentences(
        "Status changes could not be logged",
        f"{which} could not be logged when made{window} (a full disk, a locked table), nobody can tell at "
        f"which properties. {found} What lay between is lost.",
        f"{which} could not be logged. {_FOUND}",
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
