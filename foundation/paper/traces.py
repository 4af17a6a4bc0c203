"""A plotly figure of a notebook as a picture of the page, for where no script runs: mail, paper, a converted notebook.

It draws what the figures of `backtests.sheets.notebook.interactive` are made of: lines, steps, points with names and
error bars, filled areas, panels below one another, heat maps, and parallel coordinates. It takes its numbers from the
figure itself, so that a figure that was changed in a cell is shown as it was changed.
"""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from foundation.dataclasses import dataclass
from foundation.paper.charts.curves import End, end_labels
from foundation.paper.charts.heat_map import HeatMap, heat_map
from foundation.paper.charts.panel import Axis, Panel
from foundation.paper.layout import AXIS, TITLE, Array, thinned
from foundation.paper.picture import WIDE, Picture
from foundation.paper.styles import LETTER, LineStyle, fitted_name
from foundation.paper.svg import LIGHT, SMALL, Canvas
from foundation.paper.wording import listed, number

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

USUAL_HEIGHT = 420.0  # px, of a figure that says nothing of it
LEFT, NAMES, FREE = 52.0, 132.0, 24.0  # px: at the left with numbers or with names; at the right without labels
NAMES_APART = 16.0  # px from one name to the next: letters of an image are larger than those of a page
DASHES: dict[str, Any] = {"solid": "-", "dot": (0, (1.3, 1.5)), "dash": (0, (5.5, 2.2))}
COLOUR_NAMES = {colour: name for name, colour in LIGHT.items() if name not in ("paper", "accent")}
BEST_RANK = 90.0  # configurations with a rank above it have a colour
MOST_DRAWN = 3_000  # configurations that are drawn


def traces_picture(figure: "Figure") -> Picture:
    """A plotly figure as a picture of the page, for wide pages only."""
    title = (figure.layout.title.text or "").replace("<br>", " ")
    kind = figure.data[0].type if figure.data else ""
    if kind == "parcoords":
        canvas, alt, data = _parallel(figure.data[0], figure.layout.height or USUAL_HEIGHT)
    elif kind == "heatmap":
        canvas, alt, data = _heat(figure.data[0])
    else:
        traces = _traces(figure)
        canvas, alt = _panels(figure, traces), _alternative(figure, traces)
        data = pd.concat([pd.DataFrame({"name": t.name, "x": t.x, "y": t.y}) for t in traces], ignore_index=True)
    wide = canvas.svg(WIDE.css, f"{title}. {alt}")
    return Picture("notebook", title, "", alt, data, lambda _: wide)


# -- lines and points ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Trace:
    """A trace of plotly as the page draws it.

    name  : name on its label, or "" where it has none.
    axis  : vertical axis, as plotly names it.
    x, y  : (k,) days since 1970, numbers, or places of names.
    style : style of its line.
    lines, points : true if it is drawn as lines, as points.
    words : (k,) words above or below its points, or none.
    below : true if the words stand below.
    fill  : fill of plotly.
    error : (k, 2) ends of horizontal error bars, or none.
    """

    name: str
    axis: str
    x: Array
    y: Array
    style: LineStyle
    lines: bool
    points: bool
    words: tuple[str, ...]
    below: bool
    fill: str
    error: Array


def _traces(figure: "Figure") -> list[Trace]:
    rows = _rows(figure)
    return [_trace(t, rows) for t in figure.data]


def _rows(figure: "Figure") -> list[str]:
    """Names along the axis up, in the order of the figure; none where it has numbers."""
    names = (name for t in figure.data if np.asarray(t.y).dtype.kind in "OUT" for name in t.y)
    return list(dict.fromkeys(str(name) for name in names))


def _trace(t: Any, rows: Sequence[str]) -> Trace:
    x, mode = np.asarray(t.x), t.mode or "lines"
    x = x.astype("datetime64[D]").astype(float) if x.dtype.kind == "M" else x.astype(float)
    y = np.array([rows.index(str(name)) for name in t.y] if rows else t.y, dtype=float)
    error = np.zeros((0, 2))
    if t.error_x.array is not None:
        error = np.column_stack([x - np.asarray(t.error_x.arrayminus), x + np.asarray(t.error_x.array)])
    if t.line.shape == "hv":
        x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
    return Trace(
        name="" if t.showlegend is False or not t.name else str(t.name),
        axis=t.yaxis or "y",
        x=x,
        y=y,
        style=_style(t),
        lines="lines" in mode,
        points="markers" in mode,
        words=tuple(map(str, t.text)) if t.text is not None and "text" in mode else (),
        below=(t.textposition or "").startswith("bottom"),
        fill=t.fill or "",
        error=error,
    )


def _style(t: Any) -> LineStyle:
    """The line style of a trace; a colour that is none of the page's becomes grey."""
    marker = t.marker.color if isinstance(t.marker.color, str) else ""
    width, dash = float(t.line.width or 1.15), str(t.line.dash or "solid")
    own = (0, tuple(float(part.removesuffix("px")) / width for part in dash.split(","))) if "px" in dash else None
    return LineStyle(COLOUR_NAMES.get(t.line.color or marker, "soft"), own or DASHES.get(dash, "-"), width, width > 2.0)


