"""Possible losses of a policy and their dates: deepest drawdowns, calendar months, rolling year, and worst days."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import Measured
from backtests.evaluation.periods import Extremes, extremes
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import SERIES
from research.risk import (
    Drawdown,
    calendar_months,
    calendar_years,
    cvar,
    deepest_drawdowns,
    rolling_sharpe,
    rolling_tracking_error,
    rolling_volatility,
    var,
)
from research.risk.rolling_beta import rolling_beta

LEVELS = (0.95, 0.99)  # of VaR and CVaR
MOST = 5  # drawdowns


@dataclass(frozen=True)
class Tail:
    """The worst days at a level, historical. var, cvar : loss of one day, fraction; a loss is positive."""

    var: float
    cvar: float


@dataclass(frozen=True, eq=False)
class PolicyRisk:
    """Risk of one policy over the D days of its test, net of costs unless said otherwise.

    dates     : (D + 1,) closes, the opening one first.
    returns   : (D,) daily returns, fraction.
    drawdowns : the deepest ones, deepest first, with rows of `dates`.
    months    : a row for each calendar month: period ("2015-01"), return (fraction), incomplete (True if it may be).
    years     : likewise, a row for each calendar year.
    window    : returns in a rolling year.
    rolling   : by measure ("volatility", "sharpe", "tracking_error", "beta"), (D - window + 1,) of the year up to each
                of the last days; fractions a year and ratios. Tracking error is before costs, to the strategic target;
                beta is net of costs, to the benchmark.
    tails     : by level, VaR and CVaR of a day.
    undefined : by measure and by level, the reason why there is none.
    benchmark : benchmark of beta, in words.
    extremes  : by length of period, the best and the worst.
    """

    dates: pd.DatetimeIndex
    returns: Array
    drawdowns: list[Drawdown]
    months: pd.DataFrame
    years: pd.DataFrame
    window: int
    rolling: Mapping[str, Array]
    tails: Mapping[float, Tail]
    undefined: Mapping[str, str]
    benchmark: str
    extremes: Mapping[str, Extremes]

    @property
    def rolling_dates(self) -> pd.DatetimeIndex:
        """Close at which each rolling year ends; none where the test is shorter."""
        return self.dates[self.window :]

    @property
    def constant(self) -> bool:
        """True if all daily returns are equal, to rounding."""
        return bool(np.ptp(self.returns) <= SERIES)


def policy_risk(backtest: Backtest, benchmark: Benchmark) -> PolicyRisk:
    """Measure the risk of one backtest; what it does not have is `undefined`, with its reason."""
    m, dates, net = Measured(backtest, benchmark), backtest.dates, backtest.net_returns
    year, undefined = benchmark.periods_per_year, dict[str, str]()
    window = max(round(year), 2)
    measures: dict[str, Callable[[], Array]] = {
        "volatility": lambda: rolling_volatility(net, window, year),
        "sharpe": lambda: rolling_sharpe(net, m.cash, window, year),
        "tracking_error": lambda: rolling_tracking_error(m.active, window, year),
        "beta": lambda: rolling_beta(net, m.compared, m.cash, window),
    }
    rolling, tails = {}, {}
    for name, measure in measures.items():
        try:
            rolling[name] = measure()
        except DataError as error:
            undefined[name] = str(error)
    for level in LEVELS:
        try:
            tails[level] = Tail(var(net, level), cvar(net, level))
        except DataError as error:
            undefined[f"{level:g}"] = str(error)
    days = dates.to_numpy().astype("datetime64[D]")
    months, by_month = calendar_months(days[1:], net)
    years, by_year = calendar_years(days[1:], net)
    return PolicyRisk(
        dates,
        net,
        deepest_drawdowns(backtest.growth_path, MOST),
        _periods(days, months, by_month),
        _periods(days, (years - 1970).astype("datetime64[Y]"), by_year),
        window,
        rolling,
        tails,
        undefined,
        benchmark.compared_with,
        extremes(days, net),
    )


def _periods(days: NDArray[np.datetime64], periods: NDArray[np.datetime64], returns: Array) -> pd.DataFrame:
    """Calendar periods, their returns, and whether each may be incomplete.

    days    : (D + 1,) closes, the opening one first.
    periods : (P,) months or years in which a return ended.
    returns : (P,) fraction.

    The first is incomplete where the opening close is in it, the last where a weekday of it follows the last close.
    """
    incomplete = np.zeros(len(periods), dtype=bool)
    incomplete[0] = days[0].astype(periods.dtype) == periods[0]
    end = (periods[-1] + 1).astype("datetime64[D]")
    incomplete[-1] |= bool(np.busday_count(days[-1] + 1, end) > 0)
    return pd.DataFrame({"period": periods.astype(str), "return": returns, "incomplete": incomplete})
