"""Number of lines, and of uncorrelated ones, over which one policy was spread through its test."""

import numpy as np
import pandas as pd

from backtests.attribution.exposures import Concentration
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.panel import Axis, Panel, day_numbers
from foundation.paper.layout import NUMBERS, TITLE, Array, thinned
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import even, number

HIGH = 104.0  # px


def concentration_picture(name: str, found: Concentration, style: LineStyle) -> Picture | None:
    """The picture; None where nothing but cash was held.

    name  : of the policy.
    found : its concentration.
    style : of its line.
    """
    if np.isnan(found.lines).all():
        return None
    known = found.lines[~np.isnan(found.lines)]
    text = f"Effective number of lines of {name}: {number(known.min(), 1)} to {number(known.max(), 1)}. "
    if len(found.bets):
        text += (
            f"Effective number of bets, the squared diversification ratio: {number(found.bets.min(), 2)} to "
            f"{number(found.bets.max(), 2)}, least on {found.dates[found.ends[int(found.bets.argmin())]]:%Y-%m-%d}: so "
            "many uncorrelated lines of equal risk would be diversified as well, by the returns of the year before."
        )
    else:
        text += "The effective number of bets needs a year of returns of every line held."
    each = [("lines at each close", known, 1), *([("bets at month ends", found.bets, 2)] if len(found.bets) else [])]
    told = [
        f"{what}, {number(float(v[0]), digits)} first, {number(float(v[-1]), digits)} last, between "
        f"{number(float(v.min()), digits)} and {number(float(v.max()), digits)}"
        for what, v, digits in each
    ]
    alt = f"Effective number of {'; of '.join(told)}."
    bets = np.full(len(found.dates), np.nan)
    bets[found.ends] = found.bets
    data = pd.DataFrame(
        {"date": found.dates.strftime("%Y-%m-%d"), "effective_lines": found.lines, "effective_bets": bets}
    )
    return picture(
        "concentration", f"Concentration: {name}", text, alt, data, lambda f: _draw(f, name, found, style), HALF
    )


def _draw(f: Format, name: str, found: Concentration, style: LineStyle) -> Canvas:
    days, top = day_numbers(found.dates), TITLE
    panels: list[tuple[str, str, Array, Array]] = [("Effective lines", "number, by weight", days, found.lines)]
    if len(found.bets) > 1:
        panels.append(("Effective bets", "number, over the last year", days[found.ends], found.bets))
    canvas = Canvas(f.width, (TITLE + HIGH) * len(panels) + NUMBERS, f"concentration-{f.css}")
    across = Axis(days[0], days[-1]) if len(days) > 1 else Axis(days[0] - 1.0, days[0] + 1.0)
    width = f.width - f.left - 130.0
    for words, unit, x, y in panels:
        there = ~np.isnan(y)
        panel = Panel(canvas, f.left, top, width, HIGH, across, Axis.over([*y[there], 1.0]))
        panel.title(words, unit)
        panel.y_grid(panel.y.ticks(4), even(panel.y.ticks(4)))
        rows = thinned(y[there], int(width / 1.6))
        drawn = Curve(name, x[there][rows], y[there][rows], style, number(float(y[there][-1]), 1))
        curves(panel, [drawn], f.width, values=f.is_wide)
        top += TITLE + HIGH
    Panel(canvas, f.left, TITLE, width, top - TITLE - TITLE, across).years(found.dates)
    return canvas
