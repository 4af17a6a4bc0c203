"""Weights of every asset as they drifted and were traded back, in their bands and ranges: a small picture an asset."""

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.evaluation.bands_in_force import bands_in_force
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.paper.charts.panel import Axis, Panel, day_numbers
from foundation.paper.layout import NUMBERS_HEIGHT, TITLE, limits, thinned
from foundation.paper.picture import Format, Picture, by_day, picture
from foundation.paper.styles import LineStyle, fitted_name
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import listed, number

HEIGHT = 132.0  # px: of a panel
BELOW = 20.0  # px: below a panel, for its trades
STROKE = 6.0  # px: a purchase rises from the line below a panel, a sale hangs from it


@dataclass(frozen=True, eq=False)
class WeightLine:
    """One asset of a portfolio through the D days of the test.

    name   : name of the asset.
    weight : (D + 1,) weight at each close, points of NAV.
    before : (D + 1,) weight before the trades of that day, points of NAV; equal to `weight` where there were none.
    target : (D + 1,) target weight, points of NAV.
    lower  : (D + 1,) lower end of the band that triggers, points of NAV, or NaN where the rule has none.
    upper  : (D + 1,) upper end of that band, points of NAV, or NaN.
    bought : (b,) rows of its purchases.
    sold   : (s,) rows of its sales.
    ranged : range of the asset in the file, points of NAV, or None.
    """

    name: str
    weight: Array
    before: Array
    target: Array
    lower: Array
    upper: Array
    bought: np.ndarray
    sold: np.ndarray
    ranged: tuple[float, float] | None

    @property
    def steady(self) -> bool:
        """True if the target moves by less than one point."""
        return bool(np.ptp(self.target) < 1.0)


