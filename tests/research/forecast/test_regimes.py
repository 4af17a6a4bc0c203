"""Regimes of a line: against all paths of states, against statsmodels' own filter, and known ones found again."""

from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from research.errors import ConfigError, DataError
from research.forecast import Regimes, fit_regimes, history
from research.market import Market
from research.risk import RegimeSwitching, simulated_market

SEEN = pd.Timestamp("2020-01-02")
LAW = Regimes("S1", means=(0.001, -0.002), deviations=(0.008, 0.02), stays=(0.98, 0.93), seen=SEEN)


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    return np.random.default_rng(3).normal(0.0, 0.012, 400)


def by_enumeration(law: Regimes, returns: np.ndarray) -> np.ndarray:
    """(T,) probability of turbulence given all returns: the sum over every path of states."""
    moves = np.array([[law.stays[0], 1 - law.stays[0]], [1 - law.stays[1], law.stays[1]]])
    likely = norm.pdf(returns[:, None], law.means, law.deviations)
    paths = list(product((0, 1), repeat=len(returns)))
    weight = [
        (law.share if path[0] else 1 - law.share)
        * np.prod([moves[a, b] for a, b in pairwise(path)])
        * np.prod([likely[t, state] for t, state in enumerate(path)])
        for path in paths
    ]
    return np.average(np.array(paths), axis=0, weights=weight)


def test_both_probabilities_are_the_sum_over_all_paths_of_states(returns: np.ndarray) -> None:
    short = 2.0 * returns[:9]
    assert LAW.smoothed_knowing_the_future(short) == pytest.approx(by_enumeration(LAW, short), abs=1e-12)
    known = [by_enumeration(LAW, short[: t + 1])[t] for t in range(9)]
    assert LAW.filtered(short) == pytest.approx(known, abs=1e-12)


def test_what_is_known_on_a_day_is_what_is_smoothed_over_a_series_that_ends_there(returns: np.ndarray) -> None:
    filtered = LAW.filtered(returns)
    for t in (0, 1, 57, 399):
        assert filtered[t] == pytest.approx(LAW.smoothed_knowing_the_future(returns[: t + 1])[-1], abs=1e-12)
    assert LAW.filtered(returns[:200]).tolist() == filtered[:200].tolist()
    assert np.abs(LAW.smoothed_knowing_the_future(returns) - filtered).max() > 0.1


def test_both_agree_with_statsmodels(returns: np.ndarray) -> None:
    model = MarkovRegression(returns, k_regimes=2, switching_variance=True)
    theirs = model.smooth([LAW.stays[0], 1 - LAW.stays[1], *LAW.means, *np.square(LAW.deviations)])
    assert LAW.filtered(returns) == pytest.approx(theirs.filtered_marginal_probabilities[:, 1], abs=1e-10)
    ours = LAW.smoothed_knowing_the_future(returns)
    assert ours == pytest.approx(theirs.smoothed_marginal_probabilities[:, 1], abs=1e-10)


def test_where_today_says_nothing_of_tomorrow_a_day_is_judged_by_itself(returns: np.ndarray) -> None:
    """With stays that sum to one, days are a mixture: the posterior is Bayes' for each, and the future adds nothing."""
    mixture = Regimes("S1", LAW.means, LAW.deviations, stays=(0.7, 0.3), seen=SEEN)
    calm, turbulent = (norm.pdf(returns, m, d) for m, d in zip(LAW.means, LAW.deviations, strict=True))
    posterior = 0.3 * turbulent / (0.3 * turbulent + 0.7 * calm)
    assert mixture.share == pytest.approx(0.3, rel=1e-12)
    assert mixture.filtered(returns) == pytest.approx(posterior, abs=1e-12)
    assert mixture.smoothed_knowing_the_future(returns) == pytest.approx(posterior, abs=1e-12)


def test_a_summary_says_how_long_a_regime_lasts() -> None:
    """A stay of 0.98 leaves on one day in fifty, one of 0.9 on one in ten."""
    law = Regimes("S1", (0.001, -0.002), (0.008, 0.02), stays=(0.98, 0.9), seen=SEEN)
    assert law.summary().loc["calm"].tolist() == pytest.approx([0.1, 0.8, 50.0])
    assert law.summary().loc["turbulent"].tolist() == pytest.approx([-0.2, 2.0, 10.0])


