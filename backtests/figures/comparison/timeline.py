"""Growth, growth relative to the reference, drawdown, turnover and cumulative cost, above one another on one axis."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.figures.layout import far, limits, log_ticks, thinned, ticks
from backtests.figures.picture import (
    Format,
    Picture,
    curve,
    day_numbers,
    heading,
    height_of,
    picture,
    scale,
    years,
)
from backtests.figures.styles import LABEL_GAP, LEAD, LETTER, Look, end_labels, fitted_name
from backtests.figures.svg import SMALL, Canvas
from backtests.wording import NARROW_SPACE, listed, number, percent
from research.arrays import Array
from research.risk import drawdown

TITLE, FOOT = 29.0, 20.0  # above each panel; below the last
CLOSE = 0.06  # of wealth: curves that end nearer than this look like one on the growth panel
TALL, LOW = 190.0, 84.0  # of the growth panel; the lowest that another panel may be


@dataclass(frozen=True, eq=False)
class Paths:
    """What one policy went through on D test days, by close, the opening one first: (D + 1,) each.

    growth : from 1, time-weighted: money that came or went is none.  relative : growth over the reference's, less 1.
    drawdown : of growth, fraction.  turnover : one-way, of that day.  cost : cumulative, bp.
    turnover_a_year : one-way, fraction.
    """

    growth: Array
    relative: Array
    drawdown: Array
    turnover: Array
    cost: Array
    turnover_a_year: float


def timeline(
    played: Mapping[str, Backtest], styles: Mapping[str, Look], reference: str, periods_per_year: float
) -> Picture:
    """The picture that opens a sheet; with one policy, without the panel relative to the reference."""
    base = played[reference].growth_path
    paths = {name: _paths(b, base / base[0], periods_per_year) for name, b in played.items()}
    flowed = " Growth is time-weighted: money that came or went is no part of it."
    dates = played[reference].dates
    return picture(
        "growth",
        "Growth, drawdown, turnover and cost",
        _caption(paths, reference) + flowed * any(b.flows.any() for b in played.values()),
        _alt(paths, reference, dates),
        _table(paths, dates, compared=len(paths) > 1),
        lambda f: _draw(f, paths, styles, reference, dates),
    )


def _paths(played: Backtest, base: Array, periods_per_year: float) -> Paths:
    grown = played.growth_path / played.growth_path[0]
    turnover = np.concatenate([[0.0], played.turnover])
    cost = 1e4 * np.concatenate([[0.0], np.cumsum(played.cost_rate)])
    a_year = float(turnover.sum()) * periods_per_year / len(played.turnover)
    return Paths(grown, grown / base - 1.0, drawdown(grown), turnover, cost, a_year)


def _table(paths: Mapping[str, Paths], dates: pd.DatetimeIndex, compared: bool) -> pd.DataFrame:
    """A row a policy and day."""
    n = len(dates)
    columns = {
        "date": np.tile(dates.strftime("%Y-%m-%d").to_numpy(dtype=object), len(paths)),
        "policy": np.repeat(np.array(list(paths), dtype=object), n),
        "growth": np.concatenate([p.growth for p in paths.values()]),
        "relative_to_reference": np.concatenate([p.relative for p in paths.values()]),
        "drawdown": np.concatenate([p.drawdown for p in paths.values()]),
        "turnover": np.concatenate([p.turnover for p in paths.values()]),
        "cumulative_cost_bp": np.concatenate([p.cost for p in paths.values()]),
    }
    if not compared:
        del columns["relative_to_reference"]
    return pd.DataFrame(columns)


# -- words -----------------------------------------------------------------------------------------------------------


def _caption(paths: Mapping[str, Paths], reference: str) -> str:
    base = paths[reference]
    turnover, paid = percent(base.turnover_a_year), number(base.cost[-1], 1)
    trading = f"{reference} traded {turnover} a year one-way and paid {paid} bp in all."
    others = {name: p for name, p in paths.items() if name != reference}
    if not others:
        return trading
    apart = far([np.abs(p.relative).max() for p in others.values()])
    near = {name: float(p.relative[-1]) for (name, p), gone in zip(others.items(), apart, strict=True) if not gone}
    low, high = (pick(near, key=near.__getitem__) for pick in (min, max))
    digits = _digits(near.values())
    count = f"All {len(near)}" if len(near) == len(others) else f"{len(near)} of {len(others)}"
    said = [
        f"{count} end between {_beside(near[low], digits)} {reference}'s wealth ({low}) and "
        f"{_beside(near[high], digits)} it ({high})"
        f"{'' if max(map(abs, near.values())) > CLOSE else ', too near to be told apart in the first panel'}."
    ]
    if len(near) == 1:
        said = [f"{low} ends {_beside(near[low], digits)} {reference}'s wealth."]
    gone = [f"{name} ({percent(p.relative[-1], 0, signed=True)})" for name, p in others.items() if name not in near]
    if gone:
        said.append(f"Off the scale of the second: {listed(gone)}.")
    said.append(trading)
    traded = {name: p for name, p in others.items() if 0.0 < p.turnover_a_year < base.turnover_a_year}
    if traded:
        least = min(traded, key=lambda name: traded[name].turnover_a_year)
        said.append(
            f"Of those that trade, {least} traded least: {percent(traded[least].turnover_a_year)} a year and "
            f"{number(traded[least].cost[-1], 1)} bp."
        )
    return " ".join(said)


def _beside(relative: float, digits: int) -> str:
    return f"{percent(abs(relative), digits)} {'above' if relative > 0.0 else 'below'}"


def _digits(relative: Iterable[float]) -> int:
    """Decimals of a percentage that small differences need."""
    most = max(map(abs, relative))
    return 1 if most >= 0.01 else 2 if most >= 0.001 else 3


def _alt(paths: Mapping[str, Paths], reference: str, dates: pd.DatetimeIndex) -> str:
    each = [
        f"{name}: grew to {number(p.growth[-1])}, deepest drawdown {percent(p.drawdown.min())}, turnover "
        f"{percent(p.turnover_a_year)} a year, cost {number(p.cost[-1], 1)} bp in all"
        for name, p in paths.items()
    ]
    return f"Daily from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, starting at 1. {'; '.join(each)}."


# -- drawing ---------------------------------------------------------------------------------------------------------


def _draw(
    f: Format, paths: Mapping[str, Paths], styles: Mapping[str, Look], reference: str, dates: pd.DatetimeIndex
) -> Canvas:
    panels = [
        Panel(
            "Growth of 1",
            "net of costs, log scale",
            {name: p.growth for name, p in paths.items()},
            {name: f"×{number(p.growth[-1])}" for name, p in paths.items()},
            log=True,
        ),
        _relative(paths, reference),
        Panel(
            "Drawdown",
            "% below the last peak" + ("; named: the deepest" if f.is_wide else ""),
            {name: 100.0 * p.drawdown for name, p in paths.items()},
            {name: percent(p.drawdown.min()) for name, p in paths.items()},
        ),
        None,  # turnover
        Panel(
            "Cumulative cost",
            "bp of NAV",
            {name: p.cost for name, p in paths.items()},
            {name: f"{number(p.cost[-1], 1)} bp" for name, p in paths.items()},
        ),
    ]
    if len(paths) == 1:
        del panels[1]
    rows = LABEL_GAP * len(paths) + 4.0
    heights = [max(rows, TALL), *(rows if panel is None else max(rows, LOW) for panel in panels[1:])]
    canvas = Canvas(f.width, sum(heights) + TITLE * len(heights) + FOOT, f"timeline-{f.css}")
    stack, top = _Stack(f, canvas, styles, day_numbers(dates)), TITLE
    for panel, height in zip(panels, heights, strict=True):
        if panel is None:
            stack.trades(top, height, paths)
        else:
            stack.curves(top, height, panel)
        top += height + TITLE
    bottom = top - TITLE
    axes = canvas.axes(f.left, TITLE, f.plot, bottom - TITLE)
    axes.set_xlim(stack.days[0], stack.days[-1])
    years(canvas, axes, dates, TITLE, bottom, f.plot)
    return canvas


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves on one scale, and the figure to print beside each name.

    bounds : of the scale, where they are not the curves' own.  hidden : named, and too far away to be drawn.
    """

    name: str
    unit: str
    series: Mapping[str, Array]
    figures: Mapping[str, str]
    log: bool = False
    bounds: tuple[float, float] | None = None
    hidden: Collection[str] = ()

    def scale(self) -> tuple[float, float]:
        """Ends of its scale."""
        if self.bounds is not None:
            return self.bounds
        ends = [float(end(v)) for v in self.series.values() for end in (np.min, np.max)]
        if not self.log:
            return limits(ends)
        low, high = limits(np.log(ends).tolist())
        return float(np.exp(low)), float(np.exp(high))


