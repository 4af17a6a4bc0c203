"""Exchanges by the five methods that users of other portfolio managers know, as venues, and what such a venue lacks."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from desk.exchange.venue import Capabilities, NotKnown, OrderState, SymbolRules
from desk.journal.journal import utc_now
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order
from foundation.errors import DataError
from research.orders.fills import Fill
from research.portfolio.holdings.blotter import NO_AMOUNT
from research.portfolio.holdings.rates import decimal

LOST = (
    "It takes no client ids: an order that gets no answer is neither asked for nor sent again, and has to be looked "
    "for by hand. Its fills are those that it reports when an order is placed; fees that it does not report are taken "
    "for zero."
)


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

        Returns : what was done, of which `amount`, `price`, `fee`, `id` and `status` are read where they are there;
                  `status` "rejected" says that nothing was, for the `reason`.
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
        self.name, self.notes = type(exchange).__name__, (f"On {type(exchange).__name__}. {LOST}",)
        self._fills: list[Fill] = []

    def wait(self, until: datetime) -> None:
        """Wait for a moment."""
        time.sleep(max((until - self.now()).total_seconds(), 0.0))

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        """Execute a trade. Raises NotKnown for whatever the exchange raises, and for an answer that cannot be read."""
        assert isinstance(order, Order)
        price = self.exchange.get_ticker_prices([order.symbol])[order.symbol]
        units = decimal(order.notional) / price if order.quantity is None else decimal(order.quantity)
        try:
            done = self.exchange.execute_trade(order.symbol, units, order.side)
            if done.get("status") in ("rejected", "refused", "failed"):
                return OrderState(client_id, "refused", reason=str(done.get("reason", "no reason is given")))
            fill = self._fill(order, units, price, done)
        except Exception as error:
            raise NotKnown(f"{type(error).__name__}: {error}") from error
        self._fills.append(fill)
        return OrderState(client_id, "filled", fill.quantity, fill.fill_id)

    def _fill(self, order: Order, units: Decimal, price: Decimal, done: Mapping[str, Any]) -> Fill:
        """The fill that an answer reports; what it does not say is as it was asked for."""
        return Fill(
            asset=order.symbol,
            side=order.side,
            quantity=done.get("amount", units),
            price=done.get("price", price),
            currency=self.currency,
            moment=self.now(),
            fill_id=str(done.get("id") or order.client_order_id),
            venue=self.name,
            order_id=order.client_order_id,
            account=order.account,
            fees={"fees": done["fee"]} if done.get("fee") else {},
        )

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
        return {self.currency: self.exchange.get_account_balances().get(self.money, NO_AMOUNT)}

    def units(self, account: str) -> Mapping[str, Decimal]:
        """Its balances without the money."""
        return {asset: held for asset, held in self.exchange.get_account_balances().items() if asset != self.money}

    def quotes(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        """The last prices."""
        last = self.exchange.get_ticker_prices(list(symbols))
        moment = self.now().isoformat()
        return {symbol: Quote(last=float(price), source=self.name, moment=moment) for symbol, price in last.items()}

    def rules(self, symbols: Iterable[str]) -> Mapping[str, SymbolRules]:
        """No steps are known."""
        return dict.fromkeys(self.exchange.get_ticker_prices(list(symbols)), SymbolRules())
