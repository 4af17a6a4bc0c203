"""Two pictures of each policy over time: growth and drawdown; turnover and cumulative cost."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.evaluation.comparator import Comparator
from foundation.dataclasses import dataclass
from foundation.paper.charts.curves import LOWEST_PANEL, Series, series_panel, series_plotted, stacked_panels
from foundation.paper.charts.panel import Axis, Panel, day_numbers
from foundation.paper.layout import Array
from foundation.paper.picture import WIDE, Format, Picture, by_day, picture
from foundation.paper.styles import DASHED, LABEL_GAP, LEAD, LETTER, LineStyle, eligible_styles, fitted_name, near_sizes
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import listed, number, percent
from research.risk import drawdown

BENCHMARK = LineStyle("soft", DASHED[0], 1.3)
CLOSE_ENDS = 0.06  # of wealth: curves that end nearer than this look like one on the growth panel


@dataclass(frozen=True, eq=False)
class Paths:
    """The paths of one policy through D test days, by close, the opening one first.

    growth          : (D + 1,) ratio to 1 at the opening, time-weighted: without contributions and withdrawals.
    relative        : (D + 1,) growth over the reference's, less 1, fraction.
    drawdown        : (D + 1,) drawdown of growth, fraction.
    turnover        : (D + 1,) one-way turnover of the day, fraction.
    cost            : (D + 1,) cumulative cost, bp.
    turnover_a_year : one-way turnover a year, fraction.
    """

    growth: Array
    relative: Array
    drawdown: Array
    turnover: Array
    cost: Array
    turnover_a_year: float


def growth_picture(
    played: Mapping[str, Backtest],
    styles: Mapping[str, LineStyle],
    reference: str,
    periods_per_year: float,
    wide_as: Format = WIDE,
    name: str = "growth",
) -> Picture:
    """The picture that opens a sheet; with one policy, without the panel relative to the reference.

    played           : backtests by policy.
    styles           : line style of each policy.
    reference        : name of the policy to which the others are compared.
    periods_per_year : number of periods a year, to annualise turnover.
    wide_as          : the wide format.
    name             : name of the picture.
    """
    return _growth_picture(played, _all(played, reference, periods_per_year), styles, reference, wide_as, name)


def growth_beside_picture(played: Backtest, style: LineStyle, comparator: Comparator) -> Picture:
    """The picture of growth for one policy beside its benchmark, to which it is compared.

    played     : backtest of the policy.
    style      : line style of the policy.
    comparator : the benchmark; it may have no returns, and is then left out.
    """
    alone, styles = {played.name: played}, {played.name: style, comparator.name: BENCHMARK}
    if comparator.returns is None:
        return growth_picture(alone, styles, played.name, played.periods_per_year)
    base = comparator.growth_path
    nothing = np.zeros(len(base))
    paths = {
        played.name: _paths(played, base, played.periods_per_year),
        comparator.name: Paths(base, nothing, drawdown(base), nothing, nothing, 0.0),
    }
    return _growth_picture(alone, paths, styles, comparator.name)


def _growth_picture(
    played: Mapping[str, Backtest],
    paths: Mapping[str, Paths],
    styles: Mapping[str, LineStyle],
    reference: str,
    wide_as: Format = WIDE,
    name: str = "growth",
) -> Picture:
    """The picture of growth.

    played    : backtests by policy.
    paths     : paths of each policy, and of a benchmark if it is the reference.
    styles    : line style of each path.
    reference : name of the path to which the others are compared.
    wide_as   : the wide format.
    name      : name of the picture.
    """
    dates = next(iter(played.values())).dates
    flowed = " Growth is time-weighted: it does not include contributions or withdrawals."
    said = _ends_words(paths, styles, reference) if len(paths) > 1 else _alone_words(reference, paths[reference])
    heads = ("growth", *(["relative_to_reference"] if len(paths) > 1 else []), "drawdown")
    data = by_day(dates, {n: {head: getattr(p, head.partition("_")[0]) for head in heads} for n, p in paths.items()})
    each = [
        f"{one}: grew to {number(p.growth[-1])}, maximum drawdown {percent(p.drawdown.min())}"
        for one, p in paths.items()
    ]
    draw = series_plotted(_series(paths, styles, reference), styles, dates)
    caption = said + flowed * any(b.flows.any() for b in played.values())
    alt = f"{_daily(dates)}, starting at 1. {'; '.join(each)}."
    return picture(name, "Growth and drawdown", caption, alt, data, draw, wide_as)


def trading_picture(
    played: Mapping[str, Backtest], styles: Mapping[str, LineStyle], reference: str, periods_per_year: float
) -> Picture:
    """Turnover and cumulative cost, day by day; arguments of `growth_picture`."""
    paths, dates = _all(played, reference, periods_per_year), played[reference].dates
    data = by_day(dates, {n: {"turnover": p.turnover, "cumulative_cost_bp": p.cost} for n, p in paths.items()})
    each = [
        f"{name}: turnover {percent(p.turnover_a_year)} a year, total cost {number(p.cost[-1], 1)} bp"
        for name, p in paths.items()
    ]

    def draw(f: Format) -> Canvas:
        rows = LABEL_GAP * len(paths) + 4.0
        (first, second), whole = stacked_panels(f, "trading", [rows, max(rows, LOWEST_PANEL)], dates, f.plot)
        whole.years(dates)
        _turnover(f, first, paths, styles, day_numbers(dates))
        series_panel(second, _paid(paths, styles), styles, dates)
        return first.canvas

    alt, title = f"{_daily(dates)}. {'; '.join(each)}.", "Turnover and cumulative cost"
    return picture("trading", title, _trading_words(paths, reference), alt, data, draw)


def _all(played: Mapping[str, Backtest], reference: str, periods_per_year: float) -> dict[str, Paths]:
    base = played[reference].growth_path
    return {name: _paths(b, base / base[0], periods_per_year) for name, b in played.items()}


def _daily(dates: pd.DatetimeIndex) -> str:
    return f"Daily from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}"


def _paths(played: Backtest, base: Array, periods_per_year: float) -> Paths:
    grown = played.growth_path / played.growth_path[0]
    turnover = np.concatenate([[0.0], played.turnover])
    cost = 1e4 * np.concatenate([[0.0], np.cumsum(played.cost_rate)])
    a_year = float(turnover.sum()) * periods_per_year / len(played.turnover)
    return Paths(grown, grown / base - 1.0, drawdown(grown), turnover, cost, a_year)


# -- words -----------------------------------------------------------------------------------------------------------


def _ends_words(paths: Mapping[str, Paths], styles: Mapping[str, LineStyle], reference: str) -> str:
    """Sentences on the final wealth of the others, compared with the reference."""
    others = {name: p for name, p in paths.items() if name != reference}
    axis = _relative(paths, styles, reference).axis
    ends = {name: float(p.relative[-1]) for name, p in others.items()}
    within = {name: end for name, end in ends.items() if not axis.arrow(100.0 * end)} or ends
    low, high = (pick(within, key=within.__getitem__) for pick in (min, max))
    digits = _digits(within.values())
    count = f"All {len(within)}" if len(within) == len(others) else f"{len(within)} of {len(others)}"
    sentences = [
        f"{count} end between {_beside(within[low], digits)} ({low}) and {_beside(within[high], digits)} ({high}) "
        f"{reference}'s final wealth{'' if max(map(abs, within.values())) > CLOSE_ENDS else '; see the second panel'}."
    ]
    if len(within) == 1:
        sentences = [f"{low} ends {_beside(within[low], digits)} {reference}'s final wealth."]
    gone = [f"{name} ({percent(end, 0, signed=True)})" for name, end in ends.items() if name not in within]
    if gone:
        sentences.append(f"Off the scale of the second panel: {listed(gone)}.")
    if out := [name for name in paths if not styles[name].eligible]:
        sentences.append(f"The scales are set by the candidates alone (not candidates: {listed(out)}).")
    return " ".join(sentences)


def _alone_words(name: str, path: Paths) -> str:
    return (
        f"{name} grew to {number(path.growth[-1])} times its opening; maximum drawdown {percent(path.drawdown.min())}."
    )


def _trading_words(paths: Mapping[str, Paths], reference: str) -> str:
    base = paths[reference]
    turnover, paid = percent(base.turnover_a_year), number(base.cost[-1], 1)
    sentences = [f"{reference}: turnover {turnover} a year (one-way), total cost {paid} bp."]
    traded = {name: p for name, p in paths.items() if 0.0 < p.turnover_a_year < base.turnover_a_year}
    if traded:
        least = min(traded, key=lambda name: traded[name].turnover_a_year)
        sentences.append(
            f"Lowest turnover of the policies that trade: {least}, {percent(traded[least].turnover_a_year)} a year, "
            f"total cost {number(traded[least].cost[-1], 1)} bp."
        )
    return " ".join(sentences)


def _beside(relative: float, digits: int) -> str:
    return f"{percent(abs(relative), digits)} {'above' if relative > 0.0 else 'below'}"


def _digits(relative: Iterable[float]) -> int:
    """Decimals of a percentage that small differences need."""
    most = max(map(abs, relative))
    return 1 if most >= 0.01 else 2 if most >= 0.001 else 3


# -- drawing ---------------------------------------------------------------------------------------------------------


def axis_of(curves: Mapping[str, Array], styles: Mapping[str, LineStyle], kind: str = "linear") -> Axis:
    """An axis for the eligible policies."""
    return Axis.over(np.concatenate([curves[name] for name in eligible_styles(styles, curves)]), kind=kind)


def _series(paths: Mapping[str, Paths], styles: Mapping[str, LineStyle], reference: str) -> list[Series]:
    """Growth, growth relative to the reference where there is another policy, and drawdown."""
    grown = {name: p.growth for name, p in paths.items()}
    fallen = {name: 100.0 * p.drawdown for name, p in paths.items()}
    ends = {name: f"×{number(p.growth[-1])}" for name, p in paths.items()}
    deepest = {name: percent(p.drawdown.min()) for name, p in paths.items()}
    unit = ("% below the last peak; label: maximum drawdown", "% below the last peak")
    return [
        Series("Growth of 1", "net of costs (log scale)", grown, ends, axis_of(grown, styles, "log")),
        *([_relative(paths, styles, reference)] if len(paths) > 1 else []),
        Series("Drawdown", unit, fallen, deepest, axis_of(fallen, styles)),
    ]


def _paid(paths: Mapping[str, Paths], styles: Mapping[str, LineStyle]) -> Series:
    paid = {name: p.cost for name, p in paths.items()}
    figures = {name: f"{number(p.cost[-1], 1)} bp" for name, p in paths.items()}
    return Series("Cumulative cost", "bp of NAV", paid, figures, axis_of(paid, styles))


def _relative(paths: Mapping[str, Paths], styles: Mapping[str, LineStyle], reference: str) -> Series:
    """Growth over the reference's, less 1."""
    values = {name: 100.0 * p.relative for name, p in paths.items()}
    held = near_sizes(styles, {name: float(np.abs(v).max()) for name, v in values.items()})
    axis = Axis.over(np.concatenate([values[name] for name in held]))
    gone = {name: bool(axis.arrow(float(v[-1]))) for name, v in values.items()}
    digits = _digits([float(p.relative[-1]) for name, p in paths.items() if not gone[name]])
    figures = {name: percent(p.relative[-1], 0 if gone[name] else digits, signed=True) for name, p in paths.items()}
    return Series(f"Wealth relative to {reference}", "%", values, figures, axis)


