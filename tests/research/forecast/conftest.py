"""A market of five assets, one of them listed late, with the facts that views ask for."""

import numpy as np
import pandas as pd
import pytest

from research.market import Market, market_from_frame, with_facts

LINES = ("SPY", "VEA", "VWO", "AGG", "TIP")
CAPS = {"SPY": 45.0, "VEA": 18.0, "VWO": 7.0, "AGG": 28.0, "TIP": 2.0}
LATE = 400  # first row of VWO


@pytest.fixture(scope="session")
def facts_market() -> Market:
    """800 sessions; VWO begins at row 400."""
    rng = np.random.default_rng(11)
    common = rng.normal(0.0003, 0.008, (800, 1)) * [1.0, 1.1, 1.3, -0.1, 0.1]
    prices = 100.0 * np.cumprod(1.0 + common + rng.normal(0.0001, 0.004, (800, 5)) * [0.5, 1.0, 1.5, 0.6, 0.8], axis=0)
    prices[:LATE, 2] = np.nan
    frame = pd.DataFrame(prices, index=pd.date_range("2015-01-05", periods=800), columns=list(LINES))
    market = market_from_frame(frame, calendar="24/7")
    kinds = {"SPY": "equity", "VEA": "equity", "VWO": "equity", "AGG": "bond", "TIP": "bond"}
    regions = {"SPY": "us", "VEA": "developed", "VWO": "emerging", "AGG": "us", "TIP": "us"}
    return with_facts(market, {"market_cap": CAPS, "kind": kinds, "region": regions})
