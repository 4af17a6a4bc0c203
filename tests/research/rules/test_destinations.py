"""Where a trade goes, against a linear programme, against hand-made numbers, and as invariants."""

from collections.abc import Callable

import cvxpy as cp
import numpy as np
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from point_of_box import point_of_box

from foundation.arrays import Array, Mask, frozen
from research.rules.destinations import remember, set_goal, write_box
from research.rules.no_trade_bands import NoTradeBands
from research.rules.rule_options import BREACHING, BY_CASH, PLAIN_OPTIONS, PRO_RATA, RuleInput, RuleRow, Workspace

INF = np.inf


def bands(
    target: Array, trigger: float, lower: Array, upper: Array, cash: tuple[float, float], cost: Array, **options: object
) -> NoTradeBands:
    """One row of no-trade bands whose boxes are made; cash triggers nothing."""
    made = PLAIN_OPTIONS._replace(some=True, makes_boxes=True, rates=cost[None], tickets=np.zeros(len(cost)), **options)
    rows = {"target": target, "trigger_lower": target - trigger, "trigger_upper": target + trigger}
    rows |= {"lower": lower, "upper": upper, "cash": np.array([-INF, INF, *cash])}
    day = np.ones(1, dtype=bool), np.zeros(1, dtype=np.int64)
    return NoTradeBands(*day, **{k: v[None] for k, v in rows.items()}, fraction=1.0, trigger="made", options=made)


def goal_of(weights: Array, rule: NoTradeBands, tradable: Mask | None = None) -> Array:
    """Where a trade from these weights goes, and a check that the box says the same."""
    workspace = Workspace.of(len(weights), PLAIN_OPTIONS)
    free = np.ones(len(weights), dtype=bool) if tradable is None else tradable
    at = RuleInput(weights, 1.0 - float(weights.sum()), frozen(free[None]), 0)
    row = RuleRow(rule.compiled, rule.options, 0, workspace)
    remember(at, row)
    set_goal(at, row, 0)
    low, high = write_box(weights, row)
    goal = workspace.goal.copy()
    moved = goal != weights
    assert (workspace.box[0][moved] == goal[moved]).all()
    assert (workspace.box[1][moved] == goal[moved]).all()
    assert np.isinf(workspace.box[:2][:, ~moved]).all()
    assert low <= high
    return goal


# -- groups, against a quadratic programme ---------------------------------------------------------------------------


def with_groups(
    weights: Array, target: Array, cost: Array, lower: Array, upper: Array, cash: tuple[float, float], member: Array,
    groups: Array, tradable: Mask,
) -> Array | None:  # fmt: skip
    """Where a trade goes: clamped, groups brought inside by their own assets, the rest by a programme; None without
    one.

    The programme moves assets one way, groups no further than their bounds, to the least sum of gap^2 / cost. That is
    the rule where no asset must go past its target, and wherever all costs are one.
    """
    y = np.where(tradable, np.clip(weights, lower, upper), weights)
    for g in range(groups.shape[1]):
        mine = member == g
        amount = np.clip(y[mine].sum(), *groups[:, g]) - y[mine].sum()
        sides = [np.append(side[mine], 0.0) for side in (lower, upper, target)]
        level = np.append(y[mine], 1.0 - y[mine].sum() - amount)  # cash has just what the group is to gain or to give
        sides[0][-1] = sides[1][-1] = 1.0 - y[mine].sum() - amount
        if abs(amount) > 1e-13 and room_of(y, target, lower, upper, tradable & mine, amount).sum() > abs(amount):
            y[mine] = point_of_box(level[:-1], tradable[mine], sides, cost[mine])
        elif abs(amount) > 1e-13:
            y = y + np.sign(amount) * room_of(y, target, lower, upper, tradable & mine, amount)
    rest = 1.0 - y.sum()
    amount = rest - np.clip(rest, *cash)
    if abs(amount) < 1e-13:
        return y
    way = np.sign(amount)
    x = cp.Variable(len(y))
    sums = np.array([y[member == g].sum() for g in range(groups.shape[1])])
    limits = np.maximum((groups[1] - sums) if way > 0.0 else (sums - groups[0]), 0.0)
    inside = [cp.sum(x[member == g]) <= limits[g] for g in range(groups.shape[1])]
    room = room_of(y, target, lower, upper, tradable, amount)
    squares = cp.sum(cp.multiply(cost.min() / cost, cp.square(y + way * x - target)))
    problem = cp.Problem(cp.Minimize(squares), [x >= 0.0, x <= room, cp.sum(x) == abs(amount), *inside])
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-13, tol_gap_rel=1e-13, tol_feas=1e-13)
    return y + way * x.value if problem.status == "optimal" else None


