"""Money that comes in or goes out: who asks for it sees the list that it makes, and issues it as a ticket."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from desk.service.bodies import Id
from desk.service.caller import Caller, InService, needs
from desk.service.orders import MOST_ASSETS, TradesAsked
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.stored import content_of, seen
from desk.service.problems import Problem
from desk.service.routes.orders import PredictAsked, predict
from desk.service.routes.portfolios import list_portfolios
from foundation.table_files import plain_number

router = APIRouter(prefix="/money", include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "orders"))]
Portfolio = Annotated[Id, Query(description="Id of the portfolio, once it is chosen.")]
Amount = Annotated[str, Query(max_length=40, description="Currency, above zero.")]
Out = Annotated[bool, Query(description="True for money that goes out.")]
Assets = Annotated[list[str], Query(alias="asset", max_length=MOST_ASSETS, description="Those that may trade.")]
NO_AMOUNT = "Write an amount of money above zero, such as 50000."


@router.get("")
def money(
    request: Request,
    service: InService,
    caller: Reader,
    portfolio: Portfolio = "",
    amount: Amount = "",
    out: Out = False,
    asset: Assets = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Show the form, and for what is chosen in it the list that this makes."""
    clients, assets, basis = list_portfolios(service, caller, limit=500), list[str](), ""
    if portfolio:
        with service.sessions() as session:
            tree = content_of(service, session, seen(session, caller, portfolio))[1].tree
        assets, basis = [*tree["lines"]], str(tree.get("basis", ""))
    mistake = NO_AMOUNT if amount and _amount(amount) is None else ""
    content = {"portfolio": portfolio, "amount": amount, "out": out, "chosen": asset or assets, "mistake": mistake}
    query = request.url.query if portfolio and amount and not mistake else ""
    return shown(request, "money.html.j2", caller, clients=clients, assets=assets, basis=basis, query=query, **content)


@router.get("/list")
def money_list(
    request: Request,
    service: InService,
    caller: Reader,
    portfolio: Portfolio,
    amount: Amount,
    out: Out = False,
    asset: Assets = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Show the list of an amount, and the form that issues it."""
    if (money := _amount(amount)) is None:
        raise Problem(400, NO_AMOUNT)
    flow = -money if out else money
    asked = TradesAsked(cash_flow=flow, buys_only=not out, sells_only=out, eligible=asset or None, stale_ok=True)
    answer = predict(PredictAsked(portfolio=portfolio, **asked.model_dump()), caller, service)
    ticket, may_issue = json.loads(bytes(answer.body)), caller.may("manager", "orders")
    content = {"asked": asked, "portfolio": portfolio, "may_issue": may_issue}
    return shown(request, "money_list.html.j2", caller, ticket=ticket, **content)


def _amount(text: str) -> float | None:
    """An amount above zero; None for another text."""
    found = plain_number(text.replace(",", ""))
    return found if found is not None and found > 0.0 else None
