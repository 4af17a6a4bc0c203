"""No decision depends on what comes after it: every policy, on a market that ends, or that goes on otherwise.

A policy joins by one line in `POLICIES`, and a rule or an allocation that is exported and not among them fails a test.
What is changed after day t: returns, prices, volumes, what can be traded, and cash; the dates stay, so that a calendar
that read the next row instead of the exchange's schedule would be caught by the shorter market.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from backtests.engine import backtest
from research import allocation, rules
from research.accounting import Costs, Hold, Policy, Trade, View, Why
from research.allocation import (
    HRP,
    Allocation,
    EqualWeights,
    FixedWeights,
    InverseVolatility,
    MinimumVariance,
    TargetPath,
    target_path,
)
from research.market import Market, instruments_table
from research.rules import Calendar, Corridor, Never, Threshold, TunedThreshold, Within
from research.rules.corridor import band_rows

DAYS, LINES, START = 190, 5, 80
FIXED = FixedWeights((0.3, 0.2, 0.2, 0.1, 0.1))

Make = Callable[[Market], Policy]
Facts = dict[str, np.ndarray | pd.DataFrame]


def tuned(market: Market) -> Policy:
    """Tuned on the days before the test, for the J of the test."""
    from backtests.scores import Yardstick
    from backtests.tuning import tune

    spec, before = TunedThreshold(FIXED, bands=(0.005, 0.02, 0.05), to=(0.0, 1.0)), market.until(market.dates[START])
    anything = np.zeros(LINES), np.ones(LINES)
    return tune(
        spec, before, COSTS, Yardstick(target_path(FIXED, before), *anything, g=5.0, periods_per_year=252)
    ).policy


POLICIES: dict[str, Make] = {
    "never, equal": lambda market: Never(EqualWeights()),
    "week, fixed": lambda market: Calendar(FIXED, "week"),
    "month, fixed, in halves": lambda market: Calendar(FIXED, "month", part=0.5),
    "month, inverse volatility": lambda market: Calendar(InverseVolatility(window=20, refit="week"), "month"),
    "month, HRP": lambda market: Calendar(HRP(window=30, refit="month"), "month"),
    "band, HRP": lambda market: Threshold(HRP(window=30, refit="month"), 0.01),
    "edge, minimum variance": lambda market: Threshold(MinimumVariance(window=40, refit="month"), 0.01, "edge"),
    "within, fixed": lambda market: Threshold(FIXED, 0.01, Within(0.004)),
    "edge, equal, in halves": lambda market: Threshold(EqualWeights(), 0.01, "edge", part=0.5),
    "tuned": tuned,
}
USED = {Never, Calendar, Threshold, TunedThreshold, EqualWeights, FixedWeights, InverseVolatility, MinimumVariance, HRP}

COSTS = Costs.bps(LINES, [1, 2, 3, 4, 5], 1)


@pytest.fixture(scope="module")
def market() -> Market:
    """Five lines with quotes and volumes, the last listed during the test, halts here and there, cash with interest."""
    import exchange_calendars as xcals

    rng = np.random.default_rng(9)
    sessions = xcals.get_calendar("XNYS", start="2019-01-01", end="2021-12-31").sessions[:DAYS]
    tradable = rng.random((DAYS, LINES)) > 0.02
    tradable[0], tradable[:100, 4], tradable[100, 4] = True, False, True
    tradable[0, 4] = False
    returns = np.where(tradable, rng.normal(0.0, 0.01, (DAYS, 1)) + rng.normal(0.0, 0.015, (DAYS, LINES)), 0.0)
    names = ("A", "B", "C", "D", "E")
    return Market(
        dates=sessions,
        assets=names,
        returns=returns,
        tradable=tradable,
        cash=rng.uniform(0.0, 2e-4, DAYS),
        instruments=instruments_table(names, asset_class=["stock", "stock", "bond", "bond", "stock"]),
        prices=np.where(tradable, 50.0 * np.cumprod(1.0 + returns, axis=0), np.nan),
        volumes=rng.uniform(1e5, 1e6, (DAYS, LINES)),
        name="look-ahead",
    )


# -- the battery -----------------------------------------------------------------------------------------------------


def changed_after(market: Market, t: int) -> Market:
    """The same up to and including row t, on the same dates; every value after it is another."""
    rng, shape = np.random.default_rng([t, 1]), market.shape
    later = np.arange(shape[0])[:, None] > t
    assert market.volumes is not None
    tradable = np.where(later, rng.random(shape) > 0.2, market.tradable)
    listed = np.maximum.accumulate(tradable, axis=0)
    returns = np.where(later, rng.normal(0.0, 0.05, shape), market.returns) * (tradable | ~later) * listed
    return replace(
        market,
        returns=returns,
        tradable=tradable,
        prices=np.where(later, rng.uniform(1.0, 9.0, shape), market.prices),
        volumes=np.where(later, rng.uniform(1.0, 9.0, shape), market.volumes),
        cash=np.where(later[:, 0], rng.uniform(0.0, 1e-3, shape[0]), market.cash),
    )


@dataclass
class Recorded:
    """A policy, with what it answered."""

    policy: Policy
    allocation: Allocation
    answers: list[np.ndarray] = field(default_factory=list)

    def decide(self, view: View) -> Hold | Trade:
        answer = self.policy.decide(view)
        if isinstance(answer, Trade):
            box = [answer.lower, answer.upper, [answer.cash_lower, answer.cash_upper, answer.part, view.past.t]]
            self.answers.append(np.concatenate(box))
        return answer


def played(policy: Policy, market: Market, t: int, lag: int) -> Facts:
    """Everything that was known, asked for, or booked up to the close of row t."""
    settings = {"start": market.dates[START + 1], "lag": lag}
    if hasattr(policy, "corridor"):
        result = backtest(market, policy, COSTS, **settings)
        corridor, days = policy.corridor(market, result.targets), slice(START + 1, t + 1)
        asked, row, *boxes = corridor.arrays
        answers = [asked[days], *(box[row[days]] for box in boxes)]
    else:
        recorded = Recorded(policy, policy.allocation)
        result = backtest(market, recorded, COSTS, **settings)
        answers = [answer for answer in recorded.answers if answer[-1] <= t]
    book, days = result.ledger, slice(0, t - result.first + 1)
    decided, done = book.asked <= t, (book.booked >= 0) & (book.booked <= t)
    facts: Facts = {name: getattr(book, name)[decided] for name in ("asked", "line", "size", "allowed")}
    facts |= {name: getattr(book, name)[done] for name in ("booked", "trades", "charges", "nav_before")}
    facts |= {"units": book.units[1:][done], "cash_units": book.cash_units[1:][done], "nav": book.nav[days]}
    facts |= {f"answer {i}": answer for i, answer in enumerate(answers)}
    told = result.decisions()
    told = told[told["asked"] <= market.dates[t]].reset_index(drop=True)
    told["booked"] = told["booked"].where(told["booked"] <= market.dates[t])
    return facts | {"weights": result.weights.to_numpy()[days], "decisions": told}


def assert_blind(make: Make, market: Market, t: int, lag: int = 1) -> None:
    """What `make` gives decides the same up to row t, whatever comes after it."""
    known = played(make(market), market, t, lag)
    for other in (market.until(market.dates[t]), changed_after(market, t)):
        facts = played(make(other), other, t, lag)
        assert facts.keys() == known.keys()
        for fact, values in facts.items():
            if isinstance(values, pd.DataFrame):
                pd.testing.assert_frame_equal(values, known[fact], check_exact=True)
            else:
                np.testing.assert_array_equal(values, known[fact], err_msg=fact)


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("name", POLICIES)
def test_no_decision_depends_on_what_comes_after_it(market: Market, name: str, lag: int) -> None:
    """At a plain day, at a month's last session, on the day before a listing and on the day of it."""
    for t in (93, 99, 100, 103, 150):
        assert_blind(POLICIES[name], market, t, lag)


