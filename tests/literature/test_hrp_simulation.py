"""Out-of-sample variance of three allocations in the simulation of López de Prado, against his published figures.

Source     : López de Prado (2016), Building Diversified Portfolios that Outperform Out of Sample, section 6 and its
             code (generateData, hrpMC): ten assets over 520 days, five of their own and five that copy one of them with
             noise, each of 1 % a day; two shocks that two assets share and two of one asset, of -50 % and +200 %, after
             the first year; weights of the last 260 days, every 22 days. Over 10,000 worlds the final returns have
             variances 0.1157 (the least in sample, by his critical asset algorithm), 0.0928 (inverse variance) and
             0.0671 (HRP): 72 % and 38 % more than HRP's.
Convention : final compounded return a world, simple returns; HRP on distances between columns, leaves as the linkage
             numbers them, as in the paper.
Tolerance  : 300 worlds, of another generator: variances to 15 %, their ratios to 0.25; the order is certain.
"""

import numpy as np
import pytest

from foundation.arrays import Array
from research.allocation import hrp_weights
from research.allocation.hierarchical.clustered import least_variance

WORLDS, DAYS, YEAR, REBALANCED = 300, 520, 260, 22


def world(rng: np.random.Generator) -> Array:
    """Returns (520, 10)."""
    own = rng.normal(0.0, 0.01, (DAYS, 5))
    copied = rng.integers(0, 5, 5)
    returns = np.hstack([own, own[:, copied] + rng.normal(0.0, 0.0025, (DAYS, 5))])
    shared, alone = rng.integers(YEAR, DAYS - 1, 2), rng.integers(YEAR, DAYS - 1, 2)
    returns[np.ix_(shared, [copied[0], 5])] = [[-0.5, -0.5], [2.0, 2.0]]
    returns[alone, copied[-1]] = [-0.5, 2.0]
    return returns


def final_return(returns: Array, weigh) -> float:
    """Of the weights of a function of a covariance, through the second year of a world."""
    growth = 1.0
    for t in range(YEAR, DAYS, REBALANCED):
        weights = weigh(np.cov(returns[t - YEAR : t].T))
        growth *= np.prod(1.0 + returns[t : t + REBALANCED] @ weights)
    return growth - 1.0


def inverse_variance(cov: Array) -> Array:
    inverse = 1.0 / np.diag(cov)
    return inverse / inverse.sum()


@pytest.fixture(scope="module")
def variances() -> dict[str, float]:
    """Of the final returns of each allocation over the same worlds."""
    rng = np.random.default_rng(2016)
    allocations = {
        "least variance": least_variance,
        "inverse variance": inverse_variance,
        "hrp": lambda cov: hrp_weights(cov, distance="columns", order="pypfopt"),
    }
    worlds = [world(rng) for _ in range(WORLDS)]
    return {
        name: float(np.var([final_return(one, weigh) for one in worlds], ddof=1)) for name, weigh in allocations.items()
    }


def test_variances_are_the_published_ones(variances: dict[str, float]) -> None:
    assert variances["least variance"] == pytest.approx(0.1157, rel=0.15)
    assert variances["inverse variance"] == pytest.approx(0.0928, rel=0.15)
    assert variances["hrp"] == pytest.approx(0.0671, rel=0.15)


def test_ratios_and_order_are_the_published_ones(variances: dict[str, float]) -> None:
    assert variances["hrp"] < variances["inverse variance"] < variances["least variance"]
    assert variances["least variance"] / variances["hrp"] == pytest.approx(1.7247, abs=0.25)
    assert variances["inverse variance"] / variances["hrp"] == pytest.approx(1.3824, abs=0.25)
