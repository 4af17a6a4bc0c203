"""The application: its routes, and what stands before all of them."""

import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI

from desk.service.caller import Service, counted_caller, opened_service
from desk.service.guards.bodies import whole_bodies
from desk.service.guards.etags import entity_tags
from desk.service.guards.headers import secure_headers
from desk.service.guards.hosts import from_proxy, known_hosts
from desk.service.guards.idempotency import idempotent
from desk.service.guards.journalled import journalled
from desk.service.guards.limits import limited_rate, limited_work
from desk.service.guards.observed import observed
from desk.service.jobs.queue import adopt
from desk.service.openapi import CONVENTIONS, describe_problems
from desk.service.pages import account, decide, demo, home, money, portfolio, research, static, tickets
from desk.service.pages import prices as prices_pages
from desk.service.pages import sign_in as sign_in_pages
from desk.service.pages.page import problem_page
from desk.service.problems import answer_problems
from desk.service.routes import (
    agents,
    by_hand,
    health,
    jobs,
    market,
    orders,
    portfolios,
    prices,
    push,
    rebalance,
    risk_profile,
    runs,
    second_factor,
    sign_in,
    users,
)
from desk.service.settings import ServiceSettings, settings_of_service
from desk.service.tools import transports

GUARDS = (  # in the order in which a request meets them
    from_proxy, secure_headers, observed, known_hosts, limited_rate, whole_bodies, limited_work, idempotent, journalled,
    entity_tags,
)  # fmt: skip
# Modules of routes, by whom they answer.
ALWAYS = (health,)  # anyone, on every server
OPEN = (rebalance, agents)  # anyone on loopback and with `open_only`; elsewhere any caller
DEMO = (static, demo)  # anyone, on every server
SIGN_IN = (sign_in,)  # anyone; a server with `open_only` has none of them, and none of the following
# A caller who has the role and the scope.
STORED = (portfolios, by_hand, risk_profile, market, orders, jobs, runs, users, second_factor, transports, push, prices)
OPEN_PAGES = (sign_in_pages,)  # anyone
# A caller, as for `STORED`.
PAGES = (home, money, portfolio, tickets, decide, research, account, prices_pages)


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """The application of a server. settings : its settings, None for those of the environment."""
    settings = settings or settings_of_service()
    service = opened_service(settings)
    adopt(service.sessions)
    app = FastAPI(
        title="rebalance",
        version=version("rebalance-workbench"),
        description=CONVENTIONS,
        openapi_url="/api/openapi.json",
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    answer_problems(app, problem_page)
    describe_problems(app)
    for guard in reversed(GUARDS):
        app.add_middleware(guard, service)
    for module in (*ALWAYS, *DEMO):
        app.include_router(module.router)
    needs_caller = settings.is_exposed and not settings.open_only
    for module in OPEN:
        app.include_router(module.router, dependencies=[Depends(counted_caller)] if needs_caller else [])
    if settings.open_only:
        app.include_router(demo.front)
    for module in () if settings.open_only else (*SIGN_IN, *STORED, *OPEN_PAGES, *PAGES):
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Set `Service.stopping` at SIGTERM, before the server, whichever it is, ends what is running."""
    service: Service = app.state.service
    if threading.current_thread() is threading.main_thread():
        earlier: Any = signal.getsignal(signal.SIGTERM)

        def stop(number: int, frame: Any) -> None:
            service.stopping.set()
            if callable(earlier):
                earlier(number, frame)

        signal.signal(signal.SIGTERM, stop)
    async with transports.tools_of(app):
        yield
    service.stopping.set()
