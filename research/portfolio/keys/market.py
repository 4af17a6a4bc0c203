"""The key `market` of a portfolio file, and the lines of the file that it must have."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from foundation.arguments import did_you_mean
from foundation.errors import ConfigError, DataError
from research.market import EMBEDDED, Market, instruments_table, load_market, with_facts
from research.market.cash import BillRates, YearlyRates, continued, embedded_rates, yearly_rate
from research.market.reading.from_store import StoredLine, market_from_store
from research.market.reading.known_instruments import Instrument, known_instruments
from research.market.reading.sources import CashSource
from research.market.reading.tables import read_table
from research.market.store import named_store, store_names
from research.portfolio.file.document import Document
from research.portfolio.file.kinds import Day, Name, Text, Told, record
from research.portfolio.file.settings import plain, read
from research.portfolio.file.strict_yaml import KeyPath

KNOWN_ON = "REBALANCE_KNOWN_ON"  # environment variable: a moment as of which all stores are read, see `known_on`
FRED, BILL = "fred", "DTB3"  # the store and the series that continue the bill
FETCH = "Run `rebalance data fetch {0}` first."
Rate = Annotated[float, Field(ge=-0.2, le=1.0, description="A fraction a year: 3 % is 0.03.")]


@record
class SeriesOfCash:
    """A series of a store as the yearly rate of cash, percent."""

    series: Text
    store: Name = FRED


@record
class MarketKeys:
    """A market from files (`load_market`), or from a store: that of a source, or of imported tables."""

    file: Text | None = None
    source: Name | None = None
    store: Name | None = None
    quotes: Text | None = None
    volumes: Text | None = None
    cash: Rate | Text | SeriesOfCash | None = None
    calendar: Text | None = None
    missing: Text | None = None
    currency: Text | None = None
    facts: Annotated[Mapping[Name, Text], Field(min_length=1)] | None = None
    first: Day | None = None
    known_on: Text | None = None
    rows: Text | None = None

    def __post_init__(self) -> None:
        """Refuse two origins, and keys of the other one."""
        given = [key for key in ("file", "source", "store") if getattr(self, key) is not None]
        if len(given) != 1:
            fix = "Give `file: prices.csv`, `source: yahoo`, or `store:` with the name of an imported table."
            raise Told("states no origin of prices" if not given else f"states {' and '.join(given)}", fix)
        of_store, of_file = ("first", "known_on", "rows"), ("quotes", "volumes", "currency")
        for key in of_store if self.file else of_file:
            if getattr(self, key) is not None:
                raise Told(f"has no meaning with `{given[0]}`", "Leave it out.", key)

    @property
    def of_store(self) -> str:
        """The name of the store, "" for a market from files."""
        return self.source or self.store or ""


def read_market(document: Document) -> Market:
    """An embedded market by name, one from files whose paths are relative to the portfolio's own, or one of a store."""
    folder, source = Path(document.file).parent, document.value("market")
    path: KeyPath = ("market",)
    options: dict[str, Any] = {}
    facts: dict[str, Path] = {}
    if isinstance(source, dict):
        keys = read(document, path, MarketKeys)
        facts = {name: folder / file for name, file in (keys.facts or {}).items()}
        if keys.of_store:
            return with_facts(_from_store(document, keys), facts)
        path, source = ("market", "file"), str(keys.file)
        options = plain(keys, without=("file", "facts", "cash"))
        options |= {key: folder / options[key] for key in ("quotes", "volumes") if key in options}
        options |= {} if keys.cash is None else {"cash": _cash(document, keys)}
    if source not in EMBEDDED and Path(source).suffix.lower() not in (".csv", ".gz", ".parquet"):
        fix = did_you_mean(source, EMBEDDED).removesuffix(".") + ", or a path to a .csv or .parquet file."
        document.refuse(path, "unknown market", source, fix)
    try:
        return with_facts(load_market(source if source in EMBEDDED else folder / source, **options), facts)
    except (DataError, ConfigError) as error:
        raise ConfigError(f"market ({document.place(path)}): {error}") from error


def _from_store(document: Document, keys: MarketKeys) -> Market:
    """The market of the file's lines, of rates of exchange between their currencies, and of a benchmark that is a line.

    Raises : ConfigError with the command that fetches what is missing.
    """
    store, path = named_store(keys.of_store), ("market", "source" if keys.source else "store")
    kept = set(store.assets())
    if not kept:
        fix = FETCH.format(document.file) if keys.source else f"Stores are {', '.join(store_names()) or 'none'}."
        document.refuse(path, "has no prices yet", keys.of_store, fix)
    lines = {}
    calendar = keys.calendar or "XNYS"
    wanted = wanted_lines(document, keys)
    for name, instrument in wanted.items():
        if instrument.asset_id not in kept:
            fix = FETCH.format(document.file) if keys.source else did_you_mean(instrument.asset_id, sorted(kept))
            place = ("lines", name) if name in document.mapping("lines") else path
            document.refuse(place, f"no prices of it in store {store.name!r}", instrument.asset_id, fix)
        lines[name] = StoredLine(instrument.asset_id, instrument.calendar or calendar)
    try:
        market = market_from_store(
            store,
            lines,
            calendar=calendar,
            first=None if keys.first is None else np.datetime64(keys.first, "D"),
            known_on=_moment(document, keys.known_on),
            cash=_cash(document, keys),
            instruments=_instruments(wanted),
            missing=keys.missing or "halt",  # type: ignore[arg-type]  # refused by what reads it
        )
    except DataError as error:
        raise ConfigError(f"market ({document.place(path)}): {error}") from error
    if keys.rows is not None and keys.rows != market.origin["rows"]:
        what = f"not the rows of store {store.name!r}, whose fingerprint is {market.origin['rows']}"
        document.refuse(("market", "rows"), what, keys.rows, "Restore the store, or leave `rows` and `known_on` out.")
    return market