def _relative(paths: Mapping[str, Paths], reference: str) -> Panel:
    """Growth over the reference's, on a scale for those near to it; an arrow says where the others have gone."""
    gone = dict(zip(paths, far([np.abs(p.relative).max() for p in paths.values()]), strict=True))
    near = [100.0 * float(end(p.relative)) for name, p in paths.items() if not gone[name] for end in (np.min, np.max)]
    figures, digits = {}, _digits(float(p.relative[-1]) for name, p in paths.items() if not gone[name])
    for name, p in paths.items():
        last = float(p.relative[-1])
        arrow = f"{NARROW_SPACE}{'↑' if last > 0.0 else '↓'}" if gone[name] else ""
        figures[name] = percent(last, 0 if gone[name] else digits, signed=True) + arrow
    series = {name: 100.0 * p.relative for name, p in paths.items()}
    hidden = [name for name in paths if gone[name]]
    return Panel(f"Relative to {reference}", "% of its wealth", series, figures, bounds=limits(near), hidden=hidden)


@dataclass(frozen=True, eq=False)
class _Stack:
    """Panels of one picture above one another on its time axis."""

    f: Format
    canvas: Canvas
    styles: Mapping[str, Look]
    days: Array

    def curves(self, top: float, height: float, panel: Panel) -> None:
        """A curve a policy, named where it ends; the heaviest lies on top."""
        f, canvas, right = self.f, self.canvas, self.f.left + self.f.plot
        heading(canvas, f.left, top - 12.0, panel.name, panel.unit)
        axes = canvas.axes(f.left, top, f.plot, height)
        if panel.log:
            axes.set_yscale("log")
        low, high = panel.scale()
        axes.set_xlim(self.days[0], self.days[-1])
        axes.set_ylim(low, high)
        scale(canvas, axes, log_ticks(low, high) if panel.log else ticks(low, high), f.left, right)
        for name in sorted(panel.series, key=lambda name: self.styles[name].width):
            if name not in panel.hidden:
                values, look = panel.series[name], self.styles[name]
                rows = thinned(values, int(f.plot / 1.6))
                curve(axes, self.days[rows], values[rows], look.colour, look.width, look.dash)
        ends = {n: (height_of(canvas, axes, float(v[-1])), panel.figures[n]) for n, v in panel.series.items()}
        edges = {"x": right, "right": f.width, "top": top + 5.0, "bottom": top + height - 5.0}
        end_labels(canvas, self.styles, ends, **edges, values=f.is_wide)

    def trades(self, top: float, height: float, paths: Mapping[str, Paths]) -> None:
        """A row a policy: a stroke for each day on which it traded, as high as the square root of its turnover."""
        f, canvas, right = self.f, self.canvas, self.f.left + self.f.plot
        unit = (
            "one-way; a stroke a trading day, by square root; named: a year" if f.is_wide else "a stroke a trading day"
        )
        heading(canvas, f.left, top - 12.0, "Turnover", unit)
        highest = max(p.turnover.max() for p in paths.values()) or 1.0
        for row, (name, p) in enumerate(paths.items()):
            look, foot = self.styles[name], top + (row + 1) * LABEL_GAP
            traded = np.flatnonzero(p.turnover > 0.0)
            strokes = np.maximum(np.sqrt(p.turnover[traded] / highest) * (LABEL_GAP - 2.0), 1.5)
            at = f.left + f.plot * (self.days[traded] - self.days[0]) / (self.days[-1] - self.days[0])
            canvas.line([f.left, right], [foot, foot], colour="rule", width=0.5, behind=True)
            canvas.strokes(at, foot, foot - strokes, colour=look.colour)
            y, figure = foot - LABEL_GAP / 2.0, percent(p.turnover_a_year)
            room = f.width - right - LEAD - (LETTER * SMALL * len(figure) + 4.0) * f.is_wide
            canvas.text(right + LEAD, y, fitted_name(name, room), bold=look.bold)
            if f.is_wide:
                canvas.text(f.width, y, figure, align="right", colour="ink" if look.bold else "soft", bold=look.bold)
