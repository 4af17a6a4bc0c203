"""Styles, scripts and icons of the pages, which hold nothing of any user."""

from mimetypes import guess_type
from typing import Annotated

from fastapi import APIRouter, Path, Response

from desk.service.pages.page import static_content
from desk.service.problems import Problem

router = APIRouter(include_in_schema=False)
KEPT = "public, max-age=31536000, immutable"  # its address changes with its content


@router.get("/static/{name}")
def static(name: Annotated[str, Path(pattern=r"^[\w.-]{1,64}$")]) -> Response:
    """Give a static file."""
    try:
        content = static_content(name)
    except KeyError:
        raise Problem(404, "There is no such file.") from None
    return Response(content, media_type=guess_type(name)[0], headers={"Cache-Control": KEPT})
