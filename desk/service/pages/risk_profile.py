"""The pages of the risk questionnaire: the profiles of all portfolios, and questions and answers of one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select

from desk.service.bodies import Id
from desk.service.caller import Caller, InService, needs
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.stored import seen_by
from desk.service.routes.portfolios import portfolios_of, record_of
from desk.service.routes.risk_profile import risk_profile as given
from desk.service.store.tables import RiskAnswers, StoredPortfolio

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Caller, Depends(needs("viewer", "portfolios"))]


@router.get("/profile")
def profiles(request: Request, service: InService, caller: Reader) -> Response:
    """Show for which portfolios the questionnaire was answered, and when."""
    with service.sessions() as session:
        newest = select(RiskAnswers.portfolio, func.max(RiskAnswers.created)).group_by(RiskAnswers.portfolio)
        own = newest.join(StoredPortfolio, StoredPortfolio.id == RiskAnswers.portfolio).where(seen_by(caller))
        answered = {portfolio: last for portfolio, last in session.execute(own)}
    return shown(request, "profiles.html.j2", caller, portfolios=portfolios_of(service, caller), answered=answered)


@router.get("/portfolios/{portfolio}/risk-profile")
def risk_profile(request: Request, portfolio: Id, service: InService, caller: Reader) -> Response:
    """Show the questionnaire of a portfolio, its result, and what the preset would change."""
    record, profile = record_of(service, caller, portfolio), given(service, caller, portfolio)
    return shown(request, "risk_profile.html.j2", caller, portfolio=record, profile=profile)
