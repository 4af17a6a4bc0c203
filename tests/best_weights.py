"""The best point of the no-trade region as an array of its own, for the tests of those that find or use it."""

import numpy as np

from research.rules.optimum.best_point import best_point, scratch_for


def best_weights(
    weights: np.ndarray,
    target: np.ndarray,
    covariance: np.ndarray,
    cost: np.ndarray,
    kappa: float,
    lower: np.ndarray | float = -np.inf,
    upper: np.ndarray | float = np.inf,
    cash: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """(n,) weights to hold. Parameters are those of `best_point`, bounds of one number those of all assets."""
    n = len(weights)
    low, high = (np.array(np.broadcast_to(side, (n,))) for side in (lower, upper))
    scratch, out = scratch_for(n), np.empty(n)
    assert best_point(weights, target, covariance, cost, kappa, low, high, *cash, scratch, out) >= 0
    return out
