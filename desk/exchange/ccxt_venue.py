"""An exchange of coins as a venue, through ccxt: it writes the requests and reads the answers, the house sends them.

Binance takes a client id again once its order has ended, so that the id is asked for before an order is placed. It
knows orders by their pair: a venue is asked for the pairs of one ticket. A fee in the coin that is bought makes fewer
units arrive; one in a third coin is valued at that coin's price of the moment, and its units are not counted. Coins
that stand for a US dollar count as one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any, ClassVar, cast

from desk.exchange.connection import ConnectedVenue, Connection
from desk.exchange.venue import Capabilities, Depth, NotKnown, OrderState, Status, SymbolRules
from desk.exchange.venue_ids import ID_LENGTHS, LETTERS_AND_DIGITS
from desk.feeds.adapter import RateLimits
from desk.feeds.fetching import read_key
from desk.feeds.pace import Clock
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order
from foundation.arguments import shown
from foundation.canonical import decimal
from foundation.errors import DataError
from foundation.paper.cells import number_text
from research.orders.fills import Fill

TRADES_A_PAGE = 1_000
BOOK_LEVELS = 100  # of each side of a book
DOLLAR_COINS = ("USDT", "USDC", "FDUSD")  # which count as US dollars, at par
STATUS_OF_EXCHANGE: Mapping[str, Status] = {
    "open": "open",
    "closed": "filled",
    "canceled": "cancelled",
    "expired": "cancelled",
    "rejected": "refused",
}


class _Refused(DataError):
    """The refusal of a request, in the words of the exchange. is_unknown : true where it does not have the order."""

    def __init__(self, sentence: str, is_unknown: bool = False) -> None:
        super().__init__(sentence)
        self.is_unknown = is_unknown


class CcxtVenue(ConnectedVenue):
    """An account at Binance, as `desk.exchange.venue.Venue` has it.

    name    : name of the venue in journal and messages.
    symbols : pairs of a ticket, such as BTC/EUR; those that the exchange does not have are left out.
    live    : true for the exchange itself, false for its test network, which has keys of its own.
    address : address of a server that speaks its format, in place of both, or "".
    clock   : clock of the pace of requests, and of waiting.
    Raises  : MissingSetError without ccxt, DataError without a key; NotKnown where the exchange gives no answer.
    """

    exchange, path = "binance", "/api/v3"
    pace = RateLimits(20, 1.0)
    capabilities = Capabilities(frozenset({"market", "limit"}), ID_LENGTHS[exchange], LETTERS_AND_DIGITS)
    terms: ClassVar[Mapping[str, str]] = {}  # of every order, as the exchange names them

    def __init__(
        self, name: str, symbols: Iterable[str], *, live: bool = False, address: str = "", clock: Clock | None = None
    ) -> None:
        self._ccxt: Any = import_module("ccxt")
        self.name = name
        variables = (f"{self.exchange.upper()}_API_KEY", f"{self.exchange.upper()}_API_SECRET")
        key, secret = (read_key(name, variable, f"https://www.{self.exchange}.com") for variable in variables)
        super().__init__(Connection(name, {}, (key, secret), self.pace, clock or Clock()))
        self._api = self._opened(key, secret, live, address)
        self._orders: dict[str, tuple[str, str]] = {}  # by the exchange's own id, the client id and the pair
        self._call("load_markets")
        self.symbols = tuple(self._known(dict.fromkeys(symbols)))

    def _opened(self, key: str, secret: str, live: bool, address: str) -> Any:
        """The exchange object of ccxt: numbers are text, and requests go through `_fetch`."""
        api = getattr(self._ccxt, self.exchange)({"apiKey": key, "secret": secret, "enableRateLimit": False})
        api.number, api.fetch, api.has["fetchCurrencies"] = str, self._fetch, False
        known = api.parse_precision  # it writes as many zeros as it is told
        api.parse_precision = lambda digits: known(digits) if len(str(digits)) < len("100") else None
        api.options |= {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "adjustForTimeDifference": True}
        if not live:
            api.set_sandbox_mode(True)
        if address:
            api.urls["api"] = dict.fromkeys(api.urls["api"], f"{address}{self.path}")
        return api

    def now(self) -> datetime:
        """As `Venue.now`."""
        return moment_of_milliseconds(self._call("fetch_time"))

    # -- orders --------------------------------------------------------------------------------------------------------

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        """As `Venue.place`. The client id is asked for before, and where the order is refused."""
        if isinstance(order, ExchangeOrder):
            return OrderState(client_id, "refused", reason=f"{self.name} takes no exchanges of money")
        if fault := self._fault(order):
            return OrderState(client_id, "refused", reason=fault)
        if (existing := self._state_at(client_id, order.symbol)) is not None:
            return existing
        amount, price = _numbers(order)
        try:
            about = (order.symbol, order.order_type, order.side, amount, price)
            row = self._call("create_order", *about, {"clientOrderId": client_id, **self.terms})
        except _Refused as refusal:
            existing = self._state_at(client_id, order.symbol)
            return existing or OrderState(client_id, "refused", reason=str(refusal))
        return self._placed(row, client_id, order.symbol)

    def state(self, client_id: str) -> OrderState | None:
        """As `Venue.state`."""
        states = (self._state_at(client_id, symbol) for symbol in self.symbols)
        return next((state for state in states if state is not None), None)

    def open_orders(self) -> list[OrderState]:
        """As `Venue.open_orders`, of its pairs."""
        return [self._state(row) for symbol in self.symbols for row in self._call("fetch_open_orders", symbol)]

    def _send_cancel(self, order: OrderState) -> None:
        with suppress(_Refused):  # it has ended since
            self._call("cancel_order", order.reference, self._orders[order.reference][1])

    def fills(self, since: datetime | None = None) -> list[Fill]:
        """As `Venue.fills`, of its pairs."""
        fills = [self._fill(row) for symbol in self.symbols for row in self._trades(symbol, since)]
        return sorted(fills, key=lambda fill: fill.moment)

    # -- account and market --------------------------------------------------------------------------------------------

    def cash(self, account: str) -> Mapping[str, Decimal]:
        """As `Venue.cash`: what is free of the currencies of its pairs. The account is that of the keys."""
        free, cash = self._call("fetch_balance")["free"], dict[str, Decimal]()
        for coin in dict.fromkeys(symbol.partition("/")[2] for symbol in self.symbols):
            cash[_currency(coin)] = cash.get(_currency(coin), Decimal()) + Decimal(free.get(coin, "0"))
        return cash

    def units(self, account: str) -> Mapping[str, Decimal]:
        """As `Venue.units`, of the coins of its pairs."""
        total = self._call("fetch_balance")["total"]
        return {symbol: Decimal(total.get(symbol.partition("/")[0], "0")) for symbol in self.symbols}

    def quotes(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        """As `Venue.quotes`."""
        return {symbol: self._quote(self._call("fetch_ticker", symbol)) for symbol in self._known(symbols)}

    def depth(self, symbols: Iterable[str]) -> Mapping[str, Depth]:
        """The books of its pairs, and the fee of orders that take them, as the exchange states it for new accounts."""
        books = {symbol: self._call("fetch_order_book", symbol, BOOK_LEVELS) for symbol in self._known(symbols)}
        return {
            symbol: Depth(_levels(book["bids"])[::-1], _levels(book["asks"]), self._fee(self._api.markets[symbol]))
            for symbol, book in books.items()
            if book["bids"] and book["asks"]
        }

    def _fee(self, market: Mapping[str, Any]) -> Decimal:
        return Decimal(str(market["taker"] or 0))

    def rules(self, symbols: Iterable[str]) -> Mapping[str, SymbolRules]:
        """As `Venue.rules`."""
        markets = {symbol: self._api.markets[symbol] for symbol in self._known(symbols)}
        return {
            symbol: SymbolRules(*(None if step is None else Decimal(step) for step in (
                market["precision"]["amount"], market["precision"]["price"], market["limits"]["cost"]["min"]
            )))
            for symbol, market in markets.items()
        }  # fmt: skip

    # -- requests ------------------------------------------------------------------------------------------------------

    def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """The content of an answer, as ccxt reads it. It raises the errors of ccxt for those of the exchange."""
        answer = self._connection.send(method, url, headers or {}, None if body is None else body.encode())
        self._api.handle_errors(answer.status, "", url, method, {}, answer.text, answer.content, None, None)
        if answer.status >= 400:
            raise self._ccxt.ExchangeError(answer.text)
        return answer.content

    def _call(self, name: str, *given: Any) -> Any:
        """The answer of a method of ccxt. Raises NotKnown where its outcome is open, _Refused for a refusal."""
        errors = self._ccxt
        try:
            return getattr(self._api, name)(*given)
        except errors.AuthenticationError as error:
            raise DataError(f"{self.name} refuses the keys: {self._words(error)}. Copy them anew.") from None
        except errors.OperationFailed as error:  # a limit, a halt, a time-out behind the exchange
            raise NotKnown(f"{self.name} gives no answer that counts: {self._words(error)}. Ask again later.") from None
        except errors.BaseError as error:
            raise _Refused(self._words(error), isinstance(error, errors.OrderNotFound)) from None
        except (TypeError, KeyError, AttributeError, IndexError) as error:  # ccxt meets content of another form
            raise NotKnown(f"{self.name} gives an answer of another form ({self._words(error)}). Ask again.") from None

    def _words(self, error: Exception) -> str:
        return shown(self._connection.public(str(error)))

    def _placed(self, row: dict[str, Any], client_id: str, symbol: str) -> OrderState:
        """The state of an order by the answer to placing it."""
        return self._state(row, client_id)

    def _state_at(self, client_id: str, symbol: str) -> OrderState | None:
        try:
            return self._state(self._call("fetch_order", None, symbol, {"clientOrderId": client_id}), client_id)
        except _Refused as refusal:
            if refusal.is_unknown:
                return None
            raise

    def _trades(self, symbol: str, since: datetime | None) -> Iterator[dict[str, Any]]:
        """The trades of a pair since a moment, page by page; a page begins with the moment at which the last ended."""
        start, taken = 0 if since is None else int(since.timestamp() * 1000), set[str]()
        while True:
            page = self._call("fetch_my_trades", symbol, start, TRADES_A_PAGE)
            new = [row for row in page if row["id"] not in taken]
            yield from (row for row in new if since is None or moment_of_milliseconds(row["timestamp"]) >= since)
            if len(page) < TRADES_A_PAGE or not new:
                return
            taken |= {row["id"] for row in new}
            start = int(new[-1]["timestamp"])

    # -- answers -------------------------------------------------------------------------------------------------------

    def _fault(self, order: Order) -> str:
        """The reason for which an order is not sent, or "": ccxt would round what is no multiple of a step."""
        if order.symbol not in self.symbols:
            return f"{order.symbol} is no pair of {self.name} and the ticket"
        if order.quantity is None:
            return "it trades in units, and not in amounts of money"
        if (currency := _currency(order.symbol.partition("/")[2])) != order.currency:
            return f"{order.symbol} trades in {currency}, and the order is in {order.currency}"
        for name, number in zip(("amount", "price"), _numbers(order), strict=True):
            if number is None:
                continue
            rounded = self._call(f"{name}_to_precision", order.symbol, number)
            if Decimal(rounded) != Decimal(number):
                return f"the {name} {number} is no multiple of the step of {order.symbol}; {rounded} is"
        return ""

    def _state(self, row: dict[str, Any], client_id: str = "") -> OrderState:
        reference, stated, filled = row.get("id"), row.get("clientOrderId"), row.get("filled")
        if not reference or not stated or filled is None or stated != (client_id or stated):
            raise NotKnown(f"{self.name} gives no order {client_id}: found {shown(row.get('info'))}. Ask again later.")
        status = STATUS_OF_EXCHANGE.get(str(row["status"]), "open")
        self._orders[reference] = stated, row["symbol"]
        reason = "" if status in ("open", "filled") else f"it is {row['status']} at {self.exchange}"
        return OrderState(stated, status, Decimal(filled), reference, reason)

    def _fill(self, row: dict[str, Any]) -> Fill:
        symbol, order = row["symbol"], row["order"]
        if order not in self._orders:
            self._state(self._call("fetch_order", order, symbol))
        base, _, quote = symbol.partition("/")
        quantity, price = Decimal(row["amount"]), Decimal(row["price"])
        fees: dict[str, Decimal] = {}
        for fee in row["fees"]:
            cost, coin = Decimal(fee["cost"]), fee["currency"]
            fees[f"commission in {coin}"] = cost * (
                Decimal(1) if coin == quote else self._worth(coin, base, quote, price)
            )
            if coin == base and row["side"] == "buy":
                quantity -= cost  # paid for, and not received
        moment = moment_of_milliseconds(row["timestamp"])
        about = (_currency(quote), moment, f"{symbol}:{row['id']}", self.name, self._orders[order][0])
        return Fill(symbol, row["side"], quantity, price, *about, fees=fees)

    def _worth(self, coin: str, base: str, quote: str, price: Decimal) -> Decimal:
        """The price of a coin in which a fee is paid."""
        if coin == base:
            return price
        quotes = self.quotes([f"{coin}/{quote}"])
        if not quotes or quotes[f"{coin}/{quote}"].last is None:
            raise DataError(
                f"{self.name} takes fees in {coin}, which has no price in {quote}: a fill cannot be booked. Have its "
                f"fees taken in {quote}."
            )
        return decimal(cast(float, quotes[f"{coin}/{quote}"].last))

    def _quote(self, row: dict[str, Any]) -> Quote:
        bid, ask, last = (None if row[name] is None else float(row[name]) for name in ("bid", "ask", "last"))
        return Quote(
            bid,
            ask,
            last,
            self.name,
            (moment_of_milliseconds(row["timestamp"]) if row["timestamp"] else self.now()).isoformat(),
        )

    def _known(self, symbols: Iterable[str]) -> Sequence[str]:
        return [symbol for symbol in symbols if symbol in self._api.markets]


def _numbers(order: Order) -> tuple[str, str | None]:
    """Quantity and limit price as text."""
    price = None if order.limit_price is None else number_text(order.limit_price)
    return number_text(order.quantity or 0.0), price


def _currency(coin: str) -> str:
    """The currency as which a coin or currency counts."""
    return "USD" if coin in DOLLAR_COINS else coin


def moment_of_milliseconds(milliseconds: Any) -> datetime:
    """A moment of an exchange, in UTC."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _levels(rows: Sequence[Sequence[Any]]) -> tuple[tuple[Decimal, Decimal], ...]:
    """Price and units of each level, the lowest first: of texts, ccxt sorts the letters."""
    return tuple(sorted((Decimal(str(row[0])), Decimal(str(row[1]))) for row in rows))
