"""Write data/portfolios/simulated_prices.csv, the simulated prices of port_a_techgrowth_simulated.yaml.

    python .ci/simulated_prices.py

Three factors, the market, technology and energy, and a part of each asset's own; two regimes of volatility. Betas and
volatilities are of the size of such names; the numbers are invented, and no price is one of these companies or funds.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from research.market.instruments import instruments_table
from research.market.market import Market
from research.risk.simulation.models import RegimeSwitching
from research.risk.simulation.simulated import simulated_market

PATH = Path(__file__).parent.parent / "data" / "portfolios" / "simulated_prices.csv"
START, DAYS, SEED, OPENING = "2015-01-02", 2_012, 43, 100.0
FACTORS = np.array([0.16, 0.10, 0.20])  # volatility a year of market, technology, energy
ASSETS = {  # loadings on the factors, and the volatility a year of its own part
    "AAPL": (1.15, 0.7, 0.0, 0.20),
    "MSFT": (1.05, 0.7, 0.0, 0.17),
    "GOOGL": (1.05, 0.7, 0.0, 0.19),
    "NVDA": (1.60, 1.3, 0.0, 0.33),
    "META": (1.20, 0.8, 0.0, 0.28),
    "XLK": (1.10, 0.8, 0.0, 0.03),
    "XOM": (0.85, 0.0, 0.9, 0.12),
    "CVX": (0.95, 0.0, 0.9, 0.14),
    "COP": (1.15, 0.0, 1.2, 0.20),
    "XLE": (0.95, 0.0, 1.0, 0.04),
    "SPY": (1.00, 0.1, 0.0, 0.01),
    "QQQ": (1.10, 0.6, 0.0, 0.03),
    "IWM": (1.15, 0.0, 0.1, 0.08),
}
CASH, PREMIUM = 0.01, 0.06  # a year: return of cash, and of the market above it
CALM, TURBULENT = 0.6, 2.6  # times these covariances
CHAIN = np.array([[0.99, 0.01], [0.04, 0.96]])  # of the regimes, a day


def simulated() -> Market:
    """The market of these assets."""
    numbers = np.array(list(ASSETS.values()))
    exposed = numbers[:, :3] * FACTORS
    covariance = exposed @ exposed.T + np.diag(numbers[:, 3] ** 2)
    mean = CASH + PREMIUM * numbers[:, 0]
    law = RegimeSwitching(np.array([mean, mean]), np.array([CALM * covariance, TURBULENT * covariance]), CHAIN, 252)
    return simulated_market(law, DAYS, SEED, instruments=instruments_table(tuple(ASSETS)), start=START)


if __name__ == "__main__":
    market = simulated()
    prices = pd.DataFrame(OPENING * market.index, market.dates.rename("date"), list(market.assets))
    prices.to_csv(PATH, float_format="%.2f", date_format="%Y-%m-%d", lineterminator="\n")
