"""Calendar years: what the reference returned, and how much more or less each policy did."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.figures.layout import far, limits, ticks
from backtests.figures.picture import Format, Picture, heading, height_of, picture, scale
from backtests.figures.styles import LABEL_GAP, Look, end_labels
from backtests.figures.svg import Canvas
from backtests.wording import number, percent
from research.risk import calendar_years

TITLE, FOOT, HIGH = 30.0, 22.0, 110.0  # px


def year_table(played: Mapping[str, Backtest]) -> pd.DataFrame:
    """Net return of each calendar year, fraction: a row a year, a column a policy. The ends may be parts of years."""
    days = next(iter(played.values())).dates[1:].to_numpy().astype("datetime64[D]")
    found = {name: calendar_years(days, b.net_returns) for name, b in played.items()}
    years = next(iter(found.values()))[0]
    return pd.DataFrame({name: values for name, (_, values) in found.items()}, index=pd.Index(years, name="year"))


def calendar(table: pd.DataFrame, styles: Mapping[str, Look], reference: str) -> Picture:
    """Columns for the reference, and points for the others' differences to it. table : as `year_table` gives it."""
    return picture(
        "years",
        "Calendar years",
        _caption(table, reference),
        _alt(table),
        table.reset_index(),
        lambda f: _draw(f, table, styles, reference),
    )


def _gaps(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    return table.drop(columns=reference).sub(table[reference], axis=0)


def _caption(table: pd.DataFrame, reference: str) -> str:
    base, gaps = table[reference], _gaps(table, reference)
    best, worst = int(base.to_numpy().argmax()), int(base.to_numpy().argmin())
    said = " and ".join(
        f"{percent(base.iloc[row], signed=True)} in {base.index[row]}" for row in dict.fromkeys((best, worst))
    )
    said = f"{reference}'s best and worst year: {said}." if best != worst else f"{reference}: {said}."
    near = gaps.loc[:, ~far(gaps.abs().max())]
    if near.empty:
        return said
    row, column = divmod(int(near.abs().to_numpy().argmax()), near.shape[1])
    most = float(near.to_numpy()[row, column])
    side = "above" if most > 0.0 else "below"
    return (
        f"{said} The widest gap of a policy near to it: {near.columns[column]}, {number(100.0 * abs(most))} points "
        f"{side} it in {near.index[row]}."
    )


def _alt(table: pd.DataFrame) -> str:
    each = [f"{name} " + ", ".join(f"{year} {percent(v)}" for year, v in table[name].items()) for name in table]
    return f"Net return of each calendar year. {'; '.join(each)}."


def _draw(f: Format, table: pd.DataFrame, styles: Mapping[str, Look], reference: str) -> Canvas:
    others = table.shape[1] - 1
    lower = max(HIGH + 20.0, LABEL_GAP * others + 8.0) if others else 0.0
    canvas = Canvas(f.width, TITLE + HIGH + (TITLE + lower if others else 0.0) + FOOT, f"years-{f.css}")
    slot = f.plot / len(table)
    middles = f.left + slot * (np.arange(len(table)) + 0.5)
    _columns(f, canvas, 100.0 * table[reference].to_numpy(), reference, middles, min(0.5 * slot, 34.0))
    bottom = TITLE + HIGH
    if others:
        top, bottom = bottom + TITLE, bottom + TITLE + lower
        _points(f, canvas, 100.0 * _gaps(table, reference), styles, reference, middles, top, lower)
    short = slot < 34.0
    for k, (x, year) in enumerate(zip(middles, table.index, strict=True)):
        if k % math.ceil((22.0 if short else 34.0) / slot) == 0:
            canvas.text(x, bottom + 11.0, f"’{year % 100:02d}" if short else str(year), colour="soft", align="center")
    return canvas


def _columns(f: Format, canvas: Canvas, values: np.ndarray, name: str, middles: np.ndarray, width: float) -> None:
    """A column a year from zero, with its figure."""
    heading(canvas, f.left, TITLE - 12.0, name, "% a year, net of costs")
    low, high = limits([*values, 0.0], margin=0.16)
    digits = 1 if f.plot > 34.0 * len(values) else 0
    zero, *ends = (TITLE + HIGH * (high - v) / (high - low) for v in (0.0, *values))
    for x, y, value in zip(middles, ends, values, strict=True):
        canvas.line([x, x], [zero, y], colour="soft", width=width)
        if f.plot > 22.0 * len(values):
            canvas.text(x, y - 8.0 if value >= 0.0 else y + 8.0, number(value, digits), align="center")
    canvas.line([f.left, f.left + f.plot], [zero, zero], colour="ink", width=0.8)


def _points(
    f: Format,
    canvas: Canvas,
    gaps: pd.DataFrame,
    styles: Mapping[str, Look],
    reference: str,
    middles: np.ndarray,
    top: float,
    height: float,
) -> None:
    """A point a policy and year, in points of return; one that is too far for the scale is an arrow at its edge."""
    right, slot = f.left + f.plot, f.plot / len(middles)
    gone = far(gaps.abs().max())
    low, high = limits([*gaps.loc[:, ~gone].to_numpy().ravel(), 0.0], margin=0.08)
    heading(
        canvas, f.left, top - 12.0, f"Less {reference}", "points; an arrow: off the scale" if gone.any() else "points"
    )
    axes = canvas.axes(f.left, top, f.plot, height)
    axes.set_ylim(low, high)
    scale(canvas, axes, ticks(low, high), f.left, right)
    none = height_of(canvas, axes, 0.0)
    canvas.line([f.left, right], [none, none], colour="ink", width=0.8, behind=True)
    for edge in middles[:-1] + slot / 2.0:
        canvas.line([edge, edge], [top, top + height], colour="rule", width=0.7, behind=True)
    step = 0.82 * slot / gaps.shape[1]
    for k, name in enumerate(gaps):
        look = styles[str(name)]
        size = (6.0 if look.bold else 4.6) * (1.0 if f.is_wide else 0.8)
        for x, value in zip(middles + (k - (gaps.shape[1] - 1) / 2.0) * step, gaps[name], strict=True):
            mark, inward = ("^", 4.0) if value > high else ("v", -4.0) if value < low else ("o", 0.0)
            y = height_of(canvas, axes, value) + inward
            canvas.point(x, y, colour=look.colour, size=size, face=look.face, mark=mark, ring=1.0)
    ends = {str(n): (height_of(canvas, axes, float(v.iloc[-1])), "") for n, v in gaps.items()}
    end_labels(canvas, styles, ends, x=right, right=f.width, top=top + 5.0, bottom=top + height - 5.0, values=False)
