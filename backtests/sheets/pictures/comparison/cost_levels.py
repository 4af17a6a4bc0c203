"""The loss J of each policy over costs of trading from 0 to 50 bp, with the costs at which two change places."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.comparison.descriptions.cost_levels import LEVELS, BreakEven, CostLevels
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.panel import Axis, one_panel
from foundation.paper.layout import AXIS, far
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number

HIGH = 238.0  # px: of the panel
POINT = 3.6  # px: diameter of a mark


def cost_levels_picture(found: CostLevels, styles: Mapping[str, LineStyle], shown: str) -> Picture:
    """The picture.

    found  : J and growth of each policy at each level.
    styles : line style of each policy.
    shown  : the recommended policy, or the reference.
    """
    losses = found.wide("loss")
    away = _away(losses)
    near = losses.drop(index=away)

    def draw(f: Format) -> Canvas:
        up = Axis(0.0, Axis.over([0.0, *near.to_numpy().ravel()]).high)
        panel = one_panel(f, "cost_levels", HIGH, Axis(LEVELS[0], LEVELS[-1], "root"), up, below=AXIS)
        panel.title("Loss J", "bp a year; marks: costs that were played")
        panel.y_grid(panel.y.ticks())
        panel.x_grid([level for level in LEVELS if level != 1.0], lines=False)
        panel.x_title("cost of every asset, bp of notional a side")
        for root in found.of(shown):
            panel.x_line(root.cost, "ink", 0.8, (0, (1.5, 2.0)))
        drawn = []
        for name, row in near.iterrows():
            there = row.dropna()
            x, y = there.index.to_numpy(dtype=float), there.to_numpy(dtype=float)
            drawn.append(Curve(str(name), x, y, styles[str(name)], number(float(y[-1]), 1), points=POINT))
        curves(panel, drawn, f.width, values=f.is_wide)
        return panel.canvas

    caption, title = _caption(found, shown, away), "Loss at costs of 0 to 50 bp"
    return picture("cost_levels", title, caption, _alt(losses), found.table, draw, HALF)


def _away(losses: pd.DataFrame) -> list[str]:
    """The policies whose loss would flatten all the others."""
    most = losses.max(axis=1, skipna=True)
    gone = far(most.fillna(np.inf).to_numpy())
    return [str(name) for name, out, value in zip(most.index, gone, most, strict=True) if out or value != value]


def break_even_words(found: CostLevels, policy: str) -> str:
    """The break-even of a policy and the reference, as a sentence without its full stop."""
    roots = found.of(policy)
    pair = f"{policy} and {found.reference}"
    if policy not in found.searched:
        return f"{pair} were not searched for a break-even"
    if not roots:
        own, other = (found.wide("loss").loc[name].dropna() for name in (policy, found.reference))
        both = own.index.intersection(other.index)
        if (own[both] < other[both]).all():
            return f"{policy} has a lower J than {found.reference} at every level"
        if (own[both] > other[both]).all():
            return f"{policy} has a higher J than {found.reference} at every level"
        return f"{pair} have no break-even between two levels"
    return f"{pair} change places at {listed([root_words(root) for root in roots])} bp a side"


def root_words(root: BreakEven) -> str:
    """A break-even cost in words, marked if J jumps there."""
    cost = number(root.cost, 1)
    return f"{cost} (by a jump of J)" if root.jumps else cost


def _caption(found: CostLevels, shown: str, away: list[str]) -> str:
    first = [] if shown == found.reference else [break_even_words(found, shown) + "."]
    losses = found.wide("loss").drop(index=away)
    low, high = (str(losses[level].idxmin()) for level in (LEVELS[0], LEVELS[-1]))
    best = f"Lowest J at 0 bp: {low}; at {LEVELS[-1]:g} bp: {high}."
    gone = [f"Off scale: {listed(away)}."] if away else []
    return " ".join([*(s[0].upper() + s[1:] if s.split()[0] != shown else s for s in first), best, *gone])


def _alt(losses: pd.DataFrame) -> str:
    each = [
        f"{name} {', '.join(f'{number(value)} at {level:g}' for level, value in row.dropna().items())}"
        for name, row in losses.iterrows()
    ]
    return f"J of each policy, bp a year, at costs in bp of notional a side. {'; '.join(each)}."
