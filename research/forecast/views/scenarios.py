"""Scenarios from past returns, with probabilities: even ones at first, then the nearest ones under which views hold.

Scenarios are the last returns, moved so that their mean is that of a prior. The nearest probabilities are those of
least relative entropy (Meucci 2008, Fully Flexible Views: Theory and Practice), found by skfolio's EntropyPooling.
Whether any fulfil the views is asked first, of a linear programme, so that views which nothing fulfils are named; what
a solver answers is checked against the views. The error of a mean is that of a weighted sample, sigma times the root of
the sum of squared probabilities.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foundation.arguments import cut
from foundation.arrays import Array
from foundation.errors import DataError
from research.forecast.moments import Forecast, Moments, repaired
from research.forecast.returns import complete_returns
from research.forecast.views.equilibrium import cash_over
from research.forecast.views.posterior import Posterior
from research.forecast.views.view_rows import ViewRows, view_rows
from research.forecast.views.views import InvestorView, view_variance
from research.market import Past

MET = 1e-8  # of a combination's deviation: how far its mean may be from what a view says of it
TIGHT = {"gtol": 1e-12, "ftol": 1e-16, "xtol": 1e-16, "maxfun": 10_000}
SOLVERS: tuple[tuple[str, dict[str, Any]], ...] = (("TNC", TIGHT), ("CLARABEL", {}))  # the fast one first


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Scenarios: past returns, moved to the means of a prior.

    prior   : moments of k lines over a year: the prior's means, the scenarios' covariance.
    returns : (T, k) a period.
    cash    : return a year, fraction.
    """

    prior: Moments
    returns: Array
    cash: float

    @property
    def even(self) -> Array:
        """(T,) probabilities that are all the same."""
        return np.full(len(self.returns), 1.0 / len(self.returns))

    def rows(self, views: Sequence[InvestorView], past: Past) -> ViewRows:
        """Views as rows over the k lines."""
        return view_rows(views, self.prior.assets, past, self.cash)

    def pooled(self, rows: ViewRows) -> Array:
        """(T,) probabilities of the scenarios with views, by their confidences as the module says."""
        sure = np.array([float(view.confidence or 0.0) for view in rows.views])
        found, before = np.zeros(len(self.returns)), 0.0
        for level in np.unique(sure[sure > 0.0]).tolist():
            holding = rows.only(np.flatnonzero(sure >= level).tolist())
            found += (level - before) * self._nearest(holding)
            before = level
        return found + (1.0 - before) * self.even

    def posterior(self, rows: ViewRows, probability: Array) -> Posterior:
        """The record of views, from the probabilities (T,) that they give."""
        periods = self.prior.horizon
        without = self.prior.covariance * periods / len(self.returns)
        variance = np.einsum("ij,jk,ik->i", rows.picks, without, rows.picks).tolist()
        spread = [view_variance(view, of) ** 0.5 for view, of in zip(rows.views, variance, strict=True)]
        covariance = np.atleast_2d(np.cov(self.returns, rowvar=False, aweights=probability)) * periods
        covariance, repairs = repaired((covariance + covariance.T) / 2.0)
        notes = (*self.prior.notes, *rows.notes, *repairs)
        moments = replace(self.prior, mean=probability @ self.returns * periods, covariance=covariance, notes=notes)
        left = covariance * periods * float(probability @ probability)
        return Posterior(self.prior, without, rows, np.array(spread), moments, left)

    def _nearest(self, rows: ViewRows) -> Array:
        """(T,) the probabilities nearest even ones under which all views hold.

        Raises : DataError where there are none, with the smallest set of views for which there are none.
        """
        combined = self.returns @ rows.picks.T - rows.expected / self.prior.horizon
        scale = np.where(combined.std(axis=0) > 0.0, combined.std(axis=0), 1.0)
        apart = combined / scale
        self._check_possible(rows, apart)
        for solver, settings in SOLVERS:
            found = _solved(self.returns, rows.picks, rows.expected / self.prior.horizon, solver, settings)
            if found is not None and np.abs(found @ apart).max() <= MET:
                return found
        raise DataError(
            f"entropy pooling finds no probabilities of {len(self.returns)} scenarios for {_listed(rows)} on "
            f"{self.prior.seen:%Y-%m-%d}: the views are at the edge of what the scenarios hold. Bring them nearer the "
            "prior, or take more scenarios."
        )

    def _check_possible(self, rows: ViewRows, apart: Array) -> None:
        """Raise DataError where no probabilities fulfil the views; `apart` (T, m) must have a mean of zero."""
        if _possible(apart):
            return
        those = list(range(len(rows.views)))
        for one in list(those):  # what is left when nothing more can be dropped
            without = [other for other in those if other != one]
            if without and not _possible(apart[:, without]):
                those = without
        best = rows.only(those)
        if len(those) == 1:
            combined = self.returns @ best.picks[0] * self.prior.horizon
            said = f"one period gives {combined.min():.0%} to {combined.max():.0%}, put as a rate a year"
        else:
            said = "any smaller number of them can hold"
        raise DataError(
            f"no probabilities of {len(self.returns)} scenarios to {self.prior.seen:%Y-%m-%d} fulfil {_listed(best)}: "
            f"{said}. Bring the views nearer the prior, leave one out, or take more scenarios."
        )


