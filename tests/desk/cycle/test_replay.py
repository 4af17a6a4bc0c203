"""The cycle over history: equal to the policy where that decides, and blind to what comes after a close."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from commanded import rebalance

from desk.cycle.replay import CYCLE, Replayed, replayed
from research.market import Market
from research.portfolio import Portfolio, load_portfolio

SCENARIOS = Path(__file__).parents[3] / "data" / "examples" / "cycle_of_scenarios.yaml"
QUICK = {"cycle.worlds": 100, "policies.threshold.band": 0.01, "tracking_penalty": 0.2}  # so that some trades can wait
FIRST, LAST = "2022-03-01", "2022-08-31"


def portfolio(decides: str, market: Market | None = None) -> Portfolio:
    made = load_portfolio(SCENARIOS, {"cycle.decides": decides} | QUICK)
    return made if market is None else replace(made, market=market)


def played(of: Portfolio, first: str = FIRST, last: str = LAST) -> Replayed:
    return replayed(of, of.policies["threshold"], "threshold", first, last)


def test_where_the_policy_decides_the_cycle_is_the_policy_to_the_bit() -> None:
    found = played(portfolio("policy"))
    cycle, plain = (found.paired.backtests[name] for name in (CYCLE, "threshold"))
    assert np.array_equal(cycle.nav, plain.nav)
    assert np.array_equal(cycle.turnover, plain.turnover)
    assert plain.turnover.any()
    assert set(found.chosen) == {"policy"}
    said = found.text.splitlines()
    assert said[0] == "From 2022-03-01 to 2022-08-31"
    assert "The cycle and threshold are equal on all days." in said
    assert "–: the growth of less than a year is not annualised (GIPS 2010, 5.A.4)." in said
    assert not any("cycle less threshold" in line for line in said)


def test_scenarios_decide_by_the_past_alone() -> None:
    found = played(portfolio("scenarios"), "2022-03-22", "2022-05-20")
    cycle = found.paired.backtests[CYCLE]
    assert found.chosen.total() > found.chosen["policy"]  # else it says nothing
    assert "J in bp a year, cycle less threshold: " in found.text
    market = portfolio("scenarios").market
    row = market.row(pd.Timestamp("2022-05-10"))
    changed = market.returns.copy()
    changed[row + 1 :] = changed[row + 1 :][::-1]
    other = played(
        portfolio("scenarios", replace(market, returns=changed)), "2022-03-22", "2022-05-20"
    ).paired.backtests[CYCLE]
    known = int((cycle.dates <= market.dates[row]).sum())
    assert np.array_equal(cycle.nav[:known], other.nav[:known])
    assert not np.array_equal(cycle.nav, other.nav)


def test_days_of_rest_after_a_trade_are_kept() -> None:
    rests = load_portfolio(SCENARIOS, {"cycle.cooldown": 30} | QUICK)
    booked = np.flatnonzero(played(rests).paired.backtests[CYCLE].turnover > 0.0)
    assert len(booked) > 1
    assert (np.diff(booked) >= 30).all()


def test_the_command_says_what_scenarios_were_worth() -> None:
    said = rebalance("desk", "run", SCENARIOS, "--replay", "2022-03-01:2022-04-29")
    assert said.status == 0
    assert "The cycle and threshold are equal on all days." in said.out
    assert "triggered days were taken: " in said.out
    assert rebalance("desk", "run", SCENARIOS, "--replay", "2022-03-01").status == 2
    turned = rebalance("desk", "run", SCENARIOS, "--replay", "2022-12-20:2022-12-01")
    assert (turned.status, "--replay ends on 2022-12-01, before its first day, 2022-12-20" in turned.err) == (2, True)
