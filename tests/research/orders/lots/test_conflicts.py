"""Limits that no orders keep: against every vector of lots, with tickets, least commissions, minimums and odd lots."""

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from line_groups import members

from research.accounting import Costs
from research.orders.lots.conflicts import WHOLE_LOTS, Conflict, conflict
from research.orders.lots.position import Position
from research.portfolio import OrderLimits, WeightLimit

CASH, MOVE, MINIMUM, MOST, TURNOVER = "cash of", "cash that", "the minimum", "at most", "turnover"


def case(rng: np.random.Generator) -> tuple[Position, float]:
    """Two or three assets of a few lots each with any costs and limits, and cash that stays, currency."""
    n, nav = int(rng.integers(2, 4)), 1e5
    prices = np.round(nav * rng.uniform(0.06, 0.3, n), 2)
    units = rng.integers(0, 4, n) + rng.choice([0.0, 0.0, 0.5], n)
    costs = Costs(rng.uniform(0.0, 2e-3, n), rng.uniform(0.0, 1e-3, n), ticket=np.full(n, rng.choice([0.0, 500.0])),
                  minimum=np.full(n, rng.choice([0.0, 600.0])))  # fmt: skip
    position = Position(
        units=units, prices=prices, lots=np.ones(n), quoted=np.ones(n, dtype=bool), tradable=rng.random(n) > 0.1,
        cash=round(float(rng.uniform(0.0, 0.3)) * nav, 2), minimum=float(rng.choice([0.0, 0.0, 2e4])),
        cost_parameters=costs.cost_parameters()._replace(tax=0.0, minimum_trade=0.0), day=0,
        buyable=rng.random(n) > 0.1, sellable=rng.random(n) > 0.1, assets=tuple("ABC"[:n]),
    )  # fmt: skip
    weights, limits = position.weights, list[WeightLimit]()
    for k in range(2):
        parts = members(n, *rng.choice(n, int(rng.integers(1, n)), replace=False))
        if rng.random() < 0.3:  # a fund of which a part counts
            parts = (0.4, *parts[1:])
        middle = float(weights @ parts + rng.normal(0.0, 0.15))
        lower, upper = np.clip([middle - 0.05, middle + 0.05], 0.0, 1.0)
        limits.append(WeightLimit(f"group {k}", parts, float(lower), float(upper)))
    return replace(position, limits=OrderLimits(
        reserve=0.0,
        adverse_move=float(rng.choice([0.0, 0.05])),
        most=None if rng.random() < 0.5 else 1,
        turnover=None if rng.random() < 0.5 else float(rng.uniform(0.1, 0.4)),
        weights=tuple(limits),
    )), float(rng.choice([0.0, 5e3]))  # fmt: skip


