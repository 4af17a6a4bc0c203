"""The cases of the study: portfolios of real assets, each with the three years in which it is judged.

They were written down before anything was played. Windows of three years follow one another from 1995, five years after
the stocks begin, to 2024, where they end. In each, six portfolios of stocks: 2, 4, 6 and twice 10 assets drawn by the
window's own generator, and all assets that there are; equal weights or falling ones (n, n - 1, … to 1), some with cash.
From 2013, five years after the funds begin, to 2021, where their last whole window ends, four portfolios of funds as
desks hold them, and one more with bitcoin where that has its five years. An asset is eligible where it is listed for
five
years before the window, and quoted to its end: so SHLD, which left in 2018, is in no window that it did not survive.

All days before a window are training days, at least five years. What is meant for an asset before it is listed
goes to the others, as everywhere in the house (`unlisted`).
"""

from functools import cache

import numpy as np
import pandas as pd

from backtests.sweeps import Setup
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market, load_market
from research.risk.measures import TRACKING_PENALTY

COST_BP = 10.0  # bp a side: half commission, half spread
LAG, PERIODS = 1, 252.0
WINDOW_YEARS, BEFORE = 3, 5  # of a window; of training days before it, at the least
STOCK_WINDOWS = range(1995, 2025, WINDOW_YEARS)
FUND_WINDOWS = range(2013, 2022, WINDOW_YEARS)

STOCKS = {  # name -> assets, or 0 for all; are weights falling; cash
    "2": (2, True, 0.0),
    "4": (4, False, 0.2),
    "6": (6, True, 0.0),
    "10a": (10, False, 0.0),
    "10b": (10, True, 0.1),
    "all": (0, False, 0.0),
}
FUNDS = {  # fraction of NAV; cash is the rest
    "2": {"SPY": 0.6, "AGG": 0.4},
    "4": {"SPY": 0.35, "VEA": 0.2, "AGG": 0.25, "GLD": 0.1},
    "6": {"SPY": 0.3, "VEA": 0.2, "VWO": 0.1, "VNQ": 0.1, "TLT": 0.2, "GLD": 0.1},
    "9": dict.fromkeys(("SPY", "QQQ", "VEA", "VWO", "VNQ", "AGG", "TLT", "GLD", "COM"), 1 / 9),
    "10": {"SPY": 0.2, "QQQ": 0.1, "VEA": 0.1, "VWO": 0.1, "VNQ": 0.1, "AGG": 0.15, "TLT": 0.1, "GLD": 0.05}
    | {"COM": 0.05, "BTC": 0.05},
}
NAMED_CASES = ("stocks-2-1998", "stocks-4-2013", "stocks-10a-2007", "stocks-all-2019", "funds-2-2016", "funds-9-2019")
UNIVERSE_MARKETS = {"stocks": "stocks_with_exit", "funds": "multi_asset_daily"}


@dataclass(frozen=True)
class Case:
    """A portfolio and the window in which it is judged; every day before it may be learned from.

    name    : <universe>-<portfolio>-<first year of the window>.
    weights : name -> fraction of NAV, as pairs; cash is the rest.
    """

    name: str
    weights: tuple[tuple[str, float], ...]

    @property
    def universe(self) -> str:
        """Stocks or funds."""
        return self.name.partition("-")[0]

    @property
    def window(self) -> int:
        """First year of the test."""
        return int(self.name.rpartition("-")[2])

    @property
    def start(self) -> pd.Timestamp:
        """The day on or after which the test starts."""
        return pd.Timestamp(self.window, 1, 1)

    @property
    def market(self) -> Market:
        """The assets of the portfolio, up to the end of the window."""
        lines = [name for name, _ in self.weights]
        return _source(self.universe).select(lines).until(pd.Timestamp(self.window + WINDOW_YEARS - 1, 12, 31))

    @property
    def setup(self) -> Setup:
        """The setup in which rules are tuned and backtested: at 10 bp a side, for the same J as everywhere."""
        market = self.market
        costs = Costs.bps(len(self.weights), commission=COST_BP / 2, half_spread=COST_BP / 2)
        return Setup.on(
            market, costs, FixedWeights(self.weights), self.start, name=self.name, lag=LAG,
            tracking_penalty=TRACKING_PENALTY, periods_per_year=PERIODS,
        )  # fmt: skip


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case, window by window."""
    found = []
    for year in STOCK_WINDOWS:
        rng, lines = np.random.default_rng(year), eligible("stocks", year)
        for name, (count, falling, cash) in STOCKS.items():
            drawn = rng.choice(lines, count, replace=False).tolist() if count else lines
            shares = np.arange(len(drawn), 0.0, -1.0) if falling else np.ones(len(drawn))
            weights = (1.0 - cash) * shares / shares.sum()
            found.append(Case(f"stocks-{name}-{year}", tuple(zip(drawn, weights.tolist(), strict=True))))
        for name, fund in FUNDS.items() if year in FUND_WINDOWS else ():
            if set(fund) <= set(eligible("funds", year)):
                found.append(Case(f"funds-{name}-{year}", tuple(fund.items())))
    return tuple(found)


def case(name: str) -> Case:
    """The case of this name. Raises ConfigError where there is none."""
    by_name = {one.name: one for one in all_cases()}
    if not isinstance(name, str) or name not in by_name:
        near = ", ".join(other for other in by_name if other.rpartition("-")[0] == str(name).rpartition("-")[0])
        raise ConfigError(f"no case of the study is named {name!r}. Use one such as {near or ', '.join(NAMED_CASES)}.")
    return by_name[name]


def eligible(universe: str, year: int) -> list[str]:
    """Assets that are listed five years before the window of this year, and can be traded from then to its end."""
    market = _source(universe)
    first = int(market.dates.searchsorted(pd.Timestamp(year - BEFORE, 1, 1)))
    stop = int(market.dates.searchsorted(pd.Timestamp(year + WINDOW_YEARS, 1, 1)))
    held = market.tradable[first + 1 : stop].all(axis=0) & market.listed[first]
    return [name for name, kept in zip(market.assets, held, strict=True) if kept]


@cache
def _source(universe: str) -> Market:
    return load_market(UNIVERSE_MARKETS[universe])
