"""Differences between two finished runs: their inputs, their figures, and the days on which their wealth parts."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backtests.runs.folder import FIGURES_FILE, MARKET_FILE, NUMBERS_FILE, RESULTS_FILE, found_at
from backtests.runs.manifest import MAKE_AGAIN, hashes, read_manifest
from foundation.arguments import cut
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.paper.wording import counted, percent

if TYPE_CHECKING:
    import pandas as pd

MADE_WITH = ("code", "python", "platform", "lock")
SETTING_LETTERS = 80  # letters of a setting
CHANGED_RETURN = 1e-6  # of a return, from which on a change is told

Figures = Mapping[str, Mapping[str, Any]]  # by policy and name, in the units of records


@dataclass(frozen=True)
class FigureDifference:
    """A figure of a policy of both runs that differs, in the unit of records; None where a run has none."""

    policy: str
    figure: str
    one: Any
    other: Any

    @property
    def size(self) -> float:
        """The distance between the two, relative to the larger; infinite where one run has none, or words differ."""
        if not (isinstance(self.one, float | int) and isinstance(self.other, float | int)):
            return float("inf")
        return abs(self.other - self.one) / max(abs(self.one), abs(self.other))


@dataclass(frozen=True)
class WealthDifference:
    """The first close at which the wealth of a policy differs between two runs, and why.

    policy     : its name.
    date       : date of that close, YYYY-MM-DD.
    one, other : wealth there, currency.
    why        : the first thing that differs on that day.
    """

    policy: str
    date: str
    one: float
    other: float
    why: str


@dataclass(frozen=True)
class RunDifferences:
    """The differences between two runs.

    one, other : their manifests.
    made_from  : by input (settings, data, code, packages): a sentence for each difference.
    files      : names of the files that differ or that one of them lacks, by their content now.
    figures    : figures of policies of both runs that differ, the farthest apart first.
    alone      : policies of one run only, by its number, 0 or 1.
    wealth     : first difference of each policy whose wealth differs.
    same       : policies whose wealth is equal at every close.
    """

    one: dict[str, Any]
    other: dict[str, Any]
    made_from: Mapping[str, tuple[str, ...]]
    files: tuple[str, ...]
    figures: tuple[FigureDifference, ...]
    alone: tuple[tuple[str, ...], tuple[str, ...]]
    wealth: tuple[WealthDifference, ...]
    same: tuple[str, ...]


def run_differences(one: Path, other: Path) -> RunDifferences:
    """Compare two finished runs.

    one, other : their folders.
    Raises     : DataError where one is no finished run, or its manifest was changed.
    """
    one, other = found_at(one), found_at(other)
    first, second = read_manifest(one), read_manifest(other)
    wealth, same = _wealth(one, other)
    figures = stored_figures(one, first), stored_figures(other, second)
    found = hashes(one), hashes(other)
    return RunDifferences(
        one=first,
        other=second,
        made_from={
            "settings": tuple(changes(first["settings"], second["settings"])),
            "data": (
                *changes({"fingerprint": first["fingerprint"]}, {"fingerprint": second["fingerprint"]}),
                *_data(one, other),
            ),
            "code": tuple(changes({k: first[k] for k in MADE_WITH}, {k: second[k] for k in MADE_WITH})),
            "packages": tuple(changes(first["versions"], second["versions"])),
        },
        files=tuple(name for name in sorted({*found[0], *found[1]}) if found[0].get(name) != found[1].get(name)),
        figures=_figures(*figures),
        alone=(_without(*figures), _without(*figures[::-1])),
        wealth=wealth,
        same=same,
    )


def changes(was: Any, now: Any) -> Iterator[str]:
    """A sentence for each place where nested mappings differ: dotted key, what was, what is."""
    return (f"{key} was {_short(before)} and is {_short(after)}" for key, before, after in differing(was, now))


def differing(was: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, value, value) of each place where nested mappings differ."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*was, *now]):
            yield from differing(was.get(key), now.get(key), f"{path}.{key}".lstrip("."))
    elif was != now:
        yield path, was, now


def _short(value: Any) -> str:
    return "absent" if value is None else cut(json.dumps(value), SETTING_LETTERS)


# -- data ------------------------------------------------------------------------------------------------------------


def _data(one: Path, other: Path) -> Iterator[str]:
    """A sentence for each asset whose returns differ, with the first day; and for assets and days of one run alone."""
    if not all((folder / MARKET_FILE).exists() for folder in (one, other)):
        return
    mine, theirs = (_table(folder / MARKET_FILE).set_index("date") for folder in (one, other))
    for which, have, lack in (("first", mine, theirs), ("second", theirs, mine)):
        if alone := [name.removeprefix("return_") for name in have.columns if name not in lack.columns]:
            yield f"only the {which} has {', '.join(alone)}"
        if len(days := have.index.difference(lack.index)):
            ends = dict.fromkeys(f"{day:%Y-%m-%d}" for day in (days[0], days[-1]))
            yield f"only the {which} has {counted(len(days), 'day')}, {' to '.join(ends)}"
    days, names = mine.index.intersection(theirs.index), [name for name in mine.columns if name in theirs.columns]
    for name in names:
        a, b = (table.loc[days, name].to_numpy(dtype=float) for table in (mine, theirs))
        apart = np.where(np.isnan(a) & np.isnan(b), 0.0, np.abs(a - b))
        if len(found := np.flatnonzero(~(apart <= CHANGED_RETURN))):  # what is missing in one alone has changed
            first, most = found[0], found[np.nanargmax(np.where(np.isnan(apart[found]), np.inf, apart[found]))]
            yield (
                f"{name.removeprefix('return_')} has other returns on {counted(len(found), 'day')} from "
                f"{days[first]:%Y-%m-%d} on ({_moves(a[first], b[first])} there), the most on {days[most]:%Y-%m-%d} "
                f"({_moves(a[most], b[most])})"
            )


def _moves(*returns: float) -> str:
    return " and ".join("none" if np.isnan(one) else percent(one, 4) for one in returns)


def _table(path: Path) -> "pd.DataFrame":
    """A table of a run. Raises DataError where it is damaged."""
    import pandas as pd  # slow to import

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise DataError(f"{path} cannot be read: {cut(str(error))}. {MAKE_AGAIN}") from error


# -- results ---------------------------------------------------------------------------------------------------------


def _figures(one: Figures, other: Figures) -> tuple[FigureDifference, ...]:
    differences = []
    for policy in (name for name in one if name in other):
        mine, theirs = one[policy], other[policy]
        differences += [
            FigureDifference(policy, name, mine.get(name), theirs.get(name))
            for name in dict.fromkeys([*mine, *theirs])
            if mine.get(name) != theirs.get(name)
        ]
    return tuple(sorted(differences, key=lambda d: -d.size))


def _without(one: Figures, other: Figures) -> tuple[str, ...]:
    """The policies of `one` that `other` lacks."""
    return tuple(name for name in one if name not in other)


def stored_figures(folder: Path, manifest: Mapping[str, Any]) -> Figures:
    """Figures by policy, as a report or a backtest stored them; none of a run of another kind."""
    kind = manifest["kind"]
    if kind == "report":
        return dict(_json(folder / NUMBERS_FILE)["figures"])
    if kind == "backtest":
        return {manifest["settings"]["policy"]: _json(folder / FIGURES_FILE)}
    return {}


def _json(path: Path) -> Any:
    """The content of a file. Raises DataError where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {cut(str(error))}. {MAKE_AGAIN}") from error


