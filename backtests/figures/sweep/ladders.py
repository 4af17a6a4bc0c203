"""Ladders: how policies stand against one another as costs grow, and what they lose as their orders come later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS, lower_is_better
from backtests.figures.layout import far, limits, log_ticks, ticks
from backtests.figures.picture import Format, Picture, curve, heading, height_of, picture, scale
from backtests.figures.styles import LABEL_GAP, Look, end_labels
from backtests.figures.svg import Canvas
from backtests.figures.sweep.styles import roomy
from backtests.sweeps.analysis import break_evens, leaders, ranks
from backtests.sweeps.labels import axis_value
from backtests.wording import listed, number
from research.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE, FOOT, HIGH, RANK = 30.0, 44.0, 190.0, 22.0  # px; RANK: a rank's row
AIR = 0.02  # of the levels' span, at either end


# -- costs -----------------------------------------------------------------------------------------------------------


def cost_ladder(
    ladder: pd.DataFrame,
    styles: Mapping[str, Look],
    metric: str = "J",
    by_start: Sequence[pd.DataFrame] = (),
    conditions: str = "",
    name: str = "cost_ladder",
    best: pd.Series | None = None,
) -> Picture:
    """How far each policy is behind the best of all at each cost level, and its rank among those drawn.

    ladder : rows are cost multiples, columns policies, as `numbers.ladder` gives it.  styles : of each of them.
    by_start : the same ladder at each start, from which the doubt of a break-even comes.
    best : the best value of all policies at each level, drawn or not; by default of those drawn.
    """
    best = _best(ladder, metric) if best is None else best
    return picture(
        name,
        "Cost ladder",
        _cost_caption(ladder, metric, by_start, conditions),
        _alt(ladder, metric, "cost_multiple"),
        _long(ladder, metric).assign(behind=_behind(ladder, metric, best).melt(value_name="behind")["behind"]),
        lambda f: _draw_costs(roomy(f), ladder, styles, metric, name, best),
    )


def _long(ladder: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row a policy and level."""
    long = ladder.melt(ignore_index=False, var_name="policy", value_name=metric).reset_index()
    rank = ranks(ladder, metric).melt(value_name="rank")["rank"]
    return long.assign(rank=rank.to_numpy())


def _alt(ladder: pd.DataFrame, metric: str, along: str) -> str:
    each = [
        f"{name}: "
        + ", ".join(f"{METRICS[metric].text(v)} at {axis_value(along, level)}" for level, v in values.items())
        for name, values in ladder.items()
    ]
    return f"{METRICS[metric].label}, {METRICS[metric].unit}. {'; '.join(each)}."


def _cost_caption(ladder: pd.DataFrame, metric: str, by_start: Sequence[pd.DataFrame], conditions: str) -> str:
    spans, low, high = leaders(ladder, metric), float(ladder.index[0]), float(ladder.index[-1])
    if len(spans) == 1:
        said = [f"{spans['policy'].iloc[0]} is the best of these from {low:g} to {high:g} × today's costs."]
    else:
        each = [f"{policy} to ×{number(last)}" for policy, last in zip(spans["policy"], spans["last"], strict=True)]
        each[-1] = f"{spans['policy'].iloc[-1]} from there to ×{high:g}"
        said = [f"The best of these: {listed(each)}. A ring is a break-even, interpolated between levels."]
        said += _break_even_doubt(spans, by_start)
    if conditions:
        said.append(f"At {conditions}.")
    return " ".join(said)


def _break_even_doubt(spans: pd.DataFrame, by_start: Sequence[pd.DataFrame]) -> list[str]:
    """How far each break-even moves from start to start."""
    said = []
    for one, other in zip(spans["policy"].iloc[:-1], spans["policy"].iloc[1:], strict=True):
        both = [b for b in by_start if one in b and other in b]
        found = [points[0] for b in both if (points := break_evens(b, one, other))]
        if len(both) > 1:
            where = f", between ×{number(min(found))} and ×{number(max(found))}" if found else ""
            said.append(f"{other} overtakes {one} at {len(found)} of {len(both)} starts{where}.")
    return said


def _draw_costs(
    f: Format, ladder: pd.DataFrame, styles: Mapping[str, Look], metric: str, name: str, best: pd.Series
) -> Canvas:
    count = ladder.shape[1]
    second = TITLE + HIGH + 14.0 + TITLE
    canvas = Canvas(f.width, second + RANK * count + FOOT, f"{name}-{f.css}")
    behind = _behind(ladder, metric, best)
    x = np.arange(len(ladder), dtype=float)
    panel = _Panel(canvas, f, x, styles)
    row = METRICS[metric]
    worse = "above the lowest of all" if lower_is_better(metric) else "below the highest of all"
    heading(canvas, f.left, TITLE - 12.0, f"{row.name} {worse}", f"{row.unit}, by square root")
    axes = panel.curves(behind, TITLE, HIGH, row.digits)
    for policy, _, last in leaders(ladder, metric).itertuples(index=False):
        if last < ladder.index[-1]:
            at = panel.place(float(np.interp(last, ladder.index, x)))
            y = height_of(canvas, axes, float(np.sqrt(np.interp(last, ladder.index, behind[policy]))))
            canvas.point(at, y, colour=styles[policy].colour, face="paper", size=9.0, ring=1.8)
            canvas.text(at, y - 14.0, f"×{number(last)}", align="center", bold=True)
    heading(canvas, f.left, second - 12.0, "Rank", "1 is the best" if count > 1 else "")
    panel.ranks(ranks(ladder, metric), second)
    panel.levels([axis_value("cost_multiple", v) for v in ladder.index], second + RANK * count, "cost, × today's")
    return canvas


