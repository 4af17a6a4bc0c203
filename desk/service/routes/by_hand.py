"""Portfolios that are typed row by row."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from desk.service.bodies import JsonRoute
from desk.service.caller import Caller, InService, Service, needs
from desk.service.portfolios import stored
from desk.service.portfolios.by_hand import TypedPortfolio, from_table
from desk.service.portfolios.validation import POSITIONS
from desk.service.problems import FieldMistake, refused
from desk.service.routes.portfolios import NAME_TAKEN, PortfolioRecord, PositionsPreview, record_of

router = APIRouter(prefix="/api/portfolios/by-hand", tags=["portfolios"], route_class=JsonRoute)
Writer = Annotated[Caller, Depends(needs("manager", "portfolios"))]


class TypedPreview(PositionsPreview):
    """A typed portfolio before it is stored.  assumed : the keys of what nobody stated."""

    assumed: list[str]


@router.post("", status_code=201, responses=NAME_TAKEN)
def create_by_hand(service: InService, caller: Writer, response: Response, body: TypedPortfolio) -> PortfolioRecord:
    """Store a new portfolio of typed rows: the file that `rebalance new` makes of the same settings."""
    made = _made(service, caller, body)
    files = {POSITIONS: made["positions"].encode()} if made["positions"] else {}
    content = stored.checked(service, caller, made["text"], True, files)
    portfolio = stored.created(service, caller, body.client, content)
    response.headers["Location"] = f"/api/portfolios/{portfolio}"
    return record_of(service, caller, portfolio, None, response)


@router.post("/preview")
def preview_by_hand(service: InService, caller: Writer, body: TypedPortfolio) -> TypedPreview:
    """Give the portfolio that typed rows make, each row as it is read, and what is assumed; nothing is stored."""
    return TypedPreview.model_validate(_made(service, caller, body))


def _made(service: Service, caller: Caller, body: TypedPortfolio) -> dict[str, Any]:
    """The portfolio as `from_table` gives it. Raises Problem 400 with each mistake of the rows."""
    made = stored.from_broker(service, caller, body.name, body, {}, from_table)
    if "mistakes" in made:
        raise refused([FieldMistake(**each) for each in made["mistakes"]])
    return made
