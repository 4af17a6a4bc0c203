"""No decision depends on what comes after it: every policy, on a market that ends, or that goes on otherwise.

A policy joins by one asset in `POLICIES`, and a rule or an allocation that is exported and not among them fails a test.
What is changed after day t: returns, prices, volumes, what can be traded, and cash; the dates stay, so that a calendar
that read the next row instead of the exchange's schedule would be caught by the shorter market.
"""

import cProfile
import inspect
import logging
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from threading import Thread
from types import ModuleType

import cvxpy as cp
import new_york
import numpy as np
import pandas as pd
import pytest
from skfolio.optimization import SchurComplementary
from sklearn.base import BaseEstimator
from typing_extensions import is_protocol

from backtests.comparison.fitting.tuning import tune
from backtests.engine import backtest
from backtests.studies.audits.futures import ALTERED, CUT, FUTURES, changed_after
from backtests.studies.audits.look_ahead import LookAhead, look_ahead
from backtests.studies.audits.reading import watched
from backtests.sweeps import Setup
from foundation.errors import ConfigError, PolicyError
from research import allocation as allocated
from research import learning, rules
from research.accounting import Costs, Flows, Hold, Policy, Tax, Trade, View, Why
from research.allocation.constraints import Constraints, Exposure, Most
from research.forecast import Estimated, MarkovRegimes, history
from research.forecast.news import Score, Scores
from research.learning import Learned, LearnedPolicy, PPOSettings, Universal, train
from research.market import SHUMWAY, Market, delist, instruments_table, load_market
from research.market.calendars import last_of
from research.rules.bands import band_rows
from research.rules.networks.names import ACTIONS, Action
from research.rules.optimum.dynamic_programming import optimal_region
from research.rules.optimum.region import Region
from research.rules.protocol import fitted_until

DAYS, LINES, START = 370, 5, 262  # START is the last close before the test: a learned policy wants a year before it
LISTED = START + 20  # the session on which the last asset is listed
LEFT = START + 45  # the session on which the fourth asset leaves, where one does; its last price is six sessions older
FIXED = allocated.FixedWeights((0.3, 0.2, 0.2, 0.1, 0.1))

