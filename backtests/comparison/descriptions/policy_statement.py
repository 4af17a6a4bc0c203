"""Compliance with a policy statement: each asset's range, and the distance of each asset from its target."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtests.attribution.contributions import cash_name
from backtests.engine.result import Backtest
from backtests.evaluation.bands_in_force import bands_in_force
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import Measured
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from foundation.tolerances import TRIGGER


@dataclass(frozen=True, eq=False)
class PolicyStatement:
    """Weights of one policy at the D closes of its test, after booking, against the strategic targets and ranges.

    days         : D.
    days_outside : those on which an asset is outside its range, as the metric of that name counts them.
    lines        : a row for each asset, and one for cash where it has a target or a gap. Fractions of NAV: target (at
                   the last close), lower and upper end of the range (NaN where there is none), worst_gap (signed:
                   weight less target) with worst_date, mean_gap (of the sizes). Days: days_outside, longest_outside (in
                   succession), and past_band, on which the weight is past the policy's own no-trade band (NaN for a
                   policy without one). asset_class is text.
    classes      : a row for each asset class: target, worst_gap, worst_date and mean_gap of its total weight, and
                   days_outside, on which one of its assets is outside its range.
    """

    days: int
    days_outside: int
    lines: pd.DataFrame
    classes: pd.DataFrame

    @property
    def has_ranges(self) -> bool:
        """True if any asset has a range."""
        return bool(self.lines[["lower", "upper"]].notna().any(axis=None))

    @property
    def worst(self) -> pd.Series:
        """The row of `lines` with the largest gap."""
        return self.lines.iloc[int(np.abs(self.lines["worst_gap"].to_numpy()).argmax())]


def policy_statement(backtest: Backtest, benchmark: Benchmark) -> PolicyStatement:
    """Measure a backtest's weights against targets and ranges, asset by asset and class by class.

    An asset counts from its listing on. The target is the strategic one in force, also for a policy that follows
    another.
    """
    measured, market, dates = Measured(backtest, benchmark), backtest.market, backtest.dates[1:]
    outside, weights = measured.outside, measured.weights
    target = benchmark.strategic.since(backtest.first + 1)
    gaps = np.where(market.listed[backtest.first + 1 :], weights - target, 0.0)
    classes = np.array([str(name) for name in market.instruments["asset_class"]], dtype=object)
    lines = _gaps(dates, gaps, market.listed[backtest.first + 1 :])
    table = pd.DataFrame(
        {
            "line": list(market.assets),
            "asset_class": classes,
            "target": target[-1],
            "lower": np.where(np.isfinite(benchmark.lower), benchmark.lower, np.nan),
            "upper": np.where(np.isfinite(benchmark.upper), benchmark.upper, np.nan),
            "days_outside": outside.sum(axis=0),
            "longest_outside": [longest_run(outside[:, i]) for i in range(outside.shape[1])],
            **lines,
            "past_band": _past_band(backtest, weights),
        }
    )
    cash_target = 1.0 - target.sum(axis=1)
    cash_gap = (backtest.cash_weight.to_numpy()[1:] - cash_target)[:, None]
    if (np.abs(cash_target) > TRIGGER).any() or (np.abs(cash_gap) > TRIGGER).any():
        labels = {"line": [cash_name(market.assets)], "asset_class": [cash_name(classes.tolist())]}
        own = labels | {"target": [round(float(cash_target[-1]), 12) + 0.0]}
        of_cash = own | {"days_outside": [0], "longest_outside": [0]} | _gaps(dates, cash_gap)
        table = pd.concat([table, pd.DataFrame(of_cash)], ignore_index=True)
    return PolicyStatement(
        len(dates), int(outside.any(axis=1).sum()), table, _by_class(dates, classes, target[-1], gaps, outside)
    )


def _by_class(
    dates: pd.DatetimeIndex, classes: NDArray[np.object_], target: Array, gaps: Array, outside: Mask
) -> pd.DataFrame:
    names = list(dict.fromkeys(classes))
    member = np.array([classes == name for name in names])  # (m, n)
    return pd.DataFrame(
        {
            "asset_class": names,
            "target": member @ target,
            "days_outside": [int(outside[:, own].any(axis=1).sum()) for own in member],
            **_gaps(dates, gaps @ member.T),
        }
    )


def _gaps(dates: pd.DatetimeIndex, gaps: Array, listed: Mask | None = None) -> dict[str, Array | list[str]]:
    """The worst of gaps (D, m), signed, its date, and the mean of their sizes, each over the listed days."""
    worst, days = np.abs(gaps).argmax(axis=0), len(gaps) if listed is None else np.maximum(listed.sum(axis=0), 1)
    return {
        "worst_gap": gaps[worst, np.arange(gaps.shape[1])],
        "worst_date": [f"{dates[row]:%Y-%m-%d}" for row in worst],
        "mean_gap": np.abs(gaps).sum(axis=0) / days,
    }


def _past_band(backtest: Backtest, weights: Array) -> Array:
    """(n,) days on which each listed asset is past the policy's own band; NaN where it has none."""
    rows = np.arange(backtest.first + 1, len(backtest.market.dates))
    lower, upper = bands_in_force(backtest, rows)
    past = backtest.market.listed[rows] & ((weights < lower - TRIGGER) | (weights > upper + TRIGGER))
    return np.where(np.isnan(lower).all(axis=0), np.nan, past.sum(axis=0))


def longest_run(found: NDArray[np.bool_]) -> int:
    """The most days in succession on which it is so.

    >>> longest_run(np.array([True, False, True, True, False]))
    2
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], found, [False]]).astype(int)))
    return int((edges[1::2] - edges[::2]).max(initial=0))
