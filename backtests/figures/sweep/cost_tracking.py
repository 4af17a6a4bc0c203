"""The efficient frontier of gap to target against cost: a curve a family of rules, the lower left envelope marked."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS
from backtests.figures.layout import Box, free_places, log_ticks, spread
from backtests.figures.picture import Format, Picture, heading, picture
from backtests.figures.styles import LABEL_GAP, LEAD, LETTER, Look, fitted_name
from backtests.figures.svg import SMALL, Canvas
from backtests.sweeps.labels import DRAWN
from backtests.wording import NARROW_SPACE, counted, even, listed, number, percent

TITLE, FOOT, HIGH, LINE = 30.0, 44.0, 400.0, 19.0  # px; LINE: of the key
TOLD, MARKED, NAMED = 80, 600, 120  # points at most: in the words, with a mark, with a name
SAID, KEYED = 6, 10  # families in a sentence at most, and in the key
AWAY = 6.0  # px from a point to its label
CURVE, MARK = 1.5, 6.5  # px: width of a curve, size of its points
TINY = 12.0  # px, of the points' labels
BP = 1e4


def plane(
    table: pd.DataFrame,
    styles: Mapping[str, Look],
    g: float | None = None,
    conditions: str = "",
    name: str = "frontier",
) -> Picture:
    """Gap over cost on log scales, in per cent and bp a year, of the policies with one target; others are named.

    table : as `numbers.frontier` gives it.  styles : by family.  g : price of squared tracking error, for lines of
    equal J, which only the gap to the strategic target has; no curve joins policies that were drawn at random.
    conditions : in words.  name : of its file.
    """
    shown = table[table["drawn"]]
    drawn = shown[(shown["cost"] > 0.0) & (shown["gap"] > 0.0)]
    strategic = bool((shown["target"] == "").all())
    label = METRICS["tracking_error" if strategic else "tracking_error_own"].label
    return picture(
        name,
        "Gap to target against cost",
        _caption(shown, drawn, table[~table["drawn"]], conditions),
        _alt(shown),
        table,
        lambda f: _draw(f, drawn, styles, g if strategic else None, label, name),
    )


def _caption(table: pd.DataFrame, drawn: pd.DataFrame, elsewhere: pd.DataFrame, conditions: str) -> str:
    counts, sizes = (rows["family"].value_counts().to_dict() for rows in (table[table["efficient"]], table))
    kept = [f"{n} of {sizes[family]} of {family}" for family, n in counts.items() if sizes[family] > 1]
    said = [
        f"{int(table['efficient'].sum())} of {len(table)} policies are efficient, on the broad line: no other both "
        f"costs less and tracks closer{f' ({listed(kept, most=SAID)})' if kept else ''}."
    ]
    beaten = [str(f) for f in dict.fromkeys(table["family"]) if f not in counts]
    if beaten:
        said.append(f"Always beaten: {listed(beaten, most=SAID)}.")
    best = table.iloc[int(table["J"].to_numpy().argmin())]
    said.append(
        f"The lowest J (ringed): {best['policy']}, {number(best['J'])} bp a year, {number(best['cost'])} of them cost, "
        f"with a gap of {percent(best['gap'], 2)}."
    )
    gone = table[~table.index.isin(drawn.index)]
    if len(gone):
        r = gone.iloc[0]
        more = f" and {len(gone) - 1} more that cost nothing or have no gap" if len(gone) > 1 else ""
        said.append(f"Not on a log scale: {r['policy']} ({number(r['cost'])} bp, {percent(r['gap'], 2)}){more}.")
    others = [
        f"{target!s} ({counted(len(rows), 'policy', 'policies')}, {int(rows['efficient'].sum())} "
        "of them efficient among themselves)"
        for target, rows in elsewhere.groupby("target", sort=False)
    ]
    if others:
        said.append(f"Not drawn, since they track another target, each its own: {listed(others, most=SAID)}.")
    if conditions:
        said.append(f"At {conditions}.")
    return " ".join(said)


def _alt(table: pd.DataFrame) -> str:
    told = table if len(table) <= TOLD else table[table["efficient"]]
    each = [
        f"{r['policy']}: cost {number(r['cost'])} bp a year, gap {percent(r['gap'], 2)}"
        f"{', efficient' if r['efficient'] else ''}"
        for r in told.head(TOLD).to_dict("records")
    ]
    which = "each policy" if len(told) == len(table) else f"the efficient among {len(table)} policies"
    return f"Tracking error of {which} over its cost, both a year. {'; '.join(each)}."


@dataclass(frozen=True)
class _Scale:
    """Log scales of a panel. x, y : ends in data, gap in per cent.  box : of the panel, px."""

    x: tuple[float, float]
    y: tuple[float, float]
    box: Box

    def at(self, cost: float, gap: float) -> tuple[float, float]:
        """Where a point stands, px."""
        (x0, x1), (y0, y1), (left, top, right, bottom) = self.x, self.y, self.box
        across = np.log(cost / x0) / np.log(x1 / x0)
        up = np.log(gap / y0) / np.log(y1 / y0)
        return float(left + across * (right - left)), float(bottom - up * (bottom - top))


def _ends(values: pd.Series, air: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    times = max((high / low) ** air, 1.05)
    return low / times, high * times


def _draw(f: Format, drawn: pd.DataFrame, styles: Mapping[str, Look], g: float | None, label: str, name: str) -> Canvas:
    names = _keyed(drawn)
    right = LEAD + 12.0 + min(LETTER * SMALL * max(map(len, names)), 180.0) if f.is_wide else 8.0
    legend = 0.0 if f.is_wide else LINE * -(-len(names) // 2)
    canvas = Canvas(f.width, TITLE + HIGH + FOOT + legend, f"{name}-{f.css}")
    box = (f.left, TITLE, f.width - right, TITLE + HIGH)
    scale = _Scale(_ends(drawn["cost"], 0.06), _ends(100.0 * drawn["gap"], 0.05), box)
    unit = f"% a year, over cost{'; dotted: equal J' if g else ''}; log scales"
    heading(canvas, f.left, TITLE - 12.0, label if f.is_wide else "Tracking error", unit)
    _scales(canvas, scale)
    taken = _equal_j(canvas, scale, g) if g else []
    spots = [scale.at(c, 100.0 * e) for c, e in zip(drawn["cost"], drawn["gap"], strict=True)]
    _envelope(canvas, drawn, spots)
    ends, paths = {}, []
    for family, rows in drawn.reset_index(drop=True).groupby("family", sort=False):
        x, y = zip(*(spots[k] for k in rows.index), strict=True)
        look = styles[str(family)] if family in names else Look("soft")
        if not str(family).endswith(DRAWN):
            canvas.line(x, y, colour=look.colour, width=CURVE, dash=look.dash)
        for k in rows.index:
            sharp = bool(drawn["efficient"].iloc[k])
            if not sharp and len(drawn) > MARKED:
                continue
            canvas.point(*spots[k], colour=look.colour, size=MARK, face="" if sharp else "paper", ring=1.3)
        paths += [(x, y)] if not str(family).endswith(DRAWN) else []
        if family in names:
            ends[str(family)] = (max(x), y[int(np.argmax(x))])
    best = spots[int(drawn["J"].to_numpy().argmin())]
    canvas.point(*best, colour="ink", size=13.0, face="none", ring=1.6)
    if f.is_wide:
        _names(canvas, styles, ends, scale.box, f.width)
    else:
        _legend(canvas, styles, names, f.width)
    _points(canvas, drawn, spots, taken, paths, scale.box)
    return canvas


def _keyed(drawn: pd.DataFrame) -> list[str]:
    """Families with a colour and a name: all, or of many those with the lowest J; the others are drawn in grey."""
    names = list(dict.fromkeys(map(str, drawn["family"])))
    best = drawn.groupby("family")["J"].min().sort_values(kind="stable").index[:KEYED]
    return [name for name in names if name in best]


def _scales(canvas: Canvas, scale: _Scale) -> None:
    left, top, right, bottom = scale.box
    gaps = log_ticks(*scale.y)
    for mark, word in zip(gaps, even(gaps), strict=True):
        y = scale.at(scale.x[0], mark)[1]
        canvas.line([left, right], [y, y], colour="rule", width=0.7, behind=True)
        canvas.text(
            left - 6.0, y, f"{mark:g}" if mark < 1.0 else word.rstrip("0").rstrip("."), colour="soft", align="right"
        )
    for mark in log_ticks(*scale.x):
        x = scale.at(mark, scale.y[0])[0]
        canvas.line([x, x], [top, bottom], colour="rule", width=0.7, behind=True)
        canvas.text(x, bottom + 12.0, f"{mark:g}", colour="soft", align="center")
    canvas.text((left + right) / 2.0, bottom + 30.0, "cost, bp a year", colour="soft", align="center")


def _equal_j(canvas: Canvas, scale: _Scale, g: float) -> list[Box]:
    """Lines along which cost and g/2 × tracking error² add up to the same J; gives the boxes of their names."""
    top = scale.box[1]
    least = scale.x[0] + 0.5 * g * BP * (scale.y[0] / 100.0) ** 2
    most = scale.x[1] + 0.5 * g * BP * (scale.y[1] / 100.0) ** 2
    taken: list[Box] = []
    for level in log_ticks(least, most, most=9):
        cost = np.geomspace(scale.x[0], min(scale.x[1], 0.99999 * level), 200)
        gap = 100.0 * np.sqrt(np.maximum(level - cost, 0.0) / (0.5 * g * BP))
        inside = (gap >= scale.y[0]) & (gap <= scale.y[1])
        if inside.sum() < 10:
            continue
        x, y = zip(*(scale.at(c, e) for c, e in zip(cost[inside], gap[inside], strict=True)), strict=True)
        canvas.line(x, y, colour="soft", width=0.8, dash=(0, (1.0, 2.2)))
        words = f"J{NARROW_SPACE}{level:g}"
        size = LETTER * TINY * len(words)
        name = (x[0] + 3.0, y[0] - 13.0, x[0] + 3.0 + size, y[0] - 1.0)
        if name[1] > top and not any(name[1] < b[3] and b[1] < name[3] for b in taken):
            canvas.text(name[0], y[0] - 7.0, words, colour="soft", size=TINY)
            taken.append(name)
    return taken


def _envelope(canvas: Canvas, drawn: pd.DataFrame, spots: list[tuple[float, float]]) -> None:
    kept = sorted(spot for spot, sharp in zip(spots, drawn["efficient"], strict=True) if sharp)
    if len(kept) > 1:
        x, y = zip(*kept, strict=True)
        canvas.line(x, y, colour="rule", width=11.0, behind=True)


def _names(
    canvas: Canvas, styles: Mapping[str, Look], ends: Mapping[str, tuple[float, float]], box: Box, right: float
) -> None:
    """Name each curve at the right of the panel, with a key of its colour and dash."""
    places = spread([y for _, y in ends.values()], LABEL_GAP + 3.0, box[1] + 5.0, box[3] - 5.0)
    first = box[2] + LEAD + 4.0
    for (family, _), place in zip(ends.items(), places, strict=True):
        look = styles[family]
        _key(canvas, look, family, box[2] + 4.0, first - 4.0, place)
        canvas.text(first, place, fitted_name(family, right - first))


def _key(canvas: Canvas, look: Look, family: str, left: float, right: float, y: float) -> None:
    """A family's line and mark, as they are drawn."""
    if not family.endswith(DRAWN):
        canvas.line([left, right], [y, y], colour=look.colour, width=CURVE, dash=look.dash)
    canvas.point((left + right) / 2.0, y, colour=look.colour, size=MARK, face="", ring=1.3)


