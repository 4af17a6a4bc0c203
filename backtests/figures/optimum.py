"""Rules beside the optimum: cost against tracking, the region in which to hold, and the laws of width and loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.figures.arithmetic import Box, free_places, log_ticks
from backtests.figures.canvas import HUES, SMALL, Canvas
from backtests.figures.looks import LETTER
from backtests.figures.picture import HALF, Format, Picture, heading, picture
from backtests.figures.words import listed
from research.market.market import Array
from research.rules.region import Region

TITLE, HIGH, FOOT, LINE = 30.0, 420.0, 44.0, 19.0  # px; LINE: of the key
AWAY = 6.0  # px from a point to its label
POINTS = 100.0  # of NAV in a fraction


@dataclass(frozen=True)
class _Scale:
    """Scales of a panel. x, y : ends in data.  box : of the panel, px.  log : are both logarithmic?"""

    x: tuple[float, float]
    y: tuple[float, float]
    box: Box
    log: bool = True

    def at(self, x: Array | float, y: Array | float) -> tuple[Array, Array]:
        """Where points stand, px."""
        left, top, right, bottom = self.box
        across, up = (_share(v, ends, self.log) for v, ends in ((x, self.x), (y, self.y)))
        return left + across * (right - left), bottom - up * (bottom - top)

    def clipped(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The points of a curve that are inside, px."""
        inside = (x >= self.x[0]) & (x <= self.x[1]) & (y >= self.y[0]) & (y <= self.y[1])
        return self.at(x[inside], y[inside])


def _share(value: Array | float, ends: tuple[float, float], log: bool) -> Array:
    low, high = ends
    if log:
        return np.asarray(np.log(np.asarray(value, dtype=float) / low) / np.log(high / low))
    return np.asarray((np.asarray(value, dtype=float) - low) / (high - low))


def cost_against_tracking(
    rules: pd.DataFrame, families: Mapping[str, pd.DataFrame], frontier: pd.DataFrame, optimum: str
) -> Picture:
    """Each rule a point: cost across, tracking up, both in bp of NAV a year, so that J is their sum.

    rules : cost, tracking, J and percent by name.  families : cost and tracking of each, in the order of its setting.
    frontier : cost and tracking of optimal policies.  A rule without cost or tracking has no place on log scales.
    """
    shown = rules[(rules["cost"] > 0.0) & (rules["tracking"] > 1e-3)]
    left_out = [str(name) for name in rules.index.difference(shown.index)]
    best = str(rules.drop(optimum)["J"].idxmin())
    caption = (
        "Nothing lies below the broad line, along which policies are optimal for other prices of tracking. Of the "
        f"rules {best} comes closest, {float(rules['percent'][best]):.0f} % above the optimum."
    )
    if left_out:
        caption += f" Not drawn, since it has no tracking: {listed(left_out)}."
    alt = "; ".join(f"{name}: cost {r.cost:.2f}, tracking {r.tracking:.2f}" for name, r in shown.iterrows())

    def draw(f: Format) -> Canvas:
        return _draw_plane(f, shown, families, frontier, optimum)

    return picture("cost_against_tracking", "Cost against tracking", caption, alt, rules.reset_index(), draw)


