"""Width of no-trade bands by drift and volatility regime: a heat map."""

import numpy as np
import pandas as pd

from backtests.laboratory.learned.partial_dependence import held_lines, own_width_multiples
from foundation.arrays import Array
from foundation.paper.charts.heat_map import HeatMap, heat_map
from foundation.paper.charts.panel import heading
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.svg import Canvas
from foundation.paper.wording import number, told
from research.learning import LearnedPolicy
from research.rules.networks.features import ACTION_REACH
from research.rules.networks.names import SHARED_FEATURES

DRIFTS = np.array([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])  # half-widths
REGIMES = np.array([0.5, 0.71, 1.0, 1.41, 2.0])  # times the volatility in the long run, where training's are unknown
SEEN_QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)  # of what training saw


def regimes_picture(policy: LearnedPolicy) -> Picture:
    """Width of an asset's own box over its drift, by regime: the geometric mean over the assets of the last target."""
    regimes = _regimes(policy)
    lines = held_lines(policy)
    widths = [[own_width_multiples(policy, i, DRIFTS, float(np.log(r))) for i in lines] for r in regimes]
    cells = np.exp(np.mean(np.log(widths), axis=1))
    places = {"volatility": np.repeat(regimes, len(DRIFTS)), "drift": np.tile(DRIFTS, len(regimes))}
    data = pd.DataFrame({**places, "width": cells.ravel()})
    calm, wild = (float(np.exp(np.log(cells[k]).mean())) for k in (0, -1))
    caption = (
        f"Half-width of a holding's no-trade band over the closed form's, when only that holding has drifted: on "
        f"average {number(calm)} in the calmest market and {number(wild)} in the most volatile. Rows: volatility of "
        "the last weeks over long-run volatility, from the 5 % to the 95 % quantile of training."
    )
    alt = told(data, "volatility x{volatility:g}, drift {drift:g}: {width}")

    def draw(f: Format) -> Canvas:
        """Draw wider boxes than the closed form's orange and narrower ones blue, with the wildest market on top."""
        shown = HeatMap(
            words=[[number(value) for value in row] for row in cells[::-1]],
            shades=np.minimum(np.abs(np.log(cells[::-1])) / np.log(ACTION_REACH), 1.0),
            across=[number(drift, 0) for drift in DRIFTS],
            down=[f"× {number(regime)}" for regime in regimes[::-1]],
            axes=("drift, half-widths", "volatility"),
            width=f.width,
            hues=[["orange" if value > 1.0 else "sky" for value in row] for row in cells[::-1]],
        )
        canvas = f.canvas(shown.height)
        heading(canvas, 0.0, 14.0, "Half-width of the band", "× the closed form's")
        heat_map(canvas, shown)
        return canvas

    return picture("regimes", "Band width by regime", caption, alt, data, draw, HALF)


def _regimes(policy: LearnedPolicy) -> Array:
    """Volatilities to show, over that of the long run: as training saw them, by the policy's card."""
    known = policy.card.get("features", [{}] * len(SHARED_FEATURES))[SHARED_FEATURES.index("volatility regime")]
    if "values" not in known:
        return REGIMES
    return np.exp([known["values"][int(np.searchsorted(known["shares"], part))] for part in SEEN_QUANTILES])
