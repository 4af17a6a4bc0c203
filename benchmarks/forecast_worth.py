"""How often the worth of a forecast is found by chance, and how often where there is skill: simulated markets.

Six assets have different drifts, volatilities of 5 to 30 % and one common factor. The forecast is the mean so far, plus
scores that last for months: Grinold's alpha, IC × volatility × score, of which a part IC is the outcome of the next 21
days. Without skill a worth may be claimed in no more than 16 of 200 markets.

    python -m benchmarks.forecast_worth            # 200 markets a row
    python -m benchmarks.forecast_worth 20
"""

import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.studies.forecasts.worth import TiltWorth, tilt_worth
from backtests.sweeps import Setup
from benchmarks.timing import machine, show
from foundation.arrays import Array
from research.accounting import Costs
from research.allocation import FixedWeights, Tilted
from research.forecast import Moments
from research.forecast.estimated import means_so_far
from research.market import Market, Past
from research.market.market import instruments_table

ASSETS = tuple("ABCDEF")
DRIFT = np.array([0.02, 0.03, 0.05, 0.06, 0.08, 0.10])  # a year
DEVIATION = np.array([0.05, 0.08, 0.15, 0.18, 0.22, 0.30])  # a year
COMMON = 0.4  # correlation of any two assets
HORIZON = 21
BEFORE, YEARS = 252, 8  # days before the test; years of it
LASTING = 0.8  # correlation of noise scores with those of a month before
PLACEBOS = 199


@dataclass(frozen=True, eq=False)
class Planted:
    """The mean so far, plus scores of each day.  scores : (T, n), in standard deviations."""

    scores: Array
    ic: float
    window: int = BEFORE

    def predict(self, past: Past) -> Moments:
        """Mean and covariance of the next 21 days; the covariance is that of the last year."""
        covariance = HORIZON * np.cov(past.returns[past.t - self.window + 1 :], rowvar=False)
        mean = HORIZON * means_so_far(past, np.array([past.t]))[0]
        mean = mean + self.ic * np.sqrt(np.diag(covariance)) * self.scores[past.t]
        return Moments(past.assets, mean, covariance, HORIZON, past.date)


def market_and_forecast(seed: int, ic: float, years: int = YEARS) -> tuple[Market, Planted]:
    """A market, and a forecast whose scores have a correlation `ic` with the outcomes of the next 21 days."""
    rng = np.random.default_rng(seed)
    days, n = BEFORE + 1 + 252 * years, len(ASSETS)
    shocks = COMMON**0.5 * rng.normal(size=(days, 1)) + (1.0 - COMMON) ** 0.5 * rng.normal(size=(days, n))
    returns = DRIFT / 252.0 + DEVIATION / 252.0**0.5 * shocks
    returns[0] = 0.0
    ahead = np.zeros((days, n))
    sums = np.cumsum(shocks, axis=0)
    ahead[:-HORIZON] = (sums[HORIZON:] - sums[:-HORIZON]) / HORIZON**0.5
    daily, noise = LASTING ** (1.0 / HORIZON), np.empty((days, n))
    noise[0] = rng.normal(size=n)
    for t in range(1, days):
        noise[t] = daily * noise[t - 1] + (1.0 - daily**2) ** 0.5 * rng.normal(size=n)
    dates = pd.bdate_range("2000-01-03", periods=days)
    market = Market(
        dates, ASSETS, returns, np.ones((days, n), dtype=bool), np.full(days, 0.02 / 252.0), instruments_table(ASSETS),
        np.full((days, n), np.nan), calendar="24/5",
    )  # fmt: skip
    return market, Planted(ic * ahead + (1.0 - ic**2) ** 0.5 * noise, max(ic, 0.05))


def measured(seed: int, ic: float, count: int = PLACEBOS, years: int = YEARS) -> TiltWorth:
    """The worth of the forecast of a market."""
    market, forecast = market_and_forecast(seed, ic, years)
    target = FixedWeights((1.0 / len(ASSETS),) * len(ASSETS))
    costs = Costs.bps(len(ASSETS), commission=1, half_spread=1)
    setup = Setup.on(market, costs, target, market.dates[BEFORE + 1], periods_per_year=252.0)
    ranges = tuple((name, 0.0, 0.4) for name in ASSETS)
    tilted = Tilted(target, forecast, confidence=1.0, ranges=ranges, schedule="month")
    return tilt_worth(setup, tilted, HORIZON, count)


def main() -> None:
    """Markets without skill, and with more and more of it."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(machine())
    rows = []
    for ic in (0.0, 0.05, 0.1, 0.15, 0.2):
        begun = time.process_time()
        found = [measured(seed, ic) for seed in range(worlds)]
        values = np.array([[one.worth.value, one.worth.lower, one.p, one.detectable] for one in found])
        claimed, small = sum(one.is_earned for one in found), int((values[:, 2] <= 0.05).sum())
        rows.append([
            f"{ic:g}", f"{100 * values[:, 0].mean():.2f}", f"{claimed} of {worlds}", f"{small}",
            f"{100 * values[:, 3].mean():.2f}", f"{(time.process_time() - begun) / worlds:.1f}",
        ])  # fmt: skip
        print(rows[-1], flush=True)
    heads = ("IC", "worth, points a year", "claimed", "p ≤ 5 %", "found with 80 %, points", "seconds a market")
    show(f"Worth of forecasts in {YEARS} years, tracking error 2 %", heads, [tuple(row) for row in rows])


if __name__ == "__main__":
    main()
