"""The e-mail and phone that ResMan has of a property itself: nobody's own, so they never link.

Asked once an account and client, and kept in memory: no contact data is stored.
"""

from __future__ import annotations

import logging
from threading import Lock
from weakref import WeakKeyDictionary

from domiq_dagster.resman.client import ResManClient
from domiq_dagster.resman.errors import (
    AnswerTooLarge,
    BadRequest,
    Garbled,
    NoSuchEndpoint,
    NotEntitled,
    Refused,
    ServerFault,
)
from domiq_dagster.resman.ids import canonical_id
from domiq_dagster.sync.integrations import Integration
from domiq_dagster.sync.linking.matching import NONE_SHARED, SharedContacts, shared_contacts

logger = logging.getLogger(__name__)
_NOT_GIVEN = (AnswerTooLarge, BadRequest, Garbled, NoSuchEndpoint, NotEntitled, Refused, ServerFault)
"""Errors of the endpoint. Whoever asks has something else at heart, which must not fail for them."""
_asked: WeakKeyDictionary[ResManClient, dict[str, dict[str, SharedContacts]]] = WeakKeyDictionary()
_lock = Lock()


def property_contacts(client: ResManClient, integration: Integration) -> SharedContacts:
    """What ResMan tells of the property: nothing, where this endpoint does not give it to us.

    Raises:
        ResManError: the account cannot be asked anything just now; the next one asks again.
    """
    account = integration.account_id
    with _lock:
        known = _asked.setdefault(client, {})
    if account not in known:
        try:
            known[account] = {
                canonical_id(p.property_id): shared_contacts([(p.email, p.phone)])
                for p in client.properties(account)
            }
        except _NOT_GIVEN as error:
            logger.warning("the contacts of account %s's properties are not known (%s)", account, error.kind)
            if isinstance(error, NotEntitled):
                return NONE_SHARED  # the gate sees to it that it is asked seldom
            known[account] = {}
    return known[account].get(canonical_id(integration.resman_property_id), NONE_SHARED)
