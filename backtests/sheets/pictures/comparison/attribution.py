"""The gap between two policies: a bar a component, and a column a year."""

from collections.abc import Mapping

import pandas as pd

from backtests.attribution.attribution import Attribution
from backtests.sheets.pictures.comparison.years import year_columns, year_numbers
from foundation.paper.charts.interval_rows import bars, heights, row_names
from foundation.paper.charts.panel import Axis, Panel, heading
from foundation.paper.layout import NAMES, NUMBERS, ROW, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import number
from research.risk.measures import BPS

NAME = "attribution"
TOTAL = "gap"
HIGH = 150.0  # px: of the panel of years, at least
BELOW = NUMBERS + 20.0  # px: for the numbers of an axis and its title


def attribution_picture(gap: Attribution, styles: Mapping[str, LineStyle]) -> Picture:
    """Components in bp a year of log growth, and the gap of each calendar year in bp.

    gap    : attribution of the gap between two policies.
    styles : line style of each policy.
    """
    a_year = gap.by_component * (BPS / gap.span)
    rows = pd.concat([a_year, pd.Series({TOTAL: gap.gap * BPS / gap.span})])
    years = BPS * gap.by_year["total"]
    style = styles[gap.name]

    def draw(f: Format) -> Canvas:
        tall = ROW * len(rows)
        if f.is_wide:
            height = max(tall, HIGH)
            canvas = Canvas(f.width, TITLE + height + BELOW, f"{NAME}-wide")
            first, second = (NAMES, TITLE, 250.0, tall), (510.0, TITLE, f.width - 510.0 - 10.0, height)
        else:
            canvas = Canvas(f.width, TITLE + tall + BELOW + TITLE + HIGH + BELOW, f"{NAME}-narrow")
            first = (NAMES, TITLE, f.width - NAMES - 60.0, tall)
            second = (f.left + 12.0, TITLE + tall + BELOW + TITLE, f.width - f.left - 24.0, HIGH)
        _components(Panel(canvas, *first, Axis.over([*rows, 0.0], margin=0.12)), rows, style)
        _years(
            Panel(canvas, *second, Axis(-0.5, len(years) - 0.5), Axis.over([*years, 0.0], margin=0.12)), years, style
        )
        return canvas

    caption = _caption(gap, a_year)
    alt = _alt(gap, rows, years)
    data = gap.table().reset_index()
    return picture(NAME, f"Gap of {gap.name} to {gap.other} by component and year", caption, alt, data, draw)


def _caption(gap: Attribution, a_year: pd.Series) -> str:
    if not gap.cells.any():
        return f"{gap.name} and {gap.other} held the same on every day and paid the same."
    largest = str(a_year.abs().idxmax())
    line = str(gap.by_line["total"].abs().idxmax())
    of_line = float(gap.by_line["total"].loc[line]) * BPS / gap.span
    return (
        f"The largest component is {largest}, {number(float(a_year[largest]), signed=True)} bp a year; the asset with "
        f"the largest part is {line}, {number(of_line, signed=True)} bp a year. Parts of log growth, which add up "
        "over assets, years and components."
    )


def _alt(gap: Attribution, rows: pd.Series, years: pd.Series) -> str:
    parts = ", ".join(f"{name} {number(float(value), signed=True)}" for name, value in rows.items())
    each = ", ".join(f"{year} {number(float(value), 0, signed=True)}" for year, value in years.items())
    return (
        f"Growth of {gap.name} less that of {gap.other} by component, basis points a year: {parts}. By calendar year, "
        f"basis points: {each}."
    )


def _components(panel: Panel, rows: pd.Series, style: LineStyle) -> None:
    """A bar a component from zero, with its figure at its end; the gap is the last and the darkest."""
    heading(panel.canvas, 0.0, panel.top - 12.0, "By component", "bp a year")
    shades = [0.45] * (len(rows) - 1) + [1.0]
    bars(panel, [[(0.0, float(v), style.colour, shade)] for v, shade in zip(rows, shades, strict=True)])
    row_names(panel, [str(name).replace("_", " ") for name in rows.index], bold=[TOTAL])
    for (name, value), y in zip(rows.items(), heights(panel, len(rows)), strict=True):
        x = panel.x_at(max(float(value), 0.0)) + 6.0
        panel.canvas.text(x, y, number(float(value), signed=True), bold=name == TOTAL)
    panel.x_grid(panel.x.ticks(4), lines=False)
    panel.x_title("bp of log growth a year")
    panel.x_line(0.0, "ink", 0.8)


def _years(panel: Panel, years: pd.Series, style: LineStyle) -> None:
    """A column a year from zero."""
    panel.title("By year", "bp of log growth")
    panel.y_grid(panel.y.ticks())
    year_columns(panel, years.tolist(), style.colour, 30.0)
    year_numbers(panel, years.index)
    panel.x_title("calendar year")
