"""The rest of an order over time, by several kinds of slicing, with the expected cost and the risk of each."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.panel import Axis, one_panel
from foundation.paper.layout import AXIS
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import line_styles
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed
from research.orders.slicing import Sliced

HEIGHT = 220.0  # px


def slicing_picture(schedules: Mapping[str, Sliced], currency: str) -> Picture:
    """A curve for each kind of slicing: percent of the order left at each moment, at a constant rate in an interval.

    schedules : an order in slices, by the name of the kind; all of one order.
    currency  : currency of its costs.
    """
    styles = line_styles(dict.fromkeys(schedules, False), "", None)
    left = {name: _left(each) for name, each in schedules.items()}
    rows = [
        {"slicing": name, "sessions": time, "left": percent}
        for name, (times, values) in left.items()
        for time, percent in zip(times.tolist(), values.tolist(), strict=True)
    ]
    costs = [f"{name} {_cost(each)}" for name, each in schedules.items() if each.cost is not None]
    caption = (
        "What is left bears the risk of the price: the sooner it is sent, the lower the risk and the higher the cost."
    )
    if costs:
        caption += f" Expected cost and its standard deviation, {currency}: {listed(costs)}."
    alt = "; ".join(f"{name} sends {len(each.slices)} slices" for name, each in schedules.items())

    def draw(f: Format) -> Canvas:
        longest = max(each.order.sessions for each in schedules.values())
        panel = one_panel(f, "slicing", HEIGHT, Axis(0.0, longest), Axis(0.0, 100.0), below=AXIS)
        panel.scales("Left of the order", "%", "sessions from the beginning")
        lines = [Curve(name, *left[name], styles[name], points=5.0) for name in schedules]
        curves(panel, lines, f.width)
        return panel.canvas

    return picture("slicing", "Slices of the order", caption, f"{alt}.", pd.DataFrame(rows), draw)


def _left(schedule: Sliced) -> tuple[Array, Array]:
    """(N + 1,) moments in sessions, and the percent of the order left at each."""
    trades = schedule.trades
    left = np.append(np.cumsum(trades[::-1])[::-1], 0.0)  # from the end, so that nothing is left exactly
    return schedule.interval * np.arange(len(trades) + 1.0), 100.0 * left / trades.sum()


def _cost(schedule: Sliced) -> str:
    return f"{schedule.cost:,.0f} ± {schedule.risk:,.0f}"
