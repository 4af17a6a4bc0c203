"""Worth of rules that see the tax on their sales, in simulated markets, after the tax of a sale at the end or without.

    python -m benchmarks.after_tax [PATHS] [PATHS OF PLANS]

A portfolio of stocks and bonds, or of six stocks, fully invested, decides at each month's end for ten years. All assets
have one expected return, so that no rule wins by drifting to the best of them. Units are taxed at average cost, losses
are carried forward. What counts is the certainty equivalent growth of logarithmic utility after all taxes, less
g/2 x squared tracking, in bp of NAV a year: with all sold on the last day, or with the gain of that day forgiven.

Against the closed-form band that sees no tax: the same band, as many times as wide as was best after tax on other
paths; the band with the tax as a cost of selling; each of the three where losses above 5 % of cost are harvested, the
tuned band with a width of its own; and a plan of several periods that is charged the tax in full. Beside it, what the
plan gains where it is charged what deferring the tax would save. Differences are paired by path. Nothing here was
chosen by these figures.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import target_returns
from backtests.inference.estimates import Estimate
from backtests.laboratory.simulate import estimate
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from research.accounting import Costs, Tax
from research.accounting.sale_tax import Deferral
from research.allocation import FixedWeights, target_path
from research.market import Market
from research.risk import GBM
from research.risk.measures import BPS, TRACKING_PENALTY
from research.risk.simulation.simulated import simulated_market
from research.rules import MultiPeriod, NoTradeRegion, Rule

PATHS, OF_PLANS = 160, 8  # half of each tune, half judge; those on which plans are judged
YEARS, MONTHS, HISTORY, HALF_SPREAD = 10, 12, 60, 5.0  # HISTORY: months from which plans know the covariance; bp
EXPECTED, HORIZON = 0.06, 12  # return a year; months of a plan
TIMES = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0)  # as wide as the band without tax
ENDS = ("liquidated", "forgiven")
HARVEST, WINDOW = 0.05, 30  # fraction of its cost that an asset must have lost; days of wash sales
BAND, TUNED, AS_COST, PLAN, DEFERRED = "band", "tuned", "tax as cost", "plan", "deferred less plan"
HARVESTED, OF_TUNED, OF_AWARE = "harvest", "harvest + tuned", "harvest + tax as cost"


@dataclass(frozen=True)
class Case:
    """A market, a rate of tax and the gain in the holdings of the first day, fraction of their worth."""

    target: tuple[float, ...]
    volatility: tuple[float, ...]
    correlation: float
    rate: float
    gain: float

    @property
    def held(self) -> FixedWeights:
        """The target."""
        return FixedWeights(self.target)

    @property
    def covariance(self) -> Array:
        """(n, n) a year."""
        alike = self.correlation + (1.0 - self.correlation) * np.eye(len(self.target))
        found: Array = alike * np.outer(self.volatility, self.volatility)
        return found

    def costs(self, harvest: float | None = None) -> Costs:
        """Half-spread and tax, with losses above this fraction of cost harvested or, without one, none."""
        tax = Tax(self.rate, "average", at_end="liquidate", harvest_above=harvest, wash_sale_days=WINDOW)
        return replace(Costs.bps(len(self.target), half_spread=HALF_SPREAD), tax=tax)

    @cache  # noqa: B019  (all rules of a case are played on the same paths)
    def market(self, path: int) -> Market:
        """Months of history, one in which all assets gain what is embedded in the holdings, and ten years."""
        model = GBM(np.full(len(self.target), np.log1p(EXPECTED)), self.covariance, MONTHS)
        steps = HISTORY + 1 + YEARS * MONTHS
        found = simulated_market(model, steps, 7, path, every="month", calendar="24/5", start="1990-01-01")
        returns = np.array(found.returns)
        returns[HISTORY + 1] = 1.0 / (1.0 - self.gain) - 1.0
        return replace(found, returns=returns, prices=100.0 * np.cumprod(1.0 + returns, axis=0, dtype=np.float64))

    def band(self, times: float = 1.0, deferral: Deferral | None = None) -> Rule:
        """The closed-form band, so many times as wide."""
        if times != 1.0:
            return NoTradeRegion(
                self.held, TRACKING_PENALTY / times**3, narrowed=False, schedule="month", periods_per_year=MONTHS,
                covariance=self.covariance.tolist(),
            )  # fmt: skip
        return NoTradeRegion(
            self.held, deferral=deferral, schedule="month", periods_per_year=MONTHS, covariance=self.covariance.tolist()
        )

    def plan(self, deferral: Deferral | None = None) -> Rule:
        """The plan of several periods, whose covariance is that of the history."""
        return MultiPeriod(
            self.held, HORIZON, deferral=deferral, schedule="month", returns=HISTORY, periods_per_year=MONTHS
        )


def worth(played: Backtest) -> tuple[float, float]:
    """The objective with all sold on the last day, and with its gain forgiven, bp a year from the second close on."""
    nav, tracked = played.ledger.nav, target_returns(played.targets, played.market, played.first)
    lost = 0.5 * TRACKING_PENALTY * MONTHS * float(((played.gross_returns - tracked)[1:] ** 2).mean())
    sold, forgiven = (float(np.log(end / nav[1])) / YEARS for end in (nav[-1] - played.tax_at_end, nav[-1]))
    return BPS * (sold - lost), BPS * (forgiven - lost)


def judged(case: Case, rule: Rule, paths: Sequence[int], harvest: float | None = None) -> Array:
    """(P, 2) the objective of a rule on paths, by `ENDS`.  harvest : as `Case.costs` takes it."""
    found = []
    for path in paths:
        market = case.market(path)
        played = backtest(
            market, rule, case.costs(harvest), start=market.dates[HISTORY + 1], nav=1e6, lag=0, periods_per_year=MONTHS,
            targets=target_path(case.held, market),
        )  # fmt: skip
        found.append(worth(played))
    return np.array(found)


def tuned_times(case: Case, training: Sequence[int], harvest: float | None = None) -> list[float]:
    """By end how many times as wide the tuned band is."""
    tried = np.array([judged(case, case.band(times), training, harvest).mean(axis=0) for times in TIMES])
    return [TIMES[k] for k in tried.argmax(axis=0).tolist()]


def harvested(case: Case, training: Sequence[int], tests: Sequence[int], base: Array) -> list[dict[str, Estimate]]:
    """By end the objective of each rule where losses are harvested, less that of the band that sees no tax, `base`."""
    best, plain = tuned_times(case, training, HARVEST), judged(case, case.band(), tests, HARVEST)
    found = []
    for e in range(len(ENDS)):
        deferral = Deferral(YEARS, EXPECTED, forgiven=float(e))
        tuned, aware = (
            judged(case, rule, tests, HARVEST)[:, e] for rule in (case.band(best[e]), case.band(deferral=deferral))
        )
        of = {HARVESTED: plain[:, e], OF_TUNED: tuned, OF_AWARE: aware}
        found.append({name: estimate(values - base[:, e]) for name, values in of.items()})
    return found


def measured(case: Case, paths: int, of_plans: int) -> dict[str, tuple[float, dict[str, Estimate]]]:
    """By end how many times as wide the tuned band is, and by rule the objective less that of the band without tax."""
    training, tests = range(paths // 2), range(paths // 2, paths)
    widest = tuned_times(case, training)
    base, found = judged(case, case.band(), tests), dict[str, tuple[float, dict[str, Estimate]]]()
    with_harvest = harvested(case, training, tests, base)
    plan = judged(case, case.plan(), tests[:of_plans])
    for e, end in enumerate(ENDS):
        deferral, best = Deferral(YEARS, EXPECTED, forgiven=float(e)), widest[e]
        tuned = judged(case, case.band(best), tests)[:, e]
        aware = judged(case, case.band(deferral=deferral), tests)[:, e]
        of = {
            BAND: estimate(base[:, e]), TUNED: estimate(tuned - base[:, e]), AS_COST: estimate(aware - base[:, e]),
            "less tuned": estimate(aware - tuned), PLAN: estimate(plan[:, e] - base[: len(plan), e]), **with_harvest[e],
        }  # fmt: skip
        if e == 0:
            deferred = judged(case, case.plan(deferral), tests[:of_plans])[:, e]
            of |= {DEFERRED: estimate(deferred - plan[:, e])}
        found[end] = best, of
    return found


def cases() -> dict[str, Case]:
    """The markets, rates and gains."""
    mixed, stocks = ((0.6, 0.4), (0.16, 0.05), 0.1), ((1 / 6,) * 6, (0.30,) * 6, 0.3)
    return {
        "60/40, 20 %, new": Case(*mixed, 0.20, 0.0),
        "60/40, 37 %, 40 % gain": Case(*mixed, 0.37, 0.4),
        "six stocks, 20 %, new": Case(*stocks, 0.20, 0.0),
        "six stocks, 20 %, 40 % gain": Case(*stocks, 0.20, 0.4),
        "six stocks, 37 %, new": Case(*stocks, 0.37, 0.0),
        "six stocks, 37 %, 40 % gain": Case(*stocks, 0.37, 0.4),
    }


def main(paths: int = PATHS, of_plans: int = OF_PLANS) -> None:
    """Print the table, and keep it."""
    began = time.process_time()
    found = {name: measured(case, paths, of_plans) for name, case in cases().items()}
    shown = (TUNED, AS_COST, "less tuned", HARVESTED, OF_TUNED, OF_AWARE, PLAN, DEFERRED)
    rows = [
        (f"{name}, {end}", f"{of[BAND].value:.1f}", f"{times:g}",
         *(f"{of[k].value:+.1f} ± {of[k].error:.1f}" if k in of else "" for k in shown))
        for name, ends in found.items()
        for end, (times, of) in ends.items()
    ]  # fmt: skip
    notes = [
        f"{paths // 2} paths judge and as many tune, {of_plans} judge plans; standard errors are between paths",
        f"{time.process_time() - began:.0f} processor seconds; {machine()}; {versions('numpy', 'numba')}",
    ]
    head = ("", BAND, "times", *shown)
    show("After-tax growth less tracking, less that of the band without tax, bp a year", head, rows, notes)
    keep("after_tax", {"paths": paths, "found": rows})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
