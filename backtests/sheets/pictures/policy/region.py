"""The no-trade region of a learned policy of two assets, beside the optimal one."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from backtests.sheets.pictures.laboratory.region import PERCENT_POINTS, draw_region, draw_target, gap_panel, outline
from foundation.arrays import Array, Mask
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import Canvas
from foundation.paper.wording import percent
from research.rules.optimum.region import Region

GAPS_PER_LINE, AIR = 161, 1.25  # gaps an asset; the picture's reach over the optimal region's
EDGE_KEY = {"learned": ("wine", 2.2), "optimal": ("sky", 1.6), "closed form": ("soft", 1.0)}


def region_picture(
    lines: Sequence[str], half_width: Array, outside: Callable[[Array], Array], region: Region, said: str
) -> Picture:
    """The edge of the learned region of no trade, of the optimal one, and of the closed form's box.

    lines      : names of the two.
    half_width : (2,) half-widths of the closed form, fraction of NAV.
    outside    : maps gaps (m, 2) to the excess of the worst asset over its learned box (m,); no trade below zero.
    region     : the optimal region.
    said       : sentence of the caption on the boxes.
    """
    around = outline(region)
    reach = AIR * float(np.abs(around).max())
    gaps = np.linspace(-reach, reach, GAPS_PER_LINE)
    first, second = np.meshgrid(gaps, gaps)
    past = outside(np.column_stack([first.ravel(), second.ravel()])).reshape(first.shape)
    known = _inside(region, first, second)
    mine = past <= 0.0
    common = float((mine & known).sum() / max((mine | known).sum(), 1))
    caption = (
        f"No trade inside the edge. The learned and the optimal region overlap in {percent(common, 0)} of their joint "
        f"area. {said}"
    )
    data = pd.DataFrame({"first": first.ravel(), "second": second.ravel(), "outside": past.ravel()})
    data["optimal"] = known.ravel()

    def draw(f: Format) -> Canvas:
        from matplotlib.figure import Figure

        panel = gap_panel(f, PERCENT_POINTS * float(gaps[-1]), 460.0, lines, EDGE_KEY)
        draw_region(panel, PERCENT_POINTS * around)
        a, b = PERCENT_POINTS * half_width
        panel.curve([-a, a, a, -a, -a], [-b, -b, b, b, -b], *EDGE_KEY["closed form"])
        ground = PERCENT_POINTS * gaps
        for edge in Figure().subplots().contour(ground, ground, past, levels=[0.0]).allsegs[0]:
            panel.curve(edge[:, 0], edge[:, 1], *EDGE_KEY["learned"])
        draw_target(panel)
        return panel.canvas

    return picture("region", "The no-trade region", caption, f"Overlap: {percent(common, 0)}.", data, draw)


def _inside(region: Region, first: Array, second: Array) -> Mask:
    """A mask of the gaps inside the optimal region."""
    a = [np.interp(second, region.axes[1], edge[0]) for edge in (region.lower, region.upper)]
    b = [np.interp(first, region.axes[0], edge[1]) for edge in (region.lower, region.upper)]
    found: Mask = (a[0] <= first) & (first <= a[1]) & (b[0] <= second) & (second <= b[1])
    return found
