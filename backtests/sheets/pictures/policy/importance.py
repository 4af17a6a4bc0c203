"""Permutation importance: how much the loss rises when a feature is permuted across simulated paths, with its error."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from foundation.paper.charts.interval_rows import Row, bars, interval_rows, rows_panel
from foundation.paper.charts.panel import Axis
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number

FEATURES = 164.0  # px, for the names of features
FEATURES_SHOWN = 15  # features at most
SURE = 2.0  # standard errors


def importance_picture(features: Sequence[dict[str, Any]], seed: int, worlds: int) -> Picture | None:
    """Bars, the longest first. features : of a card.  None where the card has no importance."""
    rows = [{k: f[k] for k in ("name", "importance", "importance_error")} for f in features if "importance" in f]
    if not rows:
        return None
    data = pd.DataFrame(rows).sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)
    sure = data[data["importance"] > SURE * data["importance_error"]]
    text = (
        f"Most important: {listed([str(name) for name in sure['name'][:3]])}."
        if len(sure)
        else "No feature is significant by itself."
    )
    left_out = (
        f" Not shown: {len(data) - FEATURES_SHOWN} less important features." if len(data) > FEATURES_SHOWN else ""
    )
    caption = (
        f"{text} Error bars: ±{SURE:g} s.e. over {worlds} simulated paths, seed {seed}. Correlated features can "
        f"replace one another, so that each appears less important than it is.{left_out}"
    )
    each = "; ".join(f"{r['name']} {number(r['importance'], 3)}" for r in data.to_dict("records"))

    def draw(f: Format) -> Canvas:
        shown = data.head(FEATURES_SHOWN)
        worth, error = shown["importance"], SURE * shown["importance_error"]
        across = Axis.over([0.0, *(worth - error), *(worth + error)], margin=0.02)
        panel = rows_panel(f, "importance", len(shown), across, names=FEATURES)
        panel.scales("Rise of J", "bp a year, permuted", across=4, zero="soft")
        digits = 3 if across.high < 1.0 else 2
        rows = [
            Row(name, value, value - past, value + past, LineStyle("ink", width=1.2), figure=number(value, digits))
            for name, value, past in zip(shown["name"], worth, error, strict=True)
        ]
        bars(panel, [[(0.0, value, "sky", 1.0)] for value in worth])
        interval_rows(panel, rows, marks=False)
        return panel.canvas

    alt = f"Increase of loss J when permuted, bp a year: {each}."
    return picture("importance", "Feature importance", caption, alt, data, draw, HALF)
