"""Published Black-Litterman portfolios: He and Litterman (1999), seven countries, and Idzorek (2005), eight classes."""

import numpy as np
import pandas as pd
import pytest
from pypfopt.black_litterman import BlackLittermanModel

from research.forecast import InvestorView, Moments, Posterior, equilibrium_returns, unconstrained_weights
from research.forecast.views.black_litterman import black_litterman
from research.forecast.views.posterior import view_rows
from research.market import Past, market_from_frame, with_facts

DAY = pd.Timestamp("2022-12-30")

# He and Litterman (1999), The Intuition Behind Black-Litterman Model Portfolios, tables 1 and 2: correlations,
# volatilities and weights of markets, risk aversion 2.5, tau 0.05; figures are printed to 0.1 %.
COUNTRIES = ("Australia", "Canada", "France", "Germany", "Japan", "UK", "USA")
VOLATILITIES = np.array([16.0, 20.3, 24.8, 27.1, 21.0, 20.0, 18.7]) / 100
CAPS = np.array([1.6, 2.2, 5.2, 5.5, 11.6, 12.4, 61.5]) / 100
CORRELATIONS = [
    0.488, 0.478, 0.515, 0.439, 0.512, 0.491,
    0.664, 0.655, 0.310, 0.608, 0.779,
    0.861, 0.355, 0.783, 0.668,
    0.354, 0.777, 0.653,
    0.405, 0.306,
    0.652,
]  # fmt: skip
EUROPE = InvestorView("Germany beats cap-weighted rest of Europe by 5% a year")
AMERICA = InvestorView("Canada beats USA by 3% a year")

# Idzorek (2005), A Step-by-Step Guide to the Black-Litterman Model; the covariance is printed to six decimals, which
# moves weights by up to 0.05 %.
CLASSES = (
    "US bonds", "Intl bonds", "US large growth", "US large value", "US small growth", "US small value",
    "Intl developed", "Intl emerging",
)  # fmt: skip
CLASS_WEIGHTS = np.array([19.34, 26.13, 12.09, 12.09, 1.34, 1.34, 24.18, 3.49]) / 100
CLASS_COVARIANCE = np.array(
    [
        [0.001005, 0.001328, -0.000579, -0.000675, 0.000121, 0.000128, -0.000445, -0.000437],
        [0.001328, 0.007277, -0.001307, -0.000610, -0.002237, -0.000989, 0.001442, -0.001535],
        [-0.000579, -0.001307, 0.059582, 0.027588, 0.063497, 0.023036, 0.032967, 0.048039],
        [-0.000675, -0.000610, 0.027588, 0.029609, 0.026572, 0.021465, 0.020697, 0.029854],
        [0.000121, -0.002237, 0.063497, 0.026572, 0.102488, 0.042744, 0.039943, 0.065994],
        [0.000128, -0.000989, 0.023036, 0.021465, 0.042744, 0.032056, 0.019881, 0.032235],
        [-0.000445, 0.001442, 0.032967, 0.020697, 0.039943, 0.019881, 0.028355, 0.035064],
        [-0.000437, -0.001535, 0.048039, 0.029854, 0.065994, 0.032235, 0.035064, 0.079958],
    ]
)
CLASS_VIEWS = (
    "Intl developed returns 5.25% a year over cash",
    "Intl bonds beats US bonds by 0.25% a year",
    "cap-weighted growth beats cap-weighted value by 2% a year",
)


def covariance_of_countries() -> np.ndarray:
    found = np.eye(7)
    found[np.triu_indices(7, 1)] = CORRELATIONS
    found += np.triu(found, 1).T
    return found * np.outer(VOLATILITIES, VOLATILITIES)


def day_of(assets: tuple[str, ...], **facts: dict[str, float | str]) -> Past:
    """A market of three days that knows facts of its assets, and no more."""
    prices = np.cumprod(1.0 + 0.01 * np.random.default_rng(0).random((3, len(assets))), axis=0)
    market = market_from_frame(pd.DataFrame(prices, index=pd.bdate_range(end=DAY, periods=3), columns=list(assets)))
    return with_facts(market, facts).past(2)


def countries(*views: InvestorView) -> Posterior:
    past = day_of(
        COUNTRIES,
        market_cap=dict(zip(COUNTRIES, CAPS.tolist(), strict=True)),
        region={"France": "rest of Europe", "UK": "rest of Europe"},
    )
    covariance = covariance_of_countries()
    prior = Moments(COUNTRIES, equilibrium_returns(covariance, CAPS), covariance, 252.0, DAY)
    return black_litterman(prior, view_rows(views, COUNTRIES, past, 0.0), tau=0.05)


def classes(*confidences: float) -> Posterior:
    past = day_of(
        CLASSES,
        market_cap=dict(zip(CLASSES, CLASS_WEIGHTS.tolist(), strict=True)),
        style={
            "US large growth": "growth", "US small growth": "growth",
            "US large value": "value", "US small value": "value",
        },
    )  # fmt: skip
    prior = Moments(CLASSES, equilibrium_returns(CLASS_COVARIANCE, CLASS_WEIGHTS, 3.07), CLASS_COVARIANCE, 252.0, DAY)
    views = [InvestorView(view, sure) for view, sure in zip(CLASS_VIEWS, confidences, strict=True)]
    return black_litterman(prior, view_rows(views, CLASSES, past, 0.0), tau=0.025)


