"""The e-mail and phone that ResMan has of a property itself: nobody's own, so they never link.

Asked once an account and client, and kept in memory: no contact data is stored.
"""

from __future__ import annotations

from threading import Lock
from weakref import WeakKeyDictionary

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import NotEntitled
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking import NONE_SHARED, SharedContacts, shared_contacts

_asked: WeakKeyDictionary[ResManClient, dict[str, dict[str, SharedContacts]]] = WeakKeyDictionary()
_lock = Lock()


def property_contacts(client: ResManClient, integration: Integration) -> SharedContacts:
    """What ResMan tells of the property: nothing, where it may not be asked. Raises ResManError; the next one
    asks again then."""
    account = integration.account_id
    with _lock:
        known = _asked.setdefault(client, {})
    if account not in known:
        try:
            known[account] = {
                p.property_id.lower(): shared_contacts([(p.email, p.phone)])
                for p in client.properties(account)
            }
        except NotEntitled:
            known[account] = {}
    return known[account].get(integration.resman_property_id.lower(), NONE_SHARED)