def room_of(y: Array, target: Array, lower: Array, upper: Array, movable: Mask, amount: float) -> Array:
    """How far each asset may go the way of an amount; one with target zero is not raised."""
    room = np.where(target != 0.0, upper - y, 0.0) if amount > 0.0 else y - lower
    return np.where(movable, np.maximum(room, 0.0), 0.0)


Case = tuple[Array, Array, Array, Array, Array, tuple[float, float], Array, Array]


def case(rng: np.random.Generator) -> Case:
    """Weights, target, cost, lower, upper, cash, member, groups: boxes of all kinds round a target, with ties."""
    n, count = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    parts = rng.dirichlet(np.ones(n + 1))
    has_cash = rng.random() < 0.5
    target = parts[:n] if has_cash else parts[:n] / parts[:n].sum()
    target = np.where(rng.random(n) < 0.2, 0.0, target)
    if not has_cash and target.sum() > 0.0:
        target /= target.sum()
    weights = rng.dirichlet(np.ones(n + 1))[:n]
    cost = rng.choice([1e-4, 5e-4, *rng.uniform(1e-4, 1e-2, n)], n)
    wide = rng.uniform(0.0, 0.3, n) if rng.random() < 0.5 else np.full(n, 1.0)
    lower, upper = np.maximum(target - wide, 0.0), target + wide
    member = np.unique(rng.integers(0, count, n), return_inverse=True)[1]  # no group is empty
    count = int(member.max()) + 1
    total = np.array([target[member == g].sum() for g in range(count)])
    half = rng.uniform(0.0, 0.1, count)
    rest = 1.0 - target.sum()
    give = rng.uniform(0.0, 0.05)
    cash = (max(rest - give, 0.0), rest + give) if rest > 1e-9 else (0.0, 0.0)
    return weights, target, cost, lower, upper, cash, member, np.stack([total - half, total + half])


def point_with_groups(
    weights: Array, target: Array, cost: Array, lower: Array, upper: Array, cash: tuple[float, float], member: Array,
    groups: Array, tradable: Mask,
) -> Array:  # fmt: skip
    far = np.full_like(groups, INF) * np.array([[-1.0], [1.0]])
    options = {"member": member.astype(np.int64), "groups": np.concatenate([far, groups])[None]}
    return goal_of(weights, bands(target, 0.0, lower, upper, cash, cost, **options), tradable)


def is_inside(
    goal: Array, lower: Array, upper: Array, member: Array, groups: Array, cash: tuple[float, float], free: Mask
) -> bool:
    """Are assets that can trade, groups and cash inside their boxes?"""
    sums = np.array([goal[member == g].sum() for g in range(groups.shape[1])])
    rest = 1.0 - goal.sum()
    lines = ((goal >= lower - 1e-9) & (goal <= upper + 1e-9))[free].all()
    of_groups = ((sums >= groups[0] - 1e-9) & (sums <= groups[1] + 1e-9)).all()
    return bool(lines and of_groups and cash[0] - 1e-9 <= rest <= cash[1] + 1e-9)


def past(goal: Array, weights: Array, target: Array) -> bool:
    """Does some asset that moves end past its target?"""
    return bool(((goal - target) * (goal - weights) > 1e-12).any())


@pytest.mark.parametrize("halts", [0.0, 0.3])
def test_the_point_with_groups_is_that_of_a_quadratic_programme(halts: float) -> None:
    rng, agreed, unequal = np.random.default_rng(11), 0, 0
    for _ in range(100):
        weights, target, cost, lower, upper, cash, member, groups = case(rng)
        free = rng.random(len(weights)) >= halts
        cost = np.full_like(cost, 1e-3) if rng.random() < 0.5 else cost
        goal = point_with_groups(weights, target, cost, lower, upper, cash, member, groups, free)
        assert np.isfinite(goal).all()
        assert (goal[~free] == weights[~free]).all()
        assert 1.0 - goal.sum() >= min(0.0, 1.0 - weights[~free].sum()) - 1e-9, "cash is not overdrawn for it"
        best = with_groups(weights, target, cost, lower, upper, cash, member, groups, free)
        if best is None or not is_inside(best, lower, upper, member, groups, cash, free):
            continue
        assert is_inside(goal, lower, upper, member, groups, cash, free)
        if len(set(cost.tolist())) == 1 or not (past(best, weights, target) or past(goal, weights, target)):
            assert goal == pytest.approx(best, abs=2e-5)
            agreed += bool(np.abs(goal - weights).max() > 1e-3)
            unequal += len(set(cost.tolist())) > 1
    assert min(agreed, unequal) > 20, (agreed, unequal)


