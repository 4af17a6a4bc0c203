"""A second factor beside a password: codes of an authenticator app by time (RFC 6238), each of which serves once."""

import base64
import hmac
import secrets
import time
from urllib.parse import quote

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from desk.service.problems import FieldMistake, Problem
from desk.service.store.keys import Keys
from desk.service.store.tables import SecondFactor, User, now

STEP, DIGITS, KEY_SIZE = 30, 6, 20  # seconds of a code, its digits, bytes of a key: what apps take without being told
CLOCK_STEPS = 1  # steps that the clock of a phone may be off
CODE_WANTED = FieldMistake(
    "/code", "no code of your authenticator app that serves now", None,
    "Give the six digits that it shows; each code serves once.",
)  # fmt: skip


def code_at(key: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a key at a step of time.

    Source : RFC 6238 and RFC 4226, section 5.3, by HMAC-SHA1.

    >>> code_at(b"12345678901234567890", 59 // 30, 8)  # RFC 6238, appendix B
    '94287082'
    """
    mac = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    at = mac[-1] & 15
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def step_now() -> int:
    """The step of time of this moment."""
    return int(time.time()) // STEP


def begin_second_factor(session: Session, keys: Keys, user: User) -> tuple[str, str]:
    """A key for the app of a user, in base32, and the link by which an app takes it; no code is asked for yet.

    Raises : Problem 409 where codes of another key are asked for.
    """
    if has_second_factor(session, user.id):
        raise Problem(409, "Codes of an app are asked for already: remove it first.")
    key = secrets.token_bytes(KEY_SIZE)
    session.merge(SecondFactor(user=user.id, sealed=keys.seal(key), last=0, confirmed=None))
    text = base64.b32encode(key).decode()
    return text, f"otpauth://totp/rebalance:{quote(user.email)}?secret={text}&issuer=rebalance"


def has_second_factor(session: Session, user: str) -> bool:
    """True for a user of whom codes are asked."""
    found = session.get(SecondFactor, user)
    return found is not None and found.confirmed is not None


def takes_code(session: Session, keys: Keys, user: str, code: str) -> bool:
    """True for a code of a user's app that serves now, and from then on no more; the first confirms the app."""
    found, latest = session.get(SecondFactor, user), step_now() + CLOCK_STEPS
    key = b"" if found is None else keys.unseal(found.sealed)
    for step in range(latest - 2 * CLOCK_STEPS, latest + 1) if key else ():
        if hmac.compare_digest(code_at(key, step).encode(), "".join(code.split()).encode()):
            is_unused = (SecondFactor.user == user) & (SecondFactor.last < step)
            used = update(SecondFactor).where(is_unused).values(last=step, confirmed=now())
            return session.scalar(used.returning(SecondFactor.user)) is not None
    return False


def remove_second_factor(session: Session, user: str) -> None:
    """Ask a user for no codes any more."""
    session.execute(delete(SecondFactor).where(SecondFactor.user == user))
