"""The optimal region of fully invested assets: against one asset, cash, other orders, other grids, and played."""

from functools import cache
from itertools import permutations

import numpy as np
import pytest
from cases import cases
from scipy.interpolate import RegularGridInterpolator

from backtests.laboratory.learned.known_optimum import region_losses
from backtests.laboratory.simulate import Laboratory, play
from foundation.errors import ConfigError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.risk import GBM
from research.rules import OptimalRegion, Threshold
from research.rules.optimum import dynamic_programming
from research.rules.optimum.dynamic_programming import optimal_region
from research.rules.optimum.region import Region, destination, wants

Array = np.ndarray

BP = 1e-4
TARGET, MEAN = np.array([0.4, 0.3, 0.3]), np.array([0.05, 0.055, 0.03])
VOLATILITY = np.array([0.20, 0.25, 0.12])
COVARIANCE = np.array([[1.0, 0.3, 0.1], [0.3, 1.0, -0.1], [0.1, -0.1, 1.0]]) * np.outer(VOLATILITY, VOLATILITY)
EQUAL, UNEQUAL = np.full(3, 10 * BP), np.array([5.0, 10.0, 30.0]) * BP
G, WEEK = 5.0, 1 / 52


@cache
def worked(unequal: bool = False, ticket: float = 0.0) -> Region:
    return optimal_region(TARGET, MEAN, COVARIANCE, UNEQUAL if unequal else EQUAL, G, WEEK, ticket=ticket)


def laboratory(cost: Array, paths: int) -> Laboratory:
    return Laboratory(
        GBM(MEAN, COVARIANCE, 52), tuple(TARGET.tolist()), Costs(cost, np.zeros(3)), G, paths, 52 * 13, seed=5,
        warm_up=156, periods_per_year=52,
    )  # fmt: skip


# -- the same problem in other words ----------------------------------------------------------------------------------


def test_two_lines_without_cash_are_one_line_measured_in_the_other() -> None:
    """Its covariance is that of their difference, its cost the sum of theirs, its growth what it earns beyond it."""
    two = optimal_region(TARGET[:2] / 0.7, MEAN[:2], COVARIANCE[:2, :2], UNEQUAL[:2], G, WEEK)
    apart = COVARIANCE[0, 0] - 2.0 * COVARIANCE[0, 1] + COVARIANCE[1, 1]
    growth = MEAN[0] - MEAN[1] - 0.5 * (COVARIANCE[0, 0] - COVARIANCE[1, 1]) + 0.5 * apart
    one = optimal_region(TARGET[:1] / 0.7, [growth], [[apart]], [UNEQUAL[:2].sum()], G, WEEK)
    assert two.value == pytest.approx(one.value, rel=1e-9)
    assert two.upper[0] == pytest.approx(one.upper[0], abs=1e-12)


@pytest.mark.parametrize("ticket", [0.0, 1 * BP])
def test_a_last_line_that_is_all_but_cash_gives_the_region_beside_cash(ticket: float) -> None:
    still = np.array([1.0, 1.0, 1e-4])
    problem = MEAN * [1, 1, 0], COVARIANCE * np.outer(still, still), np.array([10.0, 10.0, 1e-5]) * BP
    three = optimal_region(TARGET, *problem, G, WEEK, ticket=ticket)
    two = optimal_region(TARGET[:2], MEAN[:2], COVARIANCE[:2, :2], EQUAL[:2], G, WEEK, ticket=ticket)
    assert three.value == pytest.approx(two.value, rel=1e-3)


def test_the_order_of_the_lines_changes_nothing() -> None:
    values = [
        optimal_region(TARGET[order], MEAN[order], COVARIANCE[np.ix_(order, order)], UNEQUAL[order], G, WEEK).value
        for order in map(list, [*permutations(range(3))][1:])
    ]
    assert values == pytest.approx([worked(unequal=True).value] * 5, rel=2e-4)


@pytest.mark.parametrize("ticket", [0.0, 1 * BP])
@cases("name, other", ("POINTS", {1: 641, 2: 121}), ("GRID_REACH", 6.0), ("QUADRATURE_NODES", {1: 31, 2: 11}))
def test_neither_step_nor_width_of_the_grid_moves_the_loss(
    monkeypatch: pytest.MonkeyPatch, name: str, other: object, ticket: float
) -> None:
    there = worked(unequal=True, ticket=ticket).value
    monkeypatch.setattr(dynamic_programming, name, other)
    found = optimal_region(TARGET, MEAN, COVARIANCE, UNEQUAL, G, WEEK, ticket=ticket)
    assert found.value == pytest.approx(there, rel=0.0005)


