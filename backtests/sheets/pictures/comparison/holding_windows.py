"""Growth of a policy less that of another, or of a benchmark, for every start month and number of years of holding."""

import numpy as np

from backtests.evaluation.holding_windows import HoldingWindows
from backtests.sheets.pictures.comparison.months import GAIN, LOSS, STRONGEST
from foundation.paper.charts.heat_map import HeatMap, colour_scale, heat_map
from foundation.paper.layout import TITLE
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import counted, number, percent

NARROWEST = 4.0  # px: of a column; with less, only each third or each twelfth month is drawn
SCALE = 17  # steps of the scale of colours
BP = 1e4


def holding_windows_picture(windows: HoldingWindows) -> Picture | None:
    """The picture; None where the test is shorter than a year."""
    if not windows.difference.size:
        return None
    cells = windows.cells()

    def draw(f: Format) -> Canvas:
        whole, most = windows.difference, float(np.nanmax(np.abs(windows.difference))) or 1.0 / BP
        step = next((s for s in (1, 3) if len(whole) / s * NARROWEST <= f.width - 48.0), 12)
        values, starts = whole[::step].T, windows.starts[::step]
        following = [
            str(date.year + (date.month == 12)) for date in starts
        ]  # a year begins at the last close before it
        first = [k for k, date in enumerate(starts) if date.month == 12] or [0]
        words = [["" if v != v else number(BP * v, 0, signed=True) for v in row] for row in values]
        shown = HeatMap(
            words,
            STRONGEST * np.abs(values) / most,
            following,
            [f"{k + 1}" for k in range(len(values))],
            (
                f"start: the end of each {'month' if step == 1 else 'third month' if step == 3 else 'year'}",
                "years held",
            ),
            f.width,
            hues=[[LOSS if v < 0.0 else GAIN for v in row] for row in values],
            marked=first,
            top=TITLE,
            least=SMALL + 4.0,
        )
        canvas = Canvas(f.width, shown.height + (0.0 if shown.numbers else SMALL), f"holding_windows-{f.css}")
        heat_map(canvas, shown)
        if not shown.numbers:
            scale = np.linspace(-1.0, 1.0, SCALE)
            ends = (f"{number(-BP * most, 0)} bp a year", f"+{number(BP * most, 0)}")
            colour_scale(canvas, shown, STRONGEST * np.abs(scale), ends, [LOSS if v < 0.0 else GAIN for v in scale])
        return canvas

    return picture(
        "holding_windows", "Every start and length of holding", _caption(windows), _alt(windows), cells, draw, HALF
    )


def _caption(windows: HoldingWindows) -> str:
    longest, cells = windows.table().to_dict("records")[-1], windows.cells()
    extremes = (cells.iloc[int(k)] for k in (cells["difference"].argmin(), cells["difference"].argmax()))
    ends = " to ".join(
        f"{number(BP * row['difference'], 0, signed=True)} ({row['start'][:7]}, {counted(row['years'], 'year')})"
        for row in extremes
    )
    share = float((cells["difference"] > 0.0).mean())
    return (
        f"CAGR of {windows.one} less that of {windows.other}, net: {ends} bp a year, positive in {percent(share, 0)} "
        f"of {len(cells):,} windows and in {percent(longest['positive'], 0)} of those of {longest['years']} years. "
        "Windows overlap and share most of their days: this is no evidence by itself."
    )


def _alt(windows: HoldingWindows) -> str:
    each = [
        f"{counted(row['years'], 'year')}: {number(BP * row['least'], 0)} to {number(BP * row['most'], 0)}, median "
        f"{number(BP * row['median'], 0)}, positive in {percent(row['positive'], 0)} of {row['windows']}"
        for row in windows.table().to_dict("records")
    ]
    return (
        f"Growth of {windows.one} less that of {windows.other}, bp a year, by month of the start from "
        f"{windows.starts[0]:%Y-%m} to {windows.starts[-1]:%Y-%m} and by length. {'; '.join(each)}."
    )
