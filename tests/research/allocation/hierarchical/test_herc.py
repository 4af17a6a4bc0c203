"""Hierarchical equal risk contribution against hand calculation, skfolio's published weights and two libraries."""

import numpy as np
import pytest

from foundation.errors import DataError
from research.allocation import HERC

SHARED = {  # measures of risk by their names here, in skfolio and in Riskfolio-Lib
    "variance": ("VARIANCE", "MV"),
    "standard_deviation": ("STANDARD_DEVIATION", "vol"),
    "mean_absolute_deviation": ("MEAN_ABSOLUTE_DEVIATION", "MAD"),
    "semi_deviation": ("SEMI_DEVIATION", "MSV"),
    "cvar": ("CVAR", "CVaR"),
    "worst_loss": ("WORST_REALIZATION", "WR"),
    "max_drawdown": ("MAX_DRAWDOWN", "MDD"),
}
LINKAGES = ("single", "complete", "average", "ward")


def ours(frame, past_of, **setting):
    return HERC(window=len(frame), **setting).target(past_of(frame))


def test_two_clusters_of_two_by_hand(past_of, pairs):
    # Within a pair weights are equal, as variances are; a pair has variance v (1 + 0.5) / 2, so that weights of the two
    # pairs are as 4 to 1.
    assert ours(pairs, past_of, clusters=2) == pytest.approx([0.4, 0.4, 0.1, 0.1], abs=1e-12)
    assert ours(pairs, past_of, clusters=2, risk="equal") == pytest.approx([0.25] * 4, abs=1e-15)


@pytest.fixture
def pairs():
    """Two pairs of assets with correlation 1/2 within and 0 between, the second pair of twice the volatility."""
    import pandas as pd

    draws = np.random.default_rng(3).normal(size=(60, 4))
    root = np.linalg.cholesky(np.cov(draws.T))
    white = (draws - draws.mean(axis=0)) @ np.linalg.inv(root).T
    cov = np.kron(np.diag([1.0, 4.0]), [[1.0, 0.5], [0.5, 1.0]]) * 1e-4
    return pd.DataFrame(white @ np.linalg.cholesky(cov).T, columns=list("ABCD"))


def test_it_is_skfolios_published_example(published, past_of):
    # skfolio, tests/test_optimization/test_cluster/test_hierarchical/test_herc.py: test_herc_default, eight digits.
    theirs = [
        0.00169182, 0.67774352, 0.00156652, 0.00125186, 0.00163489, 0.00141334, 0.00202476, 0.00271361, 0.00178921,
        0.00268109, 0.00185844, 0.00227296, 0.00180695, 0.00263724, 0.00218642, 0.00265416, 0.16490106, 0.02059527,
        0.10480936, 0.00176751,
    ]  # fmt: skip
    weights = ours(published, past_of, risk="standard_deviation", linkage="single", clusters=5)
    assert weights == pytest.approx(theirs, abs=1e-7)


def test_its_bounds_hold_skfolios_published_ones(published, past_of):
    # test_herc_weight_constraints prints weights of the default without bounds; with each asset from 3 to 6 % skfolio
    # minimises relative deviations, another projection: both keep all bounds.
    free = ours(published, past_of, risk="standard_deviation")
    assert free[[0, -1]] == pytest.approx([0.02584786935368332, 0.0421175871045949], abs=1e-7)
    kept = ours(published, past_of, risk="standard_deviation", lower=0.03, upper=0.06)
    assert 0.03 - 1e-8 <= kept.min() <= kept.max() <= 0.06 + 1e-8
    assert kept.sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("risk", SHARED)
def test_it_is_skfolios_by_the_gap_criterion(stocks, past_of, risk):
    from skfolio import RiskMeasure
    from skfolio.optimization import HierarchicalEqualRiskContribution

    theirs = HierarchicalEqualRiskContribution(risk_measure=RiskMeasure[SHARED[risk][0]]).fit(stocks).weights_
    assert ours(stocks, past_of, risk=risk) == pytest.approx(theirs, abs=1e-7)  # they solve for bounds that do not bind


@pytest.mark.parametrize("linkage", LINKAGES)
def test_it_is_skfolios_with_each_linkage(stocks, past_of, linkage):
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.optimization import HierarchicalEqualRiskContribution

    clustering = HierarchicalClustering(linkage_method=LinkageMethod(linkage))
    theirs = HierarchicalEqualRiskContribution(hierarchical_clustering_estimator=clustering).fit(stocks).weights_
    assert ours(stocks, past_of, linkage=linkage) == pytest.approx(theirs, abs=1e-7)


def riskfolio_libs(frame, **setting):
    import riskfolio

    portfolio = riskfolio.HCPortfolio(returns=frame)
    table = portfolio.optimization(model="HERC", codependence="pearson", leaf_order=True, **setting)
    return table["weights"].reindex(frame.columns).to_numpy()


@pytest.mark.parametrize("risk", SHARED)
def test_it_is_riskfolio_libs_by_the_silhouette_criterion(stocks, past_of, risk):
    theirs = riskfolio_libs(stocks, rm=SHARED[risk][1], linkage="ward", opt_k_method="stdsil")
    assert ours(stocks, past_of, risk=risk, clusters="silhouette") == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("clusters", "linkage"), [(2, "ward"), (5, "single"), (9, "complete"), (20, "average")])
def test_it_is_riskfolio_libs_with_a_number_of_clusters(stocks, past_of, clusters, linkage):
    theirs = riskfolio_libs(stocks, rm="MV", linkage=linkage, k=clusters)
    assert ours(stocks, past_of, clusters=clusters, linkage=linkage) == pytest.approx(theirs, abs=1e-12)


def test_equal_risk_divides_between_clusters_too(stocks, past_of):
    # Riskfolio-Lib 7.4 leaves that out where rm="equal": its weights sum to the number of clusters.
    assert riskfolio_libs(stocks, rm="equal", linkage="ward", k=2).sum() == pytest.approx(2.0, abs=1e-12)
    weights = ours(stocks, past_of, risk="equal", clusters=2)
    assert weights == pytest.approx(riskfolio_libs(stocks, rm="equal", linkage="ward", k=2) / 2.0, abs=1e-12)


def test_one_cluster_is_inverse_variance(stocks, past_of):
    inverse = 1.0 / stocks.var().to_numpy()
    assert ours(stocks, past_of, clusters=1) == pytest.approx(inverse / inverse.sum(), rel=1e-12)


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("clusters", ["gap", "silhouette", 2])
def test_few_lines_are_weighed_too(stocks, past_of, lines, clusters):
    weights = ours(stocks.iloc[:, :lines], past_of, clusters=clusters)
    assert (weights > 0.0).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)


def test_a_measure_that_is_not_positive_is_refused(stocks, past_of):
    rising = stocks.assign(AAPL=np.linspace(0.001, 0.002, len(stocks)))
    with pytest.raises(DataError, match=r"cvar of AAPL is -0.001.* over 252 returns, so nothing can be divided by it"):
        ours(rising, past_of, risk="cvar")
