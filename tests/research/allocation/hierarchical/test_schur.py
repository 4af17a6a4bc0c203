"""Schur complementary allocation against skfolio's published weights, the two ends of gamma, and other libraries."""

import numpy as np
import pytest

from foundation.errors import ConfigError, DataError
from research.allocation import HRP, NCO, Schur
from research.allocation.hierarchical.hrp import schur_weights


def ours(frame, past_of, **setting):
    return Schur(window=len(frame), **setting).target(past_of(frame))


def test_it_is_skfolios_published_example(published, past_of):
    # skfolio, tests/test_optimization/test_cluster/test_hierarchical/test_schur.py: test_schur_default.
    theirs = [
        0.00290673, 0.00080765, 0.00947158, 0.02841936, 0.02198382, 0.05570452, 0.0727225, 0.10366611, 0.01190645,
        0.06332227, 0.07082402, 0.11164499, 0.00610297, 0.06378797, 0.04052787, 0.11672992, 0.00708368, 0.0310986,
        0.14080058, 0.0404884,
    ]  # fmt: skip
    assert ours(published, past_of) == pytest.approx(theirs, abs=1e-7)


@pytest.mark.parametrize("lines", [2, 3, 5, 7, 13, 20])
def test_it_is_skfolios_with_halves_of_any_size(published, past_of, lines):
    from skfolio.optimization import SchurComplementary

    frame = published.iloc[:, :lines]
    for gamma in (0.0, 0.2, 0.5):
        theirs = SchurComplementary(gamma=gamma).fit(frame)
        assert ours(frame, past_of, gamma=theirs.effective_gamma_) == pytest.approx(theirs.weights_, abs=1e-10)


def test_less_gamma_is_taken_where_more_would_add_variance(stocks, past_of):
    from skfolio.optimization import SchurComplementary

    theirs = SchurComplementary(gamma=1.0).fit(stocks)
    cov = np.cov(stocks.to_numpy().T)
    assert theirs.effective_gamma_ < 0.999
    weights = ours(stocks, past_of, gamma=1.0)
    assert weights @ cov @ weights <= theirs.weights_ @ cov @ theirs.weights_ * (1.0 + 1e-6)


@pytest.mark.parametrize("linkage", ["single", "ward"])
def test_without_gamma_it_is_hrp_of_three_libraries(stocks, past_of, linkage):
    from pypfopt import HRPOpt

    hrp = HRP(window=252, linkage=linkage).target(past_of(stocks))
    assert ours(stocks, past_of, linkage=linkage, gamma=0.0) == pytest.approx(hrp, abs=1e-12)
    theirs = HRPOpt(stocks).optimize(linkage_method=linkage)
    numbered = ours(stocks, past_of, linkage=linkage, gamma=0.0, order="pypfopt")
    assert numbered == pytest.approx([theirs[name] for name in stocks.columns], abs=1e-12)


def test_variance_falls_from_that_of_hrp_toward_the_least(published, past_of):
    cov = np.cov(published.to_numpy().T)
    least = NCO(window=len(published), clusters=1).target(past_of(published))
    path = [ours(published, past_of, gamma=gamma) for gamma in np.linspace(0.0, 1.0, 6)]
    variances = [float(w @ cov @ w) for w in path]
    assert (np.diff(variances) <= 1e-12).all()
    assert least @ cov @ least < variances[-1] < variances[0]
    assert variances[-1] < 0.95 * variances[0]


def test_halves_that_do_not_covary_need_no_gamma():
    cov = np.kron(np.diag([1.0, 2.0]), [[1.0, 0.3], [0.3, 2.0]])
    without, with_all = (schur_weights(cov, np.arange(4), gamma)[0] for gamma in (0.0, 1.0))
    assert with_all == pytest.approx(without, abs=1e-15)


def test_a_covariance_without_inverse_is_refused(stocks, past_of):
    said = r"Schur needs a covariance that has an inverse .* 15 returns are too few for 20"
    with pytest.raises(DataError, match=said):
        ours(stocks.iloc[:15], past_of)
    assert ours(stocks.iloc[:15], past_of, gamma=0.0).sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("gamma", [-0.1, 1.5, "half"])
def test_a_gamma_outside_zero_to_one_is_refused(gamma):
    with pytest.raises(ConfigError, match=r"gamma of Schur is .*: give a share from 0 to 1"):
        Schur(gamma=gamma)
