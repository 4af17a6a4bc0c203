"""Errors as RFC 9457 has them: `application/problem+json`, with every mistake of a payload at once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from foundation.errors import ConfigError, DataError, PolicyError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldMistake:
    """A mistake of a payload.

    field  : JSON pointer (RFC 6901) to the value.
    detail : what is wrong.
    value  : value found, as plain JSON; None where there is none.
    mend   : how to mend it.
    """

    field: str
    detail: str
    value: Any
    mend: str


class Problem(Exception):
    """A request that is not answered.

    status   : HTTP status.
    detail   : sentence for its reader.
    mistakes : mistakes of the payload.
    headers  : headers of the answer, such as Retry-After.
    """

    def __init__(
        self, status: int, detail: str, mistakes: Sequence[FieldMistake] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.mistakes, self.headers = status, detail, tuple(mistakes), headers


def answer_of(problem: Problem) -> JSONResponse:
    """The answer that states a problem."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.mistakes:
        document["errors"] = [asdict(each) for each in problem.mistakes]
    return JSONResponse(document, problem.status, problem.headers, media_type=MEDIA_TYPE)


def answer_problems(app: FastAPI) -> None:
    """Answer each error of an app as a problem."""

    @app.exception_handler(Problem)
    def _problem(_: Request, error: Problem) -> JSONResponse:
        return answer_of(error)

    @app.exception_handler(HTTPException)
    def _http(_: Request, error: HTTPException) -> JSONResponse:
        return answer_of(Problem(error.status_code, str(error.detail), headers=dict(error.headers or {})))

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer_of(Problem(400, "The request has mistakes.", mistakes_of(error)))

    @app.exception_handler(ConfigError)
    @app.exception_handler(DataError)
    @app.exception_handler(PolicyError)
    def _input(_: Request, error: Exception) -> JSONResponse:
        return answer_of(Problem(400, str(error)))


def mistakes_of(error: RequestValidationError) -> list[FieldMistake]:
    """The mistakes that a validation found."""
    return [
        FieldMistake("".join(f"/{part}" for part in each["loc"][1:]), each["msg"], None, "") for each in error.errors()
    ]
