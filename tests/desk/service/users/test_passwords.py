"""Passwords: which are refused, and how they are kept."""

import unicodedata
from collections.abc import Iterator

import numpy as np
import pytest
from argon2 import PasswordHasher
from hypothesis import example, given, settings
from hypothesis import strategies as st

from desk.service.problems import Problem
from desk.service.users import passwords
from desk.service.users.passwords import HASHER, check_password, hash_of, is_outdated, matches

# Of 12 characters and more in NordPass' lists of the 200 most common passwords of 2024 and 2025, then variants.
COMMON = [
    *("theworldinyourhand", "administrator", "admintelecom", "qwerty123456", "q1w2e3r4t5y6", "1qaz2wsx3edc"),
    *("Aa@123456789", "111222tianya", "Password@123", "passwordpassword", "P@ssw0rd1234", "1234567890123"),
    *("aaaaaaaaaaaaaaaa", "ababababababab", "letmein!letmein!", "iloveyou123456", "zyxwvutsrqponm", "            "),
]


def fault(password: str) -> str:
    """Why a password is refused."""
    with pytest.raises(Problem) as refused:
        check_password(password, "/password", ("Ann Smith", "ann.smith@desk.example"))
    assert refused.value.status == 400
    [mistake] = refused.value.mistakes
    assert (mistake.field, mistake.value) == ("/password", None)
    return mistake.detail


@pytest.mark.parametrize("password", COMMON)
def test_a_common_password_is_refused(password: str) -> None:
    assert "is common" in fault(password)


class Counted(str):
    """A run of keys that counts how often something is looked for in it."""

    looked = 0

    def __contains__(self, part: str) -> bool:
        Counted.looked += 1
        return super().__contains__(part)


def test_twice_as_long_a_password_takes_twice_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read while a database that has one writer waits."""
    monkeypatch.setattr(passwords, "RUNS", tuple(map(Counted, passwords.RUNS)))
    work = []
    for repeated in (51, 102, 204):
        before = Counted.looked
        check_password("x9f-Q" * repeated, "/password")
        work.append(Counted.looked - before)
    assert work[0] > 0
    assert np.diff(work).tolist() == pytest.approx([work[0], 2 * work[0]], rel=0.1)


@pytest.mark.parametrize("password", ["AnnSmith123456", "smith.ann@desk1", "desk.example.ann"])
def test_a_password_of_the_users_own_name_is_refused(password: str) -> None:
    assert "your own name" in fault(password)


@pytest.mark.parametrize("password", ["", "short", "umbrella va", "x" * 1_025])
def test_a_password_of_another_length_is_refused(password: str) -> None:
    assert f"has {len(password):,} characters" in fault(password)


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "Tr0ub4dor&3xyz", "umbrella vines 7 glass", "ж" * 4 + "ёлкаснег"]
)
def test_a_password_of_one_s_own_is_taken(password: str) -> None:
    check_password(password, "/password", ("Ann Smith", "ann.smith@desk.example"))


@pytest.fixture(scope="module", autouse=True)
def _own_hashes(_quick_hashes: None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", HASHER)
        passwords._hash_of_nobody.cache_clear()
        yield
    passwords._hash_of_nobody.cache_clear()


@settings(max_examples=2)
@given(st.text(min_size=1), st.text())
@example("école", "")
def test_a_hash_is_of_its_password_alone_however_its_accents_are_encoded(password: str, other: str) -> None:
    hashed = hash_of(password)
    assert matches(unicodedata.normalize("NFD", password), hashed) == (
        unicodedata.normalize("NFKC", unicodedata.normalize("NFD", password)) == unicodedata.normalize("NFKC", password)
    )
    assert matches(other, hashed) == (unicodedata.normalize("NFKC", other) == unicodedata.normalize("NFKC", password))


def test_a_hash_is_argon2id_by_the_parameters_of_the_owasp_cheat_sheet() -> None:
    assert hash_of("umbrella").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hash_of("umbrella") != hash_of("umbrella")


def test_a_hash_of_other_parameters_is_outdated_and_still_good() -> None:
    earlier = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("umbrella")
    assert matches("umbrella", earlier)
    assert (is_outdated(earlier), is_outdated(hash_of("umbrella"))) == (True, False)


@pytest.mark.parametrize("hashed", ["", "plain", "$argon2id$v=19$m=1$", "$2b$12$aaaaaaaaaaaaaaaaaaaaaa"])
def test_what_is_no_hash_matches_nothing(hashed: str) -> None:
    assert not matches("plain", hashed)


def test_broken_authentication_an_unknown_user_takes_the_work_of_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hashed: str, password: str) -> bool:
        compared.append(hashed.rpartition("$")[0].rpartition("$")[0])  # its parameters
        return verify(self, hashed, password)

    known = hash_of("umbrella")
    monkeypatch.setattr(PasswordHasher, "verify", counted)
    assert [matches("umbrella", known), matches("umbrell", known), matches("", None), matches("umbrella", None)] == [
        *(True, False, False, False)
    ]
    assert compared == [f"$argon2id$v=19$m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"] * 4
