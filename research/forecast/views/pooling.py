"""Entropy pooling and opinion pooling: views as new probabilities of past scenarios, in place of normal errors.

A view says what the mean of a combination of lines is under the new probabilities; of all that agree, those nearest the
old ones, by relative entropy, are taken. Variances, correlations and tails follow the probabilities, which they do not
in Black-Litterman.

- Confidences: a view holds with probability c, and the less confident views hold only where the more confident ones do.
  With levels l1 < l2 < ..., all views of confidence l1 or more hold with probability l1, all of l2 or more with
  l2 - l1, and so on; with what remains, none does. So one view alone moves its combination by the share c of the way,
  as in Black-Litterman.
- Opinions, each with views of its own, are pooled by their probabilities: linearly, as a mixture, or logarithmically,
  as a geometric mean; what their probabilities lack to 1 is the prior's, as in skfolio's OpinionPooling.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np

from foundation.arguments import check_positive, is_number, one_of, refuse
from foundation.arrays import Array
from research.forecast.moments import Forecast, Moments
from research.forecast.returns import check_window
from research.forecast.views.equilibrium import MarketCap
from research.forecast.views.posterior import Posterior
from research.forecast.views.scenarios import scenarios_of
from research.forecast.views.view_rows import ViewRows, check_views
from research.forecast.views.views import InvestorView
from research.market import Past

Method = Literal["linear", "logarithmic"]
METHODS: tuple[Method, ...] = ("linear", "logarithmic")


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
        """Mean and covariance a period of the lines that have all scenarios, with the views."""
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
        one_of("method of OpinionPooling is", self.method, METHODS)
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
        """Mean and covariance a period of the lines that have all scenarios, with the opinions."""
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
