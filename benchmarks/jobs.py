"""What every contestant plays, and what it must come to: the two jobs, our own engine, and each peer's convention.

Both jobs trade twenty stocks to equal weights at the closes of 33 years: at the last session of each quarter, or when a
weight is more than five points off. What is decided at a close is booked at it (lag 0), since the peers do so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from backtests.engine import run as engine
from backtests.engine.ledger import Ledger
from backtests.engine.loop_inputs import LoopInputs
from backtests.engine.result import Backtest
from foundation.arrays import Array, Mask
from research.accounting import Costs, Execution, Policy
from research.allocation import Allocation, EqualWeights, FixedWeights
from research.market import Market, market_from_frame
from research.market.calendars import last_of
from research.rules import Calendar, Threshold

BAND = 0.05  # fraction of NAV
RATE = 0.001  # of the notional: 10 basis points
SLACK = 1e-6  # of NAV: what our triggers allow beyond the band, and so the peers'


@dataclass(frozen=True, eq=False)
class Job:
    """Trade to equal weights on `days` (T,), or, where that is None, past the band; at `rate` of the notional."""

    name: str
    market: Market
    policy: Policy
    days: Mask | None
    rate: float

    @property
    def target(self) -> Array:
        """(n,) equal weights."""
        return np.full(len(self.market.assets), 1.0 / len(self.market.assets))

    @cached_property
    def costs(self) -> Costs:
        """The rate as our engine takes it."""
        return Costs.bps(len(self.market.assets), commission=self.rate * 1e4)


def quarterly(market: Market, rate: float = RATE) -> Job:
    """To target at the opening and at the last session of every quarter."""
    days = last_of(market.days, "quarter", market.calendar)
    days = np.concatenate([[True], days[1:]])
    return Job("quarterly", market, Calendar(EqualWeights(), "quarter"), days, rate)


def band(market: Market, rate: float = RATE) -> Job:
    """To target at the opening and whenever a weight is past its band, checked daily."""
    return Job("band", market, Threshold(EqualWeights(), BAND), None, rate)


@dataclass(frozen=True, eq=False)
class Played:
    """What a contestant came to: wealth (T,) and units held (T, n) after each close, from a wealth of one."""

    wealth: Array
    units: Array


# -- ours ------------------------------------------------------------------------------------------------------------


def our_backtest(job: Job) -> Backtest:
    """The public call, from a ready market and a policy."""
    return engine.backtest(job.market, job.policy, job.costs, lag=0)


def in_lots(job: Job) -> Callable[[], Backtest]:
    """The public call with orders in whole lots, on quotes of tens of currency units and a wealth of a million."""
    quotes = (50.0 * job.market.index * (1.0 + np.arange(len(job.market.assets)) / 7.0)).round(2)
    market, lots = replace(job.market, prices=quotes), Execution(sizing="units")
    return lambda: engine.backtest(market, job.policy, job.costs, lag=0, nav=1e6, execution=lots)


def with_new(job: Job) -> dict[str, Callable[[], Backtest]]:
    """The public call with one thing, by name, that no call had before: little that was kept serves it."""
    market, n, number = job.market, len(job.market.assets), count(1)
    close = pd.DataFrame(market.index, index=market.dates, columns=list(market.assets))

    def play(on: Market = market, policy: Policy = job.policy, costs: Costs = job.costs, **given: Any) -> Backtest:
        return engine.backtest(on, policy, costs, lag=0, **given)

    def rule(allocation: Allocation, band: float = BAND) -> Policy:
        return Threshold(allocation, band) if job.days is None else Calendar(allocation, "quarter")

    def weights() -> tuple[float, ...]:
        more = 1e-7 * next(number)
        return (1.0 / n + more, 1.0 / n - more, *(1.0 / n for _ in range(n - 2)))

    calls: dict[str, Callable[[], Backtest]] = {
        "weights": lambda: play(policy=rule(FixedWeights(weights()))),
        "start": lambda: play(start=market.dates[300 + next(number)]),
        "costs": lambda: play(costs=Costs.bps(n, commission=job.rate * 1e4 + 1e-6 * next(number))),
        "table": lambda: play(market_from_frame(close)),
    }
    of_band = {"band": lambda: play(policy=rule(EqualWeights(), BAND + 1e-9 * next(number)))}
    return calls | (of_band if job.days is None else {})


def ours(job: Job) -> Played:
    """What the public call came to."""
    played = our_backtest(job)
    done = played.ledger.booked
    held = np.searchsorted(done, np.arange(len(played.ledger.nav)), side="right")
    return Played(played.nav.to_numpy(), played.ledger.units[held])


def our_kernel(job: Job) -> Callable[[], object]:
    """The compiled loop alone, with the arrays that the public call hands to it."""
    ready: list[Any] = []
    opening: list[Array] = []  # as it was, and what the loop changes

    def listen(inputs: LoopInputs, first: int, units: Array, cash_units: float, booked: int) -> object:
        # the caller reads its own ledger, and makes it read-only at its end
        again = inputs._replace(ledger=Ledger(*(values.copy() for values in inputs.ledger)))
        opening[:] = units.copy(), units.copy()
        ready[:] = again, first, opening[1], cash_units, booked
        return loop(inputs, first, units, cash_units, booked)

    loop = engine.play
    with mock.patch.object(engine, "play", listen):
        our_backtest(job)

    def play() -> object:
        opening[1][:] = opening[0]
        return loop(*ready)

    return play


# -- what the peers should come to -----------------------------------------------------------------------------------


def vectorbt_convention(values: Array, cash: float, goals: Array, rate: float) -> tuple[Array, float]:
    """Goals on wealth before costs, sells first; the largest buy comes last, and is cut by the cash that is left."""
    values, gaps = values.copy(), goals - values
    for i in np.argsort(gaps, kind="stable"):
        moved = gaps[i] if gaps[i] < 0.0 else min(gaps[i], cash / (1.0 + rate))
        values[i] += moved
        cash -= moved + rate * abs(moved)
    return values, cash


def bt_convention(values: Array, cash: float, goals: Array, rate: float) -> tuple[Array, float]:
    """Each asset's outlay, its fee included, equals its gap."""
    gaps = goals - values
    moved = gaps / (1.0 + rate * np.sign(gaps))
    return values + moved, cash - gaps.sum()


