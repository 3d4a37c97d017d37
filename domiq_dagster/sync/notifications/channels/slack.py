"""Slack: webhooks, and bots, which find people by their e-mail address.

Apprise reads the URL; the requests are ours, so that how they ended is known. What is posted is what Apprise
would post.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from domiq_dagster.sync.notifications.channels.http import Exchange, exchange, failure
from domiq_dagster.sync.notifications.channels.message import DELIVERED, SendResult, combined, refused

if TYPE_CHECKING:
    from apprise.plugins.slack import NotifySlack

_BOT, _WEBHOOK, _GOVERNMENT_WEBHOOK = "bot", "hook", "gov-hook"
_COLOUR = "#3AA3E3"
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LINK = re.compile(r"&lt;((?:https?://|mailto:|[!@])[^|\s]+?)(\|[^\n]*?)?&gt;")
"""Links and mentions, as they look after escaping: <https://example.com|there>, <!channel>."""
_ID = re.compile(r"[CDGUW][A-Z0-9]{7,}")
"""A channel or person by Slack's own id. No name is in capital letters."""


def can_post(slack: NotifySlack) -> bool:
    """Whether `post` does what the URL asks for. Blocks, templates and workflows are left to Apprise."""
    return slack.mode in (_BOT, _WEBHOOK, _GOVERNMENT_WEBHOOK) and not slack.use_blocks


def post(slack: NotifySlack, title: str, text: str, *, is_markup: bool = False) -> SendResult:
    """Posts a message to each channel or person that Apprise's object names.

    Args:
        slack: the URL, as Apprise reads it.
        title: plain text.
        text: what is no link and no mention is shown as it is.
        is_markup: its links and mentions count; else it is shown as it is.
    """
    shown_text = _markup(text) if is_markup else text.translate(_ESCAPED)
    shown: dict[str, Any] = {"title": title.translate(_ESCAPED), "text": shown_text, "color": _COLOUR}
    if slack.include_footer:
        shown["footer"] = slack.app_id
        if slack.include_timestamp:
            shown["ts"] = time.time()
    payload: dict[str, Any] = {"mrkdwn": True, "attachments": [shown]}
    if slack.user:
        payload["username"] = slack.user
    return combined(_post_to(slack, target, payload) for target in slack.channels)


def _post_to(slack: NotifySlack, target: str | None, payload: dict[str, Any]) -> SendResult:
    if target is None:  # a webhook's own channel
        return _post(slack, payload)
    if "@" not in target[1:]:
        channel, _, thread = target.partition(":")
        threaded = {"thread_ts": thread} if thread else {}
        return _post(slack, {**payload, **threaded, "channel": _channel(channel)})
    if slack.mode != _BOT:
        return refused("a Slack webhook finds nobody by e-mail: use a bot token or a channel")
    found = _find_person(slack, target)
    if isinstance(found, SendResult):
        return found
    return _post(slack, {**payload, "channel": found})


def _post(slack: NotifySlack, payload: dict[str, Any]) -> SendResult:
    done = exchange(slack, _url(slack), json.dumps(payload).encode(), headers=_headers(slack))
    if done.status == 200 and (_is_ok(done) if slack.mode == _BOT else done.body == b"ok"):
        return DELIVERED
    return failure([done])


def _find_person(slack: NotifySlack, address: str) -> str | SendResult:
    """The id of whoever has this e-mail address; or why it could not be had."""
    url = slack.api_url.format("users.lookupByEmail")
    done = exchange(slack, url, None, method="GET", params={"email": address}, headers=_headers(slack))
    if done.status == 200 and (answer := _is_ok(done)):
        return str(answer["user"]["id"])
    return failure([replace(done, acts=False)])


def _url(slack: NotifySlack) -> str:
    if slack.mode == _BOT:
        return slack.api_url.format("chat.postMessage")
    base = slack.webhook_url if slack.mode == _WEBHOOK else slack.webhook_gov_url
    return f"{base}/{slack.token_a}/{slack.token_b}/{slack.token_c}"


def _headers(slack: NotifySlack) -> dict[str, str]:
    headers = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8"}
    if slack.mode == _BOT:
        headers["Authorization"] = f"Bearer {slack.access_token}"
    return headers


def _is_ok(done: Exchange) -> dict[str, Any] | None:
    """A bot's answer, where it says that what was asked is done. HTTP's status is 200 either way."""
    try:
        answer = json.loads(done.body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and answer.get("ok") else None


def _channel(name: str) -> str:
    if name.startswith("+"):
        return name[1:]
    return name if name[0] in "#@" or _ID.fullmatch(name) else f"#{name}"


def _markup(text: str) -> str:
    """The text with its links and mentions; other special characters are shown as they are."""
    return _LINK.sub(_unescaped, text.translate(_ESCAPED))


def _unescaped(link: re.Match[str]) -> str:
    return f"<{link[1].replace('&amp;', '&')}{link[2] or ''}>"
