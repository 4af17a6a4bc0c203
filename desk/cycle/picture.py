"""The picture of a cycle: the expected loss of each alternative beside that of the policy's own list."""

import pandas as pd

from desk.cycle.analysis import ERRORS
from foundation.paper.charts.interval_rows import Row, interval_rows, rows_panel
from foundation.paper.charts.panel import Axis
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import number


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
    ends = [end for row in rows for end in (row.lower, row.upper, 0.0)]

    def draw(f: Format) -> Canvas:
        panel = rows_panel(f, "cycle_losses", len(rows), Axis.over(ends))
        panel.scales("Loss less the policy's", "bp of NAV a year")
        interval_rows(panel, rows, zero=True)
        return panel.canvas

    title = "Expected loss of a year beside the policy's"
    caption = "Mark: mean over the same simulated years; line: where other random numbers would put it in 95 of 100."
    alt = "; ".join(f"{row.name} {number(row.estimate, 2)}" for row in rows)
    return picture("cycle_losses", title, caption, f"{title}, bp: {alt}.", data, draw)
