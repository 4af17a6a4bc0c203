"""A heat map: one metric over two parameters, the best cell ringed, the numbers in the cells where they fit.

Down a condition (cost, lag, start) the best of each row is ringed: no one chooses the condition, and its easiest level
would always win.
"""

from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS, lower_is_better
from backtests.sweeps.analysis import Grid
from backtests.sweeps.labels import AXIS_LABELS, CONDITIONS, axis_value, conditions_words
from foundation.arrays import Array
from foundation.paper.charts.heat_map import HeatMap, colour_scale, heat_map
from foundation.paper.charts.panel import heading
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import Canvas
from foundation.paper.wording import counted, listed

TOLD = 200  # cells at most in the words of a map
MAP_STEPS = 24  # of the scale of colours
WIDE_RATIO = 5.0  # of the largest to the smallest: past it, strength goes by ratio
PLURAL = {
    "start": "starts",
    "lag": "lags",
    "cost_multiple": "cost levels",
    "to": "destinations",
    "lines": "settings of lines",
}


def heat_map_picture(found: Grid, name: str = "heat") -> Picture:
    """The map of a grid. name : of its file."""

    def draw(f: Format) -> Canvas:
        cells = found.means.to_numpy()
        shown = HeatMap(
            words=[[METRICS[found.metric].text(v) if v == v else "" for v in row] for row in cells],
            shades=_shades(found),
            across=[axis_value(found.x, v) for v in found.means.columns],
            down=[axis_value(found.y, v) for v in found.means.index],
            axes=(_axis(found.x), _axis(found.y)),
            width=f.width,
            ringed=rings(found),
        ).fitted()
        canvas = f.canvas(shown.height)
        row, among = METRICS[found.metric], f" at that {_short(_axis(found.y))}" if found.y in CONDITIONS else ""
        better = f"stronger colour: {'lower' if lower_is_better(found.metric) else 'higher'}, better{among}"
        label = row.label if f.is_wide else _short(row.label)
        heading(canvas, 0.0, 14.0, label, ", ".join(filter(None, [row.unit, better])))
        heat_map(canvas, shown)
        if not shown.numbers:
            colour_scale(canvas, shown, *_scale(found))
        return canvas

    title = f"{_short(METRICS[found.metric].label)} by {_short(_axis(found.x))} and {_short(_axis(found.y))}"
    return picture(name, title, _caption(found), _alt(found), _data(found), draw)


def _axis(name: str) -> str:
    return AXIS_LABELS.get(name, name)


def _short(words: str) -> str:
    return words.partition(",")[0]


def _data(found: Grid) -> pd.DataFrame:
    """A row a cell."""
    columns = {found.metric: found.means, "configurations": found.counts}
    each = [frame.melt(ignore_index=False, value_name=name).reset_index() for name, frame in columns.items()]
    cells = each[0].assign(configurations=each[1]["configurations"])
    return cells[cells["configurations"] > 0].sort_values([found.y, found.x]).reset_index(drop=True)


def rings(found: Grid) -> list[tuple[int, int]]:
    """Cells to ring: the best, or the best of each row where a row is a condition."""
    if found.y not in CONDITIONS:
        return [found.best]
    cells = (1.0 if lower_is_better(found.metric) else -1.0) * found.means.to_numpy()
    return [(row, int(np.nanargmin(line))) for row, line in enumerate(cells) if not np.isnan(line).all()]


def _place(axis: str, value: Any) -> str:
    return f"{_short(_axis(axis))} {axis_value(axis, value)}{' %' if axis == 'band' else ''}"


def _where(found: Grid, row: int, column: int) -> str:
    return f"{_place(found.x, found.means.columns[column])}, {_place(found.y, found.means.index[row])}"


def _caption(found: Grid) -> str:
    counts = found.counts.to_numpy()[found.counts.to_numpy() > 0]
    sentences = [_best_words(found) if found.y not in CONDITIONS else _by_row_words(found)]
    if found.averaged:
        each = [counted(n, _short(_axis(c)), PLURAL.get(c, "")) for c, n in found.averaged.items()]
        held = f" at {conditions_words(found.chosen)}" if found.chosen else ""
        sentences.append(f"Each cell is the mean over {listed(each)}{held}.")
    elif found.chosen:
        sentences.append(f"At {conditions_words(found.chosen)}.")
    if counts.min() != counts.max():
        sentences.append(f"Cells hold {counts.min()} to {counts.max()} configurations each: compare with care.")
    return " ".join(sentences)


