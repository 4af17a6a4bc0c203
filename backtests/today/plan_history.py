"""A plan on what was: the months of US stocks, ten-year bonds and consumer prices from each January since 1871.

The assets of a portfolio are younger. Its stocks earn what US stocks did, its bonds what ten-year US bonds did, and
each other asset what both did together in the proportion of the target. Starts that follow one another share nearly all
of their years: they are no independent draws, and no interval is stated.
"""

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from foundation.arrays import Array, Mask, Rows
from foundation.dataclasses import dataclass
from research.market import Market
from research.market.reading.long_history import long_history
from research.portfolio.plan import MONTHS_A_YEAR

BOND_MONTHS = 10 * MONTHS_A_YEAR  # to the end of a bond that is bought at par
STOCK_CLASSES, BOND_CLASSES = ("equity", "stock"), ("bond",)  # words of asset classes
HARDEST = 5  # starts that are named


@dataclass(frozen=True, eq=False)
class PlanHistory:
    """A plan from each of S starts, one a year.

    years   : (S,) year in whose January each begins.
    failed  : (S,) true where it ran out, or left less than it should.
    ended   : (S,) months to the payment that it could not make, -1 where it made all.
    left    : (S,) what it left after all taxes, currency in today's money.
    lasted  : the largest amount a year at which it fails from no start, currency; NaN where the rule has none.
    stocks  : names of the assets that earned what stocks did; bonds : what bonds did; others : what both did.
    """

    years: Rows
    failed: Mask
    ended: Rows
    left: Array
    lasted: float
    stocks: tuple[str, ...]
    bonds: tuple[str, ...]
    others: tuple[str, ...]

    @cached_property
    def hardest(self) -> tuple[int, ...]:
        """The hardest starts, by number, the worst first: what runs out first, else what leaves least."""
        lasts = np.where(self.ended < 0, np.inf, self.ended)
        return tuple(np.lexsort((self.left, lasts)).tolist()[:HARDEST])


def monthly_growths() -> tuple[pd.DatetimeIndex, Array, Array]:
    """Months (T,), growths (T, 2) of US stocks and ten-year bonds from each to the next, consumer prices (T + 1,).

    A month of stocks is the price of the next month and a twelfth of the year's dividends over the price. One of bonds
    is a twelfth of the long rate and, at the next month's rate, the price of what was a ten-year bond at par.
    """
    table = long_history()
    price, dividend, consumer, percent_a_year = (
        table[name].to_numpy(float) for name in ("SP500", "Dividend", "Consumer Price Index", "Long Interest Rate")
    )
    stocks = (price[1:] + dividend[:-1] / MONTHS_A_YEAR) / price[:-1]
    coupon, later = percent_a_year[:-1] / 100.0 / MONTHS_A_YEAR, percent_a_year[1:] / 100.0 / MONTHS_A_YEAR
    at_end = (1.0 + later) ** (1 - BOND_MONTHS)
    bonds = coupon + coupon * (1.0 - at_end) / later + at_end
    return pd.DatetimeIndex(table.index[:-1]), np.column_stack([stocks, bonds]), consumer


def played_as(market: Market) -> dict[str, tuple[str, ...]]:
    """The assets that history plays as "stocks", as "bonds" and as "others", by their classes."""
    named: dict[str, list[str]] = {"stocks": [], "bonds": [], "others": []}
    for asset, kind in zip(market.assets, market.asset_class, strict=True):
        words = str(kind).lower()
        is_stock, is_bond = (any(each in words for each in of) for of in (STOCK_CLASSES, BOND_CLASSES))
        named["stocks" if is_stock else "bonds" if is_bond else "others"].append(asset)
    return {role: tuple(names) for role, names in named.items()}


def history_starts(market: Market, target: Array, months: int) -> tuple[Rows, Array, Array]:
    """Years (S,) of all starts that have so many months, growths (S, months, n), consumer prices (S, months + 1).

    market : of n assets, which are played by their classes.
    target : (n,) of the portfolio, by which other assets earn what stocks and bonds do together.
    months : length of a plan.
    Returns : growths as views of one table, and consumer prices over those of the start; none where the plan is longer
              than history, or the target holds neither stocks nor bonds.
    """
    dates, both, prices = monthly_growths()
    roles, column = played_as(market), dict(zip(market.assets, range(len(market.assets)), strict=True))
    shares = np.array(
        [sum(max(float(target[column[name]]), 0.0) for name in roles[role]) for role in ("stocks", "bonds")]
    )
    if shares.sum() <= 0.0 or months > len(dates):
        return np.empty(0, np.int64), np.empty((0, months, len(market.assets))), np.empty((0, months + 1))
    table = np.repeat((both @ (shares / shares.sum()))[:, None], len(market.assets), axis=1)
    for k, role in enumerate(("stocks", "bonds")):
        table[:, [column[name] for name in roles[role]]] = both[:, [k]]
    growths = sliding_window_view(table, months, axis=0)[::MONTHS_A_YEAR].transpose(0, 2, 1)
    consumer = sliding_window_view(prices, months + 1)[::MONTHS_A_YEAR]
    years = dates.year.to_numpy(np.int64)[::MONTHS_A_YEAR][: len(growths)]
    return years, growths, consumer / consumer[:, :1]
