"""A plan of forty years on ten thousand futures of months: eight assets, six policies, costs and tax; seconds.

`python -m benchmarks.plan 1000 month` takes a thousand futures, and pays each month in place of each year. They are
drawn and played under every policy on two threads, as `rebalance plan` does; then the safe amount of each policy is
searched for. Seconds of the processor are those of all threads; those by the clock are longer on a machine with other
work.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from backtests.today.future_paths import Opening
from backtests.today.plan import WORKERS, _Game, draw, fails
from backtests.today.plan_paths import PlanOpening, bands_in_months
from benchmarks.timing import keep, machine, show, versions
from foundation.machine import peak_memory
from research.accounting.costs import Tax
from research.accounting.spending import Spending
from research.portfolio import load_portfolio
from research.portfolio.plan import MONTHS_A_YEAR, Plan
from research.risk.simulation.future_laws import future_laws, sample
from research.rules import Calendar, Never, Threshold

FUTURES = 10_000
FILE = Path(__file__).parents[1] / "data" / "portfolios" / "global_multi_asset.yaml"
YEARS, RATE = 40, 0.035  # spending of the first year over NAV
WARM = 100  # futures of the first round, in which kernels are compiled
T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[T, float, float]:
    """What a call gives, its seconds of the processor, and by the clock."""
    used, clock = time.process_time(), time.perf_counter()
    found = call()
    return found, time.process_time() - used, time.perf_counter() - clock


def main() -> None:
    """Draw, play and search, on few futures first; print the seconds and keep them."""
    paths = int(sys.argv[1]) if len(sys.argv) > 1 else FUTURES
    every = sys.argv[2] if len(sys.argv) > 2 else "year"
    file = load_portfolio(FILE)
    portfolio = replace(file, costs=replace(file.costs, tax=Tax(0.2)))
    plan = Plan(years=YEARS, spending=Spending("indexed", RATE * file.nav), every=every, inflation=0.025)
    opening, daily, mix = PlanOpening.of(portfolio, plan), Opening(portfolio), file.strategic
    policies = {
        "never": Never(mix),
        "yearly": Calendar(mix, "year"),
        "quarterly": Calendar(mix, "quarter"),
        "monthly": Calendar(mix, "month"),
        "band to target": Threshold(mix, 0.03, "target"),
        "band to edge": Threshold(mix, 0.03, "edge"),
    }
    shared = {name: bands_in_months(opening, daily, one) for name, one in policies.items()}
    market = opening.portfolio.market
    laws, _ = future_laws(market, MONTHS_A_YEAR)
    law, log = next(iter(laws.values())), np.log1p(sample(market, MONTHS_A_YEAR)[1])
    with ThreadPoolExecutor(WORKERS) as pool:
        few = draw(opening, law, WARM, 1, log)
        games = {name: _Game((opening,), one, pool) for name, one in shared.items()}
        for game in games.values():
            game.play(few)
        futures, drawn, by_clock = timed(lambda: draw(opening, law, paths, 0, log))
        rows, facts = [["futures drawn", f"{drawn:.1f}", f"{by_clock:.1f}", "", ""]], {"draw": (drawn, by_clock)}
        for name, game in games.items():
            played, used, clock = timed(partial(game.play, futures))
            failed = fails(plan, played)
            safe, searched, searching = timed(partial(game.safe, futures, failed))
            facts |= {name: (used, clock), f"{name}, safe amount": (searched, searching)}
            rows.append([name, f"{used:.1f}", f"{clock:.1f}", f"{searched:.1f}", f"{searching:.1f}"])
            rows[-1] += [f"{100 * failed.mean():.1f} %", f"{safe.value:,.0f}"]
    memory = peak_memory() / 1e9
    total = [sum(each[k] for each in facts.values()) for k in (0, 1)]
    show(
        f"{paths:,} futures of {YEARS} years, paid each {every}, {len(market.assets)} assets, {WORKERS} threads",
        ["", "processor, s", "clock, s", "safe: processor, s", "clock, s", "fails", "safe amount"],
        [row + [""] * (7 - len(row)) for row in rows],
        [
            f"together {total[0]:.0f} s of the processor, {total[1]:.0f} s by the clock; {memory:.1f} GB at most",
            f"{machine()}; {versions('numpy', 'numba')}",
        ],
    )
    keep("plan", {"paths": paths, "every": every, "seconds": facts, "gigabytes": memory})


if __name__ == "__main__":
    main()
