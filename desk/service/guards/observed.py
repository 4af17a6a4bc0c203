"""The trace of each request: a line of the log, its metrics, and an id that its answer states.

Bodies, values of queries, addresses with ids in them and headers appear in none of them; a path is its template.
"""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from http import HTTPMethod
from uuid import uuid4

from prometheus_client import Counter, Gauge, Histogram
from redis import RedisError
from sqlalchemy.exc import TimeoutError
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.service.caller import Service
from desk.service.problems import Problem, failure, response_of
from desk.service.store.engine import NO_DATABASE

LOG = logging.getLogger("rebalance.service")
REQUESTS = Counter("rebalance_requests", "Requests, by status of their answers.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("rebalance_request_seconds", "Seconds from request to answer.", ["route"])
RUNNING_REQUESTS = Gauge("rebalance_running_requests", "Requests that are being answered.", multiprocess_mode="livesum")
NO_ANSWER = (*NO_DATABASE, TimeoutError, RedisError)  # of what the service rests on, or no connection to it is free
CLIENT_GONE = 499  # status in the log of a request whose client went away before its answer began


def observed(app: ASGIApp, _: Service) -> ASGIApp:
    """Log and count each request, and answer each error: a Problem as itself, a silent database 503, any other 500."""

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


def fault_of_ours(error: Exception, request: str) -> Problem:
    """Log an error of the service's own, and give the problem that says so.  request : its number in the log."""
    LOG.error("failed", extra={"fields": {"request": request, **failure(error)}})
    why = f"Its operator finds why in the log, by the request {request}."
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
