"""A panel: a rectangle of a picture with a side across and one up: their axes, gridlines, numbers and names."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foundation.dataclasses import dataclass, field, replace
from foundation.paper.layout import AXIS, NUMBERS_HEIGHT, TITLE, Array, limits, log_ticks, ticks, time_ticks
from foundation.paper.picture import Format
from foundation.paper.svg import THEN, Canvas, either
from foundation.paper.wording import NARROW_SPACE, even

THIN = 0.7  # px: width of a gridline
SCALE_KINDS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {  # from a value to its place, and back
    "linear": (lambda v: v, lambda v: v),
    "days": (lambda v: v, lambda v: v),
    "log": (np.log, np.exp),
    "root": (lambda v: np.sign(v) * np.sqrt(np.abs(v)), lambda v: np.sign(v) * v * v),
}


@dataclass(frozen=True)
class Axis:
    """The values along one side of a panel.

    low, high : values at its two ends: at the left and right, or at the bottom and top.
    kind : "linear", "days" (since 1970), "log" (both ends positive), or "root": by square root.
    """

    low: float
    high: float
    kind: str = "linear"

    @staticmethod
    def over(values: ArrayLike, margin: float = 0.06, kind: str = "linear") -> "Axis":
        """An axis that holds `values` (NaN: none), with a margin at both ends, as a fraction of their span."""
        (to, back), found = SCALE_KINDS[kind], np.asarray(values, dtype=float)
        low, high = limits([float(to(end(found))) for end in (np.nanmin, np.nanmax)], margin)
        return Axis(float(back(low)), float(back(high)), kind)

    @staticmethod
    def over_days(dates: pd.DatetimeIndex) -> "Axis":
        """An axis of days since 1970, from the first date to the last; one date is in its middle."""
        first, last = day_numbers(dates[[0, -1]]).tolist()
        return Axis(first, last, "days") if len(dates) > 1 else Axis(first - 1.0, first + 1.0, "days")

    def scaled(self, values: ArrayLike) -> Array:
        """Values (k,) on the axis's own scale: their logarithms, their roots, or themselves."""
        found: Array = SCALE_KINDS[self.kind][0](np.asarray(values, dtype=float))
        return found

    def fraction(self, values: ArrayLike) -> Array:
        """The places (k,) of `values` along the axis: 0 at `low`, 1 at `high`."""
        low, high = self.scaled([self.low, self.high])
        found: Array = (self.scaled(values) - low) / (high - low)
        return found

    def held(self, value: float) -> float:
        """The value, or the end of the axis that it is beyond."""
        low, high = sorted((self.low, self.high))
        return min(max(value, low), high)

    def arrow(self, value: float) -> str:
        """An arrow to where a value is off the axis, after a narrow space; "" for one on it."""
        low, high = sorted((self.low, self.high))
        return f"{NARROW_SPACE}{'↑' if value > high else '↓'}" if not low <= value <= high else ""

    def ticks(self, most: int | None = None) -> list[float]:
        """Round numbers along the axis, `most` at most: by default 5, or 6 on a log axis."""
        find, count = (log_ticks, 6) if self.kind == "log" else (ticks, 5)
        return find(self.low, self.high, most or count)

    def numbers(self, marks: Sequence[float]) -> list[str]:
        """The text of each tick."""
        return even(marks) if self.kind == "linear" else [f"{mark:g}" for mark in marks]


