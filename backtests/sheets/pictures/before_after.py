"""Weights before and after a trade list, beside target and range of each asset."""

from typing import Any

import numpy as np
import pandas as pd

from foundation.paper.charts.interval_rows import bars, heights
from foundation.paper.charts.panel import Axis, Panel
from foundation.paper.layout import AXIS, KEY_ROW, NAMES, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import fitted_name
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number
from foundation.tolerances import COUNTED, TRIGGER
from research.orders.before_after import CASH_ROW, BeforeAfter
from research.orders.reasons import LEAST_GAP

ROWS_SHOWN = 40  # rows of a picture; all are in its CSV
ROW = 26.0  # px of one row
RANGE = 9.0  # px: height of a range
SHORTEST_ARROW = 7.0  # px: a move that is shorter has no arrow
BOUGHT, SOLD, STAYED = "sky", "orange", "ink"


def before_after_picture(found: BeforeAfter) -> Picture:
    """A row an asset and one of cash, in the order of the file: range, target, weight before and weight after."""
    shown = before_after_frame(found)
    rows: list[dict[Any, Any]] = shown.to_dict("records")
    lines = [row for row in rows if row["asset"] != CASH_ROW]
    moved = [row for row in sorted(lines, key=lambda row: -abs(row["moved"])) if abs(row["moved"]) > COUNTED]
    words = [
        f"{row['asset']} from {number(100 * row['before'], 1)} to {number(100 * row['after'], 1)} %"
        for row in moved[:3]
    ]
    caption = f"The largest changes are those of {listed(words)}." if words else "No weight changes."
    outside = [row["asset"] for row in lines if _is_outside(row["after"], row["lower"], row["upper"])]
    said = f"{listed(outside, most=5)} {'is' if len(outside) == 1 else 'are'}" if outside else "No asset is"
    caption += f" {said} outside the stated range after the trade."
    caption += f" The {ROWS_SHOWN} largest changes are drawn." if len(shown) > ROWS_SHOWN else ""
    alt = "Weight before, after and target, %: " + "; ".join(
        f"{row['asset']} {', '.join(number(100 * row[name], 1) for name in ('before', 'after', 'target'))}"
        for row in rows
    )
    kept = shown["moved"].abs().rank(ascending=False, method="first") <= ROWS_SHOWN
    drawn = shown[kept].reset_index(drop=True)

    def draw(f: Format) -> Canvas:
        points = {name: 100.0 * drawn[name].to_numpy() for name in ("before", "after", "target", "lower", "upper")}
        across = Axis.over(np.concatenate([*points.values(), [0.0]]), margin=0.02)
        (names, right), above, high = (NAMES, 66.0) if f.is_wide else (100.0, 16.0), TITLE + KEY_ROW, ROW * len(drawn)
        canvas = Canvas(f.width, above + high + AXIS, f"before-after-{f.css}")
        panel = Panel(canvas, names, above, f.width - names - right, high, across)
        canvas.text(names, 12.0, "Weight", bold=True)
        _key(canvas, names, TITLE + 4.0, narrow=not f.is_wide)
        panel.x_grid(panel.x.ticks(8 if f.is_wide else 4))
        panel.x_title("% of net asset value")
        ranges = zip(points["lower"], points["upper"] - points["lower"], strict=True)
        bars(panel, [[(low, reach, "rule", 1.0)] if low == low else [] for low, reach in ranges], RANGE / ROW)
        for k, y in enumerate(heights(panel, len(drawn))):
            before, after, target = (panel.x_at(points[name][k]) for name in ("before", "after", "target"))
            moved = float(drawn["moved"][k])
            canvas.text(names - 8.0, y, fitted_name(str(drawn["asset"][k]), names - 12.0), align="right")
            _move(canvas, y, before, after, target, _colour(moved))
            if _is_outside(drawn["after"][k], drawn["lower"][k], drawn["upper"][k]):
                canvas.point(after, y, colour="red", size=13.0, face="none", ring=1.4)
            if f.is_wide:
                words = number(100.0 * moved, signed=True) if abs(moved) >= LEAST_GAP else "–"
                canvas.text(f.width - 2.0, y, words, colour="soft", align="right")
        if f.is_wide:
            canvas.text(f.width - 2.0, TITLE + 4.0, "points", colour="soft", align="right")
        return canvas

    return picture("before_after", "Before and after", caption, f"{alt}.", shown, draw)


def before_after_frame(found: BeforeAfter) -> pd.DataFrame:
    """A row an asset, and one of cash: weights before, after the exact step and after the orders, target and range.

    before, exact, after, target, lower, upper : weights, fraction of NAV; cash has no range. moved : after less before.
    """
    states = {name: np.append(state.weights, 1.0 - state.weights.sum()) for name, state in found.states.items()}
    portfolio, none = found.portfolio, [np.nan]
    return pd.DataFrame(
        {
            "asset": [*portfolio.market.assets, CASH_ROW],
            **states,
            "target": np.append(found.target, round(1.0 - float(found.target.sum()), 12) + 0.0),
            "lower": np.append(portfolio.lower, none),
            "upper": np.append(portfolio.upper, none),
            "moved": states["after"] - states["before"],
        }
    )


def _move(canvas: Canvas, y: float, before: float, after: float, target: float, colour: str) -> None:
    """The move of one asset: target, an arrow from the weight before, and the weight after."""
    canvas.line([target, target], [y - RANGE, y + RANGE], colour="ink", width=1.5)
    way = np.sign(after - before)
    if abs(after - before) > SHORTEST_ARROW:
        canvas.line([before + 3.5 * way, after], [y, y], colour=colour, width=1.8)
    canvas.point(before, y, colour=colour, size=7.0, face="paper", ring=1.5)
    canvas.point(after, y, colour=colour, size=7.5, ring=0.0)


def _key(canvas: Canvas, x: float, y: float, *, narrow: bool) -> None:
    """Draw the key of the marks in one row."""
    place = x + 5.0
    for colour, face, words in ((STAYED, "paper", "before"), (BOUGHT, "", "bought"), (SOLD, "", "sold")):
        canvas.point(place, y, colour=colour, size=7.0, face=face, ring=1.5 if face else 0.0)
        canvas.text(place + 9.0, y, words, colour="soft")
        place += 16.0 + (6.6 if narrow else 9.0) * len(words)
    canvas.line([place, place], [y - 6.0, y + 6.0], colour="ink", width=1.5)
    canvas.text(place + 8.0, y, "target", colour="soft")
    place += 56.0 if narrow else 66.0
    canvas.line([place - 4.0, place + 14.0], [y, y], colour="rule", width=RANGE)
    canvas.text(place + 20.0, y, "range", colour="soft")
    if not narrow:
        canvas.point(place + 76.0, y, colour="red", size=12.0, face="none", ring=1.4)
        canvas.text(place + 88.0, y, "outside its range after", colour="soft")


def _colour(moved: float) -> str:
    return STAYED if abs(moved) <= COUNTED else BOUGHT if moved > 0.0 else SOLD


def _is_outside(weight: float, lower: float, upper: float) -> bool:
    return weight < lower - TRIGGER or weight > upper + TRIGGER
