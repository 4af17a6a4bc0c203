"""Orders, bars and sessions made by hand, for tests of the paper venue."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from desk.exchange.paper.account import Opening
from desk.exchange.paper.fill_model import FillModel
from desk.exchange.paper.prices import Bar, Session
from desk.exchange.paper.venue import PaperVenue
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order

DAY = date(2022, 12, 30)  # a Friday; the next session is Tuesday, 3 January
SETTLES = "2023-01-03"


def order(side: str = "buy", symbol: str = "A", quantity: float | None = 10.0, **others: Any) -> Order:
    """An order of A, at 100 USD a unit, with fees of 1.00 and 0.50 USD. others : fields that are not so."""
    notional = (quantity or 0.0) * (others.get("price") or 100.0)
    fields: dict[str, Any] = dict(
        priority=1, side=side, asset=symbol, symbol=symbol, quantity=quantity, lot=1.0, order_type="market",
        time_in_force="DAY", limit_price=None, price=100.0, price_date="2022-12-29", notional=notional, commission=1.0,
        half_spread=0.5, ticket=0.0, impact=0.0, cost=1.5, currency="USD", account="U1", settlement_date=SETTLES,
        shares_before=0.0, shares_after=0.0, weight_before=0.0, weight_target=0.0, weight_after=0.0, reason="",
        client_order_id=f"{side}-{symbol}-{quantity}",
    )  # fmt: skip
    return Order(**{**fields, **others})


def exchange(side: str, currency: str, amount: float, pair: str, rate: float) -> ExchangeOrder:
    """An exchange of money of U1."""
    return ExchangeOrder(1, side, pair, currency, amount, rate, 0.0, "U1", SETTLES, "", f"{side}-{currency}-{amount}")


def bar(opening: float, high: float, low: float, close: float, **others: Any) -> Bar:
    """A bar in USD, in whole units."""
    prices = (Decimal(repr(price)) for price in (opening, high, low, close))
    return Bar(*prices, **{"currency": "USD", "lot": Decimal(1), **others})


BARS = {
    "A": bar(98.0, 104.0, 95.0, 102.0),
    "THIN": bar(10.0, 10.0, 10.0, 10.0, volume=Decimal(10)),
    "HALTED": bar(10.0, 10.0, 10.0, 10.0, is_halted=True),
    "FUND": Bar(currency="USD"),
}


def session(day: date = DAY, calendar: str = "XNYS", **bars: Bar) -> Session:
    """A session on which tickets of the 29th are expected to trade. bars : besides `BARS`."""
    return Session(day, DAY, calendar, {**BARS, **bars}, "bars by hand")


def opening(item: str, amount: float | str, kind: Any = "units") -> Opening:
    """What U1 has."""
    return Opening("U1", kind, item, Decimal(str(amount)))


HELD = (opening("USD", "10000", "cash"), opening("A", 100), opening("EUR", "500", "cash"))


def paper(folder: Path, model: FillModel | None = None, **others: Any) -> PaperVenue:
    """A paper venue in a folder, whose account U1 has 10,000 USD, 500 EUR and 100 of A."""
    return PaperVenue(others.pop("session", session()), HELD, model=model or FillModel(), folder=folder, **others)