EMPTY_AXIS = Axis(0.0, 1.0)  # where a panel has no values across, or none up


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a panel, and what is written along it. Of two in a tuple, the first is for a wide page.

    axis  : values along it; by default it has none.
    words : its name: above the panel of what runs up, or of rows; below it of what runs across.
    unit  : of what runs up, in words, beside its name.
    most  : numbers at most; by default 5, or 6 on a log axis.
    at    : places of the numbers, instead of round ones.
    texts : their texts, or a function that gives each; by default as `Axis.numbers`.
    lines : False for numbers without gridlines.
    zero  : colour of the line at zero of what runs across.
    dates : dates of what runs across, if its axis counts days since 1970.
    """

    axis: Axis = EMPTY_AXIS
    words: str | tuple[str, str] = ""
    unit: str | tuple[str, str] = ""
    most: int | tuple[int, int] | None = None
    at: Sequence[float] | None = None
    texts: Callable[[float], str] | Sequence[str] = ()
    lines: bool = True
    zero: str = "rule"
    dates: pd.DatetimeIndex | None = field(default=None, repr=False)

    def numbers(self, canvas: Canvas) -> tuple[Sequence[float], Sequence[str]]:
        """The places of the numbers, and their texts."""
        found = self.axis.ticks(canvas.of(self.most)) if self.at is None else self.at
        return found, [self.texts(mark) for mark in found] if callable(self.texts) else self.texts


@dataclass(frozen=True, eq=False)
class Panel:
    """A rectangle of a picture. All places are px from the upper left corner of the picture.

    canvas : canvas of the picture.
    left, top, width, height : place and size, px.
    x, y : axes of the panel.
    """

    canvas: Canvas
    left: float
    top: float
    width: float
    height: float
    x: Axis = EMPTY_AXIS
    y: Axis = EMPTY_AXIS

    @property
    def right(self) -> float:
        """Its right edge, px."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge, px."""
        return self.top + self.height

    @cached_property
    def clip(self) -> str:
        """The name of its rectangle, which cuts what leaves the panel."""
        axes = " ".join(f"{axis.low:.7g} {axis.high:.7g} {axis.kind}" for axis in (self.x, self.y))
        return self.canvas.clip(self.left, self.top, self.width, self.height, axes)

    # places

    def across(self, values: ArrayLike) -> Array:
        """The places of values of `x` (k,), px."""
        found: Array = self.left + self.width * self.x.fraction(values)
        return found

    def up(self, values: ArrayLike) -> Array:
        """The places of values of `y` (k,), px."""
        found: Array = self.bottom - self.height * self.y.fraction(values)
        return found

    def x_at(self, value: float) -> float:
        """The place of a value of `x`, px."""
        return float(self.across(value))

    def y_at(self, value: float) -> float:
        """The place of a value of `y`, px; for a value beyond the axis, the edge of the panel."""
        return float(self.up(self.y.held(value)))

    # what stands around it

    def scaled(self, x: Side, y: Side) -> "Panel":
        """The panel with two sides, and with their names, numbers and gridlines.

        x : side across.
        y : side up, whose name stands above.
        """
        panel, of = replace(self, x=x.axis, y=y.axis), self.canvas.of
        if y.words:
            panel.title(of(y.words), of(y.unit))
        if y.axis is not EMPTY_AXIS:
            panel.y_grid(*y.numbers(self.canvas))
        if x.dates is not None:
            panel.years(x.dates)
        elif x.axis is not EMPTY_AXIS:
            panel.x_grid(*x.numbers(self.canvas), lines=x.lines, zero=x.zero)
        panel.x_title(of(x.words))
        return panel

    def title(self, words: str, unit: str = "") -> None:
        """Name and unit, above the panel."""
        heading(self.canvas, self.left, self.top - 12.0, words, unit)

    def x_title(self, words: str) -> None:
        """Write the title of the x axis below its numbers."""
        middle = self.left + self.width / 2.0
        self.canvas.text(middle, self.bottom + 30.0, words, colour="soft", align="center")

    def x_grid(
        self, marks: Sequence[float], words: Sequence[str] | None = None, *, lines: bool = True, zero: str = "rule"
    ) -> None:
        """Gridlines from top to bottom with their numbers below.

        marks : values of `x`.
        words : texts of the marks; by default the numbers.
        lines : False for numbers alone.
        zero : colour of the line at zero.
        """
        for mark, text in zip(marks, words or self.x.numbers(marks), strict=True):
            x = self.x_at(mark)
            if lines:
                colour = zero if mark == 0.0 else "rule"
                self.x_line(mark, colour, THIN, behind=True)
            self.canvas.text(x, self.bottom + 12.0, text, colour="soft", align="center")

    def y_grid(self, marks: Sequence[float], words: Sequence[str] | None = None) -> None:
        """Gridlines from left to right with their numbers at the left.

        marks : values of `y`.
        words : texts of the marks; by default the numbers.
        """
        for mark, text in zip(marks, words or self.y.numbers(marks), strict=True):
            y = self.y_at(mark)
            self.y_line(mark, "rule", THIN, behind=True)
            self.canvas.text(self.left - 6.0, y, text, colour="soft", align="right")

    def years(
        self, dates: pd.DatetimeIndex, *, most: int | None = None, beyond: float = 0.0, words: bool = True
    ) -> None:
        """Gridlines at the beginnings of years (of months where the time is short), with their words below.

        dates  : (T,) dates of the panel; its `x` axis counts days since 1970.
        most   : largest number of gridlines; by default one in 50 px.
        beyond : length of the lines past the lower edge, px.
        words  : False for lines alone.
        """
        days, bottom = dates.to_numpy().astype("datetime64[D]"), self.bottom + beyond
        for day, text in time_ticks(days[0], days[-1], most=int(self.width / 50.0) if most is None else most):
            x = self.x_at(day)
            self.canvas.line([x, x], [self.top, bottom], colour="rule", width=THIN, behind=True)
            if words:
                self.canvas.text(x, bottom + 12.0, text, colour="soft", align="center")

    # what stands in it

    def curve(
        self, x: ArrayLike, y: ArrayLike, colour: str, width: float, dash: object = "-", strength: float = 1.0
    ) -> None:
        """A line through points, cut at the edges of the panel.

        x        : (k,) values on the axis across, in its unit.
        y        : (k,) values on the axis up, in its unit; NaN where the line is broken.
        colour   : name of a token.
        width    : width of the line, px.
        dash     : dash of `Canvas.line`.
        strength : opacity, up to 1.
        """
        places = self.across(x), self.up(y)
        self.canvas.line(*places, colour=colour, width=width, dash=dash, strength=strength, clip=self.clip)

    def area(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str, strength: float = 1.0) -> None:
        """The area between two curves, cut at the edges of the panel, and left out where one of them is NaN.

        x        : (k,) values on the axis across, in its unit.
        low      : (k,) values of one curve, or one number, on the axis up, in its unit.
        high     : (k,) values of the other one, or one number.
        colour   : name of a token.
        strength : opacity, up to 1.
        """
        across, foot, head = np.broadcast_arrays(self.across(x), self.up(low), self.up(high))
        known = np.isfinite(across + foot + head)
        for run in np.split(np.arange(len(across)), np.flatnonzero(np.diff(known)) + 1):
            if known[run].all():
                places = np.append(across[run], across[run][::-1]), np.append(head[run], foot[run][::-1])
                self.canvas.area(*places, colour=colour, strength=strength, clip=self.clip)

    def y_line(self, value: float, colour: str, width: float, dash: object = "-", *, behind: bool = False) -> None:
        """A line across the panel at a value of `y`.

        value  : value on the axis up, in its unit.
        colour : name of a token.
        width  : width of the line, px.
        dash   : dash of `Canvas.line`.
        behind : true to draw it behind the rest.
        """
        y = self.y_at(value)
        self.canvas.line([self.left, self.right], [y, y], colour=colour, width=width, dash=dash, behind=behind)

    def x_line(self, value: float, colour: str, width: float, dash: object = "-", *, behind: bool = False) -> None:
        """A line up the panel at a value of `x`.

        value  : value on the axis across, in its unit.
        colour : name of a token.
        width  : width of the line, px.
        dash   : dash of `Canvas.line`.
        behind : true to draw it behind the rest.
        """
        x = self.x_at(value)
        self.canvas.line([x, x], [self.top, self.bottom], colour=colour, width=width, dash=dash, behind=behind)

    def band(self, low: float, high: float, colour: str, strength: float = 1.0) -> None:
        """The ground between two values of `y`, across the panel.

        low      : lower value on the axis up, in its unit.
        high     : upper value on the axis up, in its unit.
        colour   : name of a token.
        strength : strength of the colour, up to 1.
        """
        self.area([self.x.low, self.x.high], low, high, colour, strength)


