"""The data of portfolio files: what they need from their source, fetched; imported tables; and what the stores hold."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of, fit
from backtests.evaluation.scores import score
from backtests.runs.folder import found_at
from backtests.runs.manifest import read_manifest
from desk.commands.orders.trades import refit, scheduled_rule
from desk.cycle.schedule import last_over
from desk.feeds.adapter import Adapter, FeedError, Wanted
from desk.feeds.adapters import ADAPTERS
from desk.feeds.adapters.tool import ToolAdapter
from desk.feeds.fetching import Fetcher
from desk.feeds.pace import Clock
from desk.feeds.refresh import fetch, late_starts
from foundation.arguments import did_you_mean
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.files import write_whole
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import counted, listed
from research.market.calendars import day_at
from research.market.cash import UNPAID, BillRates, YearlyRates, bill_cash, rate_cash
from research.market.quality import Quality, SeriesQuality, check, check_market, check_series, differences
from research.market.reading.adjusted_closes import UNSTATED_CLOSES
from research.market.reading.from_store import repaired_rows
from research.market.reading.imports import ImportOrigin, import_tables, origin_of, update_tables
from research.market.reading.known_instruments import Instrument, known_instruments
from research.market.repairs import read_repairs
from research.market.store import PriceStore, named_store, store_names
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.known_on import known_moment
from research.portfolio.file.settings import names_of
from research.portfolio.keys.market import market_keys
from research.portfolio.keys.market_keys import AfterBill, MarketKeys, SeriesOfCash, ToolSource
from research.portfolio.keys.portfolio_keys import PortfolioKeys
from research.portfolio.keys.stored_facts import lines_with_facts, stored_facts
from research.portfolio.keys.stored_market import BILL, FETCH, cash_source, line_instruments, wanted_lines
from research.rules import Rule

ROWS_ON_TERMINAL = 30  # rows of a table on a terminal
RETURN_COLUMNS = ("close", "split", "dividend")  # of a row, those on which returns depend
QUOTE_TEXT = "Give a file whose market is a source, such as `market: {source: yahoo}`."


def needs_of(file: Path, now: datetime, since: date | None = None) -> dict[str, list[Wanted]]:
    """The bars that a portfolio file needs by source, up to the last session that is over.

    since  : first day, None for all that the source has.
    Raises : ConfigError for a file whose market is no source.
    """
    document, keys = _market_keys(file)
    series = _series(document, keys)
    if not _is_fetched(document, keys):
        again = f"Import its tables anew, `rebalance data import PATH --as {keys.store}`." if keys.store else ""
        document.refuse(("market",), "is fetched from no source", document.value("market"), again or QUOTE_TEXT)
    wanted = dict[str, list[Wanted]]()
    if keys.source is not None:
        wanted[keys.of_store] = _bars(document, keys, keys.of_store, now, since)
    for (source, asset_id), symbol in series.items():
        if asset_id not in (each.asset_id for each in wanted.setdefault(source, [])):
            wanted[source].append(Wanted(asset_id, symbol, since, now.date(), currency=""))
    return wanted


def delays_of(file: Path) -> dict[str, timedelta]:
    """By exchange calendar, the time after a close until the sources of a portfolio file have its bars; {} for none."""
    document, keys = _market_keys(file)
    delays = dict[str, timedelta]()
    for one in wanted_lines(document, keys).values() if _is_fetched(document, keys) else ():
        own = one.calendar or keys.sessions
        delays[own] = max(delays.get(own, timedelta()), one.delay(keys.of_store))
    return delays


def quote_source(file: Path) -> str:
    """The source of the market of a portfolio file, where it gives quotes of the moment; else ""."""
    keys = _market_keys(file)[1]
    source = keys.of_store if keys.source else ""
    return source if hasattr(ADAPTERS.get(source), "quotes") else ""


def _adapter(file: Path, source: str) -> Adapter:
    """The adapter of a source of a portfolio file."""
    document, keys = _market_keys(file)
    if isinstance(keys.source, ToolSource) and source == keys.of_store:
        return ToolAdapter(name=source, source=keys.source, trusted=document.trust_code)
    return ADAPTERS[source]


def _is_fetched(document: Document, keys: MarketKeys) -> bool:
    """True if a source, or imported tables, may have more of what a file reads."""
    return bool(keys.source or _series(document, keys) or _tables_of(keys))


def _tables_of(keys: MarketKeys) -> tuple[PriceStore, ImportOrigin] | None:
    """The store of imported tables that a market reads, and their place; None for none."""
    if not keys.store:
        return None
    store = named_store(keys.store)
    origin = origin_of(store)
    return None if origin is None else (store, origin)


def _market_keys(file: str | Path, overrides: Mapping[str, Any] | None = None) -> tuple[Document, MarketKeys]:
    """A portfolio file, and the keys of its market."""
    document = read_document(file, overrides, names_of(PortfolioKeys))
    return document, market_keys(document)


def _series(document: Document, keys: MarketKeys) -> dict[tuple[str, str], str]:
    """The symbols of the series that are cash or facts of a market, by source and id.

    The bill is continued from FRED; a market of files takes the embedded bill.
    """
    is_bill = keys.cash == "bill" or isinstance(keys.cash, AfterBill)
    bill = SeriesOfCash(series=BILL) if is_bill and keys.of_store else None
    cash = keys.cash if isinstance(keys.cash, SeriesOfCash) else bill
    found = {} if cash is None else {(cash.store, cash.series): cash.series}
    for fact in stored_facts(document, keys).values():
        found |= {(fact.store, name): name for name in fact.names}
        for one in lines_with_facts(document, fact).values() if fact.figure else ():
            symbol = known_instruments().symbol_at(one, fact.store)
            found[fact.store, f"{one.asset_id}{fact.figure}"] = f"{symbol}{fact.figure}"
    return {place: symbol for place, symbol in found.items() if place[0] in ADAPTERS}


def _bars(document: Document, keys: MarketKeys, source: str, now: datetime, since: date | None) -> list[Wanted]:
    """The bars of all instruments of a file."""
    known = known_instruments()
    return [
        Wanted(
            asset_id=instrument.asset_id,
            symbol=known.symbol_at(instrument, source),
            first=since,
            last=_last_over(instrument, keys.sessions, source, now),
            currency=instrument.currency or "USD",
        )
        for instrument in wanted_lines(document, keys).values()
    ]


def _last_over(instrument: Instrument, calendar: str, source: str, now: datetime) -> date:
    """The last session whose bar a source has."""
    own = instrument.calendar or calendar
    return date.fromisoformat(str(last_over(now, own, {own: instrument.delay(source)})))


def fetch_data(
    file: Path,
    since: date | None = None,
    *,
    again: Collection[str] = (),
    dry_run: bool = False,
    clock: Clock | None = None,
) -> tuple[str, bool]:
    """Fetch what a portfolio file needs and its stores do not have: text for the terminal, and whether all came.

    again  : names in the file, ids or symbols of what is asked for whole again; "all" for everything.
    Raises : ConfigError for a name in `again` that the file does not have; as `needs_of`, `update_tables` and
             `desk.feeds.refresh.fetch` do; where another source came before, its FeedError is in the text.
    """
    clock = clock or Clock()
    texts, whole = list[str](), True
    if tables := _tables_of(_market_keys(file)[1]):
        text, whole = update_tables(*tables, clock.moment(), dry_run=dry_run)
        texts.append(text)
    needs = needs_of(file, clock.now(), since)
    anew = _named_again(file, needs, again)
    for source, wanted in needs.items():
        try:
            found = fetch(named_store(source), _adapter(file, source), wanted, clock=clock, dry_run=dry_run, again=anew)
        except FeedError as error:
            if not texts:
                raise
            return "\n".join([*texts, str(error)]), False
        texts.append(found.plan.text() if dry_run else found.text())
        whole = whole and not (found.failed or found.left)
    return "\n".join(texts), whole


def _named_again(file: Path, needs: Mapping[str, Sequence[Wanted]], again: Collection[str]) -> set[str]:
    """The ids of what is named: by an asset's name in the file, its id or its symbol; "all" names everything."""
    if not again:
        return set()
    document, keys = _market_keys(file)
    ids = {word: one.asset_id for each in needs.values() for one in each for word in (one.symbol, one.asset_id)}
    ids |= {name: one.asset_id for name, one in wanted_lines(document, keys).items()} if keys.source else {}
    for name in again:
        if name != "all" and name not in ids:
            raise ConfigError(f"--again is {name!r}: {did_you_mean(name, [*ids, 'all'])}")
    return set(ids.values()) if "all" in again else {ids[name] for name in again}


