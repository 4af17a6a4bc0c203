"""What one policy held through its test: areas of its classes, or currencies, upon one another."""

import numpy as np
import pandas as pd

from backtests.figures.charts.curves import End, end_labels
from backtests.figures.charts.panel import Axis, Panel, day_numbers, one_panel
from backtests.figures.picture import HALF, Format, Picture, picture
from backtests.figures.styles import AREAS, LineStyle
from backtests.figures.svg import TOKENS, Canvas
from backtests.wording import class_words, listed, percent
from research.arrays import Array

HIGH = 190.0  # px: of the panel
GREY = "soft"  # of the areas


def exposure_picture(name: str, weights: pd.DataFrame, by: str) -> Picture | None:
    """The picture; None where there is one group alone.

    name    : of the policy.
    weights : (D + 1, k) weight of each group at each close, fraction of NAV.
    by      : what the groups are, as "class" or "currency".
    """
    if weights.shape[1] < 2:
        return None
    return picture(
        f"exposure_{by}",
        f"Exposure by {by}: {name}",
        _caption(weights, by),
        _alt(weights, by),
        weights.rename_axis("date").reset_index().assign(date=lambda frame: frame["date"].dt.strftime("%Y-%m-%d")),
        lambda f: _draw(f, weights, by),
        HALF,
    )


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


def _draw(f: Format, weights: pd.DataFrame, by: str) -> Canvas:
    days, values = day_numbers(pd.DatetimeIndex(weights.index)), 100.0 * weights.to_numpy()
    rows = np.unique(np.linspace(0, len(days) - 1, min(len(days), int(f.plot))).astype(int))
    tops = np.cumsum(values[rows], axis=1)
    high = max(100.0, float(tops.max()))
    low = min(0.0, float(tops.min()))
    across = Axis(days[0], days[-1]) if len(days) > 1 else Axis(days[0] - 1.0, days[0] + 1.0)
    panel = one_panel(f, f"exposure-{by}", HIGH, across, Axis(low, high))
    panel.title("Weight", "% of NAV at closes" + ("; label: latest" if f.is_wide else ""))
    panel.y_grid(panel.y.ticks(5))
    panel.years(pd.DatetimeIndex(weights.index))
    _areas(panel, days[rows], tops)
    bounds = np.concatenate([[0.0], tops[-1]])
    ends = [
        End(
            class_words(str(name)),
            panel.y_at(0.5 * (bounds[k] + bounds[k + 1])),
            LineStyle(GREY),
            percent(value / 100.0),
        )
        for k, (name, value) in enumerate(zip(weights.columns, values[-1], strict=True))
    ]
    end_labels(panel, ends[::-1], f.width, values=f.is_wide)
    return panel.canvas


def _areas(panel: Panel, days: Array, tops: Array) -> None:
    """The areas in greys, each with a thin line on top."""
    below = np.zeros(len(days))
    for k in range(tops.shape[1]):
        shade = AREAS[k % len(AREAS)]
        panel.axes.fill_between(days, below, tops[:, k], facecolor=TOKENS[GREY], alpha=shade, linewidth=0.0)
        panel.curve(days, tops[:, k], "paper", 1.0)
        below = tops[:, k]
