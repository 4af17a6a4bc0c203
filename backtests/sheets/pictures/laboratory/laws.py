"""Growth of the optimal band and of its loss with cost: two panels on log scales."""

import numpy as np
import pandas as pd

from foundation.paper.charts.panel import Axis, Panel
from foundation.paper.layout import AXIS, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import Canvas
from foundation.paper.wording import number

HIGH, GAP = 240.0, 60.0  # px: of a panel, and between two
PANELS = (
    ("half_width", "closed_width", "Half-width", "% of NAV", 100.0, "⅓"),
    ("loss", "closed_loss", "Loss", "bp a year", 1.0, "⅔"),
)


def laws_picture(table: pd.DataFrame, width: float, loss: float, name: str = "laws") -> Picture:
    """Half-width and loss of one line's optimum over cost, with fitted powers.

    table : a row a cost; columns and units as `backtests.laboratory.study.scaling_laws` gives them.
    width : exponent of the half-width.
    loss  : exponent of the loss.
    name  : of the file.
    """
    caption = (
        f"Dots: dynamic programming; thin line: closed form, nothing fitted; broad line: fitted power law. Exponents: "
        f"half-width {number(width, 3)} (theory ⅓), loss {number(loss, 3)} (theory ⅔). At ten times the cost the band "
        f"is {number(10.0**width, 1)} times and the lowest loss {number(10.0**loss, 1)} times as large."
    )
    rows = table.to_dict("records")
    alt = "; ".join(
        f"at {1e4 * r['cost']:g} bp {number(100 * r['half_width'])} % of NAV and {number(r['loss'])} bp a year"
        for r in rows
    )
    exponents = {"half_width": width, "loss": loss}

    def draw(f: Format) -> Canvas:
        one = TITLE + HIGH + AXIS
        canvas = Canvas(f.width, one if f.is_wide else 2.0 * one, f"{name}-{f.css}")
        width = (f.width - 2.0 * f.left - GAP) / 2.0 if f.is_wide else f.width - f.left - 12.0
        for k, panel in enumerate(PANELS):
            left = f.left + k * (width + GAP) if f.is_wide else f.left
            _panel(canvas, table, panel, exponents[panel[0]], (left, TITLE + (0.0 if f.is_wide else k * one), width))
        return canvas

    return picture(
        name, "Power laws of cost", caption, f"One asset beside cash, half-width and loss: {alt}.", table, draw
    )


def _panel(
    canvas: Canvas, table: pd.DataFrame, panel: tuple[str, str, str, str, float, str], exponent: float,
    place: tuple[float, float, float],
) -> None:  # fmt: skip
    key, closed, label, unit, times, theory = panel
    left, top, width = place
    cost, values = 1e4 * table["cost"].to_numpy(), times * table[key].to_numpy()
    across = Axis(cost.min() / 1.25, cost.max() * 1.25, "log")
    up = Axis(values.min() / 1.3, values.max() * 1.3, "log")
    found = Panel(canvas, left, top, width, HIGH, across, up)
    found.title(label, f"{unit}; log scales")
    found.x_grid(across.ticks())
    found.y_grid(up.ticks())
    found.x_title("cost a side, bp")
    middle = np.exp(np.log(values).mean() + exponent * (np.log(cost) - np.log(cost).mean()))
    x = found.across(cost)
    canvas.line(x, found.up(middle), colour="rule", width=7.0, behind=True)
    canvas.line(x, found.up(times * table[closed]), colour="soft", width=1.0)
    for at, y in zip(x, found.up(values), strict=True):
        canvas.point(at, y, colour="wine", size=7.0)
    canvas.text(left + 14.0, top + 22.0, f"cost to the power {number(exponent, 3)}", bold=True)
    canvas.text(left + 14.0, top + 40.0, f"theory {theory}", colour="soft")
