"""Heat maps of returns: of each month and year of one policy, and over every start and length of holding."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.evaluation.holding_windows import HoldingWindows
from backtests.evaluation.policy_risk import PolicyRisk
from foundation.arrays import Array
from foundation.paper.charts.heat_map import HeatMap, colour_scale, heat_map
from foundation.paper.layout import AXIS, MONTH_LABELS, TITLE
from foundation.paper.picture import HALF, Format, Picture, picture
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import counted, number, percent, told
from research.risk.measures import BPS

GAIN, LOSS = "sky", "orange"
STRONGEST = 0.8  # of a shade, so that words on it keep a contrast of 4.5:1 in both themes
HALF_YEARS = (slice(0, 6), slice(6, 13))  # columns of the two maps of a narrow page: there twelve months do not fit
MARK = "*"  # of a period that may be incomplete
NARROWEST = 4.0  # px: of a column; with less, only each third or each twelfth month is drawn
COLOUR_SCALE_STEPS = 17  # steps of the scale of colours


def months_picture(name: str, risk: PolicyRisk) -> Picture:
    """The picture. name : name of the policy.  risk : risk of the policy."""
    cells, partial = _grid(risk)

    def draw(f: Format) -> Canvas:
        values = cells.to_numpy()
        most = np.append(np.full(12, _largest(values[:, :12])), _largest(values[:, 12]))
        words = [
            ["" if v != v else number(100.0 * v, 1) + MARK * bool(p) for v, p in zip(row, marks, strict=True)]
            for row, marks in zip(values, partial.to_numpy(), strict=True)
        ]
        axes = ("month", "% of each month and year, net of costs")
        whole = _signed_map(values / most, words, list(cells.columns), list(cells.index), axes, f.width)
        maps = [whole] if f.is_wide else _halves(whole)
        canvas = f.canvas(maps[-1].bottom + AXIS)
        for one in maps:
            heat_map(canvas, one)
        return canvas

    data = pd.concat([risk.months, risk.years], ignore_index=True)
    return picture("months", f"Monthly returns: {name}", _caption(name, risk), _alt(risk), data, draw)


def _grid(risk: PolicyRisk) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns (NaN: no such month), and whether each may be incomplete: a row a year, 12 months and the year."""
    years, columns = risk.years["period"].tolist(), [*MONTH_LABELS, "Year"]
    cells = pd.DataFrame(np.nan, index=years, columns=columns)
    partial = pd.DataFrame(False, index=years, columns=columns)
    for period, value, incomplete in risk.months.itertuples(index=False):
        year, month = period.split("-")
        cells.loc[year, MONTH_LABELS[int(month) - 1]] = value
        partial.loc[year, MONTH_LABELS[int(month) - 1]] = incomplete
    cells["Year"], partial["Year"] = risk.years["return"].to_numpy(), risk.years["incomplete"].to_numpy()
    return cells, partial


# -- words -----------------------------------------------------------------------------------------------------------


def _caption(name: str, risk: PolicyRisk) -> str:
    months = risk.months["return"]
    best, worst = int(months.to_numpy().argmax()), int(months.to_numpy().argmin())
    text = (
        f"{name} gained in {int((months > 0.0).sum())} of {counted(len(months), 'month')}. "
        f"Best: {_named(risk, best)}; worst: {_named(risk, worst)}. "
        if best != worst
        else f"{name}: {_named(risk, best)}. "
    )
    text += "Net of costs, compounded; colours are scaled apart for months and years."
    marked = risk.months["incomplete"].any() or risk.years["incomplete"].any()
    return text + f" {MARK} may be incomplete: the test begins or ends in it." * bool(marked)


def _named(risk: PolicyRisk, row: int) -> str:
    return f"{percent(risk.months['return'].iloc[row], signed=True)} in {risk.months['period'].iloc[row]}"


def _alt(risk: PolicyRisk) -> str:
    months = dict(zip(risk.months["period"], risk.months["return"], strict=True))
    each = [
        f"{year} {percent(value)} ({', '.join(percent(v) for month, v in months.items() if month[:4] == year)})"
        for year, value in zip(risk.years["period"], risk.years["return"], strict=True)
    ]
    return f"Net return of each calendar year, and of its months in order. {'; '.join(each)}."


# -- drawing ---------------------------------------------------------------------------------------------------------


