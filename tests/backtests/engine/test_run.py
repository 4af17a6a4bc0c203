"""Playing a policy: three days by hand, the compiled loop against the daily one, invariants of a path, and refusals."""

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from simulated import MakeMarket, world

from backtests.engine import Backtest, backtest
from foundation.errors import ConfigError, DataError, PolicyError
from research.accounting import CASH_LINE, Costs, Hold, Policy, Trade, View, Why
from research.allocation import EqualWeights, FixedWeights, InverseVolatility, TargetPath, target_path
from research.forecast import MarkovRegimes
from research.market import Market, delist, market_from_frame
from research.rules import (
    AfterTrade,
    BestPoint,
    Calendar,
    CompiledRule,
    CostBenefit,
    GroupThreshold,
    Never,
    NoTradeBands,
    NoTradeRegion,
    OptimalRegion,
    PairRegion,
    RegimeThreshold,
    Threshold,
    TrackingError,
    TunedThreshold,
    Within,
)
from research.rules.optimum.dynamic_programming import optimal_region

ByDay = Callable[[Policy], Policy]

HALVES = FixedWeights((0.5, 0.5))


@pytest.fixture(params=["compiled", "by day"])
def play(request: pytest.FixtureRequest, by_day: ByDay) -> Callable[..., Backtest]:
    """`backtest`, once with the policy's no-trade bands and once without."""

    def play(market: Market, policy: Policy, costs: Costs, **more: object) -> Backtest:
        return backtest(market, policy if request.param == "compiled" else by_day(policy), costs, **more)

    return play


# -- three days by hand ----------------------------------------------------------------------------------------------


def test_two_lines_that_pay_one_per_cent_a_day_late(make_market: MakeMarket, play: Callable[..., Backtest]) -> None:
    """Half in each of A and B, 1 % a side, a band of 5 points, a trade the session after it was asked for.

    Opening: V + 0.01 V = 101, so V = 100: 50 and 50.
    Day 1  : A +20 %, B -20 %: 60 and 40, so A is 10 points over, and a trade to target is asked for.
    Day 2  : A +10 %: 66 and 40, in all 106. It is booked on these: V + 0.01 (66 - V/2) + 0.01 (V/2 - 40) = 106, so
             V = 105.74; each asset is 52.87; 13.13 of A is sold and 12.87 of B bought, for 0.26.
    Day 3  : B -50 %: 52.87 and 26.435. A trade is asked for, and the data ends before it can be booked.
    """
    market = make_market(np.array([[0.0, 0.0], [0.2, -0.2], [0.1, 0.0], [0.0, -0.5]]))
    result = play(market, Threshold(HALVES, 0.05), Costs.bps(2, commission=40, half_spread=60), nav=101.0)
    book = result.ledger
    assert book.nav == pytest.approx([100.0, 100.0, 105.74, 79.305], abs=1e-12)
    assert book.opening_trades == pytest.approx([50.0, 50.0], abs=1e-12)
    assert book.opening_charges[:2] == pytest.approx(np.array([[0.2, 0.2], [0.3, 0.3]]), abs=1e-14)
    assert (book.asked.tolist(), book.booked.tolist()) == ([1, 3], [2, -1])
    assert book.trades == pytest.approx(np.array([[-13.13, 12.87], [0.0, 0.0]]), abs=1e-12)
    assert book.charges[0, :2] == pytest.approx(np.array([[0.05252, 0.05148], [0.07878, 0.07722]]), abs=1e-14)
    assert book.nav_before == pytest.approx([106.0, 79.305], abs=1e-12)
    assert result.why(0).sentence(market.assets) == "A00 is 10.00 points over target, past the 5.00 allowed"
    assert result.why(1).sentence(market.assets) == "A00 is 16.67 points over target, past the 5.00 allowed"


def test_a_line_that_cannot_trade_and_one_that_pays_for_itself(
    make_market: MakeMarket, play: Callable[..., Backtest]
) -> None:
    """0.4 in A, 0.4 in B, 0.2 in cash; 25 % a side, so that every cost is seen; a band of 5 points.

    Opening: V + 0.25 (0.8 V) = 120, so V = 100: 40, 40 and 20.
    Day 1  : A +50 %: 60, 40 and 20, in all 120. A weighs 0.5, 10 points over.
    Day 2  : B is halted. It keeps its 40; A and cash share the rest 2 to 1: y + y/2 + 0.25 (60 - y) = 80, so y = 52.
             8 of A is sold for 2; cash is 26; the wealth 118.
    Day 3  : nothing moves. A weighs 0.4407, B 0.3390 and cash 0.2203: B, 6.1 points under, asks for a trade.
    """
    market = make_market(np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.0], [0.0, 0.0]]), halted=[(2, 1)])
    result = play(
        market, Threshold(FixedWeights((0.4, 0.4)), 0.05), Costs.bps(2, commission=1250, half_spread=1250), nav=120.0
    )
    book = result.ledger
    assert book.nav == pytest.approx([100.0, 120.0, 118.0, 118.0], abs=1e-12)
    assert book.booked.tolist() == [2, -1]
    assert book.trades[0] == pytest.approx([-8.0, 0.0], abs=1e-12)
    assert book.charges[0, :2] == pytest.approx(np.array([[1.0, 0.0], [1.0, 0.0]]), abs=1e-13)
    assert book.cash_units == pytest.approx([20.0, 26.0, 26.0], abs=1e-12)
    assert book.units[1, 1] == book.units[0, 1], "a halted asset keeps its units"
    assert book.line.tolist() == [0, 1]
    assert book.size[1] == pytest.approx(40.0 / 118.0 - 0.4, abs=1e-14)


