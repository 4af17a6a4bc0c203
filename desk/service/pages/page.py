"""A page, and a panel of one: its template, its policy of security, and its errors as pages."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment

from desk.service.caller import Caller
from desk.service.guards.observed import problem_of
from desk.service.pages.static import static_url
from desk.service.problems import Problem
from desk.service.users.passwords import LEAST as SHORTEST
from foundation.blocks import with_minus
from foundation.paper import wording
from foundation.paper.page_templates import templates
from foundation.paper.render import PAPER_PACKAGE
from research.orders.content import DISCLAIMER

PACKAGE = "desk.service"
BY_SCRIPT = "x-requested-with"  # header of a request that a script of a page sends: a panel, or a change
SIGN_IN = "/sign-in"
ERROR_TITLES = {403: "Not allowed", 404: "Not found", 500: "Something went wrong", 503: "Not possible now"}
STATUS_WORDS = {  # of a decision, where its own word says too little to a person
    "finalised": "decided",
    "unreconciled": "book and broker differ",
    "vetoed": "stopped by a control",
    "partly executed": "partly filled",
    "executed": "filled",
}
POLICY = (  # own files, and styles that figures have on their elements; no script or style within a page
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; connect-src 'self'; "
    "font-src 'self'; img-src 'self' data:; manifest-src 'self'; worker-src 'self'; script-src 'self'; "
    "style-src-elem 'self'; style-src-attr 'unsafe-inline'"
)


class PageRoute(APIRoute):
    """A route that answers with a page: who has not signed in is sent to do so, and an error is a page, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function that answers a request."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except Problem as problem:
                if problem.status == 401 and BY_SCRIPT not in request.headers:
                    came_from = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                    if request.headers.get("sec-fetch-site") == "cross-site":  # a browser withholds the cookie then
                        return HTMLResponse("", headers={"Refresh": "0", "Content-Security-Policy": POLICY})
                    return RedirectResponse(f"{SIGN_IN}?next={quote(came_from)}", 303, problem.headers)
                return problem_page(request, problem)
            except RequestValidationError:
                return problem_page(request, Problem(404, "There is no such page."))
            except Exception as error:
                folder = request.app.state.service.settings.folder
                return problem_page(request, problem_of(error, request.state.request, folder))

        return answered


def shown(request: Request, template: str, caller: Caller | None = None, **content: Any) -> HTMLResponse:
    """A template of the service as a page or a panel.

    caller  : who sees it; None for a page before sign-in.
    content : names of the template.
    """
    page = template_environment().get_template(template)
    text = page.render(path=request.url.path, caller=caller, disclaimer=DISCLAIMER, **content)
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})


def problem_page(request: Request, problem: Problem) -> Response:
    """A problem as a page; to a script, which shows it in its panel, as the sentence alone."""
    template = "problem_panel.html.j2" if BY_SCRIPT in request.headers else "problem.html.j2"
    found: Caller | None = getattr(request.state, "found", None)
    title = ERROR_TITLES.get(problem.status, "This cannot be shown")
    detail = problem.detail.replace("POST /api/report for ", "make a report (see Research) of ").replace("`", "")
    detail = detail[:1].upper() + detail.partition(" List yours: GET ")[0][1:]
    page = shown(request, template, found, title=title, detail=detail, mistakes=problem.mistakes)
    page.status_code = problem.status
    page.headers.update(problem.headers)
    return page


@cache
def template_environment() -> Environment:
    """The templates of the service, with the words of the house as filters."""
    found = templates(PACKAGE, PAPER_PACKAGE)
    found.globals |= {"static": static_url, "now": lambda: datetime.now(UTC), "shortest_password": SHORTEST}
    found.filters |= {name: getattr(wording, name) for name in ("number", "percent", "amount", "counted")}
    found.filters |= {"with_minus": with_minus, "status": lambda status: STATUS_WORDS.get(status, status)}
    return found