def fetch_quotes(file: Path, source: str, clock: Clock | None = None) -> Path:
    """Quotes of the moment for the assets of a portfolio file, as a file of prices in the source's store.

    Raises : ConfigError for a source that gives none; FeedError where it does not answer.
    """
    clock = clock or Clock()
    giving = [name for name, adapter in ADAPTERS.items() if hasattr(adapter, "quotes")]
    if source not in giving:
        raise ConfigError(f"--prices is {source!r}: {did_you_mean(source, giving)}")
    document, keys = _market_keys(file)
    known, adapter, store = known_instruments(), ADAPTERS[source], named_store(source)
    of = line_instruments(document)
    symbols = {name: known.symbol_at(instrument, source) for name, instrument in of.items()}
    store.folder.mkdir(parents=True, exist_ok=True)
    with Fetcher(adapter, store.folder, clock) as fetcher:
        quotes = fetcher.quotes(symbols)
    rows = [["asset", "price", "date", "currency", "quoted at", "source"]]
    for quote, instrument in zip(quotes, of.values(), strict=True):
        moment = datetime.fromisoformat(f"{quote.at}+00:00")
        own = str(day_at(moment, instrument.calendar or keys.sessions))
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


@dataclass(frozen=True)
class Checked:
    """The quality of prices, and of series of a source; None where there are none.

    cash : a sentence on the rates of cash where they do not reach the last prices of a portfolio file, else "".
    """

    prices: Quality | None
    series: SeriesQuality | None = None
    cash: str = ""

    @property
    def must_be_looked_at(self) -> bool:
        """True if a price, a series or the rates of cash must be."""
        return bool(self.cash) or any(each.must_be_looked_at for each in (self.prices, self.series) if each is not None)

    def text(self) -> str:
        """All of them, for a terminal."""
        tables = [each.text() for each in (self.prices, self.series) if each is not None]
        return "\n\n".join([*tables, *([wrapped(self.cash)] if self.cash else [])])


