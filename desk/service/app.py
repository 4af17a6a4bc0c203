"""The application: its routes, and what stands before all of them."""

from importlib.metadata import version

from fastapi import FastAPI

from desk.service.caller import opened_service
from desk.service.problems import answer_problems
from desk.service.routes import health, sign_in, users
from desk.service.settings import ServiceSettings, settings_of

OPEN = (health,)  # modules whose routes answer without sign-in
SIGN_IN = (sign_in,)  # the same, and a server with `open_only` has none of them
STORED = (users,)  # modules whose routes need a caller; a server with `open_only` has none of them


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """The application of a server. settings : its settings, None for those of the environment."""
    settings = settings or settings_of()
    app = FastAPI(title="rebalance", version=version("rebalance-workbench"), openapi_url="/api/openapi.json")
    app.state.service = opened_service(settings)
    answer_problems(app)
    for module in OPEN if settings.open_only else (*OPEN, *SIGN_IN, *STORED):
        app.include_router(module.router)
    return app
