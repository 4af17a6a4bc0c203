"""The risk profile of a portfolio: the questionnaire, its answers as versions, and the preset that they lead to."""

import json
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, RootModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from desk.commands.portfolio_file.apply_profile import KeyChange, changes_by, with_profile
from desk.service.bodies import JsonRoute, Moment
from desk.service.caller import Caller, InService, Service
from desk.service.portfolios.stored import CHANGED_SINCE, changed, checked, found_content, found_portfolio, seen
from desk.service.problems import Problem
from desk.service.questionnaire import Assessment, Question, assessed, questions
from desk.service.routes.portfolios import (
    GONE,
    IF_MATCHED,
    Id,
    IfMatch,
    PortfolioRecord,
    Reader,
    Writer,
    matched,
    record_of,
)
from desk.service.store.tables import RiskAnswers, User

router = APIRouter(prefix="/api/portfolios/{portfolio}/risk-profile", tags=["portfolios"], route_class=JsonRoute)


class Answers(RootModel[Annotated[dict[str, Literal["a", "b", "c", "d"]], Field(max_length=32)]]):
    """A letter by question."""


class RiskVersion(BaseModel):
    """Answers with their result. author : who wrote them down; answers : a letter by question."""

    number: int
    author: str
    created: Moment
    answers: dict[str, str]
    result: Assessment


class RiskProfile(BaseModel):
    """The risk profile of a portfolio.

    questions : by key, in their order.
    versions  : answers, the newest first.
    changes   : keys of the portfolio that the preset of the newest answers would change.
    """

    questions: dict[str, Question]
    versions: list[RiskVersion]
    changes: list[KeyChange]


@router.get("", responses=GONE)
def risk_profile(service: InService, caller: Reader, portfolio: Id) -> RiskProfile:
    """Give the risk questionnaire of a portfolio, and its answers with their results."""
    tree, versions = found_content(service, caller, portfolio).tree, _versions(service, caller, portfolio)
    changes = changes_by(versions[0].result.profile, tree) if versions else ()
    return RiskProfile(questions=dict(questions()), versions=versions, changes=[*changes])


@router.post("", status_code=201, responses=GONE)
def answer_risk_profile(service: InService, caller: Writer, portfolio: Id, body: Answers) -> RiskVersion:
    """Keep the answers of the client of a portfolio as the next version; the portfolio does not change."""
    found_portfolio(service, caller, portfolio, for_change=True)
    assessed(body.root)
    number = 1 + max((each.number for each in _versions(service, caller, portfolio)), default=0)
    sealed = service.keys.seal(json.dumps(body.root).encode())
    try:
        with service.sessions.begin() as session:
            session.add(RiskAnswers(portfolio=portfolio, number=number, sealed=sealed, author=caller.user))
    except IntegrityError:
        raise Problem(412, CHANGED_SINCE) from None
    return _versions(service, caller, portfolio)[0]


@router.put("", responses=IF_MATCHED)
def apply_risk_profile(
    service: InService, caller: Writer, response: Response, portfolio: Id, if_match: IfMatch = None
) -> PortfolioRecord:
    """Write the preset of the newest answers into the next version of the portfolio; comments stay."""
    version = matched(service, caller, portfolio, if_match)
    versions = _versions(service, caller, portfolio)
    if not versions:
        raise Problem(409, "The risk questionnaire was not answered for this portfolio: answer it first.")
    before = found_content(service, caller, portfolio, version)
    text = with_profile(before.text, before.tree, versions[0].result.profile)
    if text != before.text:
        changed(service, caller, portfolio, version, checked(service, caller, text, True, before.files))
    return record_of(service, caller, portfolio, None, response)


def _versions(service: Service, caller: Caller, portfolio: str) -> list[RiskVersion]:
    """The answers for a portfolio that the caller sees, the newest first."""
    of = select(RiskAnswers, User.name).join(User, User.id == RiskAnswers.author)
    with service.sessions() as session:
        seen(session, caller, portfolio)
        rows = session.execute(of.where(RiskAnswers.portfolio == portfolio).order_by(RiskAnswers.number.desc())).all()
    return [
        RiskVersion(
            number=row.number,
            author=name,
            created=row.created,
            answers=(answers := json.loads(service.keys.unseal(row.sealed))),
            result=assessed(answers),
        )
        for row, name in rows
    ]
