"""Results by start date: the same policies started on each of many days, and how far a figure depends on the day."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from backtests.evaluation.metrics import METRICS
from backtests.sheets.pictures.sweep.ladders import long_table
from backtests.sweeps.analysis import BAND, FAN_SHARE, FEW, luck, spreads
from backtests.sweeps.labels import axis_value
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.interval_rows import Row, interval_rows
from foundation.paper.charts.panel import Axis, Panel, beside, day_numbers, evenly
from foundation.paper.layout import NAMES, NUMBERS_HEIGHT, ROW_HEIGHT, far
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number

HEIGHT, GAP = 150.0, 52.0  # px: of the curves, and between them and the rows
FILL = 0.16  # strength of the fan


def start_dates_picture(
    ladders: Mapping[str, pd.DataFrame], styles: Mapping[str, LineStyle], conditions: str = "", name: str = "start_fan"
) -> Picture:
    """Metrics over the first day of the test: a curve a policy, the fan of the heavy one filled, and all their spreads.

    ladders    : table of each metric, in its unit: a row a first day, a column a policy; the first one has the fan.
    styles     : line style of each policy.
    conditions : conditions of the test, in words.
    name       : name of its file.
    """
    dated = {metric: values.set_axis(pd.DatetimeIndex(values.index), axis=0) for metric, values in ladders.items()}

    def draw(f: Format) -> Canvas:
        rows = ROW_HEIGHT * next(iter(dated.values())).shape[1]
        left, right, below = (NAMES + 36.0, 4.0, 0.0) if f.is_wide else (NAMES, 10.0, 12.0)
        spans, high = evenly(f, len(dated), left, 40.0, right), HEIGHT + GAP + rows
        panels = beside(f, [high] * len(dated), spans, NUMBERS_HEIGHT + below)
        for at, (metric, found) in zip(panels, dated.items(), strict=True):
            values, days = METRICS[metric].factor * found, day_numbers(pd.DatetimeIndex(found.index))
            middle = float(values.iloc[:, 0].median())
            near = values.loc[:, ~far((values - middle).abs().max())]  # the policies that do not flatten the others
            over = Axis.over(near)
            across = Axis(days[0], days[-1] if len(days) > 1 else days[0] + 1.0)
            start, wide = (
                (at.left, at.width) if f.is_wide else (f.left, f.width - f.left - 10.0)
            )  # curves need no names
            whole = Panel(at.canvas, start, at.top, wide, HEIGHT, across, over)
            _curves(whole, metric, near, styles, str(values.columns[0]))
            panel = Panel(at.canvas, at.left, at.top + HEIGHT + GAP, at.width, rows, over)
            _spreads(panel, metric, values, [str(policy) for policy in near], styles, named=at.left == left)
        return at.canvas

    return picture(name, "Results by start date", _caption(dated, conditions), _alt(dated), _data(dated), draw)


def _data(ladders: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a policy and start."""
    table = long_table({m: v.rename_axis("start") for m, v in ladders.items()})
    return table.assign(start=table["start"].dt.strftime("%Y-%m-%d"))


def _caption(ladders: Mapping[str, pd.DataFrame], conditions: str) -> str:
    metric, first = next(iter(ladders.items()))
    filled = f"Shaded: {FAN_SHARE} of the starts of {first.columns[0]}. " if len(first) >= FEW else ""
    sentences = [
        luck(first, metric),
        f"{filled}The tests share their last day and most of their days: this is dependence on the start date, not a "
        "confidence interval.",
    ]
    if conditions:
        sentences.append(f"At {conditions}.")
    return " ".join(sentences)


def _alt(ladders: Mapping[str, pd.DataFrame]) -> str:
    each = []
    for metric, values in ladders.items():
        rows = [
            f"{name} {listed([METRICS[metric].text(v) for v in values[name]])}"
            if len(values) < FEW
            else f"{name} {METRICS[metric].text(r['low'])} to {METRICS[metric].text(r['high'])}, median "
            f"{METRICS[metric].text(r['median'])}"
            for name, r in spreads(values).iterrows()
        ]
        each.append(f"{METRICS[metric].label}, {METRICS[metric].unit}: {'; '.join(rows)}.")
    first = next(iter(ladders.values())).index
    days = f"{axis_value('start', first[0])} to {axis_value('start', first[-1])}"
    return f"Started on each of {len(first)} days from {days}. {' '.join(each)}"


def _curves(panel: Panel, metric: str, near: pd.DataFrame, styles: Mapping[str, LineStyle], own: str) -> None:
    """A curve a policy over the first day; behind them the ground of most starts of policy `own`."""
    dates, row = pd.DatetimeIndex(near.index), METRICS[metric]
    panel.title(row.label.partition(",")[0], f"{row.unit}; x: first day")
    panel.y_grid(panel.y.ticks())
    panel.years(dates, most=int(panel.width * 0.8 / 50.0))
    if own in near and len(near) >= FEW:
        low, high = (float(near[own].quantile(q)) for q in BAND)
        panel.band(low, high, styles[own].colour, FILL)
    days, points = day_numbers(dates), 3.6 if len(near) <= 40 else 0.0
    curves(
        panel, [Curve(str(n), days, v.to_numpy(), styles[str(n)], points=points) for n, v in near.items()], named=False
    )


def _spreads(
    panel: Panel,
    metric: str,
    values: pd.DataFrame,
    near: Sequence[str],
    styles: Mapping[str, LineStyle],
    *,
    named: bool,
) -> None:
    """A row a policy: a thin line from the least to the most, a broad one over most starts, a point at the median.

    near : the policies that are drawn.
    named : write the policies' names at the left.
    """
    few = len(values) < FEW
    panel.title("Spread", "ticks: starts; marker: median" if few else f"marker: median; broad: {FAN_SHARE} of starts")
    panel.x_grid(panel.x.ticks())
    rows = []
    for name, of in spreads(values).iterrows():
        words = number(of["median"], 0 if abs(of["median"]) >= 100.0 else METRICS[metric].digits)
        ends, style = (of["median"], of["least"], of["most"]), replace(styles[str(name)], width=1.2, dash="-")
        inner, each = (None, values[name].tolist()) if few else ((of["low"], of["high"]), ())
        beyond = "" if name in near else words
        rows.append(Row(str(name), *ends, style, filled=False, beyond=beyond, inner=inner, values=each))
    interval_rows(panel, rows, mark="ink", names=named)
