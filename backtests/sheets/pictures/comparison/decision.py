"""The picture of a decision: expected loss of each candidate against its days of trading."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.comparison.recommendation import Recommendation
from foundation.paper.charts.panel import Axis, one_panel
from foundation.paper.charts.plane import name_points
from foundation.paper.layout import AXIS, far
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number

HIGH = 238.0  # px: of the panel
MARK = 5.0  # px: diameter of a point


def decision_picture(made: Recommendation, styles: Mapping[str, LineStyle], currency: str) -> Picture | None:
    """Days of trading and expected loss of each candidate; None of fewer than two.

    made     : the recommendation.
    styles   : of each policy.
    currency : of the loss.
    """
    if len(made.candidates) < 2:
        return None
    table = pd.DataFrame(
        {
            "days": {name: one.work.days for name, one in made.candidates.items()},
            "loss": {name: one.loss for name, one in made.candidates.items()},
        }
    ).rename_axis("policy")
    gone = [str(name) for name, out in zip(table.index, far(table["loss"].to_numpy()), strict=True) if out]
    gone = [name for name in gone if name not in (made.policy, made.now)]
    best = table["loss"].min()
    off = f" Off scale: {listed(gone)}." if gone else ""
    return picture(
        "decision",
        "Loss and work",
        f"Expected loss at your prices and days with a trade. Shaded: within your margin of the best.{off}",
        "; ".join(f"{name}: {number(d, 1)} days, {number(v, 0)} {currency}" for name, (d, v) in _rows(table)) + ".",
        table.reset_index(),
        lambda f: _draw(f, table.drop(index=gone), styles, made, (float(best), float(best) + made.margin), currency),
        HALF,
    )


def _rows(table: pd.DataFrame) -> list[tuple[str, tuple[float, float]]]:
    return [(str(name), (float(row["days"]), float(row["loss"]))) for name, row in table.iterrows()]


def _draw(
    f: Format,
    table: pd.DataFrame,
    styles: Mapping[str, LineStyle],
    made: Recommendation,
    near: tuple[float, float],
    currency: str,
) -> Canvas:
    days, losses = table["days"].to_numpy(), table["loss"].to_numpy()
    across = Axis(0.0, Axis.over([0.0, *days], 0.12).high)
    up = Axis(0.0, Axis.over([0.0, *losses, near[1]], 0.15).high)  # room for names above points
    panel = one_panel(f, "decision", HIGH, across, up, below=AXIS)
    panel.band(near[0], near[1], "rule", 0.5)
    panel.scales("Expected loss", f"{currency} a year", "days with a trade, a year", lines=False)
    x, y = panel.across(days), panel.up(losses)
    names = [str(name) for name in table.index]
    for name, left, top in zip(names, x, y, strict=True):
        panel.canvas.point(float(left), float(top), colour=styles[name].colour, size=MARK)
    words = [
        name + (" (use)" if name == made.policy and not made.is_kept else " (now)" if name == made.now else "")
        for name in names
    ]
    order = np.argsort([name not in (made.policy, made.now) for name in names], kind="stable")
    places = [(float(x[k]), float(y[k])) for k in order]
    name_points(
        panel, places, [words[k] for k in order], ["ink"] * len(names),
        marks=places, taken=[], paths=[],
    )  # fmt: skip
    return panel.canvas
