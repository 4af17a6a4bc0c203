"""Orders, bars and sessions made by hand, for tests of the paper venue; processes that place orders and are killed."""

import json
import os
import random
import sqlite3
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from itertools import count
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
    "A": bar(98.0, 104.0, 95.0, 102.0, volume=Decimal(10_000)),
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


# -- processes that place orders ---------------------------------------------------------------------------------------

LISTED = 5  # orders placed in one commit
MODEL = FillModel("clock", participation=0.5, parts=3, latency=60.0)


def drawn(k: int) -> Order:
    """The order k: any side, symbol and quantity; some are refused, some filled in part, some rest."""
    rng = random.Random(k)
    symbol, side, quantity = rng.choice(("A", "A", "THIN")), rng.choice(("buy", "sell")), float(rng.randint(1, 9))
    limit = {"order_type": "limit", "limit_price": 90.0} if rng.random() < 0.1 else {}
    return order(side, symbol, quantity, client_order_id=f"o{k}", **limit)


def placing(folder: Path, first: int, told: int) -> None:
    """Place every second list of orders from the first, and write its number to a pipe once it is kept."""
    with paper(folder, MODEL) as venue:
        for n in count(first, 2):
            orders = [drawn(k) for k in range(n * LISTED, (n + 1) * LISTED)]
            venue.place_all([(each, each.client_order_id) for each in orders])
            os.write(told, b"%d\n" % n)


def check_replay(folder: Path, kept: set[int]) -> int:
    """Lists that were kept are there, all are whole, and units and cash are the rows added up; gives the orders."""
    rows = sqlite3.connect(folder / "paper.sqlite")
    orders = {
        row[0]: row[1:] for row in rows.execute("SELECT number, client_id, sign, quantity, filled, status FROM orders")
    }
    fills, sums = defaultdict(list), Counter[tuple[str, str, str]]()
    for number, *fill in rows.execute('SELECT "order", quantity, price, settles, fees, cash FROM fills'):
        fills[number].append(fill)
    lists = Counter(int(client_id[1:]) // LISTED for client_id, *_ in orders.values())
    assert set(lists.values()) == {LISTED}
    assert set(lists) >= kept
    for kind, item, amount in rows.execute("SELECT kind, item, amount FROM openings"):
        sums[kind, item, ""] += Decimal(amount)
    for number, (client_id, sign, quantity, filled, status) in orders.items():
        units = sum(Decimal(fill[0]) for fill in fills[number])
        assert units == Decimal(filled)
        assert (status == "filled") == (units == Decimal(quantity))
        paid = round(sum(Decimal(q) * Decimal(p) for q, p, *_ in fills[number]), 2)
        fees = sum(Decimal(fee) for *_, of, _ in fills[number] for fee in json.loads(of).values())
        assert sum(Decimal(fill[-1]) for fill in fills[number]) == -sign * paid - fees
        sums["units", drawn(int(client_id[1:])).symbol, ""] += sign * units
        for *_, settles, _, cash in fills[number]:
            sums["cash", "USD", settles] += Decimal(cash)
    balances = {
        tuple(row[:3]): Decimal(row[3]) for row in rows.execute("SELECT kind, item, settles, amount FROM balances")
    }
    assert {key: amount for key, amount in balances.items() if amount} == {k: v for k, v in sums.items() if v}
    assert sum(amount for (kind, *_), amount in balances.items() if kind == "cash") >= 0
    rows.close()
    return len(orders)
