"""Twilio: SMS, and WhatsApp.

Apprise reads the URL; the requests are ours, so that how they ended is known. What is posted is what Apprise
would post.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from domiq_dagster.sync.notifications.channels.http import exchange, failure
from domiq_dagster.sync.notifications.channels.message import DELIVERED, SendResult, combined

if TYPE_CHECKING:
    from apprise.plugins.twilio import NotifyTwilio

_TAKEN = (200, 201)
_WHATSAPP = "W"
_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


def can_post(twilio: NotifyTwilio) -> bool:
    """Whether `post` does what the URL asks for. Calls are left to Apprise."""
    return bool(twilio.method == "sms")


def post(twilio: NotifyTwilio, title: str, text: str) -> SendResult:
    """Sends a message to each number that Apprise's object names; to its own number, if it names none.

    Args:
        twilio: the URL, as Apprise reads it.
        title: becomes the first line; may be empty.
        text: plain text.
    """
    body = f"{title}\r\n{text}" if title else text
    targets = twilio.targets or [(twilio.default_mode, twilio.source)]
    return combined(_post(twilio, mode, number, body) for mode, number in targets)


def _post(twilio: NotifyTwilio, mode: str, number: str, body: str) -> SendResult:
    kind = "whatsapp:" if mode == _WHATSAPP else ""
    form = {"Body": body, "From": f"{kind}{twilio.source}", "To": f"{kind}{number}"}
    done = exchange(
        twilio,
        twilio.notify_sms_url.format(sid=twilio.account_sid),
        urlencode(form).encode(),
        headers=_HEADERS,
        auth=(twilio.apikey or twilio.account_sid, twilio.auth_token),
    )
    return DELIVERED if done.status in _TAKEN else failure([done])