def check_data(named: str, against: str | None = None, trust_code: bool | None = None) -> Checked:
    """The quality of what a portfolio file reads, as of its moment and with its repairs, or of what a store has.

    named      : path of a portfolio file, or name of a store.
    against    : name of another store, whose closes of the same assets are compared; None for none.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    Raises     : ConfigError for what is neither, and for a file whose store lacks an asset.
    """
    _check_named(named)
    if named in store_names():
        store = named_store(named)
        codes = dict(zip(ids := store.assets(), store.read(ids, ()).currency, strict=True))
        series = [asset for asset, code in codes.items() if named in ADAPTERS and not code]  # nobody's price
        prices = [asset for asset in ids if asset not in series]
        today = np.datetime64(Clock().now().date(), "D")  # up to which series are due
        of_series = check_series(store.read(series, ()), today) if series else None
        of = {asset: known_instruments().taken(asset) for asset in prices}
        if of_series and not prices and against is None:
            return Checked(None, of_series)
        return Checked(_check_prices(MarketKeys(store=named), of, None, against), of_series)
    document, keys = _market_keys(named)
    if not keys.of_store:
        market = load_portfolio(named, trust_code=trust_code).market
        late = (str(note) for note in market.notes if note.warning and note.last == market.dates[-1])
        return Checked(check_market(market), cash=next((each for each in late if UNPAID in each), ""))
    known_on, kept = known_moment(document, keys.known_on), named_store(keys.of_store).assets()
    of = {one.asset_id: one for one in wanted_lines(document, keys, kept).values()}
    if absent := sorted(set(of) - set(kept)):
        document.refuse(("market",), "has no prices yet", listed(absent, most=5), FETCH.format(document.file))
    span = named_store(keys.of_store).span(list(of))
    cash = "" if span is None else _cash_fault(document, keys, [span[1] - 1, span[1]])
    return Checked(_check_prices(keys, of, known_on, against), cash=cash)


