"""Worth of cash flows that do the rebalancing: J of bands with monthly flows of known dates and random amounts.

    python -m benchmarks.flows [PATHS]

Three assets without cash, 10 bp a side, weekly decisions at the close that is seen; three years go before the ten that
count. The amounts are exponential fractions of the portfolio. All rules of a row have the same paths
and flows. Bands are tuned on paths of another seed. Investing a flow costs the same in all rows, where it is bought at
once, and is left out: J less rate x cost. Bought pro rata to what is held, a flow changes no weight: J is that without
flows.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from backtests.laboratory.simulate import Laboratory, estimate
from backtests.laboratory.simulated_market import THREE, WARM_UP, WEEKS, YEARS
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from research.accounting import Flows
from research.accounting.execution import Use
from research.market import Market
from research.market.calendars import last_of
from research.risk.measures import BPS
from research.rules import Rule, Threshold
from research.rules.protocol import Schedule

PATHS, TRAINING, MONTHS = 100, 30, 12
RATES = (0.02, 0.05, 0.10, 0.20, -0.05)  # of NAV a year
BANDS = tuple(np.geomspace(0.012, 0.12, 9).tolist())
HELD, COST = THREE.holding, float(THREE.costs[0])


def flows(market: Market, rate: float, path: int, use: Use) -> Flows | None:
    """Exponential amounts at the last week of each month, of `rate` a year of NAV; None without a rate."""
    if rate == 0.0:
        return None
    rows = np.flatnonzero(last_of(market.days, "month", market.calendar))[1:]
    parts = rate / MONTHS * np.random.default_rng([5, path]).exponential(size=len(rows))
    nav = np.cumprod(1.0 + market.returns @ np.array(THREE.target))[rows] * np.cumprod(np.append(1.0, 1.0 + parts))[:-1]
    return Flows(dict(zip(market.dates[rows], parts * nav, strict=True)), use)


class Paths:
    """Paths of one seed, and J of rules on each of them."""

    def __init__(self, paths: int, seed: int) -> None:
        """Draw the paths."""
        laboratory: Laboratory = THREE.laboratory(max(paths, 2), seed)
        self.markets = [laboratory.market(k) for k in range(paths)]
        self.costs, self.penalty = laboratory.costs, laboratory.tracking_penalty

    def tested(self, rule: Rule, rate: float, use: Use = "rebalance") -> Array:
        """(2, paths) J in bp a year, less what investing the flows costs, and the mean weight of cash."""
        found, counted = [], WEEKS * WARM_UP
        for k, market in enumerate(self.markets):
            made = backtest(
                market, rule, self.costs, flows=flows(market, rate, k, use), lag=0, periods_per_year=WEEKS
            )  # fmt: skip
            lost = losses(made, Benchmark.of(made, self.penalty))[counted:].mean() - BPS * abs(rate) * COST
            found.append((lost, made.cash_weight.to_numpy()[counted:].mean()))
        return np.array(found).T


def band(width: float, schedule: Schedule = "day") -> Threshold:
    """A band that is traded to its edge."""
    return Threshold(HELD, width, "edge", schedule=schedule)


def main(count: int = PATHS) -> None:
    """Print J of each use of the flows, and its difference from flows bought pro rata; keep them."""
    training, paths = Paths(TRAINING, 2), Paths(count, 1)

    @cache
    def tuned(rate: float, schedule: Schedule = "day") -> float:
        return min(BANDS, key=lambda width: training.tested(band(width, schedule), rate)[0].mean())

    plain = tuned(0.0)
    without, found = paths.tested(band(plain), 0.0)[0], {}
    ways: dict[str, Callable[[float], tuple[float, Schedule, Use]]] = {
        "kept in cash until the next trade": lambda rate: (plain, "day", "cash"),
        "fill the largest gaps": lambda rate: (plain, "day", "rebalance"),
        "and the band is wider by a month's flow": lambda rate: (plain + abs(rate) / MONTHS, "day", "rebalance"),
        "and the band is tuned with the flows": lambda rate: (tuned(rate), "day", "rebalance"),
        "and it is asked on the dates of flows only": lambda rate: (tuned(rate, "month"), "month", "rebalance"),
    }
    rows: list[Sequence[str]] = [("bought pro rata", *(f"{without.mean():.2f}" for _ in RATES))]
    for name, way in ways.items():
        cells = []
        for rate in RATES:
            width, schedule, use = way(rate)
            loss, cash = paths.tested(band(width, schedule), rate, use)
            apart = estimate(loss - without)
            found[f"{name}, {rate:g}"] = (width, apart.value, apart.lower, apart.upper, cash.mean())
            cells.append(f"{apart.value:+.2f} ± {apart.upper - apart.value:.2f} ({100 * width:.1f}; {cash.mean():.1%})")
        rows.append((name, *cells))
    notes = [
        f"the band without flows is {100 * plain:.1f} points; in brackets that of the cell, and mean cash",
        f"{count} paths of {YEARS} years; paired, ± 95 %; rates of NAV a year; {len(BANDS)} widths tried",
    ]
    print(f"{machine()}; {versions('numpy', 'numba')}")
    show(
        "J of flows pro rata, and J of other uses less it, bp a year", ("", *(f"{r:+.0%}" for r in RATES)), rows, notes
    )
    keep("flows", {"pro_rata": float(without.mean()), "band": plain, "width_difference_lower_upper_cash": found})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
