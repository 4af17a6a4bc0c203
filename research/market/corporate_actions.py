"""Splits and dividends of bars: quotes as traded out of adjusted ones, and what adjusted closes say of both.

Bars are of one asset or of several, (R,) in order of asset and session.
"""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass
from research.market.calendars import Days
from research.market.rows import PER_UNIT

LEAST_SPLIT = 0.2  # logarithm: smaller splits, such as 11 for 10, do not stand out from prices' moves
LARGE_SPLIT = np.log(2.0)  # logarithm: on the day of one, no price moves by half of it
SPLIT_MOVE = 0.5  # of a large split's logarithm: no price moves by more on its day
SAME_MOVE = 0.25  # of a split's logarithm, within which a move is that of the split, or none
LARGEST_YIELD = 0.999  # of a dividend over the close before
ONE_ASSET = np.zeros(1, dtype=np.int64)  # where its bars begin


class YieldTolerance(NamedTuple):
    """The distance by which the yield of a dividend may differ from that of adjusted closes.

    least    : fraction of the close, for every session.
    share    : fraction of the dividend's own yield, for conventions of adjustment other than the two known.
    rounding : currency per unit, of the adjusted close.
    """

    least: float
    share: float
    rounding: float


# A source is refused, and cannot be asked what it means: so its rounding and its conventions are allowed for. The
# reader of an imported table is only warned, and can look it up.
YIELD_REFUSED, YIELD_WARNED = YieldTolerance(1e-3, 0.1, 1e-3), YieldTolerance(1e-4, 0.0, 0.0)


def as_traded(split: Array) -> Array:
    """(R,) factors that turn quotes adjusted for all later splits into quotes as traded, of one asset.

    split : (R,) units after for one before, in order of the sessions.
    Returns : (R,) the product of the splits of later rows. A volume is divided by it.

    >>> as_traded(np.array([1.0, 4.0, 1.0])).tolist()
    [4.0, 1.0, 1.0]
    """
    later = np.append(np.cumprod(split[::-1])[::-1][1:], 1.0)
    return np.asarray(later)


def later_splits(days: Days, splits: Mapping[date, float]) -> Array:
    """(R,) the product of the splits after each day, of splits on any days: units after for one before."""
    listed = sorted(splits)
    when, ratio = np.array(listed, dtype="datetime64[D]"), np.array([splits[day] for day in listed], float)
    onwards = np.append(as_traded(ratio) * ratio, 1.0)
    return np.asarray(onwards[np.searchsorted(when, days, side="right")])


def unadjusted(numbers: Mapping[str, Array], later: Array) -> dict[str, Array]:
    """The numbers of bars as traded, out of those that are adjusted for `later` (R,), the product of later splits."""
    factors = dict.fromkeys(PER_UNIT, later) | {"volume": 1.0 / later}
    return {name: values * factors[name] if name in factors else values for name, values in numbers.items()}


@dataclass(frozen=True, eq=False)
class TradedCloses:
    """Closes as traded, above zero or NaN, beside their splits and the closes that are adjusted for all events.

    close  : (R,) currency per unit.
    split  : (R,) units after for one before.
    total  : (R,) closes adjusted for splits and dividends, NaN where there are none.
    begins : the first row of each asset.
    """

    close: Array
    split: Array
    total: Array
    begins: NDArray[np.int64]

    @cached_property
    def moved(self) -> Array:
        """(R,) growth from the bar before without dividends, NaN for the first of an asset."""
        return self.split * _growth(self.close, self.begins)

    @cached_property
    def shown(self) -> Array:
        """(R,) the yield, over the close, of a dividend that adjusted closes show."""
        return _growth(self.total, self.begins) / self.moved - 1.0

    @property
    def shows_split(self) -> Mask:
        """(R,) true for a split that the closes show: they hardly move otherwise than the adjusted ones, or at all."""
        size = np.abs(np.log(self.split))
        explained = np.nan_to_num(_growth(self.total, self.begins), nan=1.0)
        return (size > 0.0) & (np.abs(np.log(self.moved / explained)) <= SAME_MOVE * size)

    @property
    def hides_split(self) -> Mask:
        """(R,) true for a split that stands out, and that the closes do not show.

        A price may move by as much as a small split: of such a one only a move by the split itself, either way, says
        that the quotes lack it or have it twice.
        """
        size, move = np.abs(np.log(self.split)), np.abs(np.log(self.moved))
        itself, far = np.abs(move - size) <= SAME_MOVE * size, move > SPLIT_MOVE * size
        return (size > LEAST_SPLIT) & np.where(size < LARGE_SPLIT, itself, far)

    def apart(self, dividend: Array) -> Array:
        """(R,) by how much a dividend's yield differs from that of adjusted closes, NaN where there are none.

        They are adjusted by total returns, or by 1 - dividend / close before (CRSP): the nearer one counts.
        """
        of_now = dividend / self.close
        of_before = np.minimum(of_now * self.moved, LARGEST_YIELD)
        found = np.abs(np.stack([of_now, of_before / (1.0 - of_before)]) - self.shown)
        return np.asarray(found.min(axis=0))

    def denies(self, dividend: Array, tolerance: YieldTolerance) -> Mask:
        """(R,) true where the adjusted closes show another dividend, or none."""
        allowed = np.maximum(tolerance.least, tolerance.share * dividend / self.close)
        return np.asarray(self.apart(dividend) > allowed + tolerance.rounding / self.total)


def _growth(values: Array, begins: NDArray[np.int64]) -> Array:
    grown = np.append(np.nan, values[1:] / values[:-1])[: len(values)]
    grown[begins[: len(values)]] = np.nan
    return grown