def _cash_fault(document: Document, keys: MarketKeys, last: Sequence[np.datetime64]) -> str:
    """A sentence where the rates of cash of a file do not reach the last two days of its prices; "" where they do."""
    rates, days = cash_source(document, keys), np.array(last, dtype="datetime64[D]")
    try:
        if isinstance(rates, YearlyRates):
            rate_cash(days, rates)
        elif isinstance(rates, BillRates):
            bill_cash(days, keys.sessions, rates)
    except DataError as error:
        return f"Cash: {error}"
    return ""


def _check_prices(
    keys: MarketKeys, of: Mapping[str, Instrument], known_on: np.datetime64 | None, against: str | None
) -> Quality:
    """The quality of the prices of instruments, by their ids, in the store of a market, with its repairs."""
    classes = {asset: one.asset_class for asset, one in of.items() if one.asset_class}
    gone = [asset for asset, one in of.items() if one.delisted is not None]
    calendars = {asset: one.calendar or keys.sessions for asset, one in of.items()}
    store, second = named_store(keys.of_store), None if keys.second is None else named_store(keys.second)
    known, _ = repaired_rows(store, calendars, known_on, read_repairs(keys.repairs or ()), second)
    quality = check(known, calendars, classes, gone)
    quality = replace(quality, findings=(*quality.findings, *late_starts(store, known, calendars)))
    if not store.about.get("adjustment"):
        quality = replace(quality, unchecked=(*quality.unchecked, UNSTATED_CLOSES.format(store.name)))
    if against is None:
        return quality
    other = named_store(against)
    both = [asset for asset in other.assets() if asset in of]
    if not both:
        raise ConfigError(
            f"--against is {against!r}: that store has none of {listed([*of], most=5)}. Fetch them first."
        )
    apart = differences(known, other.read(both, known_on=known_on), (store.name, against))
    return replace(quality, findings=(*quality.findings, *apart))


def _check_named(named: str) -> None:
    """Raise ConfigError for what is neither a portfolio file nor a store."""
    if named not in store_names() and not Path(named).is_file():
        raise ConfigError(f"{named!r} is neither a portfolio file nor a store: {did_you_mean(named, store_names())}")


def revisions_text(named: str, run: Path | None = None, trust_code: bool | None = None) -> str:
    """The numbers of the past that sources changed, of a portfolio file or a store, and what they change in a policy.

    Without a run the policy of the file is backtested on the prices known before the last revision and on those known
    now; with one that of the run, with its settings, on those known at the run, and what was changed since is listed.

    named      : path of a portfolio file, or name of a store.
    run        : folder or name of a report or backtest of the file, or None.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    Raises     : ConfigError for a file whose market is of no store, for a run of a store or another kind, and for one
                 whose settings the file cannot take; DataError for what is no run.
    """
    _check_named(named)
    if named in store_names():
        if run is not None:
            raise ConfigError(
                f"--revisions is {str(run)!r}, and {named!r} is a store: name the portfolio file of the run."
            )
        return _revisions_table(named_store(named).revisions())
    document, keys = _market_keys(named)
    ran, settings = None, dict[str, Any]()
    if run is not None:
        ran = _manifest_of(run)
        file, name = Path(ran["file"]).name, ran["portfolio"]
        if file != Path(named).name and name != document.value("name", default=""):
            raise ConfigError(f"--revisions is of {file}, portfolio {name!r}, and not of {named}: name that file.")
        settings = _in_place_of(document.tree, ran["settings"]["portfolio"])
        document, keys = _market_keys(named, settings)
    if not keys.of_store:
        document.refuse(
            ("market",), "is of no store, which alone keeps revisions", document.value("market"), QUOTE_TEXT
        )
    store = named_store(keys.of_store)
    found = store.revisions([one.asset_id for one in wanted_lines(document, keys, store.assets()).values()])
    moment = found["known_after"].max() - pd.Timedelta(microseconds=1)
    if ran is not None:
        moment = pd.Timestamp(settings["market"]["known_on"]).tz_localize(None)
        found = found[(found["known_after"] > moment) & (found["session"] <= ran["last_day"])]
    if not len(found):
        return _revisions_table(found)
    market = settings.get("market", {})
    then = {"market": market | {"known_on": f"{moment:%Y-%m-%dT%H:%M:%S.%f}"}}
    before = load_portfolio(named, settings | then, trust_code=trust_code)
    today = {"market": market | dict.fromkeys(market and ("known_on", "rows")), "test_start": before.test_start}
    name, policy = before.policy or next(iter(before.policies)), None
    if run is not None and ran is not None:
        name, policy = _policy_of(ran, found_at(run), before)
    now = load_portfolio(named, settings | today, trust_code=trust_code)
    return f"{_revisions_table(found)}\n\n{_effect(before, now, name, policy)}"


