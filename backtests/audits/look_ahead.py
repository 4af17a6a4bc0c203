"""The look-ahead test: does a policy know what comes after its decisions?

    look_ahead(lambda market: Calendar(HRP(window=252), "month"), market, costs, start="2015-01-02")

On each of several days the market is cut off, and in a second run every later value is changed. All that was decided
and booked up to that day must be the same, to the bit. The policy is *made* from each of these markets too, so that
anything computed in advance from the whole history is found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from research.accounting import Costs, Hold, Policy, Trade, View
from research.allocation import Allocation
from research.arguments import day, is_whole, refuse
from research.arrays import Rows
from research.errors import ConfigError
from research.market import Market
from research.rules.protocol import compiled_rule, held_by, short_name

Facts = dict[str, tuple[Rows, np.ndarray]]  # by name: the market row that each of them belongs to, and the values

DAYS = 6  # asked about, where none are given
CUT, CHANGED = "difference, data cut off there", "difference, later data changed"
BARS = {"open": 1.0, "high": 1.1, "low": 0.9}  # of the closes that are drawn


@dataclass(frozen=True, eq=False, repr=False)
class LookAhead:
    """The result of the test.

    policy, market : in words.
    table : a row a day: the number of decisions by then, and the first difference, "" for none, on the market that
            ends there and on the one that continues with other values.
    """

    policy: str
    market: str
    table: pd.DataFrame

    @property
    def found(self) -> bool:
        """Does any decision or trade depend on later data?"""
        return bool((self.table[[CUT, CHANGED]] != "").to_numpy().any())

    @property
    def verdict(self) -> str:
        """The result in words."""
        days, decisions = len(self.table), int(self.table["decisions"].iloc[-1])
        if self.found:
            differs = self.table[[CUT, CHANGED]]
            caught = differs[(differs != "").any(axis=1)]
            first = next(words for words in caught.iloc[0] if words)
            return (
                f"Look-ahead test failed: on {len(caught)} of {days} days a decision or trade depends on later data. "
                f"The first difference, checked on {caught.index[0]:%Y-%m-%d}, is: {first}."
            )
        if not decisions:
            return f"No trade up to {self.table.index[-1]:%Y-%m-%d}: the look-ahead test shows little."
        return (
            f"Look-ahead test passed: on {days} days, {decisions:,} decisions to trade and all executed trades are "
            f"identical bit for bit, whatever the later data."
        )

    def __repr__(self) -> str:
        """The verdict and its table."""
        return f"{self.policy} on {self.market}\n{self.verdict}\n{self.table.to_string()}"

    def _repr_html_(self) -> str:
        """The verdict and its table."""
        table = self.table.replace("", "nothing").rename_axis("checked on").reset_index()
        return f"<p>{escape(self.verdict)}</p>{table.to_html(index=False)}"


def look_ahead(
    make: Callable[[Market], Policy],
    market: Market,
    costs: Costs,
    start: str | pd.Timestamp,
    *,
    days: Sequence[str | pd.Timestamp] | None = None,
    lag: int = 1,
    seed: int = 0,
) -> LookAhead:
    """Test the policy that `make` gives.

    On the whole market, cut off on each of `days`, and changed after each of them.

    If a policy fails on a changed future, it depends on the future; the table has its error. A policy that looks ahead
    on some days only is detected only if these days are checked: check many.
    make   : makes a policy, with its allocation, from a market. It must compute in there all that the policy uses.
    market : as it was.
    costs  : of the test.
    start  : first day of the test.
    days   : of the test, after the first possible booking and before its last day; by default six, evenly spread.
    lag    : sessions from a decision to its booking.
    seed   : of the changed values: returns, prices, volumes, tradable, spreads, cash. Dates stay.
    Raises : ConfigError for days outside the test, and all that making and playing the policy on the whole market
             raises.
    """
    if not is_whole(seed) or seed < 0:
        refuse("seed of look_ahead is", seed, "give a whole number of 0 or more.")
    policy = make(market)
    original = _Played.of(policy, market, costs, start, lag)
    rows = _rows(market, original.result.first + max(lag, 1), days)
    table = pd.DataFrame(
        {
            "decisions": [int((original.result.ledger.asked <= t).sum()) for t in rows],
            CUT: [
                _difference(original, make, market.until(market.dates[t]), costs.until(t + 1), start, lag, t)
                for t in rows
            ],
            CHANGED: [
                _difference(
                    original, make, changed_after(market, t, seed), _changed_costs(costs, t, seed), start, lag, t
                )
                for t in rows
            ],
        },
        index=market.dates[rows],
    )
    return LookAhead(f"{short_name(policy)} of {short_name(held_by(policy))}", repr(market), table)


def changed_after(market: Market, t: int, seed: int = 0) -> Market:
    """The same market up to and including row t, with other values after it.

    Dates stay, and no asset is delisted later.
    """
    rng, shape, cut = np.random.default_rng([seed, t]), market.shape, market.until(market.dates[t])
    later, left = np.arange(shape[0])[:, None] > t, market.exits <= t
    tradable = np.where(later, (rng.random(shape) > 0.2) & ~left, market.tradable)
    listed = np.maximum.accumulate(tradable, axis=0) & ~(later & left)
    returns = np.where(later, rng.normal(0.0, 0.05, shape), market.returns) * (tradable | ~later) * listed
    prices = rng.uniform(1.0, 9.0, shape)
    panels = {
        "volumes": rng.uniform(1.0, 9.0, shape),
        "dividends": np.where(tradable & (rng.random(shape) < 0.02), 0.01, 0.0),
        "splits": np.ones(shape),
    }
    known = {name: getattr(market, name) for name in panels}
    kept: dict[str, Any] = {k: np.where(later, panels[k], v) for k, v in known.items() if v is not None}
    bars = {name: np.where(later, BARS[name] * prices, bar) for name, bar in (market.bars or {}).items()}
    return replace(
        market,
        returns=returns,
        tradable=tradable,
        instruments=cut.instruments,
        notes=cut.notes,
        prices=np.where(later, prices, market.prices),
        cash=np.where(later[:, 0], rng.uniform(0.0, 1e-3, shape[0]), market.cash),
        bars=None if market.bars is None else bars,
        **kept,
    )


def _changed_costs(costs: Costs, t: int, seed: int) -> Costs:
    """The same costs up to and including row t, and other spreads after it where they vary by day."""
    if costs.half_spread.ndim == 1:
        return costs
    spreads = costs.half_spread.copy()
    spreads[t + 1 :] = np.random.default_rng([seed, t, 1]).uniform(50e-4, 100e-4, spreads[t + 1 :].shape)
    return replace(costs, half_spread=spreads)


def _rows(market: Market, first: int, days: Sequence[str | pd.Timestamp] | None) -> list[int]:
    """The rows of the market to check, after row `first`, so that a trade is possible before the cut.

    Raises : ConfigError for a day outside the test, and for a test that is too short.
    """
    last = len(market.dates) - 1
    if last - first < 2:
        raise ConfigError(
            f"a test that ends on {market.dates[last]:%Y-%m-%d} and cannot trade before "
            f"{market.dates[first]:%Y-%m-%d} has no day to check: start it earlier."
        )
    if days is None:
        spread = np.linspace(first, last, DAYS + 2).astype(int)[1:-1]
        return np.unique(np.maximum(spread, first + 1)).tolist()
    rows = [market.row(day("a day of look_ahead is", one)) for one in days]
    outside = [t for t in rows if not first < t < last]
    if outside or not rows:
        given = f"{market.dates[outside[0]]:%Y-%m-%d}" if outside else "none"
        raise ConfigError(
            f"a day to check is {given}: give days after {market.dates[first]:%Y-%m-%d}, the first possible trade, "
            f"and before the last day of the test, {market.dates[last]:%Y-%m-%d}."
        )
    return sorted(rows)


# -- what was known, asked for and booked ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Recorded:
    """A policy that decides day by day, with what it answered: the market row, the box, and the fraction of the way."""

    policy: Policy
    allocation: Allocation | None
    rows: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)

    def decide(self, view: View) -> Hold | Trade:
        answer = self.policy.decide(view)
        if isinstance(answer, Trade):
            self.rows.append(view.past.t)
            edges = [answer.cash_lower, answer.cash_upper, answer.fraction]
            self.boxes.append(np.concatenate([answer.lower, answer.upper, edges]))
        return answer


@dataclass(frozen=True)
class _Played:
    """A policy played to the end of a market, with every box that it asked for."""

    result: Backtest
    answers: Facts

    @classmethod
    def of(cls, policy: Policy, market: Market, costs: Costs, start: str | pd.Timestamp, lag: int) -> "_Played":
        rule = compiled_rule(policy)
        if rule is None:
            recorded = _Recorded(policy, held_by(policy))
            result = backtest(market, recorded, costs, start=start, lag=lag, name=short_name(policy))
            answered = np.array(recorded.boxes).reshape(len(recorded.rows), 2 * len(market.assets) + 3)
            return cls(result, {"answer": (np.array(recorded.rows, dtype=np.int64), answered)})
        result = backtest(market, policy, costs, start=start, lag=lag)
        bands = rule.no_trade_bands(market, result.targets, costs)
        days = np.arange(result.first + 1, len(market.dates))
        asked, row, *boxes = bands.arrays
        rates = bands.options.rates
        answers: Facts = {f"box {k} of the bands": (days, box[row[days]]) for k, box in enumerate(boxes)}
        answers["days on which the rule is asked"] = (days, asked[days])
        answers["rates of the bands"] = (days, rates[days]) if len(rates) > 1 else (days[: len(rates)], rates)
        return cls(result, answers)

    @cached_property
    def decisions(self) -> pd.DataFrame:
        return self.result.decisions()

    def until(self, t: int) -> Facts:
        """Everything that was known, asked for or booked up to the close of row t: causes before their effects."""
        result, book = self.result, self.result.ledger
        days = np.arange(result.first, t + 1)
        decided, done = book.asked <= t, (book.booked >= 0) & (book.booked <= t)
        facts: Facts = {"target": (days, result.targets.rows[result.targets.row[days]])}
        facts |= {name: (rows[rows <= t], values[rows <= t]) for name, (rows, values) in self.answers.items()}
        told = self.decisions[self.decisions["asked"] <= result.market.dates[t]].copy()
        told["booked"] = told["booked"].where(told["booked"] <= result.market.dates[t])
        rows = result.market.dates.get_indexer(pd.DatetimeIndex(told["asked"]))
        facts |= {f"{name} of the decision": (rows, told[name].to_numpy()) for name in told}
        for name in ("asked", "line", "size", "allowed"):
            facts[f"{name} of the booking"] = (book.asked[decided], getattr(book, name)[decided])
        of_trade = {name: getattr(book, name) for name in ("booked", "trades", "charges", "nav_before")}
        of_trade |= {"units": book.units[1:], "cash_units": book.cash_units[1:]}
        facts |= {name: (book.booked[done], values[done]) for name, values in of_trade.items()}
        closes = {"nav": book.nav, "weights": result.weights.to_numpy()}
        return facts | {name: (days, values[: len(days)]) for name, values in closes.items()}


def _difference(
    original: _Played,
    make: Callable[[Market], Policy],
    other: Market,
    costs: Costs,
    start: str | pd.Timestamp,
    lag: int,
    t: int,
) -> str:
    """What differs first, up to row t, where the policy is made for and played on another market; "" for nothing."""
    try:
        theirs = _Played.of(make(other), other, costs, start, lag).until(t)
    except Exception as error:  # whatever a policy of anyone's raises here, it did not raise it where it first played
        return f"{type(error).__name__}: {error}"
    ours = original.until(t)
    if ours.keys() != theirs.keys():
        return "the kind of the policy"
    rows = {name: _first_row(ours[name], theirs[name]) for name in ours}
    differing = {name: row for name, row in rows.items() if row is not None}
    if not differing:
        return ""
    name = min(differing, key=lambda name: differing[name])
    return f"{name}, {original.result.market.dates[differing[name]]:%Y-%m-%d}"


def _first_row(one: tuple[Rows, np.ndarray], two: tuple[Rows, np.ndarray]) -> int | None:
    """The market row of the first value that differs or that only one of them has; None where all are the same."""
    (rows, mine), (others, theirs) = one, two
    both = min(len(rows), len(others))
    a, b = mine[:both], theirs[:both]
    differs = (a != b) & ~((a != a) & (b != b))  # a missing number, or date, is the same as a missing one
    apart = (rows[:both] != others[:both]) | differs.any(axis=tuple(range(1, differs.ndim)))
    if apart.any():
        k = int(np.argmax(apart))
        return int(min(rows[k], others[k]))
    longer = rows if len(rows) > len(others) else others
    return int(longer[both]) if len(longer) > both else None
