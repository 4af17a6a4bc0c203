"""Bands where volatility clusters: constant ones, ones that breathe with it, and shipped rules by their windows.

    python -m benchmarks.clustered_volatility [PATHS]

GARCH(1,1) markets in days, at the close that is seen, 10 bp a side on average: one asset beside cash, whose gap and
tracking error one variance scales, and three assets without cash, of which each has its own variance. Bands breathe
with the variance of the next day, which is known. Costs are constant, or half-spreads in proportion to volatility. All
rules of a column have the same paths; every rule is tuned by one factor, on paths of another seed.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from backtests.laboratory.simulate import ratio
from backtests.laboratory.simulated_market import THREE, SimulatedMarket
from benchmarks.timing import keep, machine, show, versions
from foundation.arrays import Array, kept
from research.accounting import Costs, Hold, Trade, View
from research.allocation import FixedWeights, TargetPath
from research.market import Market
from research.risk.measures import TRACKING_PENALTY
from research.risk.simulation.models import Garch
from research.risk.simulation.simulated import simulated_market
from research.rules import BestPoint, NoTradeRegion, PairRegion, Rule, Threshold
from research.rules.bands import band_rows
from research.rules.no_trade_bands import NoTradeBands
from research.rules.protocol import CompiledRule

DAYS, YEARS, WARM_UP, PATHS, TRAINING = 252, 12, 6, 60, 15
COST, BAND = 1e-3, 0.028  # a side, on average; half-width at a factor of 1, fraction of NAV
LAWS = {"0.05, 0.94": (0.05, 0.94), "0.10, 0.88": (0.10, 0.88)}  # alpha, beta
POWERS = (0.0, -1 / 3, 1 / 3, 2 / 3, 1.0)
FACTORS = tuple(np.geomspace(0.4, 2.5, 9).tolist())
WINDOWS = (21, 63, 252, 1_008)
CONSTANT = "constant bands"
ONE = SimulatedMarket((0.6,), (0.05,), (0.16,), 0.0, COST)
Rules = Mapping[str, list[Rule]]


@dataclass(frozen=True, eq=False)
class Breathing(CompiledRule):
    """A band to its edge whose half-width goes with a power of the volatility of the next day.

    band : half-width at the mean variance, fraction of NAV.  power : exponent of volatility.  law : the model.
    """

    allocation: FixedWeights
    band: float
    power: float
    law: Garch

    def decide(self, view: View) -> Hold | Trade:
        """Refuse: it is played as arrays."""
        raise NotImplementedError

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        """The rule as arrays: a row for each day."""
        days = len(market.dates)
        widths = self.band * variances(market, self.law)[:, :1] ** (0.5 * self.power)
        rows: dict[str, Any] = band_rows(np.repeat(targets.rows[:1], days, axis=0), widths, widths)
        return NoTradeBands(np.ones(days, dtype=bool), np.arange(days), **rows, fraction=1.0, trigger="band")


def variances(market: Market, law: Garch) -> Array:
    """(T, n) variance of the next day over its mean, as the model has it from the returns until each day."""
    mean, stationary = law.mean / law.periods_per_year, np.diag(law.covariance) / law.periods_per_year

    def made() -> Array:
        excess, found = np.log1p(market.returns) - mean, np.ones((len(market.dates), len(mean)))
        news, weight = 1.0 - law.alpha - law.beta, law.alpha / stationary
        for t in range(1, len(found)):
            before = found[t - 1]
            found[t] = news + weight * (excess[t] + 0.5 * before * stationary) ** 2 + law.beta * before
        return found

    return kept(market, "variances over their mean", made)


def breathing(law: Garch) -> Rules:
    """Bands of one asset that breathe with each power of volatility."""
    names = {power: f"bands ∝ volatility^{power:.2f}" if power else CONSTANT for power in POWERS}
    return {names[p]: [Breathing(ONE.holding, f * BAND, p, law) for f in FACTORS] for p in POWERS}


def shipped() -> Rules:
    """A constant band of three assets, and the rules that use a covariance: estimated by each window, and known."""
    held = THREE.holding
    found: dict[str, list[Rule]] = {CONSTANT: [Threshold(held, f * BAND, "edge") for f in FACTORS]}
    given: dict[str, dict[str, Any]] = {f"{window} returns": {"returns": window} for window in WINDOWS}
    for name, known in (given | {"known": {"covariance": THREE.covariance.tolist()}}).items():
        found[f"no-trade region, {name}"] = [NoTradeRegion(held, 5.0 / f**3, **known) for f in FACTORS]
        found[f"pair region, {name}"] = [PairRegion(held, 5.0 / f**3, **known) for f in FACTORS]
        found[f"best point, {name}"] = [BestPoint(held, 5.0, 0.5 / f**3, schedule="day", **known) for f in FACTORS]
        if name != "known":
            found[f"volatility band, {name}"] = [
                Threshold(held, 12.0 * f * BAND, "edge", kind="volatility", **known) for f in FACTORS
            ]
    return found


def measured(law: Garch, rules: Rules, grow: float, count: int) -> dict[str, tuple[Array, float]]:
    """By rule, J (count,) of each path in bp a year, and the factor that lost least on the paths of training.

    law : the model.  rules : by name, with each factor.  grow : exponent with which costs go with volatility.
    """

    def loss_on(seed: int, path: int) -> Callable[[Rule], float]:
        market = simulated_market(law, DAYS * (YEARS + WARM_UP), seed, path)
        spread = variances(market, law) ** (0.5 * grow)
        costs = Costs(np.zeros(len(law.mean)), COST * spread / spread.mean(axis=0) if grow else COST * spread[0])

        def loss(rule: Rule) -> float:
            made = backtest(market, rule, costs, lag=0, start=market.dates[DAYS * WARM_UP])
            return float(losses(made, Benchmark.of(made, TRACKING_PENALTY)).mean())

        return loss

    training = [
        [[loss(rule) for rule in of_name] for of_name in rules.values()]
        for loss in (loss_on(2, path) for path in range(TRAINING))
    ]
    best = np.mean(training, axis=0).argmin(axis=1)
    chosen = [of_name[k] for of_name, k in zip(rules.values(), best.tolist(), strict=True)]
    found = np.array([[loss(rule) for rule in chosen] for loss in (loss_on(1, path) for path in range(count))])
    return {name: (found[:, k], FACTORS[best[k]]) for k, name in enumerate(rules)}


def cell(loss: Array, base: Array) -> str:
    """J of constant bands, or what another rule loses over it, per cent, with its 95 % interval."""
    if loss is base:
        return f"{loss.mean():.2f} bp"
    over = ratio(loss, base)
    return f"{over.value:+.1%} [{over.lower:+.1%}, {over.upper:+.1%}]"


def main(count: int = PATHS) -> None:
    """Print J of constant bands, and of the others over it; keep them."""
    print(f"{machine()}; {versions('numpy', 'numba')}")
    for title, market in (("one asset beside cash", ONE), ("three assets", THREE)):
        columns = {}
        for grow, cost in ((0.0, "constant cost"), (1.0, "cost ∝ volatility")):
            for name, (alpha, beta) in LAWS.items():
                news, old = (np.full(len(market.mean), weight) for weight in (alpha, beta))
                law = Garch(np.array(market.mean), market.covariance, news, old, DAYS)
                rules = breathing(law) if market is ONE else shipped()
                columns[f"{cost}, {name}"] = measured(law, rules, grow, count)
        rows = [
            (k, *(cell(of[k][0], of[CONSTANT][0]) for of in columns.values())) for k in next(iter(columns.values()))
        ]
        tried = f"{count} paths of {YEARS} years; {len(FACTORS)} factors of each rule tried on {TRAINING} others"
        show(f"J in {title}: of constant bands, and of others over it", ("", *columns), rows, [tried])
        facts = {c: {k: (j.mean(), f) for k, (j, f) in of.items()} for c, of in columns.items()}
        keep(f"clustered_volatility_{len(market.mean)}", {"loss_and_factor": facts})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