def weights_picture(
    played: Backtest, style: LineStyle, lower: Array | None = None, upper: Array | None = None
) -> Picture:
    """A small panel for each asset of one policy.

    played : the policy's backtest.
    style  : line style of the policy.
    lower  : (n,) lower end of the range of each asset, fraction of NAV; None where the portfolio has none.
    upper  : (n,) upper end of the range of each asset, fraction of NAV; None where the portfolio has none.
    """
    lines = _lines(played, lower, upper)
    dates = played.dates

    def draw(f: Format) -> Canvas:
        columns = min(4 if f.is_wide else 2, len(lines))
        rows = -(-len(lines) // columns)
        pitch, left, gap = TITLE + HEIGHT + BELOW, 30.0, 12.0
        width = (f.width - columns * left - (columns - 1) * gap - 2.0) / columns
        canvas, days = f.canvas(rows * pitch + NUMBERS_HEIGHT), day_numbers(dates)
        reach = max((high - low) / 2.0 for low, high in map(_ends, lines))  # the same in all panels
        for place, line in enumerate(lines):
            row, column = divmod(place, columns)
            middle = sum(_ends(line)) / 2.0
            across, up = Axis(days[0], days[-1]), Axis(middle - reach, middle + reach)
            x, y = left + column * (width + left + gap), TITLE + row * pitch
            panel = Panel(canvas, x, y, width, HEIGHT, across, up)
            panel.title(fitted_name(line.name, width - 56.0), "% of NAV")
            if line.ranged:
                panel.band(*line.ranged, "wash")
            panel.y_grid(_marks(line, up))
            panel.years(dates, beyond=BELOW / 2.0 + STROKE, words=place + columns >= len(lines))
            _curves(panel, days, line, style)
            _trades(panel, days, line, style)
        return canvas

    caption, alt, title = _caption(lines, played), _alt(lines), f"Weights and drift: {played.name}"
    return picture("weights", title, caption, alt, _table(lines, played.dates), draw)


def _lines(played: Backtest, lower: Array | None, upper: Array | None) -> list[WeightLine]:
    book, rows = played.ledger, np.arange(played.first, len(played.market.dates))
    weight = 100.0 * played.weights.to_numpy()
    before, moved = weight.copy(), played.booked
    at = book.booked[moved] - played.first
    before[at] = 100.0 * book.units[moved] * played.market.index[book.booked[moved]] / book.nav_before[moved][:, None]
    trades = np.zeros_like(weight)
    trades[at] = np.where(played.counted[moved], book.trades[moved], 0.0)
    target = 100.0 * played.targets.rows[played.targets.row[rows]]
    band = tuple(100.0 * ends for ends in bands_in_force(played, rows))
    return [
        WeightLine(
            name=name,
            weight=weight[:, i],
            before=before[:, i],
            target=target[:, i],
            lower=band[0][:, i],
            upper=band[1][:, i],
            bought=np.flatnonzero(trades[:, i] > 0.0),
            sold=np.flatnonzero(trades[:, i] < 0.0),
            ranged=None if lower is None or upper is None else (100.0 * float(lower[i]), 100.0 * float(upper[i])),
        )
        for i, name in enumerate(played.market.assets)
    ]


def _table(lines: list[WeightLine], dates: pd.DatetimeIndex) -> pd.DataFrame:
    """A row an asset and day; weights in fractions."""
    columns = {}
    for line in lines:
        traded = np.full(len(dates), "", dtype=object)
        traded[line.bought], traded[line.sold] = "buy", "sell"
        weights = {"weight_before_trade": line.before, "weight": line.weight, "target": line.target}
        weights |= {"band_lower": line.lower, "band_upper": line.upper}
        columns[line.name] = {head: values / 100.0 for head, values in weights.items()} | {"traded": traded}
    return by_day(dates, columns).rename(columns={"policy": "line"})


# -- words -----------------------------------------------------------------------------------------------------------


def _caption(lines: list[WeightLine], played: Backtest) -> str:
    gaps = [float(np.nanmax(np.abs(line.before - line.target))) for line in lines]
    widest = lines[int(np.argmax(gaps))]
    row = int(np.nanargmax(np.abs(widest.before - widest.target)))
    side = "over" if widest.before[row] > widest.target[row] else "under"
    deviation = (
        f"Largest deviation before trading: {widest.name}, {number(max(gaps))} points {side} target on "
        f"{played.dates[row]:%Y-%m-%d}."
    )
    most = max(lines, key=lambda line: len(line.bought) + len(line.sold))
    trades = len(most.bought) + len(most.sold)
    traded = f"Most trades: {most.name}, {trades}." if trades else "No trades."
    outside = [line.name for line in lines if _outside(line)]
    left = f"{listed(outside)} left {'its' if len(outside) == 1 else 'their'} permitted range." if outside else ""
    if not outside and lines[0].ranged:
        left = "No holding left its permitted range."
    return " ".join(filter(None, [deviation, traded, left]))


def _outside(line: WeightLine) -> bool:
    low, high = line.ranged or (-np.inf, np.inf)
    return bool(((line.weight < low - 1e-4) | (line.weight > high + 1e-4))[1:].any())


def _alt(lines: list[WeightLine]) -> str:
    each = []
    for x in lines:
        held = f"between {number(x.weight.min(), 1)} and {number(x.weight.max(), 1)} %"
        each.append(
            f"{x.name} {held}, target {number(x.target[-1], 1)}, bought {len(x.bought)} and sold {len(x.sold)} times"
        )
    return f"Weight of each holding through the test: {'; '.join(each)}."


# -- drawing ---------------------------------------------------------------------------------------------------------


def _ends(line: WeightLine) -> tuple[float, float]:
    """Lowest and highest that a panel shows, points."""
    band = [v for v in (line.lower, line.upper) if not np.isnan(v).any()]
    every = [line.weight, line.before, line.target, *band]
    ranged = line.ranged if line.ranged and line.steady else ()
    return limits([float(y(v)) for v in every for y in (np.min, np.max)] + list(ranged), margin=0.03)


def _marks(line: WeightLine, up: Axis) -> list[float]:
    """The marks of the scale: a steady target, and those ends of its range, or else band, not too near to it."""
    if not line.steady:
        return up.ticks(4)
    target, least = float(line.target[-1]), (up.high - up.low) * SMALL / HEIGHT
    ends = line.ranged or (float(line.lower[-1]), float(line.upper[-1]))
    return [target, *(end for end in ends if abs(end - target) > least)]


def _curves(panel: Panel, days: Array, line: WeightLine, style: LineStyle) -> None:
    """The target and the band, and the weight, upright where it was traded."""
    panel.curve(*_steps(days, line.target), "soft", 0.9)
    if not np.isnan(line.lower).any():
        for edge in (line.lower, line.upper):
            panel.curve(*_steps(days, edge), "soft", 0.9, (0, (2.0, 2.0)))
    kept = thinned(line.weight, int(panel.width / 1.5))
    jumps = np.flatnonzero(np.abs(line.weight - line.before) > 0.02)  # points: what can be seen
    x = np.concatenate([days[kept], days[jumps], days[jumps]])
    y = np.concatenate([line.weight[kept], line.before[jumps], line.weight[jumps]])
    order = np.lexsort((np.concatenate([np.ones(len(kept)), np.zeros(len(jumps)), np.ones(len(jumps))]), x))
    panel.curve(x[order], y[order], style.colour, 1.2)


def _steps(days: Array, level: Array) -> tuple[Array, Array]:
    """The corners of a level that changes seldom: their days and values."""
    changed = np.flatnonzero(np.diff(level) != 0.0)
    rows = np.unique(np.concatenate([[0], changed, changed + 1, [len(level) - 1]]))
    return days[rows], level[rows]


def _trades(panel: Panel, days: Array, line: WeightLine, style: LineStyle) -> None:
    """Strokes below the panel: a purchase up from a line, a sale down."""
    base = panel.bottom + BELOW / 2.0
    panel.canvas.line([panel.left, panel.right], [base, base], colour="rule", width=0.7)
    for rows, height in ((line.bought, -STROKE), (line.sold, STROKE)):
        panel.canvas.strokes(panel.across(days[rows]), base, base + height, colour=style.colour)
