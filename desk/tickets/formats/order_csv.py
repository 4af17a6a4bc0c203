"""The orders and exchanges of currencies as CSV, every column of an order; text is safe in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import BinaryIO

from desk.tickets.ticket import Order, RatedOrder, Ticket
from foundation.paper.cells import cell_text

COLUMNS, RATED = ((*(f.name for f in fields(kind)), "list_id") for kind in (Order, RatedOrder))


def write(ticket: Ticket) -> bytes:
    """The orders and then the exchanges of currencies, each with the id of its list; UTF-8."""
    rows = ([*row.values(), ticket.list_id] for row in ticket.rows)
    return csv_bytes((*ticket.columns, "list_id"), ([cell_text(value) for value in row] for row in rows))


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such a list."""
    return file.readline() in (csv_bytes(COLUMNS, ()), csv_bytes(RATED, ()))


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A header and rows as CSV in UTF-8, with quotes only where a cell needs them."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
    return buffer.getvalue().encode()
