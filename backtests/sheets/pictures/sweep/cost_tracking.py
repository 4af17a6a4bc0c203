"""The efficient frontier of gap to target against cost: a curve a family of rules, the lower left envelope marked."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from backtests.sweeps.labels import DRAWN_END, METRICS
from foundation.paper.charts.panel import Axis, Panel, Side
from foundation.paper.charts.plane import TINY, Place, equal_loss, name_points, tracking_at, tracking_loss
from foundation.paper.layout import AXIS, KEY_ROW, TITLE, Array, Box, log_ticks, spread
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LABEL_GAP, LEAD, LETTER, LineStyle, fitted_name
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import NARROW_SPACE, counted, listed, number, percent, told

HEIGHT = 400.0  # px: of the panel
POINTS_TOLD, POINTS_MARKED, POINTS_NAMED = 80, 600, 120  # points at most: in the words, with a mark, with a name
SAID, KEYED = 6, 10  # families in a sentence at most, and in the key
CURVE, MARK = 1.5, 6.5  # px: width of a curve, size of its points


def cost_tracking_picture(
    table: pd.DataFrame,
    styles: Mapping[str, LineStyle],
    tracking_penalty: float | None = None,
    conditions: str = "",
    name: str = "frontier",
) -> Picture:
    """Gap over cost on log scales, in per cent and bp a year, of the policies with one target; others are named.

    table            : a row a policy; columns and units as `sweeps.analysis.frontier` gives them.
    styles           : line style of each family.
    tracking_penalty : price of squared tracking error, for lines of equal J, which only the gap to the strategic target
                       has; no curve joins policies that were drawn at random.
    conditions       : conditions of the test, in words.
    name             : name of its file.
    """
    shown = table[table["drawn"]]
    drawn = shown[(shown["cost"] > 0.0) & (shown["gap"] > 0.0)]
    strategic = bool((shown["target"] == "").all())
    label = METRICS["tracking_error" if strategic else "tracking_error_own"].label
    penalty = tracking_penalty if strategic else None

    def draw(f: Format) -> Canvas:
        names = _keyed(drawn)
        right = LEAD + 12.0 + min(LETTER * SMALL * max(map(len, names)), 180.0) if f.is_wide else 8.0
        legend = 0.0 if f.is_wide else KEY_ROW * -(-len(names) // 2)
        unit = f"% a year (y) vs cost (x), log scales{'; dotted: equal J' if penalty else ''}"
        x = Side(_axis(drawn["cost"], 0.06), "cost, bp a year")
        y = Side(_axis(100.0 * drawn["gap"], 0.05), (label, "Tracking error"), unit)
        canvas = f.canvas(TITLE + HEIGHT + AXIS + legend)
        panel = Panel(canvas, f.left, TITLE, f.width - f.left - right, HEIGHT).scaled(x, y)
        taken = _equal_losses(panel, penalty) if penalty else []
        spots = list(zip(panel.across(drawn["cost"]).tolist(), panel.up(100.0 * drawn["gap"]).tolist(), strict=True))
        _envelope(canvas, drawn, spots)
        paths, ends = _families(panel, drawn.reset_index(drop=True), styles, names)
        canvas.point(*spots[int(drawn["loss"].to_numpy().argmin())], colour="ink", size=13.0, face="none", ring=1.6)
        if f.is_wide:
            _names(panel, styles, ends, f.width)
        else:
            _legend(canvas, styles, names, f.width)
        # calendars first, then the efficient ones
        rank = (drawn["family"] != "calendar").to_numpy().astype(int) * (2 - drawn["efficient"].to_numpy().astype(int))
        order = sorted(range(len(spots)), key=lambda k: rank[k])[:POINTS_NAMED]
        named, first = drawn.iloc[order], [spots[k] for k in order]
        words, hues = named["point"].astype(str).tolist(), np.where(named["efficient"], "ink", "soft").tolist()
        name_points(panel, first, words, hues, marks=spots, taken=taken, paths=paths)
        return canvas

    caption = _caption(shown, drawn, table[~table["drawn"]], conditions)
    return picture(name, "Tracking error against cost", caption, _alt(shown), table, draw)


def _caption(table: pd.DataFrame, drawn: pd.DataFrame, elsewhere: pd.DataFrame, conditions: str) -> str:
    counts, sizes = (rows["family"].value_counts().to_dict() for rows in (table[table["efficient"]], table))
    kept = [f"{n} of {sizes[family]} of {family}" for family, n in counts.items() if sizes[family] > 1]
    sentences = [
        f"{int(table['efficient'].sum())} of {len(table)} policies are efficient (broad line): no other policy has "
        f"both lower cost and lower tracking error{f' ({listed(kept, most=SAID)})' if kept else ''}."
    ]
    beaten = [str(f) for f in dict.fromkeys(table["family"]) if f not in counts]
    if beaten:
        sentences.append(f"Dominated: {listed(beaten, most=SAID)}.")
    best = table.iloc[int(table["loss"].to_numpy().argmin())]
    sentences.append(
        f"Lowest loss J (ringed): {best['policy']}, {number(best['loss'])} bp a year, of which cost "
        f"{number(best['cost'])}; tracking error {percent(best['gap'], 2)}."
    )
    gone = table[~table.index.isin(drawn.index)]
    if len(gone):
        r = gone.iloc[0]
        more = f" and {len(gone) - 1} more without cost or tracking error" if len(gone) > 1 else ""
        sentences.append(
            f"Not drawn (log scale): {r['policy']} ({number(r['cost'])} bp, {percent(r['gap'], 2)}){more}."
        )
    others = [
        f"{target!s} ({counted(len(rows), 'policy', 'policies')}, {int(rows['efficient'].sum())} "
        "of them efficient among themselves)"
        for target, rows in elsewhere.groupby("target", sort=False)
    ]
    if others:
        sentences.append(f"Not drawn (they track another target): {listed(others, most=SAID)}.")
    if conditions:
        sentences.append(f"At {conditions}.")
    return " ".join(sentences)


def _alt(table: pd.DataFrame) -> str:
    said = table if len(table) <= POINTS_TOLD else table[table["efficient"]]
    rows = said.head(POINTS_TOLD).assign(sharp=np.where(said.head(POINTS_TOLD)["efficient"], ", efficient", ""))
    which = "each policy" if len(said) == len(table) else f"the efficient among {len(table)} policies"
    each = told(rows, "{policy}: cost {cost} bp a year, tracking error {gap:%2}{sharp}")
    return f"Annual tracking error and cost of {which}. {each}."


def _axis(values: pd.Series, air: float) -> Axis:
    """A log axis that holds values with some air at both ends."""
    low, high = float(values.min()), float(values.max())
    times = max((high / low) ** air, 1.05)
    return Axis(low / times, high * times, "log")


def _families(
    panel: Panel, drawn: pd.DataFrame, styles: Mapping[str, LineStyle], names: Sequence[str]
) -> tuple[list[tuple[Array, Array]], dict[str, Place]]:
    """A curve and marks a family; gives the curves, px, and where each family that is named is furthest right."""
    paths, ends = [], {}
    for family, rows in drawn.groupby("family", sort=False):
        x, y = panel.across(rows["cost"]), panel.up(100.0 * rows["gap"])
        style = styles[str(family)] if family in names else LineStyle("soft")
        if not str(family).endswith(DRAWN_END):
            panel.curve(rows["cost"], 100.0 * rows["gap"], style.colour, CURVE, style.dash)
            paths.append((x, y))
        for at_x, at_y, sharp in zip(x, y, rows["efficient"], strict=True):
            if sharp or len(drawn) <= POINTS_MARKED:
                face = "" if sharp else "paper"
                panel.canvas.point(at_x, at_y, colour=style.colour, size=MARK, face=face, ring=1.3)
        if family in names:
            ends[str(family)] = (float(x.max()), float(y[x.argmax()]))
    return paths, ends


def _keyed(drawn: pd.DataFrame) -> list[str]:
    """Families with a colour and a name: all, or of many those with the lowest J; the others are drawn in grey."""
    names = list(dict.fromkeys(map(str, drawn["family"])))
    best = drawn.groupby("family")["loss"].min().sort_values(kind="stable").index[:KEYED]
    return [name for name in names if name in best]


def _equal_losses(panel: Panel, tracking_penalty: float) -> list[Box]:
    """Lines along which cost and the tracking component give the same J; gives the boxes of their names."""
    (cheap, dear), (near, wide) = (panel.x.low, panel.x.high), (panel.y.low, panel.y.high)
    least, most = (float(c + tracking_loss(e / 100.0, tracking_penalty)) for c, e in ((cheap, near), (dear, wide)))
    taken: list[Box] = []
    for level in log_ticks(least, most, most=9):
        cost = np.geomspace(cheap, min(dear, 0.99999 * level), 200)
        gap = 100.0 * tracking_at(level - cost, tracking_penalty)
        inside = (gap >= near) & (gap <= wide)
        if inside.sum() < 10:
            continue
        equal_loss(panel, cost[inside], gap[inside])
        x, y = panel.x_at(cost[inside][0]), panel.y_at(gap[inside][0])
        words = f"J{NARROW_SPACE}{level:g}"
        name = (x + 3.0, y - 13.0, x + 3.0 + LETTER * TINY * len(words), y - 1.0)
        if name[1] > panel.top and not any(name[1] < b[3] and b[1] < name[3] for b in taken):
            panel.canvas.text(name[0], y - 7.0, words, colour="soft", size=TINY)
            taken.append(name)
    return taken


def _envelope(canvas: Canvas, drawn: pd.DataFrame, spots: Sequence[Place]) -> None:
    kept = sorted(spot for spot, sharp in zip(spots, drawn["efficient"], strict=True) if sharp)
    if len(kept) > 1:
        x, y = zip(*kept, strict=True)
        canvas.line(x, y, colour="rule", width=11.0, behind=True)


def _names(panel: Panel, styles: Mapping[str, LineStyle], ends: Mapping[str, Place], right: float) -> None:
    """Name each curve at the right of the panel, with a key of its colour and dash."""
    places = spread([y for _, y in ends.values()], LABEL_GAP + 3.0, panel.top + 5.0, panel.bottom - 5.0)
    first = panel.right + LEAD + 4.0
    for family, place in zip(ends, places, strict=True):
        _key(panel.canvas, styles[family], family, panel.right + 4.0, first - 4.0, place)
        panel.canvas.text(first, place, fitted_name(family, right - first))


def _key(canvas: Canvas, style: LineStyle, family: str, left: float, right: float, y: float) -> None:
    """A family's line and mark, as they are drawn."""
    if not family.endswith(DRAWN_END):
        canvas.line([left, right], [y, y], colour=style.colour, width=CURVE, dash=style.dash)
    canvas.point((left + right) / 2.0, y, colour=style.colour, size=MARK, face="", ring=1.3)


def _legend(canvas: Canvas, styles: Mapping[str, LineStyle], names: list[str], width: float) -> None:
    """A key below the panel, two in a row, where there is no room beside it."""
    for k, family in enumerate(names):
        x, y = 6.0 + (k % 2) * width / 2.0, TITLE + HEIGHT + AXIS + KEY_ROW * (k // 2 + 0.5)
        _key(canvas, styles[family], family, x, x + 22.0, y)
        canvas.text(x + 28.0, y, fitted_name(family, width / 2.0 - 36.0))