def _alternative(figure: "Figure", traces: Sequence[Trace]) -> str:
    """The content of a figure and the ends of its curves, in words."""
    layout = figure.layout
    axes = f"{layout.yaxis.title.text} by {_across(figure) or 'date'}"
    if rows := _rows(figure):
        axes = f"{_across(figure)}, of {'; '.join(rows)}"
    ends = [f"{t.name} {number(float(t.y[-1]))}" for t in traces if t.name and t.lines and len(t.y)]
    points = [f"{w} at {number(t.x[k])} and {number(t.y[k])}" for t in traces for k, w in enumerate(t.words)]
    said = f"Ends: {'; '.join(ends)}." if ends else f"Points: {'; '.join(points)}." if points else ""
    return f"{axes}. {said}".strip()


def _across(figure: "Figure") -> str:
    """The name of the axis across, which stands below the last panel; "" where there is none."""
    return next((axis.title.text for axis in figure.select_xaxes() if axis.title.text), "")


def _panels(figure: "Figure", traces: Sequence[Trace]) -> Canvas:
    """Every panel of a figure, one below the other."""
    layout, rows = figure.layout, _rows(figure)
    axes = sorted({t.axis for t in traces}, key=lambda name: (len(name), name))
    names = [note.text for note in layout.annotations] if len(axes) > 1 else [""]
    height = max((layout.height or USUAL_HEIGHT) - TITLE - AXIS, 60.0) / len(axes) - TITLE * (len(axes) > 1)
    right = WIDE.right if any(t.name for t in traces) else FREE
    left = NAMES if rows or layout.yaxis.ticktext else LEFT
    canvas = Canvas(WIDE.width, len(axes) * (TITLE + height) + AXIS, "notebook")
    x = _axis(layout.xaxis, [part for t in traces for part in (t.x, t.error.ravel())])
    for k, name in enumerate(axes):
        own, up = [t for t in traces if t.axis == name], layout[name.replace("y", "yaxis")]
        top = k * (TITLE + height) + TITLE
        y = Axis(len(rows) - 0.5, -0.5) if rows else _axis(up, [t.y for t in own])
        panel = Panel(canvas, left, top, WIDE.width - left - right, height, x, y)
        panel.title(names[k], layout.yaxis.title.text or "")
        marks = [float(i) for i in range(len(rows))] or _marks(y, up)
        panel.y_grid(marks, [fitted_name(r, left) for r in rows or up.ticktext or ()])
        _foot(panel, figure, last=name == axes[-1])
        _draw(panel, own)
        end_labels(panel, [_end(panel, t) for t in own if t.name], WIDE.width, gap=NAMES_APART)
    return canvas


def _axis(asked: Any, values: Sequence[Array]) -> Axis:
    """An axis that holds values, on a log scale where the figure has one."""
    found = np.concatenate([*values, np.zeros(0)])
    shown = found[np.isfinite(found)].tolist() or [0.0, 1.0]
    return Axis.over(shown, 0.04, "log" if asked.type == "log" else "linear")


def _marks(axis: Axis, asked: Any) -> list[float]:
    """The places of the numbers on an axis: those that the figure states, else round ones."""
    if asked.tickvals is None:
        return axis.ticks()
    return [float(mark) for mark in asked.tickvals if axis.low <= mark <= axis.high]


def _foot(panel: Panel, figure: "Figure", *, last: bool) -> None:
    """Gridlines up with their numbers, and the name of the axis below the last panel."""
    dates = [np.asarray(t.x) for t in figure.data if np.asarray(t.x).dtype.kind == "M"]
    if dates:
        panel.years(pd.DatetimeIndex([min(d[0] for d in dates), max(d[-1] for d in dates)]), words=last)
    else:
        marks = _marks(panel.x, figure.layout.xaxis)
        panel.x_grid(marks, None if last else [""] * len(marks))
    if last:
        panel.x_title(_across(figure))


def _draw(panel: Panel, traces: Sequence[Trace]) -> None:
    before: Trace | None = None
    for t in traces:
        if t.fill:
            low = before.y if t.fill == "tonexty" and before is not None else np.zeros(len(t.y))
            panel.area(t.x, low, t.y, t.style.colour, 0.18)
        if t.lines:
            kept = thinned(t.y, int(panel.width))
            panel.curve(t.x[kept], t.y[kept], t.style.colour, t.style.width, t.style.dash)
        for ends, y in zip(t.error, t.y, strict=False):
            across = [panel.x_at(panel.x.held(float(end))) for end in ends]
            panel.canvas.line(across, [panel.y_at(y)] * 2, colour=t.style.colour, width=1.0)
        if t.points:
            _points(panel, t)
        before = t


