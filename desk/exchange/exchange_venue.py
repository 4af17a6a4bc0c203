"""Exchanges by the five methods that users of other portfolio managers know, as venues, and what such a venue lacks."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pandas as pd

from desk.exchange.venue import Capabilities, NotKnown, OrderState, SymbolRules
from desk.journal.journal import utc_now
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order
from foundation.canonical import decimal
from foundation.errors import DataError
from research.orders.fills import Fill
from research.portfolio.holdings.blotter import NO_AMOUNT

LOST_ANSWER = (
    "It takes no client ids: an order that gets no answer is neither asked for nor sent again, and has to be looked "
    "for by hand. Its fills are those that it reports when an order is placed; fees that it does not report are taken "
    "for zero."
)


REJECTED = ("rejected", "refused", "failed")  # answers that say that nothing was traded
SMALLEST_PRICE = Decimal("1e-18")  # of one unit
OPEN_STATUSES = ("open", "pending", "new", "accepted", "partially_filled")  # and that it may trade later


class IExchange(ABC):
    """An exchange with one account. Amounts are in units, prices and values in its money."""

    @abstractmethod
    def get_account_balances(self) -> dict[str, Decimal]:
        """By asset, the units that the account holds; money is an asset among them."""

    @abstractmethod
    def get_ticker_prices(self, assets: Sequence[str]) -> dict[str, Decimal]:
        """By asset, the last price."""

    @abstractmethod
    def get_portfolio_value(self) -> Decimal:
        """The value of the account."""

    @abstractmethod
    def execute_trade(self, asset: str, amount: Decimal, side: str, order_type: str = "market") -> dict[str, Any]:
        """Buy or sell units of an asset.

        Returns : what was done, of which `amount` that was traded, `price`, `fee`, `id` and `status` are read where
                  they are there; `status` "rejected" says that nothing was, for the `reason`, and "open" or "pending"
                  that it is not known yet.
        """

    @abstractmethod
    def get_historical_data(
        self, assets: Sequence[str], start_time: datetime, end_time: datetime | None = None, interval: str = "1d"
    ) -> pd.DataFrame:
        """Past prices: a row a time, a column an asset."""


class ExchangeVenue:
    """An `IExchange` as a venue.

    exchange : the exchange.
    money    : asset of its balances that is the cash of the portfolio.
    currency : currency of the portfolio, in which that counts.
    clock    : gives the moment in UTC.
    """

    capabilities = Capabilities(frozenset({"market"}), 0, "")

    def __init__(self, exchange: IExchange, money: str, currency: str, clock: Callable[[], datetime] = utc_now) -> None:
        self.exchange, self.money, self.currency, self.now = exchange, money, currency, clock
        self.name, self.notes = type(exchange).__name__, (f"On {type(exchange).__name__}. {LOST_ANSWER}",)
        self._fills: list[Fill] = []

    def wait(self, until: datetime) -> None:
        """Wait for a moment."""
        time.sleep(max((until - self.now()).total_seconds(), 0.0))

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        """Execute a trade. Raises NotKnown for whatever the exchange raises, and for an answer that cannot be right."""
        assert isinstance(order, Order)
        price = self._prices([order.symbol])[order.symbol]
        units = decimal(order.notional) / price if order.quantity is None else decimal(order.quantity)
        try:
            done = self.exchange.execute_trade(order.symbol, units, order.side)
        except Exception as error:
            raise NotKnown(f"{type(error).__name__}: {error}") from error
        if not isinstance(done, Mapping) or done.get("status") in OPEN_STATUSES:
            raise NotKnown(f"it answered {done!r}")
        if done.get("status") in REJECTED:
            return OrderState(client_id, "refused", reason=str(done.get("reason", "no reason is given")))
        return self._filled(order, client_id, units, {"amount": units, "price": price, "fee": 0, **_stated(done)})

    def _filled(self, order: Order, client_id: str, units: Decimal, done: Mapping[str, Any]) -> OrderState:
        """The state of an order that traded, whose fill is kept. Raises NotKnown for an answer that cannot be right."""
        number = str(done.get("id") or order.client_order_id)
        about = (self.currency, self.now(), number, self.name, order.client_order_id, order.account)
        try:
            fill = Fill(order.symbol, order.side, done["amount"], done["price"], *about, {"fees": done["fee"]})
        except DataError as error:
            raise NotKnown(f"it answered {dict(done)!r}: {error}") from error
        if fill.quantity > units:
            raise NotKnown(f"it says that {fill.quantity:f} of {units:f} were traded")
        self._fills.append(fill if fill.fees["fees"] else replace(fill, fees={}))
        if fill.quantity < units:
            reason = f"{fill.quantity:f} of {units:f} were traded"
            return OrderState(client_id, "cancelled", fill.quantity, number, reason)
        return OrderState(client_id, "filled", fill.quantity, number)

    def state(self, client_id: str) -> OrderState | None:
        """Raise NotKnown: it has no ids."""
        raise NotKnown(f"{self.name} takes no client ids")

    def open_orders(self) -> list[OrderState]:
        """None: orders at market are filled when they are placed."""
        return []

    def cancel(self, client_id: str) -> OrderState:
        """Raise DataError: nothing is open."""
        raise DataError(f"{self.name} has no open order to cancel: orders at market are filled when they are placed.")

    def fills(self, since: datetime | None = None) -> list[Fill]:
        """The fills that it reported in this process; `order_id` is that of the ticket."""
        return list(self._fills)

    def cash(self, account: str) -> Mapping[str, Decimal]:
        """Its money, in the currency of the portfolio."""
        return {self.currency: self._balances().get(self.money, NO_AMOUNT)}

    def units(self, account: str) -> Mapping[str, Decimal]:
        """Its balances without the money."""
        return {asset: held for asset, held in self._balances().items() if asset != self.money}

    def quotes(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        """The last prices."""
        last, moment = self._prices(symbols), self.now().isoformat()
        return {symbol: Quote(last=float(price), source=self.name, moment=moment) for symbol, price in last.items()}

    def rules(self, symbols: Iterable[str]) -> Mapping[str, SymbolRules]:
        """No steps are known."""
        return dict.fromkeys(self._prices(symbols), SymbolRules())

    def _balances(self) -> dict[str, Decimal]:
        return balances_of(self.exchange)

    def _prices(self, symbols: Iterable[str]) -> dict[str, Decimal]:
        return prices_of(self.exchange, list(symbols))


def balances_of(exchange: IExchange) -> dict[str, Decimal]:
    """By asset, the units that the account holds. Raises NotKnown for no answer, and for what is no amount."""
    stated = _answer(exchange, exchange.get_account_balances)
    return {asset: _exact(exchange, f"balance of {asset}", held) for asset, held in stated.items()}


def prices_of(exchange: IExchange, symbols: Sequence[str]) -> dict[str, Decimal]:
    """By symbol, the last prices. Raises NotKnown for no answer, and for what is no price."""
    stated = _answer(exchange, lambda: exchange.get_ticker_prices(symbols))
    return {symbol: _exact(exchange, f"price of {symbol}", stated.get(symbol), SMALLEST_PRICE) for symbol in symbols}


def _answer(exchange: IExchange, ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        return ask()
    except Exception as error:
        raise NotKnown(f"{type(exchange).__name__} gives no answer: {type(error).__name__}: {error}") from error


def _exact(exchange: IExchange, what: str, stated: object, least: Decimal | None = None) -> Decimal:
    """An amount as it is written. Raises NotKnown for what is no finite number, and for one below the least."""
    try:
        number = Decimal(str(stated))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or (least is not None and number < least):
        above = "" if least is None else " above zero"
        raise NotKnown(
            f"{type(exchange).__name__} states {stated!r} as the {what}: it has to be a number{above}. Ask it again, "
            "or take the asset out of the portfolio file."
        )
    return number


def _stated(done: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of an answer that are not None."""
    return {name: value for name, value in done.items() if value is not None}
