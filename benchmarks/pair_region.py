"""J of the quadratic no-trade region of all gaps in simulated markets of clusters, beside tuned bands and other rules.

Each market has ten or twenty assets without cash, in two to four clusters, with targets, volatilities and costs of its
own. Weekly decisions at the close that is seen; three years go before the ten that count. All rules of a market are
played on the same paths; those that are tuned are tuned on paths of another seed. The correlations are known, but in
one rule that estimates them from the last two years.

With a ticket for each order, 0.05 to 1 bp of NAV by chance, the tuned rules are those that send few orders. So are
those of three embedded markets, tuned for each two years on all days before, with tickets of 0.1 bp of the first NAV.
"""

from dataclasses import replace
from itertools import product
from typing import Any, Literal

import numpy as np

from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from backtests.laboratory.simulate import Laboratory, estimate, play
from backtests.laboratory.simulated_market import WARM_UP, WEEKS, YEARS, SimulatedMarket
from benchmarks.adaptive_bands import FIXED, FOLD, LEVEL, PORTFOLIOS, YEAR, out_of_sample
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array
from foundation.errors import PolicyError
from research.accounting import Costs, Execution
from research.allocation import target_path
from research.portfolio import load_portfolio
from research.risk.simulation.long_run_variance import long_run_variance
from research.rules import BestPoint, CostBenefit, NoTradeRegion, PairRegion, Rule, Threshold, Within

MARKETS, PATHS, COUNTED = 24, 24, 4  # markets, paths of each, those on which orders are counted
BANDS, SHARES = np.geomspace(0.003, 0.06, 10), np.geomspace(0.05, 0.5, 10)  # half-widths, of NAV and of the target
HORIZONS, SCALES = np.geomspace(0.02, 2.0, 10), np.geomspace(0.05, 2.0, 10)  # years; of g
TUNED, INSIDE = "bands to their edge, tuned", "bands to inside, tuned"
TICKET, LEAST = 1e-5, (0.002, 0.005, 0.01, 0.02)  # of the first NAV: a ticket; a trade that is not sent if smaller
LINES: tuple[Literal["all", "breaching"], ...] = ("all", "breaching")
NO_TRADE = 1e6  # terms of J of a rule whose trades the accounting refuses
WIDE, WITHIN = np.geomspace(0.1, 1.0, 10), (0.0, 0.25, 0.5)  # of the target; of the band: where a trade ends


def clustered(seed: int, alone: bool = False) -> SimulatedMarket:
    """A random market: correlations of 0.8 within a cluster and 0 to 0.3 beyond it, or 0 to 0.3 of all two assets."""
    rng = np.random.default_rng([9, seed])
    n, clusters, beyond = int(rng.choice([10, 20])), int(rng.integers(2, 5)), float(rng.uniform(0.0, 0.3))
    of = np.arange(n) % clusters
    alike = np.where((of[:, None] == of) & (not alone), 0.8, beyond)
    np.fill_diagonal(alike, 1.0)
    volatility, cost = (np.exp(rng.uniform(np.log(a), np.log(b), n)) for a, b in ((0.1, 0.3), (2e-4, 2e-3)))
    target = rng.dirichlet(np.full(n, 8.0))
    return SimulatedMarket(
        tuple(target), (0.05,) * n, tuple(volatility), tuple(map(tuple, alike.tolist())), tuple(cost)
    )


def rules(market: SimulatedMarket, training: Laboratory) -> dict[str, Rule]:
    """The rules by name; of those that are tuned, the one that loses least on the paths of `training`."""
    hold, year = market.holding, float(WEEKS)
    known: dict[str, Any] = {"covariance": market.covariance.tolist(), "periods_per_year": year}
    kinds: list[tuple[Any, Array]] = [("absolute", BANDS), ("relative", SHARES)]
    tried: dict[str, list[Rule]] = {
        TUNED: [Threshold(hold, float(b), "edge", kind=kind) for kind, bands in kinds for b in bands],
        "boxes of the closed form, g tuned": [NoTradeRegion(hold, 5.0 * float(s), **known) for s in SCALES],
        "best point, horizon tuned": [BestPoint(hold, 5.0, float(h), schedule="day", **known) for h in HORIZONS],
        "boxes of the closed form": [NoTradeRegion(hold, **known)],
        "pair region, correlations estimated": [PairRegion(hold, returns=2 * WEEKS, periods_per_year=year)],
    }
    for power, scale in product((0.0, 0.25, 0.5), (1.0, 2.0)):
        tried[f"pair region, power {power:g}, {scale:g} g"] = [PairRegion(hold, 5.0 * scale, power, **known)]
    return least_of(tried, training)


def least_of(tried: dict[str, list[Rule]], training: Laboratory) -> dict[str, Rule]:
    """Of each family the rule that loses least on the paths of `training`."""
    return {name: min(some, key=lambda rule: play(training, rule).loss.mean()) for name, some in tried.items()}


def rules_with_tickets(market: SimulatedMarket, training: Laboratory) -> dict[str, Rule]:
    """The same of a market in which an order has a ticket."""
    hold = market.holding
    known: dict[str, Any] = {"covariance": market.covariance.tolist(), "periods_per_year": float(WEEKS)}
    tried: dict[str, list[Rule]] = {
        INSIDE: [
            Threshold(hold, float(b), Within(float(b * part)) if part else "target", kind="relative", lines=lines)
            for b, part, lines in product(WIDE, WITHIN, LINES)
        ],
        TUNED: [Threshold(hold, float(b), "edge", kind="relative") for b in WIDE],
        "cost against benefit, tuned": [CostBenefit(hold, 5.0, float(h), **known) for h in HORIZONS],
    }
    for scale in (1.0, 2.0):
        tried[f"pair region, {scale:g} g"] = [PairRegion(hold, 5.0 * scale, **known)]
    return least_of(tried, training)


