"""A learned rule at play: when it answers, what it answers, and what it refuses."""

import pickle
from dataclasses import replace

import new_york
import numpy as np
import pytest
from learned import made_up
from numba import typeof

from backtests.engine import backtest
from foundation.errors import PolicyError
from research.accounting import Costs, Hold, Trade, View
from research.allocation import FixedWeights, target_path
from research.market import Market, instruments_table
from research.rules.networks.actions import decode_actions

WEIGHTS = FixedWeights((0.4, 0.3, 0.2))
COSTS = Costs.bps(3, commission=5, half_spread=5)
START = 60


@pytest.fixture(scope="module")
def market():
    """Three assets on New York's sessions of 2018; the last is listed at row 90."""
    rng, shape = np.random.default_rng(4), (180, 3)
    tradable = np.ones(shape, dtype=bool)
    tradable[:90, 2] = False
    returns = np.where(tradable, rng.normal(0.0, 0.012, shape), 0.0)
    dates = new_york.sessions("2018-01-01", "2018-12-31")[:180]
    names = ("A", "B", "C")
    return Market(dates, names, returns, tradable, np.full(180, 5e-5), instruments_table(names), np.full(shape, np.nan))


@pytest.fixture(scope="module")
def policy(market):
    return made_up(market, WEIGHTS, seen=START)


def view(market, t, weights=(0.45, 0.25, 0.2), unfinished=False):
    target = target_path(WEIGHTS, market).at(t)
    weights = np.array(weights)
    return View(
        market.past(t), target, weights, 1.0 - weights.sum(), 1.0, np.ones(1), days_since_trade=3, costs=COSTS,
        unfinished=unfinished,
    )  # fmt: skip


def friday_and_next(market):
    """The rows of a last session of a week and of the session after it, behind the listing."""
    gaps = np.diff(market.days.astype(int))
    t = int(np.flatnonzero((gaps > 1) & (np.arange(len(gaps)) > 120))[0])
    return t, t + 1


# -- when it answers -------------------------------------------------------------------------------------------------


def test_it_answers_at_the_last_session_of_a_week_only(market, policy):
    friday, monday = friday_and_next(market)
    assert isinstance(policy.decide(view(market, friday)), Trade)
    held = policy.decide(view(market, monday))
    assert isinstance(held, Hold)
    assert held.why.sentence(market.assets) == "learned: nothing to do"


def test_a_trade_list_may_ask_it_on_any_day(market, policy):
    """A view of a rule that is due is unfinished: `trading.decision` asks so."""
    _, monday = friday_and_next(market)
    assert isinstance(policy.decide(view(market, monday, unfinished=True)), Trade)


def test_in_a_backtest_every_decision_falls_on_a_week_end(market, policy):
    played = backtest(market, policy, COSTS, start=market.dates[START + 1])
    weeks = market.dates[played.ledger.asked].isocalendar().week.to_numpy()
    following = market.dates[played.ledger.asked + 1].isocalendar().week.to_numpy()
    assert len(weeks) > 5
    assert (weeks != following).all()
    assert set(played.triggers) == {"learned"}


# -- what it answers -------------------------------------------------------------------------------------------------


def test_it_trades_to_the_edges_of_its_box_and_then_holds(market, policy):
    friday, _ = friday_and_next(market)
    seen = view(market, friday)
    trade = policy.decide(seen)
    kind = np.array([int(np.argmax(policy.scales.target[:, 2] > 0.0))])
    lower, upper, cash, _ = decode_actions("bands", policy.answer(seen)[None], kind, policy.scales)
    np.testing.assert_array_equal(trade.lower, lower[0])
    np.testing.assert_array_equal(trade.upper, upper[0])
    assert (trade.cash_lower, trade.cash_upper, trade.fraction) == (cash[0, 2], cash[0, 3], 1.0)
    assert ((seen.weights < trade.lower) | (seen.weights > trade.upper)).any()
    assert isinstance(policy.decide(view(market, friday, weights=(0.4, 0.3, 0.2))), Hold)


def test_its_reason_names_the_line_furthest_outside(market, policy):
    friday, _ = friday_and_next(market)
    trade = policy.decide(view(market, friday, weights=(0.6, 0.3, 0.1)))
    assert (trade.why.trigger, trade.why.line) == ("learned", 0)
    assert trade.why.size == pytest.approx(0.2)
    assert trade.why.allowed == pytest.approx(trade.upper[0] - 0.4)


def test_a_line_that_cannot_trade_triggers_nothing(market, policy):
    friday, _ = friday_and_next(market)
    halted = np.array(market.tradable)
    halted[friday, 0] = False
    weights = (0.6, 0.3, 0.1 + 0.1)
    assert isinstance(policy.decide(view(market, friday, weights)), Trade)
    assert isinstance(policy.decide(view(replace(market, tradable=halted), friday, weights)), Hold)


def test_it_is_played_by_the_same_compiled_code_after_a_pickle(market, policy):
    """Workers get it so: for arrays of another kind they would compile the loop anew."""
    targets = target_path(WEIGHTS, market)
    one, other = (each.no_trade_bands(market, targets).options for each in (policy, pickle.loads(pickle.dumps(policy))))
    assert typeof(one) == typeof(other)


def test_the_future_changes_no_decision(market, policy):
    friday, _ = friday_and_next(market)
    returns = np.array(market.returns)
    returns[friday + 1 :] = np.random.default_rng(0).normal(0.0, 0.1, returns[friday + 1 :].shape)
    trade = policy.decide(view(market, friday))
    for other in (replace(market, returns=returns), market.until(market.dates[friday])):
        again = policy.decide(view(other, friday))
        np.testing.assert_array_equal(again.lower, trade.lower)
        np.testing.assert_array_equal(again.upper, trade.upper)
        assert again.why == trade.why


def test_a_listing_changes_what_it_measures_by(market, policy):
    """Before the listing it plays by the other row of its scales, and asks nothing of the asset."""
    before = policy.decide(view(market, 85, weights=(0.6, 0.3, 0.0), unfinished=True))
    after = policy.decide(view(market, 95, weights=(0.6, 0.3, 0.0), unfinished=True))
    assert (before.lower[2], before.upper[2]) == (0.0, 0.0)
    assert after.lower[2] > 0.0


# -- what it refuses -------------------------------------------------------------------------------------------------


def test_it_is_not_asked_before_the_last_date_that_it_saw(market, policy):
    said = f"was trained on data up to {market.dates[START]:%Y-%m-%d}.*it has seen later days"
    with pytest.raises(PolicyError, match=said):
        policy.decide(view(market, START - 1))
    policy.decide(view(market, START))
    with pytest.raises(PolicyError, match="saw data up to"):
        backtest(market, policy, COSTS, start=market.dates[START - 1])


def test_it_is_not_asked_about_other_lines(market, policy):
    with pytest.raises(PolicyError, match="for A, B, C cannot decide for B, A, C"):
        policy.decide(view(market.select(["B", "A", "C"]), 100))


def test_it_is_not_asked_about_a_target_that_it_was_not_trained_for(market, policy):
    _, monday = friday_and_next(market)
    other = replace(view(market, monday, unfinished=True), target=np.array([0.3, 0.3, 0.3]))
    with pytest.raises(PolicyError, match=r"was not trained for the target on .*: it was trained for other weights"):
        policy.decide(other)
    young = made_up(market.until(market.dates[80]), WEIGHTS, seen=START)
    with pytest.raises(PolicyError, match="its targets do not hold C"):
        young.decide(view(market, monday, unfinished=True))
