"""Policies by level of cost, and by execution lag: how they rank as costs grow and as orders are executed later."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS, lower_is_better
from backtests.sweeps.analysis import break_evens, leaders, ranks
from backtests.sweeps.labels import axis_value
from foundation.paper.charts.curves import Curve, curves, marks
from foundation.paper.charts.panel import Axis, Panel, Side
from foundation.paper.layout import AXIS, ROW_HEIGHT, TITLE, far, log_ticks
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LABEL_GAP, LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import cells_told, listed, number

HEIGHT = 190.0  # px: of the curves
LEVEL_AIR = 0.02  # of the levels' span, at either end
ZERO_HEIGHT = 0.94  # of a panel's height, from above: where nothing stands behind the best
POINT, RANKED = 4.5, 6.0  # px: size of a level's mark on a curve, and on a line of ranks


# -- costs -----------------------------------------------------------------------------------------------------------


def cost_ladder_picture(
    ladder: pd.DataFrame,
    styles: Mapping[str, LineStyle],
    metric: str = "loss",
    by_start: Sequence[pd.DataFrame] = (),
    conditions: str = "",
    name: str = "cost_ladder",
    best: pd.Series | None = None,
) -> Picture:
    """The distance of each policy from the best of all at each cost level, and its rank among those drawn.

    ladder     : a row a cost multiple, a column a policy, in the metric's unit, as `sweeps.analysis.ladder` gives it.
    styles     : line style of each policy.
    metric     : name of the metric.
    by_start   : the same ladder at each start, rows, columns and unit alike, which gives the range of a
                 break-even cost.
    conditions : conditions of the test, in words.
    name       : name of its file.
    best       : a row a cost multiple: the best value of all policies, drawn or not, in the metric's unit; by default
                 of those drawn.
    """
    best = _best(ladder, metric) if best is None else best
    behind = _behind(ladder, metric, best)

    def draw(f: Format) -> Canvas:
        f, count, row = _with_long_labels(f), ladder.shape[1], METRICS[metric]
        second = TITLE + HEIGHT + 14.0 + TITLE
        canvas = f.canvas(second + ROW_HEIGHT * count + AXIS)
        near = behind.loc[:, ~far(behind.max())]
        most = float(near.to_numpy().max()) or 1.0
        across, up = _levels(ladder), Axis(-most * (1.0 / ZERO_HEIGHT - 1.0) ** 2, most, "root")
        worse = "above the lowest" if lower_is_better(metric) else "below the highest"
        head, marks = f"{row.label.partition(',')[0]} {worse}", [0.0, *log_ticks(most / 40.0, most, most=4)]
        side = Side(up, head, f"{row.unit} (square-root scale)", at=marks)
        panel = Panel(canvas, f.left, TITLE, f.plot, HEIGHT).scaled(Side(across, at=()), side)
        _behind_curves(panel, behind, styles, row.digits)
        for policy, _, last in leaders(ladder, metric).itertuples(index=False):
            if last < ladder.index[-1]:
                x = panel.x_at(float(np.interp(last, ladder.index, range(len(ladder)))))
                y = panel.y_at(float(np.interp(last, ladder.index, behind[policy])))
                canvas.point(x, y, colour=styles[policy].colour, face="paper", size=9.0, ring=1.8)
                canvas.text(x, y - 14.0, f"×{number(last)}", align="center", bold=True)
        ranked = Panel(canvas, f.left, second, f.plot, ROW_HEIGHT * count, across, Axis(count + 0.5, 0.5))
        ranked.title("Rank", "1 is the best" if count > 1 else "")
        rank = ranks(ladder, metric)
        level, looks = np.arange(len(rank), dtype=float), {str(n): _ranked(styles[str(n)]) for n in rank}
        shown = [Curve(str(n), level, v.to_numpy(dtype=float), looks[str(n)], points=RANKED) for n, v in rank.items()]
        for k in range(1, count + 1):
            canvas.text(f.left - 6.0, ranked.y_at(k), str(k), colour="soft", align="right")
        curves(ranked, shown)
        _name_levels(ranked, [axis_value("cost_multiple", v) for v in ladder.index], "cost, × today's")
        return canvas

    caption, alt = _cost_caption(ladder, metric, by_start, conditions), _alt(ladder, metric, "cost_multiple")
    data = _long(ladder, metric).assign(behind=behind.melt(value_name="behind")["behind"])
    return picture(name, "Ranking by level of cost", caption, alt, data, draw)


def _with_long_labels(f: Format) -> Format:
    """A format with room for the longer names of a sweep."""
    return replace(f, right=236.0 if f.is_wide else 158.0)


def _long(ladder: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row a policy and level."""
    long = long_table({metric: ladder})
    rank = ranks(ladder, metric).melt(value_name="rank")["rank"]
    return long.assign(rank=rank.to_numpy())


