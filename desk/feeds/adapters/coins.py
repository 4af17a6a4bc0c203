"""Daily bars of coins from exchanges, through the public data of ccxt.

ccxt writes the requests of an exchange and says which cell of its bars is what, and which error means what. It sends
nothing: an exchange object of ccxt is given the answers so far, and runs until it asks for one more. Its readers take
what they cannot read for nothing, and lists that end early for whole ones: cells are read by `desk.feeds.answers`.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, time
from difflib import get_close_matches
from http import HTTPStatus
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pandas as pd

from desk.feeds.adapter import Adapter, FeedError, GetRequest, RateLimits, Reply, Wanted
from desk.feeds.answers import Asked, Bars, bar_table, market_rows, over, quoted, value_at
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.sets import MissingSetError
from research.market.currency import CURRENCIES
from research.market.rows import BARS

PAIR = re.compile(r"([A-Z0-9]{1,12})/([A-Z0-9]{2,8})")
DAY_MS = 86_400_000  # milliseconds
NEAR_PAIRS = 3  # of an unknown one
BARRED = (HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS)


class _NextRequest(BaseException):  # ccxt catches some errors, and would go on without the answer
    """The signal that all answers so far are used up, with the next request."""

    def __init__(self, request: GetRequest) -> None:
        self.request = request


@dataclass(frozen=True)
class CoinExchange(Adapter):
    """An exchange of coins, by its name in ccxt, without a key. A symbol is a pair with a currency: BTC/USD.

    opened    : first day of its oldest bars.
    page      : days of bars in an answer.
    width     : cells of a bar that is a list, 0 where a bar is an object.
    market_id : its own name of a pair, from coin and currency; "" where its list of markets is asked for it.
    """

    pages: bool = True
    alphabet: str = PAIR.pattern
    opened: date = date(2010, 7, 17)
    page: int = 300
    width: int = 0
    market_id: str = ""

    def requests(self, wanted: Wanted, key: str) -> Sequence[GetRequest]:
        """The first request: each answer tells the next."""
        following = self.more(wanted, (), key)
        return [following] if following else []

    def more(self, wanted: Wanted, replies: Sequence[Reply], key: str) -> GetRequest | None:
        """The request after these answers: the first bars after the list of markets, or the bars that follow."""
        found = self._replay(Asked(self.name, wanted.symbol, np.datetime64(wanted.last, "s")), wanted, replies)
        return found if isinstance(found, GetRequest) else None

    def rows(self, wanted: Wanted, replies: Sequence[Reply], fetched_at: np.datetime64) -> pd.DataFrame:
        """Rows of UTC days in the currency of the pair; volumes in coins."""
        asked = Asked(self.name, wanted.symbol, fetched_at)
        bars = self._replay(asked, wanted, replies)
        if isinstance(bars, GetRequest):
            asked.refuse("the bars end before the days wanted do. Ask again later.", "later")
        sessions = np.array([bar[0] // DAY_MS for bar in bars], dtype="datetime64[D]")
        cells = {name: [bar[i] for bar in bars] for i, name in enumerate(BARS, start=1)}
        table = bar_table(sessions, lambda name: asked.numbers(name, cells[name], sessions) if name in cells else None)
        lacking = table[list(BARS)].isna().any(axis=1)  # no exchange leaves a cell of a bar empty
        if lacking.any():
            day = table["session"][lacking].iloc[0]
            asked.refuse(f"the bar of {day:%Y-%m-%d} lacks a number. Ask again later.", "later")
        table = table[over(sessions, fetched_at, "UTC", time(0))]
        return market_rows(asked, wanted, Bars(table, {}, {}, False, wanted.symbol.partition("/")[2]))

    def _replay(self, asked: Asked, wanted: Wanted, replies: Sequence[Reply]) -> list[list[Any]] | GetRequest:
        """All bars, each a time in milliseconds and cells in the order of `BARS`; the next request before they are."""
        exchange = self._exchange(asked)
        rest = iter(replies)

        def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            reply = next(rest, None)
            if reply is None:
                parts = urlsplit(url)
                raise _NextRequest(GetRequest(parts._replace(query="").geturl(), dict(parse_qsl(parts.query))))
            return _content(asked, exchange, reply)

        exchange.fetch = fetch
        try:
            return self._bars(asked, wanted, exchange)
        except _NextRequest as following:
            return following.request
        except DataError:
            raise
        except Exception as error:  # ccxt has no error of its own for content of another form
            told = quoted(f"{type(error).__name__}: {error}")
        asked.refuse(f"ccxt cannot read the answer ({told}). Ask again later.", "later")

    def _exchange(self, asked: Asked) -> Any:
        """The exchange in ccxt, without its pauses. Raises FeedError for a symbol that is no pair with a currency."""
        pair = PAIR.fullmatch(asked.symbol)
        if pair is None:
            asked.refuse("the symbol is no pair. Write the coin and the currency of its quotes: BTC/USD.")
        if pair[2] not in CURRENCIES:
            asked.refuse(
                f"its quotes are in {pair[2]}, which is no currency, and rows have one. Take a pair such as "
                f"{pair[1]}/USD or {pair[1]}/EUR, here or at another exchange."
            )
        try:
            ccxt = import_module("ccxt")
        except MissingSetError as error:
            raise FeedError(f"{self.name} is read through the package ccxt. {error}", "source") from None
        exchange = getattr(ccxt, self.name)({"enableRateLimit": False})
        exchange.has["fetchCurrencies"] = False
        exchange.parse_precision = lambda _: None  # steps of orders: ccxt writes as many zeros as an answer says
        if self.market_id:
            market = {"id": self.market_id.format(*pair.groups()), "symbol": pair[0], "base": pair[1], "quote": pair[2]}
            exchange.set_markets([market | {"type": "spot", "spot": True}])
        return exchange

    def _bars(self, asked: Asked, wanted: Wanted, exchange: Any) -> list[list[Any]]:
        """The bars of all pages, asked for from the first day on."""
        if wanted.symbol not in exchange.load_markets():
            near = get_close_matches(wanted.symbol, filter(PAIR.fullmatch, exchange.symbols), NEAR_PAIRS)
            others = f", but {quoted(' or '.join(near))}" if near else ""
            asked.refuse(f"the exchange has no such pair{others}. Correct the `symbol:` of the asset.")
        self._read_cells(asked, exchange, exchange.markets[wanted.symbol]["id"])
        since, last = (int(np.datetime64(day, "ms").astype(int)) for day in (wanted.first or self.opened, wanted.last))
        bars: list[list[Any]] = []
        while since <= last:
            days = min(self.page, (last - since) // DAY_MS + 1)
            found = [bar for bar in exchange.fetch_ohlcv(wanted.symbol, "1d", since, days) if bar[0] >= since]
            since = DAY_MS + max((bar[0] for bar in found), default=since + (days - 1) * DAY_MS)
            bars += found
        return bars

    def _read_cells(self, asked: Asked, exchange: Any, market_id: str) -> None:
        """Give ccxt readers that hand each cell on as it is, and refuse what is no list of bars of this market."""

        def cell(content: Any, key: Any, *_: Any) -> Any:
            if key == market_id and isinstance(content, dict):  # whose bars an answer has under its name
                asked.check_symbol(next((name for name in content if name != "last"), None), market_id)
            return value_at(content, key)

        def moment(content: Any, key: Any, *_: Any) -> float:
            return 1000.0 * asked.number("time of a bar", cell(content, key))

        def bars(found: Any, market: Any, *_: Any) -> list[list[Any]]:
            if not isinstance(found, list) or not all(self._is_bar(bar) for bar in found):
                asked.shape("list of bars", found)
            rows = [exchange.parse_ohlcv(bar, market) for bar in found]
            return [[_midnight(asked, stamp), *cells] for stamp, *cells in rows]

        readers: dict[str, Callable[..., Any]] = dict.fromkeys(
            ("safe_list", "safe_number", "safe_number_2", "safe_integer", "safe_integer_2"), cell
        )
        for name, reader in (readers | {"safe_timestamp": moment, "parse_ohlcvs": bars}).items():
            setattr(exchange, name, reader)

    def _is_bar(self, found: object) -> bool:
        return isinstance(found, list) and len(found) == self.width if self.width else isinstance(found, dict)


def _midnight(asked: Asked, stamp: object) -> int:
    """The time of a bar in milliseconds, which is that of a day's begin in UTC."""
    number = asked.number("time of a bar", stamp)
    if number % DAY_MS != 0.0:  # nor is no number
        asked.refuse(f"the time of a bar is {quoted(stamp)}, not the begin of a day. Ask again later.", "later")
    return int(number)


