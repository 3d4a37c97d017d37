"""One evaluation of how things stand: what it stores of every incident, and whom it notifies.

State and messages are one transaction, under a lock that one evaluation at a time holds: whatever crashes,
people are notified of each transition once. Sending comes after it (dispatch.py), and is tried until it is
done.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.sync.alerts.cases import IncidentCase, Subject
from domiq_dagster.sync.alerts.causes import find_cases
from domiq_dagster.sync.alerts.dispatch import AlertNotice, enqueue_notice
from domiq_dagster.sync.alerts.incidents import Phase, Transition, advance
from domiq_dagster.sync.alerts.readings import (
    database_time,
    read_all,
    read_misses,
    record_evaluation,
)
from domiq_dagster.sync.alerts.store import (
    StoredIncident,
    add_incident,
    delete_incident,
    load_incidents,
    lock,
    record_transition,
    update_incident,
)
from domiq_dagster.sync.alerts.texts import AlertText, compose
from domiq_dagster.sync.alerts.thresholds import Threshold, Thresholds, load_thresholds
from domiq_dagster.sync.alerts.watched import ALL_KINDS, Reading, Readings, TroubleKind
from domiq_dagster.sync.trouble import Faults, replace_part

logger = logging.getLogger(__name__)
_RETIRED = "retired"
"""A transition that is on record and that nobody is notified of."""


@dataclass(slots=True)
class Evaluation:
    """What one evaluation read, and the notices that came of it.

    Attributes:
        problems: a sentence for each kind that could not be read, and each subject of which nothing could be
            stored; the others were.
    """

    readings: Readings
    notices: list[AlertNotice] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def bad(self, kind: TroubleKind) -> list[Reading]:
        """The properties that are past their threshold."""
        return [r for r in self.readings.readings if r.kind is kind and r.bad]

    def notices_of(self, *transitions: Transition) -> list[AlertNotice]:
        """The notices of these transitions."""
        return [n for n in self.notices if n.transition in transitions]


def evaluate(
    engine: Engine,
    base: Threshold | None = None,
    *,
    now: datetime | None = None,
    kinds: Collection[TroubleKind] = ALL_KINDS,
) -> Evaluation:
    """Evaluates once how every watched property looks, and stores what came of it with the messages.

    What is sent of it is `dispatch.send_alerts`' to send.

    Args:
        engine: DomIQ's database.
        base: what counts where the table of thresholds says nothing; as shipped, if not given.
        now: the time of the evaluation (aware); the database's clock, if not given.
        kinds: the kinds of trouble that are read. Only an evaluation of all of them counts as watching the
            sync.

    Returns:
        What was read, and the notices whose messages were put into the outbox.
    """
    with engine.begin() as connection:
        lock(connection)
        thresholds = load_thresholds(connection, base)
        now = now or database_time(connection)
        readings = read_all(connection, thresholds, now, kinds)
        if set(kinds) == ALL_KINDS:
            before = record_evaluation(connection, now)
            readings = read_misses(connection, replace(readings, evaluated_before=before))
        stored = load_incidents(connection, closed_since=now - _longest_reopening(thresholds))
        incidents = {subject: found.incident for subject, found in stored.items()}
        evaluation = Evaluation(readings, problems=list(readings.problems))
        read = frozenset(kinds).intersection(readings.kinds or kinds)
        faults = Faults("the alert {} could not be evaluated")
        subjects: list[Subject] = []
        for case in find_cases(readings, incidents, thresholds, read):
            subjects.append(case.subject)
            with faults.of(_named(case.subject), savepoint=connection):
                notice = _advance_case(connection, case, stored.get(case.subject))
                if notice is not None:
                    evaluation.notices.append(notice)
        with faults.of("of properties that are not watched", savepoint=connection):
            _retire_unwatched(connection, stored, readings)
        evaluation.problems += [f"alert {subject}: {said}" for subject, said in faults.sentences.items()]
        replace_part(
            connection,
            "alerts",
            {
                subject.property_id: faults.sentences[_named(subject)]
                for subject in subjects
                if subject.property_id is not None and _named(subject) in faults.sentences
            },
        )
    for notice in evaluation.notices:
        logger.warning("alert %s: %s", notice.transition, notice.text.body)
    return evaluation


def _named(subject: Subject) -> str:
    return f"{subject.kind} of {subject.property_id or 'all'}"


def _longest_reopening(thresholds: Thresholds) -> timedelta:
    """How long after its end an incident may go on at any property."""
    minutes = max(thresholds.of(property_id).reopen_minutes for property_id in (None, *thresholds.own))
    return timedelta(minutes=minutes)


def _advance_case(
    connection: Connection, case: IncidentCase, stored: StoredIncident | None
) -> AlertNotice | None:
    """Takes the incident of one subject one observation further: its row, its history, its messages."""
    before = stored.incident if stored else None
    incident, transition = advance(before, case.observation, case.rules)
    if incident is None:
        if stored:
            delete_incident(connection, stored.id)
        return None
    # An incident that begins anew gets a row of its own; one that goes on keeps its row.
    kept = stored if stored and incident.opened_at == stored.incident.opened_at else None
    figures = _figures(case, transition, kept)
    unchanged = kept is not None and incident == kept.incident and figures == kept.figures
    if unchanged and transition is None:
        return None
    number = (kept.transitions if kept else 0) + (transition is not None)
    if kept is not None:
        alert_id = kept.id
        update_incident(connection, StoredIncident(alert_id, incident, number, figures))
    else:
        alert_id = add_incident(connection, case.subject, incident, number, figures)
    if transition is None:
        return None
    text = compose(case, transition, incident, figures)
    notice = _notice(case, alert_id, number, transition, text, figures)
    record_transition(connection, alert_id, number, transition, case.observation.at, text)
    enqueue_notice(connection, notice)
    return notice


def _figures(
    case: IncidentCase, transition: Transition | None, kept: StoredIncident | None
) -> dict[str, Any]:
    """As people were last notified that it is bad. Of a cause also every property and account that it has
    touched in this incident, since they are notified when it is over."""
    if case.subject.property_id is not None:
        bad_news = transition not in (None, Transition.RECOVERED)
        return case.figures() if kept is None or bad_news else dict(kept.figures)
    figures = case.figures()
    if kept is not None:
        for name in ("properties", "property_ids"):
            before = kept.figures.get(name) or []
            figures[name] = [*before, *(v for v in figures[name] if v not in before)]
        figures["accounts"] = {**(kept.figures.get("accounts") or {}), **figures["accounts"]}
        figures["unwatched_since"] = figures["unwatched_since"] or kept.figures.get("unwatched_since")
        if "misses" in kept.figures:
            figures.setdefault("misses", kept.figures["misses"])
    return figures


def _notice(
    case: IncidentCase,
    alert_id: UUID,
    number: int,
    transition: Transition,
    text: AlertText,
    figures: Mapping[str, Any],
) -> AlertNotice:
    """Of a cause it goes to every property that it has touched, also those that are well again."""
    keys = figures.get("properties") or [p.partition_key for p in case.properties]
    touched = figures.get("property_ids") or [p.property_id for p in case.properties]
    return AlertNotice(
        alert_id=alert_id,
        number=number,
        subject=case.subject,
        transition=transition,
        text=text,
        properties=keys,
        property_ids=[UUID(str(p)) for p in touched],
    )


def _retire_unwatched(
    connection: Connection, stored: Mapping[Subject, StoredIncident], readings: Readings
) -> None:
    """Ends the incidents of properties that are not watched any more (disconnected, or switched off), which
    is no recovery, so nobody is notified."""
    watched = {p.property_id for p in readings.properties}
    text = AlertText("No longer looked after", "The property was disconnected, or its sync switched off.")
    for subject, found in stored.items():
        gone = subject.property_id is not None and subject.property_id not in watched
        if not gone or found.incident.phase is Phase.CLOSED:
            continue
        closed = replace(found.incident, phase=Phase.CLOSED, good_since=None, closed_at=readings.at)
        number = found.transitions + 1
        update_incident(connection, StoredIncident(found.id, closed, number, found.figures))
        record_transition(connection, found.id, number, _RETIRED, readings.at, text)
