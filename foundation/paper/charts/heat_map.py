"""A heat map: coloured cells over two parameters, some of them ringed, with their numbers where they fit."""

from collections.abc import Sequence

import numpy as np

from foundation.dataclasses import dataclass, replace
from foundation.paper.layout import AXIS, Array
from foundation.paper.styles import LETTER
from foundation.paper.svg import SMALL, Canvas

TOP, LEGEND = 48.0, 40.0  # px: above the cells, and for a scale of colours
UPRIGHT, TURNED, LEAST_HEIGHT, CELL = 34.0, 24.0, 12.0, 84.0  # px: heights of a cell, one turned, the least; most width
HIGHEST_MAP = 480.0  # px: height of all cells together, where that leaves each the least
TALL = 16  # rows: a map is not turned to have more of them
FAINT, WORDY, STRONG = 0.05, 0.55, 0.95  # strength of the weakest cell, of the strongest with and without words


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Cells in rows from the top down and columns from left to right.

    words  : words of each cell, a list a row; "" where there are none.
    shades : (rows, columns) strength of each cell's colour, 0 to 1; NaN where there is no cell.
    across : values of the parameter that runs across, as texts.
    down   : values of the parameter that runs down, as texts.
    axes   : names of the parameters that run across and down.
    width  : width of the picture, px.
    ringed : row and column of each cell to ring.
    hues   : colour of each cell, a list a row; by default all have one.
    turned : true if rows and columns have been exchanged.
    marked : numbers of the columns whose texts are written, as many as there is room for; by default of all.
    top    : upper edge of the cells, px.
    least  : least height of a cell, px.
    """

    words: Sequence[Sequence[str]]
    shades: Array
    across: Sequence[str]
    down: Sequence[str]
    axes: tuple[str, str]
    width: float
    ringed: Sequence[tuple[int, int]] = ()
    hues: Sequence[Sequence[str]] | None = None
    turned: bool = False
    marked: Sequence[int] = ()
    top: float = TOP
    least: float = LEAST_HEIGHT

    @property
    def left(self) -> float:
        """Room for the names at the left, px."""
        return max(40.0, LETTER * SMALL * max(map(len, self.down)) + 14.0)

    @property
    def cell(self) -> float:
        """Width of a cell, px."""
        return min((self.width - self.left - 4.0) / len(self.across), CELL)

    @property
    def high(self) -> float:
        """Height of a cell, px."""
        return min(TURNED if self.turned else UPRIGHT, max(self.least, HIGHEST_MAP / len(self.down)))

    @property
    def numbers(self) -> bool:
        """True if the words fit into their cells."""
        longest = max(len(word) for row in self.words for word in row)
        return self.cell >= LETTER * SMALL * longest + 4.0 and self.high >= SMALL + 4.0

    @property
    def bottom(self) -> float:
        """The lower edge of the cells, px."""
        return self.top + len(self.down) * self.high

    @property
    def height(self) -> float:
        """The height of the picture, px."""
        return self.bottom + AXIS + (0.0 if self.numbers else LEGEND)

    def fitted(self) -> "HeatMap":
        """The map with rows and columns exchanged, where its words fit into the cells only then."""
        other = replace(
            self,
            words=list(zip(*self.words, strict=True)),
            shades=self.shades.T,
            across=self.down,
            down=self.across,
            axes=self.axes[::-1],
            ringed=[(column, row) for row, column in self.ringed],
            hues=None if self.hues is None else list(zip(*self.hues, strict=True)),
            turned=not self.turned,
            marked=(),
        )
        return other if other.numbers and not self.numbers and len(other.down) <= TALL else self


def heat_map(canvas: Canvas, shown: HeatMap) -> None:
    """Draw a map below its top."""
    canvas.text(0.0, shown.top - 13.0, shown.axes[1], colour="soft")
    strongest = WORDY if shown.numbers else STRONG
    for (row, column), share in np.ndenumerate(shown.shades):
        if share == share:
            hue = "sky" if shown.hues is None else shown.hues[row][column]
            shade = FAINT + (strongest - FAINT) * float(share)
            across = shown.left + shown.cell * (column + np.array([0.008, 0.993]))
            down = shown.top + shown.high * (row + np.array([0.0175, 0.9825]))
            canvas.area(across[[0, 1, 1, 0]], down[[0, 0, 1, 1]], colour=hue, strength=shade)
    for row, line in enumerate(shown.words if shown.numbers else []):
        for column, word in enumerate(line):
            x, y = shown.left + (column + 0.5) * shown.cell, shown.top + (row + 0.5) * shown.high
            canvas.text(x, y, word, align="center", bold=(row, column) in shown.ringed)
    for row, column in shown.ringed:
        _ring(canvas, shown.left + column * shown.cell, shown.top + row * shown.high, shown.cell, shown.high)
    _names(canvas, shown)


def _ring(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    canvas.line([x, x + width, x + width, x, x], [y, y, y + height, y + height, y - 1.0], colour="ink", width=2.2)


def _names(canvas: Canvas, shown: HeatMap) -> None:
    """Values of the two parameters, as many as there is room for, and the name of the horizontal one."""
    marked = shown.marked or range(len(shown.across))
    apart = shown.cell * (min(np.diff(marked)) if len(marked) > 1 else 1)
    step = int(np.ceil((LETTER * SMALL * max(len(shown.across[k]) for k in marked) + 6.0) / apart))
    for column in marked[::step]:
        x = shown.left + (column + 0.5) * shown.cell
        canvas.text(x, shown.bottom + 12.0, shown.across[column], colour="soft", align="center")
    for row in range(0, len(shown.down), int(np.ceil((SMALL + 2.0) / shown.high))):
        y = shown.top + (row + 0.5) * shown.high
        canvas.text(shown.left - 7.0, y, shown.down[row], colour="soft", align="right")
    middle = shown.left + shown.cell * len(shown.across) / 2.0
    canvas.text(middle, shown.bottom + 30.0, shown.axes[0], colour="soft", align="center")


def colour_scale(
    canvas: Canvas, shown: HeatMap, shares: Array, ends: tuple[str, str], hues: Sequence[str] = ()
) -> None:
    """Draw the scale of the colours below a map whose cells have no room for words.

    canvas : canvas of the map.
    shown  : the map.
    shares : (k,) strength of the colours from left to right, 0 to 1.
    ends   : texts at the left and the right end.
    hues   : (k,) colour of each step; by default all have one.
    """
    x, y, width = shown.left, shown.bottom + AXIS + 6.0, min(shown.cell * len(shown.across), 320.0)
    step = width / len(shares)
    for k, share in enumerate(shares):
        shade = FAINT + (STRONG - FAINT) * float(share)
        across = x + step * np.array([k, k + 1, k + 1, k])
        canvas.area(across, [y, y, y + 10.0, y + 10.0], colour=hues[k] if hues else "sky", strength=shade)
    for at, word, align in ((x, ends[0], "left"), (x + width, ends[1], "right")):
        canvas.text(at, y + 22.0, word, colour="soft", align=align)
