"""One rule on thousands of simulated paths: its cost and tracking penalty, with the standard error of each number.

All rules of a laboratory are played on the same paths, so that their differences come from the rules.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.inputs import EngineInputs
from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import target_returns
from backtests.inference.estimates import Estimate
from backtests.laboratory.paths import PATH_FIGURES, PathOpening, SimulatedPaths, Sums, path_inputs, play_block
from foundation.arguments import check_positive, floats, is_number, is_whole, refuse
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs, Policy
from research.allocation import FixedWeights, target_path
from research.market import Market
from research.market.calendars import row_name
from research.risk import Model, simulated_market
from research.risk.measures import BPS
from research.risk.simulation.simulated import cash_and_halts
from research.rules import NoTradeBands
from research.rules.protocol import compiled_rule

DRAWN_TOGETHER = 8  # paths that are drawn together and played by one call


@dataclass(frozen=True, eq=False)
class Laboratory:
    """A return-generating process, and the target, costs and paths with which rules are backtested in it.

    model            : simulates the returns of n assets.
    target           : (n,) strategic weights, fraction of NAV; cash is the rest.
    costs            : costs of a portfolio that starts with a NAV of 1.
    tracking_penalty : price of squared tracking error, as in `research.risk.daily_loss`.
    paths            : number of paths.
    days             : steps of each path.
    seed             : seed of the paths.
    warm_up          : steps at the start that are not measured, so that the portfolio has forgotten its start in the
                       target.
    lag              : steps from a decision to its booking; 0, the close that is seen, as in closed forms.
    cash             : as in `simulated_market`: simple return of cash each step, fraction.
    instruments      : (n, ·) as in `simulated_market`: names and classes of the assets.
    calendar         : as in `simulated_market`.
    start            : as in `simulated_market`: date of row 0.
    periods_per_year : steps a year, by which figures are annualised; equal to the model's.
    keeps            : true to keep the market of each path, and what rules estimate in it, for other rules: 1 MB a path
                       of ten years of days and eight assets.
    Raises           : ConfigError for a number out of range, and for weights that do not fit the model.
    """

    model: Model
    target: tuple[float, ...]
    costs: Costs
    tracking_penalty: float
    paths: int
    days: int
    seed: int
    warm_up: int = 0
    lag: int = 0
    cash: float | None = None
    instruments: pd.DataFrame | None = None
    calendar: str | None = None
    start: str | pd.Timestamp = "2000-01-03"
    periods_per_year: float = 252.0
    keeps: bool = False

    def __post_init__(self) -> None:
        """Check the numbers that nothing else checks."""
        check_positive(periods_per_year=self.periods_per_year)
        own = getattr(self.model, "periods_per_year", self.periods_per_year)
        if own != self.periods_per_year:
            refuse("periods_per_year is", self.periods_per_year, f"give {own:g}, as the model has.")
        weights = floats("target is", self.target, "give weights, fractions of NAV, such as (0.6, 0.4).")
        n = self.model.growths(1, 1, self.seed).shape[-1]
        if weights.shape != (n,) or not np.isfinite(weights).all():
            refuse("target is", self.target, f"give a weight for each of the {n} assets of the model.")
        object.__setattr__(self, "target", tuple(weights.tolist()))
        if not (is_number(self.tracking_penalty) and self.tracking_penalty >= 0.0):
            refuse("tracking_penalty is", self.tracking_penalty, "give a finite number, 0 or more.")
        for name, least in (("paths", 2), ("days", 1), ("warm_up", 0)):
            if not (is_whole(getattr(self, name)) and getattr(self, name) >= least):
                refuse(f"{name} is", getattr(self, name), f"give a whole number of {least} or more.")
        if self.warm_up >= self.days:
            refuse("warm_up is", self.warm_up, f"give fewer than the {self.days} days, so that some are measured.")

    def market(self, path: int) -> Market:
        """One path as a market."""
        if self.keeps and path in self._markets:
            return self._markets[path]
        made = simulated_market(
            self.model, self.days, self.seed, path, self.cash,
            instruments=self.instruments, calendar=self.calendar, start=self.start,
            every=row_name(self.periods_per_year),
        )  # fmt: skip
        if self.keeps:
            self._markets[path] = made
        return made

    @cached_property
    def _markets(self) -> dict[int, Market]:
        return {}

    @cached_property
    def first_two(self) -> tuple[Market, Market]:
        """The first two paths as markets, on which every rule is tried."""
        return self.market(0), self.market(1)

    def backtest(self, rule: Policy, path: int) -> Backtest:
        """The backtest of a rule on one path, warm-up included."""
        market = self.first_two[0] if path == 0 else self.market(path)
        return backtest(market, rule, self.costs, lag=self.lag, periods_per_year=self.periods_per_year)


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """The figures of a rule on W paths of a laboratory after their warm-up.

    laboratory : the paths.
    rule       : the rule that was backtested.
    cost       : (W,) bp of NAV a year.
    tracking   : (W,) tracking penalty: g/2 x mean squared active return, bp of NAV a year. J is cost plus this.
    turnover   : (W,) turnover a year, one-way, fraction of NAV.
    events     : (W,) bookings a year in which an asset was traded.
    deviation  : (W, n) mean square of weight less strategic weight at the close, fraction of NAV squared.
    """

    laboratory: Laboratory
    rule: Policy
    cost: Array
    tracking: Array
    turnover: Array
    events: Array
    deviation: Array

    @property
    def loss(self) -> Array:
        """(W,) loss: cost plus tracking penalty, bp of NAV a year."""
        return self.cost + self.tracking

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """A row for each figure: mean over paths, standard error, and bounds at confidence `level`."""
        found = {name: estimate(getattr(self, name), level) for name in ("loss", *PATH_FIGURES)}
        rows = {name: (one.value, one.error, one.lower, one.upper) for name, one in found.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "error", "lower", "upper"])

    def __repr__(self) -> str:
        """The summary, as text."""
        return f"{self.rule!r} on {len(self.cost):,} paths\n{self.summary()}"


def estimate(values: Array, level: float = 0.95) -> Estimate:
    """The mean of values (W,), one of each independent path, with Student's bounds; in the unit of the values.

    Raises : ConfigError for a `level` that is not between 0 and 1.

    >>> round(estimate(np.array([1.0, 2.0, 3.0])).lower, 4)   # 2 - 4.3027 / sqrt(3)
    -0.4841
    """
    from scipy.special import stdtrit

    if not (is_number(level) and 0.0 < level < 1.0):
        refuse("level is", level, "give a confidence between 0 and 1, such as 0.95.")
    mean, error = float(np.mean(values)), _error(values)
    reach = float(stdtrit(len(values) - 1, 0.5 + 0.5 * level)) * error
    return Estimate(mean, mean - reach, mean + reach, level, error)


def _error(values: Array) -> float:
    """Standard error of the mean of values (W,)."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


