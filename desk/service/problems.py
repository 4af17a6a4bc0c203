"""Errors as RFC 9457 has them: `application/problem+json`, with every mistake of a request at once."""

import errno
import math
import re
import sqlite3
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import BoundedSemaphore
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field, TypeAdapter
from starlette.exceptions import HTTPException

from foundation.arguments import LARGEST_NUMBER, VALUE_LETTERS
from foundation.dataclasses import dataclass
from foundation.errors import MOST_MISTAKES, InputError, InputFault, MachineError
from foundation.files import NO_SPACE
from foundation.paper.wording import counted
from research.portfolio.file.fault_words import UNKNOWN, WRONG_KINDS, faults_of, schemas_at

MEDIA_TYPE = "application/problem+json"
DISK_FULL = "The disk of the service is full."
NO_FILES = (*NO_SPACE, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE)  # of the machine
NO_TABLES = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)  # the same of SQLite
IN_JSON = {  # how to mend in JSON what the message of a file tells of lines and dashes
    WRONG_KINDS["list"][1]: "Write its items in brackets, such as [0.01, 0.02].",
    WRONG_KINDS["dict"][1]: "Write its keys in braces.",
    WRONG_KINDS["model"][1]: "Write its keys in braces.",
    WRONG_KINDS["string"][1]: "Write it in quotes.",
    WRONG_KINDS["float"][1]: "Write a plain number without quotes, such as 0.25.",
}

IN_REQUESTS = {  # what a message of the command line names, and what a request has in its place
    "Say what it is, `--symbol ": "Say what it is in `classes`, `",
    "--symbol ": "classes, ",
    "--only buys": "buys_only",
    "--only sells": "sells_only",
    "Name one, or run: rebalance report ": "Name one, or POST /api/report for ",
    "Run: rebalance report ": "POST /api/report for ",
}
BESIDE_KEY = re.compile(r"`--[a-z-]+ [^`]*`, or (?=`)|,? or as `--[^`]*`")  # an option beside the key that serves too
FETCHING = re.compile(r"[Rr]un `rebalance data fetch[^`]*`")  # a page and a route do it
OPTION = re.compile(
    r"(?P<command>rebalance [^`.]*)|(?<![\w'-])--(?P<name>[a-z]+(?:-[a-z]+)*)"
)  # a command is left whole


@dataclass(frozen=True)
class FieldMistake:
    """A mistake of a request.

    field  : JSON pointer (RFC 6901) to the value in the body; of a parameter, its kind and name, such as /query/limit.
    detail : what is wrong.
    value  : value found, a long one cut; None where there is none.
    mend   : how to mend it.
    """

    field: str
    detail: str
    value: Any
    mend: str


class ProblemDocument(BaseModel):
    """An error (RFC 9457).  errors : each mistake of the request."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: Annotated[list[FieldMistake], Field(max_length=MOST_MISTAKES)] = []


class Problem(Exception):
    """A request that is not answered.

    status   : HTTP status.
    detail   : sentence for its reader.
    mistakes : mistakes of the request.
    headers  : headers of the answer.
    retry_after : seconds after which it may come again, 0 where they are not known.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        mistakes: Sequence[FieldMistake] = (),
        headers: Mapping[str, str] | None = None,
        retry_after: int = 0,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.mistakes = status, detail, tuple(mistakes)
        self.headers = {**(headers or {}), **({"Retry-After": str(retry_after)} if retry_after else {})}


def refused(mistakes: Sequence[FieldMistake], count: int = 0) -> Problem:
    """The problem of a request with mistakes. count : of all, 0 where they all are here."""
    count = max(count, len(mistakes))
    told = f"The request has {counted(count, 'mistake')}."
    if count > MOST_MISTAKES:
        told = f"The request has more than {MOST_MISTAKES:,} mistakes; the first are listed."
    return Problem(400, told, mistakes[:MOST_MISTAKES])


@contextmanager
def place_among(places: BoundedSemaphore, told: str, retry_after: int = 5) -> Iterator[None]:
    """Hold a place for work that takes long while the block runs. Raises Problem 503 where none is free."""
    if not places.acquire(blocking=False):
        raise Problem(503, told, retry_after=retry_after)
    try:
        yield
    finally:
        places.release()


def response_of(problem: Problem) -> JSONResponse:
    """The answer that states a problem."""
    document = ProblemDocument(
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        errors=list(problem.mistakes),
    )
    stated = document.model_dump(exclude=None if problem.mistakes else {"errors"})
    return JSONResponse(stated, problem.status, problem.headers, media_type=MEDIA_TYPE)


def answer_problems(app: FastAPI, page: Callable[[Request, Problem], Response]) -> None:
    """Answer each error of an app as a problem, but a fault of the server, which `guards.observed` answers and logs.

    page : a problem as a page, which answers a browser where there is none at its address.
    """

    @app.exception_handler(Problem)
    def _problem(_: Request, error: Problem) -> JSONResponse:
        return response_of(error)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods_at(request))
        if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
            return page(request, Problem(404, "There is no such page."))
        return response_of(Problem(error.status_code, str(error.detail), headers=headers))

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return response_of(refused(_mistakes_of_parameters(request, error)))

    @app.exception_handler(InputError)
    def _input(request: Request, error: Exception) -> JSONResponse:
        if trouble_of(error) is not None:
            raise error  # `guards.observed` answers and logs it
        return response_of(Problem(400, without_folders(request.app.state.service.settings.folder, str(error))))


