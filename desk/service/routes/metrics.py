"""Metrics for Prometheus."""

import os

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from desk.service.caller import InService, caller_of, needs

router = APIRouter(tags=["health"])
MANY = "PROMETHEUS_MULTIPROC_DIR"  # folder in which processes add up their figures


def scraper(request: Request, service: InService) -> None:
    """Let anyone read metrics on loopback, and an admin elsewhere. Raises Problem 401, 403."""
    if service.settings.is_exposed:
        needs("admin", "users")(request, caller_of(request, service))


@router.get("/metrics", dependencies=[Depends(scraper)], response_class=PlainTextResponse)
def metrics() -> PlainTextResponse:
    """Give the metrics in the text format of Prometheus: of all processes where they share a folder."""
    registry = REGISTRY
    if os.environ.get(MANY):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return PlainTextResponse(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")
