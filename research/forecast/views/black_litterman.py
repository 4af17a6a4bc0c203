"""Black-Litterman: an uncertain prior mean, uncertain views, and the posterior of both by Bayes' rule.

The prior mean pi has an error of covariance tau * Sigma, view i says that p_i'mu is q_i with an error of variance
omega_i, and the errors are independent. With doubt_i = omega_i / tau, P the rows of the views and D = diag(doubt),

    A  = P Sigma P' + D
    mu = pi + Sigma P' A^-1 (q - P pi)
    M  = tau * (Sigma - Sigma P' A^-1 P Sigma)

(He and Litterman 1999, in the form that takes certain views). Returns to come have mean mu and covariance Sigma + M;
without views, pi and (1 + tau) * Sigma.

- A confidence c gives doubt (1 - c) / c * p'Sigma p: alone, the view moves p'mu by the share c of the way from the
  prior to the view (Idzorek 2005, in the closed form of Walters 2014, The Black-Litterman Model in Detail). With 0 it
  moves nothing, with 1 it is certain. tau then moves no mean; it sets how sure the posterior is.
- Weights follow from the covariance Sigma + M. PyPortfolioOpt's `bl_weights` takes Sigma: for He and Litterman's first
  view that gives 35.6 % Germany and 61.5 % USA, where the paper prints 35.4 and 58.6.
- All of this is done over a year, and tau is a share of its covariance. The answer has the horizon of the prior:
  another one scales means and covariances, and moves no weight.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from foundation.arguments import check_positive, is_number, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.paper.wording import percent
from foundation.tolerances import VARIATION
from research.forecast.moments import Forecast, Moments
from research.forecast.views.equilibrium import MarketCap, cash_over
from research.forecast.views.posterior import Posterior, ViewRows, check_views, view_rows
from research.forecast.views.views import InvestorView, view_variance
from research.market import Past

DEPENDENT = 1e-10  # of a view's variance: what other views leave of it, below which it follows from them
VIEW_TOLERANCE = 1e-9  # of the numbers in it: two answers to one question that differ by less are one


@dataclass(frozen=True)
class BlackLitterman:
    """The moments of a prior, moved by views.

    views : views in words, each with a confidence or an uncertainty.
    prior : forecast without views.
    tau   : variance of the error of the prior mean over that of returns, 0 or more: 1 / 20 is what a mean of 20 years
            has. With 0 the posterior is taken for exact, and its covariance is the prior's.
    periods_per_year : periods of the market a year.
    Raises : ConfigError for settings outside these, and for a view with an uncertainty where tau is 0; when asked,
             DataError for a view about what the market does not have, and for certain views that contradict each other.
    Source : He and Litterman (1999), The Intuition Behind Black-Litterman Model Portfolios; Idzorek (2005), A
             Step-by-Step Guide to the Black-Litterman Model.
    """

    views: tuple[InvestorView, ...] = ()
    prior: Forecast = field(default_factory=MarketCap)
    tau: float = 0.05
    periods_per_year: float = 252.0

    def __post_init__(self) -> None:
        """Check the settings."""
        given: Any = self.views
        views = (given,) if isinstance(given, str) else tuple(given)
        if wrong := [view for view in views if not isinstance(view, InvestorView)]:
            refuse("a view of BlackLitterman is", wrong[0], "give InvestorView(sentence, confidence).")
        if not hasattr(self.prior, "predict"):
            refuse("prior of BlackLitterman is", self.prior, "give a forecast, such as MarketCap().")
        object.__setattr__(self, "views", views)
        check_positive(**{"periods_per_year of BlackLitterman": self.periods_per_year})
        if not (is_number(self.tau) and self.tau >= 0.0):
            refuse("tau of BlackLitterman is", self.tau, "give a number of 0 or more, such as 0.05.")
        stated = [view for view in self.views if view.uncertainty is not None]
        if stated and self.tau == 0.0:
            fix = f"give a tau above 0, or a confidence to view {stated[0].view!r}, which is compared with the prior."
            refuse("tau of BlackLitterman is", self.tau, fix)

    @property
    def window(self) -> int:
        """Number of returns that the prior needs."""
        return self.prior.window

    def check(self, past: Past) -> None:
        """Raise DataError for a view whose names or market capitalisations are not known today."""
        check_views(self.views, past)

    def predict(self, past: Past) -> Moments:
        """Mean and covariance of the assets of the prior, with the views."""
        prior = self.prior.predict(past)
        return self._posterior(prior, past).moments.over(prior.horizon)

    def posterior(self, past: Past) -> Posterior:
        """Prior, views and posterior as known today."""
        return self._posterior(self.prior.predict(past), past)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that can be left out of it: its views."""
        return tuple(view.view for view in self.views)

    def keeping(self, which: Sequence[int]) -> "BlackLitterman":
        """The same with some of its parts only, by number."""
        return replace(self, views=tuple(self.views[i] for i in which))

    def _posterior(self, prior: Moments, past: Past) -> Posterior:
        rows = view_rows(self.views, prior.assets, past, cash_over(self.periods_per_year, past, self.window))
        return black_litterman(prior.over(self.periods_per_year), rows, self.tau)