def test_a_line_that_came_back_by_itself_is_not_traded(make_market: MakeMarket, play: Callable[..., Backtest]) -> None:
    """0.4 in A, 0.4 in B, 0.2 in cash; 50 % a side; a band of 5 points, to its edge.

    Opening: V + 0.5 (0.8 V) = 140, so V = 100: 40, 40 and 20.
    Day 1  : A +50 %: 60, 40 and 20. A (0.5) is over its band, B (0.333) under: a trade to the edges is asked for.
    Day 2  : B +20 %: 60, 48 and 20, in all 128. B (0.375) is back inside and keeps its 48. A is to go to 0.45, and cash
             takes what A leaves, 0.175: s (0.45 + 0.175) + 0.5 (60 - 0.45 s) = 80, so s = 125 and A ends at 56.25; the
             3.75 sold cost 1.875; the wealth is 126.125.
    """
    market = make_market(np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.2], [0.0, 0.0]]))
    result = play(
        market, Threshold(FixedWeights((0.4, 0.4)), 0.05, "edge"), Costs.bps(2, commission=2500, half_spread=2500),
        nav=140.0,
    )  # fmt: skip
    book = result.ledger
    assert book.nav[:3] == pytest.approx([100.0, 120.0, 126.125], abs=1e-12)
    assert book.trades[0] == pytest.approx([-3.75, 0.0], abs=1e-12)
    assert book.units[1, 1] == book.units[0, 1]
    assert book.cash_units[1] == pytest.approx(21.875, abs=1e-12)


def test_half_of_the_way_is_gone_on_each_of_two_days(make_market: MakeMarket, play: Callable[..., Backtest]) -> None:
    """No costs, half of the way a day, no lag: A, at 0.6, goes to 0.55 and, asked again though inside its band, stays.

    With a band of 3 points it is still 5 points over on the second day, and goes to 0.525; then it is inside.
    """
    market = make_market(np.array([[0.0, 0.0], [0.2, -0.2], [0.0, 0.0], [0.0, 0.0]]))
    wide = play(market, Threshold(HALVES, 0.08, fraction=0.5), Costs.bps(2), lag=0)
    assert wide.weights["A00"].tolist() == pytest.approx([0.5, 0.55, 0.55, 0.55], abs=1e-15)
    narrow = play(market, Threshold(HALVES, 0.03, fraction=0.5), Costs.bps(2), lag=0)
    assert narrow.weights["A00"].tolist() == pytest.approx([0.5, 0.55, 0.525, 0.525], abs=1e-15)


def test_a_calendar_that_goes_part_of_the_way_does_so_once_a_month(
    make_market: MakeMarket, play: Callable[..., Backtest]
) -> None:
    """Half of the way at each month's end, rows 20 and 39 from 31 January 2018 on: it is never quite there."""
    returns = np.zeros((60, 2))
    returns[3] = [0.2, -0.2]
    result = play(make_market(returns), Calendar(HALVES, "month", fraction=0.5), Costs.bps(2))
    assert result.ledger.asked.tolist() == [20, 39]
    left = result.weights["A00"].to_numpy()[[20, 21, 39, 40]] - 0.5
    assert left == pytest.approx([0.1, 0.05, 0.05, 0.025], abs=1e-14)


def test_a_quarter_ends_on_its_last_session_and_is_booked_on_the_next(
    make_market: MakeMarket, play: Callable[..., Backtest]
) -> None:
    rng = np.random.default_rng(1)
    result = play(make_market(rng.normal(0.0, 0.01, (200, 2))), Calendar(HALVES, "quarter"), Costs.bps(2, commission=1))
    asked = result.market.dates[result.ledger.asked]
    assert asked.strftime("%Y-%m-%d").tolist() == ["2018-03-29", "2018-06-29", "2018-09-28"]
    booked = result.market.dates[result.ledger.booked]
    assert booked.strftime("%Y-%m-%d").tolist() == ["2018-04-02", "2018-07-02", "2018-10-01"]


def test_a_line_is_bought_at_the_first_review_after_its_listing_and_flagged(
    make_market: MakeMarket, play: Callable[..., Backtest]
) -> None:
    """B is listed on the third session; A alone was bought; the listing itself trades nothing."""
    market = make_market(np.random.default_rng(2).normal(0.0, 0.01, (45, 2)), first=[0, 2])
    result = play(market, Calendar(HALVES, "month"), Costs.bps(2, commission=1))
    assert result.ledger.opening_trades[1] == 0.0
    assert (result.weights["A01"].iloc[:21] == 0.0).all()
    assert result.weights["A01"].iloc[21] == pytest.approx(0.5, abs=1e-14)
    assert result.after_listing.tolist() == [True, False]


# -- compiled and by day ---------------------------------------------------------------------------------------------

