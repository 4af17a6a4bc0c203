"""The start-date fan: the same policies started on each of many days, and what of a figure was luck with the day."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from backtests.evaluation.metrics import METRICS
from backtests.figures.layout import far, limits, ticks
from backtests.figures.picture import Format, Picture, curve, day_numbers, heading, height_of, picture, scale, years
from backtests.figures.styles import Look, fitted_name
from backtests.figures.svg import TOKENS, Canvas
from backtests.sweeps.analysis import BAND, FEW, MOST, luck, spreads
from backtests.sweeps.labels import axis_value
from backtests.wording import even, listed, number

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
        panel = _Panel(canvas, metric, METRICS[metric].factor * values, styles, x, top, width, above)
        panel.curves()
        panel.rows(named=0.0 if f.is_wide and k > 0 else side, side=36.0 if f.is_wide else 0.0)
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
        (left, width), canvas = self.above, self.canvas
        near, dates = self.near, pd.DatetimeIndex(self.values.index)
        row, days = METRICS[self.metric], day_numbers(dates)
        heading(canvas, left, self.top - 12.0, row.name, f"{row.unit}, over the first day")
        axes = canvas.axes(left, self.top, width, HIGH)
        low, high = limits(near.to_numpy().ravel().tolist())
        axes.set_xlim(days[0], days[-1] if len(days) > 1 else days[0] + 1.0)
        axes.set_ylim(low, high)
        scale(canvas, axes, ticks(low, high), left, left + width)
        years(canvas, axes, dates, self.top, self.top + HIGH, width * 0.8)
        own = str(self.values.columns[0])
        if own in near and len(days) >= FEW:
            low, high = (float(near[own].quantile(q)) for q in BAND)
            axes.axhspan(low, high, facecolor=TOKENS[self.styles[own].colour], alpha=FILL, linewidth=0.0, zorder=-3.0)
        for name, line in reversed(list(near.items())):
            look = self.styles[str(name)]
            curve(axes, days, line.to_numpy(), look.colour, look.width, look.dash)
            if len(days) <= 40:
                for day, value in zip(days, line, strict=True):
                    at = left + width * (day - days[0]) / max(days[-1] - days[0], 1.0)
                    canvas.point(at, height_of(canvas, axes, value), colour=look.colour, size=3.6, face=look.face)

    def rows(self, named: float, side: float) -> None:
        """A row a policy: a thin line from the least to the most, a broad one over the fan, a point at the median.

        named : room for names at the left, or 0.  side : room between them and the scale.
        """
        canvas, near, spread = self.canvas, self.near, spreads(self.values)
        top = self.top + HIGH + GAP
        foot = top + ROW * len(spread)
        low, high = limits(near.to_numpy().ravel().tolist())

        def at(value: float) -> float:
            return self.x + self.width * (value - low) / (high - low)

        marks = ticks(low, high)
        for mark, words in zip(marks, even(marks), strict=True):
            canvas.line([at(mark)] * 2, [top, foot], colour="rule", width=0.7, behind=True)
            canvas.text(at(mark), foot + 11.0, words, colour="soft", align="center")
        few = len(self.values) < FEW
        unit = "a stroke a start; point: median" if few else f"point: median; broad: {MOST} of starts"
        heading(canvas, self.x, top - 11.0, "Spread", unit)
        for k, (name, row) in enumerate(spread.iterrows()):
            look, y = self.styles[str(name)], top + (k + 0.5) * ROW
            if named:
                words = fitted_name(str(name), named - 14.0)
                canvas.text(self.x - side - 12.0, y, words, align="right", bold=look.bold)
            if name not in near:
                over = row["median"] > high
                words = number(row["median"], 0 if abs(row["median"]) >= 100.0 else METRICS[self.metric].digits)
                edge, align = (self.x + self.width, "right") if over else (self.x, "left")
                canvas.text(edge, y, f"{words} ▸" if over else f"◂ {words}", align=align, colour="soft")
                continue
            canvas.line([at(row["least"]), at(row["most"])], [y, y], colour=look.colour, width=1.2)
            if few:
                for value in self.values[name]:
                    canvas.line([at(value)] * 2, [y - 5.0, y + 5.0], colour=look.colour, width=1.6)
            else:
                canvas.line([at(row["low"]), at(row["high"])], [y, y], colour=look.colour, width=6.0)
            canvas.point(at(row["median"]), y, colour="ink", size=6.5, face="paper", ring=1.6)
