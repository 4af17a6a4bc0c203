"""Costs from 0 to 50 bp: every point is a backtest at these costs, and at a break-even two policies are equal."""

from dataclasses import replace

import numpy as np
import pytest

from backtests.comparison import Comparison, compare
from backtests.comparison.descriptions.cost_levels import (
    COST_LEVELS,
    FEWER,
    CostLevels,
    at_level,
    break_even_levels,
    cost_levels,
)
from backtests.comparison.descriptions.replays import Replays
from backtests.engine import backtest
from backtests.evaluation.benchmark import losses
from research.accounting import Costs
from research.allocation import FixedWeights
from research.portfolio import load_portfolio
from research.risk import growth

pytestmark = pytest.mark.usefixtures("few_simulated_tests")

NAMES = ["never", "monthly", "quarterly", "threshold", "hrp_monthly"]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(load_portfolio("data/portfolios/global_multi_asset.yaml"), only=NAMES, draws=100)


@pytest.fixture(scope="module")
def found(comparison: Comparison) -> CostLevels:
    return comparison.behaviour.costs


def test_every_point_is_a_backtest_at_these_costs(comparison, found) -> None:
    portfolio = comparison.portfolio
    assert found.table["policy"].tolist() == [name for name in NAMES for _ in COST_LEVELS]
    for row in found.table.itertuples():
        played = backtest(
            portfolio.market, comparison.fitted[row.policy].policy, Costs.bps(8, commission=row.cost_bps),
            start=portfolio.test_start, nav=portfolio.nav, lag=portfolio.lag,
        )  # fmt: skip
        assert row.loss == losses(played, comparison.benchmark).mean()
        assert row.growth == growth(played.growth_path, (played.dates[-1] - played.dates[0]).days)


def test_at_a_break_even_two_policies_are_equal(comparison, found) -> None:
    """Of the policies of this file monthly alone changes places with quarterly, at some 20 bp."""
    (root,) = found.break_evens
    assert (root.policy, root.below, root.jumps) == ("monthly", "monthly", False)
    wide = found.wide("loss")
    below, above = (wide.loc["monthly", level] < wide.loc["quarterly", level] for level in (20.0, 30.0))
    assert below
    assert not above
    assert 20.0 < root.cost < 30.0
    portfolio, paid = comparison.portfolio, Costs.bps(8, commission=root.cost)
    one, other = (
        losses(
            backtest(
                portfolio.market, comparison.fitted[name].policy, paid, start=portfolio.test_start, nav=portfolio.nav
            ),
            comparison.benchmark,
        ).mean()
        for name in ("monthly", "quarterly")
    )
    assert one == pytest.approx(other, abs=1e-3)
    assert root.difference == pytest.approx(one - other, abs=1e-12)
    assert found.of("threshold") == []
    assert "hrp_monthly" not in found.searched  # it holds another target


def test_a_break_even_is_found_between_levels_and_a_jump_is_said(comparison) -> None:
    def line(bps: float) -> float:
        return 0.2 * bps - 1.3

    (root,) = break_even_levels("one", "two", COST_LEVELS, [line(bps) for bps in COST_LEVELS], line)
    assert (root.cost, root.below, root.jumps) == (pytest.approx(6.5, abs=1e-3), "one", False)

    def step(bps: float) -> float:
        return 1.0 if bps < 7.0 else -1.0

    (root,) = break_even_levels("one", "two", COST_LEVELS, [step(bps) for bps in COST_LEVELS], step)
    assert (root.cost, root.below, root.jumps) == (pytest.approx(7.0, abs=1e-3), "two", True)


def test_what_cannot_be_paid_has_no_break_even() -> None:
    assert break_even_levels("one", "two", COST_LEVELS[:3], [1.0, np.nan, -1.0], lambda bps: np.nan) == []
    assert break_even_levels("one", "two", COST_LEVELS[:3], [0.0, 0.0, 0.0], lambda bps: 0.0) == []


def test_other_costs_stay() -> None:
    given = replace(Costs.bps(2, commission=[5, 9], half_spread=[1, 2]), ticket=np.array([2.0, 3.0]), financing=0.01)
    made = at_level(given, 7.0)
    assert made.total.tolist() == pytest.approx([7e-4, 7e-4])
    assert (made.ticket.tolist(), made.financing) == ([2.0, 3.0], 0.01)


def test_a_policy_that_decides_day_by_day_is_played_at_fewer_levels(comparison, by_day) -> None:
    target = FixedWeights(tuple(comparison.portfolio.target))
    policies = {name: comparison.fitted[name].policy for name in ("quarterly", "threshold")}
    policies["own"] = replace(by_day(policies["threshold"]), allocation=target)
    played = comparison.backtests | {"own": comparison.backtests["threshold"]}
    given = Replays(comparison.portfolio, comparison.benchmark, policies, played), "quarterly"
    found = cost_levels(*given, "own")
    assert (found.by_day, found.left_out, found.searched) == (("own",), (), ("threshold", "own"))
    by_level = found.table.set_index(["policy", "cost_bps"])["loss"]
    own, same = by_level["own"], by_level["threshold"]
    assert (own.index.tolist(), own.tolist()) == (list(FEWER), same[list(FEWER)].tolist())
    without = cost_levels(*given, "threshold")  # a class of the user's own may take minutes
    assert (without.by_day, without.left_out, without.searched) == ((), ("own",), ("threshold",))
    assert "own" not in without.wide("loss").index
