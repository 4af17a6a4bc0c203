"""Idempotency keys: a POST that comes again with its key is answered as before, and does nothing again.

Source : IETF draft-ietf-httpapi-idempotency-key-header-07, with 409 in place of its 422.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

from fastapi import Request
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.service.caller import Caller, Service, caller_of
from desk.service.guards.bodies import replayed_body
from desk.service.problems import Problem
from desk.service.store.tables import IdempotentAnswer, now
from foundation.arguments import shown

HEADER = "idempotency-key"
KEY_PATTERN = re.compile(r"[\x21-\x7e]{8,128}")
KEPT = timedelta(hours=24)
CUT_OFF = timedelta(minutes=5)  # a request that is not answered by then was cut off
MAX_KEYS = 10_000  # of a caller at a time
MAX_ANSWER = 1_000_000  # bytes
SECRETS = "/api/users"  # answers below it hold secrets, which are not kept
TRANSIENT = (429, 503)  # nothing was done: the request may come again


def idempotent(app: ASGIApp, service: Service) -> ASGIApp:
    """Answer a POST of a signed-in caller with an `Idempotency-Key` once, and later as then.

    An answer is kept for 24 hours, sealed. Raises Problem 400 for a key that is none; 409 for a key of another request,
    of one that is being answered, or of one that was cut off; 429 for too many keys.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" and scope["method"] == "POST" else None
        if key is None or scope["path"].startswith(SECRETS):
            return await app(scope, receive, send)
        try:
            caller = await run_in_threadpool(caller_of, Request(scope), service)
        except Problem:  # the route says so, where it needs a caller
            return await app(scope, receive, send)
        if not KEY_PATTERN.fullmatch(key):
            raise Problem(
                400, f"Idempotency-Key is {shown(key)}: give 8 to 128 printed ASCII characters, such as a UUID."
            )
        body = (await receive())["body"]
        request = _request(scope, caller, body)
        if earlier := await run_in_threadpool(_claim, service, caller.user, key, request):
            return await _again(service, earlier, request)(scope, receive, send)
        answer = list[Message]()

        async def collect(message: Message) -> None:
            answer.append(message)

        await app(
            scope, replayed_body(body, receive), collect
        )  # one that raises leaves its claim: what it did is not known
        await run_in_threadpool(_keep, service, caller.user, key, answer)  # before the client knows the answer
        for message in answer:
            await send(message)
        return None

    return guarded


def once(service: Service, caller: Caller, key: str, request: bytes, work: Callable[[], bytes]) -> bytes:
    """The answer of a function that is called once for a key of a caller, and is later the same; for "" each time.

    request : what is asked.
    Raises  : as `idempotent`; what the function raises releases the key.
    """
    if not key:
        return work()
    if earlier := _claim(service, caller.user, key, hashed := sha256(request).hexdigest()):
        return bytes(_again(service, earlier, hashed).body)
    status, answer = TRANSIENT[0], b""
    try:
        answer = work()
        status = 200
    finally:
        _keep(service, caller.user, key, [{"type": "", "status": status, "headers": []}, {"type": "", "body": answer}])
    return answer


def _request(scope: Scope, caller: Caller, body: bytes) -> str:
    """The hash of what is asked, and with which rights: a token that may less gets no answer of one that may more."""
    rights = f"{caller.role} {sorted(caller.scopes) if caller.scopes is not None else 'all'}"
    parts = (scope["path"].encode(), scope["query_string"], rights.encode(), body)
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()


def _claim(service: Service, user: str, key: str, request: str) -> IdempotentAnswer | None:
    """Claim a key for a request. Gives what has the key already, None where nothing had it."""
    table = IdempotentAnswer
    try:
        with service.sessions.begin() as session:
            session.execute(delete(table).where(table.caller == user, table.created < now() - KEPT))
            if found := session.get(table, (user, key)):
                return found
            if session.scalars(select(func.count()).where(table.caller == user)).one() >= MAX_KEYS:
                raise Problem(429, f"{MAX_KEYS:,} keys are kept.", retry_after=3600)
            session.add(table(caller=user, key=key, request=request))
    except IntegrityError:  # another thread or process was faster
        with service.sessions() as session:
            return session.get(table, (user, key))
    return None


def _keep(service: Service, user: str, key: str, answer: list[Message]) -> None:
    """Keep an answer, or release its key where nothing was done."""
    table, start = IdempotentAnswer, answer[0]
    chosen = (table.caller == user, table.key == key)
    body = b"".join(message.get("body", b"") for message in answer[1:])
    with service.sessions.begin() as session:
        if start["status"] in TRANSIENT:
            session.execute(delete(table).where(*chosen))
        else:
            session.execute(
                update(table)
                .where(*chosen)
                .values(
                    status=start["status"],
                    headers={name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]},
                    body=service.keys.seal(body) if len(body) <= MAX_ANSWER else None,
                )
            )


def _again(service: Service, earlier: IdempotentAnswer, request: str) -> Response:
    if earlier.request != request:
        raise Problem(409, "This Idempotency-Key was sent with another request: make a new key.")
    if earlier.status is None and now() - earlier.created < CUT_OFF:
        raise Problem(409, "The first request with this key is being answered.", retry_after=1)
    if earlier.status is None:
        raise Problem(409, "The first request with this key was cut off: see what it did, then make a new key.")
    if earlier.body is None:
        raise Problem(409, "The first request with this key was answered, with more than is kept: see what it did.")
    return Response(
        service.keys.unseal(earlier.body), earlier.status, {**earlier.headers, "idempotent-replayed": "true"}
    )
