"""E-mail, one message a connection, spoken step by step.

Apprise reads the address (`mailtos://user:pass@smtp.example.com?from=...`), but its own sender answers True
or False: a recipient that is refused, a server that is down, and an answer that is lost after the whole
message went out are the same to it. The last one must not be repeated, so the conversation is held here.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import Header
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime, formataddr
from typing import TYPE_CHECKING, Any

from domiq_dagster.sync.notifications.channels.message import (
    DELIVERED,
    Message,
    SendResult,
    later,
    refused,
    unknown,
)
from domiq_dagster.sync.notifications.recipients import normal

if TYPE_CHECKING:
    from apprise.plugins.email import NotifyEmail

_ANSWER_SECONDS = 20.0
_ACCEPT_SECONDS = 60.0
"""How long the server may think about a whole message: it may scan it."""
_TEMPORARY = 400
_REFUSED = 500
_CREDENTIALS = (530, 534, 535, 538)
_OURS = frozenset(
    {
        *("from", "to", "subject", "date", "message-id", "auto-submitted", "reply-to"),
        *("mime-version", "content-type", "content-transfer-encoding"),
    }
)
"""The headers that a mail of ours has."""


class _LiteralHeader(BaseHeader):
    """A header whose text means itself. Python's own class takes `=?utf-8?q?...?=` in a text for an encoded
    word, and some releases write the line breaks that such a word holds: a lead's name could add headers."""

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        kwds["parse_tree"] = None
        kwds["decoded"] = value

    def fold(self, *, policy: Policy[Any]) -> str:
        text = str(self)
        charset = "us-ascii" if text.isascii() and text.isprintable() and "=?" not in text else "utf-8"
        words = Header(text, charset, header_name=self.name).encode(linesep=policy.linesep)
        return f"{self.name}: {words}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("subject", _LiteralHeader)
# Not every server on the way takes eight bits.
_POLICY = SMTP.clone(cte_type="7bit", header_factory=_HEADERS)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail goes, and who it is from."""

    host: str
    port: int
    mode: str
    sender: tuple[str | None, str]
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    verify: bool = True
    reply_to: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, plugin: NotifyEmail) -> MailServer:
        """As an Apprise address names it. Raises ValueError with a sentence where it asks for what is not
        done here."""
        if plugin.cc or plugin.bcc:
            raise ValueError(
                "leave out cc and bcc, since each notice goes to the recipients of its preference"
            )
        name, address = (str(part or "") for part in plugin.from_addr)
        if not address or normal("email", address) is None:
            raise ValueError("say who the mail is from: ...?from=notices@your-company.example")
        return cls(
            str(plugin.smtp_host),
            int(plugin.port or 0),
            str(plugin.secure_mode),
            (name or None, address),
            plugin.user,
            plugin.password,
            bool(plugin.verify_certificate),
            tuple(sorted(plugin.reply_to)),
        )


class MailChannel:
    """Sends by SMTP.

    Args:
        fixed: every message goes there, whatever recipient is named (an operator's address).
    """

    def __init__(
        self,
        server: MailServer,
        fixed: str | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._server = server
        self._fixed = fixed
        self._clock = clock

    def send(self, recipient: str, message: Message) -> SendResult:
        """Delivered means that the server took the message; what happens after that, a bounce tells."""
        to = self._fixed or recipient
        try:
            mail = _compose(self._server, to, message, self._clock())
        except (ValueError, MessageError) as error:  # before anything was sent
            return refused(f"it cannot be put in a mail ({type(error).__name__})")
        try:
            smtp = self._open()
        except smtplib.SMTPAuthenticationError as error:
            return later(f"the mail server refuses the credentials ({error.smtp_code})", whole_channel=True)
        except smtplib.SMTPResponseException as error:
            return later(f"the mail server does not take us ({error.smtp_code})", whole_channel=True)
        except (OSError, smtplib.SMTPException) as error:
            return later(f"the mail server cannot be reached ({type(error).__name__})", whole_channel=True)
        try:
            return _hand_over(smtp, self._server.sender[1], to, mail)
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            smtp.close()

    def _open(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context()
        if not server.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        smtp = (
            smtplib.SMTP_SSL(server.host, server.port, timeout=_ANSWER_SECONDS, context=context)
            if server.mode == "ssl"
            else smtplib.SMTP(server.host, server.port, timeout=_ANSWER_SECONDS)
        )
        try:
            if server.mode == "starttls":
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if server.user and server.password:
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        return smtp


def _hand_over(smtp: smtplib.SMTP, sender: str, to: str, mail: bytes) -> SendResult:
    """The envelope, then the message. Until the message has begun to leave, a broken connection has lost
    nothing; after that only the server's answer tells."""
    try:
        code, _ = smtp.mail(sender)
        if code >= _TEMPORARY:
            return _answered(code, "the sender")
        code, _ = smtp.rcpt(to)
        if code >= _TEMPORARY:
            return _answered(code, "the recipient")
        smtp.putcmd("data")
        code, _ = smtp.getreply()
        if code != 354:
            return _answered(code, "the message")
    except (OSError, smtplib.SMTPException) as error:
        return later(f"the mail server broke off ({type(error).__name__})", whole_channel=True)
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(_ACCEPT_SECONDS)
        smtp.send(mail)
        code, _ = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return unknown(f"no answer came after the message was sent ({type(error).__name__})")
    if code >= _TEMPORARY:
        return _answered(code, "the message")
    return DELIVERED


def _answered(code: int, what: str) -> SendResult:
    if code == 421:
        return later("the mail server is closing (421)", whole_channel=True)
    if code in _CREDENTIALS:
        return later(f"the mail server wants other credentials ({code})", whole_channel=True)
    if _TEMPORARY <= code < _REFUSED:
        return later(f"the mail server puts off {what} ({code})")
    return refused(f"the mail server refuses {what} ({code})")


def _compose(server: MailServer, to: str, message: Message, now: datetime) -> bytes:
    """The message as it goes over the wire. Its Message-ID comes from the notice's id, so that a server or a
    mailbox that gets it twice can tell."""
    name, address = server.sender
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = formataddr((name or "DomIQ", address))
    mail["To"] = to
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.id}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if server.reply_to:
        mail["Reply-To"] = ", ".join(server.reply_to)
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    if message.enclosed is not None:
        page = message.enclosed.html.encode()
        mail.add_attachment(page, maintype="text", subtype="html", filename=message.enclosed.file_name)
    data = mail.as_bytes()
    head = data.partition(b"\r\n\r\n")[0].decode("ascii")
    names = {
        line.partition(":")[0].lower() for line in re.split(r"[\r\n]+", head) if line[:1] not in (" ", "\t")
    }
    if not names <= _OURS:
        raise ValueError("the mail would have a header that is not ours")
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", data) + b".\r\n"  # RFC 5321, 4.5.2: a dot alone would end the message
