"""A mail server of this machine that speaks SMTP (RFC 5321), with STARTTLS, implicit TLS, AUTH PLAIN, and faults."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import NamedTuple, cast

OFFERED = ("STARTTLS", "AUTH PLAIN", "SIZE 1000000")
CLOSE = "close"  # an answer: the connection is closed


class Mail(NamedTuple):
    """A message that was taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def parsed(self) -> EmailMessage:
        """Its headers and its text."""
        return cast(EmailMessage, message_from_bytes(self.content, policy=default))


@dataclass
class MailServer:
    """What a server takes.

    faults   : by verb, answers in turn in place of the usual ones; `hello` is that to a connection.
    refused  : by recipient, the answer that refuses it.
    offered  : extensions; STARTTLS is not offered twice.
    password : the one that AUTH takes.
    verbs    : those that it was sent.
    mails    : those that it took.
    """

    faults: dict[str, list[str]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    offered: tuple[str, ...] = OFFERED
    password: str = "right"
    verbs: list[str] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    port: int = 0
    context: ssl.SSLContext | None = None
    implicit: bool = False


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    served: MailServer

    def setup(self) -> None:
        if self.served.implicit:
            self._secure()
        super().setup()

    def _secure(self) -> None:
        assert self.served.context is not None
        self.request = self.served.context.wrap_socket(self.request, server_side=True)

    def handle(self) -> None:
        served, self.sender, self.recipients = self.served, "", list[str]()
        self.secure = served.implicit
        answer = self._faulty("hello", "220 mail.example.org ESMTP")
        while answer != CLOSE:
            self.wfile.write(f"{answer}\r\n".encode())
            if not (line := self.rfile.readline()):
                return
            verb, _, rest = line.decode().strip().partition(" ")
            served.verbs.append(verb.upper())
            answer = self._faulty(verb.upper(), "")
            answer = answer or getattr(self, f"_{verb.lower()}", lambda _: "502 5.5.1 no such command")(rest)
            if verb.upper() == "QUIT":
                self.wfile.write(f"{answer}\r\n".encode())
                return

    def _faulty(self, verb: str, usual: str) -> str:
        faults = self.served.faults.get(verb)
        return faults.pop(0) if faults else usual

    def _ehlo(self, _: str) -> str:
        offered = [each for each in self.served.offered if not (self.secure and each == "STARTTLS")]
        return "\r\n".join(["250-mail.example.org", *(f"250-{each}" for each in offered), "250 HELP"])

    def _starttls(self, _: str) -> str:
        self.wfile.write(b"220 2.0.0 go ahead\r\n")
        self._secure()
        super().setup()
        self.secure = True
        line = self.rfile.readline().decode()
        self.served.verbs.append(line.split()[0].upper())
        return self._ehlo("")

    def _auth(self, rest: str) -> str:
        kind, _, initial = rest.partition(" ")
        password = base64.b64decode(initial).split(b"\0")[-1].decode()
        right = kind == "PLAIN" and password == self.served.password
        return "235 2.7.0 welcome" if right else f"535 5.7.8 {password} is not the password"

    def _mail(self, rest: str) -> str:
        self.sender = rest[rest.index("<") + 1 : rest.index(">")]
        return "250 2.1.0 ok"

    def _rcpt(self, rest: str) -> str:
        to = rest[rest.index("<") + 1 : rest.index(">")]
        if to in self.served.refused:
            return self.served.refused[to]
        self.recipients.append(to)
        return "250 2.1.5 ok"

    def _data(self, _: str) -> str:
        self.wfile.write(b"354 end with a dot\r\n")
        lines = list(iter(self.rfile.readline, b".\r\n"))
        if answer := self._faulty("content", ""):
            return answer
        content = b"".join(line.removeprefix(b".") for line in lines)
        self.served.mails.append(Mail(self.sender, tuple(self.recipients), content))
        return "250 2.0.0 queued"

    def _rset(self, _: str) -> str:
        return "250 2.0.0 ok"

    def _quit(self, _: str) -> str:
        return "221 2.0.0 bye"


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that went away is a client's matter."""


@contextmanager
def serving_mail(served: MailServer, certificate: Path | None = None) -> Iterator[MailServer]:
    """The server while the block lasts; its certificate is that of its TLS."""
    if certificate is not None:
        served.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.context.load_cert_chain(certificate)
    listener = _Listener(("127.0.0.1", 0), type("Session", (_Session,), {"served": served}))
    served.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
