"""Approval of a ticket by elicitation: a question that the client of an assistant shows to the person before it.

Only a server that was started so asks (`rebalance serve mcp --elicit`), since a client may answer in place of its
person. The question names the whole order and its hash, is asked once for a ticket, and expires; the answer is
journalled as given by elicitation. It approves nothing that the portfolio wants another person to approve.
"""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from anyio import move_on_after, to_thread
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS
from sqlalchemy import select

from desk.journal.tickets import ASSISTANT
from desk.service import orders
from desk.service.caller import ROLES, Caller
from desk.service.problems import Problem
from desk.service.store.tables import OneTimeSecret, Passkey
from desk.service.tools.asking import Placed
from desk.service.tools.tool import Desk
from desk.service.users.one_time import issue_secret, redeem, sha256_of

ELICITATION = "elicitation"  # purpose of a question, which serves once
LIFE = timedelta(minutes=5)  # of a question
BY = " by elicitation"  # in the name of who approved so
NAMED = ("side", "symbol", "quantity", "order_type", "limit_price", "notional", "currency", "account")  # of an order
QUESTION = (
    "Do you approve this order? Only you, not the assistant, should answer.\n{orders}\nPortfolio: {portfolio}. Ticket: "
    "sha256 {hash}. Reason, as the assistant states it: {reason}\nYour answer is journalled as that of {name}. The "
    "question expires in {minutes:.0f} minutes."
)
FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"approve": {"type": "boolean", "title": "I approve this order", "default": False}},
    "required": ["approve"],
}


async def approved(
    context: ServerRequestContext[Any, Any], call: types.CallToolRequestParams, desk: Desk, placed: Placed
) -> Placed | types.InputRequiredResult:
    """A ticket after its person was asked, or the question, where the client's protocol takes it as an answer."""
    if not (_shows_forms(context.session.client_capabilities) and await to_thread.run_sync(_may_approve, desk, placed)):
        return placed
    key = f"{desk.caller.user} {placed.hash}"
    root = desk.service.root(desk.caller.tenant)
    ticket = await to_thread.run_sync(orders.document_of, root, None, placed.hash)
    message = question_of(desk.caller, placed, ticket)
    question = types.ElicitRequestFormParams(message=message, requested_schema=FORM)
    given: Any = None
    if context.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
        if not await to_thread.run_sync(_ask, desk, key):
            return placed
        with move_on_after(LIFE.total_seconds()), suppress(MCPError):  # a client that cannot ask leaves it waiting
            given = await context.session.elicit_form(message, FORM, context.request_id)
    elif not call.input_responses:
        if not await to_thread.run_sync(_ask, desk, key):
            return placed
        return types.InputRequiredResult(input_requests={ELICITATION: types.ElicitRequest(params=question)})
    else:
        given = call.input_responses.get(ELICITATION)
    return await to_thread.run_sync(_answered, desk, placed, key, given)


def _shows_forms(capabilities: types.ClientCapabilities | None) -> bool:
    """True for a client that says that it shows forms; one that names neither forms nor addresses shows forms."""
    found = None if capabilities is None else capabilities.elicitation
    return found is not None and (found.form is not None or found.url is None)


def _may_approve(desk: Desk, placed: Placed) -> bool:
    """True for an approver without a passkey, of a portfolio that asks for no other, while nobody judged the ticket."""
    with desk.service.sessions() as session:  # who has a passkey approves with it
        passkey = session.scalar(select(Passkey.credential).where(Passkey.user == desk.caller.user).limit(1))
    is_approver = passkey is None and ROLES.index(desk.caller.role) >= ROLES.index("approver")
    is_judged = placed.approved_by or placed.refused_by or placed.is_sent
    return is_approver and not is_judged and orders.is_own(desk.service.root(desk.caller.tenant), placed.hash)


def question_of(caller: Caller, placed: Placed, ticket: dict[str, Any]) -> str:
    """The question; each text that somebody wrote is quoted as JSON has it, in ASCII.

    ticket : document of the ticket that was placed.
    """
    rows = [{name: order[name] for name in NAMED if order.get(name) not in (None, "")} for order in ticket["orders"]]
    return QUESTION.format(
        orders="\n".join(map(json.dumps, rows)), portfolio=json.dumps(placed.portfolio), hash=placed.hash,
        reason=json.dumps(ticket["reason"]), name=json.dumps(_person(caller).name), minutes=LIFE.total_seconds() / 60,
    )  # fmt: skip


def _person(caller: Caller) -> Caller:
    """The user of an assistant, as his approval names him."""
    return replace(caller, name=caller.name.removesuffix(ASSISTANT) + BY)


def _ask(desk: Desk, key: str) -> bool:
    """Keep that a question is asked; False where it was asked before, and is not forgotten yet."""
    with desk.service.sessions.begin() as session:
        if session.get(OneTimeSecret, sha256_of(key)) is not None:
            return False
        issue_secret(session, ELICITATION, LIFE, desk.caller.user, secret=key)
        return True


def _answered(desk: Desk, placed: Placed, key: str, given: types.ElicitResult | None) -> Placed:
    """The ticket after an answer: approved where the question was open, and the answer to it is yes."""
    with desk.service.sessions.begin() as session:
        is_open = redeem(session, ELICITATION, key, desk.caller.user) is not None
    if not (is_open and isinstance(given, types.ElicitResult) and given.action == "accept"):
        return placed
    if (given.content or {}).get("approve") is not True:
        return placed
    try:
        head = orders.judged(desk.service, None, placed.hash, _person(desk.caller))
    except Problem as problem:
        return placed.model_copy(update={"next_step": problem.detail})
    told = "The user approved it by elicitation. Nothing that you can call sends it: he does."
    return Placed(**head.model_dump(), next_step=told)
