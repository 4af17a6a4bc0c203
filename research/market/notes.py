"""Notes on the data: sentences with the assets and the days that they are about."""

from collections.abc import Iterable
from datetime import date

import numpy as np

EXTREME_MOVES = "look for a split or a wrong price"  # in the note of an asset with such moves
Day = str | date | np.datetime64  # a pandas Timestamp is a `date`


class Note(str):
    """A sentence about the data, with the assets and the days that it is about. It prints, joins and saves as a str.

    assets : names of the assets; empty when it is about the whole market.
    first, last : the days, both included; None where it has no beginning or no end.
    warning : the reader must judge it; else it is a fact of the source.

    >>> gap = Note("VOX did not trade on 2004-10-01.", assets=["VOX"], first="2004-10-01", last="2004-10-01")
    >>> gap.concerns(["SPY"]), gap.falls_in("2004-01-01", "2004-12-31"), gap.falls_in("2005-01-01")
    (False, True, False)
    """

    assets: tuple[str, ...]
    first: np.datetime64 | None
    last: np.datetime64 | None
    warning: bool

    def __new__(
        cls,
        text: str,
        assets: Iterable[str] = (),
        first: Day | None = None,
        last: Day | None = None,
        warning: bool = False,
    ) -> "Note":
        """A note from its sentence, and the assets and days that it is about."""
        note = super().__new__(cls, text)
        note.assets = tuple(assets)
        note.first = None if first is None else _day(first)
        note.last = None if last is None else _day(last)
        note.warning = warning
        return note

    @classmethod
    def of(cls, text: str) -> "Note":
        """The note itself, or a plain sentence as a note about the whole market."""
        return text if isinstance(text, cls) else cls(text)

    def concerns(self, assets: Iterable[str]) -> bool:
        """True if it is about the whole market, or about one of these assets."""
        return not self.assets or not set(self.assets).isdisjoint(assets)

    def falls_in(self, first: Day | None = None, last: Day | None = None) -> bool:
        """True if one of its days is among those from `first` to `last`, both included."""
        begins_late = last is not None and self.first is not None and bool(self.first > _day(last))
        ends_early = first is not None and self.last is not None and bool(self.last < _day(first))
        return not begins_late and not ends_early


def counted(count: int, thing: str) -> str:
    """A number with its noun.

    >>> counted(1, "session"), counted(2023, "session")
    ('1 session', '2,023 sessions')
    """
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _day(day: Day) -> np.datetime64:
    return np.datetime64(str(day)[:10], "D")