FIVE = FixedWeights((0.3, 0.25, 0.2, 0.1, 0.1))
THREE = MarkovRegimes(
    "A00", (0.0, 0.0, 0.0), (0.012, 0.02, 0.028), ((0.9, 0.05, 0.05), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8)),
    pd.Timestamp("2018-03-01"),
)  # fmt: skip
REGIMES = MarkovRegimes("A00", (0.0, 0.0), (0.016, 0.022), ((0.9, 0.1), (0.2, 0.8)), pd.Timestamp("2018-03-01"))
RULES: dict[str, Policy] = {
    "never": Never(FIVE),
    "day": Calendar(FIVE, "day"),
    "week": Calendar(EqualWeights(), "week"),
    "month": Calendar(InverseVolatility(window=20, schedule="week"), "month"),
    "quarter": Calendar(FIVE, "quarter"),
    "year": Calendar(FIVE, "year"),
    "month, a third of the way": Calendar(FIVE, "month", fraction=1 / 3),
    "band": Threshold(FIVE, 0.02),
    "band of zero": Threshold(EqualWeights(), 0.0),
    "edge": Threshold(FIVE, 0.02, "edge"),
    "within": Threshold(EqualWeights(), 0.02, Within(0.0175)),
    "edge of an estimate": Threshold(InverseVolatility(window=20, schedule="month"), 0.01, "edge"),
    "edge, half of the way": Threshold(FIVE, 0.02, "edge", fraction=0.5),
    "a quarter in three tranches": Calendar(FIVE, "quarter", tranches=3),
    "a month of an estimate in four tranches": Calendar(
        InverseVolatility(window=20, schedule="month"), "month", tranches=4, offset=-1
    ),
    "wednesdays": Calendar(FIVE, "wednesday"),
    "every 17 sessions, two later": Calendar(FIVE, 17, offset=2),
    "band or month": Threshold(FIVE, 0.03, "edge", review_schedule="month"),
    "band in a second week's session": Threshold(EqualWeights(), 0.01, schedule="week", offset=1),
    "rests": Threshold(FIVE, 0.005, cooldown=7),
    "rests, half of the way": Threshold(FIVE, 0.01, "edge", fraction=0.5, cooldown=3),
    "volatilities": Threshold(EqualWeights(), 0.3, Within(0.2), kind="volatility", cap=0.03, returns=20),
    "only what is past, pro rata": Threshold(FIVE, 0.01, lines="breaching"),
    "only what is past, by cash": Threshold(FIVE, 0.01, "edge", lines="breaching", payer="cash"),
    "only what is past, by an asset": Threshold(FIVE, 0.01, Within(0.005), lines="breaching", payer="A02"),
    "a capped band": Threshold(EqualWeights(), 0.01, turnover_cap=0.01),
    "a capped calendar, half of the way": Calendar(FIVE, "week", turnover_cap=0.005, fraction=0.5),
    "regimes": RegimeThreshold(FIVE, REGIMES, 0.01, 0.03, Within(0.005)),
    "adaptive": RegimeThreshold(
        FIVE, THREE, 0.01, 0.004, "edge", factors=(0.8, 1.5), after_trade=AfterTrade(1.6, 4), bounds=(0.004, 0.02)
    ),
    "narrow in turbulence": RegimeThreshold(EqualWeights(), REGIMES, 0.03, 0.01, "edge", "week"),
    "groups": GroupThreshold(FIVE, "asset_class", 0.02),
    "edges of groups": GroupThreshold(FIVE, "asset_class", 0.02, "edge"),
    "groups and assets": GroupThreshold(EqualWeights(), "sector", 0.015, Within(0.01), lines=0.02),
    "tracking error": TrackingError(FIVE, 0.008, returns=20),
    "tracking error of an estimate, shrunk": TrackingError(
        InverseVolatility(window=20, schedule="month"), 0.01, returns=30, fraction=0.4, cooldown=2
    ),
    "cost and benefit": CostBenefit(EqualWeights(), tracking_penalty=5.0, horizon=0.5, returns=20),
    "best point": BestPoint(FIVE, tracking_penalty=50.0, horizon=1.0, schedule="week", returns=20),
    "pairs": PairRegion(FIVE, tracking_penalty=50.0, returns=20),
    "best point of an estimate, capped": BestPoint(
        InverseVolatility(window=20, schedule="month"),
        tracking_penalty=20.0,
        horizon=1.0,
        schedule=10,
        returns=30,
        turnover_cap=0.03,
    ),
    "no-trade region": NoTradeRegion(FIVE, tracking_penalty=50.0, returns=20),
    "no-trade region by the week, to target": NoTradeRegion(
        EqualWeights(), tracking_penalty=20.0, to="target", schedule="week", returns=20, turnover_cap=0.02
    ),
}


def crowded(make_market: MakeMarket) -> Market:
    """190 sessions of five assets, one listed late, halts here and there, cash with interest."""
    rng = np.random.default_rng(3)
    returns = rng.normal(3e-4, 0.02, (190, 5))
    halted = [(int(t), int(i)) for t, i in zip(rng.integers(90, 190, 30), rng.integers(0, 5, 30), strict=True)]
    interest = rng.uniform(0.0, 2e-4, 190)
    market = make_market(returns, interest, first=[0, 0, 0, 70, 0], halted=halted, begin="2018-08-01")
    lines = market.instruments.assign(asset_class=["stock", "stock", "bond", "bond", "gold"], sector=list("abaab"))
    return dataclasses.replace(market, instruments=lines)


def of_two(make_market: MakeMarket) -> Market:
    """300 sessions of two assets, with halts."""
    rng = np.random.default_rng(6)
    halted = [(int(t), int(i)) for t, i in zip(rng.integers(90, 300, 20), rng.integers(0, 2, 20), strict=True)]
    return make_market(rng.normal(3e-4, 0.02, (300, 2)), rng.uniform(0.0, 2e-4, 300), halted=halted)


