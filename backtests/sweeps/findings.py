"""What a sweep found, in words: the best of each family, and every reason to doubt it that its table holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS, Metric, lower_is_better
from backtests.sweeps.analysis import flips, ladder, leaders, levels, luck, luck_of_the_best, picked, shortlist, span_at
from backtests.sweeps.labels import (
    at,
    axis_value,
    comparable,
    conditions_words,
    families,
    in_order,
    one_portfolio,
    policies,
    today,
)
from backtests.wording import NARROW_SPACE, counted, listed, number, percent
from research.errors import ConfigError

NEAR = 0.1  # of the best: what is about as good
RIVALS, TOLD = 8, 6  # families in ladders and fans at most, and in a sentence


@dataclass(frozen=True, eq=False)
class Findings:
    """One portfolio's rows of a sweep, judged by one metric.

    table  : a row a configuration, as the sweep wrote it, metrics in the units of records; here with the names of
             `cases.policies`.
    metric : by which policies are judged.
    trials : configurations that were tried in all, other portfolios' included.
    own    : lag and start of the portfolio itself, at which policies are compared where half of them were played there.
    Raises : ConfigError for a table that cannot be compared (`cases.one_portfolio`).
    """

    table: pd.DataFrame
    metric: str = "loss"
    trials: int = 0
    own: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check the table, put its rows in order, and name its policies."""
        object.__setattr__(self, "table", policies(in_order(one_portfolio(self.table))))

    @cached_property
    def now(self) -> dict[str, Any]:
        """The conditions under which policies are compared, where nothing else is said."""
        return today(self.table, self.own)

    @cached_property
    def common(self) -> bool:
        """Were half of the policies, and not one alone, played under those conditions? Else nothing is ranked."""
        return comparable(len(at(self.table, self.now)["policy"].unique()), len(self.table["policy"].unique()))

    @cached_property
    def best(self) -> pd.DataFrame:
        """The best policy of each family under those conditions, the best first.

        Returns : a row a policy; metrics in the units of records.
        """
        return shortlist(self.table, self.metric, self.now)

    @cached_property
    def rivals(self) -> pd.DataFrame:
        """Of those, the ones with the target of the best: rules are compared with what is held kept the same.

        Returns : a row a policy; metrics in the units of records.
        """
        first = self.best.iloc[0]
        same = [c for c in ("allocation", "window") if c in self.best]
        kept = self.best[(self.best[same] == first[same]).all(axis=1)] if same else self.best
        return kept.head(RIVALS)

    @property
    def shown(self) -> list[str]:
        """Names of the rivals, the best first: what ladders and fans show."""
        return [str(name) for name in self.rivals["policy"]]

    @property
    def families(self) -> list[str]:
        """All families, in the order of a legend."""
        return families(self.table)

    def varies(self, axis: str) -> bool:
        """Does the sweep have two values of this axis?"""
        return axis in self.table and len(self.table[axis].dropna().unique()) > 1

    def others(self, axis: str) -> str:
        """The conditions but one, in words."""
        return conditions_words({c: v for c, v in self.now.items() if c != axis})

    def whole_ladder(self, along: str, metric: str = "") -> pd.DataFrame | None:
        """A ladder of every policy that was played at each level; None where there is no such, or one level.

        along   : name of the condition.
        metric  : name of a metric; "" for that of the findings.
        Returns : a row a level, a column a policy, in the metric's unit.
        """
        if not self.varies(along):
            return None
        try:
            return ladder(self.table, along, metric or self.metric, self.now)
        except ConfigError:  # no policy was played at each level
            return None

    def ladder(self, along: str, metric: str = "") -> pd.DataFrame | None:
        """The ladder of the best of each family, the best first.

        along   : name of the condition.
        metric  : name of a metric; "" for that of the findings.
        Returns : a row a level, a column a policy, in the metric's unit; None where there is none.
        """
        whole = self.whole_ladder(along, metric)
        kept = [] if whole is None else [name for name in self.shown if name in whole]
        return whole[kept] if whole is not None and kept else None

    def lowest(self, costs: pd.Index) -> pd.Series:
        """The best value of all policies at each of these cost levels, under the other conditions of today.

        costs   : (m,) multiples of the portfolio's costs, numbers.
        Returns : a row a level, in the metric's unit.
        """
        rows = at(self.table, {c: v for c, v in self.now.items() if c != "cost_multiple"})
        best = rows.groupby("cost_multiple")[self.metric]
        return (best.min() if lower_is_better(self.metric) else best.max()).loc[costs]

    def cost_by_start(self) -> list[pd.DataFrame]:
        """The cost ladder of the rivals at each start.

        Returns : a table a start: a row a multiple of costs, a column a policy, in the metric's unit.
        """
        rows = self.table[(self.table["lag"] == self.now["lag"]) & self.table["policy"].isin(self.shown)]
        wide = rows.pivot_table(index=["start", "cost_multiple"], columns="policy", values=self.metric)
        each = (own.droplevel("start") for _, own in wide.groupby(level="start"))
        return [own.loc[:, own.notna().all()] for own in each]

    # -- words -------------------------------------------------------------------------------------------------------

    @property
    def metric_record(self) -> Metric:
        """The metric: what it is called, and how it is printed."""
        return METRICS[self.metric]

    @cached_property
    def lead(self) -> str:
        """The answer of the sheet, in a sentence."""
        first, count = self.best.iloc[0], len(self.table["policy"].unique())
        if not self.common:
            return (
                f"The {counted(count, 'policy', 'policies')} of this sweep were played under no common condition: the "
                f"most that share a cost, a lag and a start are {len(at(self.table, self.now))}. Nothing is ranked."
            )
        least = "lowest" if lower_is_better(self.metric) else "highest"
        return (
            f"Of {counted(count, 'policy', 'policies')}, {first['policy']} has the {least} {self.metric_record.name}: "
            f"{self.metric_record.text_with_unit(float(first[self.metric]))}, at {conditions_words(self.now)}."
        )

    @cached_property
    def by_family(self) -> str:
        """The best of the other families, in a sentence, and of those with another target, in another."""
        if not self.common:
            return "Sweep the same policies at the same costs, lags and starts to compare them."
        rest = [
            f"{r['policy']} {self.metric_record.text(r[self.metric])}" for r in self.rivals.iloc[1:].to_dict("records")
        ]
        said = f"The best of the other families: {listed(rest, most=TOLD)}" if rest else "No other family was tried"
        said = f"{said}. {self.valley}"
        first = self.best.iloc[0]
        same = [c for c in ("allocation", "window") if c in self.best]
        others = self.best[(self.best[same] != first[same]).any(axis=1)] if same else self.best[:0]
        if len(others):
            first = others.iloc[0]
            value = self.metric_record.text_with_unit(float(first[self.metric]))
            said += (
                f" With another target the best is {first['policy']}, {value}: it is"
                " judged by the portfolio's own target, and drawn nowhere."
            )
        return said

    @property
    def valley(self) -> str:
        """How many policies are about as good as the best: where many are, the choice among them matters little."""
        rows, first = at(self.table, self.now), self.best.iloc[0]
        best = float(first[self.metric])
        near = rows[(rows[self.metric] - best).abs() <= NEAR * abs(best)]
        if len(near) == 1:
            return f"No other is within {percent(NEAR, 0)} of it."
        bands = near["band"].dropna() if "band" in near else near[self.metric][:0]
        low, high = (axis_value("band", b) for b in (bands.min(), bands.max())) if len(bands) else ("", "")
        width = f", with bands from {low} to {high}{NARROW_SPACE}%" if low != high else ""
        return f"{len(near)} of the {len(rows)} are within {percent(NEAR, 0)} of it{width}."

    @cached_property
    def flips(self) -> list[str]:
        """Where the ranking of the families' best changes with cost."""
        costs = self.ladder("cost_multiple")
        return [] if costs is None else flips(costs, self.now["cost_multiple"], self.metric)

    @cached_property
    def headline(self) -> str:
        """Whether the best stays the best as costs change, in a sentence or two."""
        if not self.common:
            return ""
        costs = self.ladder("cost_multiple")
        if costs is None:
            return "It was played at one level of costs."
        kept = f"Of the best of each family it leads from {costs.index[0]:g} to {costs.index[-1]:g} × today's costs."
        return " ".join([*(self.flips or [kept]), *self._lead_of_all(set(costs))])

    def _lead_of_all(self, told: set[Any]) -> list[str]:
        """To whom the lead passes among all policies, and not only among those that were `told` of."""
        whole = self.whole_ladder("cost_multiple")
        spans = leaders(whole, self.metric) if whole is not None else pd.DataFrame({"policy": []})
        if set(spans["policy"]) <= told or whole is None:
            return []
        k, policy, high = span_at(spans, self.now["cost_multiple"]), spans["policy"], whole.index[-1]
        parts = []
        if k + 1 < len(spans):
            last = f" and to {policy.iloc[-1]} at ×{high:g}" if policy.iloc[k + 1] != policy.iloc[-1] else ""
            parts.append(f"to {policy.iloc[k + 1]} past ×{number(float(spans['first'].iloc[k + 1]))}{last}")
        if k > 0:
            parts.append(f"to {policy.iloc[k - 1]} below ×{number(float(spans['first'].iloc[k]))}")
        return [f"Of all policies, the lead goes {'; '.join(parts)}."]

    @cached_property
    def warnings(self) -> list[str]:
        """Every reason to doubt the answer, the gravest first."""
        if not self.common:
            return [self.flattery]
        return [*self._elsewhere(), *self._lags(), *self._starts(), *self._edges(), *self._uneven(), self.flattery]

    def _elsewhere(self) -> list[str]:
        """That policies are compared elsewhere than under the portfolio's own conditions."""
        if self.own is None:
            return []
        mine = {"cost_multiple": 1.0, "lag": int(self.own["lag"]), "start": pd.Timestamp(self.own["start"])}
        if mine == {**self.now, "start": pd.Timestamp(self.now["start"])}:
            return []
        return [
            f"The portfolio's own conditions ({conditions_words(mine)}) were not played, or by too few policies: they "
            f"are compared at {conditions_words(self.now)}."
        ]

    @cached_property
    def flattery(self) -> str:
        """That the best of many trials looks better than it is, with the number."""
        count = self.trials or len(self.table)
        said = (
            f"{count:,} configurations were tried, and the best of many flatters: were all equally good, it would look "
            f"up to {number(luck_of_the_best(count), 1)} standard errors too good by luck alone."
        )
        return said if count > 1 else "One configuration was tried: nothing was chosen."

    def _lags(self) -> list[str]:
        lags = self.ladder("lag")
        if lags is None:
            return []
        sign = 1.0 if lower_is_better(self.metric) else -1.0
        first = (sign * lags).idxmin(axis=1)
        other = first[(first != self.shown[0]) & (first.index > self.now["lag"])]
        if other.empty:
            return []
        lag, name = int(other.index[0]), str(other.iloc[0])
        return [f"With orders booked {lag} sessions after their decision, {name} beats {self.shown[0]}."]

    def _starts(self) -> list[str]:
        starts = self.ladder("start")
        said = [] if starts is None else [luck(starts, self.metric)]
        whole = self.whole_ladder("start")
        if whole is not None and whole.shape[1] > 1:
            found = picked(whole, self.metric)
            said.append(
                f"Picked as the best of {found.policies} at one start, a policy ranks {number(found.rank, 1)} in the "
                f"mean of the other {found.starts - 1}, {self.metric_record.text(found.loss)} from the best there; "
                f"{_would(found.distinct)}."
            )
        return said

    def _edges(self) -> list[str]:
        """A best that is the least or the most of what was tried may have a better one beyond."""
        first, said = self.best.iloc[0], []
        own = self.table[self.table["family"] == first["family"]]
        for axis in ("band", "window"):
            tried = levels(own, axis) if axis in own else []
            if len(tried) > 1 and first[axis] in (tried[0], tried[-1]):
                which = "narrowest" if first[axis] == tried[0] else "widest"
                which = which if axis == "band" else {"narrowest": "shortest", "widest": "longest"}[which]
                said.append(f"Its {axis} is the {which} that was tried: the best may lie outside the sweep.")
        return said

    def _uneven(self) -> list[str]:
        here, there = len(at(self.table, self.now)), len(self.table["policy"].unique())
        if here == there:
            return []
        return [f"Only {here} of {there} policies were played at {conditions_words(self.now)}: the rest is not ranked."]

    def answer(self) -> str:
        """The answer in words, with its doubt, as Markdown."""
        doubts = "\n".join(f"- {said}" for said in self.warnings)
        return f"**{f'{self.lead} {self.headline}'.rstrip()}** {self.by_family}\n\n{doubts}"

    def digest(self) -> str:
        """One line that two equal sweeps share on any machine."""
        count = len(self.table["policy"].unique())
        first = self.best.iloc[0]
        if not self.common:
            return f"{len(self.table):,} configurations, {count} policies, under no common condition"
        return (
            f"{len(self.table):,} configurations, {count} policies; {first['policy']}: "
            f"{self.metric_record.text_with_unit(float(first[self.metric]))}"
        )


