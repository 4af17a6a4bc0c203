"""The page to sign: every order and every held asset, nothing that runs or is fetched, thirty assets on one sheet."""

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import Elements, check_page, chromium

from desk.commands.print_page import write_pdf
from desk.tickets.formats import printed
from desk.tickets.ticket import HeldLine, Ticket, make_ticket
from foundation.paper.render import per_cents
from research.orders import Request, trade_list
from research.orders.content import DISCLAIMER
from research.portfolio import load_portfolio


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
    allowed = (
        "html head meta title style body main header p h1 h2 dl dt dd div section table thead tbody tr th td small svg"
    )
    assert {tag for tag, _ in elements.found} <= {*allowed.split(), "caption", "line", "circle", "span", "footer"}
    assert not {name for _, attrs in elements.found for name in attrs} & {"src", "href", "onclick", "style"}
    assert "url(" not in page
    assert "@import" not in page
    rows = [row for row in words.rows if row[1:2] in (["sell"], ["buy"])]
    assert [(row[0], row[1]) for row in rows] == [(str(order.priority), order.side) for order in ticket.orders]
    for row, order in zip(rows, ticket.orders, strict=True):
        assert row[2].startswith(order.symbol)
        assert f"{order.notional:,.2f}" in row
        assert ("" if order.quantity is None else f"{order.quantity:,.10g}") in row
        assert (order.limit_price is None) or f"{order.limit_price:,.10g}" in row
    for said in (
        DISCLAIMER,
        ticket.headline,
        ticket.portfolio,
        *ticket.outside,
        *ticket.binding,
        *ticket.notes[: printed.NOTES],
        *(order.settlement_date for order in ticket.orders),
        *(order.reason for order in ticket.orders),
    ):
        assert per_cents(said).replace("−", "-") in words.text.replace("−", "-")  # of a sum, and of an asset called -9
    for line in ticket.held:
        assert per_cents(f"{line.asset} {100 * line.weight:.2f} %") in words.text
        assert per_cents(line.reason) in words.text
    assert ticket.hash in words.text.replace(" ", "")


def test_a_list_is_shown_whole(lists: Sequence[Ticket]) -> None:
    for ticket in lists:
        check(ticket)


def test_money_that_goes_the_lots_that_are_sold_and_stale_prices_are_shown() -> None:
    lots = [
        {"date": "2019-03-01", "units": 2_500, "price": 280.0},
        {"date": "2022-06-15", "units": 760, "price": 379.2},
    ]
    more = {"lines.SPY.tax_lots": lots, "tax": {"rate": 0.2, "short_rate": 0.37, "lots": "highest"}}
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml", more)
    asked = {"request": Request(-150_000.0), "as_of": "2023-01-05", "stale_ok": True}
    trades = trade_list(portfolio, portfolio.policies["threshold"], **asked)
    ticket = make_ticket(trades)
    check(ticket)
    page = printed.write(ticket).decode()
    check_page(page, drawn=0)
    rows = [[cell.strip() for cell in row] for row in Words(page).rows]
    assert ["Withdrawal", "", "−150,000.00", ""] in rows
    sold = [row for row in rows if row[:2] == ["SPY", "2022-06-15"]]
    assert [[row[2], row[6], row[7], row[9].split()[0]] for row in sold] == [
        [f"{lot.units:,.10g}", f"{lot.gain:,.2f}", lot.term, f"{lot.tax:,.2f}"] for lot in trades.tax.itertuples()
    ]
    assert sold
    assert 'class="headline stale">Stale prices: Withdrawal of 150,000.00 USD. ' in page
    assert any("4 sessions ago; at most 2 are allowed." in note for note in ticket.notes)
    assert 'class="headline">' in printed.write(replace(ticket, headline="Sell SPY.")).decode()


def test_many_notes_of_a_broker_s_file_are_counted(limited: Ticket) -> None:
    many = replace(limited, notes=tuple(f"positions.csv, row {k} is no position." for k in range(20)))
    check(many)
    assert "14 more notes in the JSON of this ticket." in printed.write(many).decode()


def test_a_preview_is_the_page_in_a_frame_of_its_own(limited: Ticket) -> None:
    [frame] = [attrs for tag, attrs in Elements(printed.preview(limited)).found if tag == "iframe"]
    assert printed.write(limited).decode().partition("</style>")[2] == frame["srcdoc"].partition("</style>")[2]


def sheets(ticket: Ticket, folder: Path) -> int:
    chromium()
    (folder / "ticket.html").write_bytes(printed.write(ticket))
    write_pdf(folder / "ticket.html", folder / "ticket.pdf")
    return len(re.findall(rb"/Type /Page\b", (folder / "ticket.pdf").read_bytes()))


@pytest.mark.parametrize("sent", [0, 24, 30])
def test_thirty_lines_are_one_sheet_and_ninety_are_more(limited: Ticket, tmp_path: Path, sent: int) -> None:
    """Each with a long reason."""
    order, why = (
        limited.orders[-1],
        "3.62 points under target: back to its edge and on, funded by the sale of A and 10 others",
    )
    orders = tuple(
        replace(order, priority=k, symbol=f"LINE{k}", reason=f"{why} (furthest under target for its cost)")
        for k in range(1, sent + 1)
    )
    line = HeldLine("", "", 1_000.0, 50.0, limited.as_of, 50_000.0, 0.0312, 0.03, "")
    held = tuple(
        replace(
            line, asset=f"LINE{k}", reason=f"0.{k:02d} points over target: an order of 0.{k} lots rounds to zero lots"
        )
        for k in range(sent, 30)
    )
    names = ", ".join(order.symbol for order in orders)
    limits = ("turnover limit (LINE1, LINE2, LINE3)", "range of LINE4, 2.00 % to 3.00 % (LINE4)", "cash limit (LINE5)")
    notes = (*limited.notes, "Stale prices on 2023-01-05: LINE1 of 2022-12-29, 4 sessions ago; at most 2 are allowed.")
    ticket = replace(
        limited,
        orders=orders,
        held=held,
        binding=limits,
        notes=notes,
        headline=f"Buy {names}: 1,234,567.89 USD in {sent} orders.",
    )
    assert sheets(ticket, tmp_path) == 1
    if sent == 30:
        assert sheets(replace(ticket, orders=orders * 3), tmp_path) > 1