def _end(value: float, digits: int) -> str:
    return number(value, digits if abs(value) < 100.0 else 0)


def _best(ladder: pd.DataFrame, metric: str) -> pd.Series:
    return ladder.min(axis=1) if lower_is_better(metric) else ladder.max(axis=1)


def _behind(ladder: pd.DataFrame, metric: str, best: pd.Series) -> pd.DataFrame:
    """How far each policy is from the best of all at each level, in the unit of display; never negative."""
    sign = METRICS[metric].factor * (1.0 if lower_is_better(metric) else -1.0)
    return sign * ladder.sub(best, axis=0)


@dataclass(frozen=True, eq=False)
class _Panel:
    """Panels above one another over evenly spaced levels `x`."""

    canvas: Canvas
    f: Format
    x: Array
    styles: Mapping[str, Look]
    zero: float = 0.94  # of a panel's height: where nothing stands behind the best

    @property
    def ends(self) -> tuple[float, float]:
        """Of the scale along the levels: with some air."""
        most = max(float(self.x[-1]), 1.0)
        return -most * AIR, most * (1.0 + AIR)

    def place(self, x: float) -> float:
        """Where a level stands, px."""
        low, high = self.ends
        return self.f.left + self.f.plot * (x - low) / (high - low)

    def curves(self, values: pd.DataFrame, top: float, high: float, digits: int) -> "Axes":
        """A curve a policy from zero up, straight between levels; one too far away is named at the edge.

        By square root small leads can be seen beside large ones.
        """
        f, canvas = self.f, self.canvas
        near = values.loc[:, ~far(values.max())]
        most = float(near.to_numpy().max()) or 1.0
        axes = canvas.axes(f.left, top, f.plot, high)
        axes.set_xlim(*self.ends)
        axes.set_ylim(-np.sqrt(most) * (1.0 - self.zero) / self.zero, np.sqrt(most))
        marks = [0.0, *log_ticks(most / 40.0, most, most=4)]
        for mark in marks:
            y = height_of(canvas, axes, float(np.sqrt(mark)))
            canvas.line([f.left, f.left + f.plot], [y, y], colour="rule", width=0.7, behind=True)
            canvas.text(f.left - 6.0, y, f"{mark:g}", colour="soft", align="right")
        fine = np.unique(np.concatenate([np.linspace(self.x[0], self.x[-1], 200), self.x]))
        ends = {}
        for name, line in values.items():
            look, last = self.styles[str(name)], float(line.iloc[-1])
            curve(axes, fine, np.sqrt(np.interp(fine, self.x, line)), look.colour, look.width, look.dash)
            for x, y in zip(self.x, line, strict=True):
                if y <= most:
                    height = height_of(canvas, axes, float(np.sqrt(y)))
                    canvas.point(self.place(x), height, colour=look.colour, size=4.5, face=look.face)
            arrow = "↑" if last > most else ""
            ends[str(name)] = (height_of(canvas, axes, float(np.sqrt(last))), _end(last, digits) + arrow)
        right = f.left + f.plot
        end_labels(canvas, self.styles, ends, x=right, right=f.width, top=top + 5.0, bottom=top + high - 5.0,
                   values=f.is_wide)  # fmt: skip
        return axes

    def ranks(self, rank: pd.DataFrame, top: float) -> None:
        """A line a policy from rank to rank, 1 at the top, named at its end."""
        f, canvas = self.f, self.canvas
        places = [self.place(x) for x in self.x]
        ends = {}
        for name, line in rank.items():
            look, y = self.styles[str(name)], top + RANK * (line.to_numpy(dtype=float) - 0.5)
            canvas.line(places, y, colour=look.colour, width=look.width + 0.6, dash=look.dash)
            for x, height in zip(places, y, strict=True):
                canvas.point(x, float(height), colour=look.colour, size=6.0, face=look.face)
            ends[str(name)] = (float(y[-1]), str(int(line.iloc[-1])))
        for k in range(rank.shape[1]):
            canvas.text(f.left - 6.0, top + RANK * (k + 0.5), str(k + 1), colour="soft", align="right")
        end_labels(canvas, self.styles, ends, x=f.left + f.plot, right=f.width, top=top + 5.0,
                   bottom=top + RANK * rank.shape[1] - 5.0, values=False)  # fmt: skip

    def levels(self, words: Sequence[str], foot: float, name: str) -> None:
        """Names of the levels, as many as there is room for, and what they are."""
        step = int(np.ceil(46.0 * len(words) / self.f.plot))
        for k in range(0, len(words), step):
            self.canvas.text(self.place(self.x[k]), foot + 12.0, words[k], colour="soft", align="center")
        self.canvas.text(self.f.left + self.f.plot / 2.0, foot + 30.0, name, colour="soft", align="center")


