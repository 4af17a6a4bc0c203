"""Trade size against drift, asset by asset, for the policy and for the closed form."""

import numpy as np
import pandas as pd

from backtests.laboratory.learned.partial_dependence import held_lines, trade_sizes
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.panel import Axis, Side, plotted
from foundation.paper.picture import HALF, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import HUES
from foundation.paper.wording import listed, number
from research.learning import LearnedPolicy

HEIGHT, FARTHEST = 250.0, 3.0  # px, half-widths
CLOSED = "closed form"


def trades_picture(policy: LearnedPolicy) -> Picture:
    """Size of trades over the drift of an asset by its own return, both in the closed form's half-widths."""
    drifts = np.linspace(-FARTHEST, FARTHEST, 161)
    lines = held_lines(policy)[: len(HUES)]
    data = pd.DataFrame({"drift": drifts, CLOSED: np.maximum(np.abs(drifts) - 1.0, 0.0) * -np.sign(drifts)})
    for line in lines:
        data[policy.assets[line]] = trade_sizes(policy, line, drifts)
    first = {name: _edges(data, name) for name in data.columns[2:]}
    widths = [f"{name} {number(up, 1)} above and {number(down, 1)} below" for name, (down, up) in first.items()]
    more = (
        f" Shown: the {len(lines)} largest of {len(held_lines(policy))} holdings."
        if len(held_lines(policy)) > len(lines)
        else ""
    )
    caption = (
        f"A holding is not traded until it drifts out of its no-trade band, and is then traded back to the edge. Band "
        f"edges, in closed-form half-widths: {listed(widths)}; closed form 1.0. Other features are at their training "
        f"means.{more}"
    )

    names, styles = (
        list(data.columns[1:]),
        [LineStyle("ink", (0, (1.3, 1.5)), 1.5), *(LineStyle(h, width=1.5) for h in HUES)],
    )
    shown = [Curve(name, drifts, data[name].to_numpy(), style) for name, style in zip(names, styles, strict=False)]
    x = Side(Axis(-FARTHEST, FARTHEST), "drift, half-widths", lines=False)
    y = Side(Axis.over(data[names]), "Trade", "half-widths (y) vs drift (x)")
    draw = plotted(x, y, lambda panel: curves(panel, shown), HEIGHT)
    return picture("trades", "Trade size against drift", caption, f"Half-widths: {listed(widths)}.", data, draw, HALF)


def _edges(data: pd.DataFrame, name: str) -> tuple[float, float]:
    """Largest gaps below and above target without a trade; the ends of the picture where there is none."""
    drift, idle = data["drift"], data[name] == 0.0
    down, up = data.loc[~idle & (drift < 0.0), "drift"], data.loc[~idle & (drift > 0.0), "drift"]
    return -float(down.max() if len(down) else drift.min()), float(up.min() if len(up) else drift.max())