def expected(job: Job, convention: Callable[[Array, float, Array, float], tuple[Array, float]]) -> Array:
    """(T,) wealth under a peer's convention, by a plain loop over days."""
    prices, target = job.market.index, job.target
    units, cash, wealth = np.zeros(len(target)), 1.0, np.empty(len(prices))
    for t, price in enumerate(prices):
        values = units * price
        nav = cash + values.sum()
        past = t == 0 or np.abs(values / nav - target).max() > BAND + SLACK
        if past if job.days is None else job.days[t]:
            values, cash = convention(values, cash, target * nav, job.rate)
            units = values / price
        wealth[t] = cash + units @ price
    return wealth


def widest_gap(one: Array, other: Array) -> float:
    """The largest relative difference of two paths."""
    return float(np.abs(one / other - 1.0).max())


def trade_gap(job: Job, one: Played, other: Played) -> float:
    """The largest difference of two contestants' trades on any day, over NAV; infinite when their dates differ.

    A day counts as traded when some asset's units moved by more than 1e-9 of NAV.
    """
    prices, moves = job.market.index[1:], []
    for played in (one, other):
        moves.append(np.diff(played.units, axis=0) * prices / played.wealth[1:, None])
    dates = [np.abs(move).max(axis=1) > 1e-9 for move in moves]
    return float(np.abs(moves[0] - moves[1]).max()) if (dates[0] == dates[1]).all() else np.inf
