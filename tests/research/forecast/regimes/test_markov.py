"""Markov regimes: by hand, against all paths of states, against statsmodels' own filter, and known ones found again."""

from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from foundation.errors import ConfigError, DataError, PolicyError
from research.forecast import MarkovRegimes, MarkovSwitching, history, number_of_states
from research.risk import RegimeSwitching, simulated_market

SEEN = pd.Timestamp("2020-01-02")
MOVES = {
    2: ((0.98, 0.02), (0.07, 0.93)),
    3: ((0.97, 0.02, 0.01), (0.03, 0.95, 0.02), (0.0, 0.1, 0.9)),
    4: ((0.95, 0.03, 0.01, 0.01), (0.02, 0.94, 0.03, 0.01), (0.01, 0.04, 0.93, 0.02), (0.05, 0.05, 0.1, 0.8)),
}


def law(k: int) -> MarkovRegimes:
    means, deviations = (0.001, -0.0005, -0.002, -0.004), (0.006, 0.011, 0.02, 0.04)
    return MarkovRegimes("S1", means[:k], deviations[:k], MOVES[k], SEEN)


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    return np.random.default_rng(3).standard_t(4, 500) * np.repeat([0.006, 0.02, 0.01, 0.008, 0.03], 100)


def peers(one: MarkovRegimes, returns: np.ndarray):  # type: ignore[no-untyped-def]
    """statsmodels' filter and smoother of a law."""
    model, k = MarkovRegression(returns, k_regimes=len(one.means), switching_variance=True), len(one.means)
    number = {f"p[{i}->{j}]": one.transition[i][j] for i in range(k) for j in range(k - 1)}
    number |= {f"const[{j}]": one.means[j] for j in range(k)} | {
        f"sigma2[{j}]": one.deviations[j] ** 2 for j in range(k)
    }
    return model.smooth([number[name] for name in model.param_names])


def by_enumeration(one: MarkovRegimes, returns: np.ndarray) -> np.ndarray:
    """(T, k) probability of each regime given all returns: the sum over every path of states."""
    moves, k = one.transition, len(one.means)
    likely = norm.pdf(returns[:, None], one.means, one.deviations)
    found = np.zeros((len(returns), k))
    for path in product(range(k), repeat=len(returns)):
        weight = one.shares[path[0]] * np.prod([moves[a][b] for a, b in pairwise(path)])
        found[np.arange(len(returns)), path] += weight * np.prod([likely[t, state] for t, state in enumerate(path)])
    return found / found.sum(axis=1, keepdims=True)


def test_two_days_of_two_states_by_hand() -> None:
    """Stays 0.9 and 0.8 give shares 2/3 and 1/3; deviations 1 and 2, so no move is twice as likely on calm days.

    First day: odds of calm 2 x 2 = 4, so 4/5. Overnight: 0.9 x 4/5 + 0.2 x 1/5 = 0.76. A move of 2: densities
    exp(-2) and exp(-1/2) / 2.
    """
    two = MarkovRegimes("A", (0.0, 0.0), (1.0, 2.0), ((0.9, 0.1), (0.2, 0.8)), SEEN)
    calm, turbulent = 0.76 * np.exp(-2.0), 0.24 * np.exp(-0.5) / 2.0
    assert two.shares == pytest.approx([2 / 3, 1 / 3], rel=1e-14)
    found = two.filtered([0.0, 2.0])
    np.testing.assert_allclose(found[0], [0.8, 0.2], rtol=1e-14)
    np.testing.assert_allclose(found[1], np.array([calm, turbulent]) / (calm + turbulent), rtol=1e-13)


@pytest.mark.parametrize("k", [2, 3])
def test_both_probabilities_are_the_sum_over_all_paths_of_states(returns: np.ndarray, k: int) -> None:
    short = returns[95:102]
    np.testing.assert_allclose(law(k).smoothed_knowing_the_future(short), by_enumeration(law(k), short), atol=1e-12)
    known = [by_enumeration(law(k), short[: t + 1])[t] for t in range(7)]
    np.testing.assert_allclose(law(k).filtered(short), known, atol=1e-12)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_filtered_probabilities_are_those_of_statsmodels_on_every_truncated_series(returns: np.ndarray, k: int) -> None:
    filtered = law(k).filtered(returns)
    for stop in (2, 3, 101, 250, 333, 500):
        theirs = peers(law(k), returns[:stop])
        np.testing.assert_allclose(filtered[:stop], theirs.filtered_marginal_probabilities, atol=1e-12, rtol=0)
    ours = law(k).smoothed_knowing_the_future(returns)
    np.testing.assert_allclose(ours, theirs.smoothed_marginal_probabilities, atol=1e-11, rtol=0)