Marks = Callable[[Panel], object]  # what is drawn on a panel that has its sides


def plotted(
    x: Side,
    y: Side,
    marks: Marks,
    height: float,
    *,
    left: float | tuple[float, float] | None = None,
    right: float | tuple[float, float] | None = None,
    above: float | tuple[float, float] = TITLE,
) -> Callable[[Format], Canvas]:
    """A drawing of one panel: its two sides, and marks on it.

    x, y   : the sides.
    marks  : draws the marks, from what a picture's table holds.
    height : height of the panel, px.
    left   : room at its left, px; by default that for numbers. Of two, the first is for a wide page.
    right  : room at its right, px; by default that for the labels of curves.
    above  : room above it, px.
    """

    def draw(f: Format) -> Canvas:
        top = either(above, wide=f.is_wide)
        canvas = f.canvas(top + height + (AXIS if x.words else NUMBERS_HEIGHT))
        start, end = canvas.of(f.left if left is None else left), canvas.of(f.right if right is None else right)
        marks(Panel(canvas, start, top, f.width - start - end, height).scaled(x, y))
        return canvas

    return draw


def beside(
    f: Format, heights: Sequence[float], spans: Sequence[tuple[float, float]], below: float, foot: float = 0.0
) -> list[Panel]:
    """Panels beside one another on a wide page, and below one another on a phone, on one canvas.

    f       : the page's format.
    heights : height of each, px.
    spans   : left edge and width of each, px.
    below   : room below each, px.
    foot    : room below all, px.
    """
    pitches = [TITLE + height + below for height in heights]
    canvas = f.canvas((max(pitches) if f.is_wide else sum(pitches)) + foot)
    tops = [TITLE + (0.0 if f.is_wide else sum(pitches[:k])) for k in range(len(pitches))]
    places = zip(tops, heights, spans, strict=True)
    return [Panel(canvas, left, top, width, height) for top, height, (left, width) in places]