TWO, VARIANCE = FixedWeights((0.4, 0.3)), 0.02**2 * 252
REGION = {"mean": np.zeros(2), "covariance": np.eye(2) * VARIANCE, "tracking_penalty": 5.0, "interval": 1 / 252}
OPTIMAL = {"optimal": (0.0, 1.0), "optimal with a ticket, half of the way": (2e-5, 0.5)}  # ticket, part of the way


@cache
def optimal(name: str) -> OptimalRegion:
    ticket, part = OPTIMAL[name]
    region = optimal_region((0.4, 0.3), cost=np.full(2, 1e-3), ticket=ticket, **REGION)
    return OptimalRegion(TWO, region, fraction=part)


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("name", OPTIMAL)
def test_an_optimal_region_is_played_both_ways_to_the_bit(
    make_market: MakeMarket, by_day: ByDay, name: str, lag: int
) -> None:
    fast, slow = (
        backtest(of_two(make_market), p, Costs.bps(2, commission=5, half_spread=5), lag=lag)
        for p in (optimal(name), by_day(optimal(name)))
    )
    for fact, values in fast.ledger._asdict().items():
        np.testing.assert_array_equal(values, getattr(slow.ledger, fact), err_msg=fact)
    pd.testing.assert_frame_equal(fast.decisions(), slow.decisions(), check_exact=True)
    assert len(fast.ledger.asked) >= 2


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("name", RULES)
def test_no_trade_bands_and_their_rule_asked_day_by_day_are_equal_to_the_bit(
    make_market: MakeMarket, by_day: ByDay, name: str, lag: int
) -> None:
    market, costs, rule = (
        crowded(make_market), Costs.bps(5, commission=[1, 2, 3, 2, 1], half_spread=[0, 1, 2, 3, 4]), RULES[name],
    )  # fmt: skip
    fast, slow = (backtest(market, p, costs, start="2018-09-14", lag=lag) for p in (rule, by_day(rule)))
    for fact, values in fast.ledger._asdict().items():
        np.testing.assert_array_equal(values, getattr(slow.ledger, fact), err_msg=fact)
    assert fast.triggers == slow.triggers
    pd.testing.assert_frame_equal(fast.decisions(), slow.decisions(), check_exact=True)
    assert len(fast.ledger.asked) >= {"never": 0, "year": 1}.get(name, 3)
    assert all(fast.decisions()["reason"])


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_pairs_of_gaps_with_tickets_are_played_both_ways_to_the_bit(
    make_market: MakeMarket, by_day: ByDay, lag: int
) -> None:
    market, rule = crowded(make_market), RULES["pairs"]
    costs = Costs.bps(5, commission=[1, 2, 3, 2, 1])
    dear = replace(costs, ticket=np.array([1.0, 5.0, 2.0, 0.0, 3.0]))
    fast, slow = (backtest(market, p, dear, start="2018-09-14", lag=lag, nav=1e6) for p in (rule, by_day(rule)))
    for fact, values in fast.ledger._asdict().items():
        np.testing.assert_array_equal(values, getattr(slow.ledger, fact), err_msg=fact)
    pd.testing.assert_frame_equal(fast.decisions(), slow.decisions(), check_exact=True)
    free = backtest(market, rule, costs, start="2018-09-14", lag=lag, nav=1e6)
    assert 3 <= len(fast.trades()) < 0.8 * len(free.trades()), "fewer orders"


def test_every_compiled_rule_of_the_house_is_played_both_ways() -> None:
    """A rule that is exported and gives arrays belongs into the list above."""
    from research import rules

    deciding = {
        rule
        for rule in vars(rules).values()
        if inspect.isclass(rule) and issubclass(rule, CompiledRule) and not inspect.isabstract(rule)
    }
    assert deciding == {OptimalRegion, *map(type, RULES.values())}


# -- invariants of a path --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noise(make_market: MakeMarket) -> Market:
    return make_market(np.random.default_rng(4).normal(3e-4, 0.015, (250, 4)), 1e-4)


def test_without_cost_and_lag_it_is_the_closed_form_of_constant_rebalancing(noise: Market) -> None:
    weights = np.array([0.4, 0.3, 0.2, 0.0])
    result = backtest(noise, Calendar(FixedWeights(tuple(weights)), "day"), Costs.bps(4), lag=0)
    growth = 1.0 + noise.returns[1:] @ weights + (1.0 - weights.sum()) * noise.cash[1:]
    np.testing.assert_allclose(result.ledger.nav, np.concatenate([[1.0], growth.cumprod()]), rtol=1e-12)


def test_holding_is_the_closed_form_of_holding(noise: Market) -> None:
    result = backtest(noise, Never(FixedWeights((0.4, 0.3, 0.2, 0.0))), Costs.bps(4), nav=1e6)
    held = np.column_stack([noise.index, noise.cash_index]) / np.append(noise.index[0], noise.cash_index[0])
    np.testing.assert_allclose(result.ledger.nav, 1e6 * held @ [0.4, 0.3, 0.2, 0.0, 0.1], rtol=1e-13)


@dataclass(frozen=True)
class Fails:
    """A rule that cannot decide."""

    allocation: FixedWeights = field(default_factory=lambda: FixedWeights((0.4, 0.3, 0.2, 0.0)))

    def decide(self, view: View) -> Hold | Trade:
        raise KeyError("oops")


def test_what_a_policy_raises_is_told_with_its_name_and_the_day(noise: Market) -> None:
    with pytest.raises(KeyError, match="oops") as told:
        backtest(noise, Fails(), Costs.bps(4), start=noise.dates[5], name="mine")
    assert told.value.__notes__ == [f"policy 'mine' failed on {noise.days[5]}"]


