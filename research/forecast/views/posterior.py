"""Prior, views and posterior side by side: the answer of a model of views on a day, with the error of each number.

Views are rows over the assets of moments: the assets of each view, their weights, and the expected return.

The names in a view are looked up as known on the day. An asset that the market has and the moments lack (not listed
yet,
its window not complete) is no mistake: its view is set aside that day, with a note. So is a group of a fact that
changes by date, on a day on which no asset is in it: `check_views` refuses a group that no day has.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

from foundation.arguments import cut, did_you_mean
from foundation.arrays import Array, MadeAnew, freeze_fields
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.forecast.moments import Moments
from research.forecast.views.equilibrium import market_caps
from research.forecast.views.views import InvestorView, Side
from research.market import Past

POSTERIOR_LEVEL = 0.9  # probability that a normal error leaves a mean inside its interval


@dataclass(frozen=True, eq=False)
class ViewRows(MadeAnew):
    """m views over the k assets of moments.

    views    : m of them, those that were set aside left out.
    picks    : (m, k) weights of each asset in what a view is about: they sum to 1, or to 0 for a difference.
    expected : (m,) return that each view expects of it, fraction a year.
    notes    : views that were set aside, and assets that are missing from a group.
    """

    views: tuple[InvestorView, ...]
    picks: Array
    expected: Array
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "picks", "expected")

    def only(self, rows: Sequence[int]) -> "ViewRows":
        """Some of them, by row."""
        rows = list(rows)
        return ViewRows(tuple(self.views[i] for i in rows), self.picks[rows], self.expected[rows], self.notes)


def view_rows(views: Sequence[InvestorView], assets: tuple[str, ...], past: Past, cash: float) -> ViewRows:
    """Views as rows over assets.

    views  : views in words.
    assets : k names of assets, those of the moments.
    past   : market up to the day on which they are read; it knows the groups and the market capitalisations.
    cash   : return of cash, fraction a year, for views over cash.
    Raises : DataError for a name that is no asset and no group, a group without its weighting, an asset with one, a
             word that is a group of two facts, a market capitalisation that is missing, and a view whose sides are the
              same; it names the view.
    """
    return _rows(views, _Known(assets, past), cash)


def check_views(views: Sequence[InvestorView], past: Past) -> None:
    """Raise DataError, as `view_rows` does, for names that the market does not have, and for a group that no day has.

    views : views in words.
    past  : market up to the last close.
    """
    _rows(views, _Known(past.assets, past, checked=True), 0.0)


def _rows(views: Sequence[InvestorView], known: "_Known", cash: float) -> ViewRows:
    assets, past = known.assets, known.past
    kept: list[InvestorView] = []
    picks: list[Array] = []
    expected: list[float] = []
    notes: list[str] = []
    for view in views:
        sentence = view.sentence
        sides = [known.weights(side, view.view) for side in (sentence.side, sentence.other) if side is not None]
        notes += [f"view {view.view!r} on {past.date:%Y-%m-%d}: {note}" for _, note in sides if note]
        held = [weights for weights, _ in sides if weights is not None]
        if len(held) < len(sides):
            continue
        row = np.subtract(*held) if len(held) == 2 else held[0]
        if not row.any():
            raise DataError(f"view {view.view!r}: its two sides hold the same assets. Compare a group with another.")
        kept.append(view)
        picks.append(row)
        expected.append(sentence.rate + (cash if sentence.over_cash else 0.0))
    rows = np.array(picks).reshape(len(picks), len(assets))
    return ViewRows(tuple(kept), rows, np.array(expected), tuple(notes))


class _Known:
    """The assets and groups that views may name on a day; where they are checked, on any day so far."""

    def __init__(self, assets: tuple[str, ...], past: Past, checked: bool = False) -> None:
        self.assets, self.past, self.checked = assets, past, checked
        self.groups: dict[str, dict[str, tuple[str, ...]]] = {}  # word -> fact -> its assets
        for fact in past.fact_names:
            values = past.fact(fact)
            for word in np.unique(values[values != ""]).tolist() if values.dtype.kind == "U" else ():
                lines = tuple(line for line, value in zip(past.assets, values, strict=True) if value == word)
                self.groups.setdefault(word, {})[fact] = lines

    def weights(self, side: Side, view: str) -> tuple[Array | None, str]:
        """(k,) weights of the assets of a side, None where it has none today; and a note on assets that are missing."""
        lines = self._lines(side, view)
        if not lines:
            return None, f"set aside, since no asset is in the group {side.name} today"
        present = [line for line in lines if line in self.assets]
        absent = [line for line in lines if line not in self.assets]
        if not present:
            return None, f"set aside, since {cut(', '.join(absent))} has no complete window of returns yet"
        given = market_caps(present, self.past) if side.weighting == "cap-weighted" else np.ones(len(present))
        weights = np.zeros(len(self.assets))
        weights[[self.assets.index(line) for line in present]] = given / given.sum()
        return weights, f"{side.name} is taken without {cut(', '.join(absent))}" if absent else ""

    def _on_other_days(self, word: str) -> bool:
        """True if a fact by date has, or may have, this group on another day."""
        dated = [values for values in self.past.facts.values() if values.dtype.kind == "U"]
        return any((values == word).any() for values in dated) if self.checked else bool(dated)

    def _lines(self, side: Side, view: str) -> tuple[str, ...]:
        """The assets that a side names; none for a group of another day. Raises DataError where it is not clear."""
        facts = self.groups.get(side.name, {})
        if not side.weighting:
            if side.name in self.past.assets:
                return (side.name,)
            if facts:
                fact, lines = next(iter(facts.items()))
                raise DataError(
                    f"view {view!r}: {side.name} is a group ({fact} of {cut(', '.join(lines))}). Say how its assets "
                    f"are weighted: 'cap-weighted {side.name}' or 'equally weighted {side.name}'."
                )
            known = [*self.past.assets, *self.groups]
            raise DataError(
                f"view {view!r}: no asset and no group is called {side.name!r}. {did_you_mean(side.name, known)}"
            )
        if not facts:
            if side.name in self.past.assets:
                raise DataError(f"view {view!r}: {side.name} is an asset. Leave out '{side.weighting}'.")
            if self._on_other_days(side.name):
                return ()
            raise DataError(f"view {view!r}: no group is called {side.name!r}. {did_you_mean(side.name, self.groups)}")
        if len(set(facts.values())) > 1:
            raise DataError(
                f"view {view!r}: {side.name} is a word of {' and of '.join(facts)}, for different assets. Rename one."
            )
        return next(iter(facts.values()))


@dataclass(frozen=True, eq=False)
class Posterior(MadeAnew):
    """The posterior of a prior and m views, all over a year.

    prior       : mean and covariance of k assets without views.
    prior_doubt : (k, k) covariance of the error of the prior mean.
    rows        : the m views.
    doubt       : (m,) standard deviation of the error of each view, fraction; 0 for a certain one, infinite for one
                  that moves nothing.
    moments     : mean and covariance of the k assets with the views.
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

    def lines(self) -> pd.DataFrame:
        """A row an asset: prior and posterior mean, fraction a year, each with the bounds of its interval."""
        prior = _with_bounds("prior", self.prior.mean, _deviation(self.prior_doubt))
        posterior = _with_bounds("posterior", self.moments.mean, _deviation(self.mean_doubt))
        return pd.DataFrame({**prior, **posterior}, index=pd.Index(self.prior.assets, name="line"))

    def views(self) -> pd.DataFrame:
        """A row a view: the expectations of prior, view and posterior for its assets, fraction a year, with bounds."""
        picks = self.rows.picks
        said = {
            "prior": (picks @ self.prior.mean, _deviation(picks @ self.prior_doubt @ picks.T)),
            "view": (self.rows.expected, self.doubt),
            "posterior": (picks @ self.moments.mean, _deviation(picks @ self.mean_doubt @ picks.T)),
        }
        columns = {key: cell for name, pair in said.items() for key, cell in _with_bounds(name, *pair).items()}
        index = pd.Index([view.view for view in self.rows.views], name="view")
        return pd.DataFrame(columns, index=index)


def _with_bounds(name: str, mean: Array, deviation: Array) -> dict[str, Array]:
    reach = NormalDist().inv_cdf((1.0 + POSTERIOR_LEVEL) / 2.0) * deviation
    return {name: mean, f"{name} low": mean - reach, f"{name} high": mean + reach}


def _deviation(covariance: Array) -> Array:
    """(k,) standard deviations of a covariance (k, k), whose variances may be negative by rounding."""
    return np.sqrt(np.maximum(np.diag(covariance), 0.0))
