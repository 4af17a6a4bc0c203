"""Ranges and groups that bind: by hand, on any desk, and the limits that no orders keep together."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from line_groups import members
from scipy.optimize import linprog

from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs
from research.accounting.cost_parameters import CostParameters
from research.accounting.lots.lot import TaxLots, TaxRules
from research.orders import Request, TradeList, trade_list
from research.orders.lots.conflicts import conflict
from research.orders.lots.limited_point import limited_point
from research.orders.lots.position import Position
from research.portfolio import OrderLimits, Portfolio, WeightLimit, load_portfolio
from research.rules import Never, Threshold

FREE = {"commission": 0.0, "half_spread": 0.0}


def no_costs(n: int) -> CostParameters:
    return Costs.bps(n, commission=0.0, half_spread=0.0).cost_parameters()._replace(tax=0.0, minimum_trade=0.0)


def limited(*weights: WeightLimit, **others: Any) -> OrderLimits:
    return OrderLimits(0.0, 0.0, weights=weights, **others)


# -- the point that keeps the limits ---------------------------------------------------------------------------------


@cases(
    "limits, wanted",
    # A falls to 30 %; what it frees goes to B, which is five points under target, and not to C, which is over.
    ([WeightLimit("range of A", members(3, 0), 0.0, 0.3)], [0.30, 0.14, 0.56]),
    # A and C fall by ten points, first to their targets of 30 and 55 %: then B rises past its target as far as
    # they fall under theirs, and cash with it.
    ([WeightLimit("A and C", members(3, 0, 2), 0.0, 0.8)], [0.275, 0.175, 0.525]),
    # Nothing is broken.
    ([WeightLimit("A and C", members(3, 0, 2), 0.0, 0.95)], [0.34, 0.10, 0.56]),
    # Outside at a price that is too low to trade for.
    ([WeightLimit("range of A", members(3, 0), 0.0, 0.3, price=1.9)], [0.34, 0.10, 0.56]),
    ([WeightLimit("range of A", members(3, 0), 0.0, 0.3, price=2.1)], [0.30, 0.14, 0.56]),
)
def test_least_trade_that_keeps_the_limits_goes_toward_targets(desk: Any, limits: Any, wanted: list[float]) -> None:
    three = desk([10.0] * 3, [3_400, 1_000, 5_600], 0.0, [0.3, 0.15, 0.55], orders=limited(*limits), **FREE)
    position = Position.of(three)
    found = limited_point(position, position.weights, three.target, 0.0)
    np.testing.assert_allclose(found, wanted, atol=1e-8)


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_limits_are_kept_where_a_linear_programme_finds_them_feasible(seed: int) -> None:
    """And the trade past the point is the least that keeps them."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    point, target = (rng.dirichlet(np.ones(n + 1))[:n] for _ in range(2))
    limits = []
    for k in range(int(rng.integers(1, 5))):
        parts = rng.choice([0.0, 1.0, (0.4, 1.0, -1.0, 3.0)[k % 4]], n)  # a part of a fund, an inverse or leveraged one
        if parts.any():
            lower, upper = np.sort(np.round(rng.uniform(min(0.0, *parts), max(1.0, *parts), 2), 2))
            limits.append(WeightLimit(f"group {k}", tuple(parts.tolist()), float(lower), float(upper)))
    assume(limits)
    assume(any(limit.outside(point) > 1e-6 for limit in limits))
    fixed = rng.random(n) < 0.2
    position = Position(
        units=point * 1e6, prices=np.ones(n), lots=np.ones(n), quoted=np.ones(n, dtype=bool), tradable=~fixed,
        cash=float(1e6 * (1.0 - point.sum())), minimum=0.0, cost_parameters=no_costs(n), day=0, limits=limited(*limits),
    )  # fmt: skip
    of = np.array([limit.exposures for limit in limits])
    least = linprog(  # rises, falls and the change of cash either way
        np.ones(2 * n + 2),
        A_ub=np.block([[of, -of, np.zeros((len(limits), 2))], [-of, of, np.zeros((len(limits), 2))]]),
        b_ub=np.concatenate([[limit.upper for limit in limits] - of @ point,
                             of @ point - [limit.lower for limit in limits]]),
        A_eq=[[*np.ones(n), *-np.ones(n), 1.0, -1.0]], b_eq=[0.0],
        bounds=[*[(0.0, 0.0 if out else None) for out in fixed],
                *[(0.0, 0.0 if out else w) for out, w in zip(fixed, point, strict=True)],
                (0.0, None), (0.0, 1.0 - point.sum())],
    )  # fmt: skip
    found = limited_point(position, point, target, 0.0)
    assert (found is not None) == (least.status == 0)
    if found is not None:
        assert all(limit.outside(found) < 1e-7 for limit in limits)
        cash = abs(found.sum() - point.sum())
        assert np.abs(found - point).sum() + cash == pytest.approx(least.fun, abs=1e-6)


