"""A policy played to the end of a market, with all that was known, asked for and booked up to each day."""

import copy
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.studies.audits.futures import Future
from backtests.studies.audits.reading import watched
from foundation.arrays import Rows
from foundation.dataclasses import dataclass, field, replace
from research.accounting import Hold, Policy, Trade, View
from research.allocation import Allocation
from research.market.market import Past
from research.rules.protocol import (
    FittedRule,
    RuleTraits,
    Schedule,
    compiled_rule,
    fitted_until,
    held_by,
    short_name,
    traits,
)

ROUNDING = 1e-8  # of a number, at least 1: smaller differences are none
Facts = dict[str, tuple[Rows, np.ndarray]]  # by name: the market row that each of them belongs to, and the values


@dataclass(frozen=True)
class _Recorder(RuleTraits):
    """A recorder of every answer of a policy that decides day by day, and of its reads from elsewhere if it `watches`.

    An answer has its market row, its reason, and the box of a trade. After row `last` the policy is not asked: a
    decision or a failure after it is no fact of the days before. To watch takes longer than many a decision. On rows
    for which `unknown` has a past with another close it is asked on it, too: on those `by_close` it decides otherwise.
    """

    policy: Policy
    allocation: Allocation | None
    last: int
    watches: bool
    unknown: Mapping[int, Past] = field(default_factory=dict)
    by_close: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    @property
    def turnover_cap(self) -> float | None:
        return traits(self.policy).turnover_cap

    @property
    def desk_schedule(self) -> Schedule | None:
        return traits(self.policy).desk_schedule

    def decide(self, view: View) -> Hold | Trade:
        if view.past.t > self.last:
            return Hold()
        reading: AbstractContextManager[list[str]] = watched() if self.watches else nullcontext([])
        if view.past.t in self.unknown:
            before, now = _afresh(self.policy), replace(view, past=self.unknown[view.past.t])
            if not _is_same(_afresh(self.policy).decide(view), before.decide(now)):
                self.by_close.append(view.past.t)
        with reading as read:
            answer = self.policy.decide(view)
        self.read.extend(words for words in read if words not in self.read)
        if isinstance(answer, Hold | Trade):  # the engine refuses anything else
            box = _box(answer, len(view.weights))
            self.rows.append(view.past.t)
            self.reasons.append(repr(answer.why))
            self.boxes.append(box)
        return answer


def _box(answer: Hold | Trade, n: int) -> np.ndarray:
    """(2 n + 3,) the box of a trade, with its bounds of cash and its fraction; missing numbers to hold."""
    if isinstance(answer, Hold):
        return np.full(2 * n + 3, np.nan)
    return np.concatenate([answer.lower, answer.upper, [answer.cash_lower, answer.cash_upper, answer.fraction]])


def _is_same(one: Hold | Trade, other: Hold | Trade) -> bool:
    """True for the same box, but for rounding."""
    n = max(len(getattr(answer, "lower", ())) for answer in (one, other))
    return np.allclose(_box(one, n), _box(other, n), rtol=ROUNDING, atol=ROUNDING, equal_nan=True)


class _FittedRecorder(_Recorder, FittedRule):
    """The same of a rule that was tuned or trained, so that its training days are not tested."""

    @property
    def fitted_until(self) -> pd.Timestamp | None:  # type: ignore[override]
        return fitted_until(self.policy)


