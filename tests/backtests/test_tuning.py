"""A threshold is tuned on the training days, by the J of the test, and sees nothing else."""

import numpy as np
import pytest
from simulated import measured_by, world

from backtests.engine import backtest
from backtests.scores import losses
from backtests.tuning import tune
from research.accounting import Costs
from research.allocation import FixedWeights
from research.errors import ConfigError, PolicyError
from research.rules import Threshold, TunedThreshold, Within

WEIGHTS = (0.5, 0.3, 0.2)


def test_the_forty_candidates_are_ten_bands_in_equal_log_steps_with_four_destinations() -> None:
    candidates = TunedThreshold(FixedWeights(WEIGHTS)).candidates()
    bands = sorted({c.band for c in candidates})
    assert len(candidates) == 40
    assert (bands[0], bands[-1]) == (0.005, 0.1)
    np.testing.assert_allclose(np.diff(np.log(bands)), np.log(20) / 9, rtol=1e-3)
    parts = {round(c.destination / c.band, 9) for c in candidates}
    assert parts == {0.0, 0.25, 0.5, 1.0}


def test_the_candidate_with_the_lowest_j_is_kept() -> None:
    market, costs = world(days=700), Costs.bps(3, commission=5, half_spread=5)
    spec = TunedThreshold(FixedWeights(WEIGHTS), bands=(0.01, 0.03), to=(0.0, 1.0))
    tuned = tune(spec, market, costs, measured_by(market, WEIGHTS))
    by_hand = {
        (band, to): losses(
            backtest(market, Threshold(FixedWeights(WEIGHTS), band, to), costs), measured_by(market, WEIGHTS)
        ).mean()
        for band in (0.01, 0.03)
        for to in ("target", "edge")
    }
    band, to = min(by_hand, key=by_hand.__getitem__)
    assert (tuned.policy.band, tuned.policy.to) == (band, Within(band if to == "edge" else 0.0))
    assert tuned.tried["J"].min() == pytest.approx(min(by_hand.values()), rel=1e-12)
    assert len(tuned.tried) == 4


def test_without_costs_the_narrowest_band_is_best_and_with_high_costs_a_wide_one() -> None:
    market = world(days=700)
    spec = TunedThreshold(FixedWeights(WEIGHTS), bands=(0.001, 0.01, 0.1))
    free, dear = (tune(spec, market, Costs.bps(3, commission=c), measured_by(market, WEIGHTS)) for c in (0.0, 400.0))
    assert free.policy.band == 0.001
    assert dear.policy.band == 0.1


def test_costs_by_the_day_are_charged_from_where_they_are_known() -> None:
    market, spec = world(days=700), TunedThreshold(FixedWeights(WEIGHTS), bands=(0.01, 0.03))
    spreads = np.full(market.shape, 5e-4)
    spreads[:20, 1] = np.nan
    costs = Costs(np.zeros(3), spreads)
    assert costs.known_from(market) == 20
    tuned = tune(spec, market, costs, measured_by(market, WEIGHTS))
    assert (tuned.start, tuned.possible, tuned.moved) == (market.dates[21], market.dates[1], True)
    assert not tune(spec, market, Costs.bps(3), measured_by(market, WEIGHTS)).moved
    tried = tuned.tried.set_index("band")
    for band in (0.01, 0.03):
        played = backtest(market, Threshold(FixedWeights(WEIGHTS), band), costs, start=market.dates[21])
        assert losses(played, measured_by(market, WEIGHTS)).mean() in tried.loc[[band], "J"].tolist()
    with pytest.raises(ConfigError, match="before the spreads and impact of all lines are known"):
        tune(spec, market.until(market.dates[20]), costs.until(21), measured_by(market, WEIGHTS))


def test_a_tuned_threshold_is_not_played_from_before_what_it_saw() -> None:
    market = world(days=700)
    spec, costs = TunedThreshold(FixedWeights(WEIGHTS), bands=(0.01,)), Costs.bps(3, commission=5, half_spread=5)
    before = market.until(market.dates[399])
    tuned = tune(spec, before, costs, measured_by(before, WEIGHTS)).policy
    assert tuned.seen == market.dates[399]
    assert len(backtest(market, tuned, costs, start=market.dates[400]).net_returns) == 300
    with pytest.raises(PolicyError, match="it knows what comes after"):
        backtest(market, tuned, costs, start=market.dates[399])
