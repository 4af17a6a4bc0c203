"""The worst of past and assumed markets in one picture: bars of one policy, or of two beside one another."""

from collections.abc import Mapping

import pandas as pd

from foundation.paper.charts.interval_rows import BAR, heights, row_names
from foundation.paper.charts.panel import Axis, Panel
from foundation.paper.layout import AXIS, KEY_ROW, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle, fitted_name
from foundation.paper.svg import Canvas
from foundation.paper.wording import listed, number, percent

SLOT = 15.0  # px: height of a bar with its figure
WIDE_NAMES = 250.0  # px: room for the names of rows on a wide page
GAP = 8.0  # px between two rows
DIGITS = 44.0  # px: room for a figure beside a bar


def downside_picture(losses: pd.DataFrame, styles: Mapping[str, LineStyle]) -> Picture:
    """Bars of the return of each policy in each market.

    losses : returns, fraction, NaN for none; a row a market, with levels kind and name, a column a policy.
    styles : line style of each policy.
    """
    starts = losses.index[~losses.index.get_level_values(0).duplicated()]
    least, names = losses.min(axis=1), [str(name) for name in losses.index.get_level_values(1)]
    kinds = listed(list(starts.get_level_values(0)))
    caption = (
        f"From top to bottom: {kinds}. The worst: {names[int(least.argmin())]}, {percent(float(least.min()))}. "
        "Not annualised; net of costs, those of assumed shocks apart."
    )
    each = [
        f"{name}: " + ", ".join(f"{policy} {percent(value)}" for policy, value in zip(losses, row, strict=True))
        for name, row in zip(names, losses.to_numpy(dtype=float).tolist(), strict=True)
    ]

    def draw(f: Format) -> Canvas:
        count, left = losses.shape[1], WIDE_NAMES if f.is_wide else 0.0
        x = Axis.over([*(100.0 * losses.to_numpy().ravel()), 0.0], margin=DIGITS / (f.width - left))
        high = SLOT * count + GAP + (0.0 if f.is_wide else SLOT)  # on a phone a name stands above its bars
        above, tall = TITLE + KEY_ROW, high * len(losses)
        panel = Panel(f.canvas(above + tall + AXIS), left, above, f.width - left - 12.0, tall, x)
        panel.x_grid(panel.x.ticks(5))
        for middle, market in zip(heights(panel, len(losses)), losses.index, strict=True):
            if market in starts[1:]:
                panel.canvas.line([0.0, panel.right], [middle - high / 2.0] * 2, colour="rule")
            for k, (policy, value) in enumerate(losses.loc[market].items()):
                if value == value:
                    y = middle + SLOT * (k - count / 2.0 + (0.5 if f.is_wide else 1.0))
                    _bar(panel, y, 100.0 * float(value), styles[str(policy)])
            if not f.is_wide:
                panel.canvas.text(0.0, middle - SLOT * count / 2.0, str(market[1]))
        if f.is_wide:
            row_names(panel, names)
        panel.x_line(0.0, "ink", 0.8)
        panel.x_title("return, %")
        room = panel.width / count
        for k, policy in enumerate(map(str, losses)):
            at, y = panel.left + k * room, KEY_ROW / 2.0
            panel.canvas.line([at, at + 16.0], [y, y], colour=styles[policy].colour, width=BAR * SLOT)
            panel.canvas.text(at + 22.0, y, fitted_name(policy, room - 24.0), bold=styles[policy].bold)
        return panel.canvas

    alt = f"Return in each. {'; '.join(each)}."
    return picture("downside", "The worst markets", caption, alt, losses.reset_index(), draw)


def _bar(panel: Panel, y: float, value: float, style: LineStyle) -> None:
    """A bar from zero with its figure."""
    align, away = ("right", -5.0) if value < 0.0 else ("left", 5.0)
    ends = [panel.x_at(0.0), panel.x_at(value)]
    panel.canvas.line(ends, [y, y], colour=style.colour, width=BAR * SLOT)
    panel.canvas.text(ends[1] + away, y, number(value, 1), align=align, bold=style.bold)
