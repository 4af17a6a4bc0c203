"""Estimated targets against hand calculation, closed forms and an independent solver."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from foundation.errors import ConfigError, DataError
from research.allocation import HRP, InverseVolatility, MinimumVariance, target_path
from research.allocation.allocation import answer_of

ESTIMATED = (InverseVolatility, MinimumVariance, HRP)


def shrunk(returns):
    """Ledoit-Wolf covariance, from scikit-learn directly."""
    from sklearn.covariance import ledoit_wolf

    return ledoit_wolf(np.asarray(returns))[0]


def market_of(make_market, returns):
    """A market whose first row lists the assets and whose other rows are `returns`."""
    return make_market(np.vstack([np.zeros(returns.shape[1]), returns]))


def test_inverse_volatility_by_hand(make_market):
    # Volatilities in the ratio 1 : 2 : 4 give weights 4/7, 2/7, 1/7.
    up_down = np.array([0.01, -0.01, 0.01, -0.01])
    market = make_market(np.vstack([np.zeros(3), np.outer(up_down, [1.0, 2.0, -4.0])]))
    assert InverseVolatility(window=4).target(market.past(4)) == pytest.approx([4 / 7, 2 / 7, 1 / 7], abs=1e-15)
    variances = InverseVolatility(window=4, power=2.0).target(market.past(4))
    assert variances == pytest.approx([16 / 21, 4 / 21, 1 / 21], abs=1e-15)


def test_inverse_volatility_of_real_stocks_is_that_of_pandas(stocks, make_market):
    target = InverseVolatility(window=252).target(market_of(make_market, stocks.to_numpy()).past(252))
    inverse = 1.0 / stocks.std()
    assert target == pytest.approx((inverse / inverse.sum()).to_numpy(), abs=1e-15)


def test_minimum_variance_is_the_closed_form_where_no_weight_would_be_short(make_market):
    returns = np.random.default_rng(2).normal(0.0, [0.008, 0.010, 0.012, 0.015], (252, 4))
    closed = np.linalg.solve(shrunk(returns), np.ones(4))
    closed /= closed.sum()
    assert closed.min() > 0.05
    target = MinimumVariance(window=252).target(market_of(make_market, returns).past(252))
    assert target == pytest.approx(closed, abs=1e-8)


def test_minimum_variance_of_real_stocks_meets_its_optimality_conditions(stocks, make_market):
    # Karush, Kuhn, Tucker: a held asset's covariance with the portfolio is its variance; no other's is less.
    weights = MinimumVariance(window=252).target(market_of(make_market, stocks.to_numpy()).past(252))
    cov = shrunk(stocks)
    variance, marginal = weights @ cov @ weights, cov @ weights
    held = weights > 1e-4
    assert 3 <= held.sum() <= 17
    assert marginal[held] == pytest.approx(variance, rel=1e-6)
    assert (marginal[~held] > variance * (1.0 - 1e-6)).all()
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0, abs=1e-15)


def test_minimum_variance_of_real_stocks_is_what_cvxpy_finds(stocks, make_market):
    import cvxpy as cp

    weights, root = cp.Variable(20, nonneg=True), np.linalg.cholesky(shrunk(stocks) * 1e4)
    cp.Problem(cp.Minimize(cp.sum_squares(root.T @ weights)), [cp.sum(weights) == 1]).solve(solver="OSQP")
    target = MinimumVariance(window=252).target(market_of(make_market, stocks.to_numpy()).past(252))
    assert target == pytest.approx(weights.value, abs=1e-6)


@pytest.mark.parametrize("kind", ESTIMATED)
def test_asked_again_the_answer_is_the_same_to_the_bit(kind, noisy):
    assert np.array_equal(kind(window=60).target(noisy.past(200)), kind(window=60).target(noisy.past(200)))


@pytest.mark.parametrize("kind", ESTIMATED)
def test_a_line_is_taken_on_the_first_day_that_its_window_is_complete(kind, noisy):
    # The fifth asset is listed at row 120: its first return is row 121's, its sixtieth row 180's.
    before, after = (kind(window=60).target(noisy.past(t)) for t in (179, 180))
    assert before[4] == 0.0
    if kind is MinimumVariance:  # which holds it at its bound
        bound = [one.limit for one in kind(window=60).answer(noisy.past(180)).binding]
        assert any(noisy.assets[4] in limit for limit in bound)
    else:
        assert after[4] > 0.0
    assert before.sum() == pytest.approx(1.0, abs=1e-12)
    assert after.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("kind", ESTIMATED)
def test_lines_without_a_complete_window_do_not_change_the_others(kind, noisy):
    target = kind(window=60).target(noisy.past(179))
    assert np.array_equal(target[:4], kind(window=60).target(noisy.select(noisy.assets[:4]).past(179)))


@pytest.mark.parametrize("kind", ESTIMATED)
def test_a_line_that_is_halted_today_keeps_its_place(kind, make_market):
    returns = np.random.default_rng(3).normal(0.0, 0.01, (61, 3))
    halted, open_ = make_market(returns, halted=[(60, 1)]), make_market(returns)
    assert not halted.past(60).tradable[-1, 1]
    assert np.array_equal(kind(window=60).target(halted.past(60)), kind(window=60).target(open_.past(60)))
    assert kind(window=60).target(halted.past(60))[1] > 0.0


@pytest.mark.parametrize("kind", ESTIMATED)
def test_only_the_window_counts(kind, make_market):
    returns = np.random.default_rng(4).normal(0.0, [0.002, 0.01, 0.02], (100, 3))
    other = returns.copy()
    other[:40] *= 3.0
    one, two = (kind(window=60).target(make_market(r).past(99)) for r in (returns, other))
    assert np.array_equal(one, two)
    other[40] *= 3.0  # the first return of the window
    assert not np.array_equal(one, kind(window=60).target(make_market(other).past(99)))


@pytest.mark.parametrize("kind", ESTIMATED)
def test_a_single_complete_line_takes_everything(kind, make_market):
    returns = np.random.default_rng(6).normal(0.0, 0.01, (61, 2))
    target = kind(window=60).target(make_market(returns, first=[0, 30]).past(60))
    assert target == pytest.approx([1.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("kind", ESTIMATED)
@pytest.mark.parametrize("still", [0.0, 1e-4])
def test_a_line_that_does_not_move_is_left_out_and_that_is_said(kind, still, make_market):
    returns = np.random.default_rng(7).normal(0.0, 0.01, (61, 3))
    price = 100.0 * (1.0 + still) ** np.arange(62)
    returns[:, 1] = price[1:] / price[:-1] - 1.0  # constant but for rounding
    market = make_market(returns)
    found = answer_of(kind(window=60), market.past(60))
    expected = kind(window=60).target(market.select(["A00", "A02"]).past(60))
    assert found.weights == pytest.approx([expected[0], 0.0, expected[1]], abs=1e-9)
    assert found.notes == ("A01 did not move in 60 sessions, and is left out",)
    path = target_path(kind(window=60, schedule="day"), market, 60)
    assert "changed their input (2018-03-29: A01 did not move in 60 sessions" in path.remarks(60, "own")[0]


@pytest.mark.parametrize("kind", ESTIMATED)
def test_asked_before_any_window_is_complete_it_says_so(kind, noisy):
    with pytest.raises(DataError, match=r"no asset has 60 returns on 2018-03-28 \(row 59\)"):
        kind(window=60).target(noisy.past(59))


@pytest.mark.parametrize("kind", ESTIMATED)
@pytest.mark.parametrize("window", [1, 0, -5, 252.0, "252", True])
def test_a_window_that_is_not_a_number_of_returns_is_refused(kind, window):
    with pytest.raises(ConfigError, match=rf"window of {kind.__name__} is .* at least 2"):
        kind(window=window)


@pytest.mark.parametrize("kind", ESTIMATED)
@pytest.mark.parametrize("schedule", ["listing", "monthly"])
def test_an_estimate_is_refitted_by_the_calendar_only(kind, schedule):
    # Asked at listings only, it would never take a new line: its window is complete long after it is listed.
    with pytest.raises(ConfigError, match=rf"schedule of {kind.__name__} is '{schedule}'. Use one of day, week, month"):
        kind(schedule=schedule)


@pytest.mark.parametrize("kind", ESTIMATED)
def test_a_file_gives_the_same_estimate(kind):
    expected = kind(window=126, schedule="quarter")
    assert TypeAdapter(kind).validate_python({"window": 126, "schedule": "quarter"}) == expected
