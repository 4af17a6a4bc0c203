"""Comparator of beta and the other relative figures of a comparison: the benchmark that its file names.

It is not `evaluation.benchmark.Benchmark`, which holds the strategic target, the ranges and g, by which J, tracking
error and limits are measured. Nothing but the metrics of `RELATIVE_METRICS` and rolling beta depends on the comparator.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.risk.series import one_series

if TYPE_CHECKING:
    import pandas as pd

    from backtests.engine.result import Backtest
    from research.portfolio.keys.benchmark import NamedBenchmark

RELATIVE_METRICS = ("beta", "alpha", "information_ratio", "up_capture", "down_capture")  # metrics
LARGE_RETURN = 0.5  # of the median return of a day, month or year, past which returns are none
STRATEGIC_TARGET, NO_BENCHMARK = "the strategic target", "none"


@dataclass(frozen=True, eq=False)
class Comparator:
    """A return series beside the test's, or that there is none.

    name    : its name in words, as "the policy quarterly" or "SPY"; "none" where there is none.
    returns : (D,) on the days of the test, fraction; None where there is none.
    """

    name: str
    returns: Array | None

    @property
    def growth_path(self) -> Array:
        """(D + 1,) its growth, 1 at the close before the test. Raises DataError where there is none."""
        return np.concatenate([[1.0], np.cumprod(1.0 + self.needed())])

    def needed(self) -> Array:
        """(D,) its returns. Raises DataError where the portfolio has no benchmark."""
        if self.returns is None:
            raise DataError("the portfolio file says `benchmark: none`.")
        return self.returns


def dated_comparator(returns: "pd.Series", played: "Backtest") -> Comparator:
    """A series of one's own as the benchmark of a backtest.

    returns : simple returns, fraction, one on each day of the test; others may stand before and after.
    played  : the backtest.
    Raises  : DataError for what is no Series with plain dates, for a day of the test without a return, for one that is
              no session of it, for a return that is not a number, naming the day, and for levels and percentages.
    """
    import pandas as pd  # slow to import

    if not isinstance(returns, pd.Series):
        raise DataError(
            f"the benchmark is a {type(returns).__name__}: give a Series of returns by day (one column of a frame, or "
            "pd.Series(returns, backtest.dates[1:])), or another backtest."
        )
    name, days = str(returns.name or "a series"), played.dates[1:]
    if not isinstance(returns.index, pd.DatetimeIndex) or not returns.index.is_monotonic_increasing:
        raise DataError(f"the benchmark {name} needs dates in increasing order as its index: sort it by date.")
    if returns.index.tz is not None:
        raise DataError(f"the benchmark {name} has dates with a zone: give plain dates, series.tz_localize(None).")
    inside = returns[(returns.index >= days[0]) & (returns.index <= days[-1])]
    known = pd.DatetimeIndex(inside.index)
    lacking, strange = days.difference(known), known.difference(days)
    if len(lacking):
        raise DataError(
            f"the benchmark {name} has no return on {len(lacking):,} of {len(days):,} days of the test, the first "
            f"{lacking[0]:%Y-%m-%d}. Give one on each; nothing is filled in."
        )
    if len(strange) or not known.is_unique:
        day = strange[0] if len(strange) else known[known.duplicated()][0]
        raise DataError(
            f"the benchmark {name} is on another calendar: {day:%Y-%m-%d} is no session of the test, or stands twice. "
            "Leave out such days, and compound their returns into the next session's."
        )
    return Comparator(name, _fractions(one_series(inside.to_numpy(), f"the benchmark {name}", at_least=2), name))


def _fractions(returns: Array, name: str) -> Array:
    """The returns (D,). Raises DataError where they are levels or percentages."""
    if np.median(np.abs(returns)) > LARGE_RETURN or returns.min() <= -1.0:
        kind, fix = "percentages", "Give fractions, 0.01 for 1 %"
        if returns.min() > 0.0:
            kind, fix = "levels", "Give returns, series.pct_change()"
        raise DataError(
            f"the benchmark {name} has {kind} for returns: found {returns.min():g} to {returns.max():g}. {fix}."
        )
    return returns


def comparator_of(named: "NamedBenchmark", first: int, play: Callable[[str], "Backtest"]) -> Comparator | None:
    """The benchmark of a portfolio file on the days of its test; None for the strategic target.

    named : by the file.
    first : market row of the last close before the test.
    play  : function that gives the backtest of a policy by its name.
    """
    if named.kind == "strategic":
        return None
    if named.kind == "none":
        return Comparator(NO_BENCHMARK, None)
    if named.kind == "policy":
        return Comparator(f"the policy {named.name}", play(named.name).net_returns)
    assert named.returns is not None
    return Comparator(named.name, named.returns[first + 1 :])
