"""Share of risk of each line beside its weight: a line that takes more risk than its weight stands out."""

import numpy as np
import pandas as pd

from foundation.paper.charts.panel import Axis, Panel
from foundation.paper.layout import AXIS, NAMES, ROW, TITLE
from foundation.paper.picture import NARROW, Format, Picture, picture
from foundation.paper.styles import fitted_name
from foundation.paper.svg import TOKENS, Canvas
from foundation.paper.wording import listed, number, percent

MOST = 40  # rows of a picture; all are in its CSV


def risk_shares_picture(drift: pd.DataFrame, volatility: float) -> Picture:
    """A row a line, the largest contribution first.

    drift      : a row a line with asset, weight and contribution (`HoldingsRisk.drift`).
    volatility : that the contributions sum to, fraction a year.
    """
    shown = drift[["asset", "asset_class", "weight"]].assign(share=drift["contribution"] / volatility)
    shown = shown.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)
    assets, shares, weights = (shown[name].tolist() for name in ("asset", "share", "weight"))
    words = listed([f"{asset} ({percent(share, 0)})" for asset, share in zip(assets[:3], shares[:3], strict=True)])
    hedges = [asset for asset, share in zip(assets, shares, strict=True) if share < 0.0]
    caption = (
        f"The largest shares of the volatility of {percent(volatility)} a year are those of {words}; together "
        f"{percent(sum(shares[:3]), 0)}, with {percent(sum(weights[:3]), 0)} of the "
        "net asset value."
    )
    caption += f" {listed(hedges, most=5)} take risk away." if hedges else ""
    caption += f" The {MOST} largest are drawn." if len(shown) > MOST else ""
    alt = "Weight and share of volatility, %: " + "; ".join(
        f"{asset} {number(100 * weight, 1)} and {number(100 * share, 1)}"
        for asset, weight, share in zip(assets, weights, shares, strict=True)
    )
    drawn = shown.head(MOST)
    return picture("contributions", "Where the risk comes from", caption, f"{alt}.", shown, lambda f: _draw(f, drawn))


def _draw(f: Format, shown: pd.DataFrame) -> Canvas:
    weight, share = 100.0 * shown["weight"].to_numpy(), 100.0 * shown["share"].to_numpy()
    across = Axis.over([*weight, *share, 0.0], margin=0.02)
    height = ROW * len(shown)
    names = 100.0 if f.css == NARROW.css else NAMES
    canvas = Canvas(f.width, TITLE + height + AXIS, f"contributions-{f.css}")
    panel = Panel(canvas, names, TITLE, f.width - names - 16.0, height, across, Axis(float(len(shown)), 0.0))
    panel.title("Share of volatility", "bar; mark: weight")
    panel.x_grid(panel.x.ticks(7 if f.is_wide else 4))
    panel.x_title("% of volatility, and of net asset value")
    rows = np.arange(len(shown)) + 0.5
    panel.axes.barh(rows, share, height=0.55, color=TOKENS["sky"], linewidth=0.0, zorder=1.0)
    for row, (asset, held) in enumerate(zip(shown["asset"], weight, strict=True)):
        y = panel.top + ROW * (row + 0.5)
        canvas.text(names - 8.0, y, fitted_name(str(asset), names - 12.0), align="right")
        canvas.point(panel.x_at(float(held)), y, colour="ink", size=6.0, face="paper", mark="D")
    return canvas