NEWS = Scores("news", "", tuple(  # of what came true so far, whatever the market does later
    Score(moment, asset, score, 1.0, "", "", date(2018, 1, 1), "", moment)
    for month in range(24) for asset, score in (("A", -((-1.0) ** month)), ("B", -((-1.0) ** (month // 2))))
    for moment in [datetime(2019 + month // 12, month % 12 + 1, 20, tzinfo=UTC)]
))  # fmt: skip

PRICED = pd.DataFrame(
    np.random.default_rng(4).normal(size=(24, LINES)),
    index=pd.date_range("2019-01-31", periods=24, freq="ME"),
    columns=list("ABCDE"),
)

Make = Callable[[Market], rules.Rule]


def tuned(market: Market) -> rules.Rule:
    """Tuned on the days before the test, for the J of the test."""
    spec = rules.TunedThreshold(FIXED, bands=(0.005, 0.02, 0.05), to=(0.0, 1.0))
    return tune(spec, Setup.on(market, COSTS, FIXED, market.dates[START + 1])).policy


def regimes(market: Market) -> MarkovRegimes:
    """Those of the first asset, some days before the test; its noise has no regimes: theirs are stated."""
    spread, seen = float(history(market.past(START - 5), "A").std()), market.dates[START - 5]
    return MarkovRegimes("A", (0.0, 0.0), (0.7 * spread, 1.5 * spread), ((0.95, 0.05), (0.2, 0.8)), seen)


TRAINED: dict[tuple[str, str], LearnedPolicy] = {}


def learned(market: Market, action: Action = "bands") -> LearnedPolicy:
    """Trained, very little, on the days before the test; for a target that the listing does not change.

    The days that it is trained on are the same in every world of the battery, to the last bit: so it is trained once.
    """
    before = market.until(market.dates[START])
    key = before.fingerprint, action
    if key not in TRAINED:
        little = PPOSettings(worlds=16, rollout=4, batch=32, epochs=1, hidden=8)
        held = allocated.FixedWeights((0.3, 0.3, 0.2, 0.1, 0.0))
        spec = Learned(held, steps=64, seeds=(1,), learner="ppo", ppo=little, action=action)
        with pytest.MonkeyPatch.context() as patch:  # how much it is worth is not asked
            patch.setattr("research.learning.worlds.rollouts.WORLD_SESSIONS", 65)
            policy = train(spec, before, COSTS, 5.0, 252, workers=1).policy
        if action == "hold_or_trade":  # so little training leaves it at holding, where it begins
            policy = replace(policy, net=policy.net._replace(bias_2=-policy.net.bias_2))
        TRAINED[key] = policy
    return TRAINED[key]


def inverse_deviations(returns: pd.DataFrame) -> pd.Series:
    """Weights in proportion to 1 over the standard deviation."""
    weights = 1.0 / returns.std()
    return weights / weights.sum()


class ByCorrelation(BaseEstimator):
    """Weights that rise with the correlation to a benchmark."""

    def fit(self, returns, benchmark):
        self.weights_ = np.exp(returns.corrwith(benchmark))
        self.weights_ /= self.weights_.sum()
        return self


POLICIES: dict[str, Make] = {
    "never, equal": lambda market: rules.Never(allocated.EqualWeights()),
    "week, fixed": lambda market: rules.Calendar(FIXED, "week"),
    "month, fixed, in halves": lambda market: rules.Calendar(FIXED, "month", fraction=0.5),
    "month, inverse volatility": lambda market: rules.Calendar(
        allocated.InverseVolatility(window=20, schedule="week"), "month"
    ),
    "month, HRP": lambda market: rules.Calendar(allocated.HRP(window=30, schedule="month"), "month"),
    "month, HERC with memory": lambda market: rules.Calendar(
        allocated.HERC(window=30, recluster="quarter", memory=0.5), "month"
    ),
    "month, NCO within bounds": lambda market: rules.Calendar(allocated.NCO(window=30, memory=0.5, upper=0.5), "month"),
    "month, Schur": lambda market: rules.Calendar(allocated.Schur(window=30, recluster="quarter"), "month"),
    "month, part of equal": lambda market: rules.Calendar(
        allocated.ConstantExposure(allocated.EqualWeights(), 0.6), "month"
    ),
    "month, volatility": lambda market: rules.Calendar(
        allocated.VolatilityTarget(allocated.EqualWeights(), 0.1, lookback=20), "month"
    ),
    "week, regimes": lambda market: rules.Calendar(allocated.RegimeExposure(FIXED, regimes(market)), "week"),
    "month, capitalisation": lambda market: rules.Calendar(allocated.MarketCapWeights("cap", "month"), "month"),
    "month, momentum": lambda market: rules.Calendar(
        allocated.Momentum(window=40, skip=5, weights="inverse_volatility"), "month"
    ),
    "month, universal portfolio": lambda market: rules.Calendar(
        allocated.UniversalPortfolio(window=30, points=20), "month"
    ),
    "month, exponential gradient": lambda market: rules.Calendar(
        allocated.ExponentialGradient(0.5, window=30), "month"
    ),
    "week, anticor": lambda market: rules.Calendar(allocated.Anticor(10, window=30, schedule="week"), "week"),
    "month, average": lambda market: rules.Calendar(
        allocated.Average((allocated.HRP(window=30), allocated.EqualWeights()), (0.7, 0.3)), "month"
    ),
    "month, shrunk": lambda market: rules.Calendar(allocated.Shrunk(allocated.InverseVolatility(window=30)), "month"),
    "month, reserve": lambda market: rules.Calendar(
        allocated.Reserve(allocated.InverseVolatility(window=30), "B", 0.2), "month"
    ),
    "week, smoothed": lambda market: rules.Calendar(
        allocated.Smoothed(allocated.HRP(window=30), schedule="week"), "week"
    ),
    "month, capped": lambda market: rules.Calendar(
        allocated.CappedTurnover(allocated.Smoothed(allocated.HRP(window=30)), 0.05), "month"
    ),
    "month, news": lambda market: rules.Calendar(
        allocated.NewsTilt(FIXED, scores=NEWS, confidence=1.0, estimate=30), "month"
    ),
    "month, tilted": lambda market: rules.Calendar(
        allocated.Tilted(allocated.HRP(window=30), Estimated(window=30), 0.05, 1.0), "month"
    ),
    "month, signals": lambda market: rules.Calendar(allocated.Signals(PRICED, "positive"), "month"),
    "several periods": lambda market: rules.MultiPeriod(FIXED, 4, tracking_penalty=50.0, returns=40),
    "several periods, mean-variance": lambda market: rules.MultiPeriod(
        allocated.MeanVariance("utility", forecast=Estimated("james_stein", window=40), upper=0.4), 3, half_life=2.0
    ),
    "month, ratio": lambda market: rules.Calendar(allocated.MaximumRatio(window=60, risk="semi_deviation"), "month"),
    "month, Kelly": lambda market: rules.Calendar(allocated.Kelly(window=60, upper=0.5), "month"),
    "cppi": lambda market: rules.CPPI(FIXED, floor=0.8, multiplier=3.0),
    "drawdown floor": lambda market: rules.DrawdownFloor(allocated.HRP(window=30), limit=0.2, multiplier=4.0),
    "stop": lambda market: rules.StopLoss(FIXED, limit=0.03, wait=5),
    "month, own function": lambda market: rules.Calendar(
        allocated.FunctionAllocation(inverse_deviations, window=20), "month"
    ),
    "band, HRP": lambda market: rules.Threshold(allocated.HRP(window=30, schedule="month"), 0.01),
    "edge, minimum variance": lambda market: rules.Threshold(
        allocated.MinimumVariance(window=40, schedule="month"), 0.01, "edge"
    ),
    "band, mean-variance": lambda market: rules.Threshold(
        allocated.MeanVariance(forecast=Estimated("james_stein", "shrunk_correlations", window=40), upper=0.4), 0.01
    ),
    "month, limits": lambda market: rules.Calendar(
        allocated.MeanVariance(
            forecast=Estimated(window=40),
            constraints=Constraints(turnover=Most(most=0.02), exposures={"beta": Exposure(to={"A": 1.0}, most=0.8)}),
        ),
        "month",
    ),
    "month, utility": lambda market: rules.Calendar(
        allocated.MeanVariance("utility", forecast=Estimated(window=40), upper=0.5), "month"
    ),
    "month, of skfolio": lambda market: rules.Calendar(
        allocated.EstimatorAllocation(SchurComplementary(), window=40), "month"
    ),
    "month, estimator": lambda market: rules.Calendar(
        allocated.EstimatorAllocation(ByCorrelation(), window=40, benchmark={"A": 0.6, "D": 0.3}), "month"
    ),
    "month, robust CVaR": lambda market: rules.Calendar(allocated.RobustCVaR(window=40), "month"),
    "month, least drawdown": lambda market: rules.Calendar(allocated.MinimumRisk("cdar", window=40), "month"),
    "month, risk parity": lambda market: rules.Calendar(
        allocated.RiskParity(forecast=Estimated(window=40), budgets={"A": 0.5}), "month"
    ),
    "month, tail parity": lambda market: rules.Calendar(allocated.TailParity(window=40), "month"),
    "month, diversification": lambda market: rules.Calendar(
        allocated.MaximumDiversification(forecast=Estimated(window=40)), "month"
    ),
    "month, tracking": lambda market: rules.Calendar(
        allocated.BenchmarkTracking(column="cap", forecast=Estimated(window=40), upper=0.4), "month"
    ),
    "within, fixed": lambda market: rules.Threshold(FIXED, 0.01, rules.Within(0.004)),
    "edge, equal, in halves": lambda market: rules.Threshold(allocated.EqualWeights(), 0.01, "edge", fraction=0.5),
    "friday or band, resting": lambda market: rules.Threshold(
        FIXED, 0.02, schedule="friday", review_schedule="month", cooldown=2, turnover_cap=0.02
    ),
    "volatilities, one pays": lambda market: rules.Threshold(
        FIXED, 0.2, kind="volatility", returns=20, lines="breaching", payer="B"
    ),
    "regimes": lambda market: rules.RegimeThreshold(FIXED, regimes(market), 0.005, 0.01, "edge"),
    "adaptive": lambda market: rules.RegimeThreshold(
        FIXED, regimes(market), 0.005, 0.01, "edge", factors=(0.8,), after_trade=rules.AfterTrade(1.5, 10)
    ),
    "classes": lambda market: rules.GroupThreshold(FIXED, "asset_class", 0.005, "edge"),
    "tracking error": lambda market: rules.TrackingError(FIXED, 0.003, returns=30, fraction=0.5),
    "cost and benefit": lambda market: rules.CostBenefit(
        allocated.EqualWeights(), tracking_penalty=20.0, horizon=1.0, returns=30
    ),
    "no-trade region": lambda market: rules.NoTradeRegion(FIXED, tracking_penalty=50.0, returns=30),
    "best point": lambda market: rules.BestPoint(
        FIXED, tracking_penalty=100.0, horizon=1.0, schedule="week", returns=30
    ),
    "pairs": lambda market: rules.PairRegion(FIXED, tracking_penalty=50.0, returns=30),
    "optimal": lambda market: rules.OptimalRegion(TWO, region()),
    "tuned": tuned,
    "learned": learned,
    **{f"learned, {action}": partial(learned, action=action) for action in ACTIONS if action != "bands"},
    "universal": lambda market: Universal(FIXED, tracking_penalty=50.0, returns=30),
    "universal, HRP": lambda market: Universal(allocated.HRP(window=30, schedule="month"), schedule="day", returns=30),
}

TWO = allocated.FixedWeights((0.4, 0.3))
BOOKED_AT_ONCE = ("month, fixed, in halves", "month, inverse volatility")  # of those by month


@cache
def region() -> Region:
    return optimal_region(
        (0.4, 0.3), mean=np.zeros(2), covariance=np.eye(2) * 0.018**2 * 252, cost=np.full(2, 1e-3),
        tracking_penalty=50.0, interval=1 / 252,
    )  # fmt: skip


COSTS = Costs.bps(LINES, commission=[1, 2, 3, 4, 5], half_spread=1)


def costs_on(market: Market, by_day: bool = False) -> Costs:
    """Of the assets of the market; with spreads by the day, or without."""
    days, n = market.shape
    if not by_day:
        return Costs(COSTS.commission[:n], COSTS.half_spread[:n])
    return Costs(COSTS.commission[:n], np.random.default_rng(10).uniform(0.5e-4, 5e-4, (DAYS, LINES))[:days, :n])


def its_market(name: str, market: Market) -> Market:
    """The market that a policy of the battery is played on: it ends soon after the last day that is looked at.

    An optimal region knows two assets.
    """
    soon = market.until(market.dates[START + 75])
    return soon.select(["A", "B"]) if name == "optimal" else soon


@pytest.fixture(scope="module")
def market() -> Market:
    """Five assets with quotes and volumes, the last listed during the test, some halts, cash with interest."""
    rng, sessions = np.random.default_rng(9), new_york.sessions("2019-01-01", "2021-12-31")[:DAYS]
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
        instruments=instruments_table(names, asset_class=["stock", "stock", "bond", "bond", "stock"]).assign(
            cap=[5.0, 4.0, 3.0, 2.0, 1.0]
        ),
        prices=np.where(tradable, 50.0 * np.cumprod(1.0 + returns, axis=0), np.nan),
        volumes=rng.uniform(1e5, 1e6, (DAYS, LINES)),
        name="look-ahead",
    )


@pytest.fixture(scope="module")
def leaving(market: Market) -> Market:
    """The same, but the fourth asset is halted and then delisted during the test."""
    silent = (np.arange(DAYS)[:, None] > LEFT - 6) & (np.arange(LINES) == 3)
    halted = replace(
        market, tradable=market.tradable & ~silent, returns=np.where(silent, 0.0, market.returns),
        prices=np.where(silent, np.nan, market.prices),
    )  # fmt: skip
    return delist(halted, "D", market.dates[LEFT], SHUMWAY)


# -- the battery -----------------------------------------------------------------------------------------------------


def audited(make: Make, market: Market, rows: list[int], lag: int = 1, by_day: bool = False) -> LookAhead:
    """The audit of the house, on rows of the market."""
    start, asked = market.dates[START + 1], [market.dates[t] for t in rows]
    return look_ahead(make, market, costs_on(market, by_day), start, days=asked, lag=lag)


def assert_blind(make: Make, market: Market, rows: list[int], lag: int = 1, by_day: bool = False) -> LookAhead:
    """What `make` gives decides the same up to each of the rows, whatever comes after it."""
    audit = audited(make, market, rows, lag, by_day)
    assert len(audit.table) == len(rows)
    assert not audit.found, audit
    return audit


@pytest.fixture(scope="module")
def days(market: Market) -> list[int]:
    """A plain day, the day before a listing and the day of it, the next last session of a month, a late day."""
    month_ends = np.flatnonzero(last_of(market.days, "month", market.calendar))
    assert not market.listed[LISTED - 1, 4]
    assert market.listed[LISTED, 4]
    return [START + 13, LISTED - 1, LISTED, int(month_ends[month_ends > LISTED][0]), START + 70]


@pytest.mark.parametrize("name", POLICIES)
def test_no_decision_depends_on_what_comes_after_it(
    market: Market, leaving: Market, days: list[int], name: str
) -> None:
    """Nor on an exit: on the last day of the halt, on the day of it and after it, nobody knew and all follow it.

    Blindness is easy for one that never trades: all but `Never` do, before the last day that is looked at.
    """
    learns = name.startswith("learned")  # it refuses the target that an exit leaves it
    world, rows = (market, days) if learns else (leaving, sorted({*days[1:4], LEFT - 1, LEFT, LEFT + 10}))
    assert learns or world.exits[3] == LEFT
    audit = assert_blind(POLICIES[name], its_market(name, world), rows)
    assert (audit.table["decisions"].iloc[-1] > 0) == (name != "never, equal")


@pytest.mark.parametrize("name", [name for name in POLICIES if name in BOOKED_AT_ONCE or not name.startswith("month")])
def test_no_decision_that_is_booked_at_once_depends_on_what_comes_after_it(
    market: Market, days: list[int], name: str
) -> None:
    """Without a lag the engine asks before it books: on the day of a listing and at a month's end.

    Targets are made before the engine runs and know no lag: of the calendars by month two are enough.
    """
    assert_blind(POLICIES[name], its_market(name, market), days[2:4], lag=0)


@pytest.mark.parametrize("name", ["no-trade region", "cost and benefit", "best point", "classes", "universal"])
def test_no_decision_depends_on_a_spread_that_is_to_come(market: Market, days: list[int], name: str) -> None:
    assert_blind(POLICIES[name], market, days, by_day=True)


def test_no_decision_depends_on_the_price_of_a_lot_that_is_to_come(market: Market) -> None:
    costs, start = replace(COSTS, tax=Tax(0.25, "highest")), market.dates[START + 1]
    assert not look_ahead(POLICIES["several periods"], market, costs, start, days=2, nav=1e6).found
    taxed = backtest(market, POLICIES["several periods"](market), costs, start=start, nav=1e6)
    assert taxed.ledger.charges[:, -1].any()


def test_learned_policy_refuses_the_target_that_an_exit_leaves_it(leaving: Market) -> None:
    """It knows the targets that it was trained on, and was not trained for one without the asset."""
    assert_blind(POLICIES["learned"], leaving.until(leaving.dates[LEFT - 1]), [LEFT - 3])
    with pytest.raises(PolicyError, match="was not trained for the target"):
        backtest(leaving, POLICIES["learned"](leaving), COSTS, start=leaving.dates[START + 1])


def test_what_comes_after_is_really_another(market: Market) -> None:
    """The battery would find nothing if nothing were changed: each panel differs after t on nearly all days."""
    other = changed_after(market, LISTED)
    for panel in ("returns", "prices", "volumes", "cash"):
        mine, theirs = getattr(market, panel)[LISTED + 1 :], getattr(other, panel)[LISTED + 1 :]
        assert (mine != theirs).mean() > 0.75, panel
    assert (market.tradable[LISTED + 1 :] != other.tradable[LISTED + 1 :]).any()
    mirrored = changed_after(market, LISTED, mirrored=True)
    both = (other.tradable & mirrored.tradable)[LISTED + 1 :]
    assert (mirrored.returns[LISTED + 1 :] == -other.returns[LISTED + 1 :])[both].all()
    assert (mirrored.prices[LISTED + 1 :] > 1e5).all()
    rule, later = rules.Calendar(FIXED, "week"), slice(LISTED + 1 - START, None)
    nav, changed = (backtest(w, rule, COSTS, start=w.dates[START + 1]).ledger.nav[later] for w in (market, other))
    assert not np.isclose(nav, changed).any()


# -- everyone takes part ---------------------------------------------------------------------------------------------


def exported(room: ModuleType, *methods: str) -> set[type]:
    """Classes that a room exports and that have one of the methods."""
    classes = [value for name in room.__all__ if inspect.isclass(value := getattr(room, name))]
    classes = [c for c in classes if not is_protocol(c) and not inspect.isabstract(c)]
    return {c for c in classes if any(hasattr(c, method) for method in methods)}


def test_every_exported_policy_and_allocation_is_in_the_battery(market: Market) -> None:
    """A rule that is still to be tuned takes part as what tuning gives; so its maker must name it."""
    policies = [make(market) for make in POLICIES.values()]
    played = {
        rules.TunedThreshold
        if isinstance(policy, rules.Threshold) and fitted_until(policy) is not None
        else type(policy)
        for policy in policies
    }
    held = {type(policy.allocation) for policy in policies}
    assert exported(rules, "decide", "candidates") | exported(learning, "decide") == played
    assert exported(allocated, "target") == held


# -- whoever looks ahead is caught -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peeks:
    """Holds what rises on the next day, by reaching behind its view of the past."""

    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        world = view.past._market
        ahead = world.returns[min(view.past.t + 1, len(world.dates) - 1)]
        return Trade.to(np.eye(LINES)[int(np.argmax(ahead))], Why("peeks"))


@dataclass(frozen=True)
class Foresees(rules.CompiledRule):
    """No-trade bands whose target is made from the mean return of all days, later ones too."""

    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        raise NotImplementedError

    def no_trade_bands(
        self, market: Market, targets: allocated.TargetPath, costs: Costs | None = None
    ) -> rules.NoTradeBands:
        rows = band_rows(np.eye(LINES)[int(np.argmax(market.returns[:, :4].mean(axis=0)))][None], 0.01, 0.0)
        days = len(market.dates)
        return rules.NoTradeBands(
            np.ones(days, dtype=bool), np.zeros(days, dtype=np.int64), **rows, fraction=1.0, trigger="foresees"
        )


@dataclass(frozen=True)
class NextRow:
    """Trades when the next row of the data is in another month: it does not know the exchange's schedule."""

    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        days, t = view.past._market.dates, view.past.t
        last = t + 1 < len(days) and days[t + 1].month != days[t].month
        return Trade.to(view.target, Why("month")) if last else Hold(Why("month"))


@dataclass(frozen=True)
class Volumes:
    """Trades when tomorrow's volume is low."""

    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        volumes, t = view.past._market.volumes, view.past.t
        low = t + 1 < len(volumes) and volumes[t + 1, 0] < 100.0
        return Trade.to(view.target, Why("volume")) if low else Hold(Why("volume"))


@dataclass(frozen=True)
class Insider:
    """Holds nothing of an asset from the day on which it is halted for good, by reading when it will be delisted."""

    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        doomed = view.past._market.instruments["delisted"].notna().to_numpy()
        return Trade.to(np.where(doomed, 0.0, view.target), Why("insider"))


@dataclass(frozen=True)
class WholeSample:
    """An allocation that keeps to equal weights, and leaves out the asset that will have the worst return of all."""

    schedule: str = "month"
    window: int = 0

    def target(self, past: object) -> np.ndarray:
        return np.where(np.arange(LINES) == int(np.argmin(past._market.returns[:, :4].sum(axis=0))), 0.0, 0.2)


@pytest.mark.parametrize("cheat", [Peeks(), Foresees(), NextRow(), Volumes(), rules.Calendar(WholeSample(), "week")])
def test_a_policy_that_looks_ahead_is_caught(market: Market, days: list[int], cheat: Policy) -> None:
    """Whoever looks a day ahead is caught on the day that it happens to decide something: on one of five at least."""

    audit = audited(lambda _: cheat, market, days)
    assert audit.found
    assert audit.verdict.startswith("Look-ahead test failed: ")


@dataclass(frozen=True, eq=False)
class Prophet(LearnedPolicy):
    """A learned policy that trades before days on which the market rises."""

    def decide(self, view: View) -> Hold | Trade:
        world = view.past._market
        rises = world.returns[min(view.past.t + 1, len(world.dates) - 1)].mean() > 0.0
        return super().decide(view) if rises else Hold(Why("learned"))


def test_a_learner_that_sees_the_future_is_caught(market: Market) -> None:
    """On the last day of one of two weeks; the same without the gift passes."""
    weeks = list(range(START + 60, START + 70))

    def gifted(market: Market) -> Prophet:
        policy = learned(market, "fraction")
        return Prophet(**{f.name: getattr(policy, f.name) for f in fields(policy)})

    assert_blind(lambda market: learned(market, "fraction"), market, weeks)
    with pytest.raises(AssertionError):
        assert_blind(gifted, market, weeks)


def test_who_reads_of_an_exit_that_is_to_come_is_caught(leaving: Market) -> None:
    assert audited(lambda _: Insider(), leaving, [LEFT - 10]).found


# -- the audit as anyone calls it ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Careless:
    """Reads the next row, and fails where there is none."""

    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        rises = view.past._market.returns[view.past.t + 1, 0] > 0.0 if view.past.t < DAYS - 1 else False
        return Trade.to(view.target, Why("rises")) if rises else Hold(Why("rises"))


@dataclass(frozen=True)
class Filed:
    """Trades on the days that stand in a file."""

    path: Path
    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        due = f"{view.past.date:%Y-%m-%d}" in self.path.read_text()
        return Trade.to(view.target, Why("file")) if due else Hold(Why("file"))


@dataclass(frozen=True, eq=False)
class Filtered:
    """Trades where a causal mean of four days, made of the whole history at once by a Fourier transform, has risen."""

    rises: Mapping[np.datetime64, float]
    allocation: allocated.FixedWeights = FIXED

    @classmethod
    def of(cls, market: Market) -> "Filtered":
        size, returns = 2 * len(market.dates), market.returns[:, 0]
        mean = np.fft.irfft(np.fft.rfft(returns, size) * np.fft.rfft(np.full(4, 0.25), size), size)
        return cls(dict(zip(market.days, mean[: len(returns)], strict=True)))

    def decide(self, view: View) -> Hold | Trade:
        box = 0.02 + 0.1 * abs(self.rises[view.past.days[-1]])
        return Trade(view.target - box, view.target + box, why=Why("filter"))


@dataclass(frozen=True, eq=False)
class LeavesOutLeast:
    """Made from a whole market: leaves out, from the first day on, the asset whose panel has the least mean of all."""

    worst: int
    schedule: str = "month"
    window: int = 0

    @classmethod
    def by(cls, panel: np.ndarray) -> rules.Calendar:
        return rules.Calendar(cls(int(np.argmin(panel[:, :4].mean(axis=0)))), "month")

    def target(self, past: object) -> np.ndarray:
        return np.where(np.arange(LINES) == self.worst, 0.0, 0.2)


def test_all_decision_days_are_checked_where_none_are_given_and_they_are_few(market: Market) -> None:
    audit = look_ahead(POLICIES["week, fixed"], market, COSTS, market.dates[START + 1])
    rows = market.dates.get_indexer(audit.table.index)
    weeks = np.flatnonzero(last_of(market.days, "week", market.calendar))
    assert rows.tolist() == weeks[(weeks > START + 1) & (weeks < DAYS - 1)].tolist()
    assert not audit.found
    played = backtest(market, POLICIES["week, fixed"](market), COSTS, start=market.dates[START + 1])
    assert audit.table["decisions"].tolist() == [(played.ledger.asked <= t).sum() for t in rows]
    assert audit.verdict == (
        f"Look-ahead test passed: {audit.table['decisions'].iloc[-1]} decisions to trade and all executed trades up to "
        f"{audit.table.index[-1]:%Y-%m-%d} are the same, whatever the later data of the market "
        f"that the policy is given ({audit.scope})."
    )
    assert audit.scope == (
        "21 of 21 decision days, 3 futures each; a one-day peek on one kind of decision day would have been found with "
        "probability 0.999 or more"
    )
    assert audit.verdict in repr(audit)
    assert audit.verdict in audit._repr_html_()


def test_of_many_decision_days_a_few_of_each_kind_are_drawn_and_half_of_them_traded(market: Market) -> None:
    make = POLICIES["edge, equal, in halves"]
    audit = look_ahead(make, market, COSTS, market.dates[START + 1], days=20)
    traded = backtest(market, make(market), COSTS, start=market.dates[START + 1]).ledger.asked
    rows = market.dates.get_indexer(audit.table.index)
    assert len(rows) == 20 < audit.days
    assert not audit.found
    counts = audit.table["kind"].value_counts()
    assert {"month's start", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday"} <= set(counts.index)
    assert counts.max() - counts.min() <= 1
    assert abs(int(np.isin(rows, traded).sum()) - 10) <= len(counts)
    few = look_ahead(make, market, COSTS, market.dates[START + 1], days=2)
    assert (len(few.table), few.whole, few.power) == (2, False, 1.0 - 0.5**6)
    assert "a one-day peek on every decision day would have been found with probability 0.984 or more" in few.verdict


@dataclass(frozen=True)
class MonthsEnd:
    """Reads the return of the next day at each month's end."""

    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        past, world = view.past, view.past._market
        ends = last_of(past.days[-1:], "month", past.calendar)[0]
        rises = ends and world.returns[min(past.t + 1, len(world.dates) - 1), 0] > 0.0
        return Trade.to(view.target, Why("rises")) if rises else Hold(Why("month"))


def test_one_that_peeks_at_months_ends_only_is_caught_by_its_own_decision_days(market: Market) -> None:
    """On six days that are evenly spread it would pass."""
    start, spread = market.dates[START + 1], [market.dates[t] for t in (280, 297, 312, 328, 343, 358)]
    assert not look_ahead(lambda _: MonthsEnd(), market, COSTS, start, days=spread).found
    audit = look_ahead(lambda _: MonthsEnd(), market, COSTS, start)
    assert set(audit.table[(audit.table[list(FUTURES)] != "").any(axis=1)]["kind"]) <= {"month's end", "other"}
    assert audit.found


# -- who is not accused ------------------------------------------------------------------------------------------------


@dataclass
class Diary:
    """Trades on every seventh day on which it is asked, and keeps count."""

    allocation: allocated.FixedWeights = FIXED
    count: int = 0

    def decide(self, view: View) -> Hold | Trade:
        self.count += 1
        return Trade.to(view.target, Why("seventh")) if self.count % 7 == 0 else Hold(Why("counted"))


@dataclass(frozen=True)
class Unseeded:
    """Trades at random."""

    allocation: allocated.FixedWeights = FIXED

    def decide(self, view: View) -> Hold | Trade:
        drawn = np.random.default_rng().random() < 0.5
        return Trade.to(view.target, Why("drawn")) if drawn else Hold(Why("drawn"))


def test_one_that_remembers_its_days_begins_each_run_afresh(market: Market) -> None:
    diary = Diary()
    audit = look_ahead(lambda _: diary, market, COSTS, market.dates[START + 1], days=6)
    assert (audit.result, diary.count) == ("passed", 0)


def test_one_that_does_not_repeat_itself_is_not_accused(market: Market) -> None:
    audit = look_ahead(lambda _: Unseeded(), market, COSTS, market.dates[START + 1], days=4)
    assert (audit.found, audit.result) == (False, "not repeatable")
    assert audit.verdict.startswith("Look-ahead test not possible: two backtests on the same market differ, first in ")


def test_two_backtests_that_differ_on_the_same_market_differ_in_words_and_not_by_later_data(market: Market) -> None:
    audit = look_ahead(lambda _: Unseeded(), market, COSTS, market.dates[START + 1], days=4)
    assert re.search(r"first in answer, [\d-]{10}: (hold, and trade|trade, and hold) in the other\. ", audit.verdict)
    assert "later data" not in audit.verdict


def test_a_withdrawal_or_a_rest_that_only_another_future_forbids_accuses_nobody(market: Market) -> None:
    """The audit plays the flows that come by the day that it asks about; and asks again where a future is refused."""
    end, start = market.dates[-2], market.dates[START + 1]
    rests = rules.Threshold(FIXED, 0.01, cooldown=60)
    asked = [market.dates[START + 30], market.dates[START + 80]]
    flows = Flows({market.dates[START + 40]: -0.3, end: -0.4})
    audit = look_ahead(lambda _: rests, market, COSTS, start, days=asked, nav=1.0, flows=flows)
    assert (audit.result, audit.table["decisions"].tolist()) == ("passed", [0, 1])


def test_what_was_worked_out_on_the_whole_market_is_named_with_its_day(market: Market) -> None:
    """The target of the first day already knows: that is what differs first, before any trade or wealth."""
    audit = look_ahead(lambda world: LeavesOutLeast.by(world.returns), market, COSTS, market.dates[START + 1])
    said = {words for words in audit.table[[CUT, ALTERED]].to_numpy().ravel()}
    day = f"{market.dates[START]:%Y-%m-%d}"
    assert all(re.match(rf"target of [A-E], {day}: ", words) for words in said - {""})
    assert re.search(rf"is: target of [A-E], {day}: 0\.\d+, and [\d.e-]+ with other later data\.", audit.verdict)


@pytest.mark.parametrize("panel", ["prices", "volumes", "tradable", "cash"])
def test_every_panel_is_changed_for_the_policy_that_is_made(market: Market, panel: str) -> None:
    """On the market that goes on otherwise alone: one that reads any panel's future while it is made is found."""

    def make(world: Market) -> rules.Calendar:
        values = np.nan_to_num(getattr(world, panel)[START + 20 :].astype(float))
        return rules.Calendar(allocated.FixedWeights((0.5 + 0.1 * (np.mean(values) % 1.0), *[0.1] * 4)), "month")

    audit = look_ahead(make, market, COSTS, market.dates[START + 1], days=[market.dates[START + 30]])
    assert audit.table[ALTERED].tolist() != [""]


def test_a_policy_that_reads_a_file_is_not_judged(market: Market, tmp_path: Path) -> None:
    """No other market changes the file: that it decides the same on all of them shows nothing."""
    path = tmp_path / "days.txt"
    path.write_text(" ".join(f"{day:%Y-%m-%d}" for day in market.dates[::9]))
    audit = look_ahead(lambda _: Filed(path), market, COSTS, market.dates[START + 1], days=3)
    assert audit.result == "not judged"
    assert f"while it decides the policy reads the file {path}, which may tell of later days" in audit.verdict
    assert not audit.found


def test_a_market_that_was_loaded_before_is_read_too() -> None:
    """It comes from memory, and no file is opened; it tells of later days all the same."""
    load_market("us_etf_ohlcv")
    with watched() as found:
        load_market("us_etf_ohlcv")
    assert found == ["the market us_etf_ohlcv"]


def test_what_is_read_is_seen_in_threads_and_by_other_programs_and_writing_is_no_reading(tmp_path: Path) -> None:
    path = tmp_path / "later.txt"
    path.write_text("1")
    with watched() as found:
        thread = Thread(target=path.read_text)
        thread.start()
        thread.join()
        sqlite3.connect(tmp_path / "later.db").close()
        subprocess.run(["true"], check=True)
        (tmp_path / "log.txt").write_text("done")
    assert found == [f"the file {path}", f"the file {tmp_path / 'later.db'}", "the output of true"]


@pytest.mark.parametrize(
    "clock", [time.time, time.time_ns, datetime.now, date.today, time.asctime], ids=lambda c: c.__name__
)
def test_a_policy_that_asks_the_clock_is_not_judged(clock: Callable[[], object], market: Market) -> None:
    """After a certain day it knows what the market did: no other market shows that."""

    class Late:
        allocation = FIXED

        def decide(self, view: View) -> Hold | Trade:
            return Trade.to(view.target) if clock() else Hold()

    audit = look_ahead(lambda _: Late(), market, COSTS, market.dates[START + 1], days=3)
    assert audit.result == "not judged"
    assert f"the policy reads the clock ({clock.__name__}), which may tell of later days" in audit.verdict


def test_a_library_that_reads_the_clock_accuses_no_policy_that_calls_it() -> None:
    with watched() as found:
        logging.getLogger("of a policy").warning("traded")
        cp.Problem(cp.Minimize(cp.sum_squares(cp.Variable(2) - 1.0))).solve()
    assert found == []


def test_a_policy_can_be_audited_under_a_profiler() -> None:
    with cProfile.Profile(), watched() as found:
        time.time()
    assert found == ([] if sys.version_info < (3, 12) else ["the clock (time)"])  # of whose profilers there is one
    assert sys.getprofile() is None


def test_what_measures_how_long_something_took_is_no_clock() -> None:
    with watched() as found:
        time.perf_counter()
        datetime(2020, 1, 1).isoformat()
    assert found == []
    assert sys.getprofile() is None


def test_rounding_is_no_look_ahead(market: Market) -> None:
    """The transform of other later days rounds otherwise, by some 1e-17."""
    whole, cut = Filtered.of(market).rises, Filtered.of(market.until(market.dates[-50])).rises
    assert any(cut[day] != whole[day] for day in cut)
    audit = look_ahead(Filtered.of, market, COSTS, market.dates[START + 1], days=6)
    assert audit.result == "passed", audit.verdict


def test_a_policy_that_fails_where_the_future_is_missing_depends_on_it(market: Market) -> None:
    audit = look_ahead(lambda _: Careless(), market, COSTS, market.dates[START + 1], days=[market.dates[START + 30]])
    assert audit.table[CUT].item().startswith("IndexError: index 293 is out of bounds")
    assert audit.found


def test_one_that_trades_nothing_is_not_praised(market: Market) -> None:
    audit = look_ahead(POLICIES["never, equal"], market, COSTS, market.dates[START + 1])
    assert not audit.found
    assert audit.verdict.startswith("No trade up to ")


def test_a_market_with_dividends_splits_and_bars_is_changed_in_them_too(market: Market) -> None:
    bars = {name: np.nan_to_num(market.prices, nan=5.0) for name in ("open", "high", "low")}
    paying = replace(market, dividends=np.zeros(market.shape), splits=np.full(market.shape, 1.0), bars=bars)
    other, later = changed_after(paying, LISTED, seed=3), slice(LISTED + 1, None)
    assert other.bars is not None
    assert other.dividends[later].any()
    assert not other.dividends[: LISTED + 1].any()
    for name, bar in bars.items():
        assert (other.bars[name][later] != bar[later]).all()
        assert (other.bars[name][: LISTED + 1] == bar[: LISTED + 1]).all()
    assert (
        changed_after(paying, LISTED, seed=3).fingerprint
        == other.fingerprint
        != changed_after(paying, LISTED).fingerprint
    )
    assert other.until(other.dates[LISTED]).fingerprint == paying.until(paying.dates[LISTED]).fingerprint


@pytest.mark.parametrize("given", ["2019-12-31", "2020-06-19", "2030-01-01"])
def test_days_outside_the_test_are_refused(market: Market, given: str) -> None:
    with pytest.raises(ConfigError, match=r"a day to check is .*: give days after 2020-01-17, .* 2020-06-19"):
        look_ahead(POLICIES["week, fixed"], market, COSTS, market.dates[START + 1], days=[given])


def test_a_seed_that_is_none_is_refused(market: Market) -> None:
    with pytest.raises(ConfigError, match="seed of look_ahead is -1"):
        look_ahead(POLICIES["week, fixed"], market, COSTS, market.dates[START + 1], seed=-1)


def test_days_on_which_nothing_could_be_booked_yet_accuse_nobody(market: Market) -> None:
    """Cut off there, the market cannot be played at all: that says nothing of a policy."""
    start, costs = market.dates[-8], Costs.bps(len(market.assets), commission=5)
    held = rules.Calendar(allocated.EqualWeights(), "week")
    assert not look_ahead(lambda _: held, market, costs, start).found
    assert not look_ahead(lambda _: held, market, costs, start, lag=5).found
    with pytest.raises(ConfigError, match="has no day to check: start it earlier"):
        look_ahead(lambda _: held, market, costs, market.dates[-2])
    with pytest.raises(ConfigError, match="give days after"):
        look_ahead(lambda _: held, market, costs, start, days=[market.dates[-8]])
