"""What each view moved: sums that hold, closed forms, and views that do nothing."""

import pickle

import numpy as np
import pytest

from foundation.errors import PolicyError
from research import forecast
from research.market import Market

PRIOR = forecast.MarketCap(forecast.Estimated(covariance="sample"))
TEXTS = (
    "SPY beats VEA by 4% a year", "VEA beats VWO by 2% a year", "AGG returns 1% a year", "SPY returns 9% a year",
    "cap-weighted equity beats cap-weighted bond by 5% a year", "TIP beats AGG by 0.5 % a year",
)  # fmt: skip


def capped(moments: forecast.Moments) -> np.ndarray:
    """Long-only weights with a limit: an optimiser with corners."""
    weights = np.clip(forecast.unconstrained_weights(moments), 0.0, 0.4)
    return weights / weights.sum()


def effects_of(market: Market, count: int, confidence: float = 0.5) -> forecast.ViewEffects:
    model = forecast.BlackLitterman(tuple(forecast.InvestorView(text, confidence) for text in TEXTS[:count]), PRIOR)
    return forecast.view_effects(model, market.past(799), capped)


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_average_moves_lead_from_the_prior_to_the_posterior(facts_market: Market, count: int) -> None:
    effects = effects_of(facts_market, count)
    for table in (effects.means(), effects.weight_table()):
        assert table.iloc[:, :-1].sum(axis=1).to_numpy() == pytest.approx(table["posterior"].to_numpy(), abs=1e-12)
    assert effects.weights.sum() == pytest.approx(1.0)
    assert effects.weight_moves.sum(axis=1) == pytest.approx(0.0, abs=1e-12)
    assert (effects.orders, effects.exact) == ({0: 1, 1: 1, 3: 6, 6: 120}[count], count < 6)


def test_one_view_alone_is_the_whole_difference(facts_market: Market) -> None:
    effects = effects_of(facts_market, 1)
    assert effects.weight_moves[0] == pytest.approx(effects.weights - effects.prior_weights, abs=1e-15)
    assert effects.weight_left_out == pytest.approx(effects.weight_moves, abs=1e-15)
    assert effects.left_out()[TEXTS[0]].to_numpy() == pytest.approx(effects.weight_moves[0], abs=1e-15)


def test_leaving_out_asks_the_model_without_the_view(facts_market: Market) -> None:
    past = facts_market.past(799)
    effects = effects_of(facts_market, 3)
    without = forecast.BlackLitterman(
        tuple(forecast.InvestorView(text) for text in (TEXTS[0], TEXTS[2])), PRIOR
    ).posterior(past)
    wanted = effects.posterior.moments.mean - without.moments.mean
    assert effects.mean_left_out[1] == pytest.approx(wanted, abs=1e-15)
    assert effects.weight_left_out[1] == pytest.approx(effects.weights - capped(without.moments), abs=1e-15)


def test_views_without_confidence_or_without_surprise_move_no_weight(facts_market: Market) -> None:
    effects = effects_of(facts_market, 3, confidence=0.0)
    assert np.abs(effects.weight_moves).max() == 0.0
    assert np.abs(effects.weight_left_out).max() == 0.0


def test_the_order_of_views_moves_nothing_between_them(facts_market: Market) -> None:
    past = facts_market.past(799)
    views = tuple(forecast.InvestorView(text) for text in TEXTS[:3])
    one = forecast.view_effects(forecast.BlackLitterman(views, PRIOR), past, capped).weight_table()
    other = forecast.view_effects(forecast.BlackLitterman(views[::-1], PRIOR), past, capped).weight_table()
    assert one.to_numpy() == pytest.approx(other[one.columns].to_numpy(), abs=1e-12)


def test_two_views_that_say_the_same_share_what_they_move(facts_market: Market) -> None:
    same = forecast.InvestorView("SPY beats VEA by 4% a year", 1.0)
    effects = forecast.view_effects(forecast.BlackLitterman((same, same), PRIOR), facts_market.past(799), capped)
    assert effects.weight_moves[0] == pytest.approx(effects.weight_moves[1], abs=1e-9)
    assert np.abs(effects.weight_left_out).max() < 1e-9  # the other one still says it


def test_an_optimiser_that_gives_no_weights_is_refused(facts_market: Market) -> None:
    with pytest.raises(PolicyError, match=r"weights of shape \(2,\)"):
        forecast.view_effects(forecast.BlackLitterman((), PRIOR), facts_market.past(799), lambda moments: np.ones(2))


def test_records_stay_read_only_through_a_pickle(facts_market: Market) -> None:
    effects = effects_of(facts_market, 2)
    for one in (effects, pickle.loads(pickle.dumps(effects))):
        for array in (one.weight_moves, one.posterior.mean_doubt, one.posterior.rows.picks, one.posterior.moments.mean):
            assert not array.flags.writeable
        assert one.weight_table().equals(effects.weight_table())
