"""The data of portfolio files: what they need from their source, fetched; imported tables; and what the stores hold."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of, fit
from backtests.evaluation.scores import score
from desk.feeds.adapter import FeedError, Wanted
from desk.feeds.adapters import ADAPTERS
from desk.feeds.fetching import Fetcher, source_key
from desk.feeds.pace import Clock
from desk.feeds.refresh import fetch
from foundation.arguments import did_you_mean
from foundation.errors import ConfigError
from foundation.files import write_whole
from foundation.paper.text_tables import text_table
from foundation.paper.wording import listed
from research.market.calendars import closes, day_at, sessions
from research.market.quality import Quality, check, check_market, differences
from research.market.reading.from_store import repaired
from research.market.reading.imports import Origin, import_tables, origin_of, update_tables
from research.market.reading.known_instruments import Instrument, known_instruments
from research.market.repairs import read_repairs
from research.market.store import PriceStore, named_store, store_names
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.settings import names_of, read
from research.portfolio.keys.market_keys import FRED, MarketKeys, SeriesOfCash
from research.portfolio.keys.portfolio_keys import PortfolioKeys
from research.portfolio.keys.stored_market import BILL, FETCH, instrument_of, known_moment, wanted_lines

RECENT = 14  # days that hold a session of every calendar
PUBLISHED = timedelta(minutes=30)  # after a close, until sources have its bar
ROWS_SHOWN = 30  # rows of a table on a terminal
FUND_DELAY = timedelta(hours=8)  # after a close, until a fund's NAV of that day is out
QUOTE_TEXT = "Give a file whose market is a source, such as `market: {source: yahoo}`."


def needs_of(file: Path, now: datetime, since: date | None = None) -> dict[str, list[Wanted]]:
    """The bars that a portfolio file needs by source, up to the last session that is over.

    since  : first day, None for all that the source has.
    Raises : ConfigError for a file whose market is no source, and for a source that is not known.
    """
    document, keys = _market_keys(file)
    if keys is None or not (keys.source or _series(keys) or _tables_of(file)):
        again = (
            f"Import its tables anew, `rebalance data import PATH --as {keys.store}`." if keys and keys.store else ""
        )
        document.refuse(("market",), "is fetched from no source", document.value("market"), again or QUOTE_TEXT)
    wanted = {} if keys.source is None else {keys.source: _bars(document, keys, keys.source, now, since)}
    if series := _series(keys):
        wanted[FRED] = [*wanted.get(FRED, ()), Wanted(series, series, since, now.date(), currency="")]
    return wanted


def _tables_of(file: Path) -> tuple[PriceStore, Origin] | None:
    """The store of imported tables that a portfolio file reads, and their place; None for none."""
    keys = _market_keys(file)[1]
    store = named_store(keys.store) if keys is not None and keys.store else None
    origin = None if store is None else origin_of(store)
    return None if store is None or origin is None else (store, origin)


def _market_keys(file: str | Path) -> tuple[Document, MarketKeys | None]:
    """A portfolio file, and the keys of its market; None for an embedded market by name."""
    document = read_document(file, None, names_of(PortfolioKeys))
    has_keys = isinstance(document.value("market"), dict)
    return document, read(document, ("market",), MarketKeys) if has_keys else None


def _series(keys: MarketKeys) -> str:
    """The series of FRED that is the cash of a market, "" for none; a market of files takes the embedded bill."""
    if isinstance(keys.cash, SeriesOfCash):
        return keys.cash.series if keys.cash.store == FRED else ""
    return BILL if keys.cash == "bill" and keys.of_store else ""


def _bars(document: Document, keys: MarketKeys, source: str, now: datetime, since: date | None) -> list[Wanted]:
    """The bars of all instruments of a file. Raises ConfigError for a source that is not known."""
    if source not in ADAPTERS:
        document.refuse(("market", "source"), "no source", source, did_you_mean(source, ADAPTERS))
    known = known_instruments()
    return [
        Wanted(
            asset_id=instrument.asset_id,
            symbol=known.symbol_at(instrument, source),
            first=since,
            last=_last_over(instrument, keys.sessions, now),
            currency=instrument.currency or "USD",
        )
        for instrument in wanted_lines(document, keys).values()
    ]


def _last_over(instrument: Instrument, calendar: str, now: datetime) -> date:
    """The last session whose bar sources have."""
    own = instrument.calendar or calendar
    day = np.datetime64(now.date(), "D")
    held = sessions(day - RECENT, day, own)
    late = FUND_DELAY if instrument.kind == "fund" else PUBLISHED
    over = held[closes(held, own) <= np.datetime64((now - late).replace(tzinfo=None), "m")]
    return date.fromisoformat(str(over[-1]))


def fetch_data(
    file: Path, since: date | None = None, *, dry_run: bool = False, clock: Clock | None = None
) -> tuple[str, bool]:
    """Fetch what a portfolio file needs and its stores do not have: text for the terminal, and whether all came.

    Raises : as `needs_of`, `update_tables` and `desk.feeds.refresh.fetch` do.
    """
    clock = clock or Clock()
    texts, whole = [], True
    if tables := _tables_of(file):
        text, whole = update_tables(*tables, clock.moment(), dry_run=dry_run)
        texts.append(text)
    for source, wanted in needs_of(file, clock.now(), since).items():
        store = named_store(source)
        found = fetch(store, ADAPTERS[source], wanted, clock=clock, dry_run=dry_run)
        texts.append(found.plan.text() if dry_run else found.text())
        whole = whole and not (found.failed or found.left)
        if not dry_run:
            store.describe(adjustment=ADAPTERS[source].adjustment)
    return "\n".join(texts), whole


def fetch_quotes(file: Path, source: str, clock: Clock | None = None) -> Path:
    """Quotes of the moment for the lines of a portfolio file, as a file of prices in the source's store.

    Raises : ConfigError for a source that gives none; FeedError where it does not answer.
    """
    clock = clock or Clock()
    giving = [name for name, adapter in ADAPTERS.items() if hasattr(adapter, "quotes")]
    if source not in giving:
        raise ConfigError(f"--quotes is {source!r}: {did_you_mean(source, giving)}")
    document, _ = _market_keys(file)
    known, adapter, store = known_instruments(), ADAPTERS[source], named_store(source)
    of = {name: instrument_of(name, line) for name, line in document.mapping("lines").items()}
    symbols = {name: known.symbol_at(instrument, source) for name, instrument in of.items()}
    store.folder.mkdir(parents=True, exist_ok=True)
    with Fetcher(adapter, store.folder, clock) as fetcher:
        quotes = fetcher.quotes(symbols)
    rows = [["asset", "price", "date", "currency", "quoted at", "source"]]
    for quote, instrument in zip(quotes, of.values(), strict=True):
        moment = datetime.fromisoformat(f"{quote.at}+00:00")
        own = str(day_at(moment, instrument.calendar or "XNYS"))
        rows.append([quote.asset_id, repr(quote.price), own, quote.currency, f"{moment:%Y-%m-%dT%H:%M:%SZ}", source])
    stamp = f"{clock.now():%Y%m%dT%H%M%SZ}"
    return write_whole(store.folder / f"quotes-{stamp}.csv", "".join(",".join(row) + "\n" for row in rows))


def import_table(path: Path, name: str, clock: Clock | None = None, **how: str | None) -> str:
    """Import a table of any usual shape into the store of a name: what was understood, and what was kept.

    path   : path of the table, or of a folder of tables.
    how    : adjustment, currency, dates and decimal, where the table does not say them (`understand`).
    Raises : as `import_tables`; then nothing is imported.
    """
    if name in ADAPTERS:
        raise ConfigError(f"--as {name} is the store of a source: give the table a name of its own.")
    options = {option: value for option, value in how.items() if value is not None}
    return "\n\n".join(import_tables(named_store(name), path, (clock or Clock()).moment(), options))


def check_data(named: str, against: str | None = None) -> Quality:
    """The quality of what a portfolio file reads, as of its moment and with its repairs, or of what a store has.

    named   : path of a portfolio file, or name of a store.
    against : name of another store, whose closes of the same assets are compared; None for none.
    Raises  : ConfigError for what is neither, and for a file whose store lacks an asset.
    """
    _check_named(named)
    if named in store_names():
        keys, known_on, ids = MarketKeys(store=named), None, named_store(named).assets()
        of = {asset: known_instruments().find(asset) or Instrument(asset) for asset in ids}
    else:
        document, stated = _market_keys(named)
        if stated is None or not stated.of_store:
            return check_market(load_portfolio(named).market)
        keys = stated
        known_on, kept = known_moment(document, keys.known_on), named_store(keys.of_store).assets()
        of = {one.asset_id: one for one in wanted_lines(document, keys, kept).values()}
        if absent := sorted(set(of) - set(kept)):
            document.refuse(("market",), "has no prices yet", listed(absent, most=5), FETCH.format(document.file))
        ids = list(of)
    classes = {asset: one.asset_class for asset, one in of.items() if one.asset_class}
    gone = [asset for asset, one in of.items() if one.delisted is not None]
    calendars = {asset: one.calendar or keys.sessions for asset, one in of.items()}
    store, second = named_store(keys.of_store), None if keys.second is None else named_store(keys.second)
    known, _ = repaired(store, calendars, known_on, read_repairs(keys.repairs or ()), second)
    quality = check(known, calendars, classes, gone)
    if against is None:
        return quality
    other = named_store(against)
    both = [asset for asset in other.assets() if asset in of]
    if not both:
        raise ConfigError(f"--against is {against!r}: that store has none of {listed(ids, most=5)}. Fetch them first.")
    apart = differences(known, other.read(both, known_on=known_on), (store.name, against))
    return replace(quality, findings=(*quality.findings, *apart))


def _check_named(named: str) -> None:
    """Raise ConfigError for what is neither a portfolio file nor a store."""
    if named not in store_names() and not Path(named).is_file():
        raise ConfigError(f"{named!r} is neither a portfolio file nor a store: {did_you_mean(named, store_names())}")


def stores_text() -> str:
    """A table of all stores: what they hold, how much, and to when."""
    rows = [["store", "assets", "rows", "first", "last", "quotes"]]
    for name in store_names():
        store = named_store(name)
        span = store.span(store.assets())
        days = ["", ""] if span is None else [str(span[0]), str(span[1])]
        rows.append([name, f"{len(store.assets()):,}", f"{store.size:,}", *days, store.about.get("adjustment", "")])
    if len(rows) == 1:
        return (
            "No store yet: `rebalance data fetch FILE` makes one, and so does `rebalance data import TABLE --as NAME`."
        )
    return text_table(rows, left=1, last_left=True)


def sources_text() -> str:
    """A table of the sources: their keys, whether one is there, and their limits."""
    rows = [["source", "pace", "key"]]
    for name, adapter in ADAPTERS.items():
        limits = adapter.limits
        a_day = "" if limits.a_day is None else f", {limits.a_day:,} a day"
        key = ""
        with suppress(FeedError):
            key = source_key(adapter)
        there = "set" if key else f"not set; from {adapter.key_from}"
        told = f"{adapter.key_variable} ({there})" if adapter.key_variable else "none needed"
        rows.append([name, f"{limits.requests:,} in {limits.seconds:g} s{a_day}", told])
    return text_table(rows, left=1, last_left=True, width=None)  # names are what a file states


def revisions_text(named: str) -> str:
    """The numbers of the past that sources changed, of a portfolio file or a store, and what they change in its policy.

    For a file, its policy is played on the prices known before the last revision and on those known now.
    """
    _check_named(named)
    if named in store_names():
        return _revisions_table(named_store(named).revisions())
    portfolio = load_portfolio(named)
    document, keys = _market_keys(named)
    if keys is None or not keys.of_store:
        document.refuse(
            ("market",), "is of no store, which alone keeps revisions", document.value("market"), QUOTE_TEXT
        )
    store = named_store(keys.of_store)
    ids = [one.asset_id for one in wanted_lines(document, keys, store.assets()).values()]
    found = store.revisions(ids)
    if not len(found):
        return _revisions_table(found)
    before = found["known_after"].max() - pd.Timedelta(microseconds=1)
    earlier = load_portfolio(named, {"market.known_on": before.isoformat()})
    last = min(portfolio.date, earlier.date)
    rows = [["", "J, bp a year", "final NAV"]]
    for words, each in (("as known before", earlier), ("as known now", portfolio)):
        loss, nav = _played(each, last)
        rows.append([words, f"{loss:,.3f}", f"{nav:,.2f}"])
    return f"{_revisions_table(found)}\n\n{portfolio.policy} to {last:%Y-%m-%d}:\n{text_table(rows, left=1)}"


def _played(portfolio: Portfolio, last: pd.Timestamp) -> tuple[float, float]:
    """J, bp a year, and the final NAV of the policy in force, played to a day."""
    cut = replace(portfolio, market=portfolio.market.until(last))
    name = portfolio.policy or next(iter(portfolio.policies))
    played = backtest_candidate(cut, fit(name, cut).policy, name)
    return score(played, benchmark_of(cut, cut.market))["loss"], float(played.ledger.nav[-1])


def _revisions_table(found: pd.DataFrame) -> str:
    if not len(found):
        return "No number of the past was changed."
    rows = [["asset", "session", "column", "before", "after", "known before", "known after"]]
    for row in found.tail(ROWS_SHOWN).to_dict("records"):
        known = [f"{row[name]:%Y-%m-%d %H:%M:%S}" for name in ("known_before", "known_after")]
        numbers = [f"{row['before']:g}", f"{row['after']:g}"]
        rows.append([row["asset_id"], f"{row['session']:%Y-%m-%d}", row["column"], *numbers, *known])
    more = f"\n{len(found) - ROWS_SHOWN:,} earlier ones are not shown." if len(found) > ROWS_SHOWN else ""
    return text_table(rows, left=3) + more
