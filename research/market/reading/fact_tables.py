"""Facts of assets from mappings, tables, files and indicators, in the order and days of a market."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import cut, is_number
from foundation.errors import DataError
from foundation.printable import has_unseen
from foundation.table_files import plain_number, quoted
from research.market.facts import Fact, check_fact_name
from research.market.indicators import Indicator, Spread, indicator_fact
from research.market.market import Market
from research.market.reading.days import days_of
from research.market.reading.grids import grid_of, plain, read_grid

ASSET_COLUMN = "asset"  # the column of a long table that names assets, beside dates and values
Source = Mapping[str, float | str] | pd.Series | pd.DataFrame | str | Path | Indicator


def with_facts(market: Market, facts: Mapping[str, Source]) -> Market:
    """The market with further facts of its assets, which allocations read as `past.fact(name)`.

    market : T days of n assets.
    facts  : facts by name. A mapping or a Series, asset -> number or word, does not change. A frame, or the path of a
             table, changes: wide, with dates down and assets across, or long, with the columns
             date, asset and one more. A value is known from its date on, until the next one; an empty cell states
             nothing. An indicator is computed from the closes up to each day; a spread, from other facts by date.
    Raises : DataError naming source, row, asset, value and fix: for a name that is taken or none, an asset that the
             market does not have, a date that is none, a value stated twice, numbers and words in one fact.

    >>> from research.market import market_from_frame
    >>> days = pd.DatetimeIndex(["2022-12-28", "2022-12-29", "2022-12-30"])
    >>> market = market_from_frame(pd.DataFrame({"SPY": [1.0, 1.1, 1.2], "AGG": [2.0, 2.1, 2.2]}, index=days))
    >>> caps = pd.DataFrame({"SPY": [5.0, 6.0]}, index=pd.DatetimeIndex(["2022-11-30", "2022-12-29"]))
    >>> known = with_facts(market, {"cap": caps, "region": {"SPY": "us"}})
    >>> [known.past(t).fact("cap").tolist() for t in (0, 1)], known.past(0).fact("region").tolist()
    ([[5.0, nan], [6.0, nan]], ['us', ''])
    """
    table, by_date = market.instruments, dict(market.facts or {})
    for name, source in sorted(facts.items(), key=lambda fact: isinstance(fact[1], Spread)):
        check_fact_name(name)
        if name in by_date or name in table:
            raise DataError(f"fact {name!r} of market {market.name!r} is given twice. Give the second another name.")
        if isinstance(source, Mapping | pd.Series):
            table = table.assign(**{name: _fixed(name, source, market)})
        elif isinstance(source, Indicator):
            by_date[name] = indicator_fact(name, source, market, by_date)
        else:
            by_date[name] = _by_date(_stated(name, source), name, market)
    return replace(market, instruments=table, facts=by_date or None)


def _fixed(name: str, given: Mapping[str, float | str] | pd.Series, market: Market) -> list[Any]:
    """n values of a fact that does not change, in the market's order."""
    cells = {str(asset): value for asset, value in given.items()}
    frame = pd.DataFrame({"asset": list(cells), "cell": list(cells.values())}, dtype=object)
    frame["place"] = frame["asset"]
    frame = _checked(frame[[_says(cell) for cell in frame["cell"]]], name, "the facts", market)
    known = dict(zip(frame["asset"], frame["cell"], strict=True))
    empty = "" if any(isinstance(cell, str) for cell in known.values()) else np.nan
    return [known.get(asset, empty) for asset in market.assets]


def _by_date(stated: pd.DataFrame, name: str, market: Market) -> Fact:
    """(T, n) value last stated on or before each session."""
    source = stated.attrs["source"]
    stated = _checked(stated, name, source, market)
    twice = stated.duplicated(["date", "asset"])
    if twice.any():
        row = stated[twice].iloc[0]
        raise DataError(
            f"{name} of {row['asset']} is stated twice for {row['date']:%Y-%m-%d} ({source}, {row['place']}). Keep one "
            "of the two."
        )
    wide = stated.pivot_table("cell", "date", "asset", aggfunc="first").reindex(columns=list(market.assets))
    known = wide.reindex(wide.index.union(market.dates)).ffill().reindex(market.dates)
    if any(isinstance(cell, str) for cell in stated["cell"]):
        return known.fillna("").to_numpy(dtype=str)
    return known.to_numpy(dtype=float)


