"""The trace of each request: a line of the log, its metrics, and an id that its answer states.

Bodies, values of queries, addresses with ids in them and headers appear in none of them; a path is its template.
"""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from http import HTTPMethod
from pathlib import Path
from uuid import uuid4

from prometheus_client import Counter, Gauge, Histogram
from redis import RedisError
from sqlalchemy.exc import TimeoutError
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.service.caller import Service
from desk.service.problems import Problem, failure, response_of, trouble_of, without_folders
from desk.service.store.engine import NO_DATABASE
from foundation.errors import InputError

LOG = logging.getLogger("rebalance.service")
REQUESTS = Counter("rebalance_requests", "Requests, by status of their answers.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("rebalance_request_seconds", "Seconds from request to answer.", ["route"])
RUNNING_REQUESTS = Gauge("rebalance_running_requests", "Requests that are being answered.", multiprocess_mode="livesum")
NO_ANSWER = (*NO_DATABASE, TimeoutError, RedisError)  # of what the service rests on, or no connection to it is free
CLIENT_GONE = 499  # status in the log of a request whose client went away before its answer began


def observed(app: ASGIApp, _: Service) -> ASGIApp:
    """Log and count each request, and answer each error: a Problem as itself, trouble of the machine 503, else 500."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        began, status = time.perf_counter(), CLIENT_GONE
        state = scope.setdefault("state", {})
        state["request"] = request = uuid4().hex

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request
            await send(message)

        RUNNING_REQUESTS.inc()
        try:
            return await app(scope, receive, noted)
        except Problem as problem:
            return await response_of(problem)(scope, receive, noted)
        except ClientDisconnect:
            return None
        except Exception as error:
            found = fault_of_ours(error, request)
            if status != CLIENT_GONE:
                raise  # the server ends an answer that has begun
            return await response_of(found)(scope, receive, noted)
        finally:
            RUNNING_REQUESTS.dec()
            _note(scope, status, time.perf_counter() - began)

    return guarded


def problem_of(error: Exception, request: str, folder: Path) -> Problem:
    """The problem that an error of a request is: of whoever asked, or of the service, which is logged.

    request : its number in the log.
    folder  : of the service, of whose tenants no path is told.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, InputError) and trouble_of(error) is None:
        return Problem(400, without_folders(folder, str(error)))
    return fault_of_ours(error, request)


def fault_of_ours(error: Exception, request: str) -> Problem:
    """Log an error of the service's own, and give the problem that says so.  request : its number in the log."""
    trouble = trouble_of(error) or trouble_of(error.__cause__)  # Starlette hides one that comes as an answer begins
    said = {} if trouble is None else {"why": str(trouble)}
    LOG.error("failed", extra={"fields": {"request": request, **failure(error), **said}})
    why = f"Its operator finds why in the log, by the request {request}."
    if trouble is not None:
        shown = trouble.shown or "A file of the service cannot be read or written."
        return Problem(503, f"{shown} What you asked is not at fault. {why}", retry_after=60)
    if isinstance(error, NO_ANSWER):
        return Problem(503, f"The database of the service, or its Redis, does not answer. {why}", retry_after=5)
    return Problem(500, f"The service failed. {why}")


def _note(scope: Scope, status: int, seconds: float) -> None:
    route, state = getattr(scope.get("route"), "path", ""), scope["state"]
    method = scope["method"] if scope["method"] in HTTPMethod.__members__ else "other"  # a client may make up any
    REQUESTS.labels(method, route, status).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)
    about = {"request": state["request"], "method": method, "route": route, "status": status}
    LOG.info("answered", extra={"fields": about | {"ms": round(1000 * seconds, 1), "user": state.get("user", "")}})


class JsonLines(logging.Formatter):
    """Records of a log as lines of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as one line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"moment": moment, "level": record.levelname.lower(), "logger": record.name, "text": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            line |= failure(record.exc_info[1])
        return json.dumps(line | getattr(record, "fields", {}))


def log_lines() -> None:
    """Write the log to stderr as lines of JSON: each request, and the warnings of libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOG.setLevel(logging.INFO)
