"""A threshold is tuned on the training days, by the J of the test, and sees nothing else."""

import numpy as np
import pytest
from simulated import measured_by, world

from backtests.engine import backtest
from backtests.scores import losses
from backtests.tuning import tune
from research.accounting import Costs
from research.allocation import FixedWeights
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
    market, costs = world(days=700), Costs.bps(3, 5, 5)
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
    assert tuned.policy == Threshold(FixedWeights(WEIGHTS), band, Within(band if to == "edge" else 0.0))
    assert tuned.tried["J"].min() == pytest.approx(min(by_hand.values()), rel=1e-12)
    assert len(tuned.tried) == 4


def test_without_costs_the_narrowest_band_is_best_and_with_high_costs_a_wide_one() -> None:
    market = world(days=700)
    spec = TunedThreshold(FixedWeights(WEIGHTS), bands=(0.001, 0.01, 0.1))
    free, dear = (tune(spec, market, Costs.bps(3, c), measured_by(market, WEIGHTS)) for c in (0.0, 400.0))
    assert free.policy.band == 0.001
    assert dear.policy.band == 0.1


def test_tuning_sees_nothing_after_the_training_days() -> None:
    market = world(days=700)
    returns = market.returns.copy()
    returns[400:] *= -5.0
    spec, costs = TunedThreshold(FixedWeights(WEIGHTS)), Costs.bps(3, 5, 5)
    before = market.until(market.dates[399])
    other = type(market)(
        market.dates,
        market.assets,
        returns,
        market.tradable,
        market.cash,
        market.instruments,
        market.prices,
        calendar="24/7",
    ).until(market.dates[399])
    one, two = (tune(spec, m, costs, measured_by(m, WEIGHTS)) for m in (before, other))
    assert one.policy == two.policy
    assert one.tried.equals(two.tried)
    assert one.seen == market.dates[399]
