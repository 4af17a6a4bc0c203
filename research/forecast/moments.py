"""Mean and covariance of returns over a horizon, as known on a date: the output of estimators for optimisers."""

from collections.abc import Hashable
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from foundation.arguments import is_number, refuse
from foundation.arrays import Array, MadeAnew, freeze_fields
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import COVARIANCE, EIGENVALUE
from research.market import Past


@dataclass(frozen=True, eq=False)
class Moments(MadeAnew):
    """Mean and covariance of the simple returns of k assets.

    assets     : k names.
    mean       : (k,) expected return over the horizon, fraction.
    covariance : (k, k) covariance of the returns over the horizon, symmetric and positive semi-definite.
    horizon    : periods of the market, such as 1 for a day or 21 for a month.
    seen       : the last date that it used.
    notes      : changes made to the input, in sentences, such as a repair.
    Raises     : DataError for another shape, a number that is not finite, a covariance that is not symmetric or not
                 positive semi-definite, with the assets; ConfigError for a horizon that is not positive.
    """

    assets: tuple[str, ...]
    mean: Array
    covariance: Array
    horizon: float
    seen: pd.Timestamp
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the numbers and make them read-only."""
        freeze_fields(self, "mean", "covariance")
        _check_horizon(self.horizon)
        k = len(self.assets)
        if self.mean.shape != (k,) or self.covariance.shape != (k, k):
            raise DataError(
                f"moments of {k} assets have a mean of shape {self.mean.shape} and a covariance of shape "
                f"{self.covariance.shape}: give ({k},) and ({k}, {k})."
            )
        bad = ~np.isfinite(self.mean) | ~np.isfinite(self.covariance).all(axis=1)
        if bad.any():
            i = int(np.argmax(bad))
            raise DataError(f"moments of {self.assets[i]} up to {self.seen:%Y-%m-%d} are not finite. Leave it out.")
        check_covariance(self.covariance, self.assets)

    def over(self, horizon: float) -> "Moments":
        """The same over another number of periods, for returns that do not depend on each other."""
        _check_horizon(horizon)
        times, found = horizon / self.horizon, object.__new__(type(self))  # its covariance need not be checked again
        vars(found).update(vars(self), mean=self.mean * times, covariance=self.covariance * times, horizon=horizon)
        freeze_fields(found, "mean", "covariance")
        return found

    @property
    def volatility(self) -> Array:
        """(k,) standard deviation of the return over the horizon, fraction."""
        return np.sqrt(np.diag(self.covariance))

    def __repr__(self) -> str:
        """One line: assets, horizon and the last date."""
        return f"Moments of {len(self.assets)} assets over {self.horizon:g} periods, seen up to {self.seen:%Y-%m-%d}"


@runtime_checkable
class Forecast(Hashable, Protocol):
    """Gives the moments of the returns to come, from the past alone."""

    @property
    def window(self) -> int:
        """Number of returns that it needs."""

    def predict(self, past: Past) -> Moments:
        """Mean and covariance of the assets that it knows enough of."""


def _check_horizon(horizon: object) -> None:
    if not (is_number(horizon) and horizon > 0):  # type: ignore[operator]
        refuse("horizon of moments is", horizon, "give a number of periods above 0.")


def check_covariance(covariance: Array, assets: tuple[str, ...]) -> None:
    """Raise DataError for a covariance (k, k) of k assets that is not symmetric or not positive semi-definite."""
    variance = np.diag(covariance)
    apart = np.abs(covariance - covariance.T) > COVARIANCE * max(float(np.abs(variance).max()), 0.0)
    if apart.any():
        i, j = np.argwhere(apart)[0].tolist()
        raise DataError(
            f"covariance of {assets[i]} and {assets[j]} is {covariance[i, j]:.6g} one way and {covariance[j, i]:.6g} "
            "the other. Give both the same value."
        )
    if (variance < 0.0).any():
        i = int(np.argmin(variance))
        raise DataError(f"variance of {assets[i]} is {variance[i]:.6g}. Give zero or more.")
    from research.risk.simulation.covariances import is_semidefinite, least_eigenvalue  # its room is slow to import

    if is_semidefinite(covariance):
        return
    value, i, j = least_eigenvalue(covariance)
    if value < -EIGENVALUE:
        raise DataError(
            f"covariance is not positive semi-definite: the least eigenvalue of its correlations is {value:.6g}, and "
            f"{assets[i]} and {assets[j]} contribute most. Correct the pair, take a longer window or a shrunk "
            "covariance, or repair it (research.forecast.repaired), which is reported."
        )


def repaired(covariance: Array) -> tuple[Array, tuple[str, ...]]:
    """The nearest covariance with the same variances, and the repairs made, in words; () where there are none.

    Negative eigenvalues of the correlations are set to zero, and the diagonal is put back to one.
    covariance : (k, k) symmetric.
    Source     : Rebonato and Jäckel (1999), The Most General Methodology to Create a Valid Correlation Matrix, spectral
                 decomposition.
    """
    from research.risk.simulation.covariances import is_semidefinite, least_eigenvalue

    if is_semidefinite(covariance) or (value := least_eigenvalue(covariance)[0]) >= -EIGENVALUE:
        return covariance, ()
    deviation = np.sqrt(np.diag(covariance))
    scale = np.where(deviation > 0.0, deviation, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    length = np.linalg.norm(root, axis=1)
    root *= (deviation / np.where(length > 0.0, length, 1.0))[:, None]
    words = (
        f"the covariance was not positive semi-definite (least eigenvalue of the correlations {value:.2g}): negative "
        "ones were set to zero, and variances kept"
    )
    return root @ root.T, (words,)
