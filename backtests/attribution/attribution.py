"""The gap between two backtests, attributed to assets, years and causes so that the parts add up to it.

The gap is one of logarithmic wealth: ln of what a unit of the opening wealth became in one backtest, less that in the
other, after all costs, time-weighted where money came or went. Logarithms make it a sum over days. On each day the
arithmetic difference of the two returns is a sum over assets and causes, and the factor of Carino (1999) turns it into
the difference of logarithms; so every cell is exact, and no residual is left or spread.

On a day, with active weights d = w - v at the close before (w of the one, v of the other), asset returns p from
prices and y from dividends, and the other's return before costs B, of which Y is from dividends:

- **exposure** and **timing**: d (p - (B - Y)), the allocation effect of Brinson and Fachler (1985) for an asset. Over
the
  days of a calendar year, Σ d e = Σ d̄ e + Σ (d - d̄) e. The first sum is the exposure: what the mean active weight d̄ of
  the year earned. The second is the timing: days × the covariance of active weight and linked return, what being
  overweight on the right days of the year earned. Source : Hsu, Kalesnik and Myers (2010), Performance Attribution:
  Measuring Dynamic Allocation Skill; Lo (2008), Where Do Alphas Come From? Means are of a year, so that the figures of
  a year do not change when another is added.
- **income**: d (y - Y).
- **cash drag**: d (c - B) of cash, with its interest c.
- **execution**: from the open to the close, of what was traded at the open.
- every cost by its name, and the **opening** trade, which is counted in the year of the first day of the test.
"""

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.attribution.alike import refuse_unlike
from backtests.attribution.contributions import COST_NAMES, Contributions, cash_name, contributions
from backtests.engine.result import Backtest
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass
from foundation.tolerances import WEIGHT
from research.risk.decomposition.linking import linking_factors

MARKET_TERMS = ("exposure", "timing", "income", "cash drag", "execution")
COMPONENTS = (*MARKET_TERMS, *COST_NAMES, "opening")
EXPOSURE, TIMING, INCOME, DRAG, EXECUTION = range(len(MARKET_TERMS))


@dataclass(frozen=True, eq=False)
class Attribution:
    """The gap of one backtest to another, in logarithms of wealth.

    name      : name of the first backtest.
    other     : name of the other backtest.
    dates     : (D + 1,) closes, the opening one first.
    years     : (Y,) calendar years of the test.
    lines     : (n + 1,) names of the assets and of cash.
    cells     : (Y, n + 1, components) parts of the gap, in the order of `COMPONENTS`.
    daily     : (D + 1, components) parts of the gap by day; the opening trade is the first.
    realised  : (Y,) the gap of each year by the two NAVs; the opening trade is in the first year.
    ends      : final value of a unit of wealth in the first and in the other backtest, time-weighted.
    no_income : the reason why dividends are not separated from prices, or "".
    """

    name: str
    other: str
    dates: pd.DatetimeIndex
    years: tuple[int, ...]
    lines: tuple[str, ...]
    cells: Array
    daily: Array
    realised: Array
    ends: tuple[float, float]
    no_income: str

    @property
    def gap(self) -> float:
        """ln of the one's wealth over the other's at the end, a unit of wealth each at the start."""
        return float(np.log(self.ends[0] / self.ends[1]))

    @property
    def residual(self) -> float:
        """The largest |realised gap - sum of the parts|, of a year or of the test: rounding."""
        of_years = self.realised - self.cells.sum(axis=(1, 2))
        return float(max(np.abs(of_years).max(), abs(self.gap - float(self.cells.sum()))))

    @property
    def span(self) -> float:
        """Years of 365.25 days from the opening to the last close."""
        return float((self.dates[-1] - self.dates[0]).days) / 365.25

    @property
    def money(self) -> float:
        """The factor that turns a part of the gap into one of the difference in terminal wealth, for a unit each.

        It is the logarithmic mean of the two ends, so the parts then add up to that difference.
        """
        one, other = self.ends
        return 1.0 / float(linking_factors([one - 1.0], [other - 1.0])[0])

    @cached_property
    def components(self) -> tuple[str, ...]:
        """The components that are more than rounding, in the order of `COMPONENTS`; exposure and timing always."""
        there = np.any(np.abs(self.cells) > WEIGHT, axis=(0, 1))
        return tuple(c for k, c in enumerate(COMPONENTS) if there[k] or k in (EXPOSURE, TIMING))

    @cached_property
    def by_component(self) -> pd.Series:
        """A row for each component: its part of the gap."""
        return self._named(self.cells.sum(axis=(0, 1)))

    @cached_property
    def by_year(self) -> pd.DataFrame:
        """A row for each year, a column for each component, and their total."""
        return self._table(self.cells.sum(axis=1), pd.Index(self.years, name="year"))

    @cached_property
    def by_line(self) -> pd.DataFrame:
        """A row for each asset and one for cash, a column for each component, and their total."""
        return self._table(self.cells.sum(axis=0), pd.Index(self.lines, name="asset"))

    def table(self) -> pd.DataFrame:
        """A row for each year and asset, a column for each component, and their total: every cell."""
        index = pd.MultiIndex.from_product([self.years, self.lines], names=["year", "asset"])
        return self._table(self.cells.reshape(len(index), -1), index)

    def _named(self, values: Array) -> pd.Series:
        found = pd.Series(values, index=pd.Index(COMPONENTS, name="component"), name=f"{self.name} - {self.other}")
        return found.loc[list(self.components)]

    def _table(self, values: Array, index: pd.Index) -> pd.DataFrame:
        found = pd.DataFrame(values, index=index, columns=list(COMPONENTS))[list(self.components)]
        return found.assign(total=values.sum(axis=1))

    def __repr__(self) -> str:
        """The gap by component, basis points a year."""
        rows = 1e4 / self.span * pd.concat([self.by_component, pd.Series({"total": self.gap})])
        head = f"{self.name} less {self.other}, log growth, bp a year"
        return f"{head}\n{rows.to_string(float_format=lambda v: f'{v:+.2f}')}"


