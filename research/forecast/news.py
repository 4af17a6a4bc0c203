"""Scores of dated news in a file, and the forecast that they make: good news, a better return than the others.

A score counts from the first session after the day on which its item was published, in UTC: that day is over before
any session of a later day closes. One that was fetched later counts from the session of the day of its fetch. One
published by the training cut-off of the model that gave it counts nowhere: the model may have read what followed.
"""

from datetime import UTC, date
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from foundation.arguments import first_fault, shown
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.files import sha256_of
from foundation.table_files import read_text
from research.forecast.moments import Forecast, Moments
from research.forecast.predicted import predicted
from research.market import Past

SCORE_COLUMNS = ("published", "asset", "score", "confidence", "explanation", "model", "cutoff", "item", "known_at")


@dataclass(frozen=True)
class Score:
    """A score of an item of news for an asset.

    published   : moment of publication, in UTC.
    asset       : name of the asset.
    score       : from −1, bad news, to 1, good news.
    confidence  : confidence of the model in it, from 0 to 1.
    explanation : reason, in words.
    model       : name of the model or lexicon that gave it.
    cutoff      : training cut-off of the model: the last day that it may have read of.
    item        : name of the item, the same each time that it is read.
    known_at    : moment from which the item was known here, in UTC: that of its publication, or of its fetch.
    """

    published: AwareDatetime
    asset: Annotated[str, Field(min_length=1)]
    score: Annotated[float, Field(ge=-1.0, le=1.0)]
    confidence: Annotated[float, Field(ge=0.0, le=1.0)]
    explanation: str
    model: str
    cutoff: date
    item: Annotated[str, Field(min_length=1)]
    known_at: AwareDatetime

    @property
    def counts(self) -> bool:
        """True if it was published after the training cut-off of its model."""
        return self.published.date() > self.cutoff


@dataclass(frozen=True)
class Scores:
    """The scores of a file, in the order of their publication.

    file   : name of the file.
    sha256 : of its content.
    rows   : scores.
    feeds  : files and addresses of news from which a watcher adds scores to the file.
    """

    file: str
    sha256: str
    rows: tuple[Score, ...] = field(compare=False, repr=False)
    feeds: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        """Put the rows in order. Raises DataError where there are none, and no feeds from which they come."""
        if not (self.rows or self.feeds):
            raise DataError(f"{self.file} has no scores. Make some with `rebalance data news`.")
        object.__setattr__(self, "rows", tuple(sorted(self.rows, key=lambda row: (row.published, row.asset))))

    @property
    def seen(self) -> date:
        """The last date that a model of the file has seen: nothing is decided by it on an earlier day."""
        return max((row.cutoff for row in self.rows), default=date.min)

    @cached_property
    def after_cutoff(self) -> tuple[Score, ...]:
        """The rows that count."""
        return tuple(row for row in self.rows if row.counts)

    @cached_property
    def days(self) -> Rows:
        """(R,) days of publication of the rows that count, in UTC."""
        return np.array([row.published.date() for row in self.after_cutoff], dtype="datetime64[D]")

    @cached_property
    def known_days(self) -> Rows:
        """(R,) days from which these rows were known, in UTC."""
        return np.array([row.known_at.date() for row in self.after_cutoff], dtype="datetime64[D]")

    def shuffled(self, seed: int) -> "Scores":
        """The placebo: each asset's scores and confidences, of the rows that count, in a random order on their days."""
        rng, rows = np.random.default_rng(seed), list(self.rows)
        for asset in sorted({row.asset for row in rows}):
            places = [i for i, row in enumerate(rows) if row.asset == asset and row.counts]
            drawn = [rows[i] for i in rng.permutation(places)]
            for i, other in zip(places, drawn, strict=True):
                rows[i] = replace(rows[i], score=other.score, confidence=other.confidence)
        return replace(self, sha256=f"{self.sha256} shuffled by {seed}", rows=tuple(rows))

    def recent(self, past: Past, days: int) -> dict[str, Array]:
        """(k, 2) score and confidence of the items of each asset, published in the last `days` days before today's.

        An item that was known only after today is left out.
        """
        today = past.days[-1]
        counts = (self.days >= today - days) & (self.days < today) & (self.known_days <= today)
        known = [self.after_cutoff[i] for i in np.flatnonzero(counts)]
        return {
            asset: np.array([(row.score, row.confidence) for row in known if row.asset == asset]).reshape(-1, 2)
            for asset in past.assets
        }

    def means(self, past: Past, days: int) -> Array:
        """(n,) mean of score times confidence of the items published in the last `days` days before today's; else 0."""
        found = self.recent(past, days).values()
        return np.array([each.prod(axis=1).mean() if len(each) else 0.0 for each in found])


@dataclass(frozen=True)
class NewsForecast:
    """A prior whose means are raised by good news and lowered by bad: by score times volatility over the horizon.

    How much of that comes true is not said here: `research.forecast.earned` measures it.

    scores  : scores of news.
    prior   : forecast without news.
    horizon : rows of the market that a score is about.
    days    : calendar days before today's from which news counts.
    Source  : Grinold (1994), Alpha is Volatility Times IC Times Score, Journal of Portfolio Management 20(4); the
              information coefficient (IC) is the share that comes true.
    """

    scores: Scores
    prior: Forecast
    horizon: int = 21
    days: int = 30

    @property
    def window(self) -> int:
        """Number of returns that the prior needs."""
        return self.prior.window

    def predict(self, past: Past) -> Moments:
        """The moments of the prior over the horizon, with the news of today in the means."""
        prior, means = predicted(self.prior, past).over(self.horizon), self.scores.means(past, self.days)
        of_lines = means[[past.assets.index(asset) for asset in prior.assets]]
        return replace(prior, mean=prior.mean + of_lines * prior.volatility)


def read_scores(path: Path, name: str = "", feeds: tuple[str, ...] = ()) -> Scores:
    """The scores of a CSV file with `SCORE_COLUMNS`, in any order; without `known_at`, each is known when published.

    name   : name of the file in settings and messages.
    feeds  : as of `Scores`; with some, the file may be one that is not there yet.
    Raises : DataError as `read_text`, and for a column or a value that is wrong, with its row.
    """
    if feeds and not path.exists():
        return Scores(name or path.name, sha256(b"").hexdigest(), (), feeds)
    rows = score_rows(path)
    return Scores(name or path.name, sha256_of(path), tuple(rows), feeds)


@cache
def _form() -> TypeAdapter[Score]:
    """The reader of scores, which takes long to make."""
    return TypeAdapter(Score)


def score_rows(path: Path) -> list[Score]:
    """The rows of a file of scores, which may be none. Raises as `read_scores`."""
    (_, head), *rows = read_text(path).rows()
    if sorted(head) not in (sorted(SCORE_COLUMNS), sorted(SCORE_COLUMNS[:-1])):
        raise DataError(f"{path.name} has the columns {', '.join(map(shown, head))}. Give {', '.join(SCORE_COLUMNS)}.")
    scores = []
    for line, cells in rows:
        given = dict(zip(head, cells if len(cells) == len(head) else (), strict=False))
        try:
            score = _form().validate_python({"known_at": given.get("published")} | given)
        except ValidationError as error:
            found, fix = error.errors()[0]["input"], "Correct it, or make the file anew with `rebalance data news`."
            raise DataError(f"{path.name}, line {line}: {first_fault(error)}, not {shown(found)}. {fix}") from None
        known_at = score.known_at.astimezone(UTC)
        scores.append(replace(score, published=score.published.astimezone(UTC), known_at=known_at))
    return scores
