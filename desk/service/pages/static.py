"""Styles, scripts and icons of the pages, which hold nothing of any user."""

from mimetypes import guess_type
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from desk.service.pages.page import static_content, static_url
from desk.service.problems import Problem

router = APIRouter(include_in_schema=False)
KEPT = "public, max-age=31536000, immutable"  # its address changes with its content
WORKER_POLICY = "default-src 'none'; connect-src 'self'"


@router.get("/manifest.webmanifest")
def manifest() -> Response:
    """Say under which name and icons a phone installs the pages."""
    icons = (("icon-192.png", 192, "any"), ("icon-512.png", 512, "any"), ("icon-maskable-512.png", 512, "maskable"))
    stated = {
        "name": "rebalance",
        "short_name": "rebalance",
        "description": "Portfolios, trade lists and their approval",
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#fffefb",
        "theme_color": "#882255",
        "icons": [
            {"src": static_url(name), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
            for name, size, purpose in icons
        ],
    }
    return JSONResponse(stated, media_type="application/manifest+json")


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
