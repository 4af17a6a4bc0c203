"""Curves in a panel, each with its name where it ends."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from foundation.dataclasses import dataclass, field, replace
from foundation.paper.charts.panel import Axis, Panel, day_numbers
from foundation.paper.layout import AXIS, NUMBERS_HEIGHT, TITLE, Array, spread, thinned
from foundation.paper.picture import Format
from foundation.paper.styles import LABEL_GAP, LEAD, LETTER, LineStyle, fitted_name
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import even

FIRST_PANEL, LOWEST_PANEL = 190.0, 84.0  # px: of the first panel through time, and of another one, at least
LEADER_WIDTH = 0.6  # px: width of a leader line from a point within a panel


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve.

    name   : name written where it ends.
    x      : (k,) values on the panel's axis across, in its unit.
    y      : (k,) values on the panel's axis up, in its unit.
    style  : colour, dash and width.
    value  : the figure beside the name, or "".
    points : diameter of a mark at each (x, y), px; 0 for none.
    """

    name: str
    x: Array
    y: Array
    style: LineStyle
    value: str = ""
    points: float = 0.0


def curves(
    panel: Panel, found: Sequence[Curve], right: float | None = None, *, values: bool | None = None, named: bool = True
) -> None:
    """Draw curves, the widest on top, and name each at the right of the panel, with an arrow if it ends off the axis.

    panel  : panel to draw on.
    found  : curves in the order of their labels.
    right  : right edge of the labels, px; by default that of the picture.
    values : true to write each curve's value at that edge too; by default on a wide page, where there are any.
    named  : False for curves without names.
    """
    for curve in sorted(found, key=lambda curve: curve.style.width):
        with panel.canvas.owned_by(curve.name):
            panel.curve(curve.x, curve.y, curve.style.colour, curve.style.width, curve.style.dash)
            marks(panel, curve)
    if named:
        end_labels(panel, [end_of(panel, curve) for curve in found], right, values=values)


def stacked_panels(
    f: Format, name: str, heights: Sequence[float], dates: pd.DatetimeIndex, width: float, below: float = NUMBERS_HEIGHT
) -> tuple[list[Panel], Panel]:
    """Panels above one another on one axis of days, and one that spans them all, for what they share.

    f       : the page's format.
    name    : name of the picture.
    heights : height of each panel, px.
    dates   : dates that the axis holds.
    width   : width of the panels, px.
    below   : room below the last, px.
    """
    canvas = replace(f, name=name).canvas(sum(heights) + TITLE * len(heights) + below)
    tops, across = [TITLE * (k + 1) + sum(heights[:k]) for k in range(len(heights))], Axis.over_days(dates)
    panels = [Panel(canvas, f.left, top, width, height, across) for top, height in zip(tops, heights, strict=True)]
    return panels, Panel(canvas, f.left, TITLE, width, panels[-1].bottom - TITLE, across)


@dataclass(frozen=True, eq=False)
class Series:
    """The curves of one panel through time.

    name    : name of the panel.
    unit    : unit of the panel, in words. Of two in a tuple, the first is for a wide page.
    curves  : (k,) values of each curve at the last k of the dates, by name, in the panel's unit.
    figures : figure written beside each name.
    axis    : axis up; a curve that leaves it is cut at its edge.
    base    : value of a dark line, or None.
    most    : numbers along the axis at most; by default as `Side`.
    dates   : dates of the values; by default the last ones of the picture.
    """

    name: str
    unit: str | tuple[str, str]
    curves: Mapping[str, Array]
    figures: Mapping[str, str]
    axis: Axis
    base: float | None = None
    most: int | None = None
    dates: pd.DatetimeIndex | None = field(default=None, repr=False)


def series_plotted(
    shown: Sequence[Series], styles: Mapping[str, LineStyle], dates: pd.DatetimeIndex, high: float | None = None,
    words: str = "", right: float | None = None,
) -> Callable[[Format], Canvas]:  # fmt: skip
    """A drawing of panels below one another on one axis of days.

    shown  : content of each panel.
    styles : line style of each curve.
    dates  : (T,) dates of the axis.
    high   : height of each panel, px; by default that of its names, and no less than the constants above.
    words  : title below the axis, or "".
    right  : room at the right, px; by default that of the format.
    """

    def draw(f: Format) -> Canvas:
        least = [
            max(LABEL_GAP * len(one.curves) + 4.0, LOWEST_PANEL if k else FIRST_PANEL) for k, one in enumerate(shown)
        ]
        width = f.width - f.left - (f.right if right is None else right)
        heights, below = [high] * len(shown) if high else least, AXIS if words else NUMBERS_HEIGHT
        panels, whole = stacked_panels(f, f.name, heights, dates, width, below)
        if high is None:
            whole.years(dates)
        for panel, series in zip(panels, shown, strict=True):
            series_panel(panel, series, styles, dates if series.dates is None else series.dates)
        if high is not None:
            whole.years(dates)
        whole.x_title(words)
        return whole.canvas

    return draw


