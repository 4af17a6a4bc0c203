"""Permutation importance: how much the loss rises when a feature is permuted across simulated paths, with its error."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from foundation.paper.charts.interval_rows import Row, bars, interval_rows
from foundation.paper.charts.panel import Axis, Panel, Side, plotted
from foundation.paper.layout import ROW_HEIGHT, ROW_ROOM
from foundation.paper.picture import HALF, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import listed, number, told

FEATURES_WIDTH = 164.0  # px, for the names of features
MOST_FEATURES = 15  # features at most
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
    left_out = f" Not shown: {len(data) - MOST_FEATURES} less important features." if len(data) > MOST_FEATURES else ""
    caption = (
        f"{text} Error bars: ±{SURE:g} s.e. over {worlds} simulated paths, seed {seed}. Correlated features can "
        f"replace one another, so that each appears less important than it is.{left_out}"
    )
    shown = data.head(MOST_FEATURES)
    worth, error = shown["importance"], SURE * shown["importance_error"]
    across = Axis.over([0.0, *(worth - error), *(worth + error)], margin=0.02)
    digits, style = 3 if across.high < 1.0 else 2, LineStyle("ink", width=1.2)
    ends = zip(shown["name"], worth, worth - error, worth + error, strict=True)
    drawn = [Row(name, value, low, high, style, figure=number(value, digits)) for name, value, low, high in ends]

    def marks(panel: Panel) -> None:
        bars(panel, [[(0.0, value, "sky", 1.0)] for value in worth])
        interval_rows(panel, drawn, marks=False)

    x, y = Side(across, most=4, zero="soft"), Side(words="Rise of J", unit="bp a year, permuted")
    draw = plotted(x, y, marks, ROW_HEIGHT * len(drawn), **ROW_ROOM | {"left": FEATURES_WIDTH})
    alt = f"Increase of loss J when permuted, bp a year: {told(data, '{name} {importance:3}')}."
    return picture("importance", "Feature importance", caption, alt, data, draw, HALF)
