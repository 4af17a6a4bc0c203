"""Styles, scripts and icons of the pages, which hold nothing of any user."""

from functools import cache
from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter, Response

from desk.service.problems import Problem
from foundation.paper.render import sheet_css

router = APIRouter(include_in_schema=False)
STATIC_FOLDER = Path(__file__).parents[1] / "static"
KEPT_FOR_EVER = "public, max-age=31536000, immutable"  # its address changes with its content
WORKER_POLICY = "default-src 'none'; connect-src 'self'"


@router.get("/manifest.webmanifest")
def manifest() -> Response:
    """Say under which name and icons a phone installs the pages."""
    return Response(contents()["manifest.webmanifest"], media_type="application/manifest+json")


@router.get("/sw.js")
def service_worker() -> Response:
    """Give the service worker of all pages; browsers look for another one at most a day later."""
    content = contents()["kept.js"] + contents()["sw.js"]
    return Response(content, media_type="text/javascript", headers={"Content-Security-Policy": WORKER_POLICY})


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Give a static file."""
    if name not in contents():
        raise Problem(404, "There is no such file.")
    return Response(contents()[name], media_type=guess_type(name)[0], headers={"Cache-Control": KEPT_FOR_EVER})


@cache
def static_url(name: str) -> str:
    """The address of a static file, which changes with its content, so that browsers may keep it."""
    return f"/static/{name}?{sha256(contents()[name]).hexdigest()[:12]}"


@cache
def contents() -> dict[str, bytes]:
    """The content of each static file, by name."""
    return {"sheet.css": sheet_css().encode(), **{path.name: path.read_bytes() for path in STATIC_FOLDER.iterdir()}}
