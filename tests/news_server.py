"""A server of this machine that serves one feed of news, in RSS or Atom, with faults."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from local_server import Handler, serving_locally

SILENT = 0  # a status: nothing is answered


@dataclass
class Wire:
    """What the server has.  asked : number of requests so far."""

    content: str
    status: int = 200
    asked: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    address: str = ""


class _Wire(Handler):
    served: Wire

    def do_GET(self) -> None:
        self.served.asked += 1
        if self.served.status == SILENT:
            self.served.over.wait(30)
            return
        content = self.served.content.encode()
        self.send_response(self.served.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def wire(content: str, status: int = 200) -> Iterator[Wire]:
    """A server while the block lasts."""
    served = Wire(content, status)
    with serving_locally(served, _Wire):
        yield served


def rss(*items: tuple[str, str]) -> str:
    """A feed of items: date as of RFC 822, and title."""
    told = "".join(f"<item><title>{title}</title><pubDate>{moment}</pubDate></item>" for moment, title in items)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Wire</title>{told}</channel></rss>'