def _best_words(found: Grid) -> str:
    row, column = found.best
    best, cells = float(found.means.to_numpy()[row, column]), int(found.means.notna().to_numpy().sum())
    least = "Lowest" if lower_is_better(found.metric) else "Highest"
    near = found.near()
    text = f"{least} at {_where(found, row, column)}: {METRICS[found.metric].text_with_unit(best)} (ringed). " + (
        f"{near} of {cells} cells are within 10 % of it."
        if near > 1
        else f"No other of {cells} cells is within 10 % of it."
    )
    if found.deviation > 0.0:
        deviation = METRICS[found.metric].text(found.deviation)
        text += f" Standard deviation of the ringed cell over start dates: {deviation}."
    return text


def _by_row_words(found: Grid) -> str:
    ringed = rings(found)
    names = [_place(found.x, found.means.columns[column]) for _, column in ringed]
    if len(set(names)) == 1:
        return f"{names[0].capitalize()} is best at every {_short(_axis(found.y))} (ringed)."
    ends = [_place(found.y, found.means.index[row]) for row in (ringed[0][0], ringed[-1][0])]
    return (
        f"The best at each {_short(_axis(found.y))} is ringed: {names[0]} at {ends[0]}, {names[-1]} at {ends[1]}; "
        f"{len(set(names))} different settings in {len(ringed)} rows."
    )


def _alt(found: Grid) -> str:
    cells = found.means.to_numpy()
    places = [(row, column) for row, column in np.ndindex(cells.shape) if not np.isnan(cells[row, column])]
    told = places if len(places) <= TOLD else rings(found)
    each = [f"{_where(found, row, column)}: {METRICS[found.metric].text(cells[row, column])}" for row, column in told]
    if told is not places:
        each.append(
            f"all {len(places)} cells between {' and '.join(METRICS[found.metric].text(v) for v in _ends(cells))}"
        )
    return f"{METRICS[found.metric].unit}. {'; '.join(each)}."


def _ends(cells: Array) -> tuple[float, float]:
    return float(np.nanmin(cells)), float(np.nanmax(cells))


def strength(cells: Array, lower: bool) -> Array:
    """(y, x) strength of each cell's colour, from 0, the worst, to 1, the best; NaN where there is no cell.

    cells : (y, x) a metric in its unit, NaN where there is none.
    lower : true if the lower number is the better one.

    The scale is linear; it is logarithmic where all are positive and the largest is far from the smallest: else one
    bad corner would make the others look alike.

    >>> strength(np.array([[1.0, 2.0, 3.0]]), lower=True).tolist()
    [[1.0, 0.5, 0.0]]
    """
    least, most = _ends(cells)
    if least == most:
        return np.where(np.isnan(cells), np.nan, 1.0)
    scaled = np.log(cells) if _by_ratio(least, most) else cells
    share = (scaled - np.nanmin(scaled)) / (np.nanmax(scaled) - np.nanmin(scaled))
    return 1.0 - share if lower else share


def _by_ratio(least: float, most: float) -> bool:
    """True if the colour scale is logarithmic."""
    return least > 0.0 and most > WIDE_RATIO * least


def _shades(found: Grid) -> Array:
    """Strength of each cell: among all, or among its row where a row is a condition."""
    cells, lower = found.means.to_numpy(), lower_is_better(found.metric)
    if found.y not in CONDITIONS:
        return strength(cells, lower)
    return np.vstack([strength(line[None], lower) for line in cells])


# -- drawing ---------------------------------------------------------------------------------------------------------


def _scale(found: Grid) -> tuple[Array, tuple[str, str]]:
    """Strengths of colour from the least to the most, and the texts of the two ends."""
    (least, most), lower = _ends(found.means.to_numpy()), lower_is_better(found.metric)
    values = (np.geomspace if _by_ratio(least, most) else np.linspace)(least, most, MAP_STEPS)
    ends = (METRICS[found.metric].text(least), METRICS[found.metric].text(most))
    if found.y in CONDITIONS:  # each row has a scale of its own
        ends = ("best", "worst") if lower else ("worst", "best")
    return strength(values[None], lower)[0], ends
