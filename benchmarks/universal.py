"""The gap of the universal policy to the optimum in two hundred unseen markets, to a bound in others; and its speed.

One asset or two beside cash, two or three without, where the optimum is known; five to thirty without, against a bound
from below. Each asset has a cost of its own. Weekly decisions at the close that is seen. All rules of a
market are played on the same paths, of which three years go before the ten that count; no two markets have the same.
Bands are tuned on paths of their own.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from backtests.laboratory.learned.universal_gap import (
    MARKET_KINDS,
    gap,
    market_kind,
    markets_of_many_lines,
    median,
    simulated_markets,
)
from backtests.laboratory.simulate import play
from backtests.laboratory.simulated_market import WEEKS, SimulatedMarket
from backtests.laboratory.universal import lines_in
from benchmarks.timing import keep, machine, show, take_turns, versions
from foundation.arrays import Array
from foundation.threads import one_thread
from research.accounting import Costs, View
from research.allocation import FixedWeights
from research.learning import Universal
from research.learning.universal.rule import trained
from research.market import Market, instruments_table
from research.risk.decomposition.ex_ante import covariance_of
from research.rules import BestPoint, NoTradeRegion, Rule, Threshold

MARKETS, LARGE, PATHS = 200, 12, 100  # markets with an optimum, markets of many assets, paths of each
AIM = 0.05  # above the optimum
BANDS = np.geomspace(0.1, 4.0, 14)  # half-widths that are tried, over the mean closed-form one
HORIZONS = np.geomspace(0.02, 4.0, 14)  # years


def tuned(market: SimulatedMarket, paths: int, seed: int, make: Callable[[float], Rule], settings: Array) -> Rule:
    """The rule of a family that loses least on paths of their own."""
    laboratory = market.laboratory(paths, seed)
    found = [float(play(laboratory, make(float(x))).loss.mean()) for x in settings]
    return make(float(settings[int(np.argmin(found))]))


def rivals(market: SimulatedMarket, paths: int, seed: int) -> dict[str, Rule]:
    """The rules beside it, tuned on paths of this seed."""
    known = {
        "covariance": market.covariance.tolist(),
        "periods_per_year": float(WEEKS),
        "tracking_penalty": market.tracking_penalty,
    }
    width, hold = float(lines_in(market).half_width.mean()), market.holding
    bands = np.minimum(BANDS * width, 0.99)
    return {
        "closed form, narrowed, cash held as well": NoTradeRegion(hold, **known),  # type: ignore[arg-type]
        "quadratic destination, tuned": tuned(
            market, paths, seed, lambda years: BestPoint(hold, schedule="day", horizon=years, **known), HORIZONS
        ),
        "threshold to edge, tuned": tuned(market, paths, seed, lambda band: Threshold(hold, band, "edge"), bands),
        "threshold to target, tuned": tuned(market, paths, seed, lambda band: Threshold(hold, band), bands),
    }


def fifty() -> tuple[View, Universal, tuple[Array, ...]]:
    """A close of fifty assets with ten years behind it, the rule, and what its network is given."""
    rng, n, days = np.random.default_rng(1), 50, 2520
    names = tuple(f"L{i:02}" for i in range(n))
    dates = np.arange(np.datetime64("2010-01-01"), np.datetime64("2024-01-01"))
    dates, shape = dates[np.is_busday(dates)][:days], (days, n)
    returns = rng.normal(0.0, 0.008, (days, 1)) + rng.normal(0.0, 0.012, shape)
    market = Market(
        pd.DatetimeIndex(dates), names, returns, np.ones(shape, dtype=bool), np.zeros(days),
        instruments_table(names), np.full(shape, np.nan), calendar="24/5", name="fifty",
    )  # fmt: skip
    last = int(np.flatnonzero(market.dates.weekday == 4)[-1])
    target, costs = np.full(n, 0.019), Costs.bps(n, commission=5)
    weights = target * rng.uniform(0.8, 1.2, n)
    view = View(market.past(last), target, weights, float(1.0 - weights.sum()), 1.0, np.ones(9), 5, costs)
    covariance = covariance_of(view.past, 252, 252.0)
    return view, Universal(FixedWeights(tuple(target))), (target, weights, covariance, costs.total)


def summed(found: list[dict[str, float]], name: str) -> tuple[str, ...]:
    """Median, its 95 % interval over markets, the worst, and how many are past the aim."""
    values = np.array([one[name] for one in found])
    above = median(values)
    past = int((values > AIM).sum())
    return (
        name,
        f"{above.value:+.1%} [{above.lower:+.1%}, {above.upper:+.1%}]",
        f"{values.max():+.1%}",
        f"{past} of {len(values)}",
    )


def main() -> None:
    """Judged, timed, shown."""
    print(f"{machine()}; {versions('numpy', 'numba', 'torch')}")
    policy = trained()
    markets, large = simulated_markets(MARKETS), markets_of_many_lines(LARGE)
    with one_thread():
        found, bounded = (
            [gap(market, policy, PATHS, 2 * k, rivals(market, PATHS // 2, 2 * k + 1)) for k, market in enumerate(drawn)]
            for drawn in (markets, large)
        )
    error = float(np.median([one["error"] for one in found]))
    show(
        f"Above the optimum of {MARKETS} unseen markets of one to three assets",
        ("", "median", "worst", f"more than {AIM:.0%} above"),
        [summed(found, name) for name in found[0] if name != "error"],
        [
            f"{PATHS} paths of ten years a market; brackets: 95 % over markets; standard error of one market's gap "
            f"{error:.1%}",
            "the optimum knows the growth of each asset as well, the others only risk and cost",
        ],
    )
    pairs = list(zip(found, map(market_kind, markets), strict=True))
    kinds = {kind: [one for one, of in pairs if of == kind] for kind in MARKET_KINDS}
    show(
        "The universal policy by kind of market",
        ("", "median", "worst", f"more than {AIM:.0%} above"),
        [(kind, *summed(part, "universal")[1:]) for kind, part in kinds.items()],
    )
    show(
        f"Above a bound from below, in {LARGE} unseen markets of five to thirty assets",
        ("", "median", "worst", f"more than {AIM:.0%} above"),
        [summed(bounded, name) for name in bounded[0] if name != "error"],
    )
    view, rule, given = fifty()
    spent = take_turns(
        {"network": lambda: policy.widths(*given, 5.0, 1 / 52), "decision": lambda: rule.decide(view)}, rounds=5
    )
    rows = [(name, f"{1e3 * spent.median(name):.2f}", "1.00" if name == "network" else "") for name in spent.seconds]
    show("Fifty assets, milliseconds", ("", "measured", "aim"), rows, ["a decision estimates the covariance besides"])
    facts = {name: [one[name] for one in found] for name in found[0]}
    seconds = {name: spent.median(name) for name in spent.seconds}
    used = versions("numpy", "numba", "torch")
    keep("universal", {"versions": used, "gaps": facts, "large": bounded, "seconds": seconds})


if __name__ == "__main__":
    main()
