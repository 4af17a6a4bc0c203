"""The caller of a request, and what he may call: `needs` on each route that offers what is stored."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select

from desk.service.problems import Problem
from desk.service.settings import ServiceSettings
from desk.service.store.engine import Sessions, opened
from desk.service.store.keys import Keys, opened_keys
from desk.service.store.redis import Shared, opened_shared
from desk.service.store.tables import AccessToken, User, now

ROLES = ("viewer", "manager", "approver", "admin")  # each may do what those before it may
SCOPES = ("portfolios", "jobs", "orders", "market", "users")  # of an access token
WINDOW = 10  # seconds over which requests are counted
TENANTS, KEYS = "tenants", "keys"  # folders


@dataclass(frozen=True)
class Caller:
    """A user who calls.

    scopes : scopes of his access token; None for a person, who has all.
    epoch  : `User.epoch` when he signed in.
    """

    user: str
    name: str
    tenant: str
    role: str
    scopes: frozenset[str] | None = None

    def may(self, role: str, scope: str) -> bool:
        """True if he may do what needs a role and a scope."""
        return ROLES.index(self.role) >= ROLES.index(role) and (self.scopes is None or scope in self.scopes)


@dataclass(frozen=True)
class Service:
    """The parts of a server that its routes share.

    stopping : set when the server is to end: health says not ready, and streams of events end.
    """

    settings: ServiceSettings
    sessions: Sessions
    keys: Keys
    shared: Shared
    stopping: Event = field(default_factory=Event)

    def root(self, tenant: str) -> Path:
        """The folder of a tenant: every path of his lies in it. It is the `REBALANCE_HOME` of his commands."""
        return self.settings.folder / TENANTS / tenant

    def check_rate(self, key: str) -> None:
        """Count a request of an address or a user. Raises Problem 429 for one too many, with when to come again."""
        events, left = self.shared.count(key, WINDOW)
        if events > self.settings.rate * WINDOW:
            wait = max(1, math.ceil(left))
            raise Problem(
                429,
                f"More than {self.settings.rate} requests a second: come again in {wait} seconds.",
                headers={"Retry-After": str(wait)},
            )


def opened_service(settings: ServiceSettings) -> Service:
    """The parts of a server; at its first start its keys and tables are made."""
    keys, shared = opened_keys(settings.folder / KEYS), opened_shared(settings.redis)
    return Service(settings, opened(settings.database_url), keys, shared)


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    found: Service = request.app.state.service
    return found


InService = Annotated[Service, Depends(service_of)]


def caller_of(request: Request, service: InService) -> Caller:
    """The caller of a request. Raises Problem 401 for none."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        with service.sessions() as session:
            hashed = hashlib.sha256(token.encode()).hexdigest()
            found = session.execute(
                select(AccessToken, User).join(User, User.id == AccessToken.user).where(AccessToken.sha256 == hashed)
            ).one_or_none()
            if found and found[0].revoked is None and found[0].expires > now() and not found[1].disabled:
                user = found[1]
                return Caller(user.id, user.name, user.tenant, user.role, frozenset(found[0].scopes))
    raise Problem(401, "Sign in, or send an access token.", headers={"WWW-Authenticate": "Bearer"})


def counted(request: Request, service: InService, caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """The caller of a request, whom the log names. Raises Problem 401, and 429 for a user who asks too often."""
    request.state.user = caller.user
    service.check_rate(f"user:{caller.user}")
    return caller


SignedIn = Annotated[Caller, Depends(counted)]


def needs(role: str, scope: str) -> Callable[[Request, Caller], Caller]:
    """A dependency that gives the caller of a route, who must have a role and a scope. Raises Problem 401, 403, 429."""

    def check(request: Request, caller: SignedIn) -> Caller:
        if not caller.may(role, scope):
            raise Problem(403, f"This needs the role {role} and the scope {scope}.")
        request.state.caller = caller  # in whose name a change is journalled
        return caller

    check.needed = (role, scope)  # type: ignore[attr-defined]  # a test reads it of every route
    return check
