"""The picture of a cycle: the expected loss of each alternative beside that of the policy's own list."""

import pandas as pd

from desk.cycle.analysis import ERRORS
from foundation.paper.charts.interval_rows import Row, axis_of_rows, interval_rows
from foundation.paper.charts.panel import Side, plotted
from foundation.paper.layout import ROW_HEIGHT, ROW_ROOM
from foundation.paper.picture import Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import number, told


def losses_picture(table: pd.DataFrame, chosen: str) -> Picture:
    """The loss of each alternative less that of the policy's own list, with its Monte Carlo interval.

    table  : a row an alternative, with `alternative`, `apart`, `error` and `best`, as in a record.
    chosen : name of the alternative that was decided for, which is drawn bold.
    """
    data = table[["alternative", "apart", "error", "best"]]
    rows = []
    for name, apart, error in zip(table["alternative"], table["apart"], table["error"], strict=True):
        style = LineStyle("ink", width=2.0, bold=True) if name == chosen else LineStyle("sky", width=1.6)
        rows.append(Row(name, apart, apart - ERRORS * error, apart + ERRORS * error, style, figure=number(apart, 2)))
    x, y = Side(axis_of_rows(rows)), Side(words="Loss less the policy's", unit="bp of NAV a year")
    draw = plotted(x, y, lambda panel: interval_rows(panel, rows, zero=True), ROW_HEIGHT * len(rows), **ROW_ROOM)
    title = "Expected loss of a year beside the policy's"
    caption = "Mark: mean over the same simulated years; line: where other random numbers would put it in 95 of 100."
    return picture("cycle_losses", title, caption, f"{title}, bp: {told(data, '{alternative} {apart}')}.", data, draw)