def _checked(stated: pd.DataFrame, name: str, source: str, market: Market) -> pd.DataFrame:
    """Statements whose assets the market has, and whose cells are all numbers or all words.

    stated : asset, cell and place in the source, a row a statement that says something.
    """
    if not len(stated):
        raise DataError(f"{source} states no {name} of any asset. Give one value at least, or leave the fact out.")
    strange = stated[~stated["asset"].isin(market.assets)]
    if len(strange):
        row = strange.iloc[0]
        raise DataError(
            f"{source} states {name} of {quoted(row['asset'])} ({row['place']}), and market {market.name!r} has "
            f"{cut(', '.join(market.assets))}. Correct the name, or remove it."
        )
    cells = [_number(cell) for cell in stated["cell"]]
    words = [isinstance(cell, str) for cell in cells]
    unseen = [k for k, cell in enumerate(cells) if isinstance(cell, str) and has_unseen(cell)]
    if unseen:
        row = stated.iloc[unseen[0]]
        raise DataError(
            f"{name} of {row['asset']} ({source}, {row['place']}) is {quoted(row['cell'])}. Write plain words, on one "
            "asset."
        )
    if any(words) and not all(words):
        row = stated.iloc[words.index(True)]
        raise DataError(
            f"{name} of {row['asset']} ({source}, {row['place']}) is {quoted(row['cell'])}, where others are numbers. "
            "Correct it, leave it empty, or make all of them words."
        )
    return stated.assign(cell=pd.Series(cells, stated.index, dtype=object))


def _number(cell: object) -> float | str:
    """A cell as a number where it is one, else as the word that it is."""
    if is_number(cell) or isinstance(cell, float):
        return float(cell)  # type: ignore[arg-type]
    word = str(cell).strip()
    return word if (found := plain_number(word)) is None else found


def _says(cell: object) -> bool:
    return not (pd.isna(cell) or str(cell).strip() == "")  # type: ignore[call-overload]


def _stated(name: str, source: object) -> pd.DataFrame:
    """The statements of a table: date, asset, cell and place, without empty cells; its source is an attribute."""
    try:
        is_frame = isinstance(source, pd.DataFrame)
        grid = (grid_of(source, f"the table of {name}") if is_frame else read_grid(Path(str(source)))).of_data()  # type: ignore[arg-type]
        labels, at = grid.levels[-1], grid.dates_at
        days, lines = days_of(grid.columns[at]).days, grid.columns[at].lines
    except DataError as error:
        raise DataError(f"fact {name!r}: {error}") from error
    others = [k for k in range(len(labels)) if k != at]
    assets = next((k for k in others if plain(labels[k]) == ASSET_COLUMN), None)
    doubled = [labels[k] for k in others if labels.count(labels[k]) > 1]
    if assets is not None and len(others) != 2:
        raise DataError(
            f"{grid.name} has the columns {cut(', '.join(labels))}: give date, asset and one with the values."
        )
    if assets is None and (not others or doubled):
        what = f"has two columns {doubled[0]!r}" if doubled else "has no column beside its dates"
        raise DataError(f"{grid.name} {what}. Give one column an asset, or the columns date, asset and a value.")
    parts = [
        pd.DataFrame({
            "date": pd.DatetimeIndex(days.astype("datetime64[s]")),
            "asset": list(map(str, grid.columns[assets].entries)) if assets is not None else labels[k],
            "cell": pd.Series(grid.columns[k].entries, dtype=object),
            "place": [f"row {line}" for line in lines],
        })
        for k in others if k != assets
    ]  # fmt: skip
    long = pd.concat(parts, ignore_index=True)
    long = long[[_says(cell) for cell in long["cell"]]].copy()
    long.attrs["source"] = grid.name
    return long.sort_values("date", kind="stable")
