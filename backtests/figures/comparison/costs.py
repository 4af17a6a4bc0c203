"""What trading cost and what not trading cost: commission and spread a year, and cost against tracking error."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.evaluation.scores import Score
from backtests.figures.layout import far, limits, spread, ticks
from backtests.figures.picture import Format, Picture, heading, height_of, picture, scale
from backtests.figures.styles import LABEL_GAP, LEAD, Look, fitted_name
from backtests.figures.svg import TOKENS, Canvas
from backtests.wording import listed, number, percent
from research.accounting.costs import CARRIES, COLUMNS, USUAL

ROW, TITLE, FOOT, HIGH, SIDE = 19.0, 30.0, 26.0, 250.0, 132.0  # px: a bar, above, below, a plane, and names
SHADES = {"commission": 1.0, "half_spread": 0.45, "other": 0.2}  # of a policy's colour
BP = 1e4


def cost_table(played: Mapping[str, Backtest], scores: Mapping[str, Score], periods_per_year: float) -> pd.DataFrame:
    """A row a policy: each cost and their sum, and what tracking adds to make J, bp a year; the opening trade's, bp.

    Commission and half-spread always; of the other costs those that a policy paid. Tracking error is a fraction a year.
    """
    rows = []
    for name, b in played.items():
        a_year = BP * b.cost_rates * (periods_per_year / len(b.net_returns))
        s = scores[name]
        rows.append(
            {"policy": name, **a_year.to_dict(), "cost": s["cost"]}
            | {"opening_cost": s["opening_cost"], "tracking_error": s["tracking_error"]}
            | {"tracking_penalty": s["J"] - s["cost"], "J": s["J"]}
        )
    table = pd.DataFrame(rows)
    unpaid = [c for c in (*COLUMNS, *CARRIES) if c not in USUAL and not table[c].any()]
    return table.drop(columns=unpaid)


def costs(table: pd.DataFrame, styles: Mapping[str, Look], g: float, limit: float | None) -> Picture:
    """Bars of cost a year, and every policy between cost and tracking error, with lines of equal J.

    table : as `cost_table` gives it.  g : price of tracking error in J.  limit : of tracking error, or None.
    """
    return picture(
        "costs",
        "Costs and tracking error",
        _caption(table, g),
        _alt(table),
        table,
        lambda f: _draw(f, table, styles, g, limit),
    )


def _caption(table: pd.DataFrame, g: float) -> str:
    records = table.to_dict("records")
    traded = sorted((r for r in records if r["cost"] > 0.0), key=lambda r: r["cost"])
    if not traded:
        return "Nothing was traded after the opening."
    least, most, best = traded[0], traded[-1], min(records, key=lambda r: r["J"])
    said = [
        f"Only {most['policy']} traded: {number(most['cost'])} bp a year."
        if least is most
        else f"Of those that trade, {least['policy']} paid least, {number(least['cost'])} bp a year, and "
        f"{most['policy']} most, {number(most['cost'])}.",
        f"The lowest J is {best['policy']}'s: {number(best['cost'])} bp of cost, and "
        f"{number(best['tracking_penalty'])} for a tracking error of {percent(best['tracking_error'], 2)}, at "
        f"g = {g:g}.",
    ]
    gone = [str(n) for n, out in zip(table["policy"], far(table["tracking_error"]), strict=True) if out]
    if gone:
        said.append(f"Too far to the right to be drawn: {listed(gone)}.")
    return " ".join(said)


def _alt(table: pd.DataFrame) -> str:
    each = [
        f"{r['policy']}: commission {number(r['commission'])} and half-spread {number(r['half_spread'])} bp a year, "
        f"tracking error {percent(r['tracking_error'], 2)}, J {number(r['J'])}"
        for r in table.to_dict("records")
    ]
    return f"Cost of each policy, and its tracking error to the strategic target. {'; '.join(each)}."


def _draw(f: Format, table: pd.DataFrame, styles: Mapping[str, Look], g: float, limit: float | None) -> Canvas:
    bars = ROW * len(table)
    if f.is_wide:
        canvas = Canvas(f.width, TITLE + max(HIGH, bars) + FOOT, "costs-wide")
        first, plane = (SIDE, TITLE, 230.0), (480.0, TITLE, f.width - 480.0 - SIDE)
    else:
        canvas = Canvas(f.width, TITLE + bars + FOOT + TITLE + HIGH + FOOT, "costs-narrow")
        first = (SIDE, TITLE, f.width - SIDE - 44.0)
        plane = (f.left, TITLE + bars + FOOT + TITLE, f.width - f.left - SIDE)
    _bars(canvas, table, styles, *first)
    _Plane(canvas, *plane, g).draw(table[~far(table["tracking_error"])], styles, limit)
    return canvas


def _bars(canvas: Canvas, table: pd.DataFrame, styles: Mapping[str, Look], x: float, top: float, width: float) -> None:
    """A bar a policy: commission, half-spread in a lighter shade, any other cost in the lightest, then their sum."""
    others = any(column in table for column in (*COLUMNS, *CARRIES) if column not in USUAL)
    words = "bp a year: commission, half-spread lighter" + (", others lightest" if others else "")
    heading(canvas, x, top - 12.0, "Cost", words)
    most = 1.02 * float(table["cost"].max()) or 1.0
    axes = canvas.axes(x, top, width, ROW * len(table))
    axes.set_xlim(0.0, most)
    axes.set_ylim(len(table), 0.0)
    for row, r in enumerate(table.to_dict("records")):
        look, start, y = styles[r["policy"]], 0.0, top + (row + 0.5) * ROW
        paid = {column: r[column] for column in USUAL}
        paid |= {"other": r["cost"] - sum(paid.values())} if others else {}
        for column, amount in paid.items():
            shade = SHADES[column]
            axes.barh(row + 0.5, amount, 0.62, left=start, color=TOKENS[look.colour], alpha=shade, linewidth=0.0)
            start += amount
        canvas.text(x - 10.0, y, fitted_name(r["policy"], x - 10.0), align="right", bold=look.bold)
        canvas.text(x + width * start / most + 6.0, y, number(r["cost"]), bold=look.bold)
    canvas.line([x, x], [top, top + ROW * len(table)], colour="ink", width=0.8)


@dataclass(frozen=True, eq=False)
class _Plane:
    """Cost over tracking error; along a grey line J is the same, and lower is better. x, top, width : px."""

    canvas: Canvas
    x: float
    top: float
    width: float
    g: float

    def draw(self, table: pd.DataFrame, styles: Mapping[str, Look], limit: float | None) -> None:
        """A point a policy, the limit of tracking error where it is near, and the lines of equal J."""
        canvas, x, top, width = self.canvas, self.x, self.top, self.width
        heading(canvas, x, top - 12.0, "Cost", "bp a year, over tracking error; grey: equal J")
        furthest = float(table["tracking_error"].max())
        near_limit = limit if limit is not None and limit < 1.6 * furthest else 0.0
        right = 1.06 * max(furthest, near_limit) or 0.01
        above = limits([*table["cost"], 0.0], margin=0.10)[1]
        axes = canvas.axes(x, top, width, HIGH)
        axes.set_xlim(0.0, right)
        axes.set_ylim(0.0, above)
        scale(canvas, axes, ticks(0.0, above), x, x + width)
        for mark in ticks(0.0, 100.0 * right, most=6):
            at, words = x + width * mark / (100.0 * right), f"{mark:g}\N{NARROW NO-BREAK SPACE}%"
            canvas.text(at, top + HIGH + 11.0, words, colour="soft", align="center")
        penalty = 0.5 * self.g * BP * np.linspace(0.0, right, 80) ** 2
        for level in ticks(0.0, above + float(penalty[-1]), most=7)[1:]:
            axes.plot(
                np.linspace(0.0, right, 80), level - penalty, color=TOKENS["soft"], linewidth=0.7, linestyle=(0, (1, 2))
            )
            if level < 0.9 * penalty[-1]:
                foot = x + width * float(np.sqrt(level / penalty[-1]))
                canvas.text(foot - 6.0, top + HIGH - 8.0, f"J {level:g}", colour="soft", align="right")
        if near_limit:
            at = x + width * near_limit / right
            canvas.line([at, at], [top, top + HIGH], colour="ink", width=0.8, dash=(0, (4.0, 2.0)))
            canvas.text(at - 4.0, top + 7.0, "limit", colour="soft", align="right")
        heights = [height_of(canvas, axes, cost) for cost in table["cost"]]
        places = spread(heights, LABEL_GAP, top + 5.0, top + HIGH - 5.0)
        for r, y, place in zip(table.to_dict("records"), heights, places, strict=True):
            look, at, first = styles[r["policy"]], x + width * r["tracking_error"] / right, x + width + LEAD
            bend = [at, x + width + 2.0, first - 7.0, first - 3.0]
            canvas.line(bend, [y, y, place, place], colour=look.colour, width=0.6)
            canvas.point(at, y, colour=look.colour, size=9.0 if look.bold else 6.5, face=look.face)
            canvas.text(first, place, fitted_name(r["policy"], SIDE - LEAD), bold=look.bold)
