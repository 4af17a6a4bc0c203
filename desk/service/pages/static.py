"""Styles, scripts and icons of the pages, which hold nothing of any user."""

from mimetypes import guess_type
from typing import Annotated

from fastapi import APIRouter, Path, Response

from desk.service.pages.page import static_content
from desk.service.problems import Problem

router = APIRouter(include_in_schema=False)
KEPT = "public, max-age=31536000, immutable"  # its address changes with its content
WORKER_POLICY = "default-src 'none'; connect-src 'self'"


@router.get("/manifest.webmanifest")
def manifest() -> Response:
    """Say under which name and icons a phone installs the pages."""
    return Response(static_content("manifest.webmanifest"), media_type="application/manifest+json")


@router.get("/sw.js")
def service_worker() -> Response:
    """Give the service worker of all pages; browsers look for another one at most a day later."""
    content = static_content("kept.js") + static_content("sw.js")
    return Response(content, media_type="text/javascript", headers={"Content-Security-Policy": WORKER_POLICY})


@router.get("/static/{name}")
def static(name: Annotated[str, Path(pattern=r"^[\w.-]{1,64}$")]) -> Response:
    """Give a static file."""
    try:
        content = static_content(name)
    except KeyError:
        raise Problem(404, "There is no such file.") from None
    return Response(content, media_type=guess_type(name)[0], headers={"Cache-Control": KEPT})
