"""The trades of a backtest, booked, give its units, cash and tax: splits, dividends, delistings, halts and flows.

The market's data alone give the book its splits, dividends and delistings, and its ledger the gains that are taxed.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from drawn_cases import market_of

from backtests.engine import Backtest, backtest
from backtests.engine.ledger import EXIT_BOOKING
from foundation.canonical import decimal
from research.accounting import Costs, Flows, Tax
from research.accounting.cost_parameters import TAX
from research.accounting.lots.lot import TaxRules
from research.allocation import FixedWeights
from research.portfolio.holdings.blotter import NO_AMOUNT, BookedFill, BookExchange
from research.portfolio.holdings.book import Book, BookLots, HeldLot, Holder, Opening
from research.portfolio.holdings.book_ledger import book_ledger
from research.portfolio.holdings.cash_entries import CashEntry
from research.rules import Threshold, Within

RATE, NAV, ONE = 0.25, 1_000_000.0, timedelta(days=1)


def played(seed: int, lots: str) -> Backtest:
    """Three assets for some 250 days across a year's end, with every event, and deposits and withdrawals."""
    rng = np.random.default_rng(seed)
    market = market_of(rng, 250, 3, True, 1e9, "2017-07-03")
    market = replace(market, cash=np.zeros(len(market.dates)))
    costs = Costs(commission=np.full(3, 5e-4), half_spread=np.full(3, 1e-3), tax=Tax(RATE, lots))  # type: ignore[arg-type]
    rows = rng.choice(np.arange(20, 250), 4, replace=False)
    flows = Flows({market.dates[t]: float(rng.normal(0.0, 30_000.0)) for t in rows}, "rebalance")
    policy = Threshold(FixedWeights((0.4, 0.3, 0.2)), 0.02, Within(0.0))
    return backtest(market, policy, costs, start=market.dates[10], nav=NAV, dividends="cash", flows=flows)


def booked(of: Backtest) -> Book:
    """The book of its trades, fees, taxes and flows, and of delistings."""
    market, ledger, first = of.market, of.ledger, of.first
    opened, prices = market.dates[first].date(), market.prices
    units = np.nan_to_num(ledger.units[0] * market.price_index[first] / prices[first])
    held = {asset: decimal(float(n)) for asset, n in zip(market.assets, units, strict=True)}
    lots = tuple(HeldLot(asset, "", opened, float(n), float(p))
                 for asset, n, p in zip(market.assets, units, prices[first], strict=True) if n > 0.0)  # fmt: skip
    cash = {"USD": decimal(float(ledger.cash[0]))}
    book = Book("desk", "", "USD", opened, Opening(opened, (Holder("", held, cash),), BookLots(lots, {})))
    fills, entries, gone = list[BookedFill](), list[CashEntry](), list[BookExchange]()
    for k, t in enumerate(ledger.booked.tolist()):
        day = market.dates[t].date()
        for i in np.flatnonzero(ledger.units[k + 1] != ledger.units[k]).tolist():  # worthless ones trade for nothing
            asset, amount = market.assets[i], Decimal(float(ledger.trades[k, i]))
            if ledger.part_of[k] == EXIT_BOOKING:
                last = prices[:t, i][~np.isnan(prices[:t, i])][-1]
                paid = decimal(float(last * (1.0 + market.instruments["delisting_return"].iloc[i])))
                gone.append(BookExchange(asset, day, "", NO_AMOUNT, paid, "USD", NO_AMOUNT, Decimal(1)))
                continue
            count, fee = amount / Decimal(float(prices[t, i])), Decimal(float(ledger.charges[k, :TAX, i].sum()))
            fills.append(BookedFill(f"v:{k}-{i}", "", day, day, "", asset, count, amount, "USD", -amount - fee, amount,
                                    moment=f"{day}T21:00:00.{k:06d}Z"))  # fmt: skip
        if tax := float(ledger.charges[k, TAX].sum()):
            entries.append(CashEntry(f"tax-{k}", "tax", day, "", "USD", -Decimal(tax)))
    for t in np.flatnonzero(of.flows).tolist():
        day, amount = market.dates[first + t].date(), float(of.flows[t])
        entries.append(
            CashEntry(f"flow-{t}", "deposit" if amount > 0 else "withdrawal", day, "", "USD", Decimal(amount))
        )
    made = replace(book, fills=tuple(fills), entries=tuple(entries), exchanges=tuple(gone)).with_splits_of(market)
    return replace(made, entries=(*made.entries, *made.unpaid_of(market)))


def taxes(gains: dict[date, float]) -> dict[date, float]:
    """The tax by day on gains less the losses that are carried."""
    found, carried = dict[date, float](), 0.0
    for day, gain in sorted(gains.items()):
        left = gain + carried
        carried = min(left, 0.0)
        found[day] = RATE * max(left, 0.0)
    return found


def by_day(pairs: Iterator[tuple[date, float]]) -> dict[date, float]:
    found = dict[date, float]()
    for day, amount in pairs:
        found[day] = found.get(day, 0.0) + amount
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_book_of_a_backtests_trades_holds_and_owes_what_the_backtest_does(seed: int) -> None:
    lots = ("first", "highest", "average")[seed % 3]
    of = played(seed, lots)
    book, market, ledger = booked(of), of.market, of.ledger
    days = [market.dates[t].date() for t in range(of.first, len(market.dates))]
    paid, last = sum(entry.kind == "dividend" for entry in book.entries), 0
    for t, (holder,) in enumerate(book.holders_before(day + ONE for day in days)):
        row = of.first + t
        while last < len(ledger.booked) and ledger.booked[last] <= row:
            last += 1
        assert float(holder.cash["USD"]) == pytest.approx(ledger.cash[t], abs=0.005 * paid + 1e-6)
        for i, asset in enumerate(market.assets):
            if market.tradable[row, i]:
                units = ledger.units[last, i] * market.price_index[row, i] / market.prices[row, i]
                assert float(holder.units[asset]) == pytest.approx(units, rel=1e-9, abs=1e-7)
    found = book_ledger(book, TaxRules(RATE, RATE, lots=lots), set(), lambda *_: 1.0)  # type: ignore[arg-type]
    gains = by_day((sale.day, sale.sale.gain) for sale in found.sales)
    owed = by_day((market.dates[t].date(), float(ledger.charges[k, TAX].sum()))
                  for k, t in enumerate(ledger.booked.tolist()))  # fmt: skip
    expected = taxes(gains)
    for day in {*owed, *expected}:
        assert owed.get(day, 0.0) == pytest.approx(expected.get(day, 0.0), abs=1e-5)