def attribution(backtest: Backtest, other: Backtest) -> Attribution:
    """Attribute the gap in growth of one backtest to another, by asset, year and component; see the module.

    Cash flows are allowed: the gap is then one of time-weighted growth, to which the flows themselves add nothing.
    backtest : the one.
    other    : name of the benchmark; relative returns are to its return before costs.
    Raises   : ConfigError for backtests of different markets, days or periods a year.
    """
    refuse_unlike(backtest.name, backtest, other.name, other)
    return attributed(backtest, contributions(backtest), other, contributions(other))


def attributed(backtest: Backtest, one: Contributions, other: Backtest, two: Contributions) -> Attribution:
    """`attribution` of backtests whose contributions are at hand.

    backtest : the one.
    one      : its contributions.
    other    : name of the benchmark.
    two      : its contributions.
    """
    factors = linking_factors(backtest.net_returns, other.net_returns)
    years, row = np.unique(backtest.dates.year[1:], return_inverse=True)
    of_days = _of_days(one, two, row) * factors[:, None, None]
    parts, row = np.concatenate([_opening(one, two)[None], of_days]), np.append(row[:1], row)
    cells = np.zeros((len(years), *parts.shape[1:]))
    np.add.at(cells, row, parts)
    last = np.append(np.flatnonzero(np.diff(row)), len(row) - 1)
    path = np.log(backtest.growth_path / backtest.wealth) - np.log(other.growth_path / other.wealth)
    return Attribution(
        name=backtest.name,
        other=other.name,
        dates=backtest.dates,
        years=tuple(years.tolist()),
        lines=(*backtest.market.assets, cash_name(backtest.market.assets)),
        cells=frozen(cells),
        daily=frozen(parts.sum(axis=1)),
        realised=frozen(np.diff(path[last], prepend=0.0)),
        ends=(float(backtest.growth_path[-1] / backtest.wealth), float(other.growth_path[-1] / other.wealth)),
        no_income=one.no_income,
    )


def _opening(one: Contributions, two: Contributions) -> Array:
    """(n + 1, components) what the opening trades cost, linked."""
    spent = [float(c.opening.sum()) for c in (one, two)]
    (factor,) = linking_factors([-spent[0]], [-spent[1]])
    parts = np.zeros((len(one.opening) + 1, len(COMPONENTS)))
    parts[:-1, -1] = factor * (two.opening - one.opening)
    return parts


def _of_days(one: Contributions, two: Contributions, year: NDArray[np.int64]) -> Array:
    """(D, n + 1, components) parts of each day's arithmetic difference of returns; `year` (D,) is its number."""
    active = one.weights - two.weights
    whole, of_income = two.gross[:, None], two.income[:, :-1].sum(axis=1, keepdims=True)
    parts = np.zeros((*active.shape, len(COMPONENTS)))
    lines, d = parts[:, :-1], active[:, :-1]
    relative, mean = one.price_returns - (whole - of_income), _means(d, year)[year]
    lines[..., EXPOSURE], lines[..., TIMING] = mean * relative, (d - mean) * relative
    lines[..., INCOME] = d * (one.yields - of_income)
    parts[:, -1, DRAG] = active[:, -1] * (one.cash_returns - whole[:, 0])
    lines[..., EXECUTION] = one.execution - two.execution
    parts[..., len(MARKET_TERMS) : -1] = two.costs - one.costs
    return parts


def _means(values: Array, group: NDArray[np.int64]) -> Array:
    """(G, n) means of the rows (T, n) of each group (T,), numbered from 0."""
    sums = np.zeros((group.max() + 1, values.shape[1]))
    np.add.at(sums, group, values)
    return sums / np.bincount(group)[:, None]