def _alt(ladder: pd.DataFrame, metric: str, along: str) -> str:
    each = cells_told(ladder.T, lambda level, value: f"{METRICS[metric].text(value)} at {axis_value(along, level)}")
    return f"{METRICS[metric].label}, {METRICS[metric].unit}. {each}."


def _cost_caption(ladder: pd.DataFrame, metric: str, by_start: Sequence[pd.DataFrame], conditions: str) -> str:
    spans, low, high = leaders(ladder, metric), float(ladder.index[0]), float(ladder.index[-1])
    if len(spans) == 1:
        sentences = [f"Of those drawn, {spans['policy'].iloc[0]} is best from {low:g} to {high:g} × today's costs."]
    else:
        each = [f"{policy} to ×{number(last)}" for policy, last in zip(spans["policy"], spans["last"], strict=True)]
        each[-1] = f"{spans['policy'].iloc[-1]} from there to ×{high:g}"
        sentences = [f"Best of those drawn: {listed(each)}. Ring: break-even cost, interpolated between levels."]
        sentences += _break_evens_by_start(spans, by_start)
    if conditions:
        sentences.append(f"At {conditions}.")
    return " ".join(sentences)


def _break_evens_by_start(spans: pd.DataFrame, by_start: Sequence[pd.DataFrame]) -> list[str]:
    """The range of each break-even cost over start dates."""
    sentences = []
    for one, other in zip(spans["policy"].iloc[:-1], spans["policy"].iloc[1:], strict=True):
        both = [b for b in by_start if one in b and other in b]
        found = [points[0] for b in both if (points := break_evens(b, one, other))]
        if len(both) > 1:
            where = f", between ×{number(min(found))} and ×{number(max(found))}" if found else ""
            sentences.append(f"{other} becomes better than {one} at {len(found)} of {len(both)} starts{where}.")
    return sentences


def _behind_curves(panel: Panel, behind: pd.DataFrame, styles: Mapping[str, LineStyle], digits: int) -> None:
    """A curve a policy, straight between levels on a linear axis, with a mark at each level.

    By square root small leads can be seen beside large ones.
    """
    x = np.arange(len(behind), dtype=float)
    fine = np.unique(np.concatenate([np.linspace(x[0], x[-1], 200), x]))
    shown = []
    for name, line in behind.items():
        style, last = styles[str(name)], float(line.iloc[-1])
        marks(panel, Curve(str(name), x, line.to_numpy(), style, points=POINT))
        value = _end(last, digits) + ("↑" if last > panel.y.high else "")
        shown.append(Curve(str(name), fine, np.interp(fine, x, line), style, value))
    curves(panel, shown)


def _levels(ladder: pd.DataFrame) -> Axis:
    """An axis of evenly spaced levels, 0, 1, …, one a row, with some air."""
    most = max(len(ladder) - 1.0, 1.0)
    return Axis(-most * LEVEL_AIR, most * (1.0 + LEVEL_AIR))


def _name_levels(panel: Panel, words: Sequence[str], name: str) -> None:
    """Names of the levels below a panel, as many as there is room for, and their title."""
    step = int(np.ceil(46.0 * len(words) / panel.width))
    panel.x_grid(range(0, len(words), step), words[::step], lines=False)
    panel.x_title(name)


def _end(value: float, digits: int) -> str:
    return number(value, digits if abs(value) < 100.0 else 0)


def _ranked(style: LineStyle) -> LineStyle:
    """A style as a line of ranks has it: somewhat wider."""
    return replace(style, width=style.width + 0.6)