def trouble_of(error: BaseException | None) -> MachineError | None:
    """The trouble of the machine that an error says, such as a full disk; None for another error."""
    for each in (error, getattr(error, "orig", None), getattr(error, "__cause__", None)):  # of SQLAlchemy, of a journal
        system, of_sqlite = getattr(each, "errno", 0), getattr(each, "sqlite_errorcode", 0) & 0xFF
        if system in NO_SPACE or of_sqlite == sqlite3.SQLITE_FULL:
            return MachineError(str(each), DISK_FULL)
        if system in NO_FILES or of_sqlite in NO_TABLES:
            return MachineError(str(each))
    return error if isinstance(error, MachineError) else None


def failure(error: BaseException) -> dict[str, Any]:
    """The kind of an error, and the lines of code that it came by; its text may quote what nobody else may read."""
    frames = traceback.extract_tb(error.__traceback__)
    return {"error": type(error).__name__, "trace": [f"{each.filename}:{each.lineno} {each.name}" for each in frames]}


def mistakes_of(errors: Sequence[Any], value: Any, adapter: TypeAdapter[Any]) -> list[FieldMistake]:
    """The mistakes that pydantic finds in a value of a type, in the words of the messages about a portfolio file.

    errors : `ValidationError.errors()`; of more than `MOST_MISTAKES` the first are told.
    """
    told = []
    for fault in faults_of(errors[:MOST_MISTAKES], value, adapter):
        at = (*fault.at, fault.key) if fault.key else fault.at
        is_secret = any(schema.get("writeOnly") for schema in schemas_at(adapter, at))
        mend = f'Add "{at[-1]}".' if fault.what == "missing" else IN_JSON.get(fault.fix, fault.fix)
        found = None if fault.found is None or is_secret else shown_value(fault.found)
        told.append(FieldMistake(pointer(at), fault.what, found, mend))
    return told


def of_finding(found: InputFault, field: str) -> FieldMistake:
    """A fault of a file as a mistake of the field that names or has it."""
    detail = f"{found.place}: {found.meaning}" if found.place else found.meaning
    is_quoted = found.value[:1] in {"'", '"'} and found.value[:1] == found.value[-1:]
    return FieldMistake(field, detail, (found.value[1:-1] if is_quoted else found.value) or None, found.mend)


def pointer(at: Sequence[str]) -> str:
    """The JSON pointer (RFC 6901) of keys; long ones are cut.

    >>> pointer(("assets", "0", "a/b"))
    '/assets/0/a~1b'
    """
    return "".join(f"/{_cut(key).replace('~', '~0').replace('/', '~1')}" for key in at)


def shown_value(value: object) -> object:
    """A value as an answer repeats it: text is cut, lists and objects are described, NaN and infinity are text.

    >>> shown_value("x" * 1_000)[-5:], shown_value([1, 2]), shown_value(float("nan"))
    ('xx...', 'a list of 2', 'NaN')
    """
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value):,}"
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) <= LARGEST_NUMBER):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_LETTERS else f"{text[: VALUE_LETTERS - 3]}..."


def _mistakes_of_parameters(request: Request, error: RequestValidationError) -> list[FieldMistake]:
    """The mistakes in the path, the query and the headers of a request."""
    known: dict[str, Any] = {f.alias: f.field_info for f in get_flat_params(request.scope["route"].dependant)}
    told = []
    for each in error.errors():
        place, name = (*map(str, each["loc"]), "")[:2]
        if each["type"] == "missing" or each["type"] in UNKNOWN:
            detail, mend = ("missing", f'Add "{name}".') if each["type"] == "missing" else ("unknown", "Leave it out.")
            told.append(FieldMistake(pointer((place, name)), detail, None, mend))
            continue
        info = known.get(name)
        kind: Any = Annotated[info.annotation, info] if info else Any
        found = mistakes_of([{**each, "loc": ()}], each["input"], TypeAdapter(kind))
        told += [FieldMistake(pointer((place, name)), one.detail, one.value, one.mend) for one in found]
    return told


def _methods_at(request: Request) -> list[str]:
    """The methods that the routes of a path take."""
    routes = iter_route_contexts(request.app.routes)
    found = {m for route in routes if route.path_regex.match(request.scope["path"]) for m in route.methods or ()}
    return sorted(found)


def without_folders(folder: Path, text: str) -> str:
    """A message as of a request, without the folder of the tenant whose files it names.  folder : of the service."""
    return in_requests(re.sub(rf"{re.escape(str(folder))}/(tenants/[^/]+/)?", "", text))


def in_requests(message: str) -> str:
    """A message of the command line as one of a request: fields and keys stand for options.

    >>> in_requests("no prices of it: found 'EURUSD'. Run `rebalance data fetch x.yaml` first.")
    "no prices of it: found 'EURUSD'. Fetch prices first."
    >>> in_requests("--as-of is 'x'. Say so: `--accept SPY`, or `prices_ok: [SPY]`. Run: rebalance new --as x")
    "as_of is 'x'. Say so: `prices_ok: [SPY]`. Run: rebalance new --as x"
    """
    for option, key in IN_REQUESTS.items():
        message = message.replace(option, key)
    message = FETCHING.sub("Fetch prices", message)
    return OPTION.sub(lambda found: found["command"] or found["name"].replace("-", "_"), BESIDE_KEY.sub("", message))
