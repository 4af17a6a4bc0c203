"""Returns of factors on the days of a market, from a file or a frame; returns off its calendar are refused."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.market.calendars import Days
from research.market.reading.tables import WideTable, read_table, table_of

LARGEST_RETURN = 1.0  # of a return: a larger one is in per cent


@dataclass(frozen=True, eq=False)
class FactorReturns:
    """Returns of k factors, such as of a market over cash, of value or of momentum.

    names  : (k,).
    days   : (T,) increasing.
    values : (T, k) simple returns of a day, fraction; NaN where the source has none.
    source : name of the source in messages.
    """

    names: tuple[str, ...]
    days: Days
    values: Array
    source: str

    @property
    def fingerprint(self) -> str:
        """sha256, in hex, over names, days and values."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(self.days.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.values, dtype="<f8").tobytes())
        return digest.hexdigest()

    def on(self, days: Days, least: int) -> tuple[slice, Array]:
        """The days, of some, on which the factors are known, and their returns on these.

        days    : (D,) days of a test, increasing.
        least   : number of days that are needed.
        Returns : a slice of the D days, and (·, k) returns on these.
        Raises  : DataError naming the source, the factor and the day, for fewer days than are needed, a day of one of
                  the two that the other does not have, and a return that is missing.
        """
        first, last = max(days[0], self.days[0]), min(days[-1], self.days[-1])
        of_test = slice(int(days.searchsorted(first)), int(days.searchsorted(last, side="right")))
        own = slice(int(self.days.searchsorted(first)), int(self.days.searchsorted(last, side="right")))
        wanted, given = days[of_test], self.days[own]
        if first > last or len(wanted) < least:
            shared = 0 if first > last else len(wanted)
            raise DataError(
                f"too few days of factors ({self.source}): {self.names[0]} and the others have {shared:,} of the "
                f"test's days, which run from {days[0]} to {days[-1]}, and the file from {self.days[0]} to "
                f"{self.days[-1]}. A regression needs {least:,}: give a longer file, or start the test earlier."
            )
        for one, other, whose in ((wanted, given, "the test"), (given, wanted, "the factors")):
            only = np.setdiff1d(one, other)
            if len(only):
                lacks = "the factors do" if whose == "the test" else "the test does"
                raise DataError(
                    f"factors of another calendar ({self.source}): {self.names[0]} and the others on {only[0]}, a day "
                    f"of {whose} that {lacks} not have, the first of {len(only):,}. Give returns of the days of "
                    "the market, each from its session before."
                )
        values = self.values[own]
        if np.isnan(values).any():
            row, k = np.argwhere(np.isnan(values))[0].tolist()
            missing = int(np.isnan(values).sum())
            raise DataError(
                f"return missing for factor {self.names[k]} on {given[row]} ({self.source}), the first of {missing:,} "
                "in the test. Complete the file, or leave the factor out: nothing is filled."
            )
        return of_test, values


def read_factors(path: str | Path) -> FactorReturns:
    """The factors of a wide CSV or Parquet file: dates in the first column, then a column a factor, fractions a day.

    Raises : DataError as `read_table` does, and for returns in per cent.
    """
    return _factors(read_table(path))


def factors_of(frame: pd.DataFrame) -> FactorReturns:
    """The factors of a frame: dates down, factors across, fractions a day.

    Raises : DataError as `table_of` does, and for returns in per cent.
    """
    return _factors(table_of(frame, "the frame of factors"))


def _factors(table: WideTable) -> FactorReturns:
    table.refuse(
        np.abs(table.cells) >= LARGEST_RETURN,
        "return of a factor of 100 % or more in a day",
        "Give fractions: 0.01 is 1 %. A file in per cent is to be divided by 100.",
    )
    return FactorReturns(table.names, table.days, frozen(table.cells), table.source)
