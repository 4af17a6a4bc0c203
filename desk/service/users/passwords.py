"""Passwords: which are refused, how they are hashed, and how one is compared in constant work."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from desk.service.problems import FieldMistake, refused

# The OWASP Password Storage Cheat Sheet's argon2id with the least memory: forty sign-ins at once take 0.8 GB.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
LEAST, MOST = 12, 1_024  # characters
LEAST_OWN, LEAST_DISTINCT = 8, 5  # characters beside common words and runs of keys, and different ones among them
COMMON = (
    "password passwort passwd passw pass contrasena qwerty azerty qwertz letmein welcome iloveyou loveyou admin "
    "administrator telecom root user guest login master secret test demo hello changeme whatever trustno monkey dragon "
    "sunshine princess football baseball basketball soccer superman batman starwars pokemon minecraft michael jordan "
    "shadow freedom computer internet samsung liverpool chelsea theworldinyourhand rebalance portfolio"
)
RUNS = (
    *("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsxedcrfvtgbyhnujm"),
    *("1qaz2wsx3edc4rfv5tgb6yhn7ujm", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "147258369", "159357", "13579"),
    *("24680", "102030405060708090", "112233445566778899", "11223344"),
)
SHORTEST_RUN, LONGEST_RUN = 3, max(map(len, RUNS))  # characters
LEET = str.maketrans("@4310$57!", "aaeiosstl")


def check_password(password: str, field: str, known: Iterable[str] = ()) -> None:
    """Refuse a password that is short or common: Problem 400, which does not repeat it.

    field : JSON pointer to it.
    known : words that anyone knows of the user, such as the name and the e-mail address.
    Source : NIST SP 800-63B, section 5.1.1.2, on length, common words, sequences and words of the context.
    """
    if not LEAST <= len(password) <= MOST:
        fault = f"has {len(password):,} characters"
    elif len(own := _own_part(password, known)) < LEAST_OWN or len(set(own)) < LEAST_DISTINCT:
        fault = "is common, or made of your own name, a run of keys or a repetition"
    else:
        return
    mend = f"Give {LEAST} to {MOST:,} characters, such as four words drawn at random."
    raise refused([FieldMistake(field, f"a password that {fault}", None, mend)])


def _own_part(password: str, known: Iterable[str]) -> str:
    """The characters of a password beside runs of keys, repetitions, common words and known ones."""
    text, kept, at = password.casefold(), "", 0
    while at < len(text):
        length = _run_at(text, at)
        kept += " " if length else text[at]
        at += length or 1
    kept = kept.translate(LEET)
    words = {*COMMON.split()}.union(
        part for word in known for part in re.split(r"\W+", word.casefold()) if len(part) > 2
    )
    for word in sorted(words, key=len, reverse=True):
        kept = kept.replace(word, " ")
    return kept.replace(" ", "")


def _run_at(text: str, start: int) -> int:
    """The length of the longest run of keys, or repetition of a character, that begins here; 0 for none."""
    rest = text[start:]
    repeated = len(rest) - len(rest.lstrip(rest[0]))
    for length in range(min(LONGEST_RUN, len(rest)), max(repeated, SHORTEST_RUN - 1), -1):
        if any(part in run for run in RUNS for part in (rest[:length], rest[:length][::-1])):
            return length
    return repeated if repeated >= SHORTEST_RUN else 0


def hash_of(password: str) -> str:
    """The argon2id hash of a password, with its parameters and salt; the same however its accents are encoded."""
    return HASHER.hash(unicodedata.normalize("NFKC", password))


def matches(password: str, hashed: str | None) -> bool:
    """True for the password of a hash. hashed : None for nobody's, which takes the same work."""
    nobody = _hash_of_nobody()
    try:
        return HASHER.verify(hashed or nobody, unicodedata.normalize("NFKC", password)) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(hashed: str) -> bool:
    """True for a hash of other parameters than those of today."""
    return HASHER.check_needs_rehash(hashed)


@cache
def _hash_of_nobody() -> str:
    return hash_of("")