def _turnover(
    f: Format, panel: Panel, paths: Mapping[str, Paths], styles: Mapping[str, LineStyle], days: Array
) -> None:
    """A row a policy: a stroke for each day on which it traded, as high as the square root of its turnover."""
    canvas, right = panel.canvas, panel.right
    much = "one-way; one bar per trading day (square-root scale); label: annual turnover"
    panel.title("Turnover", much if f.is_wide else "one bar per trading day")
    highest = max(p.turnover.max() for p in paths.values()) or 1.0
    for row, (name, p) in enumerate(paths.items()):
        style, foot = styles[name], panel.top + (row + 1) * LABEL_GAP
        traded = np.flatnonzero(p.turnover > 0.0)
        strokes = np.maximum(np.sqrt(p.turnover[traded] / highest) * (LABEL_GAP - 2.0), 1.5)
        canvas.line([panel.left, right], [foot, foot], colour="rule", width=0.5, behind=True)
        canvas.strokes(panel.across(days[traded]), foot, foot - strokes, colour=style.colour)
        y, figure = foot - LABEL_GAP / 2.0, percent(p.turnover_a_year)
        room = f.width - right - LEAD - (LETTER * SMALL * len(figure) + 4.0) * f.is_wide
        canvas.text(right + LEAD, y, fitted_name(name, room), bold=style.bold)
        if f.is_wide:
            canvas.text(f.width, y, figure, align="right", colour="ink" if style.bold else "soft", bold=style.bold)
