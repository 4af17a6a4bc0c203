"""The rebalancing premium: growth of a policy above that of its opening portfolio, held without trades.

Both open with the weights w₀ of the policy's opening trade. The drifting portfolio keeps its units, reinvests dividends
and pays nothing; its weights drift. With the log returns g = ln(1 + r) of the assets and of cash, and the weights w of
the policy at the close before, the difference of the two growth rates before costs is, on every day and exactly,

    [ln(1 + w·r) - w·g]  -  [ln(growth of the drifting portfolio) - w₀·g]  +  (w - w₀)·g

- the **volatility return** is the policy's excess growth rate: what it grows faster than its assets do in the mean;
- the **dispersion discount** is the same of the drifting portfolio and its opening weights: what it gains as its
  winners become the larger part of it. Over a test without shorts it is never negative, and it is the relative entropy
  of the opening weights to the weights at which the drifting portfolio ends;
- **weight changes** are what the policy earned by holding other weights than the opening ones: little for a rule that
  returns to one target, much for one whose target moves.

Trades at the open add what they gain by the close (**execution**), and **costs** are those of trading, which the
drifting portfolio does not have. Costs of holding would be charged to both, and are left out of both.
Sources : Hallerbach (2014), Disentangling Rebalancing Return, for volatility return and dispersion discount;
          Willenbrock (2011), Diversification Return, Portfolio Rebalancing, and the Commodity Return Puzzle; Bouchey,
          Nemtchinov, Paulsen and Stein (2012), Volatility Harvesting; Pal and Wong (2013), Energy, Entropy, and
          Arbitrage, for the identity in discrete time and the relative entropy.
"""

import numpy as np
import pandas as pd

from backtests.attribution.contributions import COST_NAMES, Contributions, contributions, line_returns
from backtests.engine.result import Backtest
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.accounting.cost_parameters import COST_COLUMNS

PREMIUM_TERMS = ("volatility return", "dispersion discount", "weight changes", "execution", "costs")
COST_TERM = len(PREMIUM_TERMS) - 1


@dataclass(frozen=True, eq=False)
class RebalancingPremium:
    """The growth of a policy over that of its drifting portfolio, in logarithms of wealth, and its terms.

    name     : name of the backtest.
    dates    : (D + 1,) closes, the opening one first.
    years    : (Y,) calendar years of the test.
    cells    : (Y, terms) in the order of `PREMIUM_TERMS`; terms that reduce growth are negative.
    drifting : (D + 1,) value of a unit of wealth in the drifting portfolio.
    realised : ln growth of the policy before holding costs, over that of the drifting portfolio, by its NAV.
    """

    name: str
    dates: pd.DatetimeIndex
    years: tuple[int, ...]
    cells: Array
    drifting: Array
    realised: float

    @property
    def span(self) -> float:
        """Years of 365.25 days from the opening to the last close."""
        return float((self.dates[-1] - self.dates[0]).days) / 365.25

    @property
    def gross(self) -> float:
        """The premium before costs of trading, ln of wealth over the test."""
        return float(self.cells[:, :COST_TERM].sum())

    @property
    def net(self) -> float:
        """The premium after costs of trading, ln of wealth over the test."""
        return float(self.cells.sum())

    @property
    def residual(self) -> float:
        """|realised - sum of the terms|: rounding."""
        return abs(self.realised - self.net)

    @property
    def terms(self) -> pd.Series:
        """A row for each term, ln of wealth over the test."""
        return pd.Series(self.cells.sum(axis=0), index=pd.Index(PREMIUM_TERMS, name="term"), name=self.name)

    @property
    def by_year(self) -> pd.DataFrame:
        """A row for each year, a column for each term, and the premium before and after costs."""
        found = pd.DataFrame(self.cells, index=pd.Index(self.years, name="year"), columns=list(PREMIUM_TERMS))
        return found.assign(gross=self.cells[:, :COST_TERM].sum(axis=1), net=self.cells.sum(axis=1))

    def __repr__(self) -> str:
        """The terms, basis points a year."""
        rows = 1e4 / self.span * pd.concat([self.terms, pd.Series({"net": self.net})])
        head = f"rebalancing premium of {self.name}, log growth, bp a year"
        return f"{head}\n{rows.to_string(float_format=lambda v: f'{v:+.2f}')}"


