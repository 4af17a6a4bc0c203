"""Hierarchical risk parity against hand calculation, the paper's own numbers, three libraries, and its invariants."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from research.allocation import HRP, hrp_weights
from research.allocation.hierarchical.hrp import OF_COVARIANCE
from research.allocation.hierarchical.settings import DISTANCES, LINKAGES, ORDERS

SHARED_LINKAGES = ("single", "complete", "average", "ward")  # those that all three libraries have


def covariances(smallest=1, largest=12):
    """Positive definite covariances without ties, volatilities from 0.2 to 20 %."""

    def make(lines, seed):
        rng = np.random.default_rng(seed)
        loadings = rng.normal(size=(lines, lines + 2)) + rng.normal(size=lines + 2)
        scale = rng.uniform(0.002, 0.2, lines)
        loadings *= (scale / np.linalg.norm(loadings, axis=1))[:, None]
        return loadings @ loadings.T

    return st.builds(make, st.integers(smallest, largest), st.integers(0, 2**32 - 1))


def choices(orders=ORDERS):
    return st.fixed_dictionaries(
        {
            "linkage": st.sampled_from(LINKAGES),
            "distance": st.sampled_from(OF_COVARIANCE),
            "order": st.sampled_from(orders),
        }
    )


# -- by hand and from the literature -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_two_correlated_lines_and_a_third_by_hand(order):
    # The pair has d = 1/2 and is one cluster, of variance 0.04 x (1 + 1/2) / 2 = 0.03; the third has 0.01. So the third
    # takes 0.03 / 0.04 of the whole, and the pair shares the rest equally.
    cov = np.array([[0.04, 0.0, 0.02], [0.0, 0.01, 0.0], [0.02, 0.0, 0.04]])
    assert hrp_weights(cov, order=order) == pytest.approx([0.125, 0.75, 0.125], abs=1e-15)


def test_the_papers_example():
    # Lopez de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample: the weights of HRP in the
    # comparison of three allocations on ten simulated assets, printed to 0.01 %, and the generator of the paper's code.
    # Python 2 drew an integer from one random(), so the columns are drawn like that here.
    generator = random.Random(12345)
    numbers = np.random.RandomState(12345)  # the paper's stream
    own = numbers.normal(0.0, 1.0, (10_000, 5))
    copied = own[:, [int(generator.random() * 5) for _ in range(5)]] + numbers.normal(0.0, 0.25, (10_000, 5))
    weights = hrp_weights(np.cov(np.hstack([own, copied]).T), distance="columns", order="pypfopt")
    printed = [7.00, 7.59, 10.84, 19.03, 9.72, 10.19, 6.62, 9.10, 7.12, 12.79]
    assert 100.0 * weights == pytest.approx(printed, abs=0.005 + 1e-9)


# -- against the libraries, on the last year of twenty real stocks -----------------------------------------------------


def ours(stocks, make_market, **setting):
    """Weights of `HRP` when it sees `stocks` as the last 252 returns of a market."""
    returns = np.vstack([np.zeros(stocks.shape[1]), stocks.to_numpy()])
    return HRP(window=252, **setting).target(make_market(returns, assets=stocks.columns.tolist()).past(252))


@pytest.mark.parametrize("linkage", SHARED_LINKAGES)
def test_it_is_skfolios(stocks, make_market, linkage):
    # skfolio: ddof 1, the distance itself, optimal leaf order; Ward is its default, and is named by `linkage` here.
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.seriation import HierarchicalSeriation

    clustering = HierarchicalClustering(linkage_method=LinkageMethod(linkage))
    seriation = HierarchicalSeriation(hierarchical_clustering_estimator=clustering)
    theirs = HierarchicalRiskParity(seriation_estimator=seriation).fit(stocks).weights_
    assert ours(stocks, make_market, linkage=linkage) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("linkage", SHARED_LINKAGES)
def test_it_is_riskfolio_libs(stocks, make_market, linkage):
    # Riskfolio-Lib: ddof 1, the distance itself, optimal leaf order (`leaf_order`, its default), variance.
    import riskfolio

    portfolio = riskfolio.HCPortfolio(returns=stocks)
    table = portfolio.optimization(model="HRP", codependence="pearson", rm="MV", linkage=linkage, leaf_order=True)
    theirs = table["weights"].reindex(stocks.columns).to_numpy()
    assert ours(stocks, make_market, linkage=linkage) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("linkage", SHARED_LINKAGES)
def test_it_is_pyportfolioopts_when_asked_by_name(stocks, make_market, linkage):
    # PyPortfolioOpt: ddof 1, the distance itself, leaves as the linkage numbers them.
    from pypfopt import HRPOpt

    theirs = HRPOpt(stocks).optimize(linkage_method=linkage)
    weights = ours(stocks, make_market, linkage=linkage, order="pypfopt")
    assert weights == pytest.approx([theirs[name] for name in stocks.columns], abs=1e-12)


@pytest.mark.parametrize("distance", DISTANCES)
def test_only_the_optimal_order_is_blind_to_the_order_of_columns(stocks, make_market, distance):
    turned = stocks[stocks.columns[::-1]]
    for order, blind in (("optimal", True), ("pypfopt", False)):
        one, other = (ours(s, make_market, distance=distance, order=order) for s in (stocks, turned))
        assert np.array_equal(one, other[::-1]) is blind


def test_the_choices_are_different_weights(stocks, make_market):
    settings = [{}, {"linkage": "ward"}, {"distance": "columns"}, {"order": "pypfopt"}]
    weights = np.array([ours(stocks, make_market, **setting) for setting in settings])
    assert (np.abs(weights[:, None] - weights).max(axis=2) > 1e-3).sum() == 12


# -- invariants --------------------------------------------------------------------------------------------------------


@given(cov=covariances(), choice=choices())
def test_weights_are_positive_and_sum_to_one(cov, choice):
    weights = hrp_weights(cov, **choice)
    assert (weights > 0.0).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)


@given(cov=covariances(), choice=choices(), scale=st.floats(1e-6, 1e6))
def test_scaling_the_covariance_moves_nothing(cov, choice, scale):
    assert hrp_weights(scale * cov, **choice) == pytest.approx(hrp_weights(cov, **choice), abs=1e-12)


@given(lines=st.integers(2, 10), choice=choices(), scale=st.floats(1e-6, 1e6))
def test_scaling_breaks_no_tie_between_equal_correlations(lines, choice, scale):
    volatility = np.linspace(0.05, 0.3, lines)
    cov = np.outer(volatility, volatility) * (0.3 + 0.7 * np.eye(lines))
    assert hrp_weights(scale * cov, **choice) == pytest.approx(hrp_weights(cov, **choice), abs=1e-12)


@given(variance=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=12), choice=choices())
def test_a_diagonal_covariance_gives_inverse_variance(variance, choice):
    inverse = 1.0 / np.array(variance)
    assert hrp_weights(np.diag(variance), **choice) == pytest.approx(inverse / inverse.sum(), rel=1e-12)


@given(cov=covariances(), choice=choices(orders=["optimal"]), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_columns_moves_nothing(cov, choice, seed):
    order = np.random.default_rng(seed).permutation(len(cov))
    moved = hrp_weights(cov[np.ix_(order, order)], **choice)
    assert moved == pytest.approx(hrp_weights(cov, **choice)[order], abs=1e-12)


def test_equal_distances_are_told_apart_by_variance():
    cov = np.outer([0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]) * (0.3 + 0.7 * np.eye(5))
    weights = hrp_weights(cov)
    assert (np.diff(weights) < 0.0).all()
    for order in itertools.permutations(range(5)):
        assert np.array_equal(hrp_weights(cov[np.ix_(order, order)]), weights[list(order)])


def test_equal_distances_and_variances_are_told_apart_by_name(make_market):
    # A and C have the same variance and the same distance from B, and are further from each other: one of them joins B
    # first and so shares its half, whichever column comes first if names did not decide.
    returns = np.array([[0, 0, 0], [0, -1, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]]) / 100.0
    targets = {}
    for order in itertools.permutations("ABC"):
        market = make_market(returns[:, ["ABC".index(name) for name in order]], assets=order)
        targets[order] = dict(zip(order, HRP(window=4).target(market.past(4)).tolist(), strict=True))
    assert len({tuple(sorted(target.items())) for target in targets.values()}) == 1


@given(
    lines=st.integers(2, 7),
    seed=st.integers(0, 2**32 - 1),
    linkage=st.sampled_from(LINKAGES),
    distance=st.sampled_from(DISTANCES),
)
def test_where_everything_ties_the_order_of_columns_moves_not_a_bit(lines, seed, linkage, distance, make_market):
    # Four returns of -1, 0 or 1 % a line: equal variances, equal correlations and whole duplicates are common.
    rng = np.random.default_rng(seed)
    returns = rng.integers(-1, 2, (5, lines)) / 100.0
    assume((np.ptp(returns[1:], axis=0) > 0.0).all())
    order, names = rng.permutation(lines), [f"A{i}" for i in range(lines)]
    hrp = HRP(window=4, linkage=linkage, distance=distance)
    one = hrp.target(make_market(returns, assets=names).past(4))
    other = hrp.target(make_market(returns[:, order], assets=[names[i] for i in order]).past(4))
    assert np.array_equal(other, one[order])


def test_duplicates_are_safe(make_market):
    returns = np.random.default_rng(8).normal(0.0, 0.01, (61, 4))
    returns[:, 2] = returns[:, 0]
    weights = HRP(window=60).target(make_market(returns).past(60))
    assert (weights > 0.0).all()
    assert weights[0] == pytest.approx(weights[2], rel=1e-9)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "value"), [("linkage", "centroid"), ("distance", "angular"), ("order", "best")])
def test_an_unknown_choice_is_refused(key, value):
    for ask in (lambda: HRP(**{key: value}), lambda: hrp_weights(np.eye(2), **{key: value})):
        with pytest.raises(ConfigError, match=rf"{key} of HRP( on a covariance)? is '{value}': use one of "):
            ask()


@pytest.mark.parametrize(
    ("cov", "complaint"),
    [
        (np.ones((2, 3)), r"has shape \(2, 3\)"),
        (np.ones((0, 0)), r"has shape \(0, 0\)"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), r"holds nan at \(0, 1\)"),
        (np.array([[1.0, 0.2], [0.3, 1.0]]), r"holds 0.2 at \(0, 1\) and 0.3 at \(1, 0\)"),
        (np.diag([1.0, 0.0]), r"variance of column 1 for HRP is 0"),
    ],
)
def test_a_matrix_that_is_no_covariance_is_refused(cov, complaint):
    with pytest.raises(DataError, match=complaint):
        hrp_weights(cov)
