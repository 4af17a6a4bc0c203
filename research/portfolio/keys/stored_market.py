"""The market of a portfolio file from the store of its source, or from a store of imported tables."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from foundation.arguments import did_you_mean
from foundation.errors import ConfigError, DataError
from research.market import Market, instruments_table
from research.market.cash import BillRates, YearlyRates, bill_of_yearly, continued, embedded_rates, yearly_rate
from research.market.reading.from_store import StoredLine, market_from_store
from research.market.reading.known_instruments import Instrument, known_instruments
from research.market.reading.sources import CashSource
from research.market.reading.tables import read_table
from research.market.repairs import read_repairs
from research.market.rows import sessions_of
from research.market.store import named_store, store_names
from research.portfolio.file.document import Document
from research.portfolio.file.known_on import known_moment
from research.portfolio.holdings.holdings import cash_currencies
from research.portfolio.keys.market_keys import FRED, AfterBill, MarketKeys

BILL = "DTB3"  # the series that continues the bill
LAST_RATE = np.datetime64("2200-01-01")  # before which a rate serves that is to follow the bill's
LEAST_PERCENT = 0.2  # a year, below which the rates of a file may be fractions
FETCH = "Run `rebalance data fetch {0}` first."


def stored_market(document: Document, keys: MarketKeys) -> Market:
    """The market of the file's assets, of rates of exchange between their currencies, and of a benchmark that is an
    asset.

    Raises : ConfigError with the command that fetches what is missing.
    """
    store, path = named_store(keys.of_store), ("market", "source" if keys.source else "store")
    kept = set(store.assets())
    if not kept:
        others = ", ".join(store_names()) or "there is none"
        imports = f"Run `rebalance data import TABLE --as {keys.store}` first, or name another store ({others})."
        fix = FETCH.format(document.file) if keys.source else imports
        document.refuse(path, "has no prices yet", keys.of_store, fix)
    lines = {}
    wanted = wanted_lines(document, keys, kept)
    for name, instrument in wanted.items():
        if instrument.asset_id not in kept:
            fix = FETCH.format(document.file) if keys.source else did_you_mean(instrument.asset_id, sorted(kept))
            in_lines, is_benchmark = name in document.mapping("lines"), name == document.value("benchmark", default="")
            place = ("lines", name) if in_lines else ("benchmark",) if is_benchmark else path
            document.refuse(place, f"no prices of it in store {store.name!r}", instrument.asset_id, fix)
        own = instrument.calendar or keys.sessions
        lines[name] = StoredLine(instrument.asset_id, own, instrument.kind == "fx", instrument.delay(keys.of_store))
    known_on = known_moment(document, keys.known_on)
    try:
        market = market_from_store(
            store,
            lines,
            calendar=keys.sessions,
            first=None if keys.first is None else np.datetime64(keys.first, "D"),
            known_on=known_on,
            cash=cash_source(document, keys),
            currency=document.text("basis"),
            instruments=_instruments(wanted, document.text("basis")),
            missing=keys.missing or "halt",  # type: ignore[arg-type]  # refused by what reads it
            repairs=read_repairs(keys.repairs or ()),
            second=None if keys.second is None else named_store(keys.second),
            beside=set(wanted) - set(document.mapping("lines")),
        )
    except (DataError, ConfigError) as error:
        raise ConfigError(f"market ({document.place(path)}): {error}") from error
    return market


def wanted_lines(document: Document, keys: MarketKeys, kept: Collection[str] = ()) -> dict[str, Instrument]:
    """The instruments of the market by asset: of the file's assets, then rates of exchange, then the benchmark.

    The rates are those of the currencies of assets and of cash.

    An asset's name, or its `symbol`, is looked up in the table of instruments; one that is not there is its own id.

    kept : ids of an imported store, which may be written as its table writes them.
    """
    known = known_instruments()
    found = line_instruments(document)
    if keys.store:
        stated = {name: _symbol(name, line) for name, line in document.mapping("lines").items()}
        found |= {name: replace(found[name], asset_id=symbol) for name, symbol in stated.items() if symbol in kept}
        there = [name for name, one in found.items() if one.asset_id in kept]
        known_rows = named_store(keys.store).read([found[name].asset_id for name in there], ())
        found |= {n: replace(found[n], currency=c) for n, c in zip(there, known_rows.currency, strict=True)}
    basis = document.text("basis")
    quoted = {n: line.get("currency") or found[n].currency or basis for n, line in document.mapping("lines").items()}
    for currency in () if document.has("fx") else (*quoted.values(), *cash_currencies(document, quoted, basis)):
        rate = known.rate(currency, basis)
        if rate and (keys.source or rate.asset_id in kept):
            found[rate.asset_id] = rate
    benchmark = document.value("benchmark", default="")
    of_line = known.find(benchmark) if isinstance(benchmark, str) and keys.source else None
    return found if of_line is None or benchmark in found else found | {benchmark: of_line}


def line_instruments(document: Document) -> dict[str, Instrument]:
    """The instruments of the lines of a file, each by its `symbol` or its name; an unknown symbol is its own id.

    A line's `calendar` is that of another listing.
    """
    known, found = known_instruments(), {}
    for name, line in document.mapping("lines").items():
        one = known.taken(_symbol(name, line))
        found[name] = replace(one, calendar=str(line["calendar"])) if "calendar" in line else one
    return found


def _symbol(name: str, line: Mapping[str, object]) -> str:
    return str(line.get("symbol", name))


def _instruments(wanted: Mapping[str, Instrument], basis: str) -> pd.DataFrame:
    """The market's table of instruments; their currencies are those of their rows, and the basis where none says."""
    of = wanted.values()
    return instruments_table(
        list(wanted),
        asset_class=["fx" if one.kind == "fx" else one.asset_class or "other" for one in of],
        sector=[one.sector for one in of],
        lot=[one.lot for one in of],
        currency=basis,
        delisted=[one.delisted for one in of],
        delisting_return=[one.delisting_return for one in of],
    )


