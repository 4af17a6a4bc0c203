"""How often the decision of a cycle came true, by the share of simulated years in which it was the best.

    python -m benchmarks.cycle_confidence [CYCLES]

Each cycle has a market of its own: three years drawn from the embedded one, which it sees, and a year that follows,
which it does not; holdings are up to five points off target. A decision came true where it loses least in that year.
The cycles do not overlap.
"""

import sys

import numpy as np
import pandas as pd

from desk.cycle.alternatives import alternatives, as_held
from desk.cycle.analysis import Start, analysed
from foundation.arrays import Array
from research.allocation import target_path
from research.orders import trade_list
from research.portfolio import Portfolio, load_portfolio
from research.risk.simulation.resampling import StationaryBootstrap
from research.risk.simulation.simulated import simulated_market
from research.rules.protocol import held_by

FILE, POLICY = "data/portfolios/desk.yaml", "threshold"
CYCLES, WORLDS = 2_000, 200
SEEN, AHEAD, BLOCK = 756, 254, 20.0  # rows that a cycle sees, rows that follow, and the mean block that is drawn
OFF, NAV, SINCE = 0.05, 1e7, 60  # of NAV; currency; rows since the last trade


def decided(portfolio: Portfolio, law: StationaryBootstrap, number: int) -> tuple[float, bool]:
    """The confidence of the decision of one cycle, and whether it came true."""
    whole = simulated_market(law, SEEN + AHEAD, seed=1, path=number)
    market = whole.until(whole.dates[SEEN])
    weights = np.abs(portfolio.target + np.random.default_rng(number).uniform(-OFF, OFF, len(portfolio.target)))
    weights *= 0.99 / max(weights.sum(), 0.99)
    then = as_held(portfolio, market, NAV * weights, NAV * (1.0 - weights.sum()), market.dates[-SINCE])
    policy = then.policies[POLICY]
    targets = target_path(held_by(policy, then.strategic), market, start=SEEN)
    listed = alternatives(trade_list(then, policy, targets=targets), targets)
    found, target = analysed(listed), listed[0].trades.target
    growths = 1.0 + np.asarray(whole.returns[SEEN + 1 :])[None]
    lost: list[float] = []
    for each in listed:
        start = Start.of(each, policy)
        lost.append(float(start.losses(growths[:, : start.opening.days], target, [start.opening.days]).sum()))
    best = found.best
    return found.shares[best.name], lost[found.alternatives.index(best)] <= min(lost)


def by_decile(shares: Array, true: Array) -> pd.DataFrame:
    """Mean confidence and frequency, with its standard error, of the cycles of each decile of confidence."""
    frame = pd.DataFrame({"confidence": shares, "came true": true})
    groups = frame.groupby(pd.qcut(frame["confidence"], 10, duplicates="drop"), observed=True)
    table = groups.mean()
    table["cycles"] = groups.size()
    table["error"] = np.sqrt(table["came true"] * (1.0 - table["came true"]) / table["cycles"])
    return table


def main(cycles: int = CYCLES) -> None:
    """Print the deciles."""
    portfolio = load_portfolio(FILE, {"cycle.worlds": WORLDS})
    law = StationaryBootstrap(portfolio.market, BLOCK)
    found = np.array([decided(portfolio, law, number) for number in range(cycles)], dtype=float)
    print(by_decile(found[:, 0], found[:, 1]).round(3).to_string())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