# -- lists -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(desk: Any) -> Portfolio:
    """A at 34, B at 10 and C at 56 % of 100,000; targets 30, 15 and 55 %."""
    return desk([10.0] * 3, [3_400, 1_000, 5_600], 0.0, [0.3, 0.15, 0.55], **FREE)


def with_limits(portfolio: Portfolio, *weights: WeightLimit, **others: Any) -> Portfolio:
    return replace(portfolio, orders=limited(*weights, **others))


def test_range_that_binds_is_restored_although_the_policy_holds(three: Portfolio) -> None:
    bound = with_limits(three, WeightLimit("range of A", members(3, 0), 0.2, 0.3))
    got = trade_list(bound, Never(three.strategic))
    assert got.orders[["side", "asset", "units"]].to_numpy().tolist() == [["sell", "A", 400.0], ["buy", "B", 400.0]]
    assert got.reason == "range of A (20.00 % to 30.00 %) is broken: at 34.00 %"
    assert got.orders["reason"].tolist() == [
        "4.00 points over target: to 30.00 %, to keep the range of A",
        "5.00 points under target: to 14.00 %, with what the range of A frees",
    ]
    assert trade_list(got.after(), Never(three.strategic)).empty


def test_limit_wins_over_the_point_of_the_policy(three: Portfolio) -> None:
    """To target B would go to 15 %."""
    bound = with_limits(three, WeightLimit("B", members(3, 1), 0.0, 0.12))
    got = trade_list(bound, Threshold(three.strategic, 0.02))
    assert got.sized.after.weights[1] == pytest.approx(0.12, abs=1e-9)
    assert got.sized.point[1] == pytest.approx(0.15)
    assert trade_list(got.after(), Threshold(three.strategic, 0.04)).empty


def test_limits_that_conflict_are_named_with_what_would_mend_them(three: Portfolio) -> None:
    bound = with_limits(three, WeightLimit("range of A", members(3, 0), 0.2, 0.3), turnover=0.03)
    with pytest.raises(PolicyError) as raised:
        trade_list(bound, Never(three.strategic))
    assert str(raised.value) == (
        "the trade of policy 'Never' cannot be made: no orders keep these limits together: turnover of at most 3.00 %; "
        "range of A (20.00 % to 30.00 %), now at 34.00 %. To make a list possible, raise the turnover limit to 4.00 %, "
        "or widen the range of A by 1.00 % of NAV."
    )
    sells = trade_list(with_limits(three, WeightLimit("A", members(3, 0), 0.0, 0.3)), Never(three.strategic),
                       request=Request(side="sell"))  # fmt: skip
    assert sells.orders[["side", "asset", "units"]].to_numpy().tolist() == [["sell", "A", 400.0]]