def _content(asked: Asked, exchange: Any, reply: Reply) -> Any:
    """The content of an answer. Raises FeedError for a page, and by the class of ccxt for an error of the exchange."""
    errors, raised = import_module("ccxt"), None
    if reply.status in BARRED:
        asked.refuse(f"the source answers with status {reply.status}: it does not serve this place.", "source")
    content = asked.json(reply)
    text = reply.content.decode(errors="replace").strip()
    try:
        exchange.handle_errors(reply.status, "", "", "GET", dict(reply.headers), text, content, None, None)
    except errors.BaseError as error:
        raised = type(error)
    if raised is None:
        asked.check_status(reply)
    elif issubclass(raised, errors.BadSymbol):
        asked.refuse("the exchange has no such pair. Correct the `symbol:` of the asset.")
    elif not issubclass(raised, errors.OperationFailed):  # what a limit and a halt are, of any status
        asked.check_status(reply)
    if raised is not None:
        asked.refuse(f"the exchange says {quoted(content)}. Ask again later.", "later")
    return content


COINBASE = CoinExchange(
    RateLimits(9, 1.0), "coinbase", title="Coinbase", opened=date(2015, 1, 26), page=300, market_id="{}-{}"
)
KRAKEN = CoinExchange(RateLimits(5, 6.0), "kraken", title="Kraken", opened=date(2013, 9, 10), page=720, width=8)
BINANCE = CoinExchange(
    RateLimits(20, 1.0), "binance", title="Binance", opened=date(2017, 7, 14), page=1000, width=12, market_id="{}{}"
)