def wanted_lines(document: Document, keys: MarketKeys) -> dict[str, Instrument]:
    """The instruments of the market by line: of the file's lines, then rates of exchange, then the benchmark.

    A line's name, or its `symbol`, is looked up in the table of instruments; one that is not there is its own id.
    """
    known = known_instruments()
    stated = {name: str(line.get("symbol", name)) for name, line in document.mapping("lines").items()}
    found = {name: known.find(symbol) or Instrument(asset_id=symbol) for name, symbol in stated.items()}
    basis = document.text("basis")
    currencies = dict.fromkeys(
        line.get("currency") or found[n].currency for n, line in document.mapping("lines").items()
    )
    for currency in currencies:
        pair = next((p for p in (currency + basis, basis + currency) if known.find(p)), None)
        if currency not in ("", basis) and pair and not document.has("fx"):
            found[pair] = known.find(pair)  # type: ignore[assignment]
    benchmark = document.value("benchmark", default="")
    of_line = known.find(benchmark) if isinstance(benchmark, str) and keys.source else None
    return found if of_line is None or benchmark in found else found | {benchmark: of_line}


def _instruments(wanted: Mapping[str, Instrument]) -> pd.DataFrame:
    """The market's table of instruments; their currencies are those of their rows."""
    of = wanted.values()
    return instruments_table(
        list(wanted),
        asset_class=["fx" if one.kind == "fx" else one.asset_class or "other" for one in of],
        sector=[one.sector for one in of],
        lot=[one.lot for one in of],
    )


def _moment(document: Document, written: str | None) -> np.datetime64 | None:
    """A moment in UTC, as the file or else the environment says; a day is its end."""
    written = written or os.environ.get(KNOWN_ON) or ""
    if not written:
        return None
    try:
        moment = np.datetime64(written.removesuffix("Z"), "us")
    except ValueError:
        fix = "Write YYYY-MM-DD, or a moment in UTC."
        document.refuse(("market", "known_on"), "no day and no moment", written, fix)
    return moment + np.timedelta64(86_400_000_000 - 1, "us") if len(written) == len("2026-11-25") else moment


def _cash(document: Document, keys: MarketKeys) -> CashSource:
    """The source of cash returns: the bill, a yearly rate, a file or a series of yearly rates in percent, or none."""
    cash, path = keys.cash, ("market", "cash")
    if cash is None or (cash == "bill" and not keys.of_store):
        return cash  # type: ignore[return-value]
    if isinstance(cash, float):
        return yearly_rate(cash)
    try:
        if cash == "bill":
            return bill_rates()
        if isinstance(cash, str):
            table = read_table(Path(document.file).parent / cash)
            known = ~np.isnan(table.cells[:, 0])
            return YearlyRates(table.days[known], table.cells[known, 0], cash)
        series = named_store(cash.store).read([cash.series])
        return YearlyRates(series.days, series.numbers["close"], f"{cash.series} of store {cash.store!r}")
    except DataError as error:
        found = cash if isinstance(cash, str) else cash.series
        fix = "Write `bill`, a yearly rate such as 0.03, a file of rates in percent, or `{series: …, store: …}`."
        document.refuse(path, f"cannot be read: {str(error).rstrip('.')}", found, fix)


def bill_rates() -> BillRates:
    """The embedded rates of the bill, continued by those that were fetched from FRED; a market may not outlast them."""
    rates, store = embedded_rates(), named_store(FRED)
    if BILL in store.assets():
        later = store.read([BILL])
        rates = continued(rates, later.days, later.numbers["close"])
    return replace(rates, required=True)


def read_assets(document: Document, market: Market) -> list[str]:
    """The lines of the file, each of which its market has."""
    assets = list(document.mapping("lines"))
    for asset in assets:
        if asset not in market.assets:
            what = f"unknown asset in market {market.name!r}"
            document.refuse(("lines", asset), what, asset, did_you_mean(asset, market.assets))
    return assets


def with_line_facts(document: Document, market: Market) -> Market:
    """The market with the facts that lines state as `lines.<asset>.facts`, each a number or a word.

    Raises : ConfigError for a value of another kind, a name that is taken, numbers and words in one fact.
    """
    found: dict[str, dict[str, Any]] = {}
    for asset in market.assets:
        for name, value in document.value("lines", asset, "facts", default={}).items():
            found.setdefault(name, {})[asset] = value
    try:
        return with_facts(market, found)
    except DataError as error:
        raise ConfigError(f"lines ({document.place(('lines',))}): {error}") from error
