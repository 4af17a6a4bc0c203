"""Pictures by calendar year: returns and differences to the reference, and the gap between two policies."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from backtests.attribution.attribution import Attribution
from backtests.engine.result import Backtest
from foundation.dataclasses import replace
from foundation.paper.charts.curves import End, end_labels
from foundation.paper.charts.interval_rows import bars, heights, row_names
from foundation.paper.charts.panel import THIN, Axis, Panel, Side, beside, heading
from foundation.paper.layout import NAMES, NUMBERS_HEIGHT, ROW_HEIGHT, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LABEL_GAP, LineStyle, near_sizes
from foundation.paper.svg import Canvas
from foundation.paper.wording import cells_told, number, percent
from research.risk import calendar_years
from research.risk.measures import BPS

HEIGHT = 110.0  # px: of a panel
NAME = "attribution"
YEAR_GAP = "gap"
HIGH_OF_GAP = 150.0  # px: of the panel of years, at least
BELOW = NUMBERS_HEIGHT + 20.0  # px: for the numbers of an axis and its title


def year_table(played: Mapping[str, Backtest]) -> pd.DataFrame:
    """Net return of each calendar year, fraction: a row a year, a column a policy. The ends may be parts of years."""
    days = next(iter(played.values())).dates[1:].to_numpy().astype("datetime64[D]")
    found = {name: calendar_years(days, b.net_returns) for name, b in played.items()}
    years = next(iter(found.values()))[0]
    return pd.DataFrame({name: values for name, (_, values) in found.items()}, index=pd.Index(years, name="year"))


def years_picture(table: pd.DataFrame, styles: Mapping[str, LineStyle], reference: str) -> Picture:
    """Columns for the reference, and points for the others' differences to it.

    table     : a row a year, a column a policy; units as `year_table` gives them.
    styles    : line style of each policy.
    reference : name of a policy.
    """

    def draw(f: Format) -> Canvas:
        others, count = table.shape[1] - 1, len(table)
        lower = max(HEIGHT + 20.0, LABEL_GAP * others + 8.0) if others else 0.0
        canvas = f.canvas(TITLE + HEIGHT + (TITLE + lower if others else 0.0) + NUMBERS_HEIGHT)
        across, base = years_side(count).axis, (100.0 * table[reference]).tolist()
        panel = Panel(canvas, f.left, TITLE, f.plot, HEIGHT, across, Axis.over([*base, 0.0], margin=0.16))
        panel.title(reference, "% a year, net of costs")
        year_columns(panel, base, styles[reference].colour, 34.0)
        slot = panel.width / count
        for k, value in enumerate(base if slot > 22.0 else []):
            words, away = number(value, 1 if slot > 34.0 else 0), -8.0 if value >= 0.0 else 8.0
            canvas.text(panel.x_at(k), panel.y_at(value) + away, words, align="center")
        if others:
            gaps = 100.0 * _gaps(table, reference)
            held = gaps_held(gaps, styles)
            up = Axis.over([*held.to_numpy().ravel(), 0.0], margin=0.08)
            panel = Panel(canvas, f.left, TITLE + HEIGHT + TITLE, f.plot, lower, across, up)
            panel.title(f"Excess return vs {reference}", "pp; arrows: off scale" if len(held.T) < others else "pp")
            _points(panel, gaps, styles)
        year_numbers(panel, table.index)
        return canvas

    caption, alt = _caption(table, styles, reference), _alt(table)
    return picture("years", "Calendar years", caption, alt, table.reset_index(), draw)


def _gaps(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    return table.drop(columns=reference).sub(table[reference], axis=0)


def _caption(table: pd.DataFrame, styles: Mapping[str, LineStyle], reference: str) -> str:
    base, gaps = table[reference], _gaps(table, reference)
    best, worst = int(base.to_numpy().argmax()), int(base.to_numpy().argmin())
    text = " and ".join(
        f"{percent(base.iloc[row], signed=True)} in {base.index[row]}" for row in dict.fromkeys((best, worst))
    )
    text = f"{reference}'s best and worst year: {text}." if best != worst else f"{reference}: {text}."
    largest = largest_gap(gaps_held(gaps, styles))
    return f"{text} Largest difference within the scale: {largest}." if largest else text


def gaps_held(gaps: pd.DataFrame, styles: Mapping[str, LineStyle]) -> pd.DataFrame:
    """The differences to the reference that a scale must hold: a row a period, a column a policy."""
    return gaps[near_sizes(styles, gaps.abs().max().to_dict())]


def largest_gap(held: pd.DataFrame) -> str:
    """The largest difference of a policy within the scale, in words; "" where there is none.

    held : differences, fraction, as `gaps_held` gives them; NaN where there is none.
    """
    if held.empty or held.isna().all(axis=None):
        return ""
    row, column = divmod(int(np.nanargmax(held.abs().to_numpy())), held.shape[1])
    most = 100.0 * float(held.to_numpy()[row, column])
    side = "above" if most > 0.0 else "below"
    return f"{held.columns[column]}, {number(abs(most))} pp {side} it in {held.index[row]}"


def _alt(table: pd.DataFrame) -> str:
    each = cells_told(table.T, lambda year, value: f"{year} {percent(value)}", after=" ")
    return f"Net return of each calendar year. {each}."


def years_side(count: int) -> Side:
    """A side across of so many years, a row of a table each, whose numbers `year_numbers` writes."""
    return Side(Axis(-0.5, count - 0.5), at=())


def year_columns(panel: Panel, values: Sequence[float], colour: str, widest: float) -> None:
    """A column a year from zero; the x axis of the panel counts years from 0.

    panel  : panel to draw on.
    values : value of each year, in the unit of the panel's `y`.
    colour : name of a token.
    widest : greatest width of a column, px.
    """
    width = min(0.5 * panel.width / len(values), widest)
    for k, value in enumerate(values):
        x, ends = panel.x_at(k), [panel.y_at(0.0), panel.y_at(value)]
        panel.canvas.line([x, x], ends, colour=colour, width=width)
    panel.y_line(0.0, "ink", 0.8)


def year_numbers(panel: Panel, years: pd.Index) -> None:
    """The years below a panel, as many as there is room for, shortened where there is little."""
    slot = panel.width / len(years)
    short = slot < 34.0
    shown = range(0, len(years), math.ceil((22.0 if short else 34.0) / slot))
    words = [f"’{int(years[k]) % 100:02d}" if short else str(years[k]) for k in shown]
    panel.x_grid(shown, words, lines=False)


def _points(panel: Panel, gaps: pd.DataFrame, styles: Mapping[str, LineStyle]) -> None:
    """A point a policy and year, in points of return; one that is too far for the scale is an arrow at its edge."""
    canvas = panel.canvas
    panel.y_grid(panel.y.ticks())
    panel.y_line(0.0, "ink", 0.8, behind=True)
    for k in range(1, len(gaps)):
        panel.x_line(k - 0.5, "rule", THIN, behind=True)
    for column, name in enumerate(gaps):
        style, aside = styles[str(name)], 0.82 * ((column + 0.5) / gaps.shape[1] - 0.5)
        size = (6.0 if style.bold else 4.6) * canvas.of((1.0, 0.8))
        for k, value in enumerate(gaps[name]):
            mark, inward = ("^", 4.0) if value > panel.y.high else ("v", -4.0) if value < panel.y.low else ("o", 0.0)
            y = panel.y_at(value) + inward
            x, looks = panel.x_at(k + aside), {"colour": style.colour, "face": style.face}
            with canvas.owned_by(str(name)):
                canvas.point(x, y, size=size, mark=mark, ring=1.0, **looks)
    ends = [End(str(name), panel.y_at(float(v.iloc[-1])), styles[str(name)]) for name, v in gaps.items()]
    end_labels(panel, ends)


# -- the gap between two policies ------------------------------------------------------------------------------------


def attribution_picture(gap: Attribution, styles: Mapping[str, LineStyle]) -> Picture:
    """Components in bp a year of log growth, and the gap of each calendar year in bp.

    gap    : attribution of the gap between two policies.
    styles : line style of each policy.
    """
    a_year = gap.by_component * (BPS / gap.span)
    rows = pd.concat([a_year, pd.Series({YEAR_GAP: gap.gap * BPS / gap.span})])
    years = BPS * gap.by_year["total"]
    style = styles[gap.name]

    def draw(f: Format) -> Canvas:
        tall, edge = ROW_HEIGHT * len(rows), 510.0 if f.is_wide else f.left + 12.0
        spans = [
            (NAMES, 250.0 if f.is_wide else f.width - NAMES - 60.0),
            (edge, f.width - edge - (10.0 if f.is_wide else 12.0)),
        ]
        first, second = beside(f, [tall, max(tall, HIGH_OF_GAP) if f.is_wide else HIGH_OF_GAP], spans, BELOW)
        _components(replace(first, x=Axis.over([*rows, 0.0], margin=0.12)), rows, style)
        _years(second, years, style)
        return first.canvas

    caption, alt, data = _caption_of_gap(gap, a_year), _alt_of_gap(gap, rows, years), gap.table().reset_index()
    return picture(NAME, f"Gap of {gap.name} to {gap.other} by component and year", caption, alt, data, draw)


def _caption_of_gap(gap: Attribution, a_year: pd.Series) -> str:
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


def _alt_of_gap(gap: Attribution, rows: pd.Series, years: pd.Series) -> str:
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
    row_names(panel, [str(name).replace("_", " ") for name in rows.index], bold=[YEAR_GAP])
    for (name, value), y in zip(rows.items(), heights(panel, len(rows)), strict=True):
        x = panel.x_at(max(float(value), 0.0)) + 6.0
        panel.canvas.text(x, y, number(float(value), signed=True), bold=name == YEAR_GAP)
    panel.x_grid(panel.x.ticks(4), lines=False)
    panel.x_title("bp of log growth a year")
    panel.x_line(0.0, "ink", 0.8)


def _years(at: Panel, years: pd.Series, style: LineStyle) -> None:
    """A column a year from zero."""
    up = Side(Axis.over([*years, 0.0], margin=0.12), "By year", "bp of log growth")
    panel = at.scaled(years_side(len(years)), up)
    year_columns(panel, years.tolist(), style.colour, 30.0)
    year_numbers(panel, years.index)
    panel.x_title("calendar year")