def kept(position: Position, floor: float) -> dict[str, np.ndarray]:
    """By the beginning of a limit's name, which of all vectors of lots keep it, (m,).

    A least weight is of NAV after tickets and rates: a least commission above them does not help to reach it.
    """
    nav, prices, held, n = position.nav, position.prices, position.units, len(position.units)
    axes = [np.unique([*np.arange(-np.floor(x), 2.0 * nav / p + 1e-9), -x]) for x, p in zip(held, prices, strict=True)]
    units = np.stack([grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")], axis=1)
    traded, parameters = units * prices, position.cost_parameters
    sizes, sent = np.abs(traded), units != 0.0
    commission = np.maximum(parameters.rates[0, 0] * sizes, parameters.minimum)
    costs = np.where(sent, commission + parameters.rates[0, 1] * sizes + parameters.ticket, 0.0).sum(axis=1)
    cash, limits = position.cash - traded.sum(axis=1) - costs, position.limits
    certain = np.where(sent, parameters.rates[0].sum(axis=0) * sizes + parameters.ticket, 0.0).sum(axis=1)
    after, near = held * prices + traded, 1e-9
    sides = np.maximum(np.maximum(traded, 0.0).sum(axis=1), np.maximum(-traded, 0.0).sum(axis=1))
    found = {
        CASH: cash >= floor - near * nav,
        MOVE: cash >= limits.adverse_move * (sizes.sum(axis=1) + costs) - near * nav,
        MINIMUM: ((sizes >= position.minimum) | ~sent).all(axis=1),
        MOST: sent.sum(axis=1) <= (n if limits.most is None else limits.most),
        TURNOVER: sides <= (np.inf if limits.turnover is None else limits.turnover + near) * nav,
    }
    for i, name in enumerate(position.assets):
        found[f"{name} cannot trade"] = ~sent[:, i] | position.tradable[i]
        found[f"{name} may not be bought"] = (units[:, i] <= 0.0) | position.buyable[i] | ~position.tradable[i]
        found[f"{name} may not be sold"] = (units[:, i] >= 0.0) | position.sellable[i] | ~position.tradable[i]
    for limit in limits.weights:
        value = after @ limit.exposures
        found[limit.name] = value <= (limit.upper + near) * (nav - costs)
        found[limit.name] &= value >= (limit.lower - near) * (nav - certain)
    return found


def test_a_conflict_is_one_of_every_vector_of_lots_and_no_part_of_it_is() -> None:
    rng, conflicts, by_lots = np.random.default_rng(20), 0, 0
    for number in range(60):
        position, floor = case(rng)
        of = kept(position, floor)
        found = conflict(position, floor)
        assert (found is None) == bool(np.all(list(of.values()), axis=0).any()), number
        if found is None:
            continue
        conflicts += 1
        assert found.complete
        named = [next(key for key in of if name.startswith(key)) for name in found.names if name != WHOLE_LOTS]
        assert not np.all([of[key] for key in named], axis=0).any(), number
        if WHOLE_LOTS in found.names:  # without it, any part of a lot may trade
            by_lots += 1
            for part in combinations(named, len(named) - 1):
                assert not part or np.all([of[key] for key in part], axis=0).any(), (number, part)
    assert conflicts > 30
    assert by_lots > 6


def test_a_limit_that_no_row_states_is_named_where_relaxing_it_suffices_and_by_the_least() -> None:
    rng, told, none = np.random.default_rng(21), 0, 0
    for number in range(100):
        position, floor = case(rng)
        few = replace(position.limits, most=None, turnover=None, weights=position.limits.weights[:1])
        position = replace(position, limits=few) if number % 3 else position
        found = conflict(position, floor)
        if found is None:
            continue
        of = kept(position, floor)
        free = {MINIMUM: "lower the minimum trade to ", MOVE: "lower the adverse move to "}
        for asset in position.assets:
            free |= {f"{asset} may not be {done}": f"allow {word} of {asset}"
                     for done, word in (("bought", "purchases"), ("sold", "sells"))}  # fmt: skip
        for name, words in free.items():
            possible = bool(np.all([of[other] for other in of if other != name], axis=0).any())
            mends = [mend for mend in found.mends if mend.startswith((words, "leave out the minimum"))]
            assert bool(mends) == possible, (number, name)
            told += len(mends)
            if not mends or name not in (MINIMUM, MOVE):
                continue
            value = float(mends[0].removeprefix(words).removesuffix(" %").replace(",", ""))
            for step, some in ((0.0, True), (1e-4, False)):
                if name == MINIMUM:
                    changed = replace(position, minimum=value + step * position.nav)
                else:
                    move = value / 100.0 + 2.0 * step
                    changed = replace(position, limits=replace(position.limits, adverse_move=move))
                assert np.all(list(kept(changed, floor).values()), axis=0).any() == some, (number, name, step)
        none += found.words.endswith("None of those that can be relaxed suffices alone.")
    assert told > 5
    assert none > 1


def changed(position: Position, floor: float, words: str) -> tuple[Position, float]:
    """The position and the cash that stays, with a stated change."""
    limits = position.limits
    name, value = re.fullmatch(r"(.+?)(?: (?:to|by) ([0-9.,]+)(?: %| of NAV| % of NAV)?)?", words).groups()  # type: ignore
    number = float((value or "0").replace(",", ""))
    percent, asset = number / 100.0, np.array(position.assets) == words[-1]
    if name.startswith("widen the "):
        weights = tuple(
            replace(w, lower=w.lower - percent, upper=w.upper + percent) if name.endswith(w.name) else w
            for w in limits.weights
        )
        return replace(position, limits=replace(limits, weights=weights)), floor
    return {
        "let cash fall": lambda: (position, number),
        "raise the turnover limit": lambda: (replace(position, limits=replace(limits, turnover=percent)), floor),
        "lower the adverse move": lambda: (replace(position, limits=replace(limits, adverse_move=percent)), floor),
        "lower the minimum trade": lambda: (replace(position, minimum=number), floor),
        "leave out the minimum trade": lambda: (replace(position, minimum=0.0), floor),
        f"allow purchases of {words[-1]}": lambda: (replace(position, buyable=position.buyable | asset), floor),
        f"allow sells of {words[-1]}": lambda: (replace(position, sellable=position.sellable | asset), floor),
        "allow 2 orders": lambda: (replace(position, limits=replace(limits, most=2)), floor),
        "allow 3 orders": lambda: (replace(position, limits=replace(limits, most=3)), floor),
    }[name]()


def test_each_stated_change_suffices_as_it_is_written_down() -> None:
    """Weights are of NAV after costs, of which tickets take a percent here, and changes are told in basis points."""
    rng, told = np.random.default_rng(22), 0
    for number in range(35):
        position, floor = case(rng)
        few = replace(position.limits, most=None, turnover=None, weights=position.limits.weights[:1])
        position = replace(position, limits=few) if number % 3 else position
        found = conflict(position, floor)
        for words in found.mends if found else ():
            told += 1
            possible = np.all(list(kept(*changed(position, floor, words)).values()), axis=0)
            assert possible.any(), (number, words)
    assert told > 18


@pytest.fixture
def one() -> Position:
    """A at 10 % of 10,000 with a ticket of 50 an order."""
    ticket = Costs(np.zeros(1), np.zeros(1), ticket=np.full(1, 50.0)).cost_parameters()
    yes = np.ones(1, dtype=bool)
    return Position(
        units=np.array([100.0]), prices=np.array([10.0]), lots=np.ones(1), quoted=yes, tradable=yes, cash=9_000.0,
        minimum=0.0, cost_parameters=ticket._replace(tax=0.0, minimum_trade=0.0), day=0, assets=("A",),
        limits=OrderLimits(0.0, 0.0, weights=(WeightLimit("range of A", members(1, 0), 0.12, 0.14),)),
    )  # fmt: skip


def test_a_ticket_that_cash_cannot_pay_is_part_of_the_conflict(one: Position) -> None:
    """12 % of 9,950 are 194 for 19.4 units: 20 are bought, and 8,750 are left."""
    assert conflict(one, 8_750.0) is None
    found = conflict(one, 8_755.0)
    assert [name.split(" (")[0] for name in found.names] == ["whole lots", "cash of at least 8,755.00", "range of A"]
    assert found.mends[0] == "let cash fall to 8,750.00"
    assert WHOLE_LOTS not in conflict(one, 8_757.0).names


def test_a_minimum_purchase_that_a_range_has_no_place_for_is_part_of_the_conflict(one: Position) -> None:
    """A is at 10 % of 10,000 and may be at 14 %: at most 400 of it are bought."""
    assert conflict(replace(one, minimum_purchase=np.array([390.0])), 0.0) is None
    found = conflict(replace(one, minimum_purchase=np.array([410.0])), 0.0)
    assert found is not None
    assert [name.split(" (")[0] for name in found.names] == ["the minimum purchase of A, 410.00", "range of A"]


def test_a_search_without_nodes_finds_no_conflict_of_whole_lots(one: Position) -> None:
    assert conflict(one, 8_755.0, nodes=0) is None


def test_what_mends_a_conflict_is_the_least_that_does(one: Position) -> None:
    """Without costs: 12 % are 20 units, and 8,800 are left."""
    free = one.cost_parameters._replace(ticket=np.zeros(1))
    found = conflict(replace(one, cost_parameters=free), 8_900.0)
    assert found.mends == ("let cash fall to 8,800.00", "widen the range of A by 1.00 % of NAV")


def test_no_cash_is_borrowed_to_mend_a_conflict(one: Position) -> None:
    """All is in A and B, and B cannot trade: A is at 10 %, and nothing pays for more of it."""
    none = {name: np.zeros(2) for name in ("ticket", "minimum")}
    free = one.cost_parameters._replace(**none, rates=np.zeros((1, 2, 2)), impact=np.zeros((1, 2)))
    two = replace(
        one, units=np.array([100.0, 900.0]), prices=np.full(2, 10.0), lots=np.ones(2), quoted=np.ones(2, dtype=bool),
        tradable=np.array([True, False]), cash=0.0, cost_parameters=free, assets=("A", "B"),
        limits=OrderLimits(0.0, 0.0, weights=(WeightLimit("range of A", members(2, 0), 0.12, 0.14),)),
    )  # fmt: skip
    assert conflict(two, 0.0).mends == ("widen the range of A by 2.00 % of NAV",)


def test_impact_that_no_cash_pays_is_counted_by_its_tangents() -> None:
    """Half of NAV is to be bought, 5,000 for whose impact of 0.01 · 5,000^1.5 / 100 = 35.36 there is no cash."""
    costs = Costs(np.zeros(1), np.zeros(1)).cost_parameters()
    costs = costs._replace(impact=np.full((1, 1), 1e-4), exponent=1.5, tax=0.0, minimum_trade=0.0, plain=False)
    yes = np.ones(1, dtype=bool)
    position = Position(
        units=np.zeros(1), prices=np.ones(1), lots=np.ones(1), quoted=yes, tradable=yes, cash=10_000.0, minimum=0.0,
        cost_parameters=costs, day=0, assets=("A",),
        limits=OrderLimits(0.0, 0.0, weights=(WeightLimit("range of A", members(1, 0), 0.5, 1.0),)),
    )  # fmt: skip
    impact = 1e-4 * 5_000.0**1.5
    assert conflict(position, 5_000.0 - impact - 1.0) is None
    found = conflict(position, 5_000.0 - impact + 1.0)
    assert found is not None
    assert [name.split(" (")[0] for name in found.names] == ["cash of at least 4,965.64", "range of A"]


def test_a_sale_that_settles_after_a_purchase_is_part_of_the_conflict(one: Position) -> None:
    """2,000 of A are to be bought with 1,000 of cash; B, worth 8,000, could pay for it a session later."""
    yes, free = np.ones(2, dtype=bool), Costs(np.zeros(2), np.zeros(2)).cost_parameters()
    limits = OrderLimits(0.0, 0.0, weights=(WeightLimit("range of A", members(2, 0), 0.3, 1.0),))
    late = replace(
        one, units=np.array([100.0, 800.0]), prices=np.full(2, 10.0), lots=np.ones(2), quoted=yes, tradable=yes,
        cash=1_000.0, cost_parameters=free._replace(tax=0.0, minimum_trade=0.0), assets=("A", "B"), limits=limits,
        settles=np.array([1.0, 2.0]),
    )  # fmt: skip
    found = conflict(late, 0.0)
    assert [name.split(" (")[0] for name in found.names] == [
        "cash of at least 0.00 where orders settle after 1 session", "range of A",
    ]  # fmt: skip
    assert found.mends == ("widen the range of A by 10.00 % of NAV",)
    assert conflict(replace(late, settles=np.array([2.0, 1.0])), 0.0) is None
    assert conflict(replace(late, settles=None), 0.0) is None


def test_thirty_groups_on_a_hundred_lines_are_searched_to_the_end() -> None:
    """Two halves of the assets are each to be 55 % of NAV, beside 28 groups that stand where they are.

    One of the halves may hold at most 1 - 0.55 - 0.001, less what its purchases need of cash: it is widened by 10.1 %.
    """
    rng, n, nav = np.random.default_rng(0), 100, 2e6
    prices = np.round(10.0 ** rng.uniform(1.0, 2.8, n), 2)
    units = np.floor(0.97 * rng.dirichlet(np.full(n, 5.0)) * nav / prices)
    costs = Costs(np.full(n, 2e-4), np.full(n, 3e-4)).cost_parameters()
    position = Position(
        units=units, prices=prices, lots=np.ones(n), quoted=np.ones(n, dtype=bool), tradable=np.ones(n, dtype=bool),
        cash=round(nav - float(units @ prices), 2), minimum=0.0, day=0, assets=tuple(f"L{i:03}" for i in range(n)),
        cost_parameters=costs._replace(tax=0.0, minimum_trade=0.0),
    )  # fmt: skip
    groups = [members(n, *rng.choice(n, 12, replace=False)) for _ in range(28)]
    now = [float(position.weights @ group) for group in groups]
    limits = [WeightLimit(f"group {k}", of, max(at - 0.02, 0.0), at + 0.02)
              for k, (of, at) in enumerate(zip(groups, now, strict=True))]  # fmt: skip
    limits += [WeightLimit("first half", members(n, *range(50)), 0.55, 1.0),
               WeightLimit("second half", members(n, *range(50, n)), 0.55, 1.0)]  # fmt: skip
    found = conflict(replace(position, limits=OrderLimits(0.001, 0.01, weights=tuple(limits))), 0.001 * nav)
    assert [name.split(" (")[0] for name in found.names] == ["cash of at least 2,000.00", "first half", "second half"]
    assert (found.complete, found.searched) == (True, True)
    assert [mend.split(" by ")[0] for mend in found.mends] == ["widen the first half", "widen the second half"]
    for mend in found.mends:
        assert 10.10 <= float(mend.split(" by ")[1].split(" %")[0]) <= 10.20


def test_words_say_where_the_search_was_stopped() -> None:
    found = Conflict(tuple("ABCDEFGHIJ"), (), complete=False, searched=False)
    assert found.words == (
        "no orders keep these limits together: C; D; E; F; G; H; I; J; and 2 others (some of them may be kept: the "
        "search was stopped). Relax one of them or more."
    )
    assert Conflict(("A", "B"), ()).words.endswith("together: A; B. None of those that can be relaxed suffices alone.")