def test_volume_limit_of_one_line_sends_another_into_the_group(desk: Any) -> None:
    """A may buy 100 units; B takes the rest of the ten points that the group lacks."""
    lacking = desk([10.0] * 3, [1_000, 2_000, 7_000], 0.0, [0.3, 0.2, 0.5], **FREE)
    bound = with_limits(lacking, WeightLimit("A and B", members(3, 0, 1), 0.4, 1.0))
    position = replace(Position.of(bound), most_units=np.array([100.0, 1e9, 1e9]))
    got = trade_list(bound, Never(bound.strategic), position=position)
    assert got.sized.units.tolist() == [100.0, 900.0, -1_000.0]


def test_few_orders_go_further_where_a_group_needs_them(desk: Any) -> None:
    """The nearest point buys each of three assets for the group; two orders keep it with one of them."""
    group = WeightLimit("A, B and C", members(4, 0, 1, 2), 0.4, 1.0)
    lacking = desk([10.0] * 4, [1_000, 1_000, 1_000, 7_000], 0.0, [0.2, 0.2, 0.2, 0.4], **FREE)
    got = trade_list(with_limits(lacking, group, most=2), Never(lacking.strategic))
    assert sorted(got.sized.units.tolist()) == [-1_000.0, 0.0, 0.0, 1_000.0]
    buy = got.orders.set_index("side").loc["buy"]
    assert buy["reason"] == (
        "10.00 points under target: to 13.33 %, to keep the A, B and C, and on to 20.00 %, since other orders that the "
        "limits need are not sent"
    )


def test_a_line_is_not_bought_and_sold_to_reach_the_minimum_trade() -> None:
    """A is worth 1,000 of 10,000 and is to be 12 to 14 %: an order of 200 to 400, below the minimum of 700."""
    position = Position(
        units=np.array([100.0, 0.0]), prices=np.array([10.0, 5_000.0]), lots=np.ones(2), quoted=np.ones(2, dtype=bool),
        tradable=np.ones(2, dtype=bool), cash=9_000.0, minimum=700.0, cost_parameters=no_costs(2), day=0,
        limits=limited(WeightLimit("range of A", members(2, 0), 0.12, 0.14)), assets=("A", "B"),
    )  # fmt: skip
    found = conflict(position, 0.0)
    assert found is not None
    assert [name.split(" (")[0] for name in found.names] == ["the minimum trade of 700.00", "range of A"]


def test_orders_that_keep_all_limits_are_no_conflict_whatever_their_bounds() -> None:
    """One unit of A does; bounds of whole numbers that are not whole made HiGHS's presolve deny it."""
    position = Position(
        units=np.array([6.5, 0.5]), prices=np.array([6909.09, 7689.53]), lots=np.ones(2), quoted=np.ones(2, dtype=bool),
        tradable=np.ones(2, dtype=bool), cash=120_498.03, minimum=0.0, cost_parameters=no_costs(2), day=0,
        limits=limited(WeightLimit("A", members(2, 0), 0.3027, 0.3227), most=1), assets=("A", "B"),
    )  # fmt: skip
    assert conflict(position, 0.0) is None


def test_soft_limit_gives_way_to_a_price(three: Portfolio) -> None:
    soft = WeightLimit("range of A", members(3, 0), 0.2, 0.3, price=5.0)
    got = trade_list(with_limits(three, soft, turnover=0.03), Threshold(three.strategic, 0.02))
    assert got.sized.turnover <= 0.03 + 1e-12
    assert got.sized.after.weights[0] == pytest.approx(0.31)  # as far as turnover allows


