"""Apprise as the sender of notices. It answers True or False and swallows what happened: `heard.py` and
`mail.py` tell what was refused, what never left, and what is unknown.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports imghdr, for a library that it may use
    from apprise import Apprise, AppriseAsset, NotifyBase
    from apprise.plugins import url_to_dict
    from apprise.plugins.email import NotifyEmail
    from apprise.plugins.slack import NotifySlack

from domiq_dagster.sync.notifications.channels.http_capture import Exchange, listening
from domiq_dagster.sync.notifications.channels.message import Fate, Letter, Outcome, Sender
from domiq_dagster.sync.notifications.channels.smtp import MailSender, MailServer
from domiq_dagster.sync.notifications.recipients import OPERATOR

_RECIPIENT = "{recipient}"
_TIMEOUTS = {"cto": "10", "rto": "20"}
_TRY_AGAIN = (408, 425, 429, 503)
"""Answers that say that nothing was done."""

# Apprise names recipients, texts and tokens in its log.
logging.getLogger("apprise").addFilter(lambda record: False)
# Its own name and picture are no part of a notice.
_ASSET = AppriseAsset(
    app_id="DomIQ", app_desc="DomIQ", app_url="", image_url_mask="", image_url_logo="", secure_logging=True
)


class AppriseSender:
    """One Apprise URL. `fixed`: it goes to the targets in the URL, whatever recipient is named."""

    def __init__(self, url: str, *, joined: bool, fixed: bool = False) -> None:
        self._url = url
        self._joined = joined
        self._fixed = fixed

    def send(self, recipient: str, letter: Letter) -> Outcome:
        """`joined`: subject and text are one, as in an SMS."""
        plugin = _plugin(self._url, None if self._fixed else recipient)
        if plugin is None:
            return Outcome(Fate.REFUSED, "the service does not take this recipient")
        if isinstance(plugin, NotifySlack) and "@" in recipient[1:] and not plugin.access_token:
            return Outcome(
                Fate.REFUSED, "a Slack webhook finds nobody by e-mail: use a bot token or a channel"
            )
        plugin.retry = 0  # whoever repeats must know that nothing arrived
        title, body = ("", letter.text) if self._joined else (letter.subject, letter.text)
        with listening() as heard:
            try:
                taken = bool(plugin.notify(body=body, title=title, overflow="upstream"))
            except Exception as error:  # a plugin may raise anything; what was heard decides
                return _judge(False, heard, plugin, type(error).__name__)
        return _judge(taken, heard, plugin, None)


def _in_doubt(exchange: Exchange) -> bool:
    """Whether the other side may have done what was asked, though it did not say so."""
    if exchange.status is None:
        return exchange.connected
    return exchange.status >= 500 and exchange.status not in _TRY_AGAIN


def _judge(taken: bool, heard: Sequence[Exchange], plugin: NotifyBase, raised: str | None) -> Outcome:
    """What became of a message, of what the plugin says and what was heard on the wire."""
    if taken:
        return Outcome(Fate.DELIVERED, "")
    last = heard[-1] if heard else None
    if last is None:
        # A plugin that sends through requests, and asked nothing, refused by itself.
        quiet = raised is None and hasattr(sys.modules[type(plugin).__module__], "requests")
        if quiet:
            return Outcome(Fate.REFUSED, "the service does not take this message or recipient")
        return Outcome(Fate.UNKNOWN, f"the service failed ({raised or 'it does not say how'})")
    # Whatever came after it, such as a plugin's farewell: an answer that is missing leaves it open.
    doubtful = next((e for e in heard if e.method != "GET" and _in_doubt(e)), None)
    if doubtful is not None:
        how = "no answer came" if doubtful.status is None else f"HTTP {doubtful.status}"
        return Outcome(Fate.UNKNOWN, f"the service had the message and failed ({how})")
    if last.status is None:
        how = "does not answer" if last.connected else "cannot be reached"
        return Outcome(Fate.LATER, f"the service {how}", True)
    told = f"HTTP {last.status}" + (f": {last.word}" if last.word and last.word != str(last.status) else "")
    if last.status in _TRY_AGAIN or last.word in ("ratelimited", "rate_limited"):
        return Outcome(Fate.LATER, f"the service asks to wait ({told})", True, last.retry_after)
    if last.status == 401:
        return Outcome(Fate.LATER, f"the service refuses the credentials ({told})", True)
    if last.status >= 500:
        return Outcome(Fate.LATER, f"the service failed ({told})", True)
    return Outcome(Fate.REFUSED, f"the service refuses it ({told})")


def sender_of(channel: str, url: str) -> Sender:
    """The sender for a URL. Raises ValueError, with a sentence that does not repeat it, where it cannot be
    used for the channel."""
    fixed = channel == OPERATOR
    plugin = _plugin(url, None)
    if plugin is None:
        raise ValueError("this is no address that Apprise understands; docs/notifications.md shows some")
    if isinstance(plugin, NotifyEmail):
        server = MailServer.of(plugin)
        own = [address for _, address in plugin.targets]
        if fixed and len(own) > 1:
            raise ValueError("name one recipient in each URL, so that each counts by itself")
        return MailSender(server, own[0] if fixed and own else None)
    if not fixed and _RECIPIENT not in url and "targets" not in _parts(url):
        raise ValueError(f"this service has no recipients of its own; write {_RECIPIENT} where it belongs")
    return AppriseSender(url, joined=channel == "sms", fixed=fixed)


def _plugin(url: str, recipient: str | None) -> Any:
    """Apprise's own object for the URL, with the recipient as its only target. None where it refuses."""
    if recipient is not None:
        url = url.replace(_RECIPIENT, quote(recipient, safe=""))
    parts = _parts(url)
    if not parts:
        return None
    if recipient is not None and "targets" in parts:
        parts["targets"] = [recipient]
    plugin = Apprise.instantiate({**_TIMEOUTS, **parts}, asset=_ASSET)
    if recipient is not None and not getattr(plugin, "targets", True):
        return None  # left without a target that it takes, Twilio would send to its own number
    return plugin


def _parts(url: str) -> dict[str, Any]:
    found: dict[str, Any] | None = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
    return found or {}
