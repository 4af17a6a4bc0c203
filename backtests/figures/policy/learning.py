"""How J fell along the training: a line a seed, and between the best and the worst of them a band."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from backtests.figures.charts.curves import Curve, curves, end_labels, end_of
from backtests.figures.charts.panel import Axis, Panel, one_panel
from backtests.figures.layout import ticks
from backtests.figures.picture import HALF, Format, Picture, picture
from backtests.figures.styles import LineStyle
from backtests.figures.svg import TOKENS, Canvas
from backtests.wording import counted, number

HIGH, RIGHT = 210.0, 112.0  # px: of the panel, and for the label at its right


def learning_picture(cards: Mapping[int, Mapping[str, Any]], stands: int) -> Picture | None:
    """J in training worlds over the steps learned, by seed; None where no card has a curve.

    stands : the seed that stands for all.
    """
    rows = [
        {"seed": seed, "steps": point["steps"], "J": point["J"], "stands": seed == stands}
        for seed, card in cards.items()
        for point in card.get("curve", ())
    ]
    if not rows:
        return None
    data = pd.DataFrame(rows)
    ends = data.groupby("seed")["J"].last()
    caption = (
        f"J of {counted(len(ends), 'seed')} in worlds of training days that none learns on, and other ones than those "
        f"that judge them in the end; at the end it lies between "
        f"{number(ends.min(), 3)} and {number(ends.max(), 3)} bp a year. The band holds all seeds; heavy: the one "
        f"that stands for them, {stands}."
        if len(ends) > 1
        else "J in worlds of training days that it does not learn on, and other ones than those that judge it in the "
        f"end; {number(ends.iloc[0], 3)} bp a year at the end."
    )
    each = "; ".join(f"seed {seed} ends at {number(value, 3)}" for seed, value in ends.items())
    of = ("J in training worlds", "bp a year, over thousand steps")
    return picture(
        "learning", "Learning", caption, f"bp a year. {each}.", data, lambda f: _draw(f, data, of, 1e3), HALF
    )


def updates_picture(curve: Sequence[Mapping[str, float]], seed: int) -> Picture:
    """What the universal rebalancer lost in each of its updates, over what the closed form expects to lose there."""
    data = pd.DataFrame(curve).rename(columns={"updates": "steps", "loss": "J"}).assign(seed=seed, stands=True)
    last = number(data["J"].iloc[-1], 3)
    caption = (
        "J in random markets over what the closed form expects there, means of neighbouring updates; each update meets "
        f"markets of its own, so that the line is never still. {last} at the end."
    )
    of = ("J over what is expected", "over updates")
    return picture(
        "learning", "Learning", caption, f"It ends at {last}.", data, lambda f: _draw(f, data, of, 1.0), HALF
    )


def _draw(f: Format, data: pd.DataFrame, of: tuple[str, str], unit: float) -> Canvas:
    across = Axis(0.0, max(float(data["steps"].max()), 1.0))
    panel = one_panel(f, "learning", HIGH, across, Axis.over(data["J"].tolist()), right=RIGHT)
    panel.title(*of)
    panel.y_grid(panel.y.ticks())
    steps_grid(panel, unit)
    by_step = data.groupby("steps")["J"].agg(["min", "max"])
    if not data["stands"].all():
        panel.axes.fill_between(
            by_step.index, by_step["min"], by_step["max"], color=TOKENS["sky"], alpha=0.22, linewidth=0.0
        )
    shown = [
        Curve(
            f"seed {seed}",
            rows["steps"].to_numpy(),
            rows["J"].to_numpy(),
            LineStyle("sky", width=2.2 if stands else 0.8, bold=bool(stands)),
            number(rows["J"].iloc[-1], 3),
        )
        for (seed, stands), rows in data.groupby(["seed", "stands"], sort=False)
    ]
    curves(panel, shown)
    end_labels(panel, [end_of(panel, curve) for curve in shown if curve.style.bold], f.width, values=True)
    return panel.canvas


def steps_grid(panel: Panel, unit: float) -> None:
    """Numbers of steps below a panel, in units of so many."""
    marks = ticks(0.0, panel.x.high / unit, most=4)
    panel.x_grid([unit * mark for mark in marks], [number(mark, 0) for mark in marks], lines=False)
