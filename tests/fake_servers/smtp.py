"""A mail server that keeps what it gets, and that can refuse, stall or hang up at each step.

Its own few lines, since a test must be able to break off at any of them.
"""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass
class Mail:
    """One message as it came in."""

    sender: str
    recipient: str
    message: EmailMessage

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())


@dataclass
class Mailbox:
    """`answers`: what is said instead, by step (connect, auth, mail, rcpt, data, accept) or by recipient
    address; `hang up` closes the connection there, `hang up after` does so when the whole message was
    taken."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=notices@domiq.example"

    def to(self, recipient: str) -> list[Mail]:
        return [m for m in self.mails if m.recipient == recipient]


class _Ended(Exception):
    pass


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]
        self.box = box
        box.connections += 1
        sender = recipient = ""
        try:
            self.say("connect", "220 loopback")
            while line := self.rfile.readline():
                word = line.split(b" ")[0].strip().upper().decode()
                if word == "EHLO":
                    self.wfile.write(b"250-loopback\r\n250 AUTH PLAIN\r\n")
                elif word == "AUTH":
                    self.say("auth", "235 welcome")
                elif word == "MAIL":
                    sender = line.split(b"<")[1].split(b">")[0].decode()
                    self.say("mail", "250 ok")
                elif word == "RCPT":
                    recipient = line.split(b"<")[1].split(b">")[0].decode()
                    self.say(recipient if recipient in box.answers else "rcpt", "250 ok")
                elif word == "DATA":
                    if self.say("data", "354 go on").startswith("354"):
                        self.take(sender, recipient)
                elif word == "QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")
        except (_Ended, OSError):
            return

    def say(self, step: str, usual: str) -> str:
        answer = self.box.answers.get(step, usual)
        if answer == "hang up":
            raise _Ended
        self.wfile.write(answer.encode() + b"\r\n")
        return answer

    def take(self, sender: str, recipient: str) -> None:
        data = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            data += line[1:] if line.startswith(b"..") else line
        answer = self.box.answers.get("accept", "250 taken")
        if answer.startswith(("250", "hang up after")):
            message = message_from_bytes(data, policy=default)
            self.box.mails.append(Mail(sender, recipient, message))  # type: ignore[arg-type]
        if answer.startswith("hang up"):
            raise _Ended
        self.wfile.write(answer.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class SmtpServer:
    """Use with `with`: gives the Mailbox."""

    def __enter__(self) -> Mailbox:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self.box = Mailbox(self._server.server_address[1])
        self._server.box = self.box  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self.box

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
