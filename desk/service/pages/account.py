"""The pages of users: the account of the one who reads, those of his tenant, and with whom a portfolio is shared."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from desk.service.bodies import Id
from desk.service.caller import PERSON, ROLES, SCOPES, Caller, InService, needs
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.stored import owned_portfolio
from desk.service.routes import users as api
from desk.service.routes.portfolios import record_of
from desk.service.routes.push import message_choices

router = APIRouter(include_in_schema=False, route_class=PageRoute)
ROLE_OPTIONS = [(role, role) for role in ROLES]  # value and text
Person = Annotated[Caller, Depends(needs("viewer", PERSON))]
Admin = Annotated[Caller, Depends(needs("admin", PERSON))]
Writer = Annotated[Caller, Depends(needs("manager", "portfolios"))]


@router.get("/account")
def account(request: Request, service: InService, caller: Person) -> Response:
    """Show the account of the caller."""
    content = {
        "profile": api.profile(caller, service), "passkeys": api.list_passkeys(caller, service),
        "tokens": api.tokens(caller, service), "scopes": SCOPES, "longest": api.TOKEN_DAYS,
        "roles": ROLE_OPTIONS[: ROLES.index(caller.role) + 1], "has_openid": service.settings.openid is not None,
    }  # fmt: skip
    return shown(request, "account.html.j2", caller, **content, **message_choices(service, caller))


@router.get("/passkey")
def passkey(request: Request, caller: Person) -> Response:
    """Offer a passkey to a user who has just registered."""
    return shown(request, "passkey.html.j2", caller)


@router.get("/users")
def users_page(request: Request, service: InService, caller: Admin) -> Response:
    """Show the users of the tenant."""
    return shown(request, "users.html.j2", caller, users=api.users(caller, service), roles=ROLE_OPTIONS)


@router.get("/portfolios/{portfolio}/shares")
def shares_page(request: Request, portfolio: Id, service: InService, caller: Writer) -> Response:
    """Show with whom a portfolio is shared."""
    with service.sessions() as session:
        owned_portfolio(session, caller, portfolio)
    return shown(request, "shares.html.j2", caller, portfolio=record_of(service, caller, portfolio))
