"""Whether the service lives and is ready."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from desk.service.payload.readiness import READINESS

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The state of the service. `ready` is false while kernels are compiled."""

    status: Literal["ok"] = "ok"
    ready: bool


@router.get("/api/health")
def health() -> Health:
    """Say whether the service lives and is ready."""
    return Health(ready=READINESS.ready)
