"""A sample without a common condition: J over the band, coloured by cost, and by bins of both. Nothing is ranked."""

from itertools import pairwise, product

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS
from backtests.sweeps.labels import axis_value, targets
from foundation.paper.charts.panel import Axis, Panel, heading
from foundation.paper.layout import AXIS, KEY_ROW, TITLE
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LETTER
from foundation.paper.svg import HUES, SMALL, Canvas
from foundation.paper.wording import counted, listed

SAMPLE_BINS = 4  # of costs, and of bands
HEIGHT = 320.0  # px: of the panel
RANK_RATIO = 5.0  # of the largest to the smallest: past it, the scale goes by ratio
AIR = 0.03  # of a scale, at either end


def bins(values: pd.Series, axis: str) -> pd.Series:
    """The bin of each value, in words: the values themselves if they are few, else quarters of them.

    values  : a row a configuration, in the unit of the axis.
    axis    : name of the axis.
    Returns : a row a configuration; categories are in the order of their values. A missing value (a calendar has
              no band) has no bin.
    """
    found = np.unique(values.dropna())
    if len(found) <= SAMPLE_BINS:
        named = {v: axis_value(axis, v) for v in found}
        return values.map(named).astype(pd.CategoricalDtype(list(named.values())))
    edges = np.unique(np.quantile(values.dropna(), np.linspace(0.0, 1.0, SAMPLE_BINS + 1)))
    words = [axis_value(axis, float(f"{edge:.3g}")) for edge in edges]
    names = [f"{low} to {high}" for low, high in pairwise(words)]
    places = np.searchsorted(edges[1:-1], values.to_numpy(dtype=float), side="left")
    codes = np.where(values.isna(), -1, places)
    return pd.Series(pd.Categorical.from_codes(codes.tolist(), pd.Index(names)), index=values.index)


def binned(table: pd.DataFrame, metric: str = "loss") -> pd.DataFrame:
    """A metric by bins of band and cost, for each target: a row a bin; columns name, count, low, median, high.

    table  : a row a configuration; metrics in the units of records.
    metric : name of a column, in whose unit low, median and high are.
    """
    cost = bins(table["cost_multiple"], "cost_multiple")
    band = bins(table["band"] if "band" in table else pd.Series(np.nan, index=table.index), "band")
    kinds = [(f"band {name} %", band == name) for name in band.cat.categories]
    held = targets(table)
    each = []
    for target, (kind, inside), level in product(
        held.unique(), [*kinds, ("no band", band.isna())], cost.cat.categories
    ):
        own = table.loc[(held == target) & inside & (cost == level), metric]
        if len(own):
            ends = {"low": float(own.min()), "median": float(own.median()), "high": float(own.max())}
            name = f"{target}{': ' if target else ''}{kind}, costs {level}"
            each.append({"name": name, "count": len(own), **ends})
    return pd.DataFrame(each)


def sample_picture(table: pd.DataFrame, metric: str = "loss", name: str = "sample") -> Picture:
    """A metric over the band of each configuration that has one, coloured by cost; over cost where none has a band.

    table  : a row a configuration; metrics in the units of records.
    metric : name of a column.
    name   : name of its file.

    Drawn are those with one target: the strategic one, where a policy has it.
    """
    held = targets(table)
    one = table[held == ("" if (held == "").any() else held.iloc[0])]
    own = one[one["band"].notna()] if "band" in one else one[:0]
    axis, drawn = ("band", own) if len(own) and len(own["band"].unique()) > 1 else ("cost_multiple", one)
    coloured = pd.Series(bins(drawn["cost_multiple"], "cost_multiple"), index=drawn.index)

    def draw(f: Format) -> Canvas:
        names = [str(c) for c in coloured.cat.categories]
        room = f.width - f.left - 12.0
        longest = max(LETTER * SMALL * (len(words) + 7) + 22.0 for words in names)
        canvas = f.canvas(TITLE + KEY_ROW + HEIGHT + AXIS)
        x = drawn[axis].to_numpy(dtype=float) * (100.0 if axis == "band" else 1.0)
        y = METRICS[metric].factor * drawn[metric].to_numpy(dtype=float)
        kind = "log" if y.min() > 0.0 and y.max() > RANK_RATIO * y.min() else "linear"
        across, up = Axis.over(x, AIR), Axis.over(y, AIR, kind)
        panel = Panel(canvas, f.left, TITLE + KEY_ROW, room, HEIGHT, across, up)
        heading(canvas, f.left, TITLE - 12.0, METRICS[metric].name, METRICS[metric].unit)
        step = min(longest, room / len(names))
        for k, words in enumerate(names):
            first = f.left + k * step
            canvas.point(first + 4.0, TITLE + 4.0, colour=HUES[k], size=7.0)
            canvas.text(first + 13.0, TITLE + 4.0, words if k or not f.is_wide else f"{words} costs")
        panel.y_grid(up.ticks())
        panel.x_grid(across.ticks())
        panel.x_title("band, % of NAV" if axis == "band" else "cost, × today's")
        codes = coloured.cat.codes.to_numpy()
        for k in range(len(names)):
            own = codes == k
            canvas.points(panel.across(x[own]), panel.up(y[own]), colour=HUES[k], size=4.5 if len(x) <= 2000 else 2.0)
        return canvas

    columns = ("configuration", "policy", axis, "cost_multiple", "lag", "start", metric)
    data = drawn[[c for c in dict.fromkeys(columns) if c in drawn]].reset_index(drop=True)
    title, alt = f"{METRICS[metric].name} of a sample", _alt(table, metric)
    return picture(name, title, _caption(table, drawn, axis), alt, data, draw)


def _caption(table: pd.DataFrame, drawn: pd.DataFrame, axis: str) -> str:
    own = [
        words
        for c, words in (("cost_multiple", "cost"), ("lag", "lag"), ("start", "start"))
        if len(table[c].unique()) > 1
    ]
    sentences = [
        f"Each point is one configuration with its own {listed(own)}: points differ in more than the x axis, so the "
        "lowest is not the best."
    ]
    if len(drawn) < len(table):
        without = counted(len(table) - len(drawn), "configuration")
        sentences.append(f"{without} without a band or with another target: in the table only.")
    return " ".join(sentences)


def _alt(table: pd.DataFrame, metric: str) -> str:
    each = [
        f"{r['name']}: {r['count']} from {METRICS[metric].text(r['low'])} to {METRICS[metric].text(r['high'])}, median "
        f"{METRICS[metric].text(r['median'])}"
        for r in binned(table, metric).to_dict("records")
    ]
    return f"{METRICS[metric].label}, {METRICS[metric].unit}. {'; '.join(each)}."
