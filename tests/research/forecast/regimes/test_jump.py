"""Jump models: against the package jumpmodels, as known on each day, and planted states found again."""

import numpy as np
import pandas as pd
import pytest
from jumpmodels.jump import JumpModel as Peer
from simulated import market_of

from foundation.errors import ConfigError, DataError
from research.forecast import JumpModel, history
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


def test_features_are_those_of_pandas_weights(market: Market) -> None:
    returns = pd.Series(history(market.past(3_000), "S1"))
    losses = returns.clip(upper=0.0) ** 2
    downside = {life: np.sqrt(losses.ewm(halflife=life).mean()).clip(lower=1e-4) for life in (10, 20, 60)}
    expected = [np.log(downside[10])] + [returns.ewm(halflife=life).mean() / downside[life] for life in (20, 60)]
    np.testing.assert_allclose(jump_features(returns.to_numpy()), np.column_stack(expected), rtol=1e-9)


@pytest.mark.parametrize(("states", "penalty"), [(2, 0.0), (2, 5.0), (2, 50.0), (3, 20.0)])
def test_fit_and_online_states_are_those_of_the_package(market: Market, states: int, penalty: float) -> None:
    features = jump_features(history(market.past(1_500), "S1"))[60:]
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
    peer = Peer(n_components=2, jump_penalty=50.0)
    peer.centers_, peer.jump_penalty_mx = fitted.centres, np.array([[0.0, 50.0], [50.0, 0.0]])
    peer.feat_weights, peer.prob_vecs = None, None
    online = fitted.probabilities(market.past(3_000)).argmax(axis=1)
    assert online.tolist() == np.asarray(peer.predict_online(features)).tolist()


def test_planted_states_are_found_where_clusters_of_days_overlap() -> None:
    """Centres one deviation apart in each of three features: by itself a fifth of the days goes to the wrong one."""
    rng = np.random.default_rng(2)
    state = np.cumsum(rng.random(2_000) < 0.01) % 2
    features = state[:, None] + rng.standard_normal((2_000, 3))
    missed = {}
    for penalty in (0.0, 10.0):
        centres, labels, _ = fit_jumps(features, 2, penalty, seed=0)
        missed[penalty] = np.mean((centres[labels, 0] > centres.mean(axis=0)[0]) != state)
    assert missed[0.0] > 0.15
    assert missed[10.0] < 0.03


def test_a_fit_serves_later_days_and_its_states_last(market: Market) -> None:
    fitted = JumpModel("S1").fit(market.past(1_500))
    assert fitted.names == ("calm bull", "turbulent bear")
    known = fitted.probabilities(market.past(3_000)).argmax(axis=1)
    state, returns = TRUTH.regimes(1, 3_000, seed=1)[0], history(market.past(3_000), "S1")
    assert np.abs(np.diff(known)).sum() < np.abs(np.diff(state)).sum()
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


def test_a_line_without_a_loss_is_told_apart_by_its_other_features() -> None:
    """Its downside deviation is the least one on each day: scaled by the rounding of a spread, a loss would be all."""
    rng = np.random.default_rng(0)
    gains = np.abs(rng.normal(0.0, 1e-4, (900, 1)))
    found = JumpModel("A").fit(market_of(gains).past(899))
    np.testing.assert_array_equal(found.spread[0], 1.0)
    np.testing.assert_allclose(found.centres[:, 0], 0.0, atol=1e-9)
