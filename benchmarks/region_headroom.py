"""J of no-trade regions of all gaps over that of the universal policy, in markets like those of the study's 73 cases.

A market has the target of a case, 10 bp a side and normal returns with the covariance of the last year of its training
days; no test window is read. Daily decisions, booked a day later; of thirteen years the last ten count. All rules of a
market are played on the same paths, with the covariance known, or estimated from 252 returns as they do. The best
region of a market is chosen on every second path and measured on the others, and the other way round.
"""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from backtests.laboratory.simulate import Laboratory, estimate, play
from backtests.studies.real_markets.cases import COST_BP, LAG, PERIODS, UNIVERSE_MARKETS, Case, all_cases
from backtests.studies.real_markets.run_case import TRIED_BANDS
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from foundation.threads import one_thread
from research.accounting import Costs
from research.allocation import FixedWeights
from research.learning import Universal
from research.risk import GBM
from research.risk.decomposition.ex_ante import covariance_of
from research.risk.measures import BPS, TRACKING_PENALTY
from research.rules import PairRegion, Threshold
from research.rules.optimum.lower_bound import lower_bound

PATHS, YEAR = 24, 252  # paths of a market; days of a year and returns of an estimate
TRIED = tuple(product((0.0, 0.125, 0.25, 0.5, 0.75), (0.5, 1.0, 2.0, 3.0)))  # power of the correlations, multiple of g


def of_case(case: Case, seed: int) -> dict[str, float]:
    """Log of J of each rule, and of the lower bound, over J of the universal policy."""
    market, target = case.market.until(case.start - pd.Timedelta(days=1)), tuple(weight for _, weight in case.weights)
    held, growth = FixedWeights(target), np.full(len(target), 0.05)
    covariance = covariance_of(market.past(len(market.dates) - 1), YEAR, PERIODS)
    costs = Costs.bps(len(target), commission=COST_BP)
    paths, training = (
        Laboratory(GBM(growth, covariance, PERIODS), target, costs, TRACKING_PENALTY, PATHS, 13 * YEAR, 2 * seed + k,
                   warm_up=3 * YEAR, lag=LAG, calendar="24/5", keeps=k == 0)
        for k in (0, 1)
    )  # fmt: skip
    found: dict[str, float] = {}
    for known, given in (("known", {"covariance": covariance.tolist()}), ("estimated", {})):
        own: dict[str, Any] = given | {"periods_per_year": PERIODS}
        base = play(paths, Universal(held, **own)).loss
        regions = np.array([play(paths, PairRegion(held, s * TRACKING_PENALTY, p, **own)).loss for p, s in TRIED])
        for (power, scale), loss in zip(TRIED, regions, strict=True):
            found[f"power {power:g}, {scale:g} g, {known}"] = float(np.log(loss.mean() / base.mean()))
        found[f"best region of each, {known}"] = elsewhere(regions, base)
    bands = min((Threshold(held, b, "edge") for b in TRIED_BANDS), key=lambda rule: play(training, rule).loss.mean())
    bound = BPS * lower_bound(np.array(target), growth, covariance, costs.total, TRACKING_PENALTY, 1.0 / PERIODS).value
    beside = {"bands to their edge, tuned": play(paths, bands).loss.mean(), "lower bound": bound}
    return found | {name: float(np.log(loss / base.mean())) for name, loss in beside.items()}


def elsewhere(regions: Array, base: Array) -> float:
    """Log of J of the best of (k, W) over that of `base` (W,), chosen on every second path, on the others."""
    best = [int(regions[:, k::2].mean(axis=1).argmin()) for k in (0, 1)]
    return float(np.mean([np.log(regions[best[k], 1 - k :: 2].mean() / base[1 - k :: 2].mean()) for k in (0, 1)]))


def main() -> None:
    """All cases, and those of stocks and of funds apart."""
    with one_thread():
        found = pd.DataFrame({case.name: of_case(case, k) for k, case in enumerate(all_cases())}).T
    parts = {"all": found} | {name: found.filter(regex=f"^{name}", axis=0) for name in UNIVERSE_MARKETS}
    rows = []
    for rule in found:
        each = [estimate(part[rule].to_numpy()) for part in parts.values()]
        rows.append((rule, *("{:.3f} [{:.3f}, {:.3f}]".format(*np.exp([e.value, e.lower, e.upper])) for e in each)))
    show("J over that of the universal policy", ("", *parts), rows, [f"{machine()}; {versions('numpy', 'numba')}"])
    keep("region_headroom", {"versions": versions("numpy", "numba"), "found": found.to_dict()})


if __name__ == "__main__":
    main()
