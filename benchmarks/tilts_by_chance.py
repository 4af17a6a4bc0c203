"""How often forecasts without skill ever earn a tilt, and those with skill after 10 and 20 years.

    python -m benchmarks.tilts_by_chance [WORLDS]

Each world has twenty years of months of eight assets: a common factor and returns of their own, both t with five
degrees of freedom. A world counts as tilted once the target at any month's end left the portfolio. Means of returns
differ between assets, so that a forecast by drift alone has something to be wrong about. They are in proportion to
volatility in the worlds of the forecast that knows that and never changes.
"""

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from foundation.arrays import Array
from foundation.paper.wording import percent
from research.allocation import EqualWeights, Tilted
from research.forecast import Forecast, Moments
from research.forecast.earned import ENOUGH, e_values, tilt_returns
from research.market import Market, Past
from research.market.market import instruments_table

WORLDS, MONTHS, ASSETS, WINDOW, BUDGET = 400, 240, 8, 36, 0.02
PREMIA, ALIKE = (0.0, 0.25), (0.125, 0.125)  # means of assets over their deviations, from and to
SKILLS = (0.05, 0.10, 0.15, 0.20)  # correlations of scores with what comes, over a month
NOISE, LASTING, DRIFT, WINNERS, LOSERS, MEANS = (
    "noise",
    "lasting noise",
    "one asset always",
    "last year",
    "last year, reversed",
    "true means, constant",
)


@dataclass(frozen=True)
class Scored:
    """Expected returns by scores: deviation × (premium + 0.05 × score), with the covariance of the last three years.

    scores : a row a month, one a asset.
    """

    scores: tuple[tuple[float, ...], ...]
    window: int = WINDOW

    def predict(self, past: Past) -> Moments:
        """The moments of the next month."""
        covariance = np.cov(past.returns[-self.window :], rowvar=False)
        mean = np.sqrt(np.diag(covariance)) * (0.1 + 0.05 * np.array(self.scores[past.t]))
        return Moments(past.assets, mean, covariance, 1.0, past.date)


def world(seed: int, months: int = MONTHS, premia: tuple[float, float] = PREMIA) -> Market:
    """A market of months."""
    rng = np.random.default_rng(seed)
    common, own = rng.standard_t(5, (months, 1)), rng.standard_t(5, (months, ASSETS))
    deviation = np.linspace(0.02, 0.08, ASSETS)
    returns = deviation * (rng.uniform(*premia, ASSETS) + (0.6 * common + 0.8 * own) / (5.0 / 3.0) ** 0.5)
    returns = np.maximum(returns, -0.9)
    returns[0] = 0.0
    names = tuple("ABCDEFGH")
    return Market(
        pd.bdate_range("2000-01-31", periods=months, freq="BME"), names, returns, np.ones(returns.shape, dtype=bool),
        np.zeros(months), instruments_table(names), np.full(returns.shape, np.nan), calendar="24/5",
    )  # fmt: skip


def forecast_of(kind: str | float, market: Market, seed: int) -> Forecast:
    """The forecast of a kind; a number is the correlation of its scores with the standardised returns to come."""
    rng = np.random.default_rng([seed, 1])
    drawn = rng.standard_normal(market.returns.shape)
    if kind == LASTING:
        drawn = lfilter([1.0], [1.0, -0.9], drawn, axis=0)
    elif kind == DRIFT:
        drawn = np.tile(np.eye(ASSETS)[rng.integers(ASSETS)], (len(drawn), 1))
    elif kind == MEANS:
        drawn = np.zeros(drawn.shape)
    elif kind in (WINNERS, LOSERS):
        sums = lfilter(np.ones(12), [1.0], market.returns / market.returns.std(axis=0), axis=0)
        drawn = sums if kind == WINNERS else -sums
    elif not isinstance(kind, str):
        ahead = np.roll((market.returns - market.returns.mean(axis=0)) / market.returns.std(axis=0), -1, axis=0)
        drawn = kind * ahead + (1.0 - kind**2) ** 0.5 * drawn
    return Scored(tuple(map(tuple, drawn.tolist())))


def first_tilt(kind: str | float, seed: int, months: int = MONTHS) -> tuple[float, float]:
    """The years until a target first left the portfolio, inf for never; and the tracking error of that tilt.

    Targets are asked for in the months after the evidence sufficed: before, there is none to find.
    """
    market = world(seed, months, ALIKE if kind == MEANS else PREMIA)
    tilted = Tilted(EqualWeights(), forecast_of(kind, market, seed), BUDGET, periods_per_year=12.0)
    returns, _ = tilt_returns(tilted.forecast, market.past(months - 1))
    evidence = np.minimum(*(e_values(of) for of in returns.T))
    for t in (months - len(evidence) + np.flatnonzero(evidence >= ENOUGH)).tolist():
        tilt = tilted.tilt(market.past(t))
        if tilt.moved.any():
            return t / 12.0, tilt.tracking_error
    return np.inf, 0.0


def rates(kind: str | float, worlds: int) -> tuple[Array, float]:
    """(worlds,) years until the first tilt, and the largest tracking error."""
    found = [first_tilt(kind, seed) for seed in range(worlds)]
    years, most = np.array(found).T
    return years, float(most.max())


def main(worlds: int) -> None:
    """Print the rates."""
    print(f"worlds of {MONTHS // 12} years; tracking error at most {percent(BUDGET)}")
    print("forecast                  worlds  ever tilt   within 10 years   within 20   largest tracking error")
    for kind in (NOISE, LASTING, DRIFT, WINNERS, LOSERS, MEANS, *SKILLS):
        count = worlds if kind in (NOISE, LASTING) else worlds // 4
        years, most = rates(kind, count)
        shares = [float((years <= until).mean()) for until in (10, 20)]
        name = kind if isinstance(kind, str) else f"correlation {kind:.2f}"
        print(
            f"{name:24}{count:8d}{np.isfinite(years).sum():11d}{percent(shares[0]):>18}{percent(shares[1]):>12}"
            f"{percent(most, 3):>15}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS)
