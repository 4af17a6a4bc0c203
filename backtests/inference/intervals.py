"""The interval of every figure of a comparison: its kind, its method, or the reason why there is none.

`METRICS` says of each metric whether it has an interval and what kind; here each is found, once for all policies.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, daily_costs
from backtests.evaluation.metrics import Measured, Metric, annual_growth
from backtests.inference.estimates import WEAK_YEARS, Estimate, NotAvailable, is_short, or_why_not
from backtests.inference.evidence import Evidence
from backtests.inference.risk_inference import (
    checked_history,
    in_range,
    predicted_cvar,
    risk_with_error,
    twice_drawn_drawdowns,
)
from backtests.inference.sharpe_inference import SharpeEstimate
from backtests.inference.slow_waves import SlowMeans
from foundation.arrays import Array, frozen
from research.allocation import TargetPath

SLOW_METRICS = ("cost", "turnover", "tracking_error", "tracking_error_own")  # metrics of `slow_figures`
Interval = Estimate | NotAvailable
MOST_DRAWDOWNS = 2_000  # of drawdowns, whose draws are of days and cannot be added up in blocks
FOUND_BY: Mapping[str, str] = {  # how the interval of a metric is found
    "loss": "three cosine waves (Müller 2014), in logarithms",
    "growth": "stationary bootstrap, percentiles",
    "sharpe": "Lo (2002), with autocorrelation",
    **dict.fromkeys(SLOW_METRICS, "three cosine waves (Müller 2014), in logarithms"),
    "volatility": "three cosine waves (Müller 2014), in logarithms",
    "cvar95": "three cosine waves (Müller 2014), in logarithms, for another history",
    "max_drawdown": f"stationary bootstrap of a stationary bootstrap, {MOST_DRAWDOWNS:,} draws at most",
}


DRIFTING = ("loss", "growth", "volatility", "cvar95", "tracking_error", "tracking_error_own")  # with the weights
ADRIFT = NotAvailable("it never traded: its weights drift away, and no interval covers")
FAR_AND_SHORT = NotAvailable(
    f"it holds another target, whose loss varies between tests of less than {WEAK_YEARS} years more than one test can "
    "show; the interval of the long run is wide enough"
)


def intervals(
    played: Mapping[str, Backtest], benchmark: Benchmark, evidence: Evidence, drawdowns: Array | NotAvailable
) -> dict[str, dict[str, Interval]]:
    """By metric of `FOUND_BY` and by policy: the figure with its interval, in the unit of the record, or the reason.

    played    : backtests by name, all on the same days.
    benchmark : benchmark by which they are measured.
    evidence  : evidence of the same policies.
    drawdowns : drawdowns as `drawn_drawdowns` gives them.
    """
    found: dict[str, dict[str, Interval]] = {metric: {} for metric in FOUND_BY}
    for metric in evidence.estimates:
        found[metric] = dict(evidence.figures(metric))
    for k, (name, one) in enumerate(played.items()):
        ratio = None if evidence.ratios is None else evidence.ratios.own(k, evidence.level)
        if isinstance(ratio, NotAvailable):
            found["sharpe"][name] = ratio
        returns, year, level = one.net_returns, one.periods_per_year, evidence.level
        limited = bool(evidence.losses.known[k])
        for metric, each in slow_figures(Measured(one, benchmark), limited=limited, level=level).items():
            found[metric][name] = each
        risk = or_why_not(partial(risk_with_error, returns, year, level=level))
        found["volatility"][name] = risk if isinstance(risk, NotAvailable) else risk["volatility"]
        found["cvar95"][name] = or_why_not(partial(predicted_cvar, returns, level=level))
        found["max_drawdown"][name] = (
            drawdowns if isinstance(drawdowns, NotAvailable) else in_range(returns, drawdowns[:, k], level)
        )
        if not len(one.booked):
            for metric in DRIFTING:
                found[metric][name] = ADRIFT
        elif is_short(len(returns), year) and holds_another(one, benchmark.strategic):
            found["loss"][name] = FAR_AND_SHORT
        own = or_why_not(partial(annual_growth, one.growth_path, float((one.dates[-1] - one.dates[0]).days)))
        if isinstance(own, NotAvailable):
            found["growth"][name] = own
    return found


def holds_another(played: Backtest, target: TargetPath) -> bool:
    """True if a backtest was not held at this target throughout its test."""
    return not np.array_equal(played.targets.since(played.first), target.since(played.first))


def drawn_drawdowns(played: Mapping[str, Backtest], evidence: Evidence) -> Array | NotAvailable:
    """(reps, P) maximum drawdown of the policies on drawn histories, fraction, the same days for all; or why not.

    played   : backtests by name, all on the same days.
    evidence : evidence of the same policies.
    """
    resampling = replace(evidence.resampling, reps=min(evidence.resampling.reps, MOST_DRAWDOWNS))
    returns = [one.net_returns for one in played.values()]
    return or_why_not(
        lambda: frozen(
            twice_drawn_drawdowns(np.column_stack([checked_history(r, resampling) for r in returns]), resampling)
        )
    )


def interval_records(
    shown: Sequence[Metric], found: Mapping[str, Mapping[str, Interval]], evidence: Evidence
) -> dict[str, dict[str, Any]]:
    """The intervals as plain values, by metric: kind, method and the ends for each policy; or the reason why none.

    shown    : metrics with an interval and without.
    found    : intervals by metric and policy.
    evidence : evidence of the same policies.
    """
    records: dict[str, dict[str, Any]] = {}
    for metric in shown:
        if metric.key not in found:
            records[metric.key] = {"reason": metric.no_interval}
            continue
        policies = {name: _ends(each) for name, each in found[metric.key].items()}
        records[metric.key] = {"kind": metric.interval, "method": FOUND_BY[metric.key], "policies": policies}
    if (later := evidence.long_run) is not None and "policies" in records.get("loss", {}):
        there = {name: {"value": one.value} | _ends(one) for name, one in later.figures.items()}
        records["loss"] |= {"volatility": later.tested, "long_run": {"volatility": later.volatility, "policies": there}}
    if evidence.ratios is not None and "sharpe" in records:
        for k, name in enumerate(evidence.names):
            records["sharpe"]["policies"][name]["with_autocorrelation"] = _ends(evidence.ratios.own(k, evidence.level))
    return records


def _ends(found: Interval) -> dict[str, Any]:
    if isinstance(found, NotAvailable):
        return {"lower": None, "upper": None, "level": None, "reason": found.reason}
    ends = {"lower": found.lower, "upper": found.upper, "level": found.level}
    if isinstance(found, SharpeEstimate):
        return ends | {"value": found.value, "scale": found.scale, "lags": found.lags}
    return ends


def slow_figures(measured: Measured, *, limited: bool, level: float) -> dict[str, Estimate | NotAvailable]:
    """By metric of `SLOW_METRICS`, in the unit of its record: the figure with its interval, or why there is none.

    measured : the backtest beside its benchmark.
    limited  : has the policy shown the largest drift that it allows (`backtests.inference.slow_waves`)? If not, its
               tracking error is known from below only; what it trades and pays is known all the same.
    level    : of the intervals.
    """
    year, days = measured.periods_per_year, len(measured.net)
    active = (measured.active, measured.active_own)
    squares = [(one - one.mean()) ** 2 * (year * days / (days - 1)) for one in active]
    daily = [daily_costs(measured.backtest), measured.backtest.turnover * year, *squares]
    means = SlowMeans.of(np.column_stack(daily), [True, True, limited, limited])
    cost, turnover, *errors = (means.figure(k, level) for k in range(len(SLOW_METRICS)))
    if len(measured.backtest.booked):
        return dict(zip(SLOW_METRICS, (cost, turnover, *map(_root, errors)), strict=True))
    nothing = NotAvailable("it never traded")
    return dict(zip(SLOW_METRICS, (nothing, nothing, *map(_root, errors)), strict=True))


def _root(squares: Estimate) -> Estimate:
    """A standard deviation, from its square."""
    value, lower, upper = (math.sqrt(v) for v in (squares.value, squares.lower, squares.upper))
    return Estimate(value, lower, upper, squares.level, squares.error / (2.0 * value) if value > 0.0 else 0.0)
