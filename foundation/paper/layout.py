"""Arithmetic of pictures: curves thinned without losing a peak, labels spread without overlaps, scales, ticks."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foundation.arrays import Array

SCALE_STEPS = (1.0, 2.0, 2.5, 5.0)  # of a linear scale, times a power of ten
LOG_STEPS = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
)
# px of every picture
TITLE = 30.0  # above a panel, for its title
NUMBERS_HEIGHT = 24.0  # below a panel, for the numbers of its x axis
AXIS = 44.0  # below a panel, for the numbers and the name of its x axis
NAMES = 148.0  # at the left of rows, for their names
ROW_HEIGHT = 20.0  # of one row
ROW_ROOM = {"left": NAMES, "right": 48.0}  # beside rows, for their names and figures
KEY_ROW = 20.0  # of one row of a key

OUTLIER_DISTANCE = 4.0  # times the median distance: what is further away leaves the scale, and says so
MONTH_LABELS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def thinned(values: ArrayLike, buckets: int) -> NDArray[np.int64]:
    """Rows of `values` (T,) to draw: of each bucket the lowest and the highest, and the first and the last of all.

    A curve drawn through them on `buckets` pixels looks like the whole; no peak or trough is lost.

    >>> thinned([0.0, 5.0, 1.0, 1.0, -2.0, 1.0, 0.0, 0.0], buckets=2).tolist()
    [0, 1, 4, 5, 7]
    """
    y = np.asarray(values, dtype=float)
    if len(y) <= 2 * buckets:
        return np.arange(len(y))
    edges = np.linspace(0, len(y), buckets + 1).astype(int)
    first, end = edges[:-1], edges[1:, None]
    rows = first[:, None] + np.arange(np.diff(edges).max())  # a row a bucket, the shorter ones with the next ones' rows
    own, found = rows < end, y[np.minimum(rows, len(y) - 1)]
    low, high = np.where(own, found, np.inf).argmin(axis=1), np.where(own, found, -np.inf).argmax(axis=1)
    return np.unique(np.concatenate([[0, len(y) - 1], first + low, first + high]))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels, each as near as possible to where it is wanted.

    wanted : place of each label, px.
    gap    : between two labels, px.
    low    : least place, px.
    high   : largest place, px.

    The sum of squared moves is least: less i gaps, the places of sorted labels must not decrease, which makes this an
    isotonic regression (neighbours that would overlap are pooled at their mean). Equal wishes keep their order. Where
    the labels do not fit, the gap shrinks.

    >>> spread([5.0, 5.0, 50.0], gap=10.0, low=0.0, high=100.0)
    [0.0, 10.0, 50.0]
    """
    n = len(wanted)
    gap = min(gap, (high - low) / max(n - 1, 1))
    order = sorted(range(n), key=lambda i: wanted[i])
    pools: list[list[float]] = []  # [mean, size] of labels that touch
    for place, i in enumerate(order):
        pools.append([wanted[i] - place * gap, 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, k), (b, m) = pools[-2:]
            pools[-2:] = [[(a * k + b * m) / (k + m), k + m]]
    flat = [mean for mean, size in pools for _ in range(int(size))]
    places = [0.0] * n
    for place, i in enumerate(order):
        places[i] = min(max(flat[place], low), high - (n - 1) * gap) + place * gap
    return places


Box = tuple[float, float, float, float]  # left, top, right, bottom


def free_places(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    taken: Sequence[Box],
    room: Box,
    away: float,
) -> list[Box | None]:
    """A place beside each point for a label, where it covers no point, nothing taken and no other label; else None.

    points : places across and down, px; earlier ones choose first: at the right, the left, above, below.
    sizes  : width and height of each label, px.
    taken  : boxes that no label may cover, px.
    room   : box in which labels lie, px.
    away   : distance from a point to its label, and half the room that a point itself takes, px.

    >>> free_places([(0.0, 0.0), (9.0, 0.0)], [(6.0, 2.0), (6.0, 2.0)], [], (-20.0, -20.0, 20.0, 20.0), away=2.0)
    [(-8.0, -1.0, -2.0, 1.0), (11.0, -1.0, 17.0, 1.0)]
    """
    marks = [(x - 0.7 * away, y - 0.7 * away, x + 0.7 * away, y + 0.7 * away) for x, y in points]
    kept = np.array([*taken, *marks], dtype=float).reshape(-1, 4)
    places: list[Box | None] = []
    for (x, y), (w, h) in zip(points, sizes, strict=True):
        beside = [(x + away, y - h / 2), (x - away - w, y - h / 2), (x - w / 2, y - away - h), (x - w / 2, y + away)]
        right, left = x + 0.7 * away, x - 0.7 * away - w
        above, below = y - away - 0.9 * h, y + away - 0.1 * h
        corners = [(right, above), (right, below), (left, above), (left, below)]
        boxes = [(x0, y0, x0 + w, y0 + h) for x0, y0 in (*beside, *corners)]
        inside = [b for b in boxes if b[0] >= room[0] and b[1] >= room[1] and b[2] <= room[2] and b[3] <= room[3]]
        found = next((b for b in inside if not _meets(b, kept)), None)
        places.append(found)
        if found is not None:
            kept = np.vstack([kept, found])
    return places


def _meets(box: Box, others: Array) -> bool:
    """True if a box meets one of the others (m, 4)."""
    x, y = (box[0] < others[:, 2]) & (others[:, 0] < box[2]), (box[1] < others[:, 3]) & (others[:, 1] < box[3])
    return bool((x & y).any())


def far(distances: ArrayLike) -> NDArray[np.bool_]:
    """(P,) which distances are so much larger than the median that showing them would flatten the others."""
    d = np.abs(np.asarray(distances, dtype=float))
    some = d[d > 0.0]
    return d > OUTLIER_DISTANCE * float(np.median(some)) if len(some) > 2 else np.zeros(len(d), dtype=bool)


def limits(values: Sequence[float], margin: float = 0.06) -> tuple[float, float]:
    """Ends of a scale that holds `values` with some air."""
    low, high = min(values), max(values)
    flat = high - low <= 1e-12 * max(abs(low), abs(high))  # equal, to rounding
    air = margin * (abs(high) if flat else high - low) or 1.0
    return low - air, high + air


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between `low` and `high`, `most` at most.

    >>> ticks(-0.3, 4.4)
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    power = math.floor(math.log10((high - low) / most))
    for step in (s * 10.0 ** (power + k) for k in range(3) for s in SCALE_STEPS):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [round(i * step, 12) for i in range(first, last + 1)]
    return []


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between `low` and `high` for a log scale: as many as there is room for; on a short one, even steps.

    >>> log_ticks(0.9, 2.7)
    [1.0, 1.5, 2.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in LOG_STEPS:
        marks = [round(s * 10.0**k, 12) for k in powers for s in steps if low <= s * 10.0**k <= high]
        if len(marks) > most:
            break
        found = marks
    return found if len(found) > 2 else ticks(low, high, most)


def time_ticks(first: np.datetime64, last: np.datetime64, most: int) -> list[tuple[float, str]]:
    """Days since 1970 and their words: beginnings of years, or of months where the time is short; `most` at most."""
    begin, end = (int(d.astype("datetime64[M]").astype(int)) for d in (first, last))
    for step in (1, 2, 3, 6, 12, 24, 60, 120, 240):
        months = [m for m in range(begin, end + 1) if m % step == 0 and np.datetime64(m, "M") >= first]
        if len(months) <= most:
            break
    days = [float(np.datetime64(m, "M").astype("datetime64[D]").astype(int)) for m in months]
    years = [str(1970 + m // 12) for m in months]
    if step >= 12:
        return list(zip(days, years, strict=True))
    words = [
        MONTH_LABELS[m % 12] + (f" {year}" if m % 12 == 0 or (i == 0 and months[1:2] != [m + 12 - m % 12]) else "")
        for i, (m, year) in enumerate(zip(months, years, strict=True))
    ]
    return list(zip(days, words, strict=True))