def test_a_group_over_its_band_sells_what_is_furthest_over_for_its_cost_and_the_other_group_buys_likewise() -> None:
    """Stocks 0.70 against 0.60 and a band of 5 points: 5 are sold of B, at 1 bp, and D, at 2 bp, is bought most.

    A and B, 5 points over at 5 and 1 bp, keep one gap per cost: 5/6 of 5 points and 1/6. C and D, 5 under at 9 and 2
    bp, likewise: 9/11 and 2/11 of the 5 points that they are still short together.
    """
    weights, target = np.array([0.35, 0.35, 0.15, 0.15]), np.array([0.3, 0.3, 0.2, 0.2])
    cost, zero, one = np.array([5e-4, 1e-4, 9e-4, 2e-4]), np.zeros(4), np.ones(4)
    groups, free = np.array([[0.55, 0.35], [0.65, 0.45]]), np.ones(4, dtype=bool)
    goal = point_with_groups(weights, target, cost, zero, one, (0.0, 0.0), np.array([0, 0, 1, 1]), groups, free)
    left = 0.05 * np.array([5.0 / 6.0, 1.0 / 6.0, -9.0 / 11.0, -2.0 / 11.0])
    assert goal == pytest.approx(target + left, abs=1e-15)


# -- only the assets that are past their band -------------------------------------------------------------------------


def breaching(
    weights: list[float], target: list[float], band: float, payer: int, cash: tuple[float, float], inner: float = 0.0
) -> list[float]:
    p = np.array(target)
    low, high = np.maximum(p - inner, 0.0), p + inner
    rule = bands(p, band, low, high, cash, np.full(len(p), 1e-3), goal=BREACHING, payer=payer)
    return goal_of(np.array(weights), rule).tolist()


def test_the_others_pay_in_proportion_and_cash_is_one_of_them() -> None:
    """A goes from 0.50 to 0.40; the 0.10 is a fifth of what B, C and cash hold, so each grows by a fifth."""
    goal = breaching([0.5, 0.24, 0.18], [0.4, 0.3, 0.2], 0.07, PRO_RATA, (0.1, 0.1))
    assert goal == pytest.approx([0.4, 0.288, 0.216], abs=1e-15)


def test_cash_pays_alone() -> None:
    assert breaching([0.5, 0.24, 0.18], [0.4, 0.3, 0.2], 0.07, BY_CASH, (0.1, 0.1)) == [0.4, 0.24, 0.18]


def test_what_a_line_cannot_pay_is_paid_in_proportion() -> None:
    """A wants 0.15; B has 0.05 of it; of the 0.60 in C and D the rest, 0.10, is a sixth."""
    goal = breaching([0.35, 0.05, 0.33, 0.27], [0.5, 0.05, 0.25, 0.2], 0.1, 1, (0.0, 0.0))
    assert goal == pytest.approx([0.5, 0.0, 0.275, 0.225], abs=1e-15)


def test_a_line_to_the_edge_of_its_box_is_paid_by_a_named_one() -> None:
    goal = breaching([0.5, 0.24, 0.26], [0.4, 0.3, 0.3], 0.07, 2, (0.0, 0.0), inner=0.05)
    assert goal == pytest.approx([0.45, 0.24, 0.31], abs=1e-15)


def test_a_payer_whose_target_is_zero_is_not_raised() -> None:
    """A sells 0.10, and D, which is on its way out, takes nothing of it: B and C do."""
    goal = breaching([0.5, 0.25, 0.23, 0.02], [0.4, 0.3, 0.3, 0.0], 0.08, 3, (0.0, 0.0))
    assert goal == pytest.approx([0.4, 0.25 * (1.0 + 0.1 / 0.48), 0.23 * (1.0 + 0.1 / 0.48), 0.02], abs=1e-15)


@cases(
    "payer, goal",
    # A goes from 0.50 to 0.40 and 0.01 of the 0.10 pays cash back: B and C, with 0.51, have the 0.09.
    (PRO_RATA, [0.4, 0.3 * (1.0 + 0.09 / 0.51), 0.21 * (1.0 + 0.09 / 0.51)]),
    (1, [0.4, 0.39, 0.21]),
    (BY_CASH, [0.4, 0.3 * (1.0 + 0.09 / 0.51), 0.21 * (1.0 + 0.09 / 0.51)]),
)
def test_a_sale_pays_back_cash_that_fees_have_overdrawn_first(payer: int, goal: list[float]) -> None:
    assert breaching([0.5, 0.3, 0.21], [0.4, 0.35, 0.25], 0.07, payer, (0.0, 0.0)) == pytest.approx(goal, abs=1e-15)


