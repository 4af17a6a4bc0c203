"""The pages before sign-in: sign in, ask for an account, register by a one-time link, recover."""

import re
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from desk.service.caller import SESSION_COOKIE, InService, caller_of
from desk.service.pages.page import PageRoute, shown
from desk.service.problems import Problem

router = APIRouter(include_in_schema=False, route_class=PageRoute)
LONGEST = 8_000  # characters of a path: whoever came from a long one finds the form, too
OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")  # browsers leave out tabs and line breaks: those before a / lead elsewhere


@router.get("/sign-in")
def sign_in(request: Request, service: InService, next: Annotated[str, Query(max_length=LONGEST)] = "/") -> Response:
    """Show the form of sign-in; who is signed in goes on. next : path of the page to go to then."""
    path = next if OWN_PATH.fullmatch(next) else "/"
    with suppress(Problem):
        caller_of(request, service)
        return RedirectResponse(path, 303)
    has_ended = SESSION_COOKIE in request.cookies
    ways = {"openid": service.settings.openid is not None, "sign_up": service.settings.open_registration}
    return shown(request, "sign_in.html.j2", next=path, has_ended=has_ended, ways=ways)


@router.get("/sign-up")
def sign_up_page(request: Request, service: InService) -> Response:
    """Show the form by which one asks for a link to register."""
    return shown(request, "sign_up.html.j2", is_open=service.settings.open_registration)


@router.get("/register")
def register_page(request: Request) -> Response:
    """Show the form by which an invited user sets his password; its script reads the one-time secret after the #."""
    return shown(request, "register.html.j2")


@router.get("/recover")
def recover_page(request: Request) -> Response:
    """Show the form by which a user sets a new password by a recovery code."""
    return shown(request, "recover.html.j2")
