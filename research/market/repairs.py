"""Repairs of rows by name: what a person decided to change, recorded in notes. The store keeps the rows as they came.

A repaired table is derived from the store's rows each time, so that leaving a repair out undoes it. No repair cuts
extreme returns: money moves on rows, and an estimate may cut its own copy of the returns.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from foundation.arguments import cut, day, is_whole, one_of, refuse
from foundation.arrays import Mask
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from research.market.calendars import sessions
from research.market.notes import Note, counted
from research.market.rows import ROW_COLUMNS, checked_rows, sessions_of

How = Literal["forward_fill", "second_source", "drop"]
# by which closes of two sources of one session differ at most, relative: adjusted closes are further off
SOURCES_AGREE = 0.05
KEYS = ("asset", "days", "how", "most")


@dataclass(frozen=True)
class Repair:
    """A repair of the rows of one asset.

    asset : id of the asset.
    first, last : days, both included.
    how   : "forward_fill": the last close before, in each session of these days, divided by later splits; "drop": no
            row in these days; "second_source": the rows of another source in these days.
    most  : sessions that may be filled forward.
    """

    asset: str
    first: np.datetime64
    last: np.datetime64
    how: How
    most: int = 3

    def __str__(self) -> str:
        """The repair as messages name it."""
        return f"{self.how} of {self.asset}, {self.first} to {self.last}"


def read_repairs(given: object) -> tuple[Repair, ...]:
    """Repairs from a list of mappings with the keys asset, days, how and, for a forward fill, most.

    given  : such as [{"asset": "SPY", "days": "2020-01-02..2020-01-06", "how": "forward_fill", "most": 3}].
    Raises : ConfigError for another shape, key or value, with the place and the fix.
    """
    if not isinstance(given, Sequence) or isinstance(given, str):
        refuse("repairs is", given, "give a list of repairs, each with asset, days and how.")
    return tuple(_repair(each, f"repairs[{k}]") for k, each in enumerate(given))


def _repair(given: object, where: str) -> Repair:
    if not isinstance(given, Mapping) or not {"asset", "days", "how"} <= set(given) <= set(KEYS):
        refuse(f"{where} is", given, "give asset, days, how, and most if need be; no other key.")
    if given["how"] == "winsorise":
        raise ConfigError(
            f"{where}.how is 'winsorise': money moves on rows, and no return may be cut there. Clip the returns "
            "of an estimate, or use forward_fill, drop or second_source."
        )
    one_of(f"{where}.how is", given["how"], get_args(How))
    first, _, last = str(given["days"]).partition("..")
    begin, end = (np.datetime64(day(f"{where}.days is", text), "D") for text in (first, last or first))
    if begin > end:
        refuse(f"{where}.days is", given["days"], "write the first day before the last, as 2020-01-02..2020-01-06.")
    most = given.get("most", Repair.most)
    if not is_whole(most) or most < 1:
        refuse(f"{where}.most is", most, "give a whole number of sessions, at least 1.")
    return Repair(str(given["asset"]), begin, end, given["how"], int(most))


def repair(
    rows: pd.DataFrame, repairs: Sequence[Repair], calendars: Mapping[str, str], second: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Rows with repairs made in their order, and a note on each.

    rows      : (R, ·) table with `ROW_COLUMNS`, one row an asset and session; it stays as it is.
    calendars : name of the exchange calendar of each asset.
    second    : rows of another source, for "second_source".
    Returns   : the repaired table, whose changed rows name the repair as their source, and the notes, as warnings.
    Raises    : DataError for an asset without rows, days without anything to repair or to repair with, more sessions
                than `most`, a split or dividend that would be lost, and a second source in another currency or level.
    """
    notes = []
    for each in repairs:
        own = rows[rows["asset_id"] == each.asset]
        if own.empty:
            raise DataError(f"{each}: there are no rows of {each.asset!r}. Correct the name, or leave the repair out.")
        days = sessions_of(own)
        inside = (days >= each.first) & (days <= each.last)
        new = _filled(each, own, inside, calendars) if each.how == "forward_fill" else _new(each, own, inside, second)
        notes.append(_note(each, own[inside], new))
        outside = rows.drop(index=own.index[inside])
        rows = checked_rows(pd.concat([outside, new])[list(ROW_COLUMNS)] if len(new) else outside, "repairs")
    return rows, tuple(notes)


