"""The ratio of two sums with its interval, where only clusters of their terms, such as days, are independent.

Source : Cochran (1977), Sampling Techniques, section 2.11 and chapter 9A, the ratio estimator of a cluster sample; its
         standard error is that of Liang and Zeger (1986) for the weighted mean, with Student's t.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from backtests.inference.estimates import INTERVAL_LEVEL, Estimate
from foundation.arguments import refuse


def cluster_ratio(
    numerators: ArrayLike, denominators: ArrayLike, clusters: ArrayLike, level: float = INTERVAL_LEVEL
) -> Estimate:
    """The ratio of the sums of two columns.

    numerators   : (k,) such as costs.
    denominators : (k,) such as notionals, above zero.
    clusters     : (k,) cluster of each term; terms of one cluster may depend on one another.
    level        : confidence of the interval.
    Returns      : estimate whose interval is infinite where there is one cluster.
    Raises       : ConfigError for no terms, and for denominators that are not above zero.

    >>> cluster_ratio([1.0, 3.0], [100.0, 100.0], ["Monday", "Tuesday"], level=0.5).text()
    '0.02 [0.01, 0.03]'
    """
    from scipy.special import stdtrit  # slow to import

    costs, sizes = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if not len(sizes) or not (sizes > 0.0).all():
        refuse("denominators are", denominators, "give one or more numbers above zero.")
    places, names = pd.factorize(np.asarray(clusters))
    whole, count = float(sizes.sum()), len(names)
    ratio = float(costs.sum()) / whole
    if count < 2:
        return Estimate(ratio, -np.inf, np.inf, level)
    residuals = np.bincount(places, costs - ratio * sizes)
    error = float(np.sqrt(count / (count - 1) * (residuals**2).sum())) / whole
    reach = float(stdtrit(count - 1, (1.0 + level) / 2.0)) * error
    return Estimate(ratio, ratio - reach, ratio + reach, level, error)
