"""Interactive figures for notebooks (plotly), each with an image of itself; the tearsheet draws its own pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure, Heatmap, Parcoords
from plotly.subplots import make_subplots

from backtests.engine.result import Backtest
from backtests.evaluation.metrics import METRICS
from backtests.sheets.pictures.comparison.timeline import growth_picture
from backtests.sweeps.labels import AXIS_LABELS, CONDITIONS, SCHEDULE_LABELS, axis_value, policy_axes
from foundation.paper.layout import limits, log_ticks, ticks
from foundation.paper.picture import Picture
from foundation.paper.plotly_figure import ShownFigure
from foundation.paper.styles import line_styles
from foundation.paper.svg import LIGHT
from foundation.paper.wording import even


def wealth_plot(backtests: Mapping[str, Backtest], reference: str) -> Picture:
    """The growth of 1 under each policy, net of costs, and beside the reference's."""
    styles = line_styles(dict.fromkeys(backtests, False), reference, None)
    return growth_picture(backtests, styles, reference, backtests[reference].periods_per_year)


def probability_plot(probabilities: pd.DataFrame, title: str) -> Figure:
    """A panel a column: a probability, %, on each date."""
    figure = stacked_figure([str(name) for name in probabilities])
    for row, name in enumerate(probabilities, start=1):
        line = {"width": 1, "color": LIGHT["sky"]}
        shown = {"y": 100.0 * probabilities[name], "fill": "tozeroy", "line": line, "showlegend": False}
        figure.add_scatter(x=probabilities.index, name=name, hovertemplate="%{y:.0f} %", row=row, col=1, **shown)
    return dress(figure, title, "", "%")


def parallel_plot(table: pd.DataFrame) -> Figure:
    """A line a configuration of a sweep through all its axes to its J: drag along an axis to keep some of them.

    table : a row a configuration; metrics in the units of records.

    Bright lines are the best by J, shaded by rank, so that one bad corner does not hide the others.
    """
    axes = [c for c in (*policy_axes(table), *CONDITIONS) if c in table and len(table[c].unique()) > 1]
    dimensions = [axis_scale(table, axis) for axis in axes] + [
        metric_scale(table, m) for m in ("cost", "tracking_error", "loss")
    ]
    rank = table["loss"].rank(pct=True)
    figure = ShownFigure(
        Parcoords(
            dimensions=dimensions,
            line={"color": 100.0 * (1.0 - rank), "colorscale": "Cividis", "cmin": 0, "cmax": 100, "showscale": True,
                  "colorbar": {"title": {"text": f"% that have a<br>worse {METRICS['loss'].name}"}}},
            labelangle=0,
        )
    )  # fmt: skip
    title = f"All configurations and their {METRICS['loss'].phrase}"
    figure.update_layout(title=title, template="plotly_white", height=490, margin={"l": 70, "r": 40, "t": 120, "b": 30})
    return figure


def axis_scale(table: pd.DataFrame, axis: str) -> dict[str, Any]:
    """An axis of a sweep as plotly's dimension: its values evenly spaced and named, those without one lowest.

    table : a row a configuration, its place on each axis in the axis's unit.
    axis  : name of a column.

    With more than 30 values only some are named.
    """
    column = table[axis].where(table[axis] != "")
    values = sorted(column.dropna().unique(), key=list(SCHEDULE_LABELS).index if axis == "calendar" else None)
    place = {value: k for k, value in enumerate(values)}
    step = -(-len(values) // 30)
    named = [(k, axis_value(axis, value)) for value, k in place.items() if k % step == 0]
    none = [(-1, "none")] if column.isna().any() else []
    codes = column.map(place).astype(float).fillna(-1.0)
    if axis == "band":
        named = [(k, f"{words} %") for k, words in named]
    return {
        "label": AXIS_LABELS.get(axis, axis).partition(",")[0],
        "values": codes.tolist(),
        "tickvals": [k for k, _ in (*none, *named)],
        "ticktext": [words for _, words in (*none, *named)],
    }


def metric_scale(table: pd.DataFrame, metric: str) -> dict[str, Any]:
    """A metric as plotly's dimension, on a log scale where all its values are positive and far apart.

    table  : a row a configuration; metrics in the units of records.
    metric : name of a column.
    """
    row = METRICS[metric]
    values = row.factor * table[metric].to_numpy(dtype=float)
    label = f"{row.name}<br>{row.unit}"
    low, high = float(values.min()), float(values.max())
    if not (low > 0.0 and high > 20.0 * low):
        marks = ticks(*limits([low, high]), most=6)
        return {"label": label, "values": values.tolist(), "tickvals": marks, "ticktext": even(marks)}
    marks = log_ticks(low, high)
    return {
        "label": label,
        "values": np.log10(values).tolist(),
        "tickvals": np.log10(marks).tolist(),
        "ticktext": [f"{mark:g}" for mark in marks],
    }


def stacked_figure(titles: Sequence[str], spacing: float | None = None) -> Figure:
    """Empty panels below one another on one axis across.

    titles  : title of each panel.
    spacing : room between two panels, fraction of the height; by default plotly's own.
    """
    made: Figure = make_subplots(
        figure=ShownFigure(), rows=len(titles), shared_xaxes=True, subplot_titles=titles, vertical_spacing=spacing
    )
    return made


def heat_plot(cells: pd.DataFrame, most: float, numbers: str, hover: str, title: str, row: float) -> Figure:
    """Cells with their numbers, blue above zero and orange below.

    cells   : values, a row of cells each, from the top.
    most    : value of the strongest colour.
    numbers : format of plotly for the numbers.
    hover   : template of plotly for the words under the pointer.
    title   : title above it.
    row     : height of a row, px.
    """
    scale = [[0.0, LIGHT["orange"]], [0.5, LIGHT["paper"]], [1.0, LIGHT["sky"]]]
    map_of = Heatmap(
        z=cells.to_numpy(), x=list(cells), y=list(cells.index), zmin=-most, zmax=most, colorscale=scale,
        texttemplate=numbers, hovertemplate=f"{hover}<extra></extra>",
    )  # fmt: skip
    figure = dress(ShownFigure(map_of), title, "", "", 130 + row * len(cells))
    return figure.update_yaxes(autorange="reversed")


def dress(figure: Figure, title: str, x: str, y: str, height: float = 420) -> Figure:
    """The figure with its title, the names of its axes, and the look of the house; plotly's own as `ShownFigure`.

    figure : plotly figure.
    title  : title above it.
    x      : name of the axis across.
    y      : name of the axis up.
    height : height, px.
    """
    figure.update_layout(
        title=title, template="plotly_white", height=height, margin={"l": 60, "r": 20, "t": 50, "b": 50}
    )
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    return figure if isinstance(figure, ShownFigure) else ShownFigure(figure)
