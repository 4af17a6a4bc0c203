"""Expected return of each asset today, with the interval that the forecast claims, beside the mean so far."""

import pandas as pd

from foundation.paper.charts.interval_rows import Row, interval_rows
from foundation.paper.charts.panel import Axis, Side, plotted
from foundation.paper.layout import ROW_HEIGHT, ROW_ROOM
from foundation.paper.picture import Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import listed, percent

NAME = "forecasts_today"
NUMBERS = ["expected", "lower", "upper", "mean so far"]


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
    return picture(NAME, f"What {model} expects", caption, alt, data, draw)
