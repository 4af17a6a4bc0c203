"""The page of a portfolio."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from desk.service.bodies import Id
from desk.service.caller import Caller, InService, needs
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.stored import seen

router = APIRouter(prefix="/portfolios", include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "portfolios"))]


@router.get("/{portfolio}")
def portfolio(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show a portfolio."""
    with service.sessions() as session:
        stored = seen(session, caller, portfolio)
    return shown(request, "portfolio.html.j2", caller, portfolio=stored)
