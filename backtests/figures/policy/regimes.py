"""How wide boxes are in calm and in wild markets: a heat map over drift and volatility regime."""

import numpy as np
import pandas as pd

from backtests.figures.picture import HALF, Format, Picture, heading, picture
from backtests.figures.svg import TOKENS, Canvas
from backtests.learned.partial_dependence import held_lines, own_width_multiples
from backtests.wording import number
from research.arrays import Array
from research.learning import LearnedPolicy
from research.learning.state import REACH, SHARED

TITLE, ROW, FOOT, SIDE = 48.0, 34.0, 44.0, 92.0  # px
DRIFTS = np.array([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])  # half-widths
REGIMES = np.array([0.5, 0.71, 1.0, 1.41, 2.0])  # times the volatility in the long run, where training's are unknown
PARTS = (0.05, 0.25, 0.50, 0.75, 0.95)  # of what training saw
STRONGEST = 0.75


def regimes_picture(policy: LearnedPolicy) -> Picture:
    """Width of a line's own box over its drift, by regime: the geometric mean over the lines of the last target."""
    regimes = _regimes(policy)
    cells = np.array(
        [
            np.exp(
                np.mean(
                    [np.log(own_width_multiples(policy, i, DRIFTS, float(np.log(r)))) for i in held_lines(policy)],
                    axis=0,
                )
            )
            for r in regimes
        ]
    )
    rows = [
        {"volatility": float(r), "drift": float(d), "width": float(cells[j, k])}
        for j, r in enumerate(regimes)
        for k, d in enumerate(DRIFTS)
    ]
    calm, wild = (float(np.exp(np.log(cells[k]).mean())) for k in (0, -1))
    caption = (
        f"Half-width of a line's box over the closed form's, when that line alone has drifted: in "
        f"the mean of a row {number(calm)} in the calmest market and {number(wild)} in the wildest. Rows are the "
        "volatility of the last weeks over that of the long run: from the calmest twentieth of training to the wildest."
    )
    alt = "; ".join(f"volatility x{r['volatility']:g}, drift {r['drift']:g}: {number(r['width'])}" for r in rows)
    return picture(
        "regimes", "How wide, by regime", caption, alt, pd.DataFrame(rows), lambda f: _draw(f, cells, regimes), HALF
    )


def _regimes(policy: LearnedPolicy) -> Array:
    """Volatilities to show, over that of the long run: as training saw them, by the policy's card."""
    known = policy.card.get("features", [{}] * len(SHARED))[SHARED.index("volatility regime")]
    if "values" not in known:
        return REGIMES
    return np.exp([known["values"][int(np.searchsorted(known["shares"], part))] for part in PARTS])


def _draw(f: Format, cells: Array, regimes: Array) -> Canvas:
    high = ROW * len(regimes)
    canvas = Canvas(f.width, TITLE + high + FOOT, f"regimes-{f.css}")
    width = (f.width - SIDE - 4.0) / len(DRIFTS)
    heading(canvas, 4.0, 14.0, "Half-width of the box", "times the closed form's")
    canvas.text(SIDE - 10.0, TITLE - 12.0, "volatility", colour="soft", align="right")
    axes = canvas.axes(0.0, 0.0, f.width, canvas.height)
    axes.set_xlim(0.0, f.width)
    axes.set_ylim(canvas.height, 0.0)
    for j, regime in enumerate(regimes):
        y = TITLE + ROW * (len(regimes) - 1 - j)
        canvas.text(SIDE - 10.0, y + ROW / 2.0, f"× {number(regime)}", align="right")
        for k in range(len(DRIFTS)):
            value = float(cells[j, k])
            strength = STRONGEST * abs(np.log(value)) / np.log(REACH)
            hue = TOKENS["orange" if value > 1.0 else "sky"]
            axes.fill_between([SIDE + k * width + 1.0, SIDE + (k + 1) * width - 1.0], y + 1.0, y + ROW - 1.0, color=hue,
                              alpha=min(strength + 0.04, 1.0), linewidth=0.0)  # fmt: skip
            canvas.text(SIDE + (k + 0.5) * width, y + ROW / 2.0, number(value), align="center")
    foot = TITLE + high
    for k, drift in enumerate(DRIFTS):
        canvas.text(SIDE + (k + 0.5) * width, foot + 13.0, number(drift, 0), colour="soft", align="center")
    canvas.text(SIDE + width * len(DRIFTS) / 2.0, foot + 31.0, "drift, half-widths", colour="soft", align="center")
    return canvas