@settings(max_examples=30)
@given(k=st.sampled_from([2, 3, 4]), stop=st.integers(1, 499), seed=st.integers(0, 10**6))
def test_a_day_never_changes_when_later_days_come(returns: np.ndarray, k: int, stop: int, seed: int) -> None:
    changed = np.append(returns[:stop], np.random.default_rng(seed).normal(0.0, 0.05, 40))
    filtered = law(k).filtered(returns)
    assert law(k).filtered(changed)[:stop].tobytes() == filtered[:stop].tobytes()
    smoothed = law(k).smoothed_knowing_the_future(returns[:stop])
    np.testing.assert_allclose(smoothed[-1], filtered[stop - 1], atol=1e-15)  # on the last day no future is left
    np.testing.assert_allclose(filtered.sum(axis=1), 1.0, atol=1e-14)


def test_where_today_says_nothing_of_tomorrow_a_day_is_judged_by_itself(returns: np.ndarray) -> None:
    """With equal rows of the transition, days are a mixture: the posterior is Bayes' for each."""
    mixture = MarkovRegimes("S1", (0.001, -0.002), (0.008, 0.02), ((0.7, 0.3), (0.7, 0.3)), SEEN)
    calm, turbulent = (norm.pdf(returns, m, d) for m, d in zip(mixture.means, mixture.deviations, strict=True))
    posterior = 0.3 * turbulent / (0.3 * turbulent + 0.7 * calm)
    assert mixture.shares == pytest.approx([0.7, 0.3], rel=1e-12)
    np.testing.assert_allclose(mixture.filtered(returns)[:, 1], posterior, atol=1e-12)
    np.testing.assert_allclose(mixture.smoothed_knowing_the_future(returns)[:, 1], posterior, atol=1e-12)


def test_a_summary_says_how_long_a_regime_lasts() -> None:
    """A stay of 0.98 leaves on one day in fifty, one of 0.9 on one in ten; so a sixth of the days is turbulent."""
    one = MarkovRegimes("S1", (0.001, -0.002), (0.008, 0.02), ((0.98, 0.02), (0.1, 0.9)), SEEN)
    assert one.summary().loc["calm"].tolist() == pytest.approx([0.1, 0.8, 500 / 6, 50.0])
    assert one.summary().loc["turbulent"].tolist() == pytest.approx([-0.2, 2.0, 100 / 6, 10.0])


def test_an_extreme_return_leaves_no_doubt_and_no_nan() -> None:
    assert law(3).filtered([50.0, -50.0])[:, 2].tolist() == [1.0, 1.0]
    assert law(3).smoothed_knowing_the_future([50.0, 0.0, 0.0])[0, 2] == 1.0


TWO = RegimeSwitching(
    means=[[0.15], [-0.2]], covariances=[[[0.1**2]], [[0.3**2]]], transition=[[0.99, 0.01], [0.03, 0.97]],
    periods_per_year=252.0,
)  # fmt: skip
THREE = RegimeSwitching(
    means=[[0.2], [0.05], [-1.5]], covariances=[[[0.07**2]], [[0.16**2]], [[0.45**2]]],
    transition=[[0.99, 0.008, 0.002], [0.01, 0.98, 0.01], [0.005, 0.025, 0.97]], periods_per_year=252.0,
)  # fmt: skip


@pytest.mark.parametrize("truth", [TWO, THREE], ids=["two", "three"])
def test_known_regimes_are_found_again(truth: RegimeSwitching) -> None:
    """Within four standard errors or so; and the state of a day is missed as often as by the true filter, or nearly."""
    k = len(truth.means)
    market = simulated_market(truth, days=6_000, seed=4)
    past = market.past(6_000)
    found = MarkovSwitching("S1", states=k).fit(past)
    assert found.deviations == pytest.approx(np.sqrt(truth.covariances[:, 0, 0] / 252.0), rel=0.05)
    np.testing.assert_allclose(np.diag(found.transition), np.diag(truth.transition), atol=0.012)
    assert found.means == pytest.approx(truth.means[:, 0] / 252.0, abs=3e-3)
    assert found.seen == market.dates[-1]
    state, returns = truth.regimes(1, 6_000, seed=4)[0], history(past, "S1")
    moves = tuple(tuple(row) for row in truth.transition.tolist())
    daily = (
        tuple(values.tolist()) for values in (truth.means[:, 0] / 252.0, np.sqrt(truth.covariances[:, 0, 0] / 252.0))
    )
    true = MarkovRegimes("S1", *daily, moves, SEEN)
    missed = [np.mean(one.probabilities(past).argmax(axis=1) != state) for one in (found, true)]
    assert missed[0] - missed[1] < 0.02
    assert np.mean(found.smoothed_knowing_the_future(returns).argmax(axis=1) != state) < missed[0]


