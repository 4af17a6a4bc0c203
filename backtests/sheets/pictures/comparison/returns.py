"""Pictures of returns: over every span of years, of calendar months and years, and grown at one volatility."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.evaluation.trailing_returns import SPANS
from backtests.sheets.pictures.comparison.timeline import axis_of
from foundation.arrays import Array
from foundation.paper.charts.curves import Series, series_plotted
from foundation.paper.charts.interval_rows import Row, interval_rows
from foundation.paper.charts.panel import Axis, Panel, Side, beside, evenly
from foundation.paper.layout import AXIS, NAMES, ROW_HEIGHT
from foundation.paper.picture import Format, Picture, by_day, picture
from foundation.paper.styles import LineStyle, eligible
from foundation.paper.svg import Canvas
from foundation.paper.wording import counted, number, percent

BETWEEN = 34.0  # px between the panels of a wide page
QUARTERS = (0.25, 0.5, 0.75)


def rolling_returns_picture(
    found: Mapping[str, Mapping[str, Array]], styles: Mapping[str, LineStyle], dates: pd.DatetimeIndex
) -> Picture:
    """A panel a span of years: the return of each policy over the span up to each close.

    found  : by span and policy, (k,) the last ones, fraction a year.
    styles : line style of each policy.
    dates  : (D + 1,) closes.
    """
    shown = []
    for span, by_policy in found.items():
        curves = {name: 100.0 * values for name, values in by_policy.items()}
        figures = {name: percent(float(values[-1])) for name, values in by_policy.items()}
        title, unit = f"Over {counted(SPANS[span], 'year')}", "% a year, up to each close; label: latest"
        shown.append(Series(title, unit, curves, figures, axis_of(curves, styles)))
    frames = [
        pd.DataFrame({"last_close": dates[-len(v) :].strftime("%Y-%m-%d"), "policy": name, span: v})
        for span, by_policy in found.items()
        for name, v in by_policy.items()
    ]
    data = pd.concat(frames).groupby(["policy", "last_close"], sort=False, as_index=False).first()
    each = [
        f"{SPANS[span]}: "
        + ", ".join(f"{n} {percent(v.min())} to {percent(v.max())}, mean {percent(v.mean())}" for n, v in of.items())
        for span, of in found.items()
    ]
    caption = "Neighbouring spans share nearly all of their days: the curves describe the test and are no evidence."
    alt = f"Return a year over spans of so many years. {'; '.join(each)}."
    return picture("rolling_returns", "Rolling returns", caption, alt, data, series_plotted(shown, styles, dates))


def spreads_picture(found: Mapping[str, Mapping[str, Array]], styles: Mapping[str, LineStyle]) -> Picture:
    """A row a policy: a stroke a return, a broad line over the middle half of them, a mark at their median.

    found  : by "months" and "years", then policy, (k,) returns of whole periods, fraction.
    styles : line style of each policy.
    """
    each = [(length, name, values) for length, by_policy in found.items() for name, values in by_policy.items()]
    frames = [pd.DataFrame({"length": length, "policy": name, "return": values}) for length, name, values in each]

    def draw(f: Format) -> Canvas:
        spans = evenly(f, len(found), NAMES, BETWEEN, 8.0)
        panels = beside(f, [ROW_HEIGHT * len(styles)] * len(found), spans, AXIS)
        for at, (length, by_policy) in zip(panels, found.items(), strict=True):
            held = np.concatenate([by_policy[name] for name in eligible(styles, by_policy)])
            x = Side(Axis.over(100.0 * held, 0.03), f"return of whole {length}, %, net of costs", most=6, zero="ink")
            panel = at.scaled(x, Side(words=f"Calendar {length}"))
            rows = [_row(panel, name, 100.0 * values, styles[name]) for name, values in by_policy.items()]
            interval_rows(panel, rows, names=panel.left == NAMES)
        return panel.canvas

    said = [
        f"{name}, {len(v)} {length}: {percent(v.min())} to {percent(v.max())}, median {percent(np.median(v))}"
        for length, name, v in each
    ]
    caption = (
        "A stroke a month or a year, over the middle half of them a broad line, a mark at the median. Strokes beyond "
        "the scale, which eligible policies set, are left out; the table has the worst and the best."
    )
    title, data = "Distribution of monthly and yearly returns", pd.concat(frames, ignore_index=True)
    return picture("return_spreads", title, caption, f"{'; '.join(said)}.", data, draw)


def _row(panel: Panel, name: str, values: Array, style: LineStyle) -> Row:
    low, middle, high = (float(q) for q in np.quantile(values, QUARTERS))
    shown = [float(v) for v in values if panel.x.low <= v <= panel.x.high]
    beyond = f"median {number(middle, 1)}" if panel.x.arrow(middle) else ""
    inner = (panel.x.held(low), panel.x.held(high))
    return Row(name, middle, middle, middle, style, filled=False, beyond=beyond, inner=inner, values=shown)


def matched_picture(
    found: Mapping[str, Array], shares: Mapping[str, float], styles: Mapping[str, LineStyle], reference: str,
    dates: pd.DatetimeIndex,
) -> Picture:  # fmt: skip
    """Growth of 1 of each policy at the volatility of the reference.

    found     : (D + 1,) growth of each policy, 1 at the first close.
    shares    : fraction of NAV that is in each policy; the rest is in cash.
    styles    : line style of each policy.
    reference : name of a policy.
    dates     : (D + 1,) closes.
    """
    figures = {name: f"×{number(float(path[-1]))}" for name, path in found.items()}
    unit = "net of costs (log scale)"
    series = Series(f"Growth of 1 at {reference}'s volatility", unit, found, figures, axis_of(found, styles, "log"))
    data = by_day(dates, {name: {"share": shares[name], "growth": path} for name, path in found.items()})
    caption = (
        "Each policy with so much of NAV in it that its returns over cash vary as the reference's; the rest earns the "
        "cash rate, or is borrowed at it, without further costs (Modigliani and Modigliani, 1997)."
    )
    alt = "; ".join(f"{name}: {percent(shares[name])} of NAV, grew to {words[1:]}" for name, words in figures.items())
    draw = series_plotted([series], styles, dates)
    return picture("matched_volatility", "Growth at one volatility", caption, f"{alt}.", data, draw)