def scenarios_of(prior: Forecast, number: int, periods_per_year: float, past: Past) -> Scenarios:
    """The last returns of the lines that have them all and that the prior knows, moved to its means."""
    returns, columns = complete_returns(past, number)
    moments = prior.predict(past)
    names = [past.assets[column] for column in columns]
    kept = [i for i, name in enumerate(names) if name in moments.assets]
    assets = tuple(names[i] for i in kept)
    if len(assets) < 2:
        raise DataError(
            f"pooling needs two lines with {number} returns that its prior knows, and has "
            f"{cut(', '.join(assets)) or 'none'} on {past.date:%Y-%m-%d}. Take fewer scenarios, or start later."
        )
    means = moments.over(1.0).mean[[moments.assets.index(name) for name in assets]]
    returns = returns[:, kept]
    moved = returns - returns.mean(axis=0) + means
    covariance, notes = repaired(np.cov(moved, rowvar=False))
    moments = Moments(assets, means, covariance, 1.0, past.date, (*moments.notes, *notes)).over(periods_per_year)
    return Scenarios(moments, moved, cash_over(periods_per_year, past, number))


def _possible(apart: Array) -> bool:
    """Whether some probabilities give each column of (T, m) a mean of zero: a linear programme, by HiGHS."""
    from scipy.optimize import linprog

    total = np.vstack([apart.T, np.ones(len(apart))])
    right = np.append(np.zeros(apart.shape[1]), 1.0)
    return bool(linprog(np.zeros(len(apart)), A_eq=total, b_eq=right, bounds=(0.0, None), method="highs").status == 0)


def _solved(returns: Array, picks: Array, expected: Array, solver: str, settings: dict[str, Any]) -> Array | None:
    """(T,) skfolio's probabilities of scenarios (T, k) for views, or None where its solver fails."""
    from skfolio.exceptions import SolverError
    from skfolio.prior import EntropyPooling as Skfolio

    unit = returns.std(axis=0).mean()  # views near 1e-4 are near a solver's idea of zero
    views = []
    for pick, value in zip(picks, expected / unit, strict=True):
        terms = " + ".join(f"{weight:.17f}*x{i}" for i, weight in enumerate(pick) if weight)
        views.append(f"{terms} == {value:.17f}".replace("+ -", "- "))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a solver could not reach is measured, and raised
            fitted = Skfolio(mean_views=views, solver=solver, solver_params=settings).fit(returns / unit)
    except (SolverError, ValueError):
        return None
    found = np.asarray(fitted.return_distribution_.sample_weight, dtype=float)
    return found if np.isfinite(found).all() else None


def _listed(rows: ViewRows) -> str:
    return ", ".join(repr(view.view) for view in rows.views)
