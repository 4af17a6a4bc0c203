"""The caller of a request, and what he may call: `needs` on each route that offers what is stored."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Annotated, Literal, get_args

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from sqlalchemy import ColumnElement, select, update

from desk.service.problems import Problem
from desk.service.settings import ServiceSettings
from desk.service.store.engine import Sessions
from desk.service.store.keys import Keys, opened_keys
from desk.service.store.redis import SharedCounters, opened_shared
from desk.service.store.schema import opened
from desk.service.store.tables import AccessToken, RefreshToken, User, now
from desk.service.users.one_time import sha256_of
from desk.service.users.tokens import SESSION_LIFE, Signer, browser_key
from foundation.dataclasses import dataclass, field

Role = Literal["viewer", "manager", "approver", "admin"]  # each may do what those before it may
Scope = Literal["portfolios", "jobs", "orders", "approvals", "market", "users"]  # of an access token
ROLES: tuple[str, ...] = get_args(Role)
SCOPES: tuple[str, ...] = get_args(Scope)
SESSION_COOKIE = "__Host-session"  # no other host, and no page without TLS but of this machine, sets it
APPROVALS = "approvals"  # the scope of the last word on orders, which no assistant has
PERSON = "person"  # the scope of what a person alone may do: no access token has it
USE_NOTED = timedelta(hours=1)  # between two notes of the use of an access token
WINDOW = 10  # seconds over which requests are counted
FORGET = {"Clear-Site-Data": '"storage"'}  # with the end of a session: the browser deletes what it kept for the pages
TENANTS, KEYS, BACKUPS = "tenants", "keys", "backups"  # folders


@dataclass(frozen=True)
class Caller:
    """A user who calls.

    role   : his role, or that of his access token where it may do less.
    scopes : scopes of his access token; None for a person, who has all.
    signed_in : moment of his sign-in, None for an access token.
    """

    user: str
    name: str
    tenant: str
    role: str
    scopes: frozenset[str] | None = None
    signed_in: datetime | None = None

    def may(self, role: str, scope: str) -> bool:
        """True if he may do what needs a role and a scope."""
        return ROLES.index(self.role) >= ROLES.index(role) and (self.scopes is None or scope in self.scopes)

    def check(self, role: str, scope: str) -> None:
        """Raise Problem 403 where he may not do what needs a role and a scope."""
        if not self.may(role, scope):
            what = "a person, not an access token" if scope == PERSON else f"the scope {scope}"
            raise Problem(403, f"This needs the role {role}{f' and {what}' if self.scopes is not None else ''}.")


def signature(caller: Caller) -> str:
    """The user of journal entries: a name, which may be another one's, too, or change, with the id, which does not."""
    return signature_of(caller.name, caller.user)


def signature_of(name: str, user: str) -> str:
    """The signature of a user by his name and id."""
    return f"{name} ({user})"


@dataclass(frozen=True)
class Service:
    """The parts of a server that its routes share.

    stopping : set when the server is to end: health says not ready, and streams of events end.
    """

    settings: ServiceSettings
    sessions: Sessions
    keys: Keys
    shared: SharedCounters
    stopping: Event = field(default_factory=Event)

    @property
    def signer(self) -> Signer:
        """The signature of its JWTs."""
        return Signer(self.keys, self.settings.address)

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
                retry_after=wait,
            )


def opened_service(settings: ServiceSettings) -> Service:
    """The parts of a server; at its first start its folder, for its user alone, its keys and its tables are made."""
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    sessions = opened(settings.database_url, settings.folder / BACKUPS)
    keys = opened_keys(settings.folder / KEYS, sessions)
    return Service(settings, sessions, keys, opened_shared(settings.redis))


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    found: Service = request.app.state.service
    return found


InService = Annotated[Service, Depends(service_of)]


