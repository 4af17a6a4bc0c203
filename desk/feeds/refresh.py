"""Stores of prices brought up to date: what is asked of a source, and what came, changed, failed and is left.

Rows are added a batch of assets at a time: a call that is killed loses at most the batch that it had not written, and
the next call asks for what is missing then, first for the assets that the store knows least of.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import date, timedelta
from itertools import islice
from math import ceil

import numpy as np
import pandas as pd

from desk.feeds.adapter import BEGINS, Adapter, FeedError, Wanted
from desk.feeds.fetching import LONGEST_PAUSE, Fetcher, source_key
from desk.feeds.pace import Clock, RequestPace
from desk.feeds.transport import REQUESTS_TOGETHER
from foundation.arguments import refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.paper.wording import item_lines
from foundation.progress import bar, say
from research.market.calendars import Days, sessions
from research.market.notes import counted
from research.market.quality.findings import Finding, finding
from research.market.rows import differs, sessions_of
from research.market.store import KnownBars, PriceStore, revision_texts

AGAIN = 22  # sessions that the store knows and an update asks for again, a month: sources correct their last ones
WHOLE_EVERY = 28  # days after which all of an asset is asked for again: sources correct, and answers lack, earlier ones
BATCH = 50  # assets a write
BATCH_SECONDS = 30.0  # from one write to the next, at most, while answers come
GIVE_UP = 5  # assets in a row that fail with what may pass: the source is down
ASKED_FACT = "asked"  # fact of a store: {asset_id: first day that was asked for}
WITH_KEY = "asked_with_key"  # the same of a source that gives more with its key, such as vintages
WHOLE_ON = "whole"  # fact of a store: {asset_id: day on which an answer last had all of it}
BEGINS_LATE = timedelta(days=10)  # by which an answer may begin after that day
FROM_THE_START = date.min.isoformat()  # such a day: all that the source has
WHOLE_FACTOR = 1e-3  # relative: closes that all differ by one factor do so to this, and by more than this
TOTAL_RETURN = "total"  # adjustment of closes that each later dividend changes
EVENTS = {"split": 1.0, "dividend": 0.0}  # and what they are where there is none


@dataclass(frozen=True)
class FetchPlan:
    """The requests of a call, before they are sent.

    asks     : bars to ask for, of the asset that the store knows least of first.
    current  : number of assets of which the store has the last day wanted.
    requests : so many, or more where `pages` says that an answer may have several.
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
    pages: bool = False

    def text(self) -> str:
        """The plan in a sentence."""
        if not self.asks:
            return f"{self.source}: nothing to ask ({counted(self.current, 'symbol')} with the last day already)."
        current = f" ({self.current:,} more have the last day already)" if self.current else ""
        asked = f"{self.source}: {counted(len(self.asks), 'symbol')}{current}, {counted(self.requests, 'request')}"
        asked += " or more" if self.pages else ""
        if self.a_day is not None and self.days > 1:
            return f"{asked} at {self.a_day:,} a day: {counted(self.days, 'day')}. Call once a day; each call goes on."
        return f"{asked}: {_duration(self.seconds)}." if self.seconds else f"{asked}."


@dataclass(frozen=True)
class Fetched:
    """The result of a call.

    rows      : number of sessions that the store did not know, of all assets.
    revisions : numbers of the past that the source changed, as `PriceStore.revisions` gives them; empty for none.
    failed    : {symbol: sentence}.
    left      : symbols not asked, or not answered when the list ended, and `why` it ended.
    requests  : number of requests made.
    """

    plan: FetchPlan
    rows: int = 0
    revisions: pd.DataFrame = field(default_factory=pd.DataFrame)
    failed: Mapping[str, str] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    why: str = ""
    requests: int = 0

    def text(self) -> str:
        """The new, the changed, the failed and the left, in lines for a terminal; of no request, the plan."""
        if not self.plan.asks:
            return self.plan.text()
        whole = len(self.plan.asks) - len(self.failed) - len(self.left)
        lines = [
            f"{self.plan.source}: {counted(self.rows, 'new row')} of {counted(whole, 'symbol')}, with "
            f"{counted(self.requests, 'request')}; {counted(len(self.revisions), 'number')} of the past changed."
        ]
        lines += item_lines(revision_texts(self.revisions))
        if self.failed:
            lines.append(f"{counted(len(self.failed), 'symbol')} failed:")
            lines += item_lines(f"{symbol}: {sentence}" for symbol, sentence in self.failed.items())
        if self.left:
            lines.append(f"{counted(len(self.left), 'symbol')} left for the next call: {self.why}")
        return "\n".join(lines)


