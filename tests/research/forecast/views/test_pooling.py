"""Entropy and opinion pooling: Riskfolio-Lib's and skfolio's probabilities, closed forms, laws, and what is refused."""

from dataclasses import dataclass

import numpy as np
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from research.forecast import (
    BlackLitterman,
    EntropyPooling,
    Estimated,
    Forecast,
    InvestorView,
    MarketCap,
    Moments,
    Opinion,
    OpinionPooling,
)
from research.forecast.views.pooling import pool_opinions, scenarios_of
from research.market import Market, Past

SAMPLE = Estimated("historical", "sample")
VWO, SPY = InvestorView("VEA beats VWO by 2% a year", 1.0), InvestorView("SPY returns 9% a year", 1.0)


@pytest.fixture(scope="module")
def past(facts_market: Market) -> Past:
    return facts_market.past(799)


def pooling(*views: InvestorView, scenarios: int = 252) -> EntropyPooling:
    return EntropyPooling(views, SAMPLE, scenarios)


# -- against libraries and closed forms --------------------------------------------------------------------------------


def test_riskfolio_finds_the_same_probabilities(past: Past) -> None:
    from riskfolio import entropy_pooling

    returns = past.returns[-252:]
    picks = np.array([[0, 1, -1, 0, 0], [1, 0, 0, 0, 0]])
    expected = np.array([[0.02], [0.09]]) / 252
    peer = entropy_pooling(returns / 0.01, P_eq=picks @ returns.T / 0.01, Q_eq=expected / 0.01)[-1].ravel()
    scenarios = scenarios_of(SAMPLE, 252, 252.0, past)
    ours = scenarios.pooled(scenarios.rows((VWO, SPY), past))
    assert ours == pytest.approx(peer, abs=1e-6)
    even = np.full(252, 1 / 252)
    assert (ours * np.log(ours / even)).sum() <= (peer * np.log(peer / even)).sum() + 1e-9


def test_probabilities_are_exponential_in_what_the_views_are_about(past: Past) -> None:
    """The closed form of least relative entropy under conditions on means (Csiszár 1975)."""
    scenarios = scenarios_of(SAMPLE, 252, 252.0, past)
    found = scenarios.pooled(scenarios.rows((VWO, SPY), past))
    about = np.column_stack([past.returns[-252:] @ [0, 1, -1, 0, 0], past.returns[-252:, 0], np.ones(252)])
    fitted = about @ np.linalg.lstsq(about, np.log(found), rcond=None)[0]
    assert fitted == pytest.approx(np.log(found), abs=1e-8)


def test_skfolio_pools_opinions_alike(past: Past) -> None:
    from skfolio.prior import EntropyPooling as Peer
    from skfolio.prior import OpinionPooling as Peers

    returns = past.returns[-252:]
    bull, bear = (f"x0 == {rate / 252:.17f}" for rate in (0.15, -0.05))
    opinions = (
        Opinion("bull", 0.3, (InvestorView("SPY returns 15% a year", 1.0),)),
        Opinion("bear", 0.5, (InvestorView("SPY returns -5% a year", 1.0),)),
    )
    for method in ("linear", "logarithmic"):
        peer = Peers(
            [("bull", Peer(mean_views=[bull])), ("bear", Peer(mean_views=[bear]))],
            opinion_probabilities=[0.3, 0.5],
            is_linear_pooling=method == "linear",
        ).fit(returns)
        ours = OpinionPooling(opinions, method, SAMPLE, 252).predict(past)  # type: ignore[arg-type]
        assert ours.mean == pytest.approx(peer.return_distribution_.mu, abs=2e-9)
        assert ours.covariance == pytest.approx(peer.return_distribution_.covariance, abs=2e-9)


def test_nearly_normal_scenarios_give_the_mean_of_black_litterman(facts_market: Market) -> None:
    """Meucci (2008): for a normal prior, entropy pooling of certain views on means is Black-Litterman's mean."""
    past = facts_market.past(799)
    views = (InvestorView("SPY beats AGG by 3% a year", 1.0),)
    pooled = pooling(*views).predict(past)
    exact = BlackLitterman(views, SAMPLE).predict(past)
    assert pooled.mean == pytest.approx(exact.mean, abs=3e-6)  # a day: 0.08 % a year


# -- laws --------------------------------------------------------------------------------------------------------------


def test_no_views_give_the_prior(past: Past) -> None:
    prior, found = SAMPLE.predict(past), pooling().predict(past)
    assert isinstance(pooling(), Forecast)
    assert found.mean == pytest.approx(prior.mean, abs=1e-16)
    assert found.covariance == pytest.approx(prior.covariance, rel=1e-9)
    none = OpinionPooling((), "linear", SAMPLE, 252).predict(past)
    assert none.mean == pytest.approx(prior.mean, abs=1e-16)


def test_scenarios_take_the_means_of_another_prior(past: Past) -> None:
    market = MarketCap(SAMPLE)
    found = EntropyPooling((), market, 252).predict(past)
    assert found.mean == pytest.approx(market.predict(past).mean, abs=1e-16)
    assert found.covariance == pytest.approx(SAMPLE.predict(past).covariance, rel=1e-9)


