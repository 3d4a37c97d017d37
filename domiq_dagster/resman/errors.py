"""What can go wrong on the way to ResMan: a few named errors, each of which says what it means.

Whether a failure is transient, permanent or of unknown effect is decided here, once, where the
answer comes in. Callers read `disposition` and `scope`; nobody else looks at status codes.

No error carries a name, e-mail address, phone number, key or request body.
"""

from __future__ import annotations

from enum import StrEnum


class Disposition(StrEnum):
    """What a failed request means for the one who asked."""

    TRANSIENT = "transient"
    """The request took no effect; the same request may succeed later."""
    PERMANENT = "permanent"
    """The request took no effect and will not, until somebody changes something."""
    UNKNOWN = "unknown"
    """The request may or may not have taken effect: read back before sending it again."""


class Scope(StrEnum):
    """What a failure is about: only a failure about the CHANGE may fail that change."""

    CHANGE = "change"
    ACCOUNT = "account"
    SERVICE = "service"


class ResManError(Exception):
    """Base of every error that the client raises.

    Attributes:
        disposition: what the failure means for the request.
        scope: what it is about.
        kind: a short, stable slug for counting, such as `unreachable`.
        http_status: the HTTP status, or None where there was no answer.
        code: ResMan's own error code as text, or None.
        retry_after: seconds that ResMan asked to wait, or None.
        description: ResMan's own words (at most 300 characters, e-mail addresses and phone
            numbers blanked), or None.
    """

    disposition: Disposition = Disposition.TRANSIENT
    scope: Scope = Scope.SERVICE
    kind: str = "resman_error"

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        description: str | None = None,
        disposition: Disposition | None = None,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code
        self.retry_after = retry_after
        self.description = description
        if disposition is not None:
            self.disposition = disposition


class Unreachable(ResManError):
    """No connection was made (refused, DNS, TLS, connect timeout): nothing was sent."""

    kind = "unreachable"


class NoAnswer(ResManError):
    """The request left, but no whole answer came (read timeout, dropped connection, truncation).

    UNKNOWN for a write; the client sets TRANSIENT for a read.
    """

    disposition = Disposition.UNKNOWN
    kind = "no_answer"


class Busy(ResManError):
    """429: ResMan asks to wait. Nothing took effect."""

    kind = "busy"


class ServerFault(ResManError):
    """A 5xx answer. UNKNOWN for a write (an edge 502 may hide a committed post), else TRANSIENT."""

    disposition = Disposition.UNKNOWN
    kind = "server_fault"


class AnswerTooLarge(ResManError):
    """502 with 'buffer overflow' in its body: ask again for a smaller window."""

    kind = "answer_too_large"


class Garbled(ResManError):
    """An answer that cannot be read (HTML, foreign JSON, broken or forbidden XML, over the size limit).

    UNKNOWN for a write, else TRANSIENT.
    """

    disposition = Disposition.UNKNOWN
    kind = "garbled"


class UnreadableRecord(Garbled):
    """One record of an answer that is fine otherwise cannot be read, and it is the one that matters: that
    record's defect, and no outage. Raised of reads only."""

    disposition = Disposition.TRANSIENT
    scope = Scope.CHANGE
    kind = "unreadable_record"


class BadCredentials(ResManError):
    """401 without code 20001: the partner id or API key is wrong."""

    disposition = Disposition.PERMANENT
    scope = Scope.ACCOUNT
    kind = "bad_credentials"


class NotEntitled(ResManError):
    """401 with code 20001: this partner may not use this endpoint."""

    disposition = Disposition.PERMANENT
    scope = Scope.ACCOUNT
    kind = "not_entitled"


class NoSuchEndpoint(ResManError):
    """404, or another 3xx/4xx that names the endpoint: probably a wrong base URL."""

    disposition = Disposition.PERMANENT
    scope = Scope.ACCOUNT
    kind = "no_such_endpoint"


class BadRequest(ResManError):
    """400: a required filter is missing or a value is malformed."""

    disposition = Disposition.PERMANENT
    scope = Scope.CHANGE
    kind = "bad_request"


class Refused(ResManError):
    """HTTP 200 whose Status is not Success: ResMan names this request as wrong."""

    disposition = Disposition.PERMANENT
    scope = Scope.CHANGE
    kind = "refused"


class UnknownSource(Refused):
    """Refused: 'Transaction Source could not be found' at that property."""

    kind = "unknown_source"