def fetch(
    store: PriceStore,
    adapter: Adapter,
    wanted: Sequence[Wanted],
    *,
    clock: Clock | None = None,
    dry_run: bool = False,
    again: Collection[str] = (),
) -> Fetched:
    """Ask a source for the bars wanted that the store does not have, and add them to it.

    Of an asset that the store knows it asks for what follows, and for the last `AGAIN` sessions again; where their
    splits and dividends are not those known, and `WHOLE_EVERY` days after an answer had it all, for everything again:
    the source may have changed its past, and an answer may have lacked some of it.
    Of a source of total-return closes it always asks for everything: each dividend changes all earlier ones; likewise
    of one that revises any value, there for the vintages that are not known yet. Where no first day is wanted, that of
    the earlier calls stays.

    wanted  : bars of different assets; `last` should be the last session that is over.
    clock   : that of the system by default.
    dry_run : true to only plan, which sends nothing and needs no key.
    again   : ids of assets that are asked for whole whatever the store has.
    Raises  : ConfigError for an asset that is wanted twice; DataError for a store that cannot be read; FeedError where
              the source cannot be asked at all, such as without its key; OSError where the store cannot be written.
              What one asset lacks raises nothing, and is in `Fetched.failed`.
    """
    clock = clock or Clock()
    gaps = _gaps(store, adapter, wanted, clock.now().date(), again)
    planned = _plan(store, adapter, gaps, clock)
    if dry_run or not planned.asks:
        return Fetched(planned)
    with Fetcher(adapter, store.folder, clock) as fetcher:
        say(planned.text())
        call = _Call(store, fetcher, gaps)
        call.run(planned.asks)
        return call.fetched(planned)


@dataclass(frozen=True)
class _Gap:
    """The bars of an asset that a store lacks.

    whole  : all bars that were ever wanted.
    ask    : bars to ask for; None where the store has the last day.
    days   : (R,) sessions of which the store has a close.
    close  : (R,) these closes.
    events : {name of `EVENTS`: (R,)}.
    """

    whole: Wanted
    ask: Wanted | None
    days: Days
    close: Array
    events: Mapping[str, Array]

    def has_other_events(self, rows: pd.DataFrame) -> bool:
        """True where rows have splits or dividends that the store does not have, or lack some that it has."""
        days = sessions_of(rows)
        place = np.minimum(np.searchsorted(self.days, days), len(self.days) - 1)
        there = self.days[place] == days
        for name, neutral in EVENTS.items():
            theirs, ours = rows[name].to_numpy(), np.where(there, self.events[name][place], neutral)
            if differs(theirs, ours).any():
                return True
        return False

    def factor(self, rows: pd.DataFrame) -> float:
        """The one factor by which all closes of rows differ from those of the store, 1 where there is none."""
        _, theirs, ours = np.intersect1d(sessions_of(rows), self.days, return_indices=True)
        ratio = rows["close"].to_numpy()[theirs] / np.where(self.close[ours] == 0.0, np.nan, self.close[ours])
        ratio = ratio[np.isfinite(ratio)]
        whole = len(ratio) > 1 and np.ptp(ratio) <= WHOLE_FACTOR * abs(ratio[0]) and abs(ratio[0] - 1.0) > WHOLE_FACTOR
        return float(ratio[0]) if whole else 1.0


