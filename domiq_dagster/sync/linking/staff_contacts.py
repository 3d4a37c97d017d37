"""The e-mails and phones of DomIQ's own staff: they try the chatbot out, and are nobody's lead."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from domiq_dagster.db.sqlfile import load_queries
from domiq_dagster.sync.linking.matching import NONE_SHARED, SharedContacts, shared_contacts

QUERIES = load_queries(__package__, "staff_contacts.sql")


def staff_contacts(connection: Connection, property_id: UUID) -> SharedContacts:
    """E-mails and phones of DomIQ's managers at the property's company; none where DomIQ has no managers."""
    if not connection.scalar(QUERIES.has_managers):
        return NONE_SHARED
    rows = connection.execute(QUERIES.staff, {"property_id": property_id})
    return shared_contacts((row.email, row.phone) for row in rows)
