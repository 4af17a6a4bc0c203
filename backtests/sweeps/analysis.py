"""The numbers behind the pictures of a sweep: pure functions of its table.

`labels.policies` has named the rows; a *ladder* is a table of one metric, a row for each level of one condition, a
column a policy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from backtests.evaluation.metrics import METRICS, lower_is_better
from backtests.sweeps.labels import CONDITIONS, SCHEDULE_LABELS, at, policies, policy_axes, targets, today
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError
from foundation.paper.wording import listed, number, percent

BAND = (0.1, 0.9)  # quantiles between which a fan is filled
FAN_SHARE = percent(BAND[1] - BAND[0], 0)  # of the starts are in the fan
FEW = 10  # starts: with fewer their values are told, and no quantile of them


# -- two parameters --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Grid:
    """One metric over two parameters.

    metric    : its name.
    x         : name of the parameter across.
    y         : name of the parameter down.
    means     : a row for each value of `y`, a column for each value of `x`, in the metric's unit; NaN where the sweep
                has none.
    counts    : number of configurations in each cell, rows and columns likewise.
    chosen    : the parameters that were fixed, and their values.
    averaged  : the parameters that were averaged, with the number of their values.
    deviation : standard deviation of the best cell from start to start (ddof 1), in the metric's unit; 0 where there
                is one.
    """

    metric: str
    x: str
    y: str
    means: pd.DataFrame = field(repr=False)
    counts: pd.DataFrame = field(repr=False)
    chosen: Mapping[str, Any]
    averaged: Mapping[str, int]
    deviation: float

    @property
    def best(self) -> tuple[int, int]:
        """Row and column of the best cell; of equals, the first."""
        cells = self.means.to_numpy()
        sign = 1.0 if lower_is_better(self.metric) else -1.0
        row, column = divmod(int(np.nanargmin(sign * cells)), cells.shape[1])
        return row, column

    def near(self, share: float = 0.1) -> int:
        """Number of cells within `share` of the best cell's value, including the best."""
        cells, best = self.means.to_numpy(), float(self.means.to_numpy()[self.best])
        return int((np.abs(cells - best) <= share * abs(best) * (1.0 + 1e-12)).sum())


def grid(table: pd.DataFrame, x: str, y: str, metric: str = "loss", chosen: Mapping[str, Any] | None = None) -> Grid:
    """One metric over the parameters `x` and `y`; of the others, those `chosen` are held, the rest averaged.

    table  : a row for each configuration; metrics in the units of records.
    x      : name of the parameter across.
    y      : name of the parameter down.
    metric : name of a column.
    chosen : values by name of a parameter.
    Raises : ConfigError for an axis or a value that the sweep does not have, or fewer than two cells.

    Rows without a value of `x` or `y` (a calendar has no band) are left out, and so are bands of groups where there are
    bands of assets.
    """
    for name in (x, y, metric):
        if name not in table:
            raise ConfigError(f"the sweep has no column {name!r}: it has {listed([str(c) for c in table])}.")
    held = dict(chosen or {})
    rows = at(table, held)
    rows = rows[~(_empty(rows[x]) | _empty(rows[y]))]
    if "band" in (x, y) and (rows["rule"] == "threshold").any():
        rows = rows[rows["rule"] != "group_threshold"]
    if len(rows.drop_duplicates([x, y])) < 2 or x == y:
        raise ConfigError(f"a map needs at least two cells: {metric} over {x} and {y} has fewer. Choose other axes.")
    means, counts = (rows.pivot_table(index=y, columns=x, values=metric, aggfunc=how) for how in ("mean", "count"))
    if "calendar" in (x, y):  # in their own order, and not by name
        calendars = [c for c in SCHEDULE_LABELS if c in (*means.columns, *means.index)]
    if x == "calendar":  # in their own order, and not by name
        means, counts = means[calendars], counts[calendars]
    elif y == "calendar":
        means, counts = means.loc[calendars], counts.loc[calendars]
    others = [c for c in (*policy_axes(table), *CONDITIONS) if c not in (x, y) and c not in held]
    averaged = {c: n for c in others if (n := len(rows[c].unique())) > 1}
    found = Grid(metric, x, y, means, counts.fillna(0).astype(int), held, averaged, 0.0)
    row, column = found.best
    own = rows[(rows[y] == means.index[row]) & (rows[x] == means.columns[column])].groupby("start")[metric].mean()
    deviation = float(own.std(ddof=1)) if "start" in averaged and len(own) > 1 else 0.0
    return replace(found, deviation=deviation)