def test_an_extreme_return_leaves_no_doubt_and_no_nan() -> None:
    assert LAW.filtered([50.0, -50.0]).tolist() == [1.0, 1.0]
    assert LAW.smoothed_knowing_the_future([50.0, 0.0, 0.0])[0] == 1.0


def test_known_regimes_are_found_again() -> None:
    """Within four standard errors or so: with 6,000 days a deviation is good to 2 %, a probability to half a point."""
    truth = RegimeSwitching(
        means=[[0.15], [-0.2]], covariances=[[[0.1**2]], [[0.3**2]]], transition=[[0.99, 0.01], [0.03, 0.97]],
        periods_per_year=252.0,
    )  # fmt: skip
    market = simulated_market(truth, days=6_000, seed=4)
    found = fit_regimes(market.past(6_000), "S1")
    assert found.deviations == pytest.approx((0.1 / 252**0.5, 0.3 / 252**0.5), rel=0.05)
    assert found.stays == pytest.approx((0.99, 0.97), abs=0.01)
    assert found.means == pytest.approx((0.15 / 252, (-0.2) / 252), abs=1.2e-3)
    assert found.seen == market.dates[-1]
    state, returns = truth.regimes(1, 6_000, seed=4)[0], history(market.past(6_000), "S1")
    right = [np.mean((p > 0.5) == state) for p in (found.filtered(returns), found.smoothed_knowing_the_future(returns))]
    assert 0.9 < right[0] < right[1]  # who knows the future knows more


def test_a_fit_sees_nothing_that_comes_after_it() -> None:
    law = RegimeSwitching([[0.1], [0.0]], [[[0.01]], [[0.09]]], [[0.98, 0.02], [0.05, 0.95]], 252.0)
    market = simulated_market(law, days=900, seed=1)
    assert fit_regimes(market.past(600), "S1") == fit_regimes(market.until(market.dates[600]).past(600), "S1")


def test_a_line_counts_from_its_listing_on(returns: np.ndarray) -> None:
    from simulated import world

    market = world(days=30, n=2)
    tradable = market.tradable.copy()
    tradable[:10, 1] = False
    late = Market(
        market.dates, market.assets, np.where(tradable, market.returns, 0.0), tradable, market.cash,
        market.instruments, market.prices, calendar=market.calendar,
    )  # fmt: skip
    assert history(late.past(20), "B").tolist() == market.returns[11:21, 1].tolist()
    assert history(late.past(5), "B").tolist() == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"deviations": (0.02, 0.01)}, "deviations of Regimes are"),
        ({"deviations": (0.0, 0.01)}, "deviations of Regimes are"),
        ({"stays": (1.0, 0.9)}, "stays of Regimes are"),
        ({"means": (0.0,)}, "means of Regimes are"),
        ({"means": (0.0, float("nan"))}, "means of Regimes are"),
    ],
)
def test_a_law_with_no_sense_is_refused(settings: dict[str, tuple[float, ...]], said: str) -> None:
    numbers = {"means": (0.0, 0.0), "deviations": (0.01, 0.02), "stays": (0.9, 0.9), "line": "A", "seen": SEEN}
    with pytest.raises(ConfigError, match=said):
        Regimes(**(numbers | settings))  # type: ignore[arg-type]


def test_data_in_which_regimes_cannot_be_found_are_refused() -> None:
    from simulated import world

    market = world(days=260, n=1, seed=1)
    with pytest.raises(DataError, match=r"100 returns of A up to 2020-04-10"):
        fit_regimes(market.past(100), "A")
    with pytest.raises(DataError, match="unknown line 'X': the market has A"):
        fit_regimes(market.past(100), "X")
    with pytest.raises(DataError, match=r"returns of S1 have shape \(2,\), 1 of them not finite"):
        LAW.filtered([0.0, np.nan])
    with pytest.raises(DataError, match=r"returns of S1 have shape \(0,\)"):
        LAW.filtered([])