def black_litterman(prior: Moments, rows: ViewRows, tau: float) -> Posterior:
    """The posterior of a prior and views.

    prior  : moments of k assets, over a year.
    rows   : m views over them, each with a confidence or an uncertainty.
    tau    : variance of the error of the prior mean over that of returns.
    Raises : DataError for certain views that contradict each other or the prior.
    """
    sigma = prior.covariance
    doubts = _doubts(rows, sigma, tau)
    moving = np.isfinite(doubts)
    _check_certain(rows.only(np.flatnonzero(doubts == 0.0).tolist()), prior)
    picks = rows.picks[moving]
    gain = _gain(picks, sigma, doubts[moving])
    left = sigma - gain @ (picks @ sigma)
    left = tau * (left + left.T) / 2.0
    moments = replace(
        prior,
        mean=prior.mean + gain @ (rows.expected[moving] - picks @ prior.mean),
        covariance=sigma + left,
        notes=(*prior.notes, *rows.notes),
    )
    spread = np.where(moving, np.sqrt(tau * np.where(moving, doubts, 0.0)), np.inf)
    return Posterior(replace(prior, covariance=(1.0 + tau) * sigma), tau * sigma, rows, spread, moments, left)


def _doubts(rows: ViewRows, sigma: Array, tau: float) -> Array:
    """(m,) variance of the error of each view over tau; 0 for a certain view, infinite for one without confidence."""
    spread = np.einsum("ij,jk,ik->i", rows.picks, sigma, rows.picks).tolist()
    of_tau = tau or 1.0  # without an error of the prior, views have confidences only, which are shares of it
    return np.array([view_variance(view, of_tau * v) / of_tau for view, v in zip(rows.views, spread, strict=True)])


def _gain(picks: Array, sigma: Array, doubts: Array) -> Array:
    """(k, m) Sigma P' A^-1, the move of each mean by a surprise in each view; certain views may repeat each other."""
    toward = sigma @ picks.T
    total = picks @ toward + np.diag(doubts)
    scale = np.sqrt(np.diag(total))
    scale = np.where(scale > 0.0, scale, 1.0)
    values, vectors = np.linalg.eigh(total / np.outer(scale, scale))
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=values > VARIATION * values.max(initial=0.0))
    return (toward / scale) @ (vectors * inverse) @ vectors.T / scale


def _check_certain(rows: ViewRows, prior: Moments) -> None:
    """Raise DataError for certain views that contradict each other or the prior, with those that do."""
    picks, sigma = rows.picks, prior.covariance
    spread = picks @ sigma @ picks.T
    surprise = rows.expected - picks @ prior.mean
    size = np.abs(rows.expected) + np.abs(picks) @ np.abs(prior.mean)
    free: list[int] = []  # views that do not follow from earlier ones
    for i, view in enumerate(rows.views):
        least = picks[i] ** 2 @ np.diag(sigma)
        shares = np.linalg.solve(spread[np.ix_(free, free)], spread[free, i]) if free else np.empty(0)
        if spread[i, i] > VARIATION * least and spread[i, i] - shares @ spread[free, i] > DEPENDENT * spread[i, i]:
            free.append(i)
            continue
        if spread[i, i] <= VARIATION * least:
            shares = np.zeros(len(free))
        if abs(surprise[i] - shares @ surprise[free]) <= VIEW_TOLERANCE * (size[i] + np.abs(shares) @ size[free]):
            continue
        others = [rows.views[j].view for j, share in zip(free, shares, strict=True) if abs(share) > VIEW_TOLERANCE]
        if not others:
            raise DataError(
                f"view {view.view!r} is about a combination without risk in the prior, which expects "
                f"{percent(picks[i] @ prior.mean, 2)} a year of it: no view moves it. Leave it out."
            )
        raise DataError(
            f"views {', '.join(map(repr, (*others, view.view)))} are certain and contradict each other: the last "
            f"expects {percent(rows.expected[i], 2)} a year, and from the others follow "
            f"{percent(rows.expected[i] - surprise[i] + shares @ surprise[free], 2)}. Give one a confidence below 1."
        )
