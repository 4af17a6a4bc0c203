"""Names of regimes from their statistics: calm or turbulent by volatility; bull, bear or sideways by the mean."""

import numpy as np

from foundation.arrays import Array, Rows

VOLATILITY = {
    2: ("calm", "turbulent"),
    3: ("calm", "moderate", "turbulent"),
    4: ("very calm", "calm", "turbulent", "very turbulent"),
}
TREND = 1.96  # standard errors: a mean nearer to zero is no trend


def volatility_names(states: int) -> tuple[str, ...]:
    """Names of states in the order of their volatility.

    >>> volatility_names(3), volatility_names(5)[-1]
    (('calm', 'moderate', 'turbulent'), 'state 5 of 5')
    """
    return VOLATILITY.get(states) or tuple(f"state {k + 1} of {states}" for k in range(states))


def state_names(means: Array, deviations: Array, days: Array | Rows) -> tuple[str, ...]:
    """Names of k states, by their volatility and their trend.

    means, deviations : (k,) mean and deviation of a day's return, fraction, the smallest deviation first.
    days              : (k,) number of days in each state, for the standard error of its mean.

    >>> state_names(np.array([0.001, -0.001]), np.array([0.005, 0.02]), np.array([900.0, 100.0]))
    ('calm bull', 'turbulent sideways')
    """
    errors = deviations / np.sqrt(days)
    trends = np.where(means > TREND * errors, "bull", np.where(means < -TREND * errors, "bear", "sideways"))
    return tuple(f"{name} {trend}" for name, trend in zip(volatility_names(len(means)), trends, strict=True))
