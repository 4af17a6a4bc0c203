"""Jump models: against the package jumpmodels, as known on each day, and planted states found again."""

import numpy as np
import pandas as pd
import pytest
from jumpmodels.jump import JumpModel as Peer
from simulated import market_of

from foundation.errors import ConfigError, DataError
from research.forecast import JumpModel, MarkovRegimes, history
from research.forecast.regimes.jump import fit_jumps, jump_features
from research.market import Market
from research.risk import RegimeSwitching, simulated_market

TRUTH = RegimeSwitching(
    means=[[0.25], [-0.5]], covariances=[[[0.08**2]], [[0.30**2]]], transition=[[0.995, 0.005], [0.015, 0.985]],
    periods_per_year=252.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def market() -> Market:
    return simulated_market(TRUTH, days=3_000, seed=1)


def test_the_feature_is_that_of_pandas_weights(market: Market) -> None:
    returns = pd.Series(history(market.past(3_000), "S1"))
    expected = np.log(np.sqrt((returns**2).ewm(halflife=1).mean()).clip(lower=1e-4))
    np.testing.assert_allclose(jump_features(returns.to_numpy())[:, 0], expected, rtol=1e-9)


@pytest.mark.parametrize(("states", "penalty"), [(2, 0.0), (2, 3.0), (2, 20.0), (3, 3.0)])
def test_fit_and_online_states_are_those_of_the_package(market: Market, states: int, penalty: float) -> None:
    features = jump_features(history(market.past(1_500), "S1"))[10:]
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    centres, labels, value = fit_jumps(features, states, penalty, seed=0)
    peer = Peer(n_components=states, jump_penalty=penalty, random_state=0).fit(features)
    assert value <= peer.val_ * (1.0 + 1e-9)
    order, theirs = np.argsort(centres[:, 0]), np.argsort(peer.centers_[:, 0])
    if value > peer.val_ * (1.0 - 1e-9):  # else ours is the better minimum
        np.testing.assert_allclose(centres[order], peer.centers_[theirs], rtol=1e-7)
        assert np.argsort(order)[labels].tolist() == np.argsort(theirs)[peer.labels_].tolist()


def test_the_state_of_a_day_is_the_one_that_the_package_predicts_online(market: Market) -> None:
    fitted = JumpModel("S1").fit(market.past(1_500))
    features = (jump_features(history(market.past(3_000), "S1")) - fitted.mean) / fitted.spread
    features = np.clip(features, -3.0, 3.0)
    peer = Peer(n_components=2, jump_penalty=3.0)
    peer.centers_, peer.jump_penalty_mx = fitted.centres, np.array([[0.0, 3.0], [3.0, 0.0]])
    peer.feat_weights, peer.prob_vecs = None, None
    online = fitted.probabilities(market.past(3_000)).argmax(axis=1)
    assert online.tolist() == np.asarray(peer.predict_online(features)).tolist()


def test_states_planted_in_returns_are_found_nearly_as_by_the_filter_of_the_true_law() -> None:
    """Volatility of 0.6 and 2 % a day, 50 days each: on days after the fit, within 5 points of the least error."""
    days, fit, moves = 2_500, 1_250, ((0.98, 0.02), (0.02, 0.98))
    world = RegimeSwitching([[0.0], [0.0]], [[[252 * 0.006**2]], [[252 * 0.02**2]]], moves, 252.0)
    errors = []
    for seed in range(6):
        market, state = simulated_market(world, days=days, seed=seed), world.regimes(1, days, seed=seed)[0]
        truth = MarkovRegimes("S1", (0.0, 0.0), (0.006, 0.02), moves, market.dates[0])
        for regimes in (JumpModel("S1").fit(market.past(fit)), truth):
            known = regimes.probabilities(market.past(days)).argmax(axis=1)
            errors.append(np.mean(known[fit:] != state[fit:]))
    ours, least = np.reshape(errors, (6, 2)).mean(axis=0)
    assert 0.03 < least < ours < least + 0.05


def test_a_fit_serves_later_days_and_its_states_last(market: Market) -> None:
    fitted = JumpModel("S1").fit(market.past(1_500))
    assert fitted.names == ("calm bull", "turbulent bear")
    known = fitted.probabilities(market.past(3_000)).argmax(axis=1)
    state, returns = TRUTH.regimes(1, 3_000, seed=1)[0], history(market.past(3_000), "S1")
    assert np.abs(np.diff(known)).sum() < 2 * np.abs(np.diff(state)).sum()
    assert np.mean(known[1_500:] != state[1_500:]) < 0.05
    assert returns[1_500:][known[1_500:] == 1].std() > 2.0 * returns[1_500:][known[1_500:] == 0].std()


def test_the_same_seed_gives_the_same_bits_and_the_future_changes_nothing(market: Market) -> None:
    one, other = (
        JumpModel("S1", states=3, penalty=10.0, seed=4).fit(m.past(900))
        for m in (market, market.until(market.dates[900]))
    )
    assert one.centres.tobytes() == other.centres.tobytes()
    assert (one.names, one.seen) == (other.names, other.seen)


def test_a_state_that_is_never_visited_is_refused(market: Market) -> None:
    with pytest.raises(DataError, match=r"no 2 regimes are found in 600 returns of S1 .* at penalty 1e"):
        JumpModel("S1", penalty=1e9).fit(market.past(600))
    with pytest.raises(ConfigError, match="penalty of JumpModel is -1"):
        JumpModel("S1", penalty=-1.0)


def test_returns_within_a_basis_point_have_no_regimes() -> None:
    quiet = np.abs(np.random.default_rng(0).normal(0.0, 1e-5, (900, 1)))
    with pytest.raises(DataError, match="no 2 regimes are found in 899 returns of A"):
        JumpModel("A").fit(market_of(quiet).past(899))
