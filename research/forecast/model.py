"""Models that learn from a past, and forecasts by the last fit of a schedule."""

from collections.abc import Hashable
from datetime import date
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import pandas as pd

from foundation.arguments import one_of
from foundation.arrays import Rows
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError, PolicyError
from research.forecast.moments import Moments
from research.market import Past
from research.market.calendars import EVERY, last_of

FITS = 64  # kept in memory: models times refits of a walk
RefitSchedule = Literal["day", "week", "month", "quarter", "year"]
Learned = TypeVar("Learned", covariant=True)


class Fitted(Protocol):
    """A fitted model: it forecasts on any day that is not before the last that it saw."""

    @property
    def seen(self) -> pd.Timestamp:
        """The last date of its fit."""

    def predict(self, past: Past) -> Moments:
        """Mean and covariance of the assets that it knows enough of, over its horizon after `past`."""


class Learner(Hashable, Protocol[Learned]):
    """Settings of something that is fitted to a past: frozen, hashable, the same fit each time."""

    @property
    def window(self) -> int:
        """Number of returns that the first fit needs."""

    def fit(self, past: Past) -> Learned:
        """The model fitted to the past alone. Raises DataError where that is too little, or no fit is found."""


@runtime_checkable
class Model(Learner[Fitted], Protocol):
    """A learner of forecasts."""

    @property
    def horizon(self) -> int:
        """Periods of the market that a forecast is about."""


@dataclass(frozen=True)
class Refitted:
    """A forecast by a model that is fitted anew on a schedule, and used between these days as it was.

    A fit that fails leaves the one before it in use: the notes of the forecast say so.
    model    : model to fit; first as soon as its window is there.
    schedule : "day", "week", "month", "quarter" or "year", at the last scheduled session of each, or the first row
               after it.
    Raises   : ConfigError for another schedule; when asked, DataError where no fit was found yet.
    """

    model: Model
    schedule: RefitSchedule = "year"

    def __post_init__(self) -> None:
        """Check the schedule."""
        one_of("schedule of Refitted is", self.schedule, EVERY)

    @property
    def window(self) -> int:
        """Number of returns that the first fit needs."""
        return self.model.window

    @property
    def horizon(self) -> int:
        """Periods of the market that a forecast is about."""
        return self.model.horizon

    def predict(self, past: Past) -> Moments:
        """The forecast of the last fit that was found, with a note where a later one failed."""
        fitted, failed = self.fitted(past)
        found = fitted.predict(past)
        if failed is None:
            return found
        stale = f"the model is that of {fitted.seen:%Y-%m-%d}: a later fit failed, {failed}"
        return replace(found, notes=(*found.notes, stale))

    def fitted(self, past: Past) -> tuple[Fitted, DataError | None]:
        """The last fit that was found up to the close of `past`, and why the last one failed, if it did.

        Raises : DataError where none was found.
        """
        return last_fit(self.model, self.schedule, past)


@dataclass(frozen=True)
class Trained:
    """A forecast by a model trained elsewhere, such as a checkpoint: never asked of a day before its last date.

    fitted : fitted model, with the last date that its training saw.
    window : number of returns that a forecast needs.
    Raises : PolicyError when asked of an earlier day.
    """

    fitted: Fitted
    window: int = 1

    def predict(self, past: Past) -> Moments:
        """Its forecast. Raises PolicyError on a date before the end of its training."""
        refuse_earlier("the forecast was", self.fitted.seen, past)
        return self.fitted.predict(past)


def refuse_earlier(what: str, seen: date, past: Past) -> None:
    """Raise PolicyError where something is asked of a day before the last that its fit saw.

    what : subject with its verb, such as "the trees were".
    seen : the last date of the fit.
    """
    if past.date < pd.Timestamp(seen):
        raise PolicyError(
            f"{what} fitted on days up to {seen:%Y-%m-%d}, but asked on {past.date:%Y-%m-%d}: the fit knows later "
            "data. Start later, or fit on fewer days."
        )


def last_fit(learner: Learner[Learned], schedule: str, past: Past) -> tuple[Learned, DataError | None]:
    """The last fit that was found up to the close of `past`, and why the last one failed, if it did.

    learner  : model to fit.
    schedule : the period at whose last session it is fitted anew.
    Raises   : DataError where none was found.
    """
    failed = None
    for row in fit_rows(learner.window, schedule, past)[::-1]:
        found = _fit(learner, past.earlier(int(row)))
        if not isinstance(found, DataError):
            return found, failed
        failed = failed or found
    raise failed or DataError(
        f"{len(past.dates) - 1} returns up to {past.date:%Y-%m-%d} are too few: {type(learner).__name__} is "
        f"first fitted on {learner.window}. Start later, or take a model that needs fewer."
    )


def fit_rows(window: int, schedule: str, past: Past) -> Rows:
    """Rows up to today on which something is fitted: as soon as its window is there, then on the schedule."""
    if past.t < window:
        return np.empty(0, dtype=np.int64)
    picked = np.flatnonzero(last_of(past.days, schedule, past.calendar))
    return np.union1d(picked[picked > window], window)


@lru_cache(maxsize=FITS)
def _fit(learner: Learner[Any], past: Past) -> Any:
    """The result of fitting a learner to a past, or the DataError that says why there is none."""
    try:
        return learner.fit(past)
    except DataError as error:
        return error
