"""The share of days on which regime models name the wrong state, in markets whose states are known.

A two-state Markov chain sets the volatility of each day, and nothing else. Each model is fitted to the first half of
the days and asked on each day of the second, of the returns up to that day. The filter that knows the law has the
least error that is possible.
"""

import numpy as np

from benchmarks.timing import keep, show
from foundation.arrays import Array
from research.forecast import JumpModel, MarkovRegimes, MarkovSwitching
from research.forecast.regimes.protocol import FittedRegimes
from research.risk import RegimeSwitching, simulated_market

SEEDS, DAYS, YEAR = 20, 3_000, 252.0
WORLDS = {  # deviations of a day's return, and mean days in each state
    "0.6 and 2 %, 50 days each": ((0.006, 0.02), (50, 50)),
    "0.6 and 2 %, 125 days each": ((0.006, 0.02), (125, 125)),
    "0.6 and 2 %, 100 and 33 days": ((0.006, 0.02), (100, 33)),
    "0.8 and 1.6 %, 50 days each": ((0.008, 0.016), (50, 50)),
}
MODELS = ("the filter of the true law", "markov", "jump")


def errors(deviations: tuple[float, float], days: tuple[int, int]) -> Array:
    """(seeds, 3) share of days of the second half on which each model is wrong."""
    calm, turbulent = 1.0 / np.array(days)
    moves = ((1.0 - calm, calm), (turbulent, 1.0 - turbulent))
    world = RegimeSwitching(np.zeros((2, 1)), YEAR * np.square(deviations)[:, None, None], np.array(moves), YEAR)
    half, found = DAYS // 2, np.empty((SEEDS, len(MODELS)))
    for seed in range(SEEDS):
        market, state = simulated_market(world, days=DAYS, seed=seed), world.regimes(1, DAYS, seed=seed)[0]
        past = market.past(half)
        law = MarkovRegimes("S1", (0.0, 0.0), deviations, moves, past.date)
        models: tuple[FittedRegimes, ...] = (law, MarkovSwitching("S1").fit(past), JumpModel("S1").fit(past))
        for k, fitted in enumerate(models):
            known = fitted.probabilities(market.past(DAYS)).argmax(axis=1)
            found[seed, k] = np.mean(known[half:] != state[half:])
    return found


def main() -> None:
    """Measure, print, and keep."""
    found = {name: errors(*world) for name, world in WORLDS.items()}
    show(
        f"Days in the wrong state, %: mean (and largest) of {SEEDS} markets of {DAYS:,} days",
        ("", *MODELS),
        [
            (name, *(f"{mean:.1f} ({most:.0f})" for mean, most in zip(100 * e.mean(0), 100 * e.max(0), strict=True)))
            for name, e in found.items()
        ],
        ["fitted to the first half, asked on each day of the second"],
    )
    keep("planted_regimes", {name: dict(zip(MODELS, e.mean(0).tolist(), strict=True)) for name, e in found.items()})


if __name__ == "__main__":
    main()
