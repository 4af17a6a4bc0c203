"""A second engine, in plain Python and by other methods, gives the same wealth, units and bookings on random markets.

It holds currency where the engine holds units; it finds the point of a box by a search of scipy's for a multiplier, and
the wealth after costs by another, where the engine takes steps of Newton's. It was written from the design alone.
Nothing here is fast.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from point_of_box import point_of_box
from scipy.optimize import brentq

from backtests.engine import backtest
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market
from research.market.calendars import sessions
from research.rules import Calendar, Never, Threshold, Within


class Rule(NamedTuple):
    """When a rule is asked, and its two bands."""

    every: str  # "never", "day", "month" …
    band: float
    box: float
    part: float


class Played(NamedTuple):
    nav: list[float]
    units: list[np.ndarray]  # after each booking
    asked: list[int]
    booked: list[int]
    paid: list[float]


# -- the engine ------------------------------------------------------------------------------------------------------


def play(market: Market, weights: np.ndarray, rule: Rule, rates: np.ndarray, lag: int) -> Played:
    """The days in their order, from the opening trade at the first close."""
    x, cash, _ = settle(
        np.zeros(len(weights)), 1.0, market, 0, box_round(target_at(market, 0, weights), 0.0), 1.0, rates
    )
    done = Played([cash + x.sum()], [x / market.index[0]], [], [], [])
    pending: tuple[int, list[np.ndarray]] | None = None
    unfinished, reviews = False, review_days(market, rule.every)
    for t in range(1, len(market.dates)):
        x, cash = x * (1.0 + market.returns[t]), cash * (1.0 + market.cash[t])
        for turn in ["book", "look"] if lag else ["look", "book"]:
            if turn == "book" and pending is not None and pending[0] + lag == t:
                x, cash, paid = settle(x, cash, market, t, pending[1], rule.part, rates)
                done.booked.append(t)
                done.paid.append(paid)
                done.units.append(x / market.index[t])
                pending = None
            if turn == "look" and pending is None and (t in reviews or unfinished):
                target, nav = target_at(market, t, weights), cash + x.sum()
                unfinished = outside(x / nav, cash / nav, market.tradable[t], box_round(target, rule.band))
                if unfinished:
                    pending = (t, box_round(target, rule.box))
                    done.asked.append(t)
                    unfinished = rule.part < 1.0 and rule.band > 0.0  # a calendar goes on on its next day
        done.nav.append(cash + x.sum())
    return done


def review_days(market: Market, every: str) -> set[int]:
    if every == "never":
        return set()
    schedule = sessions(market.days[0], market.days[-1] + np.timedelta64(400, "D"), market.calendar)
    unit = {"day": "D", "month": "M", "year": "Y"}[every]
    known = set(schedule[:-1][np.diff(schedule.astype(f"datetime64[{unit}]").astype(int)) > 0])
    return {t for t, day in enumerate(market.days) if day in known}


def target_at(market: Market, t: int, weights: np.ndarray) -> np.ndarray:
    """All assets are of one class: what is meant for an asset not listed yet goes to the others in proportion."""
    listed = market.tradable[: t + 1].any(axis=0)
    return np.where(listed, weights, 0.0) * (weights.sum() / weights[listed].sum())


def box_round(target: np.ndarray, width: float) -> list[np.ndarray]:
    """[lower, upper, target] of the assets and, last, of cash."""
    goal = np.append(target, max(1.0 - target.sum(), 0.0) if 1.0 - target.sum() > 1e-9 else 0.0)
    lower, upper = np.maximum(goal - width, 0.0), goal + width
    return [lower, upper, goal]


def outside(w: np.ndarray, cash: float, tradable: np.ndarray, triggers: list[np.ndarray]) -> bool:
    lower, upper, _ = triggers
    held, asked = np.append(w, cash), np.append(tradable, True)
    return bool((asked & ((held > upper + 1e-6) | (held < lower - 1e-6))).any())


def settle(
    x: np.ndarray, cash: float, market: Market, t: int, box: list[np.ndarray], part: float, rates: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """(holdings, cash, costs) after going `part` of the way to the box; assets that stay keep their units."""
    nav = cash + x.sum()
    w = x / nav
    lower, upper, aim = box
    sides = [lower, np.append(upper[:-1], upper[-1] if aim[-1] > 0.0 else 0.0), aim]
    goal = point_of_box(w, market.tradable[t], sides, rates.sum(axis=0))
    goal = w + part * (goal - w)
    moves = np.abs(goal - w) > 1e-13
    kept = 1.0 - goal[~moves].sum()

    def after(wealth: float) -> np.ndarray:
        return np.where(moves, goal * (wealth - x[~moves].sum()) / kept, x)

    def costs(wealth: float) -> float:
        return float((rates.sum(axis=0) * np.abs(after(wealth) - x)).sum())

    if not moves.any():
        return x, cash, 0.0
    wealth = brentq(lambda v: v + costs(v) - nav, 0.5 * nav, 1.01 * nav, xtol=1e-300, rtol=1e-15)
    return after(wealth), wealth - after(wealth).sum(), costs(wealth)


# -- random markets --------------------------------------------------------------------------------------------------


class World(NamedTuple):
    seed: int
    days: int
    first: list[int]  # rows at which the assets are listed
    halts: float
    weights: list[int]  # parts of the target; the last is of cash
    bps: list[int]
    lag: int


@st.composite
def worlds(draw: st.DrawFn) -> World:
    n, days = draw(st.integers(2, 5)), draw(st.integers(5, 30))
    return World(
        seed=draw(st.integers(0, 2**32 - 1)),
        days=days,
        first=[0, *draw(st.lists(st.sampled_from([0, 0, 0, 3, 7]), min_size=n - 1, max_size=n - 1))],
        halts=draw(st.sampled_from([0.0, 0.0, 0.1, 0.4])),
        weights=[
            draw(st.integers(1, 6)),
            *draw(st.lists(st.integers(0, 6), min_size=n - 1, max_size=n - 1)),
            draw(st.sampled_from([0, 0, 1, 3])),
        ],
        bps=draw(st.lists(st.sampled_from([0, 5, 5, 20, 100]), min_size=n, max_size=n)),
        lag=draw(st.integers(0, 3)),
    )


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    every = draw(st.sampled_from(["never", "day", "month", "band", "band", "band"]))
    part = draw(st.sampled_from([1.0, 1.0, 0.4]))
    if every != "band":
        return Rule(every, 0.0, 0.0, part)
    band = draw(st.sampled_from([0.0, 0.005, 0.01, 0.02, 0.05]))
    return Rule("day", band, band * draw(st.sampled_from([0.0, 0.3, 1.0])), part)


def engine_policy(rule: Rule, allocation: FixedWeights) -> Never | Calendar | Threshold:
    if rule.every == "never":
        return Never(allocation)
    if rule.band == 0.0:
        return Calendar(allocation, rule.every, fraction=rule.part)
    return Threshold(allocation, rule.band, Within(rule.box), fraction=rule.part)


def made(world: World, make_market: Callable[..., Market]) -> tuple[Market, np.ndarray, np.ndarray]:
    """(market, weights, rates): a month's end lies among the days, returns are large and all different."""
    rng, n = np.random.default_rng(world.seed), len(world.bps)
    returns = rng.normal(0.0, 0.04, (world.days, n))
    halted = [(t, i) for i in range(n) for t in range(world.first[i] + 1, world.days) if rng.random() < world.halts]
    market = make_market(returns, rng.normal(1e-3, 1e-4, world.days), world.first, halted, begin="2018-01-22")
    parts = np.array(world.weights, dtype=float)
    return market, (parts / parts.sum())[:-1], np.array([world.bps, world.bps]) * np.array([[0.75e-4], [0.25e-4]])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(world=worlds(), rule=rules())