def ratio(values: Array, base: Array, level: float = 0.95) -> Estimate:
    """The mean of values (W,) over that of `base` (W,) on the same paths, less 1, as a fraction, with its bounds.

    The error of a ratio of means is that of the mean of value - ratio x base, over the mean of base: Cochran (1977),
    Sampling Techniques, equation 6.12.
    Raises : ConfigError for a `level` that is not between 0 and 1.
    """
    whole, middle = float(np.mean(values) / np.mean(base)), float(np.mean(base))
    residuals = values - whole * base
    over = estimate(residuals, level)
    reach, gap = (over.upper - over.lower) / 2.0 / middle, whole - 1.0
    return Estimate(gap, gap - reach, gap + reach, level, _error(residuals) / middle)


def difference(one: SimulationResult, other: SimulationResult, figure: str = "loss", level: float = 0.95) -> Estimate:
    """A figure of one result less that of another, paired over their common paths.

    one    : the result.
    other  : subtracted from it.
    figure : "loss" or one of `PATH_FIGURES`.
    level  : confidence of the bounds.
    Raises : ConfigError for results on different paths, and for a figure that is not one number a path.
    """
    if figure not in ("loss", *PATH_FIGURES):
        refuse("figure is", figure, f"use one of loss, {', '.join(PATH_FIGURES)}.")
    mine, theirs = one.laboratory, other.laboratory
    for name in ("seed", "paths", "days", "warm_up", "cash", "periods_per_year"):
        a, b = getattr(mine, name), getattr(theirs, name)
        if a != b:
            raise ConfigError(
                f"{name} is {a!r} for one result and {b!r} for the other: simulate both rules on the same paths."
            )
    if not np.array_equal(mine.model.growths(1, mine.days, mine.seed), theirs.model.growths(1, mine.days, mine.seed)):
        raise ConfigError("the two models draw different paths: simulate both rules with the same model.")
    return estimate(getattr(one, figure) - getattr(other, figure), level)


