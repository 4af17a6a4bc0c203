"""The caller of a request, and what he may call: `needs` on each route that offers what is stored."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select

from desk.service.problems import Problem
from desk.service.settings import ServiceSettings
from desk.service.store.engine import Sessions
from desk.service.store.keys import Keys, opened_keys
from desk.service.store.redis import Shared, opened_shared
from desk.service.store.schema import opened
from desk.service.store.tables import AccessToken, User, now

ROLES = ("viewer", "manager", "approver", "admin")  # each may do what those before it may
SCOPES = ("portfolios", "jobs", "orders", "market", "users")  # of an access token
TENANTS, KEYS, BACKUPS = "tenants", "keys", "backups"  # folders


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
    """The parts of a server that its routes share."""

    settings: ServiceSettings
    sessions: Sessions
    keys: Keys
    shared: Shared

    def root(self, tenant: str) -> Path:
        """The folder of a tenant: every path of his lies in it. It is the `REBALANCE_HOME` of his commands."""
        return self.settings.folder / TENANTS / tenant


def opened_service(settings: ServiceSettings) -> Service:
    """The parts of a server; at its first start its keys and tables are made."""
    sessions = opened(settings.database_url, settings.folder / BACKUPS)
    keys = opened_keys(settings.folder / KEYS, sessions)
    return Service(settings, sessions, keys, opened_shared(settings.redis))


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


SignedIn = Annotated[Caller, Depends(caller_of)]


def needs(role: str, scope: str) -> Callable[[Caller], Caller]:
    """A dependency that gives the caller of a route, who must have a role and a scope. Raises Problem 401, 403."""

    def check(caller: SignedIn) -> Caller:
        if not caller.may(role, scope):
            raise Problem(403, f"This needs the role {role} and the scope {scope}.")
        return caller

    check.needed = (role, scope)  # type: ignore[attr-defined]  # a test reads it of every route
    return check
