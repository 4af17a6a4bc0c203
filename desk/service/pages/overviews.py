"""The rows of the first page: each is made when it is asked for, kept, and never called fresh once it is not.

A row is fresh while all that it was made from is the same: version of the portfolio, code, files of the stores of
prices, last job and last journal entry of the portfolio, and day of its exchange. Holdings in MongoDB can change
unnoticed: such a row is never fresh.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, func, select

from backtests.runs.folder import code_version
from desk.journal.journal import JOURNAL, Journal
from desk.service.caller import Caller, Service
from desk.service.portfolios.figures import OverviewFigures, figures_of, overview
from desk.service.portfolios.stored import seen_by
from desk.service.portfolios.validation import MONGODB
from desk.service.routes.portfolios import PortfolioHead, heads_of, record_of
from desk.service.store.tables import Overview, QueuedJob, StoredPortfolio, now
from desk.service.stores import own_stores, shared_stores
from foundation.canonical import content_hash
from foundation.dataclasses import dataclass
from research.market.calendars import day_at


@dataclass(frozen=True)
class OverviewRow:
    """A portfolio with its figures as they were last made.

    figures : None where they were never made, or by code that made others.
    made    : moment at which they were made, None for never.
    is_fresh : true if making them again would give the same ones.
    """

    head: PortfolioHead
    figures: OverviewFigures | None
    made: datetime | None
    is_fresh: bool


def overview_rows(service: Service, caller: Caller, portfolio: str | None = None) -> list[OverviewRow]:
    """The portfolios that a caller sees, by client, as they were last made. portfolio : id of one, None for all."""
    made_from = MadeFrom.now(service, caller)
    return [made_from.row(each, service) for each in kept_rows(service, caller, portfolio)]


def refreshed(service: Service, caller: Caller, portfolio: str) -> OverviewRow:
    """The row of a portfolio, made anew where it is not fresh. Raises as `figures_of` does."""
    made_from = MadeFrom.now(service, caller)  # before the work: what changes during it makes the row stale
    record = record_of(service, caller, portfolio)
    is_noticed, written = MONGODB not in record.portfolio, (record.created.isoformat(), record.written.isoformat())
    kept = next(iter(kept_rows(service, caller, portfolio)), None)
    if kept is not None and (row := made_from.row(kept, service)).is_fresh:
        return row
    figures = OverviewFigures.model_validate(figures_of(service, caller, overview, portfolio, None, *written))
    sealed = service.keys.seal(figures.model_dump_json().encode())
    of = made_from.of(kept) if kept is not None and is_noticed else ""
    with service.sessions.begin() as session:
        session.merge(Overview(portfolio=portfolio, of=of, sealed=sealed, made=now()))
    return overview_rows(service, caller, portfolio)[0]


def kept_rows(service: Service, caller: Caller, portfolio: str | None) -> Sequence[Row[Any]]:
    """The heads of portfolios, each with what is kept of its row and the end of its last job: one query."""
    of, last_job = StoredPortfolio, select(func.max(QueuedJob.ended)).where(QueuedJob.portfolio == StoredPortfolio.id)
    columns = Overview.of.label("of"), Overview.sealed, Overview.made, last_job.scalar_subquery().label("last_job")
    wanted = heads_of(caller).add_columns(*columns).outerjoin(Overview, Overview.portfolio == of.id)
    chosen = seen_by(caller), of.deleted.is_(None), *([] if portfolio is None else [of.id == portfolio])
    with service.sessions() as session:
        return session.execute(wanted.where(*chosen).order_by(of.client, of.name)).all()


@dataclass(frozen=True)
class MadeFrom:
    """The state that rows are made from, at a moment. journal : number of the last entry by portfolio, by name."""

    moment: datetime
    code: str
    data: str
    journal: dict[str, int]

    @classmethod
    def now(cls, service: Service, caller: Caller) -> "MadeFrom":
        """The state from which rows of the tenant of a caller would be made now."""
        root, last = service.root(caller.tenant), dict[str, int]()
        places = (own_stores(root), *shared_stores(root))
        found = {path for place in places for path in (place, *place.rglob("*")) if path.is_file()}
        files = ((path, path.stat()) for path in sorted(found))
        data = content_hash([[str(path), found.st_size, found.st_mtime_ns] for path, found in files])
        if (root / JOURNAL).is_file():
            with Journal(root, read_only=True) as journal:
                last = journal.last_by_portfolio()
        return cls(datetime.now(UTC), code_version(), data[:16], last)

    def of(self, kept: Row[Any]) -> str:
        """The `of` of a row that is made now."""
        job = f"{kept.last_job:%Y%m%dT%H%M%S.%f}" if kept.last_job else "-"
        return f"{kept.version} {self.code} {self.data} {self.journal.get(kept.name, 0)} {job}"

    def row(self, kept: Row[Any], service: Service) -> OverviewRow:
        """A row as it is kept."""
        head, figures = PortfolioHead(**kept._mapping), None
        if kept.sealed is not None:
            try:
                figures = OverviewFigures.model_validate_json(service.keys.unseal(kept.sealed))
            except ValidationError:  # of other code
                return OverviewRow(head, None, None, is_fresh=False)
        is_fresh = (
            figures is not None and kept.of == self.of(kept) and figures.today == _day(self.moment, figures.calendar)
        )
        return OverviewRow(head, figures, kept.made, is_fresh)


@lru_cache(maxsize=64)
def _day(moment: datetime, calendar: str) -> str:
    """The day of an exchange at a moment, once for all rows of a page."""
    return f"{day_at(moment, calendar)}"
