"""The e-mail and phone that ResMan has of a property itself: nobody's own, so they never link.

Asked once an account and client, and kept in memory: no contact data is stored.
"""

from __future__ import annotations

import logging
from threading import Lock
from weakref import WeakKeyDictionary

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import NotEntitled, ResManError
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking import NONE_SHARED, SharedContacts, shared_contacts

logger = logging.getLogger(__name__)
_asked: WeakKeyDictionary[ResManClient, dict[str, dict[str, SharedContacts]]] = WeakKeyDictionary()
_lock = Lock()


def property_contacts(client: ResManClient, integration: Integration) -> SharedContacts:
    """What ResMan tells of the property. Where it does not answer just now, nothing is known this time, and
    the next one asks again; where it may not be asked, nothing is known at all."""
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
        except ResManError as error:
            logger.warning("the contacts of account %s's properties are not known (%s)", account, error.kind)
            return NONE_SHARED
    return known[account].get(integration.resman_property_id.lower(), NONE_SHARED)
