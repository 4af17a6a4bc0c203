"""Registration, sign-in, refresh, sign-out and recovery: what answers without sign-in, and leads to it."""

import hmac
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Cookie, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy.orm import Session

from desk.service.bodies import Body, JsonRoute, Moment
from desk.service.caller import FORGET, SESSION_COOKIE, Caller, InService, Service
from desk.service.pages.page import problem_page, shown
from desk.service.problems import Problem
from desk.service.settings import OpenIdProvider
from desk.service.store.tables import OneTimeSecret, User
from desk.service.users import accounts, passkeys, tokens
from desk.service.users.one_time import OPENID, redeem, sha256_of
from desk.service.users.openid import CALLBACK, STATE_LIFE, link, linked_user, reached
from desk.service.users.second_factor import CODE_WANTED, has_second_factor, takes_code
from desk.service.users.sign_up import begin_sign_up
from foundation.dataclasses import dataclass

router = APIRouter(prefix="/api/users", tags=["users"], route_class=JsonRoute)
STATE_COOKIE = "__Host-openid"
HTML = "text/html"

Line = Annotated[str, Field(min_length=1, max_length=254, pattern=r"^[^\x00-\x1f\x7f]+$")]  # of text
Code = Annotated[str, Field(max_length=16)]  # of an authenticator app
Secret = Annotated[str, Field(min_length=1, max_length=512)]


class WantsTokens(Body):
    """A request of the tokens of a session. cookie : true to get a cookie that no script reads, and no tokens."""

    cookie: bool = False


class Registration(WantsTokens):
    """A registration by the one-time secret of a link."""

    invitation: Secret
    password: SecretStr


class SignIn(WantsTokens):
    """A sign-in by password. code : of the authenticator app, of who has one."""

    email: Line
    password: SecretStr
    code: Code = ""


class SignUp(Body):
    """The e-mail address of one who asks for a link to register."""

    email: Line


class Recovery(WantsTokens):
    """A new password by a recovery code."""

    email: Line
    code: Secret
    password: SecretStr


class PasskeySignIn(WantsTokens):
    """A sign-in by a passkey. credential : `PublicKeyCredential.toJSON()` of the browser."""

    credential: dict[str, Any]


class Refresh(Body):
    """The refresh token of a session; "" where it is a browser's."""

    refresh_token: Annotated[str, Field(max_length=512)] = ""


class Options(BaseModel):
    """The `publicKey` of a browser's `navigator.credentials`, once its `parse…OptionsFromJSON` has read it."""

    options: dict[str, Any]


class Tokens(BaseModel):
    """The tokens of a session; null where it has a cookie.

    token          : sent as `Authorization: Bearer`.
    expires        : end of `token`, UTC.
    refresh_token  : exchanged once for the next tokens.
    recovery_codes : of a new account: each sets a new password once, and is shown only now.
    """

    token: str | None = None
    expires: Moment | None = None
    refresh_token: str | None = None
    recovery_codes: list[str] = []


@dataclass(frozen=True)
class Exchange:
    """A request without sign-in, and its answer."""

    request: Request
    response: Response
    service: InService

    @property
    def address(self) -> str:
        """The address of the client; "" where it is not known, as of a socket of this machine."""
        return self.request.client.host if self.request.client else ""

    def begin(self, session: Session, user: User, in_cookie: bool) -> Tokens:
        """Begin a session of a user, in whose name it is journalled."""
        self.request.state.caller = Caller(user.id, user.name, user.tenant, user.role)
        self.request.state.signs_in = True
        if in_cookie:
            self._set_cookie(SESSION_COOKIE, tokens.begin_browser_session(session, user), tokens.SESSION_LIFE, "strict")
            return Tokens()
        return _stated(tokens.begin_session(session, self.service.signer, user))

    def keep_state(self, state: str) -> None:
        """Bind a sign-in at a provider to this browser: nobody can finish his own in the browser of another."""
        self._set_cookie(STATE_COOKIE, sha256_of(state), STATE_LIFE, "lax")  # it comes back from another site

    def _set_cookie(self, name: str, value: str, life: timedelta, same_site: Literal["strict", "lax"]) -> None:
        seconds = int(life.total_seconds())
        self.response.set_cookie(name, value, seconds, secure=True, httponly=True, samesite=same_site)


InExchange = Annotated[Exchange, Depends()]
SessionCookie = Annotated[str, Cookie(alias=SESSION_COOKIE, max_length=512)]


@router.post("/sign-up", status_code=204, responses={404: {}, 429: {}})
def ask_for_link(body: SignUp, service: InService, exchange: InExchange) -> None:
    """Mail a link by which the owner of the address registers, where the operator lets anyone; else 404."""
    begin_sign_up(service, body.email, exchange.address)


@router.post("/register", responses={401: {}})
def register(body: Registration, service: InService, exchange: InExchange) -> Tokens:
    """Set the password of an invited user, or of one who asked for the link, and sign in."""
    with service.sessions.begin() as session:
        user = accounts.register_user(session, body.invitation, body.password.get_secret_value())
        if user is not None:
            codes = accounts.new_recovery_codes(session, user)
            return exchange.begin(session, user, body.cookie).model_copy(update={"recovery_codes": codes})
    raise Problem(401, "The invitation is unknown, used or expired: ask an admin for another.")


