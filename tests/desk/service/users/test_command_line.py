"""`rebalance serve user`: users in the database of the environment."""

import re
from pathlib import Path

import pytest
from commanded import rebalance
from fastapi.testclient import TestClient
from people import posted

from desk.service.app import create_app


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))
    monkeypatch.setenv("PUBLIC_URL", "https://desk.example")


def invitation(out: str) -> str:
    [found] = re.findall(r"https://desk\.example/register#([\w-]{43})\n", out)
    return found


def test_the_link_of_the_first_admin_sets_his_password_once() -> None:
    added = rebalance(
        "serve", "user", "add", "Ann@desk.example", "--role", "admin", "--name", "Ann", "--tenant", "fund-1"
    )
    assert added.out.startswith("ann@desk.example is added as admin of fund-1. ")
    client = TestClient(create_app(), base_url="https://desk.example")
    body = {"invitation": invitation(added.out), "password": "umbrella vines 7 glass"}
    assert [posted(client, "register", **body)[0] for _ in range(2)] == [200, 401]
    assert rebalance("serve", "user", "list").out.splitlines()[1].split() == [
        *("ann@desk.example", "Ann", "admin", "fund-1", "registered")
    ]


def test_a_link_is_made_anew_and_a_user_disabled_and_enabled() -> None:
    rebalance("serve", "user", "add", "ann@desk.example", "--role", "admin")
    first, second = (invitation(rebalance("serve", "user", "link", "ann@desk.example").out) for _ in range(2))
    assert first != second
    assert rebalance("serve", "user", "disable", "ann@desk.example").out == "ann@desk.example is disabled.\n"
    assert "disabled" in rebalance("serve", "user", "list").out
    assert "who is disabled" in rebalance("serve", "user", "link", "ann@desk.example").err
    assert rebalance("serve", "user", "enable", "ann@desk.example").out == "ann@desk.example is enabled.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "ann@desk.example"), "the role of the first user is 'viewer': add an admin first, with --role admin."),
        (("add", "ann", "--role", "admin"), "the e-mail address is 'ann': give one such as ann@desk.example."),
        (
            ("add", "ann@desk.example", "--role", "admin", "--tenant", "../x"),
            "the tenant is '../x': give lower-case letters",
        ),
        (("disable", "ann@desk.example"), "no user has it: see `rebalance serve user list`."),
        (("link", "ann@desk.example"), "no user has it: see `rebalance serve user list`."),
        (("list", "ann@desk.example"), "list takes no e-mail address: see rebalance serve user --help."),
        (("link",), "link takes an e-mail address: see rebalance serve user --help."),
        (("link", "ann@desk.example", "--role", "admin"), "--name, --role and --tenant are of add: leave them out."),
    ],
)
def test_a_mistake_is_a_sentence_and_changes_nothing(words: tuple[str, ...], said: str) -> None:
    done = rebalance("serve", "user", *words)
    assert (done.status, said in done.err) == (2, True), done.err
    assert rebalance("serve", "user", "list").out == "There are no users.\n"


def test_a_role_that_is_none_is_refused() -> None:
    rebalance("serve", "user", "add", "ann@desk.example", "--role", "admin")
    done = rebalance("serve", "user", "add", "bob@desk.example", "--role", "boss")
    assert (done.status, done.err.startswith("the role is 'boss'")) == (2, True)
