"""Intervals of the target weights from bootstrapped inputs: how far they depend on the sample."""

from contextlib import suppress

import numpy as np
import pandas as pd

from foundation.arguments import is_number, is_whole, refuse
from foundation.arrays import Array, Rows, freeze_fields
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, PolicyError
from research.accounting.turnover import one_way
from research.allocation.allocation import Allocation, answer_of
from research.allocation.answer import NotSolvedError
from research.forecast.returns import estimable
from research.market import Market, Past
from research.risk.simulation.resampling import chained
from research.risk.simulation.streams import BLOCKS, STARTS, stream

WEIGHT_LEVEL = 0.90
FEWEST_DRAWS = 20  # draws of which quantiles are taken


@dataclass(frozen=True, eq=False)
class WeightIntervals:
    """Weights of an allocation on one date, and those that it gives on samples drawn anew.

    assets   : n names.
    weights  : (n,) fraction of NAV, from the days as they were.
    drawn    : (draws, n) weights of the draws that have a solution.
    unsolved : number of draws without one.
    """

    assets: tuple[str, ...]
    weights: Array
    drawn: Array
    unsolved: int

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "weights", "drawn")

    def table(self, level: float = WEIGHT_LEVEL) -> pd.DataFrame:
        """A row an asset: weight, mean of the draws, and the interval that holds a share `level` of them."""
        tail = (1.0 - level) / 2.0
        low, high = np.quantile(self.drawn, [tail, 1.0 - tail], axis=0)
        columns = {"weight": self.weights, "mean": self.drawn.mean(axis=0), "lower": low, "upper": high}
        return pd.DataFrame(columns, index=pd.Index(self.assets, name="line"))

    @property
    def spread(self) -> float:
        """Mean one-way turnover from the weights to those drawn, fraction of NAV: what the sample alone moves."""
        return float(one_way(self.drawn - self.weights).mean())


def weight_intervals(
    allocation: Allocation,
    market: Market,
    draws: int = 200,
    mean_block: float = 21.0,
    seed: int = 1,
    previous: Array | None = None,
) -> WeightIntervals:
    """The weights at the last close of a market, and those from its last window with days drawn anew in blocks.

    allocation : allocation estimated from a window of returns. Facts, prices and the time before the window are
                 unchanged.
    market     : market up to the date.
    draws      : number of draws of the window, at least 20.
    mean_block : mean length of a block, days, at least 1: a month keeps clusters of volatility.
    seed       : seed of the draws; allocations with one window see the same draws.
    previous   : (n,) target before, for an allocation that follows it, such as one with a limit of turnover.
    Raises     : ConfigError for settings outside these, and for an allocation without a window; PolicyError where fewer
                 than 20 draws have a solution; and as the allocation does.
    Source     : Politis and Romano (1994), The Stationary Bootstrap, of whole days: assets stay together.
    """
    check_draws(allocation, draws, mean_block)
    last = len(market.dates) - 1
    weights = answer_of(allocation, market.past(last), previous).weights
    found = []
    for path in range(draws):
        with suppress(NotSolvedError):
            past = _drawn(market, allocation.window, mean_block, seed, path)
            found.append(answer_of(allocation, past, previous).weights)
    if len(found) < FEWEST_DRAWS:
        raise PolicyError(f"{allocation!r} has a solution in {len(found)} of {draws} draws: widen its limits.")
    return WeightIntervals(market.assets, weights, np.array(found), draws - len(found))


def check_draws(allocation: Allocation, draws: int, mean_block: float) -> None:
    """Raise ConfigError for too few draws, blocks of less than a day, and an allocation without a window."""
    if not is_whole(draws) or draws < FEWEST_DRAWS:
        refuse("draws is", draws, f"give a whole number, at least {FEWEST_DRAWS}.")
    if not is_number(mean_block) or mean_block < 1.0:
        refuse("mean_block is", mean_block, "give a number of days, at least 1, such as 21.")
    if allocation.window < 2:
        raise ConfigError(f"{allocation!r} estimates nothing from a window: its weights have no interval of this kind.")


def _drawn(market: Market, window: int, mean_block: float, seed: int, path: int) -> Past:
    """The past of a market whose last `window` days are drawn anew: returns of its complete assets, and cash."""
    stop = len(market.dates)
    rows = drawn_rows(stop - window, stop, mean_block, seed, path)
    complete = estimable(market.past(stop - 1), window)
    returns, cash = market.returns.copy(), market.cash.copy()
    returns[stop - window :] = np.where(complete, market.returns[rows], market.returns[stop - window :])
    cash[stop - window :] = market.cash[rows]
    return replace(market, returns=returns, cash=cash).past(stop - 1)


def drawn_rows(start: int, stop: int, mean_block: float, seed: int, path: int) -> Rows:
    """(stop - start,) rows from `start` up to `stop`, drawn anew in blocks of a mean length of days."""
    size = (1, stop - start)
    begins = stream(seed, path, BLOCKS).random(size) < 1.0 / mean_block
    return chained(begins, stream(seed, path, STARTS).integers(start, stop, size), start, stop)[0]
