"""The demo: a cycle of each scenario, and a comparison of typed weights, for anyone. Nothing is stored or sent."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from desk.service.agents.blueprint import blueprint
from desk.service.bodies import Id
from desk.service.caller import Caller, InService, caller_of
from desk.service.limited import BUSY_ANSWER, limited
from desk.service.pages.decide import AGENT_ROLES, cycle_content, cycle_scenarios
from desk.service.pages.page import PageRoute, shown
from desk.service.payload.rebalance import answer_to
from desk.service.payload.scenarios import MARKET, Scenario
from desk.service.problems import Problem, place_among
from desk.service.routes.agents import tandem_demo
from desk.service.store.tables import now
from desk.service.typed_comparison import (
    EXAMPLE_COMPARISON,
    TYPED_NAMES,
    TYPED_RULES,
    comparison_block,
    typed_comparison,
)
from desk.service.users.accounts import network_of_address
from foundation.errors import ConfigError
from foundation.paper.wording import class_words
from research.market import load_market

router = APIRouter(prefix="/demo", include_in_schema=False, route_class=PageRoute)
front = APIRouter(include_in_schema=False)  # of a server that has no other pages
AT_ONCE = BoundedSemaphore(4)  # panels that are computed for anyone, beside which all else is still read
OF_ADDRESS = 2  # of them, for one address: the others are for others
KEPT_COMPARISONS = 64
LONGEST_QUERY = 1_000  # characters


def visitor(request: Request, service: InService) -> Caller | None:
    """The user who looks around, None for one who has not signed in or cannot."""
    if not service.settings.open_only:
        with suppress(Problem):
            return caller_of(request, service)
    return None


Visitor = Annotated[Caller | None, Depends(visitor)]
_computed, _computed_lock = Counter[str](), Lock()  # panels under way, by address


def turn(request: Request) -> Iterator[None]:
    """A place of an address for a panel. Raises Problem 429 where it has `OF_ADDRESS` already."""
    address = network_of_address(request.client.host if request.client else "")
    with _computed_lock:
        if _computed[address] >= OF_ADDRESS:
            told = f"Your address waits for {OF_ADDRESS} panels already: ask again when they are there."
            raise Problem(429, told, retry_after=5)
        _computed[address] += 1
    try:
        yield
    finally:
        with _computed_lock:
            _computed[address] -= 1
            if not _computed[address]:
                del _computed[address]


@front.get("/")
def lead_to_demo() -> Response:
    """Lead to the demo."""
    return RedirectResponse("/demo", 303)


@router.get("")
def demo(request: Request, service: InService, caller: Visitor) -> Response:
    """Show the scenarios and how a cycle works; who is signed in is led to the page that has his portfolios too."""
    if caller is not None:
        return RedirectResponse("/decide", 303)
    can_sign_in, listed = not service.settings.open_only, cycle_scenarios().values()
    content = {"scenarios": listed, "blueprint": blueprint(), "roles": AGENT_ROLES, "can_sign_in": can_sign_in}
    return shown(request, "decide.html.j2", None, **content)


@router.get("/scenarios/{scenario}")
def of_scenario(request: Request, scenario: Id, caller: Visitor) -> Response:
    """Show a scenario, whose panel runs a cycle of it."""
    return shown(request, "decide_cycle.html.j2", caller, portfolio=None, scenario=_scenario(scenario))


@router.get("/scenarios/{scenario}/cycle", dependencies=[Depends(turn)])
def scenario_panel(request: Request, scenario: Id, caller: Visitor) -> Response:
    """Run a cycle of a scenario, which keeps and sends nothing, and show it with the orders inside each class."""
    payload = _scenario(scenario).payload
    with place_among(AT_ONCE, BUSY_ANSWER):
        content = cycle_content(tandem_demo(payload).cycle, is_scenario=True)
        content["drilldown"] = answer_to(payload, now()).asset_drilldown
    raw = b64encode(content["raw"].encode()).decode()
    content |= {"job": None, "portfolio": None, "page_at": "", "raw_at": f"data:application/json;base64,{raw}"}
    return shown(request, "decide_panel.html.j2", caller, roles=AGENT_ROLES, **content)


@router.get("/compare")
def typed_page(request: Request, caller: Visitor) -> Response:
    """Show the form of a comparison, and that of the address in its panel. The address is led to its shortest form."""
    query, asked, mistake = request.url.query, EXAMPLE_COMPARISON, ""
    typed = dict(parse_qsl(query)) if len(query) <= LONGEST_QUERY else {}
    if query:
        try:
            asked = typed_comparison(typed)
        except ConfigError as error:
            mistake = str(error)
        else:
            if asked.query != query:
                return RedirectResponse(f"/demo/compare?{asked.query}", 303)
    instruments = load_market(MARKET).instruments
    fields = {f"{name}.{asset}": f"{weight:g}" for name, of in asked.weights.items() for asset, weight in of.items()}
    fields |= {"rule": asked.rule, "cost": f"{asked.cost:g}"}
    content = {
        "assets": {asset: class_words(of) for asset, of in instruments["asset_class"].items()},
        "portfolios": TYPED_NAMES, "rules": {key: words for key, (words, _) in TYPED_RULES.items()},
        "typed": typed if mistake else fields, "mistake": mistake, "query": "" if mistake else query,
    }  # fmt: skip
    return shown(request, "demo_compare.html.j2", caller, **content)


@router.get("/compare/found", dependencies=[Depends(turn)])
def comparison_panel(request: Request, service: InService) -> Response:
    """Compute a comparison, and show it. Raises Problem 400 for an address that states none."""
    if len(request.url.query) > LONGEST_QUERY:
        raise Problem(400, "The address is too long.")
    query = typed_comparison(dict(parse_qsl(request.url.query))).query
    return shown(request, "demo_found.html.j2", block=_found(query, service.settings.folder))


@lru_cache(KEPT_COMPARISONS)
def _found(query: str, home: Path) -> str:
    with place_among(AT_ONCE, BUSY_ANSWER):
        return str(limited(comparison_block, dict(parse_qsl(query)), home=home))


def _scenario(name: str) -> Scenario:
    if name not in cycle_scenarios():
        raise Problem(404, "There is no scenario of this name.")
    return cycle_scenarios()[name]