# -- lags ------------------------------------------------------------------------------------------------------------


def lag_ladder(
    ladders: Mapping[str, pd.DataFrame], styles: Mapping[str, Look], conditions: str = "", name: str = "lag_ladder"
) -> Picture:
    """How metrics of each policy move as its orders are booked later.

    ladders : by metric, rows are lags in sessions, columns policies.  styles : of each policy.
    """
    return picture(
        name,
        "Lag ladder",
        _lag_caption(ladders, conditions),
        " ".join(_alt(values, metric, "lag") for metric, values in ladders.items()),
        _lag_data(ladders),
        lambda f: _draw_lags(roomy(f), ladders, styles, name),
    )


def _lag_data(ladders: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    each = [v.melt(ignore_index=False, var_name="policy", value_name=m).reset_index() for m, v in ladders.items()]
    return each[0].assign(**{metric: frame[metric].to_numpy() for metric, frame in zip(ladders, each, strict=True)})


def _lag_caption(ladders: Mapping[str, pd.DataFrame], conditions: str) -> str:
    lead, order = next(iter(ladders.items()))
    start, end = max(1, int(order.index[0])), int(order.index[-1])
    if start not in order.index:
        start = int(order.index[0])
    moves = []
    for metric, values in ladders.items():
        moved = values.loc[end].to_numpy() - values.loc[start].to_numpy()
        k = int(np.argmax(np.where(far(moved), -1.0, np.abs(moved))))
        unit = METRICS[metric].unit.replace("% a year", "points a year")
        by = METRICS[metric].text(float(moved[k]), signed=True)
        moves.append(f"in {_short(metric)} {values.columns[k]}, by {by} {unit}")
    rank = ranks(order, lead)
    same = bool((rank == rank.iloc[0]).to_numpy().all())
    said = [
        f"From a lag of {start} to {end} these move most: {listed(moves)}.",
        f"The ranking in {_short(lead)} {'is the same at every lag' if same else 'changes with the lag'}.",
    ]
    if "growth" in ladders:
        said.append("Growth moves by which days were hit, and has no trend to be read.")
    if 0 in order.index:
        said.append("A lag of 0 books at the very close that was decided on, which no desk can.")
    if conditions:
        said.append(f"At {conditions}.")
    return " ".join(said)


def _short(metric: str) -> str:
    label = METRICS[metric].name
    return label if label.isupper() else label.lower()


def _draw_lags(f: Format, ladders: Mapping[str, pd.DataFrame], styles: Mapping[str, Look], name: str) -> Canvas:
    first = next(iter(ladders.values()))
    x = np.arange(len(first), dtype=float)
    count, high = len(ladders), max(110.0, LABEL_GAP * first.shape[1] + 10.0)
    canvas = Canvas(f.width, count * (TITLE + high) + FOOT, f"{name}-{f.css}")
    panel = _Panel(canvas, f, x, styles)
    for k, (metric, values) in enumerate(ladders.items()):
        top = TITLE + k * (TITLE + high)
        row = METRICS[metric]
        heading(canvas, f.left, top - 12.0, row.label if f.is_wide else row.name, row.unit)
        _levels_of(panel, row.factor * values, top, high, row.digits)
    panel.levels(
        [axis_value("lag", v) for v in first.index], count * (TITLE + high), "lag, sessions from decision to booking"
    )
    return canvas


def _levels_of(panel: _Panel, values: pd.DataFrame, top: float, high: float, digits: int) -> None:
    """A curve a policy at its own level; one that would flatten the others is named at the edge."""
    f, canvas = panel.f, panel.canvas
    middle = float(values.iloc[0].median())
    gone = far((values - middle).abs().max())
    axes = canvas.axes(f.left, top, f.plot, high)
    low, most = limits(values.loc[:, ~gone].to_numpy().ravel().tolist())
    axes.set_xlim(*panel.ends)
    axes.set_ylim(low, most)
    scale(canvas, axes, ticks(low, most, most=4), f.left, f.left + f.plot)
    ends = {}
    for (name, line), out in zip(values.items(), gone, strict=True):
        look, last = panel.styles[str(name)], float(line.iloc[-1])
        if not out:
            curve(axes, panel.x, line.to_numpy(), look.colour, look.width, look.dash)
            for x, y in zip(panel.x, line, strict=True):
                canvas.point(panel.place(x), height_of(canvas, axes, y), colour=look.colour, size=4.5, face=look.face)
        arrow = "↑" if last > most else "↓" if last < low else ""
        ends[str(name)] = (height_of(canvas, axes, last), _end(last, digits) + arrow)
    end_labels(canvas, panel.styles, ends, x=f.left + f.plot, right=f.width, top=top + 5.0, bottom=top + high - 5.0,
               values=f.is_wide)  # fmt: skip
