"""The optimal no-trade region of two assets, and a path that a policy keeps in it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from foundation.arrays import Array, Mask
from foundation.paper.charts.panel import Axis, Panel, Side
from foundation.paper.layout import AXIS, KEY_ROW, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import Canvas
from foundation.paper.wording import number
from research.rules.optimum.region import Region

KEY = {"edge of the region": ("sky", 1.6), "weekly path": ("soft", 0.9), "trade": ("wine", 1.8), "target": ("ink", 0.0)}
GAPS_PER_LINE = 600  # gaps a line, at which the region is traced
MOVED = 1e-5  # of NAV: less is what the cost of the other line moves a weight by
PERCENT_POINTS = 100.0


def optimal_region_picture(region: Region, sample: pd.DataFrame, lines: Sequence[str], name: str = "region") -> Picture:
    """The region of no trade, and a path of weekly gaps in it.

    region : region of two lines, or of three fully invested ones, of which the first two are drawn.
    sample : a row a week, gaps as drifted and as booked, fraction of NAV, as `laboratory.study.weekly_gaps` gives them.
    lines  : names of the two.
    name   : name of the file.
    """
    way = _moves(sample)
    trades = int((way > MOVED).sum())
    both = int((_by_line(sample) > MOVED).all(axis=1).sum())
    shape = (
        "With nothing in cash each trade needs a counterpart: the sides of the region are those at which one asset is "
        "traded for another, so it has six of them."
        if len(region.target) > 2
        else "Gaps of the same sign add risk, so the region is narrow along that diagonal; gaps of opposite sign "
        "offset each other."
    )
    inner = (PERCENT_POINTS * float(sample[f"{which}_after"].abs().max()) for which in ("first", "second"))
    caption = (
        f"Shaded: no-trade region; cross: target. The weights drift for {len(sample) / 52:.0f} years, week by week. "
        f"Outside the region they are traded to its edge, {trades} times here, both in {both} of these. "
        f"No trade goes back to the target; after trading the gaps are at most {number(next(inner), 1)} and "
        f"{number(next(inner), 1)} pp. {shape}"
    )
    corner = [
        f"{line} {number(PERCENT_POINTS * float(np.ptp(axis)) / 2.0, 1)}"
        for line, axis in zip(lines, _held(region), strict=True)
    ]
    alt = f"Half the width and half the height of the region, pp: {', '.join(corner)}. {trades} trades are shown."

    def draw(f: Format) -> Canvas:
        around = PERCENT_POINTS * outline(region)
        seen = PERCENT_POINTS * np.vstack([sample[["first", "second"]], sample[["first_after", "second_after"]]])
        reach = 1.06 * float(max(np.abs(around).max(), np.abs(seen).max()))
        panel = gap_panel(f, reach, 520.0, lines, KEY)
        draw_region(panel, around)
        _path(panel, sample)
        draw_target(panel)
        return panel.canvas

    return picture(name, "The no-trade region", caption, alt, sample, draw)


def _by_line(sample: pd.DataFrame) -> Array:
    found: Array = np.abs(sample[["first", "second"]].to_numpy() - sample[["first_after", "second_after"]].to_numpy())
    return found


def _moves(sample: pd.DataFrame) -> Array:
    moved: Array = _by_line(sample).sum(axis=1)
    return moved


def _edges(region: Region, first: Array, second: Array) -> tuple[Array, Array, Array, Array]:
    """Ends of the first gap for each second one, and of the second for each first one, (k,) each."""
    a = (np.interp(second, region.axes[1], edge[0]) for edge in (region.lower, region.upper))
    b = (np.interp(first, region.axes[0], edge[1]) for edge in (region.lower, region.upper))
    return (*a, *b)  # type: ignore[return-value]


def _in_pair(region: Region, first: Array, gap: float) -> Mask:
    """(k,) true where a first gap, with a second one of `gap`, lies where the two are not traded for one another."""
    if len(region.sums) == 0:
        return np.ones(len(first), dtype=bool)
    low, high = (np.interp(first + gap, region.sums, edge[2]) for edge in (region.lower, region.upper))
    inside: Mask = (low <= first) & (first <= high)
    return inside


def outline(region: Region) -> Array:
    """(k, 2) the edge of the region, a closed curve of gaps, fraction of NAV: round the set inside both intervals."""
    first, second = (np.linspace(axis[0], axis[-1], GAPS_PER_LINE) for axis in region.axes)
    low, high, lower, upper = _edges(region, first, second)
    left = np.full(GAPS_PER_LINE, np.nan)
    right = np.full(GAPS_PER_LINE, np.nan)
    for k, gap in enumerate(second):
        held = (lower <= gap) & (gap <= upper) & (low[k] <= first) & (first <= high[k])
        inside = first[held & _in_pair(region, first, gap)]
        if len(inside):
            left[k], right[k] = inside[0], inside[-1]
    some = ~np.isnan(left)
    there, back = np.column_stack([right, second])[some], np.column_stack([left, second])[some][::-1]
    return np.vstack([there, back, there[:1]])


def _held(region: Region) -> tuple[Array, Array]:
    around = outline(region)
    return around[:, 0], around[:, 1]


def gap_panel(
    f: Format, reach: float, size: float, lines: Sequence[str], key: Mapping[str, tuple[str, float]]
) -> Panel:
    """A picture with one square of gaps and its key: at the right where the page is wide, else below.

    f : format of the page.
    reach : largest gap of the square, either way, points.
    size : length of its side on a wide page, px.
    lines : names of the two: the gap of the first runs across, that of the second up.
    key : colour and width of each mark, by its words; a width of 0 is the target's cross.
    """
    left, size = (f.left + 70.0, size) if f.is_wide else (f.left, f.width - f.left - 12.0)
    canvas, axis = f.canvas(TITLE + size + AXIS + (0.0 if f.is_wide else KEY_ROW * 2)), Axis(-reach, reach)
    across = Side(axis, f"gap of {lines[0]}, pp", most=7)
    up = Side(axis, f"Gap of {lines[1]}", f"pp (y) vs gap of {lines[0]} (x)", most=7)
    panel = Panel(canvas, left, TITLE, size, size).scaled(across, up)
    for k, (words, (colour, width)) in enumerate(key.items()):
        x, y = (
            (panel.right + 32.0, TITLE + 14.0 + KEY_ROW * k)
            if f.is_wide
            else (12.0 + (k % 2) * f.width / 2.0, panel.bottom + AXIS + KEY_ROW * (k // 2 + 0.4))
        )
        if width:
            canvas.line([x, x + 18.0], [y, y], colour=colour, width=width)
        else:
            canvas.point(x + 9.0, y, colour=colour, size=11.0, mark="+", ring=2.2)
        if words == "trade":
            canvas.point(x + 18.0, y, colour=colour, size=4.0)
        canvas.text(x + 26.0, y, words)
    return panel


def draw_region(panel: Panel, around: Array) -> None:
    """A region by its edge `around` (k, 2), points of NAV."""
    corners = panel.across(around[:, 0]), panel.up(around[:, 1])
    panel.canvas.area(*corners, colour="sky", strength=0.16, clip=panel.clip)
    panel.curve(around[:, 0], around[:, 1], "sky", 1.6)


def draw_target(panel: Panel) -> None:
    """A cross at the target, where both gaps are zero."""
    panel.canvas.point(panel.x_at(0.0), panel.y_at(0.0), colour="ink", size=13.0, mark="+", ring=2.2)


def _path(panel: Panel, sample: pd.DataFrame) -> None:
    """Weeks as thin lines, from the gap as booked to the gap as drifted; trades as heavy ones, with their ends."""
    drifted, after = (
        PERCENT_POINTS * sample[list(c)].to_numpy() for c in (("first", "second"), ("first_after", "second_after"))
    )
    breaks = np.full((len(drifted) - 1, 2), np.nan)
    weeks = np.stack([after[:-1], drifted[1:], breaks], axis=1).reshape(-1, 2)
    panel.curve(weeks[:, 0], weeks[:, 1], "soft", 0.7, strength=0.75)
    traded = _moves(sample) > MOVED
    breaks = np.full((int(traded.sum()), 2), np.nan)
    ways = np.stack([drifted[traded], after[traded], breaks], axis=1).reshape(-1, 2)
    panel.curve(ways[:, 0], ways[:, 1], "wine", 1.6)
    ends = after[traded]
    shown = ends[(np.abs(ends) <= panel.x.high).all(axis=1)]
    panel.canvas.points(panel.across(shown[:, 0]), panel.up(shown[:, 1]), colour="wine", size=2.6, strength=1.0)
