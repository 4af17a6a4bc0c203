"""The orders and exchanges of currencies as CSV, every column of an order; text is safe in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import BinaryIO

from desk.tickets.ticket import Order, RatedOrder, Ticket
from foundation.paper.cells import cell_text

COLUMNS, RATED = ((*(f.name for f in fields(kind)), "list_id") for kind in (Order, RatedOrder))


def write(ticket: Ticket) -> bytes:
    """The orders and then the exchanges of currencies, each with the id of its list; UTF-8."""
    rows = ([*row.values(), ticket.list_id] for row in ticket.rows)
    return csv_bytes([(*ticket.columns, "list_id"), *([cell_text(value) for value in row] for row in rows)])


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such a list."""
    return file.readline() in (csv_bytes([COLUMNS]), csv_bytes([RATED]))


def begins_with(file: BinaryIO, header: bytes, first: re.Pattern[str]) -> bool:
    """True if an open file begins with a header, and its first row has this form, if it has one."""
    if file.readline() != header:
        return False
    row = file.readline().decode(errors="replace")
    return not row or first.fullmatch(row) is not None


def csv_bytes(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows as CSV in UTF-8, the header first, with quotes only where a cell needs them."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()
