"""No decision depends on what comes after it: every policy, on a market that ends, or that goes on otherwise.

A policy joins by one line in `POLICIES`, and a rule or an allocation that is exported and not among them fails a test.
What is changed after day t: returns, prices, volumes, what can be traded, and cash; the dates stay, so that a calendar
that read the next row instead of the exchange's schedule would be caught by the shorter market.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from typing_extensions import is_protocol

from backtests.engine import backtest
from backtests.sweeps import Arena
from backtests.tuning import tune
from research import allocation, learning, rules
from research.accounting import Costs, Hold, Policy, Trade, View, Why
from research.allocation import (
    HRP,
    Allocation,
    EqualWeights,
    FixedWeights,
    InverseVolatility,
    MinimumVariance,
    TargetPath,
)
from research.errors import PolicyError
from research.learning import Learned, LearnedPolicy, PPOSettings, train
from research.market import SHUMWAY, Market, delist, instruments_table
from research.market.calendars import last_of
from research.rules import (
    BestPoint,
    Calendar,
    Corridor,
    CostBenefit,
    GroupThreshold,
    Never,
    NoTradeRegion,
    OptimalRegion,
    Rule,
    Threshold,
    TrackingError,
    TunedThreshold,
    Within,
)
from research.rules.bands import band_rows
from research.rules.dynamic_programming import optimal_region

DAYS, LINES, START = 370, 5, 262  # START is the last close before the test: a learned policy wants a year before it
LISTED = START + 20  # the session on which the last line is listed
LEFT = START + 45  # the session on which the fourth line leaves, where one does; its last price is six sessions older
FIXED = FixedWeights((0.3, 0.2, 0.2, 0.1, 0.1))

Make = Callable[[Market], Rule]
Facts = dict[str, np.ndarray | pd.DataFrame]


def tuned(market: Market) -> Rule:
    """Tuned on the days before the test, for the J of the test."""
    spec = TunedThreshold(FIXED, bands=(0.005, 0.02, 0.05), to=(0.0, 1.0))
    return tune(spec, Arena.on(market, COSTS, FIXED, market.dates[START + 1])).policy


TRAINED: dict[str, LearnedPolicy] = {}


def learned(market: Market) -> LearnedPolicy:
    """Trained, very little, on the days before the test; for a target that the listing does not change.

    The days that it is trained on are the same in every world of the battery, to the last bit: so it is trained once.
    """
    before = market.until(market.dates[START])
    if before.fingerprint not in TRAINED:
        little = PPOSettings(worlds=16, rollout=4, batch=32, epochs=1, hidden=8)
        spec = Learned(FixedWeights((0.3, 0.3, 0.2, 0.1, 0.0)), steps=64, seeds=(1,), ppo=little)
        TRAINED[before.fingerprint] = train(spec, before, COSTS, 5.0, 252, workers=1).policy
    return TRAINED[before.fingerprint]


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
    "friday or band, resting": lambda market: Threshold(
        FIXED, 0.02, check="friday", review="month", cooldown=2, turnover_cap=0.02
    ),
    "volatilities, one pays": lambda market: Threshold(
        FIXED, 0.2, kind="volatility", returns=20, lines="breaching", payer="B"
    ),
    "classes": lambda market: GroupThreshold(FIXED, "asset_class", 0.005, "edge"),
    "tracking error": lambda market: TrackingError(FIXED, 0.003, returns=30, part=0.5),
    "cost and benefit": lambda market: CostBenefit(EqualWeights(), g=20.0, horizon=1.0, returns=30),
    "no-trade region": lambda market: NoTradeRegion(FIXED, g=50.0, returns=30),
    "best point": lambda market: BestPoint(FIXED, g=100.0, horizon=1.0, check="week", returns=30),
    "optimal": lambda market: OptimalRegion(TWO, REGION),
    "tuned": tuned,
    "learned": learned,
}

TWO = FixedWeights((0.4, 0.3))
REGION = optimal_region(
    (0.4, 0.3), mean=np.zeros(2), covariance=np.eye(2) * 0.018**2 * 252, cost=np.full(2, 1e-3), g=50.0, interval=1 / 252
)
COSTS = Costs.bps(LINES, commission=[1, 2, 3, 4, 5], half_spread=1)


def costs_on(market: Market, by_day: bool = False, t: int = DAYS) -> Costs:
    """Of the lines of the market; with spreads by the day, which are others after row t, or without."""
    days, n = market.shape
    if not by_day:
        return Costs(COSTS.commission[:n], COSTS.half_spread[:n])
    spreads = np.random.default_rng(10).uniform(0.5e-4, 5e-4, (DAYS, LINES))
    spreads[t + 1 :] = np.random.default_rng([t, 2]).uniform(50e-4, 100e-4, spreads[t + 1 :].shape)
    return Costs(COSTS.commission[:n], spreads[:days, :n])


def its_lines(name: str, market: Market) -> Market:
    """The market that a policy of the battery is played on: an optimal region knows two lines."""
    return market.select(["A", "B"]) if name == "optimal" else market


@pytest.fixture(scope="module")
def market() -> Market:
    """Five lines with quotes and volumes, the last listed during the test, halts here and there, cash with interest."""
    import exchange_calendars as xcals

    rng = np.random.default_rng(9)
    sessions = xcals.get_calendar("XNYS", start="2019-01-01", end="2021-12-31").sessions[:DAYS]
    tradable = rng.random((DAYS, LINES)) > 0.02
    tradable[0], tradable[:LISTED, 4], tradable[LISTED, 4] = True, False, True
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


@pytest.fixture(scope="module")
def leaving(market: Market) -> Market:
    """The same, but the fourth line is halted and then delisted during the test."""
    silent = (np.arange(DAYS)[:, None] > LEFT - 6) & (np.arange(LINES) == 3)
    halted = replace(
        market,
        tradable=market.tradable & ~silent,
        returns=np.where(silent, 0.0, market.returns),
        prices=np.where(silent, np.nan, market.prices),
    )
    return delist(halted, "D", market.dates[LEFT], SHUMWAY)


# -- the battery -----------------------------------------------------------------------------------------------------


def changed_after(market: Market, t: int) -> Market:
    """The same up to and including row t, on the same dates; every value after it is another, and nobody leaves."""
    rng, shape = np.random.default_rng([t, 1]), market.shape
    later = np.arange(shape[0])[:, None] > t
    assert market.volumes is not None
    left = market.exits <= t
    tradable = np.where(later, (rng.random(shape) > 0.2) & ~left, market.tradable)
    listed = np.maximum.accumulate(tradable, axis=0) & ~(later & left)
    returns = np.where(later, rng.normal(0.0, 0.05, shape), market.returns) * (tradable | ~later) * listed
    return replace(
        market,
        returns=returns,
        tradable=tradable,
        instruments=market.until(market.dates[t]).instruments,
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


def played(policy: Policy, market: Market, t: int, lag: int, costs: Costs = COSTS) -> Facts:
    """Everything that was known, asked for, or booked up to the close of row t."""
    settings = {"start": market.dates[START + 1], "lag": lag}
    if hasattr(policy, "corridor"):
        result = backtest(market, policy, costs, **settings)
        corridor, days = policy.corridor(market, result.targets, costs), slice(START + 1, t + 1)
        asked, row, *boxes = corridor.arrays
        answers = [asked[days], *(box[row[days]] for box in boxes)]
        rates = corridor.terms.rates
        answers += [rates[days] if len(rates) > 1 else rates]
    else:
        recorded = Recorded(policy, policy.allocation)
        result = backtest(market, recorded, costs, **settings)
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


def assert_blind(make: Make, market: Market, t: int, lag: int = 1, by_day: bool = False) -> None:
    """What `make` gives decides the same up to row t, whatever comes after it."""
    known = played(make(market), market, t, lag, costs_on(market, by_day))
    for other in (market.until(market.dates[t]), changed_after(market, t)):
        facts = played(make(other), other, t, lag, costs_on(other, by_day, t))
        assert facts.keys() == known.keys()
        for fact, values in facts.items():
            if isinstance(values, pd.DataFrame):
                pd.testing.assert_frame_equal(values, known[fact], check_exact=True)
            else:
                np.testing.assert_array_equal(values, known[fact], err_msg=fact)


@pytest.fixture(scope="module")
def days(market: Market) -> list[int]:
    """A plain day, the day before a listing and the day of it, the next last session of a month, a late day."""
    month_ends = np.flatnonzero(last_of(market.days, "month", market.calendar))
    assert not market.listed[LISTED - 1, 4]
    assert market.listed[LISTED, 4]
    return [START + 13, LISTED - 1, LISTED, int(month_ends[month_ends > LISTED][0]), START + 70]


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("name", POLICIES)
def test_no_decision_depends_on_what_comes_after_it(market: Market, days: list[int], name: str, lag: int) -> None:
    for t in days:
        assert_blind(POLICIES[name], its_lines(name, market), t, lag)


@pytest.mark.parametrize("name", ["no-trade region", "cost and benefit", "best point", "classes"])
def test_no_decision_depends_on_a_spread_that_is_to_come(market: Market, days: list[int], name: str) -> None:
    for t in days:
        assert_blind(POLICIES[name], market, t, by_day=True)


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "learned"])
def test_no_decision_depends_on_an_exit_that_is_to_come(leaving: Market, name: str) -> None:
    """In the halt, on the day before the exit, on the day of it, and after it: nobody knew, and all follow it."""
    assert leaving.exits[3] == LEFT
    for t in (LEFT - 3, LEFT - 1, LEFT, LEFT + 10):
        assert_blind(POLICIES[name], its_lines(name, leaving), t)


def test_learned_policy_refuses_the_target_that_an_exit_leaves_it(leaving: Market) -> None:
    """It knows the targets that it was trained on, and was not trained for one without the line."""
    assert_blind(POLICIES["learned"], leaving.until(leaving.dates[LEFT - 1]), LEFT - 3)
    with pytest.raises(PolicyError, match="for a target that it was not trained for"):
        played(POLICIES["learned"](leaving), leaving, LEFT, lag=1)


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_of_the_battery_but_one_decides_something(market: Market, name: str) -> None:
    """Blindness is easy for one that never trades: all but `Never` do, before the earliest day that is looked at."""
    mine = its_lines(name, market)
    facts = played(POLICIES[name](mine), mine, START + 70, lag=1, costs=costs_on(mine))
    assert (len(facts["asked"]) == 0) == (name == "never, equal")


def test_what_comes_after_is_really_another(market: Market) -> None:
    """The battery would find nothing if nothing were changed: each panel differs after t on nearly all days."""
    other = changed_after(market, LISTED)
    for panel in ("returns", "prices", "volumes", "cash"):
        mine, theirs = getattr(market, panel)[LISTED + 1 :], getattr(other, panel)[LISTED + 1 :]
        assert (mine != theirs).mean() > 0.75, panel
    assert (market.tradable[LISTED + 1 :] != other.tradable[LISTED + 1 :]).any()
    rule, later = Calendar(FIXED, "week"), slice(LISTED + 1 - START, None)
    nav, changed = (backtest(w, rule, COSTS, start=w.dates[START + 1]).ledger.nav[later] for w in (market, other))
    assert not np.isclose(nav, changed).any()


# -- everyone takes part ---------------------------------------------------------------------------------------------


def exported(room: ModuleType, *methods: str) -> set[type]:
    """Classes that a room exports and that have one of the methods."""
    classes = [getattr(room, name) for name in room.__all__ if inspect.isclass(getattr(room, name))]
    return {c for c in classes if any(hasattr(c, method) for method in methods) and not is_protocol(c)}


def test_every_exported_policy_and_allocation_is_in_the_battery(market: Market) -> None:
    """A rule that is still to be tuned takes part as what tuning gives; so its maker must name it."""
    policies = [make(market) for make in POLICIES.values()]
    played = {
        TunedThreshold if isinstance(policy, Threshold) and hasattr(policy, "seen") else type(policy)
        for policy in policies
    }
    held = {type(policy.allocation) for policy in policies}
    assert exported(rules, "decide", "candidates") | exported(learning, "decide") == played
    assert exported(allocation, "target") == held


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

    def corridor(self, market: Market, targets: TargetPath, costs: Costs) -> Corridor:
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
class Insider:
    """Holds nothing of a line from the day on which it is halted for good, by reading when it will be delisted."""

    allocation: FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        doomed = view.past._market.instruments["delisted"].notna().to_numpy()
        return Trade.to(np.where(doomed, 0.0, view.target), Why("insider"))


@dataclass(frozen=True)
class WholeSample:
    """An allocation that keeps to equal weights, and leaves out the line that will have the worst return of all."""

    refit: str = "month"
    window: int = 0

    def target(self, past: object) -> np.ndarray:
        worst = int(np.argmin(past._market.returns[:, :4].sum(axis=0)))
        return np.where(np.arange(LINES) == worst, 0.0, 0.2)


@pytest.mark.parametrize("cheat", [Peeks(), Foresees(), NextRow(), Volumes(), Calendar(WholeSample(), "week")])
def test_a_policy_that_looks_ahead_is_caught(market: Market, days: list[int], cheat: Policy) -> None:
    """Whoever looks a day ahead is caught on the day that it happens to decide something: on one of five at least."""

    def caught(t: int) -> bool:
        try:
            assert_blind(lambda _: cheat, market, t)
        except AssertionError:
            return True
        return False

    assert any(caught(t) for t in days)


def test_who_reads_of_an_exit_that_is_to_come_is_caught(leaving: Market) -> None:
    with pytest.raises(AssertionError):
        assert_blind(lambda _: Insider(), leaving, LEFT - 10)