@dataclass(frozen=True)
class Played:
    """A policy played on a market.

    result  : its backtest.
    answers : all that it asked for.
    days    : (D,) market rows on which it was asked, or its target was made.
    read    : the outside sources that it read while it decided, in words, each once; none with a `last` row.
    by_close : rows on which its decision depends on that day's close, of those asked about.
    """

    result: Backtest
    answers: Facts
    days: Rows
    read: tuple[str, ...] = ()
    by_close: tuple[int, ...] = ()

    @classmethod
    def on(
        cls,
        future: Future,
        policy: Policy,
        terms: Mapping[str, Any],
        last: int | None = None,
        unknown: Mapping[int, Past] | None = None,
    ) -> "Played":
        """Backtest a copy of the policy: one that remembers its days begins afresh each time.

        future : market, costs and flows.
        policy : policy as it was made.
        terms  : terms of the backtest.
        last   : market row after which it is not asked; without one it always is.
        unknown : by row, the past with another close on that day, on which it is asked besides.
        Raises : all errors of the backtest.
        """
        with warnings.catch_warnings():
            if last is not None:
                warnings.simplefilter("ignore")  # of values that are drawn
            return cls._on(future, _afresh(policy), dict(terms, flows=future.flows), last, unknown or {})

    @classmethod
    def _on(
        cls, future: Future, policy: Policy, terms: dict[str, Any], last: int | None, unknown: Mapping[int, Past]
    ) -> "Played":
        market, costs = future.market, future.costs
        rule, end = compiled_rule(policy), len(market.dates)
        if rule is None:
            kind = _Recorder if fitted_until(policy) is None else _FittedRecorder
            recorder = kind(policy, held_by(policy), end if last is None else last, last is None, unknown)
            result = backtest(market, recorder, costs, name=short_name(policy), **terms)
            rows = np.array(recorder.rows, dtype=np.int64)
            n = len(market.assets)
            boxes = np.array(recorder.boxes).reshape(len(rows), 2 * n + 3)
            named = dict(
                zip(("lower bound of cash", "upper bound of cash", "fraction"), boxes[:, 2 * n :].T, strict=True)
            )
            answers: Facts = {"answer": (rows, np.where(np.isnan(named["fraction"]), "hold", "trade"))}
            answers |= {"lower bound": (rows, boxes[:, :n]), "upper bound": (rows, boxes[:, n : 2 * n])}
            answers |= {name: (rows, values) for name, values in named.items()}
            answers["reason"] = (rows, np.array(recorder.reasons))
            return cls(
                result, answers, np.union1d(rows, result.targets.seen), tuple(recorder.read), tuple(recorder.by_close)
            )
        result = backtest(market, policy, costs, **terms)
        bands = rule.no_trade_bands(market, result.targets, costs)
        days = np.arange(result.first + 1, end)
        asked, row, *bounds = bands.arrays
        rates = bands.options.rates
        answers = {f"box {k} of the bands": (days, box[row[days]]) for k, box in enumerate(bounds)}
        answers["days on which the rule is asked"] = (days, asked[days])
        answers["rates of the bands"] = (days, rates[days]) if len(rates) > 1 else (days[: len(rates)], rates)
        return cls(result, answers, np.union1d(days[asked[days]], result.targets.seen))

    @property
    def roots(self) -> Rows:
        """(d,) the first row of the ledger of each decision to trade: it may be booked in parts, some of them later."""
        part_of = self.result.ledger.part_of
        return np.flatnonzero(part_of == np.arange(len(part_of)))

    @property
    def decided(self) -> Rows:
        """(d,) the market rows on which it decided to trade."""
        return self.result.ledger.asked[self.roots]

    def until(self, t: int) -> Facts:
        """Everything that was known, asked for or booked up to the close of row t: causes before their effects."""
        result, book = self.result, self.result.ledger
        days = np.arange(result.first, t + 1)
        decided, done = self.roots[book.asked[self.roots] <= t], (book.booked >= 0) & (book.booked <= t)
        facts: Facts = {"target": (days, result.targets.rows[result.targets.row[days]])}
        facts |= {name: (rows[rows <= t], values[rows <= t]) for name, (rows, values) in self.answers.items()}
        for name in ("asked", "line", "size", "allowed"):
            facts[f"{name} of the decision"] = (book.asked[decided], getattr(book, name)[decided])
        of_trade = {name: getattr(book, name) for name in ("booked", "trades", "charges", "nav_before")}
        of_trade |= {"units": book.units[1:], "cash_units": book.cash_units[1:]}
        facts |= {name: (book.booked[done], values[done]) for name, values in of_trade.items()}
        closes = {"nav": book.nav, "weights": result.weights.to_numpy()}
        return facts | {name: (days, values[: len(days)]) for name, values in closes.items()}


def first_difference(one: Played, two: Played, t: int, where: str) -> str:
    """The first difference between two backtests, up to row t: field, asset, day and both values; "" for none.

    where : the place of the second backtest, in words.

    Numbers that differ by rounding alone (`ROUNDING`) are the same: a filter over the whole history rounds otherwise
    where later days are others.
    """
    ours, theirs = one.until(t), two.until(t)
    if ours.keys() != theirs.keys():
        return "the kind of the policy"
    found = {name: apart for name in ours if (apart := _first_apart(ours[name], theirs[name])) is not None}
    if not found:
        return ""
    name = min(found, key=lambda name: found[name][0])
    row, at, values = found[name]
    assets = one.result.market.assets
    line = f" of {assets[at]}" if at is not None and values and _is_by_line(ours[name][1], len(assets)) else ""
    size = f": {values[0]}, and {values[1]} {where}" if values else ""
    return f"{name}{line}, {one.result.market.dates[row]:%Y-%m-%d}{size}"


def _is_by_line(values: np.ndarray, lines: int) -> bool:
    return values.ndim == 2 and values.shape[1] == lines


# market row, column, and both numbers or words, where it has them
Apart = tuple[int, int | None, tuple[str, str] | None]


def _first_apart(one: tuple[Rows, np.ndarray], two: tuple[Rows, np.ndarray]) -> Apart | None:
    """The first value that differs or that only one of them has; None where all are the same."""
    (rows, mine), (others, theirs) = one, two
    both = min(len(rows), len(others))
    a, b = mine[:both], theirs[:both]
    differs = (a != b) & ~((a != a) & (b != b))  # a missing number, or date, is the same as a missing one
    if a.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # of what is infinite in both
            differs &= ~(np.abs(a - b) <= ROUNDING * np.maximum(1.0, np.abs(a)))
    apart = (rows[:both] != others[:both]) | differs.any(axis=tuple(range(1, differs.ndim)))
    if apart.any():
        k = int(np.argmax(apart))
        row, same_row = int(min(rows[k], others[k])), rows[k] == others[k]
        if a.dtype.kind == "U" and same_row:
            return row, None, (str(a[k]), str(b[k]))
        if a.dtype.kind != "f" or not same_row:
            return row, None, None
        column = int(np.argmax(differs[k])) if a.ndim == 2 else None
        numbers = (a[k], b[k]) if column is None else (a[k, column], b[k, column])
        first, second = (float(np.ravel(number)[0]) for number in numbers)
        return row, column, (f"{first:.9g}", f"{second:.9g}")
    longer = rows if len(rows) > len(others) else others
    return (int(longer[both]), None, None) if len(longer) > both else None


def _afresh(policy: Policy) -> Policy:
    """A copy that shares nothing with the policy; the policy itself, where it cannot be copied."""
    try:
        return copy.deepcopy(policy)
    except Exception:  # an open file, a lock: it is played as it is
        return policy
