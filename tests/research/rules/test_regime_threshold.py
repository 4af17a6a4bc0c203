"""Bands that change with the regime: which of two widths counts, both ways, and settings refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import world

from backtests.batch.batch import PreparedConfiguration, play_batch
from backtests.batch.streaming_metrics import batch_metrics, target_path_returns
from backtests.engine import backtest
from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs
from research.allocation import FixedWeights, target_path
from research.forecast import MarkovRegimes
from research.market import Market
from research.rules import AfterTrade, RegimeThreshold, Threshold, Within
from research.rules.regime_threshold import BandToday

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
    market = moving(np.random.default_rng(1).normal(0.0, 0.02, (250, 2)))
    both = (RegimeThreshold(HELD, REGIMES, 0.02, 0.02, Within(0.01)), Threshold(HELD, 0.02, Within(0.01)))
    one, other = (backtest(market, rule, Costs.bps(2, commission=5)).ledger for rule in both)
    assert one.nav.tobytes() == other.nav.tobytes()
    wider = backtest(market, RegimeThreshold(HELD, REGIMES, 0.02, 0.05, Within(0.01)), Costs.bps(2, commission=5))
    assert 0 < len(wider.ledger.asked) < len(one.asked)


def test_a_destination_inside_keeps_its_share_of_the_band() -> None:
    ((calm, turbulent),) = RegimeThreshold(HELD, REGIMES, 0.02, 0.05, Within(0.01)).thresholds
    assert (calm.band, calm.to) == (0.02, Within(0.01))
    assert (turbulent.band, turbulent.to) == (0.05, Within(0.025))


@pytest.mark.parametrize(
    "settings",
    [
        {"band": 0.0},
        {"turbulent_band": 2.0},
        {"turbulent_band": float("nan")},
        {"factors": (0.5, 0.0)},
        {"bounds": (0.05, 0.03)},
        {"band": 0.02, "bounds": (0.03, 0.05)},
    ],
    ids=repr,
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))} of RegimeThreshold (is|are)"):
        RegimeThreshold(HELD, REGIMES, **settings)


# -- after a trade, and within bounds --------------------------------------------------------------------------------

RISING = AfterTrade(2.0, 3)


def test_a_band_is_twice_as_wide_for_three_sessions_after_a_trade_and_no_longer() -> None:
    """A falls by a tenth three times: 0.6 drifts to 0.574, past 2 points. The opening trade counts as one."""
    market = moving([[0.0, 0.0], [-0.1, 0.0], *[[0.0, 0.0]] * 5])
    rule = RegimeThreshold(HELD, REGIMES, band=0.02, turbulent_band=0.06, after_trade=RISING)
    assert backtest(market, replace(rule, after_trade=None), Costs.bps(2)).ledger.asked.tolist() == [1]
    assert backtest(market, rule, Costs.bps(2)).ledger.asked.tolist() == [4]


def test_turbulence_overrides_what_a_trade_has_raised() -> None:
    market = moving([[0.0, 0.0], [-0.1, 0.04], *[[0.0, 0.0]] * 5])
    rule = RegimeThreshold(HELD, REGIMES, band=0.05, turbulent_band=0.01, after_trade=RISING)
    assert backtest(market, rule, Costs.bps(2)).ledger.asked.tolist() == [1]


@given(
    factor=st.floats(0.01, 100.0),
    raised=st.floats(0.01, 100.0),
    floor=st.floats(0.0, 0.02),
    ceiling=st.floats(0.06, 1.0),
    age=st.integers(0, 6),
)
def test_the_band_in_force_stays_within_its_bounds_and_is_the_one_that_today_says(
    factor: float, raised: float, floor: float, ceiling: float, age: int
) -> None:
    market = moving([[0.0, 0.0], [0.0, 0.04], [0.0, 0.0]])
    rule = RegimeThreshold(
        HELD, REGIMES, 0.02, 0.06, factors=(factor,), after_trade=AfterTrade(raised, 3), bounds=(floor, ceiling)
    )
    bands = rule.no_trade_bands(market, target_path(HELD, market))
    for t in (1, 2):
        today, k = rule.today(market.past(t), age), bands.in_force(t, age)
        assert floor <= today.half_width <= ceiling
        assert bands.cash[k, 1] == today.half_width
        expected = 0.06 if t == 1 else np.clip(0.02 * factor * (raised if age <= 3 else 1.0), floor, ceiling)
        assert today.half_width == pytest.approx(expected, rel=1e-15)
        assert today.factor == today.half_width / 0.02


def test_today_says_why_the_band_is_changed_and_for_how_long() -> None:
    market = moving([[0.0, 0.0], [0.0, 0.04], [0.0, 0.0]])
    rule = RegimeThreshold(HELD, REGIMES, 0.02, 0.06, factors=(0.5,), after_trade=RISING)
    assert rule.today(market.past(2), 2) == BandToday(0.02, 1.0, 1, "B is calm, and the last trade was 2 sessions ago")
    assert rule.today(market.past(2), 4) == BandToday(0.01, 0.5, 0, "B is calm")
    assert rule.today(market.past(1), 2) == BandToday(0.06, 3.0, 0, "B is turbulent")
    assert rule.today(market.past(0), 2) is None


def test_a_factor_is_given_for_each_regime_but_the_most_turbulent() -> None:
    market = moving(np.zeros((3, 2)))
    rule = RegimeThreshold(HELD, REGIMES, factors=(0.5, 1.5))
    with pytest.raises(ConfigError, match="factors of RegimeThreshold are 2 numbers, and B has 2 regimes"):
        backtest(market, rule, Costs.bps(2))


@pytest.mark.parametrize("values", [(0.0, 3), (1.5, 0), (1.5, 2.5)], ids=repr)
def test_a_factor_after_a_trade_is_above_zero_and_counts_for_a_session_at_least(values: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="of AfterTrade"):
        AfterTrade(*values)  # type: ignore[arg-type]


def test_a_batch_plays_bands_by_regime_to_the_same_bits_and_refuses_what_depends_on_its_trades() -> None:
    market, costs = moving(np.random.default_rng(1).normal(0.0, 0.02, (250, 2))), Costs.bps(2, commission=5)
    rule = RegimeThreshold(HELD, REGIMES, 0.01, 0.03, factors=(0.7,))
    targets = target_path(HELD, market)
    single = backtest(market, rule, costs, targets=targets)
    given = PreparedConfiguration(rule.no_trade_bands(market, targets), targets, costs, first=single.first)
    found = play_batch(market, [given], targets, 5.0, 252.0)
    own = target_path_returns(targets, market)
    np.testing.assert_array_equal(found[0], batch_metrics(single, own, own, 5.0))
    after = replace(rule, after_trade=RISING).no_trade_bands(market, targets)
    with pytest.raises(PolicyError, match="use `backtest`, one at a time"):
        play_batch(market, [replace(given, bands=after)], targets, 5.0, 252.0)