def _gaps(
    store: PriceStore, adapter: Adapter, wanted: Sequence[Wanted], today: date, again: Collection[str]
) -> dict[str, _Gap]:
    """The gap of each asset wanted."""
    if twice := [asset for asset, count in Counter(each.asset_id for each in wanted).items() if count > 1]:
        refuse("bars are wanted twice of", twice[0], "give each asset once.")
    there, about = set(store.assets()), store.about
    asked, whole_on = about.get(_asked(adapter), {}), about.get(WHOLE_ON, {})
    due = (today - timedelta(days=WHOLE_EVERY)).isoformat()
    ids = [each.asset_id for each in wanted if each.asset_id in there]
    known = store.read(ids, tuple(EVENTS))
    vintages = _last_vintages(store, ids) if adapter.revises else {}
    spans = dict(zip(ids, known.slices, strict=True))
    gaps, begins = {}, about.get(BEGINS, {})
    for asked_for in wanted:
        stated = begins.get(asked_for.asset_id)
        each = replace(asked_for, begins=date.fromisoformat(stated)) if stated else asked_for
        span = spans.get(each.asset_id, slice(0))
        days, since, whole = known.days[span], asked.get(each.asset_id), each
        ask: Wanted | None = each
        if len(days) and since and (each.first is None or since <= each.first.isoformat()):
            whole = replace(each, first=None if since == FROM_THE_START else date.fromisoformat(since))
            is_old = not adapter.revises and whole_on.get(each.asset_id, "") <= due  # what revises has all each time
            is_due = each.asset_id in again or is_old
            all_days = is_due or adapter.adjustment == TOTAL_RETURN or adapter.revises
            ask = whole if all_days else _recent(whole, days)
            ask = replace(ask, known=None if is_due else vintages.get(each.asset_id))
            ask = ask if is_due or days[-1] < np.datetime64(each.last) else None
        events = {name: known.numbers[name][span] for name in EVENTS}
        gaps[each.asset_id] = _Gap(whole, ask, days, known.numbers["close"][span], events)
    return gaps


def _recent(whole: Wanted, days: Days) -> Wanted:
    """The bars of the last `AGAIN` of the sessions known, and of what follows."""
    return replace(whole, first=days[-AGAIN:][0].item())


def _last_vintages(store: PriceStore, ids: Sequence[str]) -> dict[str, date]:
    """The day of the last vintage of each asset that has one."""
    rows = store.rows(ids, history=True)
    dated = rows[rows["fetched_at"] == rows["fetched_at"].dt.normalize()]  # a moment of a fetch is no day
    return {str(asset): moment.date() for asset, moment in dated.groupby("asset_id")["fetched_at"].max().items()}


def _asked(adapter: Adapter) -> str:
    """The fact of a store of what was asked for: a key that is set later asks for everything again."""
    return WITH_KEY if adapter.key_optional and source_key(adapter) else ASKED_FACT


def _plan(store: PriceStore, adapter: Adapter, gaps: Mapping[str, _Gap], clock: Clock) -> FetchPlan:
    known_least_first = sorted(gaps.values(), key=lambda gap: gap.days[-1].item() if len(gap.days) else date.min)
    asks = tuple(gap.ask for gap in known_least_first if gap.ask is not None)
    requests, limits = _request_count(adapter, asks), adapter.limits
    used = RequestPace(adapter.name, limits, store.folder, clock).used()
    seconds = max(requests - 1, 0) // limits.requests * limits.seconds
    days = ceil((used + requests) / limits.a_day) if limits.a_day and requests else 1
    return FetchPlan(adapter.name, asks, len(gaps) - len(asks), requests, seconds, days, limits.a_day, adapter.pages)


def _request_count(adapter: Adapter, asks: Sequence[Wanted]) -> int:
    """The number of requests for assets, without further pages; none where the adapter refuses to make any."""
    key, own, shared = "", 0, set[tuple[object, ...]]()
    with suppress(FeedError):  # a plan needs no key
        key = source_key(adapter)
    for ask in asks:
        with suppress(FeedError):
            requests = adapter.requests(ask, key)
            own += sum(not request.shared for request in requests)
            shared |= {request.asks for request in requests if request.shared}
    return own + len(shared)


