"""The rank correlation with later returns that boosted trees recover, in markets with a planted signal, and in noise.

Twenty assets have a common factor and normal returns of their own; three facts by date wander with a half-life of 44
sessions, and one or two of them forecast returns. Trees are fitted to the first ten years, and asked each 21 sessions
of the next four, as they would be used: where they are not trusted, they recover nothing. Beside the rank correlation
of what they add to an asset's expected return stands that of the planted signal itself. In noise, fits that trust their
trees are false claims.
"""

import time
from typing import Literal

import numpy as np
import pandas as pd

from benchmarks.timing import keep, show
from foundation.arrays import Array
from research.forecast import Boosted
from research.forecast.predicted import returns_after
from research.forecast.skill import rank_correlations
from research.market import Market
from research.market.market import instruments_table

Kind = Literal["linear", "interaction", "decaying", "by regime", "noise"]
KINDS: tuple[Kind, ...] = ("linear", "interaction", "decaying", "by regime")
ASSETS, FIT, LATER, HORIZON, SEEDS, NOISES = 20, 2_520, 1_008, 21, 20, 200
WANDER = 1.0 - 1.0 / 63.0  # of a fact from one session to the next
IC = 0.136  # correlation of the signal with the outcome: a rank correlation of 0.13
COMMON = 0.7  # of the shocks of all assets, in standard deviations of an asset's own


def planted(kind: Kind, seed: int, assets: int = ASSETS, days: int = FIT + LATER) -> tuple[Market, Array]:
    """A market with three facts, and the signal (T, n) that forecasts its returns, with a correlation of `IC`."""
    rng = np.random.default_rng(seed)
    facts = np.empty((3, days, assets))
    facts[:, 0] = rng.standard_normal((3, assets))
    for t in range(1, days):
        facts[:, t] = WANDER * facts[:, t - 1] + (1.0 - WANDER**2) ** 0.5 * rng.standard_normal((3, assets))
    turbulent = np.cumsum(rng.random(days) < 1.0 / 125.0) % 2 == 1
    level = {
        "linear": np.ones(days), "interaction": np.ones(days), "noise": np.zeros(days),
        "decaying": 2.0 * 0.5 ** (np.arange(days) / FIT), "by regime": np.where(turbulent, 2.0, 0.0),
    }[kind]  # fmt: skip
    signal = facts[0] * (2.0**0.5 * (facts[1] > 0.0) if kind == "interaction" else 1.0) * level[:, None]
    reach = HORIZON**0.5 / ((1.0 - WANDER**HORIZON) / (1.0 - WANDER))  # of a session's signal to the horizon's
    volatility = np.where(turbulent, 0.018, 0.009)[:, None] * np.linspace(0.7, 1.3, assets)
    shocks = rng.standard_normal((days, assets)) + COMMON * rng.standard_normal((days, 1))
    returns = np.zeros((days, assets))
    returns[1:] = volatility[1:] * (shocks[1:] + IC * reach * signal[:-1])
    names = tuple(f"A{i:02d}" for i in range(assets))
    market = Market(
        pd.bdate_range("2005-01-03", periods=days), names, returns, np.ones((days, assets), dtype=bool),
        np.zeros(days), instruments_table(names), np.full((days, assets), np.nan), calendar="24/5",
        facts={f"f{i}": fact for i, fact in enumerate(facts)},
    )  # fmt: skip
    return market, signal


def recovered(model: Boosted, kind: Kind, seed: int) -> tuple[float, float, bool, float]:
    """Rank correlation of the planted signal and of the forecasts after the fit, trust above 0, seconds of the fit."""
    market, signal = planted(kind, seed)
    before = time.process_time()
    fitted = model.fit(market.past(FIT))
    seconds = time.process_time() - before
    last = market.past(len(market.dates) - 1)
    rows = np.arange(FIT, FIT + LATER - HORIZON, HORIZON)
    outcome = returns_after(last, rows, HORIZON)
    forecast = np.array([fitted.contributions(market.past(int(row))).sum(axis=1) for row in rows])
    there, ours = (float(np.nan_to_num(rank_correlations(each, outcome)).mean()) for each in (signal[rows], forecast))
    return there, ours, fitted.trust > 0.0, seconds


def called_skilled(model: Boosted, markets: int = NOISES) -> int:
    """The number of markets without a signal in which the trees are trusted."""
    pasts = (planted("noise", SEEDS + seed, days=FIT + 1)[0].past(FIT) for seed in range(markets))
    return sum(model.fit(past).trust > 0.0 for past in pasts)


def main() -> None:
    """Measure, print, and keep."""
    model = Boosted()
    found = {kind: np.mean([recovered(model, kind, k) for k in range(SEEDS)], axis=0).tolist() for kind in KINDS}
    false = called_skilled(model)
    show(
        f"rank correlation with returns of {HORIZON} sessions after the fit, mean of {SEEDS} markets",
        ("", "planted", "recovered", "fits trusted", "processor s a fit"),
        [(kind, *(f"{x:.3f}" for x in of)) for kind, of in found.items()],
        [f"in noise {false} of {NOISES} fits are trusted"],
    )
    keep("planted_signals", {"means": found, "trusted_in_noise": false, "markets_of_noise": NOISES})


if __name__ == "__main__":
    main()
