"""A sweep as text: how much was played, and its best under the conditions that nobody chooses."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from backtests.sweeps.arena import Stage
from backtests.sweeps.plan import AXES
from backtests.sweeps.table import best_first

BEST = 8
FIGURES = {  # column: (heading, unit, factor, digits)
    "J": ("J", "bp/year", 1.0, 2),
    "cost": ("cost", "bp/year", 1.0, 2),
    "tracking_error": ("tracking", "%/year", 100.0, 2),
    "growth": ("growth", "%/year", 100.0, 2),
    "sharpe": ("Sharpe", "", 1.0, 2),
    "max_drawdown": ("drawdown", "%", 100.0, 1),
    "turnover": ("turnover", "%/year", 100.0, 1),
    "trades": ("lines", "/year", 1.0, 1),
}


def sweep_text(made: Stage, tables: Iterable[pd.DataFrame], rows: int = BEST) -> str:
    """The summary of a sweep from its table, which may come in parts."""
    chosen = made.plan.picks is None  # picks need not have a row under the conditions of today
    found: list[pd.DataFrame] = []
    for table in tables:
        of_today = table[today(made, table)] if chosen else table
        found += [best_first(part, "J").head(rows) for _, part in of_today.groupby("portfolio")]
    best = best_first(pd.concat(found, ignore_index=True), "J")
    text = [headline(made)]
    for portfolio, part in best.groupby("portfolio", sort=False):
        first = part.iloc[0]
        under = f"costs × {first['cost_multiple']:g}, lag {first['lag']}, from {first['start']:%Y-%m-%d}"
        where = f"{portfolio} ({under})" if chosen else f"{portfolio}, whatever the costs, lag and start"
        text += ["", f"The lowest J on {where}, net of costs:", "", _columns(part.head(rows))]
    return "\n".join(text)


def headline(made: Stage) -> str:
    """How many configurations, of what, and what they had in common."""
    sizes = dict(zip(AXES, made.plan.shape, strict=True))
    words = {"policy": "policies", "cost_multiple": "cost levels", "lag": "lags", "start": "starts"}
    many = [f"{sizes[axis]:,} {name}" for axis, name in words.items() if sizes[axis] > 1]
    of = f" ({', '.join(many)})" if many else ""
    paths = f"{made.shared:,} target path{'s' * (made.shared != 1)} for all of them"
    return (
        f"Sweep of {', '.join(made.arenas)}: {len(made.plan):,} configurations{of},\n{paths}. They count as "
        f"{len(made.plan):,} trials."
    )


def today(made: Stage, table: pd.DataFrame) -> pd.Series:
    """The rows under the conditions of each portfolio's own file, or those of the plan that are nearest to them."""
    plan, rows = made.plan, pd.Series(False, index=table.index)
    for name, arena in made.arenas.items():
        multiple = min(plan.cost_multiples, key=lambda m: (abs(m - 1.0), m))
        lag = min((arena.lag if k is None else k for k in plan.lags), key=lambda k: (abs(k - arena.lag), k))
        start = min((s or arena.start for s in plan.days), key=lambda s: (abs(s - arena.start), s))
        here = (table["portfolio"] == name) & (table["cost_multiple"] == multiple)
        rows |= here & (table["lag"] == lag) & (table["start"] == start)
    return rows


def policy_name(row: Any) -> str:
    """A policy in a few words, from its row.

    >>> policy_name({"rule": "threshold", "band": 0.02, "to": 0.5, "allocation": "hrp", "window": 252})
    'threshold 2 % to 0.5 of it, hrp 252'
    """
    words = str(row["rule"])
    if words == "calendar":
        words = f"every {row['every']}"
    elif words == "threshold":
        to = {0.0: "to target", 1.0: "to edge"}.get(row["to"], f"to {row['to']:.3g} of it")
        words += f" {100 * row['band']:.3g} % {to}"
    if row["allocation"] != "strategic":
        words += f", {row['allocation']}" + (f" {row['window']}" if row["window"] else "")
    return words


def _columns(rows: pd.DataFrame) -> str:
    """Rows as aligned text, with a heading and its units."""
    body = [["", "configuration", *(heading for heading, *_ in FIGURES.values())]]
    body.append(["", "", *(unit for _, unit, *_ in FIGURES.values())])
    for row in rows.to_dict("records"):
        figures = [f"{row[key] * factor:.{digits}f}" for key, (_, _, factor, digits) in FIGURES.items()]
        body.append([policy_name(row), str(row["configuration"]), *(f.replace("-", "−") for f in figures)])
    widths = [max(len(line[k]) for line in body) for k in range(len(body[0]))]
    first, *others = widths
    lines = ([line[0].ljust(first), *map(str.rjust, line[1:], others)] for line in body)
    return "\n".join("  ".join(cells).rstrip() for cells in lines)
