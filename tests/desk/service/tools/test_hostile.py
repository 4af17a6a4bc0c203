"""Text of people and feeds is data: what a model is told by the server is the same whatever stands in it."""

import json
from dataclasses import replace

import pytest
from assistants import Bench
from injections import INJECTIONS
from mcp.client import Client

from desk.service.store.tables import User
from desk.service.tools.asking import Placed
from desk.service.tools.elicited import QUESTION, question_of
from desk.service.tools.tool import assistant_of
from foundation.printable import has_unseen

PAYLOADS = tuple(INJECTIONS.values())


def told(bench: Bench) -> str:
    """All that the server says of itself: tools, prompt, resources and instructions."""

    async def work(client: Client) -> str:
        tools, prompts = await client.list_tools(), await client.list_prompts()
        prompt, templates = await client.get_prompt("rebalancing_agent"), await client.list_resource_templates()
        resources = await client.list_resources()
        parts = (tools, prompts, prompt, templates, resources)
        return f"{client.instructions}" + "".join(part.model_dump_json() for part in parts)

    found: str = bench.talk(work)
    return found


def test_fourteen_payloads_change_nothing_that_the_server_says(bench: Bench) -> None:
    before = told(bench)
    assert len(PAYLOADS) == 14
    for k, payload in enumerate(PAYLOADS):
        bench.stored(f"Portfolio {k}", client=payload)
    plain = [payload for payload in PAYLOADS if "/" not in payload and not has_unseen(payload)]
    for payload in plain:
        bench.stored(payload)
    with bench.service.sessions.begin() as session:
        session.get_one(User, bench.caller.user).name = PAYLOADS[0]
    assert told(bench) == before
    found = bench.call("list_portfolios", limit=500)
    rows = found.structured_content["rows"] if found.structured_content else []
    assert {row["client"] for row in rows} == {"", *PAYLOADS}
    assert {row["name"] for row in rows} >= {*plain}
    assert json.loads(found.content[0].text) == found.structured_content  # type: ignore[union-attr]
    (mistake,) = bench.refusal("explain_last_decision")["errors"]  # names stand in it in quotes
    assert repr(PAYLOADS[0]) in mistake["mend"]
    assert bench.kinds() == []


@pytest.mark.parametrize("payload", PAYLOADS, ids=[*INJECTIONS])
def test_a_payload_stands_in_a_question_in_quotes_alone(bench: Bench, payload: str) -> None:
    """The reason, the portfolio and the name of the user, as the question names them."""
    caller = assistant_of(replace(bench.caller, name=payload))
    placed = Placed.model_construct(hash="0" * 64, portfolio=payload)
    order = {"side": "buy", "symbol": payload, "quantity": 1.0}
    question = question_of(caller, placed, {"orders": [order], "reason": payload})
    quoted = json.dumps(payload)
    assert question.count(quoted) == 3
    named = json.dumps(f"{payload} by elicitation")
    assert named in question
    assert payload not in question.replace(quoted, "").replace(named, "").removeprefix(QUESTION[:25])
    assert question.isascii()