def _legend(canvas: Canvas, styles: Mapping[str, Look], names: list[str], width: float) -> None:
    """A key below the panel, two in a row, where there is no room beside it."""
    for k, family in enumerate(names):
        x, y = 6.0 + (k % 2) * width / 2.0, TITLE + HIGH + FOOT + LINE * (k // 2 + 0.5)
        _key(canvas, styles[family], family, x, x + 22.0, y)
        canvas.text(x + 28.0, y, fitted_name(family, width / 2.0 - 36.0))


def _points(
    canvas: Canvas, drawn: pd.DataFrame, spots: list[tuple[float, float]], taken: list[Box], paths: list[Any], box: Box
) -> None:
    """Name points where there is room: calendars first, then the efficient ones; off the curves if that can be."""
    rank = (drawn["family"] != "calendar").to_numpy().astype(int) * (2 - drawn["efficient"].to_numpy().astype(int))
    order = sorted(range(len(spots)), key=lambda k: rank[k])[:NAMED]
    words = [str(drawn["point"].iloc[k]) for k in order]
    sizes = [(LETTER * TINY * len(word) + 2.0, TINY + 1.0) for word in words]
    points = [spots[k] for k in order]
    others = [*taken, *((x - 4.0, y - 4.0, x + 4.0, y + 4.0) for x, y in spots)]
    clear = free_places(points, sizes, [*others, *_along(paths)], box, AWAY)
    again = [k for k, place in enumerate(clear) if place is None]
    rest = [*others, *(place for place in clear if place is not None)]
    second = free_places([points[k] for k in again], [sizes[k] for k in again], rest, box, AWAY)
    found = {k: place for k, place in enumerate(clear)} | dict(zip(again, second, strict=True))
    for k, place in found.items():
        if place is not None:
            colour = "ink" if drawn["efficient"].iloc[order[k]] else "soft"
            middle = ((place[0] + place[2]) / 2.0, (place[1] + place[3]) / 2.0)
            canvas.text(*middle, words[k], size=TINY, colour=colour, align="center")


def _along(paths: list[Any]) -> list[Box]:
    """Small boxes along curves, for labels to keep off."""
    found: list[Box] = []
    for x, y in paths:
        for (x0, y0), (x1, y1) in pairwise(zip(x, y, strict=True)):
            steps = int(np.hypot(x1 - x0, y1 - y0) / 4.0) + 1
            for s in np.linspace(0.0, 1.0, steps + 1):
                at = (x0 + s * (x1 - x0), y0 + s * (y1 - y0))
                found.append((at[0] - 1.0, at[1] - 1.0, at[0] + 1.0, at[1] + 1.0))
    return found
