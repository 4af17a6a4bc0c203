"""Orders of an assistant wait: none of its ways confirms them, a person does, and the journal says who did what."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from assistants import ORDER, Bench, with_scopes
from mcp.client import Client
from mcp.types import ElicitResult
from sqlalchemy import update

from desk.service import orders
from desk.service.caller import APPROVALS, SCOPES, Caller
from desk.service.problems import Problem
from desk.service.routes import orders as routes
from desk.service.store.tables import OneTimeSecret, Passkey, now
from desk.service.tools.elicited import ELICITATION
from desk.service.tools.tool import NO_TOKEN_OF_PERSONS, assistant_of
from desk.service.users.one_time import issue_secret, sha256_of
from foundation.home import HOME

YES = ElicitResult(action="accept", content={"approve": True})
FOUR_EYES = "\nticket: {approvals: 1}\n"


@pytest.fixture(autouse=True)
def _in_this_process(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are made in this process, which spares a second each; test_transports.py makes one as the service does."""
    monkeypatch.setenv(HOME, str(bench.root))
    bench.root.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(bench.root)
    monkeypatch.setattr(routes, "limited", lambda work, *given, home: work(*given))


def person(bench: Bench) -> Caller:
    """The user himself, who signed in."""
    return replace(bench.caller, scopes=None)


class Shown:
    """A client that shows a question to a person, who answers as told; it keeps the questions."""

    def __init__(self, answer: ElicitResult = YES) -> None:
        self.answer, self.questions = answer, list[str]()

    async def __call__(self, _: Any, asked: Any) -> ElicitResult:
        self.questions.append(asked.message)
        return self.answer


def placed(bench: Bench, shown: Shown | None = None, mode: str = "auto", elicits: bool = True, **order: Any) -> Any:
    """The answer of place_buy_order where its user is asked by elicitation."""
    asked = ORDER | order
    found = bench.talk(
        lambda client: client.call_tool("place_buy_order", asked),
        elicits=elicits, mode=mode, elicitation_callback=shown,
    )  # fmt: skip
    assert not found.is_error, found.content
    return found.structured_content


def test_an_order_waits_until_a_person_approves_it(bench: Bench) -> None:
    made = bench.answer("place_buy_order", **ORDER)
    assert made["made_by"] == [f"Ann through an assistant ({bench.caller.user})"]
    assert (made["wanted"], made["is_approved"], made["is_sent"]) == (1, False, False)
    assert f"/tickets/{made['id']}" in made["next_step"]
    ticket = json.loads((bench.root / "tickets" / f"{made['id']}.json").read_bytes())
    assert [(row["side"], row["symbol"], row["quantity"]) for row in ticket["orders"]] == [("buy", "SPY", 4)]
    assert ticket["reason"] == "ordered by Ann through an assistant: The user asked for it."
    assert bench.kinds() == ["list"]
    orders.judged(bench.service, None, made["hash"], person(bench))
    state = bench.answer("get_ticket", ticket=made["id"])
    assert (state["is_approved"], state["approved_by"]) == (True, [f"Ann ({bench.caller.user})"])
    explained = bench.answer("explain_last_decision")
    assert (explained["ticket"]["id"], explained["reason"]) == (made["id"], ticket["reason"])
    assert bench.kinds() == ["list", "approval"]


def test_a_repeated_call_with_its_key_makes_one_ticket(bench: Bench) -> None:
    first = bench.answer("place_sell_order", **ORDER, idempotency_key="order-1-of-ann")
    again = bench.answer("place_sell_order", **ORDER, idempotency_key="order-1-of-ann")
    assert (again["hash"], bench.kinds()) == (first["hash"], ["list"])
    other = bench.refusal("place_sell_order", **ORDER | {"units": 5}, idempotency_key="order-1-of-ann")
    assert (other["status"], bench.kinds()) == (409, ["list"])


def test_an_order_that_is_refused_releases_its_key(bench: Bench) -> None:
    told = bench.refusal("place_buy_order", **ORDER | {"symbol": "SPZ"}, idempotency_key="order-2-of-ann")
    assert "Did you mean 'SPY'" in told["detail"]
    assert bench.kinds() == []
    assert bench.answer("place_buy_order", **ORDER, idempotency_key="order-2-of-ann")["wanted"] == 1


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_elicitation_approves_where_the_server_was_started_so(bench: Bench, mode: str) -> None:
    """In both protocols: a question within the call, and one that the call is sent again with."""
    shown = Shown()
    made = placed(bench, shown, mode)
    (question,) = shown.questions
    assert made["is_approved"]
    assert made["approved_by"] == [f"Ann by elicitation ({bench.caller.user})"]
    assert '{"side": "buy", "symbol": "SPY", "quantity": 4, "order_type": "market"' in question
    assert made["hash"] in question
    assert "expires in 5 minutes" in question
    assert bench.kinds() == ["list", "approval"]


