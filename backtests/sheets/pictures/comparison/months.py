"""Calendar months: the return of each month and year of one policy, as a heat map."""

from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.evaluation.policy_risk import PolicyRisk
from foundation.paper.charts.heat_map import HeatMap, heat_map
from foundation.paper.layout import AXIS, MONTHS, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import counted, number, percent

GAIN, LOSS = "sky", "orange"
STRONGEST = 0.8  # of a shade, so that words on it keep a contrast of 4.5:1 in both themes
HALF_YEARS = (slice(0, 6), slice(6, 13))  # columns of the two maps of a narrow page: there twelve months do not fit
MARK = "*"  # of a period that may be incomplete


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
        whole = HeatMap(
            words,
            STRONGEST * np.abs(values) / most,
            list(cells.columns),
            list(cells.index),
            ("month", "% of each month and year, net of costs"),
            f.width,
            hues=[[LOSS if v < 0.0 else GAIN for v in row] for row in values],
            top=TITLE,
            least=SMALL + 4.0,
        )
        maps = [whole] if f.is_wide else _halves(whole)
        canvas = Canvas(f.width, maps[-1].bottom + AXIS, f"months-{f.css}")
        for one in maps:
            heat_map(canvas, one)
        return canvas

    caption = _caption(name, risk)
    alt = _alt(risk)
    data = pd.concat([risk.months, risk.years], ignore_index=True)
    return picture("months", f"Monthly returns: {name}", caption, alt, data, draw)


def _grid(risk: PolicyRisk) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns (NaN: no such month), and whether each may be incomplete: a row a year, 12 months and the year."""
    years, columns = risk.years["period"].tolist(), [*MONTHS, "Year"]
    cells = pd.DataFrame(np.nan, index=years, columns=columns)
    partial = pd.DataFrame(False, index=years, columns=columns)
    for period, value, incomplete in risk.months.itertuples(index=False):
        year, month = period.split("-")
        cells.loc[year, MONTHS[int(month) - 1]] = value
        partial.loc[year, MONTHS[int(month) - 1]] = incomplete
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
