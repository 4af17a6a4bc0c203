"""Pictures of what orders cost: each part, and each asset, with intervals."""

from collections.abc import Sequence

import pandas as pd

from backtests.inference.estimates import Estimate
from desk.tca.groups import OrderGroup, PartSum
from foundation.paper.charts.interval_rows import Row, axis_of_rows, interval_rows
from foundation.paper.charts.panel import Side, plotted
from foundation.paper.layout import ROW_HEIGHT, ROW_ROOM
from foundation.paper.picture import Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import number

ASSETS_DRAWN_TCA = 30
STYLE, TOTAL = LineStyle("sky", width=1.6), LineStyle("ink", width=2.0, bold=True)
MEAN_CAPTION = "Mark: mean cost in bp of notional; line: its 95 % interval, which takes days as independent."


def parts_picture(parts: Sequence[PartSum]) -> Picture:
    """The cost of each part in bp. parts : of orders in one currency."""
    shown = [(each.part, each.mean, TOTAL if each.part == "total" else STYLE) for each in parts if each.mean]
    return _intervals("cost_by_part", "Cost by part", MEAN_CAPTION, shown)


def assets_picture(found: Sequence[OrderGroup]) -> Picture:
    """The total cost of each asset in bp. found : groups by asset in one currency, the first of which are drawn."""
    shown = [(group.value, group.total, STYLE) for group in found[:ASSETS_DRAWN_TCA]]
    more = f" The {ASSETS_DRAWN_TCA} assets with the largest notional." if len(found) > ASSETS_DRAWN_TCA else ""
    return _intervals("cost_by_asset", "Cost by asset", f"{MEAN_CAPTION}{more}", shown)


def _intervals(name: str, title: str, caption: str, shown: Sequence[tuple[str, Estimate, LineStyle]]) -> Picture:
    """Rows of means with their intervals; one without an interval is a mark alone."""
    data = pd.DataFrame(
        [(row, e.value, e.lower, e.upper) for row, e, _ in shown], columns=["name", "bp", "lower", "upper"]
    )
    rows = [Row(row, e.value, e.lower, e.upper, style, figure=number(e.value, 1)) for row, e, style in shown]
    x, y = Side(axis_of_rows(rows)), Side(words="Mean cost", unit="bp of notional")
    draw = plotted(x, y, lambda panel: interval_rows(panel, rows, zero=True), ROW_HEIGHT * len(rows), **ROW_ROOM)
    alt = "; ".join(f"{row} {estimate.text()}" for row, estimate, _ in shown)
    return picture(name, title, caption, f"{title}, bp: {alt}.", data, draw)