@dataclass(frozen=True)
class OnDays(CompiledRule):
    """A rule, asked on the days of a calendar only."""

    rule: Threshold
    calendar: Calendar
    allocation: FixedWeights = field(default_factory=lambda: FixedWeights((0.4, 0.3, 0.2, 0.0)))

    def decide(self, view: View) -> Hold | Trade:
        raise NotImplementedError

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        days = self.calendar.no_trade_bands(market, targets).asked
        return dataclasses.replace(self.rule.no_trade_bands(market, targets), asked=days)


@pytest.mark.parametrize("to", ["target", "edge", Within(0.0)])
def test_a_band_of_zero_asked_on_the_calendar_is_the_calendar(noise: Market, to: str | Within) -> None:
    target, costs = FixedWeights((0.4, 0.3, 0.2, 0.0)), Costs.bps(4, commission=2, half_spread=3)
    calendar = Calendar(target, "month")
    expected = backtest(noise, calendar, costs)
    result = backtest(noise, OnDays(Threshold(target, 0.0, to), calendar), costs)
    assert len(expected.ledger.asked) == 11
    for fact, values in expected.ledger._asdict().items():
        np.testing.assert_array_equal(getattr(result.ledger, fact), values, err_msg=fact)


@pytest.mark.parametrize("to", ["target", "edge", Within(0.05)])
def test_a_band_without_end_never_trades(noise: Market, to: str | Within) -> None:
    costs = Costs.bps(4, commission=10)
    never = backtest(noise, Never(EqualWeights()), costs)
    result = backtest(noise, Threshold(EqualWeights(), np.inf, to), costs)
    assert len(result.ledger.asked) == 0
    np.testing.assert_array_equal(result.ledger.nav, never.ledger.nav)


def test_where_nothing_is_traded_nothing_is_paid(noise: Market) -> None:
    result = backtest(noise, Threshold(EqualWeights(), 0.03, "edge"), Costs.bps(4, commission=1, half_spread=2))
    trades, charges = result.ledger.trades, result.ledger.charges
    assert (trades == 0.0).any()
    assert (trades != 0.0).any()
    np.testing.assert_array_equal(charges.sum(axis=1) == 0.0, trades == 0.0)


def test_a_longer_market_leaves_the_past_as_it_was(noise: Market) -> None:
    rule, costs = Threshold(EqualWeights(), 0.01, "edge"), Costs.bps(4, commission=1, half_spread=2)
    whole, part = backtest(noise, rule, costs), backtest(noise.until(noise.dates[120]), rule, costs)
    k = len(part.ledger.asked)
    assert k > 5
    np.testing.assert_array_equal(whole.ledger.nav[:121], part.ledger.nav)
    np.testing.assert_array_equal(whole.ledger.asked[:k], part.ledger.asked)
    np.testing.assert_array_equal(whole.ledger.trades[: k - 1], part.ledger.trades[: k - 1])


@pytest.mark.parametrize("rule", [Calendar(EqualWeights(), "month"), Threshold(EqualWeights(), 0.01, "edge")])
def test_the_order_of_the_assets_changes_nothing(noise: Market, rule: Policy) -> None:
    order, bps = np.array([2, 0, 3, 1]), np.array([1.0, 2.0, 3.0, 4.0])
    result = backtest(noise, rule, Costs.bps(4, commission=bps))
    other = backtest(noise.select([noise.assets[i] for i in order]), rule, Costs.bps(4, commission=bps[order]))
    np.testing.assert_array_equal(other.ledger.asked, result.ledger.asked)
    np.testing.assert_allclose(other.ledger.nav, result.ledger.nav, rtol=1e-12)
    np.testing.assert_allclose(other.ledger.trades, result.ledger.trades[:, order], atol=1e-12)


def test_a_larger_wealth_scales_everything(noise: Market) -> None:
    rule, costs = Threshold(EqualWeights(), 0.01, "edge"), Costs.bps(4, commission=1, half_spread=2)
    small, large = backtest(noise, rule, costs), backtest(noise, rule, costs, nav=3e7)
    np.testing.assert_array_equal(large.ledger.asked, small.ledger.asked)
    np.testing.assert_allclose(large.ledger.nav, 3e7 * small.ledger.nav, rtol=1e-12)
    np.testing.assert_allclose(large.ledger.charges, 3e7 * small.ledger.charges, rtol=1e-9, atol=1e-6)


def test_cash_is_never_borrowed_for_a_line_that_fell(make_market: MakeMarket) -> None:
    """Six assets of 16.5 % and 1 % in cash, a band of 2 points: cash may not go below zero to lift the one that halved.

    The others, which stand inside their boxes, are sold for it instead.
    """
    returns = np.zeros((4, 6))
    returns[1, 0] = -0.6
    result = backtest(
        make_market(returns), Threshold(FixedWeights((0.165,) * 6), 0.02, "edge"), Costs.bps(6, commission=5)
    )
    assert (result.ledger.trades[0] != 0.0).all()
    assert result.cash_weight.min() > -1e-14


# -- where to begin --------------------------------------------------------------------------------------------------


def test_the_test_begins_on_the_day_that_is_asked_for(noise: Market) -> None:
    """The portfolio is bought at the close before, whatever day of the week the start is."""
    result = backtest(noise, Never(HALVES_OF_FOUR), Costs.bps(4), start="2018-02-17")  # a Saturday
    assert result.dates[0] == pd.Timestamp("2018-02-16")
    assert result.dates[1] == pd.Timestamp("2018-02-20")
    assert len(result.nav) == len(noise.dates) - result.first