@pytest.mark.parametrize("confidence", [0.0, 0.25, 0.6, 1.0])
def test_one_view_moves_its_combination_by_its_confidence(past: Past, confidence: float) -> None:
    row = pooling(InvestorView("VEA beats VWO by 2% a year", confidence)).posterior(past).views().iloc[0]
    assert row["posterior"] == pytest.approx(row["prior"] + confidence * (0.02 - row["prior"]), abs=1e-8)


def test_less_confident_views_hold_where_the_more_confident_ones_do(past: Past) -> None:
    views = (InvestorView(VWO.view, 0.3), InvestorView(SPY.view, 0.8))
    scenarios = scenarios_of(SAMPLE, 252, 252.0, past)
    both, one = (scenarios.pooled(scenarios.rows(kept, past)) for kept in ((VWO, SPY), (SPY,)))
    found = scenarios.pooled(scenarios.rows(views, past))
    assert found == pytest.approx(0.3 * both + 0.5 * one + 0.2 / 252, abs=1e-12)


def test_the_order_of_views_and_of_opinions_does_not_matter(past: Past) -> None:
    one, other = pooling(VWO, SPY).predict(past), pooling(SPY, VWO).predict(past)
    assert one.mean == pytest.approx(other.mean, abs=1e-9)
    opinions = (Opinion("a", 0.3, (VWO,)), Opinion("b", 0.6, (SPY,)))
    for method in ("linear", "logarithmic"):
        there, back = (OpinionPooling(those, method, SAMPLE, 252).predict(past) for those in (opinions, opinions[::-1]))
        assert there.mean == pytest.approx(back.mean, abs=1e-15)


def test_the_error_of_a_mean_is_that_of_a_weighted_sample(past: Past) -> None:
    posterior = pooling(SPY).posterior(past)
    deviation = past.returns[-252:].std(axis=0, ddof=1)
    assert np.sqrt(np.diag(posterior.prior_doubt)) == pytest.approx(252 * deviation / np.sqrt(252), rel=1e-9)
    assert np.trace(posterior.mean_doubt) > np.trace(posterior.prior_doubt) * 0.99  # fewer scenarios count


@given(seed=st.integers(0, 1000))
def test_pooled_probabilities_are_probabilities(seed: int) -> None:
    rng = np.random.default_rng(seed)
    opinions, shares = rng.dirichlet(np.ones(6), 3), rng.dirichlet(np.ones(3))
    for method in ("linear", "logarithmic"):
        found = pool_opinions(opinions, shares, method)  # type: ignore[arg-type]
        assert found.min() >= 0.0
        assert found.sum() == pytest.approx(1.0, abs=1e-12)
        assert pool_opinions(opinions[:1], np.ones(1), method) == pytest.approx(opinions[0])  # type: ignore[arg-type]


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_view_past_every_scenario_is_named_with_what_they_hold(past: Past) -> None:
    with pytest.raises(DataError, match="no probabilities of 252 scenarios to 2017-03-14 fulfil 'AGG returns 900%"):
        pooling(SPY, InvestorView("AGG returns 900% a year", 1.0)).predict(past)


def test_the_smallest_set_of_views_that_nothing_fulfils_is_named(past: Past) -> None:
    views = (
        "SPY beats VEA by 1% a year",
        "VEA beats VWO by 1% a year",
        "AGG returns 2% a year",
        "SPY beats VWO by 3% a year",
    )
    with pytest.raises(DataError) as error:
        pooling(*(InvestorView(view, 1.0) for view in views)).predict(past)
    assert "fulfil 'SPY beats VEA by 1% a year', 'VEA beats VWO by 1% a year', 'SPY beats VWO by 3% a year'" in str(
        error.value
    )


@dataclass(frozen=True)
class OfOneLine:
    """A forecast that knows SPY only."""

    window: int = 2

    def predict(self, past: Past) -> Moments:
        return Moments(("SPY",), np.array([0.0003]), np.array([[1e-4]]), 1.0, past.date)


def test_a_single_line_is_not_pooled(past: Past) -> None:
    with pytest.raises(DataError, match="two assets with 252 returns that its prior knows, and has SPY on 2017-03-14"):
        EntropyPooling((), OfOneLine(), 252).predict(past)


@cases(
    "make, said",
    (lambda: pooling(InvestorView(SPY.view, uncertainty=0.02)), "give pooled views a confidence"),
    (lambda: pooling(scenarios=1), "window of EntropyPooling is 1"),
    (lambda: Opinion("a", 1.2, ()), "probability of opinion 'a' is 1.2"),
    (lambda: OpinionPooling((Opinion("a", 0.6, ()), Opinion("b", 0.6, ()))), "they sum to 1.2"),
    (lambda: OpinionPooling(method="mean"), "method of OpinionPooling is 'mean'"),
)
def test_settings_without_sense_are_refused(make: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()  # type: ignore[operator]
