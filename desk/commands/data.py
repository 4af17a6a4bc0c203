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
from foundation.errors import ConfigError, DataError
from foundation.files import write_whole
from foundation.paper.text_tables import text_table
from foundation.paper.wording import listed
from research.market.calendars import closes, day_at, sessions
from research.market.quality import Quality, check, check_market, differences
from research.market.reading.from_store import repaired
from research.market.reading.known_instruments import Instrument, known_instruments
from research.market.reading.price_import import understand
from research.market.repairs import read_repairs
from research.market.rows import SOURCE_ROUNDING
from research.market.store import named_store, store_names
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.settings import names_of, read
from research.portfolio.keys.market_keys import MarketKeys, SeriesOfCash
from research.portfolio.keys.portfolio_keys import PortfolioKeys
from research.portfolio.keys.stored_facts import lines_of, stored_facts
from research.portfolio.keys.stored_market import BILL, FETCH, instrument_of, known_moment, wanted_lines

RECENT = 14  # days that hold a session of every calendar
PUBLISHED = timedelta(minutes=30)  # after a close, until sources have its bar
NOT_STATED = "not stated"
ROWS_SHOWN = 30  # rows of a table on a terminal
FUND_DELAY = timedelta(hours=8)  # after a close, until a fund's NAV of that day is out
QUOTE_TEXT = "Give a file whose market is a source, such as `market: {source: yahoo}`."


def needs_of(file: Path, now: datetime, since: date | None = None) -> dict[str, list[Wanted]]:
    """The bars that a portfolio file needs by source, up to the last session that is over.

    since  : first day, None for all that the source has.
    Raises : ConfigError for a file whose market is no source, and for a source that is not known.
    """
    document, keys = _market_keys(file)
    series = {} if keys is None else _series(document, keys)
    if keys is None or not (keys.source or series):
        document.refuse(("market",), "is fetched from no source", document.value("market"), QUOTE_TEXT)
    wanted = {} if keys.source is None else {keys.source: _bars(document, keys, keys.source, now, since)}
    for (source, asset_id), symbol in series.items():
        if asset_id not in (each.asset_id for each in wanted.setdefault(source, [])):
            wanted[source].append(Wanted(asset_id, symbol, since, now.date(), currency=""))
    return wanted


def _market_keys(file: str | Path) -> tuple[Document, MarketKeys | None]:
    """A portfolio file, and the keys of its market; None for an embedded market by name."""
    document = read_document(file, None, names_of(PortfolioKeys))
    has_keys = isinstance(document.value("market"), dict)
    return document, read(document, ("market",), MarketKeys) if has_keys else None


def _series(document: Document, keys: MarketKeys) -> dict[tuple[str, str], str]:
    """The symbols of the series that are cash or facts of a market, by source and id.

    The bill is continued from FRED; a market of files takes the embedded bill.
    """
    bill = SeriesOfCash(series=BILL) if keys.cash == "bill" and keys.of_store else None
    cash = keys.cash if isinstance(keys.cash, SeriesOfCash) else bill
    found = {} if cash is None else {(cash.store, cash.series): cash.series}
    for fact in stored_facts(document, keys).values():
        found |= {(fact.store, name): name for name in fact.names}
        for one in lines_of(document, fact).values() if fact.figure else ():
            symbol = known_instruments().symbol_at(one, fact.store)
            found[fact.store, f"{one.asset_id}{fact.figure}"] = f"{symbol}{fact.figure}"
    return {place: symbol for place, symbol in found.items() if place[0] in ADAPTERS}


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

    Raises : as `needs_of` and `desk.feeds.refresh.fetch` do.
    """
    clock = clock or Clock()
    texts, whole = [], True
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
    Raises : DataError for a table that cannot be understood, and ConfigError for one whose closes are adjusted
             otherwise than the store's; then nothing is imported.
    """
    if name in ADAPTERS:
        raise ConfigError(f"--as {name} is the store of a source: give the table a name of its own.")
    store, texts = named_store(name), []
    moment = (clock or Clock()).moment()
    files = sorted(found for found in path.iterdir() if found.is_file()) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} has no files. Name a table, or a folder of tables.")
    tables = [(understood := understand(file, **how), understood.rows(moment, name)) for file in files]
    about = store.about if store.parts else {"adjustment": tables[0][0].adjustment or ""}
    before = about.get("adjustment", "")
    for understood, rows in tables:
        if (stated := understood.adjustment or "") != before:
            raise ConfigError(
                f"the closes of {understood.bars.file} are {stated or NOT_STATED}, and those of store {name!r} are "
                f"{before or NOT_STATED}: one series has one adjustment. Import the table under another name, or "
                "correct --adjustment."
            )
        known = store.rows(rows["asset_id"].unique().tolist())
        _refuse_other_rows(known, rows, understood.bars.file, moment, name)
        if stated != "raw":
            _refuse_adjusted_since(known, rows, understood.bars.file, name)
    for understood, rows in tables:
        kept = store.add(rows)
        texts.append(f"{understood.text()}\n\n{len(kept):,} rows were new or changed; store {name!r} has them.")
    notes = [*about.get("notes", ()), *(note for understood, _ in tables for note in understood.notes)]
    store.describe(adjustment=before, notes=list(dict.fromkeys(notes)))
    return "\n\n".join(texts)


def _refuse_other_rows(known: pd.DataFrame, rows: pd.DataFrame, file: str, moment: np.datetime64, store: str) -> None:
    """Raise DataError for a session that is not over, and for an asset in another currency than in the store.

    known : the rows in force of a store of this name.
    """
    late = rows[rows["session"].to_numpy() > moment.astype("datetime64[D]")]
    if len(late):
        row = late.iloc[0]
        raise DataError(
            f"{file} has a price of {row['asset_id']} on {row['session']:%Y-%m-%d}, which lies ahead. Correct the "
            "dates, or leave such rows out."
        )
    newest = known.drop_duplicates("asset_id", keep="last")
    both = newest.merge(rows.drop_duplicates("asset_id"), on="asset_id", suffixes=("_before", ""))
    other = both[both["currency"] != both["currency_before"]]
    if len(other):
        row = other.iloc[0]
        raise DataError(
            f"{row['asset_id']} is in {row['currency'] or 'no currency'} in {file}, and in "
            f"{row['currency_before'] or 'no currency'} in store {store!r}. State --currency, or import the table "
            "under another name."
        )


def _refuse_adjusted_since(known: pd.DataFrame, rows: pd.DataFrame, file: str, store: str) -> None:
    """Raise ConfigError for adjusted closes that differ from the store's where they first meet, and leave some of them.

    A dividend since changes all closes before it by one factor: so only a table of the whole past may have it.

    known : the rows in force of a store of this name.
    """
    both = known.merge(rows, on=["asset_id", "session"], suffixes=("_before", ""))
    first = both.drop_duplicates("asset_id").set_index("asset_id")
    apart = (first["close"] / first["close_before"] - 1.0).abs() > SOURCE_ROUNDING
    part = both["asset_id"].value_counts().lt(known["asset_id"].value_counts())
    for asset in first.index[apart & part[first.index]]:
        row = first.loc[asset]
        raise ConfigError(
            f"the close of {asset} on {row['session']:%Y-%m-%d} is {row['close']:g} in {file} and "
            f"{row['close_before']:g} in store {store!r}, which has days that the table lacks: adjusted closes "
            "change with each dividend. Import a table of the whole past, or under another name."
        )


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