def test_names_say_volatility_and_trend() -> None:
    market = simulated_market(THREE, days=6_000, seed=4)
    names = MarkovSwitching("S1", states=3).fit(market.past(6_000)).names
    assert names == ("calm bull", "moderate sideways", "turbulent bear")


def test_the_number_of_states_is_found_by_bic() -> None:
    for truth, count in ((TWO, 2), (THREE, 3)):
        market = simulated_market(truth, days=4_000, seed=2)
        table = number_of_states(market.past(4_000), "S1")
        assert table["BIC"].idxmin() == count
        assert table["parameters"].tolist() == [2, 6, 12, 20]
    returns = history(market.past(4_000), "S1")
    assert table.loc[1, "log likelihood"] == pytest.approx(norm.logpdf(returns, returns.mean(), returns.std()).sum())
    theirs = MarkovRegression(returns / returns.std(), k_regimes=2, switching_variance=True).fit(disp=False).llf
    assert table.loc[2, "log likelihood"] == pytest.approx(theirs - 4_000 * np.log(returns.std()), abs=0.05)


def test_a_fit_sees_nothing_that_comes_after_it_and_repeats_to_the_bit() -> None:
    market = simulated_market(TWO, days=900, seed=1)
    one = MarkovSwitching("S1", states=3, seed=5).fit(market.past(600))
    assert one == MarkovSwitching("S1", states=3, seed=5).fit(market.until(market.dates[600]).past(600))


@cases(
    "changed, said",
    ({"deviations": (0.02, 0.01)}, "deviations of MarkovRegimes are"),
    ({"deviations": (0.0, 0.01)}, "deviations of MarkovRegimes are"),
    ({"transition": ((1.0, 0.0), (0.5, 0.5))}, "probabilities of staying in a regime are"),
    ({"transition": ((0.9, 0.2), (0.5, 0.5))}, "from regime 0 has probabilities that sum to 1.1"),
    ({"transition": ((0.9, 0.1),)}, "give 2 rows of 2 probabilities"),
    ({"transition": ((0.9, 0.1), (1.0,))}, "a row of the transition of MarkovRegimes is"),
    ({"means": (0.0,)}, "means of MarkovRegimes are"),
    ({"means": (0.0, float("nan"))}, "means of MarkovRegimes are"),
    ({"names": ("calm",)}, "names of MarkovRegimes are"),
)
def test_a_law_with_no_sense_is_refused(changed: dict[str, object], said: str) -> None:
    numbers = {"means": (0.0, 0.0), "deviations": (0.01, 0.02), "transition": MOVES[2], "line": "A", "seen": SEEN}
    with pytest.raises(ConfigError, match=said):
        MarkovRegimes(**(numbers | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", [{"states": 1}, {"states": 2.0}, {"seed": -1}, {"schedule": "listing"}])
def test_settings_out_of_range_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(changed))} of MarkovSwitching is"):
        MarkovSwitching("A", **changed)  # type: ignore[arg-type]


def test_data_in_which_regimes_cannot_be_found_are_refused() -> None:
    from simulated import every_day

    market = every_day(days=260, n=1, seed=1)
    with pytest.raises(DataError, match=r"100 returns of A up to 2020-04-10"):
        MarkovSwitching("A").fit(market.past(100))
    with pytest.raises(DataError, match=r"259 returns of A up to .* regimes need 375"):
        MarkovSwitching("A", states=3).fit(market.past(259))
    with pytest.raises(DataError, match="unknown asset 'X': the market has A"):
        MarkovSwitching("X").fit(market.past(100))
    with pytest.raises(DataError, match=r"returns of S1 have shape \(2,\), 1 of them not finite"):
        law(2).filtered([0.0, np.nan])
    with pytest.raises(DataError, match=r"returns of S1 have shape \(0,\)"):
        law(2).filtered([])
    said = "regimes of S1 were fitted on days up to 2020-01-02, but asked on 2020-01-01"
    with pytest.raises(PolicyError, match=said):
        law(2).in_force(market.past(0))