HALVES_OF_FOUR = FixedWeights((0.5, 0.5, 0.0, 0.0))


def test_without_a_start_the_test_begins_after_the_first_complete_window(noise: Market) -> None:
    result = backtest(noise, Never(InverseVolatility(window=30, schedule="month")), Costs.bps(4))
    assert (result.first, result.targets.seen[0]) == (30, 30)


def test_a_portfolio_opens_in_given_weights(noise: Market) -> None:
    weights = np.array([0.1, 0.2, 0.3, 0.2])
    result = backtest(noise, Never(HALVES_OF_FOUR), Costs.bps(4, commission=10), start_weights=weights)
    assert result.weights.iloc[0].to_numpy() == pytest.approx(weights, abs=1e-15)
    assert result.cash_weight.iloc[0] == pytest.approx(0.2, abs=1e-15)


def test_the_path_of_targets_may_be_handed_on(noise: Market) -> None:
    rule = Calendar(InverseVolatility(window=30, schedule="month"), "month")
    targets = target_path(rule.allocation, noise, start=60)
    given = backtest(noise, rule, Costs.bps(4, commission=1), start=noise.dates[61], targets=targets)
    made = backtest(noise, rule, Costs.bps(4, commission=1), start=noise.dates[61])
    assert given.targets is targets
    np.testing.assert_array_equal(given.ledger.nav, made.ledger.nav)


# -- what is refused -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """A policy that gives one answer on every day."""

    answer: Hold | Trade
    allocation: FixedWeights = HALVES_OF_FOUR

    def decide(self, view: View) -> Hold | Trade:
        return self.answer


def box(lower: list[float], upper: list[float] | None = None) -> Trade:
    return Trade(np.array(lower), np.array(lower if upper is None else upper), Why("odd"))


@pytest.mark.parametrize(("answer", "message"), [
    (box([0.5, np.nan, 0.0, 0.0]), "lower bound of nan for A01"),
    (box([0.5, 0.5]), r"lower bound of shape \(2,\), expected \(4,\)"),
    (box([0.5, 0.6, 0.0, 0.0], [0.5, 0.4, 0.0, 0.0]), "lower 0.600000 above upper 0.400000 for A01"),
    (box([0.5, 0.8, 0.0, 0.0]), "gross weights of 1.3000 at least.*the largest is A01 with 0.8000"),
])  # fmt: skip
def test_a_box_that_cannot_be_booked_is_refused_with_policy_date_and_line(
    noise: Market, answer: Trade, message: str
) -> None:
    with pytest.raises(PolicyError, match=rf"policy 'Answers' on 2018-01-03.*{message}"):
        backtest(noise, Answers(answer), Costs.bps(4))


def test_a_target_past_the_leverage_limit_is_refused_unless_it_is_allowed(noise: Market) -> None:
    rule = Calendar(FixedWeights((0.9, 0.6, -0.4, 0.0)), "month")
    with pytest.raises(PolicyError, match=r"'Calendar'.*gross weights of 1\.9000 on 2018-01-02.*A00 0\.9000"):
        backtest(noise, rule, Costs.bps(4))
    result = backtest(noise, rule, Costs.bps(4, commission=1), leverage_limit=2.0)
    assert result.weights.iloc[21].to_numpy() == pytest.approx([0.9, 0.6, -0.4, 0.0], abs=1e-3)
    assert result.cash_weight.iloc[21] == pytest.approx(-0.1, abs=1e-3)


def test_costs_that_would_take_the_wealth_are_refused(noise: Market, play: Callable[..., Backtest]) -> None:
    rule = Calendar(FixedWeights((2.0, -2.0, 0.5, 0.0)), "month")
    with pytest.raises(
        PolicyError, match=r"'Odd name' cannot go on at 2018-01-02.*the commission of A01: 0.60 on 2.00"
    ):
        play(
            noise, rule, Costs.bps(4, commission=[0, 3000, 0, 0], half_spread=[0, 3000, 0, 0]), leverage_limit=5.0,
            name="Odd name",
        )  # fmt: skip


def test_a_portfolio_that_is_wiped_out_cannot_go_on(make_market: MakeMarket, play: Callable[..., Backtest]) -> None:
    """Two for one in A, which loses half and more on the third day."""
    market = make_market(np.array([[0.0, 0.0], [0.01, 0.0], [-0.6, 0.0], [1.0, 0.0]]))
    with pytest.raises(PolicyError, match=r"cannot go on at 2018-01-04: its wealth is -0.19, no longer positive"):
        play(market, Never(FixedWeights((2.0, 0.0))), Costs.bps(2), leverage_limit=2.0)


@pytest.mark.parametrize("start", ["2018-01-02", "1999-01-04", "2031-01-01"])
def test_a_test_outside_the_data_is_refused(noise: Market, start: str) -> None:
    with pytest.raises(ConfigError, match=f"the test starts on {start}, but the data runs from 2018-01-02 to"):
        backtest(noise, Never(HALVES_OF_FOUR), Costs.bps(4), start=start)


def test_a_test_before_the_first_target_is_refused(noise: Market) -> None:
    rule = Never(InverseVolatility(window=30, schedule="month"))
    with pytest.raises(DataError, match="too short"):
        backtest(noise, rule, Costs.bps(4), start=noise.dates[10])
    targets = target_path(rule.allocation, noise, start=60)
    with pytest.raises(ConfigError, match="no target is in force on 2018-01-16"):
        backtest(noise, rule, Costs.bps(4), start=noise.dates[10], targets=targets)


