"""What an alert says: one or two sentences a person can act on, with the figures and the command that helps.

Only what the machinery knows of properties and accounts; never anything of a lead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domiq_dagster.sync.alerts.causes import CREDENTIALS, RESMAN_DOWN, STANDSTILL, Case
from domiq_dagster.sync.alerts.incidents import Spell, Turn
from domiq_dagster.sync.alerts.readings import Kind, Place, Reading
from domiq_dagster.sync.durations import in_words

_MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class Said:
    """A message: its subject, and a body in plain text."""

    subject: str
    body: str


def describe(reading: Reading) -> str:
    """How a property looks that is past its threshold, in one sentence, and what to do, in another."""
    return f"{reading.place.property_name}: {_BAD[reading.kind](reading)}. {_HELP[reading.kind](reading)}"


def tell(case: Case, turn: Turn, spell: Spell, record: Mapping[str, Any]) -> Said:
    """The message for one turn of a spell. `record`: the alert's figures, with every property that it has
    touched."""
    what = _Cause(case, record) if case.subject.property_id is None else _Property(case.members[0])
    lasted = in_words((case.look.at - spell.opened_at).total_seconds())
    if turn is Turn.RECOVERED:
        return Said(f"Recovered: {what.title}", f"{what.good} It lasted {lasted}.")
    before, body = {
        Turn.OPENED: ("", what.bad),
        Turn.REOPENED: ("Again: ", f"This is back, {lasted} after it first began. {what.bad}"),
        Turn.WIDENED: ("Now at more: ", f"This has spread since people were last told. {what.bad}"),
        Turn.REMINDER: ("Still: ", f"This has gone on for {lasted}. {what.bad}"),
    }[turn]
    return Said(f"{before}{what.title}", body)


class _Property:
    def __init__(self, reading: Reading) -> None:
        name = reading.place.property_name
        self.title = f"{name}: {_TITLE[reading.kind]}"
        self.bad = describe(reading)
        self.good = f"{name}: {_GOOD[reading.kind]}."


class _Cause:
    def __init__(self, case: Case, record: Mapping[str, Any]) -> None:
        kind = case.subject.kind
        if kind in (RESMAN_DOWN, CREDENTIALS):
            self.title, self.bad, self.good = _account(kind, case, record)
        elif kind == STANDSTILL:
            self.title, self.bad, self.good = _standstill(case, record)
        else:
            self.title, self.bad, self.good = _shared(kind, case, record)


def _account(kind: str, case: Case, record: Mapping[str, Any]) -> tuple[str, str, str]:
    # Those that are closed now; where none is any more, all that were.
    reasons = dict(case.accounts or record.get("accounts") or {})
    accounts = ("account " if len(reasons) == 1 else "accounts ") + listed(
        [f"{account} ({reason})" for account, reason in sorted(reasons.items())]
    )
    touched = _names(case.places)
    if kind == CREDENTIALS:
        return (
            f"ResMan refuses the credentials of {accounts}",
            f"ResMan refuses the credentials of {accounts}. No status goes either way at {touched}; nothing "
            "is lost, changes wait. Check RESMAN_PARTNER_ID and RESMAN_API_KEY, and whether the account "
            "still admits this partner; `domiq-sync doctor` asks each account.",
            f"ResMan takes the credentials of {accounts} again, and what waited at "
            f"{_count(record)} has gone across.",
        )
    return (
        f"ResMan does not answer {accounts}",
        f"ResMan does not answer {accounts}. No status goes either way at {touched}; nothing is lost, "
        "changes wait and go out when it answers. `domiq-sync doctor` asks each account, "
        "`domiq-sync status` tells what waits.",
        f"ResMan answers {accounts} again, and what waited at {_count(record)} has gone across.",
    )


def _standstill(case: Case, record: Mapping[str, Any]) -> tuple[str, str, str]:
    longest = max(
        (float(r.figures.get("seconds", r.figures.get("oldest_seconds", 0.0))) for r in case.members),
        default=0,
    )
    away = (
        f" Nothing looked after it from {case.unwatched_since:%Y-%m-%d %H:%M} to {case.look.at:%H:%M} UTC."
        if case.unwatched_since
        else ""
    )
    return (
        "The status sync stands still",
        f"The status sync stands still at {_names(case.places)}: pulls neither succeed nor fail, or nothing "
        f"is sent, at the longest for {in_words(longest)}.{away} See whether Dagster's daemon runs and its "
        "schedules and sensors are on; `domiq-sync doctor` tells whether the database role and ResMan's "
        "credentials are good, `domiq-sync sync` does one pass by hand.",
        f"The status sync is at work again at {_count(record)}.",
    )


def _shared(kind: str, case: Case, record: Mapping[str, Any]) -> tuple[str, str, str]:
    _, what, reason = kind.split(":", 2)
    trouble, because = Kind(what), f" ({reason})" if reason else ""
    each = " ".join(f"{r.place.property_name}: {_BAD[r.kind](r)}." for r in case.members[:_MOST_NAMES])
    more = len(case.members) - _MOST_NAMES
    rest = f" And {more} more (`domiq-sync alerts list`)." if more > 0 else ""
    advice = f" {_HELP_EACH[trouble]}" if case.members else ""
    return (
        f"{_count(record)}: {_TITLE[trouble]}{because}",
        f"{_plural(len(case.members))} in the same trouble{because}. {each}{rest}{advice}",
        f"At {_count(record)}: {_GOOD[trouble]}.",
    )


def _names(places: Sequence[Place]) -> str:
    names = [p.property_name for p in places]
    if len(names) == 1:
        return names[0]
    return f"{len(names)} properties ({listed(names)})"


def _count(record: Mapping[str, Any]) -> str:
    return _plural(len(record.get("property_ids") or ()))


def _plural(count: int) -> str:
    return f"{count} {'property' if count == 1 else 'properties'}"


def listed(names: Sequence[str]) -> str:
    """The first ten names, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


