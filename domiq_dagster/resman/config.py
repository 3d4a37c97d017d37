"""What the client is told about ResMan's two APIs: addresses, credentials, limits, and the guard's shape."""

from __future__ import annotations

import ipaddress
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from domiq_dagster.resman.deadline import (
    CONNECT_SECONDS,
    READ_SECONDS,
    SILENCE_SECONDS,
    WRITE_SECONDS,
    Permit,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a request asks for: ResMan grants a partner each endpoint by itself.

    Attributes:
        name: as ResMan has it, such as `MITS/PostLeadManagement4_0` (v1) or `GET /Prospects` (v2).
        property_id: ResMan's id of the property that it is asked about; None where it is the account.
    """

    name: str
    property_id: str | None = None


class Guard(Protocol):
    """What surrounds each HTTP request of an account: it may wait (pace, one at a time), refuse by raising,
    and sees every error that the request raises."""

    def __call__(
        self, account_id: str, endpoint: Endpoint | None = None, /
    ) -> AbstractContextManager[Permit | None]:
        """Surrounds one request, which is over when its permit says so, at the latest."""

    def together(self, account_id: str, /) -> AbstractContextManager[None]:
        """Surrounds several requests of one thread, between which nobody else asks the account."""

    def one_session(self) -> AbstractContextManager[None]:
        """Surrounds any requests of one thread: what the guard works with is opened once for them."""


@dataclass(frozen=True, slots=True)
class ResManConfig:
    """Where ResMan is and who we are there. `repr` shows neither id nor key.

    Timeouts are in seconds; `read_timeout` is the longest silence while an answer is awaited or
    read. `longest_write` and `longest_read` bound a whole exchange, of which a large answer extends the
    latter: see `deadline`. `max_xml_bytes` bounds a v1 answer after decompression. `allow_http` lets the key
    and everybody's data go to another machine unencrypted.

    Raises:
        ValueError: an address is not an https URL with a host (http, where it is this machine's own, or
        allowed), an id or a key cannot be sent, or a limit is not positive.
    """

    v1_url: str
    v2_url: str
    partner_id: str = field(repr=False)
    api_key: str = field(repr=False)
    connect_timeout: float = CONNECT_SECONDS
    read_timeout: float = SILENCE_SECONDS
    longest_write: float = WRITE_SECONDS
    longest_read: float = READ_SECONDS
    max_xml_bytes: int = 32 * 1024 * 1024
    allow_http: bool = False

    def __post_init__(self) -> None:
        _check_url("RESMAN_V1_URL", self.v1_url, "https://api.myresman.com", self.allow_http)
        _check_url("RESMAN_V2_URL", self.v2_url, "https://partners-api.myresman.com", self.allow_http)
        for name, value in (("RESMAN_PARTNER_ID", self.partner_id), ("RESMAN_API_KEY", self.api_key)):
            if not value.isprintable():  # a line break, or half a character
                raise ValueError(f"{name} holds a character that cannot be sent; copy it again.")
        for name in ("connect_timeout", "read_timeout", "longest_write", "longest_read", "max_xml_bytes"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be greater than zero.")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What an answer may repeat and nobody must read: id and key, and both as HTTP's Basic has them."""
        return self.api_key, self.partner_id, f"{self.partner_id}:{self.api_key}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False  # a name, not an address


def _check_url(name: str, url: str, example: str, allow_http: bool) -> None:
    # The value itself stays out of the sentence: somebody may have pasted a key into it.
    fault = _url_fault(url, allow_http)
    if fault:
        raise ValueError(f"{name} {fault}; it must be a web address such as {example}.")


def _url_fault(url: str, allow_http: bool) -> str | None:
    if not url:
        return "is empty"
    if any(c.isspace() or not c.isprintable() for c in url):
        return "has a blank or a control character in it"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "cannot be read (is its port or host malformed?)"
    if parts.scheme not in ("http", "https"):
        return "does not start with https://"
    if not host:
        return "has no host"
    if parts.username is not None or parts.password is not None:
        return "carries a user name or password, which belong in RESMAN_PARTNER_ID and RESMAN_API_KEY"
    if parts.query or parts.fragment:
        return "carries a query or fragment"
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        return (
            "starts with http://, which would send the API key and people's data unencrypted to another "
            "machine (RESMAN_ALLOW_HTTP=1 allows it)"
        )
    return None
