"""Pictures of what a portfolio file says of today: weights held and wanted, differences with intervals, forecasts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.inference.estimates import Estimate
from backtests.studies.forecasts.skill import COVERAGE
from backtests.studies.forecasts.walk_forward import ForecastPath
from backtests.today.targets_today import TargetsToday
from foundation.dataclasses import replace
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.interval_rows import Row, axis_of_rows, heights, interval_rows, row_names
from foundation.paper.charts.panel import Axis, Panel, Side, day_numbers, one_panel, plotted
from foundation.paper.layout import AXIS, KEY_ROW, NAMES, ROW_HEIGHT, ROW_ROOM, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number, percent

ASSETS_DRAWN = 40  # assets drawn: those farthest from their targets; all are in the picture's CSV
ROW = 24.0  # px of an asset
SHOWN = 5e-4  # of NAV: a distance that is not shown as 0.0 points
MARKS = (("target", "o", "sky", "", 5.5), ("held", "o", "ink", "paper", 9.5))  # column, mark, colour, fill and px
SIMPLE = (("|", "soft"), ("D", "stone"), ("v", "green"), ("^", "violet"))  # marks of the strategic target and controls
NARROW_NAMES = 120.0  # px
HEIGHT = 220.0  # px of a history
NUMBERS = ["expected", "lower", "upper", "mean so far"]


def target_weights_picture(found: TargetsToday) -> Picture:
    """A row an asset: the weight held, that of the target that is judged, and those of the simple targets."""
    table = found.table(found.judged).drop(columns=["risk", *(["strategic"] if found.is_strategic else [])])
    gap = table["target"] - table["held"]
    far = gap.abs().sort_values(ascending=False, kind="stable")
    words = [
        f"{line} by {number(100.0 * gap[line], 1, signed=True)} points" for line in far.index[:3][far[:3] >= SHOWN]
    ]
    caption = "The rings are the weights held, the full points the target; "
    caption += f"farthest from it: {listed(words)}." if words else "they are the same."
    caption += f" The {ASSETS_DRAWN} farthest are drawn." if len(table) > ASSETS_DRAWN else ""
    rows = "; ".join(f"{line} {percent(one.held)} and {percent(one.target)}" for line, one in table.iterrows())
    drawn = 100.0 * table.loc[[line for line in table.index if line in set(far.index[:ASSETS_DRAWN])]]
    simple = list(zip([str(name) for name in table if name not in ("held", "target")], SIMPLE, strict=False))

    def draw(f: Format) -> Canvas:
        names, above = (NAMES, TITLE + KEY_ROW) if f.is_wide else (NARROW_NAMES, TITLE + 3 * KEY_ROW)
        canvas, high = f.canvas(above + ROW * len(drawn) + AXIS), ROW * len(drawn)
        across = Axis.over([*drawn.to_numpy().ravel(), 0.0], margin=0.03)
        panel = Panel(canvas, names, above, f.width - names - 16.0, high, across)
        canvas.text(names, 12.0, "Weight", bold=True)
        panel.x_grid(panel.x.ticks(8 if f.is_wide else 4))
        panel.x_title("% of net asset value")
        row_names(panel, [str(line) for line in drawn.index])
        marks = [*MARKS, *((name, mark, colour, "", 7.5) for name, (mark, colour) in simple)]
        for y, (_, one) in zip(heights(panel, len(drawn)), drawn.iterrows(), strict=True):
            canvas.line([panel.x_at(one["held"]), panel.x_at(one["target"])], [y, y], colour="sky", width=1.8)
            for name, mark, colour, face, size in reversed(marks):
                canvas.point(panel.x_at(one[name]), y, colour=colour, size=size, face=face, mark=mark)
        x, y = names + 5.0, TITLE + 4.0
        for name, mark, colour, face, size in marks:
            width = 24.0 + 6.8 * len(name)
            if x + width > f.width:
                x, y = names + 5.0, y + KEY_ROW
            canvas.point(x, y, colour=colour, size=size, face=face, mark=mark)
            canvas.text(x + 9.0, y, name, colour="soft")
            x += width
        return canvas

    return picture(
        "weights", "Weights held and wanted", caption, f"Held and target: {rows}.", table.reset_index(), draw
    )


def intervals_picture(name: str, title: str, caption: str, estimates: Mapping[str, Estimate], unit: str) -> Picture:
    """A row an estimate with its interval, about zero; one that leaves zero out is full.

    name      : name of its file.
    title     : title above it.
    caption   : sentence on what to notice.
    estimates : by the name of their row; those without an interval are left out.
    unit      : unit in words, below the axis.
    """
    shown = {key: one for key, one in estimates.items() if np.isfinite([one.value, one.lower, one.upper]).all()}
    data = pd.DataFrame([(key, one.value, one.lower, one.upper) for key, one in shown.items()])
    data = data.set_axis(["row", "value", "lower", "upper"], axis=1)

    style, rows = LineStyle("sky", width=2.0), []
    for key, one in shown.items():
        sure, figure = not one.lower <= 0.0 <= one.upper, number(one.value, signed=True)
        rows.append(Row(key, one.value, one.lower, one.upper, style, filled=sure, figure=figure))

    def marks(panel: Panel) -> None:
        interval_rows(panel, rows, zero=True)

    x = Side(axis_of_rows(rows), unit, most=(7, 3))
    draw = plotted(x, Side(), marks, ROW * len(rows), left=(230.0, 150.0), right=48.0, above=8.0)
    alt = "; ".join(f"{key} {one.text(signed=True)}" for key, one in shown.items())
    return picture(name, title, caption, f"{alt}.", data, draw)


def history_picture(path: ForecastPath, line: str, name: str) -> Picture:
    """The forecasts of an asset at month ends with their intervals, and the outcomes.

    path : walk-forward of the forecast.
    line : one of its assets.
    name : name of the forecast.
    """
    i = path.market.assets.index(line)
    columns = {"expected": path.mean, "outcome": path.outcome} | dict(
        zip(("lower", "upper"), path.ends(COVERAGE), strict=True)
    )
    data = pd.DataFrame({key: 100.0 * values[:, i] for key, values in columns.items()}, path.dates)
    data = data[data["expected"].notna()]
    known = data.dropna()
    inside = float(known["outcome"].between(known["lower"], known["upper"]).mean()) if len(known) else np.nan
    caption = (
        f"The line is what {name} expected of {line}, the band its {percent(COVERAGE, 0)} interval, the points are "
        f"what came: {percent(inside, 0)} of {len(known)} lie in the band."
    )

    dates = pd.DatetimeIndex(data.index)

    def draw(f: Format) -> Canvas:
        days, x, y = day_numbers(dates), Axis.over_days(dates), Axis.over(data)
        panel = one_panel(replace(f, name=f"history-{i}"), HEIGHT, x, y, right=8.0, below=AXIS)
        panel.title("Return over the horizon", "%")
        panel.y_grid(panel.y.ticks())
        panel.x_title("day of the forecast")
        panel.years(dates)
        panel.y_line(0.0, "soft", 0.8, behind=True)
        panel.area(days, data["lower"], data["upper"], "sky", 0.2)
        curves(panel, [Curve("expected", days, data["expected"].to_numpy(), LineStyle("sky", width=2.0))], named=False)
        panel.canvas.points(panel.across(days), panel.up(data["outcome"]), colour="ink", size=3.5, strength=1.0)
        return panel.canvas

    table = data.rename_axis("date").reset_index()
    return picture(f"history_{i}", f"{line}: what {name} expected, and what came", caption, caption, table, draw)


def forecasts_picture(table: pd.DataFrame, model: str, horizon: str) -> Picture:
    """A row an asset: the expected return with its interval, and the mean so far as a stroke.

    table   : of the champion, see `backtests.studies.forecasts.today.ForecastsToday.table`.
    model   : its name.
    horizon : in words, such as "21 days".
    """
    data = table[NUMBERS].rename_axis("line").reset_index()
    said = [f"{line} {percent(mean, 2)}" for line, mean in zip(data["line"], data["expected"], strict=True)]
    caption = (
        f"Expected return of the next {horizon} by {model}, with the interval that should hold 90 % of outcomes. The "
        "stroke is the mean so far, the naive forecast. Intervals are of outcomes, not of means."
    )
    alt = f"Expected return of the next {horizon}: {listed(said)}."

    rows = []
    for line, one in data.set_index("line").astype(float).iterrows():
        mean, lower, upper, so_far = (100.0 * one[name] for name in NUMBERS)
        figure = percent(one["expected"], 1)
        rows.append(Row(str(line), mean, lower, upper, LineStyle("sky", width=2.0), figure=figure, values=(so_far,)))
    across = Axis.over([0.0, *(100.0 * data["lower"]), *(100.0 * data["upper"])], margin=0.02)
    x, y = Side(across, zero="soft"), Side(words="Expected return", unit="%")
    draw = plotted(x, y, lambda panel: interval_rows(panel, rows), ROW_HEIGHT * len(rows), **ROW_ROOM)
    return picture("forecasts_today", f"What {model} expects", caption, alt, data, draw)
