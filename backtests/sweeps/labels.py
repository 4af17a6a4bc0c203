"""The table of a sweep as it is read: its axes and metrics, what a policy is called, and the conditions of today.

A row is a configuration. What it is called is a *policy* (rule, band, destination, allocation, …); what it is played
under are *conditions* (cost multiple, lag, first day). Pictures compare policies, and ask whether conditions change the
answer.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS
from foundation.arguments import shown
from foundation.errors import ConfigError
from foundation.paper.wording import listed

CONDITIONS = ("cost_multiple", "lag", "start")
ROW_LABELS = ("configuration", "name", "portfolio", "policy", "family")  # of a row, and no settings of its policy
UNNAMED_TARGETS = ("strategic", "fixed")  # allocations that need no name: the first of them that a table has
AXIS_LABELS: Mapping[str, str] = {
    "portfolio": "portfolio",
    "rule": "rule",
    "calendar": "calendar",
    "band": "band, % of NAV",
    "to": "destination, fraction of the band",
    "allocation": "allocation",
    "window": "window, returns",
    "cost_multiple": "cost, × today's",
    "lag": "lag, sessions",
    "start": "start, first day of the test",
}
SCHEDULE_LABELS = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}
AIM_LABELS = {0.0: "to target", 0.5: "to half", 1.0: "to edge"}
FAMILY_ORDER = ("never", "calendar", "threshold")  # of families in a legend
USUAL_SETTINGS = {"cooldown": 0, "offset": 0, "tranches": 1, "lines": "all", "payer": "pro_rata"}  # in most rules
SINGLE = ("rule", "calendar", "band", "allocation")  # axes that make no family of their values, or always do
HANDFUL = 8  # values of an axis that make families of their own; what has more was drawn
DRAWN_END = ", drawn"  # ends the name of a family with such an axis


def one_portfolio(table: pd.DataFrame) -> pd.DataFrame:
    """The table, where it has rows, every figure in them is finite, and all are of one portfolio.

    Raises : ConfigError, naming what was found.
    """
    missing = [c for c in ("rule", *CONDITIONS) if c not in table]
    if missing or table.empty:
        problem = f"it lacks {listed(missing)}" if missing else "it has no rows"
        raise ConfigError(f"the table of a sweep cannot be drawn: {problem}. Give the table that the sweep wrote.")
    names = list(table["portfolio"].unique()) if "portfolio" in table else []
    if len(names) > 1:
        raise ConfigError(
            f"the table holds several portfolios ({listed(names, most=6)}), whose metrics "
            "cannot be compared: choose the rows of one."
        )
    for metric in (m for m in METRICS if m in table):
        bad = ~np.isfinite(table[metric].to_numpy(dtype=float))
        if bad.any():
            row = table.iloc[int(np.argmax(bad))]
            raise ConfigError(
                f"{metric} of configuration {row.get('configuration', row.name)} is {row[metric]}: every metric of a "
                "sweep is a finite number. Compute that configuration again."
            )
    return table


def by_configuration(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by the number of their configuration: workers finish in any order, and a page must not show it.

    table : a row for each configuration, columns of any kind and unit, which stay.
    """
    if "configuration" in table:
        return table.sort_values("configuration", kind="stable", ignore_index=True)
    return table.reset_index(drop=True)


def policy_axes(table: pd.DataFrame) -> list[str]:
    """Columns that say which policy a row is: all but its number, its conditions and its figures."""
    return [c for c in map(str, table) if c not in METRICS and c not in (*CONDITIONS, *ROW_LABELS)]


