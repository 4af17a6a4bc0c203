"""The result of a sweep in words: the best policy of each family, and its limitations."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from backtests.evaluation.metrics import METRICS, Metric, lower_is_better
from backtests.inference.selection import expected_maximum
from backtests.sweeps.analysis import flips, ladder, leaders, levels, luck, picked, shortlist, span_at
from backtests.sweeps.labels import (
    allocation_words,
    at,
    axis_value,
    by_configuration,
    comparable,
    conditions_words,
    families_in_order,
    one_portfolio,
    policies,
    today,
)
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.paper.wording import counted, listed, number, percent

ABOUT_LOWEST = 0.1  # relative distance within which a policy counts as about as good as the best
FAMILIES_SHOWN, FAMILIES_NAMED = 8, 6  # maximum number of families in figures, and in a sentence


@dataclass(frozen=True, eq=False)
class Findings:
    """One portfolio's rows of a sweep, judged by one metric.

    table  : a row for each configuration, as the sweep wrote it, metrics in the units of records; here with the names
             of `labels.policies`.
    metric : metric by which policies are judged.
    trials : number of configurations tried, including those of other portfolios.
    own    : lag and start of the portfolio itself, policies are compared there if at least half of them ran there.
    Raises : ConfigError for a table that cannot be compared (`labels.one_portfolio`).
    """

    table: pd.DataFrame
    metric: str = "loss"
    trials: int = 0
    own: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check the table, put its rows in order, and name its policies."""
        object.__setattr__(self, "table", policies(by_configuration(one_portfolio(self.table))))

    @cached_property
    def now(self) -> dict[str, Any]:
        """The default conditions under which policies are compared."""
        return today(self.table, self.own)

    @cached_property
    def common(self) -> bool:
        """True if at least half of the policies, and two, ran under these conditions. If not, nothing is ranked."""
        return comparable(len(at(self.table, self.now)["policy"].unique()), len(self.table["policy"].unique()))

    @cached_property
    def best(self) -> pd.DataFrame:
        """The best policy of each family under those conditions, the best first.

        Returns : a row for each policy; metrics in the units of records.
        """
        return shortlist(self.table, self.metric, self.now)

    @cached_property
    def rivals(self) -> pd.DataFrame:
        """The policies with the target of the best policy, so that rules are compared on the same target.

        Returns : a row for each policy; metrics in the units of records.
        """
        return self.best[self._as_best].head(FAMILIES_SHOWN)

    @property
    def _as_best(self) -> pd.Series:
        """True for the best policies of families that have the target of the best of all."""
        same = self.best[[c for c in ("allocation", "window") if c in self.best]]
        return (same == same.iloc[0]).all(axis=1)

    @cached_property
    def tied(self) -> pd.DataFrame:
        """The rows with the value of the best policy under the default conditions: of several, none is better."""
        rows = at(self.table, self.now)
        return rows[rows[self.metric] == self.best[self.metric].iloc[0]]

    @property
    def all_equal(self) -> bool:
        """True if all of two policies or more have the same value under the default conditions."""
        return 1 < len(self.tied) == len(at(self.table, self.now))

    @property
    def best_name(self) -> str:
        """The name of the best policy; of equals their number."""
        count = len(self.tied)
        return f"{'all' if self.all_equal else count} equal" if count > 1 else str(self.best["policy"].iloc[0])

    @property
    def shown(self) -> list[str]:
        """Names of these policies, the best first: they are shown in figures."""
        return [str(name) for name in self.rivals["policy"]]

    @property
    def families(self) -> list[str]:
        """All families, in the order of a legend."""
        return families_in_order(self.table)

    def varies(self, axis: str) -> bool:
        """True if the sweep has two values of this axis."""
        return axis in self.table and len(self.table[axis].dropna().unique()) > 1

    def others(self, axis: str) -> str:
        """All conditions except one, in words."""
        return conditions_words({c: v for c, v in self.now.items() if c != axis})

    def whole_ladder(self, along: str, metric: str = "") -> pd.DataFrame | None:
        """Values by level of each policy that ran at all levels; None if there is none, or only one level.

        along   : name of the condition.
        metric  : name of a metric; "" for that of the findings.
        Returns : a row for each level, a column for each policy, in the metric's unit.
        """
        if not self.varies(along):
            return None
        try:
            return ladder(self.table, along, metric or self.metric, self.now)
        except ConfigError:  # no policy ran at all levels
            return None

    def ladder(self, along: str, metric: str = "") -> pd.DataFrame | None:
        """Values by level of the best policy of each family, the best first.

        along   : name of the condition.
        metric  : name of a metric; "" for that of the findings.
        Returns : a row for each level, a column for each policy, in the metric's unit; None where there is none.
        """
        whole = self.whole_ladder(along, metric)
        kept = [] if whole is None else [name for name in self.shown if name in whole]
        return whole[kept] if whole is not None and kept else None

    def lowest(self, costs: pd.Index) -> pd.Series:
        """The best value of all policies at each of these cost levels, under the other conditions of today.

        costs   : (m,) multiples of the portfolio's costs, numbers.
        Returns : a row for each level, in the metric's unit.
        """
        rows = at(self.table, {c: v for c, v in self.now.items() if c != "cost_multiple"})
        best = rows.groupby("cost_multiple")[self.metric]
        return (best.min() if lower_is_better(self.metric) else best.max()).loc[costs]

    def cost_by_start(self) -> list[pd.DataFrame]:
        """Values by cost level of these policies, at each start date.

        Returns : a table for each start: a row for each multiple of costs, a column for each policy, in the metric's
                  unit.
        """
        rows = self.table[(self.table["lag"] == self.now["lag"]) & self.table["policy"].isin(self.shown)]
        wide = rows.pivot_table(index=["start", "cost_multiple"], columns="policy", values=self.metric)
        each = (own.droplevel("start") for _, own in wide.groupby(level="start"))
        return [own.loc[:, own.notna().all()] for own in each]

    # -- words -------------------------------------------------------------------------------------------------------

    @property
    def metric_record(self) -> Metric:
        """The metric: its name, and its format."""
        return METRICS[self.metric]

    @cached_property
    def lead(self) -> str:
        """The main result in a sentence."""
        first, count = self.best.iloc[0], len(self.table["policy"].unique())
        if not self.common:
            return (
                f"The {counted(count, 'policy', 'policies')} of this sweep have no common conditions: at most "
                f"{len(at(self.table, self.now))} share a cost, a lag and a start date. There is no ranking."
            )
        least = "lowest" if lower_is_better(self.metric) else "highest"
        value = f"{self.metric_record.text_with_unit(float(first[self.metric]))}, at {conditions_words(self.now)}"
        idle = " None of them traded." if (self.tied["trades"] == 0.0).all() else ""
        if self.all_equal:
            return f"All {len(self.tied):,} policies have the same {self.metric_record.phrase}: {value}.{idle}"
        lead = f"Of {counted(count, 'policy', 'policies')}, "
        if len(self.tied) > 1:
            names = listed([str(name) for name in self.tied["policy"]], most=3)
            return f"{lead}{len(self.tied):,} have the {least} {self.metric_record.phrase}, {value}: {names}.{idle}"
        return f"{lead}{first['policy']} has the {least} {self.metric_record.phrase}: {value}."

    @cached_property
    def by_family(self) -> str:
        """The best policies of the other families, and the best with another target, in two sentences."""
        if not self.common:
            return "To compare policies, run them at the same costs, lags and start dates."
        if self.all_equal:
            return ""
        rest = [
            f"{r['policy']} {self.metric_record.text(r[self.metric])}" for r in self.rivals.iloc[1:].to_dict("records")
        ]
        text = (
            f"Best of the other families: {listed(rest, most=FAMILIES_NAMED)}" if rest else "No other family was tried"
        )
        text = f"{text}. {self.valley}"
        others = self.best[~self._as_best]
        if len(others):
            first = others.iloc[0]
            value = self.metric_record.text_with_unit(float(first[self.metric]))
            text += (
                f" The best policy with another target is {first['policy']}, {value}; its loss is measured against the"
                " portfolio's strategic target, and no figure shows it."
            )
        return text

    @property
    def valley(self) -> str:
        """The number of policies about as good as the best: with many, the choice among them matters little."""
        rows, first = at(self.table, self.now), self.best.iloc[0]
        best = float(first[self.metric])
        near = rows[(rows[self.metric] - best).abs() <= ABOUT_LOWEST * abs(best)]
        if len(near) == 1:
            return f"No other policy is within {percent(ABOUT_LOWEST, 0)} of the best."
        bands = near["band"].dropna() if "band" in near else near[self.metric][:0]
        low, high = (axis_value("band", b) for b in (bands.min(), bands.max())) if len(bands) else ("", "")
        width = f", with bands from {low} to {high} %" if low != high else ""
        return f"{len(near)} of {len(rows)} policies are within {percent(ABOUT_LOWEST, 0)} of the best{width}."

    @cached_property
    def flips(self) -> list[str]:
        """Sentences on the cost levels at which the ranking of the best policies changes."""
        costs = self.ladder("cost_multiple")
        return [] if costs is None else flips(costs, self.now["cost_multiple"], self.metric)

    @cached_property
    def headline(self) -> str:
        """The statement whether the best policy remains the best at other costs."""
        if not self.common:
            return ""
        costs = self.ladder("cost_multiple")
        if costs is None:
            return "Only one cost level was tested."
        if len(self.tied["family"].unique()) > 1:
            return " ".join(self.flips)
        stable = f"It is the best of all families from {costs.index[0]:g} to {costs.index[-1]:g} × today's costs."
        return " ".join([*(self.flips or [stable]), *self._lead_of_all(set(costs))])

    def _lead_of_all(self, named: set[Any]) -> list[str]:
        """The best of all policies at other costs, in words, unless all are in `named`."""
        whole = self.whole_ladder("cost_multiple")
        spans = leaders(whole, self.metric) if whole is not None else pd.DataFrame({"policy": []})
        if set(spans["policy"]) <= named or whole is None:
            return []
        k, policy, high = span_at(spans, self.now["cost_multiple"]), spans["policy"], whole.index[-1]
        parts = []
        if k + 1 < len(spans):
            last = f" and {policy.iloc[-1]} at ×{high:g}" if policy.iloc[k + 1] != policy.iloc[-1] else ""
            parts.append(f"{policy.iloc[k + 1]} above ×{number(float(spans['first'].iloc[k + 1]))}{last}")
        if k > 0:
            parts.append(f"{policy.iloc[k - 1]} below ×{number(float(spans['first'].iloc[k]))}")
        return [f"Best of all policies at other costs: {'; '.join(parts)}."]

    @cached_property
    def warnings(self) -> list[str]:
        """The limitations of the result, the most important first."""
        if not self.common:
            return [self.selection_bias]
        return [
            *self._elsewhere(),
            *self._lags(),
            *self._starts(),
            *self._edges(),
            *self._uneven(),
            self.selection_bias,
        ]

    def _elsewhere(self) -> list[str]:
        """A warning if policies are not compared under the portfolio's own conditions."""
        if self.own is None:
            return []
        mine = {"cost_multiple": 1.0, "lag": int(self.own["lag"]), "start": pd.Timestamp(self.own["start"])}
        if mine == {**self.now, "start": pd.Timestamp(self.now["start"])}:
            return []
        return [
            f"None or too few policies ran under the portfolio's own conditions ({conditions_words(mine)}): policies "
            f"are compared at {conditions_words(self.now)}."
        ]

    @cached_property
    def selection_bias(self) -> str:
        """The selection bias of the best of many trials."""
        count = self.trials or len(self.table)
        if count <= 1:
            return "One configuration was tried: there is no selection bias."
        if self.common and self.all_equal:
            return f"{count:,} configurations were tried. Equal policies leave nothing to select."
        return (
            f"Selection bias: {count:,} configurations were tried. If all were equally good, the best could be "
            f"expected to look up to {number(expected_maximum(count), 1)} standard errors too good by chance."
        )

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
        return [f"With a lag of {lag} sessions, {name} is better than {self.shown[0]}."]

    def _starts(self) -> list[str]:
        starts = self.ladder("start")
        sentences = [] if starts is None else [luck(starts, self.metric)]
        whole = self.whole_ladder("start")
        if whole is not None and (whole.max(axis=1) > whole.min(axis=1)).any():
            found = picked(whole, self.metric)
            sentences.append(
                f"Rank stability across start dates: the best of {found.policies} policies at one start has mean rank "
                f"{number(found.rank, 1)} at the other {found.starts - 1}, {self.metric_record.text(found.loss)} from "
                f"the best there; {_would(found.distinct)}."
            )
        return sentences

    def _edges(self) -> list[str]:
        """A warning if the best setting is at an end of the tested values."""
        first, sentences = self.best.iloc[0], []
        own = self.table[self.table["family"] == first["family"]]
        for axis in ("band", "window"):
            tried = levels(own, axis) if axis in own else []
            matters = len(tried) > 1 and (self.tied[axis] == first[axis]).all()
            if matters and first[axis] in (tried[0], tried[-1]):
                which = "narrowest" if first[axis] == tried[0] else "widest"
                which = which if axis == "band" else {"narrowest": "shortest", "widest": "longest"}[which]
                sentences.append(f"Its {axis} is the {which} tested: a better value may lie outside the sweep.")
        return sentences

    def _uneven(self) -> list[str]:
        here, there = len(at(self.table, self.now)), len(self.table["policy"].unique())
        if here == there:
            return []
        return [f"Only {here} of {there} policies ran at {conditions_words(self.now)}: the others are not ranked."]

    def answer(self) -> str:
        """The result and its limitations, as Markdown."""
        limitations = "\n".join(f"- {sentence}" for sentence in self.warnings)
        return f"**{f'{self.lead} {self.headline}'.rstrip()}** {self.by_family}\n\n{limitations}"

    def digest(self) -> str:
        """One line that two equal sweeps share on any machine."""
        count = len(self.table["policy"].unique())
        first = self.best.iloc[0]
        if not self.common:
            return f"{len(self.table):,} configurations, {count} policies, no common conditions"
        return (
            f"{len(self.table):,} configurations, {count} policies; {self.best_name}: "
            f"{self.metric_record.text_with_unit(float(first[self.metric]))}"
        )


def _would(distinct: int) -> str:
    return "it is the same policy each time" if distinct == 1 else f"{distinct} different policies in total"


def facts(table: pd.DataFrame) -> dict[str, str]:
    """The axes of the sweep, by name."""
    count = len(policies(table)["policy"].unique())
    found = {
        "Tried": f"{len(table):,} configurations, {counted(count, 'policy', 'policies')}",
        "Costs": _values(table, "cost_multiple", "today's"),
        "Lags": _values(table, "lag", "sessions"),
        "Starts": _span(table["start"]),
    }
    held = list(allocation_words(table).unique()) if "allocation" in table else []
    return {**found, "Allocations": listed(held, most=6)} if len(held) > 1 else found


def _values(table: pd.DataFrame, axis: str, unit: str) -> str:
    found = [axis_value(axis, v) for v in levels(table, axis)]
    if len(found) > 8:
        found = [f"{len(found)} from {found[0]} to {found[-1]}"]
    return f"{listed(found)} {unit}"


def _span(starts: pd.Series) -> str:
    days = np.unique(pd.DatetimeIndex(starts).to_numpy())
    first, last = (axis_value("start", day) for day in (days[0], days[-1]))
    return first if len(days) == 1 else f"{len(days)} from {first} to {last}"
