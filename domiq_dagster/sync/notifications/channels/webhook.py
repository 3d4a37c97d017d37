"""A gateway of one's own, which takes JSON or a form: `json://`, `jsons://`, `form://`, `forms://`.

Apprise reads the URL; the requests are ours, so that how they ended is known. What is sent is what Apprise
would send.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from domiq_dagster.sync.notifications.channels.http import exchange, failure
from domiq_dagster.sync.notifications.channels.message import DELIVERED, SendResult

if TYPE_CHECKING:
    from apprise.plugins.custom_form import NotifyForm
    from apprise.plugins.custom_json import NotifyJSON

_KIND = "info"
_JSON_HEADERS = {"Content-Type": "application/json"}
_FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


def post_json(gateway: NotifyJSON, title: str, text: str) -> SendResult:
    """Sends a message as one JSON object.

    Args:
        gateway: the URL, as Apprise reads it.
        title: plain text; may be empty.
        text: plain text.
    """
    standard = {
        "version": gateway.json_version,
        "title": title,
        "message": text,
        "attachments": [],
        "type": _KIND,
    }
    fields = _fields(standard, gateway.payload_extras)
    return _request(gateway, json.dumps(fields).encode(), gateway.params, _JSON_HEADERS)


def post_form(gateway: NotifyForm, title: str, text: str) -> SendResult:
    """Sends a message as a form; as the query of the URL, where its method is GET.

    Args:
        gateway: the URL, as Apprise reads it.
        title: plain text; may be empty.
        text: plain text.
    """
    standard = {"version": gateway.form_version, "title": title, "message": text, "type": _KIND}
    fields = _fields(standard, {**gateway.payload_overrides, **gateway.payload_extras})
    if gateway.method == "GET":
        return _request(gateway, None, {**fields, **gateway.params}, {})
    return _request(gateway, urlencode(fields).encode(), gateway.params, _FORM_HEADERS)


def _fields(standard: Mapping[str, object], extras: Mapping[str, str]) -> dict[str, object]:
    """The fields of a message. An extra one of a standard name gives that field another name, or leaves it
    out where it is empty."""
    fields = dict(standard)
    for name, value in extras.items():
        if name not in standard:
            fields[name] = value
            continue
        content = fields.pop(name)
        if value:
            fields[value] = content
    return fields


def _request(
    gateway: NotifyJSON | NotifyForm,
    body: bytes | None,
    params: Mapping[str, object],
    headers: Mapping[str, str],
) -> SendResult:
    done = exchange(
        gateway,
        _url(gateway),
        body,
        method=str(gateway.method),
        params={name: str(value) for name, value in params.items()},
        headers={**headers, **gateway.headers},
        auth=(gateway.user, gateway.password or "") if gateway.user else None,
    )
    # Its method says nothing about whether it acts: a GET may send the message too.
    taken = done.status is not None and 200 <= done.status < 300
    return DELIVERED if taken else failure([done])


def _url(gateway: NotifyJSON | NotifyForm) -> str:
    port = f":{gateway.port}" if isinstance(gateway.port, int) else ""
    return f"{'https' if gateway.secure else 'http'}://{gateway.host}{port}{gateway.fullpath}"