def evenly(f: Format, count: int, left: float, gap: float, right: float) -> list[tuple[float, float]]:
    """Left edge and width of panels of one width, px, for `beside`.

    f     : the page's format.
    count : number of panels.
    left  : room at the left of the first, px; on a phone of each.
    gap   : between two, px.
    right : room at the right of the last, px; on a phone of each.
    """
    columns = count if f.is_wide else 1
    width = (f.width - left - right - gap * (columns - 1)) / columns
    return [(left + (k % columns) * (width + gap), width) for k in range(count)]


def one_panel(
    f: Format,
    height: float,
    x: Axis,
    y: Axis = EMPTY_AXIS,
    *,
    right: float | None = None,
    below: float = NUMBERS_HEIGHT,
) -> Panel:
    """A picture of one panel without anything around it.

    f      : the page's format.
    height : height of the panel, px.
    x      : horizontal axis.
    y      : vertical axis.
    right  : room at its right, px; by default that for the labels of curves.
    below  : room below it, px.
    """
    canvas = f.canvas(TITLE + height + below)
    return Panel(canvas, f.left, TITLE, f.width - f.left - (f.right if right is None else right), height, x, y)


def heading(canvas: Canvas, x: float, y: float, words: str, unit: str = "") -> None:
    """Name and unit of a panel, above it.

    canvas : canvas to write on.
    x      : left edge of the words, px.
    y      : middle of their height, px.
    words  : the name.
    unit   : unit in words.
    """
    canvas.text(x, y, f"{words.replace(THEN, ' ')}{THEN}{unit}", colour="soft")


def day_numbers(dates: pd.DatetimeIndex) -> Array:
    """(T,) days since 1970 of dates (T,)."""
    return dates.to_numpy().astype("datetime64[D]").astype(float)
