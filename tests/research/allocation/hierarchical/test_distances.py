"""Distances by name against two libraries, closed forms and what each of them must not depend on."""

import numpy as np
import pytest

from research.allocation.hierarchical.settings import DISTANCES
from research.allocation.hierarchical.tree import bins_of, distance_correlations, distances, variation_of_information


def apart(name, returns):
    return distances(name, returns, np.cov(returns.T), np.arange(returns.shape[1]), False)[1]


def skfolios(name):
    from skfolio import distance

    return {
        "correlation": distance.PearsonDistance(),
        "absolute_correlation": distance.PearsonDistance(absolute=True),
        "rank": distance.SpearmanDistance(),
        "distance_correlation": distance.DistanceCorrelation(),
        "variation_of_information": distance.MutualInformation(n_bins=bins_of(252), normalize=True),
    }[name]


@pytest.mark.parametrize("name", [name for name in DISTANCES if name != "columns"])
def test_it_is_skfolios(stocks, name):
    assert apart(name, stocks.to_numpy()) == pytest.approx(skfolios(name).fit(stocks).distance_, abs=1e-7)


def test_dependence_is_that_of_riskfolio_lib(stocks):
    from riskfolio.src import AuxFunctions as riskfolio

    few = stocks.iloc[:, :6]
    assert distance_correlations(few.to_numpy()) == pytest.approx(riskfolio.dcorr_matrix(few).to_numpy(), abs=1e-12)
    theirs = riskfolio.var_info_matrix(few, bins_info=9, normalize=True).astype(float).to_numpy()
    assert variation_of_information(few.to_numpy(), 9) == pytest.approx(theirs, abs=1e-8)  # they round to 8 decimals


def test_columns_are_compared_whole(stocks):
    near = apart("correlation", stocks.to_numpy())
    assert apart("columns", stocks.to_numpy())[2, 5] == pytest.approx(np.linalg.norm(near[2] - near[5]), abs=1e-12)


def test_a_mirror_is_far_by_correlation_and_near_without_its_sign():
    up = np.random.default_rng(4).normal(size=200)
    returns = np.column_stack([up, -up])
    found = {name: apart(name, returns)[0, 1] for name in DISTANCES}
    assert found["correlation"] == found["rank"] == 1.0
    expected = pytest.approx([0.0, 0.0], abs=1e-6)
    assert [found[name] for name in ("absolute_correlation", "distance_correlation")] == expected


def test_dependence_without_correlation_is_seen():
    x = np.linspace(-1.0, 1.0, 401)
    returns = np.column_stack([x, x**2, np.random.default_rng(5).normal(size=401)])
    assert apart("correlation", returns)[0, 1] == pytest.approx(np.sqrt(0.5), abs=1e-12)
    for name in ("distance_correlation", "variation_of_information"):
        assert apart(name, returns)[0, 1] < apart(name, returns)[0, 2] - 0.05


@pytest.mark.parametrize("name", DISTANCES)
def test_scale_of_returns_moves_no_distance(stocks, name):
    scaled = stocks.to_numpy() * np.geomspace(1e-3, 1e3, 20)
    assert apart(name, scaled) == pytest.approx(apart(name, stocks.to_numpy()), abs=1e-9)


@pytest.mark.parametrize("sessions", [30, 50, 252, 1000])
def test_bins_are_those_of_riskfolio_lib(sessions):
    from riskfolio.src.AuxFunctions import numBins

    assert bins_of(sessions) == numBins(sessions)
