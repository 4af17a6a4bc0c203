"""A sweep as text: its size, and its best policies under common conditions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, product
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS
from backtests.inference.estimates import Estimate
from backtests.runs.chunks import WorkPart
from backtests.sweeps.labels import comparable, further_words, policy_axes, today
from backtests.sweeps.plan import PLAN_AXES
from backtests.sweeps.setup import PreparedSweep, Setup
from backtests.sweeps.table import best_first
from foundation.paper.text_tables import text_table, warnings_text
from foundation.paper.wording import number
from research.market.quality import market_warnings
from research.portfolio.unstated import MATERIALITY

Expected = Callable[[str, Sequence[int]], Mapping[int, Estimate]]

BEST_POLICIES = 8  # policies of a portfolio that are shown
SUMMARY_FIGURES = ("loss", "cost", "tracking_error", "growth", "sharpe", "max_drawdown", "turnover", "trades")


def sweep_text(prepared: PreparedSweep, tables: Iterable[pd.DataFrame], expected: Expected | None = None) -> str:
    """The summary of a sweep from its table, which may come in parts.

    prepared : the sweep.
    tables   : a row for each configuration; metrics in the units of records.
    expected : gives what some configurations of a portfolio are expected to lose, bp a year, by test and theory.

    Policies are ranked where half of those of a portfolio were played under the same conditions; else the lowest are
    told, each with its own conditions, as no ranking.
    """
    under = reference(prepared)
    best = best_first(pd.concat(best_of(under, tables, BEST_POLICIES).values(), ignore_index=True), "loss")
    text = [sweep_size(prepared)]
    for portfolio, part in best.groupby("portfolio", sort=False):
        now, own = under[str(portfolio)], own_conditions(prepared.setups[str(portfolio)])
        if now is None:
            reason = f"No ranking on {portfolio}: fewer than half of the policies share costs, lag and start date."
            text += ["", f"{reason}\nThe lowest J, each under its own conditions, net of costs:"]
            text += ["", _table(part.head(BEST_POLICIES), with_conditions=True)]
            continue
        text += ["", f"The lowest J on {portfolio} ({_words(now)}), net of costs:"]
        if now != own:
            text[-1] += f"\n(none or too few policies ran under the portfolio's own conditions, {_words(own)})"
        shown = part.head(BEST_POLICIES)
        equal = shown[shown["loss"] == shown["loss"].iloc[0]]
        if len(equal) > 1:
            idle = ", and none of them traded" if (equal["trades"] == 0.0).all() else ""
            text[-1] += f"\n(the first {len(equal)} shown have the same J{idle})"
        told = {} if expected is None else expected(str(portfolio), shown["configuration"].tolist())
        text += ["", _table(shown, told)]
        held = shown.loc[shown["allocation"] == "strategic", "configuration"].tolist()  # others follow another target
        alike = {configuration: told[configuration] for configuration in held if configuration in told}
        text += ["", _answer(shown, alike)] if len(alike) > 1 else []
    return "\n".join(text) + warnings_text(data_warnings(prepared))


def best_of(
    under: Mapping[str, Mapping[str, Any] | None], tables: Iterable[pd.DataFrame], rows: int
) -> dict[str, pd.DataFrame]:
    """The rows with the lowest loss, by portfolio; no more than these are held beside the present table.

    under  : conditions of the rows that count, by portfolio, or None for all.
    tables : a row for each configuration; metrics in the units of records.
    rows   : most of a portfolio.
    """
    best: dict[str, pd.DataFrame] = {}
    for table in tables:
        for name, part in table.groupby("portfolio"):
            portfolio = str(name)
            here = part if (now := under[portfolio]) is None else part[_at(part, now)]
            lowest = best_first(here, "loss").head(rows)
            both = pd.concat([best[portfolio], lowest]) if portfolio in best else lowest
            best[portfolio] = best_first(both, "loss").head(rows).copy()  # a view would keep the whole table
    return best


def data_warnings(prepared: PreparedSweep) -> list[str]:
    """Warnings about the data and the targets, from the first start date on; of several portfolios, each by name."""
    found = []
    for name, setup in prepared.setups.items():
        market, whose = setup.market, f"{name}: " if len(prepared.setups) > 1 else ""
        first = min(prepared.firsts[name, start] for start in prepared.plan.days)
        found += [whose + text for text in market_warnings(market, market.dates[first], market.dates[-1])]
        paths = {id(path): path for (setup, *_), path in prepared.paths.items() if setup == name}
        found += [whose + text for path in paths.values() for text in path.remarks(first)]
    return found


def own_conditions(setup: Setup) -> dict[str, Any]:
    """The conditions in a portfolio's own file."""
    return {"cost_multiple": 1.0, "lag": setup.lag, "start": setup.start}


