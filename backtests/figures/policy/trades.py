"""How much is traded of a line that drifted so far: by the policy, line by line, and by the closed form."""

import numpy as np
import pandas as pd

from backtests.figures.layout import limits, ticks
from backtests.figures.picture import HALF, Format, Picture, curve, heading, height_of, picture, scale
from backtests.figures.styles import Look, end_labels
from backtests.figures.svg import HUES, Canvas
from backtests.learned.partial_dependence import held_lines, trade_sizes
from backtests.wording import even, listed, number
from research.learning import LearnedPolicy

TITLE, FOOT, HIGH, FARTHEST = 30.0, 40.0, 250.0, 3.0  # px, px, px, half-widths
CLOSED = "closed form"


def trades_picture(policy: LearnedPolicy) -> Picture:
    """What is traded over how far a line drifted by its own return, both in the closed form's half-widths."""
    drifts = np.linspace(-FARTHEST, FARTHEST, 161)
    lines = held_lines(policy)[: len(HUES)]
    data = pd.DataFrame({"drift": drifts, CLOSED: np.maximum(np.abs(drifts) - 1.0, 0.0) * -np.sign(drifts)})
    for line in lines:
        data[policy.assets[line]] = trade_sizes(policy, line, drifts)
    first = {name: _edges(data, name) for name in data.columns[2:]}
    said = [f"{name} past {number(up, 1)} over and {number(down, 1)} under" for name, (down, up) in first.items()]
    more = (
        f" Of {len(held_lines(policy))} lines the {len(lines)} heaviest are drawn."
        if len(held_lines(policy)) > len(lines)
        else ""
    )
    caption = (
        f"A line is left alone until it has drifted past the edge of its box, and is brought back to that edge: "
        f"{listed(said)}; the closed form past 1.0. The rest of what it sees is as in training in the mean.{more}"
    )
    return picture(
        "trades", "Trade size against drift", caption, f"Half-widths: {listed(said)}.", data,
        lambda f: _draw(f, data), HALF,
    )  # fmt: skip


def _edges(data: pd.DataFrame, name: str) -> tuple[float, float]:
    """How far below and above target a line is left alone; the ends of the picture where it is never traded."""
    drift, idle = data["drift"], data[name] == 0.0
    down, up = data.loc[~idle & (drift < 0.0), "drift"], data.loc[~idle & (drift > 0.0), "drift"]
    return -float(down.max() if len(down) else drift.min()), float(up.min() if len(up) else drift.max())


def _draw(f: Format, data: pd.DataFrame) -> Canvas:
    canvas = Canvas(f.width, TITLE + HIGH + FOOT, f"trades-{f.css}")
    right, foot = f.left + f.plot, TITLE + HIGH
    names = list(data.columns[1:])
    axes = canvas.axes(f.left, TITLE, f.plot, HIGH)
    axes.set_xlim(-FARTHEST, FARTHEST)
    axes.set_ylim(*limits(data[names].to_numpy().ravel().tolist()))
    heading(canvas, f.left, TITLE - 12.0, "Traded", "half-widths, over the drift")
    scale(canvas, axes, ticks(*axes.get_ylim()), f.left, right)
    across = ticks(-FARTHEST, FARTHEST)
    for mark, words in zip(across, even(across), strict=True):
        x = f.left + f.plot * (mark + FARTHEST) / (2.0 * FARTHEST)
        canvas.text(x, foot + 12.0, words, colour="soft", align="center")
    canvas.text(f.left + f.plot / 2.0, foot + 30.0, "drift, half-widths", colour="soft", align="center")
    styles = {CLOSED: Look("ink", (0, (1.3, 1.5)))} | {n: Look(h) for n, h in zip(names[1:], HUES, strict=False)}
    for name in names:
        curve(axes, data["drift"].to_numpy(), data[name].to_numpy(), styles[name].colour, 1.5, styles[name].dash)
    ends = {name: (height_of(canvas, axes, float(data[name].iloc[-1])), "") for name in names}
    end_labels(canvas, styles, ends, x=right, right=f.width, top=TITLE + 5.0, bottom=foot - 5.0, values=False)
    return canvas
