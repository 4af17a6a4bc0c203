"""The ticket as an Excel workbook: its orders, the assets held, and its inputs; numbers as numbers."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import HeldLine, Ticket
from foundation.paper.cells import BOOK_OPTIONS, write_cell
from research.accounting.costs import CHARGED
from research.orders.content import DISCLAIMER

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook

PROPERTY_MARK = b"rebalance ticket"  # a property of the workbook
MONEY_COLUMNS = ("notional", *CHARGED, "cost", "value",
         "nav_before", "cash_before", "sells", "buys", "cash_after", "nav_after", "notional_basis", "amount",
         "basis_amount", "before", "flow", "fx", "after", "after_in_basis")  # fmt: skip
SHEET_SHAPES = {
    **dict.fromkeys(("limit_price", "price"), "[<1]0.00######;#,##0.00"),
    **dict.fromkeys(MONEY_COLUMNS, "#,##0.00"),
    "rate": "0.0000##########",
}
WIDTHS = {"asset": 16, "symbol": 12, "client_order_id": 31, "reason": 60}


def write(ticket: Ticket) -> bytes:
    """Sheets Orders, Held and Ticket, and sheets for several accounts and currencies. No text is run as a formula."""
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, BOOK_OPTIONS) as book:
        made = datetime.fromisoformat(ticket.as_of)  # of the data: the same ticket gives the same bytes
        book.set_properties({"subject": PROPERTY_MARK.decode(), "comments": DISCLAIMER, "created": made})
        _table(book, "Orders", ticket.columns, ticket.rows[: len(ticket.orders)], ticket)
        _table(book, "Held", [f.name for f in fields(HeldLine)], [asdict(line) for line in ticket.held], ticket)
        _facts(book, ticket)
        if ticket.accounts:
            _table(book, "Accounts", list(ticket.accounts[0]), ticket.accounts, ticket)
        if ticket.cash:
            _table(book, "FX", [f.name for f in fields(ExchangeOrder)], [asdict(each) for each in ticket.fx], ticket)
            _table(book, "Cash", list(ticket.cash[0]), ticket.cash, ticket)
    return buffer.getvalue()


def is_ours(file: BinaryIO) -> bool:
    """True if a file holds such a workbook."""
    try:
        with zipfile.ZipFile(file) as parts:
            return PROPERTY_MARK in parts.read("docProps/core.xml")
    except (zipfile.BadZipFile, KeyError):
        return False


def _table(
    book: "Workbook", name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], ticket: Ticket
) -> None:
    sheet, head = book.add_worksheet(name), book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    sheet.freeze_panes(1, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer(f"&L{ticket.hash}&RPage &P of &N")
    for column, title in enumerate(columns):
        style = _style(book, title)
        sheet.set_column(column, column, WIDTHS.get(title, 13), style)
        sheet.write_string(0, column, title.replace("_", " "), head)
        for row, cells in enumerate(rows, start=1):
            write_cell(sheet, row, column, cells[title], style)


def _facts(book: "Workbook", ticket: Ticket) -> None:
    sheet, money = book.add_worksheet("Ticket"), book.add_format({"num_format": "#,##0.00"})
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 70)
    parts = {k: v for k, v in ticket.document.items() if not isinstance(v, dict | list)}
    for row, (name, value) in enumerate((parts | {"hash": ticket.hash} | dict(ticket.totals)).items()):
        sheet.write_string(row, 0, name.replace("_", " "))
        style = book.add_format({"num_format": "0.0000 %", "align": "left"}) if name == "turnover" else money
        write_cell(sheet, row, 1, value, style if name in ticket.totals else None)


def _style(book: "Workbook", title: str) -> "Format":
    shape = "0.00 %" if title.startswith("weight") else SHEET_SHAPES.get(title)
    if shape:
        return book.add_format({"num_format": shape})
    return book.add_format({"text_wrap": title == "reason", "valign": "top"})