def cash_source(document: Document, keys: MarketKeys) -> CashSource:
    """The source of cash returns: the bill, a yearly rate, a file or a series of yearly rates in percent, or none.

    What comes from a store is as it was known at the moment that the file or the environment states.
    """
    cash, path, known_on = keys.cash, ("market", "cash"), known_moment(document, keys.known_on)
    if cash is None or (cash == "bill" and not keys.of_store):
        return cash  # type: ignore[return-value]
    if isinstance(cash, float):
        return yearly_rate(cash)
    if isinstance(cash, AfterBill):
        rates = bill_rates(known_on)
        later = np.arange(rates.days[-1] + 1, LAST_RATE)
        return continued(rates, later, np.full(len(later), bill_of_yearly(cash.after_bill)))
    try:
        if cash == "bill":
            return bill_rates(known_on)
        if isinstance(cash, str):
            table = read_table(document.folder / cash)
            known = ~np.isnan(table.cells[:, 0])
            if (np.abs(table.cells[known, 0]) < LEAST_PERCENT).all() and "percent" not in table.names[0].lower():
                fix = f"Write them in percent, or name the column `percent` in place of {table.names[0]!r}."
                document.refuse(path, f"rates below {LEAST_PERCENT:g} %, which look like fractions", cash, fix)
            return YearlyRates(table.days[known], table.cells[known, 0], cash)
        store = named_store(cash.store)
        if cash.series not in (kept := store.assets()):
            fix = (
                FETCH.format(document.file) if cash.store == FRED else did_you_mean(cash.series, kept or store_names())
            )
            document.refuse((*path, "series"), f"no series of store {cash.store!r}", cash.series, fix)
        series = store.read([cash.series], known_on=known_on)
        name = f"{cash.series} of store {cash.store!r}"
        return YearlyRates(series.days, series.numbers["close"], name, series.moment)
    except DataError as error:
        found = cash if isinstance(cash, str) else cash.series
        fix = "Write `bill`, a yearly rate such as 0.03, a file of rates in percent, or `{series: …, store: …}`."
        document.refuse(path, f"cannot be read: {str(error).rstrip('.')}", found, fix)


def bill_rates(known_on: np.datetime64 | None = None) -> BillRates:
    """The embedded rates of the bill, continued by those that were fetched from FRED; a market may not outlast them.

    known_on : a moment in UTC: rates that were known later do not count.
    """
    rates, later = replace(embedded_rates(), required=True), named_store(FRED).rows([BILL], known_on=known_on)
    later = later[later["close"].notna()]
    if later.empty:
        return rates
    moment = later["fetched_at"].max().to_datetime64()
    return replace(continued(rates, sessions_of(later), later["close"].to_numpy()), moment=moment)
