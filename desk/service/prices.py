"""Prices for a tenant: the requests that a job sends to sources, their quota a day, and an uploaded table.

`planned_by_file`, `planned_by_symbols` and `imported_table` are called in a limited process.
"""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from backtests.runs.folder import code_version
from desk.feeds.adapter import FeedError
from desk.feeds.adapters import ADAPTERS
from desk.feeds.fetching import source_key
from desk.service.caller import Caller, Service
from desk.service.jobs.worker import PRICES_JOB
from desk.service.problems import FieldMistake, Problem, refused
from desk.service.store.tables import QueuedJob, SourceRequests
from foundation.home import SHARED_STORES
from foundation.paper.wording import counted
from research.portfolio.keys.market_keys import FRED

REQUESTS_A_DAY = 500  # of a tenant to a source that states no limit a day
SHARE_OF_LIMIT = 2  # of a source that states one, a tenant has this part


def quota_of(source: str) -> int:
    """The requests that a tenant may send to a source on a day, UTC."""
    a_day = ADAPTERS[source].limits.a_day
    return REQUESTS_A_DAY if a_day is None else min(REQUESTS_A_DAY, a_day // SHARE_OF_LIMIT)


def requests_left(service: Service, tenant: str) -> dict[str, int]:
    """By source, the requests that a tenant may still send today."""
    day = datetime.now(UTC).date()
    with service.sessions() as session:
        rows = {source: session.get(SourceRequests, (tenant, source, day)) for source in ADAPTERS}
        return {source: max(0, quota_of(source) - (row.count if row else 0)) for source, row in rows.items()}


def is_ready(source: str) -> bool:
    """True where the server has the key of a source that needs one."""
    with suppress(FeedError):
        source_key(ADAPTERS[source])
        return True
    return False


def booked_job(
    service: Service, caller: Caller, file: Path, requests: Mapping[str, int], portfolio: str | None
) -> QueuedJob:
    """A new job that fetches what a file needs, whose requests are counted.

    file     : in the folder of a version of the portfolio, where there is one.
    requests : by source, as `planned_requests` has them.
    Raises   : Problem 409 for a source without its key, and as `book_requests`.
    """
    for source in requests:
        if not is_ready(source):
            raise Problem(409, f"This server has no key of {ADAPTERS[source].title}: who runs it sets one.")
    book_requests(service, caller.tenant, requests)
    job = QueuedJob(
        tenant=caller.tenant, user=caller.user, portfolio=portfolio, kind=PRICES_JOB, code=code_version(),
        version=int(file.parent.name) if portfolio else None,
        arguments={
            "file": file.relative_to(service.root(caller.tenant)).as_posix(), "options": [], "requests": {**requests},
        },
    )  # fmt: skip
    with service.sessions.begin() as session:
        session.add(job)
        session.flush()
        session.refresh(job)
        session.expunge(job)
    return job


def book_requests(service: Service, tenant: str, planned: Mapping[str, int]) -> None:
    """Count the requests of a job. Raises Problem 429, and counts none, where a source has too few left today."""
    now = datetime.now(UTC)
    for source in planned:
        try:
            with service.sessions.begin() as session:
                key = {"tenant": tenant, "source": source, "day": now.date()}
                if session.get(SourceRequests, tuple(key.values())) is None:
                    session.add(SourceRequests(**key, count=0))
        except IntegrityError:  # another request has just done so
            continue
    with service.sessions.begin() as session:
        for source, count in planned.items():
            row = (SourceRequests.tenant == tenant, SourceRequests.source == source, SourceRequests.day == now.date())
            room = SourceRequests.count + count <= quota_of(source)
            change = update(SourceRequests).where(*row, room).values(count=SourceRequests.count + count)
            if session.scalar(change.returning(SourceRequests.count)) is None:
                raise _too_many(source, count, now)


def _too_many(source: str, count: int, now: datetime) -> Problem:
    title, quota = ADAPTERS[source].title, quota_of(source)
    if count > quota:
        what = f"This needs {counted(count, 'request')} to {title}, which gets {quota:,} a day at most"
        return Problem(400, f"{what}: ask for fewer symbols at a time.")
    free = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    what = f"This needs {counted(count, 'request')} to {title}, and fewer of the {quota:,} of today are left"
    seconds = int((free - now).total_seconds()) + 1
    return Problem(429, f"{what}: ask again from {free:%Y-%m-%d %H:%M} UTC on.", retry_after=seconds)


def check_symbols(source: str, symbols: Sequence[str]) -> None:
    """Raise Problem 400 with each symbol that the alphabet of a source does not have."""
    fix = f"Write a symbol of {ADAPTERS[source].title}: letters, digits and its few signs."
    wrong = [k for k, symbol in enumerate(symbols) if not re.fullmatch(ADAPTERS[source].alphabet, symbol)]
    if wrong:
        raise refused([FieldMistake(f"/symbols/{k}", "no symbol of the source", symbols[k], fix) for k in wrong])


def planned_requests(file: str) -> dict[str, Any]:
    """The requests by source that the portfolio file needs, and its symbols that no source may be asked for.

    Raises : ConfigError for a file whose market is no source.
    """
    from desk.commands.data import needs_of
    from desk.feeds.pace import Clock
    from desk.feeds.refresh import fetch
    from research.market.store import named_store

    needs = needs_of(Path(file), Clock().now())
    of = {source: wanted for source, wanted in needs.items() if source in ADAPTERS}
    wrong = [
        [source, each.symbol]
        for source, wanted in of.items()
        for each in wanted
        if not re.fullmatch(ADAPTERS[source].alphabet, each.symbol)
    ]
    plans = {} if wrong else {
        source: fetch(named_store(source), ADAPTERS[source], wanted, dry_run=True).plan for source, wanted in of.items()
    }  # fmt: skip
    others = sorted(needs.keys() - of.keys())
    return {"requests": {name: plan.requests for name, plan in plans.items()}, "wrong": wrong, "others": others}


def file_of_symbols(source: str, symbols: Sequence[str]) -> dict[str, Any]:
    """A portfolio file of these symbols alone, as `rebalance data fetch` reads it, with the rate of cash."""
    cash = 0 if source == FRED else "bill"  # without its rate of today a portfolio of these symbols is not read
    lines = {f"line{k}": {"symbol": symbol} for k, symbol in enumerate(dict.fromkeys(symbols))}
    return {"name": "prices", "basis": "USD", "market": {"source": source, "cash": cash}, "lines": lines}


def imported_table(path: str, name: str, stated: Mapping[str, str | None]) -> str:
    """Take a table into the tenant's own store of a name: what was understood of it. Raises as `import_table`."""
    from desk.commands.data import import_table
    from research.market.reading.imports import IMPORTED
    from research.market.store import named_store

    os.environ.pop(SHARED_STORES, None)
    text = import_table(Path(path), name, None, **stated)
    named_store(name).describe(**{IMPORTED: None})  # the file is not kept: there is nothing to read again
    return text.replace(f"{Path(path).parent}/", "")
