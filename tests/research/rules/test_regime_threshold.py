"""Bands that change with the regime: which of two widths counts, both ways, and settings refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated import world

from backtests.engine import backtest
from foundation.errors import ConfigError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.forecast import MarkovRegimes
from research.market import Market
from research.rules import RegimeThreshold, Threshold, Within

HELD = FixedWeights((0.6, 0.4))
# Each day by itself: turbulent after a move of 4 % of B, calm after none.
REGIMES = MarkovRegimes("B", (0.0, 0.0), (0.01, 0.04), ((0.5, 0.5), (0.5, 0.5)), pd.Timestamp("2020-01-01"))


def moving(returns: object) -> Market:
    """Two assets, A and B, with these returns (T, 2)."""
    values = np.array(returns, dtype=float)
    return replace(world(days=len(values), n=2, cash=0.0), returns=values)


@pytest.mark.parametrize(("move", "trades"), [(0.04, []), (0.015, [1])], ids=["turbulent", "calm"])
def test_a_gap_past_the_calm_band_waits_in_turbulence(move: float, trades: list[int]) -> None:
    """A falls by a tenth as B moves: 0.6 drifts to 0.56 or 0.57, past 2 points and within 6."""
    market = moving([[0.0, 0.0], [-0.1, move], [0.05, move]])  # in turbulence it comes back within two points
    rule = RegimeThreshold(HELD, REGIMES, band=0.02, turbulent_band=0.06)
    assert backtest(market, rule, Costs.bps(2)).ledger.asked.tolist()[:1] == trades


def test_equal_bands_are_one_threshold() -> None:
    rng = np.random.default_rng(1)
    market = moving(rng.normal(0.0, 0.02, (250, 2)))
    both = (RegimeThreshold(HELD, REGIMES, 0.02, 0.02, Within(0.01)), Threshold(HELD, 0.02, Within(0.01)))
    one, other = (backtest(market, rule, Costs.bps(2, commission=5)).ledger for rule in both)
    assert one.nav.tobytes() == other.nav.tobytes()
    wider = backtest(market, RegimeThreshold(HELD, REGIMES, 0.02, 0.05, Within(0.01)), Costs.bps(2, commission=5))
    assert 0 < len(wider.ledger.asked) < len(one.asked)


def test_a_destination_inside_keeps_its_share_of_the_band() -> None:
    calm, turbulent = RegimeThreshold(HELD, REGIMES, 0.02, 0.05, Within(0.01)).thresholds
    assert (calm.band, calm.to) == (0.02, Within(0.01))
    assert (turbulent.band, turbulent.to) == (0.05, Within(0.025))


@pytest.mark.parametrize(
    "settings", [{"band": 0.0}, {"turbulent_band": 2.0}, {"turbulent_band": float("nan")}], ids=repr
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))} of RegimeThreshold is"):
        RegimeThreshold(HELD, REGIMES, **settings)
