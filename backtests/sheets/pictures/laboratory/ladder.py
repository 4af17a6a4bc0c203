"""Gap of each rule to the optimum, one row for each, with its bounds, on a log scale."""

import pandas as pd

from foundation.paper.charts.interval_rows import Row, heights, interval_rows, rows_panel
from foundation.paper.charts.panel import THIN, Axis
from foundation.paper.layout import AXIS
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number

LEAST = 0.5  # per cent: the foot of the scale goes no lower, and a rule below it stands there


def ladder_picture(table: pd.DataFrame, reference: str, name: str = "ladder") -> Picture:
    """J over that of the optimum, less 1, in per cent.

    table     : a row a rule; columns and units as `backtests.laboratory.study.gaps` gives them. Its reference is not
                drawn.
    reference : name of the optimum.
    name      : of the file.
    """
    rows = table.drop(index=reference).sort_values("loss", kind="stable")
    over = {str(rule): 100.0 * float(value) for rule, value in rows["relative"].items()}
    near = [rule for rule, value in over.items() if value < 10.0]
    caption = (
        f"{f'Within 10 % of the optimum: {listed(near)}. ' if near else ''}Error bars: 95 % interval of the paired "
        "difference. Filled marker: tuned setting; open: no tuning."
    )
    alt = "; ".join(f"{rule} {number(value, 1)} %" for rule, value in over.items())

    def draw(f: Format) -> Canvas:
        low = max(60.0 * float(rows["relative"].min()), LEAST)
        most = 1.25 * max(100.0 * float(rows["relative"].max()), 1.0)
        panel = rows_panel(f, name, len(rows), Axis(low, most, "log"), below=AXIS)
        panel.scales("J above optimum", "% (log scale)", "% above the optimum")
        drawn = []
        for rule, r in rows.iterrows():
            ends = (max(100.0 * float(r[c]), low) for c in ("relative", "relative_lower", "relative_upper"))
            figure = number(100.0 * r["relative"], 0 if r["relative"] > 1.0 else 1)
            tuned = str(rule).startswith("tuned ")
            drawn.append(Row(str(rule), *ends, LineStyle("wine", width=2.0), filled=tuned, figure=figure))
        for row, y in zip(drawn, heights(panel, len(drawn)), strict=True):
            ends_at = [panel.left, panel.x_at(row.estimate)]
            panel.canvas.line(ends_at, [y, y], colour="rule", width=THIN, behind=True)
        interval_rows(panel, drawn)
        return panel.canvas

    return picture(name, "Loss above the optimum", caption, alt, rows.reset_index(), draw)
