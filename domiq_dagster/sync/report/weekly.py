"""The weekly report on its way to those who asked: rows of status_notification_preferences with the
status_type `sync_report`. It goes through the outbox, as any notice does, once a week to each address, with
all the properties that name the address."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, Engine

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.outbox import Notice, enqueue
from domiq_dagster.sync.notifications.recipients import Address, resolve
from domiq_dagster.sync.report.collect import Report, collect, read_days
from domiq_dagster.sync.report.daily import time_now
from domiq_dagster.sync.report.links import Links
from domiq_dagster.sync.report.page import headline, page, percent, title
from domiq_dagster.sync.trouble import Faults

QUERIES = load_queries(__package__, "weekly.sql")
_MOST_LEADS = 30
"""So many leads are named in the words of a notice, which some channels send without the page."""


@dataclass(slots=True)
class Sent:
    """What was put into the outbox.

    Attributes:
        notices: how many; those that went this week already do not count.
        problems: a sentence for each preference whose recipients could not be made out.
    """

    notices: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Reader:
    """One address, and the properties whose report goes there.

    Attributes:
        problem: why nothing can be sent to it; None: it can.
    """

    channel: str
    recipient: str = field(repr=False)
    problem: str | None = None
    properties: dict[UUID, UUID] = field(default_factory=dict)
    """The preference that asked, by property."""


def enqueue_reports(engine: Engine, links: Links, *, days: int = 7) -> Sent:
    """Puts the report of the last days into the outbox for everybody who asked and has not had it this week.
    Those who look after the same properties get the same page.

    Args:
        engine: of DomIQ's database.
        links: where the leads link to.
        days: how many, today among them.
    """
    sent = Sent()
    with engine.begin() as connection:
        connection.execute(QUERIES.forget_pages)
        groups: dict[tuple[UUID, ...], list[_Reader]] = {}
        for reader in _readers(connection, sent):
            groups.setdefault(tuple(sorted(reader.properties)), []).append(reader)
        figures = read_days(connection, time_now(connection).date(), days) if groups else None
        for properties, readers in groups.items():
            report = collect(connection, days=days, property_ids=properties, figures=figures)
            sent.notices += _enqueue(connection, report, readers, links)
    return sent


def _enqueue(connection: Connection, report: Report, readers: list[_Reader], links: Links) -> int:
    page_id = uuid.uuid4()
    new = enqueue(connection, [_notice(reader, report, page_id) for reader in readers])
    if new:
        values = {
            "id": page_id,
            "file_name": f"lead-status-report-{report.last}.html",
            "html": page(report, links),
        }
        connection.execute(QUERIES.keep_page, values)
    return new


def _readers(connection: Connection, sent: Sent) -> Iterator[_Reader]:
    """Each address once, with the properties that name it. What is shown in DomIQ is of one property each."""
    found: dict[tuple[object, ...], _Reader] = {}
    faults = Faults("the recipients of preference {} cannot be made out")
    for row in connection.execute(QUERIES.preferences).all():
        addresses: list[Address] = []
        with faults.of(str(row.id), savepoint=connection):
            addresses = resolve(connection, row.property_id, row.recipients, row.channel)
        for address in addresses:
            apart = row.property_id if address.problem or row.channel == "in_app" else None
            reader = found.setdefault(
                (row.channel, address.recipient, apart),
                _Reader(row.channel, address.recipient, address.problem),
            )
            reader.properties.setdefault(row.property_id, row.id)
    sent.problems += [f"preference {key}: {said}" for key, said in faults.sentences.items()]
    yield from found.values()


def _notice(reader: _Reader, report: Report, page_id: UUID) -> Notice:
    single = next(iter(reader.properties.items())) if len(reader.properties) == 1 else (None, None)
    return Notice(
        single[0],
        reader.channel,
        reader.recipient,
        title(report),
        words(report, short=reader.channel == "sms"),
        preference_id=single[1],
        report_id=page_id,
        problem=reader.problem,
        dedup_key=_key(reader, report.last),
    )


def _key(reader: _Reader, day: date) -> str:
    """The same address gets it once a week. A digest, since an address is personal."""
    year, week, _ = day.isocalendar()
    apart = sorted(map(str, reader.properties)) if reader.channel == "in_app" or reader.problem else []
    parts = "\n".join(("report", f"{year}-{week}", reader.channel, reader.recipient, *apart))
    return hashlib.sha256(parts.encode()).hexdigest()


def words(report: Report, *, short: bool = False) -> str:
    """The report in plain words, for whoever does not open the page: what waits, lead by lead, and the
    week."""
    said = [headline(report)]
    if short:
        return said[0]
    said.append(
        f"{report.flow.sum('changes')} changes in {len(report.flow.days)} days, "
        f"{report.flow.sum('failed')} failed; of those to ResMan "
        f"{percent(report.flow.within_1min)} were there within a minute."
    )
    by_property = Counter(w.partition_key for w in report.waiting)
    for key, count in by_property.most_common():
        said.append(f"{report.names.get(key, key)}: {count} to look at")
    for lead in report.waiting[:_MOST_LEADS]:
        about = f"lead {lead.prospect_id}" if lead.prospect_id else f"conversation {lead.conversation_id}"
        since = f", since {lead.since:%Y-%m-%d}" if lead.since else ""
        said.append(
            f"- {report.names.get(lead.partition_key, lead.partition_key)}, {about}: {lead.what}{since}"
        )
    if len(report.waiting) > _MOST_LEADS:
        said.append(f"and {len(report.waiting) - _MOST_LEADS} more")
    return "\n".join(said)
