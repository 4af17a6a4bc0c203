"""The table of a sweep: a row for each configuration, its place on each axis, then its metrics."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from backtests.batch.streaming_metrics import BATCH_METRICS, CVAR
from backtests.evaluation.metrics import lower_is_better
from backtests.runs.chunks import WorkPart
from backtests.sweeps.run_part import backtest_one, sweep_metrics
from backtests.sweeps.setup import PreparedSweep
from foundation.arguments import is_whole, one_of, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError


@dataclass(frozen=True)
class Keep:
    """The selection of configurations whose full paths are stored.

    best : how many of the best.  by : the metric that says which are.  configurations : these besides, by number or
    name.  Raises : ConfigError for an unknown metric and a number below zero.
    """

    best: int = 0
    by: str = "loss"
    configurations: Sequence[int | str] = ()

    def __post_init__(self) -> None:
        """Check what is asked for."""
        one_of("by of keep is", self.by, (*BATCH_METRICS, CVAR))
        if not (is_whole(self.best) and self.best >= 0):
            refuse("best of keep is", self.best, "give a whole number, at least 0.")
        if isinstance(self.configurations, str) or not isinstance(self.configurations, Iterable):
            refuse("configurations of keep are", self.configurations, "give numbers or names, in a list.")
        object.__setattr__(self, "configurations", tuple(self.configurations))


def rows(prepared: PreparedSweep, part: WorkPart, figures: Array) -> pa.Table:
    """The rows of a part, from its figures (k, metrics)."""
    plan = prepared.plan
    portfolio, _, start, lag, _ = plan.positions(part).T
    setups = [prepared.setups[name] for name in plan.portfolios]
    lags = np.array([[a.lag if own is None else own for own in plan.lags] for a in setups])
    days = np.array([[a.start if own is None else own for own in plan.days] for a in setups], dtype="datetime64[us]")
    resolved = {"lag": lags[portfolio, lag], "start": days[portfolio, start]}
    found = {**plan.columns(part), **resolved, **dict(zip(sweep_metrics(prepared), figures.T, strict=True))}
    return pa.table({name: pa.array(values) for name, values in found.items()})


def best_first(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """The rows in order of a metric, the best first; of equals, the lower number.

    table  : a row for each configuration, with its number and metrics in the units of records.
    by     : name of a column.
    Raises : ConfigError for a metric that the table does not have.
    """
    if by not in table:
        raise ConfigError(
            f"the sweep has no {by!r}: it has {', '.join(m for m in (*BATCH_METRICS, CVAR) if m in table)}."
        )
    sign = 1.0 if lower_is_better(by) else -1.0
    return table.iloc[np.lexsort((table["configuration"], sign * table[by].to_numpy()))]


def kept_numbers(prepared: PreparedSweep, keep: Keep, tables: Iterable[pd.DataFrame]) -> tuple[int, ...]:
    """Numbers of the configurations whose paths are kept, in order.

    prepared : the sweep.
    keep     : the selection.
    tables   : a row for each configuration, with `configuration` and `keep.by`, a metric in the unit of records.
    """
    best = pd.DataFrame({"configuration": np.array([], dtype=np.int64), keep.by: np.array([])})
    for table in tables if keep.best else ():
        best = best_first(pd.concat([best, table[list(best)]]), keep.by).head(keep.best)
    return tuple(sorted({*best["configuration"].tolist(), *map(prepared.plan.number, keep.configurations)}))


def paths(prepared: PreparedSweep, numbers: Sequence[int]) -> pd.DataFrame:
    """Full paths: a row for each stored configuration and close, with NAV from 1, cost and turnover of the day."""
    parts = []
    for number in numbers:
        b = backtest_one(prepared, number)
        daily = {"cost": b.cost_rate, "turnover": b.turnover}
        frame = pd.DataFrame({"configuration": number, "date": b.dates, "nav": b.ledger.nav / b.wealth})
        parts.append(frame.assign(**{name: np.concatenate([[0.0], values]) for name, values in daily.items()}))
    empty = {"configuration": np.array([], dtype=np.int64), "date": pd.DatetimeIndex([]), "nav": [], "cost": []}
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({**empty, "turnover": []})
