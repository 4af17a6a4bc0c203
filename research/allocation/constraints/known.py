"""The data of a day that constraints need: names, facts of the lines, the previous target, risk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foundation.arrays import Array


@dataclass(frozen=True, eq=False)
class Known:
    """The data that the limits of a day depend on, besides the constraints.

    assets     : names of the n lines that may be held.
    columns    : name -> n words or numbers: asset class, sector, region, a score, anything.
    covariance : (n, n) covariance of returns a year; None where no constraint and no model needs it.
    returns    : (T, n) returns of the window, a period; None likewise.
    previous   : (n,) target before this one, fraction of NAV; None on the first day.
    traded     : (n,) value traded a day, currency, NaN where it is unknown; None likewise.
    absent     : names of the market's other lines, which have no complete window today and are not held.
    elsewhere  : name -> words or numbers of these lines, in their order.
    dated      : name -> its words on all days, of a column that changes by date: other words are refused. None where
                 other words may yet come.
    """

    assets: tuple[str, ...]
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    covariance: Array | None = None
    returns: Array | None = None
    previous: Array | None = None
    traded: Array | None = None
    absent: tuple[str, ...] = ()
    elsewhere: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    dated: Mapping[str, Collection[str] | None] = field(default_factory=dict)
