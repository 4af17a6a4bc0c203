"""The division of a list over accounts: equal to brute force, whatever the order of accounts and assets."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.arrays import Array
from research.accounting.cost_parameters import IMPACT
from research.orders.accounts.division import LOTS, divide
from research.orders.accounts.division_problem import ACCOUNT_CASH, DivisionProblem
from research.orders.lots.order_limits import MINIMUM, ORDERS_LIMIT
from research.orders.lots.position import Position
from research.portfolio import OrderLimits

SLACK = 1e-6  # of an aim: what HiGHS's tolerances may move it, currency


def problem(desk: Any, prices: Any, orders: Any, held: Any, cash: Any, **more: Any) -> DivisionProblem:
    """A division by hand. held : (A, n) units.  cash : (A,).  more : of the problem, and of the desk."""
    held, n = np.array(held, dtype=float), len(prices)
    limits = OrderLimits(reserve=0.0, adverse_move=more.pop("adverse_move", 0.0), most=more.pop("most", None))
    known = {name: more.pop(name) for name in ("commission", "half_spread", "minimum", "lots") if name in more}
    portfolio = desk(prices, held.sum(axis=0), float(np.sum(cash)), [1.0 / n] * n, orders=limits, **known)
    none = np.zeros(held.shape, dtype=bool)
    found: dict[str, Any] = {
        "position": Position.of(portfolio),
        "orders": np.array(orders, dtype=float),
        "held": held,
        "cash": np.array(cash, dtype=float),
        "floors": np.zeros(len(held)),
        "prefers": none,
        "swappable": np.ones(n, dtype=bool),
        "swap_from": ~none[:, 0],
    }
    return DivisionProblem(**(found | more))


def drawn(desk: Any, seed: int, accounts: int, lines: int) -> DivisionProblem:
    """Any small division: few lots, little cash, some assets preferred, some lots known."""
    rng = np.random.default_rng(seed)
    prices = rng.integers(2, 60, lines).astype(float)
    held = rng.integers(0, 4, (accounts, lines)).astype(float)
    held[:, 0] += held.sum() == 0.0
    orders = np.array([float(rng.integers(-int(most), 4)) for most in held.sum(axis=0)])
    need = float((orders * prices).clip(0.0).sum())
    cash = np.round(rng.dirichlet(np.ones(accounts)) * need * rng.uniform(0.4, 1.3), 2)
    taxable = rng.random(accounts) < 0.5
    lots = [tuple(((u - 1.0, rng.normal()), (1.0, rng.normal())) if u > 1.0 else ((u, rng.normal()),) if u else ()
                  for u in units) for units in held * taxable[:, None]]  # fmt: skip
    return problem(
        desk, prices, orders, held, cash,
        commission=float(rng.choice([0.0, 10.0])), half_spread=float(rng.choice([0.0, 20.0])),
        minimum=float(rng.choice([0.0, 0.0, 20.0])), adverse_move=float(rng.choice([0.0, 0.01])),
        most=rng.choice([None, None, 4]), prefers=rng.random(held.shape) < 0.3,
        taxes=tuple(lots) if rng.random() < 0.5 else (),
    )  # fmt: skip


# -- by brute force ----------------------------------------------------------------------------------------------------


def tax_of(found: DivisionProblem, parts: Array) -> float:
    total = 0.0
    for of_account, orders in zip(found.taxes, parts, strict=False):
        for lots, units in zip(of_account, np.maximum(-orders, 0.0), strict=True):
            left = float(units)
            for size, tax in lots:
                total, left = total + min(size, left) * tax, left - min(size, left)
    return total


def aims(found: DivisionProblem, parts: Array) -> tuple[float, ...]:
    """What is least, one after the other."""
    prices = found.position.prices
    unsent = float(np.abs(found.left(parts)) @ prices)
    costs = float(np.array([found.position.exact_charges(np.abs(of) * prices) for of in parts]).sum())
    left = unsent + costs if unsent or found.swapped(parts).any() else 0.0
    swaps = float(found.swapped(parts) @ prices)
    misplaced = float(((found.held + parts) * prices)[found.wrong].sum())
    return left, swaps, misplaced, float((parts != 0.0).sum()), tax_of(found, parts)


def every(found: DivisionProblem, whole: bool) -> Iterator[Array]:
    """All orders of the accounts: of the whole list without swaps, or of any part of it with them."""
    lines = []
    for i, order in enumerate(found.orders):
        ways = [range(-int(h), int(found.held[:, i].sum() + max(order, 0.0)) + 1) for h in found.held[:, i]]
        sent = [of for of in product(*ways) if 0.0 <= sum(of) * np.sign(order) <= abs(order)]
        if whole:
            sent = [of for of in sent if sum(of) == order and all(part * order >= 0.0 for part in of)]
        elif order == 0.0:
            sent = [of for of in sent if sum(of) == 0.0]
        lines.append(sent)
    for chosen in product(*lines):
        parts = np.array(chosen, dtype=float).T
        if not found.broken(parts):
            yield parts


def least(found: DivisionProblem) -> tuple[bool, tuple[float, ...]]:
    """Can the whole list be sent without swaps? And the least aims."""
    whole = [aims(found, parts) for parts in every(found, whole=True)]
    if whole:
        return True, min(whole)
    return False, min(
        (aims(found, parts) for parts in every(found, whole=False)), key=lambda aim: np.round(aim, 9).tolist()
    )


@pytest.mark.parametrize(("accounts", "lines", "seeds"), [(2, 4, range(20)), (3, 3, range(60, 78))])
def test_a_list_is_divided_with_the_least_misplacement_orders_and_tax(
    desk: Any, accounts: int, lines: int, seeds: range
) -> None:
    whole = 0
    for seed in seeds:
        found = drawn(desk, seed, accounts, lines)
        possible = [aims(found, parts) for parts in every(found, whole=True)]
        if not possible:
            continue
        whole += 1
        made = divide(found)
        assert (made.how, made.why) == ("exact", "")
        np.testing.assert_array_equal(made.parts.sum(axis=0), found.orders)
        np.testing.assert_allclose(aims(found, made.parts), min(possible), atol=SLACK)
    assert whole > 10


def test_a_list_that_cannot_be_sent_whole_is_divided_with_the_least_left_out_and_cost(desk: Any) -> None:
    kinds = set()
    for seed in range(200, 260):
        found = drawn(desk, seed, 2, 2)
        whole, best = least(found)
        if whole:
            continue
        made = divide(found)
        kinds.add((bool(found.left(made.parts).any()), bool(found.swapped(made.parts).any())))
        np.testing.assert_allclose(aims(found, made.parts), best, atol=1e-4)
        assert (made.why != "") == bool(found.left(made.parts).any())
    assert kinds >= {(True, False), (False, True)}


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_an_account_takes_what_it_prefers_first_and_sells_it_last(desk: Any) -> None:
    found = problem(
        desk, [10.0, 10.0], [4.0, -3.0], [[0, 5], [0, 5]], [100.0, 30.0],
        prefers=np.array([[False, True], [True, False]]),
    )  # fmt: skip
    assert divide(found).parts.tolist() == [[0.0, 0.0], [4.0, -3.0]]


def test_a_sale_is_made_where_it_is_not_taxed(desk: Any) -> None:
    lots = ((((5.0, 3.0),), ()), ((), ()))
    found = problem(desk, [10.0, 10.0], [-5.0, 0.0], [[5, 0], [5, 0]], [0.0, 0.0], taxes=lots)
    assert divide(found).parts.tolist() == [[0.0, 0.0], [-5.0, 0.0]]
    loss = divide(replace(found, taxes=((((5.0, -3.0),), ()), ((), ()))))
    assert loss.parts.tolist() == [[-5.0, 0.0], [0.0, 0.0]]


def test_a_swap_moves_the_cash_that_no_account_has_alone(desk: Any) -> None:
    found = problem(desk, [400.0, 20.0], [1.0, 0.0], [[0, 20], [0, 20]], [210.0, 210.0])
    made = divide(found)
    assert made.why == ""
    assert made.parts.sum(axis=0).tolist() == [1.0, 0.0]
    assert sorted(made.parts[:, 1]) == [-10.0, 10.0]
    for seller in (0, 1):
        only = divide(replace(found, swap_from=np.arange(2) == seller))
        assert only.parts[seller].tolist() == [1.0, -10.0]
    without = divide(replace(found, swappable=np.array([False, False])))
    assert (without.why, without.parts.any()) == (ACCOUNT_CASH, False)


def test_what_is_left_out_names_the_limit_that_leaves_it_out(desk: Any) -> None:
    never = {"swappable": np.array([False, False])}
    prices, held = [10.0, 10.0], [[6, 0], [6, 0]]
    small = problem(desk, prices, [-12.0, 0.0], held, [0.0, 0.0], minimum=70.0, **never)
    few = problem(desk, prices, [-12.0, 0.0], held, [0.0, 0.0], most=1, **never)
    odd = problem(desk, prices, [-4.0, 0.0], [[3, 0], [3, 0]], [0.0, 0.0], lots=[4.0, 1.0], **never)
    for found, why in ((small, MINIMUM), (few, ORDERS_LIMIT), (odd, LOTS)):
        assert divide(found).why == why


def test_odd_lots_are_sold_where_they_are(desk: Any) -> None:
    made = divide(problem(desk, [10.0, 10.0], [-31.0, 0.0], [[10.5, 0], [20.5, 0]], [0.0, 0.0]))
    assert made.parts[:, 0].tolist() == [-10.5, -20.5]


def test_lines_that_are_divided_at_will_sum_to_the_list(desk: Any) -> None:
    found = problem(
        desk, [16_642.34, 50.0], [0.28795419, -97.0], [[0.1, 60], [0.00000003, 40]], [1_000.0, 1_000.0],
        lots=[1e-8, 1.0],
    )  # fmt: skip
    made = divide(found)
    assert made.why == ""
    assert not found.left(made.parts).any()
    np.testing.assert_allclose(np.rint(made.parts[:, 0] * 1e8).sum(), 28_795_419, atol=0)
    assert not found.broken(made.parts)


def test_accounts_bear_the_impact_of_the_whole_order_by_their_shares(desk: Any) -> None:
    found = problem(desk, [10.0, 10.0], [400.0, 0.0], [[0, 5], [0, 5]], [1_100.0, 3_300.0])
    position = found.position
    parameters = position.cost_parameters._replace(impact=np.full((1, 2), 1e-3), exponent=1.5)
    found = replace(found, position=replace(position, cost_parameters=parameters))
    made = divide(found)
    bought, impact = made.parts[:, 0], found.charges(made.parts)[:, IMPACT, 0]
    assert bought.all()
    assert bought.sum() == 400.0
    np.testing.assert_allclose(impact, 1e-3 * 4_000.0**1.5 * bought / 400.0, atol=0.005)
    assert not found.broken(made.parts)


# -- laws --------------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(seed=st.integers(1_000, 10**6), accounts=st.integers(1, 4), lines=st.integers(1, 5), data=st.data())
def test_accounts_keep_their_limits_and_their_order_does_not_matter(
    desk: Any, seed: int, accounts: int, lines: int, data: Any
) -> None:
    found = drawn(desk, seed, accounts, lines)
    made = divide(found)
    assert not found.broken(made.parts)
    if not made.why:
        np.testing.assert_array_equal(made.parts.sum(axis=0), found.orders)
    against = np.where(made.parts * found.orders < 0.0, np.abs(made.parts), 0.0).sum(axis=0)
    assert (against <= found.swapped(made.parts)).all()
    mixed = data.draw(st.permutations(range(accounts)))
    other = divide(
        replace(found, held=found.held[mixed], cash=found.cash[mixed], floors=found.floors[mixed],
                prefers=found.prefers[mixed], swap_from=found.swap_from[mixed],
                taxes=tuple(found.taxes[a] for a in mixed) if found.taxes else ())
    )  # fmt: skip
    np.testing.assert_allclose(aims(found, other.parts[np.argsort(mixed)]), aims(found, made.parts), atol=SLACK)


@pytest.mark.parametrize("seed", range(300, 315))
def test_an_account_that_may_not_sell_in_a_swap_sells_no_more_than_the_list(desk: Any, seed: int) -> None:
    found = replace(drawn(desk, seed, 2, 3), swap_from=np.array([False, True]))
    assert (np.maximum(-divide(found).parts[0], 0.0) <= np.maximum(-found.orders, 0.0)).all()
