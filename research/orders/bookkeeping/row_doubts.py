"""Rows of a broker's file that a person has to look at before they are booked: those that may be no fill at all."""

import re
from decimal import Decimal

from foundation.table_files import quoted
from research.orders.bookkeeping.columns import (
    BUY,
    CASH_KINDS,
    DONE,
    EITHER_WAY,
    EXECUTION,
    NO_FEE,
    RELATIVE_COST,
    SELL,
    WAITING,
)
from research.orders.bookkeeping.transaction import Transaction
from research.portfolio.holdings.blotter import NO_AMOUNT

COST_HEADS = re.compile(CASH_KINDS["fee"].pattern + "|comm|prov", re.IGNORECASE)  # in the name of a column
WHOLE_SHARE = Decimal("0.75")  # of units times price, from which on a number may be the amount
WORD = re.compile(r"[^\W_][^\s_()]*|[#%]")  # of the name of a column


def doubt_of(row: Transaction) -> str:
    """The reason why a row is not booked by itself, whatever its numbers are; else ""."""
    if doubt := unfinished_status(row):
        return doubt
    if not row.is_trade:
        kind, text = row.kind
        if kind == "deposit" and row.is_negative:
            return f"a deposit below zero, {quoted(text)}: it may be a withdrawal, or a deposit that was taken back"
        is_either = kind == "interest" and EITHER_WAY.search(text) and not (row.source.is_signed or row.is_outflow)
        return f"{quoted(text)} may have come or gone: write its amount with a sign" if is_either else ""
    sides = [text for text in row.words if BUY.search(text) or SELL.search(text)]
    if waits := next(filter(WAITING.search, sides), ""):
        return f"its side is {quoted(waits)}: book it by its name only where it was done, and as it says"
    if row.derivative and not row.is_held:
        return f"{quoted(row.derivative)} is an option, a future or a warrant, and no unit of {row.cell('asset')}"
    if not row.side:
        return (
            f"nothing says whether {row.cell('asset') or row.asset} is bought or sold. Name a column side: --form "
            "side=NAME, of buy and sell. By its name it is booked as a purchase; dismiss a sale, and write the row anew"
        )
    return _unread_cost(row)


def unfinished_status(row: Transaction) -> str:
    """The status of a row that does not say that it is done, in words; else ""."""
    status = row.cell("status")
    if not status or DONE.fullmatch(status) or row.has(EXECUTION):
        return ""
    return f"its status is {quoted(status)}: book it by its name only where it was done after all"


def unfilled(row: Transaction) -> str:
    """The status of an order that states no units with a price, in words; else ""."""
    return unfinished_status(row) if row.says_side and not row.is_trade else ""


def _unread_cost(row: Transaction) -> str:
    """The reason why a trade without an amount may have a cost, or its amount, in a column of another name; else ""."""
    if row.amount_of("amount") or row.is_own:
        return ""
    units, price = abs(row.units or NO_AMOUNT), abs(row.amount_of("price") or NO_AMOUNT)
    worth = units * price
    for name, paid in row.unread():
        if RELATIVE_COST.search(name) and COST_HEADS.search(name):
            return f"{name!r} is {paid:,f}, a cost that is no amount of money: write the amount into the file"
        if WHOLE_SHARE * worth < abs(paid) < worth / WHOLE_SHARE and abs(paid) not in (worth, units, price):
            return f"{name!r} is {paid:,f}, and may be the amount: where it is, say so: --form amount={name!r}"
        is_known = any(map(NO_FEE.fullmatch, WORD.findall(name))) or abs(paid) in (units, price)
        if not is_known and NO_AMOUNT < abs(paid) < worth:
            return f"{name!r} is {paid:,f}, and may be a cost: where it is one, say so: --form fees={name!r}"
    return ""
