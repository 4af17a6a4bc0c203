"""Money that comes in or goes out: who asks for it sees the list that it makes, and issues it as a ticket."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from desk.service.bodies import Id
from desk.service.caller import Caller, InService, needs
from desk.service.orders import MOST_ASSETS
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.stored import found_content
from desk.service.problems import Problem
from desk.service.routes.orders import PredictAsked, predict
from desk.service.routes.portfolios import portfolios_of
from foundation.table_files import number_of_cell

router = APIRouter(prefix="/money", include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "orders"))]
AMOUNT_FIX = "Write an amount of money above zero, such as 50000."


class MoneyAsked(BaseModel):
    """The money that a form asks for.

    portfolio : its id, "" until it is chosen.
    amount    : currency, above zero, as it was written; None until it was.
    out       : true for money that goes out.
    asset     : assets that may trade; by default all.
    """

    portfolio: Id = ""
    amount: Annotated[str, Field(max_length=40)] | None = None
    out: bool = False
    asset: Annotated[tuple[str, ...], Field(max_length=MOST_ASSETS)] = ()


Asked = Annotated[MoneyAsked, Query()]


@router.get("")
def money(request: Request, service: InService, caller: Reader, asked: Asked) -> Response:
    """Show the form, and for what is chosen in it the list that this makes."""
    assets, basis = list[str](), ""
    if asked.portfolio:
        tree = found_content(service, caller, asked.portfolio).tree
        assets, basis = [*tree["lines"]], str(tree.get("basis", ""))
    has_amount = asked.amount is not None and _amount(asked.amount) is not None
    content = {
        "asked": asked, "portfolios": portfolios_of(service, caller), "assets": assets, "basis": basis,
        "mistake": AMOUNT_FIX if asked.amount is not None and not has_amount else "",
        "query": request.url.query if asked.portfolio and has_amount else "",
    }  # fmt: skip
    return shown(request, "money.html.j2", caller, **content)


@router.get("/list")
def money_list(request: Request, service: InService, caller: Reader, asked: Asked) -> Response:
    """Show the list of an amount, and the form that issues it."""
    if (amount := _amount(asked.amount or "")) is None:
        raise Problem(400, AMOUNT_FIX)
    flow, eligible = -amount if asked.out else amount, [*asked.asset] or None
    wanted = PredictAsked(
        portfolio=asked.portfolio, cash_flow=flow, buys_only=not asked.out, sells_only=asked.out, eligible=eligible,
        stale_ok=True,
    )  # fmt: skip
    ticket = json.loads(bytes(predict(wanted, caller, service).body))
    may_issue = caller.may("manager", "orders")
    return shown(request, "money_list.html.j2", caller, ticket=ticket, asked=wanted, may_issue=may_issue)


def _amount(text: str) -> float | None:
    """An amount above zero; None for another text, such as a comma that separates no thousands."""
    try:
        found = number_of_cell(text)
    except ValueError:
        return None
    return found.value if found is not None and found.value > 0.0 and not found.unit else None