def test_self_confirmation_fails_in_each_way(bench: Bench) -> None:
    """By an argument, an elicitation that is off, an answer without a question, the API, a lower role, no passkey."""
    bench.refusal("place_buy_order", **ORDER, confirm=True, approved=True)
    shown = Shown()
    made = placed(bench, shown, elicits=False)
    assert (made["is_approved"], shown.questions) == (False, [])

    async def answers_unasked(client: Client) -> Any:
        return await client.call_tool("place_buy_order", ORDER, input_responses={ELICITATION: YES})

    found = bench.talk(answers_unasked, elicits=True, elicitation_callback=shown).structured_content
    assert (found["is_approved"], shown.questions) == (False, [])
    with pytest.raises(Problem, match=f"the scope {APPROVALS}"):
        bench.caller.check("approver", APPROVALS)
    manager = with_scopes(bench, "manager", "portfolios", "orders")
    assert not placed(manager, shown)["is_approved"]
    with bench.service.sessions.begin() as session:  # with which he confirms each approval
        session.add(Passkey(credential="c", user=bench.caller.user, name="key", public_key=b"", sign_count=0))
    assert not placed(bench, shown)["is_approved"]
    assert shown.questions == []
    assert {*bench.kinds()} == {"list"}


@pytest.mark.parametrize("scopes", [None, frozenset(SCOPES), frozenset({"portfolios", APPROVALS})])
def test_no_assistant_has_the_last_word_on_orders(bench: Bench, scopes: frozenset[str] | None) -> None:
    with pytest.raises(Problem) as error:
        assistant_of(replace(bench.caller, scopes=scopes))
    assert error.value.detail == NO_TOKEN_OF_PERSONS


@pytest.mark.parametrize(
    "answer",
    [
        ElicitResult(action="decline"),
        ElicitResult(action="accept"),
        ElicitResult(action="accept", content={"approve": False}),
        ElicitResult(action="accept", content={"approve": "true"}),
    ],
    ids=["declined", "empty", "no", "text"],
)
def test_any_other_answer_approves_nothing_and_the_question_is_not_asked_again(
    bench: Bench, answer: ElicitResult
) -> None:
    shown = Shown(answer)
    made = placed(bench, shown, idempotency_key="order-3-of-ann")
    assert (made["is_approved"], len(shown.questions)) == (False, 1)
    shown.answer = YES
    again = placed(bench, shown, idempotency_key="order-3-of-ann")
    assert (again["hash"], again["is_approved"], len(shown.questions)) == (made["hash"], False, 1)
    assert bench.kinds() == ["list"]


@pytest.mark.parametrize("state", ["expired", "answered"])
def test_an_answer_that_comes_late_or_twice_approves_nothing(bench: Bench, state: str) -> None:
    made = placed(bench, elicits=False, idempotency_key="order-4-of-ann")
    key = f"{bench.caller.user} {made['hash']}"
    with bench.service.sessions.begin() as session:
        issue_secret(session, ELICITATION, timedelta(minutes=5), bench.caller.user, secret=key)
        values = {"expires": now() - timedelta(seconds=1)} if state == "expired" else {"used": now()}
        session.execute(update(OneTimeSecret).where(OneTimeSecret.sha256 == sha256_of(key)).values(**values))

    async def answers(client: Client) -> Any:
        order = ORDER | {"idempotency_key": "order-4-of-ann"}
        return await client.call_tool("place_buy_order", order, input_responses={ELICITATION: YES})

    found = bench.talk(answers, elicits=True, elicitation_callback=Shown()).structured_content
    assert (found["hash"], found["is_approved"], bench.kinds()) == (made["hash"], False, ["list"])


def test_four_eyes_hold_where_a_portfolio_asks_for_them(bench: Bench) -> None:
    """Neither elicitation nor the page lets a user approve what his assistant ordered there; another person may."""
    bench.stored("Watched", more=FOUR_EYES)
    shown = Shown()
    made = placed(bench, shown, portfolio="Watched")
    assert (made["wanted"], made["is_approved"], shown.questions) == (1, False, [])
    with pytest.raises(Problem, match="You made this list"):
        orders.judged(bench.service, None, made["hash"], person(bench))
    other = Caller("b" * 32, "Bea", "house", "approver")
    assert orders.judged(bench.service, None, made["hash"], other).is_approved
    assert bench.kinds() == ["list", "approval"]
