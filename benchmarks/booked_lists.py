"""Ten years of trade lists, sent to the paper venue and filled at the next close, against the backtest in whole lots.

    python -m benchmarks.booked_lists

Quotes are in whole cents, an order costs a fixed amount, and there is neither income nor interest, so that no amount is
rounded: both have the same NAV at every close. The book and the paper account have the same units and cash.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.engine.result import Backtest
from desk.commands.orders.book import with_orders
from desk.exchange.paper import PaperVenue
from desk.tickets import make_ticket
from research.orders import TradeList, trade_list
from research.orders.after_fills import match_fills
from research.orders.booking import open_book, with_rows
from research.orders.fills import Fill
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.book import Book
from research.rules import Rule

SETTINGS = {
    "execution": {"sizing": "units"},
    "orders": {"reserve_bps": 0, "adverse_move": 0},
    "limits.minimum_trade": 0,
    "target_cash": 0.05,
    "lines.SPY.target": 0.56,
    "lines.AGG.target": 0.39,
    "costs": {name: {"commission_bps": 0, "half_spread_bps": 0, "minimum": 5} for name in ("us_equity", "bonds")},
}


def desk(test_start: str) -> Portfolio:
    """Two funds in whole cents, with their changes of price for returns and nothing earned on cash."""
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml", SETTINGS | {"test_start": test_start})
    market = portfolio.market
    prices = np.round(market.prices, 2)
    returns = np.vstack([np.zeros(2), prices[1:] / prices[:-1] - 1.0])
    market = replace(market, prices=prices, returns=returns, cash=np.zeros(len(prices)), dividends=None)
    return replace(portfolio, market=market, holdings=portfolio.shares * prices[-1])


def booked(portfolio: Portfolio, rule: Rule, played: Backtest, last: int, folder: Path) -> Iterator[tuple[float, Book]]:
    """NAV and book at each close from that of the opening trade to row `last`, each list filled at the file's lag.

    folder : folder of the paper venue, without one.
    """
    market, first = portfolio.market, played.first
    units = played.ledger.units[0] * market.index[first] / market.prices[first]
    held = at_close(portfolio, first, shares=np.rint(units), cash=round(float(played.ledger.cash[0]), 2))
    held = replace(held, last_trade=market.dates[first])
    book, listed = open_book(held, "desk"), None
    yield held.nav, book
    for t in range(first + 1, last + 1):
        if listed is not None and listed.portfolio.date == market.dates[t - portfolio.lag]:
            filled = fills(listed, portfolio, t, book, folder)
            ticket = make_ticket(listed)
            book = with_orders(book, portfolio, {"hash": ticket.hash, **ticket.document})
            book, listed = with_rows(book, match_fills(replace(held, blotter=book.blotter), filled).rows), None
        state = {"shares": list(book.holders[0].units.values()), "cash": float(book.holders[0].cash["USD"])}
        held = at_close(portfolio, t, np.array(state["shares"], dtype=float), state["cash"])
        held = replace(held, last_trade=pd.Timestamp(book.last_trade), blotter=book.blotter)
        yield held.nav, book
        if listed is None:
            made = trade_list(held, rule, greedy=True)
            listed = None if made.empty else made


def at_close(portfolio: Portfolio, t: int, shares: np.ndarray, cash: float) -> Portfolio:
    """The portfolio with these units and cash at the close of row t."""
    market = portfolio.market.until(portfolio.market.dates[t])
    return replace(portfolio, market=market, shares=shares, holdings=shares * market.prices[-1], cash=cash)


def fills(listed: TradeList, portfolio: Portfolio, t: int, book: Book, folder: Path) -> list[Fill]:
    """The fills of a list on paper at the close of row t. Raises AssertionError where the account is not the book's."""
    ticket, day = make_ticket(listed), portfolio.market.dates[t].date()
    orders = [(order, order.client_order_id) for order in ticket.orders]
    with PaperVenue.for_ticket(ticket.document, portfolio=portfolio, as_of=day, folder=folder) as venue:
        assert (venue.units(""), venue.cash("")) == (book.holders[0].units, book.holders[0].cash)
        assert {state.status for state in venue.place_all(orders)} == {"filled"}
        return venue.fills(venue.now())


def furthest(portfolio: Portfolio, name: str, rule: Rule, closes: int | None = None) -> tuple[float, int, int]:
    """The largest distance of the two paths of NAV, currency; the fills that were booked, and the closes compared."""
    played = backtest_candidate(portfolio, rule, name)
    last = len(portfolio.market.dates) - 1 if closes is None else played.first + closes
    with tempfile.TemporaryDirectory() as folder:
        path = list(booked(portfolio, rule, played, last, Path(folder)))
    nav = np.array([nav for nav, _ in path])
    assert not played.unpaid
    return float(np.abs(nav - played.ledger.nav[: len(nav)]).max()), len(path[-1][1].blotter.fills), len(nav)


def main() -> None:
    """Print the distance of each rule over ten years."""
    portfolio = desk("2012-12-31")
    for name in ("threshold", "threshold_within", "quarterly"):
        began = datetime.now(UTC)
        apart, filled, days = furthest(portfolio, name, portfolio.policies[name])
        took = (datetime.now(UTC) - began).total_seconds()
        print(f"{name:<18} {days:,} closes, {filled} fills, NAV at most {apart:.2g} USD apart, {took:.0f} s")


if __name__ == "__main__":
    main()
