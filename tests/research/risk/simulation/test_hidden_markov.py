"""Hidden Markov models by EM: against statsmodels on one line, and against the law that simulated many."""

import numpy as np
import pytest

from foundation.errors import DataError
from research.risk.simulation.hidden_markov import fit_hidden_markov


def simulated(days: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three assets that are calm, and at times turbulent."""
    rng = np.random.default_rng(seed)
    state, states = 0, np.empty(days, dtype=int)
    for t in range(days):
        state = int(rng.random() < (0.02, 0.92)[state])
        states[t] = state
    mix = np.array([[0.010, 0.0, 0.0], [0.004, 0.006, 0.0], [0.0, 0.002, 0.003]])
    means = np.array([[0.0006, 0.0004, 0.0001], [-0.001, -0.0005, 0.0002]])
    scale = np.array([0.7, 2.5])
    return means[states] + scale[states, None] * (rng.standard_normal((days, 3)) @ mix.T), states


def test_the_law_of_three_simulated_lines_is_found():
    returns, states = simulated(20_000, 1)
    found = fit_hidden_markov(returns, ("A", "B", "C"))
    np.testing.assert_allclose(found.transition, [[0.98, 0.02], [0.08, 0.92]], atol=0.012)
    assert found.shares == pytest.approx([0.8, 0.2], abs=0.03)
    assert found.days == pytest.approx([(states == 0).sum(), (states == 1).sum()], rel=0.1)
    for k in range(2):
        np.testing.assert_allclose(found.covariances[k], np.cov(returns[states == k].T), rtol=0.15, atol=2e-6)


def test_one_line_has_the_likelihood_that_statsmodels_finds():
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    returns = simulated(1_500, 2)[0][:, :1]
    found = fit_hidden_markov(returns, ("A",))
    peer = MarkovRegression(100.0 * returns[:, 0], k_regimes=2, switching_variance=True).fit(disp=False)
    assert found.likelihood == pytest.approx(peer.llf + len(returns) * np.log(100.0), abs=0.05)
    turbulent = int(np.argmax([peer.params[-2], peer.params[-1]]))
    assert found.today[1] == pytest.approx(peer.filtered_marginal_probabilities[-1, turbulent], abs=0.02)


def test_the_same_returns_give_the_same_bits():
    returns = simulated(800, 3)[0]
    one, other = (fit_hidden_markov(returns, ("A", "B", "C")) for _ in range(2))
    assert one.covariances.tobytes() == other.covariances.tobytes()


def test_further_starts_find_no_worse_a_maximum_and_repeat_with_their_seed():
    returns = simulated(800, 4)[0][:, :1]
    alone, one, other = (fit_hidden_markov(returns, ("A",), 3, starts, seed=7) for starts in (1, 2, 2))
    assert one.likelihood > alone.likelihood - 1e-3
    assert one.means.tobytes() == other.means.tobytes()
    assert (np.diff(one.covariances[:, 0, 0]) > 0.0).all()


def test_more_states_than_returns_can_tell_apart_are_refused():
    returns = np.zeros((300, 1))
    returns[[20, 150, 280]] = 0.05
    with pytest.raises(DataError, match="no 2 regimes are found in 300 returns of A"):
        fit_hidden_markov(returns, ("A",))


def test_lines_that_move_as_one_are_refused():
    returns = simulated(800, 3)[0]
    with pytest.raises(DataError, match="has no root"):
        fit_hidden_markov(returns[:, [0, 1, 0]], ("A", "B", "A again"))
    with pytest.raises(DataError, match="B does not vary"):
        fit_hidden_markov(returns * [1.0, 0.0, 1.0], ("A", "B", "C"))