def test_the_cheapest_place_is_that_of_a_search_over_all() -> None:
    """Costs 2, 3 and 4 a step of the lines: one of the first two with the last 6 or 7, with one another 5."""
    values = np.random.default_rng(3).normal(size=(9, 7)) * 20.0
    i, j = np.indices(values.shape)
    searched = np.array(
        [
            [(values + 2 * abs(i - a) + 3 * abs(j - b) + 4 * abs(i - a + j - b)).min() for b in range(7)]
            for a in range(9)
        ]
    )
    found = dynamic_programming._cheapest(values, np.array([6.0, 7.0]), 5.0)
    assert (found >= searched - 1e-12).all()
    assert found == pytest.approx(searched, abs=1e-12)


# -- where trades go --------------------------------------------------------------------------------------------------


def test_a_trade_goes_where_a_search_over_the_grid_goes() -> None:
    """Assets at 5, 10 and 30 bp: the loss of the destination, with the cost of the way, is the least on the grid."""
    region = worked(unequal=True)
    solution = dynamic_programming._solved(_problem(UNEQUAL), region.axes, np.zeros(region.advantage.shape))
    first, second = region.axes
    i, j = np.meshgrid(first, second, indexing="ij")
    between = RegularGridInterpolator(region.axes, solution.after, method="cubic")
    rng, out, step = np.random.default_rng(4), np.empty(3), first[1] - first[0]
    for _ in range(200):
        gap = rng.uniform(-0.9, 0.9, 2) * [first[-1], second[-1]]
        destination(np.append(gap, -gap.sum()), region.surfaces, out)
        assert out.sum() == pytest.approx(0.0, abs=1e-15)
        cost = sum(c * abs(x) for c, x in zip(UNEQUAL, (i - gap[0], j - gap[1], i + j - gap.sum()), strict=True))
        best = np.unravel_index(np.argmin(solution.after + cost), cost.shape)
        here = float(between(out[:2])[0]) + UNEQUAL @ np.abs(out - [*gap, -gap.sum()])
        assert here <= (solution.after + cost)[best] + 2e-9
        assert out[:2] == pytest.approx([first[best[0]], second[best[1]]], abs=6.0 * step)


@pytest.mark.parametrize("unequal", [False, True])
def test_where_a_trade_ends_nothing_is_left_to_trade(unequal: bool) -> None:
    region, rng, out = worked(unequal), np.random.default_rng(8), np.empty(3)
    for _ in range(200):
        gap = rng.uniform(-0.05, 0.05, 2)
        destination(np.append(gap, -gap.sum()), region.surfaces, out)
        assert not wants(out, region.surfaces)


def _problem(cost: Array) -> dynamic_programming._Problem:
    given = dynamic_programming._Problem(
        TARGET, MEAN - 0.5 * VOLATILITY**2, COVARIANCE, cost, 0.0, G, WEEK, 0.0
    )  # fmt: skip
    return dynamic_programming._beside_the_last(given)


# -- played -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unequal", "ticket"), [(False, 0.0), (True, 0.0), (False, 1 * BP)])
def test_played_the_policy_loses_what_the_programme_says(unequal: bool, ticket: float) -> None:
    region = worked(unequal, ticket)
    found = region_losses(laboratory(region.cost, paths=5_000), region)
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert error < 0.003 * found.mean()
    assert found.mean() == pytest.approx(region.value / BP, abs=3.0 * error)


def test_played_by_the_engine_it_loses_the_same_and_less_than_the_best_plain_band() -> None:
    region, lab = worked(), laboratory(EQUAL, paths=200)
    holding = FixedWeights(lab.target)
    played = play(lab, OptimalRegion(holding, region)).loss
    assert np.corrcoef(played, region_losses(lab, region))[0, 1] > 0.999
    assert played.mean() == pytest.approx(region_losses(lab, region).mean(), rel=0.001)
    assert 1.005 < play(lab, Threshold(holding, 0.028, "edge")).loss.mean() / played.mean() < 1.03


@cases(
    "target, message",
    (
        [0.3, 0.3, 0.2],
        "target of optimal_region has 3 assets that sum to 0.8: a grid is made for one or two beside cash, or for",
    ),
    ([0.3, 0.3, 0.2, 0.2], "target of optimal_region has 4 assets"),
    ([1.0], r"target of optimal_region is \[1.0\]: leave something to cash, or give a second line"),
)
def test_more_lines_than_a_grid_holds_are_refused(target: list[float], message: str) -> None:
    n = len(target)
    with pytest.raises(ConfigError, match=message):
        optimal_region(target, [0.05] * n, 0.04 * np.eye(n), [0.001] * n, G, WEEK)
