"""The price of each asset at which holdings are valued and orders sized: its last close, or that of a price file."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import LARGEST_NUMBER, SMALLEST_NUMBER
from foundation.arrays import Array, freeze_fields
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError, InputFault, all_mistakes
from foundation.paper.wording import percent
from foundation.table_files import Number, Row, iso_day
from research.market import Market
from research.market.calendars import session_after
from research.market.currency import may_be
from research.market.notes import counted
from research.market.plausible import SPLIT_RETURN, far_closes
from research.market.reading.cells import Cells
from research.market.reading.days import days_of
from research.portfolio.holdings.brokers.tables import POSITION_TABLES, BrokerFile, BrokerTable, read_broker_file

CLOSE, GIVEN = "market close", "price file"
PRICE_TABLES = replace(POSITION_TABLES, required=("asset", "price"), others=("date", "currency", "quoted at", "source"))
APART = 0.1  # by which a price or value may differ from the last close, the list or its order before a note says so
OK = "prices_ok"  # key of the assets and rates whose numbers are right although they are far from others
TAKEN = f"it is taken, as `{OK}` says."  # which ends the note on each of them


@dataclass(frozen=True, eq=False)
class Prices:
    """A price for each of n assets.

    assets   : n names.
    per_unit : (n,) currency of the portfolio per unit (of a file's, that of the asset), NaN for an asset without one.
    days     : (n,) the day of each, NaT where it is not known.
    sources  : (n,) "market close" or "price file", "" where there is no price.
    notes    : notes on the prices, in sentences.
    moment   : of the newest quote of a file, as it has it; "" where it says none.
    """

    assets: tuple[str, ...]
    per_unit: Array
    days: NDArray[np.datetime64]
    sources: tuple[str, ...]
    notes: tuple[str, ...] = field(default=(), repr=False)
    moment: str = ""

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "per_unit", "days", dtype=None)

    def of(self, asset: str) -> float:
        """The price of an asset, currency per unit, NaN where it has none."""
        return float(self.per_unit[self.assets.index(asset)])


def last_closes(market: Market) -> Prices:
    """The quoted closes of the last session on which each asset traded, and its day: of one that is halted, old."""
    traded = len(market.days) - 1 - np.argmax(market.tradable[::-1], axis=0)
    values = market.prices[traded, np.arange(len(traded))]
    return Prices(market.assets, values, market.days[traded], tuple("" if np.isnan(each) else CLOSE for each in values))


def newest_day(market: Market, prices: Prices | None) -> np.datetime64:
    """The day of the newest price: the last close, or a later one of a price file.

    prices : None for the last closes.
    """
    days = market.days[-1:] if prices is None else prices.days
    return max([market.days[-1], *days[~np.isnat(days)]])


def trade_day(market: Market, prices: Prices | None, today: pd.Timestamp | None = None) -> pd.Timestamp:
    """The session on which orders are expected to trade: the first after their newest price, and not before today.

    prices : None for the last closes.
    today  : day on which they are made, or None where it is not known.
    Raises : ConfigError for a day beyond the calendar's reach.
    """
    priced = newest_day(market, prices)
    if today is not None:
        priced = max(priced, np.datetime64(today, "D") - np.timedelta64(1, "D"))
    return pd.Timestamp(session_after(priced, 1, market.calendar))


def bases(market: Market, prices: Prices) -> tuple[str, ...]:
    """(n,) where each price comes from, and how the market says that its quotes are adjusted.

    >>> from research.market import load_market
    >>> market = load_market("multi_asset_daily").select(["SPY", "COM"])
    >>> bases(market, last_closes(market))
    ('market close (adjusted for splits, not dividends)', '')
    """
    said = [str(words).partition("quotes: ")[2] for words in market.instruments["adjustment"]]
    words = [f"adjusted for {word}" if word.startswith("splits") else word for word in said]
    return tuple(
        f"{source} ({word})" if source == CLOSE and word else source
        for source, word in zip(prices.sources, words, strict=True)
    )


def with_prices(market: Market, prices: Prices) -> Market:
    """The market with these prices for the quotes of its last session, itself where it has them; its returns stay."""
    if np.array_equal(prices.per_unit, market.prices[-1], equal_nan=True):
        return market
    return replace(market, prices=np.vstack([market.prices[:-1], prices.per_unit]))


def read_prices(path: str | Path, market: Market, right: Collection[str] = ()) -> Prices:
    """The prices of a file for the assets of a market; assets that it does not have keep their last closes.

    path   : CSV with a column of assets and one of prices, and, if it likes, of dates in any form that does not read
             two ways, currencies, and the source and moment (`quoted at`) of a quote.
    market : market of the assets, in the currencies in which they are quoted.
    right  : assets whose prices are right although they are more than `SPLIT_RETURN` from their last closes.
    Raises : DataError for a file that cannot be read, and for rows that are wrong: two of one asset, what is no price
             above zero, a price far from the last close, no date, or another currency; all of them in one message.
    """
    path = Path(path)
    found = read_broker_file(path, PRICE_TABLES)
    decimal, notes = found.decimal(("price",))
    mistakes = list[InputFault | str]()
    closes = last_closes(market)
    values, days, dates = np.array(closes.per_unit), np.array(closes.days), _dates(found)
    rows: dict[str, int] = {}
    far: list[str] = []
    quoted: dict[str, str] = {}
    others = 0
    for table, row in ((of, row) for of in found.tables for row in of.rows):
        line, cells = row
        asset = table.cell(cells, "asset")
        if asset not in market.assets:
            others += 1
            continue
        i = market.assets.index(asset)
        price = _price(table, cells, decimal)
        faults = list(_faults(table, row, price, market.currency[i], rows, dates))
        rows.setdefault(asset, line)
        if faults or price is None:
            mistakes += faults
            continue
        values[i] = price.value
        if asset not in right and (gap := _far(market, i, values[i])):
            far.append(asset)
            fix = "Look for a split or a wrong price."
            mistakes.append(table.fault(row, "price", f"the price of {asset} is {gap}", fix))
        days[i] = dates.get(table.cell(cells, "date"), np.datetime64("NaT", "D"))
        if source := table.cell(cells, "source"):
            quoted[source] = max(quoted.get(source, ""), table.cell(cells, "quoted at"))
    if not rows and not mistakes:
        fix = f"Name them as the portfolio does: {', '.join(market.assets[:10])}."
        mistakes.append(f"{path.name} has none of the assets among its {counted(others, 'row')}. {fix}")
    if mistakes:
        raise DataError(all_mistakes(path.name, mistakes, right_all_the_same(far) if far else ""))
    notes += [f"Prices are quotes of {source}, the last of {moment}." for source, moment in quoted.items()]
    of_close = zip(market.assets, closes.sources, strict=True)
    sources = tuple(GIVEN if asset in rows else source for asset, source in of_close)
    made = Prices(market.assets, values, days, sources, moment=max(quoted.values(), default=""))
    return replace(made, notes=(*notes, *_notes(path.name, market, made, rows, others, right)))


def far_last_closes(market: Market) -> dict[str, str]:
    """A clause, by asset, on each last close of a market that is far from where it should be."""
    found = {}
    for asset, gap in far_closes(market).items():
        close = market.prices[-1, market.assets.index(asset)]
        size = "" if np.isnan(close) else f", {close:,.7g}"
        found[asset] = f"the last close of {asset}, of {market.days[-1]}{size}, is {gap}"
    return found


def overrides_first(notes: Iterable[str]) -> tuple[str, ...]:
    """The notes, first those on numbers that are taken because `prices_ok` says so: a page may show the first alone."""
    return tuple(sorted(notes, key=lambda note: not note.endswith(TAKEN)))


def right_all_the_same(assets: Sequence[str]) -> str:
    """Instructions to say that numbers of these assets or rates are right although they are far from others."""
    lines = list(dict.fromkeys(assets))
    return (
        f"Where they are right all the same, say so: `--accept {','.join(lines)}`, or `{OK}: [{', '.join(lines)}]` "
        "in the portfolio file."
    )


def _far(market: Market, i: int, price: float, most: float = SPLIT_RETURN) -> str:
    """The distance of a price of asset `i` from its last close, in words; "" up to `most`, and where there is none."""
    close = market.prices[-1, i]
    if not abs(price / close - 1.0) > most:  # NaN is not
        return ""
    return f"{percent(price / close - 1.0, 0, signed=True)} from the last close, {close:,.7g}"


def _price(table: BrokerTable, cells: list[str], decimal: str) -> Number | None:
    """The price of a row, None where it has none that can be one."""
    try:
        found = table.number(cells, "price", decimal)
    except ValueError:
        return None
    return found if found is not None and SMALLEST_NUMBER <= found.value <= LARGEST_NUMBER else None


def _dates(found: BrokerFile) -> dict[str, np.datetime64]:
    """The day of each date of a file, all in one form; of those that are not, only the days written YYYY-MM-DD."""
    cells = (table.cell(cells, "date") for table in found.tables for _, cells in table.rows)
    texts = list(dict.fromkeys(filter(None, cells)))
    try:
        return dict(zip(texts, days_of(Cells("", "", range(len(texts)), texts))[0], strict=True)) if texts else {}
    except DataError:  # the row of an asset says so
        return {text: day for text in texts if (day := iso_day(text)) is not None}


def _faults(
    table: BrokerTable,
    row: Row,
    price: Number | None,
    currency: str,
    rows: Mapping[str, int],
    dates: Mapping[str, np.datetime64],
) -> Iterator[InputFault]:
    cells, wrong = row[1], partial(table.fault, row)
    asset = table.cell(cells, "asset")
    if shifted := table.shift(cells, ("price",)):
        yield wrong("price", shifted, "Put numbers into quotes.")
        return
    if asset in rows:
        yield wrong("asset", f"a second price of one asset, after row {rows[asset]}", "Keep one of the two.")
    other = f"the price of {asset} is in another currency"
    if price is None:
        yield wrong("price", f"no price of {asset}", "Give a number above zero, or remove the row.")
    elif not may_be(price.unit, currency):
        yield wrong("price", other, f"Give it in {currency}: none is converted.")
    if table.cell(cells, "currency").upper() not in ("", currency):
        yield wrong("currency", other, f"Give it in {currency}.")
    if (text := table.cell(cells, "date")) and text not in dates:
        yield wrong("date", f"no date of the price of {asset}", "Write it as YYYY-MM-DD.")


def _notes(
    file: str, market: Market, prices: Prices, rows: Collection[str], others: int, right: Collection[str]
) -> Iterator[str]:
    """Sentences on other assets, on what lacks, on prices taken although they are far, and on those that are apart."""
    if others:
        yield f"{file}: {counted(others, 'row')} of other assets {'is' if others == 1 else 'are'} ignored."
    if lacking := [asset for asset in market.assets if asset not in rows]:
        yield f"{file} has no price of {', '.join(lacking)}: the last close is taken."
    if undated := [a for a in rows if np.isnat(prices.days[market.assets.index(a)])]:
        yield f"{file} has no date for the price of {', '.join(undated)}: its age is not known."
    for asset in rows:
        i, price = market.assets.index(asset), prices.of(asset)
        named = f"{file}: the price of {asset}, {price:,.7g}, is"
        if gap := _far(market, i, price):
            yield f"{named} {gap}; {TAKEN}"
        elif asset not in right and (gap := _far(market, i, price, APART)):
            yield f"{named} {gap}: check its price."
