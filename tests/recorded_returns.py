"""Returns of which others have published figures."""

import numpy as np

# The 24 months of Bacon (2008), Practical Portfolio Performance Measurement and Attribution, which
# R's PerformanceAnalytics has as `portfolio_bacon[, 1]`; its figures are those of version 2.1.0.
BACON = np.array(
    [0.003, 0.026, 0.011, -0.01, 0.015, 0.025, 0.016, 0.067, -0.014, 0.04, -0.005, 0.081, 0.04, -0.037, -0.061, 0.017,
     -0.049, -0.022, 0.07, 0.058, -0.065, 0.024, -0.005, -0.009]
)  # fmt: skip


def fat_tailed(seed: int = 0, days: int = 1_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, a benchmark's, and cash (days,): Student's t with five degrees of freedom, a beta of 0.8."""
    rng = np.random.default_rng(seed)
    benchmark = 0.0004 + 0.008 * rng.standard_t(5, days)
    returns = 0.0001 + 0.8 * benchmark + 0.003 * rng.standard_t(5, days)
    return returns, benchmark, 0.00005 + 0.00002 * rng.random(days)
