"""A picture, drawn twice, for a wide page and for a phone, with its caption, its words and its numbers."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from foundation.dataclasses import dataclass, field, replace
from foundation.paper.svg import Canvas


@dataclass(frozen=True)
class Format:
    """A width to draw for.

    css         : class of the <svg>.
    width       : of the picture, px.
    left, right : room for scales and for labels, px.
    name        : of the picture that is drawn.
    """

    css: str
    width: float
    left: float
    right: float
    name: str = ""

    @property
    def plot(self) -> float:
        """Width of a panel between scale and labels."""
        return self.width - self.left - self.right

    @property
    def is_wide(self) -> bool:
        """True if there is room for figures beside names."""
        return self.css == "wide"

    def canvas(self, height: float) -> Canvas:
        """An empty canvas of so many px."""
        return Canvas(self.width, height, f"{self.name}-{self.css}", wide=self.is_wide)


WIDE, NARROW = Format("wide", 940.0, 44.0, 212.0), Format("narrow", 400.0, 34.0, 142.0)
HALF = Format("wide", 520.0, 44.0, 170.0)  # for two pictures beside one another


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure of the sheet. Its drawings are made when they are first asked for: many want only its words or numbers.

    name    : name of its file.
    title   : title above it.
    caption : sentence on what to notice, from the data.
    alt     : alternative text, for a reader who cannot see it.
    data    : the numbers behind it, with the rows, columns and units of its CSV.
    drawn   : function that gives the <svg> element in a format.
    wide_as : the wide format.
    """

    name: str
    title: str
    caption: str
    alt: str
    data: pd.DataFrame = field(repr=False)
    drawn: Callable[[Format], str] = field(repr=False)
    wide_as: Format = WIDE

    @cached_property
    def wide(self) -> str:
        """<svg> element for wide pages."""
        return self.drawn(self.wide_as)

    @cached_property
    def narrow(self) -> str:
        """<svg> element for narrow ones."""
        return self.drawn(NARROW)

    @property
    def width(self) -> float:
        """The width of the wide drawing, px."""
        return self.wide_as.width

    def _repr_html_(self) -> str:
        """The picture as a notebook shows it."""
        from foundation.paper.render import PAPER_PACKAGE, fill_template  # jinja takes time to import

        return fill_template(PAPER_PACKAGE, "picture.html.j2", picture=self, width=self.width * 1.15)


def picture(
    name: str,
    title: str,
    caption: str,
    alt: str,
    data: pd.DataFrame,
    draw: Callable[[Format], Canvas],
    wide_as: Format = WIDE,
) -> Picture:
    """A figure that is drawn in both formats.

    name    : name of its file.
    title   : title above it.
    caption : sentence on what to notice.
    alt     : alternative text, for a reader who cannot see it.
    data    : the numbers behind it, with the rows, columns and units of its CSV.
    draw    : function that draws it in a format.
    wide_as : the wide format.
    """

    def drawn(f: Format) -> str:
        return draw(replace(f, name=name)).svg(f.css, f"{title}. {alt}")

    return Picture(name, title, caption, alt, data, drawn, wide_as)


def by_day(dates: pd.DatetimeIndex, columns: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The numbers of a picture through time: a row a policy and day, with the columns date, policy and its own.

    dates   : (T,) days.
    columns : (T,) values or one, by policy and name of the column.
    """
    days = dates.strftime("%Y-%m-%d")
    frames = [pd.DataFrame({"date": days, "policy": name, **own}) for name, own in columns.items()]
    return pd.concat(frames, ignore_index=True)
