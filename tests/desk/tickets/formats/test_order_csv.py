"""The CSV of orders: read back to the last digit, and nothing in it that a spreadsheet runs."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pytest

from desk.tickets.formats import order_csv
from desk.tickets.ticket import Ticket
from foundation.paper.cells import FORMULA_SIGNS, no_formula


def check(ticket: Ticket) -> None:
    rows = list(csv.DictReader(io.StringIO(order_csv.write(ticket).decode(), newline="")))
    assert len(rows) == len(ticket.orders)
    for row, order in zip(rows, ticket.orders, strict=True):
        assert row.pop("list_id") == ticket.list_id
        facts = asdict(order)
        assert list(row) == list(facts)
        for name, cell in row.items():
            assert not cell.startswith(FORMULA_SIGNS) or isinstance(facts[name], float)
            assert read(cell, facts[name]) == facts[name]


def read(cell: str, as_in: Any) -> Any:
    """A cell as what it stands for: empty as none, a number as a number, text without the quote before a formula."""
    if as_in is None:
        return None if cell == "" else cell
    if not isinstance(as_in, str):
        return type(as_in)(cell)
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_SIGNS) else cell


def test_a_list_is_read_back(lists: Sequence[Ticket]) -> None:
    for ticket in lists:
        check(ticket)


def test_no_row_repeats_a_long_hash(limited: Ticket) -> None:
    assert not re.search("[0-9a-f]{32}", order_csv.write(limited).decode())


@pytest.mark.parametrize("start", FORMULA_SIGNS)
def test_every_start_of_a_formula_is_quoted(start: str) -> None:
    assert no_formula(f"{start}1+1") == f"'{start}1+1"
