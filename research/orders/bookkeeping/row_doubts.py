"""Rows of a broker's file that a person has to look at before they are booked: those that may be no fill at all."""

from foundation.table_files import quoted
from research.orders.bookkeeping.columns import BUY, DONE, EXECUTION, SELL
from research.orders.bookkeeping.transaction import Transaction


def doubt_of(row: Transaction) -> str:
    """The reason why a row is not booked by itself, whatever its numbers are; else ""."""
    return unfinished(row)


def unfinished(row: Transaction) -> str:
    """The status of a row that does not say that it is done, in words; else ""."""
    status = row.cell("status")
    if not status or DONE.fullmatch(status) or row.has(EXECUTION):
        return ""
    return f"its status is {quoted(status)}: book it by its name only where it was done after all"


def unfilled(row: Transaction) -> str:
    """The status of an order that states no units with a price, in words; else ""."""
    return unfinished(row) if row.has(BUY) != row.has(SELL) and not row.is_trade else ""
