"""The audit log: each change that a user made, in the journal of his tenant."""

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.journal import Event, Journal
from desk.journal.records import Accessed
from desk.service.caller import Caller, Service, signature
from desk.service.guards.hosts import SAFE
from desk.service.guards.idempotency import SECRETS


def journalled(app: ASGIApp, service: Service) -> ASGIApp:
    """Journal each change and each sign-in before its answer leaves; one that was refused changed nothing.

    The route states who asks in `request.state`: `needs` does, and a sign-in, which also states `signs_in`.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                state = scope["state"]
                caller, is_change = state.get("caller"), scope["method"] not in SAFE or "signs_in" in state
                if caller is not None and is_change:
                    path = scope["route"].path if scope["path"].startswith(SECRETS) else scope["path"]
                    record = Accessed(state["request"], scope["method"], path, message["status"], caller.user)
                    await run_in_threadpool(_journal, service, caller, record)
            await send(message)

        await app(scope, receive, noted if scope["type"] == "http" else send)

    return guarded


def _journal(service: Service, caller: Caller, record: Accessed) -> None:
    with Journal(service.root(caller.tenant), user=signature(caller)) as journal:
        journal.append([Event(record)])
