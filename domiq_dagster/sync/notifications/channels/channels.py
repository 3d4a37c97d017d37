"""The channels that notices go out by, at the addresses that the environment names, as Apprise writes them.

    DOMIQ_EMAIL_URL         mailtos://user:password@smtp.example.com?from=notices@example.com
    DOMIQ_SMS_URL           twilio://SID:TOKEN@+12125550100
    DOMIQ_SLACK_URL         slack://xoxb-... (a bot, which finds people by e-mail), or a webhook's URL
    DOMIQ_OPERATOR_ADDRESS  one or more Apprise URLs, separated by spaces: whoever looks after the sync itself

A message's recipient takes the place of the targets in the URL; where a service has none (`json://`,
`form://`), the URL says with {recipient} where it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domiq_dagster.sync.notifications.channels.message import Channel, Message, SendResult, refused
from domiq_dagster.sync.notifications.recipients import OPERATOR
from domiq_dagster.sync.notifications.templates import Templates

OUTWARD = ("email", "sms", "slack")
VARIABLES = {
    "email": "DOMIQ_EMAIL_URL",
    "sms": "DOMIQ_SMS_URL",
    "slack": "DOMIQ_SLACK_URL",
    OPERATOR: "DOMIQ_OPERATOR_ADDRESS",
}


class BadChannel(Exception):
    """An address in the environment cannot be used; the text says which one and what to do, without it."""


@dataclass(frozen=True, slots=True)
class Channels:
    """What can be sent, and how it is put in words.

    Attributes:
        outward: those that leave DomIQ, by name.
        operators: those of the channel `operator`, in the order of its addresses.
        problems: why a channel cannot be used, by name.
        link: the URL of a conversation in DomIQ, with {conversation_id} where its id belongs.
    """

    outward: Mapping[str, Channel] = field(default_factory=dict, repr=False)
    operators: Sequence[Channel] = field(default=(), repr=False)
    problems: Mapping[str, str] = field(default_factory=dict)
    templates: Templates = field(default_factory=Templates)
    link: str | None = field(default=None, repr=False)

    def problem(self, channel: str) -> str | None:
        """Why nothing can be sent by this channel; None where it can."""
        if channel == "in_app" or channel in self.outward or (channel == OPERATOR and self.operators):
            return None
        return self.problems.get(channel) or f"{VARIABLES.get(channel, channel)} is not set"

    def operator(self, recipient: str) -> Channel | None:
        """The channel to `operator` (the only one) or `operator 2`; None where there is no such address."""
        number = recipient.removeprefix(OPERATOR).strip() or "1"
        index = int(number) - 1 if number.isdigit() else -1
        return self.operators[index] if 0 <= index < len(self.operators) else None

    def send(self, channel: str, recipient: str, message: Message) -> SendResult:
        """Sends one message. `recipient` is an address of the channel."""
        found = self.operator(recipient) if channel == OPERATOR else self.outward.get(channel)
        if found is None:
            why = self.problem(channel) or f"{VARIABLES[OPERATOR]} has fewer addresses than it had"
            return refused(why)
        return found.send(recipient, message)


def configure(settings: Mapping[str, str]) -> Channels:
    """The channels that an environment names. A wrong address closes its own channel and no other: see
    `Channels.problems`."""
    outward: dict[str, Channel] = {}
    problems: dict[str, str] = {}
    operators: list[Channel] = []
    allow_http = settings.get("DOMIQ_ALLOW_HTTP", "").strip() == "1"
    for name in OUTWARD:
        if url := settings.get(VARIABLES[name], "").strip():
            try:
                outward[name] = make_channel(name, url, allow_http=allow_http)
            except BadChannel as error:
                problems[name] = str(error)
    for number, url in enumerate(settings.get(VARIABLES[OPERATOR], "").split(), 1):
        try:
            operators.append(make_channel(OPERATOR, url, allow_http=allow_http))
        except BadChannel as error:
            problems[OPERATOR] = f"address {number}: {error}"
    directory = settings.get("DOMIQ_TEMPLATE_DIR", "").strip()
    templates = Templates(Path(directory) if directory else None)
    return Channels(
        outward, operators, problems, templates, settings.get("DOMIQ_LINK_URL", "").strip() or None
    )


def make_channel(name: str, url: str, *, allow_http: bool = False) -> Channel:
    """The channel of this name at a URL; see `channel_of`. Raises BadChannel where it cannot be used."""
    from domiq_dagster.sync.notifications.channels.apprise_url import (
        channel_of,  # Apprise takes half a second to import
    )

    try:
        return channel_of(name, url, allow_http=allow_http)
    except ValueError as error:
        raise BadChannel(f"{VARIABLES[name]}: {error}") from None