def _signed_map(
    shares: Array,
    words: Sequence[Sequence[str]],
    across: Sequence[str],
    down: Sequence[str],
    axes: tuple[str, str],
    width: float,
    marked: Sequence[int] = (),
) -> HeatMap:
    """A map of gains and losses.

    shares : (rows, columns) each value over the largest size; NaN where there is no cell.
    words, across, down, axes, width, marked : as in `HeatMap`.
    """
    hues, shades = [[LOSS if v < 0.0 else GAIN for v in row] for row in shares], STRONGEST * np.abs(shares)
    return HeatMap(words, shades, across, down, axes, width, hues=hues, marked=marked, top=TITLE, least=SMALL + 4.0)


def _largest(values: np.ndarray) -> float:
    """The largest size of those that there are; 1 where all are zero."""
    return float(np.nanmax(np.abs(values))) or 1.0


def _halves(whole: HeatMap) -> list[HeatMap]:
    """The first six months, if there are any, above the others and the year, with cells of one width."""
    assert whole.hues is not None
    made: list[HeatMap] = []
    for columns in HALF_YEARS:
        if np.isnan(whole.shades[:, columns]).all():
            continue
        one = replace(
            whole,
            words=[row[columns] for row in whole.words],
            shades=whole.shades[:, columns],
            across=whole.across[columns],
            hues=[row[columns] for row in whole.hues],
            top=made[-1].bottom + AXIS + TITLE if made else TITLE,
        )
        made.append(one)
    last = made[-1]
    return [*(replace(one, width=one.left + last.cell * len(one.across) + 4.0) for one in made[:-1]), last]


# -- every start and length ------------------------------------------------------------------------------------------


def holding_windows_picture(windows: HoldingWindows) -> Picture | None:
    """The picture; None where the test is shorter than a year."""
    if not windows.difference.size:
        return None
    cells = windows.cells()

    def draw(f: Format) -> Canvas:
        whole, most = windows.difference, float(np.nanmax(np.abs(windows.difference))) or 1.0 / BPS
        step = next((s for s in (1, 3) if len(whole) / s * NARROWEST <= f.width - 48.0), 12)
        values, starts = whole[::step].T, windows.starts[::step]
        following = [str(date.year + (date.month == 12)) for date in starts]  # a year begins at the last close before
        first = [k for k, date in enumerate(starts) if date.month == 12] or [0]
        words = [["" if v != v else number(BPS * v, 0, signed=True) for v in row] for row in values]
        every = "month" if step == 1 else "third month" if step == 3 else "year"
        axes, years = (f"start: the end of each {every}", "years held"), [f"{k + 1}" for k in range(len(values))]
        shown = _signed_map(values / most, words, following, years, axes, f.width, first)
        canvas = f.canvas(shown.height + (0.0 if shown.numbers else SMALL))
        heat_map(canvas, shown)
        if not shown.numbers:
            scale = np.linspace(-1.0, 1.0, COLOUR_SCALE_STEPS)
            ends = (f"{number(-BPS * most, 0)} bp a year", f"+{number(BPS * most, 0)}")
            colour_scale(canvas, shown, STRONGEST * np.abs(scale), ends, [LOSS if v < 0.0 else GAIN for v in scale])
        return canvas

    title, alt = "Every start and length of holding", _alt_of_windows(windows)
    return picture("holding_windows", title, _caption_of_windows(windows), alt, cells, draw, HALF)


def _caption_of_windows(windows: HoldingWindows) -> str:
    longest, cells = windows.table().to_dict("records")[-1], windows.cells()
    extremes = (cells.iloc[int(k)] for k in (cells["difference"].argmin(), cells["difference"].argmax()))
    ends = " to ".join(
        f"{number(BPS * row['difference'], 0, signed=True)} ({row['start'][:7]}, {counted(row['years'], 'year')})"
        for row in extremes
    )
    share = float((cells["difference"] > 0.0).mean())
    return (
        f"CAGR of {windows.one} less that of {windows.other}, net: {ends} bp a year, positive in {percent(share, 0)} "
        f"of {len(cells):,} windows and in {percent(longest['positive'], 0)} of those of {longest['years']} years. "
        "Windows overlap and share most of their days: this is no evidence by itself."
    )


def _alt_of_windows(windows: HoldingWindows) -> str:
    table = windows.table()
    held = table.assign(
        held=table["years"].map(lambda k: counted(k, "year")), **BPS * table[["least", "most", "median"]]
    )
    each = told(held, "{held}: {least:0} to {most:0}, median {median:0}, positive in {positive:%0} of {windows}")
    return (
        f"Growth of {windows.one} less that of {windows.other}, bp a year, by month of the start from "
        f"{windows.starts[0]:%Y-%m} to {windows.starts[-1]:%Y-%m} and by length. {each}."
    )
