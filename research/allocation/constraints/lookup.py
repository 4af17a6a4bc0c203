"""Facts that constraints need on a day: the assets that each is about, and their numbers.

Names that the market does not have are kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from foundation.arguments import cut, shown
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, field
from research.allocation.constraints.records import Where


@dataclass(frozen=True, eq=False)
class Known:
    """Inputs of the limits of a day, besides the constraints.

    assets     : n names, of the assets that may be held.
    columns    : name -> n words or numbers: asset class, sector, region, a score, anything.
    covariance : (n, n) of returns a year; None where no constraint and no model needs it.
    returns    : (T, n) of the window, a period; None likewise.
    previous   : (n,) target before this one, fraction of NAV; None on the first day.
    traded     : (n,) value traded a day, currency, NaN where it is unknown; None likewise.
    absent     : names of the market's other assets, which have no complete window today and are not held.
    elsewhere  : name -> words or numbers of these assets, in their order.
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


class Lookup:
    """Looks assets, columns and words up in the data of the day, and collects those that are missing.

    known  : data known on the day.
    faults : sentences, each with its place, what was found and how to mend it.
    needed : (n,) assets that may be held, whose numbers must be known.
    """

    def __init__(self, known: Known) -> None:
        self.known = known
        self.faults: list[str] = []
        self.needed: Mask = np.full(len(known.assets), True)

    def members(self, key: str, where: Where, lines: Sequence[str]) -> tuple[Array, str]:
        """(n,) one for a member; and who they are, in words."""
        inside: Mask = np.full(len(self.known.assets), bool(where))
        said = []
        for column, words in where.items():
            asked = (words,) if isinstance(words, str) else tuple(words)
            values = self.column(f"{key}.where.{column}", column)
            if values is None:
                return np.zeros(len(self.known.assets)), ""
            known = sorted({str(value) for value in (*values, *self.known.elsewhere.get(column, ()))} - {""})
            for word in (word for word in asked if word not in known and not self._on_other_days(column, word)):
                self.faults.append(
                    f"{key}.where.{column}: no asset has this {column}: found {shown(word)}. {_near(word, known)}"
                )
            inside &= np.array([str(value) in asked for value in values])
            said.append(f"{column} {' or '.join(asked)}")
        if lines:
            inside |= self.named(f"{key}.lines", lines) > 0.0
            said.append(", ".join(lines))
        changes = any(column in self.known.dated for column in where)
        if not inside.any() and not self.known.absent and not changes and not self.faults:
            self.faults.append(f"{key}: no asset fits {' and '.join(said)} together. Correct it, or leave it out.")
        return inside.astype(float), ", ".join(said)

    def _on_other_days(self, column: str, word: str) -> bool:
        """True if a column has, or may have, this word on another day."""
        if column not in self.known.dated:
            return False
        words = self.known.dated[column]
        return words is None or word in words

    def named(self, key: str, names: Sequence[str]) -> Array:
        """(n,) one for the assets that are named."""
        return self.by_name(key, dict.fromkeys(names, 1.0))

    def some(self, names: Iterable[str]) -> bool:
        """True if one of these assets may be held today."""
        return any(name in self.known.assets for name in names)

    def by_name(self, key: str, values: Mapping[str, float]) -> Array:
        """(n,) values in the market's order; zero for an asset that is not named."""
        every = (*self.known.assets, *self.known.absent)
        for name in (name for name in values if name not in every):
            self.faults.append(f"{key}: unknown asset: found {shown(name)}. {_near(name, every)}")
        return np.array([float(values.get(asset, 0.0)) for asset in self.known.assets])

    def column(self, key: str, column: str) -> Sequence[Any] | None:
        """n words or numbers; None where the assets have no such column."""
        if column not in self.known.columns:
            self.faults.append(f"{key}: the assets have no {column}. {_near(column, sorted(self.known.columns))}")
            return None
        return self.known.columns[column]

    def numbers(self, key: str, column: str) -> Array:
        """(n,) numbers of a column, zero for assets that may not be held where they are not known."""
        values = self.column(f"{key}.column", column)
        if values is None:
            return np.zeros(len(self.known.assets))
        if not all(isinstance(value, int | float | np.number) for value in values):
            self.faults.append(f"{key}.column: {column} has words. Give a column of numbers.")
            return np.zeros(len(self.known.assets))
        numbers = np.asarray(values, dtype=float)
        unknown = ~np.isfinite(numbers) & self.needed
        if unknown.any():
            names = ", ".join(np.array(self.known.assets)[unknown])
            self.faults.append(
                f"{key}.column: {column} is not known for {cut(names)}. Give it, or exclude these assets."
            )
        return np.where(np.isfinite(numbers), numbers, 0.0)


def _near(word: object, known: Sequence[str]) -> str:
    near = get_close_matches(str(word), known, n=1)
    if not known:
        return "None has any: state them in the instruments or under the lines of the file, or name `lines`."
    return (f"Did you mean {near[0]!r}? " if near else "") + f"Use {cut(', '.join(known), 400)}."
