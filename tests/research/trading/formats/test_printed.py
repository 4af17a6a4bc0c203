"""The page to sign: every order and every held line, nothing that runs or is fetched, thirty lines on one sheet."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import Elements
from drawn_lists import drawn_list
from hypothesis import given
from hypothesis import strategies as st

from backtests.pages.pdf import write_pdf
from research.trading.content import DISCLAIMER
from research.trading.formats import printed
from research.trading.ticket import HeldLine, Ticket


class Words(HTMLParser):
    """The text of each cell of the table of orders, row by row, and all text of the page without its style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.text, self.inside = "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.inside = tag
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.inside in ("style", "title"):
            return
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def check(ticket: Ticket) -> None:
    page = printed.write(ticket).decode()
    elements, words = Elements(page), Words(page)
    assert not elements.crossed
    assert not elements.open
    allowed = "html head meta title style body header p h1 h2 dl dt dd div section table thead tbody tr th td small svg"
    assert {tag for tag, _ in elements.found} <= {*allowed.split(), "line", "circle", "span", "footer"}
    assert not {name for _, attrs in elements.found for name in attrs} & {"src", "href", "onclick", "style"}
    assert "url(" not in page
    assert "@import" not in page
    rows = [row for row in words.rows if row[1:2] in (["sell"], ["buy"])]
    assert [(row[0], row[1]) for row in rows] == [(str(order.priority), order.side) for order in ticket.orders]
    for row, order in zip(rows, ticket.orders, strict=True):
        assert row[2].startswith(order.symbol)
        assert f"{order.notional:,.2f}" in row
        assert ("" if order.quantity is None else f"{order.quantity:,.10g}") in row
        assert (order.limit_price is None) or f"{order.limit_price:,.2f}" in row
    for said in (DISCLAIMER, ticket.headline, ticket.portfolio, *(order.aim for order in ticket.orders)):
        assert said in words.text
    for line in ticket.held:
        assert f"{line.asset} {100 * line.weight:.2f} %" in words.text
        assert line.reason in words.text
    assert ticket.hash in words.text.replace(" ", "")


def test_a_real_list_is_shown_whole(real: Ticket) -> None:
    check(real)


@given(data=st.data())
def test_any_list_is_shown_whole(desk: Any, data: Any) -> None:
    check(drawn_list(data, desk).ticket)


def sheets(ticket: Ticket, folder: Path) -> int:
    (folder / "ticket.html").write_bytes(printed.write(ticket))
    write_pdf(folder / "ticket.html", folder / "ticket.pdf")
    return len(re.findall(rb"/Type /Page\b", (folder / "ticket.pdf").read_bytes()))


@pytest.mark.parametrize("sent", [0, 24, 30])
def test_thirty_lines_are_one_sheet_and_ninety_are_more(limited: Ticket, tmp_path: Path, sent: int) -> None:
    """Each buy reduced by its own number of units, so that each order has its own purpose."""
    order = limited.orders[-1]
    orders = tuple(
        replace(order, priority=k, symbol=f"LINE{k}", aim=f"to its target; reduced by {k} units: cash limit")
        for k in range(1, sent + 1)
    )
    why = "an order of 0.32 lots rounds to zero lots"
    line = HeldLine("", "", 1_000.0, 50.0, limited.as_of, 50_000.0, 0.0312, 0.03, why)
    held = tuple(replace(line, asset=f"LINE{k}", reason=f"{why} {k % 4}") for k in range(sent, 30))
    names = ", ".join(order.symbol for order in orders)
    ticket = replace(limited, orders=orders, held=held, headline=f"Buy {names}: 1,234,567.89 USD in {sent} orders.")
    assert sheets(ticket, tmp_path) == 1
    assert (sheets(replace(ticket, orders=orders * 3), tmp_path) > 1) == (sent > 0)
