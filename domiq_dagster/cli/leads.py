"""domiq-sync explain, lead and duplicates: a change's story, a lead seen whole, and leads that look like one
person."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from domiq_dagster.cli import views
from domiq_dagster.cli.base import Json, PropertyOption, Usage, Utc, database, find_property, finish
from domiq_dagster.cli.pausing import refuse_switched_off
from domiq_dagster.cli.views.progress import at_work
from domiq_dagster.cli.views.screen import say
from domiq_dagster.resman.errors import ResManError
from domiq_dagster.sync.integrations import load_integrations
from domiq_dagster.sync.monitoring.explain import explain as explain_id
from domiq_dagster.sync.monitoring.lead import MOST_LEADS, find_lead, lead_story
from domiq_dagster.sync.pull.duplicates import find_duplicates
from domiq_dagster.wiring import domiq_database, open_client, open_engine, resman_config


def explain(
    identifier: Annotated[str, typer.Argument(help="The id of a change, a conversation or a ResMan lead.")],
    with_contact: Annotated[
        bool, typer.Option("--with-contact", help="Show the person, and what was written freely, as it is.")
    ] = False,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """The story of a change: who changed what, what was sent, what came back, why it ended so."""
    with database() as engine, engine.connect() as connection:
        story = explain_id(connection, identifier, with_contact=with_contact)
    if not story.changes and not story.conversations:
        raise Usage(f"Nothing is known of {identifier}: give the id of a change, a conversation or a lead.")
    result = {"changes": story.changes, "conversations": story.conversations}
    views.print_story(result)
    finish(json_output, result)


def lead(
    identifier: Annotated[
        str,
        typer.Argument(
            help="The id of a conversation, of a lead or person at ResMan, of a user of DomIQ's or a change."
        ),
    ],
    html: Annotated[
        Path | None,
        typer.Option(help="Write it to this file as a page of its own, which needs nothing else."),
    ] = None,
    utc: Utc = False,
    json_output: Json = False,
) -> None:
    """One lead seen whole: both sides' statuses over time, its changes, rules, notices, conflicts, links and
    what people decided about it, each with why. It names nobody. Where an id means several leads, it says
    which, and shows each."""
    with database() as engine, engine.connect() as connection:
        found = find_lead(connection, identifier)
        if not found:
            raise Usage(
                f"Nothing is known of {identifier}: give the id of a conversation, a lead or person at "
                "ResMan, a user of DomIQ's or a change."
            )
        leads = [list(same) for _, same in groupby(found, key=lambda f: f.lead)]
        stories = [lead_story(connection, one) for one in leads[:MOST_LEADS]]
    result = views.lead_result(identifier, stories, not_shown=len(leads) - len(stories))
    views.print_lead(result)
    if html is not None:
        page = views.lead_page(result)
        if html.is_dir():
            raise Usage(f"{html} is a directory: give --html a file.")
        html.write_text(page, encoding="utf-8")
        say(f"Written to {html}.")
    finish(json_output, result)


def duplicates(
    property_name: PropertyOption = None,
    json_output: Json = False,
) -> None:
    """Read ResMan's prospects and list those of one property that look like one person, by the rules that
    link leads: ids alone, nothing is stored. To be merged in ResMan, where staff see who they are."""
    config = resman_config(os.environ)
    found, failed = [], {}
    with domiq_database(os.environ) as url, open_engine(url) as engine, open_client(config, url) as client:
        chosen = find_property(engine, property_name)
        refuse_switched_off(engine, chosen)
        with engine.connect() as connection:
            properties = [chosen] if chosen else load_integrations(connection)
        for integration in properties:
            try:
                with at_work(f"Reading the prospects of {integration.partition_key}"):
                    found.append(find_duplicates(engine, client, integration))
            except ResManError as error:
                failed[integration.partition_key] = str(error)
    result = views.duplicates_result(found, failed)
    views.print_duplicates(result)
    finish(json_output, result, bad=bool(failed))