def test_equilibrium_returns_of_seven_countries_are_those_printed() -> None:
    returns = equilibrium_returns(covariance_of_countries(), CAPS)
    assert np.round(100 * returns, 1).tolist() == [3.9, 6.9, 8.4, 9.0, 4.3, 6.8, 7.6]


def test_one_view_on_europe_gives_the_printed_returns_and_weights() -> None:
    """He and Litterman, table 4: Germany 35.4 % and USA 58.6 %, by the covariance with the error of the mean."""
    posterior = countries(EUROPE)
    weights = unconstrained_weights(posterior.moments)
    assert np.round(100 * posterior.moments.mean, 1).tolist() == [4.3, 7.6, 9.3, 11.0, 4.5, 7.0, 8.1]
    assert 100 * weights == pytest.approx([1.5, 2.1, -4.0, 35.4, 11.0, -9.5, 58.6], abs=0.051)
    tilt = 100 * (weights - CAPS / 1.05)  # from what is held without views
    assert tilt == pytest.approx([0, 0, -8.9, 30.2, 0, -21.3, 0], abs=0.051)


def test_two_views_give_the_printed_returns_and_weights() -> None:
    """He and Litterman, table 5."""
    posterior = countries(EUROPE, AMERICA)
    weights = unconstrained_weights(posterior.moments)
    assert np.round(100 * posterior.moments.mean, 1).tolist() == [4.4, 8.7, 9.5, 11.2, 4.6, 7.0, 7.5]
    assert 100 * weights == pytest.approx([1.5, 41.9, -3.4, 33.6, 11.0, -8.2, 18.8], abs=0.051)
    assert posterior.doubt**2 / 0.05 == pytest.approx([0.021, 0.017], abs=0.0005)  # omega over tau


def test_the_order_of_views_does_not_matter() -> None:
    one, other = countries(EUROPE, AMERICA), countries(AMERICA, EUROPE)
    assert one.moments.mean == pytest.approx(other.moments.mean, abs=1e-15)
    assert one.moments.covariance == pytest.approx(other.moments.covariance, abs=1e-15)


def test_pypfopt_agrees_on_moments_and_takes_a_shortcut_for_weights() -> None:
    posterior = countries(EUROPE)
    peer = BlackLittermanModel(
        covariance_of_countries(),
        pi=posterior.prior.mean,
        P=posterior.rows.picks,
        Q=posterior.rows.expected,
        risk_aversion=2.5,
    )
    assert posterior.moments.mean == pytest.approx(peer.bl_returns().to_numpy(), rel=1e-12)
    assert posterior.moments.covariance == pytest.approx(np.asarray(peer.bl_cov()), rel=1e-9)
    shortcut = np.linalg.solve(2.5 * covariance_of_countries(), peer.bl_returns().to_numpy())
    assert np.round(100 * shortcut[[3, 6]], 1).tolist() == [35.6, 61.5]


def test_implied_returns_of_eight_classes_are_those_printed() -> None:
    """Idzorek, table 1."""
    returns = equilibrium_returns(CLASS_COVARIANCE, CLASS_WEIGHTS, 3.07)
    assert 100 * returns == pytest.approx([0.08, 0.67, 6.41, 4.08, 7.43, 3.70, 4.80, 6.60], abs=0.011)


def test_three_views_on_eight_classes_give_the_printed_returns_and_weights() -> None:
    """Idzorek, table 6: views with the errors of He and Litterman, and weights by the covariance of the prior."""
    posterior = classes(0.5, 0.5, 0.5)
    moments = posterior.moments
    weights = np.linalg.solve(3.07 * CLASS_COVARIANCE, moments.mean)
    assert 100 * moments.mean == pytest.approx([0.07, 0.50, 6.50, 4.32, 7.59, 3.94, 4.93, 6.84], abs=0.011)
    assert 100 * weights == pytest.approx([29.88, 15.59, 9.35, 14.82, 1.04, 1.65, 27.81, 3.49], abs=0.05)
    assert posterior.doubt**2 == pytest.approx([0.000709, 0.000141, 0.000866], abs=1e-5)


def test_confidences_of_eight_classes_are_those_of_pypfopt() -> None:
    """Idzorek's confidences 25 %, 50 % and 65 %."""
    posterior = classes(0.25, 0.5, 0.65)
    peer = BlackLittermanModel(
        CLASS_COVARIANCE,
        pi=posterior.prior.mean,
        P=posterior.rows.picks,
        Q=posterior.rows.expected,
        omega="idzorek",
        view_confidences=[0.25, 0.5, 0.65],
        tau=0.025,
        risk_aversion=3.07,
    )
    assert posterior.moments.mean == pytest.approx(peer.bl_returns().to_numpy(), rel=1e-12)
    assert posterior.moments.covariance == pytest.approx(np.asarray(peer.bl_cov()), rel=1e-9)