def _draw_plane(
    f: Format, shown: pd.DataFrame, families: Mapping[str, pd.DataFrame], frontier: pd.DataFrame, optimum: str
) -> Canvas:
    names = list(families)
    legend = LINE * -(-len(names) // (2 if f.is_wide else 1))
    canvas = Canvas(f.width, TITLE + HIGH + FOOT + legend, f"plane-{f.css}")
    x = _ends(pd.concat([shown["cost"], frontier["cost"]]))
    y = _ends(pd.concat([shown["tracking"], frontier["tracking"]]))
    scale = _Scale(x, y, (f.left, TITLE, f.width - 10.0, TITLE + HIGH))
    heading(canvas, f.left, TITLE - 12.0, "Tracking", "bp a year, over cost; dotted: equal J; log scales")
    _log_scales(canvas, scale, "cost, bp a year")
    taken = _equal_j(canvas, scale)
    canvas.line(
        *scale.at(frontier["cost"].to_numpy(), frontier["tracking"].to_numpy()), colour="rule", width=11.0, behind=True
    )
    for k, (name, rows) in enumerate(families.items()):
        curve = scale.clipped(rows["cost"].to_numpy(), rows["tracking"].to_numpy())
        canvas.line(*curve, colour=HUES[k], width=1.4)
        canvas.points(*curve, colour=HUES[k], size=4.0)
        column, row = divmod(k, 1) if not f.is_wide else (k % 2, k // 2)
        at = (
            f.left + (column * 0.5 * f.plot if f.is_wide else 0.0),
            TITLE + HIGH + FOOT + LINE * ((row if f.is_wide else k) + 0.5),
        )
        canvas.line([at[0], at[0] + 22.0], [at[1], at[1]], colour=HUES[k], width=1.6)
        canvas.text(at[0] + 28.0, at[1], name)
    order = [optimum, *shown.drop(optimum).index]
    spots = [tuple(map(float, scale.at(shown.loc[name, "cost"], shown.loc[name, "tracking"]))) for name in order]
    sizes = [(LETTER * SMALL * len(str(name)) + 2.0, SMALL + 1.0) for name in order]
    places = free_places(spots, sizes, taken, scale.box, AWAY)  # type: ignore[arg-type]
    for name, spot, place in zip(order, spots, places, strict=True):
        is_best = name == optimum
        canvas.point(spot[0], spot[1], colour="accent" if is_best else "ink", size=9.0 if is_best else 6.0)
        if place is not None:
            middle = ((place[0] + place[2]) / 2.0, (place[1] + place[3]) / 2.0)
            canvas.text(*middle, str(name), align="center", colour="accent" if is_best else "ink", bold=is_best)
    return canvas


def _ends(values: pd.Series) -> tuple[float, float]:
    return float(values.min()) / 1.25, float(values.max()) * 1.25


def _log_scales(canvas: Canvas, scale: _Scale, words: str) -> None:
    left, top, right, bottom = scale.box
    for mark in log_ticks(*scale.y):
        y = float(scale.at(scale.x[0], mark)[1])
        canvas.line([left, right], [y, y], colour="rule", width=0.7, behind=True)
        canvas.text(left - 6.0, y, f"{mark:g}", colour="soft", align="right")
    for mark in log_ticks(*scale.x):
        x = float(scale.at(mark, scale.y[0])[0])
        canvas.line([x, x], [top, bottom], colour="rule", width=0.7, behind=True)
        canvas.text(x, bottom + 12.0, f"{mark:g}", colour="soft", align="center")
    canvas.text((left + right) / 2.0, bottom + 30.0, words, colour="soft", align="center")


def _equal_j(canvas: Canvas, scale: _Scale) -> list[Box]:
    """Lines along which cost and tracking add up to the same J; gives the boxes of their names."""
    taken: list[Box] = []
    for level in log_ticks(scale.x[0] + scale.y[0], scale.x[1] + scale.y[1], most=8):
        cost = np.geomspace(scale.x[0], 0.9999 * level, 400)
        x, y = scale.clipped(cost, level - cost)
        if len(x) < 10:
            continue
        canvas.line(x, y, colour="soft", width=0.8, dash=(0, (1.0, 2.2)))
        size = LETTER * SMALL * len(f"J {level:g}")
        box = (x[0] + 3.0, y[0] + 2.0, x[0] + 3.0 + size, y[0] + 14.0)
        if not any(box[1] < b[3] and b[1] < box[3] for b in taken) and box[3] < scale.box[3]:
            canvas.text(box[0], y[0] + 8.0, f"J {level:g}", colour="soft")
            taken.append(box)
    return taken


def region_of_two(region: Region, trades: pd.DataFrame, names: Sequence[str] = ("line 1", "line 2")) -> Picture:
    """The region in which to hold, and trades into it: gaps from target of both lines, points of NAV.

    trades : before_1, before_2, after_1 and after_2 of each, fraction of NAV.
    """
    low, high = region.lower, region.upper
    widths = [
        POINTS * float(np.interp(0.0, region.axes[1 - i], high[i]) - np.interp(0.0, region.axes[1 - i], low[i])) / 2.0
        for i in (0, 1)
    ]
    caption = (
        "Inside the shaded region the optimum holds; outside it trades to the edge, and no further. With the other "
        f"line on target, {names[0]} may drift by {widths[0]:.1f} points and {names[1]} by {widths[1]:.1f}. "
        f"{len(trades)} trades of one path are drawn, from where to where."
    )
    alt = (
        f"The region of no trade; half-widths {widths[0]:.2f} and {widths[1]:.2f} points; {len(trades)} trades into it."
    )

    def draw(f: Format) -> Canvas:
        side = min(f.width - f.left - 12.0, 430.0)
        canvas = Canvas(f.width, TITLE + side + FOOT, f"region-{f.css}")
        reach = 1.35 * POINTS * max(_reach(region), float(trades.filter(like="before").abs().to_numpy().max()) / 1.3)
        scale = _Scale((-reach, reach), (-reach, reach), (f.left, TITLE, f.left + side, TITLE + side), log=False)
        heading(canvas, f.left, TITLE - 12.0, names[1], f"points off target, over {names[0]}")
        _point_scales(canvas, scale, f"{names[0]}, points off target")
        outline = POINTS * _outline(region)
        x, y = scale.at(outline[:, 0], outline[:, 1])
        canvas.area(x, y, colour="wash")
        canvas.line(x, y, colour="accent", width=1.6)
        for row in trades.to_dict("records"):
            start, stop = (
                scale.at(POINTS * row[f"{when}_1"], POINTS * row[f"{when}_2"]) for when in ("before", "after")
            )
            canvas.line([start[0], stop[0]], [start[1], stop[1]], colour="sky", width=1.0)
            canvas.point(float(start[0]), float(start[1]), colour="sky", size=3.5)
        middle = scale.at(0.0, 0.0)
        canvas.point(float(middle[0]), float(middle[1]), colour="ink", size=7.0, mark="+", ring=1.6)
        return canvas

    return picture("region", "Where to hold", caption, alt, trades, draw, HALF)


def _reach(region: Region) -> float:
    return float(np.abs(_outline(region)).max())


def _outline(region: Region) -> Array:
    """(k, 2) the edge of the region: where each line is at an end of its interval and the other inside its own."""
    edges = []
    for i, side in ((0, region.lower), (1, region.upper), (0, region.upper), (1, region.lower)):
        other = region.axes[1 - i]
        gaps = np.empty((len(other), 2))
        gaps[:, i], gaps[:, 1 - i] = side[i], other
        low, high = (np.interp(gaps[:, i], region.axes[i], bound[1 - i]) for bound in (region.lower, region.upper))
        edges.append(gaps[(other >= low) & (other <= high)])
    around = np.vstack(edges)
    middle = around.mean(axis=0)
    angle = np.arctan2(around[:, 1] - middle[1], around[:, 0] - middle[0])
    around = around[np.argsort(angle)]
    return np.vstack([around, around[:1]])


def _point_scales(canvas: Canvas, scale: _Scale, words: str) -> None:
    left, top, right, bottom = scale.box
    step = 1.0 if scale.x[1] <= 4.0 else 2.0
    for mark in np.arange(np.ceil(scale.x[0] / step) * step, scale.x[1], step):
        x, y = (float(v) for v in scale.at(mark, mark))
        canvas.line([left, right], [y, y], colour="rule", width=0.7, behind=True)
        canvas.line([x, x], [top, bottom], colour="rule", width=0.7, behind=True)
        canvas.text(left - 6.0, y, f"{mark:g}", colour="soft", align="right")
        canvas.text(x, bottom + 12.0, f"{mark:g}", colour="soft", align="center")
    canvas.text((left + right) / 2.0, bottom + 30.0, words, colour="soft", align="center")


def laws_of_cost(table: pd.DataFrame, width: float, loss: float) -> Picture:
    """Best half-width and least loss of one line over cost, with the fitted exponents."""
    caption = (
        f"The best half-width grows with cost to the power {width:.3f}, and the least loss to the power {loss:.3f}: "
        "the cube root, and two thirds. Ten times the cost asks for a band twice as wide, and loses nearly five times "
        "as much."
    )
    drawn = {"half-width, points": POINTS * table["half_width"], "loss, bp a year": 1e4 * table["loss"]}
    told = zip(1e4 * table["cost"], POINTS * table["half_width"], 1e4 * table["loss"], strict=True)
    alt = "; ".join(f"{cost:g} bp: {half:.2f} points, {lost:.3f} bp" for cost, half, lost in told)

    def draw(f: Format) -> Canvas:
        side = 300.0
        canvas = Canvas(f.width, TITLE + side + FOOT, f"laws-{f.css}")
        every = pd.concat(list(drawn.values()))
        cost = 1e4 * table["cost"]
        scale = _Scale(_ends(cost), _ends(every), (f.left, TITLE, f.width - 130.0, TITLE + side))
        heading(canvas, f.left, TITLE - 12.0, "Width and loss", "over cost; log scales")
        _log_scales(canvas, scale, "cost a side, bp")
        for (name, values), colour, power in zip(drawn.items(), HUES, (width, loss), strict=False):
            x, y = scale.at(cost.to_numpy(), values.to_numpy())
            canvas.line(x, y, colour=colour, width=1.6)
            canvas.points(x, y, colour=colour, size=5.0)
            canvas.text(x[-1] + 8.0, y[-1] - 8.0, name)
            canvas.text(x[-1] + 8.0, y[-1] + 8.0, f"cost^{power:.3f}", colour="soft")
        return canvas

    return picture("laws", "How width and loss grow with cost", caption, alt, table, draw, HALF)
