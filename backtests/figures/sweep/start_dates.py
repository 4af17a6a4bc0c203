"""The start-date fan: the same policies started on each of many days, and what of a figure was luck with the day."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from backtests.figures.charts.curves import Curve, curves
from backtests.figures.charts.interval_rows import Row, interval_rows
from backtests.figures.charts.panel import Axis, Panel, day_numbers
from backtests.figures.layout import far
from backtests.figures.picture import Format, Picture, picture
from backtests.figures.styles import Look
from backtests.figures.svg import Canvas
from backtests.sweeps.analysis import BAND, FEW, MOST, luck, spreads
from backtests.sweeps.labels import METRICS, axis_value, figure
from backtests.wording import listed, number

TITLE, HIGH, GAP, ROW, FOOT = 30.0, 150.0, 52.0, 21.0, 24.0  # px; GAP: between curves and rows
FILL = 0.16  # strength of the fan


def start_fan(
    ladders: Mapping[str, pd.DataFrame], styles: Mapping[str, Look], conditions: str = "", name: str = "start_fan"
) -> Picture:
    """Metrics over the first day of the test: a curve a policy, the fan of the heavy one filled, and all their spreads.

    ladders : by metric, rows are first days, columns policies, the one that the fan is of first.
    """
    dated = {metric: values.set_axis(pd.DatetimeIndex(values.index), axis=0) for metric, values in ladders.items()}
    return picture(
        name,
        "Start-date fan",
        _caption(dated, conditions),
        _alt(dated),
        _data(dated),
        lambda f: _draw(f, dated, styles, name),
    )


def _data(ladders: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a policy and start."""
    each = [
        v.rename_axis("start").melt(ignore_index=False, var_name="policy", value_name=m).reset_index()
        for m, v in ladders.items()
    ]
    table = each[0].assign(**{metric: frame[metric].to_numpy() for metric, frame in zip(ladders, each, strict=True)})
    return table.assign(start=table["start"].dt.strftime("%Y-%m-%d"))


def _caption(ladders: Mapping[str, pd.DataFrame], conditions: str) -> str:
    metric, first = next(iter(ladders.items()))
    filled = f"Filled: {MOST} of the starts of {first.columns[0]}. " if len(first) >= FEW else ""
    said = [
        luck(first, metric),
        f"{filled}The tests share their last day and most of their days, so that this is luck with the start, and no "
        "interval of confidence.",
    ]
    if conditions:
        said.append(f"At {conditions}.")
    return " ".join(said)


def _alt(ladders: Mapping[str, pd.DataFrame]) -> str:
    each = []
    for metric, values in ladders.items():
        rows = [
            f"{name} {listed([figure(metric, v) for v in values[name]])}"
            if len(values) < FEW
            else f"{name} {figure(metric, r['low'])} to {figure(metric, r['high'])}, median "
            f"{figure(metric, r['median'])}"
            for name, r in spreads(values).iterrows()
        ]
        each.append(f"{METRICS[metric].label}, {METRICS[metric].unit}: {'; '.join(rows)}.")
    first = next(iter(ladders.values())).index
    days = f"{axis_value('start', first[0])} to {axis_value('start', first[-1])}"
    return f"Started on each of {len(first)} days from {days}. {' '.join(each)}"


def _draw(f: Format, ladders: Mapping[str, pd.DataFrame], styles: Mapping[str, Look], name: str) -> Canvas:
    names = [str(n) for n in next(iter(ladders.values()))]
    one = TITLE + HIGH + GAP + ROW * len(names) + FOOT
    side = 150.0
    if f.is_wide:
        width = (f.width - side - 40.0 * len(ladders)) / len(ladders)
        places = [(side + 36.0 + k * (width + 40.0), TITLE) for k in range(len(ladders))]
        canvas = Canvas(f.width, one, f"{name}-wide")
    else:
        width = f.width - side - 10.0
        places = [(side, TITLE + k * (one + 12.0)) for k in range(len(ladders))]
        canvas = Canvas(f.width, len(ladders) * (one + 12.0), f"{name}-narrow")
    for k, ((metric, values), (x, top)) in enumerate(zip(ladders.items(), places, strict=True)):
        above = (x, width) if f.is_wide else (f.left, f.width - f.left - 10.0)
        panel = _Panel(canvas, metric, METRICS[metric].times * values, styles, x, top, width, above)
        panel.curves()
        panel.rows(named=not f.is_wide or k == 0, side=36.0 if f.is_wide else 0.0)
    return canvas


@dataclass(frozen=True, eq=False)
class _Panel:
    """One metric: its curves over the start, and below them its spread, a row a policy. x, top, width : px.

    above : left and width of the curves, which need no names.
    """

    canvas: Canvas
    metric: str
    values: pd.DataFrame
    styles: Mapping[str, Look]
    x: float
    top: float
    width: float
    above: tuple[float, float]

    @property
    def near(self) -> pd.DataFrame:
        """The policies that do not flatten the others."""
        middle = float(self.values.iloc[:, 0].median())
        return self.values.loc[:, ~far((self.values - middle).abs().max())]

    def curves(self) -> None:
        """A curve a policy over the first day, the fan behind the first one."""
        near, dates, row = self.near, pd.DatetimeIndex(self.values.index), METRICS[self.metric]
        days, (left, width) = day_numbers(dates), self.above
        across = Axis(days[0], days[-1] if len(days) > 1 else days[0] + 1.0)
        up = Axis.over(near.to_numpy().ravel().tolist())
        panel = Panel(self.canvas, left, self.top, width, HIGH, across, up)
        panel.title(row.label.partition(",")[0], f"{row.unit}, over the first day")
        panel.y_grid(up.ticks())
        panel.years(dates, most=int(width * 0.8 / 50.0))
        own, points = str(self.values.columns[0]), 3.6 if len(days) <= 40 else 0.0
        if own in near and len(days) >= FEW:
            low, high = (float(near[own].quantile(q)) for q in BAND)
            panel.band(low, high, self.styles[own].colour, FILL)
        curves(panel, [Curve(str(n), days, v.to_numpy(), self.styles[str(n)], points=points) for n, v in near.items()])

    def rows(self, named: bool, side: float) -> None:
        """A row a policy: a thin line from the least to the most, a broad one over the fan, a point at the median.

        named : write the policies' names at the left.
        side : px between them and the scale.
        """
        spread, row, few = spreads(self.values), METRICS[self.metric], len(self.values) < FEW
        across = Axis.over(self.near.to_numpy().ravel().tolist())
        top = self.top + HIGH + GAP
        panel = Panel(self.canvas, self.x, top, self.width, ROW * len(spread), across)
        panel.title(
            "Spread", "a stroke a start; point: median" if few else f"point: median; broad: {MOST} of starts", 11.0
        )
        panel.x_grid(across.ticks(), below=11.0)
        rows = []
        for name, of in spread.iterrows():
            words = number(of["median"], 0 if abs(of["median"]) >= 100.0 else row.digits)
            rows.append(
                Row(
                    str(name),
                    of["median"],
                    of["least"],
                    of["most"],
                    replace(self.styles[str(name)], width=1.2, dash="-"),
                    filled=False,
                    beyond="" if name in self.near else words,
                    inner=None if few else (of["low"], of["high"]),
                    values=self.values[name].tolist() if few else (),
                )
            )
        interval_rows(panel, rows, size=6.5, ring=1.6, mark="ink", names=named, aside=side + 12.0)
