"""Stores of prices brought up to date: what is asked of a source, and what came, changed, failed and is left.

Rows are added a batch of assets at a time: a call that is killed loses at most the batch that it had not written, and
the next call asks for what is missing then, first for the assets that the store knows least of.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from desk.feeds.adapter import Adapter, FeedError, Wanted
from desk.feeds.fetching import PATIENCE, Fetcher
from desk.feeds.pace import Clock, Pace
from desk.feeds.transport import TOGETHER
from foundation.arguments import refuse
from foundation.errors import DataError
from foundation.progress import bar, say
from research.market.rows import ROUNDING
from research.market.store import Known, PriceStore, named_store

AGAIN = 10  # sessions that the store knows and an update asks for again: sources correct their last ones
BATCH = 50  # assets a write
BATCH_SECONDS = 30.0  # from one write to the next, at most, while answers come
GIVE_UP = 5  # assets in a row that fail with what may pass: the source is down
LISTED = 20  # symbols, and revisions, that a text shows
ASKED = "asked"  # fact of a store: {asset_id: first day that was asked for, None for all}
EVENTS = ("split", "dividend")


@dataclass(frozen=True)
class Plan:
    """What is asked of a source, before it is asked.

    asks     : bars to ask for, of the asset that the store knows least of first.
    current  : number of assets of which the store has the last day wanted.
    requests : at least so many; answers of several pages need more.
    seconds  : seconds that they take at the pace of the source, days apart.
    days     : days that they take by the requests that it allows a day, those made today among them.
    """

    source: str
    asks: tuple[Wanted, ...]
    current: int
    requests: int
    seconds: float
    days: int
    a_day: int | None

    def text(self) -> str:
        """The plan in a sentence."""
        current = f" ({self.current:,} more have the last day already)" if self.current else ""
        if not self.asks:
            return f"{self.source}: nothing to ask{current}."
        asked = f"{self.source}: {_count(len(self.asks), 'symbol')}{current}, {_count(self.requests, 'request')}"
        if self.a_day is not None and self.days > 1:
            return f"{asked} at {self.a_day:,} a day: {self.days:,} days. Call once a day; each call goes on."
        return f"{asked}: {_duration(self.seconds)}."


@dataclass(frozen=True)
class Fetched:
    """What a call fetched.

    rows      : number of rows of sessions that the store did not know.
    revisions : numbers of the past that the source changed, as `PriceStore.revisions` gives them.
    failed    : {symbol: sentence}.
    left      : symbols not asked, or not answered when the list ended, and `why` it ended.
    requests  : number of requests made.
    """

    plan: Plan
    rows: int = 0
    revisions: pd.DataFrame = field(default_factory=pd.DataFrame)
    failed: Mapping[str, str] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    why: str = ""
    requests: int = 0

    def text(self) -> str:
        """What came, changed, failed and is left, in lines for a terminal."""
        whole = len(self.plan.asks) - len(self.failed) - len(self.left)
        lines = [
            f"{self.plan.source}: {_count(self.rows, 'new row')} of {_count(whole, 'symbol')}, with "
            f"{_count(self.requests, 'request')}; {_count(len(self.revisions), 'number')} of the past changed."
        ]
        for row in self.revisions.head(LISTED).itertuples():
            lines.append(f"- {row.asset_id} on {row.session:%Y-%m-%d}: {row.column} {row.before:g}, now {row.after:g}")
        lines += _beyond(len(self.revisions))
        if self.failed:
            lines.append(f"{_count(len(self.failed), 'symbol')} failed:")
            lines += [f"- {symbol}: {sentence}" for symbol, sentence in list(self.failed.items())[:LISTED]]
            lines += _beyond(len(self.failed))
        if self.left:
            lines.append(f"{_count(len(self.left), 'symbol')} left for the next call: {self.why}")
        return "\n".join(lines)


def plan(store: PriceStore, adapter: Adapter, wanted: Sequence[Wanted], *, clock: Clock | None = None) -> Plan:
    """What to ask for the bars wanted, given what the store has. It sends nothing and needs no key.

    Raises : ConfigError for two lists of bars of one asset; DataError for a store that cannot be read.
    """
    return _plan(adapter, store, wanted, _known(store, wanted), clock or Clock())


def fetch(
    store: PriceStore,
    adapter: Adapter,
    wanted: Sequence[Wanted],
    *,
    clock: Clock | None = None,
    dry_run: bool = False,
) -> Fetched:
    """Ask a source for the bars wanted that the store does not have, and add them to it.

    Of an asset that the store knows it asks for what follows, and for the last `AGAIN` sessions again; where a split
    or a dividend is new in these, for everything again, since the source may have changed the past.

    wanted  : one for each asset; `last` is best the last session that is over.
    clock   : that of the system by default.
    dry_run : true only plans.
    Raises  : as `plan`, and FeedError where the source cannot be asked at all, as without its key.
    """
    clock, known = clock or Clock(), _known(store, wanted)
    planned = _plan(adapter, store, wanted, known, clock)
    if dry_run or not planned.asks:
        return Fetched(planned)
    with Fetcher(adapter, store.folder, clock) as fetcher:
        say(planned.text())
        call = _Call(store, fetcher, {each.asset_id: each for each in wanted}, known, clock)
        call.run(planned.asks)
        return call.fetched(planned)


def extend_bill(*, clock: Clock | None = None, dry_run: bool = False) -> Fetched:
    """Bring the yields of the three-month Treasury bill up to date: series DTB3 of FRED, in store "fred".

    Raises : as `fetch`.
    """
    clock = clock or Clock()
    today = clock.now().date()
    return fetch(named_store("fred"), FRED, [Wanted(BILL, BILL, None, today)], clock=clock, dry_run=dry_run)


@dataclass(frozen=True)
class _Past:
    """What a store knows of an asset: its sessions with a close, their events, and the first day asked for."""

    days: Days
    events: Mapping[str, Array]
    asked_all: bool
    asked_first: date | None


def _known(store: PriceStore, wanted: Sequence[Wanted]) -> dict[str, _Past]:
    """What the store knows of the assets wanted; those without rows are left out."""
    ids = [each.asset_id for each in wanted]
    if twice := sorted({asset for asset in ids if ids.count(asset) > 1}):
        refuse("bars are wanted twice of", twice[0], "give each asset once.")
    return {}
