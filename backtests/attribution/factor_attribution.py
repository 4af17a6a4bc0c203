"""Attribution of a policy's return over cash to factors: a regression, and its parts by factor and year.

Net returns over cash are alpha + Σ beta × factor + residual on every day, by least squares over the whole test. So the
sum of the daily returns over cash of a year is days × alpha + Σ beta × the sum of the factor's returns + the residuals,
exactly. It is a sum of simple returns, not compounded; the residuals sum to 0 over the test, not in a year. Betas are
estimates: their intervals allow for autocorrelation (`research.risk.decomposition.factors`).
"""

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.market.factors import FactorReturns, factors_of
from research.risk.decomposition.factors import FactorRegression, factor_regression, rolling_betas

ALPHA, RESIDUAL = "alpha", "residual"


@dataclass(frozen=True, eq=False)
class FactorAttribution:
    """The return over cash of one backtest by factor.

    name             : name of the backtest.
    factors          : (k,) names.
    dates            : (T,) days on which the factors are known.
    regression       : the regression, with intervals.
    years            : (Y,) calendar years.
    cells            : (Y, k + 2) sums of daily returns: by factor, of alpha, of the residual; fraction.
    realised         : (Y,) sums of the daily net returns over cash, fraction.
    window           : days of a rolling regression.
    rolling          : (T - window + 1, k) betas over the window up to each of the last days; none of a shorter test.
    periods_per_year : number of periods by which alpha is annualised.
    source           : source of the factors.
    """

    name: str
    factors: tuple[str, ...]
    dates: pd.DatetimeIndex
    regression: FactorRegression
    years: tuple[int, ...]
    cells: Array
    realised: Array
    window: int
    rolling: Array
    periods_per_year: float
    source: str

    @property
    def residual(self) -> float:
        """The largest |realised - sum of the parts| of a year: rounding."""
        return float(np.abs(self.realised - self.cells.sum(axis=1)).max())

    @property
    def rolling_dates(self) -> pd.DatetimeIndex:
        """(T - window + 1,) day at which each rolling regression ends."""
        return self.dates[self.window - 1 :]

    @property
    def by_year(self) -> pd.DataFrame:
        """A row for each year: the part of each factor, of alpha and of the residual, and their sum; fraction."""
        columns = [*self.factors, ALPHA, RESIDUAL]
        found = pd.DataFrame(self.cells, index=pd.Index(self.years, name="year"), columns=columns)
        return found.assign(total=self.cells.sum(axis=1))

    @property
    def table(self) -> pd.DataFrame:
        """A row for each factor and one for alpha, fraction a year.

        Columns : coefficient (a beta; alpha is a year), its 95 % interval, and its part of the return a year.
        """
        found, years = self.regression, len(self.dates) / self.periods_per_year
        alpha = np.array([found.alpha, *found.alpha_interval]) * self.periods_per_year
        rows = np.vstack([np.column_stack([found.betas, found.beta_intervals]), alpha])
        index = pd.Index([*self.factors, ALPHA], name="factor")
        table = pd.DataFrame(rows, index=index, columns=["coefficient", "lower", "upper"])
        return table.assign(part=self.cells.sum(axis=0)[:-1] / years)

    def __repr__(self) -> str:
        """The table."""
        head = f"{self.name} over cash on {len(self.factors)} factors, R² {self.regression.r_squared:.3f}"
        return f"{head}\n{self.table.to_string(float_format=lambda v: f'{v:z.4f}')}"


def factor_attribution(backtest: Backtest, factors: FactorReturns | pd.DataFrame) -> FactorAttribution:
    """Regress the net return over cash of a backtest on factors.

    backtest : one policy.
    factors  : returns of a day, fraction, on the days of the market; of a frame, dates down and factors across. A
               factor for the market is a return over cash.
    Raises   : DataError for fewer than a year of common days, a day that only one of the two has, a return that is
               missing, and factors without betas; each with file, factor and date.
    """
    given = factors if isinstance(factors, FactorReturns) else factors_of(factors)
    window = max(round(backtest.periods_per_year), len(given.names) + 2)
    days = backtest.dates[1:].to_numpy().astype("datetime64[D]")
    of_test, values = given.on(days, window)
    returns = (backtest.net_returns - backtest.market.cash[backtest.first + 1 :])[of_test]
    try:
        found, rolling = factor_regression(returns, values), rolling_betas(returns, values, window)
    except DataError as error:
        raise DataError(f"{given.source}: {error} Factors: {', '.join(given.names)}, numbered from 0.") from error
    dates = backtest.dates[1:][of_test]
    years, row = np.unique(dates.year, return_inverse=True)
    daily = np.column_stack([values * found.betas, np.full(len(returns), found.alpha), found.residuals])
    cells, realised = np.zeros((len(years), daily.shape[1])), np.bincount(row, weights=returns)
    np.add.at(cells, row, daily)
    return FactorAttribution(
        name=backtest.name,
        factors=given.names,
        dates=dates,
        regression=found,
        years=tuple(years.tolist()),
        cells=frozen(cells),
        realised=frozen(realised),
        window=window,
        rolling=frozen(rolling),
        periods_per_year=backtest.periods_per_year,
        source=given.source,
    )
