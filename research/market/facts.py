"""Facts of assets: market capitalisation, a score, a region, any tag, fixed or by date; known from their stated date
on.

A fact that does not change is a further column of `Market.instruments`. One that changes is an array of `Market.facts`:
what was last stated on or before each session. So the date of a row is the day on which its value was published, not
the day that it is about: an annual report of December belongs to the day in March on which it came out. How tables
become facts says `research.market.reading.fact_tables`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.arguments import LARGEST_NUMBER, shown
from foundation.errors import DataError
from foundation.names import NAME_FIX, name_fault
from foundation.printable import has_unseen
from research.market.instruments import INSTRUMENT_COLUMNS

FIXED = ("asset_class", "sector", "currency", "lot", "trading")  # columns of every market that are facts too
Fact = NDArray[Any]  # numbers, NaN where nothing is known, or words, "" where nothing is known


def check_fact_name(name: object) -> None:
    """Raise DataError for an invalid name of a fact, and for a name that has another meaning already."""
    if fault := name_fault(name):
        raise DataError(f"a fact is named {shown(name)}: it {fault}. {NAME_FIX}")
    if name in INSTRUMENT_COLUMNS:
        raise DataError(
            f"a fact is named {name!r}, which every market has. Where it changes by date, give it another name, such "
            f"as {name + '_by_date'!r}."
        )


def checked_fact(name: str, values: object, shape: tuple[int, ...], where: str) -> Fact:
    """A fact as an array of finite numbers and NaN, or of plain words.

    name   : name of the fact.
    values : values of shape (n,) or (T, n).
    shape  : shape that it must have.
    where  : name of its owner in messages.
    Raises : DataError for another shape, and for a value that is neither, which it names.
    """
    found = np.asarray(values)
    if found.shape != shape:
        raise DataError(f"fact {name!r} of {where} has shape {found.shape}: give {shape}.")
    if found.dtype.kind == "U":
        unseen = [word for word in np.unique(found).tolist() if has_unseen(word)]
        if unseen:
            raise DataError(f"fact {name!r} of {where} holds {shown(unseen[0])}. Give plain words on one line.")
        return found
    if found.dtype.kind not in "fiu":
        raise DataError(f"fact {name!r} of {where} is of kind {found.dtype}. Give numbers, or words.")
    numbers = found.astype(float)
    if (np.isinf(numbers) | (np.abs(numbers) > LARGEST_NUMBER)).any():
        raise DataError(f"fact {name!r} of {where} holds numbers past {LARGEST_NUMBER:g}. Correct the source.")
    return numbers


def extended(facts: Mapping[str, Fact] | None, rows: int) -> dict[str, Fact] | None:
    """Facts (T, n) that stay as they were last known for so many rows more; None for none."""
    if facts is None:
        return None
    return {name: np.concatenate([fact, np.repeat(fact[-1:], rows, axis=0)]) for name, fact in facts.items()}