class _Call:
    """One call to a source: its answers are written as they come, and what goes wrong is kept."""

    def __init__(self, store: PriceStore, fetcher: Fetcher, gaps: Mapping[str, _Gap]) -> None:
        self.store, self.fetcher, self.gaps, self.clock = store, fetcher, gaps, fetcher.clock
        self.began, self.wrote = self.clock.now(), self.clock.steady()
        self.batch: dict[str, pd.DataFrame] = {}
        self.changed: list[str] = []  # assets whose past may have been revised
        self.whole: set[str] = set()  # assets of which an answer had all
        self.begins: dict[str, date] = {}
        self.failed: dict[str, str] = {}
        self.left: list[str] = []
        self.why, self.rows, self.in_a_row = "", 0, 0

    def run(self, asks: Sequence[Wanted]) -> None:
        """Fetch and write them all, or as many as the source gives."""
        doing = f"fetching from {self.fetcher.adapter.name}"
        with bar(len(asks), doing, "assets") as told, ThreadPoolExecutor(REQUESTS_TOGETHER) as pool:
            try:
                for ask, answer in self._answers(pool, asks):
                    self._take(ask, answer)
                    told.update()
                    if len(self.batch) >= BATCH or self.clock.steady() - self.wrote > BATCH_SECONDS:
                        self._write()
            finally:  # an interrupt keeps what came
                self.fetcher.pace.ended.set()
                self._write()

    def _answers(
        self, pool: ThreadPoolExecutor, asks: Sequence[Wanted]
    ) -> Iterator[tuple[Wanted, "Future[pd.DataFrame]"]]:
        """Each answer when it is there; once the list has ended, what was not asked is left."""
        rest = iter(asks)
        waiting: dict[Future[pd.DataFrame], Wanted] = {}
        while True:
            for ask in islice(
                rest, 0 if self.why else 2 * REQUESTS_TOGETHER - len(waiting)
            ):  # few answers wait in memory
                waiting[pool.submit(self._rows, ask)] = ask
            if not waiting:
                break
            for answer in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(answer), answer
        self.left += [ask.symbol for ask in rest]

    def _rows(self, ask: Wanted) -> pd.DataFrame:
        """The rows to keep of an asset, in a thread of the pool."""
        gap, name = self.gaps[ask.asset_id], self.fetcher.adapter.name
        is_whole = ask.first == gap.whole.first and ask.known is None
        try:
            rows = self.fetcher.rows(ask)
        except FeedError as error:  # a source that gives its last sessions alone
            if error.kind != "asset" or not is_whole or not len(gap.days):
                raise
            rows, is_whole = self.fetcher.rows(_recent(gap.whole, gap.days)), False
        if not is_whole and ask.known is None and gap.has_other_events(rows):
            try:
                rows, is_whole = self.fetcher.rows(gap.whole), True
            except FeedError as error:  # of kind "asset" where a source gives its last sessions alone: these stand
                if error.kind != "asset":
                    raise
        if not len(gap.days) and rows["close"].isna().all():
            raise FeedError(f"{name} has no price of {ask.symbol} in the days wanted.")
        factor = gap.factor(rows) if ask.currency and self.fetcher.adapter.adjustment != TOTAL_RETURN else 1.0
        if factor != 1.0 and not np.isclose(rows["split"].to_numpy().prod() * factor, 1.0, rtol=WHOLE_FACTOR):
            raise FeedError(
                f"{name} gives all known closes of {ask.symbol} at {factor:g} times what they were, without a split "
                "that explains it: its quotes may not be adjusted for a new one yet. Ask again tomorrow.", "later",
            )  # fmt: skip
        if begins := rows.attrs.pop(BEGINS, None):
            self.begins[ask.asset_id] = begins
        if is_whole and _has_all(rows, gap, begins or ask.begins):
            self.whole.add(ask.asset_id)
        return rows

    def _take(self, ask: Wanted, answer: "Future[pd.DataFrame]") -> None:
        """Keep the rows of an answer, or its error, which may end the list."""
        try:
            rows = answer.result()
            if len(rows):  # of an asset that is known no bar may follow
                self.batch[ask.asset_id] = rows
            self.in_a_row = 0
        except FeedError as error:
            self._fail(ask.symbol, error)

    def _fail(self, symbol: str, error: FeedError) -> None:
        if error.kind == "source" or (error.wait or 0.0) > LONGEST_PAUSE:
            self._end(str(error))
        if self.why and error.kind != "asset":
            self.left.append(symbol)
            return
        self.failed[symbol] = str(error)
        self.in_a_row = self.in_a_row + 1 if error.kind == "later" else 0
        if self.in_a_row == GIVE_UP:
            self._end(f"{self.fetcher.adapter.name} failed for {GIVE_UP} symbols in a row. Try again later.")

    def _end(self, why: str) -> None:
        """Ask nothing more, for the first reason given."""
        self.why = self.why or why
        self.fetcher.pace.ended.set()

    def _write(self) -> None:
        """Add the rows that came to the store, and note what they are and from which day on they are there."""
        batch, self.batch, self.wrote = self.batch, {}, self.clock.steady()
        if not batch:
            return
        self._note([asset for asset in batch if not len(self.gaps[asset].days)])  # which says nothing without rows
        kept = self.store.add(pd.concat(batch.values(), ignore_index=True))
        self._note(list(batch))
        for asset, rows in kept.groupby("asset_id"):
            new = ~np.isin(np.unique(sessions_of(rows)), self.gaps[str(asset)].days)
            self.rows += int(new.sum())
            if not new.all():
                self.changed.append(str(asset))

    def _note(self, assets: Sequence[str]) -> None:
        """Note the adjustment, the first day asked for, and of which assets an answer had all, from which day on.

        Of two processes one may lose its note, and asks anew.
        """
        about = self.store.about
        fact = _asked(self.fetcher.adapter)
        asked = about.get(fact, {})
        since = {asset: (self.gaps[asset].whole.first or date.min).isoformat() for asset in assets}
        facts = {fact: asked | since, "adjustment": self.fetcher.adapter.adjustment}
        whole = {asset: self.began.date().isoformat() for asset in assets if asset in self.whole}
        begins = {asset: self.begins[asset].isoformat() for asset in assets if asset in self.begins}
        facts |= {name: about.get(name, {}) | new for name, new in ((WHOLE_ON, whole), (BEGINS, begins)) if new}
        if not facts.items() <= about.items():
            self.store.describe(**facts)

    def fetched(self, planned: FetchPlan) -> Fetched:
        """The result of the call."""
        revisions = pd.DataFrame()
        if self.changed:
            revisions = self.store.revisions(self.changed)
            asks = (gap.ask for gap in self.gaps.values() if gap.ask is not None)
            dated = {ask.asset_id: pd.Timestamp(ask.known) + pd.Timedelta(days=1) for ask in asks if ask.known}
            began = pd.Timestamp(self.began.replace(tzinfo=None))
            since = [dated.get(asset, began) for asset in revisions["asset_id"]]  # vintages are dated before the call
            revisions = revisions[revisions["known_after"] >= pd.DatetimeIndex(since)]
        return Fetched(planned, self.rows, revisions, self.failed, tuple(self.left), self.why, self.fetcher.pace.made)


