"""Pictures of what a portfolio file says of today: weights held and wanted, differences with intervals, forecasts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.inference.estimates import Estimate
from backtests.studies.forecasts.skill import COVERAGE
from backtests.studies.forecasts.walk_forward import ForecastPath
from backtests.today.targets_today import TargetsToday
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.interval_rows import Row, heights, interval_rows, row_names, rows_panel
from foundation.paper.charts.panel import Axis, day_numbers, one_panel
from foundation.paper.layout import AXIS, KEY_ROW, NAMES, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number, percent

ROWS_SHOWN = 40  # assets drawn: those farthest from their targets; all are in the picture's CSV
ROW = 24.0  # px of an asset
SHOWN = 5e-4  # of NAV: a distance that is not shown as 0.0 points
MARKS = (("target", "o", "sky", "", 5.5), ("held", "o", "ink", "paper", 9.5))  # column, mark, colour, fill and px
SIMPLE = (("|", "soft"), ("D", "stone"), ("v", "green"), ("^", "violet"))  # marks of the strategic target and controls
NARROW_NAMES = 120.0  # px
HEIGHT = 220.0  # px of a history


def weights_picture(found: TargetsToday) -> Picture:
    """A row an asset: the weight held, that of the target that is judged, and those of the simple targets."""
    table = found.table(found.judged).drop(columns=["risk", *(["strategic"] if found.is_strategic else [])])
    gap = table["target"] - table["held"]
    far = gap.abs().sort_values(ascending=False, kind="stable")
    words = [
        f"{line} by {number(100.0 * gap[line], 1, signed=True)} points" for line in far.index[:3][far[:3] >= SHOWN]
    ]
    caption = "The rings are the weights held, the full points the target; "
    caption += f"farthest from it: {listed(words)}." if words else "they are the same."
    caption += f" The {ROWS_SHOWN} farthest are drawn." if len(table) > ROWS_SHOWN else ""
    rows = "; ".join(f"{line} {percent(one.held)} and {percent(one.target)}" for line, one in table.iterrows())
    drawn = 100.0 * table.loc[[line for line in table.index if line in set(far.index[:ROWS_SHOWN])]]
    simple = list(zip([str(name) for name in table if name not in ("held", "target")], SIMPLE, strict=False))

    def draw(f: Format) -> Canvas:
        names, key = (NAMES, 1) if f.is_wide else (NARROW_NAMES, 3)
        across = Axis.over([*drawn.to_numpy().ravel(), 0.0], margin=0.03)
        panel = rows_panel(
            f, "weights", len(drawn), across, names=names, right=16.0, below=AXIS, row=ROW, above=TITLE + key * KEY_ROW
        )
        canvas = panel.canvas
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

    def draw(f: Format) -> Canvas:
        across = Axis.over([*data[["value", "lower", "upper"]].to_numpy().ravel(), 0.0])
        panel = rows_panel(
            f, name, len(shown), across, names=230.0 if f.is_wide else 150.0, below=AXIS, row=ROW, above=8.0
        )
        panel.x_grid(panel.x.ticks(7 if f.is_wide else 3))
        panel.x_title(unit)
        rows = [
            Row(key, one.value, one.lower, one.upper, LineStyle("sky", width=2.0),
                filled=not one.lower <= 0.0 <= one.upper, figure=number(one.value, signed=True))
            for key, one in shown.items()
        ]  # fmt: skip
        interval_rows(panel, rows, zero=True)
        return panel.canvas

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

    def draw(f: Format) -> Canvas:
        days = day_numbers(pd.DatetimeIndex(data.index))
        panel = one_panel(
            f,
            f"history-{i}",
            HEIGHT,
            Axis.over_days(pd.DatetimeIndex(data.index)),
            Axis.over(data),
            right=8.0,
            below=AXIS,
        )
        panel.title("Return over the horizon", "%")
        panel.y_grid(panel.y.ticks())
        panel.x_title("day of the forecast")
        panel.years(pd.DatetimeIndex(data.index))
        panel.y_line(0.0, "soft", 0.8, behind=True)
        panel.area(days, data["lower"], data["upper"], "sky", 0.2)
        curves(panel, [Curve("expected", days, data["expected"].to_numpy(), LineStyle("sky", width=2.0))])
        for x, y in zip(days, data["outcome"], strict=True):
            if y == y:
                panel.canvas.point(panel.x_at(x), panel.y_at(y), colour="ink", size=3.5, ring=0.0)
        return panel.canvas

    table = data.rename_axis("date").reset_index()
    return picture(f"history_{i}", f"{line}: what {name} expected, and what came", caption, caption, table, draw)
