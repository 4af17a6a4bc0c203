"""A paper account: units, cash by settlement day, what open orders have put aside, and what it refuses.

A buy may be paid with the proceeds of a sale that settle no later than the buy does, as the lists of a ticket reckon:
on no day from its settlement on may cash be below zero. Units that were bought may be sold at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import accumulate, chain
from typing import Any, Literal

from desk.exchange.paper.fill_model import FillModel, Part
from desk.exchange.paper.orders import DAY_ORDER, PaperOrder, exact
from desk.exchange.paper.prices import Bar, Session
from research.portfolio.holdings.blotter import NO_AMOUNT
from research.portfolio.holdings.rates import rounded
from research.portfolio.keys.ticket import LIMIT_ORDER, ORDER_TYPES, tick

BEFORE = ""  # settlement day of what was there before: earlier than any other
EVER = "9999-12-31"  # a settlement day after all others
Kind = Literal["units", "cash"]
Key = tuple[Kind, str, str]  # kind; symbol or currency; settlement day, of units always `BEFORE`


@dataclass
class Account:
    """An account while orders are placed.

    name     : name of the account.
    balances : units and cash, cash as what comes in and goes out by settlement day.
    reserved : by kind and symbol or currency, what open orders may still take.
    last     : last session on which it placed an order, or "".
    changed  : balances that were moved.
    opened   : what it has that no row says yet.
    """

    name: str
    balances: dict[Key, Decimal] = field(default_factory=dict)
    reserved: dict[tuple[Kind, str], Decimal] = field(default_factory=dict)
    last: str = ""
    changed: set[Key] = field(default_factory=set)
    opened: list["Opening"] = field(default_factory=list)

    def move(self, key: Key, amount: Decimal) -> None:
        """Add an amount of units, or of cash."""
        self.balances[key] = self.balances.get(key, NO_AMOUNT) + amount
        self.changed.add(key)

    def reserve(self, kind: Kind, item: str, amount: Decimal) -> None:
        """Put aside what an open order may still take."""
        self.reserved[kind, item] = self.reserved.get((kind, item), NO_AMOUNT) + amount

    def book(self, order: PaperOrder, booked: "Booking", settles: str) -> None:
        """Move units and cash by a fill; an exchange moves cash of two currencies."""
        bought = order.sign * booked.part.quantity
        self.move(("cash", order.item, settles) if order.is_exchange else ("units", order.item, BEFORE), bought)
        self.move(("cash", order.currency, settles), booked.cash)

    def units(self, symbol: str) -> Decimal:
        """The units that may be sold."""
        held = self.balances.get(("units", symbol, BEFORE), NO_AMOUNT)
        return held - self.reserved.get(("units", symbol), NO_AMOUNT)

    def cash(self, currency: str, settles: str = EVER) -> Decimal:
        """The cash that an order may take which settles on a day: the least balance from that day on, less reserves."""
        by_day = sorted((day, amount) for (_, item, day), amount in self._of("cash") if item == currency)
        balances = list(accumulate((amount for _, amount in by_day), initial=NO_AMOUNT))
        first = sum(day <= settles for day, _ in by_day)
        return min(balances[first:]) - self.reserved.get(("cash", currency), NO_AMOUNT)

    def items(self, kind: Kind) -> list[str]:
        """Symbols of its units, or currencies of its cash."""
        return sorted({item for (_, item, _), _ in self._of(kind)})

    def _of(self, kind: Kind) -> Iterator[tuple[Key, Decimal]]:
        return ((key, amount) for key, amount in self.balances.items() if key[0] == kind)


def reservation(order: PaperOrder, bar: Bar, left: Decimal) -> tuple[Kind, str, Decimal]:
    """What an open order may still take: kind, symbol or currency, amount. left : what is not filled of it."""
    price = order.limit_price or bar.close or order.price or Decimal(1)
    if order.sign < 0:
        return "units", order.item, left / price if order.in_money else left
    return "cash", order.currency, rounded(order.currency, left if order.in_money else left * price)


# -- fees and cash of fills --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Booking:
    """The effect of a fill. part : the fill. fees : by name. cash : signed change of cash, fees included."""

    part: Part
    fees: Mapping[str, Decimal]
    cash: Decimal


def bookings(order: PaperOrder, parts: Sequence[Part], bar: Bar, model: FillModel) -> Iterator[Booking]:
    """The effects of the fills of an order: notional and fees are rounded as sums, so that parts cost what one does."""
    names, quantity, notional = _fee_names(order, bar, model), NO_AMOUNT, NO_AMOUNT
    paid, fees = NO_AMOUNT, dict.fromkeys(names, NO_AMOUNT)
    for part in parts:
        quantity, notional = quantity + part.quantity, notional + part.notional
        share = (notional if order.in_money else quantity) / order.fees_of
        charged = {name: rounded(order.currency, order.fees[name] * share) for name in names}
        own = {name: charged[name] - fees[name] for name in names}
        cash = -order.sign * (rounded(order.currency, notional) - paid) - sum(own.values(), NO_AMOUNT)
        yield Booking(part, {name: fee for name, fee in own.items() if fee}, cash)
        paid, fees = rounded(order.currency, notional), charged


def _fee_names(order: PaperOrder, bar: Bar, model: FillModel) -> list[str]:
    """The expected costs that are charged as fees: those that are not in the price."""
    in_price = {"impact"} if model.impact is not None else set()
    if model.half_spread_bps is not None or bar.bid is not None:
        in_price.add("half_spread")
    return [name for name in order.fees if name not in in_price]


# -- refusals ----------------------------------------------------------------------------------------------------------


def fault_of_order(order: PaperOrder, session: Session, account: Account, now: datetime) -> str:
    """Why the venue does not take an order whatever it costs, in a sentence; "" where it does."""
    bar = session.bars.get(order.symbol, Bar())
    faults = chain(_of_session(order, session, account, now), _of_terms(order), _of_quantity(order, bar, account))
    return next(faults, "")


def _of_session(order: PaperOrder, session: Session, account: Account, now: datetime) -> Iterator[str]:
    """The exchange is closed, or does not trade the symbol, or in another currency; the account is further on."""
    if not session.is_open:
        yield f"{session.calendar} is closed on {session.day}: play a session, such as {session.expected}"
    if now > session.closes:
        yield f"{session.calendar} closed at {session.closes:%H:%M} UTC on {session.day}, and it is {now:%H:%M}"
    if account.last > str(session.day):
        yield f"account {account.name!r} has traded on {account.last}, after {session.day}: play a later session"
    if (bar := session.bars.get(order.symbol)) is None:
        if not order.is_exchange:
            yield f"symbol {order.symbol!r} is not known on {session.day} by {session.source}"
    elif bar.is_halted:
        yield f"{order.symbol} is halted on {session.day}"
    elif bar.currency not in ("", order.currency):
        yield f"{order.symbol} is quoted in {bar.currency}, and the order is in {order.currency}"


def _of_terms(order: PaperOrder) -> Iterator[str]:
    """The type of the order, how long it is good, and its limit price."""
    limit = order.limit_price
    if order.order_type not in ORDER_TYPES:
        yield f"order type {order.order_type!r} is not known: it takes {', '.join(ORDER_TYPES)}"
    if order.time_in_force != DAY_ORDER:
        yield f"time in force {order.time_in_force!r} is not known: it takes {DAY_ORDER}"
    if (limit is None) == (order.order_type == LIMIT_ORDER):
        yield f"an order of type {order.order_type} has a limit price of {limit}"
    if limit is not None and (limit <= 0 or limit % tick(order.currency, limit)):
        yield f"limit price {limit} is no whole number of ticks of {tick(order.currency, limit)} above zero"


def _of_quantity(order: PaperOrder, bar: Bar, account: Account) -> Iterator[str]:
    """A quantity that is none, or is not in whole lots; the last units of a symbol are sold as they are."""
    step = bar.lot or order.lot
    if order.quantity <= 0:
        yield f"quantity {order.quantity} is not above zero"
    if order.in_money or order.is_exchange or not step or not order.quantity % step:
        return
    if order.sign > 0 or order.quantity != account.units(order.item):
        yield f"quantity {order.quantity} is no whole number of lots of {step}"


def fault_of_fills(
    order: PaperOrder, booked: Sequence[Booking], rest: tuple[Kind, str, Decimal], settles: str, account: Account
) -> str:
    """Why an account cannot pay for an order, in a sentence; "" where it can.

    booked : effects of its fills. rest : what it may still take. settles : settlement day of its fills.
    """
    units, open_units = sum((each.part.quantity for each in booked), NO_AMOUNT), rest[2] * (rest[0] == "units")
    if order.sign < 0:
        own = account.cash(order.item, settles) if order.is_exchange else account.units(order.item)
        if units + open_units > own:
            kind = "cash" if order.is_exchange else "units"
            return f"no {kind}: it sells {units + open_units} {order.item}, and account {account.name!r} has {own}"
    cost = rest[2] * (rest[0] == "cash") - sum((each.cash for each in booked), NO_AMOUNT)
    if cost > 0 and cost > (own := account.cash(order.currency, settles)):
        have = f"account {account.name!r} has {own} that settles by {settles}"
        return f"no cash: it costs {cost} {order.currency}, and {have}"
    return ""


# -- what a ticket says is held ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opening:
    """What an account has before the orders of a ticket. kind : "units" or "cash". item : symbol or currency."""

    account: str
    kind: Kind
    item: str
    amount: Decimal

    @property
    def text(self) -> str:
        """The amount and what it is of."""
        return f"{self.amount:,f} {self.item}"


def openings_of(document: Mapping[str, Any], bars: Mapping[str, Bar]) -> tuple[Opening, ...]:
    """What the accounts of a ticket have before its orders, as it says.

    A line without a quote is held in units of its price, or of one unit of currency. Of several accounts, a ticket says
    only what those hold that trade a line.
    """
    return tuple({(each.account, each.kind, each.item): each for each in _openings(document, bars)}.values())


def _openings(document: Mapping[str, Any], bars: Mapping[str, Bar]) -> Iterator[Opening]:
    numbers = {row["account"]: row["number"] for row in document["accounts"]}
    totals, only = document["totals"], document["account"]
    yield from _cash(document, numbers, totals["cash_before"] + totals.get("flow", 0.0))
    if not numbers:
        for row in document["held"]:
            units = row["shares"] if row["shares"] is not None else row["value"] / _unit_price(bars, row)
            yield Opening(only, "units", row["symbol"], exact(units))
    for row in document["orders"]:
        if row["shares_before"] is not None:
            yield Opening(row["account"], "units", row["symbol"], exact(row["shares_before"]))
        elif not numbers:
            value = round(row["weight_before"] * totals["nav_before"], 2)
            yield Opening(row["account"], "units", row["symbol"], exact(value / _unit_price(bars, row)))


def _cash(document: Mapping[str, Any], numbers: Mapping[str, str], cash: float) -> Iterable[Opening]:
    only, currency = document["account"], document["currency"]
    if by_currency := document.get("cash"):
        return (
            Opening(numbers.get(row["account"], only), "cash", row["currency"], exact(row["before"]))
            for row in by_currency
        )
    if numbers:
        rows = document["accounts"]
        return (Opening(row["number"], "cash", currency, exact(row["cash_before"])) for row in rows)
    return [Opening(only, "cash", currency, exact(cash))]


def _unit_price(bars: Mapping[str, Bar], row: Mapping[str, Any]) -> float:
    bar = bars.get(row["symbol"], Bar())
    return 1.0 if bar.close is None else float(bar.close)