@cases(
    "payer, goal",
    # A goes from 0.30 to 0.40, and cash lacks 0.01: B and C, with 0.71, pay 0.11.
    (PRO_RATA, [0.4, 0.4 * (1.0 - 0.11 / 0.71), 0.31 * (1.0 - 0.11 / 0.71)]),
    (1, [0.4, 0.29, 0.31]),
)
def test_what_pays_for_a_purchase_pays_back_overdrawn_cash_too(payer: int, goal: list[float]) -> None:
    assert breaching([0.3, 0.4, 0.31], [0.4, 0.35, 0.25], 0.07, payer, (0.0, 0.0)) == pytest.approx(goal, abs=1e-15)


def test_cash_that_a_target_borrows_is_not_paid_back() -> None:
    goal = breaching([0.5, 0.4, 0.21], [0.4, 0.45, 0.25], 0.07, 1, (-0.1, -0.1))
    assert goal == pytest.approx([0.4, 0.5, 0.21], abs=1e-15)


def test_a_turnover_cap_lets_sales_pay_back_cash_before_anything_is_bought() -> None:
    """0.10 of A are to be sold, 0.01 for cash. Of the 0.04 that the cap allows, 0.03 buy what lacks the most."""
    weights, target = np.array([0.5, 0.3, 0.21]), np.array([0.4, 0.36, 0.24])
    rule = bands(target, 0.05, target, target, (0.0, 0.0), np.full(3, 1e-3), turnover_cap=0.04)
    assert goal_of(weights, rule) == pytest.approx([0.46, 0.33, 0.21], abs=1e-15)


@st.composite
def portfolios(draw: Callable[..., object]) -> tuple[Array, Array, float]:
    """(weights, target, band): long, whole, some targets zero, and cash of its own or none."""
    n = draw(st.integers(2, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    target = np.where(rng.random(n) < 0.2, 0.0, rng.dirichlet(np.ones(n)))
    scale = draw(st.sampled_from([1.0, 0.9])) / max(target.sum(), 1e-3)
    weights = rng.dirichlet(np.ones(n + 1) * 3.0)
    return (
        weights[:n] if draw(st.booleans()) else weights[:n] / weights[:n].sum(),
        target * min(scale, 3.0),
        draw(st.sampled_from([0.01, 0.05, 0.1])),
    )


@settings(max_examples=300)
@given(portfolios(), st.sampled_from([PRO_RATA, BY_CASH, 0]), st.sampled_from([0.0, 0.5, 1.0]))
def test_breaching_lines_are_brought_in_and_the_others_keep_their_proportions(
    portfolio: tuple[Array, Array, float], payer: int, to: float
) -> None:
    weights, target, band = portfolio
    if target.sum() > 1.0:
        target = target / target.sum()
    rest = max(1.0 - target.sum(), 0.0)
    rest = rest if rest > 1e-9 else 0.0
    low, high = np.maximum(target - to * band, 0.0), target + to * band
    rule = bands(target, band, low, high, (rest, rest), np.full(len(target), 1e-3), goal=BREACHING, payer=payer)
    goal = goal_of(weights, rule)
    past = np.abs(weights - target) > band + 1e-6
    assert np.isfinite(goal).all()
    assert (goal >= -1e-12).all()
    assert (goal <= weights + 1e-12)[target == 0.0].all(), "nothing is bought of an asset with target zero"
    brought = np.clip(weights, low, high)
    owed = float((brought - weights)[past].sum())
    pays = ~past & (weights > 0.0) & ((owed > 0.0) | (target != 0.0))
    able = float(weights[pays].sum()) + (max(1.0 - weights.sum(), 0.0) if rest > 0.0 else 0.0)
    if abs(owed) <= 1e-12:
        np.testing.assert_array_equal(goal[~past], weights[~past])
    elif payer == PRO_RATA and able > max(owed, 0.0) + 1e-9:
        np.testing.assert_allclose(goal[past], brought[past], atol=1e-15)
        np.testing.assert_allclose(goal[pays] / weights[pays], 1.0 - owed / able, rtol=1e-12)
    elif payer == BY_CASH and 0.0 <= owed <= 1.0 - weights.sum():
        np.testing.assert_allclose(goal, np.where(past, brought, weights), atol=1e-15)
