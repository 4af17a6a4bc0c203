"""Days of history drawn again in blocks: the means of any number of columns over each draw, from prefix sums.

A block of consecutive days adds up to the difference of two rows of prefix sums, however long it is: a draw costs as
many additions as it has blocks, not days. The draws depend on the number of days and on `Resampling` alone, and every
column is summed by itself, in the order of its draw: another column changes no bit of it.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from foundation.arguments import is_number, is_whole, refuse
from foundation.arrays import Array, Rows
from foundation.compiled import compiled, linked
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.market.frequency import span_rows

MOST_DRAWS = 1_000_000
BLOCK_SESSIONS, SHORTEST = 20, 2  # of a block: sessions, and rows where these are rarer than days
BUCKETS = 4_096  # of the table that says where among the lengths of blocks a search begins


@dataclass(frozen=True)
class Resampling:
    """The stationary bootstrap of Politis and Romano (1994): blocks of days, of random length and `block` in mean.

    block : mean length of a block, days.     reps : number of draws.     seed : of the draws.
    """

    block: int = BLOCK_SESSIONS
    reps: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigError where no interval could come of it."""
        if not (is_whole(self.reps) and 100 <= self.reps <= MOST_DRAWS):
            refuse(
                "draws of a bootstrap is", self.reps, f"give a whole number from 100 to {MOST_DRAWS:,}, such as 10000."
            )
        if not (is_number(self.block) and self.block >= 1):
            refuse("block of a bootstrap is", self.block, "give a mean length of one day or more, such as 20.")

    @classmethod
    def of_rows(cls, periods_per_year: float, reps: int = 10_000) -> "Resampling":
        """Blocks of 20 sessions, in rows of which a year has so many: of weeks four, of months two.

        >>> [Resampling.of_rows(a_year).block for a_year in (252.0, 52.0, 12.0)]
        [20, 4, 2]
        """
        return cls(max(span_rows(BLOCK_SESSIONS, periods_per_year), SHORTEST), reps)

    def refuse_too_few(self, days: int) -> None:
        """Raise DataError for fewer days than two blocks."""
        if days < 2 * self.block:
            raise DataError(
                f"{days} days are too few to be drawn in blocks of {self.block} on average: two blocks at least are "
                f"needed, {math.ceil(2 * self.block)} days. Take a longer test, or shorter blocks."
            )


HOUSE = Resampling()


def drawn_means(columns: ArrayLike, resampling: Resampling = HOUSE) -> Array:
    """(reps, C) mean of each column over the days of each draw, in its own unit.

    columns    : (T, C) a row for each day, each column in its own unit.
    resampling : resampling of the days. The first draws of many are those of few.
    Raises     : DataError if T is less than two blocks.

    A block starts on any day with equal probability, and one that reaches the last day continues at the first.
    Source     : Politis and Romano (1994), The stationary bootstrap, section 2.
    """
    values = np.ascontiguousarray(columns, dtype=float)
    resampling.refuse_too_few(len(values))
    prefix, centre = prefix_sums(values)
    sums = np.zeros((resampling.reps, values.shape[1]))
    lengths, guide = geometric_lengths(resampling.block, len(values))
    _add_blocks(prefix, np.random.default_rng(resampling.seed), lengths, guide, sums)
    return centre + sums / len(values)


def prefix_sums(columns: Array) -> tuple[Array, Array]:
    """(2T + 1, C) sums of the first rows of the columns, less their means, over the history twice; and the means (C,).

    columns : (T, C).

    Means are taken off so that the sums stay small, and both are compensated: the sum of a block is exact to the
    rounding of the largest prefix sum, and the mean of a draw to 1e-12 of the column's mean absolute value.
    Source  : Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen.
    """
    days, width = columns.shape
    prefix, centre = np.zeros((2 * days + 1, width)), np.zeros(width)
    _sum_up(columns, prefix, centre)
    return prefix, centre


@compiled
def _sum_up(columns: Array, prefix: Array, centre: Array) -> None:
    days = columns.shape[0]
    for c in range(columns.shape[1]):
        total = lost = 0.0
        for t in range(days):
            total, lost = add_compensated(total, lost, columns[t, c])
        centre[c] = (total + lost) / days
        total = lost = 0.0
        for t in range(2 * days):
            total, lost = add_compensated(total, lost, columns[t % days, c] - centre[c])
            prefix[t + 1, c] = total + lost


@linked
def add_compensated(total: float, lost: float, value: float) -> tuple[float, float]:
    """A sum with what rounding has lost of it, one value more; their sum is the compensated sum."""
    larger = total + value
    if abs(total) >= abs(value):
        return larger, lost + ((total - larger) + value)
    return larger, lost + ((value - larger) + total)


def geometric_lengths(block: int, days: int) -> tuple[Array, Rows]:
    """Probabilities that a block is longer than k days, (K + 1,), and where a search among them begins, (BUCKETS,).

    block : mean length, days.
    days  : the longest block that counts.

    A block is as long as the first k with probability[k] <= u, for a uniform u: probabilities are products, so the
    same on any machine, as logarithms need not be.
    """
    longer = np.multiply.accumulate(np.concatenate([[1.0], np.full(days, 1.0 - 1.0 / block)]))
    longer[days] = 0.0
    upper = np.arange(1, BUCKETS + 1) / BUCKETS  # of each bucket of u: the shortest block of it
    return longer, np.maximum(np.searchsorted(-longer, -upper, side="left"), 1).astype(np.int64)


def equal_lengths(block: int) -> tuple[Array, Rows]:
    """The same where all blocks are of `block` days."""
    return np.zeros(block + 1), np.full(BUCKETS, block, dtype=np.int64)


@linked
def length_of(u: float, longer: Array, guide: Rows) -> int:
    """The length of a block, days, from a uniform number."""
    k = guide[int(u * len(guide))]
    while u < longer[k]:
        k += 1
    return k


@compiled
def _add_blocks(prefix: Array, rng: np.random.Generator, longer: Array, guide: Rows, sums: Array) -> None:
    """Add to sums[r, c] the blocks of draw r, one after the other: the same bits on any machine."""
    days = (prefix.shape[0] - 1) // 2
    for r in range(sums.shape[0]):
        left = days
        while left > 0:
            start = int(rng.random() * days)
            length = min(length_of(rng.random(), longer, guide), left)
            left -= length
            for c in range(prefix.shape[1]):
                sums[r, c] += prefix[start + length, c] - prefix[start, c]
