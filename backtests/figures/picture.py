"""What a picture is: drawn twice, for a wide page and for a phone, with its caption, its words and its numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from backtests.figures.layout import time_ticks
from backtests.figures.svg import THEN, TOKENS, Canvas
from backtests.views import view
from backtests.wording import even
from research.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Format:
    """A width to draw for. css : class of the <svg>.  left, right : room for scales and for labels, px."""

    css: str
    width: float
    left: float
    right: float

    @property
    def plot(self) -> float:
        """Width of a panel between scale and labels."""
        return self.width - self.left - self.right

    @property
    def is_wide(self) -> bool:
        """Is there room for figures beside names?"""
        return self.css == "wide"


WIDE, NARROW = Format("wide", 940.0, 44.0, 212.0), Format("narrow", 400.0, 34.0, 142.0)
HALF = Format("wide", 520.0, 44.0, 170.0)  # for two pictures beside one another


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure of the sheet.

    wide, narrow : <svg> elements.  caption : what to notice, from the data.  alt : what a reader who cannot see it is
    told.  data : the numbers behind it, as its CSV holds them.  width : of the wide one, px.
    """

    name: str
    title: str
    caption: str
    alt: str
    data: pd.DataFrame = field(repr=False)
    wide: str = field(repr=False)
    narrow: str = field(repr=False)
    width: float = WIDE.width

    def _repr_html_(self) -> str:
        """The picture as a notebook shows it."""
        return str(view(self, "html"))


def picture(
    name: str,
    title: str,
    caption: str,
    alt: str,
    data: pd.DataFrame,
    draw: Callable[[Format], Canvas],
    wide_as: Format = WIDE,
) -> Picture:
    """Draw a figure in both formats."""
    wide, narrow = (draw(f).svg(f.css, f"{title}. {alt}") for f in (wide_as, NARROW))
    return Picture(name, title, caption, alt, data, wide, narrow, wide_as.width)


def heading(canvas: Canvas, x: float, y: float, words: str, unit: str = "") -> None:
    """Name and unit of a panel, above it."""
    canvas.text(x, y, f"{words.replace(THEN, ' ')}{THEN}{unit}", colour="soft")


def scale(canvas: Canvas, axes: "Axes", marks: Sequence[float], left: float, right: float) -> None:
    """Rules across a panel, each with its number at the left."""
    for mark, word in zip(marks, even(marks), strict=True):
        y = height_of(canvas, axes, mark)
        canvas.line([left, right], [y, y], colour="rule", width=0.7, behind=True)
        canvas.text(left - 6.0, y, word, colour="soft", align="right")


def years(
    canvas: Canvas,
    axes: "Axes",
    dates: pd.DatetimeIndex,
    top: float,
    bottom: float,
    width: float,
    *,
    words: bool = True,
) -> None:
    """Beginnings of years as thin rules from `top` to `bottom`, with their words below."""
    days = dates.to_numpy().astype("datetime64[D]")
    for day, word in time_ticks(days[0], days[-1], most=int(width / 50.0)):
        x = float(axes.transData.transform((day, axes.get_ylim()[0]))[0])
        canvas.line([x, x], [top, bottom], colour="rule", width=0.7, behind=True)
        if words:
            canvas.text(x, bottom + 11.0, word, colour="soft", align="center")


def height_of(canvas: Canvas, axes: "Axes", value: float) -> float:
    """Where a value of a panel stands, px from the top of the picture; outside the panel, at its edge."""
    low, high = sorted(axes.get_ylim())
    return canvas.height - float(axes.transData.transform((axes.get_xlim()[0], min(max(value, low), high)))[1])


def day_numbers(dates: pd.DatetimeIndex) -> Array:
    """(T,) days since 1970."""
    return dates.to_numpy().astype("datetime64[D]").astype(float)


def curve(axes: "Axes", x: Array, y: Array, colour: str, width: float, dash: object) -> None:
    """A curve in a panel."""
    axes.plot(x, y, color=TOKENS[colour], linewidth=width, linestyle=dash, solid_joinstyle="round")
