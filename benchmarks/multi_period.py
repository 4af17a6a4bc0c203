"""Worth of plans of several periods: against a fixed band that was tuned on the same days, by J, out of sample.

    python -m benchmarks.multi_period [WORLDS]

Both track the strategic target. Every horizon of a plan and every band and destination is backtested once; that of
least J on the training days is judged by the days that follow, as in `adaptive_bands`. In simulated worlds costs are
proportional, and there a plan is the best point of the no-trade region (`research.rules.optimum.periods`), which is
compiled; on the portfolio plans are solved as cone programmes, without impact and with it. Where gains are taxed, both
and the plan without sight of the lots are compared on three portfolios and in simulated worlds. Nothing here was chosen
by these figures.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from benchmarks.adaptive_bands import BANDS, COSTS, FOLD, LEVEL, PENALTY, TARGET, TO, YEAR, YEARS, laws, out_of_sample
from benchmarks.timing import keep, machine, show
from foundation.arrays import Array
from research.accounting import Costs, Hold, Tax, Trade, View
from research.accounting.impact import Impact
from research.allocation import Allocation, FixedWeights, target_path
from research.market import Market
from research.portfolio import load_portfolio
from research.risk.simulation.long_run_variance import long_run_variance
from research.risk.simulation.simulated import simulated_market
from research.rules import BestPoint, MultiPeriod, Rule, Threshold

WORLDS = 40
HORIZONS, WITH_IMPACT = (4, 8, 13, 26, 52), (4, 13)  # weeks
NAVS = (1e8, 1e10)  # currency, of the portfolio with impact
FIRST, BAND, PLAN, UNTAXED = "2015-01-02", "band", "plan", "plan without tax"
TAXED = {"sixty_forty": "2012-01-03", "global_multi_asset": FIRST, "stocks_20": "2012-01-03"}  # first day of the test
RATE, WIDE, WEEKS, MONTHS = 0.25, (0.1, 0.14, 0.2), (13, 52), (24, 48)


def judged(market: Market, held: FixedWeights, rules: Mapping[str, list[Rule]], costs: Costs, penalty: float,
           starts: list[int], nav: float = 1.0, first: object = None) -> dict[str, tuple[Array, Backtest]]:  # fmt: skip
    """By kind of rule, the daily terms of J out of sample, and the backtest of the rule of least J on all days."""
    targets, terms, best = target_path(held, market), {}, {}
    start = market.dates[YEAR + 1] if first is None else first
    for name, of_kind in rules.items():
        each = [backtest(market, rule, costs, targets=targets, start=start, nav=nav) for rule in of_kind]  # type: ignore[arg-type]
        terms[name] = np.array([losses(one, Benchmark.of(one, penalty)) for one in each])
        best[name] = each[int(terms[name].mean(axis=1).argmin())]
    days = next(iter(terms.values())).shape[1]
    after = starts or list(range(days - FOLD * (days // FOLD - 1), days, FOLD))
    return {name: (daily, best[name]) for name, daily in out_of_sample(terms, after).items()}


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


def on_portfolio() -> dict[str, tuple[float, ...]]:
    """J of the tuned band, the difference of the tuned plan with its error, and the costs of both, bp a year."""
    file = load_portfolio("data/portfolios/global_multi_asset.yaml")
    found: dict[str, tuple[float, ...]] = {}
    cases: dict[str, tuple[Costs, float, tuple[int, ...]]] = {"without impact": (file.costs, 1.0, HORIZONS)}
    impact = Impact(coefficient=tuple(float(asset != "BTC") for asset in file.market.assets))  # it has no volumes
    dear = replace(file.costs, impact=impact)
    cases |= {f"impact, NAV {nav:.0e}": (dear, nav, WITH_IMPACT) for nav in NAVS}
    for name, (costs, nav, horizons) in cases.items():
        plans: list[Rule] = [MultiPeriod(file.strategic, h, file.tracking_penalty) for h in horizons]
        rules = {BAND: bands(file.strategic), PLAN: plans}
        each = judged(file.market, file.strategic, rules, costs, file.tracking_penalty, [], nav, FIRST)
        apart = each[PLAN][0] - each[BAND][0]
        error = float(np.sqrt(long_run_variance(apart) / len(apart)))
        paid = (float(each[kind][1].summary()["value"]["Cost"]) for kind in (BAND, PLAN))
        found[name] = (float(each[BAND][0].mean()), float(apart.mean()), error, *paid)
    return found


@dataclass(frozen=True)
class Untaxed:
    """A plan that is not told the lots."""

    plan: MultiPeriod

    @property
    def allocation(self) -> Allocation:
        """That of the plan."""
        return self.plan.allocation

    def decide(self, view: View) -> Hold | Trade:
        """The decision of the plan where no sale is taxed."""
        return self.plan.decide(replace(view, sale_tax=None))


def taxed() -> dict[str, dict[str, tuple[float, ...]]]:
    """By portfolio and kind of rule, figures where gains are taxed.

    They are J out of sample; the same less that of the tuned band, with its error; of the rule of least J on all days
    the growth a year after tax, the same if all is sold on the last day, the tax a year and the tracking error, in per
    cent; and the growth less that of the band, with its error.
    """
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for name, first in TAXED.items():
        file = load_portfolio(f"data/portfolios/{name}.yaml")
        held, penalty, costs = file.strategic, file.tracking_penalty, replace(file.costs, tax=Tax(RATE, "highest"))
        plans = [MultiPeriod(held, h, penalty) for h in HORIZONS]
        plans += [MultiPeriod(held, h, penalty, schedule="month") for h in MONTHS]
        wide = [Threshold(held, band, to) for band in WIDE for to in TO]
        rules: dict[str, list[Any]] = {BAND: bands(held) + wide, UNTAXED: [Untaxed(p) for p in plans], PLAN: plans}
        each = judged(file.market, held, rules, costs, penalty, [], 1e6, first)
        growth = {kind: np.log1p(np.asarray(best.nav.pct_change().dropna())) for kind, (_, best) in each.items()}
        found[name] = {}
        for kind, (daily, best) in each.items():
            apart, more = daily - each[BAND][0], (growth[kind] - growth[BAND]) * YEAR * 100.0
            errors = (float(np.sqrt(long_run_variance(x) / len(x))) if x.any() else 0.0 for x in (apart, more))
            summary, years = best.summary()["value"], len(growth[kind]) / YEAR
            last = np.log(after_all_sales(best) / float(best.nav.iloc[0])) / years * 100.0
            of_j, of_growth = errors
            found[name][kind] = (
                float(daily.mean()), float(apart.mean()), of_j, float(growth[kind].sum() / years * 100.0), float(last),
                float(summary.get("Cost, tax", 0.0)) / 100.0, float(summary["Tracking error, own target"]),
                float(more.mean()), of_growth,
            )  # fmt: skip
    return found


def taxed_worlds(worlds: int) -> dict[str, tuple[float, ...]]:
    """By kind of rule, figures of simulated worlds of constant volatility where gains are taxed.

    Each rule is tuned on the first half. J of the second half, its difference from the band, and the error of that;
    then likewise the growth a year if all is sold at the end, in per cent. Errors are between worlds.
    """
    costs, half = replace(COSTS, tax=Tax(RATE, "highest")), YEARS * YEAR // 2 - YEAR
    rules: dict[str, list[Any]] = {
        BAND: bands(TARGET) + [Threshold(TARGET, band, to) for band in WIDE for to in TO],
        UNTAXED: [*(BestPoint(TARGET, PENALTY, h / 52.0, schedule="week") for h in WEEKS),
                  *(BestPoint(TARGET, PENALTY, h / 12.0, schedule="month") for h in MONTHS)],
        PLAN: [*(MultiPeriod(TARGET, h, PENALTY) for h in WEEKS),
               *(MultiPeriod(TARGET, h, PENALTY, schedule="month") for h in MONTHS)],
    }  # fmt: skip
    found = []
    for world in range(worlds):
        market = simulated_market(laws()["constant volatility"], YEARS * YEAR, seed=43, path=world)
        targets, row = target_path(TARGET, market), []
        for of_kind in rules.values():
            each = [backtest(market, r, costs, targets=targets, start=market.dates[YEAR + 1], nav=1e6) for r in of_kind]
            terms = np.array([losses(one, Benchmark.of(one, PENALTY)) for one in each])
            best = int(terms[:, :half].mean(axis=1).argmin())
            grown = np.log(after_all_sales(each[best]) / 1e6) / (terms.shape[1] / YEAR)
            row.append((terms[best, half:].mean(), grown * 100.0))
        found.append(row)
    of_world = np.array(found)  # worlds, kinds, (J, growth)
    apart = of_world - of_world[:, :1]
    error = apart.std(axis=0, ddof=1) / np.sqrt(worlds)
    return {
        kind: tuple(float(x[k, f]) for f in (0, 1) for x in (of_world.mean(axis=0), apart.mean(axis=0), error))
        for k, kind in enumerate(rules)
    }


def after_all_sales(played: Backtest) -> float:
    """NAV on the last day, currency, if all is sold then: at one rate the tax is that on the sum of all gains."""
    book = played.ledger
    done = book.booked >= 0
    invested = float(book.opening_trades.sum() + book.trades[done].sum())
    value = float(book.nav[-1] - book.cash[-1])
    paid = float(book.charges[done][:, -1].sum())
    return float(book.nav[-1]) - max(RATE * (value - invested) - paid, 0.0)


def main(worlds: int = WORLDS) -> None:
    """Print the tables, and keep them."""
    began = time.process_time()
    real = on_portfolio()
    rows: list[tuple[str, ...]] = [
        (name, f"{band:.2f}", f"{apart:+.2f} ± {LEVEL * error:.2f}", f"{paid:.2f}", f"{plan:.2f}")
        for name, (band, apart, error, paid, plan) in real.items()
    ]
    took = time.process_time() - began
    head: tuple[str, ...] = ("", "band", "plan less band", "cost of band", "cost of plan")
    notes = [
        f"weeks of a plan: {HORIZONS}, with impact {WITH_IMPACT}; {took:.0f} processor seconds; {machine()}",
        "costs are those of the band and of the plan of least J on all days",
    ]
    title = "J of the tuned band on global_multi_asset, and that of the tuned plan less it, bp a year"
    show(title, head, rows, notes)
    worlds_found = simulated(worlds)
    rows = [(n, f"{b:.2f}", f"{a:+.2f} ± {LEVEL * e:.2f}") for n, (b, a, e) in worlds_found.items()]
    show("The same in simulated worlds", ("", "band", "plan less band"), rows, [f"{worlds} worlds of each law"])
    with_tax = taxed()
    rows = [
        (f"{name}, {kind}", f"{j:.1f}", f"{a:+.1f} ± {LEVEL * e:.1f}", f"{grown:.2f}", f"{last:.2f}",
         f"{more:+.2f} ± {LEVEL * of_more:.2f}", f"{tax:.2f}", f"{te:.2f}")
        for name, kinds in with_tax.items()
        for kind, (j, a, e, grown, last, tax, te, more, of_more) in kinds.items()
    ]  # fmt: skip
    head = ("", "J", "less band", "growth", "if sold at the end", "less band", "tax", "tracking error")
    show("Where gains are taxed at 25 %, highest cost first: J in bp, the rest per cent a year", head, rows,
         [f"bands also {WIDE}, plans also of months {MONTHS}; growth is logarithmic"])  # fmt: skip
    in_worlds = taxed_worlds(worlds // 2)
    rows = [
        (kind, f"{j:.1f}", f"{a:+.2f} ± {LEVEL * e:.2f}", f"{grown:.2f}", f"{more:+.3f} ± {LEVEL * of_more:.3f}")
        for kind, (j, a, e, grown, more, of_more) in in_worlds.items()
    ]
    head = ("", "J", "less band", "if sold at the end", "less band")
    show("The same in simulated worlds of constant volatility", head, rows, [f"{worlds // 2} worlds"])
    keep("multi_period", {"worlds": worlds, "portfolio": real, "simulated": worlds_found, "taxed": with_tax,
                          "taxed_worlds": in_worlds})  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
