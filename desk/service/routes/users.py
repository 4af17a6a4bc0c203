"""Users as they see themselves, and as an admin of their tenant sees them: roles, access tokens, passkeys, sessions."""

import secrets
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from desk.service.bodies import Body, JsonRoute, Moment
from desk.service.caller import FORGET, PERSON, ROLES, SCOPES, Caller, InService, Role, Scope, Service, needs
from desk.service.problems import FieldMistake, Problem, refused
from desk.service.routes.sign_in import Exchange, InExchange, Line, Options, provider_of
from desk.service.store.tables import AccessToken, Identity, OneTimeSecret, Passkey, User, now
from desk.service.users import accounts, passkeys
from desk.service.users.one_time import RECOVERY, sha256_of
from desk.service.users.openid import reached
from desk.service.users.second_factor import has_second_factor
from desk.service.users.tokens import end_all_sessions

router = APIRouter(prefix="/api/users", tags=["users"], route_class=JsonRoute)

Reader = Annotated[Caller, Depends(needs("viewer", "users"))]
Person = Annotated[Caller, Depends(needs("viewer", PERSON))]
AdminReader = Annotated[Caller, Depends(needs("admin", "users"))]
Admin = Annotated[Caller, Depends(needs("admin", PERSON))]
Id = Annotated[str, Path(min_length=1, max_length=1_024, pattern=r"^[\w-]+$")]
TOKEN_DAYS = 365  # at most
RECENT_SIGN_IN = timedelta(minutes=10)  # since a sign-in, with which its user changes by what he signs in and approves


def _just_signed_in(caller: Person) -> Caller:
    """The caller. Raises Problem 403 where his sign-in is not recent: a stolen session makes no way in of its own."""
    if caller.signed_in is None or now() - caller.signed_in > RECENT_SIGN_IN:
        raise Problem(403, "This needs a sign-in of the last ten minutes: sign out, sign in, and do it again.")
    return caller


Recent = Annotated[Caller, Depends(_just_signed_in)]


class Shown(BaseModel):
    """A row of the database as it is shown."""

    model_config = ConfigDict(from_attributes=True)


class UserShown(Shown):
    """A user as an admin sees him. is_registered : false until he has set a password."""

    id: str
    email: str
    name: str
    role: Role
    disabled: bool
    is_registered: bool
    created: Moment


class Profile(UserShown):
    """A user as he sees himself, with the provider accounts that he linked and the recovery codes that are left.

    has_second_factor : true if a sign-in by password asks for a code of his authenticator app.
    """

    tenant: str
    openid: list[str]
    recovery_codes_left: int
    has_second_factor: bool


class NewUser(Body):
    """A user to invite."""

    email: Line
    name: Annotated[Line, Field(max_length=128)]
    role: Role = "viewer"


class Invited(BaseModel):
    """A user, and the link by which he sets his password once: what stands after its # is the invitation."""

    user: str
    link: str


class UserChange(Body):
    """A change of a user by an admin; null leaves a value."""

    role: Role | None = None
    disabled: bool | None = None


class PresentPassword(Body):
    """The present password, without which a session alone changes nothing by which its user signs in."""

    current: SecretStr


class PasswordChange(PresentPassword):
    """A new password, with the present one."""

    password: SecretStr


class RecoveryCodes(BaseModel):
    """Codes, each of which sets a new password once; they are shown only now."""

    recovery_codes: list[str]


