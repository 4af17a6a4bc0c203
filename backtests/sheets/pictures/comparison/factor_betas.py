"""Betas of a policy on factors, each over the year up to a day."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.attribution.factor_attribution import FactorAttribution
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.panel import Axis, Panel, day_numbers
from foundation.paper.layout import AXIS, TITLE, thinned
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import counted, listed, number

NAME = "factor_betas"
HIGH = 110.0  # px: of a panel, one a factor
MOST = 6  # factors that are drawn; all are in the CSV


def factor_betas_picture(found: Mapping[str, FactorAttribution], styles: Mapping[str, LineStyle]) -> Picture:
    """A panel a factor with a curve a policy.

    found  : attribution by policy; the caption describes the first one.
    styles : line style of each policy.
    """
    name, one = next(iter(found.items()))
    return picture(
        NAME,
        f"Rolling betas over {one.window} days",
        _caption(name, one),
        _alt(found),
        _table(found),
        lambda f: _draw(f, found, styles),
    )


def _table(found: Mapping[str, FactorAttribution]) -> pd.DataFrame:
    """A row a policy and last day of a window, a column a factor."""
    return pd.concat(
        [
            pd.DataFrame(
                {"date": a.rolling_dates.strftime("%Y-%m-%d"), "policy": name}
                | {f"beta on {factor}": a.rolling[:, k] for k, factor in enumerate(a.factors)}
            )
            for name, a in found.items()
        ],
        ignore_index=True,
    )


def _caption(name: str, one: FactorAttribution) -> str:
    ranges = [
        f"on {factor} from {number(float(one.rolling[:, k].min()))} to {number(float(one.rolling[:, k].max()))}"
        for k, factor in enumerate(one.factors[:MOST])
    ]
    left_out = len(one.factors) - MOST
    more = f" {counted(left_out, 'factor')} more in the CSV." if left_out > 0 else ""
    return (
        f"Beta of {name} over each year: {listed(ranges)}. Neighbouring points share their days, and each is an "
        f"estimate; intervals over the whole test are in the table.{more}"
    )


def _alt(found: Mapping[str, FactorAttribution]) -> str:
    each = [
        f"{name} on {factor}: lowest {number(float(a.rolling[:, k].min()))}, highest "
        f"{number(float(a.rolling[:, k].max()))}, latest {number(float(a.rolling[-1, k]))}"
        for name, a in found.items()
        for k, factor in enumerate(a.factors[:MOST])
    ]
    return f"Betas over the year up to each day. {'; '.join(each)}."


def _draw(f: Format, found: Mapping[str, FactorAttribution], styles: Mapping[str, LineStyle]) -> Canvas:
    one = next(iter(found.values()))
    shown, step = one.factors[:MOST], TITLE + HIGH
    canvas = Canvas(f.width, step * len(shown) + AXIS, f"{NAME}-{f.css}")
    days, kept = day_numbers(one.rolling_dates), int(f.plot / 1.6)
    across = Axis(days[0], days[-1]) if len(days) > 1 else Axis(days[0] - 1.0, days[0] + 1.0)
    for row, factor in enumerate(shown):
        values = {name: a.rolling[:, row] for name, a in found.items()}
        ends = [float(end(v)) for v in values.values() for end in (np.min, np.max)]
        panel = Panel(canvas, f.left, TITLE + row * step, f.plot, HIGH, across, Axis.over([*ends, 0.0]))
        panel.title(factor, "beta over the last year; label: latest" if f.is_wide else "beta")
        panel.y_grid(panel.y.ticks(4))
        panel.y_line(0.0, "soft", 0.8, behind=True)
        drawn = []
        for name, v in values.items():
            rows = thinned(v, kept)
            drawn.append(Curve(name, days[rows], v[rows], styles[name], number(float(v[-1])), 3.0 * (len(days) == 1)))
        curves(panel, drawn, f.width, values=f.is_wide)
    whole = Panel(canvas, f.left, TITLE, f.plot, step * len(shown) - TITLE, across)
    whole.years(one.rolling_dates)
    whole.x_title("last day of the year")
    return canvas
