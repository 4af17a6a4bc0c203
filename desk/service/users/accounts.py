"""Accounts: users are invited, register, sign in by password and recover; failed sign-ins cost time."""

import ipaddress
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from desk.service.caller import ROLES
from desk.service.problems import Problem
from desk.service.store.engine import Sessions
from desk.service.store.tables import OneTimeSecret, SignInAttempts, Tenant, User, now
from desk.service.users.one_time import INVITATION, RECOVERY, SIGN_UP, issue_secret, redeem, sha256_of
from desk.service.users.passwords import check_password, hash_of, is_outdated, matches
from desk.service.users.tokens import end_all_sessions
from foundation.arguments import one_of, refuse

INVITATION_LIFE = timedelta(days=3)
RECOVERY_CODES, RECOVERY_LIFE = 10, timedelta(days=3_650)
FREE_FAILURES, MOST_WAIT = 5, timedelta(minutes=15)  # of an account from one address
MOST_WAIT_KNOWN = timedelta(minutes=1)  # from one that it is known from, which others may share: 1,440 tries a day
MOST_FAILURES, REMEMBERED = 100, timedelta(days=1)  # of an account from all addresses that it is not known from
KNOWN = timedelta(days=90)  # in which an address is known by a sign-in that succeeded
OWN_TENANT, OWN_ROLE = "own-", "manager"  # of who registers by himself: the metrics are for the operator's admins
REFUSED = "The e-mail address, the password or both are wrong."


def invite(session: Session, tenant: str, email: str, role: str, name: str = "") -> tuple[User, str]:
    """A new user, and the one-time secret by which he sets his password. Raises as `_new_user`."""
    user = _new_user(session, tenant, email, role, name)
    return user, invitation_of(session, user)


