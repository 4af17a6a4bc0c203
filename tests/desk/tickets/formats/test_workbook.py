"""The workbook: numbers as numbers to the last digit, text as text, no formula, the same bytes each time."""

import io
from dataclasses import asdict
from typing import Any

import openpyxl
from drawn_lists import drawn_tickets

from desk.tickets.formats import workbook
from desk.tickets.ticket import Ticket
from research.orders.content import DISCLAIMER


def check(ticket: Ticket) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook.write(ticket)))
    assert book.sheetnames == ["Orders", "Held", "Ticket"]
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n", "b"}
    for name, rows in (("Orders", ticket.orders), ("Held", ticket.held)):
        head, *found = book[name].iter_rows(values_only=True)
        columns = [str(title).replace(" ", "_") for title in head]
        assert [dict(zip(columns, cells, strict=True)) for cells in found] == [
            {key: value if value != "" else None for key, value in asdict(row).items()} for row in rows
        ]
    facts = dict(book["Ticket"].iter_rows(values_only=True))
    assert (facts["hash"], facts["disclaimer"], facts["portfolio"]) == (ticket.hash, DISCLAIMER, ticket.portfolio)
    assert facts["cash after"] == ticket.totals["cash_after"]


def test_a_real_list_is_read_back(real: Ticket) -> None:
    check(real)


def test_any_list_is_read_back(desk: Any) -> None:
    for ticket in drawn_tickets(desk)[:30]:
        check(ticket)


def test_the_same_ticket_gives_the_same_bytes(limited: Ticket) -> None:
    assert workbook.write(limited) == workbook.write(limited)
