"""Scores of one backtest: every metric of the registry that has a function, and the daily terms of J."""

from collections.abc import Collection, Mapping

import pandas as pd

from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import METRICS, Measured
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError
from research.risk import Drawdown


@dataclass(frozen=True, eq=False)
class Score:
    """Figures of one backtest, by the keys of `METRICS` and in the units of its records: `score["loss"]`.

    Fractions are a year, costs and J bp a year, unless the metric says otherwise; net of costs unless named gross.

    values    : the defined metrics, by key.
    drawdown  : the maximum drawdown with its rows.
    losses    : (D,) daily terms of J, bp a year.
    undefined : the reason why the backtest has no such figure, by metric.
    """

    values: Mapping[str, float]
    drawdown: Drawdown
    losses: Array
    undefined: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> float:
        """The figure of this metric.

        Raises DataError, with the reason, for one that is not defined, and KeyError for one that has no function.
        """
        if metric in self.undefined:
            raise DataError(self.undefined[metric])
        return self.values[metric]

    def figures(self, dates: pd.DatetimeIndex) -> dict[str, float | str | None]:
        """The figures by name, None for one that is not defined, and the dates (D + 1,) of the maximum drawdown."""
        rows = {"peak": self.drawdown.peak, "trough": self.drawdown.trough, "recovery": self.drawdown.recovery}
        when = {f"drawdown_{k}": None if row is None else f"{dates[row]:%Y-%m-%d}" for k, row in rows.items()}
        return {**{key: self.values.get(key) for key in METRICS if key in self.values or key in self.undefined}, **when}


def score(backtest: Backtest, benchmark: Benchmark, only: Collection[str] = METRICS) -> Score:
    """Measure one backtest; a metric that it does not have is `undefined`, with its reason.

    only : the metrics that are asked for, by key.
    """
    measured, values, undefined = Measured(backtest, benchmark), {}, {}
    for metric in METRICS.values():
        if metric.of is not None and metric.key in only:
            try:
                values[metric.key] = metric.of(measured)
            except DataError as error:
                undefined[metric.key] = str(error)
    return Score(values, measured.drawdown, measured.losses, undefined)


def scores_table(scores: Mapping[str, Score], backtests: Mapping[str, Backtest]) -> pd.DataFrame:
    """A column for each policy, a row for each figure."""
    return pd.DataFrame({name: s.figures(backtests[name].dates) for name, s in scores.items()})
