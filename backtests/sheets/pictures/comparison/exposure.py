"""The holdings of one policy through its test: stacked areas of its classes, or currencies."""

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import replace
from foundation.paper.charts.curves import End, end_labels
from foundation.paper.charts.panel import Axis, Panel, Side, day_numbers, plotted
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.styles import AREAS, LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import class_words, listed, percent

HEIGHT = 190.0  # px: of the panel
GREY = "soft"  # of the areas


def exposure_picture(name: str, weights: pd.DataFrame, by: str) -> Picture | None:
    """The picture; None where there is one group alone.

    name    : name of the policy.
    weights : (D + 1, k) weight of each group at each close, fraction of NAV.
    by      : kind of the groups, such as "class" or "currency".
    """
    if weights.shape[1] < 2:
        return None

    def draw(f: Format) -> Canvas:
        dates, shown = pd.DatetimeIndex(weights.index), sampled(weights, int(f.plot))
        y = Side(weight_axis(shown), "Weight", "% of NAV at closes" + ("; label: latest" if f.is_wide else ""))
        named = shown.rename(columns=lambda group: class_words(str(group)))
        drawing = plotted(Side(Axis.over_days(dates), dates=dates), y, lambda panel: stacked(panel, named), HEIGHT)
        return drawing(replace(f, name=f"exposure-{by}"))

    caption, alt = _caption(weights, by), _alt(weights, by)
    data = weights.rename_axis("date").reset_index().assign(date=lambda frame: frame["date"].dt.strftime("%Y-%m-%d"))
    return picture(f"exposure_{by}", f"Exposure by {by}: {name}", caption, alt, data, draw, HALF)


def _caption(weights: pd.DataFrame, by: str) -> str:
    widest = str((weights.max() - weights.min()).idxmax())
    each = [
        f"{class_words(str(group))} {percent(low)} to {percent(high)}"
        for group, low, high in zip(weights.columns, weights.min(), weights.max(), strict=True)
    ]
    label = "currency" if by == "currency" else "asset class"
    return (
        f"Weights at closes, after what was booked, summed by {label}; labels: at the last close. "
        f"Most moved: {class_words(widest)}. Range of each in the test: {listed(each)}."
    )


def _alt(weights: pd.DataFrame, by: str) -> str:
    first, last = weights.iloc[0], weights.iloc[-1]
    each = [
        f"{class_words(str(group))} from {percent(first.iloc[k])} to {percent(last.iloc[k])}"
        for k, group in enumerate(weights)
    ]
    return (
        f"Share of each {by} of net asset value, {weights.index[0]:%Y-%m-%d} to {weights.index[-1]:%Y-%m-%d}. "
        f"{'; '.join(each)}."
    )


def sampled(weights: pd.DataFrame, most: int) -> pd.DataFrame:
    """`most` rows of weights at even distances, the first and the last among them."""
    return weights.iloc[np.unique(np.linspace(0, len(weights) - 1, min(len(weights), most)).astype(int))]


def weight_axis(weights: pd.DataFrame) -> Axis:
    """The axis up of `stacked`, per cent: all of NAV, and what exceeds it."""
    tops = np.cumsum(100.0 * weights.to_numpy(), axis=1)
    return Axis(min(0.0, float(tops.min())), max(100.0, float(tops.max())))


def stacked(panel: Panel, weights: pd.DataFrame, right: float | None = None, *, values: bool | None = None) -> None:
    """Areas of weights upon one another, in greys, each named at the right of the panel.

    panel   : panel to draw on, with days across and `weight_axis` up.
    weights : (k, m) weights by day and name, fraction of NAV.
    right   : right edge of the labels, px; by default that of the picture.
    values  : true to write each last weight at that edge; by default on a wide page.
    """
    shares = 100.0 * weights.to_numpy()
    tops = np.cumsum(shares, axis=1)
    _areas(panel, day_numbers(pd.DatetimeIndex(weights.index)), tops)
    bounds = np.concatenate([[0.0], tops[-1]])
    ends = [
        End(str(name), panel.y_at(0.5 * (bounds[k] + bounds[k + 1])), LineStyle(GREY), percent(value / 100.0))
        for k, (name, value) in enumerate(zip(weights.columns, shares[-1], strict=True))
    ]
    end_labels(panel, ends[::-1], right, values=values)


def _areas(panel: Panel, days: Array, tops: Array) -> None:
    """The areas in greys, each with a thin line on top."""
    below = np.zeros(len(days))
    for k in range(tops.shape[1]):
        shade = AREAS[k % len(AREAS)]
        panel.area(days, below, tops[:, k], GREY, shade)
        panel.curve(days, tops[:, k], "paper", 1.0)
        below = tops[:, k]
