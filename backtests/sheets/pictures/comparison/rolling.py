"""Rolling one-year volatility, Sharpe ratio, tracking error and beta, above one another on one axis."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.evaluation.policy_risk import PolicyRisk
from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.panel import Axis, Panel, day_numbers
from foundation.paper.layout import NUMBERS, TITLE, thinned
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import Canvas
from foundation.paper.wording import even, listed, number, percent

HIGH = 80.0  # px: of a panel


@dataclass(frozen=True)
class Measure:
    """The metric of one panel.

    name, unit : its heading.  narrow : unit on a phone.  factor : from records to unit.  base : value of its dark line.
    """

    name: str
    unit: str
    narrow: str
    factor: float
    digits: int
    base: float = 0.0

    def text(self, value: float) -> str:
        """A value of records in words."""
        return percent(value, self.digits) if self.factor == 100.0 else number(value, self.digits)


MEASURES = {
    "volatility": Measure("Volatility", "% a year, over the last year; label: latest", "% a year", 100.0, 1),
    "sharpe": Measure("Sharpe ratio", "net of costs, over the last year; label: latest", "net of costs", 1.0, 2),
    "tracking_error": Measure(
        "Tracking error", "% a year, to the strategic target; label: latest", "% a year, to the target", 100.0, 2
    ),
    "beta": Measure("Beta", "to the benchmark, over the last year; label: latest", "to the benchmark", 1.0, 2, 1.0),
}


def rolling_picture(risk: Mapping[str, PolicyRisk], styles: Mapping[str, LineStyle]) -> Picture | None:
    """The picture of the measures that are defined; None where the test is shorter than a year.

    risk   : risk by policy; the caption describes the first one.
    styles : line style of each policy.
    """
    kept = {m: {n: r.rolling[m] for n, r in risk.items() if m in r.rolling} for m in MEASURES}
    there = {measure: found for measure, found in kept.items() if found}
    if not there:
        return None
    name, one = next(iter(risk.items()))
    dates = one.rolling_dates
    return picture(
        "rolling",
        f"Rolling one-year {listed([_said(measure) for measure in there])}",
        _caption(there, name, one),
        _alt(there, one),
        _table(risk, dates),
        lambda f: _draw(f, there, styles, dates),
    )


def _table(risk: Mapping[str, PolicyRisk], dates: pd.DatetimeIndex) -> pd.DataFrame:
    """A row a policy and last day of a year; empty where a measure is not defined."""
    days, nothing = dates.strftime("%Y-%m-%d"), np.full(len(dates), np.nan)
    frames = [
        pd.DataFrame({"date": days, "policy": name, **{m: r.rolling.get(m, nothing) for m in MEASURES}})
        for name, r in risk.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _said(measure: str) -> str:
    """The name of a measure within a sentence."""
    return MEASURES[measure].name if measure == "sharpe" else MEASURES[measure].name.lower()


def _caption(there: Mapping[str, Mapping[str, np.ndarray]], name: str, one: PolicyRisk) -> str:
    parts, dates = [], one.rolling_dates
    for measure, found in there.items():
        if name in found:
            shown, values = MEASURES[measure], found[name]
            low, high = (
                f"{shown.text(float(values[row]))} ({dates[row]:%Y-%m})"
                for row in (int(values.argmin()), int(values.argmax()))
            )
            parts.append(f"{_said(measure)} from {low} to {high}")
    text = f"{name}, over each year: {listed(parts)}. " if parts else ""
    first = f"Each point describes the year before it; the first is {dates[0]:%Y-%m-%d}."
    to = f" Beta is to {one.benchmark}." if "beta" in there else ""
    return (
        f"{text}{first} Neighbouring points share their days, so a move that lasts a year may be that of one week.{to}"
    )


def _alt(there: Mapping[str, Mapping[str, np.ndarray]], one: PolicyRisk) -> str:
    dates = one.rolling_dates
    each = [
        f"{name} {MEASURES[measure].name}: lowest {MEASURES[measure].text(float(values.min()))}, highest "
        f"{MEASURES[measure].text(float(values.max()))}, latest {MEASURES[measure].text(float(values[-1]))}"
        for measure, found in there.items()
        for name, values in found.items()
    ]
    return f"Over {one.window} days to each day from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}. {'; '.join(each)}."


def _draw(
    f: Format,
    there: Mapping[str, Mapping[str, np.ndarray]],
    styles: Mapping[str, LineStyle],
    dates: pd.DatetimeIndex,
) -> Canvas:
    step = TITLE + HIGH
    canvas = Canvas(f.width, step * len(there) + NUMBERS, f"rolling-{f.css}")
    days, kept = day_numbers(dates), int(f.plot / 1.6)
    across = Axis(days[0], days[-1]) if len(days) > 1 else Axis(days[0] - 1.0, days[0] + 1.0)
    for row, (measure, found) in enumerate(there.items()):
        shown = MEASURES[measure]
        scaled = {name: shown.factor * values for name, values in found.items()}
        ends = [float(end(values)) for values in scaled.values() for end in (np.min, np.max)]
        away = [abs(end - shown.base) for end in ends]
        least = 10.0**-shown.digits  # the axis holds the least value that a label can show: rounding is no movement
        up = Axis.over([*ends, shown.base, *([shown.base + least] if max(away) < least else [])])
        panel = Panel(canvas, f.left, TITLE + row * step, f.plot, HIGH, across, up)
        panel.title(shown.name, shown.unit if f.is_wide else shown.narrow)
        panel.y_grid(panel.y.ticks(4), even(panel.y.ticks(4)))
        panel.y_line(shown.base, "soft", 0.8, behind=True)
        drawn = []
        for name, values in scaled.items():
            rows = thinned(values, kept)
            figure = shown.text(float(found[name][-1]))
            drawn.append(Curve(name, days[rows], values[rows], styles[name], figure, points=3.0 * (len(days) == 1)))
        curves(panel, drawn, f.width, values=f.is_wide)
    Panel(canvas, f.left, TITLE, f.plot, step * len(there) - TITLE, across).years(dates)
    return canvas
