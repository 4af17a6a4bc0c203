"""A webhook of this machine, which keeps what it is asked, and answers as it is told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_server import Handler, serving_locally


@dataclass
class Hook:
    """A webhook: answers in turn, then as `rule` has it, or 200; of each request its headers and content."""

    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    address: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    rule: Callable[[str, dict[str, str], Any], tuple[int, str]] = lambda *_: (200, "ok")


class _Hooked(Handler):
    served: Hook

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, content: Any) -> None:
        self.served.asked.append((self.path, dict(self.headers), content))
        status, text = self.served.rule(*self.served.asked[-1])
        status, headers, text = self.served.answers.pop(0) if self.served.answers else (status, {}, text)
        if not status:  # no answer
            self.served.over.wait(5.0)
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())


@contextmanager
def serving_hook(certificate: Path | None = None) -> Iterator[Hook]:
    """A webhook while the block lasts, over TLS where it is given a certificate."""
    served = Hook()
    with serving_locally(served, _Hooked, certificate):
        yield served