def test_the_days_are_what_the_battery_says(market: Market) -> None:
    assert not market.listed[99, 4]
    assert market.listed[100, 4]
    assert market.dates[103].month != market.dates[104].month


def test_what_comes_after_is_really_another(market: Market) -> None:
    """The battery would find nothing if nothing were changed: each panel differs after t on nearly all days."""
    other = changed_after(market, 100)
    for panel in ("returns", "prices", "volumes", "cash"):
        mine, theirs = getattr(market, panel)[101:], getattr(other, panel)[101:]
        assert (mine != theirs).mean() > 0.75, panel
    assert (market.tradable[101:] != other.tradable[101:]).any()
    result, changed = (
        backtest(world, Calendar(FIXED, "week"), COSTS, start=market.dates[81]) for world in (market, other)
    )
    assert not np.isclose(result.ledger.nav[101 - result.first :], changed.ledger.nav[101 - result.first :]).any()


# -- everyone takes part ---------------------------------------------------------------------------------------------


def exported(room: object, method: str) -> set[type]:
    """Classes that a room exports, that can be made, and that have `method`."""
    names = getattr(room, "__all__", [])
    classes = {getattr(room, name) for name in names if inspect.isclass(getattr(room, name))}
    return {c for c in classes if hasattr(c, method) and not getattr(c, "_is_protocol", False)}