def policies(table: pd.DataFrame) -> pd.DataFrame:
    """The table with what each row's policy is called, and its family, as columns `policy` and `family`.

    A name tells the policies of this table apart: an allocation or a further axis is in it only where it varies. A
    table that has its names keeps them.
    """
    if {"policy", "family"} <= set(table):
        return table
    axes = policy_axes(table)
    group = table.groupby(axes, dropna=False, sort=False).ngroup().to_numpy()
    first = table.iloc[np.unique(group, return_index=True)[1]]
    varied = {c for c in axes if len(first[c].unique()) > 1}
    records = [{str(k): v for k, v in r.items()} for r in first[axes].to_dict("records")]
    own = next((name for name in UNNAMED_TARGETS if name in {r.get("allocation") for r in records}), "")
    names = [_held(r, varied, own) + _name(r) + further_words(r, varied) for r in records]
    many = {c for c in varied if c not in SINGLE and len(first[c].dropna().unique()) > HANDFUL}
    kinds = [_drawn_family(r, many, varied, own) for r in records]
    told = (np.array(words, dtype=object)[group] for words in (names, kinds))
    return table.assign(**dict(zip(("policy", "family"), told, strict=True)))


def _drawn_family(record: Mapping[str, Any], many: set[str], varied: set[str], own: str) -> str:
    """The family of a policy: settings with `many` values are not in its name."""
    drawn = [c for c in many if record[c] == record[c] and record[c] not in ("", 0 if c == "window" else "")]
    kept = {**record, **dict.fromkeys(drawn, np.nan)}
    return _held(kept, varied, own) + _family(kept) + further_words(kept, varied) + DRAWN_END * bool(drawn)


def _name(record: Mapping[str, Any]) -> str:
    rule, band, every = record["rule"], record.get("band", np.nan), record.get("calendar", "")
    if rule == "calendar":
        return SCHEDULE_LABELS.get(str(every), f"each {every}")
    if band == band:
        return f"{axis_value('band', band)} % {_banded(record)}"
    return f"{rule}, each {every}" if every else str(rule)


def _family(record: Mapping[str, Any]) -> str:
    band = record.get("band", np.nan)
    return _banded(record) if band == band else str(record["rule"])


def _banded(record: Mapping[str, Any]) -> str:
    """A band round what, and where to."""
    around = "group band" if record["rule"] == "group_threshold" else "band"
    return f"{around} {_aim(record.get('to', np.nan))}".rstrip()


def _aim(to: float) -> str:
    return "" if to != to else AIM_LABELS.get(round(float(to), 9), f"to {to:g}")


def targets(table: pd.DataFrame) -> pd.Series:
    """The target of each row's policy, in words: its allocation and window; "" for the portfolio's own target.

    table : a row for each configuration, with columns allocation and window (sessions) where the sweep has them.
    """
    if "allocation" not in table:
        return pd.Series("", index=table.index)
    words = allocation_words(table)
    return words.where(~words.isin(UNNAMED_TARGETS), "")


def allocation_words(table: pd.DataFrame) -> pd.Series:
    """The allocation of each row's policy with its window, in words.

    table : a row for each configuration, with the column allocation, and window (sessions) where the sweep has it.
    """
    windows = table["window"].fillna(0) if "window" in table else pd.Series(0, index=table.index)
    both = zip(table["allocation"], windows, strict=True)
    return pd.Series([f"{a} {w:g}" if w else str(a) for a, w in both], index=table.index, dtype=object)


def _held(record: Mapping[str, Any], varied: set[str], own: str) -> str:
    """The allocation, where policies of the table differ in it and it is not the portfolio's `own` target; else ""."""
    window, allocation = record.get("window", 0) or 0, str(record.get("allocation", ""))
    window = 0 if window != window else window
    if not varied & {"allocation", "window"} or (allocation == own and not window):
        return ""
    return f"{allocation}{f' {window:g}' if window else ''}: "


def further_words(record: Mapping[str, Any], varied: Iterable[str]) -> str:
    """The settings of a policy besides the usual, of those that are `varied`, in words.

    >>> record = {"rule": "threshold", "schedule": "month", "fraction": 0.5, "cap": float("nan")}
    >>> further_words(record, ["schedule", "cap"])
    ', schedule month'

    What most rules leave as it is, such as no cooldown, is not said.
    """
    known = ("rule", "calendar", "band", "to", "allocation", "window")
    kept = {c: v for c, v in record.items() if c in varied and c not in known}
    further = {c: v for c, v in kept.items() if v == v and v not in ("", USUAL_SETTINGS.get(c))}
    return "".join(f", {c} {axis_value(c, v)}" for c, v in further.items())


