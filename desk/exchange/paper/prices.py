"""The session that a paper venue plays, and its prices: a market's bars, a file of quotes, or those of the ticket."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from foundation.arrays import Array
from foundation.canonical import decimal
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.table_files import plain_number, quoted, read_rows
from research.accounting.impact import Impact
from research.market.calendars import closes, day_at, opens, session_after, sessions
from research.market.liquidity import dollar_volume, trailing_volatility
from research.market.market import Market
from research.portfolio import Portfolio

SYMBOL, QUOTE_COLUMNS = "symbol", ("bid", "ask", "last", "volume")


@dataclass(frozen=True)
class Bar:
    """A symbol on one session. Prices are currency per unit; None for what is not known.

    open, high, low, close : prices of the session; all None for an asset that trades in amounts of money.
    bid, ask    : quotes of a file of quotes.
    volume      : units of the session.
    is_halted   : true if it does not trade on the session.
    currency    : currency of the prices, or "".
    lot         : least number of units.
    day_value, volatility : trailing mean of the value traded, currency a day, and deviation of returns, fraction a
                  day, up to the session before, from which impact is reckoned.
    """

    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    volume: Decimal | None = None
    is_halted: bool = False
    currency: str = ""
    lot: Decimal | None = None
    day_value: float | None = None
    volatility: float | None = None

    @classmethod
    def flat(cls, price: Decimal | None, **rest: Any) -> "Bar":
        """A bar of one price."""
        return cls(price, price, price, price, **rest)


@dataclass(frozen=True)
class Session:
    """The session that a paper venue plays.

    day      : its day, which is no session where the exchange is closed on it.
    expected : session on which the ticket is expected to trade.
    calendar : name of the exchange calendar.
    bars     : by symbol of the venue.
    source   : where the prices come from, in words.
    """

    day: date
    expected: date
    calendar: str
    bars: Mapping[str, Bar]
    source: str

    @cached_property
    def is_open(self) -> bool:
        """True if the exchange trades on the day."""
        return len(sessions(self._day, self._day, self.calendar)) > 0

    @cached_property
    def opens(self) -> datetime:
        """The moment of its open, in UTC; of a day without a session, its first."""
        return _utc(opens(np.array([self._day]), self.calendar)[0] if self.is_open else self._day)

    @cached_property
    def closes(self) -> datetime:
        """The moment of its close, in UTC, which is on its day: where trading never ends, a second before the next."""
        if not self.is_open:
            return self.opens
        moment = _utc(closes(np.array([self._day]), self.calendar)[0])
        return moment if day_at(moment, self.calendar) == self._day else moment - timedelta(seconds=1)

    def settles(self, stated: str) -> str:
        """The settlement day of an order of which the ticket states one: as many sessions after the day."""
        return _settles(str(self.day), str(self.expected), stated, self.calendar)

    @property
    def _day(self) -> np.datetime64:
        return np.datetime64(self.day, "D")


@cache
def _settles(day: str, expected: str, stated: str, calendar: str) -> str:
    first, last = np.datetime64(expected) + 1, np.datetime64(stated)
    count = len(sessions(first, last, calendar)) if first <= last else 0
    return str(session_after(np.datetime64(day), count, calendar))


def _utc(moment: np.datetime64) -> datetime:
    return datetime.fromisoformat(str(moment.astype("datetime64[s]"))).replace(tzinfo=UTC)


def expected_day(document: Mapping[str, Any], calendar: str) -> date:
    """The session on which a ticket is expected to trade; of version 1, the first after its newest price."""
    if "sending" in document:
        return date.fromisoformat(document["sending"]["expires"])
    return date.fromisoformat(str(session_after(np.datetime64(document["as_of"], "D"), 1, calendar)))


# -- sources -----------------------------------------------------------------------------------------------------------


def bars_of_ticket(document: Mapping[str, Any]) -> dict[str, Bar]:
    """The prices at which a ticket was sized. document : of the ticket."""
    one_currency = "" if document.get("cash") else document["currency"]
    bars = {row["symbol"]: Bar.flat(_decimal(row["price"]), currency=one_currency) for row in document.get("held", ())}
    for row in document["orders"]:
        bars[row["symbol"]] = Bar.flat(_decimal(row["price"]), currency=row["currency"], lot=_decimal(row["lot"]))
    return bars


def bars_of_market(portfolio: Portfolio, day: date) -> dict[str, Bar]:
    """The bars of a portfolio's market on a session, in the currencies of its assets.

    An asset that is not tradable on it is halted. Raises DataError for a market that has not this session.
    """
    market = portfolio.quoted
    rows = np.flatnonzero(market.days == np.datetime64(day, "D"))
    if not len(rows):
        raise DataError(
            f"market {market.name!r} has no bars of {day}: it ends on {market.days[-1]}. Bring it up to date, give "
            "quotes of the day (`--quotes FILE`), or leave the portfolio out: then orders fill at the ticket's prices."
        )
    t, value, deviation = int(rows[0]), *_before(market, int(rows[0]))
    bars, known = {}, dict(market.bars or {})
    for i, asset in enumerate(market.assets):
        close = _decimal(market.prices[t, i])
        of_day = {name: _decimal(values[t, i]) for name, values in known.items()}
        bars[portfolio.ticket.symbol(asset)] = Bar(
            open=of_day.get("open") or close,
            high=of_day.get("high") or close,
            low=of_day.get("low") or close,
            close=close,
            volume=None if market.volumes is None else _decimal(market.volumes[t, i]),
            is_halted=not bool(market.tradable[t, i]),
            currency=portfolio.quoted_in[i],
            lot=_decimal(portfolio.limits.lots[i]),
            day_value=_known(value[i]),
            volatility=_known(deviation[i]),
        )
    return bars


def read_quotes(path: Path) -> dict[str, Bar]:
    """The bars of a CSV with the columns symbol and last, or bid and ask, or all of them, and perhaps volume.

    Without `last`, the price of a symbol is the middle of bid and ask.
    Raises : DataError as `read_rows` does, for a symbol that is there twice, and a cell that is no number above zero.
    """
    bars: dict[str, Bar] = {}

    def read(cells: dict[str, str]) -> None:
        symbol = cells.pop(SYMBOL, "")
        if not symbol or symbol in bars:
            raise DataError(f"symbol is {quoted(symbol)}, which is none, or there twice. Name each symbol once.")
        bars[symbol] = _quoted(cells)

    read_rows(path, [SYMBOL], QUOTE_COLUMNS, read)
    return bars


def _quoted(cells: Mapping[str, str]) -> Bar:
    """The bar of a row of quotes. Raises DataError for its mistakes."""
    for name, cell in cells.items():
        if not (plain_number(cell) or 0.0) > 0.0:
            raise DataError(f"{name} is {quoted(cell)}. Write a number above zero.")
    numbers = {name: Decimal(cell) for name, cell in cells.items()}
    bid, ask, last = (numbers.get(name) for name in ("bid", "ask", "last"))
    if (bid is None) != (ask is None) or (bid is not None and ask is not None and bid > ask):
        raise DataError(f"bid and ask are {bid} and {ask}. Write both, or neither, the bid not above the ask.")
    if last is None and bid is not None and ask is not None:
        last = (bid + ask) / 2
    if last is None:
        raise DataError("no price. Write last, or bid and ask.")
    return Bar.flat(last, bid=bid, ask=ask, volume=numbers.get("volume"))


def _before(market: Market, t: int) -> tuple[Array, Array]:
    """(n,) mean value traded a day and volatility up to the session before row t; NaN where they are not known."""
    usual, none = Impact(), np.full(len(market.assets), np.nan)
    if t == 0:
        return none, none
    value = none if market.volumes is None else dollar_volume(market, usual.volume_window)[t - 1]
    return value, trailing_volatility(market, usual.volatility_window)[t - 1]


def _known(value: float) -> float | None:
    return float(value) if value > 0.0 else None


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None or np.isnan(value) else decimal(value)