def series_panel(at: Panel, series: Series, styles: Mapping[str, LineStyle], dates: pd.DatetimeIndex) -> None:
    """Draw the curves of one panel, each named at the right.

    at     : the panel, whose axis across counts days.
    series : the curves.
    styles : line style of each curve.
    dates  : (T,) dates; the curves are of the last ones.
    """
    days = day_numbers(dates)[-len(next(iter(series.curves.values()))) :]
    panel = replace(at, y=series.axis)
    panel.title(series.name, at.canvas.of(series.unit))
    marks = panel.y.ticks(series.most)
    panel.y_grid(marks, even(marks))
    if series.base is not None:
        panel.y_line(series.base, "soft", 0.8, behind=True)
    daily_curves(panel, days, series.curves, styles, series.figures)


def daily_curves(
    panel: Panel, days: Array, found: Mapping[str, Array], styles: Mapping[str, LineStyle], figures: Mapping[str, str]
) -> None:
    """Curves over days, thinned to what the panel's width can show, each named at the right; one day is a point.

    panel   : panel to draw on.
    days    : (T,) days since 1970.
    found   : (T,) values of each curve by name, in the unit of the panel's `y`.
    styles  : line style of each curve.
    figures : figure beside each name, on a wide page.
    """
    drawn, points = [], 3.0 * (len(days) == 1)
    for name, values in found.items():
        rows = thinned(values, int(panel.width / 1.6))
        drawn.append(Curve(name, days[rows], values[rows], styles[name], figures[name], points))
    curves(panel, drawn)


def marks(panel: Panel, curve: Curve) -> None:
    """A mark at each point of a curve that is within the panel."""
    if curve.points:
        for x, y in zip(curve.x, curve.y, strict=True):
            if y == panel.y.held(y):
                panel.canvas.point(
                    panel.x_at(x), panel.y_at(y), colour=curve.style.colour, size=curve.points, face=curve.style.face
                )


class End(NamedTuple):
    """The end of a curve, named by a label at the right of a panel.

    name, value : words of the label.
    y : height of the end, px.
    style : colour of the leader line; the label is bold where it is.
    x : start of the leader line, px, for a point within the panel; by default at the panel's right edge.
    beyond : arrow after the name, for an end that is off the axis.
    """

    name: str
    y: float
    style: LineStyle
    value: str = ""
    x: float | None = None
    beyond: str = ""


def end_of(panel: Panel, curve: Curve) -> End:
    """The end of a curve that runs to the right edge of its panel."""
    y = float(curve.y[-1])
    return End(curve.name, panel.y_at(y), curve.style, curve.value, beyond=panel.y.arrow(y))


def end_labels(
    panel: Panel, ends: Sequence[End], right: float | None = None, *, values: bool | None = None, gap: float = LABEL_GAP
) -> None:
    """Names at the right of a panel, none over another, each with a leader line of its colour.

    panel  : panel to draw on.
    ends   : ends of curves, with their names and places.
    right  : right edge of the labels, px; by default that of the picture.
    values : true to write each value at that edge; by default on a wide page, where there are any.
    gap    : least distance of two names, px.
    """
    canvas, edge, first = panel.canvas, panel.right, panel.right + LEAD
    right = canvas.width if right is None else right
    values = canvas.is_wide and any(end.value for end in ends) if values is None else values
    places = spread([end.y for end in ends], gap, panel.top + 5.0, panel.bottom - 5.0)
    taken = 4.0 + LETTER * SMALL * max(len(end.value) for end in ends) if values else 0.0
    for end, place in zip(ends, places, strict=True):
        style, bend = end.style, [first - 7.0, first - 3.0]
        y = [end.y, end.y, place, place]
        name = fitted_name(end.name, right - first - taken - LETTER * SMALL * len(end.beyond)) + end.beyond
        with canvas.owned_by(end.name):
            if end.x is None:
                canvas.line([edge + 2.0, edge + 5.0, *bend], y, colour=style.colour, dash=style.dash, width=style.width)
            else:
                canvas.line([end.x, edge + 2.0, *bend], y, colour=style.colour, width=LEADER_WIDTH)
            canvas.text(first, place, name, bold=style.bold)
            if values:
                colour = "ink" if style.bold else "soft"
                canvas.text(right, place, end.value, align="right", colour=colour, bold=style.bold)
