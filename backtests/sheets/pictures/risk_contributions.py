"""Share of risk of each line beside its weight: a line that takes more risk than its weight stands out."""

import pandas as pd

from foundation.paper.charts.interval_rows import bars, heights, row_names, rows_panel
from foundation.paper.charts.panel import Axis
from foundation.paper.layout import AXIS, NAMES
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number, percent

BAR = 0.55  # of a row: height of a bar
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

    def draw(f: Format) -> Canvas:
        weight, share = 100.0 * drawn["weight"], 100.0 * drawn["share"]
        names = NAMES if f.is_wide else 100.0
        across = Axis.over([*weight, *share, 0.0], margin=0.02)
        panel = rows_panel(f, "contributions", len(drawn), across, names=names, right=16.0, below=AXIS)
        below = "% of volatility, and of net asset value"
        panel.scales("Share of volatility", "bar; mark: weight", below, across=7 if f.is_wide else 4)
        bars(panel, [[(0.0, value, "sky", 1.0)] for value in share], BAR)
        row_names(panel, drawn["asset"].tolist(), gap=8.0, spare=4.0)
        for held, y in zip(weight, heights(panel, len(drawn)), strict=True):
            panel.canvas.point(panel.x_at(held), y, colour="ink", size=6.0, face="paper", mark="D")
        return panel.canvas

    return picture("contributions", "Where the risk comes from", caption, f"{alt}.", shown, draw)