def learned_policies() -> set[type]:
    """What the learning room exports, once there is one: it joins by a line of its own in `POLICIES` and in `USED`."""
    if find_spec("research.learning") is None:
        return set()
    return exported(import_module("research.learning"), "decide")


def test_every_exported_rule_and_allocation_is_in_the_battery() -> None:
    deciding = exported(rules, "decide") | exported(rules, "candidates") | learned_policies()
    assert deciding | exported(allocation, "target") == USED


def test_what_is_said_to_be_in_the_battery_is_played_in_it(market: Market) -> None:
    """Every class named in `USED` appears among the policies, their allocations, or the code of their makers."""
    seen: set[type] = set()
    for make in POLICIES.values():
        policy = make(market)
        seen |= {type(policy), *(type(getattr(policy, f.name)) for f in fields(policy))}
        seen |= {c for c in USED if c.__name__ in inspect.getsource(make)} if inspect.isfunction(make) else set()
    assert seen >= USED


# -- whoever looks ahead is caught -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peeks:
    """Holds what rises on the next day, by reaching behind its view of the past."""

    allocation: FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        world = view.past._market
        ahead = world.returns[min(view.past.t + 1, len(world.dates) - 1)]
        return Trade.to(np.eye(LINES)[int(np.argmax(ahead))], Why("peeks"))


@dataclass(frozen=True)
class Foresees:
    """A corridor whose target is made from the mean return of all days, later ones too."""

    allocation: FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        raise NotImplementedError

    def corridor(self, market: Market, targets: TargetPath) -> Corridor:
        best = np.eye(LINES)[int(np.argmax(market.returns[:, :4].mean(axis=0)))]
        rows = band_rows(best[None], 0.01, 0.0)
        days = len(market.dates)
        return Corridor(np.ones(days, dtype=bool), np.zeros(days, dtype=np.int64), **rows, part=1.0, trigger="foresees")


@dataclass(frozen=True)
class NextRow:
    """Trades when the next row of the data is in another month: it does not know the exchange's schedule."""

    allocation: FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        days, t = view.past._market.dates, view.past.t
        last = t + 1 < len(days) and days[t + 1].month != days[t].month
        return Trade.to(view.target, Why("month")) if last else Hold(Why("month"))


@dataclass(frozen=True)
class Volumes:
    """Trades when tomorrow's volume is low."""

    allocation: FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        volumes, t = view.past._market.volumes, view.past.t
        assert volumes is not None
        low = t + 1 < len(volumes) and volumes[t + 1, 0] < 100.0
        return Trade.to(view.target, Why("volume")) if low else Hold(Why("volume"))


@dataclass(frozen=True)
class WholeSample:
    """An allocation that keeps to equal weights, and leaves out the line that will have the worst return of all."""

    refit: str = "month"
    window: int = 0

    def target(self, past: object) -> np.ndarray:
        worst = int(np.argmin(past._market.returns[:, :4].sum(axis=0)))
        return np.where(np.arange(LINES) == worst, 0.0, 0.2)


@pytest.mark.parametrize("cheat", [Peeks(), Foresees(), NextRow(), Volumes(), Calendar(WholeSample(), "week")])
def test_a_policy_that_looks_ahead_is_caught(market: Market, cheat: Policy) -> None:
    """Whoever looks a day ahead is caught on the day that it happens to decide something: on one of five at least."""

    def caught(t: int) -> bool:
        try:
            assert_blind(lambda _: cheat, market, t)
        except AssertionError:
            return True
        return False

    assert any(caught(t) for t in (93, 99, 100, 103, 150))
