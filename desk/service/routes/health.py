"""Whether the service lives and is ready, and its metrics for Prometheus."""

import os
from importlib.metadata import version
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import BaseModel

from desk.service.bodies import Moment
from desk.service.caller import InService, caller_of, needs
from desk.service.payload.readiness import READINESS
from desk.service.problems import Problem
from desk.service.store.operation import little_space
from desk.service.store.tables import now

router = APIRouter(tags=["health"])
OWN_VERSION = version("rebalance-workbench")
MANY = "PROMETHEUS_MULTIPROC_DIR"  # folder in which processes add up their figures
NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "It was asked whether it is ready, and is not."}}


class Health(BaseModel):
    """The state of the service. `ready` is false while kernels are compiled, and while the server stops.

    `disk` is low where the disk of its folder may be full before the morning. `version` is that of the workbench, and
    `time` the clock of the server, to the second.
    """

    status: Literal["ok"] = "ok"
    version: str
    time: Moment
    ready: bool
    disk: Literal["ok", "low"]


@router.get("/api/health", responses=NOT_READY)
async def health(service: InService, ready: bool = False) -> Health:  # async: it waits for no thread
    """Say whether the service lives and is ready; asked with `ready=true`, in the status of the answer, too."""
    is_ready = READINESS.ready and not service.stopping.is_set()
    if ready and not is_ready:
        raise Problem(503, "The service is not ready.", retry_after=5)
    disk: Literal["ok", "low"] = "low" if little_space(service.settings.folder) else "ok"
    return Health(version=OWN_VERSION, ready=is_ready, disk=disk, time=now().replace(microsecond=0))


def scraper(request: Request, service: InService) -> None:
    """Let anyone read metrics on loopback, and an admin elsewhere. Raises Problem 401, 403."""
    if service.settings.is_exposed or service.settings.open_only:  # which any name leads to
        needs("admin", "users")(request, caller_of(request, service))


@router.get("/metrics", dependencies=[Depends(scraper)], response_class=PlainTextResponse)
def metrics() -> PlainTextResponse:
    """Give the metrics in the text format of Prometheus: of all processes where they share a folder."""
    registry = REGISTRY
    if os.environ.get(MANY):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return PlainTextResponse(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")
