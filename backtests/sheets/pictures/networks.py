"""The variables that a temporal fusion transformer used."""

import pandas as pd

from foundation.paper.charts.interval_rows import bars, row_names, rows_panel
from foundation.paper.charts.panel import Axis
from foundation.paper.layout import AXIS, NAMES
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number, percent

BAR = 0.55  # of a row: height of a bar
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

    def draw(f: Format) -> Canvas:
        share = 100.0 * shown["share"]
        names = NAMES if f.is_wide else 120.0
        across = Axis.over([*share, 0.0], margin=0.02)
        panel = rows_panel(f, "variables", len(shown), across, names=names, right=16.0, below=AXIS)
        panel.scales("Share of variables", "pale: known ahead", "% of its role", across=7 if f.is_wide else 4)
        strengths = [1.0 if role == "history" else 0.45 for role in shown["role"]]
        bars(panel, [[(0.0, value, "sky", strength)] for value, strength in zip(share, strengths, strict=True)], BAR)
        row_names(panel, shown["variable"].tolist(), gap=8.0, spare=4.0)
        return panel.canvas

    return picture("variables", "What the network used", caption, f"{alt}.", shown, draw)