class TestAnyDesk:
    @pytest.fixture(autouse=True, scope="class")
    def _share_desks(self, request: pytest.FixtureRequest, desks: Any) -> None:
        request.cls.desks = desks

    def listed(self, data: st.DataObject) -> TradeList | None:
        portfolio, self.policy = data.draw(self.desks)  # type: ignore[attr-defined]
        n = len(portfolio.target)
        rows = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True).map(sorted))
        lower, upper = sorted(data.draw(st.tuples(*[st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])] * 2)))
        assume(lower < upper)
        price = data.draw(st.sampled_from([np.inf, np.inf, 5.0]))
        limits = replace(portfolio.orders, weights=(WeightLimit("group", members(n, *rows), lower, upper, price),))
        try:
            return trade_list(replace(portfolio, orders=limits), self.policy)
        except PolicyError as error:
            assume("no orders keep these limits together" not in str(error))
            raise

    @given(st.data())
    @settings(max_examples=30)
    def test_limits_that_bind_are_kept_by_what_is_held_afterwards(self, data: Any) -> None:
        got = self.listed(data)
        for limit in got.portfolio.orders.weights:
            if limit.binds and not got.empty:
                assert limit.outside(got.sized.after.weights) < 1e-6
        assert trade_list(got.after(), self.policy).empty


# -- conflicts -------------------------------------------------------------------------------------------------------


def planted(rng: np.random.Generator) -> tuple[Position, set[str]]:
    """A desk with a conflict of two to four limits, named, among others that can all be kept together."""
    n = int(rng.integers(5, 9))
    weights = rng.dirichlet(np.full(n, 5.0))
    kind, tradable = int(rng.integers(4)), np.ones(n, dtype=bool)
    turnover = None
    idle = [WeightLimit(f"range of {name}", members(n, i), 0.0, 1.0) for i, name in enumerate("ABCDEFGH"[:n]) if i > 2]
    if kind == 0:  # two assets that are to hold more than all
        found = [WeightLimit("range of A", members(n, 0), 0.6, 1.0), WeightLimit("range of B", members(n, 1), 0.5, 1.0)]
        names = {found[0].name, found[1].name, "cash of at least 0.00"}
    elif kind == 1:  # an asset that cannot trade, outside its range
        tradable[0] = False
        found = [WeightLimit("range of A", members(n, 0), float(weights[0]) + 0.05, 1.0)]
        names = {"range of A", "A cannot trade"}
    elif kind == 2:  # a group within its bounds only with more turnover
        turnover = 0.02
        found = [WeightLimit("A and B", members(n, 0, 1), 0.0, float(weights[:2].sum()) - 0.05)]
        names = {"A and B", "turnover of at most 2.00 %"}
    else:  # a group that is to hold less than one of its assets
        found = [WeightLimit("A and B", members(n, 0, 1), 0.0, 0.1), WeightLimit("range of A", members(n, 0), 0.2, 1.0)]
        names = {"A and B", "range of A"}
    limits = [*found, *idle]
    position = Position(
        units=weights * 1e8, prices=np.ones(n), lots=np.ones(n), quoted=np.ones(n, dtype=bool), tradable=tradable,
        cash=0.0, minimum=0.0, cost_parameters=no_costs(n), day=0,
        limits=limited(*(limits[i] for i in rng.permutation(len(limits))), turnover=turnover),
        assets=tuple("ABCDEFGH"[:n]),
    )  # fmt: skip
    return position, names


def feasible(position: Position, names: set[str]) -> bool:
    """Can the limits of these names be kept together? By a linear programme over the weights afterwards."""
    n, before = len(position.units), position.weights
    kept = [limit for limit in position.limits.weights if limit.name in names]
    of = np.array([limit.exposures for limit in kept]).reshape(len(kept), n)
    rows, right = [*of, *-of], [*[limit.upper for limit in kept], *[-limit.lower for limit in kept]]
    rows = [np.concatenate([row, np.zeros(n)]) for row in rows]  # of weights, and of what each asset buys at least
    for i in range(n):
        rows += [np.eye(2 * n)[i] - np.eye(2 * n)[n + i]]
        right += [before[i]]
    if "cash of at least 0.00" in names:
        rows, right = [*rows, np.concatenate([np.ones(n), np.zeros(n)])], [*right, 1.0]
    if any(name.startswith("turnover") for name in names):
        rows, right = [*rows, np.concatenate([np.zeros(n), np.ones(n)])], [*right, 0.02]
        rows, right = [*rows, np.concatenate([-np.ones(n), np.ones(n)])], [*right, 0.02 - before.sum()]  # of sells
    stuck = "A cannot trade" in names
    bounds = [(before[i], before[i]) if stuck and i == 0 else (0.0, None) for i in range(n)] + [(0.0, None)] * n
    return linprog(np.zeros(2 * n), A_ub=np.array(rows), b_ub=right, bounds=bounds).status == 0