_TITLE: Mapping[Kind, str] = {
    Kind.FAILED_SYNC: "status syncs fail",
    Kind.OLDEST_PENDING: "changes wait too long to reach ResMan",
    Kind.DIVERGENCE: "DomIQ and ResMan disagree",
    Kind.NO_PULL: "no pull from ResMan",
    Kind.NO_PUSH: "changes are due and nothing is sent",
}
_GOOD: Mapping[Kind, str] = {
    Kind.FAILED_SYNC: "status syncs succeed again",
    Kind.OLDEST_PENDING: "no change waits too long any more",
    Kind.DIVERGENCE: "DomIQ and ResMan agree again",
    Kind.NO_PULL: "pulls from ResMan succeed again",
    Kind.NO_PUSH: "changes are sent again",
}


def _failed(reading: Reading) -> str:
    f = reading.figures
    mostly = f", mostly {f['main_reason']} ({f['of_main_reason']})" if f["main_reason"] else ""
    return f"{f['failed']} of {f['settled']} status syncs of the last {f['window_hours']:g} h failed{mostly}"


def _pending(reading: Reading) -> str:
    waits, pending = in_words(reading.figures["oldest_seconds"]), reading.figures["pending"]
    which = "a pending change" if pending == 1 else f"the oldest of {pending} pending changes"
    return f"{which} has waited for {waits}"


def _diverged(reading: Reading) -> str:
    n = reading.figures["diverged"]
    return f"{n} linked leads have other statuses in DomIQ than in ResMan, and nothing explains it"


def _no_pull(reading: Reading) -> str:
    age, error = in_words(reading.figures["seconds"]), reading.figures["error"]
    why = f"; the last one failed ({str(error).rstrip('.')})" if error else ""
    since = f"since it was connected {age} ago" if reading.figures["never"] else f"for {age}"
    return f"no pull from ResMan has succeeded {since}{why}"


def _no_push(reading: Reading) -> str:
    return f"changes are due, and nothing was sent for {in_words(reading.figures['seconds'])}"


_BAD: Mapping[Kind, Callable[[Reading], str]] = {
    Kind.FAILED_SYNC: _failed,
    Kind.OLDEST_PENDING: _pending,
    Kind.DIVERGENCE: _diverged,
    Kind.NO_PULL: _no_pull,
    Kind.NO_PUSH: _no_push,
}
_DAEMON = "See whether Dagster's daemon runs and its schedules and sensors are on"
_HELP: Mapping[Kind, Callable[[Reading], str]] = {
    Kind.FAILED_SYNC: lambda r: (
        f"See `domiq-sync status --property {r.place.partition_key}`; after mending: "
        f"`domiq-sync retry --property {r.place.partition_key}`."
    ),
    Kind.OLDEST_PENDING: lambda r: (
        f"`domiq-sync status --property {r.place.partition_key}` tells what they wait for."
    ),
    Kind.DIVERGENCE: lambda r: (
        f"`domiq-sync sync --property {r.place.partition_key}` does a pass by hand; in Dagster, materialise "
        f"the partition {r.place.partition_key} of inbound_status_changes."
    ),
    Kind.NO_PULL: lambda r: (
        "`domiq-sync doctor` asks ResMan and says what is wrong."
        if r.figures["error"]
        else f"{_DAEMON}; `domiq-sync sync --property {r.place.partition_key}` does a pass by hand."
    ),
    Kind.NO_PUSH: lambda r: (
        f"{_DAEMON}; `domiq-sync sync --property {r.place.partition_key}` does a pass by hand."
    ),
}
_HELP_EACH: Mapping[Kind, str] = {
    Kind.FAILED_SYNC: "See `domiq-sync status`; after mending: `domiq-sync retry --property KEY` for each.",
    Kind.OLDEST_PENDING: "`domiq-sync status` tells what they wait for.",
    Kind.DIVERGENCE: "`domiq-sync sync` does a pass by hand.",
    Kind.NO_PULL: "`domiq-sync doctor` asks ResMan and says what is wrong.",
    Kind.NO_PUSH: f"{_DAEMON}; `domiq-sync sync` does a pass by hand.",
}
