"""The rank correlation with later returns that boosted trees recover, in markets with a planted signal, and in noise.

Twenty assets have a common factor and normal returns of their own; three facts by date wander with a half-life of 44
sessions, and one or two of them forecast returns. Trees are fitted to the first ten years, and asked each 21 sessions
of the next four, as they would be used: where they are not trusted, they recover nothing. Beside the rank correlation
of what they add to an asset's expected return stands that of the planted signal itself. In noise, fits that trust their
trees are false claims.

A signal of the level is one fact that all assets share, and forecasts what they have in common. Its rank correlation is
that over days of the mean of all assets; of one series less is known, so that it is planted stronger, and in longer
pasts too.
"""

import time
from typing import Literal

import numpy as np
import pandas as pd

from benchmarks.timing import keep, show
from foundation.arrays import Array
from research.forecast import Boosted, FittedBoosted
from research.forecast.predicted import returns_after
from research.forecast.skill import rank_correlations
from research.market import Market, Past
from research.market.market import instruments_table

Kind = Literal["linear", "interaction", "decaying", "by regime", "level", "noise"]
KINDS: tuple[Kind, ...] = ("linear", "interaction", "decaying", "by regime")
ASSETS, FIT, LATER, HORIZON, SEEDS, NOISES = 20, 2_520, 1_008, 21, 20, 200
WANDER = 1.0 - 1.0 / 63.0  # of a fact from one session to the next
IC = 0.136  # correlation of the signal with the outcome: a rank correlation of 0.13
COMMON = 0.7  # of the shocks of all assets, in standard deviations of an asset's own
LEVELS = ((0.25, FIT), (0.4, FIT), (0.25, 2 * FIT), (0.4, 2 * FIT))  # correlation of a level, sessions of the fit


def planted(
    kind: Kind, seed: int, assets: int = ASSETS, days: int = FIT + LATER, strength: float = IC
) -> tuple[Market, Array]:
    """A market with three facts, and the signal (T, n) that forecasts its returns, with a correlation of `strength`."""
    rng = np.random.default_rng(seed)
    facts = np.empty((3, days, assets))
    facts[:, 0] = rng.standard_normal((3, assets))
    for t in range(1, days):
        facts[:, t] = WANDER * facts[:, t - 1] + (1.0 - WANDER**2) ** 0.5 * rng.standard_normal((3, assets))
    turbulent = np.cumsum(rng.random(days) < 1.0 / 125.0) % 2 == 1
    shared = (COMMON**2 + 1.0 / assets) ** 0.5  # standard deviation of the mean asset
    level = {
        "linear": np.ones(days), "interaction": np.ones(days), "noise": np.zeros(days), "level": np.full(days, shared),
        "decaying": 2.0 * 0.5 ** (np.arange(days) / FIT), "by regime": np.where(turbulent, 2.0, 0.0),
    }[kind]  # fmt: skip
    if kind == "level":
        facts[0] = facts[0, :, :1]
    signal = facts[0] * (2.0**0.5 * (facts[1] > 0.0) if kind == "interaction" else 1.0) * level[:, None]
    reach = HORIZON**0.5 / ((1.0 - WANDER**HORIZON) / (1.0 - WANDER))  # of a session's signal to the horizon's
    volatility = np.where(turbulent, 0.018, 0.009)[:, None] * np.linspace(0.7, 1.3, assets)
    shocks = rng.standard_normal((days, assets)) + COMMON * rng.standard_normal((days, 1))
    returns = np.zeros((days, assets))
    returns[1:] = volatility[1:] * (shocks[1:] + strength * reach * signal[:-1])
    names = tuple(f"A{i:02d}" for i in range(assets))
    market = Market(
        pd.bdate_range("2005-01-03", periods=days), names, returns, np.ones((days, assets), dtype=bool),
        np.zeros(days), instruments_table(names), np.full((days, assets), np.nan), calendar="24/5",
        facts={f"f{i}": fact for i, fact in enumerate(facts)},
    )  # fmt: skip
    return market, signal


def recovered(
    model: Boosted, kind: Kind, seed: int, fit: int = FIT, strength: float = IC
) -> tuple[float, float, bool, float]:
    """Rank correlation of the planted signal and of the forecasts after the fit, trust above 0, seconds of the fit."""
    market, signal = planted(kind, seed, days=fit + LATER, strength=strength)
    before = time.process_time()
    fitted = model.fit(market.past(fit))
    seconds = time.process_time() - before
    last = market.past(len(market.dates) - 1)
    rows = np.arange(fit, fit + LATER - HORIZON, HORIZON)
    outcome = returns_after(last, rows, HORIZON)
    head = fitted.level if kind == "level" and fitted.level else fitted.differences
    forecast = np.array([tilts(fitted, market.past(int(row)), head.features) for row in rows])
    tables = (signal[rows], forecast, outcome)
    if kind == "level":
        tables = tuple(table.mean(axis=1)[None] for table in tables)
    there, ours = (float(np.nan_to_num(rank_correlations(each, tables[2])).mean()) for each in tables[:2])
    return there, ours, (fitted.level_trust if kind == "level" else fitted.trust) > 0.0, seconds


def tilts(fitted: FittedBoosted, past: Past, names: tuple[str, ...]) -> Array:
    """(n,) expected return of each asset less its mean so far, as far as the features of a head contribute to it."""
    return np.asarray(fitted.contributions(past)[list(names)].sum(axis=1))


def called_skilled(model: Boosted, markets: int = NOISES) -> list[int]:
    """The number of markets without a signal in which the differences are trusted, and the level."""
    pasts = (planted("noise", SEEDS + seed, days=FIT + 1)[0].past(FIT) for seed in range(markets))
    fits = [model.fit(past) for past in pasts]
    return [sum(fit.trust > 0.0 for fit in fits), sum(fit.level_trust > 0.0 for fit in fits)]


def measured(model: Boosted) -> dict[str, dict[str, list[float]]]:
    """The means of all markets by their signal, and those of the level where the model forecasts it."""
    seeds = range(SEEDS)
    found = {kind: [recovered(model, kind, k) for k in seeds] for kind in KINDS}
    for strength, fit in LEVELS if model.level else ():
        name = f"level of {strength:.2f}, {fit // 252} years"
        found[name] = [recovered(model, "level", k, fit, strength) for k in seeds]
    return {name: np.mean(of, axis=0).tolist() for name, of in found.items()}


def main() -> None:
    """Measure, print, and keep."""
    models = {"trees": Boosted(level=True), "stacked": Boosted(stacked=True)}
    found = {name: (measured(model), called_skilled(model)) for name, model in models.items()}
    for name, (means, false) in found.items():
        show(
            f"{name}: rank correlation with returns of {HORIZON} sessions after the fit, mean of {SEEDS} markets",
            ("", "planted", "recovered", "fits trusted", "processor s a fit"),
            [(kind, *(f"{x:.3f}" for x in of)) for kind, of in means.items()],
            [f"in noise {false[0]} of {NOISES} fits are trusted in the differences, {false[1]} in the level"],
        )
    keep("planted_signals", {**found, "markets_of_noise": NOISES})


if __name__ == "__main__":
    main()
