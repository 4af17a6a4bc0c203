"""The orders that were sent last, and the fills that were booked: what is done of a list, and what is open."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import prod
from typing import Literal, TypeVar

from foundation.canonical import decimal
from foundation.dataclasses import dataclass, field, replace

Key = TypeVar("Key", bound=Hashable)
Amount = TypeVar("Amount", float, Decimal)
Side = Literal["buy", "sell"]
BUY_OR_SELL: tuple[Side, Side] = ("buy", "sell")
SIGN_OF_SIDE: dict[str, int] = dict(zip(BUY_OR_SELL, (1, -1), strict=True))
NO_AMOUNT = Decimal()
EXACT = Decimal("1e-12")  # units after a split are rounded to
LARGEST_PART, ROUNDED = 1_000, 2e-6  # of a split: into so many parts, and by which part of it a source rounds it


def summed(amounts: Iterable[tuple[Key, Amount]]) -> dict[Key, Amount]:
    """The sum of the amounts of each key.

    >>> summed([("fee", 1.0), ("tax", 2.0), ("fee", 0.5)])
    {'fee': 1.5, 'tax': 2.0}
    """
    found: dict[Key, Amount] = {}
    for key, amount in amounts:
        found[key] = found.get(key, 0) + amount
    return found


@dataclass(frozen=True)
class SoldLot:
    """Units of a tax lot that are to be sold.

    bought : day of the purchase.
    price  : cost of a unit, currency of the portfolio.
    """

    bought: date
    price: float
    units: Decimal


def lots_between(lots: Iterable[SoldLot], start: Decimal, end: Decimal) -> tuple[SoldLot, ...]:
    """The lots that are sold from one count of units, in the order of their sale, to another."""
    found = list[SoldLot]()
    for lot in lots:
        if (sold := min(lot.units, end) - max(NO_AMOUNT, start)) > 0:
            found.append(replace(lot, units=sold))
        start, end = start - lot.units, end - lot.units
    return tuple(found)


@dataclass(frozen=True)
class SentOrder:
    """One order, and what is filled of it.

    order_id : the `client_order_id` of its ticket, or "".
    account  : name of the account of the portfolio, or "".
    asset    : asset, or the currency that is bought or sold.
    side     : buy or sell.
    quantity : units; of an asset without a quote, an amount of the currency of the asset.
    in_money : true if the quantity is such an amount.
    goal     : weight of the asset in the portfolio after the exact step, fraction of NAV.
    price    : price at which the order was sized, currency per unit, or None without a quote.
    filled   : what is filled of the quantity.
    notional : sum of units times price of the fills, not rounded.
    fees     : by name, sum of the fees of the fills, not rounded.
    lots     : tax lots that it names, in the order in which they are sold, in units of the close of the list.
    """

    order_id: str
    account: str
    asset: str
    side: Side
    quantity: Decimal
    in_money: bool = False
    goal: float = 0.0
    price: float | None = None
    filled: Decimal = NO_AMOUNT
    notional: Decimal = NO_AMOUNT
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    lots: tuple[SoldLot, ...] = ()

    @property
    def left(self) -> Decimal:
        """The part of the quantity that is not filled, at least 0."""
        return max(self.quantity - self.filled, NO_AMOUNT)


@dataclass(frozen=True)
class BookedFill:
    """The effect of one fill.

    fill_id  : venue and id of the fill there.
    order_id : order that it fills, or "".
    day      : day of the exchange on which it was filled.
    settles  : day on which money and units change hands.
    account  : name of the account, or "".
    asset    : asset, or the currency that was bought or sold.
    units    : signed units, bought ones positive.
    worth    : signed units times price in the currency of the portfolio, not rounded.
    currency : currency of the cash.
    cash     : signed change of cash, fees in it, in whole cents.
    amount   : signed units times price in the currency, not rounded; 0 in fills of books of version 1.
    fees     : by name, fees in the currency, not rounded.
    by_rule  : true if account, asset and side chose its order, and no id.
    corrects : of the right fill in place of a corrected one, venue and id of that one; else "".
    undone   : of a row that takes a fill back, id of the bust or correction; else "".
    moment   : moment of the fill in UTC, by which those of one day are in order, or "".
    rate     : worth in the currency of the portfolio of one unit of the currency, as the broker states it, or None.
    lots     : of a sale, the tax lots that its order names, in units of its day; the rest is chosen by method.
    """

    fill_id: str
    order_id: str
    day: date
    settles: date
    account: str
    asset: str
    units: Decimal
    worth: Decimal
    currency: str
    cash: Decimal
    amount: Decimal = NO_AMOUNT
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    by_rule: bool = False
    corrects: str = ""
    undone: str = ""
    moment: str = ""
    rate: Decimal | None = None
    lots: tuple[SoldLot, ...] = ()


def is_of_order(row: BookedFill, order: SentOrder) -> bool:
    """True if a row has the id, the account, the asset and the side of an order."""
    same = (order.order_id, order.account, order.asset) == (row.order_id, row.account, row.asset)
    return same and SIGN_OF_SIDE[order.side] * row.units >= 0


@dataclass(frozen=True)
class BookSplit:
    """A split: `by` units of an asset from the open of a day on for each one before.

    assumed  : true while the market's data alone know it; such a split is not written.
    in_lieu  : paid for a unit where it leaves a fraction of whole ones, or None where the fraction stays.
    currency : currency of that cash.
    """

    asset: str
    day: date
    by: Decimal
    assumed: bool = False
    in_lieu: Decimal | None = None
    currency: str = ""

    @property
    def name(self) -> str:
        """The name by which it is booked."""
        return f"split-{self.asset}-{self.day}"

    def fraction(self, units: Decimal) -> Decimal:
        """The fraction of a unit that it leaves of whole units, and that is paid in cash."""
        return NO_AMOUNT if self.in_lieu is None or units % 1 else (units * self.by).quantize(EXACT) % 1

    def paid(self, units: Decimal) -> Decimal:
        """The cash for the fraction that it leaves of whole units, not rounded."""
        return self.fraction(units) * (self.in_lieu or NO_AMOUNT)

    def after(self, units: Decimal) -> Decimal:
        """The units after it."""
        return (units * self.by).quantize(EXACT) - self.fraction(units)


@dataclass(frozen=True)
class BookExchange:
    """Units of an asset that become others before the open of a day: a merger, a renaming, a spin-off or a delisting.

    into     : asset that they become, "" where they are paid out in cash.
    by       : units of it for one.
    cash     : paid for one besides, 0 for none.
    currency : currency of the cash and of the price.
    price    : of a unit of `into` on that day, by which gains on the cash are reckoned.
    share    : fraction of their cost that goes with them: of a spin-off less than one, and the units stay, too.
    """

    asset: str
    day: date
    into: str
    by: Decimal
    cash: Decimal
    currency: str
    price: Decimal
    share: Decimal

    @property
    def name(self) -> str:
        """The name by which it is booked."""
        return "-".join(filter(None, ("exchange", self.asset, self.into, f"{self.day}")))

    @property
    def words(self) -> str:
        """It in words."""
        units = f"{self.by.normalize():f} {self.into}" if self.into else ""
        cash = f"{self.cash.normalize():f} {self.currency}" if self.cash or not self.into else ""
        stays = " beside it" if self.share < 1 else ""
        return f"{self.name}: {' and '.join(filter(None, (units, cash)))} for each unit of {self.asset}{stays}"


@dataclass(frozen=True)
class BookTransfer:
    """Units that came from, or went to, an account elsewhere, before the open of a day.

    units    : signed, those that came positive.
    acquired : day on which those that came were bought.
    price    : of those that came, cost of a unit in `currency`.
    """

    transfer_id: str
    day: date
    account: str
    asset: str
    units: Decimal
    acquired: date
    price: Decimal
    currency: str


def split_ratio(stated: float) -> Decimal:
    """Units after a split for one before, as the fraction of small numbers that a source rounded.

    >>> split_ratio(0.333333) * 60, split_ratio(1.05)
    (Decimal('20.00000000000000000000000000'), Decimal('1.05'))
    """
    near = Fraction(stated).limit_denominator(LARGEST_PART)
    if abs(float(near) - stated) > ROUNDED * stated:
        return decimal(stated)
    return Decimal(near.numerator) / near.denominator


@dataclass(frozen=True)
class Blotter:
    """The orders of the last list that was sent, and all fills that were booked.

    asked  : close at which the orders were sized, or None.
    ticket : hash of their ticket, or "".
    orders : the orders.
    fills  : the fills, in the order in which they were booked; a fill that was taken back has rows of its id that sum
             to nothing.
    splits : splits, after which units of earlier days count as more or fewer.
    """

    asked: date | None = None
    ticket: str = ""
    orders: tuple[SentOrder, ...] = ()
    fills: tuple[BookedFill, ...] = ()
    splits: tuple[BookSplit, ...] = ()

    def named_lots(self, order: SentOrder, units: Decimal, day: date) -> tuple[SoldLot, ...]:
        """The lots that so many units of an order more sell on a day, as the order names them, in units of that day."""
        if not order.lots or self.asked is None:
            return ()
        now = self.factor(order.asset, day)
        by, start = self.factor(order.asset, self.asked) / now, order.filled / now
        lots = (SoldLot(lot.bought, lot.price / float(by), lot.units * by) for lot in order.lots)
        return lots_between(lots, start, start + units)

    def factor(self, asset: str, day: date) -> Decimal:
        """Units of now for one unit of an asset at the close of a day."""
        return prod((each.by for each in self.splits if each.asset == asset and each.day > day), start=Decimal(1))

    @property
    def open(self) -> tuple[SentOrder, ...]:
        """The orders that are not filled, or not in full."""
        return tuple(order for order in self.orders if order.left)

    @property
    def fill_ids(self) -> frozenset[str]:
        """The ids of the fills that were booked."""
        return frozenset(fill.fill_id for fill in self.fills)

    @property
    def corrections(self) -> frozenset[str]:
        """The ids of the busts and corrections that were booked."""
        return frozenset(fill.undone for fill in self.fills if fill.undone)

    def rows_of(self, fill_id: str) -> tuple[BookedFill, ...]:
        """The rows of a fill that stands; () for one that was taken back, or is not booked. fill_id : venue and id."""
        rows = tuple(fill for fill in self.fills if fill.fill_id == fill_id)
        return () if any(row.undone for row in rows) else rows

    @property
    def standing(self) -> tuple[BookedFill, ...]:
        """The rows of the fills that were not taken back."""
        undone = {fill.fill_id for fill in self.fills if fill.undone}
        return tuple(fill for fill in self.fills if fill.fill_id not in undone)

    def unsettled(self, day: date) -> dict[tuple[str, str], Decimal]:
        """By account and currency, the part of today's cash that comes, or below zero goes, after a day."""
        return summed(((fill.account, fill.currency), fill.cash) for fill in self.fills if fill.settles > day)