def caller_of(request: Request, service: InService) -> Caller:
    """The caller of a request, by a token of a session, an access token, or else the cookie of a browser's session.

    Raises : Problem 401 for none.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    ended: Mapping[str, str] = {}
    found: Caller | None = getattr(request.state, "found", None)  # by a guard, or before the body was read
    if found is None and kind.lower() == "bearer" and token:
        found = _person(service, token) if token.count(".") == 2 else program_of(service, token)
    elif found is None and not kind and (secret := request.cookies.get(SESSION_COOKIE)):
        found, ended = _browser(service, secret), FORGET
    if found is not None:
        request.state.found = found
        return found
    raise Problem(401, "Sign in, or send an access token.", headers={"WWW-Authenticate": "Bearer", **ended})


def _person(service: Service, token: str) -> Caller | None:
    """The user of the token of a session that has not ended."""
    claims = service.signer.claims_of(token)
    if claims is None:
        return None
    is_his = (User.id == claims["sub"]) & (User.epoch == claims["epoch"])
    return _signed_in(service, (RefreshToken.family == claims["sid"]) & is_his)


def _browser(service: Service, secret: str) -> Caller | None:
    """The user of a browser's session that has not ended."""
    is_open = (RefreshToken.sha256 == browser_key(secret)) & (RefreshToken.expires > now())
    return _signed_in(service, is_open & (RefreshToken.epoch == User.epoch))


def _signed_in(service: Service, is_his: ColumnElement[bool]) -> Caller | None:
    """The user of a session that meets a condition."""
    joined = select(User, RefreshToken.expires).join(RefreshToken, RefreshToken.user == User.id)
    with service.sessions() as session:
        found = session.execute(joined.where(is_his, ~User.disabled).limit(1)).one_or_none()
    if found is None:
        return None
    user, expires = found
    return Caller(user.id, user.name, user.tenant, user.role, signed_in=expires - SESSION_LIFE)


def program_of(service: Service, token: str) -> Caller | None:
    """The user of an access token, in the lower of his role and its own."""
    is_good = (AccessToken.sha256 == sha256_of(token)) & AccessToken.revoked.is_(None) & (AccessToken.expires > now())
    joined = select(AccessToken, User).join(User, User.id == AccessToken.user)
    with service.sessions() as session:
        found = session.execute(joined.where(is_good, ~User.disabled)).one_or_none()
    if found is None:
        return None
    access, user = found
    if access.used is None or access.used < now() - USE_NOTED:
        with service.sessions.begin() as session:
            session.execute(update(AccessToken).where(AccessToken.id == access.id).values(used=now()))
    role = min(access.role, user.role, key=ROLES.index)
    return Caller(user.id, user.name, user.tenant, role, frozenset(access.scopes))


def counted_caller(request: Request, service: InService, caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """The caller of a request, whom the log names. Raises Problem 401, and 429 for a user who asks too often."""
    request.state.user = caller.user
    service.check_rate(f"user:{caller.user}")
    return caller


SignedIn = Annotated[Caller, Depends(counted_caller)]


def needs(role: str, scope: str) -> Callable[[Request, Caller], Caller]:
    """A dependency that gives the caller of a route, who must have a role and a scope. Raises Problem 401, 403, 429."""

    def check(request: Request, caller: SignedIn) -> Caller:
        caller.check(role, scope)
        request.state.caller = caller  # in whose name a change is journalled
        return caller

    check.needed = (role, scope)  # type: ignore[attr-defined]  # a test reads it of every route
    return check


def needed_by(dependant: Dependant) -> tuple[str, str] | None:
    """The role and the scope that a route needs, None for one that answers anyone."""
    below = (needed_by(each) for each in dependant.dependencies)
    own: tuple[str, str] | None = getattr(dependant.call, "needed", None)
    return own or next((found for found in below if found), None)


def check_caller(request: Request, role: str, scope: str) -> None:
    """Raise Problem 401 or 403 where a request may not do what needs a role and a scope."""
    caller_of(request, service_of(request)).check(role, scope)