def _would(distinct: int) -> str:
    return "the same one each time" if distinct == 1 else f"{distinct} different ones in all"


def facts(table: pd.DataFrame) -> dict[str, str]:
    """What was swept, by name, of a table with a row a configuration and its axes in columns."""
    count = len(policies(table)["policy"].unique())
    found = {
        "Tried": f"{len(table):,} configurations, {counted(count, 'policy', 'policies')}",
        "Costs": _values(table, "cost_multiple", "today's"),
        "Lags": _values(table, "lag", "sessions"),
        "Starts": _span(table["start"]),
    }
    held = list(dict.fromkeys(_held(table)))
    return {**found, "Allocations": listed(held, most=6)} if len(held) > 1 else found


def _held(table: pd.DataFrame) -> Sequence[str]:
    if "allocation" not in table:
        return []
    windows = table["window"] if "window" in table else pd.Series(0, index=table.index)
    return [f"{a} {w:g}" if w == w and w else str(a) for a, w in zip(table["allocation"], windows, strict=True)]


def _values(table: pd.DataFrame, axis: str, unit: str) -> str:
    found = [axis_value(axis, v) for v in levels(table, axis)]
    if len(found) > 8:
        found = [f"{len(found)} from {found[0]} to {found[-1]}"]
    return f"{listed(found)} {unit}"


def _span(starts: pd.Series) -> str:
    days = np.unique(pd.DatetimeIndex(starts).to_numpy())
    first, last = (axis_value("start", day) for day in (days[0], days[-1]))
    return first if len(days) == 1 else f"{len(days)} from {first} to {last}"