def _points(panel: Panel, t: Trace) -> None:
    for k, (x, y) in enumerate(zip(t.x, t.y, strict=True)):
        across, down = panel.x_at(float(x)), panel.y_at(float(y))
        panel.canvas.point(across, down, colour=t.style.colour, size=7.0)
        if t.words and not t.name:
            panel.canvas.text(
                across, down + (13.0 if t.below else -12.0), t.words[k], align="center", bold=t.style.bold
            )


def _end(panel: Panel, t: Trace) -> End:
    """The label of a trace, at its last point."""
    finite = np.flatnonzero(np.isfinite(t.y))
    y = float(t.y[finite[-1]]) if len(finite) else panel.y.low
    return End(t.name, panel.y_at(y), t.style, x=None if t.lines else panel.x_at(float(t.x[finite[-1]])))


# -- heat maps -------------------------------------------------------------------------------------------------------


def _heat(trace: Any) -> tuple[Canvas, str, pd.DataFrame]:
    """Cells with their numbers, from the first row down: stronger the further from zero, negative ones in orange."""
    across, down = [str(name) for name in trace.x], [str(name) for name in trace.y]
    values = np.asarray(trace.z, dtype=float)
    words = [[number(float(value)) for value in row] for row in values]
    hues = [["sky" if value >= 0.0 else "orange" for value in row] for row in values]
    shown = HeatMap(
        words,
        np.abs(values) / max(np.abs(values).max(), 1e-12),
        across,
        down,
        ("", ""),
        WIDE.width,
        hues=hues,
        top=TITLE,
    )
    canvas = Canvas(WIDE.width, shown.height, "notebook")
    heat_map(canvas, shown)
    data = pd.DataFrame(values, index=down, columns=across).rename_axis("y").reset_index().melt("y", var_name="x")
    alt = f"Cells of {listed(down)}, each with the others; from {number(values.min())} to {number(values.max())}."
    return canvas, alt, data


# -- parallel coordinates --------------------------------------------------------------------------------------------


def _parallel(trace: Any, height: float) -> tuple[Canvas, str, pd.DataFrame]:
    """A line a configuration through all its axes: grey, and the best tenth in colour."""
    names = [dimension.label.replace("<br>", ", ") for dimension in trace.dimensions]
    values = np.column_stack([np.asarray(dimension.values, dtype=float) for dimension in trace.dimensions])
    rank = np.asarray(trace.line.color, dtype=float)
    low, high = values.min(axis=0), values.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    canvas = Canvas(WIDE.width, height, "notebook")
    apart = (WIDE.width - 140.0) / max(len(names) - 1, 1)
    panel = Panel(canvas, 60.0, 66.0, WIDE.width - 140.0, height - 86.0, Axis(0.0, len(names) - 1.0), Axis(0.0, 1.0))
    order = np.argsort(rank, kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), MOST_DRAWN)).astype(int))]
    for part, colour, width, alpha in (
        (shown[rank[shown] <= BEST_RANK], "soft", 0.5, 0.35),
        (shown[rank[shown] > BEST_RANK], "sky", 0.9, 0.8),
        (order[-1:], "orange", 2.2, 1.0),
    ):
        up = np.column_stack([(values[part] - low) / span, np.full(len(part), np.nan)])
        across = np.tile([*np.arange(len(names), dtype=float), np.nan], len(part))
        panel.curve(across, up.ravel(), colour, width, strength=alpha)
    for k, (dimension, name) in enumerate(zip(trace.dimensions, names, strict=True)):
        x = panel.x_at(float(k))
        canvas.line([x, x], [panel.top, panel.bottom], colour="soft", width=0.8)
        words, _, unit = name.partition(", ")
        for line, part in enumerate([*wrap(words, int(apart / LETTER / SMALL)), unit]):
            canvas.text(x, 12.0 + 15.0 * line, part, align="center", bold=part != unit)
        for mark, words in _ticks(dimension, low[k], high[k]):
            canvas.text(x + 5.0, panel.y_at((mark - low[k]) / span[k]), words, colour="soft", size=11.0)
    best = listed([words for d, v in zip(trace.dimensions, values[order[-1]], strict=True) if (words := _named(d, v))])
    alt = f"One line for each of {len(values):,} configurations through {listed(names)}. The best: {best}."
    return canvas, alt, pd.DataFrame(values, columns=names).assign(better_than=rank)


def _ticks(dimension: Any, low: float, high: float) -> list[tuple[float, str]]:
    """Values along an axis of parallel coordinates and their words."""
    found = zip(dimension.tickvals, dimension.ticktext, strict=True)
    return [(float(mark), str(words)) for mark, words in found if low <= mark <= high]


def _named(dimension: Any, value: float) -> str:
    """The name of a value with that of its axis; "" where it has none."""
    words = dict(_ticks(dimension, -np.inf, np.inf)).get(float(value))
    return f"{dimension.label} {words}" if words and "<br>" not in dimension.label else ""