def play(laboratory: Laboratory, rule: Policy, workers: int = 1) -> SimulationResult:
    """The figures of a rule on every path.

    laboratory : the paths, the target and the costs.
    rule    : any policy with an allocation. Paths are played by compiled code if the rule's bands are the same on two
              paths, and costs depend on trade sizes only; else each path is one `backtest`.
    workers : number of threads, each of which takes one block of paths after the other; figures are the same to the
              bit.
    Raises  : ConfigError and PolicyError as `backtest` does; it names the path where only some cannot be booked.
    """
    if not (is_whole(workers) and workers >= 1):
        refuse("workers is", workers, "give a whole number of threads, 1 or more.")
    first = laboratory.backtest(rule, 0)  # refuses what fits no path
    if laboratory.warm_up < first.first:
        refuse(
            "warm_up is",
            laboratory.warm_up,
            f"the rule has too little history before step {first.first}: give {first.first} or more.",
        )
    bands = _common_bands(laboratory, rule, first)
    if bands is not None:
        figures, deviation = _by_block(laboratory, rule, first, bands, workers)
    else:
        found = [_measured(laboratory, laboratory.backtest(rule, k)) for k in range(laboratory.paths)]
        figures, deviation = (np.array(part) for part in zip(*found, strict=True))
    days, year = laboratory.days - laboratory.warm_up, laboratory.periods_per_year
    cost, squares, turnover, events = (frozen(figures[:, k] * (year / days)) for k in range(len(PATH_FIGURES)))
    tracking = frozen(0.5 * laboratory.tracking_penalty * BPS * squares)
    return SimulationResult(laboratory, rule, frozen(BPS * cost), tracking, turnover, events, frozen(deviation / days))


def _common_bands(laboratory: Laboratory, rule: Policy, first: Backtest) -> NoTradeBands | None:
    """The rule's no-trade bands if they are the same on all paths, so that the compiled loop can play them; else None.

    The bands of a rule that reads returns differ between the first two paths.
    """
    costs, found = laboratory.costs, compiled_rule(rule)
    by_size = replace(costs, minimum=np.zeros(1), ticket=np.zeros(1)).proportional
    once = len(first.targets.rows) == 1 and first.first == 0  # the target was given before there were returns
    if found is None or not (by_size and once and first.holds is None):
        return None
    one, other = (found.no_trade_bands(market, first.targets, costs) for market in laboratory.first_two)
    return one if _is_same(one.compiled, other.compiled) and _is_same(one.options, other.options) else None


def _is_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(
        _is_same(a, b) if isinstance(a, tuple) else np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


# -- compiled --------------------------------------------------------------------------------------------------------


def _by_block(
    laboratory: Laboratory, rule: Policy, first: Backtest, bands: NoTradeBands, workers: int
) -> tuple[Array, Array]:
    """Sums over days (W, figures) and (W, n) as `paths.measure` has them; `first` is the backtest of the first path.

    Each worker takes every so many-th block of paths, with buffers of its own.
    """
    model, seed, days, n = laboratory.model, laboratory.seed, laboratory.days, len(laboratory.target)
    figures, deviation = np.empty((laboratory.paths, len(PATH_FIGURES))), np.empty((laboratory.paths, n))
    inputs = EngineInputs(
        first.market, rule, first.targets, laboratory.costs, 0, laboratory.lag, first.execution,
        "reinvest", None, first.name, 1.0,
    )  # fmt: skip
    strategic = np.array(laboratory.target)

    def play_every(worker: int) -> tuple[int, int, float] | None:
        """Gives the first path that cannot be booked, its row and its wealth there, or nothing."""
        given = path_inputs(days, bands.compiled, bands.options, inputs.desk, inputs.sessions)
        opening = PathOpening.of(first.targets.at(0), given.ledger)
        for start in range(worker * DRAWN_TOGETHER, laboratory.paths, workers * DRAWN_TOGETHER):
            stop = min(start + DRAWN_TOGETHER, laboratory.paths)
            growths = model.growths(stop - start, days, seed, start)
            cash, tradable = cash_and_halts(model, stop - start, days, n, seed, start, laboratory.cash)
            sums = Sums(strategic, laboratory.warm_up, figures[start:stop], deviation[start:stop])
            w, t = play_block(SimulatedPaths(growths, 1.0 + cash, tradable), given, opening, sums)
            if t >= 0:
                return start + w, t, float(given.ledger.nav[t])
        return None

    with ThreadPoolExecutor(workers) as pool:
        failed = [found for found in pool.map(play_every, range(workers)) if found]
    if failed:
        path, t, nav = min(failed)
        raise PolicyError(f"on path {path}, {inputs.refused(t, nav)}")
    return figures, deviation


# -- one at a time ---------------------------------------------------------------------------------------------------


def _measured(laboratory: Laboratory, played: Backtest) -> tuple[Array, Array]:
    """The same sums of one path, from its backtest."""
    days, strategic = laboratory.days - laboratory.warm_up, FixedWeights(laboratory.target)
    active = played.gross_returns - target_returns(target_path(strategic, played.market), played.market, played.first)
    bookings = played.booked[played.ledger.booked[played.booked] > laboratory.warm_up]
    sums = (
        played.cost_rate[-days:].sum(),
        (active[-days:] ** 2).sum(),
        played.turnover[-days:].sum(),
        played.counted[bookings].any(axis=1).sum(),
    )
    gaps = played.weights.to_numpy()[-days:] - laboratory.target
    return np.array(sums), (gaps**2).sum(axis=0)
