"""The stationary bootstrap: days of a real market, drawn again in blocks of random length."""

from functools import cached_property

import numpy as np

from foundation.arguments import is_number, refuse
from foundation.arrays import Array, Mask, Rows
from foundation.compiled import compiled
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.market.market import Market
from research.risk.simulation.streams import BLOCKS, STARTS, check_batch, stream


@dataclass(frozen=True, eq=False)
class StationaryBootstrap:
    """Days of `market` in blocks of random length, geometric with mean `mean_block`.

    market     : all its assets are simulated, so days are drawn from those on which all were listed, also at the close
                 before; `market.select` leaves assets out.
    mean_block : mean length of a block, days: 1 for independent days, 20 for blocks of about a month.
    Raises     : DataError where fewer than two days have returns of all assets; ConfigError for a mean block below one
                 day, or longer than the days there are.

    Assets of one day stay together, and cash with them. Every day is equally likely, on every day of a path; a block
    that reaches the last day continues at the first.
    Source : Politis and Romano (1994), The stationary bootstrap, section 2.
    """

    market: Market
    mean_block: float

    def __post_init__(self) -> None:
        """Check that there are days to draw from."""
        first, stop = self.span
        if stop - first < 2:
            raise DataError(
                f"market {self.market.name!r} has {max(stop - first, 0)} days with returns of all its assets, and a "
                "bootstrap draws from two at least. Leave out, by market.select, assets that are not listed together."
            )
        if not is_number(self.mean_block) or not 1.0 <= self.mean_block <= stop - first:
            refuse(
                "mean_block of StationaryBootstrap is", self.mean_block,
                f"give a number of days from 1 to {stop - first}, those of market {self.market.name!r} with returns of "
                "all assets.",
            )  # fmt: skip

    @cached_property
    def span(self) -> tuple[int, int]:
        """(first, stop): days are drawn from these rows of the market, the stop row not included."""
        return common_rows(self.market, np.ones(len(self.market.assets), dtype=bool))

    def rows(self, paths: int, days: int, seed: int, first: int = 0) -> Rows:
        """(paths, days) the row of the market on each day: assets, cash and halts are those of that row.

        Arguments as in `Model.returns`.
        Raises : ConfigError for a number out of range.
        """
        check_batch(paths, days, seed, first)
        numbers = range(first, first + paths)
        begins = np.array([stream(seed, path, BLOCKS).random(days) for path in numbers]) < 1.0 / self.mean_block
        starts = np.array([stream(seed, path, STARTS).integers(*self.span, days) for path in numbers])
        return chained(begins, starts, *self.span)

    def returns(self, paths: int, days: int, seed: int, first: int = 0) -> Array:
        """(paths, days, n) simple returns, fraction; arguments as in `Model.returns`.

        Raises : ConfigError for a number out of range.
        """
        return self.market.returns[self.rows(paths, days, seed, first)]

    def growths(self, paths: int, days: int, seed: int, first: int = 0) -> Array:
        """(paths, days, n) 1 + simple returns; arguments as in `Model.returns`.

        Raises : ConfigError for a number out of range.
        """
        return 1.0 + self.returns(paths, days, seed, first)


def resampled(rng: np.random.Generator, first: Rows, stop: Rows, shape: tuple[int, int], block: float) -> Rows:
    """(W, D) rows by the stationary bootstrap.

    rng    : generator that is drawn from.
    first  : (W,) first row that each path may draw.
    stop   : (W,) row before which its rows end.
    shape  : (W, D).
    block  : mean length of a block, rows.
    Source : Politis and Romano (1994), The stationary bootstrap.
    """
    rows = np.empty(shape, np.int64)
    _resample(rng, first, stop, 1.0 / block, rows)
    return rows


@compiled
def _resample(rng: np.random.Generator, first: Rows, stop: Rows, begins: float, out: Rows) -> None:
    """Write rows (W, D): a day starts a block with probability `begins`, and else continues by one row."""
    for w in range(out.shape[0]):
        row = 0
        for d in range(out.shape[1]):
            row += 1
            if d == 0 or begins >= 1.0 or rng.random() < begins:
                row = first[w] + int(rng.random() * (stop[w] - first[w]))  # `integers` takes six times as long
            elif row == stop[w]:
                row = first[w]
            out[w, d] = row


def chained(begins: Mask, starts: Rows, first: Rows | int, stop: Rows | int) -> Rows:
    """(W, D) rows in blocks; the first day always starts a block.

    begins : (W, D) days on which a block starts.
    starts : (W, D) row at which a block starts there.
    first  : first row; a block that reaches the last row continues here.
    stop   : row before which the rows end.

    >>> begins = np.array([[False, False, True, False, False]])
    >>> chained(begins, np.array([[4, 0, 9, 0, 0]]), 3, 11).tolist()
    [[4, 5, 9, 10, 3]]
    """
    day = np.arange(begins.shape[1])
    origin = np.maximum.accumulate(np.where(begins, day, 0), axis=1)
    start = np.take_along_axis(starts, origin, axis=1)
    return first + (start - first + day - origin) % (stop - first)


def common_rows(market: Market, held: Mask) -> tuple[int, int]:
    """(first, stop): the rows with returns of all assets held (n,), the stop row not included.

    Assets that were never listed together have none: (T + 1, T).
    """
    listed: Mask = np.all(market.listed[:, held], axis=1)
    if not listed.any():
        return len(listed) + 1, len(listed)
    first = int(np.argmax(listed))
    gone = ~listed[first:]
    return first + 1, first + int(np.argmax(gone)) if gone.any() else len(listed)
