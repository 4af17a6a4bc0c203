"""Costs of trading by component, cost against tracking error, and loss over levels of cost."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.comparison.descriptions.cost_levels import COST_LEVELS, BreakEven, CostLevels
from backtests.engine.result import Backtest
from backtests.evaluation.scores import Score
from foundation.dataclasses import replace
from foundation.paper.charts.curves import Curve, End, curves, end_labels
from foundation.paper.charts.interval_rows import bars, heights, row_names
from foundation.paper.charts.panel import Axis, Panel, Side, beside, heading, plotted
from foundation.paper.charts.plane import BP, equal_loss, tracking_loss
from foundation.paper.layout import NAMES, NUMBERS_HEIGHT, ROW_HEIGHT, ticks
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.styles import LETTER, LineStyle, near_sizes
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import cells_told, listed, number, percent, told
from research.accounting.cost_parameters import COST_COLUMNS, HOLDING_COSTS
from research.accounting.costs import USUAL

HEIGHT = 250.0  # px: of the plane
SHADES = {"commission": 1.0, "half_spread": 0.45, "other": 0.2}  # of a policy's colour
HIGH_OF_LEVELS = 238.0  # px: of the panel
POINT = 3.6  # px: diameter of a mark


def cost_table(played: Mapping[str, Backtest], scores: Mapping[str, Score], periods_per_year: float) -> pd.DataFrame:
    """A row a policy: each cost, their sum, the tracking part of J, bp a year; the cost of the opening trade, bp.

    Commission and half-spread always; of the other costs those that a policy paid. Tracking error is a fraction a year.
    """
    rows = []
    for name, b in played.items():
        a_year = BP * b.cost_rates * (periods_per_year / len(b.net_returns))
        s = scores[name]
        rows.append(
            {"policy": name, **a_year.to_dict(), "cost": s["cost"]}
            | {"opening_cost": s["opening_cost"], "tracking_error": s["tracking_error"]}
            | {"tracking_loss": s["loss"] - s["cost"], "loss": s["loss"]}
        )
    table = pd.DataFrame(rows)
    unpaid = [c for c in (*COST_COLUMNS, *HOLDING_COSTS) if c not in USUAL and not table[c].any()]
    return table.drop(columns=unpaid)


def costs_picture(
    table: pd.DataFrame, styles: Mapping[str, LineStyle], tracking_penalty: float, limit: float | None
) -> Picture:
    """Bars of cost a year, and every policy between cost and tracking error, with lines of equal J.

    table            : a row a policy; columns and units as `cost_table` gives them.
    styles           : line style of each policy.
    tracking_penalty : price of squared tracking error in J.
    limit            : limit of tracking error, fraction a year, or None.
    """

    def draw(f: Format) -> Canvas:
        left = 480.0 if f.is_wide else f.left
        spans = [(NAMES, 230.0 if f.is_wide else f.width - NAMES - 44.0), (left, f.width - left - NAMES)]
        first, second = beside(f, [ROW_HEIGHT * len(table), HEIGHT], spans, NUMBERS_HEIGHT)
        _bars(replace(first, x=Axis(0.0, 1.02 * float(table["cost"].max()) or 1.0)), table, styles)
        drawn = table[table["policy"].isin(_near(table, styles))]
        furthest = float(drawn["tracking_error"].max())
        bound = limit if limit is not None and limit < 1.6 * furthest else 0.0
        across = Axis(0.0, 1.06 * max(furthest, bound) or 0.01)
        up = Axis(0.0, Axis.over([*drawn["cost"], 0.0], margin=0.10).high)
        _plane(replace(second, x=across, y=up), drawn, styles, tracking_penalty, bound)
        return first.canvas

    caption, alt = _caption(table, styles, tracking_penalty), _alt(table)
    return picture("costs", "Costs and tracking error", caption, alt, table, draw)


def _near(table: pd.DataFrame, styles: Mapping[str, LineStyle]) -> list[str]:
    """The policies whose tracking error is on the scale of the plane."""
    return near_sizes(styles, table.set_index("policy")["tracking_error"].to_dict())


def _caption(table: pd.DataFrame, styles: Mapping[str, LineStyle], tracking_penalty: float) -> str:
    records = table.to_dict("records")
    traded = sorted((r for r in records if r["cost"] > 0.0), key=lambda r: r["cost"])
    if not traded:
        return "No trades after the initial investment."
    least, most, best = traded[0], traded[-1], min(records, key=lambda r: r["loss"])
    sentences = [
        f"Only {most['policy']} traded: {number(most['cost'])} bp a year."
        if least is most
        else f"Of the policies that trade, {least['policy']} paid least, {number(least['cost'])} bp a year, and "
        f"{most['policy']} most, {number(most['cost'])}.",
        f"Lowest loss J: {best['policy']}, {number(best['cost'])} bp of cost plus a tracking penalty of "
        f"{number(best['tracking_loss'])} bp for a tracking error of {percent(best['tracking_error'], 2)} "
        f"(g = {tracking_penalty:g}).",
    ]
    held = _near(table, styles)
    gone = [f"{r['policy']} ({percent(r['tracking_error'], 2)})" for r in records if r["policy"] not in held]
    if gone:
        sentences.append(f"Tracking error off scale: {listed(gone)}.")
    return " ".join(sentences)


def _alt(table: pd.DataFrame) -> str:
    each = told(table, "{policy}: commission {commission} and half-spread {half_spread} bp a year, "
                "tracking error {tracking_error:%2}, J {loss}")  # fmt: skip
    return f"Cost of each policy, and its tracking error to the strategic target. {each}."


def _bars(panel: Panel, table: pd.DataFrame, styles: Mapping[str, LineStyle]) -> None:
    """A bar a policy: commission, half-spread in a lighter shade, any other cost in the lightest, then their sum."""
    others = any(column in table for column in (*COST_COLUMNS, *HOLDING_COSTS) if column not in USUAL)
    words = "bp a year; dark to light: commission, half-spread" + (", other" if others else "")
    heading(panel.canvas, 0.0, panel.top - 12.0, "Cost", words)
    pieces = []
    for r in table.to_dict("records"):
        paid = {column: r[column] for column in USUAL}
        paid |= {"other": r["cost"] - sum(paid.values())} if others else {}
        colour, starts = styles[r["policy"]].colour, [0.0, *np.cumsum(list(paid.values()))[:-1]]
        pieces.append([(start, paid[c], colour, SHADES[c]) for start, c in zip(starts, paid, strict=True)])
    bars(panel, pieces)
    row_names(panel, table["policy"].tolist(), [name for name in table["policy"] if styles[name].bold])
    for r, y in zip(table.to_dict("records"), heights(panel, len(table)), strict=True):
        panel.canvas.text(panel.x_at(r["cost"]) + 6.0, y, number(r["cost"]), bold=styles[r["policy"]].bold)
    panel.x_line(0.0, "ink", 0.8)


def _plane(
    panel: Panel, table: pd.DataFrame, styles: Mapping[str, LineStyle], tracking_penalty: float, limit: float
) -> None:
    """Cost over tracking error; along a grey line J is the same, and lower is better.

    limit : limit of tracking error, fraction a year; 0 if there is none, or if it is too far away to be drawn.
    """
    canvas, right, above = panel.canvas, panel.x.high, panel.y.high
    marks = ticks(0.0, 100.0 * right, most=6)
    across = Side(panel.x, at=[mark / 100.0 for mark in marks], texts=[f"{m:g} %" for m in marks], lines=False)
    panel = panel.scaled(across, Side(panel.y, "Cost", "bp a year (y) vs tracking error (x); dotted: equal J"))
    wide = np.linspace(0.0, right, 80)
    parabola, taken = tracking_loss(wide, tracking_penalty), 0.0
    for level in ticks(0.0, above + float(parabola[-1]), most=7)[1:]:
        equal_loss(panel, wide, level - parabola)
        words, foot = f"J {level:g}", panel.left + panel.width * float(np.sqrt(level / parabola[-1])) - 6.0
        if level < 0.9 * parabola[-1] and foot - LETTER * SMALL * len(words) > taken:  # beside the name before it
            canvas.text(foot, panel.bottom - 8.0, words, colour="soft", align="right")
            taken = foot + 6.0
    if limit:
        panel.x_line(limit, "ink", 0.8, (0, (4.0, 2.0)))
        canvas.text(panel.x_at(limit) - 4.0, panel.top + 7.0, "limit", colour="soft", align="right")
    ends = []
    for r in table.to_dict("records"):
        style, x, y = styles[r["policy"]], panel.x_at(r["tracking_error"]), panel.y_at(r["cost"])
        canvas.point(x, y, colour=style.colour, size=9.0 if style.bold else 6.5, face=style.face)
        ends.append(End(r["policy"], y, style, x=x))
    end_labels(panel, ends)


# -- levels of cost --------------------------------------------------------------------------------------------------


def cost_levels_picture(found: CostLevels, styles: Mapping[str, LineStyle], shown: str) -> Picture:
    """The picture.

    found  : J and growth of each policy at each level.
    styles : line style of each policy.
    shown  : the recommended policy, or the reference.
    """
    losses = found.wide("loss")
    away = _away(losses, styles)
    drawn = losses.drop(index=list(away))

    named = []
    for name, row in drawn.iterrows():
        there = row.dropna()
        x, y = there.index.to_numpy(dtype=float), there.to_numpy(dtype=float)
        named.append(Curve(str(name), x, y, styles[str(name)], number(float(y[-1]), 1), points=POINT))

    def marks(panel: Panel) -> None:
        for root in found.of(shown):
            panel.x_line(root.cost, "ink", 0.8, (0, (1.5, 2.0)))
        curves(panel, named)

    levels, below = [level for level in COST_LEVELS if level != 1.0], "cost of every asset, bp of notional a side"
    across = Side(Axis(COST_LEVELS[0], COST_LEVELS[-1], "root"), below, at=levels, lines=False)
    up = Axis(0.0, Axis.over([0.0, *drawn.to_numpy().ravel()]).high)
    draw = plotted(across, Side(up, "Loss J", "bp a year; marks: costs that were played"), marks, HIGH_OF_LEVELS)
    caption, title = _caption_of_levels(found, shown, away), "Loss at costs of 0 to 50 bp"
    return picture("cost_levels", title, caption, _alt_of_levels(losses), found.table, draw, HALF)


def _away(losses: pd.DataFrame, styles: Mapping[str, LineStyle]) -> dict[str, str]:
    """The policies that the scale does not hold, each with its largest loss in words."""
    most = losses.max(axis=1, skipna=True)
    held = near_sizes(styles, most.fillna(np.inf).to_dict())
    return {
        str(name): f"{name} (up to {number(value, 0)})"
        for name, value in most.items()
        if name not in held or value != value
    }


def break_even_words(found: CostLevels, policy: str) -> str:
    """The break-even of a policy and the reference, as a sentence without its full stop."""
    roots = found.of(policy)
    pair = f"{policy} and {found.reference}"
    if policy not in found.searched:
        return f"{pair} were not searched for a break-even"
    if not roots:
        own, other = (found.wide("loss").loc[name].dropna() for name in (policy, found.reference))
        both = own.index.intersection(other.index)
        if (own[both] < other[both]).all():
            return f"{policy} has a lower J than {found.reference} at every level"
        if (own[both] > other[both]).all():
            return f"{policy} has a higher J than {found.reference} at every level"
        return f"{pair} have no break-even between two levels"
    return f"{pair} change places at {listed([root_words(root) for root in roots])} bp a side"


def root_words(root: BreakEven) -> str:
    """A break-even cost in words, marked if J jumps there."""
    cost = number(root.cost, 1)
    return f"{cost} (by a jump of J)" if root.jumps else cost


def _caption_of_levels(found: CostLevels, shown: str, away: Mapping[str, str]) -> str:
    first = [] if shown == found.reference else [break_even_words(found, shown) + "."]
    losses = found.wide("loss").drop(index=list(away))
    low, high = (str(losses[level].idxmin()) for level in (COST_LEVELS[0], COST_LEVELS[-1]))
    best = f"Lowest J at 0 bp: {low}; at {COST_LEVELS[-1]:g} bp: {high}."
    gone = [f"Off scale: {listed(list(away.values()))}."] if away else []
    return " ".join([*(s[0].upper() + s[1:] if s.split()[0] != shown else s for s in first), best, *gone])


def _alt_of_levels(losses: pd.DataFrame) -> str:
    each = cells_told(losses, lambda level, value: f"{number(value)} at {level:g}", after=" ")
    return f"J of each policy, bp a year, at costs in bp of notional a side. {each}."