def checked_email(email: str) -> str:
    """An e-mail address as it is kept. Raises ConfigError for one that is none."""
    email = email.strip().casefold()
    if not re.fullmatch(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+", email) or len(email) > 254:
        refuse("the e-mail address is", email, "give one such as ann@desk.example.")
    return email


def _new_user(session: Session, tenant: str, email: str, role: str, name: str = "") -> User:
    """A new user without a password.

    Raises : ConfigError for an e-mail address of another user, and for one, a role, a name or a tenant that is none.
    """
    one_of("the role is", role, ROLES)
    email = checked_email(email)
    name = name or email.partition("@")[0]
    if len(name) > 128 or not name.isprintable():
        refuse("the name is", name, "give at most 128 printed characters.")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", tenant):  # it is the name of a folder
        refuse("the tenant is", tenant, "give lower-case letters, digits and hyphens, such as house.")
    if session.scalars(select(User).where(User.email == email)).first():
        refuse("the e-mail address is", email, "a user has it already: give another.")
    session.merge(Tenant(name=tenant))
    session.flush()
    user = User(tenant=tenant, email=email, name=name, role=role)
    session.add(user)
    session.flush()
    return user


def invitation_of(session: Session, user: User) -> str:
    """The one-time secret by which a user sets his password; earlier ones are void. Raises ConfigError if disabled."""
    if user.disabled:
        refuse("the user is", user.email, "who is disabled: enable him first.")
    session.execute(delete(OneTimeSecret).where(OneTimeSecret.user == user.id, OneTimeSecret.purpose == INVITATION))
    return issue_secret(session, INVITATION, INVITATION_LIFE, user.id)


def user_of(session: Session, email: str) -> User | None:
    """The user of an e-mail address."""
    return session.scalars(select(User).where(User.email == email.strip().casefold())).one_or_none()


def known_user(session: Session, email: str) -> User:
    """The user of an e-mail address. Raises ConfigError for an unknown one."""
    if (user := user_of(session, email)) is None:
        refuse("the e-mail address is", email, "no user has it: see `rebalance serve user list`.")
    return user


def register_user(session: Session, invitation: str, password: str) -> User | None:
    """The user who registers by an invitation, or the link that he asked for; None for one that serves no more.

    Raises : Problem 400 for a password that is refused; the invitation stays good where that ends the transaction.
    """
    found = redeem(session, INVITATION, invitation)
    user = session.get(User, found.user) if found is not None else _signed_up(session, invitation)
    if user is None or user.disabled:
        return None
    set_password(session, user, password)
    return user


def _signed_up(session: Session, link: str) -> User | None:
    """The new user of a link that its owner asked for, in a tenant of his own; None where it serves no more."""
    found = redeem(session, SIGN_UP, link)
    if found is None or user_of(session, found.content["email"]) is not None:
        return None
    return _new_user(session, f"{OWN_TENANT}{secrets.token_hex(8)}", found.content["email"], OWN_ROLE)


def recover_user(session: Session, email: str, code: str, password: str) -> User | None:
    """The user who sets a new password by a recovery code; None for a code that is not his, used or expired.

    Raises : Problem 400 for a password that is refused; the code stays good where that ends the transaction.
    """
    user = user_of(session, email)
    if user is None or user.disabled or redeem(session, RECOVERY, code.strip().casefold(), user.id) is None:
        return None
    set_password(session, user, password)
    return user


def set_password(session: Session, user: User, password: str) -> None:
    """Give a user a new password: all sessions end, and failed sign-ins are forgotten. Raises Problem 400."""
    check_password(password, "/password", (user.name, user.email))
    user.password = hash_of(password)
    end_all_sessions(session, user)
    account = sha256_of(user.email)
    session.execute(update(SignInAttempts).where(SignInAttempts.account == account).values(failures=0))


def disable(session: Session, user: User, is_disabled: bool = True) -> None:
    """Disable a user, whose sessions end, or enable him. His access tokens work only while he is enabled."""
    user.disabled = is_disabled
    if is_disabled:
        end_all_sessions(session, user)


def link_of(address: str, invitation: str) -> str:
    """The one-time link of an invitation. It stands after the #, which no browser sends and no log keeps."""
    return f"{address}/register#{invitation}"


def new_recovery_codes(session: Session, user: User) -> list[str]:
    """Ten codes of 80 bits, one use each, in place of those that the user had."""
    session.execute(delete(OneTimeSecret).where(OneTimeSecret.user == user.id, OneTimeSecret.purpose == RECOVERY))
    codes = ["-".join(re.findall(".....", secrets.token_hex(10))) for _ in range(RECOVERY_CODES)]
    return [issue_secret(session, RECOVERY, RECOVERY_LIFE, user.id, secret=code) for code in codes]


def check_sign_in(
    sessions: Sessions,
    email: str,
    password: str,
    address: str,
    check_more: Callable[[Session, str], None] = lambda *_: None,
) -> str:
    """The id of the user of an e-mail address and a password, tried from an address of the network.

    check_more : checks what else is asked of a user by his id; where it raises, the attempt has failed.
    Raises : Problem 401 where they are wrong, the same for unknown users; 429 after many failures.
    """
    email, address = email.strip().casefold(), network_of_address(address)
    key = (SignInAttempts.account == sha256_of(email)) & (SignInAttempts.address == address)
    if (wait := _count_attempt(sessions, sha256_of(email), address)) > timedelta():
        seconds = int(wait.total_seconds()) + 1
        others = "by a passkey, OpenID Connect or a recovery code"
        detail = f"Too many sign-ins failed. Wait {seconds:,} s, or sign in {others}."
        raise Problem(429, detail, retry_after=seconds)
    with sessions() as session:
        user = user_of(session, email)
    if not matches(password, user.password if user else None) or user is None or user.disabled:
        raise Problem(401, REFUSED, headers={"WWW-Authenticate": "Bearer"})
    with sessions.begin() as session:
        check_more(session, user.id)
        session.execute(update(SignInAttempts).where(key).values(failures=0, succeeded=now()))
        if user.password is not None and is_outdated(user.password):
            is_same = (User.id == user.id) & (User.password == user.password)
            session.execute(update(User).where(is_same).values(password=hash_of(password)))
    return user.id


def network_of_address(address: str) -> str:
    """The address that requests and failures are counted for: of IPv6 the network of 64 bits, which one client has.

    Some proxies state the port, too, which is another one for each connection.

    >>> network_of_address("192.0.2.7"), network_of_address("2001:db8:1:2:3::4"), network_of_address("192.0.2.7:51234")
    ('192.0.2.7', '2001:db8:1:2::', '192.0.2.7')
    """
    for each in (address, address.rpartition(":")[0].strip("[]")):
        with suppress(ValueError):
            found = ipaddress.ip_address(each.partition("%")[0])
            if isinstance(found, ipaddress.IPv4Address):
                return str(found)
            mapped = found.ipv4_mapped
            return str(mapped or ipaddress.ip_network((found, 64), strict=False).network_address)
    return address[:64]


def _count_attempt(sessions: Sessions, account: str, address: str) -> timedelta:
    """Count an attempt as failed before its outcome is known, so that attempts at the same time count each other.

    Returns : how long to wait; then it is not counted, so that a wait ends however often somebody tries.
    """
    moment, table = now(), SignInAttempts
    is_unknown = table.succeeded.is_(None)
    with sessions.begin() as session:
        is_old = (table.last < moment - KNOWN) | (is_unknown & (table.last < moment - REMEMBERED))
        session.execute(delete(table).where(is_old))
        dialect = {"sqlite": sqlite, "postgresql": postgresql}[session.get_bind().dialect.name]
        first = {"account": account, "address": address, "failures": 0, "last": moment}
        session.execute(dialect.insert(table).values(first).on_conflict_do_nothing())
        is_this = (table.account == account) & (table.address == address)
        row = session.scalars(update(table).where(is_this).values(failures=table.failures + 1).returning(table)).one()
        others = select(func.sum(table.failures)).where(table.account == account, is_unknown)
        if row.succeeded is None and session.scalars(others).one() > MOST_FAILURES:
            session.rollback()
            return REMEMBERED
        pause = min(wait_after(row.failures - 1), MOST_WAIT if row.succeeded is None else MOST_WAIT_KNOWN)
        if pause and (wait := row.last + pause - moment) > timedelta():
            session.rollback()
            return wait
        row.last = moment
    return timedelta()


def wait_after(failures: int) -> timedelta:
    """The wait of an address after the last of so many failures: 1 s after the fifth, then twice as long each time.

    >>> [int(wait_after(failures).total_seconds()) for failures in (4, 5, 6, 10, 14, 15, 1_000)]
    [0, 1, 2, 32, 512, 900, 900]
    """
    if failures < FREE_FAILURES:
        return timedelta()
    return min(timedelta(seconds=2 ** min(failures - FREE_FAILURES, 20)), MOST_WAIT)
