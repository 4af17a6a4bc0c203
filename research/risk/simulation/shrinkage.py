"""Covariances shrunk toward equal variances, or with correlations toward zero, and by how much: in closed forms.

scikit-learn has the first two (and PyPortfolioOpt by it), and takes longer to import than a whole answer.
"""

import numpy as np

from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import RETURNS


def ledoit_wolf_covariance(returns: Array) -> Array:
    """(k, k) covariance (ddof 0) of returns (T, k), shrunk to equal variances by `shrinkage_intensity`."""
    x, sample = _centred(returns)
    return _toward_equal_variances(sample, _ledoit_wolf_intensity(x, sample))


def oas(returns: Array) -> Array:
    """(k, k) covariance (ddof 0) of returns (T, k), shrunk to the same target as is best for normal returns.

    Source : Chen, Wiesel, Eldar, Hero (2010), Shrinkage Algorithms for MMSE Covariance Estimation, equation 23, with
             1 - 2/k taken for 1 as in scikit-learn.
    """
    (count, k), (_, sample) = returns.shape, _centred(returns)
    square, mean = float((sample**2).mean()), np.trace(sample) / k
    apart = (count + 1.0) * (square - mean**2 / k)
    return _toward_equal_variances(sample, 1.0 if apart <= 0.0 else min((square + mean**2) / apart, 1.0))


def shrinkage_intensity(values: Array) -> float:
    """The weight of the target in Ledoit and Wolf's estimate: equal variances and no covariances, 0 to 1.

    values : (T, k) observations of k series, in any unit; their means are taken off.
    Source : Ledoit and Wolf (2004), A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices, lemma 3.1
             and section 3.2.
    """
    return _ledoit_wolf_intensity(*_centred(values))


def _centred(values: Array) -> tuple[Array, Array]:
    """Values (T, k) less their means, and their covariance (ddof 0)."""
    x = values - values.mean(axis=0)
    return x, x.T @ x / len(x)


def _ledoit_wolf_intensity(x: Array, sample: Array) -> float:
    """The intensity, of centred values (T, k) and their covariance; fourth moments are squared lengths of rows."""
    count, k = x.shape
    mean, squares = np.trace(sample) / k, float((sample**2).sum())
    distance = squares / k - mean**2
    error = (float(((x**2).sum(axis=1) ** 2).sum()) / count - squares) / (count * k)
    return 1.0 if distance <= 0.0 else min(max(error / distance, 0.0), 1.0)


def _toward_equal_variances(sample: Array, intensity: float) -> Array:
    """(k, k) covariance, mixed with equal variances by the intensity."""
    found: Array = (1.0 - intensity) * sample
    found.flat[:: len(found) + 1] += intensity * np.trace(sample) / len(found)
    return found


def shrunk_covariance(returns: Array) -> Array:
    """(k, k) covariance a period: sample variances (ddof 1), and correlations shrunk toward zero.

    returns : (T, k) simple returns, fraction.
    Raises  : DataError for fewer than three returns.

    The intensity is that of the standardised returns. Of returns as they are it would pull all variances to their
    mean, which multiplies the variance of bonds where one asset is a currency such as bitcoin. An asset whose returns
    do not vary covaries with none.
    """
    if len(returns) < 3:
        raise DataError(f"a covariance needs three returns at least: found {len(returns)}. Give a longer history.")
    deviation = returns.std(axis=0, ddof=1)
    varies = np.ptp(returns, axis=0) > RETURNS
    found = np.zeros((returns.shape[1],) * 2)
    if varies.any():
        standard = (returns[:, varies] - returns[:, varies].mean(axis=0)) / deviation[varies]
        correlation = np.corrcoef(standard, rowvar=False).reshape(standard.shape[1], -1)
        kept = 1.0 - shrinkage_intensity(standard)
        shrunk = kept * correlation + (1.0 - kept) * np.eye(len(correlation))
        found[np.ix_(varies, varies)] = shrunk * np.outer(deviation[varies], deviation[varies])
    return found