def _empty(values: pd.Series) -> pd.Series:
    return values.isna() | (values == "")


# -- the frontier of gap against cost --------------------------------------------------------------------------------


def efficient(cost: ArrayLike, gap: ArrayLike) -> NDArray[np.bool_]:
    """(P,) which points no other one beats in one of the two and equals or beats in the other.

    >>> efficient([0.0, 1.0, 1.0, 2.0], [9.0, 3.0, 4.0, 3.0]).tolist()
    [True, True, False, False]
    """
    c, g = np.asarray(cost, dtype=float), np.asarray(gap, dtype=float)
    kept = np.ones(len(c), dtype=bool)
    for k in range(len(c)):
        kept[k] = not (((c <= c[k]) & (g <= g[k])) & ((c < c[k]) | (g < g[k]))).any()
    return kept


def policy_frontier(table: pd.DataFrame, chosen: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Every policy between cost and gap to the target it tracks: a row for each policy, at `chosen` (default: today's).

    table   : a row for each configuration; metrics in the units of records.
    chosen  : values by name of a condition.
    Returns : columns policy, family, target ("" is the strategic one), point (what names it on its curve), cost (bp a
              year), gap (to that target, fraction a year), loss (bp a year), efficient (among those with its target:
              gaps to different targets cannot be compared), drawn (has the strategic target, or where no policy has it
              that of the lowest J). A curve is a family, in the order of its rows: by band, or by calendar from the
              most frequent on.
    Raises  : ConfigError where no row is at `chosen`.
    """
    rows = policies(table).loc[at(table, chosen or today(table)).index]
    calendar = rows["calendar"].map({name: k for k, name in enumerate(SCHEDULE_LABELS)})
    rows = rows.assign(place=rows["band"].fillna(calendar)).sort_values("place", kind="stable")
    points = [
        name if band != band else f"{100.0 * band:.3g} %"
        for name, band in zip(rows["policy"].str.split().str[-1], rows["band"], strict=True)
    ]
    target = targets(rows).to_numpy()
    own = rows["tracking_error_own"] if "tracking_error_own" in rows else rows["tracking_error"]
    cost, gap = rows["cost"].to_numpy(), np.where(target == "", rows["tracking_error"], own)
    kept = np.zeros(len(rows), dtype=bool)
    for name in np.unique(target):
        kept[target == name] = efficient(cost[target == name], gap[target == name])
    shown = "" if (target == "").any() else target[int(rows["loss"].to_numpy().argmin())]
    return pd.DataFrame(
        {
            "policy": rows["policy"].to_numpy(),
            "family": rows["family"].to_numpy(),
            "target": target,
            "point": points,
            "cost": cost,
            "gap": gap,
            "loss": rows["loss"].to_numpy(),
            "efficient": kept,
            "drawn": target == shown,
        }
    )


# -- ladders ---------------------------------------------------------------------------------------------------------


def ladder(
    table: pd.DataFrame, along: str, metric: str = "loss", chosen: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """One metric of every policy along a condition: a row for each level, rising; a column for each policy.

    table   : a row for each configuration; metrics in the units of records.
    along   : name of the condition.
    metric  : name of a column.
    chosen  : values of the other conditions (default: today's).
    Returns : in the metric's unit. A policy that was not played at every level is left out: its rank would not be
              comparable.
    Raises  : ConfigError when no policy was played at every one of two levels or more.
    """
    held = {c: v for c, v in (today(table) | dict(chosen or {})).items() if c != along}
    rows = policies(table).loc[at(table, held).index]
    wide = rows.pivot_table(index=along, columns="policy", values=metric, sort=False).sort_index()
    wide = wide.loc[:, wide.notna().all()]
    if wide.empty or len(wide) < 2:
        raise ConfigError(f"no policy ran at two or more levels of {along}: there is nothing to compare.")
    return wide


def shortlist(table: pd.DataFrame, metric: str = "loss", chosen: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """The best policy of each family at the conditions `chosen` (default: today's), best first: rows of the table."""
    rows = policies(table).loc[at(table, today(table) | dict(chosen or {})).index]
    order = rows.sort_values(metric, ascending=lower_is_better(metric), kind="stable")
    return order.drop_duplicates("family")


def leaders(ladder: pd.DataFrame, metric: str = "loss") -> pd.DataFrame:
    """The best policy over each span of levels, by linear interpolation between them: columns policy, first, last.

    ladder  : a row for each level, rising, a column for each policy; in the metric's unit.
    metric  : its name.
    Returns : a row for each span; first and last in the unit of the levels.

    A policy that is best twice has two rows. Policies that are equal at a level change places only where one falls
    behind.
    """
    sign = 1.0 if lower_is_better(metric) else -1.0
    x, y = ladder.index.to_numpy(dtype=float), sign * ladder.to_numpy()
    lead = _first_of_equals(y)
    spans: list[list[Any]] = [[lead, x[0], x[-1]]]
    for k in range(len(x) - 1):
        at_share = 0.0
        while True:
            before, after = y[k] - y[k, lead], y[k + 1] - y[k + 1, lead]
            passing = np.flatnonzero(after < 0.0)
            if not len(passing):
                break
            share = np.clip(before[passing] / (before[passing] - after[passing]), at_share, 1.0)
            soonest = passing[share <= share.min() + 1e-12]
            at_share, lead = float(share.min()), int(soonest[np.argmin(after[soonest])])
            spans[-1][2] = x[k] + at_share * (x[k + 1] - x[k])
            spans.append([lead, spans[-1][2], x[-1]])
    kept = [s for s in spans if s[2] > s[1] or len(spans) == 1]
    rows = [(ladder.columns[lead], float(first), float(last)) for lead, first, last in kept]
    return pd.DataFrame(rows, columns=["policy", "first", "last"])


def span_at(spans: pd.DataFrame, level: float) -> int:
    """Row number of `leaders` that holds at a level; where one span ends and another begins, the later one.

    spans : a row for each span, as `leaders` gives them.
    level : in their unit.
    """
    return max(int((spans["first"] <= level).sum()) - 1, 0)


def _first_of_equals(y: Array) -> int:
    """The lowest at the first row; of equals the one that is lowest at the next row where they differ."""
    tied = np.arange(y.shape[1])
    for row in y:
        if len(tied) > 1:
            tied = tied[row[tied] == row[tied].min()]
    return int(tied[0])


def break_evens(ladder: pd.DataFrame, one: str, other: str) -> list[float]:
    """Levels at which two policies are equal and past which their order is the other, by linear interpolation."""
    x, gap = ladder.index.to_numpy(dtype=float), (ladder[one] - ladder[other]).to_numpy()
    found, last = [], 0  # the last row at which they differed
    for k in range(1, len(x)):
        if gap[k] == 0.0:
            continue
        if gap[last] * gap[k] < 0.0:
            share = gap[k - 1] / (gap[k - 1] - gap[k])  # where they met at a level, that level
            found.append(float(x[k - 1] + share * (x[k] - x[k - 1])))
        last = k
    return found


def rank_range(table: pd.DataFrame, metric: str = "loss") -> pd.DataFrame:
    """Best and worst rank of each policy over all conditions under which all were played: columns best, worst.

    table   : a row for each configuration; metrics in the units of records.
    metric  : name of a column.
    Returns : a row for each policy; ranks are numbers from 1, the best.
    """
    rows = policies(table)
    wide = rows.pivot_table(index=list(CONDITIONS), columns="policy", values=metric, sort=False)
    rank = ranks(wide[wide.notna().all(axis=1)], metric)
    return pd.DataFrame({"best": rank.min(), "worst": rank.max()})


def ranks(ladder: pd.DataFrame, metric: str = "loss") -> pd.DataFrame:
    """Rank of each policy at each level, 1 the best; equals share the better rank.

    ladder  : a row for each level, a column for each policy; in the metric's unit.
    metric  : its name.
    Returns : rows and columns of the ladder.
    """
    return ladder.rank(axis=1, method="min", ascending=lower_is_better(metric)).astype(int)


# -- starts, and luck ------------------------------------------------------------------------------------------------


def spreads(ladder: pd.DataFrame) -> pd.DataFrame:
    """The spread of a metric over the levels: a row for each policy; columns least, low, median, high, most.

    ladder : a row for each level, a column for each policy; its unit is that of the result. `BAND` gives low and high.
    """
    quantiles = {"least": 0.0, "low": BAND[0], "median": 0.5, "high": BAND[1], "most": 1.0}
    return pd.DataFrame({name: ladder.quantile(q) for name, q in quantiles.items()})


def wins(ladder: pd.DataFrame, metric: str = "loss") -> pd.Series:
    """The number of levels at which each policy is the best (equals share): a row for each policy.

    ladder : a row for each level, a column for each policy; in the metric's unit.
    metric : its name.
    """
    return (ranks(ladder, metric) == 1).sum()


@dataclass(frozen=True)
class Picked:
    """The worth at the other starts of picking the best policy at one start.

    starts   : number of starts.
    policies : number of policies to pick from.
    distinct : number of policies picked at some start.
    rank     : mean rank of the picked policy at the other starts; 1: no selection bias, (policies + 1) / 2: chance.
    loss     : mean of a picked policy's metric at the other starts less that of the best there, in the metric's unit.
    """

    starts: int
    policies: int
    distinct: int
    rank: float
    loss: float


def picked(ladder: pd.DataFrame, metric: str = "loss") -> Picked:
    """Pick the best policy at each start, and look it up at every other start.

    ladder : a row for each start, a column for each policy; in the metric's unit.
    metric : its name.
    Raises : ConfigError for one start.
    """
    if len(ladder) < 2:
        raise ConfigError("one start date gives no rank stability: sweep over at least two.")
    sign = 1.0 if lower_is_better(metric) else -1.0
    values, rank = sign * ladder.to_numpy(), ranks(ladder, metric).to_numpy()
    chosen = values.argmin(axis=1)
    others = ~np.eye(len(ladder), dtype=bool)
    behind = values - values.min(axis=1, keepdims=True)
    return Picked(
        starts=len(ladder),
        policies=ladder.shape[1],
        distinct=len(np.unique(chosen)),
        rank=float(np.mean([rank[others[k], c].mean() for k, c in enumerate(chosen)])),
        loss=float(np.mean([behind[others[k], c].mean() for k, c in enumerate(chosen)])),
    )


def levels(table: pd.DataFrame, axis: str) -> Sequence[Any]:
    """Values of an axis, rising, of a table with a row for each configuration; in the unit of the axis."""
    return sorted(table[axis].dropna().unique())


# -- in words ----------------------------------------------------------------------------------------------------------


def flips(ladder: pd.DataFrame, now: float = 1.0, metric: str = "loss") -> list[str]:
    """The levels at which the best policy changes away from the level `now`: a sentence for each side, the nearest.

    ladder : rows are cost multiples.

    >>> flips(pd.DataFrame({"monthly": [1.0, 3.0], "yearly": [2.0, 2.5]}, index=[1.0, 5.0]))
    ["Above 3.67 × today's costs, yearly is better than monthly."]
    """
    spans = leaders(ladder, metric)
    k = span_at(spans, now)
    policy, first = spans["policy"], spans["first"].astype(float)
    sides = [("Above", k + 1, k + 1)] * (k + 1 < len(spans)) + [("Below", k, k - 1)] * (k > 0)
    return [
        f"{side} {number(first.iloc[at])} × today's costs, {policy.iloc[other]} is better than {policy.iloc[k]}."
        for side, at, other in sides
    ]


def luck(ladder: pd.DataFrame, metric: str = "loss") -> str:
    """The effect of the start date, in words.  ladder : rows are starts, columns policies, the main one first."""
    own, record = str(ladder.columns[0]), METRICS[metric]
    row = spreads(ladder).T.to_dict()[own]
    if len(ladder) < FEW:
        each = [record.text(v) for v in ladder[own].iloc[:-1]] + [record.text_with_unit(ladder[own].iloc[-1])]
        text = f"With {len(ladder)} start dates, the {record.phrase} of {own} is {listed(each)}."
    else:
        text = (
            f"Over {len(ladder)} start dates, the {record.phrase} of {own} is between {record.text(row['low'])} and "
            f"{record.text_with_unit(row['high'])} in {FAN_SHARE} of cases."
        )
    if ladder.shape[1] < 2:
        return text
    sign = 1.0 if lower_is_better(metric) else -1.0
    second = str((sign * ladder.median().drop(own)).idxmin())
    lead = sign * (ladder[second] - ladder[own])
    ahead, middle = int((lead > 0.0).sum()), float(lead.median())
    least = "lowest" if lower_is_better(metric) else "highest"
    return (
        f"{text} It is the {least} of the best of each family at {wins(ladder, metric)[own]} of {len(ladder)} starts; "
        f"{second}, the next, is {'worse' if middle > 0.0 else 'better'} by {record.text(abs(middle))} in the median, "
        f"and worse at {ahead} starts."
    )
