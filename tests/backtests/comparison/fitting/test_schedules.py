"""Where a file leaves open on which days a policy is asked, they are chosen in training, by J with work."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import compare
from backtests.comparison.fitting.candidates import Fitted, benchmark_of, fit, market_before_test, tuning_setup
from backtests.engine import backtest
from backtests.evaluation.benchmark import losses
from backtests.runs.trial_words import seed_in_words
from backtests.sheets.parts import Words
from backtests.sheets.sections.fitting import fitting_parts
from desk.commands.orders.trades import policy_now
from research.accounting import Policy
from research.allocation import FixedWeights, target_path
from research.learning import Learned, PPOSettings, Universal
from research.portfolio import Portfolio, load_portfolio

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "sixty_forty.yaml"
QUICK = {
    "rule": "learned", "steps": 300, "seeds": [1, 2], "episode": 26, "learner": "ppo",
    "ppo": {"worlds": 32, "rollout": 8, "batch": 64, "epochs": 2, "hidden": 8},
}  # fmt: skip
SCHEDULES = ["day", "week", "month"]


def desk(**keys: Any) -> Portfolio:
    return load_portfolio(FILE, {"policies.universal": {"rule": "universal"}, "policies.rl": QUICK} | keys)


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return desk()


@pytest.fixture(scope="module")
def learned(portfolio: Portfolio) -> Fitted:
    return fit("rl", portfolio)


def with_work(portfolio: Portfolio, policy: Policy, first: pd.Timestamp) -> float:
    """J of a policy on the training days from `first` on with its work, bp a year, by the engine and by counting."""
    past = market_before_test(portfolio)
    costs = portfolio.costs.until(len(past.dates))
    b = backtest(past, policy, costs, start=first, lag=portfolio.lag, nav=portfolio.nav)
    moved, years = b.counted[b.booked], len(b.net_returns) / b.periods_per_year
    work = portfolio.day_cost * moved.any(axis=1).sum() + portfolio.order_cost * moved.sum()
    return float(losses(b, benchmark_of(portfolio, past)).mean()) + 1e4 * float(work) / years / portfolio.nav


@pytest.mark.parametrize("keys", [{"day_cost": 0.0}, {"day_cost": 20.0, "order_cost": 2.0}, {"day_cost": 2000.0}])
def test_the_schedule_chosen_has_the_least_loss_with_work_of_independent_backtests(keys: dict[str, float]) -> None:
    portfolio = desk(**keys)
    fitted = fit("universal", portfolio)
    card, rule = fitted.schedule.card, Universal(portfolio.strategic, portfolio.tracking_penalty)
    expected = [with_work(portfolio, replace(rule, schedule=one), card.first) for one in SCHEDULES]
    assert card.minimised.tolist() == pytest.approx(expected, rel=1e-9)
    assert fitted.policy.schedule == SCHEDULES[int(np.argmin(expected))]  # type: ignore[attr-defined]
    assert card.seen < portfolio.test_start
    assert (fitted.tried, len(fitted.schedule.trials.table)) == (3, 3)
    assert fitted.notes[0].startswith(f"Asked each {fitted.policy.schedule}, the schedule of the lowest J")  # type: ignore[attr-defined]


def test_days_with_a_trade_never_rise_with_their_price() -> None:
    days = []
    for price in (0.0, 10.0, 100.0, 1_000.0, 10_000.0):
        tried = fit("universal", desk(day_cost=price)).schedule.card.tried  # type: ignore[union-attr]
        days.append(float(tried.loc[tried["chosen"], "trading_days"].iloc[0]))
    assert days == sorted(days, reverse=True)
    assert days[-1] < days[0]


def test_a_schedule_that_the_file_states_is_obeyed() -> None:
    stated = desk(**{"policies.universal": {"rule": "universal", "schedule": "month"}, "day_cost": 0.0})
    fitted = fit("universal", stated)
    assert fitted.policy == stated.policies["universal"]
    assert (fitted.schedule, fitted.tried, fitted.notes) == (None, 1, ())
    rl = fit("rl", desk(**{"policies.rl": QUICK | {"schedule": "week"}}))
    assert (rl.policy.schedule, rl.schedule, rl.tried) == ("week", None, 2)  # type: ignore[attr-defined]


def test_a_network_is_asked_on_other_days_and_stays_as_it_was_trained(portfolio: Portfolio, learned: Fitted) -> None:
    weekly = fit("rl", desk(**{"policies.rl": QUICK | {"schedule": "week"}}))
    card = learned.schedule.card
    for seed, policy in learned.seeds.items():
        assert policy.schedule == card.settings["schedule"]
        for one, other in zip(policy.net, weekly.seeds[seed].net, strict=True):
            np.testing.assert_array_equal(one, other)
    early = replace(learned.policy, seen=portfolio.market.dates[0])  # type: ignore[type-var]
    expected = [with_work(portfolio, replace(early, schedule=one), card.first) for one in SCHEDULES]
    assert card.minimised.tolist() == pytest.approx(expected, rel=1e-9)
    assert card.settings["schedule"] == SCHEDULES[int(np.argmin(expected))]
    assert learned.tried == 2 + 3
    assert learned.policy.fitted_until == card.seen == market_before_test(portfolio).dates[-1]  # type: ignore[attr-defined]


def test_a_trial_of_a_network_on_other_days_says_so(portfolio: Portfolio, learned: Fitted) -> None:
    assert learned.schedule is not None
    own = seed_in_words(portfolio.strategic, 1, replace(learned.seeds[1], schedule="week"))
    other = seed_in_words(portfolio.strategic, 1, replace(learned.seeds[1], schedule="month"))
    assert other == f"{own}, asked each month"
    assert sum("asked each month" in text for text in learned.schedule.trials.table["policy"]) == 1


@pytest.mark.parametrize("name", ["universal", "rl"])
def test_nothing_in_the_test_changes_the_choice(portfolio: Portfolio, name: str) -> None:
    market, rng = portfolio.market, np.random.default_rng(3)
    later = (market.dates >= portfolio.test_start)[:, None] & market.tradable
    returns = np.where(later, rng.normal(0.0, 0.03, market.returns.shape), market.returns)
    other = replace(portfolio, market=replace(market, returns=returns, prices=np.full(returns.shape, np.nan)))
    one, two = (fit(name, of).schedule for of in (portfolio, other))
    pd.testing.assert_frame_equal(one.card.tried, two.card.tried)


def test_less_than_a_year_of_days_before_the_test_chooses_nothing(portfolio: Portfolio) -> None:
    known, days = int(portfolio.market.listed.all(axis=1).argmax()) + 252, portfolio.market.dates
    for sessions, chosen in ((200, False), (300, True)):
        fitted = fit("universal", replace(portfolio, test_start=days[known + 25 + sessions]))
        assert (fitted.schedule is not None) == chosen
    early = replace(portfolio, test_start=days[known - 100])  # its covariance is not known before the test
    assert fit("universal", early).policy == portfolio.policies["universal"]


def test_a_network_is_asked_from_where_it_knows_the_target(portfolio: Portfolio, learned: Fitted) -> None:
    policy, market = learned.seeds[1], portfolio.market
    path = target_path(policy.allocation, market)
    assert policy.known_from(path) == 0
    strange = policy.scales._replace(target=policy.scales.target + 0.1)
    assert replace(policy, scales=strange).known_from(path) == len(market.dates)
    rows, row = np.vstack([0.5 * path.rows[:1], path.rows]), np.where(np.arange(len(path.row)) < 7, 0, path.row + 1)
    assert policy.known_from(replace(path, rows=rows, row=row, seen=np.append(0, path.seen))) == 7


def test_trades_follow_the_schedule_that_training_chose(portfolio: Portfolio, tmp_path: Path) -> None:
    policy, name, run = policy_now(portfolio, "universal", tmp_path)
    assert (name, run, policy) == ("universal", "", fit("universal", portfolio).policy)


def test_left_open_a_rule_is_asked_as_it_was_where_nothing_chooses() -> None:
    held = FixedWeights((0.6, 0.4))
    assert Universal(held).asked_schedule == "day"
    assert Universal(held).interval == Universal(held, schedule="day").interval
    assert Learned(held, learner="ppo", ppo=PPOSettings()).settings()["schedule"] == "week"
    assert tuning_setup(desk()).day_cost == desk().day_cost / desk().nav


@pytest.mark.usefixtures("few_simulated_tests", "few_judged_sessions")
def test_the_page_names_the_schedule(portfolio: Portfolio) -> None:
    compared = compare(portfolio, only=["quarterly", "universal"], draws=100)
    said = [part.text for part in fitting_parts(compared) if isinstance(part, Words)]
    assert f"universal: {compared.fitted['universal'].notes[0]}" in said
    assert compared.trials == 1 + 3
