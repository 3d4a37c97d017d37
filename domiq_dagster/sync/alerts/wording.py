"""How each kind of trouble of a property is put in words: what it is called, how bad it is, what helps. Pure.

Only what the machinery knows of properties and accounts; never anything of a lead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domiq_dagster.sync.alerts.watched import Reading, TroubleKind
from domiq_dagster.sync.durations import in_words


@dataclass(frozen=True, slots=True)
class Wording:
    """The words for one kind of trouble.

    Attributes:
        title: what the trouble is.
        good: that it is over.
        bad: how a property looks that has it; a part of a sentence.
        advice: what to do at the property; one sentence.
        advice_for_each: what to do where several properties have it; one sentence.
    """

    title: str
    good: str
    bad: Callable[[Reading], str]
    advice: Callable[[Reading], str]
    advice_for_each: str


def _failed_sync(reading: Reading) -> str:
    f = reading.figures
    mostly = f", mostly {f['main_reason']} ({f['of_main_reason']})" if f["main_reason"] else ""
    return f"{f['failed']} of {f['settled']} status syncs of the last {f['window_hours']:g} h failed{mostly}"


def _oldest_pending(reading: Reading) -> str:
    waits = in_words(reading.figures["oldest_seconds"])
    pending = reading.figures["pending"]
    which = "a pending change" if pending == 1 else f"the oldest of {pending} pending changes"
    return f"{which} has waited for {waits}"


def _divergence(reading: Reading) -> str:
    n = reading.figures["diverged"]
    return f"{n} linked leads have other statuses in DomIQ than in ResMan, and nothing explains it"


def _no_pull(reading: Reading) -> str:
    age = in_words(reading.figures["seconds"])
    error = reading.figures["error"]
    why = f"; the last one failed ({str(error).rstrip('.')})" if error else ""
    since = f"since it was connected {age} ago" if reading.figures["never"] else f"for {age}"
    return f"no pull from ResMan has succeeded {since}{why}"


def _no_push(reading: Reading) -> str:
    return f"changes are due, and nothing was sent for {in_words(reading.figures['seconds'])}"


def _records(reading: Reading) -> str:
    f = reading.figures
    kinds = ", ".join(f"{kind} {count}" for kind, count in f["kinds"].items())
    n = f["records"]
    which = "a record" if n == 1 else f"{n} records"
    cannot = f"{which} cannot be dealt with ({kinds}), for {in_words(f['seconds'])} already"
    return f"{cannot}; for example: {str(f['sentence']).rstrip('.')}"


_DAEMON = "See whether Dagster's daemon runs and its schedules and sensors are on"
_DOCTOR = "`domiq-sync doctor` asks ResMan and says what is wrong."


def _sync_by_hand(reading: Reading) -> str:
    return f"`domiq-sync sync --property {reading.watched.partition_key}` does a pass by hand"


def _mend_and_retry(reading: Reading) -> str:
    key = reading.watched.partition_key
    return f"See `domiq-sync failures --property {key}`; after mending: `domiq-sync retry --property {key}`."


def _ask_what_waits(reading: Reading) -> str:
    return f"`domiq-sync status --property {reading.watched.partition_key}` tells what they wait for."


def _sync_or_materialise(reading: Reading) -> str:
    key = reading.watched.partition_key
    partition = f"in Dagster, materialise the partition {key} of inbound_status_changes"
    return f"{_sync_by_hand(reading)}; {partition}."


def _see_daemon(reading: Reading) -> str:
    return f"{_DAEMON}; {_sync_by_hand(reading)}."


def _ask_doctor_or_see_daemon(reading: Reading) -> str:
    return _DOCTOR if reading.figures["error"] else _see_daemon(reading)


def _mend_records(reading: Reading) -> str:
    key = reading.watched.partition_key
    return (
        f"`domiq-sync status --property {key}` names them; after mending: "
        f"`domiq-sync retry --property {key}`. All others are in step."
    )


WORDINGS: Mapping[TroubleKind, Wording] = {
    TroubleKind.FAILED_SYNC: Wording(
        "status syncs fail",
        "status syncs succeed again",
        _failed_sync,
        _mend_and_retry,
        "See `domiq-sync failures`; after mending: `domiq-sync retry --property KEY` for each.",
    ),
    TroubleKind.OLDEST_PENDING: Wording(
        "changes wait too long to reach ResMan",
        "no change waits too long any more",
        _oldest_pending,
        _ask_what_waits,
        "`domiq-sync status` tells what they wait for.",
    ),
    TroubleKind.DIVERGENCE: Wording(
        "DomIQ and ResMan disagree",
        "DomIQ and ResMan agree again",
        _divergence,
        _sync_or_materialise,
        "`domiq-sync sync` does a pass by hand.",
    ),
    TroubleKind.NO_PULL: Wording(
        "no pull from ResMan",
        "pulls from ResMan succeed again",
        _no_pull,
        _ask_doctor_or_see_daemon,
        _DOCTOR,
    ),
    TroubleKind.NO_PUSH: Wording(
        "changes are due and nothing is sent",
        "changes are sent again",
        _no_push,
        _see_daemon,
        f"{_DAEMON}; `domiq-sync sync` does a pass by hand.",
    ),
    TroubleKind.RECORDS: Wording(
        "records cannot be dealt with",
        "every record can be dealt with again",
        _records,
        _mend_records,
        "`domiq-sync status` names them; after mending: `domiq-sync retry`.",
    ),
}
