"""A heat map: one metric over two parameters, the best cell ringed, the numbers in the cells where they fit.

Down a condition (cost, lag, start) the best of each row is ringed: no one chooses the condition, and its easiest level
would always win.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS, lower_is_better
from backtests.figures.picture import Format, Picture, heading, picture
from backtests.figures.styles import LETTER
from backtests.figures.svg import TOKENS, Canvas
from backtests.sweeps.analysis import Grid
from backtests.sweeps.labels import AXES, CONDITIONS, axis_value, conditions_words
from backtests.wording import NARROW_SPACE, counted, listed
from research.arrays import Array

TITLE, FOOT, LEGEND = 48.0, 42.0, 40.0  # px: above and below the cells, and a scale
ROW, LOW, CELL, TEXT = 34.0, 12.0, 84.0, 12.0  # px: height of a cell, the least and the widest one, its number
FAINT, WORDY, STRONG = 0.05, 0.55, 0.95  # strength of colour: of the worst cell, of the best with and without a number
TOLD = 200  # cells at most in the words of a map
TALL = 16  # rows: a map is not turned to have more of them
WIDE_RATIO = 5.0  # of the largest to the smallest: past it, strength goes by ratio
PLURAL = {
    "start": "starts",
    "lag": "lags",
    "cost_multiple": "cost levels",
    "to": "destinations",
    "lines": "settings of lines",
}


def heat(found: Grid, name: str = "heat") -> Picture:
    """The map of a grid. name : of its file."""
    return picture(
        name,
        f"{_short(METRICS[found.metric].label)} by {_short(_axis(found.x))} and {_short(_axis(found.y))}",
        _caption(found),
        _alt(found),
        _data(found),
        lambda f: _draw(f, found, name),
    )


def _axis(name: str) -> str:
    return AXES.get(name, name)


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
    return f"{_short(_axis(axis))} {axis_value(axis, value)}{NARROW_SPACE + '%' if axis == 'band' else ''}"


def _where(found: Grid, row: int, column: int) -> str:
    return f"{_place(found.x, found.means.columns[column])}, {_place(found.y, found.means.index[row])}"


def _caption(found: Grid) -> str:
    counts = found.counts.to_numpy()[found.counts.to_numpy() > 0]
    said = [_best_words(found) if found.y not in CONDITIONS else _by_row_words(found)]
    if found.averaged:
        each = [counted(n, _short(_axis(c)), PLURAL.get(c, "")) for c, n in found.averaged.items()]
        held = f" at {conditions_words(found.chosen)}" if found.chosen else ""
        said.append(f"A cell is the mean over {listed(each)}{held}.")
    elif found.chosen:
        said.append(f"Held: {conditions_words(found.chosen)}.")
    if counts.min() != counts.max():
        said.append(f"Cells hold {counts.min()} to {counts.max()} configurations each: compare them with care.")
    return " ".join(said)


def _best_words(found: Grid) -> str:
    row, column = found.best
    best, cells = float(found.means.to_numpy()[row, column]), int(found.means.notna().to_numpy().sum())
    least = "Lowest" if lower_is_better(found.metric) else "Highest"
    near = found.near()
    said = f"{least} at {_where(found, row, column)}: {METRICS[found.metric].text_with_unit(best)} (ringed). " + (
        f"{near} of {cells} cells are within 10 % of it." if near > 1 else f"No other of {cells} is within 10 % of it."
    )
    if found.deviation > 0.0:
        said += f" From start to start the ringed cell deviates by {METRICS[found.metric].text(found.deviation)}."
    return said


def _by_row_words(found: Grid) -> str:
    ringed = rings(found)
    names = [_place(found.x, found.means.columns[column]) for _, column in ringed]
    if len(set(names)) == 1:
        return f"{names[0].capitalize()} is the best at every {_short(_axis(found.y))} (ringed)."
    ends = [_place(found.y, found.means.index[row]) for row in (ringed[0][0], ringed[-1][0])]
    return (
        f"The best at each {_short(_axis(found.y))} is ringed: {names[0]} at {ends[0]}, {names[-1]} at {ends[1]}; "
        f"{len(set(names))} different ones in {len(ringed)}."
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
    """(y, x) how strong each cell's colour is, from 0, the worst, to 1, the best; NaN where there is no cell.

    By difference; by ratio where all are positive and the largest is far from the smallest: else one bad corner would
    make the others look alike.

    >>> strength(np.array([[1.0, 2.0, 3.0]]), lower=True).tolist()
    [[1.0, 0.5, 0.0]]
    """
    least, most = _ends(cells)
    if least == most:
        return np.where(np.isnan(cells), np.nan, 1.0)
    scaled = np.log(cells) if least > 0.0 and most > WIDE_RATIO * least else cells
    share = (scaled - np.nanmin(scaled)) / (np.nanmax(scaled) - np.nanmin(scaled))
    return 1.0 - share if lower else share


def _shades(found: Grid) -> Array:
    """Strength of each cell: among all, or among its row where a row is a condition."""
    cells, lower = found.means.to_numpy(), lower_is_better(found.metric)
    if found.y not in CONDITIONS:
        return strength(cells, lower)
    return np.vstack([strength(line[None], lower) for line in cells])


# -- drawing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Map:
    """Cells on a page of some width, perhaps turned, so that x runs down. shades : (y, x), as the grid."""

    found: Grid
    shades: Array
    turned: bool
    width: float

    @cached_property
    def words(self) -> list[list[str]]:
        """The number of each cell, a list a drawn row."""
        cells = self.found.means.to_numpy()
        return [
            [METRICS[self.found.metric].text(v) if v == v else "" for v in row]
            for row in (cells.T if self.turned else cells)
        ]

    @cached_property
    def names(self) -> tuple[list[str], list[str]]:
        """Values of the parameters, across and down."""
        x, y = self.found.x, self.found.y
        across = [axis_value(x, v) for v in self.found.means.columns]
        down = [axis_value(y, v) for v in self.found.means.index]
        return (down, across) if self.turned else (across, down)

    @property
    def axes(self) -> tuple[str, str]:
        """What runs across and down."""
        across, down = _axis(self.found.x), _axis(self.found.y)
        return (down, across) if self.turned else (across, down)

    @property
    def left(self) -> float:
        """Room for the names at the left."""
        return max(40.0, LETTER * TEXT * max(map(len, self.names[1])) + 14.0)

    @property
    def cell(self) -> float:
        """Width of a cell."""
        return min((self.width - self.left - 4.0) / len(self.names[0]), CELL)

    @property
    def high(self) -> float:
        """Height of a cell."""
        most = ROW if not self.turned else 24.0
        return min(most, max(LOW, 480.0 / len(self.names[1])))

    @property
    def numbers(self) -> bool:
        """Do the numbers fit into their cells?"""
        longest = max(len(word) for row in self.words for word in row)
        return self.cell >= LETTER * TEXT * longest + 4.0 and self.high >= TEXT + 4.0

    def at(self, row: int, column: int) -> tuple[int, int]:
        """Where a cell of the grid is drawn, by row and column."""
        return (column, row) if self.turned else (row, column)


def _draw(f: Format, found: Grid, name: str) -> Canvas:
    shades = _shades(found)
    plain, turned = (_Map(found, shades, way, f.width) for way in (False, True))
    shown = turned if turned.numbers and not plain.numbers and len(turned.names[1]) <= TALL else plain
    across, down = shown.names
    foot = TITLE + len(down) * shown.high
    canvas = Canvas(f.width, foot + FOOT + (0.0 if shown.numbers else LEGEND), f"{name}-{f.css}")
    _heading(f, canvas, found)
    canvas.text(0.0, TITLE - 13.0, shown.axes[1], colour="soft")
    axes = canvas.axes(shown.left, TITLE, shown.cell * len(across), foot - TITLE)
    axes.set_xlim(0.0, len(across))
    axes.set_ylim(len(down), 0.0)
    for place, share in np.ndenumerate(shades):
        row, column = shown.at(*place)
        if share == share:
            shade = FAINT + ((WORDY if shown.numbers else STRONG) - FAINT) * share
            axes.barh(row + 0.5, 0.985, 0.965, left=column + 0.008, color=TOKENS["sky"], alpha=shade, linewidth=0.0)
    ringed = [shown.at(*place) for place in rings(found)]
    for row, line in enumerate(shown.words if shown.numbers else []):
        for column, word in enumerate(line):
            x, y = shown.left + (column + 0.5) * shown.cell, TITLE + (row + 0.5) * shown.high
            canvas.text(x, y, word, align="center", bold=(row, column) in ringed)
    for row, column in ringed:
        _ring(canvas, shown.left + column * shown.cell, TITLE + row * shown.high, shown.cell, shown.high)
    _names(canvas, shown, foot)
    if not shown.numbers:
        _legend(canvas, found, shown.left, foot + FOOT + 6.0, min(shown.cell * len(across), 320.0))
    return canvas


def _heading(f: Format, canvas: Canvas, found: Grid) -> None:
    row, among = METRICS[found.metric], f" at that {_short(_axis(found.y))}" if found.y in CONDITIONS else ""
    better = f"stronger colour: {'lower' if lower_is_better(found.metric) else 'higher'}, better{among}"
    label = row.label if f.is_wide else _short(row.label)
    heading(canvas, 0.0, 14.0, label, ", ".join(filter(None, [row.unit, better])))


def _ring(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    canvas.line([x, x + width, x + width, x, x], [y, y, y + height, y + height, y - 1.0], colour="ink", width=2.2)


def _names(canvas: Canvas, shown: _Map, foot: float) -> None:
    """Values of the two parameters, as many as there is room for, and what runs across."""
    across, down = shown.names
    step = int(np.ceil((LETTER * TEXT * max(map(len, across)) + 6.0) / shown.cell))
    for column in range(0, len(across), step):
        x = shown.left + (column + 0.5) * shown.cell
        canvas.text(x, foot + 12.0, across[column], colour="soft", align="center")
    for row in range(0, len(down), int(np.ceil((TEXT + 2.0) / shown.high))):
        y = TITLE + (row + 0.5) * shown.high
        canvas.text(shown.left - 7.0, y, down[row], colour="soft", align="right")
    middle = shown.left + shown.cell * len(across) / 2.0
    canvas.text(middle, foot + 30.0, shown.axes[0], colour="soft", align="center")


def _legend(canvas: Canvas, found: Grid, x: float, y: float, width: float) -> None:
    """What the colours mean, where the cells say no numbers."""
    steps, lower, cells = 24, lower_is_better(found.metric), found.means.to_numpy()
    least, most = _ends(cells)
    ratio = least > 0.0 and most > WIDE_RATIO * least
    values = np.geomspace(least, most, steps) if ratio else np.linspace(least, most, steps)
    axes = canvas.axes(x, y, width, 10.0)
    axes.set_xlim(0.0, steps)
    axes.set_ylim(0.0, 1.0)
    for k, share in enumerate(strength(values[None], lower)[0]):
        shade = FAINT + (STRONG - FAINT) * share
        axes.barh(0.5, 1.0, 1.0, left=k, color=TOKENS["sky"], alpha=float(shade), linewidth=0.0)
    words = {0: METRICS[found.metric].text(least), steps - 1: METRICS[found.metric].text(most)}
    if found.y in CONDITIONS:  # each row has a scale of its own
        words = dict(zip(words, ("best", "worst") if lower else ("worst", "best"), strict=True))
    for k, word in words.items():
        canvas.text(x if k == 0 else x + width, y + 22.0, word, colour="soft", align="left" if k == 0 else "right")