def _wealth(one: Path, other: Path) -> tuple[tuple[WealthDifference, ...], tuple[str, ...]]:
    """The first difference in wealth of each policy that both have, and the policies whose wealth is equal."""
    mine, theirs = _paths(one), _paths(other)
    found = {name: _first_difference(name, mine[name], theirs[name]) for name in mine if name in theirs}
    return tuple(filter(None, found.values())), tuple(name for name, first in found.items() if first is None)


def _paths(folder: Path) -> dict[str, "pd.DataFrame"]:
    """Daily results by policy, by date; none of a run that has no daily results."""
    if not (folder / RESULTS_FILE).exists():
        return {}
    table = _table(folder / RESULTS_FILE)
    if not {"policy", "date", "nav"} <= set(table.columns):  # of a sweep
        return {}
    return {str(name): rows.set_index("date") for name, rows in table.groupby("policy", sort=False)}


def _first_difference(policy: str, mine: "pd.DataFrame", theirs: "pd.DataFrame") -> WealthDifference | None:
    """The first difference in the wealth of a policy, from two tables of daily results; None where there is none."""
    spans = [f"{table.index[0]:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d}" for table in (mine, theirs)]
    if spans[0] != spans[1] or len(mine) != len(theirs):
        counts = [f"{span} ({len(table):,} closes)" for span, table in zip(spans, (mine, theirs), strict=True)]
        return WealthDifference(policy, "", np.nan, np.nan, f"other tests: {counts[0]} and {counts[1]}")
    if not mine.index.equals(theirs.index):
        return WealthDifference(policy, "", np.nan, np.nan, "other sessions between the same first and last day")
    unlike = np.flatnonzero(mine["nav"].to_numpy() != theirs["nav"].to_numpy())
    if not len(unlike):
        return None
    t = int(unlike[0])
    navs = float(mine["nav"].iloc[t]), float(theirs["nav"].iloc[t])
    return WealthDifference(policy, f"{mine.index[t]:%Y-%m-%d}", *navs, _why(mine, theirs, t))


def _why(a: "pd.DataFrame", b: "pd.DataFrame", t: int) -> str:
    """The first thing that differs in row t of two tables of daily results whose wealth is equal before it."""
    if t == 0:
        return "another opening NAV, or another opening trade"
    weights = [name for name in a.columns if name.startswith("weight_") and name in b.columns]
    before = [name for name in weights if a[name].iloc[t - 1] != b[name].iloc[t - 1]]
    if before:
        lines = ", ".join(name.removeprefix("weight_") for name in before[:3])
        return f"other weights at the close before ({lines})"
    (one, other) = ({name: float(f[name].iloc[t]) for name in ("gross_return", "turnover", "cost")} for f in (a, b))
    if one["gross_return"] != other["gross_return"]:
        earned = " and ".join(percent(of["gross_return"], 6) for of in (one, other))
        return f"other prices: the same weights earned {earned}"
    if one["turnover"] != other["turnover"]:
        return f"other trades: turnover {percent(one['turnover'], 4)} and {percent(other['turnover'], 4)}"
    if one["cost"] != other["cost"]:
        return f"other costs: {1e4 * one['cost']:.4f} and {1e4 * other['cost']:.4f} bp of NAV"
    return "daily results do not say why: returns, trades and costs are equal, as with other cash flows"