class NewToken(Body):
    """An access token of a program to make. role : the most that it may do; null for the role of its user."""

    name: Annotated[Line, Field(max_length=128)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    days: Annotated[int, Field(ge=1, le=TOKEN_DAYS)]
    role: Role | None = None


class TokenShown(Shown):
    """An access token, without itself. used : its last use, to the hour."""

    id: str
    name: str
    role: Role
    scopes: list[Scope]
    created: Moment
    expires: Moment
    used: Moment | None
    revoked: Moment | None


class TokenMade(TokenShown):
    """A new access token, which is shown only now."""

    token: str


class NewPasskey(Body):
    """A passkey to register. credential : `PublicKeyCredential.toJSON()` of the browser."""

    name: Annotated[Line, Field(max_length=128)]
    credential: dict[str, Any]


class PasskeyShown(Shown):
    """A passkey."""

    id: Annotated[str, Field(validation_alias=AliasChoices("credential", "id"))]
    name: str
    created: Moment


class Page(BaseModel):
    """A page of the provider of OpenID Connect to send the browser to."""

    url: str


@router.get("/profile")
def profile(caller: Reader, service: InService) -> Profile:
    """Show the user who calls."""
    with service.sessions() as session:
        user = session.get_one(User, caller.user)
        is_code = (OneTimeSecret.user == user.id) & (OneTimeSecret.purpose == RECOVERY) & OneTimeSecret.used.is_(None)
        return Profile(
            **UserShown.model_validate(user).model_dump(),
            tenant=user.tenant,
            openid=[*session.scalars(select(Identity.issuer).where(Identity.user == user.id))],
            recovery_codes_left=session.query(OneTimeSecret).where(is_code).count(),
            has_second_factor=has_second_factor(session, user.id),
        )


@router.put("/password", responses={429: {}})
def change_password(body: PasswordChange, caller: Person, service: InService, exchange: InExchange) -> RecoveryCodes:
    """Set a new password, and make new recovery codes; all sessions end."""
    _check_present(body, caller, service, exchange)
    with service.sessions.begin() as session:
        user = session.get_one(User, caller.user)
        accounts.set_password(session, user, body.password.get_secret_value())
        exchange.response.headers.update(FORGET)
        return RecoveryCodes(recovery_codes=accounts.new_recovery_codes(session, user))


@router.post("/recovery-codes", responses={429: {}})
def replace_recovery_codes(
    body: PresentPassword, caller: Person, service: InService, exchange: InExchange
) -> RecoveryCodes:
    """Make new recovery codes in place of those that are left."""
    _check_present(body, caller, service, exchange)
    with service.sessions.begin() as session:
        return RecoveryCodes(recovery_codes=accounts.new_recovery_codes(session, session.get_one(User, caller.user)))


@router.post("/logout-everywhere", status_code=204)
def logout_everywhere(caller: Person, service: InService, response: Response) -> None:
    """End all sessions of the user who calls; access tokens of programs stay."""
    with service.sessions.begin() as session:
        end_all_sessions(session, session.get_one(User, caller.user))
    response.headers.update(FORGET)


@router.get("/tokens")
def tokens(caller: Person, service: InService) -> list[TokenShown]:
    """List the access tokens of the user who calls."""
    with service.sessions() as session:
        own = select(AccessToken).where(AccessToken.user == caller.user).order_by(AccessToken.created)
        return [TokenShown.model_validate(each) for each in session.scalars(own)]


@router.post("/tokens", status_code=201)
def make_token(body: NewToken, caller: Recent, service: InService) -> TokenMade:
    """Make an access token for a program; it is shown once."""
    role = body.role or caller.role
    if ROLES.index(role) > ROLES.index(caller.role):
        mend = f"Give your own role, {caller.role}, or less."
        raise Problem(403, f"The role {role} is more than yours. {mend}")
    secret, moment = secrets.token_urlsafe(32), now()
    made = AccessToken(
        user=caller.user,
        name=body.name,
        sha256=sha256_of(secret),
        role=role,
        scopes=sorted(set(body.scopes)),
        created=moment,
        expires=moment + timedelta(days=body.days),
    )
    with service.sessions.begin() as session:
        session.add(made)
        session.flush()
        return TokenMade(**TokenShown.model_validate(made).model_dump(), token=secret)


@router.delete("/tokens/{token}", status_code=204)
def revoke_token(token: Id, caller: Person, service: InService) -> None:
    """Revoke an access token of the user who calls."""
    with service.sessions.begin() as session:
        found = session.get(AccessToken, token)
        if found is None or found.user != caller.user:
            raise Problem(404, "There is no such access token.")
        found.revoked = found.revoked or now()


@router.get("/passkeys")
def list_passkeys(caller: Person, service: InService) -> list[PasskeyShown]:
    """List the passkeys of the user who calls."""
    with service.sessions() as session:
        return [PasskeyShown.model_validate(each) for each in _passkeys(session, caller.user)]


@router.post("/passkeys/options")
def new_passkey_options(caller: Recent, service: InService) -> Options:
    """Give a challenge to register a passkey."""
    with service.sessions.begin() as session:
        known = [each.credential for each in _passkeys(session, caller.user)]
        user = session.get_one(User, caller.user)
        return Options(options=passkeys.registration_options(session, service.settings.address, user, known))


@router.post("/passkeys", status_code=201)
def register_passkey(body: NewPasskey, caller: Recent, service: InService) -> PasskeyShown:
    """Register a passkey of the user who calls."""
    with service.sessions.begin() as session:
        address = service.settings.address
        made = passkeys.registered(session, address, caller.user, body.name, body.credential)
    if made is None:
        mend = "Ask for new options, and give what the browser answers to them."
        raise refused([FieldMistake("/credential", "refused", None, mend)])
    return PasskeyShown.model_validate(made)


@router.delete("/passkeys/{passkey}", status_code=204)
def remove_passkey(passkey: Id, caller: Recent, service: InService) -> None:
    """Remove a passkey of the user who calls."""
    with service.sessions.begin() as session:
        found = session.get(Passkey, passkey)
        if found is None or found.user != caller.user:
            raise Problem(404, "There is no such passkey.")
        session.delete(found)


@router.post("/openid", responses={404: {}, 502: {}})
def link_openid(caller: Recent, service: InService, exchange: InExchange, cookie: bool = False) -> Page:
    """Begin to link an account of the provider of OpenID Connect to the user who calls."""
    provider = reached(provider_of(service), service.settings.address)
    with service.sessions.begin() as session:
        content = {"cookie": cookie, "epoch": session.get_one(User, caller.user).epoch}
        url, state = provider.begin(session, content, caller.user)
    exchange.keep_state(state)
    return Page(url=url)


@router.delete("/openid", status_code=204)
def unlink_openid(caller: Recent, service: InService) -> None:
    """Unlink all accounts of a provider of OpenID Connect from the user who calls."""
    with service.sessions.begin() as session:
        session.execute(delete(Identity).where(Identity.user == caller.user))


@router.get("")
def users(caller: AdminReader, service: InService) -> list[UserShown]:
    """List the users of the tenant."""
    with service.sessions() as session:
        found = session.scalars(select(User).where(User.tenant == caller.tenant).order_by(User.email))
        return [UserShown.model_validate(each) for each in found]


@router.post("", status_code=201)
def invite(body: NewUser, caller: Admin, service: InService) -> Invited:
    """Invite a user of the tenant, who registers by a one-time link."""
    with service.sessions.begin() as session:
        user, invitation = accounts.invite(session, caller.tenant, body.email, body.role, body.name)
    return Invited(user=user.id, link=accounts.link_of(service.settings.address, invitation))


@router.post("/{user}/invitation")
def invite_again(user: Id, caller: Admin, service: InService) -> Invited:
    """Make a one-time link by which a user of the tenant sets a new password."""
    with service.sessions.begin() as session:
        invitation = accounts.invitation_of(session, _of_tenant(session, user, caller))
    return Invited(user=user, link=accounts.link_of(service.settings.address, invitation))


@router.patch("/{user}", responses={409: {}})
def change_user(user: Id, body: UserChange, caller: Admin, service: InService) -> UserShown:
    """Change the role of another user of the tenant, or disable him; it holds from his next call on."""
    with service.sessions.begin() as session:
        found = _of_tenant(session, user, caller)
        if found.id == caller.user:
            raise Problem(409, "You cannot change your own role or disable yourself: ask another admin.")
        found.role = body.role or found.role
        if body.disabled is not None:
            accounts.disable(session, found, body.disabled)
        return UserShown.model_validate(found)


def _of_tenant(session: Session, user: str, caller: Caller) -> User:
    found = session.get(User, user)
    if found is None or found.tenant != caller.tenant:
        raise Problem(404, "There is no such user.")
    return found


def _check_present(body: PresentPassword, caller: Caller, service: Service, exchange: Exchange) -> None:
    """Check the present password of the user who calls, no faster than a sign-in. Raises Problem 400, 429.

    Of who has a second factor, which a sign-in asks for, the sign-in must be recent, too: else Problem 403.
    """
    with service.sessions() as session:
        email, has_app = session.get_one(User, caller.user).email, has_second_factor(session, caller.user)
    if has_app:
        _just_signed_in(caller)
    try:
        accounts.check_sign_in(service.sessions, email, body.current.get_secret_value(), exchange.address)
    except Problem as problem:
        if problem.status != 401:
            raise
        raise refused([FieldMistake("/current", "not your password", None, "Give the present one.")]) from problem


def _passkeys(session: Session, user: str) -> list[Passkey]:
    return [*session.scalars(select(Passkey).where(Passkey.user == user).order_by(Passkey.created))]
