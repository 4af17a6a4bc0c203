"""Busts and corrections of fills: units, cash, order and tax lots as if the fill had never been booked, or been right.

The rows of the fill stay in the book, and rows that take them back are added. Cash is what the remaining fills of the
order leave, to the cent.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NoReturn

from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from research.orders.after_fills import match_fills
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import (
    BUY_OR_SELL,
    NO_AMOUNT,
    SIGN_OF_SIDE,
    Blotter,
    BookedFill,
    SentOrder,
    is_of_order,
    lots_between,
    summed,
)
from research.portfolio.holdings.rates import rounded


@dataclass(frozen=True)
class Correction:
    """A bust or a correction of a fill, as a venue reports it.

    key      : venue and id of the report, by which it is booked once.
    corrects : venue and id of the fill, or "" where the venue does not state it.
    fill     : the right fill; None for a bust.
    like     : of a bust without `corrects`, the content of the fill that it takes back; else None.
    """

    key: str
    corrects: str
    fill: Fill | None = None
    like: Fill | None = None

    def refuse(self, what: str) -> NoReturn:
        """Raise DataError for what is wrong with it."""
        of = self.corrects or (f"{self.like.side} {self.like.quantity} {self.like.asset}" if self.like else "a fill")
        raise DataError(f"correction {self.key} of {of}: {what}")


def correction_rows(portfolio: Portfolio, correction: Correction) -> tuple[BookedFill, ...]:
    """The rows by which a bust or a correction changes a book.

    portfolio : with the blotter of the book.
    Raises    : DataError for a fill that is not booked, was taken back or was booked by a book of version 1, for one
                that several may be, and for a right fill that its order does not allow.
    """
    blotter = portfolio.blotter or Blotter()
    if correction.key in blotter.corrections:
        correction.refuse("it is booked already.")
    rows = blotter.rows_of(_corrected(portfolio, blotter, correction))
    if not rows[0].amount:
        correction.refuse("a book of version 1 has it, without its amount. Open another from what is held now.")
    back = tuple(_back(blotter, rows, correction.key))
    return back if correction.fill is None else (*back, *_right_rows(portfolio, blotter, rows, correction))


def _corrected(portfolio: Portfolio, blotter: Blotter, correction: Correction) -> str:
    """The key of the fill that stands and that is corrected: the right one, where it was corrected before."""
    if (like := correction.like) is not None:
        rows = [row for row in blotter.standing if _is_like(portfolio, row, like)]
        if len({(_order_key(row), *sorted(row.fees.items())) for row in rows}) != 1:  # equal fills leave the same
            correction.refuse(f"{len(rows)} booked fills are like it. Name it by its id, or dismiss the correction.")
        return rows[-1].fill_id
    key = correction.corrects
    while not blotter.rows_of(key):
        right = [row.fill_id for row in blotter.fills if row.corrects == key]
        if not right:
            booked = key in blotter.fill_ids
            correction.refuse("it was taken back before." if booked else "that fill is not booked: book it first.")
        key = right[-1]
    return key


def _is_like(portfolio: Portfolio, row: BookedFill, like: Fill) -> bool:
    units = SIGN_OF_SIDE[like.side] * like.quantity
    same = (row.asset, row.units, row.amount) == (like.asset, units, units * like.price)
    of_day = row.day == like.day(portfolio.market.calendar)
    names = {each.name for each in portfolio.accounts if like.account in (each.name, each.number)} or {""}
    return same and of_day and (not like.account or row.account in names)


def _back(blotter: Blotter, rows: Sequence[BookedFill], key: str) -> Iterator[BookedFill]:
    """The rows that take those of one fill back."""
    for row in rows:
        cash = -row.cash
        of_order = [r for r in blotter.fills if _order_key(r) == _order_key(row)]
        if row.order_id and all(r.amount for r in of_order):  # else each fill was rounded by itself
            left = [r for r in blotter.standing if _order_key(r) == _order_key(row) and r.fill_id != row.fill_id]
            cash = _cash(row.currency, left) - sum((r.cash for r in of_order), NO_AMOUNT)
        fees = {name: -fee for name, fee in row.fees.items()}
        yield replace(
            row, units=-row.units, worth=-row.worth, amount=-row.amount, cash=cash, fees=fees, corrects="", undone=key
        )


def _order_key(row: BookedFill) -> tuple[str, str, str, str]:
    """The order of a row, and the currency in which it pays."""
    return row.order_id, row.account, row.asset, row.currency


def _fees(rows: Sequence[BookedFill]) -> dict[str, Decimal]:
    return summed(fee for row in rows for fee in row.fees.items())


def _cash(currency: str, rows: Sequence[BookedFill]) -> Decimal:
    """The cash that the fills of one order leave: its notional and each of its fees, rounded."""
    paid = sum((rounded(currency, fee) for fee in _fees(rows).values()), NO_AMOUNT)
    return -rounded(currency, sum((row.amount for row in rows), NO_AMOUNT)) - paid


def _unfilled(blotter: Blotter, order: SentOrder, row: BookedFill) -> SentOrder:
    amount = abs(row.amount)
    fees = {name: fee - row.fees.get(name, NO_AMOUNT) for name, fee in order.fees.items()}
    filled = order.filled - (amount if order.in_money else abs(row.units) * blotter.factor(row.asset, row.day))
    return replace(order, filled=filled, notional=order.notional - amount, fees=fees)


def _right_rows(
    portfolio: Portfolio, before: Blotter, rows: Sequence[BookedFill], correction: Correction
) -> Iterator[BookedFill]:
    """The rows of the right fill, which is of the order of the wrong one."""
    assert correction.fill is not None
    wrong = rows[0]
    fill = replace(correction.fill, order_id=wrong.order_id or wrong.fill_id, account=wrong.account)
    while fill.key in before.fill_ids:
        fill = replace(fill, fill_id=f"{fill.fill_id}-right")
    orders = tuple(_unfilled(before, order, wrong) for order in before.orders if is_of_order(wrong, order))
    orders = orders or (_order_again(before, wrong, fill),)
    _, right, unmatched = match_fills(replace(portfolio, blotter=replace(before, orders=orders)), [fill], wrong.fill_id)
    for _, why in unmatched:
        correction.refuse(why)
    for row in right:
        yield replace(row, order_id=wrong.order_id, lots=lots_between(wrong.lots, NO_AMOUNT, abs(row.units)))


def _order_again(blotter: Blotter, wrong: BookedFill, fill: Fill) -> SentOrder:
    """The order of an earlier list, as the fills of it that stand have filled it, with room for one more."""
    of_order = [row for row in blotter.standing if wrong.order_id and _order_key(row) == _order_key(wrong)]
    rows = [row for row in of_order if row.fill_id != wrong.fill_id]
    units, amounts = [r.units * blotter.factor(r.asset, r.day) for r in rows], [r.amount for r in rows]
    filled, notional = (sum((abs(x) for x in of), NO_AMOUNT) for of in (units, amounts))
    side, room = BUY_OR_SELL[fill.side == "sell"], fill.quantity * blotter.factor(wrong.asset, wrong.day)
    about = (fill.order_id, wrong.account, wrong.asset, side, filled + room)
    return SentOrder(*about, filled=filled, notional=notional, fees=_fees(rows))
