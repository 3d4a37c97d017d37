"""Putting notices in words: the message of one, and a digest of many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.notifications.channels.channels import Channels
from domiq_dagster.sync.notifications.channels.message import Enclosed, Message
from domiq_dagster.sync.notifications.claims import ClaimedNotice
from domiq_dagster.sync.notifications.facts import change_facts
from domiq_dagster.sync.notifications.outcomes import Settle
from domiq_dagster.sync.notifications.recipients import OPERATOR
from domiq_dagster.sync.notifications.templates import as_html
from domiq_dagster.sync.trouble import Faults

QUERIES = load_queries(__package__, "content.sql")
_LISTED = 20
"""How many notices a digest lists; the others are counted."""


def compose(connection: Connection, notice: ClaimedNotice, channels: Channels) -> Message | Settle:
    """The message that a notice is sent as; or how it ends, where what it was about is gone.

    Raises:
        TemplateProblem: it cannot be put in words.
    """
    kind = "email" if notice.channel == OPERATOR else notice.channel
    if notice.body and not notice.is_digest:
        enclosed = _enclosed(connection, notice)
        return Message(notice.id, notice.subject, notice.body, as_html(notice.body), enclosed=enclosed)
    template = "digest" if notice.is_digest else notice.template_id
    values = _values(connection, notice, link=channels.link, private=kind != "in_app")
    if isinstance(values, Settle):
        return values
    subject, body = channels.templates.render(template, kind, values)
    html = channels.templates.render(template, "email_html", values)[1] if kind == "email" else None
    return Message(
        notice.id,
        notice.subject or subject,  # a rule's own
        body,
        html if html != body else as_html(body),
        is_markup=kind == "slack",
    )


def _enclosed(connection: Connection, notice: ClaimedNotice) -> Enclosed | None:
    """The page that goes with a notice; None where it has none, or it is gone: the words are enough."""
    if notice.report_id is None:
        return None
    row = connection.execute(QUERIES.report_page, {"id": notice.report_id}).first()
    return None if row is None else Enclosed(row.file_name, row.html)


def _values(
    connection: Connection, notice: ClaimedNotice, *, link: str | None, private: bool
) -> dict[str, Any] | Settle:
    """What the notice's template may say."""
    if notice.is_digest:
        digested = digest_values(connection, notice.id, private=private)
        return digested or Settle("suppressed", "all that the digest would tell of is gone")
    if notice.change_id is None:
        return Settle("suppressed", "there is no text, and no change to tell of")
    facts = change_facts(connection, [notice.change_id], link=link, private=private)
    if notice.change_id not in facts:
        return Settle("suppressed", "the change is gone, with its conversation")
    return facts[notice.change_id]


def digest_values(connection: Connection, digest_id: UUID, *, private: bool) -> dict[str, Any] | None:
    """What the digest template may say: counts per property, and the first notices of each.

    Args:
        connection: any.
        digest_id: the notice that is the digest.
        private: False for what is stored: counts alone.

    Returns:
        None where all that it would tell of is gone.
    """
    groups: dict[UUID | None, dict[str, Any]] = {}
    total = urgent = 0
    for row in connection.execute(QUERIES.digest_counts, {"id": digest_id}):
        name = row.property_name or "Other"
        group = groups.setdefault(row.property_id, {"property": name, "parts": [], "lines": [], "notices": 0})
        group["parts"].append(f"{row.notices} {(row.new_status or 'other').replace('_', ' ')}")
        group["notices"] += row.notices
        total += row.notices
        urgent += row.urgent
    if not total:
        return None
    if private:
        for property_id, line in _digest_lines(connection, digest_id):
            groups[property_id]["lines"].append(line)
    for group in groups.values():
        group["counts"] = ", ".join(group.pop("parts"))
        group["more"] = max(0, group["notices"] - len(group["lines"])) if group["lines"] else 0
    return {"total": total, "urgent": urgent, "groups": list(groups.values())}


def _digest_lines(connection: Connection, digest_id: UUID) -> list[tuple[UUID | None, str]]:
    """One line for each of the first notices, with its property."""
    first = connection.execute(QUERIES.digest_first, {"id": digest_id, "most": _LISTED}).all()
    unreadable = Faults("nothing can be said in a digest of change {}")
    known = change_facts(connection, {row.change_id for row in first if row.change_id}, faults=unreadable)
    lines = []
    for row in first:
        facts = known.get(row.change_id)
        unknown = unreadable.sentences.get(str(row.change_id))
        line = row.subject or (
            _line(facts) if facts else unknown and f"A lead: nothing can be said ({unknown})"
        )
        if line:
            lines.append((row.property_id, line))
    return lines


def _line(facts: Mapping[str, Any]) -> str:
    before, after = ((facts[n] or "no status").replace("_", " ") for n in ("old_status", "new_status"))
    mark = " (urgent)" if facts["priority"] == "urgent" or facts["urgency"] == "high" else ""
    return f"{facts['lead']['name'] or 'A lead'}: {before} \u2192 {after}{mark}"
