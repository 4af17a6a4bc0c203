"""Change points of an asset's volatility, with the day on which each was detected beside the day of the change."""

import numpy as np
import pandas as pd

from foundation.arguments import check_positive, is_whole, one_of, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from research.forecast.model import RefitSchedule, fit_rows
from research.forecast.regimes.protocol import OfLine, history
from research.market import Past
from research.market.calendars import EVERY

STILL_MOVE = 1e-4  # of a day's move, a basis point: the logarithm of a smaller one is noise of prices


@dataclass(frozen=True)
class ChangePoint:
    """A change of volatility.

    changed       : first day of the new level.
    detected      : the day on which it was first found, from the days up to it.
    before, after : mean absolute return of a day since the change before it, and from it to its detection, fraction.
    """

    changed: pd.Timestamp
    detected: pd.Timestamp
    before: float
    after: float


@dataclass(frozen=True)
class ChangePoints(OfLine):
    """Change points of the logarithm of an asset's absolute returns, by penalised least squares (ruptures, PELT).

    line     : the asset of the returns.
    penalty  : penalty on a change, in units of the variance of a day times the logarithm of the number of days.
    shortest : days between two changes, and from a change to its detection, at least.
    lookback : days that are searched.
    schedule : days on which they are searched for.
    Raises   : ConfigError for a setting out of range.
    Source   : Killick, Fearnhead and Eckley (2012), Optimal Detection of Changepoints with a Linear Computational Cost,
               Journal of the American Statistical Association 107.
    """

    line: str
    penalty: float = 3.0
    shortest: int = 21
    lookback: int = 504
    schedule: RefitSchedule = "week"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"penalty of ChangePoints": self.penalty})
        if not (is_whole(self.shortest) and self.shortest >= 2):
            refuse("shortest of ChangePoints is", self.shortest, "give a whole number of days, 2 or more.")
        if not (is_whole(self.lookback) and self.lookback >= 2 * self.shortest):
            refuse("lookback of ChangePoints is", self.lookback, f"give {2 * self.shortest} days or more.")
        one_of("schedule of ChangePoints is", self.schedule, EVERY)

    def found(self, past: Past) -> tuple[ChangePoint, ...]:
        """The changes detected up to today, in their order, each from the days up to its detection alone.

        A search adds only changes that are at least `shortest` days after the last one known.
        """
        returns, moves = history(past, self.line), self._moves(past)
        first = int(np.argmax(past.listed[:, past.assets.index(self.line)])) + 1  # row of the first return
        last, points = 0, []
        for row in fit_rows(2 * self.shortest, self.schedule, past):
            stop = max(0, int(row) + 1 - first)
            begin = max(0, stop - self.lookback)
            for start in begin + self._changes(moves[begin:stop]):
                if start >= last + self.shortest:
                    levels = (float(np.abs(part).mean()) for part in (returns[last:start], returns[start:stop]))
                    points.append(ChangePoint(past.dates[first + start], past.dates[row], *levels))
                    last = start
        return tuple(points)

    def _moves(self, past: Past) -> Array:
        return np.log(np.maximum(np.abs(history(past, self.line)), STILL_MOVE))

    def _changes(self, moves: Array) -> Rows:
        """Rows of `moves` (T,) at which a new level begins."""
        if len(moves) < 2 * self.shortest or np.ptp(moves) == 0.0:
            return np.empty(0, dtype=np.int64)
        from ruptures import KernelCPD

        price = self.penalty * float(moves.var()) * np.log(len(moves))
        search = KernelCPD(kernel="linear", min_size=self.shortest).fit(moves[:, None])
        return np.array(search.predict(pen=price)[:-1], dtype=np.int64)
