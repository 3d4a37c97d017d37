"""What the client is told about ResMan's two APIs: addresses, credentials, limits, and the guard's shape."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit


class Guard(Protocol):
    """What surrounds each HTTP request of an account: it may wait (pace, one at a time), refuse by raising,
    and sees every error that the request raises."""

    def __call__(self, account_id: str, /) -> AbstractContextManager[None]:
        """Surrounds one request."""

    def together(self, account_id: str, /) -> AbstractContextManager[None]:
        """Surrounds several requests of one thread, between which nobody else asks the account."""


@dataclass(frozen=True, slots=True)
class ResManConfig:
    """Where ResMan is and who we are there. `repr` shows neither id nor key.

    Timeouts are in seconds; `read_timeout` is the longest silence while an answer is awaited or
    read. `max_xml_bytes` bounds a v1 answer after decompression.

    Raises:
        ValueError: an address is not an http(s) URL with a host, or a limit is not positive.
    """

    v1_url: str
    v2_url: str
    partner_id: str = field(repr=False)
    api_key: str = field(repr=False)
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    max_xml_bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        _check_url("RESMAN_V1_URL", self.v1_url, "https://api.myresman.com")
        _check_url("RESMAN_V2_URL", self.v2_url, "https://partners-api.myresman.com")
        for name in ("connect_timeout", "read_timeout", "max_xml_bytes"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be greater than zero.")


def _check_url(name: str, url: str, example: str) -> None:
    # The value itself stays out of the sentence: somebody may have pasted a key into it.
    fault = _url_fault(url)
    if fault:
        raise ValueError(f"{name} {fault}; it must be a web address such as {example}.")


def _url_fault(url: str) -> str | None:
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
        return "does not start with https:// (or http://)"
    if not host:
        return "has no host"
    if parts.username is not None or parts.password is not None:
        return "carries a user name or password, which belong in RESMAN_PARTNER_ID and RESMAN_API_KEY"
    if parts.query or parts.fragment:
        return "carries a query or fragment"
    return None