def _manifest_of(run: Path) -> dict[str, Any]:
    """The manifest of a run that has J and read a store. Raises ConfigError for another one."""
    found = read_manifest(found_at(run))
    if found["kind"] not in ("report", "backtest"):
        raise ConfigError(f"--revisions is a {found['kind']}, which has no J: give a report or a backtest.")
    market = found["settings"]["portfolio"]["market"]
    if not (isinstance(market, dict) and "known_on" in market):
        raise ConfigError(f"--revisions is {found['run']}, which read no store: no source can have changed its prices.")
    return found


def _in_place_of(stated: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as overrides that leave none of those that a file states: None removes a key."""
    inner = {key: stated[key] for key, value in settings.items() if isinstance(value, dict) and key in stated}
    return dict.fromkeys(stated) | {
        key: _in_place_of(inner[key], value) if isinstance(inner.get(key), dict) else value
        for key, value in settings.items()
    }


def _policy_of(ran: Mapping[str, Any], run: Path, portfolio: Portfolio) -> tuple[str, Rule]:
    """The name of the policy that a run recommends or backtested, else of the active one, and the policy as fitted."""
    stated = ran.get("recommendation", {}).get("policy") or ran["settings"].get("policy") or portfolio.policy
    name: str = stated or next(iter(portfolio.policies))
    fitted, spec = ran.get("fitted", {}).get(name), portfolio.policies[name]
    return name, refit(spec, fitted, run / "policies" / name) if fitted else scheduled_rule(portfolio, name)


def _effect(before: Portfolio, now: Portfolio, name: str, policy: Rule | None) -> str:
    """J and final NAV of a policy on two markets, from the holdings of the first and to the last day of both.

    policy : the policy, or None to fit that of the name on each market.
    """
    last = min(before.date, now.date)
    rows = [["", "J, bp a year", "final NAV"]]
    for words, each in (("as known before", before), ("as known now", now)):
        held = replace(each, market=each.market.until(last), holdings=before.holdings, cash=before.cash)
        played = backtest_candidate(held, policy or fit(name, held).policy, name)
        loss = score(played, benchmark_of(held, held.market))["loss"]
        rows.append([words, f"{loss:,.3f}", f"{float(played.ledger.nav[-1]):,.2f}"])
    return f"{name} to {last:%Y-%m-%d}:\n{text_table(rows, left=1)}"


def _revisions_table(found: pd.DataFrame) -> str:
    """Those that change returns, one by one, and how many others there are."""
    if not len(found):
        return "No number of the past was changed."
    of_returns = found["column"].isin(RETURN_COLUMNS)
    rows = [["asset", "session", "column", "before", "after", "known before", "known after"]]
    for row in found[of_returns].tail(ROWS_ON_TERMINAL).to_dict("records"):
        known = [f"{row[name]:%Y-%m-%d %H:%M:%S}" for name in ("known_before", "known_after")]
        numbers = [f"{row['before']:g}", f"{row['after']:g}"]
        rows.append([row["asset_id"], f"{row['session']:%Y-%m-%d}", row["column"], *numbers, *known])
    texts = [text_table(rows, left=3)] if of_returns.any() else []
    if of_returns.sum() > ROWS_ON_TERMINAL:
        texts.append(f"{of_returns.sum() - ROWS_ON_TERMINAL:,} earlier ones are not shown.")
    if others := [counted(n, str(column)) for column, n in found.loc[~of_returns, "column"].value_counts().items()]:
        texts.append(f"{'Also changed' if texts else 'Changed'}, without effect on returns: {listed(others)}.")
    return "\n".join(texts)