@router.post("/login", responses={401: {}, 429: {}})
def login(body: SignIn, service: InService, exchange: InExchange) -> Tokens:
    """Sign in by e-mail address, password and, of who has set up an authenticator app, its code."""

    def check_code(session: Session, user: str) -> None:
        if has_second_factor(session, user) and not takes_code(session, service.keys, user, body.code):
            raise Problem(401, "The code is missing or wrong.", [CODE_WANTED], {"WWW-Authenticate": "Bearer"})

    given = body.email, body.password.get_secret_value(), exchange.address
    user = accounts.check_sign_in(service.sessions, *given, check_code)
    with service.sessions.begin() as session:
        return exchange.begin(session, session.get_one(User, user), body.cookie)


@router.post("/recover", responses={401: {}})
def recover(body: Recovery, service: InService, exchange: InExchange) -> Tokens:
    """Set a new password by a recovery code, and sign in; all other sessions end."""
    with service.sessions.begin() as session:
        user = accounts.recover_user(session, body.email, body.code, body.password.get_secret_value())
        if user is not None:
            return exchange.begin(session, user, body.cookie)
    raise Problem(401, "The e-mail address or the recovery code is wrong, or the code was used.")


@router.post("/refresh", responses={401: {}})
def refresh(body: Refresh, service: InService) -> Tokens:
    """Exchange a refresh token for the next tokens; one that comes twice ends its session."""
    with service.sessions.begin() as session:
        found = tokens.refresh_session(session, service.signer, body.refresh_token)
    if found is None:
        raise Problem(401, "The session has ended: sign in.", headers={"WWW-Authenticate": "Bearer"})
    return _stated(found)


@router.post("/logout", status_code=204)
def logout(body: Refresh, service: InService, response: Response, cookie: SessionCookie = "") -> None:
    """End the session of a refresh token, or that of the browser."""
    with service.sessions.begin() as session:
        tokens.end_session(session, body.refresh_token, cookie)
    response.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="strict")
    response.headers.update(FORGET)


@router.post("/login/passkey/options")
def passkey_options(service: InService) -> Options:
    """Give a challenge to sign in by a passkey."""
    with service.sessions.begin() as session:
        return Options(options=passkeys.sign_in_options(session, service.settings.address))


@router.post("/login/passkey", responses={401: {}})
def login_by_passkey(body: PasskeySignIn, service: InService, exchange: InExchange) -> Tokens:
    """Sign in by a passkey."""
    with service.sessions.begin() as session:
        user = passkeys.user_of_passkey(session, service.settings.address, body.credential)
        if user is not None:
            return exchange.begin(session, user, body.cookie)
    raise Problem(401, "The passkey is refused: ask for new options, and try again.")


@router.get("/login/openid", status_code=303, response_class=RedirectResponse, responses={404: {}, 502: {}})
def login_by_openid(service: InService, exchange: InExchange, cookie: bool = False) -> str:
    """Send the browser to the provider of OpenID Connect."""
    provider = reached(provider_of(service), service.settings.address)
    with service.sessions.begin() as session:
        url, state = provider.begin(session, {"cookie": cookie})
    exchange.keep_state(state)
    return url


@router.get(
    CALLBACK.removeprefix("/api/users"),
    responses={200: {"content": {HTML: {"schema": {"type": "string"}}}}, 401: {}, 404: {}, 409: {}, 502: {}},
)
def openid_callback(
    service: InService,
    exchange: InExchange,
    state: Annotated[str, Query(max_length=512)],
    code: Annotated[str, Query(max_length=4096)] = "",
    browser: Annotated[str, Cookie(alias=STATE_COOKIE)] = "",
) -> Tokens:
    """Sign in, or link an identity, by what the provider of OpenID Connect sent the browser back with.

    The answer to a browser is a page: it comes from another site, so that only what this page loads has the new cookie.
    """
    is_browser = HTML in exchange.request.headers.get("accept", "")
    try:
        made, begun = _openid_session(service, exchange, state, code, browser)
    except Problem as problem:
        if is_browser:
            return problem_page(exchange.request, problem)  # type: ignore[return-value]  # as HTML is accepted
        raise
    if not is_browser or made.token is not None:
        return made
    page = shown(exchange.request, "signed_in.html.j2", next="/" if begun.user is None else "/account")
    page.raw_headers += exchange.response.raw_headers  # the cookie
    return page  # type: ignore[return-value]  # as HTML is accepted


def _openid_session(
    service: Service, exchange: Exchange, state: str, code: str, browser: str
) -> tuple[Tokens, OneTimeSecret]:
    """The tokens of a session by what a browser came back with, and what it had begun. Raises Problem."""
    provider = provider_of(service)
    with service.sessions.begin() as session:
        begun = redeem(session, OPENID, state)
    if begun is None or not hmac.compare_digest(browser.encode(), sha256_of(state).encode()):
        raise Problem(401, "This browser began no such sign-in, or it took too long. Start anew.")
    if not code:
        raise Problem(401, "The provider of OpenID Connect refused the sign-in. Start anew.")
    subject = reached(provider, service.settings.address).subject(code, begun.content)
    with service.sessions.begin() as session:
        if begun.user is not None:
            link(session, provider.issuer, subject, begun.user, begun.content["epoch"])
        user = linked_user(session, provider.issuer, subject)
        if user is not None:
            return exchange.begin(session, user, begun.content["cookie"]), begun
    raise Problem(401, "No user has linked this account of the provider: sign in, then link it.")


def _stated(made: tokens.SessionTokens) -> Tokens:
    return Tokens(token=made.token, expires=made.expires, refresh_token=made.refresh)


def provider_of(service: Service) -> OpenIdProvider:
    """The provider of OpenID Connect. Raises Problem 404 where there is none."""
    if service.settings.openid is None:
        raise Problem(404, "This server has no provider of OpenID Connect.")
    return service.settings.openid
