"""Worth of bands that adapt: against a fixed band that was tuned on the same training days, by J, out of sample.

    python -m benchmarks.adaptive_bands [WORLDS]

Every band and destination of a fixed band is tried with each shape of an adaptive one. Each is played once; the one of
the least J on the training days is judged by the days that follow: the second five years of a simulated world, or in an
embedded market each two years after all days before them. Differences are paired: between worlds, or between days with
the long-run variance of their mean. Nothing here was chosen by these figures.
"""

import sys
from collections.abc import Mapping

import numpy as np

from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from benchmarks.timing import keep, show
from foundation.arrays import Array
from research.accounting import Costs
from research.allocation import FixedWeights, target_path
from research.forecast import VolatilityPercentiles
from research.market import Market
from research.portfolio import load_portfolio
from research.risk.simulation.long_run_variance import long_run_variance
from research.risk.simulation.models import GBM, Garch, Model, RegimeSwitching
from research.risk.simulation.simulated import simulated_market
from research.rules import RegimeThreshold, Rule, Threshold
from research.rules.regime_threshold import AfterTrade
from research.rules.standard_rule import To

BANDS = tuple(round(float(b), 4) for b in np.geomspace(0.01, 0.08, 8))
TO: tuple[To, ...] = ("target", "edge")
AFTER, PLAIN, BOUNDS = AfterTrade(1.5, 10), (1.0, 1.0, 1.0), (0.005, 0.15)
SHAPES: Mapping[
    str, tuple[tuple[float, ...], float, AfterTrade | None]
] = {  # low, moderate, high; crisis; after a trade
    "wide when volatile and after trades, narrow in a crisis": ((0.75, 1.0, 1.5), 0.75, AFTER),
    "wide when volatile": ((0.75, 1.0, 1.5), 1.5, None),
    "narrow when volatile": ((1.25, 1.0, 0.75), 0.75, None),
    "wide after trades": (PLAIN, 1.0, AFTER),
}
ANY = "the best of these in training"
FIXED, YEARS, YEAR, FOLD, LEVEL = "fixed", 10, 252, 504, 1.96
WORLDS = 100
TARGET, COSTS, PENALTY = FixedWeights((0.5, 0.3, 0.2)), Costs.bps(3, commission=5), 5.0
VOLATILITY, CORRELATION = np.array([0.2, 0.1, 0.15]), 0.2 + 0.8 * np.eye(3)
PORTFOLIOS = ("global_multi_asset", "sixty_forty", "stocks_20")


def laws() -> dict[str, Model]:
    """Three assets of the same mean and about the same unconditional covariance, 252 days a year."""
    mean, covariance = np.array([0.06, 0.02, 0.04]), CORRELATION * np.outer(VOLATILITY, VOLATILITY)
    chain = np.array([[0.99, 0.01], [0.03, 0.97]])
    return {
        "constant volatility": GBM(mean, covariance, YEAR),
        "GARCH": Garch(mean, covariance, np.full(3, 0.09), np.full(3, 0.90), YEAR),
        "two regimes": RegimeSwitching(
            np.array([mean] * 2), np.array([0.5, 2.5])[:, None, None] * covariance, chain, YEAR
        ),
    }


def rules(held: FixedWeights, line: str) -> dict[str, list[Rule]]:
    """By shape, the rules of each band and destination."""
    found: dict[str, list[Rule]] = {FIXED: [Threshold(held, band, to) for band in BANDS for to in TO]}
    regimes = VolatilityPercentiles(line)
    for name, (factors, crisis, after) in SHAPES.items():
        found[name] = [
            RegimeThreshold(held, regimes, b, crisis * b, to, factors=factors, after_trade=after, bounds=BOUNDS)
            for b in BANDS
            for to in TO
        ]
    return found


def played(market: Market, held: FixedWeights, costs: Costs, penalty: float) -> dict[str, Array]:
    """By shape, (candidates, D) the daily terms of J of each rule, bp a year."""
    targets = target_path(held, market)
    line = market.assets[int(targets.rows[0].argmax())]
    found = {}
    for name, of_shape in rules(held, line).items():
        each = [backtest(market, rule, costs, targets=targets, start=market.dates[YEAR + 1]) for rule in of_shape]
        found[name] = np.array([losses(one, Benchmark.of(one, penalty)) for one in each])
    found[ANY] = np.concatenate([found[name] for name in SHAPES])
    return found


def out_of_sample(terms: Mapping[str, Array], starts: list[int]) -> dict[str, Array]:
    """By shape, (D',) the daily terms from the first of the `starts` on, of the rule with the least J before each."""
    days = next(iter(terms.values())).shape[1]
    chosen = {}
    for name, of_shape in terms.items():
        folds = zip(starts, [*starts[1:], days], strict=True)
        chosen[name] = np.concatenate([of_shape[of_shape[:, :a].mean(axis=1).argmin(), a:b] for a, b in folds])
    return chosen


def simulated(law: Model, worlds: int) -> dict[str, tuple[float, float]]:
    """J of the fixed band and its error, and by shape the difference from it, between worlds."""
    found = []
    for world in range(worlds):
        terms = played(simulated_market(law, YEARS * YEAR, seed=43, path=world), TARGET, COSTS, PENALTY)
        found.append({name: daily.mean() for name, daily in out_of_sample(terms, [YEARS * YEAR // 2 - YEAR]).items()})
    table = {name: np.array([each[name] for each in found]) for name in found[0]}
    apart = {name: each - table[FIXED] if name != FIXED else each for name, each in table.items()}
    return {name: (float(x.mean()), float(x.std(ddof=1) / np.sqrt(worlds))) for name, x in apart.items()}


def embedded(name: str) -> dict[str, tuple[float, float]]:
    """The same in the market of a portfolio, by days."""
    file = load_portfolio(f"data/portfolios/{name}.yaml")
    terms = played(file.market, file.strategic, file.costs, file.tracking_penalty)
    days = terms[FIXED].shape[1]
    daily = out_of_sample(terms, list(range(days - FOLD * (days // FOLD - 1), days, FOLD)))
    apart = {name: each - daily[FIXED] if name != FIXED else each for name, each in daily.items()}
    return {name: (float(x.mean()), float(np.sqrt(long_run_variance(x) / len(x)))) for name, x in apart.items()}


def main(worlds: int = WORLDS) -> None:
    """Print the table, and keep it."""
    found = {name: simulated(law, worlds) for name, law in laws().items()}
    found |= {name: embedded(name) for name in PORTFOLIOS}
    rows = [(FIXED, *(f"{of[FIXED][0]:.2f}" for of in found.values()))]
    for name in (*SHAPES, ANY):
        rows.append(
            (name, *(f"{mean:+.2f} ± {LEVEL * error:.2f}" for mean, error in (of[name] for of in found.values())))
        )
    tried = len(BANDS) * len(TO)
    notes = [
        f"tried in training: {tried} rules of each of {1 + len(SHAPES)} shapes; below zero: less is lost; ± 95 %",
        f"{worlds} worlds of each law; all days after the first of the embedded markets",
    ]
    title = "J of a tuned fixed band out of sample, and that of adaptive bands less it, bp a year"
    show(title, ("", *found), rows, notes)
    keep("adaptive_bands", {"worlds": worlds, "rules_of_a_shape": tried, "mean_and_error": found})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