@example(  # an asset far under its target makes the others give way, and cash must not go below zero for it
    World(3, 30, [0, 0, 0, 0, 0], 0.0, [6, 6, 6, 6, 6, 1], [5, 5, 5, 5, 5], 1), Rule("day", 0.05, 0.05, 1.0)
)
@example(World(5, 30, [0, 0, 0], 0.4, [3, 0, 3, 3], [100, 5, 20], 2), Rule("day", 0.01, 0.003, 0.4))
def test_two_engines_agree_on_wealth_units_and_bookings(
    make_market: Callable[..., Market], world: World, rule: Rule
) -> None:
    market, weights, rates = made(world, make_market)
    other = play(market, weights, rule, rates, world.lag)
    result = backtest(market, engine_policy(rule, FixedWeights(tuple(weights))), Costs(*rates), lag=world.lag)
    ledger = result.ledger
    assert ledger.asked.tolist() == other.asked
    assert ledger.booked[ledger.booked >= 0].tolist() == other.booked
    done = len(other.booked)
    np.testing.assert_allclose(ledger.nav, other.nav, rtol=1e-11)
    np.testing.assert_allclose(ledger.units[: done + 1], other.units, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(ledger.charges[:done].sum(axis=(1, 2)), other.paid, rtol=1e-9, atol=1e-13)


def test_the_random_markets_reach_what_they_are_for(make_market: Callable[..., Market]) -> None:
    """Trades, kept assets, unbooked decisions and cash in the target all occur: comparing nothing proves nothing."""
    seen: dict[str, int] = {}

    @settings(max_examples=120, deadline=None, derandomize=True, database=None)
    @given(world=worlds(), rule=rules())
    def look(world: World, rule: Rule) -> None:
        market, weights, rates = made(world, make_market)
        ledger = backtest(
            market, engine_policy(rule, FixedWeights(tuple(weights))), Costs(*rates), lag=world.lag
        ).ledger
        facts = {
            "booked": len(ledger.booked),
            "unbooked": (ledger.booked < 0).sum(),
            "partial": rule.part < 1.0 and len(ledger.booked) > 1,
            "kept an asset": ((ledger.trades == 0.0).any(axis=1) & (ledger.trades != 0.0).any(axis=1)).sum(),
            "cash": weights.sum() < 0.99,
        }
        for fact, count in facts.items():
            seen[fact] = seen.get(fact, 0) + int(count)

    look()
    assert all(count >= 10 for count in seen.values()), seen
