"""Whether the service lives and is ready."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from desk.service.caller import InService
from desk.service.payload.readiness import READINESS
from desk.service.store.operation import little_space

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The state of the service. `ready` is false while kernels are compiled, and while the server stops.

    `disk` is low where the disk of its folder may be full before the morning.
    """

    status: Literal["ok"] = "ok"
    ready: bool
    disk: Literal["ok", "low"]


@router.get(
    "/api/health", responses={503: {"model": Health, "description": "Asked whether it is ready, and it is not."}}
)
async def health(
    service: InService, response: Response, ready: bool = False
) -> Health:  # async: it waits for no thread
    """Say whether the service lives and is ready; with `ready`, as the status of the answer, too."""
    is_ready = READINESS.ready and not service.stopping.is_set()
    if ready and not is_ready:
        response.status_code = 503
    return Health(ready=is_ready, disk="low" if little_space(service.settings.folder) else "ok")
