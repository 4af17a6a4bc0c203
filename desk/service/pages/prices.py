"""The page of prices: the stores that there are, a form to fetch from a source, and one to upload a table."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from desk.service.bodies import PRINTED, Id
from desk.service.caller import Caller, InService, needs
from desk.service.jobs.worker import PRICES_JOB
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.stored import found_content
from desk.service.routes import jobs
from desk.service.routes.prices import list_prices

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "jobs"))]
Symbols = Annotated[str, Query(max_length=2_000, pattern=PRINTED)]
SHOWN_JOBS = 5


@router.get("/prices")
def prices_page(
    request: Request, service: InService, caller: Reader, portfolio: Id = "", symbols: Symbols = ""
) -> Response:
    """Show the stores, and the forms that fill them.

    portfolio : one whose newest prices may be asked for.
    symbols   : those, between commas, that a portfolio waits for which is being typed.
    """
    stored = found_content(service, caller, portfolio) if portfolio else None
    chosen = {"id": portfolio, "name": stored.name, "fetches": fetches(stored.tree)} if stored else None
    found = list_prices(caller, service).__dict__
    return shown(request, "prices.html.j2", caller, chosen=chosen, wanted=symbols.replace(",", "\n"), **found)


@router.get("/prices/work")
def work_of_prices(request: Request, service: InService, caller: Reader) -> Response:
    """Show the jobs that fetch prices, the newest first."""
    found = jobs.jobs(caller, service, kind=PRICES_JOB, limit=SHOWN_JOBS).jobs
    return shown(request, "prices_work.html.j2", caller, jobs=found)


def fetches(tree: dict[str, object]) -> bool:
    """True for the mapping of a portfolio file whose market is a source."""
    market = tree.get("market")
    return isinstance(market, dict) and "source" in market