def families_in_order(named: pd.DataFrame) -> list[str]:
    """Families of a table with names, one row per configuration with columns family and rule, in legend order."""
    first = named.drop_duplicates("family")
    place = {rule: k for k, rule in enumerate(FAMILY_ORDER)}
    order = sorted(range(len(first)), key=lambda k: place.get(first["rule"].iloc[k], len(place)))
    return [str(first["family"].iloc[k]) for k in order]


def axis_value(axis: str, value: Any) -> str:
    """A value of an axis in words.

    >>> axis_value("band", 0.0125), axis_value("cost_multiple", 2.0), axis_value("lag", 5)
    ('1.25', '×2', '5')
    """
    if isinstance(value, str):
        return value
    if axis == "start":
        return f"{pd.Timestamp(value):%Y-%m-%d}"
    text = f"{float(value) * (100.0 if axis == 'band' else 1.0):.6g}"
    return f"×{text}" if axis == "cost_multiple" else text


def today(table: pd.DataFrame, own: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The conditions a reader takes for granted: the portfolio's `own`, where half of the policies were played there.

    table : a row for each configuration, with the columns of `CONDITIONS`: costs as multiples, lag in sessions, start a
            date.
    own   : lag and start of the portfolio; by default one session and the earliest start.

    Else those under which most policies were played; of equals the cost level nearest to today's, then the nearest to
    the own lag and start.
    """
    played = table.groupby(list(CONDITIONS), as_index=False).size()
    days, mine = pd.DatetimeIndex(played["start"]), {"lag": 1, **(own or {})}
    day = pd.Timestamp(mine.get("start", days.min()))
    late = np.abs((days - day).days.to_numpy())
    away = {"cost": (played["cost_multiple"] - 1.0).abs(), "late": (played["lag"] - mine["lag"]).abs(), "day": late}
    told = len(policies(table)["policy"].unique()) if "rule" in table else len(table["policy"].unique())
    here = (sum(away.values()) == 0.0) & (2 * played["size"] >= told)
    order = played.assign(here=~here, most=-played["size"], **away).sort_values(
        ["here", "most", *away, *CONDITIONS], kind="stable"
    )
    best = order.iloc[0]
    return {"cost_multiple": float(best["cost_multiple"]), "lag": int(best["lag"]), "start": best["start"]}


def comparable(here: int, there: int) -> bool:
    """True if policies can be ranked where `here` of `there` ran: half of them, and not one alone."""
    return 2 * here >= there and here >= min(2, there)


def conditions_words(conditions: Mapping[str, Any]) -> str:
    """Conditions as a phrase.

    >>> conditions_words({"cost_multiple": 1.0, "lag": 1})
    "today's costs, a lag of 1 session"
    """
    words = []
    for axis, value in conditions.items():
        if axis == "cost_multiple":
            words.append("today's costs" if value == 1.0 else f"{value:g} × today's costs")
        elif axis == "lag":
            words.append(f"a lag of {value} session{'' if value == 1 else 's'}")
        elif axis == "start":
            words.append(f"a start on {axis_value(axis, value)}")
        else:
            words.append(f"{AXIS_LABELS.get(axis, axis).partition(',')[0]} {axis_value(axis, value)}")
    return ", ".join(words)


def at(table: pd.DataFrame, chosen: Mapping[str, Any]) -> pd.DataFrame:
    """Rows at the chosen values.

    table  : a row for each configuration, columns of any kind and unit, which stay.
    chosen : values by name of a column.
    Raises : ConfigError, naming the values there are, when there is no such row.
    """
    kept = np.ones(len(table), dtype=bool)
    for axis, value in chosen.items():
        if axis not in table:
            raise ConfigError(f"the sweep has no axis {shown(axis)}: choose among {listed([str(c) for c in table])}.")
        found = (table[axis] == value).to_numpy()
        if not found.any():
            there = listed([axis_value(axis, v) for v in sorted(table[axis].dropna().unique())], most=12)
            raise ConfigError(f"{axis} {value!r} is not in the sweep: it has {there}.")
        kept &= found
    if not kept.any():
        raise ConfigError(f"no configuration has {conditions_words(chosen)} together: choose others.")
    return table[kept]
