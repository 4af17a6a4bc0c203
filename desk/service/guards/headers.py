"""Headers of security on every answer, and of HTML a policy that lets run what it holds and nothing else.

Source : OWASP HTTP Headers Cheat Sheet; W3C Content Security Policy Level 3. No header of CORS is ever sent.
"""

from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.service.caller import Service

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": NOTHING,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HSTS = "max-age=31536000"  # a year, of this host alone


def secure_headers(app: ASGIApp, _: Service) -> ASGIApp:
    """State each header that a route does not state itself; HTML without a policy gets that of `page_policy`."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        page = list[Message]()  # the start of an answer in HTML, and its parts

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_page = headers.get("content-type", "").startswith("text/html")
                if is_page and "content-security-policy" not in headers:
                    page.append(message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", HSTS)
                if not page:
                    await send(message)
            elif not page:
                await send(message)
            else:
                page.append(message)
                if not message.get("more_body", False):
                    body = b"".join(each.get("body", b"") for each in page[1:])
                    MutableHeaders(scope=page[0])["Content-Security-Policy"] = page_policy(body.decode())
                    await send(page[0])
                    await send({"type": "http.response.body", "body": body})

        await app(scope, receive, secured if scope["type"] == "http" else send)

    return guarded


def page_policy(page: str) -> str:
    """The policy under which a page of one file runs its own scripts and styles, each named by its sha256.

    It reaches no network, and its origin is none, so that a script in it reads nothing that the service stores.
    Attributes of style are let be: figures have them on each element.
    """
    found = _Inline()
    found.feed(page)
    found.close()
    hashes = {kind: " ".join(sorted(each)) or "'none'" for kind, each in found.hashes.items()}
    return (
        f"{NOTHING}; sandbox allow-scripts allow-downloads; img-src data:; font-src data:; "
        f"script-src {hashes['script']}; style-src-elem {hashes['style']}; style-src-attr 'unsafe-inline'"
    )


class _Inline(HTMLParser):
    """Hashes of the inline scripts and styles of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.hashes: dict[str, set[str]] = {"script": set(), "style": set()}
        self._parts: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a script or a style; one of a file has no text."""
        if tag in self.hashes:
            self._parts = []

    def handle_data(self, data: str) -> None:
        """Take its text."""
        if self._parts is not None:
            self._parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        if tag in self.hashes and self._parts is not None:
            text = "".join(self._parts).replace("\r\n", "\n")  # as a browser reads it
            digest = b64encode(sha256(text.encode()).digest()).decode()
            self.hashes[tag].add(f"'sha256-{digest}'")
            self._parts = None
