"""Entropy pooling and opinion pooling: views as new probabilities of past scenarios, in place of normal errors.

A view says what the mean of a combination of assets is under the new probabilities; of all that agree, those nearest
the old ones, by relative entropy, are taken. Variances, correlations and tails follow the probabilities, which they do
not in Black-Litterman.

- Confidences: a view holds with probability c, and the less confident views hold only where the more confident ones do.
  With levels l1 < l2 < ..., all views of confidence l1 or more hold with probability l1, all of l2 or more with
  l2 - l1, and so on; with what remains, none does. So one view alone moves its combination by the share c of the way,
  as in Black-Litterman.
- Opinions, each with views of its own, are pooled by their probabilities: linearly, as a mixture, or logarithmically,
  as a geometric mean; what their probabilities lack to 1 is the prior's, as in skfolio's OpinionPooling.

Scenarios are the last returns, moved so that their mean is that of a prior. The nearest probabilities are those of
least relative entropy (Meucci 2008, Fully Flexible Views: Theory and Practice), found by skfolio's EntropyPooling.
Whether any fulfil the views is asked first, of a linear programme, so that views which nothing fulfils are named; what
a solver answers is checked against the views. The error of a mean is that of a weighted sample, sigma times the root of
the sum of squared probabilities.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from foundation.arguments import check_positive, cut, is_number, one_of, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.paper.wording import percent
from research.forecast.moments import Forecast, Moments, repaired
from research.forecast.returns import check_window, complete_returns
from research.forecast.views.equilibrium import MarketCap, cash_over
from research.forecast.views.posterior import Posterior, ViewRows, check_views, view_rows
from research.forecast.views.views import InvestorView, view_variance
from research.market import Past

Method = Literal["linear", "logarithmic"]
POOLING_METHODS: tuple[Method, ...] = ("linear", "logarithmic")


@dataclass(frozen=True)
class EntropyPooling:
    """The moments of past scenarios with the probabilities nearest even ones under which views hold.

    views     : views in words, each with a confidence.
    prior     : forecast whose means the scenarios get; variances, correlations and tails are their own.
    scenarios : number of returns, at least 2.
    periods_per_year : periods of the market a year.
    Raises    : ConfigError for settings outside these, and for a view with an uncertainty; when asked, DataError for a
                view about what the market does not have, and for views that no probabilities of the scenarios fulfil.
    Source    : Meucci (2008), Fully Flexible Views: Theory and Practice, Risk 21(10).
    """

    views: tuple[InvestorView, ...] = ()
    prior: Forecast = field(default_factory=MarketCap)
    scenarios: int = 504
    periods_per_year: float = 252.0

    def __post_init__(self) -> None:
        """Check the settings."""
        object.__setattr__(self, "views", tuple(self.views))
        check_window("EntropyPooling", self.scenarios)
        check_positive(**{"periods_per_year of EntropyPooling": self.periods_per_year})
        _check_confidences(self.views)

    @property
    def window(self) -> int:
        """Number of returns that scenarios or prior need, whichever is more."""
        return max(self.scenarios, self.prior.window)

    def check(self, past: Past) -> None:
        """Raise DataError for a view whose names or market capitalisations are not known today."""
        check_views(self.views, past)

    def predict(self, past: Past) -> Moments:
        """Mean and covariance a period of the assets that have all scenarios, with the views."""
        return self.posterior(past).moments.over(1.0)

    def posterior(self, past: Past) -> Posterior:
        """Prior, views and posterior as known today."""
        scenarios = scenarios_of(self.prior, self.scenarios, self.periods_per_year, past)
        rows = scenarios.rows(self.views, past)
        return scenarios.posterior(rows, scenarios.pooled(rows))

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that can be left out of it: its views."""
        return tuple(view.view for view in self.views)

    def keeping(self, which: Sequence[int]) -> "EntropyPooling":
        """The same with some of its parts only, by number."""
        return replace(self, views=tuple(self.views[i] for i in which))


