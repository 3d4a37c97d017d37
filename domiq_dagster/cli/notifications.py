"""`domiq-sync notifications`: the notices that did not arrive, sending them again, and testing a channel."""

from __future__ import annotations

import os
from typing import Annotated, Any
from uuid import UUID

import typer

from domiq_dagster.cli import views as views
from domiq_dagster.cli.base import (
    By,
    Json,
    PropertyOption,
    Usage,
    Utc,
    Why,
    database,
    decider,
    find_property,
    finish,
    reason,
)
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.cli.views.screen import say
from domiq_dagster.sync.notifications import status
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.channels.send_test import send_test
from domiq_dagster.sync.notifications.recipients import OPERATOR
from domiq_dagster.sync.notifications.sender import deliver_due
from domiq_dagster.sync.property_names import PropertyNames
from domiq_dagster.wiring import notice_channels


def notifications(
    property_name: PropertyOption = None,
    hours: Annotated[int, typer.Option(help="How far back.", min=1)] = 24,
    retry: Annotated[
        list[UUID] | None,
        typer.Option(help="Send this one again, also where it may have arrived. Can be repeated."),
    ] = None,
    retry_undeliverable: Annotated[
        bool, typer.Option("--retry-undeliverable", help="Send the undeliverable ones again.")
    ] = False,
    test: Annotated[
        str | None, typer.Option(help="Send one test message: email, sms, slack or operator.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="The address that the test message goes to.")] = None,
    with_recipients: Annotated[
        bool, typer.Option("--with-recipients", help="Show whom they were for.")
    ] = False,
    by: By = None,
    why: Why = None,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """List the notices that wait, and those that did not arrive, or retry them; or test a channel."""
    if test is not None and (retry or retry_undeliverable):
        raise Usage("Test a channel, or retry notices: --test goes with neither --retry.")
    if to is not None and test is None:
        raise Usage("--to is where a test message goes: give --test CHANNEL as well.")
    channels = notice_channels(os.environ)
    if test is not None:
        sent = send_test(channels, test, to)
        say(f"{test}: {sent.status}" + (f": {sent.reason}" if sent.reason else "."))
        finish(json_output, {"channel": test, "outcome": sent.status}, bad=sent.status != "delivered")
    with database() as engine:
        chosen = find_property(engine, property_name)
        property_id = chosen.property_id if chosen else None
        retried = 0
        if retry or retry_undeliverable:
            retried = status.retry(
                engine,
                ids=retry or (),
                all_undeliverable=retry_undeliverable,
                property_id=property_id,
                hours=hours,
                by=decider(by),
                why=reason(why),
            )
            if retry and not retried:
                raise Usage(
                    "Of these notices none failed to arrive: give the id of one that "
                    "`domiq-sync notifications` lists."
                )
            with at_work("Sending"):
                deliver_due(engine, channels)
        with engine.connect() as connection:
            found = status.outbox_status(connection, property_id, hours=hours)
            names = PropertyNames(connection)
    result = views.notices_result(found, names, retried=retried, with_recipients=with_recipients)
    views.print_notices(result)
    finish(json_output, result, bad=not result["ok"])


def told_of_alerts(channels: Channels) -> dict[str, Any]:
    """The doctor's finding of who is told of alerts beside DomIQ. Not ok where an address is given and is
    wrong."""
    problem = channels.problem(OPERATOR)
    answer = "yes" if problem is None else f"in DomIQ and Dagster alone: {problem}"
    return {
        "question": "The operator is told of alerts",
        "ok": OPERATOR not in channels.problems,
        "answer": answer,
    }
