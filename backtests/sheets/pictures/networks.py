"""The variables that a temporal fusion transformer used."""

import numpy as np
import pandas as pd

from foundation.paper.charts.panel import Axis, Panel
from foundation.paper.layout import AXIS, NAMES, ROW, TITLE
from foundation.paper.picture import NARROW, Format, Picture, picture
from foundation.paper.styles import fitted_name
from foundation.paper.svg import TOKENS, Canvas
from foundation.paper.wording import listed, number, percent

ROLES = {"history": "read of the past", "ahead": "known ahead"}


def importance_picture(importance: pd.DataFrame) -> Picture:
    """A row a variable, the most used first within its role.

    importance : role, variable and share of its role, as of `FittedNetwork.importance`.
    """
    shown = importance[importance["role"].isin(list(ROLES))]
    order = shown["role"].map({role: place for place, role in enumerate(ROLES)})
    shown = shown.assign(of=order).sort_values(["of", "share"], ascending=[True, False])
    shown = shown.drop(columns="of").reset_index(drop=True)
    past = shown[shown["role"] == "history"]
    each = [f"{name} ({percent(share, 0)})" for name, share in zip(past["variable"], past["share"], strict=True)]
    caption = (
        f"Most used of what the network read of the past: {listed(each[:3])}. A share says how much of a variable "
        "entered the forecast, not whether the forecast was right."
    )
    alt = "Shares, %: " + "; ".join(
        f"{name}, {ROLES[role]}, {number(100 * share, 1)}"
        for name, role, share in zip(shown["variable"], shown["role"], shown["share"], strict=True)
    )
    return picture("variables", "What the network used", caption, f"{alt}.", shown, lambda f: _variables(f, shown))


def _variables(f: Format, shown: pd.DataFrame) -> Canvas:
    share = 100.0 * shown["share"].to_numpy()
    height, names = ROW * len(shown), 120.0 if f.css == NARROW.css else NAMES
    canvas = Canvas(f.width, TITLE + height + AXIS, f"variables-{f.css}")
    across = Axis.over([*share, 0.0], margin=0.02)
    panel = Panel(canvas, names, TITLE, f.width - names - 16.0, height, across, Axis(float(len(shown)), 0.0))
    panel.title("Share of variables", "pale: known ahead")
    panel.x_grid(panel.x.ticks(7 if f.is_wide else 4))
    panel.x_title("% of its role")
    rows, past = np.arange(len(shown)) + 0.5, (shown["role"] == "history").to_numpy()
    for which, strength in ((past, 1.0), (~past, 0.45)):
        panel.axes.barh(
            rows[which], share[which], height=0.55, color=TOKENS["sky"], alpha=strength, linewidth=0.0, zorder=1.0
        )
    for row, name in zip(rows, shown["variable"], strict=True):
        canvas.text(names - 8.0, panel.top + ROW * float(row), fitted_name(str(name), names - 12.0), align="right")
    return canvas
