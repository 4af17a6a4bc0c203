"""Loss of each rule above the best, market by market, on one log scale."""

import pandas as pd

from foundation.paper.charts.interval_rows import heights
from foundation.paper.charts.panel import THIN, Axis, Panel, heading
from foundation.paper.layout import AXIS, KEY_ROW, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import HUES, Canvas
from foundation.paper.wording import number

LANE, AIR = 8.0, 16.0  # px: of a rule within a market's row, and between rows


def markets_picture(table: pd.DataFrame, name: str = "markets") -> Picture:
    """Gaps over the optimum, or the best rule where none is known, bp a year, a row a market.

    table : columns market, policy, loss, gap, verdict, as `backtests.laboratory.study.Study` has them.
    """
    each = []
    for market, rows in table.groupby("market", sort=False):
        gaps = rows["gap"][rows["verdict"] != "reference"]
        least, low, high = float(rows["loss"].min()), float(gaps.min()), float(gaps.max())
        each.append(f"{market}: {number(least)}, others {number(low)} to {number(high)} above")
    caption = (
        "Each marker is a rule; each row is a market with its cost a side. Right of the heavy line a rule's loss is "
        f"more than 1 bp a year above the best. Lowest loss and the others, bp a year: {'; '.join(each)}. With ten "
        "assets no optimum is known: the reference is the best rule, which has no marker there."
    )
    rest = table[table["verdict"] != "reference"]
    alt = "; ".join(f"{r['market']}, {r['policy']}: {number(r['gap'])}" for r in rest.to_dict("records"))

    def draw(f: Format) -> Canvas:
        rules, markets = (list(dict.fromkeys(rest[c])) for c in ("policy", "market"))
        hues = dict(zip(rules, (*HUES, "ink"), strict=False))
        row = LANE * len(rules) + AIR
        columns = 4 if f.is_wide else 2
        legend = KEY_ROW * -(-len(rules) // columns)
        side = 214.0 if f.is_wide else 10.0
        label = 0.0 if f.is_wide else 18.0  # a market's name above its row, where there is no room beside it
        top, high = TITLE + legend + 6.0, (row + label) * len(markets)
        canvas = Canvas(f.width, top + high + AXIS, f"{name}-{f.css}")
        heading(canvas, 6.0, 14.0, "Loss above the best rule", "bp a year (log scale)")
        for k, rule in enumerate(rules):
            at = 6.0 + (k % columns) * (f.width - 6.0) / columns
            y = TITLE + KEY_ROW * (k // columns + 0.3)
            canvas.point(at + 5.0, y, colour=hues[rule], size=7.0)
            canvas.text(at + 16.0, y, rule)
        gaps = rest["gap"][rest["gap"] > 0.0]
        across = Axis(float(gaps.min()) / 1.3, float(rest["gap"].max()) * 1.3, "log")
        panel = Panel(canvas, side, top, f.width - 16.0 - side, high, across)
        panel.x_grid(across.ticks())
        panel.x_line(1.0, "soft", 1.6, behind=True)
        panel.x_title("bp a year above the best")
        for k, market in enumerate(markets):
            start = top + k * (row + label)
            canvas.line([6.0, panel.right], [start, start], colour="rule", width=THIN, behind=True)
            if f.is_wide:
                canvas.text(6.0, start + row / 2.0, market)
            else:
                canvas.text(6.0, start + 11.0, market, bold=True)
            own = rest[rest["market"] == market].set_index("policy")["gap"]
            lanes = Panel(canvas, side, start + label + AIR / 2.0, panel.width, LANE * len(rules), across)
            for rule, y in zip(rules, heights(lanes, len(rules)), strict=True):
                if own.get(rule, 0.0) > 0.0:
                    canvas.point(lanes.x_at(own[rule]), y, colour=hues[rule], size=7.0)
        return canvas

    alt = f"bp a year above the best. {alt}."
    return picture(name, "Where the choice of rule matters", caption, alt, table, draw)
