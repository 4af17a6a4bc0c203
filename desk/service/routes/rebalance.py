"""The payload endpoint, which keeps nothing: orders for a portfolio that the request states, and payloads to try."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Response

from desk.service.bodies import JSON, JsonRoute
from desk.service.payload.answer import RebalanceAnswer
from desk.service.payload.model import RebalanceRequest
from desk.service.payload.readiness import READINESS
from desk.service.payload.rebalance import answer_to
from desk.service.payload.scenarios import Scenario, scenarios
from desk.service.store.tables import now


@asynccontextmanager
async def _warm(_: FastAPI) -> AsyncIterator[None]:
    READINESS.start()
    yield


router = APIRouter(tags=["rebalance"], route_class=JsonRoute, lifespan=_warm)
COMPILING: dict[int | str, dict[str, Any]] = {
    503: {"description": "Kernels are being compiled: ask again after `Retry-After` seconds."}
}


@router.post("/api/rebalance", response_model=RebalanceAnswer, responses=COMPILING)
def rebalance(payload: RebalanceRequest) -> Response:
    """Give the orders for a portfolio, its risk, and targets that forecasts would move."""
    READINESS.wait()
    return Response(answer_to(payload, now()).model_dump_json(), media_type=JSON)


@router.get("/api/preview-scenarios")
def preview_scenarios() -> tuple[Scenario, ...]:
    """List payloads to try: each can be posted as it stands."""
    return scenarios()
