"""The ratio of sums with clusters: against statsmodels, and where there is no interval."""

import numpy as np
import pytest
import statsmodels.api as sm

from backtests.inference.cluster_ratio import cluster_ratio
from foundation.errors import ConfigError


def test_it_is_the_weighted_mean_with_the_clustered_error_of_statsmodels() -> None:
    rng = np.random.default_rng(5)
    days, sizes = rng.integers(0, 12, 80), rng.lognormal(10.0, 1.0, 80)
    costs = sizes * (2e-4 + 1e-4 * rng.standard_normal(80) + 1e-4 * rng.standard_normal(12)[days])
    peer = sm.WLS(costs / sizes, np.ones(80), weights=sizes).fit(
        cov_type="cluster", cov_kwds={"groups": days}, use_t=True
    )
    found = cluster_ratio(costs, sizes, days)
    assert (found.value, found.error) == pytest.approx((peer.params[0], peer.bse[0]), rel=1e-10)
    assert (found.lower, found.upper) == pytest.approx(tuple(peer.conf_int()[0]), rel=1e-10)


def test_one_cluster_has_no_interval() -> None:
    assert cluster_ratio([1.0, 3.0], [10.0, 10.0], ["a", "a"]).interval() == "not known"


@pytest.mark.parametrize("sizes", [[], [1.0, 0.0]])
def test_sizes_that_are_none_are_refused(sizes: list[float]) -> None:
    with pytest.raises(ConfigError, match="denominators are"):
        cluster_ratio(sizes, sizes, sizes)
