"""Addresses of channels, as Apprise writes them; and who sends to which.

Apprise reads them all. Mail, Slack, Twilio and one's own gateways are then spoken by ourselves, step by step,
since Apprise answers True or False: what was refused, what never left and what is unknown are the same to it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports imghdr, for a library that it may use
    from apprise import Apprise, AppriseAsset
    from apprise.plugins import url_to_dict
    from apprise.plugins.custom_form import NotifyForm
    from apprise.plugins.custom_json import NotifyJSON
    from apprise.plugins.email import NotifyEmail
    from apprise.plugins.slack import NotifySlack
    from apprise.plugins.twilio import NotifyTwilio

from domiq_dagster.resman.config import is_loopback
from domiq_dagster.sync.notifications.channels import any_service, slack, twilio, webhook
from domiq_dagster.sync.notifications.channels.http import USER_AGENT
from domiq_dagster.sync.notifications.channels.message import Channel, Message, SendResult, refused
from domiq_dagster.sync.notifications.channels.smtp import MailChannel, MailServer
from domiq_dagster.sync.notifications.recipients import OPERATOR

_RECIPIENT = "{recipient}"
_TIMEOUTS = {"cto": "10", "rto": "20"}
_ONLY_APPRISE = ("format", "emojis")
"""What a URL may ask for that changes the text: Apprise does it."""
_ASSET = AppriseAsset(
    # Its own name and picture are no part of a message.
    app_id=USER_AGENT,
    app_desc=USER_AGENT,
    app_url="",
    image_url_mask="",
    image_url_logo="",
    secure_logging=True,
    http_redirects=False,  # to wherever the answer says, with all that the message holds
)


def channel_of(name: str, url: str, *, allow_http: bool = False) -> Channel:
    """The channel of a name at a URL.

    Args:
        name: email, sms, slack or operator. What goes to an operator goes to the URL's own targets.
        url: as Apprise writes it.
        allow_http: messages and passwords may go unencrypted to other machines than this one.

    Raises:
        ValueError: it cannot be used for the channel; a sentence that does not repeat it.
    """
    fixed = name == OPERATOR
    service = _read(url, None)
    if service is None:
        raise ValueError("this is no address that Apprise understands; docs/notifications.md shows some")
    server = MailServer.of(service) if isinstance(service, NotifyEmail) else None
    if not allow_http and _is_open(service):
        raise ValueError(
            "this would send people's data or a password unencrypted: write the address that is encrypted "
            "(jsons:// for json://, mailtos:// for mailto://), or set DOMIQ_ALLOW_HTTP=1 if the way is safe"
        )
    if server is not None:
        own = [address for _, address in service.targets]
        if fixed and len(own) > 1:
            raise ValueError("name one recipient in each URL, so that each counts by itself")
        return MailChannel(server, own[0] if fixed and own else None)
    if not fixed and _RECIPIENT not in url and "targets" not in _parts(url):
        raise ValueError(f"this service has no recipients of its own; write {_RECIPIENT} where it belongs")
    return UrlChannel(url, joined=name == "sms", fixed=fixed)


class UrlChannel:
    """What one Apprise URL reaches.

    Args:
        url: as Apprise writes it.
        joined: subject and text are one, as in an SMS.
        fixed: it goes to the targets in the URL, whatever recipient is named.
    """

    def __init__(self, url: str, *, joined: bool, fixed: bool = False) -> None:
        self._url = url
        self._joined = joined
        self._fixed = fixed

    def send(self, recipient: str, message: Message) -> SendResult:
        """Sends one message, and says how that ended."""
        service = _read(self._url, None if self._fixed else recipient)
        if service is None:
            return refused("the service does not take this recipient")
        title = "" if self._joined else message.subject.strip()
        return self._way(service, message.is_markup)(title, message.text.rstrip())

    def _way(self, service: Any, is_markup: bool) -> Callable[[str, str], SendResult]:
        """How a message goes to this service: by a request of ours, or through Apprise."""
        if not any(name in _parts(self._url) for name in _ONLY_APPRISE):
            if isinstance(service, NotifySlack) and slack.can_post(service):
                return partial(slack.post, service, is_markup=is_markup)
            if isinstance(service, NotifyTwilio) and twilio.can_post(service):
                return partial(twilio.post, service)
            if isinstance(service, NotifyJSON):
                return partial(webhook.post_json, service)
            if isinstance(service, NotifyForm):
                return partial(webhook.post_form, service)
        return partial(any_service.notify, service, is_markup=is_markup)


def _is_open(service: Any) -> bool:
    """Whether what it sends to another machine can be read on the way. Mail without a password may go so to a
    relay nearby: it is open wherever it goes from there."""
    if isinstance(service, NotifyEmail):
        is_open = service.secure_mode == "insecure" and bool(service.password)
        host = str(service.smtp_host or "")
    else:
        is_open = bool(service.protocol and service.secure_protocol and not service.secure)
        host = str(service.host or "")
    return is_open and not is_loopback(host.strip("[]"))


def _read(url: str, recipient: str | None) -> Any:
    """Apprise's own object for the URL, with the recipient as its only target. None where it refuses."""
    if recipient is not None:
        url = url.replace(_RECIPIENT, quote(recipient, safe=""))
    parts = _parts(url)
    if not parts:
        return None
    if recipient is not None and "targets" in parts:
        parts["targets"] = [recipient]
    service = Apprise.instantiate({**_TIMEOUTS, **parts}, asset=_ASSET)
    if recipient is not None and not getattr(service, "targets", True):
        return None  # left without a target that it takes, Twilio would send to its own number
    return service


def _parts(url: str) -> dict[str, Any]:
    found: dict[str, Any] | None = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
    return found or {}
