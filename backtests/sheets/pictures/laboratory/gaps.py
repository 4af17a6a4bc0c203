"""Pictures of rules in simulated markets: gaps to the optimum, gaps by market, and laws of cost."""

import numpy as np
import pandas as pd

from foundation.dataclasses import replace
from foundation.paper.charts.interval_rows import Row, heights, interval_rows
from foundation.paper.charts.panel import THIN, Axis, Panel, Side, beside, evenly, heading, plotted
from foundation.paper.layout import AXIS, KEY_ROW, ROW_HEIGHT, ROW_ROOM, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import HUES, Canvas
from foundation.paper.wording import listed, number, told

LEAST_LOSS = 0.5  # per cent: the foot of the scale goes no lower, and a rule below it stands there
LANE, AIR = 8.0, 16.0  # px: of a rule within a market's row, and between rows
HEIGHT, GAP = 240.0, 60.0  # px: of a panel, and between two
GAP_PANELS = (
    ("half_width", "closed_width", "Half-width", "% of NAV", 100.0, "⅓"),
    ("loss", "closed_loss", "Loss", "bp a year", 1.0, "⅔"),
)


# -- gaps to the optimum ---------------------------------------------------------------------------------------------


def ladder_picture(table: pd.DataFrame, reference: str) -> Picture:
    """J over that of the optimum, less 1, in per cent.

    table     : a row a rule; columns and units as `backtests.laboratory.study.gaps` gives them. Its reference is not
                drawn.
    reference : name of the optimum.
    """
    rows = table.drop(index=reference).sort_values("loss", kind="stable")
    shares = {str(rule): 100.0 * float(value) for rule, value in rows["relative"].items()}
    near = [rule for rule, value in shares.items() if value < 10.0]
    caption = (
        f"{f'Within 10 % of the optimum: {listed(near)}. ' if near else ''}Error bars: 95 % interval of the paired "
        "difference. Filled marker: tuned setting; open: no tuning."
    )
    alt = "; ".join(f"{rule} {number(value, 1)} %" for rule, value in shares.items())
    low, most = max(0.6 * min(shares.values()), LEAST_LOSS), 1.25 * max(*shares.values(), 1.0)
    style, drawn = LineStyle("wine", width=2.0), []
    for rule, r in rows.iterrows():
        over, lower, upper = (max(100.0 * float(r[f"relative{end}"]), low) for end in ("", "_lower", "_upper"))
        figure = number(100.0 * r["relative"], 0 if r["relative"] > 1.0 else 1)
        drawn.append(Row(str(rule), over, lower, upper, style, str(rule).startswith("tuned "), figure))

    def marks(panel: Panel) -> None:
        for row, y in zip(drawn, heights(panel, len(drawn)), strict=True):
            panel.canvas.line([panel.left, panel.x_at(row.estimate)], [y, y], colour="rule", width=THIN, behind=True)
        interval_rows(panel, drawn)

    x, y = Side(Axis(low, most, "log"), "% above the optimum"), Side(words="J above optimum", unit="% (log scale)")
    draw = plotted(x, y, marks, ROW_HEIGHT * len(drawn), **ROW_ROOM)
    return picture("ladder", "Loss above the optimum", caption, alt, rows.reset_index(), draw)


# -- gaps by market --------------------------------------------------------------------------------------------------


def markets_picture(table: pd.DataFrame) -> Picture:
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

    def draw(f: Format) -> Canvas:
        rules, markets = (list(dict.fromkeys(rest[c])) for c in ("policy", "market"))
        hues = dict(zip(rules, (*HUES, "ink"), strict=False))
        row = LANE * len(rules) + AIR
        columns = 4 if f.is_wide else 2
        legend = KEY_ROW * -(-len(rules) // columns)
        side = 214.0 if f.is_wide else 10.0
        label = 0.0 if f.is_wide else 18.0  # a market's name above its row, where there is no room beside it
        top, high = TITLE + legend + 6.0, (row + label) * len(markets)
        canvas = f.canvas(top + high + AXIS)
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

    alt = f"bp a year above the best. {told(rest, '{market}, {policy}: {gap}')}."
    return picture("markets", "Where the choice of rule matters", caption, alt, table, draw)


# -- laws of cost ----------------------------------------------------------------------------------------------------


def laws_picture(table: pd.DataFrame, width: float, loss: float) -> Picture:
    """Half-width and loss of one line's optimum over cost, with fitted powers.

    table : a row a cost; columns and units as `backtests.laboratory.study.scaling_laws` gives them.
    width : exponent of the half-width.
    loss  : exponent of the loss.
    """
    caption = (
        f"Dots: dynamic programming; thin line: closed form, nothing fitted; broad line: fitted power law. Exponents: "
        f"half-width {number(width, 3)} (theory ⅓), loss {number(loss, 3)} (theory ⅔). At ten times the cost the band "
        f"is {number(10.0**width, 1)} times and the lowest loss {number(10.0**loss, 1)} times as large."
    )
    percents = table.assign(bp=1e4 * table["cost"], half_width=100 * table["half_width"])
    alt = told(percents, "at {bp:g} bp {half_width} % of NAV and {loss} bp a year")
    exponents = {"half_width": width, "loss": loss}

    def draw(f: Format) -> Canvas:
        spans = evenly(f, len(GAP_PANELS), f.left, GAP, f.left if f.is_wide else 12.0)
        panels = beside(f, [HEIGHT] * len(GAP_PANELS), spans, AXIS)
        for panel, law in zip(panels, GAP_PANELS, strict=True):
            _law(panel, table, law, exponents[law[0]])
        return panels[0].canvas

    alt = f"One asset beside cash, half-width and loss: {alt}."
    return picture("laws", "Power laws of cost", caption, alt, table, draw)


def _law(panel: Panel, table: pd.DataFrame, law: tuple[str, str, str, str, float, str], exponent: float) -> None:
    key, closed, label, unit, times, theory = law
    cost, values = 1e4 * table["cost"].to_numpy(), times * table[key].to_numpy()
    across = Axis(cost.min() / 1.25, cost.max() * 1.25, "log")
    up = Axis(values.min() / 1.3, values.max() * 1.3, "log")
    found, canvas, left, top = replace(panel, x=across, y=up), panel.canvas, panel.left, panel.top
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
