"""Prior, views and posterior side by side: the answer of a model of views on a day, with the error of each number."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from foundation.arrays import Array, MadeAnew, freeze_fields
from research.forecast.moments import Moments
from research.forecast.views.view_rows import ViewRows

LEVEL = 0.9  # of intervals


@dataclass(frozen=True, eq=False)
class Posterior(MadeAnew):
    """The posterior of a prior and m views, all over a year.

    prior       : mean and covariance of k lines without views.
    prior_doubt : (k, k) covariance of the error of the prior mean.
    rows        : the m views.
    doubt       : (m,) standard deviation of the error of each view, fraction; 0 for a certain one, infinite for one
                  that moves nothing.
    moments     : mean and covariance of the k lines with the views.
    mean_doubt  : (k, k) covariance of the error of that mean.
    """

    prior: Moments
    prior_doubt: Array
    rows: ViewRows
    doubt: Array
    moments: Moments
    mean_doubt: Array

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "prior_doubt", "doubt", "mean_doubt")

    def lines(self, level: float = LEVEL) -> pd.DataFrame:
        """A row a line: prior and posterior mean, fraction a year, each with the bounds of its interval.

        level : probability that a normal error leaves the mean inside its interval.
        """
        prior = _with_bounds("prior", self.prior.mean, _deviation(self.prior_doubt), level)
        posterior = _with_bounds("posterior", self.moments.mean, _deviation(self.mean_doubt), level)
        return pd.DataFrame({**prior, **posterior}, index=pd.Index(self.prior.assets, name="line"))

    def views(self, level: float = LEVEL) -> pd.DataFrame:
        """A row a view: the expectations of prior, view and posterior for its lines, fraction a year, with bounds.

        level : as in `lines`.
        """
        picks = self.rows.picks
        said = {
            "prior": (picks @ self.prior.mean, _deviation(picks @ self.prior_doubt @ picks.T)),
            "view": (self.rows.expected, self.doubt),
            "posterior": (picks @ self.moments.mean, _deviation(picks @ self.mean_doubt @ picks.T)),
        }
        columns = {key: cell for name, pair in said.items() for key, cell in _with_bounds(name, *pair, level).items()}
        index = pd.Index([view.view for view in self.rows.views], name="view")
        return pd.DataFrame(columns, index=index)


def _with_bounds(name: str, mean: Array, deviation: Array, level: float) -> dict[str, Array]:
    reach = NormalDist().inv_cdf((1.0 + level) / 2.0) * deviation
    return {name: mean, f"{name} low": mean - reach, f"{name} high": mean + reach}


def _deviation(covariance: Array) -> Array:
    """(k,) standard deviations of a covariance (k, k), whose variances may be negative by rounding."""
    return np.sqrt(np.maximum(np.diag(covariance), 0.0))
