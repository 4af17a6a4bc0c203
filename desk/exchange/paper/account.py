"""A paper account: units, cash by settlement day, what open orders have put aside, and how fills move it.

A buy may be paid with the proceeds of a sale that settle no later than the buy does, as the lists of a ticket reckon:
on no day from its settlement on may cash be below zero. Units that were bought may be sold at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import Any, Literal

import numpy as np

from desk.exchange.paper.fill_model import FillModel, PartialFill
from desk.exchange.paper.orders import PaperOrder, exact
from desk.exchange.paper.prices import Bar
from desk.exchange.ticket_orders import flows_of
from foundation.arrays import Array
from foundation.canonical import content_hash, decimal
from foundation.dataclasses import dataclass, field
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, BookExchange, BookSplit
from research.portfolio.holdings.market_events import dividends_since, splits_since
from research.portfolio.holdings.rates import rounded

BEFORE = ""  # settlement day of what was there before: earlier than any other
EVER = "9999-12-31"  # a settlement day after all others
Kind = Literal["units", "cash"]
Key = tuple[Kind, str, str]  # kind; symbol or currency; settlement day, of units always `BEFORE`


@dataclass(frozen=True)
class Opening:
    """A balance of an account before the orders of a ticket, or money that comes with them.

    kind   : "units" or "cash".
    item   : symbol or currency.
    amount : below zero for money that goes.
    ticket : of money that comes or goes, hash of the ticket that says so; else "".
    """

    account: str
    kind: Kind
    item: str
    amount: Decimal
    ticket: str = ""

    @property
    def text(self) -> str:
        """The amount and what it is of."""
        return f"{self.amount:,f} {self.item}"


@dataclass
class Account:
    """An account while orders are placed.

    name     : name of the account.
    balances : units and cash, cash as what comes in and goes out by settlement day.
    reserved : by kind and symbol or currency, what open orders may still take.
    last     : last session on which it placed an order, or "".
    changed  : balances that were moved.
    opened   : what it has, or what came to it, that no row says yet.
    """

    name: str
    balances: dict[Key, Decimal] = field(default_factory=dict)
    reserved: dict[tuple[Kind, str], Decimal] = field(default_factory=dict)
    last: str = ""
    changed: set[Key] = field(default_factory=set)
    opened: list[Opening] = field(default_factory=list)

    def move(self, key: Key, amount: Decimal) -> None:
        """Add an amount of units, or of cash."""
        self.balances[key] = self.balances.get(key, NO_AMOUNT) + amount
        self.changed.add(key)

    def reserve(self, kind: Kind, item: str, amount: Decimal) -> None:
        """Put aside what an open order may still take."""
        self.reserved[kind, item] = self.reserved.get((kind, item), NO_AMOUNT) + amount

    def book(self, order: PaperOrder, booked: "FillEffect", settles: str) -> None:
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
    """The kind, symbol or currency, and amount that an open order may still take.

    left : units, or currency of an order in money, that are not filled.
    """
    price = order.limit_price or bar.close or order.price or Decimal(1)
    if order.sign < 0:
        return "units", order.item, left / price if order.in_money else left
    return "cash", order.currency, rounded(order.currency, left if order.in_money else left * price)


# -- fees and cash of fills --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FillEffect:
    """The effect of a fill. part : the fill. fees : by name. cash : signed change of cash, fees included."""

    part: PartialFill
    fees: Mapping[str, Decimal]
    cash: Decimal


def bookings(order: PaperOrder, parts: Sequence[PartialFill], bar: Bar, model: FillModel) -> Iterator[FillEffect]:
    """The effects of the fills of an order: notional and fees are rounded as sums, so that parts cost what one does."""
    names, quantity, notional = _fee_names(order, bar, model), NO_AMOUNT, NO_AMOUNT
    paid, fees = NO_AMOUNT, dict.fromkeys(names, NO_AMOUNT)
    for part in parts:
        quantity, notional = quantity + part.quantity, notional + part.notional
        share = (notional if order.in_money else quantity) / order.fees_of
        charged = {name: rounded(order.currency, order.fees[name] * share) for name in names}
        own = {name: charged[name] - fees[name] for name in names}
        cash = -order.sign * (rounded(order.currency, notional) - paid) - sum(own.values(), NO_AMOUNT)
        yield FillEffect(part, {name: fee for name, fee in own.items() if fee}, cash)
        paid, fees = rounded(order.currency, notional), charged


def _fee_names(order: PaperOrder, bar: Bar, model: FillModel) -> list[str]:
    """The expected costs that are charged as fees: those that are not in the price."""
    in_price = {"impact"} if model.impact is not None else set()
    if model.half_spread_bps is not None or bar.bid is not None:
        in_price.add("half_spread")
    return [name for name in order.fees if name not in in_price]


# -- what a ticket says is held ---------------------------------------------------------------------------------------


def openings_of(document: Mapping[str, Any], bars: Mapping[str, Bar]) -> tuple[Opening, ...]:
    """Units and cash of the accounts of a ticket before its orders, and the money that comes or goes with them.

    An asset without a quote is held in units of its price, or of
    one unit of currency. Of several accounts, a ticket says only what those hold that trade an asset.
    """
    held = {(each.account, each.kind, each.item): each for each in _openings(document, bars)}
    ticket = document.get("hash") or content_hash(document)
    flows = (Opening(account, "cash", of, exact(amount), ticket) for account, of, amount in flows_of(document))
    return (*held.values(), *flows)


@dataclass(frozen=True)
class PaperEvent:
    """A split, a dividend or an exchange of units before the open of a day.

    name     : of the event in a book.
    per_unit : kind, symbol or currency, and amount that come for each unit of `symbol`, or go where below zero.
    split    : the split that it is, or None.
    """

    symbol: str
    day: date
    name: str
    per_unit: tuple[tuple[Kind, str, Decimal], ...] = ()
    split: BookSplit | None = None

    def flows(self, account: str, units: Decimal) -> Iterator[Opening]:
        """The units and the cash that it brings to an account of so many units."""
        if self.split is not None:
            yield Opening(account, "units", self.symbol, self.split.after(units) - units, self.name)
            if paid := self.split.paid(units):
                code = self.split.currency
                yield Opening(account, "cash", code, rounded(code, paid), self.name)
        for kind, item, amount in self.per_unit:
            whole = units * amount
            yield Opening(account, kind, item, rounded(item, whole) if kind == "cash" else whole, self.name)


def paper_events(
    portfolio: Portfolio, close: date, last: date, exchanges: Iterable[BookExchange] = ()
) -> tuple[PaperEvent, ...]:
    """The splits and dividends after a close, up to a day, by the market of a portfolio, and exchanges of its book.

    They are in the order of their days; a dividend, of units before the open of its day, comes before a split.
    """
    market, symbol, found = portfolio.quoted, portfolio.ticket.symbol, list[PaperEvent]()
    for paid in dividends_since(market, close):
        found.append(PaperEvent(symbol(paid.asset), paid.day, paid.name, (("cash", paid.currency, paid.paid),)))
    for split in splits_since(market, close):
        of = symbol(split.asset)
        found.append(PaperEvent(of, split.day, split.name, split=split))
    for each in exchanges:
        of, into = symbol(each.asset), symbol(each.into)
        parts: list[tuple[Kind, str, Decimal]] = [("units", into, each.by)] if into else []
        parts += [("units", of, Decimal(-1))] if each.share == 1 else []
        parts += [("cash", each.currency, each.cash)] if each.cash else []
        found.append(PaperEvent(of, each.day, each.name, tuple(parts)))
    return tuple(sorted((each for each in found if each.day <= last), key=lambda each: each.day))


def opened_with(opening: Opening, events: Sequence[PaperEvent]) -> Iterator[Opening]:
    """A balance that a ticket states, and what events since bring to it."""
    yield opening
    units = opening.amount
    for each in (each for each in events if opening.kind == "units" and each.symbol == opening.item):
        for flow in each.flows(opening.account, units):
            yield flow
            units += flow.amount if (flow.kind, flow.item) == ("units", opening.item) else 0


def openings_by(portfolio: Portfolio) -> tuple[Opening, ...]:
    """Units and cash of the accounts of a portfolio as it has them; an asset without a quote in units of its value."""
    symbols = [portfolio.ticket.symbol(asset) for asset in portfolio.market.assets]
    units = np.where(np.isnan(portfolio.shares), portfolio.holdings, portfolio.shares)
    found: list[tuple[str, Array, Mapping[str, float]]] = [
        (each.number, each.units, each.cash_by_currency(portfolio.basis)) for each in portfolio.accounts
    ] or [(portfolio.ticket.account, units, portfolio.cash_by_currency)]
    held = [
        Opening(account, "units", symbol, decimal(count))
        for account, counts, _ in found
        for symbol, count in zip(symbols, counts.tolist(), strict=True)
    ]
    cash = [Opening(account, "cash", code, decimal(amount)) for account, _, of in found for code, amount in of.items()]
    return (*held, *cash)


def _openings(document: Mapping[str, Any], bars: Mapping[str, Bar]) -> Iterator[Opening]:
    numbers = {row["account"]: row["number"] for row in document["accounts"]}
    yield from (Opening(account, "cash", currency, amount) for account, currency, amount in _cash(document, numbers))
    for row in document["held"] if not numbers else ():
        units = row["shares"] if row["shares"] is not None else row["value"] / _unit_price(bars, row)
        yield Opening(document["account"], "units", row["symbol"], exact(units))
    for row in document["orders"]:
        if row["shares_before"] is not None:
            yield Opening(row["account"], "units", row["symbol"], exact(row["shares_before"]))
        elif not numbers:
            value = round(row["weight_before"] * document["totals"]["nav_before"], 2)  # to some cents
            value = max(value, row["notional"]) if row["side"] == "sell" else value
            yield Opening(row["account"], "units", row["symbol"], exact(value / _unit_price(bars, row)))


def _cash(document: Mapping[str, Any], numbers: Mapping[str, str]) -> Iterator[tuple[str, str, Decimal]]:
    """Account, currency and amount."""
    only, currency, totals = document["account"], document["currency"], document["totals"]
    if rows := document.get("cash"):
        for row in rows:
            yield numbers.get(row.get("account"), only), row["currency"], exact(row["before"])
    elif numbers:
        for row in document["accounts"]:
            yield row["number"], currency, exact(row["cash_before"]) - exact(row.get("flow", 0))
    else:
        yield only, currency, exact(totals["cash_before"])


def _unit_price(bars: Mapping[str, Bar], row: Mapping[str, Any]) -> float:
    """The price of a unit; 1 of what trades in amounts of money."""
    bar = bars.get(row["symbol"], Bar())
    return 1.0 if bar.close is None else float(bar.close)
