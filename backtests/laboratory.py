"""One rule on thousands of simulated paths: what it costs and how far it strays, with the error of each number.

The paths of one laboratory are the same for every rule, so that two rules differ by what they do and not by their luck.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtests.backtest import Backtest
from backtests.engine import backtest
from backtests.game import Game
from backtests.loop import CorridorArrays
from backtests.scores import target_returns
from backtests.worlds import FIGURES, Room, play_block
from research.accounting import Costs, Policy
from research.allocation import FixedWeights, target_path
from research.arguments import check_positive, floats, is_number, is_whole, refuse
from research.errors import ConfigError, PolicyError
from research.market import Market
from research.market.market import Array, frozen
from research.risk import Model, simulated_market
from research.risk.simulated import cash_and_halts
from research.rules.corridor import Corridor

BLOCK = 16
BPS = 1e4


@dataclass(frozen=True, eq=False)
class Laboratory:
    """A law of returns, and what rules are played under in it.

    target   : (n,) strategic weights; cash is the rest.  costs : of a portfolio that opens with a wealth of 1.
    g        : price of squared tracking, as in `research.risk.daily_loss`.
    paths, days, seed : how many paths, of how many steps each, drawn from which seed.
    warm_up  : steps that count in no figure, so that the portfolio has forgotten that it started at its target.
    lag      : steps from a decision to its booking. Closed forms trade at the close that they see.
    cash, calendar, start, every : as in `simulated_market`.
    periods_per_year : steps a year, by which figures are annualised; those of the model.
    Raises   : ConfigError for a number out of range.
    """

    model: Model
    target: tuple[float, ...]
    costs: Costs
    g: float
    paths: int
    days: int
    seed: int
    warm_up: int = 0
    lag: int = 0
    cash: float | None = None
    calendar: str | None = None
    start: str | pd.Timestamp = "2000-01-03"
    every: str = "day"
    periods_per_year: float = 252.0

    def __post_init__(self) -> None:
        """Check the numbers that nothing else checks."""
        check_positive(periods_per_year=self.periods_per_year)
        own = getattr(self.model, "periods_per_year", self.periods_per_year)
        if own != self.periods_per_year:
            refuse("periods_per_year is", self.periods_per_year, f"give the {own:g} of the model.")
        weights = floats("target is", self.target, "give weights, fractions of NAV, such as (0.6, 0.4).")
        object.__setattr__(self, "target", tuple(np.atleast_1d(weights).tolist()))
        if not (is_number(self.g) and self.g >= 0.0):
            refuse("g is", self.g, "the price of tracking error is a finite number, 0 or more.")
        for name, least in (("paths", 2), ("days", 1), ("warm_up", 0)):
            if not (is_whole(getattr(self, name)) and getattr(self, name) >= least):
                refuse(f"{name} is", getattr(self, name), f"give a whole number of {least} or more.")
        if self.warm_up >= self.days:
            refuse("warm_up is", self.warm_up, f"leave some of the {self.days} days to be measured.")

    def market(self, path: int) -> Market:
        """One path as a market."""
        where = {"calendar": self.calendar, "start": self.start, "every": self.every}
        return simulated_market(self.model, self.days, self.seed, path, self.cash, **where)  # type: ignore[arg-type]

    def backtest(self, rule: Policy, path: int) -> Backtest:
        """One path under a rule, with all its days."""
        return backtest(self.market(path), rule, self.costs, lag=self.lag, periods_per_year=self.periods_per_year)


class Estimate(NamedTuple):
    """A mean over independent paths, its standard error, and the bounds that hold it with the confidence asked for."""

    mean: float
    error: float
    lower: float
    upper: float

    def __str__(self) -> str:
        """Mean and bounds."""
        return f"{self.mean:.4g} [{self.lower:.4g}, {self.upper:.4g}]"


@dataclass(frozen=True, eq=False)
class Played:
    """What a rule came to on each path of a laboratory, over the days after its warm-up.

    cost     : (W,) bp of NAV a year.  tracking : (W,) g/2 x mean squared active return, bp a year: the other part of J.
    turnover : (W,) a year, one-way, fraction of NAV.  events : (W,) bookings a year in which a line was traded.
    deviation : (W, n) mean square of weight less strategic weight after each close's booking, fraction of NAV squared.
    """

    laboratory: Laboratory
    rule: Policy
    cost: Array
    tracking: Array
    turnover: Array
    events: Array
    deviation: Array

    @property
    def J(self) -> Array:
        """(W,) bp of NAV a year."""
        return self.cost + self.tracking

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """A row a figure: mean over paths, its standard error, and its bounds."""
        rows = {name: estimate(getattr(self, name), level) for name in ("J", *FIGURES)}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(Estimate._fields))

    def __repr__(self) -> str:
        """The summary, as text."""
        return f"{self.rule!r} on {len(self.cost):,} paths\n{self.summary()}"


def estimate(values: Array, level: float = 0.95) -> Estimate:
    """The mean of values (W,), one of each independent path, with Student's bounds.

    >>> estimate(np.array([1.0, 2.0, 3.0])).lower.__round__(4)    # 2 - 4.3027 / sqrt(3)
    -0.4841
    """
    from scipy.special import stdtrit

    if not (is_number(level) and 0.0 < level < 1.0):
        refuse("level is", level, "give a confidence between 0 and 1, such as 0.95.")
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / np.sqrt(len(values))
    reach = float(stdtrit(len(values) - 1, 0.5 + 0.5 * level)) * error
    return Estimate(mean, float(error), mean - reach, mean + reach)


def difference(one: Played, other: Played, figure: str = "J", level: float = 0.95) -> Estimate:
    """How much more of a figure `one` has than `other`, path by path: both were played on the same ones.

    Raises : ConfigError for two that were not, and for a figure that is not one number a path.
    """
    if figure not in ("J", *FIGURES):
        refuse("figure is", figure, f"use one of J, {', '.join(FIGURES)}.")
    for f in ("model", "seed", "paths", "days", "warm_up", "cash", "periods_per_year"):
        mine, theirs = (getattr(played.laboratory, f) for played in (one, other))
        if mine is not theirs and mine != theirs:
            raise ConfigError(f"{f} is {mine!r} for one and {theirs!r} for the other: play both on the same paths.")
    return estimate(getattr(one, figure) - getattr(other, figure), level)


def play(laboratory: Laboratory, rule: Policy, workers: int = 1) -> Played:
    """Play a rule on every path.

    rule    : any policy with an allocation. Paths are played compiled where its corridor is the same on all of them,
              and costs depend on the size of a trade alone; otherwise one `backtest` at a time.
    workers : threads, which take one block of paths after the other; the figures are the same to the bit.
    Raises  : ConfigError and PolicyError as `backtest` does, naming the path where only some cannot be booked.
    """
    if not (is_whole(workers) and workers >= 1):
        refuse("workers is", workers, "give a whole number of threads, 1 or more.")
    first = laboratory.backtest(rule, 0)  # refuses what fits no path
    if _is_compiled(laboratory, rule, first):
        figures, deviation = _by_block(laboratory, first, workers)
    else:
        found = [_measured(laboratory, laboratory.backtest(rule, k)) for k in range(laboratory.paths)]
        figures, deviation = (np.array(part) for part in zip(*found, strict=True))
    days, year = laboratory.days - laboratory.warm_up, laboratory.periods_per_year
    cost, squares, turnover, events = (frozen(figures[:, k] * (year / days)) for k in range(len(FIGURES)))
    tracking = frozen(0.5 * laboratory.g * BPS * squares)
    return Played(laboratory, rule, frozen(BPS * cost), tracking, turnover, events, frozen(deviation / days))


def _is_compiled(laboratory: Laboratory, rule: Policy, first: Backtest) -> bool:
    """Can all paths be played with the corridor of one, by the compiled loop?"""
    costs = laboratory.costs
    by_size = replace(costs, minimum=np.zeros(1), ticket=np.zeros(1)).proportional
    return by_size and first.holds is None and _same(_corridor(first), _corridor(laboratory.backtest(rule, 1)))


def _corridor(played: Backtest) -> Corridor:
    made: Corridor = getattr(played.policy, "corridor")(played.market, played.targets)  # noqa: B009
    return made


def _same(one: Corridor, other: Corridor) -> bool:
    """Are two corridors equal? On two paths they are where the rule and its targets do not read returns."""
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Corridor))


# -- compiled --------------------------------------------------------------------------------------------------------


def _by_block(laboratory: Laboratory, first: Backtest, workers: int) -> tuple[Array, Array]:
    """Sums over days (W, figures) and (W, n), as `worlds.measure` has them, of all paths; `first` is the first of them.

    Each worker takes every so many-th block of paths, and plays them in a room of its own.
    """
    model, seed, days, n = laboratory.model, laboratory.seed, laboratory.days, len(laboratory.target)
    figures, deviation = np.empty((laboratory.paths, len(FIGURES))), np.empty((laboratory.paths, n))
    game = Game.of(
        first.market, first.policy, first.targets, laboratory.costs, first.first, laboratory.lag, first.execution,
        "reinvest", None, first.name, 1.0,
    )  # fmt: skip
    corridor = _corridor(first)
    rule = CorridorArrays(*corridor.arrays, corridor.part)
    opening, strategic = first.targets.at(first.first), np.array(laboratory.target)
    opened = frozen(opening[None]), float(1.0 - opening.sum())

    def play_every(worker: int) -> None:
        room = Room.empty(days, n)
        sessions = room.sessions(game.sessions)
        for start in range(worker * BLOCK, laboratory.paths, workers * BLOCK):
            stop = min(start + BLOCK, laboratory.paths)
            growths = model.growths(stop - start, days, seed, start)
            cash, tradable = cash_and_halts(model, stop - start, days, n, seed, start, laboratory.cash)
            w, t = play_block(
                growths, 1.0 + cash, tradable, room, sessions, rule, game.desk, *opened, strategic, laboratory.warm_up,
                figures[start:stop], deviation[start:stop],
            )  # fmt: skip
            if t >= 0:
                raise PolicyError(f"on path {start + w}, {game.refused(t, float(room.ledger.nav[t]) if t else 1.0)}")

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(play_every, range(workers)))
    return figures, deviation


# -- one at a time ---------------------------------------------------------------------------------------------------


def _measured(laboratory: Laboratory, played: Backtest) -> tuple[Array, Array]:
    """The same sums of one path, from its record."""
    after, strategic = laboratory.warm_up, np.array(laboratory.target)
    path = target_path(FixedWeights(laboratory.target), played.market)
    active = played.gross_returns - target_returns(path, played.market, played.first)
    bookings = played.booked[played.ledger.booked[played.booked] - played.first > after]
    sums = (
        played.cost_rate[after:].sum(),
        (active[after:] ** 2).sum(),
        played.turnover[after:].sum(),
        played.counted[bookings].any(axis=1).sum(),
    )
    gaps = played.weights.to_numpy()[after + 1 :] - strategic
    return np.array(sums), (gaps**2).sum(axis=0)
