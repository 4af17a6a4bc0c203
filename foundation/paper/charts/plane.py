"""A plane of cost and tracking error: lines of equal loss, names beside points, and a key."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from foundation.paper.charts.panel import Panel
from foundation.paper.layout import Array, Box, free_places
from foundation.paper.styles import LETTER

BP = 1e4
TINY = 12.0  # px, size of type of the points' names
AWAY = 6.0  # px from a point to its name
DOTTED = (0, (1.0, 2.0))

Place = tuple[float, float]  # px


def tracking_loss(tracking_error: ArrayLike, tracking_penalty: float) -> Array:
    """The tracking component of the loss: g/2 × tracking error².

    tracking_error : (k,) fraction a year.
    tracking_penalty : price of squared tracking error.
    Returns : (k,) bp a year.
    """
    found: Array = 0.5 * tracking_penalty * BP * np.asarray(tracking_error, dtype=float) ** 2
    return found


def tracking_at(loss: ArrayLike, tracking_penalty: float) -> Array:
    """The tracking error (k,), fraction a year, that adds `loss` (k,), bp a year."""
    found: Array = np.sqrt(np.maximum(np.asarray(loss, dtype=float), 0.0) / (0.5 * tracking_penalty * BP))
    return found


def equal_loss(panel: Panel, x: ArrayLike, y: ArrayLike) -> None:
    """A line along which the loss is the same, through (x, y), each (k,) values on the panel's axes."""
    panel.curve(x, y, "soft", 0.7, DOTTED)


def name_points(
    panel: Panel,
    points: Sequence[Place],
    words: Sequence[str],
    colours: Sequence[str],
    *,
    marks: Sequence[Place],
    taken: Sequence[Box] = (),
    paths: Sequence[tuple[ArrayLike, ArrayLike]] = (),
) -> None:
    """Write names beside points where there is room; off the curves if that can be.

    panel   : panel to write on.
    points  : places of the points, px; the first ones choose first.
    words   : words of each name.
    colours : colour of each name.
    marks   : all points that no name may cover, px.
    taken   : boxes that no name may cover, px.
    paths   : curves, px, across and down.
    """
    sizes = [(LETTER * TINY * len(word) + 2.0, TINY + 1.0) for word in words]
    box = (panel.left, panel.top, panel.right, panel.bottom)
    others = [*taken, *((x - 4.0, y - 4.0, x + 4.0, y + 4.0) for x, y in marks)]
    clear = free_places(points, sizes, [*others, *_along(paths)], box, AWAY)
    again = [k for k, place in enumerate(clear) if place is None]
    rest = [*others, *(place for place in clear if place is not None)]
    second = free_places([points[k] for k in again], [sizes[k] for k in again], rest, box, AWAY)
    found = {k: place for k, place in enumerate(clear)} | dict(zip(again, second, strict=True))
    for k, place in found.items():
        if place is not None:
            middle = ((place[0] + place[2]) / 2.0, (place[1] + place[3]) / 2.0)
            panel.canvas.text(*middle, words[k], size=TINY, colour=colours[k], align="center")


def _along(paths: Sequence[tuple[ArrayLike, ArrayLike]]) -> list[Box]:
    """Small boxes along curves, for names to keep off."""
    found: list[Box] = []
    for path in paths:
        for (x0, y0), (x1, y1) in pairwise(np.column_stack(path)):
            steps = int(np.hypot(x1 - x0, y1 - y0) / 4.0) + 1
            for s in np.linspace(0.0, 1.0, steps + 1):
                x, y = x0 + s * (x1 - x0), y0 + s * (y1 - y0)
                found.append((x - 1.0, y - 1.0, x + 1.0, y + 1.0))
    return found