def reference(prepared: PreparedSweep) -> dict[str, dict[str, Any] | None]:
    """The conditions at which policies are compared on the page, by portfolio; None where there are none."""
    plan, found = prepared.plan, dict[str, dict[str, Any] | None]()
    every = plan.picks is None
    names = plan.positions(WorkPart(0, len(plan)))[:, 0] if not every else np.array([])
    for k, (name, setup) in enumerate(prepared.setups.items()):
        own = own_conditions(setup)
        if every:  # all policies were played everywhere: one of them stands for all
            places = np.array(list(product([0], [0], *map(range, plan.shape[2:]))))
        else:
            k = list(plan.portfolios).index(name) if name in plan.portfolios else 0
            places = plan.picks[names == k]  # type: ignore[index]
        lags, days = (np.array([mine if v is None else v for v in values], dtype=object)
                      for values, mine in ((plan.lags, setup.lag), (plan.days, setup.start)))  # fmt: skip
        played = pd.DataFrame(
            {
                "policy": places[:, 1],
                "start": pd.DatetimeIndex(days[places[:, 2]]),
                "lag": lags[places[:, 3]].astype(int),
                "cost_multiple": np.array(plan.cost_multiples)[places[:, 4]],
            }
        )
        now = today(played, own)
        there = played["policy"].nunique()
        here = played[_at(played, now)]["policy"].nunique()
        found[name] = now if comparable(here, there) else None
    return found


def _at(table: pd.DataFrame, conditions: Mapping[str, Any]) -> pd.Series:
    """True for the rows under these conditions."""
    return (table[list(conditions)] == pd.Series(conditions)).all(axis=1)


def _words(conditions: Mapping[str, Any]) -> str:
    return f"costs × {conditions['cost_multiple']:g}, lag {conditions['lag']}, from {conditions['start']:%Y-%m-%d}"


def sweep_size(prepared: PreparedSweep) -> str:
    """The size of the sweep, its axes and shared target paths."""
    sizes = dict(zip(PLAN_AXES, prepared.plan.shape, strict=True))
    words = {"policy": "policies", "cost_multiple": "cost levels", "lag": "lags", "start": "starts"}
    many = [f"{sizes[axis]:,} {name}" for axis, name in words.items() if sizes[axis] > 1]
    of = f" ({', '.join(many)})" if many else ""
    paths = f"{prepared.shared:,} target path{'s' * (prepared.shared != 1)} for all of them"
    return (
        f"Sweep of {', '.join(prepared.setups)}: {len(prepared.plan):,} configurations{of},\n{paths}. They count as "
        f"{len(prepared.plan):,} trials."
    )


def policy_name(row: Mapping[str, Any], further: Iterable[str] = ()) -> str:
    """A policy in a few words, from its row.  further : columns of settings besides the usual, in which rows differ.

    >>> policy_name({"rule": "threshold", "band": 0.02, "to": 0.5, "allocation": "hrp", "window": 252})
    'threshold 2 % to 0.5 of it, hrp 252'
    >>> policy_name({"rule": "calendar", "calendar": "month", "allocation": "strategic", "fraction": 0.5}, ["fraction"])
    'every month, fraction 0.5'
    >>> policy_name({"rule": "learned", "calendar": "week", "allocation": "strategic"})
    'learned, each week'
    """
    words = str(row["rule"])
    if words == "calendar":
        words = f"every {row['calendar']}"
    elif words in ("threshold", "group_threshold"):
        to = {0.0: "to target", 1.0: "to edge"}.get(row["to"], f"to {row['to']:.6g} of it")
        words += f" {100 * row['band']:.6g} % {to}"
    elif row.get("calendar"):
        words += f", each {row['calendar']}"
    if row["allocation"] != "strategic":
        words += f", {row['allocation']}" + (f" {row['window']}" if row["window"] else "")
    return words + further_words(row, further)


def _answer(rows: pd.DataFrame, told: Mapping[int, Estimate]) -> str:
    """A sentence on who of some policies is expected to lose least, and how many are about as good."""
    least = min(told, key=lambda configuration: told[configuration].value)
    near = [one for one in told if one != least and told[one].value - told[least].value <= MATERIALITY]
    row = rows[rows["configuration"] == least].to_dict("records")[0]
    name = policy_name({str(key): value for key, value in row.items()}, policy_axes(rows))
    return (
        f"By this test and theory {name} is expected to lose least, days and orders at\n"
        f"their prices; of the {len(told) - 1} others here, {len(near)} lose at most {MATERIALITY:g} bp a year more."
    )


def _table(rows: pd.DataFrame, told: Mapping[int, Estimate] | None = None, *, with_conditions: bool = False) -> str:
    """Rows as aligned text, with headings and units.

    told            : by configuration, what it is expected to lose, bp a year; or none.
    with_conditions : True if those of each row are shown.
    """
    metrics, told = [METRICS[key] for key in SUMMARY_FIGURES], told or {}
    heads = [[m.narrow, *["expected", "95 %"] * (m.key == "loss" and bool(told))] for m in metrics]
    units = [[m.narrow_unit, *[m.narrow_unit, ""] * (m.key == "loss" and bool(told))] for m in metrics]
    cells = [
        ["", "configuration", *["costs", "lag", "start"] * with_conditions, *chain(*heads)],
        ["", "", *["×", "sessions", ""] * with_conditions, *chain(*units)],
    ]
    further = policy_axes(rows)
    for row in ({str(name): value for name, value in each.items()} for each in rows.to_dict("records")):
        conditions = [f"{row['cost_multiple']:.2f}", f"{row['lag']:.0f}", f"{row['start']:%Y-%m-%d}"] * with_conditions
        figures = [metric.cell(row) for metric in metrics]
        if told:  # beside J, the first
            loss = told[row["configuration"]]
            figures[1:1] = [number(loss.value, 2), loss.interval(2)]
        cells.append([policy_name(row, further), str(row["configuration"]), *conditions, *figures])
    return text_table(cells, left=1, width=None)
