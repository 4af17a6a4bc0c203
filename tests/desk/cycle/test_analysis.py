"""Losses of alternatives against years that are known: A grows by 0.1 % a day and B stands still in every world."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from watched import GROWTH, SETTINGS, banded, steady

from backtests.today.future_paths import play_futures
from desk.cycle.alternatives import Listed, alternatives
from desk.cycle.analysis import CALIBRATION, WAITS, Analysis, Start, analysed
from research.allocation import target_path
from research.market.calendars import sessions
from research.orders import TradeList, trade_list
from research.portfolio import Portfolio, load_portfolio
from research.rules import GroupThreshold, Threshold
from research.rules.protocol import held_by

DESK = Path(__file__).parents[3] / "data" / "portfolios" / "desk.yaml"
BP = 1e4


def listed_of(portfolio: Portfolio) -> tuple[Listed, ...]:
    policy = portfolio.policies[portfolio.policy or portfolio.reference]
    targets = target_path(held_by(policy, portfolio.strategic), portfolio.market, start=len(portfolio.market.dates) - 1)
    return alternatives(trade_list(portfolio, policy, targets=targets), targets)


def weighed(tmp_path: Path, changes: Mapping[str, Any] | None = None) -> Analysis:
    given = {"cycle": {"worlds": 100}} | dict(changes or {})
    return analysed(listed_of(load_portfolio(steady(tmp_path, given))))


def lost_by_hand(trades: TradeList, rows: int) -> float:
    """bp of NAV: the cost of the list, and g/2 times the squared return apart from half in each; no trade later."""
    portfolio, after = trades.portfolio, trades.after()
    a, b = after.holdings
    total, g = 0.0, portfolio.tracking_penalty
    for _ in range(rows):
        apart = a * GROWTH / (a + b + after.cash) - 0.5 * GROWTH
        total += g / 2.0 * apart**2
        a *= 1.0 + GROWTH
    return BP * (float(trades.sized.charges.sum()) / portfolio.nav + total)


def test_a_year_without_trades_loses_what_a_loop_by_hand_loses(tmp_path: Path) -> None:
    found = weighed(tmp_path)
    last = found["full"].listed.trades.portfolio.market.days[-1]
    rows = len(sessions(last + 1, last + 365, "XNYS"))
    assert {each.name for each in found.alternatives} >= {"policy", "full"}
    for each in found.alternatives:
        assert each.losses == pytest.approx(np.full(100, lost_by_hand(each.listed.trades, rows)), rel=1e-9)
    assert found.score("full") == pytest.approx(10.0 * 2.0 ** (-found["full"].loss / 10.0))
    assert found["defer"].name == "policy"  # which never trades: the same orders, none
    assert found.waiting == {}


def test_the_best_of_equal_worlds_is_the_best_in_all_of_them(tmp_path: Path) -> None:
    found = weighed(tmp_path)
    assert found.shares[found.best.name] == 1.0
    assert found.best.loss == min(each.loss for each in found.alternatives)


def test_confidence_is_what_choices_of_a_share_came_true_with(tmp_path: Path) -> None:
    found = weighed(tmp_path)
    worlds, (c, a, b) = len(found.best.losses), CALIBRATION
    odds = c + a * np.log(1.0 - 0.5 / worlds) - b * np.log(0.5 / worlds)  # of the best in all of them
    assert found.confidence == pytest.approx(1.0 / (1.0 + np.exp(-odds)))
    middle = {each.name: 0.5 for each in found.alternatives}
    object.__setattr__(found, "shares", middle)  # as `cached_property` does
    assert found.confidence == pytest.approx(0.5, abs=0.03)  # by the table of docs/cycle.md
    assert replace(found, alternatives=found.alternatives[:1]).confidence == 1.0


def test_work_and_tax_are_losses_too(tmp_path: Path) -> None:
    plain, worked = weighed(tmp_path), weighed(tmp_path, {"order_cost": 3.0, "day_cost": 5.0})
    nav, orders = 10_000.0, len(plain["full"].listed.trades.orders)
    assert orders == 2
    assert worked["full"].loss - plain["full"].loss == pytest.approx(BP * (3.0 * orders + 5.0) / nav)
    assert worked["policy"].loss == plain["policy"].loss


def test_scores_fall_as_costs_rise(tmp_path: Path) -> None:
    scores = []
    for k in range(20):
        costs = {name: {"commission_bps": 0.5 * k, "half_spread_bps": 0} for name in ("shares", "bonds")}
        found = weighed(tmp_path, {"costs": costs, "cycle": {"worlds": 100}})
        scores.append(found.score("edge"))
    assert (np.diff(scores) < 0.0).all()
    assert scores[0] > scores[-1] + 0.1


def test_alternatives_are_the_lists_of_the_landed_rules() -> None:
    portfolio = load_portfolio(DESK)
    found = {name: each for each in listed_of(portfolio) for name in (each.name, *each.also)}
    level, held = portfolio.cycle.drift.medium, portfolio.strategic
    rules = {
        "partial": Threshold(held, level, lines="breaching", payer="cash"),
        "edge": Threshold(held, level, "edge"),
        "asset_class": GroupThreshold(held, "asset_class", level, "edge"),
    }
    for name, rule in rules.items():
        assert np.array_equal(found[name].trades.sized.units, trade_list(portfolio, rule).sized.units)
    assert not found["defer"].trades.sized.moved.any()
    assert not (found["new money"].trades.sized.units < 0.0).any()


def test_each_alternative_has_orders_of_its_own() -> None:
    units = [each.trades.sized.units for each in listed_of(load_portfolio(DESK))]
    assert len({tuple(each) for each in units}) == len(units)


def test_the_same_worlds_give_the_same_losses_and_another_seed_others() -> None:
    losses = [
        analysed(listed_of(load_portfolio(DESK, {"cycle": {"worlds": 100, "seed": seed}})))["full"].losses
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(losses[0], losses[1])
    assert not np.array_equal(losses[0], losses[2])


@pytest.mark.parametrize("lag", [1, 2])
def test_a_trade_that_is_put_off_is_booked_so_many_sessions_later(tmp_path: Path, lag: int) -> None:
    found = weighed(tmp_path, banded(0.05) | {"lag": lag})
    assert tuple(found.waiting) == tuple(k for k in WAITS if k >= lag)
    of_policy = found["policy"].listed.trades
    for k in found.waiting:
        start = Start.put_off(of_policy, k)
        growths = np.ones((1, start.opening.days, 2))
        growths[..., 0] += GROWTH
        turnover = play_futures(start.opening, {"": start.shared}, growths)[""].turnover[0]
        assert np.flatnonzero(turnover)[0] == k


def test_waiting_is_measured_against_the_trade_of_today() -> None:
    found = analysed(listed_of(load_portfolio(DESK, {"cycle": {"worlds": 600}})))
    assert tuple(found.waiting) == WAITS
    assert len(found.alternatives[0].losses) == 600  # more than one block of paths
    assert all(error > 0.0 for _, error in found.waiting.values())


def test_no_gain_is_realised_where_none_is_allowed(tmp_path: Path) -> None:
    bought = {
        "A": {"date": "2021-01-05", "units": 60, "price": 20.0},
        "B": {"date": "2021-01-05", "units": 80, "price": 50.0},
    }
    lines = {name: line | {"tax_lots": [bought[name]]} for name, line in SETTINGS["lines"].items()}
    tax = {"rate": 0.2, "lots": "first"}
    found = weighed(tmp_path, {"lines": lines, "tax": tax})
    assert found["full"].listed.trades.facts["tax"] > 0.0
    assert found["no gains"].listed.trades.facts["tax"] == 0.0
    sold = found["full"].listed.trades.orders.query("side == 'sell'")
    gained = float(sold["units"].iloc[0]) * (100.0 - 20.0)  # A is at 100, and was bought at 20
    assert found.table()["gain"][["policy", "full"]].tolist() == [0.0, gained]
    untaxed = weighed(tmp_path)
    assert found["full"].loss == untaxed["full"].loss  # later years have no tax: a trade put off would seem to save it


def test_tax_stands_against_a_change(tmp_path: Path) -> None:
    free = {
        "materiality_bps": 0,
        "costs": {name: {"commission_bps": 0, "half_spread_bps": 0} for name in ("shares", "bonds")},
    }
    bought = {"date": "2021-01-05", "units": 60, "price": 20.0}
    lines = SETTINGS["lines"] | {"A": SETTINGS["lines"]["A"] | {"tax_lots": [bought]}}
    untaxed, taxed = weighed(tmp_path, free), weighed(tmp_path, free | {"lines": lines, "tax": {"rate": 0.2}})
    assert untaxed.best.name == untaxed.material.name == taxed.best.name != "policy"
    assert taxed.material.name == "policy"
    paid = taxed.best.listed.trades.facts["tax"]
    assert untaxed.gain(untaxed.best) - taxed.gain(taxed.best) == pytest.approx(BP * paid / 10_000.0)
