"""Notices that do not go one by one: quiet hours, and bursts that become one digest."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.claims import ClaimedNotice, lock_channel, store_text, under_lease
from domiq_dagster.sync.notifications.content import digest_values
from domiq_dagster.sync.notifications.recipients import OPERATOR
from domiq_dagster.sync.notifications.schedule import BurstStep, Recent, burst, quiet_until
from domiq_dagster.sync.notifications.templates import TemplateProblem, Templates
from domiq_dagster.sync.trouble import Faults, replace_part

logger = logging.getLogger(__name__)
QUERIES = load_queries(__package__, "bursts.sql")
_BURST_IN_APP = 5
"""A list one scrolls through bears more than a phone does: so many times `most_single`."""


def postpone_or_gather(connection: Connection, claimed: ClaimedNotice) -> bool:
    """Postpones a notice that may not go now by itself, or gathers it into a digest.

    It waits for the end of quiet hours, or of the window in which its address had enough. Alerts, in-app
    notices and the operator's always go; a report waits for quiet hours alone. In the transaction of its
    claim, so that the lease is its own.

    Returns:
        Whether it was; False where it may go.
    """
    if claimed.alert_id is not None or claimed.channel in ("in_app", OPERATOR):
        return False
    until = quiet_until(claimed.settings, claimed.channel, claimed.urgent, claimed.now, claimed.zone)
    if until is not None:
        under_lease(
            connection,
            QUERIES.postpone_property,
            claimed,
            until=until,
            property_id=claimed.property_id,
            urgent_breaks=claimed.settings.urgent_breaks_quiet,
        )
        return True
    if claimed.is_digest or claimed.report_id is not None:
        return False
    return _gathered_or_postponed(connection, claimed)


def _gathered_or_postponed(connection: Connection, claimed: ClaimedNotice) -> bool:
    step, until = burst(claimed.settings, claimed.now, _recent(connection, claimed))
    if step is BurstStep.POSTPONE:
        under_lease(connection, QUERIES.postpone_address, claimed, until=until, recipient=claimed.recipient)
    elif step is BurstStep.GATHER:
        under_lease(
            connection,
            QUERIES.gather,
            claimed,
            property_id=claimed.property_id,
            urgent=claimed.urgent,
            recipient=claimed.recipient,
        )
    return step is not BurstStep.SEND


def _recent(connection: Connection, claimed: ClaimedNotice) -> Recent:
    values = {
        "channel": claimed.channel,
        "recipient": claimed.recipient,
        "window_minutes": claimed.settings.window_minutes,
        "most_single": claimed.settings.most_single,
    }
    return Recent(**connection.execute(QUERIES.recently_sent, values).one()._mapping)


def gather_in_app(connection: Connection, templates: Templates) -> list[str]:
    """Makes one in-app notice of many that came in a burst and that nobody has read. Each stays on record as
    `digested`.

    Returns:
        A sentence for each burst that could not be gathered, which is noted with its property: its notices
        stay as they are.
    """
    lock_channel(connection, "in_app")
    faults = Faults("notices that came in a burst (no. {}) are not gathered")
    crowds = connection.execute(QUERIES.crowded_in_app, {"times": _BURST_IN_APP}).all()
    for number, crowd in enumerate(crowds, 1):
        with faults.of(str(number), savepoint=connection):
            _gather_crowd(
                connection, templates, {"property_id": crowd.property_id, "recipient": crowd.recipient}
            )
    failed = {crowds[int(number) - 1].property_id: said for number, said in faults.sentences.items()}
    failed.pop(None, None)  # of no property
    replace_part(connection, "gathering notices", failed)
    return [f"notices that came in a burst are not gathered: {said}" for said in faults.sentences.values()]


def _gather_crowd(connection: Connection, templates: Templates, address: dict[str, Any]) -> None:
    """Makes one notice of those to one address; or leaves each a notice by itself."""
    with connection.begin_nested() as savepoint:
        digest_id = connection.execute(QUERIES.gather_in_app, address).scalar_one()
        values = digest_values(connection, digest_id, private=False)
        if values is None:  # all of them were read just now
            savepoint.rollback()
            return
        try:
            text = templates.render("digest", "in_app", values)
        except TemplateProblem as error:
            savepoint.rollback()
            logger.warning("notices that came in a burst are not gathered: %s", error)
            return
        store_text(connection, digest_id, *text)
