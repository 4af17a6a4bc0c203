"""Host and Origin, checked on every request, and the client that a proxy states."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from desk.service.caller import Service
from desk.service.problems import Problem
from desk.service.settings import LOOPBACK, WILDCARDS, ServiceSettings
from foundation.arguments import shown

SAFE = ("GET", "HEAD", "OPTIONS")  # methods that change nothing (RFC 9110, section 9.2.1)
HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


def from_proxy(app: ASGIApp, service: Service) -> ASGIApp:
    """Take client and scheme from the last value of `X-Forwarded-For` and `-Proto`, behind a proxy and nowhere else.

    The last value is what the proxy itself states, in the header that came or in one of its own; those before it are
    what its client sent.
    """
    if not service.settings.behind_proxy:
        return app

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            values = {name: ",".join(headers.getlist(f"x-forwarded-{name}")) for name in ("for", "proto")}
            stated = {name: value.rpartition(",")[2].strip() for name, value in values.items()}
            client = (stated["for"], 0) if stated["for"] else scope["client"]
            scheme = stated["proto"] if stated["proto"] in ("http", "https") else scope["scheme"]
            scope = {**scope, "client": client, "scheme": scheme}
        await app(scope, receive, send)

    return guarded


def known_hosts(app: ASGIApp, service: Service) -> ASGIApp:
    """Refuse a request to another host, and one that a page of another origin may have sent.

    Where nothing is stored and nobody signs in, any host is served: no page of a rebound name gains by it.

    A page whose name was made to resolve to this machine (DNS rebinding) still states its own name as Host.
    """
    names = None if service.settings.open_only else own_names(service.settings)
    origin = service.settings.address.lower()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _check(scope, names, origin)
        await app(scope, receive, send)

    return guarded


def own_names(settings: ServiceSettings) -> frozenset[str]:
    """The names and addresses by which a server may be called."""
    public = urlsplit(settings.public_url).hostname or ""
    return frozenset({*LOOPBACK, settings.host.lower(), public}) - {"", *WILDCARDS}


def _check(scope: Scope, names: Collection[str] | None, public: str) -> None:
    headers = Headers(scope=scope)
    hosts, origin = headers.getlist("host"), headers.get("origin")
    if len(hosts) != 1:
        raise Problem(400, f"The request has {len(hosts)} Host headers: send one.")
    found = HOST.fullmatch(hosts[0])
    if found is None or (names is not None and found["name"].strip("[]").lower() not in names):
        raise Problem(
            421, f"Host is {shown(hosts[0])}, which is not this server. Call it by its own name, or state PUBLIC_URL."
        )
    if origin is not None and origin.lower() not in (f"{scope['scheme']}://{hosts[0].lower()}", public):
        raise Problem(403, f"Origin is {shown(origin)}: pages of other origins are not answered.")
    # A browser sends a cookie whoever asks; only a page of this origin can add a header of its own (OWASP, CSRF).
    is_by_cookie = scope["method"] not in SAFE and "cookie" in headers and not headers.get("authorization")
    if is_by_cookie and (origin is None or not headers.get("x-requested-with")):
        raise Problem(403, "A change with a cookie needs Origin and X-Requested-With: send both headers.")
