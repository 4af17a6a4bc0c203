"""The defects of market data by asset and month: how many suspicious days each has."""

from itertools import pairwise

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.paper.charts.heat_map import HeatMap, colour_scale, heat_map
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import counted, listed
from research.market.quality import Quality

ASSETS_SHOWN = 30  # those of the lowest scores
NARROWEST_MONTH = 4.0  # px: of a column; with less, columns are quarters or years
LAST_LABEL = 6  # columns from the right end without the text of a year
COLOUR_STEPS = 17
ONE_DAY = 0.3  # strength of the colour of one suspicious day
FULL_MONTH = 21.0  # suspicious days of a month from which its colour is the strongest


def quality_picture(quality: Quality) -> Picture:
    """The calendar of defects: a row an asset, a column a month, quarter or year.

    quality : result of a check.
    """
    months = defect_months(quality)

    def draw(f: Format) -> Canvas:
        length = next((k for k in (1, 3) if len(months.columns) / k * NARROWEST_MONTH <= f.width - 90.0), 12)
        starts = [k for k, month in enumerate(months.columns) if k == 0 or int(month[5:]) % length == 1 % length]
        counts = np.add.reduceat(months.to_numpy(float), starts, axis=1)
        years = [months.columns[k][:4] for k in starts]
        marked = [
            k for k, (a, b) in enumerate(pairwise(["", *years])) if a != b and k < len(years) - LAST_LABEL * (k > 0)
        ]
        shades = np.where(counts > 0.0, _strength(counts), np.nan)
        name = {1: "month", 3: "quarter", 12: "year"}[length]
        shown = HeatMap(
            [[""] * len(years)] * len(months), shades, years, list(months.index),
            (f"suspicious days of each {name}", ""), f.width, hues=[["orange"] * len(years)] * len(months),
            marked=marked, top=SMALL + 8.0,
        )  # fmt: skip
        canvas = f.canvas(shown.height + SMALL + 28.0)
        for row, (first, last) in enumerate(_listed(quality, months)):
            x = shown.left + shown.cell * np.searchsorted(starts, [first, last], side="right") - [shown.cell, 0.0]
            y = shown.top + (row + 0.5) * shown.high
            canvas.line(x, [y, y], colour="wash", width=shown.high - 1.0, behind=True)
        heat_map(canvas, shown)
        steps = _strength(np.geomspace(1.0, FULL_MONTH, COLOUR_STEPS))
        colour_scale(canvas, shown, steps, ("1 day", f"{FULL_MONTH:.0f} or more"), ["orange"] * COLOUR_STEPS)
        return canvas

    return picture("data_quality", "Suspicious days", _caption(quality, months), _alt(months), months, draw)


def defect_months(quality: Quality) -> pd.DataFrame:
    """Suspicious days by asset and month, assets of the lowest score first; a day of two findings counts once.

    quality : result of a check.
    """
    days, known = quality.known.days, quality.known
    first, last = (day.astype("datetime64[M]").astype(int) for day in (days.min(), days.max()))
    months = np.arange(first, last + 1).astype("datetime64[M]").astype(str)
    assets = sorted(known.assets, key=lambda asset: quality.scores[asset])[:ASSETS_SHOWN]
    table = pd.DataFrame(0, index=pd.Index(assets, name="asset"), columns=months)
    for asset in assets:
        suspicious = [f.days for f in quality.findings if f.asset == asset and f.points]
        if suspicious:
            at = np.unique(np.concatenate(suspicious)).astype("datetime64[M]").astype(int) - first
            table.loc[asset] = np.bincount(at, minlength=len(months))[: len(months)]
    return table


def _strength(counts: Array) -> Array:
    """Strength of a colour, from `ONE_DAY` to 1 of a full month: by the logarithm, so that single days are seen."""
    share = np.minimum(np.log(np.maximum(counts, 1.0)) / np.log(FULL_MONTH), 1.0)
    return np.asarray(ONE_DAY + (1.0 - ONE_DAY) * share)


def _listed(quality: Quality, months: pd.DataFrame) -> list[tuple[int, int]]:
    """The columns of `months` in which each asset has its first and its last bar."""
    table = quality.table().loc[months.index]
    ends = (months.columns.get_indexer(table[name].dt.strftime("%Y-%m")).tolist() for name in ("first", "last"))
    return list(zip(*ends, strict=True))


def _caption(quality: Quality, months: pd.DataFrame) -> str:
    totals = months.sum(axis=1)
    worst = totals[totals > 0].sort_values(ascending=False, kind="stable")
    parts = [f"{asset} {count:,}" for asset, count in worst.items()]
    most = f"Suspicious days: {listed(parts, most=5)}. " if parts else "No suspicious days. "
    left_out = len(quality.known.assets) - len(months)
    others = f"The {counted(len(months), 'asset')} of the lowest scores are shown. " if left_out else ""
    return f"{most}{others}Grey runs from the first bar to the last; a day of several findings counts once."


def _alt(months: pd.DataFrame) -> str:
    each = [f"{asset}: {_fullest(row)}" for asset, row in months.iterrows() if row.sum()]
    return f"Suspicious days of each asset and month. {'; '.join(each) or 'There are none'}."


def _fullest(row: pd.Series) -> str:
    """The months of an asset with most days, in words."""
    top = row[row > 0].sort_values(ascending=False, kind="stable")
    return listed([f"{count} in {month}" for month, count in top.items()], most=3)