def _has_all(rows: pd.DataFrame, gap: _Gap, begins: date | None) -> bool:
    """True where the rows of an answer that was asked for all begin as early as the source's own, and the store's."""
    if not len(rows):
        return False
    first, known = sessions_of(rows).min(), [gap.days[0]] if len(gap.days) else []
    if begins is not None:
        known.append(np.datetime64(max(begins, gap.whole.first or begins) + BEGINS_LATE))
    return all(first <= day for day in known)


def late_starts(store: PriceStore, known: KnownBars, calendars: Mapping[str, str]) -> list[Finding]:
    """Findings of assets that begin later in a store than at their source, in the days that were asked for.

    known     : their rows.
    calendars : name of the exchange calendar of each.
    """
    about, found = store.about, list[Finding]()
    begins, asked = about.get(BEGINS, {}), about.get(ASKED_FACT, {})
    for asset, part in zip(known.assets, known.slices, strict=True):
        held = known.days[part][0]
        first = np.datetime64(max(begins[asset], asked.get(asset, FROM_THE_START))) if asset in begins else held
        if held - first > BEGINS_LATE:
            days = sessions(first, held - 1, calendars[asset])
            words = (
                f"{asset} begins on {held}, {counted(len(days), 'session')} after {first}, from which day its source "
                f"has it. Ask for all of it: `rebalance data fetch FILE --again {asset}`."
            )
            found.append(finding("start", asset, days, len(days), words))
    return found


def _duration(seconds: float) -> str:
    """A time in words, never less than it takes.

    >>> _duration(60.0), _duration(300.0), _duration(36_000.0)
    ('about 60 seconds', 'about 5 minutes', 'about 10 hours')
    """
    unit, length = next(((u, n) for u, n in (("hour", 3600), ("minute", 60)) if seconds > 2 * n), ("second", 1))
    return f"about {counted(ceil(seconds / length), unit)}"