@dataclass(frozen=True)
class Opinion:
    """The expectations of one person or model.

    name        : name of the person or model.
    probability : probability that it is right, 0 to 1.
    views       : views in words, each with a confidence.
    Raises      : ConfigError for a probability outside 0 to 1, and for a view with an uncertainty.
    """

    name: str
    probability: float
    views: tuple[InvestorView, ...]

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the probability and the views."""
        object.__setattr__(self, "views", tuple(self.views))
        if not (is_number(self.probability) and 0.0 <= self.probability <= 1.0):
            refuse(f"probability of opinion {self.name!r} is", self.probability, "give a number from 0 to 1.")
        _check_confidences(self.views)


@dataclass(frozen=True)
class OpinionPooling:
    """The moments of past scenarios with probabilities pooled from several opinions, each with views of its own.

    opinions  : each with its probability, which sum to 1 at most; the rest is the prior's.
    method    : "linear", the mixture of their probabilities, or "logarithmic", their geometric mean.
    prior, scenarios, periods_per_year : as in `EntropyPooling`.
    Raises    : ConfigError for settings outside these; when asked, what `EntropyPooling` raises.
    Source    : Dietrich and List (2017), Probabilistic Opinion Pooling Generalized, Social Choice and Welfare 48.
    """

    opinions: tuple[Opinion, ...] = ()
    method: Method = "linear"
    prior: Forecast = field(default_factory=MarketCap)
    scenarios: int = 504
    periods_per_year: float = 252.0

    def __post_init__(self) -> None:
        """Check the settings."""
        object.__setattr__(self, "opinions", tuple(self.opinions))
        check_window("OpinionPooling", self.scenarios)
        check_positive(**{"periods_per_year of OpinionPooling": self.periods_per_year})
        one_of("method of OpinionPooling is", self.method, POOLING_METHODS)
        total = math.fsum(opinion.probability for opinion in self.opinions)
        if total > 1.0 + 1e-12:
            given = {opinion.name: opinion.probability for opinion in self.opinions}
            refuse("probabilities of OpinionPooling are", given, f"they sum to {total:g}: give a sum of 1 at most.")

    @property
    def window(self) -> int:
        """Number of returns that scenarios or prior need, whichever is more."""
        return max(self.scenarios, self.prior.window)

    def check(self, past: Past) -> None:
        """Raise DataError for a view whose names or market capitalisations are not known today."""
        check_views([view for opinion in self.opinions for view in opinion.views], past)

    def predict(self, past: Past) -> Moments:
        """Mean and covariance a period of the assets that have all scenarios, with the opinions."""
        return self.posterior(past).moments.over(1.0)

    def posterior(self, past: Past) -> Posterior:
        """Prior, the views of all opinions, and posterior as known today."""
        scenarios = scenarios_of(self.prior, self.scenarios, self.periods_per_year, past)
        each = [scenarios.rows(opinion.views, past) for opinion in self.opinions]
        known = [scenarios.pooled(rows) for rows in each]
        given = [opinion.probability for opinion in self.opinions]
        rest = max(1.0 - math.fsum(given), 0.0)
        found = pool_opinions(np.array([*known, scenarios.even]), np.array([*given, rest]), self.method)
        rows = ViewRows(
            tuple(view for rows in each for view in rows.views),
            np.vstack([np.zeros((0, len(scenarios.prior.assets))), *(rows.picks for rows in each)]),
            np.concatenate([np.zeros(0), *(rows.expected for rows in each)]),
            tuple(note for rows in each for note in rows.notes),
        )
        return scenarios.posterior(rows, found)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that can be left out of it: its opinions."""
        return tuple(opinion.name for opinion in self.opinions)

    def keeping(self, which: Sequence[int]) -> "OpinionPooling":
        """The same with some of its parts only, by number; the probability of the others is the prior's."""
        return replace(self, opinions=tuple(self.opinions[i] for i in which))


def pool_opinions(opinions: Array, shares: Array, method: Method) -> Array:
    """(T,) probabilities pooled from those of several opinions.

    opinions : (o, T) each sums to 1.
    shares   : (o,) probability of each opinion; they sum to 1.
    method   : "linear" or "logarithmic".

    >>> pool_opinions(np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([0.5, 0.5]), "logarithmic").round(3).tolist()
    [0.667, 0.333]
    """
    if method == "linear":
        return shares @ opinions
    with np.errstate(divide="ignore"):  # what one opinion excludes is excluded
        logs = np.where(shares[:, None] > 0.0, shares[:, None] * np.log(opinions), 0.0).sum(axis=0)
    found: Array = np.exp(logs - logs.max())
    return found / found.sum()


def _check_confidences(views: Sequence[InvestorView]) -> None:
    """Raise ConfigError for a view with an uncertainty, of which scenarios know nothing."""
    for view in views:
        if view.uncertainty is not None:
            refuse(f"uncertainty of view {view.view!r} is", view.uncertainty, "give pooled views a confidence.")


POOL_MET = 1e-8  # of a combination's deviation: how far its mean may be from what a view says of it
TIGHT_FIT = {"gtol": 1e-12, "ftol": 1e-16, "xtol": 1e-16, "maxfun": 10_000}
SOLVERS: tuple[tuple[str, dict[str, Any]], ...] = (("TNC", TIGHT_FIT), ("CLARABEL", {}))  # the fast one first


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Scenarios: past returns, moved to the means of a prior.

    prior   : moments of k assets over a year: the prior's means, the scenarios' covariance.
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
        """Views as rows over the k assets."""
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
            if found is not None and np.abs(found @ apart).max() <= POOL_MET:
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
            least, most = percent(combined.min(), 0), percent(combined.max(), 0)
            said = f"one period gives {least} to {most}, put as a rate a year"
        else:
            said = "any smaller number of them can hold"
        raise DataError(
            f"no probabilities of {len(self.returns)} scenarios to {self.prior.seen:%Y-%m-%d} fulfil {_listed(best)}: "
            f"{said}. Bring the views nearer the prior, leave one out, or take more scenarios."
        )


def scenarios_of(prior: Forecast, number: int, periods_per_year: float, past: Past) -> Scenarios:
    """The last returns of the assets that have them all and that the prior knows, moved to its means."""
    returns, columns = complete_returns(past, number)
    moments = prior.predict(past)
    names = [past.assets[column] for column in columns]
    kept = [i for i, name in enumerate(names) if name in moments.assets]
    assets = tuple(names[i] for i in kept)
    if len(assets) < 2:
        raise DataError(
            f"pooling needs two assets with {number} returns that its prior knows, and has "
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