def test_forty_conflicts_are_found_and_no_part_of_one_conflicts() -> None:
    rng = np.random.default_rng(20)
    for _ in range(40):
        position, planted_names = planted(rng)
        found = conflict(position, 0.0)
        assert found is not None
        names = {name.split(",")[0].split(" (")[0] for name in found.names}
        assert names == planted_names
        if names == {"A and B", "range of A"}:  # A is to hold ten points more than both may
            assert {mend.split(" by ")[1] for mend in found.mends} == {"10.00 % of NAV"}
        assert not feasible(position, names)
        for name in names:
            assert feasible(position, names - {name}), (names, name)


def test_relaxed_by_what_is_said_a_list_is_possible(three: Portfolio) -> None:
    bound = with_limits(three, WeightLimit("range of A", members(3, 0), 0.2, 0.3), turnover=0.03)
    for orders in (limited(*bound.orders.weights, turnover=0.04),
                   limited(WeightLimit("range of A", members(3, 0), 0.2, 0.31), turnover=0.03)):  # fmt: skip
        assert not trade_list(replace(three, orders=orders), Never(three.strategic)).empty


def test_limits_that_can_be_kept_are_no_conflict(three: Portfolio) -> None:
    assert conflict(Position.of(with_limits(three, WeightLimit("A", members(3, 0), 0.0, 0.3))), 0.0) is None


# -- limits and what single assets may do -----------------------------------------------------------------------------


