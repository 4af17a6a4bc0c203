"""Named episodes of market stress: from which day to which, and where their dates come from."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.dataclasses import dataclass
from foundation.errors import ConfigError

Coverage = Literal["whole", "part", "none"]
FEWEST_RETURNS = 2  # returns, below which nothing is measured
WEEK = np.timedelta64(7, "D")


@dataclass(frozen=True)
class Episode:
    """Days of market stress.

    name   : name in tables.
    first  : the first day whose return belongs to it: the day after the peak.
    last   : the last day whose return belongs to it: the trough.
    source : source of its dates.
    Raises : ConfigError for an episode that ends before it begins.
    """

    name: str
    first: pd.Timestamp
    last: pd.Timestamp
    source: str = ""

    def __post_init__(self) -> None:
        """Check the order of its days."""
        if self.last < self.first:
            raise ConfigError(
                f"episode {self.name!r} ends on {self.last:%Y-%m-%d}, before its first day, {self.first:%Y-%m-%d}: "
                "exchange the two, or correct one."
            )


@dataclass(frozen=True)
class CoveredSpan:
    """The part of an episode that a series of closes covers.

    base     : row of the close on which its first return is earned.
    last     : row of its last close.
    coverage : "whole"; "part" where sessions of the episode are missing at an end; "none", and no rows, where fewer
               than two returns of it are there.
    """

    base: int
    last: int
    coverage: Coverage


def span_of(episode: Episode, days: NDArray[np.datetime64]) -> CoveredSpan:
    """The part of an episode that closes on these days cover.

    days : (T,) dates of the closes, increasing.

    An episode is covered whole where a close before its first day is there, and a close on its last day or later, or
    in the week before it: a last day on a weekend is not missing.
    """
    first, last = (np.datetime64(day, "D") for day in (episode.first, episode.last))
    base = int(np.searchsorted(days, first)) - 1
    end = int(np.searchsorted(days, last, side="right")) - 1
    if end - max(base, 0) < FEWEST_RETURNS:
        return CoveredSpan(0, 0, "none")
    whole = base >= 0 and last - days[-1] < WEEK
    return CoveredSpan(max(base, 0), end, "whole" if whole else "part")
