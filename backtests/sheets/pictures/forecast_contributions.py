"""The contribution of each feature to the forecast of each asset today: a row a feature, a point an asset."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import replace
from foundation.paper.charts.interval_rows import heights, row_names
from foundation.paper.charts.panel import Axis, Panel, Side, plotted
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number

FEATURES_SHOWN = 12  # features drawn, those that add most; all are in the picture's CSV
BAND, DOT, STEP = 26.0, 6.5, 5.0  # px: of a row, of a point, between points that would lie on one another
NAMES, NARROW_NAMES = 178.0, 150.0  # px
THIRDS = {"low": ("sky", "v"), "middle": ("stone", "o"), "high": ("orange", "^")}  # by where an asset's feature stands


def contributions_picture(
    lines: Sequence[str], features: Sequence[str], shares: Array, numbers: Array, horizon: int
) -> Picture:
    """Contributions to a forecast, the features that add most first.

    lines    : k names.
    features : f names.
    shares   : (k, f) contribution of each feature to the expected return of each asset, fraction over the horizon.
    numbers  : (k, f) the features; a third of the assets of a row are low, a third high; NaN where one is not known.
    horizon  : sessions.
    """
    size = np.abs(shares).mean(axis=0)
    order = np.argsort(-size, kind="stable")
    places = pd.DataFrame(numbers, columns=list(features)).rank(pct=True)
    data = pd.DataFrame(
        {
            "feature": np.repeat([features[k] for k in order], len(lines)),
            "line": np.tile(list(lines), len(features)),
            "contribution_points": 100.0 * shares[:, order].T.ravel(),
            "number": numbers[:, order].T.ravel(),
            "place": places.to_numpy()[:, order].T.ravel(),
        }
    )

    groups = list(data.groupby("feature", sort=False))[:FEATURES_SHOWN]
    drawn = pd.concat([group for _, group in groups])["contribution_points"]
    below = (f"points of return over {horizon} sessions", f"points, {horizon} sessions")
    x = Side(Axis.over([*drawn, -0.01, 0.01], margin=0.04), below, most=(7, 4))
    y = Side(words="Contribution", unit=("▼ low, ● middle, ▲ high feature", "▼ low, ▲ high feature"))

    def marks(panel: Panel) -> None:
        row_names(panel, [str(name) for name, _ in groups], gap=8.0, spare=4.0)
        for (_, group), y in zip(groups, heights(panel, len(groups)), strict=True):
            x = panel.across(group["contribution_points"].to_numpy())
            moved = swarm(x, DOT, STEP, BAND / 2.0 - DOT / 2.0)
            for at, up, place in zip(x, moved, group["place"], strict=True):
                _point(panel.canvas, float(at), y + float(up), float(place))

    rows = plotted(x, y, marks, BAND * len(groups), left=(NAMES, NARROW_NAMES), right=16.0)

    def draw(f: Format) -> Canvas:
        return rows(replace(f, name="forecast-contributions"))

    title = "What the forecast comes from"
    if not size.any():
        said = "No feature distinguishes the assets: the forecast is the same for all."
        return picture("forecast_contributions", title, said, said, data, draw)
    used = [k for k in order if size[k] > 0.0]
    words = listed([f"{features[k]} ({number(100.0 * size[k])})" for k in used[:3]])
    line, feature = divmod(int(np.abs(shares).argmax()), len(features))
    largest = f"{features[feature]} for {lines[line]}, {number(100.0 * shares[line, feature], signed=True)}"
    caption = (
        f"{words} contribute most, in percentage points of the return over {horizon} sessions, as a mean over assets; "
        f"the largest single contribution is that of {largest}."
    )
    caption += f" The {FEATURES_SHOWN} largest features of {len(used)} are drawn." if len(used) > FEATURES_SHOWN else ""
    alt = "Mean contribution, points: " + "; ".join(f"{features[k]} {number(100.0 * size[k])}" for k in used) + "."
    return picture("forecast_contributions", title, caption, alt, data, draw)


def swarm(x: Array, width: float, step: float, room: float) -> Array:
    """(k,) vertical moves of points so that no two lie on one another, as long as there is room.

    x     : (k,) horizontal places of the points, px.
    width : width of a point, px.
    step  : distance from one level to the next, px.
    room  : largest move of a point, px.

    >>> swarm(np.array([0.0, 1.0, 2.0, 50.0]), 5.0, 4.0, 8.0).tolist()
    [0.0, 4.0, -4.0, 0.0]
    """
    levels = [0.0]
    while abs(levels[-1]) + step <= room or levels[-1] > 0.0:
        levels.append(-levels[-1] if levels[-1] > 0.0 else -levels[-1] + step)
    reached, found = [-np.inf] * len(levels), np.zeros(len(x))
    for k in np.argsort(x, kind="stable"):
        level = next((i for i, end in enumerate(reached) if x[k] - end >= width), int(np.argmin(reached)))
        reached[level], found[k] = float(x[k]), levels[level]
    return found


def _point(canvas: Canvas, x: float, y: float, place: float) -> None:
    """An asset: by the third in which its feature stands among the assets, a ring where that is not known."""
    if np.isnan(place):
        canvas.point(x, y, colour="stone", size=DOT, face="paper")
        return
    colour, mark = THIRDS["low" if place <= 1.0 / 3.0 else "high" if place > 2.0 / 3.0 else "middle"]
    canvas.point(x, y, colour=colour, size=DOT, mark=mark, ring=0.0)
