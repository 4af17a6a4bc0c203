"""Rows of a broker's file that a person has to look at before they are booked: those that may be no fill at all."""

import re

from foundation.table_files import quoted
from research.orders.bookkeeping.columns import DONE, EXECUTION, NO_FEE
from research.orders.bookkeeping.transaction import Transaction
from research.portfolio.holdings.blotter import NO_AMOUNT

WORD = re.compile(r"[^\W_][^\s_()]*|[#%]")  # of the name of a column


def doubt_of(row: Transaction) -> str:
    """The reason why a row is not booked by itself, whatever its numbers are; else ""."""
    if doubt := unfinished(row):
        return doubt
    if not row.is_trade:
        kind, text = row.kind
        told = f"a deposit below zero, {quoted(text)}: it may be a withdrawal, or a deposit that was taken back"
        return told if kind == "deposit" and row.is_negative else ""
    if row.derivative and not row.is_held:
        return f"{quoted(row.derivative)} is an option, a future or a warrant, and no unit of {row.cell('asset')}"
    if not row.side:
        return (
            f"nothing says whether {row.cell('asset') or row.asset} is bought or sold. Name a column side: --columns "
            "side=NAME, of buy and sell. By its name it is booked as a purchase; dismiss a sale, and write the row anew"
        )
    return _unread_cost(row)


def unfinished(row: Transaction) -> str:
    """The status of a row that does not say that it is done, in words; else ""."""
    status = row.cell("status")
    if not status or DONE.fullmatch(status) or row.has(EXECUTION):
        return ""
    return f"its status is {quoted(status)}: book it by its name only where it was done after all"


def unfilled(row: Transaction) -> str:
    """The status of an order that states no units with a price, in words; else ""."""
    return unfinished(row) if row.says_side and not row.is_trade else ""


def _unread_cost(row: Transaction) -> str:
    """The reason why a trade without an amount may have a cost in a column of another name; else ""."""
    if row.amount_of("amount") or row.is_own:
        return ""
    units, price = abs(row.units or NO_AMOUNT), abs(row.amount_of("price") or NO_AMOUNT)
    for name, paid in row.unread():
        is_known = any(map(NO_FEE.fullmatch, WORD.findall(name))) or abs(paid) in (units, price)
        if not is_known and NO_AMOUNT < abs(paid) < units * price:
            return f"{name!r} is {paid:,f}, and may be a cost: where it is one, say so: --columns fees={name!r}"
    return ""