def _filled(each: Repair, own: pd.DataFrame, inside: Mask, calendars: Mapping[str, str]) -> pd.DataFrame:
    """A row for each session of a repair, with the last close before, per unit of that session."""
    if each.asset not in calendars:
        refuse("calendars is", dict(calendars), f"name the exchange calendar of {each.asset}, such as XNYS.")
    before = own[(sessions_of(own) < each.first) & own["close"].notna().to_numpy()]
    due = sessions(each.first, each.last, calendars[each.asset])
    if before.empty:
        raise DataError(f"{each}: there is no close before {each.first} to fill forward from. Choose later days.")
    if not 0 < len(due) <= each.most:
        raise DataError(
            f"{each}: found {counted(len(due), 'session')} to fill, and `most` allows {each.most}. Give fewer "
            "days, or a larger `most`."
        )
    past, kept = before.iloc[-1], own[inside].set_index("session").reindex(pd.DatetimeIndex(due.astype("M8[s]")))
    split, dividend = kept["split"].fillna(1.0), kept["dividend"].fillna(0.0)
    close = past["close"] / split.cumprod()
    bar = dict.fromkeys(("open", "high", "low", "close"), close.to_numpy())
    stamped = {"asset_id": each.asset, "session": due.astype("M8[s]"), **bar, "volume": 0.0}
    facts = {"split": split.to_numpy(), "dividend": dividend.to_numpy(), "currency": past["currency"]}
    return pd.DataFrame(stamped | facts).assign(source=_source(each), fetched_at=past["fetched_at"])


def _new(each: Repair, own: pd.DataFrame, inside: Mask, second: pd.DataFrame | None) -> pd.DataFrame:
    """The rows in place of the old ones: none, or those of the second source."""
    old = own[inside]
    facts = old[(old["split"] != 1.0) | (old["dividend"] > 0.0)]
    if each.how == "drop":
        if len(facts) or old.empty:
            found = f"{facts['session'].iloc[0]:%Y-%m-%d} holds a split or dividend" if len(facts) else "no row"
            raise DataError(f"{each}: found {found}. Choose other days, or fill them forward, which keeps both.")
        return old.iloc[:0]
    if second is None:
        raise DataError(f"{each}: there is no second source. Name one, or choose another repair.")
    second = second[(second["asset_id"] == each.asset) & second["close"].notna()]
    days = sessions_of(second)
    new = second[(days >= each.first) & (days <= each.last)]
    absent = np.setdiff1d(sessions_of(old), sessions_of(new))
    if len(absent) or new.empty:
        missing = ", ".join(map(str, absent)) or "any of these days"
        raise DataError(
            f"{each}: the second source has no close of {cut(missing)}. Choose other days, or another repair."
        )
    _refuse_unlike(each, own, inside, facts, second)
    return new.assign(source=_source(each) + " " + new["source"])


def _refuse_unlike(each: Repair, own: pd.DataFrame, inside: Mask, facts: pd.DataFrame, second: pd.DataFrame) -> None:
    """Raise DataError for a second source of another currency or level, and for one that lacks a split or dividend.

    Its level is compared on the last day before the repair and the first day after it on which both have a close.
    """
    codes = [set(rows["currency"]) for rows in (own, second)]
    told = facts.merge(second, on="session", suffixes=("", "_new"))
    lost = told[(told["split"] != told["split_new"]) | (told["dividend"] > 0.0) & ~(told["dividend_new"] > 0.0)]
    both = own[~inside & own["close"].notna()].merge(second, on="session", suffixes=("", "_new"))
    days = sessions_of(both)
    beside = pd.concat([both[days < each.first].tail(1), both[days > each.last].head(1)])
    apart = beside[(beside["close_new"] / beside["close"] - 1.0).abs() > SOURCES_AGREE]
    if codes[0] != codes[1]:
        wrong = f"in {' and '.join(sorted(codes[1]))}, not in {' and '.join(sorted(codes[0]))}"
    elif len(lost):
        wrong = f"without the split or dividend of {lost['session'].iloc[0]:%Y-%m-%d}"
    elif len(apart):
        row = apart.iloc[0]
        wrong = f"of another level: {row['close_new']:g} on {row['session']:%Y-%m-%d}, beside {row['close']:g}"
    elif beside.empty:
        wrong = "without a close before or after these days, which would show their level"
    else:
        return
    raise DataError(f"{each}: the rows of the second source are {wrong}. Choose another source, or another repair.")


def _source(each: Repair) -> str:
    return f"repair: {each.how}"


def _note(each: Repair, old: pd.DataFrame, new: pd.DataFrame) -> Note:
    """The warning about a repair, with the closes before and after."""
    before, after = (", ".join(f"{close:g}" for close in rows["close"]) or "none" for rows in (old, new))
    text = f"Repaired by name, {each}: closes {cut(before)} became {cut(after)}."
    return Note(text, [each.asset], first=each.first, last=each.last, warning=True)
