"""Nested clustered optimisation against skfolio's published weights, two libraries and its closed form."""

import numpy as np
import pytest

from foundation.errors import ConfigError, DataError
from research.allocation import NCO
from research.allocation.hierarchical.clustered import least_variance


def ours(frame, past_of, **setting):
    return NCO(window=len(frame), **setting).target(past_of(frame))


def test_it_is_skfolios_published_example(published, past_of):
    # skfolio, tests/test_optimization/test_cluster/test_nco.py: test_nco_1; its solver leaves weights good to 1e-4.
    theirs = [
        7.48090405e-08, 6.65907470e-03, 1.33799237e-08, 2.66759969e-07, 1.87400294e-08, 2.41895367e-08, 3.19054689e-06,
        2.60198953e-01, 2.17543488e-08, 1.16085432e-01, 2.78580541e-07, 1.46806945e-01, 6.62201210e-08, 1.35006362e-07,
        5.55266608e-02, 1.32610690e-01, 3.98971651e-07, 2.02099841e-08, 2.48898039e-01, 3.32096961e-02,
    ]  # fmt: skip
    weights = ours(published.loc["2020":], past_of, clusters=5, linkage="single")
    assert weights == pytest.approx(theirs, abs=1e-4)


def test_it_is_skfolios_by_the_gap_criterion(stocks, past_of):
    from skfolio.optimization import MeanRisk, NestedClustersOptimization

    tight = {"tol_gap_abs": 1e-14, "tol_gap_rel": 1e-14}
    theirs = NestedClustersOptimization(
        inner_estimator=MeanRisk(solver_params=tight), outer_estimator=MeanRisk(solver_params=tight), cv="ignore"
    )
    assert ours(stocks, past_of) == pytest.approx(theirs.fit(stocks.to_numpy()).weights_, abs=1e-4)


def test_it_is_riskfolio_libs_by_the_silhouette_criterion(stocks, past_of):
    import riskfolio

    portfolio = riskfolio.HCPortfolio(returns=stocks)
    table = portfolio.optimization(
        model="NCO", codependence="pearson", obj="MinRisk", rm="MV", linkage="ward", opt_k_method="stdsil"
    )
    theirs = table["weights"].reindex(stocks.columns).to_numpy()
    assert ours(stocks, past_of, clusters="silhouette") == pytest.approx(theirs, abs=1e-4)


def test_one_cluster_is_the_least_variance_of_all(stocks, past_of):
    # The conditions of Karush, Kuhn and Tucker, exact to rounding: one variance with the portfolio for assets held.
    weights, cov = ours(stocks, past_of, clusters=1), np.cov(stocks.to_numpy().T)
    marginal = cov @ weights / (weights @ cov @ weights)
    held = weights > 0.0
    assert 1 < held.sum() < 20
    assert marginal[held] == pytest.approx(np.ones(held.sum()), abs=1e-12)
    assert (marginal[~held] > 1.0).all()
    assert ours(stocks, past_of, clusters=20) == pytest.approx(weights, abs=1e-12)


def test_the_least_variance_of_two_lines_by_hand():
    assert least_variance(np.array([[0.04, 0.0], [0.0, 0.01]])) == pytest.approx([0.2, 0.8], abs=1e-15)
    assert least_variance(np.array([[0.04, 0.015], [0.015, 0.01]])).tolist() == [0.0, 1.0]


def test_equal_inside_and_out_is_one_over_clusters_over_lines(stocks, past_of):
    weights = ours(stocks, past_of, inner="equal", outer="equal", clusters=4)
    sizes = NCO(window=252, clusters=4).hierarchy(past_of(stocks)).by_cluster()["lines"].tolist()
    assert sorted(weights) == pytest.approx(sorted(0.25 / size for size in sizes for _ in range(size)))


def test_a_covariance_without_inverse_is_refused(stocks, past_of):
    twice = stocks.assign(AMD=stocks["AAPL"])
    said = r"NCO needs a covariance that has an inverse .*: (AAPL|AMD) and (AAPL|AMD) rep"
    with pytest.raises(DataError, match=said):
        ours(twice, past_of)
    with pytest.raises(DataError, match=r"15 returns are too few for 20 assets\. Take a longer window, a shrunk"):
        ours(stocks.iloc[:15], past_of)
    assert ours(stocks.iloc[:15], past_of, covariance="ledoit_wolf").sum() == pytest.approx(1.0, abs=1e-12)
    assert ours(stocks.iloc[:15], past_of, inner="equal", outer="equal").sum() == pytest.approx(1.0, abs=1e-12)


def test_an_unknown_objective_is_refused():
    with pytest.raises(ConfigError, match="outer of NCO is 'sharpe': use one of minimum_variance"):
        NCO(outer="sharpe")
