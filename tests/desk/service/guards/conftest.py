"""The application with a few routes of its own, which count how often they ran."""

import time
from collections import Counter
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from desk.service.app import create_app
from desk.service.caller import needs
from desk.service.problems import Problem
from desk.service.settings import ServiceSettings

MANAGER = Depends(needs("manager", "portfolios"))


@pytest.fixture
def app(folder: Path) -> FastAPI:
    return create_app(ServiceSettings(folder=folder))


@pytest.fixture
def ran(app: FastAPI) -> Counter[str]:
    """How often each of the routes ran: POST /items and /slow, which need a manager; GET /fails and /page."""
    counts: Counter[str] = Counter()

    @app.post("/items", status_code=201, dependencies=[MANAGER])
    def items(body: dict[str, int]) -> dict[str, int]:
        counts["items"] += 1
        if body.get("busy"):
            raise Problem(503, "Busy.")
        if body.get("wrong"):
            raise Problem(404, "Not there.")
        if body.get("fails"):
            raise RuntimeError("after half of it")
        return {"made": counts["items"]}

    @app.post("/slow", dependencies=[MANAGER])
    def slow() -> dict[str, int]:
        counts["slow"] += 1
        time.sleep(0.3)
        return {"made": counts["slow"]}

    @app.get("/fails")
    def fails(secret: str) -> None:
        counts["fails"] += 1
        raise RuntimeError(f"cannot read {secret}")

    @app.get("/page", response_class=HTMLResponse)
    def page() -> str:
        return "<style>p{color:red}</style><p style='margin:0'>text<script>alert(1)</script>"

    return counts