@pytest.mark.parametrize(("settings", "message"), [
    ({"nav": 0.0}, "nav is 0.0"),
    ({"nav": np.inf}, "nav is inf"),
    ({"lag": -1}, "lag is -1"),
    ({"lag": 0.5}, "lag is 0.5"),
    ({"lag": 99_999}, "lag is 99999, of .* sessions after the opening trade: nothing would ever be booked"),
    ({"start_weights": [0.5, 0.5]}, "start_weights are .* give 4 finite fractions"),
    ({"start_weights": [0.5, np.nan, 0.0, 0.0]}, "start_weights are .* give 4 finite fractions"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(noise: Market, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        backtest(noise, Never(HALVES_OF_FOUR), Costs.bps(4), **settings)


@pytest.mark.parametrize(("run", "error", "words"), [
    pytest.param(lambda m: backtest(m, Never(HALVES_OF_FOUR), Costs.bps(4), start_weights=np.array([0.5, 0, 0.7, 0])),
                 PolicyError, r"gross weights of 1\.2000 on 2018-01-02.*A02 0\.7000",
                 id="start_weights_past_the_leverage_limit_are_refused"),
    pytest.param(lambda m: backtest(m, Never(HALVES_OF_FOUR), Costs.bps(4), start=m.dates[-1]), ConfigError,
                 "lag is 1, of 1 session after the opening trade: nothing would ever be booked",
                 id="a_start_on_the_last_day_leaves_one_session"),
    pytest.param(lambda m: backtest(m, Never(FixedWeights((60, 30, 10, 0))), Costs.bps(4)), PolicyError,
                 r"gross weights of 100\.0000 .* Weights are fractions of NAV: 0\.6 is 60 %\.",
                 id="weights_in_per_cent_are_told_to_be_fractions"),
    pytest.param(lambda m: backtest(m, FixedWeights((1.0, 0.0, 0.0, 0.0)), Costs.bps(4)), ConfigError,
                 r"policy is FixedWeights\(.*: it has no method decide\(view\)\. Give a policy",
                 id="a_policy_that_does_not_decide_is_told_so"),
    pytest.param(lambda m: backtest(m, Never(HALVES_OF_FOUR), Costs.bps(3)), ConfigError,
                 "costs have 3 assets and the market 4", id="costs_of_another_market_are_refused"),
    pytest.param(lambda m: backtest(m, TunedThreshold(HALVES_OF_FOUR), Costs.bps(4)), ConfigError,
                 "'TunedThreshold' cannot decide", id="a_rule_that_is_still_to_be_tuned_is_refused"),
])  # fmt: skip
def test_what_cannot_be_played_is_refused(
    noise: Market, run: Callable[[Market], Backtest], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run(noise)


def test_targets_of_another_market_are_refused(noise: Market) -> None:
    rule = Never(EqualWeights())
    for other in (noise.select(noise.assets[::-1]), noise.until(noise.dates[100])):
        with pytest.raises(ConfigError, match="give the path of targets on this market"):
            backtest(noise, rule, Costs.bps(4), targets=target_path(rule.allocation, other))


def test_a_policy_without_an_allocation_needs_targets(noise: Market) -> None:
    class Alone:
        def decide(self, view: View) -> Hold:
            return Hold(Why("alone"))

    with pytest.raises(ConfigError, match="'Alone' has no allocation: give `targets`"):
        backtest(noise, Alone(), Costs.bps(4))


# -- what a policy sees ----------------------------------------------------------------------------------------------


def test_a_policy_sees_the_close_and_nothing_that_it_could_change(noise: Market) -> None:
    """After a trade that goes half of the way, what was booked is in the weights, and its age is told."""
    seen: list[View] = []

    @dataclass(frozen=True)
    class Looks:
        allocation: FixedWeights = HALVES_OF_FOUR

        def decide(self, view: View) -> Hold | Trade:
            seen.append(view)
            if view.past.t == 3:
                return Trade(view.target, view.target, Why("once", CASH_LINE, 0.5, 0.25), fraction=0.5)
            return Hold(Why("waits"))

    result = backtest(noise, Looks(), Costs.bps(4, commission=1))
    assert [view.past.t for view in seen] == list(range(1, 250))
    for view in seen:
        d = view.past.t
        np.testing.assert_array_equal(view.weights, result.weights.iloc[d])
        np.testing.assert_array_equal(view.nav_history, result.ledger.nav[: d + 1])
        assert view.cash_weight == result.cash_weight.iloc[d]
        assert view.nav == result.ledger.nav[d]
    assert [view.days_since_trade for view in seen[:6]] == [1, 2, 3, 0, 1, 2]
    assert [view.unfinished for view in seen[:6]] == [False, False, False, True, False, False]
    assert result.why(0) == Why("once", CASH_LINE, 0.5, 0.25)
    for array in (seen[5].nav_history, seen[5].target, seen[5].past.returns):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_while_a_trade_is_pending_the_policy_is_not_asked(noise: Market) -> None:
    days: list[int] = []

    @dataclass(frozen=True)
    class Eager:
        allocation: FixedWeights = HALVES_OF_FOUR

        def decide(self, view: View) -> Trade:
            days.append(view.past.t)
            return Trade.to(view.target, Why("eager"))

    result = backtest(noise, Eager(), Costs.bps(4, commission=1), lag=3)
    assert (days, result.ledger.booked[:-1].tolist()) == (list(range(1, 250, 3)), days[1:])
    assert result.ledger.booked[-1] == -1


def test_a_decision_is_made_with_the_target_of_its_day_and_booked_with_it(make_market: MakeMarket) -> None:
    """The target in force changes between asking and booking: what was asked for is what is booked."""
    market = make_market(np.zeros((6, 2)) + [[0.0, 0.0]] * 6)
    rows = np.array([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]])
    targets = TargetPath(market.assets, rows, np.array([0, 0, 1, 2, 2, 2]), np.array([0, 2, 3]), "given")
    result = backtest(market, Threshold(HALVES, 0.0), Costs.bps(2), targets=targets)
    assert result.ledger.asked.tolist() == [2, 3]
    assert result.weights["A00"].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.8, 0.1, 0.1], abs=1e-14)


def test_a_line_without_target_when_the_trade_was_asked_for_is_not_bought(make_market: MakeMarket) -> None:
    """C must give 0.1; B is cheaper to buy than A, but has no target on the day of the decision."""
    market, rows = make_market(np.zeros((4, 3))), np.array([[0.5, 0.0, 0.5], [0.4, 0.2, 0.4]])
    targets = TargetPath(market.assets, rows, np.array([0, 0, 1, 1]), np.array([0, 2]), "given")
    policy = Answers(box([0.0, 0.0, 0.0], [0.7, 0.3, 0.4]))
    result = backtest(market, policy, Costs.bps(3, commission=[2, 1, 2]), targets=targets)
    assert result.ledger.asked.tolist() == [1, 2, 3]
    assert result.weights.iloc[2].to_numpy() == pytest.approx([0.6, 0.0, 0.4], abs=1e-4)
    assert result.weights.iloc[2]["A01"] == 0.0


# -- a negative control ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Knows:
    """Buys today what rises tomorrow: what no policy can do."""

    allocation: FixedWeights = field(default_factory=lambda: FixedWeights((0.25,) * 4))

    def decide(self, view: View) -> Trade:
        tomorrow = view.past._market.returns[min(view.past.t + 2, len(view.past._market.dates) - 1)]
        return Trade.to(np.eye(4)[int(np.argmax(tomorrow))], Why("knows"))


def shortfalls(make_market: MakeMarket, policy: Policy) -> tuple[float, float, float]:
    """(mean of wealth + costs - 1, its standard error, mean costs), where no asset has a mean return and cash has none.

    Each world is played twice, once with all returns turned round, which leaves little of the noise.
    """
    rng, gained, paid = np.random.default_rng(7), [], []
    for _ in range(60):
        returns = rng.normal(0.0, 0.01, (80, 4))
        both = [
            backtest(make_market(r), policy, Costs.bps(4, commission=50, half_spread=50)).ledger
            for r in (returns, -returns)
        ]
        costs = [b.charges.sum() + b.opening_charges.sum() for b in both]
        gained.append(np.mean([b.nav[-1] + c - 1.0 for b, c in zip(both, costs, strict=True)]))
        paid.append(np.mean(costs))
    return float(np.mean(gained)), float(np.std(gained, ddof=1) / np.sqrt(len(gained))), float(np.mean(paid))


@pytest.mark.parametrize("rule", [
    Never(FixedWeights((0.25,) * 4)),
    Calendar(FixedWeights((0.4, 0.3, 0.2, 0.0)), "week"),
    Threshold(FixedWeights((0.25,) * 4), 0.01),
    Threshold(FixedWeights((0.4, 0.3, 0.2, 0.0)), 0.005, "edge"),
    Calendar(InverseVolatility(window=10, schedule="week"), "week"),
], ids=["never", "week", "band", "edge", "estimate"])  # fmt: skip
def test_in_a_world_without_return_wealth_and_costs_are_what_one_began_with(
    make_market: MakeMarket, rule: Policy
) -> None:
    gained, error, paid = shortfalls(make_market, rule)
    assert abs(gained) < 3.5 * error
    assert error < paid / 10.0, "a cost booked twice, or not at all, would be seen"


def test_a_policy_that_knows_tomorrow_is_seen_to_gain(make_market: MakeMarket) -> None:
    gained, error, _ = shortfalls(make_market, Knows())
    assert gained > 20.0 * error


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_played_compiled(make_market: MakeMarket, name: str) -> None:
    """Reasons to hold are kept by the daily loop only; compiled, they are derived when someone asks."""
    assert backtest(crowded(make_market), RULES[name], Costs.bps(5), start="2018-09-14").holds is None


def test_nothing_is_decided_once_the_line_of_the_regimes_has_left(by_day: ByDay) -> None:
    prices = 100.0 * np.cumprod(1.0 + world(days=300).returns, axis=0)
    prices[101:, 2] = np.nan
    frame = pd.DataFrame(prices, index=pd.date_range("2020-01-01", periods=300), columns=list("ABC"))
    market = delist(market_from_frame(frame, calendar="24/7", missing="halt"), "C", frame.index[105], 0.0)
    rule = RegimeThreshold(
        FixedWeights((0.5, 0.4, 0.1), unlisted="cash"),
        MarkovRegimes("C", (0.0, 0.0), (0.01, 0.02), ((0.9, 0.1), (0.2, 0.8)), pd.Timestamp("2020-01-01")),
        0.005, 0.01,
    )  # fmt: skip
    compiled, slow = (backtest(market, one, Costs(np.zeros(3), np.zeros(3))) for one in (rule, by_day(rule)))
    np.testing.assert_allclose(slow.nav, compiled.nav, rtol=1e-12)
