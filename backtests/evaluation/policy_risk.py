"""Possible losses of a policy and their dates: deepest drawdowns, extreme periods, rolling year, and worst days."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import Measured
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import SERIES
from research import risk
from research.market.calendars import row_name
from research.risk.distribution import TAIL_LEVELS
from research.risk.rolling import rolling_beta
from research.risk.series import compounding

PERIOD_UNITS = {"day": "D", "month": "M", "quarter": "3M", "year": "Y"}  # units of dates in numpy


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
    for name, unit in PERIOD_UNITS.items():
        periods, first = np.unique(dates[1:].astype(f"datetime64[{unit}]"), return_index=True)
        values = returns if unit == "D" else np.multiply.reduceat(grown, first) - 1.0
        partial = incomplete(dates, periods) & (unit != "D")
        made = [
            Extreme(_words(periods[row], name), float(values[row]), bool(partial[row]))
            for row in (int(values.argmax()), int(values.argmin()))
        ]
        found[name] = Extremes(len(values), float((values > 0.0).mean()), *made)
    return found


def incomplete(days: NDArray[np.datetime64], periods: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """(P,) whether each period of a test may be incomplete.

    The first is where the opening close is in it, the last where a weekday of it follows the last close.

    days    : (D + 1,) closes, the opening one first.
    periods : (P,) periods in which a return ended.
    """
    found = np.zeros(len(periods), dtype=bool)
    found[0] = days[0].astype(periods.dtype) == periods[0]
    found[-1] |= bool(np.busday_count(days[-1] + 1, (periods[-1] + 1).astype("datetime64[D]")) > 0)
    return found


def _words(period: np.datetime64, name: str) -> str:
    if name != "quarter":
        return str(period)
    return f"{period.astype('datetime64[Y]')}-Q{int(period.astype('datetime64[M]').astype(int)) % 12 // 3 + 1}"


DRAWDOWNS_SHOWN = 5  # drawdowns


@dataclass(frozen=True)
class Tail:
    """The worst rows at a level, historical. var, cvar : loss of one row, fraction; a loss is positive."""

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
    tails     : by level, VaR and CVaR of a row of the market: a day, a week or a month.
    undefined : by measure and by level, the reason why there is none.
    benchmark : benchmark of beta, in words.
    extremes  : by length of period, the best and the worst.
    """

    dates: pd.DatetimeIndex
    returns: Array
    drawdowns: list[risk.Drawdown]
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
    def row(self) -> str:
        """The name of a row of the market: "day", "week" or "month"."""
        return row_name(self.window)

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
        "volatility": lambda: risk.rolling_volatility(net, window, year),
        "sharpe": lambda: risk.rolling_sharpe(net, m.cash, window, year),
        "tracking_error": lambda: risk.rolling_tracking_error(m.active, window, year),
        "beta": lambda: rolling_beta(net, m.compared, m.cash, window),
    }
    rolling, tails = {}, {}
    for name, measure in measures.items():
        try:
            rolling[name] = measure()
        except DataError as error:
            undefined[name] = str(error)
    for level in TAIL_LEVELS:
        try:
            tails[level] = Tail(risk.var(net, level), risk.cvar(net, level))
        except DataError as error:
            undefined[f"{level:g}"] = str(error)
    days = dates.to_numpy().astype("datetime64[D]")
    months, by_month = risk.calendar_months(days[1:], net)
    years, by_year = risk.calendar_years(days[1:], net)
    return PolicyRisk(
        dates,
        net,
        risk.deepest_drawdowns(backtest.growth_path, DRAWDOWNS_SHOWN),
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
    """Calendar periods (P,), their returns, and whether each may be incomplete."""
    return pd.DataFrame({"period": periods.astype(str), "return": returns, "incomplete": incomplete(days, periods)})
