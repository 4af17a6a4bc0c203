"""Filtered probabilities of regimes over 8,300 days, against statsmodels' filter of the same law.

The law is stated, so that filters are timed and no fit. Before a clock starts, all probabilities are compared. A fit
is timed beside it, ours (EM from five starts) against statsmodels' (one start, its own).
"""

import warnings
from collections.abc import Callable

import numpy as np

from benchmarks.timing import keep, show, take_turns, versions
from foundation.arrays import Array
from research.forecast import MarkovRegimes, MarkovSwitching
from research.market import Past
from research.market.reading.embedded import load_market

OURS, PEER = "ours", "statsmodels"
DAYS, ROUNDS, SAME, AIM = 8_300, 7, 1e-12, 30.0  # of a probability; ms
LAWS = {
    2: ((0.0007, -0.0010), (0.007, 0.020), ((0.99, 0.01), (0.03, 0.97))),
    3: ((0.0009, 0.0, -0.002), (0.006, 0.012, 0.03), ((0.98, 0.02, 0.0), (0.02, 0.97, 0.01), (0.0, 0.04, 0.96))),
    4: (
        (0.001, 0.0003, -0.0005, -0.003),
        (0.005, 0.009, 0.015, 0.04),
        ((0.97, 0.03, 0.0, 0.0), (0.02, 0.96, 0.02, 0.0), (0.0, 0.03, 0.96, 0.01), (0.0, 0.0, 0.05, 0.95)),
    ),
}


def main() -> None:
    """Compare the probabilities, take turns, print the tables, and keep them."""
    market = load_market("sp500_20")
    returns: Array = market.returns[1 : DAYS + 1].mean(axis=1)
    times, apart = {}, 0.0
    for k, law in LAWS.items():
        ours, theirs = filters(MarkovRegimes("all", *law, market.dates[-1]), returns)
        apart = max(apart, float(np.abs(ours() - theirs()).max()))
        assert apart < SAME, f"probabilities of {k} states differ by {apart:.1e}."
        times[k] = take_turns({OURS: ours, PEER: theirs}, ROUNDS)
    fits = take_turns(fitters(market.past(len(market.dates) - 1)), 3)
    show(
        f"Filtered probabilities of {len(returns):,} days, ms",
        ("", *(f"{k} states" for k in times)),
        [(name, *(f"{1e3 * t.median(name):.2f}" for t in times.values())) for name in (OURS, PEER)],
        [f"processor time; medians of {ROUNDS} rounds in which both take turns; aim {AIM:g}",
         f"a fit of two states: {fits.median(OURS):.2f} s, and {fits.median(PEER):.2f} s"],
    )  # fmt: skip
    keep(
        "regimes",
        {
            "versions": versions("numpy", "numba", "statsmodels"),
            "median_ms": {k: {name: 1e3 * t.median(name) for name in t.seconds} for k, t in times.items()},
            "aim_ms": AIM,
            "fit_seconds": {name: fits.median(name) for name in fits.seconds},
            "largest_difference_of_probabilities": apart,
        },
    )


def filters(law: MarkovRegimes, returns: Array) -> tuple[Callable[[], Array], Callable[[], Array]]:
    """Both filters of a law, ready to be called; probabilities (T, k)."""
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    k = len(law.means)
    peer = MarkovRegression(returns, k_regimes=k, switching_variance=True)
    numbers = {f"p[{i}->{j}]": law.transition[i][j] for i in range(k) for j in range(k - 1)}
    numbers |= {f"const[{j}]": law.means[j] for j in range(k)}
    numbers |= {f"sigma2[{j}]": law.deviations[j] ** 2 for j in range(k)}
    given = np.array([numbers[name] for name in peer.param_names])
    return lambda: law.filtered(returns), lambda: peer.filter(given).filtered_marginal_probabilities


def fitters(past: Past) -> dict[str, Callable[[], object]]:
    """Both fits of two states to all returns of the first asset."""
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    scaled = past.returns[1:, 0] / past.returns[1:, 0].std()

    def statsmodels() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MarkovRegression(scaled, k_regimes=2, switching_variance=True).fit(disp=False)

    return {OURS: lambda: MarkovSwitching(past.assets[0]).fit(past), PEER: statsmodels}


if __name__ == "__main__":
    main()
