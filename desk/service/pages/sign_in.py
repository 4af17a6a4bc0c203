"""The pages before sign-in: sign in, register by a one-time link, recover."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from desk.service.caller import InService
from desk.service.pages.page import PageRoute, shown

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/sign-in")
def sign_in(request: Request, service: InService, next: Annotated[str, Query(max_length=400)] = "/") -> Response:
    """Show the form of sign-in. next : path of the page to go to then."""
    path = next if next.startswith("/") and not next.startswith(("//", "/\\")) else "/"
    return shown(request, "sign_in.html.j2", next=path, has_openid=service.settings.openid is not None)


@router.get("/register")
def register(request: Request) -> Response:
    """Show the form by which an invited user sets his password; its script reads the one-time secret after the #."""
    return shown(request, "register.html.j2")