def _best(ladder: pd.DataFrame, metric: str) -> pd.Series:
    return ladder.min(axis=1) if lower_is_better(metric) else ladder.max(axis=1)


def _behind(ladder: pd.DataFrame, metric: str, best: pd.Series) -> pd.DataFrame:
    """The distance of each policy from the best of all at each level, in the unit of display; never negative."""
    sign = METRICS[metric].factor * (1.0 if lower_is_better(metric) else -1.0)
    return sign * ladder.sub(best, axis=0)


# -- lags ------------------------------------------------------------------------------------------------------------


def lag_ladder_picture(
    ladders: Mapping[str, pd.DataFrame], styles: Mapping[str, LineStyle], conditions: str = "", name: str = "lag_ladder"
) -> Picture:
    """Metrics of each policy by execution lag.

    ladders    : table of each metric, in its unit: a row a lag in sessions, a column a policy.
    styles     : line style of each policy.
    conditions : conditions of the test, in words.
    name       : name of its file.
    """

    def draw(f: Format) -> Canvas:
        f, first = _with_long_labels(f), next(iter(ladders.values()))
        count, high = len(ladders), max(110.0, LABEL_GAP * first.shape[1] + 10.0)
        canvas = f.canvas(count * (TITLE + high) + AXIS)
        for k, (metric, values) in enumerate(ladders.items()):
            row, shown = METRICS[metric], METRICS[metric].factor * values
            gone = far((shown - float(shown.iloc[0].median())).abs().max())
            y = Side(Axis.over(shown.loc[:, ~gone]), (row.label, row.label.partition(",")[0]), row.unit, most=4)
            at = Panel(canvas, f.left, TITLE + k * (TITLE + high), f.plot, high)
            panel = at.scaled(Side(_levels(first), at=()), y)
            found = []
            for policy, line in shown.items():
                x, value = np.arange(len(line), dtype=float), _end(float(line.iloc[-1]), row.digits)
                found.append(Curve(str(policy), x, line.to_numpy(), styles[str(policy)], value, points=POINT))
            curves(panel, found)
        _name_levels(panel, [axis_value("lag", v) for v in first.index], "lag, sessions from decision to execution")
        return canvas

    caption, alt = (
        _lag_caption(ladders, conditions),
        " ".join(_alt(values, metric, "lag") for metric, values in ladders.items()),
    )
    return picture(name, "Effect of execution lag", caption, alt, long_table(ladders), draw)


def long_table(ladders: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a policy and level, a column a metric.

    ladders : table of each metric: a row a level, a column a policy, the same in all.
    """
    each = [v.melt(ignore_index=False, var_name="policy", value_name=m).reset_index() for m, v in ladders.items()]
    return each[0].assign(**{metric: frame[metric].to_numpy() for metric, frame in zip(ladders, each, strict=True)})


def _lag_caption(ladders: Mapping[str, pd.DataFrame], conditions: str) -> str:
    lead, order = next(iter(ladders.items()))
    start, end = max(1, int(order.index[0])), int(order.index[-1])
    if start not in order.index or start == end:
        start = int(order.index[0])
    moves = []
    for metric, values in ladders.items():
        moved = values.loc[end].to_numpy() - values.loc[start].to_numpy()
        k = int(np.argmax(np.where(far(moved), -1.0, np.abs(moved))))
        unit = METRICS[metric].unit.replace("% a year", "pp a year")
        by = METRICS[metric].text(float(moved[k]), signed=True)
        moves.append(f"{_short(metric)}, {values.columns[k]} by {by} {unit}")
    rank = ranks(order, lead)
    same = bool((rank == rank.iloc[0]).to_numpy().all())
    sentences = [
        f"Largest changes from a lag of {start} to {end}: {listed(moves)}.",
        f"The ranking in {_short(lead)} {'is the same at every lag' if same else 'changes with the lag'}.",
    ]
    if "growth" in ladders:
        sentences.append("Changes in growth depend on which days were hit.")
    if 0 in order.index:
        sentences.append("A lag of 0 executes at the close of the decision, which no desk can do.")
    if conditions:
        sentences.append(f"At {conditions}.")
    return " ".join(sentences)


def _short(metric: str) -> str:
    return METRICS[metric].phrase
