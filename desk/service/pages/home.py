"""The first page: each portfolio a row."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from desk.service.caller import Caller, InService, needs
from desk.service.pages.page import PageRoute, shown
from desk.service.routes.portfolios import list_portfolios

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "portfolios"))]


@router.get("/")
def home(request: Request, service: InService, caller: Reader) -> Response:
    """Show the portfolios of the caller."""
    clients = list_portfolios(service, caller, limit=500)
    return shown(request, "home.html.j2", caller, clients=clients)
