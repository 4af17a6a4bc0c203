"""The tools that ask for something: jobs, lists of trades, and orders, which wait as tickets for a person."""

import json
from typing import Annotated

from fastapi import Response
from pydantic import Field

from desk.service.bodies import PRINTED
from desk.service.guards.idempotency import KEY_PATTERN, once
from desk.service.orders import TicketHead, TradesAsked, ticket_head
from desk.service.routes import jobs, orders
from desk.service.routes.jobs import BacktestBody, JobRecord, ReportBody
from desk.service.routes.orders import PredictAsked
from desk.service.tools.tool import Desk, Named, OfPortfolio, OfRows, Table
from foundation.arguments import LARGEST_NUMBER

WAIT_ANSWER = (
    "It waits. Nothing that you can call approves or sends it. Tell the user to look at it and to approve it himself: "
    "on its page, {page}, or by `rebalance desk approve`. Ask get_ticket later."
)


class BacktestAsked(OfPortfolio):
    """A backtest.  policy : name of a policy of the portfolio."""

    policy: Named


class ProposalAsked(TradesAsked, OfRows):
    """A trade list that is asked for, its orders a part at a time."""


class OrderAsked(OfPortfolio):
    """An order.

    symbol : asset of the portfolio.
    units  : units to trade, above zero.
    reason : sentence for the person who approves it.
    stale_ok : true to order at prices that are too old for orders.
    idempotency_key : made anew for each order, and sent again where its call is repeated: one ticket is made.
    """

    symbol: Named
    units: Annotated[float, Field(gt=0, le=LARGEST_NUMBER, description="Units to trade, above zero.")]
    reason: Annotated[
        str, Field(min_length=1, max_length=300, pattern=PRINTED, description="Why, for the person who approves it.")
    ]
    stale_ok: Annotated[bool, Field(description="True to order at prices too old for orders, which it says.")] = False
    idempotency_key: Annotated[
        str,
        Field(
            pattern=f"^({KEY_PATTERN.pattern})?$", description="New for each order; the same where a call is repeated."
        ),
    ] = ""


class Placed(TicketHead):
    """A ticket that waits.  next_step : what a person does."""

    next_step: str


def run_backtest(desk: Desk, asked: BacktestAsked) -> JobRecord:
    """Queue a backtest of one policy of a portfolio, which takes a minute or more. It gives the id of a job: call
    get_job with it."""
    body = BacktestBody(portfolio=desk.portfolio(asked.portfolio), policy=asked.policy)
    return jobs.backtest(body, desk.caller, desk.service, Response())


def run_report(desk: Desk, asked: OfPortfolio) -> JobRecord:
    """Queue a report that compares all policies of a portfolio, which takes minutes. It gives the id of a job: call
    get_job with it, and compare_policies once it is done."""
    return jobs.report(
        ReportBody(portfolio=desk.portfolio(asked.portfolio), parameters={}), desk.caller, desk.service, Response()
    )


def propose_trades(desk: Desk, asked: ProposalAsked) -> Table:
    """Make today's trade list of a portfolio by its policy, with costs and reasons. It is no ticket: nothing is kept,
    and nobody can send it. A person issues it on the page of the portfolio."""
    id = desk.portfolio(asked.portfolio)
    wanted = {name: getattr(asked, name) for name in TradesAsked.model_fields}
    answer = orders.predict(PredictAsked(portfolio=id, **wanted), desk.caller, desk.service)
    found = json.loads(bytes(answer.body))
    facts = {name: found.get(name) for name in ("headline", "reason", "as_of", "totals", "notes")}
    return asked.table(found["orders"], portfolio=id, **facts)


def place_buy_order(desk: Desk, asked: OrderAsked) -> Placed:
    """Write a ticket that buys units of an asset. It waits: only a person can approve it, outside of this conversation,
    and only then can it be sent. Tell the user the id and the hash of the ticket."""
    return _placed(desk, asked, asked.units)


def place_sell_order(desk: Desk, asked: OrderAsked) -> Placed:
    """Write a ticket that sells units of an asset. It waits: only a person can approve it, outside of this
    conversation, and only then can it be sent. Tell the user the id and the hash of the ticket."""
    return _placed(desk, asked, -asked.units)


def _placed(desk: Desk, asked: OrderAsked, units: float) -> Placed:
    id = desk.portfolio(asked.portfolio)
    wanted = TradesAsked(orders={asked.symbol: units}, reason=asked.reason, stale_ok=asked.stale_ok)

    def issued() -> bytes:
        return orders.issue(id, wanted, desk.caller, desk.service).hash.encode()

    request = f"{id} {wanted.model_dump_json()}".encode()
    ticket = once(desk.service, desk.caller, asked.idempotency_key, request, issued).decode()
    head = ticket_head(desk.service.root(desk.caller.tenant), None, ticket)
    page = f"{desk.service.settings.address}/tickets/{head.id}"
    return Placed(**head.model_dump(), next_step=WAIT_ANSWER.format(page=page))
