"""The worksheet of a portfolio: its list as rows to edit, recomputed by a script at each change."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import StringConstraints

from desk.service.bodies import PRINTED, Id
from desk.service.caller import Caller, InService, needs
from desk.service.orders import MOST_ASSETS
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.stored import seen
from desk.service.routes.orders import worksheet as recomputed
from desk.service.worksheet import WorksheetAsked
from research.portfolio.file.kinds import Day

router = APIRouter(prefix="/portfolios", include_in_schema=False, route_class=PageRoute)
Manager = Annotated[Caller, Depends(needs("manager", "orders"))]
Asset = Annotated[str, StringConstraints(max_length=100, pattern=PRINTED)]
Locked = Annotated[tuple[Asset, ...], Query(max_length=MOST_ASSETS)]


@router.get("/{portfolio}/worksheet")
def worksheet(request: Request, portfolio: Id, service: InService, caller: Manager) -> Response:
    """Show the frame of the worksheet, whose rows are a panel with the same query."""
    with service.sessions() as session:
        stored = seen(session, caller, portfolio)
    return shown(request, "worksheet.html.j2", caller, portfolio=stored, query=request.url.query)


@router.get("/{portfolio}/worksheet/rows")
def rows(
    request: Request, portfolio: Id, service: InService, caller: Manager, locked: Locked = (), as_of: Day | None = None
) -> Response:
    """Show the rows of the recommended list. locked : assets that do not trade."""
    asked = WorksheetAsked(locked=locked, stale_ok=True).model_copy(update={"as_of": as_of})
    sheet = recomputed(portfolio, asked, caller, service, request)
    content = {"portfolio": portfolio, "sheet": sheet, "locked": locked, "as_of": as_of}
    return shown(request, "worksheet_rows.html.j2", caller, **content)
