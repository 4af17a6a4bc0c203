"""Rows with intervals: a row an estimate, its name at the left, its interval and mark in a panel."""

from collections.abc import Collection, Sequence
from math import isfinite

import numpy as np

from foundation.dataclasses import dataclass
from foundation.paper.charts.panel import Axis, Panel
from foundation.paper.styles import LineStyle, fitted_name

MARK, RING = 7.5, 1.6  # px: diameter of a mark, and width of its edge
BROAD, STROKE = 6.0, 5.0  # px: width of an inner interval; half the height of a value's stroke
BAR = 0.62  # of a row: height of a bar


@dataclass(frozen=True)
class Row:
    """One row. All numbers are values of the panel's x axis.

    name : name at the left; bold where its style is.
    estimate, lower, upper : the mark, and the ends of its interval, which reaches the edge where one is infinite; none
        is drawn where both are.
    style : colour, dash and width of the interval.
    filled : False for an open mark.
    figure : text at the right edge of the picture, or "".
    beyond : text at the edge of the panel where the estimate is off the axis, in place of the interval; else "".
    inner : ends of a broad interval within, or None.
    values : single values, a stroke each.
    """

    name: str
    estimate: float
    lower: float
    upper: float
    style: LineStyle
    filled: bool = True
    figure: str = ""
    beyond: str = ""
    inner: tuple[float, float] | None = None
    values: Sequence[float] = ()


def axis_of_rows(rows: Sequence[Row], *others: float) -> Axis:
    """An axis that holds zero, other values, and all finite ends of the rows that are on it."""
    ends = [v for row in rows if not row.beyond for v in (row.lower, row.estimate, row.upper) if isfinite(v)]
    return Axis.over([*ends, *others, 0.0])


def interval_rows(
    panel: Panel, rows: Sequence[Row], *, marks: bool = True, mark: str = "", zero: bool = False, names: bool = True
) -> None:
    """The intervals of `rows`, with their names at the left.

    panel : panel to draw on.
    rows  : rows from the top of the panel to its bottom.
    marks : False for intervals alone.
    mark  : colour of the marks; by default that of each row's style.
    zero  : true to draw a line at zero through the rows that are on the axis.
    names : False where another panel beside this one names the rows.
    """
    if names:
        row_names(panel, [row.name for row in rows], [row.name for row in rows if row.style.bold])
    canvas, half = panel.canvas, panel.height / len(rows) / 2.0
    for row, y in zip(rows, heights(panel, len(rows)), strict=True):
        style = row.style
        if row.figure:
            canvas.text(canvas.width, y, row.figure, align="right", bold=style.bold)
        if row.beyond:
            _beyond(panel, row, y)
            continue
        if zero:
            canvas.line([panel.x_at(0.0)] * 2, [y - half, y + half], colour="ink", width=0.9, behind=True)
        if row.lower < row.upper and (isfinite(row.lower) or isfinite(row.upper)):
            ends = panel.across([max(row.lower, panel.x.low), min(row.upper, panel.x.high)])
            canvas.line(ends, [y, y], colour=style.colour, width=style.width, dash=style.dash)
        x, up = np.repeat(panel.across(row.values), 3), np.tile([y - STROKE, y + STROKE, np.nan], len(row.values))
        canvas.line(x, up, colour=style.colour, width=1.6)
        if row.inner is not None:
            canvas.line(panel.across(row.inner), [y, y], colour=style.colour, width=BROAD)
        if marks:
            face = "" if row.filled else "paper"
            canvas.point(panel.x_at(row.estimate), y, colour=mark or style.colour, size=MARK, face=face, ring=RING)


def _beyond(panel: Panel, row: Row, y: float) -> None:
    """The words of an estimate that is off the axis, beside an arrow at the edge where it is."""
    right = row.estimate > (panel.x.low + panel.x.high) / 2.0
    side, edge, inward = ("right", panel.right, -10.0) if right else ("left", panel.left, 10.0)
    panel.canvas.text(edge + inward, y, row.beyond, align=side, colour="soft")
    panel.canvas.text(edge, y, "▸" if right else "◂", align=side, colour=row.style.colour)


def row_names(
    panel: Panel, names: Sequence[str], bold: Collection[str] = (), gap: float = 10.0, spare: float = 0.0
) -> None:
    """Names of rows at the left of their panel.

    panel : panel of the rows.
    names : name of each row.
    bold  : the names that are bold.
    gap   : room between the names and the panel, px.
    spare : room at the left of the longest name, px.
    """
    edge = panel.left - gap
    for name, y in zip(names, heights(panel, len(names)), strict=True):
        panel.canvas.text(edge, y, fitted_name(name, edge - spare), align="right", bold=name in bold)


def bars(panel: Panel, rows: Sequence[Sequence[tuple[float, float, str, float]]], high: float = BAR) -> None:
    """A bar a row, of pieces that end where the next one starts.

    rows : pieces of each row: start, length, colour and strength up to 1.
    high : height of a bar, of its row.
    """
    share = (panel.y.high - panel.y.low) / len(rows)
    for k, pieces in enumerate(rows):
        middle = panel.y.high - (k + 0.5) * share
        low, up = middle - 0.5 * high * share, middle + 0.5 * high * share
        for start, length, colour, strength in pieces:
            panel.area([start, start + length], low, up, colour, strength)


def heights(panel: Panel, count: int) -> list[float]:
    """The middles of `count` rows, px."""
    return [panel.top + panel.height * (k + 0.5) / count for k in range(count)]
