"""Possible losses of a policy and their dates: deepest drawdowns, extreme periods, rolling year, and worst days."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import Measured
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
from research.risk.rolling import rolling_beta
from research.risk.series import compounding

PERIODS = {"day": "D", "month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True)
class Extreme:
    """One period. period : "2020-03-16", "2020-03", "2020-Q1" or "2020".  value : its return, fraction."""

    period: str
    value: float
    incomplete: bool = False


@dataclass(frozen=True)
class Extremes:
    """The best and the worst of the periods of one length; the first of equal ones.

    count  : number of periods.
    gains  : share of them with a return above zero.
    best   : the highest return.
    worst  : the lowest return.
    """

    count: int
    gains: float
    best: Extreme
    worst: Extreme


def extremes(days: NDArray[np.datetime64], returns: Array) -> dict[str, Extremes]:
    """By length, "day", "month", "quarter" and "year": the best and the worst period, compounded.

    days    : (D + 1,) closes, increasing, the one before the first return first.
    returns : (D,) fraction.
    Raises  : DataError for a return of -1 or below.

    The first period is `incomplete` where the opening close is in it, the last where a weekday of it follows the last
    close; that is a period of the test all the same, and may be the best or the worst.
    """
    dates, grown = days.astype("datetime64[D]"), 1.0 + compounding(returns)
    found = {}
    for name, unit in PERIODS.items():
        numbers = _numbers(dates, unit)
        periods, first = np.unique(numbers[1:], return_index=True)
        values = returns if unit == "D" else np.multiply.reduceat(grown, first) - 1.0
        partial = np.zeros(len(periods), dtype=bool)
        if unit != "D":
            partial[0] = numbers[0] == periods[0]
            partial[-1] |= bool(np.busday_count(dates[-1] + 1, _end(int(periods[-1]), unit)) > 0)
        made = [
            Extreme(_words(int(periods[row]), unit), float(values[row]), bool(partial[row]))
            for row in (int(values.argmax()), int(values.argmin()))
        ]
        found[name] = Extremes(len(values), float((values > 0.0).mean()), *made)
    return found


def _numbers(dates: NDArray[np.datetime64], unit: str) -> NDArray[np.int64]:
    """(T,) number of the period of each date since 1970."""
    if unit == "Q":
        quarters: NDArray[np.int64] = dates.astype("datetime64[M]").astype(np.int64) // 3
        return quarters
    return dates.astype(f"datetime64[{unit}]").astype(np.int64)


def _end(period: int, unit: str) -> np.datetime64:
    """The first day after a period."""
    month = (period + 1) * {"M": 1, "Q": 3, "Y": 12}[unit]
    return np.datetime64(month, "M").astype("datetime64[D]")


def _words(period: int, unit: str) -> str:
    return (
        f"{1970 + period // 4}-Q{period % 4 + 1}" if unit == "Q" else str(np.array(period, dtype=f"datetime64[{unit}]"))
    )


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
