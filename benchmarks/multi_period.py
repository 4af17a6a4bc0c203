"""Worth of plans of several periods: against a fixed band that was tuned on the same days, by J, out of sample.

    python -m benchmarks.multi_period [WORLDS]

Both track the strategic target. Every horizon of a plan and every band and destination is backtested once; that of
least J on the training days is judged by the days that follow, as in `adaptive_bands`. In simulated worlds costs are
proportional, and there a plan is the best point of the no-trade region (`research.rules.optimum.periods`), which is
compiled; on the portfolio plans are solved as cone programmes, without impact and with it. Nothing here was chosen by
these figures.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from benchmarks.adaptive_bands import BANDS, COSTS, FOLD, LEVEL, PENALTY, TARGET, TO, YEAR, YEARS, laws, out_of_sample
from benchmarks.timing import keep, machine, show
from foundation.arrays import Array
from research.accounting import Costs
from research.accounting.impact import Impact
from research.allocation import FixedWeights, target_path
from research.market import Market
from research.portfolio import load_portfolio
from research.risk.simulation.long_run_variance import long_run_variance
from research.risk.simulation.simulated import simulated_market
from research.rules import BestPoint, MultiPeriod, Rule, Threshold

WORLDS = 40
HORIZONS, WITH_IMPACT = (4, 8, 13, 26, 52), (4, 13)  # weeks
NAVS = (1e8, 1e10)  # currency, of the portfolio with impact
FIRST, BAND, PLAN = "2015-01-02", "band", "plan"


def judged(market: Market, held: FixedWeights, rules: Mapping[str, list[Rule]], costs: Costs, penalty: float,
           starts: list[int], nav: float = 1.0, first: object = None) -> dict[str, tuple[Array, float]]:  # fmt: skip
    """By kind of rule, the daily terms of J out of sample, and cost a year of the rule of least J on all days."""
    targets, terms, cost = target_path(held, market), {}, {}
    start = market.dates[YEAR + 1] if first is None else first
    for name, of_kind in rules.items():
        each = [backtest(market, rule, costs, targets=targets, start=start, nav=nav) for rule in of_kind]  # type: ignore[arg-type]
        terms[name] = np.array([losses(one, Benchmark.of(one, penalty)) for one in each])
        summary = each[int(terms[name].mean(axis=1).argmin())].summary()["value"]
        cost[name] = float(summary["Cost"])
    days = next(iter(terms.values())).shape[1]
    after = starts or list(range(days - FOLD * (days // FOLD - 1), days, FOLD))
    return {name: (daily, cost[name]) for name, daily in out_of_sample(terms, after).items()}


def bands(held: FixedWeights) -> list[Rule]:
    """The fixed bands of each width and destination."""
    return [Threshold(held, band, to) for band in BANDS for to in TO]


def simulated(worlds: int) -> dict[str, tuple[float, float, float]]:
    """By law, J of the tuned band and the difference of the tuned plan with its error, between worlds."""
    plans: list[Rule] = [BestPoint(TARGET, PENALTY, h / 52.0, schedule="week") for h in HORIZONS]
    found = {}
    for name, law in laws().items():
        pairs = []
        for world in range(worlds):
            market = simulated_market(law, YEARS * YEAR, seed=43, path=world)
            rules = {BAND: bands(TARGET), PLAN: plans}
            each = judged(market, TARGET, rules, COSTS, PENALTY, [YEARS * YEAR // 2 - YEAR])
            pairs.append((each[BAND][0].mean(), each[PLAN][0].mean() - each[BAND][0].mean()))
        band, apart = np.array(pairs).T
        found[name] = (float(band.mean()), float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(worlds)))
    return found


def on_portfolio() -> dict[str, tuple[float, float, float, float, float]]:
    """J of the tuned band, the difference of the tuned plan with its error, and the costs of both, bp a year."""
    file, found = load_portfolio("data/portfolios/global_multi_asset.yaml"), {}
    cases = {"without impact": (file.costs, 1.0, HORIZONS)}
    impact = Impact(coefficient=tuple(float(asset != "BTC") for asset in file.market.assets))  # it has no volumes
    dear = replace(file.costs, impact=impact)
    cases |= {f"impact, NAV {nav:.0e}": (dear, nav, WITH_IMPACT) for nav in NAVS}
    for name, (costs, nav, horizons) in cases.items():
        plans: list[Rule] = [MultiPeriod(file.strategic, h, file.tracking_penalty) for h in horizons]
        rules = {BAND: bands(file.strategic), PLAN: plans}
        each = judged(file.market, file.strategic, rules, costs, file.tracking_penalty, [], nav, FIRST)
        apart = each[PLAN][0] - each[BAND][0]
        error = float(np.sqrt(long_run_variance(apart) / len(apart)))
        found[name] = (float(each[BAND][0].mean()), float(apart.mean()), error, each[BAND][1], each[PLAN][1])
    return found


def main(worlds: int = WORLDS) -> None:
    """Print the tables, and keep them."""
    began = time.process_time()
    real = on_portfolio()
    rows = [
        (name, f"{band:.2f}", f"{apart:+.2f} ± {LEVEL * error:.2f}", f"{paid:.2f}", f"{plan:.2f}")
        for name, (band, apart, error, paid, plan) in real.items()
    ]
    took = time.process_time() - began
    head = ("", "band", "plan less band", "cost of band", "cost of plan")
    notes = [
        f"weeks of a plan: {HORIZONS}, with impact {WITH_IMPACT}; {took:.0f} processor seconds; {machine()}",
        "costs are those of the band and of the plan of least J on all days",
    ]
    title = "J of the tuned band on global_multi_asset, and that of the tuned plan less it, bp a year"
    show(title, head, rows, notes)
    worlds_found = simulated(worlds)
    rows = [(n, f"{b:.2f}", f"{a:+.2f} ± {LEVEL * e:.2f}") for n, (b, a, e) in worlds_found.items()]
    show("The same in simulated worlds", ("", "band", "plan less band"), rows, [f"{worlds} worlds of each law"])
    keep("multi_period", {"worlds": worlds, "portfolio": real, "simulated": worlds_found})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
