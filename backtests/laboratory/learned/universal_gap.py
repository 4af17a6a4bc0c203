"""The universal policy in markets that it was not trained on: its gap to the optimum, or to a bound from below.

Weekly decisions at the close that is seen. Each market has its own paths; three years are played before the ten that
count. Each asset has a cost of its own. The optimum is known of one or two assets beside cash, of two or three without.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.inference.estimates import Estimate
from backtests.laboratory.simulate import play, ratio
from backtests.laboratory.simulated_market import SimulatedMarket
from backtests.laboratory.universal import lines_in, losses_of_bands
from foundation.arrays import Array
from research.learning.universal.rule import Trained
from research.rules import OptimalRegion, Rule

GAP_SEED = 77
MARKET_KINDS = {  # (assets, without cash) by name
    "1 asset and cash": (1, False),
    "2 assets and cash": (2, False),
    "2 assets, no cash": (2, True),
    "3 assets, no cash": (3, True),
}
LINE_COUNTS = (5, 10, 20, 30)
CLOSED = "closed form"


def simulated_markets(count: int) -> list[SimulatedMarket]:
    """Random markets whose optimum is known, for each of `MARKET_KINDS` in turn.

    Volatility is 8 to 60 %, correlation of any two -0.5 (of three assets -0.4) to 0.9, the cost of each asset 1 to 50
    bp, tracking penalty 1 to 20.
    """
    rng, kinds = np.random.default_rng(GAP_SEED), list(MARKET_KINDS.values())
    return [_drawn(rng, *kinds[k % len(kinds)]) for k in range(count)]


def markets_of_many_lines(count: int) -> list[SimulatedMarket]:
    """Random markets of `LINE_COUNTS` assets in turn, without cash; else like the others, with correlations above 0."""
    rng = np.random.default_rng([GAP_SEED, 1])
    return [_drawn(rng, LINE_COUNTS[k % len(LINE_COUNTS)], whole=True) for k in range(count)]


def market_kind(market: SimulatedMarket) -> str:
    """The name among `MARKET_KINDS` of a market's kind, or its number of assets."""
    kind = (len(market.target), market.is_whole)
    return next(
        (name for name, known in MARKET_KINDS.items() if known == kind), f"{len(market.target)} assets, no cash"
    )


def _drawn(rng: np.random.Generator, n: int, whole: bool) -> SimulatedMarket:
    target = rng.dirichlet(np.full(n, 3.0)) if n > 1 else np.ones(1)
    target = target if whole else rng.uniform(0.1, 0.9) * target
    volatility, cost = (np.exp(rng.uniform(np.log(a), np.log(b), n)) for a, b in ((0.08, 0.6), (1e-4, 5e-3)))
    correlation = float(rng.uniform({1: 0.0, 2: -0.5, 3: -0.4}.get(n, 0.0), 0.9)) if n > 1 else 0.0
    return SimulatedMarket(
        target=tuple(target.tolist()),
        mean=tuple((0.25 * volatility).tolist()),
        volatility=tuple(volatility.tolist()),
        correlation=correlation,
        cost=tuple(cost.tolist()),
        tracking_penalty=float(np.exp(rng.uniform(0.0, np.log(20.0)))),
    )


def gap(
    market: SimulatedMarket, policy: Trained, paths: int, seed: int, beside: Mapping[str, Rule] | None = None
) -> dict[str, float]:
    """The relative gap of J to the optimum in one market, or to the lower bound where no optimum is known, by rule.

    Keys are "universal" for the network, "error" for its standard error over paths, CLOSED for the closed-form widths
    in the same boxes, and the names of the other rules.
    market : the simulated market.
    policy : the network.
    paths  : number of paths.
    seed   : seed of the paths.
    beside : other rules by name.
    """
    laboratory, lines = market.laboratory(paths, seed), lines_in(market)
    if market.has_optimum:
        best = play(laboratory, OptimalRegion(market.holding, market.region())).loss
    else:
        best = np.full(paths, market.lower_bound())
    over, plain = (ratio(losses_of_bands(laboratory, lines, one), best) for one in (policy, None))
    others = {name: ratio(play(laboratory, rule).loss, best).value for name, rule in (beside or {}).items()}
    return {"universal": over.value, "error": over.error, CLOSED: plain.value, **others}


def median(values: Array | pd.Series) -> Estimate:
    """The median of values (markets,), in their own unit, and its 95 % bounds by bootstrap."""
    from scipy.stats import bootstrap

    found = np.asarray(values)
    drawn = bootstrap((found,), np.median, method="percentile", rng=np.random.default_rng(1)).confidence_interval
    return Estimate(float(np.median(found)), float(drawn.low), float(drawn.high), 0.95)