def measured(market: SimulatedMarket, seed: int, ticket: float = 0.0) -> dict[str, tuple[float, float]]:
    """(J in bp a year, orders a year) of each rule of a market; paths have this seed, those of training the next."""
    costs = Costs(market.costs, np.zeros(len(market.target)), ticket=np.full(len(market.target), ticket))
    laboratory, training = (replace(market.laboratory(PATHS, 2 * seed + k), costs=costs) for k in (0, 1))
    found = {}
    for name, rule in (rules_with_tickets if ticket else rules)(market, training).items():
        orders = [laboratory.backtest(rule, k).counted.sum() / (YEARS + WARM_UP) for k in range(COUNTED)]
        found[name] = float(play(laboratory, rule).loss.mean()), float(np.mean(orders))
    return found


def over(found: list[dict[str, tuple[float, float]]], name: str, figure: int, other: str) -> str:
    """The geometric mean of a rule's figure over that of the other, a market each, with its 95 % interval."""
    one = estimate(np.log([market[name][figure] / market[other][figure] for market in found]))
    return "{:.3f} [{:.3f}, {:.3f}]".format(*np.exp([one.value, one.lower, one.upper]))


def embedded(name: str) -> dict[str, tuple[float, float]]:
    """In the market of a portfolio with tickets: J of tuned bands and its error, and of other rules the difference."""
    file = load_portfolio(f"data/portfolios/{name}.yaml")
    market, held, penalty = file.market, file.strategic, file.tracking_penalty
    rates = file.costs.simplified(market, 1.0) if file.costs.needs_market else file.costs
    costs, targets = replace(rates, ticket=np.full(len(market.assets), TICKET)), target_path(held, market)
    kinds: list[tuple[Any, Array]] = [
        ("absolute", np.geomspace(0.01, 0.15, 8)),
        ("relative", np.geomspace(0.1, 0.9, 8)),
    ]
    bands = [
        Threshold(held, float(b), to, kind=kind, lines=lines)
        for kind, some in kinds
        for b in some
        for to in ("target", "edge", Within(float(b / 4)), Within(float(b / 2)))
        for lines in LINES
    ]

    def terms(rule: Rule, least: float = 0.0) -> Array:
        start, execution = market.dates[YEAR + 1], Execution(minimum_trade=least)
        try:
            one = backtest(market, rule, costs, targets=targets, start=start, execution=execution)
        except PolicyError:
            return np.full(len(market.dates) - YEAR - 1, NO_TRADE)
        return losses(one, Benchmark.of(one, penalty))

    found = {
        FIXED: np.array([terms(rule) for rule in bands]),
        "bands and a minimum trade, tuned": np.array([terms(rule, least) for rule in bands for least in LEAST]),
        "cost against benefit, tuned": np.array([terms(CostBenefit(held, penalty, float(h))) for h in HORIZONS]),
        "pair region": np.array([terms(PairRegion(held, penalty))]),
    }
    days = found[FIXED].shape[1]
    daily = out_of_sample(found, list(range(days - FOLD * (days // FOLD - 1), days, FOLD)))
    apart = {rule: each - daily[FIXED] if rule != FIXED else each for rule, each in daily.items()}
    return {rule: (float(x.mean()), float(np.sqrt(long_run_variance(x) / len(x)))) for rule, x in apart.items()}


def main() -> None:
    """Clustered markets, the same ones without clusters, and clustered ones with tickets."""
    print(f"{machine()}; {versions('numpy', 'numba')}")
    tickets = np.exp(np.random.default_rng(10).uniform(np.log(5e-6), np.log(1e-4), MARKETS))
    for title, other, alone, fees in (
        (f"{MARKETS} markets of clusters", TUNED, False, np.zeros(MARKETS)),
        ("the same without clusters", TUNED, True, np.zeros(MARKETS)),
        ("markets of clusters, each order with a ticket", INSIDE, False, tickets),
    ):
        found = [measured(clustered(k, alone), k, float(fees[k])) for k in range(MARKETS)]
        rows = [
            (name, *(over(found, name, figure, other) for figure in (0, 1)),
             f"{sum(one[name][0] < one[other][0] for one in found)}")
            for name in found[0]
        ]  # fmt: skip
        show(title, ("", f"J over {other}", "orders over theirs", "less J in"), rows)
        kept = f"pair_region{'_without' * alone}{'_tickets' * bool(fees.any())}"
        keep(kept, {"versions": versions("numpy", "numba"), "found": found})
    real = {name: embedded(name) for name in PORTFOLIOS}
    lines = [
        (rule, *(f"{of[rule][0]:+.2f} ± {LEVEL * of[rule][1]:.2f}" for of in real.values()))
        for rule in next(iter(real.values()))
    ]
    show("J of tuned bands with tickets, and of others less it, bp a year, out of sample", ("", *real), lines)
    keep("pair_region_real", {"mean_and_error": real})


if __name__ == "__main__":
    main()