def with_trading(portfolio: Portfolio, words: list[str]) -> Portfolio:
    market = portfolio.market
    return replace(portfolio, market=replace(market, instruments=market.instruments.assign(trading=words)))


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_no_limit_trades_a_locked_line_or_turns_a_one_sided_list(desk: Any, seed: int) -> None:
    """With costs: an asset that the step leaves alone stays where it may not be traded, whatever a limit asks for."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    prices, targets = np.round(rng.uniform(20.0, 400.0, n), 2), np.round(rng.dirichlet(np.ones(n)), 3)
    units = np.round(1e6 * rng.dirichlet(np.ones(n)) / prices)
    limits = [
        WeightLimit(f"range of {'ABCD'[i]}", members(n, i), max(targets[i] - 0.05, 0.0), targets[i] + 0.05, price=price)
        for i, price in enumerate(rng.choice([5.0, 20.0], n))
    ]
    words = rng.choice(["", "buy_only", "sell_only", "locked"], n, p=[0.55, 0.15, 0.15, 0.15]).tolist()
    portfolio = desk(prices, units, float(rng.uniform(1e3, 2e5)), targets, orders=limited(*limits))
    request = Request(side=str(rng.choice(["", "buy", "sell"])))
    try:
        listed = trade_list(with_trading(portfolio, words), Threshold(portfolio.strategic, 0.02), request=request)
    except PolicyError:
        assume(False)
        return
    for word, moved in zip(words, listed.sized.units, strict=True):
        assert moved <= 0.0 or word in ("", "buy_only")
        assert moved >= 0.0 or word in ("", "sell_only")
        assert moved * request.way >= 0.0


def test_a_wash_sale_lock_is_kept_by_limits_of_weights(desk: Any) -> None:
    """A limit at a price leaves the locked asset alone; one that binds is refused, and the lock is named."""
    two = desk([100.0, 50.0], [700, 500], 5_000.0, [0.5, 0.5])
    rules = TaxRules(rate=0.2, short_rate=0.35, lots="highest", wash_sale_days=30)
    locked = replace(two, tax_lots=TaxLots(rules, ((), ()), {"B": pd.Timestamp("2022-12-15")}))
    at_a_price, binding = (WeightLimit("range of B", members(2, 1), 0.4, 0.6, price=price) for price in (20.0, np.inf))
    for portfolio, buys in ((locked, False), (two, True)):
        listed = trade_list(with_limits(portfolio, at_a_price), Threshold(two.strategic, 0.02))
        assert (listed.sized.units[1] > 0.0) == buys
    with pytest.raises(PolicyError, match="B may not be bought"):
        trade_list(with_limits(locked, binding), Never(two.strategic))


# -- leveraged and inverse exposures in a portfolio file -------------------------------------------------------------


@cases(
    "lines, bounds, reach",
    ({"SPY": 1, "AGG": -1}, [0.1, 0.15], (-1.0, 1.0)),
    ({"SPY": -1, "AGG": 1}, [-0.15, -0.1], (-1.0, 1.0)),
    ({"SPY": 3}, [0.0, 1.7], (0.0, 3.0)),
    ({"SPY": -2, "AGG": 0.5}, [-1.1, -0.9], (-2.0, 1.0)),
)
def test_a_group_may_have_the_bounds_that_its_exposures_reach(
    lines: dict[str, float], bounds: list[float], reach: tuple[float, float]
) -> None:
    group = {"orders.groups": {"hedged": {"lines": lines, "range": bounds}}}
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml", group)
    after = trade_list(portfolio, portfolio.policies["threshold"]).sized.after.weights
    exposure = sum(part * after[portfolio.market.assets.index(line)] for line, part in lines.items())
    assert bounds[0] - 1e-9 <= exposure <= bounds[1] + 1e-9
    for past in ([reach[0] - 0.01, 0.5], [0.5, reach[1] + 0.01]):
        group["orders.groups"]["hedged"]["range"] = past
        with pytest.raises(ConfigError, match=f"fractions of NAV from {reach[0]:g} to {reach[1]:g}, such as"):
            load_portfolio("data/portfolios/sixty_forty.yaml", group)


@cases(
    "scale, lots, said",
    (1, {}, ", and on to 44.88 % for the whole lots of the others"),
    (100, {"lines.AGG.lot": 0.001}, ""),
)
def test_an_order_goes_on_only_where_it_shows_and_says_for_what(scale: int, lots: dict[str, float], said: str) -> None:
    """A share more of SPY keeps its range, and AGG pays for it: no order is left out."""
    held = {"lines.SPY.shares": 2_600 * scale, "lines.AGG.shares": 9_800 * scale, "cash": 21_350.40 * scale}
    desk = load_portfolio("data/portfolios/sixty_forty.yaml", held | lots | {"orders.ranges": "bind"})
    got = trade_list(desk, desk.policies["never"], request=Request(flow=-150_000.0 * scale))
    expected = f"12.38 points over target: to 44.90 %, to keep the range of AGG{said}"
    assert got.orders.set_index("asset").loc["AGG", "reason"] == expected


def test_a_limit_that_its_price_does_not_keep_is_said_to_stay_outside(three: Portfolio) -> None:
    """A is at 34 %, its most 30 %: a price of 1.9 does not pay for the trade that keeps it, one of 2.1 does."""
    for price, stays in ((1.9, True), (2.1, False)):
        limit = WeightLimit("range of A", members(3, 0), 0.0, 0.3, price=price)
        listed = trade_list(with_limits(three, limit), Never(three.strategic), request=Request(flow=1_000.0))
        said = [note for note in listed.notes if note.startswith("The range of A is at ")]
        assert bool(said) == stays, listed.notes
    assert (
        "outside 0.00 % to 30.00 %: at its price of 1.9 it is not worth more trade."
        in trade_list(
            with_limits(three, replace(limit, price=1.9)), Never(three.strategic), request=Request(flow=1_000.0)
        ).notes[-1]
    )