def rebalancing_premium(backtest: Backtest, found: Contributions | None = None) -> RebalancingPremium:
    """The growth of a backtest over that of the portfolio it opened with, before and after costs, and its terms.

    backtest : one policy.
    found    : its contributions, if they are at hand.
    Raises   : DataError where an asset lost everything, or the drifting portfolio did: then there is no growth rate.
    """
    parts = contributions(backtest) if found is None else found
    returns, opening = line_returns(backtest), parts.weights[0]
    grown = log_returns(returns)
    wealth = np.vstack([np.ones(len(opening)), np.exp(np.cumsum(grown, axis=0))]) @ opening
    if not (wealth > 0.0).all():
        day = backtest.dates[int(np.argmin(wealth > 0.0))]
        raise DataError(
            f"the portfolio that {backtest.name} opens with, left to drift, has lost everything by {day:%Y-%m-%d}: "
            "there is no rebalancing premium over it."
        )
    invested = (parts.weights * returns).sum(axis=1)
    before = invested + parts.execution.sum(axis=1)
    traded = parts.costs[..., [COST_NAMES.index(name) for name in COST_COLUMNS]].sum(axis=(1, 2))
    terms = np.column_stack(
        [
            excess_growth(parts.weights, returns),
            grown @ opening - np.diff(np.log(wealth)),
            ((parts.weights - opening) * grown).sum(axis=1),
            np.log1p(before) - np.log1p(invested),
            np.log1p(before - traded) - np.log1p(before),
        ]
    )
    years, row = np.unique(backtest.dates.year[1:], return_inverse=True)
    cells = np.zeros((len(years), len(PREMIUM_TERMS)))
    np.add.at(cells, row, terms)
    held = backtest.ledger.holding_costs[1:].sum(axis=1) / backtest.ledger.nav[:-1]
    realised = float(np.log1p(backtest.net_returns + held).sum() - np.log(wealth[-1]))
    return RebalancingPremium(
        backtest.name, backtest.dates, tuple(years.tolist()), frozen(cells), frozen(wealth), realised
    )


def excess_growth(weights: Array, returns: Array) -> Array:
    """(T,) ln(1 + Σ w r) - Σ w ln(1 + r) of each period; never negative for weights of 0 or more that sum to 1.

    weights : (T, m) at the start of each period, cash included, fraction; they sum to 1.
    returns : (T, m) simple returns, fraction.
    Raises  : DataError for a loss of everything, which has no logarithm.
    Source  : Pal and Wong (2013), Energy, Entropy, and Arbitrage, where it is the free energy; in continuous time it is
              the excess growth rate (Σ w σ² - w'Σw) / 2 of Fernholz and Shay (1982), Stochastic Portfolio Theory and
              Stock Market Equilibrium.

    >>> excess_growth(np.array([[0.5, 0.5]]), np.array([[1.0, -0.5]])).round(6).tolist()
    [0.223144]
    """
    whole: Array = np.log1p((weights * returns).sum(axis=1)) - (weights * log_returns(returns)).sum(axis=1)
    return whole


def log_returns(returns: Array) -> Array:
    """(T, m) ln(1 + r). Raises DataError for a loss of everything, which has no logarithm.

    >>> log_returns(np.array([[np.e - 1.0]])).tolist()
    [[1.0]]
    """
    if not (returns > -1.0).all():
        row, column = np.argwhere(~(returns > -1.0))[0].tolist()
        raise DataError(
            f"return {returns[row, column]:.4g} in period {row} of asset {column}: an asset that lost everything has "
            "no growth rate, so growth cannot be split by asset."
        )
    found: Array = np.log1p(returns)
    return found
