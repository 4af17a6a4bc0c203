"""The orders as CSV: a row an order with every column of an order; text is safe in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import BinaryIO

from research.trading.formats.cells import cell_text
from research.trading.ticket import Order, Ticket

COLUMNS = (*(f.name for f in fields(Order)), "list_id")


def write(ticket: Ticket) -> bytes:
    """The orders, each with the id of its list; UTF-8."""
    rows = ([*asdict(order).values(), ticket.list_id] for order in ticket.orders)
    return csv_bytes(COLUMNS, ([cell_text(value) for value in row] for row in rows))


def is_ours(file: BinaryIO) -> bool:
    """Does a file hold such a list?"""
    return file.readline() == csv_bytes(COLUMNS, ())


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A header and rows as CSV in UTF-8, with quotes only where a cell needs them."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
    return buffer.getvalue().encode()
