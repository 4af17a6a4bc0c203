"""Laws of Black-Litterman, skfolio's numbers, and views that are refused; published ones are in tests/literature."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import DataError
from research.forecast import BlackLitterman, Estimated, Forecast, InvestorView, MarketCap, Moments, Posterior
from research.forecast.views.black_litterman import black_litterman
from research.forecast.views.posterior import ViewRows
from research.market import Market, Past

DAY = pd.Timestamp("2022-12-30")
TEXT = "SPY returns 7% a year"


@dataclass(frozen=True)
class Given:
    """A forecast of moments that are handed to it."""

    moments: Moments
    window: int = 2

    def predict(self, past: Past) -> Moments:
        return self.moments


def prior_of(seed: int, k: int = 5) -> Moments:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k))
    covariance = 0.02 * (root @ root.T / k + 0.2 * np.eye(k))
    return Moments(tuple("ABCDEFGH"[:k]), rng.normal(0.05, 0.03, k), covariance, 252.0, DAY)


def rows_of(seed: int, prior: Moments, *confidences: float) -> ViewRows:
    rng = np.random.default_rng((seed, 1))
    m, k = len(confidences), len(prior.assets)
    views = tuple(InvestorView(TEXT, sure) for sure in confidences)
    return ViewRows(views, rng.normal(size=(m, k)), rng.normal(0.05, 0.05, m))


def update(prior: Moments, rows: ViewRows, tau: float = 0.05) -> Posterior:
    return black_litterman(prior, rows, tau)


seeds = st.integers(0, 10_000)
sure = st.floats(0.01, 0.99)


# -- laws --------------------------------------------------------------------------------------------------------------


@given(seed=seeds)
def test_no_views_give_the_prior(seed: int) -> None:
    prior = prior_of(seed)
    posterior = update(prior, rows_of(seed, prior))
    assert posterior.moments.mean.tolist() == prior.mean.tolist()
    assert posterior.moments.covariance == pytest.approx(1.05 * prior.covariance, rel=1e-12)
    assert posterior.prior.covariance == pytest.approx(posterior.moments.covariance, rel=1e-12)


@given(seed=seeds, confidence=st.floats(0.0, 1.0))
def test_views_that_say_what_the_prior_says_move_no_mean(seed: int, confidence: float) -> None:
    prior = prior_of(seed)
    rows = rows_of(seed, prior, confidence, 0.5)
    posterior = update(prior, replace(rows, expected=rows.picks @ prior.mean))
    assert posterior.moments.mean == pytest.approx(prior.mean, abs=1e-12)


@given(seed=seeds, confidence=sure)
def test_a_reversed_view_reverses_the_tilt(seed: int, confidence: float) -> None:
    prior = prior_of(seed)
    rows = rows_of(seed, prior, confidence)
    surprise = rows.expected - rows.picks @ prior.mean
    there = update(prior, rows).moments.mean - prior.mean
    back = update(prior, replace(rows, expected=rows.expected - 2.0 * surprise)).moments.mean - prior.mean
    assert there == pytest.approx(-back, abs=1e-12)


@given(seed=seeds)
def test_zero_confidence_moves_nothing(seed: int) -> None:
    prior = prior_of(seed)
    with_it, without = rows_of(seed, prior, 0.7, 0.0), rows_of(seed, prior, 0.7, 0.0).only([0])
    one, other = update(prior, with_it), update(prior, without)
    assert one.moments.mean.tolist() == other.moments.mean.tolist()
    assert one.moments.covariance.tolist() == other.moments.covariance.tolist()
    assert one.doubt[1] == np.inf


@given(seed=seeds, confidence=sure)
def test_certain_views_are_met_whatever_the_others_say(seed: int, confidence: float) -> None:
    prior = prior_of(seed)
    rows = rows_of(seed, prior, 1.0, confidence, 1.0)
    posterior = update(prior, rows)
    assert (rows.picks @ posterior.moments.mean)[[0, 2]] == pytest.approx(rows.expected[[0, 2]], abs=1e-10)
    left = rows.picks @ posterior.mean_doubt @ rows.picks.T
    assert np.diag(left)[[0, 2]] == pytest.approx(0.0, abs=1e-10)


@given(seed=seeds, confidence=st.floats(0.0, 1.0), tau=st.floats(0.001, 1.0))
def test_one_view_moves_its_combination_by_its_confidence_whatever_tau(
    seed: int, confidence: float, tau: float
) -> None:
    """Idzorek (2005): the share of the way from the prior to the view."""
    prior = prior_of(seed)
    rows = rows_of(seed, prior, confidence)
    before, after = rows.picks @ prior.mean, rows.picks @ update(prior, rows, tau).moments.mean
    assert after == pytest.approx(before + confidence * (rows.expected - before), abs=1e-10)


@given(seed=seeds)
def test_the_order_of_lines_and_of_views_does_not_matter(seed: int) -> None:
    prior = prior_of(seed)
    rows = rows_of(seed, prior, 0.3, 1.0, 0.8)
    posterior = update(prior, rows)
    rng = np.random.default_rng((seed, 2))
    lines, order = rng.permutation(5), rng.permutation(3)
    moved = Moments(
        tuple(prior.assets[i] for i in lines), prior.mean[lines], prior.covariance[np.ix_(lines, lines)], 252.0, DAY
    )
    mixed = ViewRows(tuple(rows.views[i] for i in order), rows.picks[np.ix_(order, lines)], rows.expected[order])
    other = update(moved, mixed).moments
    assert other.mean == pytest.approx(posterior.moments.mean[lines], abs=1e-11)
    assert other.covariance == pytest.approx(posterior.moments.covariance[np.ix_(lines, lines)], abs=1e-11)


@given(seed=seeds, confidence=sure)
def test_a_view_leaves_no_mean_less_sure(seed: int, confidence: float) -> None:
    prior = prior_of(seed)
    posterior = update(prior, rows_of(seed, prior, confidence, 1.0))
    assert np.linalg.eigvalsh(posterior.prior_doubt - posterior.mean_doubt).min() >= -1e-12
    assert np.linalg.eigvalsh(posterior.mean_doubt).min() >= -1e-12


def test_the_horizon_of_the_prior_scales_the_answer_and_no_more(facts_market: Market) -> None:
    past = facts_market.past(799)
    daily = MarketCap(Estimated(covariance="sample")).predict(past)
    views = (InvestorView("VEA beats VWO by 2% a year", 0.6), InvestorView("SPY returns 9% a year", uncertainty=0.02))
    one = BlackLitterman(views, Given(daily)).predict(past)
    month = BlackLitterman(views, Given(daily.over(21.0))).predict(past)
    assert (one.horizon, month.horizon) == (1.0, 21.0)
    assert month.mean == pytest.approx(21.0 * one.mean, rel=1e-12)
    assert month.covariance == pytest.approx(21.0 * one.covariance, rel=1e-12)


# -- a second library --------------------------------------------------------------------------------------------------


def test_skfolio_gives_the_same_moments(facts_market: Market) -> None:
    from skfolio.moments import EmpiricalCovariance, EmpiricalMu
    from skfolio.prior import BlackLitterman as Peer
    from skfolio.prior import EmpiricalPrior

    past = facts_market.past(799)
    frame = pd.DataFrame(past.returns[-252:], columns=list(past.assets))
    peer = Peer(
        [f"VEA - VWO = {0.02 / 252!r}", f"SPY = {0.09 / 252!r}"],
        prior_estimator=EmpiricalPrior(mu_estimator=EmpiricalMu(), covariance_estimator=EmpiricalCovariance()),
        view_confidences=[0.6, 0.3],
    ).fit(frame)
    views = (InvestorView("VEA beats VWO by 2% a year", 0.6), InvestorView("SPY returns 9% a year", "30%"))
    ours = BlackLitterman(views, Estimated(covariance="sample")).predict(past)
    assert ours.mean == pytest.approx(peer.return_distribution_.mu, rel=1e-10)
    assert ours.covariance == pytest.approx(peer.return_distribution_.covariance, rel=1e-9)


# -- the record --------------------------------------------------------------------------------------------------------


def test_prior_view_and_posterior_stand_side_by_side_with_intervals(facts_market: Market) -> None:
    model = BlackLitterman((InvestorView("SPY returns 9% a year", 0.5),), MarketCap(Estimated(covariance="sample")))
    assert isinstance(model, Forecast)
    past = facts_market.past(799)
    posterior = model.posterior(past)
    lines, views = posterior.lines(), posterior.views()
    spread = 1.6448536269514722 * np.sqrt(0.05 * 252 * np.var(past.returns[-252:, 0], ddof=1))
    assert lines.loc["SPY", "prior high"] - lines.loc["SPY", "prior"] == pytest.approx(spread, rel=1e-9)
    assert lines.loc["SPY", "posterior high"] - lines.loc["SPY", "posterior"] == pytest.approx(spread / 2**0.5)
    view = views.loc["SPY returns 9% a year"]
    assert view["view"] == pytest.approx(0.09)
    assert view["view high"] - view["view"] == pytest.approx(spread)  # as sure as the prior
    assert view["posterior"] == pytest.approx((view["prior"] + 0.09) / 2.0)
    assert posterior.moments.over(1.0).mean == pytest.approx(model.predict(past).mean)


def test_with_tau_zero_the_posterior_is_taken_for_exact(facts_market: Market) -> None:
    past = facts_market.past(799)
    prior = MarketCap(Estimated(covariance="sample"))
    views = (InvestorView("SPY returns 9% a year", 0.5), InvestorView("VWO returns 9% a year", 0.0))
    exact, usual = BlackLitterman(views, prior, tau=0.0), BlackLitterman(views, prior)
    assert exact.predict(past).mean == pytest.approx(usual.predict(past).mean, rel=1e-12)
    assert exact.predict(past).covariance == pytest.approx(prior.predict(past).covariance, rel=1e-12)
    assert exact.posterior(past).doubt.tolist() == [0.0, np.inf]


def test_a_view_on_a_line_that_is_not_listed_yet_changes_nothing_but_the_notes(facts_market: Market) -> None:
    past = facts_market.past(350)
    prior = MarketCap(Estimated(covariance="sample"))
    found = BlackLitterman((InvestorView("VEA beats VWO by 2% a year"),), prior).predict(past)
    assert found.mean == pytest.approx(prior.predict(past).mean, rel=1e-15)
    assert "set aside, since VWO" in found.notes[0]


# -- what is refused ---------------------------------------------------------------------------------------------------


def certain(*texts: str) -> BlackLitterman:
    return BlackLitterman(tuple(InvestorView(text, 1.0) for text in texts))


def test_certain_views_that_contradict_each_other_are_named(facts_market: Market) -> None:
    model = certain(
        "AGG returns 2% a year",
        "SPY beats VEA by 1% a year",
        "VEA beats VWO by 1% a year",
        "SPY beats VWO by 3% a year",
    )
    with pytest.raises(DataError) as error:
        model.predict(facts_market.past(799))
    assert str(error.value) == (
        "views 'SPY beats VEA by 1% a year', 'VEA beats VWO by 1% a year', 'SPY beats VWO by 3% a year' are certain "
        "and contradict each other: the last expects 3.00 % a year, and from the others follow 2.00 %. Give one a "
        "confidence below 1."
    )


def test_certain_views_that_repeat_each_other_count_once(facts_market: Market) -> None:
    past = facts_market.past(799)
    twice = certain("SPY beats VEA by 1% a year", "VEA beats VWO by 1% a year", "SPY beats VWO by 2% a year").predict(
        past
    )
    once = certain("SPY beats VEA by 1% a year", "VEA beats VWO by 1% a year").predict(past)
    assert twice.mean == pytest.approx(once.mean, rel=1e-9)
    assert twice.covariance == pytest.approx(once.covariance, rel=1e-9)


def test_a_view_about_a_combination_without_risk_is_refused() -> None:
    prior = Moments(("A", "B"), np.array([0.03, 0.05]), np.full((2, 2), 0.04), 252.0, DAY)
    rows = ViewRows((InvestorView("A beats B by 1% a year", 0.6),), np.array([[1.0, -1.0]]), np.array([0.01]))
    with pytest.raises(DataError, match="'A beats B by 1% a year' is about a combination without risk in the prior"):
        update(prior, rows)


def test_a_view_about_an_unknown_line_is_refused_with_the_nearest_name(facts_market: Market) -> None:
    with pytest.raises(DataError, match="Did you mean 'VWO'"):
        certain("VEA beats VWOO by 1% a year").predict(facts_market.past(799))
