"""Every rule through one battery: whole, still at rest, idempotent, blind to order and size, and in its reasons."""

import dataclasses
import inspect
import pickle
from collections.abc import Callable, Sequence
from functools import cache

import new_york
import numpy as np
import pandas as pd
import pytest
from numba import typeof
from typing_extensions import is_protocol

from backtests.batch.batch import PreparedConfiguration, play_batch
from backtests.batch.streaming_metrics import batch_metrics, target_path_returns
from backtests.engine import Backtest, backtest
from foundation.arrays import Array
from foundation.errors import ConfigError, PolicyError
from research import rules
from research.accounting import Costs, Execution, Flows, Hold, Policy, Tax, Trade, View
from research.accounting.view import check_trade, leverage_of
from research.allocation import Allocation, EqualWeights, FixedWeights, InverseVolatility, target_path
from research.forecast import MarkovRegimes
from research.learning import Universal
from research.market import Market, instruments_table, load_market
from research.market.calendars import scheduled
from research.rules.optimum.dynamic_programming import optimal_region
from research.rules.optimum.region import Region
from research.rules.protocol import long_name
from research.rules.rules import phases

DAYS, ZERO = 220, 130  # from row 130 on nothing moves, where a test says so
FIVE = FixedWeights((0.3, 0.25, 0.2, 0.1, 0.1))
WHOLE = FixedWeights((0.3, 0.3, 0.2, 0.1, 0.1))
TWO = FixedWeights((0.4, 0.3))
STORMY = MarkovRegimes("A00", (0.0, 0.0), (0.008, 0.016), ((0.8, 0.2), (0.2, 0.8)), pd.Timestamp("2018-01-02"))
MAKERS: dict[str, Callable[[Allocation], rules.Rule]] = {
    "never": rules.Never,
    "calendar": lambda a: rules.Calendar(a, "week"),
    "in tranches": lambda a: rules.Calendar(a, "week", tranches=2),
    "every 7 sessions": lambda a: rules.Calendar(a, 7, offset=-2),
    "band": lambda a: rules.Threshold(a, 0.015),
    "edge": lambda a: rules.Threshold(a, 0.01, "edge"),
    "regimes": lambda a: rules.RegimeThreshold(a, STORMY, 0.01, 0.02),
    "adaptive": lambda a: rules.RegimeThreshold(
        a, STORMY, 0.01, 0.02, factors=(0.8,), after_trade=rules.AfterTrade(1.5, 6), bounds=(0.006, 0.03)
    ),
    "5/25": lambda a: rules.Threshold(a, 0.25, kind="relative", cap=0.02),
    "Daryanani": lambda a: rules.Threshold(a, 0.1, rules.Within(0.05), kind="relative"),
    "volatility": lambda a: rules.Threshold(a, 0.4, kind="volatility", returns=40),
    "band or month": lambda a: rules.Threshold(a, 0.02, review_schedule="month"),
    "resting": lambda a: rules.Threshold(a, 0.01, cooldown=7),
    "capped": lambda a: rules.Threshold(a, 0.015, turnover_cap=0.01),
    "breaching, pro rata": lambda a: rules.Threshold(a, 0.015, lines="breaching"),
    "breaching, cash": lambda a: rules.Threshold(a, 0.015, "edge", lines="breaching", payer="cash"),
    "breaching, an asset": lambda a: rules.Threshold(a, 0.015, rules.Within(0.01), lines="breaching", payer="A02"),
    "groups": lambda a: rules.GroupThreshold(a, "sector", 0.015),
    "edges of groups": lambda a: rules.GroupThreshold(a, "sector", 0.015, "edge"),
    "groups and assets": lambda a: rules.GroupThreshold(a, "sector", 0.015, rules.Within(0.01), lines=0.02),
    "tracking error": lambda a: rules.TrackingError(a, 0.006, returns=40),
    "cost and benefit": lambda a: rules.CostBenefit(a, tracking_penalty=10.0, horizon=0.5, returns=40),
    "no-trade region": lambda a: rules.NoTradeRegion(a, tracking_penalty=50.0, returns=40),
    "no-trade region, to target": lambda a: rules.NoTradeRegion(a, tracking_penalty=20.0, to="target", returns=40),
    "best point": lambda a: rules.BestPoint(a, tracking_penalty=100.0, horizon=1.0, schedule="week", returns=40),
    "pairs": lambda a: rules.PairRegion(a, tracking_penalty=50.0, returns=40),
    "several periods": lambda a: rules.MultiPeriod(a, 8, tracking_penalty=50.0, returns=40),
    "cppi": lambda a: rules.CPPI(a, floor=0.8, multiplier=3.0),
    "drawdown floor": lambda a: rules.DrawdownFloor(a, limit=0.2, multiplier=4.0),
    "stop": lambda a: rules.StopLoss(a, limit=0.04, wait=5),
    "universal": lambda a: Universal(a, tracking_penalty=50.0, returns=40),
}
ESTIMATES = {
    "volatility",
    "no-trade region",
    "no-trade region, to target",
    "best point",
    "pairs",
    "universal",
}  # bands are new each month
PART_OF_THE_WAY = {"capped"}  # what is left waits for the next day on which the rule is asked
PUSHES = {"breaching, pro rata", "breaching, cash", "breaching, an asset"}  # who pays may leave a band of its own
DAY_BY_DAY = {"several periods", "cppi", "drawdown floor", "stop"}  # played in Python
BY_WEALTH = {"cppi", "drawdown floor", "stop"}  # their target moves with NAV, and leaves cash
NAMES = [*MAKERS, "optimal"]


@cache
def region() -> Region:
    return optimal_region(
        (0.4, 0.3), mean=np.zeros(2), covariance=np.eye(2) * 0.015**2 * 252, cost=np.full(2, 1e-3),
        tracking_penalty=50.0, interval=1 / 252,
    )  # fmt: skip


def rule_of(name: str, allocation: Allocation = FIVE) -> rules.Rule:
    return rules.OptimalRegion(TWO, region()) if name == "optimal" else MAKERS[name](allocation)


def made(returns: Array, trading: Sequence[str] = ()) -> Market:
    """A market of these returns (T, n), the same one for all that ask for it."""
    return _made(returns.tobytes(), returns.shape[1], tuple(trading))


@cache
def _made(content: bytes, n: int, trading: tuple[str, ...]) -> Market:
    returns = np.frombuffer(content).reshape(-1, n)
    days = len(returns)
    dates, names = new_york.sessions("2018-01-02", "2019-12-31")[:days], tuple(f"A{i:02}" for i in range(n))
    table = instruments_table(names, asset_class=["stock"] * n).assign(sector=list("abaab")[:n])
    table = table.assign(trading=list(trading)) if trading else table
    unknown = np.full(returns.shape, np.nan)
    return Market(
        dates, names, returns, np.ones(returns.shape, dtype=bool), np.zeros(days), table, unknown, name="made"
    )


def noise(name: str, still: int = DAYS) -> Array:
    """Returns of the assets of a rule; from row `still` on there are none."""
    returns = np.random.default_rng(31).normal(2e-4, 0.012, (DAYS, 5))[:, : 2 if name == "optimal" else 5]
    return np.where(np.arange(DAYS)[:, None] < still, returns, 0.0)


def costs_of(name: str) -> Costs:
    n = 2 if name == "optimal" else 5
    return Costs.bps(n, commission=[1.0, 2.0, 3.0, 4.0, 5.0][:n], half_spread=1.0)


def play(
    name: str, market: Market, costs: Costs | None = None, allocation: Allocation = FIVE, **more: object
) -> Backtest:
    estimates = getattr(allocation, "window", 0) > 0
    first = more if estimates else {"start": market.dates[1]} | more  # also for rules that have nothing to go by yet
    return backtest(market, rule_of(name, allocation), costs_of(name) if costs is None else costs, **first)


@cache
def usual_backtest(name: str, allocation: Allocation = FIVE) -> Backtest:
    """On the market of the rule, with its costs: several tests look at it."""
    return play(name, made(noise(name)), allocation=allocation)


def see(result: Backtest, day: int) -> View:
    """What the rule would see at the close of a day of the test, after all that was booked, if it had never traded."""
    weights, t = result.weights.to_numpy()[day].copy(), result.first + day
    nav, target = result.ledger.nav[: day + 1], result.targets.rows[result.targets.row[t]]
    return View(
        result.market.past(t), target, weights, float(result.cash_weight.iloc[day]), float(nav[-1]), nav, day,
        result.costs, opened=result.first,
    )  # fmt: skip


def late(name: str, result: Backtest) -> list[int]:
    """Rows on which something was asked for long after the market came to rest, but for new estimates of a band."""
    book, dates = result.ledger, result.market.dates
    moved = np.abs(book.trades).max(axis=1, initial=0.0) > 1e-6
    ends = np.flatnonzero(np.append(dates[1:].month != dates[:-1].month, False)) if name in ESTIMATES else []
    again = 5 if name == "universal" else 1  # its band moves with the weights: what it trades to may be past the next
    return [t for t in book.asked[moved].tolist() if t > ZERO + 25 and not any(0 <= t - end < again for end in ends)]


# -- all of them -----------------------------------------------------------------------------------------------------


def test_every_rule_is_in_the_battery_and_says_what_it_does() -> None:
    exported = [rule for name in rules.__all__ if inspect.isclass(rule := getattr(rules, name))]
    deciding = {
        rule for rule in exported if hasattr(rule, "decide") and not is_protocol(rule) and not inspect.isabstract(rule)
    }
    assert deciding | {Universal} == {type(rule_of(name)) for name in NAMES}
    for name in NAMES:
        words = long_name(rule_of(name))
        assert words
        assert words == words.strip()
        assert "None" not in words


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_wealth_is_what_is_held_and_cash_without_a_target_is_only_what_costs_and_drift_leave(
    name: str, lag: int
) -> None:
    for allocation in (FIVE, WHOLE):
        result = play(name, made(noise(name)), allocation=allocation, lag=lag)
        book = result.ledger
        assert len(book.asked) > 0 or name == "never"
        assert np.isfinite(book.trades).all()
        np.testing.assert_allclose((result.weights.sum(axis=1) + book.cash / book.nav).to_numpy(), 1.0, atol=1e-12)
        assert result.weights.to_numpy().min() >= -1e-12
        assert book.residual[0] < 1e-12
        if allocation is WHOLE and name not in {"optimal", *BY_WEALTH}:
            assert np.abs(result.cash_weight).max() < 0.02


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_a_rule_that_has_traded_is_content(name: str, lag: int) -> None:
    """Without costs: asked at the close of the booking, it holds, whatever the assets drifted by until then."""
    n = 2 if name == "optimal" else 5
    result = play(name, made(noise(name)), Costs.bps(n), lag=lag)
    days = result.ledger.booked[result.ledger.booked >= 0] - result.first
    assert len(days) > 0 or name == "never"
    if (
        name in PART_OF_THE_WAY | PUSHES or (name in BY_WEALTH and lag > 0) or (name == "in tranches" and lag == 3)
    ):  # there the other tranche is due
        return
    for day in days.tolist():
        answer = result.policy.decide(see(result, day))
        assert isinstance(answer, Hold), f"{name} trades again on day {day}: {answer.why}"


@pytest.mark.parametrize("lag", [0, 1])
# As returns of zero fill its window, the covariance of "several periods" is singular, and its best plan is not unique.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "several periods"])
def test_a_market_at_rest_is_not_traded(name: str, lag: int) -> None:
    """Nothing moves from row 130 on: what was under way is finished within the month, and then nobody trades."""
    for costs in (costs_of(name), Costs.bps(2 if name == "optimal" else 5)):
        result = play(name, made(noise(name, ZERO)), costs, lag=lag)
        assert not late(name, result), result.decisions().tail(3)["reason"].tolist()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DAY_BY_DAY])
def test_every_rule_of_bands_is_played_by_the_same_compiled_code_also_after_a_pickle(name: str) -> None:
    """Arrays of another kind would compile the loop anew, in each worker that gets its rule by pickle."""

    def kinds(rule: rules.Rule, market: Market, n: int) -> list[object]:
        bands = rule.no_trade_bands(market, target_path(rule.allocation, market), Costs.bps(n))
        return [typeof(bands.compiled), typeof(bands.options)]

    usual = kinds(rule_of("band"), made(noise("band")), 5)
    market, rule = made(noise(name)), rule_of(name)
    n = len(market.assets)
    assert kinds(rule, market, n) == usual
    assert kinds(pickle.loads(pickle.dumps(rule)), market, n) == usual


@pytest.mark.parametrize("name", MAKERS)
def test_the_order_of_the_lines_changes_nothing(name: str) -> None:
    order = np.array([3, 0, 4, 2, 1])
    market, costs, target = made(noise(name)), costs_of(name), np.array(FIVE.weights)
    result, other = usual_backtest(name), market.select([market.assets[i] for i in order])
    shuffled = Costs(costs.commission[order], costs.half_spread[order])
    permuted = play(name, other, shuffled, FixedWeights(tuple(target[order])))
    np.testing.assert_array_equal(permuted.ledger.asked, result.ledger.asked)
    np.testing.assert_allclose(permuted.ledger.trades, result.ledger.trades[:, order], atol=1e-10)
    np.testing.assert_allclose(permuted.weights, result.weights.to_numpy()[:, order], atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_a_wealth_a_thousand_times_as_large_has_the_same_weights(name: str) -> None:
    small, large = usual_backtest(name), play(name, made(noise(name)), nav=1000.0)
    np.testing.assert_array_equal(large.ledger.asked, small.ledger.asked)
    np.testing.assert_allclose(large.weights, small.weights, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_reasons_are_never_empty_and_their_numbers_are_those_of_the_day(name: str) -> None:
    result = usual_backtest(name)
    told, market = result.decisions(), result.market
    assert told["reason"].str.len().min() > 10
    assert not told["reason"].str.contains("nan").any()
    weights, cash = result.weights.to_numpy(), result.cash_weight.to_numpy()
    names = [*market.labels, "cash"]
    for row in told[told["line"] != ""].itertuples():
        t = market.dates.get_loc(row.asked)
        target, now = result.targets.rows[result.targets.row[t]], weights[t - result.first]
        line = names.index(row.line)
        if row.line == "cash":
            gap = cash[t - result.first] - (1.0 - target.sum())
        elif line < len(target):
            gap = now[line] - target[line]
        else:
            gap = (now - target)[np.array([sector == row.line for sector in market.sector])].sum()
        assert row.gap == pytest.approx(gap, abs=1e-12)


# -- assets that are not traded both ways -----------------------------------------------------------------------------

RESTRICTIONS = [
    ["sell_only", "", "", "", ""],
    ["buy_only", "", "", "", ""],
    ["", "locked", "", "", ""],
    ["", "locked", "sell_only", "buy_only", ""],
]


def assert_kept(result: Backtest) -> None:
    trades = result.ledger.trades
    for i, word in enumerate(result.market.trading):
        if word in ("sell_only", "locked"):
            assert trades[:, i].max(initial=0.0) <= 0.0, f"{word} asset {i} is bought"
        if word in ("buy_only", "locked"):
            assert trades[:, i].min(initial=0.0) >= 0.0, f"{word} asset {i} is sold"


@pytest.mark.parametrize("use", [None, "rebalance", "cash"])
@pytest.mark.parametrize("name", MAKERS)
def test_no_rule_and_no_flow_trades_a_line_the_way_it_may_not_be(name: str, use: str | None) -> None:
    for k, trading in enumerate(RESTRICTIONS):
        market = made(noise(name), trading)
        flows = (
            None if use is None else Flows(dict(zip(market.dates[[60, 100, 140]], [0.2, -0.1, 0.1], strict=True)), use)
        )
        lag = (k + (use is None)) % 2  # with flows and without, each restriction at each lag
        assert_kept(play(name, market, allocation=(FIVE, WHOLE)[k // 2], lag=lag, flows=flows))


PLAIN = Costs.bps(5, commission=5.0)
TURNING = {
    "tax": dataclasses.replace(PLAIN, tax=Tax(0.25)),
    "tickets": dataclasses.replace(PLAIN, ticket=np.full(5, 40.0)),
    "minimum": dataclasses.replace(PLAIN, minimum=np.full(5, 60.0)),
    "rates": Costs.bps(5, commission=200.0),
}


@pytest.mark.parametrize("cost", TURNING)
@pytest.mark.parametrize("name", MAKERS)
def test_no_cost_turns_the_trade_of_a_line_that_is_not_traded_both_ways(name: str, cost: str) -> None:
    """What a trade costs lowers the wealth that weights are of: a line bought by less than its share would be sold."""
    for trading in RESTRICTIONS[list(TURNING).index(cost) % 2 :: 2]:  # each with two of the costs
        market = made(noise(name), trading)
        flows = Flows(dict(zip(market.dates[[60, 100, 140]], [2e4, -5e3, 5e2], strict=True)), "rebalance")
        assert_kept(play(name, market, TURNING[cost], WHOLE, nav=1e5, flows=flows))


@pytest.mark.parametrize("name", MAKERS)
def test_a_line_that_cannot_be_mended_does_not_make_a_rule_trade_every_day(name: str) -> None:
    """One asset is a good part from its target from the beginning, and stays; the rule may trade twice as often."""
    free = len(play(name, made(noise(name)), lag=1).booked)
    for trading in (["locked", "", "", "", ""], ["sell_only", "", "", "", ""]):
        result = play(name, made(noise(name), trading), lag=1, start_weights=np.array([0.15, 0.3, 0.25, 0.13, 0.12]))
        assert len(result.booked) <= 2 * free + 10, (trading, free, len(result.booked))


def test_an_optimal_region_does_not_take_restricted_lines() -> None:
    with pytest.raises(PolicyError, match="OptimalRegion trades each asset both ways"):
        play("optimal", made(noise("optimal"), ["locked", ""]))


# -- odd targets -----------------------------------------------------------------------------------------------------

ODD = {
    "a target of zero": FixedWeights((0.5, 0.3, 0.2, 0.0, 0.0)),
    "all in one": FixedWeights((1.0, 0.0, 0.0, 0.0, 0.0)),
    "all in cash but one": FixedWeights((0.1, 0.0, 0.0, 0.0, 0.0)),
    "an estimate": InverseVolatility(window=20, schedule="month"),
    "all equal": EqualWeights(),
}


@pytest.mark.parametrize("target", ODD)
@pytest.mark.parametrize("name", MAKERS)
def test_odd_targets_are_finite_and_content(name: str, target: str) -> None:
    estimated = target == "an estimate"  # of returns that do not vary there is none
    result = play(name, made(noise(name, DAYS if estimated else ZERO)), allocation=ODD[target], lag=0)
    assert np.isfinite(result.ledger.nav).all()
    assert np.isfinite(result.weights.to_numpy()).all()
    assert estimated or not late(name, result)
    if target == "all in one":
        assert np.abs(result.cash_weight).max() < 1e-2 or name in BY_WEALTH
        assert (np.abs(result.ledger.trades[:, 1:]) == 0.0).all()


@pytest.mark.parametrize("name", MAKERS)
def test_a_line_that_is_listed_late_is_bought_only_when_it_is_there(name: str) -> None:
    returns, there = noise(name), np.arange(DAYS) >= 90
    returns[~there, 4] = 0.0
    market, tradable = made(returns), np.ones(returns.shape, dtype=bool)
    tradable[~there, 4] = False
    market = dataclasses.replace(market, tradable=tradable)
    for lag in (0, 1):
        result = play(name, market, lag=lag)
        assert (result.weights.to_numpy()[:90, 4] == 0.0).all()
        assert np.isfinite(result.ledger.nav).all()
        if name not in ("never", "edges of groups"):  # it buys the cheapest asset of a group, which is another
            assert result.weights.to_numpy()[-1, 4] > 0.02


# -- schedules and rests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_no_two_bookings_are_closer_than_the_rest_between_them(lag: int) -> None:
    booked = play("resting", made(noise("resting")), lag=lag).ledger.booked
    booked = booked[booked >= 0]
    assert len(booked) > 5
    assert booked[0] > 7
    assert np.diff(booked).min() > 7


def test_calendar_or_band_trades_on_every_review_and_on_bands_besides() -> None:
    result = play("band or month", made(noise("band or month")))
    days = result.market.dates
    last, asked = days[np.append(days[1:].month != days[:-1].month, False)], days[result.ledger.asked]
    assert set(last) <= set(asked)
    others = result.ledger.asked[~asked.isin(last)]
    assert len(others) > 0
    gaps = np.abs(result.weights.to_numpy() - np.array(FIVE.weights)).max(axis=1)
    assert (np.maximum(gaps, np.abs(result.cash_weight.to_numpy() - 0.05))[others - result.first] > 0.02).all()


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "message"), [
    (rules.Threshold(FIVE, cooldown=500), r"cooldown of Threshold is 500 sessions, of 219 after the opening trade"),
    (rules.Calendar(FIVE, cooldown=219), r"cooldown of Calendar is 219 sessions, of 219 after"),
    (rules.TrackingError(FIVE, returns=5000), r"returns of TrackingError is 5000, and market 'made' has 219, with no"),
    (rules.BestPoint(FIVE, returns=218), r"returns of BestPoint is 218, and market 'made' has 219, with no month's"),
    (rules.Threshold(FIVE, kind="volatility", returns=900), r"returns of Threshold is 900"),
    (rules.GroupThreshold(FIVE, "sector"), r"GroupThreshold is by sector, and .* have none"),
    (
        rules.Threshold(FIVE, lines="breaching", payer="XYZ"),
        r"payer of Threshold is 'XYZ': use 'pro_rata', 'cash' or an a",
    ),
    (rules.TunedThreshold(FIVE), r"policy 'TunedThreshold' cannot decide"),
])  # fmt: skip
def test_what_could_never_trade_is_refused(rule: Policy, message: str) -> None:
    market = made(noise("band"))
    market = dataclasses.replace(market, instruments=market.instruments.assign(sector=""))
    with pytest.raises((ConfigError, PolicyError), match=message):
        backtest(market, rule, Costs.bps(5))


def test_a_region_for_another_target_is_refused() -> None:
    message = r"region of OptimalRegion is for the target \[0\.4, 0\.3\], and the allocation"
    with pytest.raises((ConfigError, PolicyError), match=message):
        backtest(made(noise("band")), rules.OptimalRegion(FIVE, region()), Costs.bps(5))


def test_nothing_left_to_trade_against_is_refused() -> None:
    market = made(noise("band"), ["sell_only"] * 4 + ["locked"])
    with pytest.raises(PolicyError, match=r"no asset may be bought \(A00: sell_only, .*A04: locked\)"):
        play("band", market, allocation=WHOLE)
    assert_kept(play("band", market, allocation=FIVE))
    market = made(noise("band"), ["buy_only"] * 5)
    with pytest.raises(PolicyError, match=r"no asset may be sold \(A00: buy_only"):
        play("band", market, allocation=WHOLE)


@pytest.mark.parametrize("rule", ["band", "edge"])
def test_lines_that_may_only_be_bought_and_lines_that_may_only_be_sold_trade_with_one_another(rule: str) -> None:
    played = play(
        rule, made(noise(rule), ["sell_only", "sell_only", "buy_only", "buy_only", "locked"]), allocation=WHOLE
    )
    assert_kept(played)
    assert len(played.ledger.asked) > 0
    trades = played.trades()
    sold, bought = (set(trades.loc[trades["side"] == side, "asset"]) for side in ("sell", "buy"))
    assert sold
    assert sold <= {"A00", "A01"}
    assert bought
    assert bought <= {"A02", "A03"}


@pytest.mark.parametrize(("make", "message"), [
    (lambda: rules.GroupThreshold(FIVE, band=-0.01), "band of GroupThreshold is -0.01"),
    (
        lambda: rules.GroupThreshold(FIVE, band=0.015, to=rules.Within(0.0175)),
        "to of GroupThreshold is .*0.0175 lies outside",
    ),
    (lambda: rules.GroupThreshold(FIVE, "country"), "by of GroupThreshold is 'country'"),
    (lambda: rules.GroupThreshold(FIVE, lines=np.nan), "lines of GroupThreshold is nan"),
    (
        lambda: rules.Threshold(FIVE, 0.015, rules.Within(0.0175)),
        "to of Threshold is .*0.0175 lies outside the band of 0.015",
    ),
    (
        lambda: rules.Threshold(FIVE, turnover_cap=0.0),
        "turnover_cap of Threshold is 0.0: give a fraction of NAV above 0",
    ),
    (lambda: rules.Calendar(FIVE, turnover_cap=-1), "turnover_cap of Calendar is -1"),
    (lambda: rules.TrackingError(FIVE, cooldown=1.5), "cooldown of TrackingError is 1.5: give a whole number"),
    (lambda: rules.TrackingError(FIVE, np.inf), "limit of TrackingError is inf"),
    (lambda: rules.CostBenefit(FIVE, tracking_penalty=0), "tracking_penalty of CostBenefit is 0"),
    (lambda: rules.BestPoint(FIVE, horizon=-1), "horizon of BestPoint is -1"),
    (lambda: rules.PairRegion(FIVE, tracking_penalty=0.0), "tracking_penalty of PairRegion is 0.0"),
    (
        lambda: rules.PairRegion(FIVE, power=1.5),
        "power of PairRegion is 1.5: give an exponent of the correlations, 0 to",
    ),
    (lambda: rules.NoTradeRegion(FIVE, returns=1), "returns of NoTradeRegion is 1"),
    (lambda: rules.NoTradeRegion(FIVE, to="middle"), "to of NoTradeRegion is 'middle'"),
    (lambda: rules.OptimalRegion(TWO, None), "region of OptimalRegion is None"),
    (lambda: rules.Threshold(FIVE, lines="some"), "lines of Threshold is 'some'"),
    (lambda: rules.Threshold(FIVE, lines="breaching", payer=3), "payer of Threshold is 3"),
    (lambda: rules.Threshold(FIVE, cap=np.nan, kind="relative"), "cap of Threshold is nan"),
    (lambda: rules.Threshold(FIVE, cap=5, kind="relative"), "cap of Threshold is 5"),
    (
        lambda: rules.Threshold(FIVE, 20, kind="relative"),
        "band of Threshold is 20: a band of kind 'relative' is 10 at most",
    ),
    (lambda: rules.Threshold(FIVE, np.inf, kind="volatility"), "band of Threshold is inf"),
    (lambda: rules.Threshold(FIVE, 2), "band of Threshold is 2: a band of kind 'absolute' is 1 at most"),
    (lambda: rules.Threshold(FIVE, turnover_cap=5), "turnover_cap of Threshold is 5"),
    (lambda: rules.GroupThreshold(FIVE, band=None), "band of GroupThreshold is None"),
    (lambda: rules.GroupThreshold(FIVE, lines=3), "lines of GroupThreshold is 3"),
    (lambda: rules.TrackingError(FIVE, limit=1.5), "limit of TrackingError is 1.5"),
    (lambda: rules.TrackingError(FIVE, returns=10**30), "returns of TrackingError is 10"),
    (lambda: rules.NoTradeRegion(FIVE, narrowed="no"), "narrowed of NoTradeRegion is 'no'"),
    (lambda: rules.Calendar(FIVE, 10**30), "schedule is 10"),
])  # fmt: skip
def test_settings_are_refused_by_rule_parameter_and_value(make: Callable[[], rules.Rule], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_hold_that_was_asked_is_told_from_a_trade(by_day: Callable[[Policy], Policy]) -> None:
    """Day by day the reasons are recorded, compiled they are derived: they are the same, restricted assets or not."""
    for name in MAKERS:
        market = made(noise(name), ["", "locked", "sell_only", "buy_only", ""])
        fast, slow = (
            backtest(market, p, costs_of(name), start=market.dates[77]) for p in (rule_of(name), by_day(rule_of(name)))
        )
        pd.testing.assert_frame_equal(fast.decisions(), slow.decisions(), check_exact=True)
        np.testing.assert_array_equal(fast.ledger.nav, slow.ledger.nav)


# -- boxes that are made on the day, between the decision and the booking --------------------------------------------


@pytest.mark.parametrize("execution", [Execution(days=3), Execution(at="open")])
def test_what_is_booked_later_is_the_same_day_by_day(by_day: Callable[[Policy], Policy], execution: Execution) -> None:
    """Compiled and in Python to the bit, worked over days or at opens that lie off the closes."""
    for name in MAKERS:
        market = made(noise(name), ["", "locked", "sell_only", "buy_only", ""])
        opens = market.index * np.random.default_rng(4).uniform(0.99, 1.01, market.shape)
        market = dataclasses.replace(market, prices=market.index, bars={"open": opens})
        fast, slow = (
            backtest(market, p, costs_of(name), start=market.dates[77], execution=execution)
            for p in (rule_of(name), by_day(rule_of(name)))
        )
        np.testing.assert_array_equal(fast.ledger.nav, slow.ledger.nav)
        np.testing.assert_array_equal(fast.ledger.trades, slow.ledger.trades)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_cap_that_never_binds_changes_nothing(lag: int) -> None:
    """Whatever the assets drift by until the booking, to the bit."""
    market = made(np.random.default_rng(8).normal(3e-4, 0.02, (220, 5)))
    plain, capped = (
        backtest(market, rules.Threshold(FIVE, 0.01, "edge", turnover_cap=cap), Costs.bps(5, commission=5), lag=lag)
        for cap in (None, 1.0)
    )
    assert len(plain.ledger.asked) > 5
    np.testing.assert_array_equal(plain.ledger.nav, capped.ledger.nav)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_cap_holds_at_the_booking(lag: int) -> None:
    result = play("capped", made(noise("capped")), Costs.bps(5), lag=lag)
    assert 0.01 - 1e-9 < result.turnover.max() <= 0.01 + 1e-12


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_groups_of_one_line_each_are_lines(lag: int) -> None:
    """The same bands to the same edges: what is booked is the same, a decision made of groups or of assets."""
    market = made(noise("edge"))
    alone = dataclasses.replace(market, instruments=market.instruments.assign(sector=list("abcde")))
    of_lines = backtest(alone, rules.Threshold(FIVE, 0.015, "edge"), costs_of("edge"), lag=lag)
    of_groups = backtest(alone, rules.GroupThreshold(FIVE, "sector", 0.015, "edge"), costs_of("edge"), lag=lag)
    assert len(of_lines.ledger.asked) > 5
    np.testing.assert_array_equal(of_groups.ledger.asked, of_lines.ledger.asked)
    np.testing.assert_allclose(of_groups.ledger.trades, of_lines.ledger.trades, atol=1e-12)


@pytest.mark.parametrize("to", ["target", "edge", rules.Within(0.005)])
@pytest.mark.parametrize("lag", [0, 1, 3])
def test_one_line_that_cash_pays_for_is_a_band(lag: int, to: str | rules.Within) -> None:
    """Also where the asset comes back into its band before the booking: what was past it goes where the rule says."""
    returns, allocation = noise("edge")[:, :1], FixedWeights((0.6,))
    all_move, breaching = (
        backtest(made(returns), rules.Threshold(allocation, 0.015, to, **how), Costs.bps(1, commission=5), lag=lag)  # type: ignore[arg-type]
        for how in ({}, {"lines": "breaching", "payer": "cash"})
    )
    assert len(all_move.ledger.asked) > 5
    np.testing.assert_allclose(breaching.ledger.nav, all_move.ledger.nav, rtol=1e-13)


@pytest.mark.parametrize("lag", [1, 3])
def test_lines_that_neither_breached_nor_pay_are_not_traded(lag: int) -> None:
    """Cash pays: of each decision only assets move that were past their band at the close on which it was made."""
    target = FixedWeights((0.12, 0.12, 0.12, 0.12, 0.12))
    result = play("breaching, cash", made(3.0 * noise("breaching, cash")), allocation=target, lag=lag)
    book, asked = result.ledger, result.ledger.asked - result.first
    within = np.abs(result.cash_weight.to_numpy()[asked] - 0.4) <= 0.015  # cash is an asset like the others
    moved, gaps = np.abs(book.trades[within]) > 0.0, np.abs(result.weights.to_numpy()[asked][within] - 0.12)
    assert moved.any(axis=0).all()
    assert (gaps[moved] > 0.015).all()


@pytest.mark.parametrize("use", ["rebalance", "cash"])
@pytest.mark.parametrize("name", [name for name in MAKERS if name not in {"never", *BY_WEALTH}])
def test_money_of_the_close_of_a_booking_is_found_and_used(name: str, use: str) -> None:
    """A tenth goes, or comes, where a trade is booked: cash, which has no target here, pays costs and no more.

    One of the others is never booked, and the rest have a target for cash.
    """
    market, booked = made(noise(name)), usual_backtest(name, WHOLE).ledger.booked
    t = int(booked[booked >= 0][0])
    for amount in (-0.1, 0.1):
        result = play(name, market, allocation=WHOLE, flows=Flows({market.dates[t]: amount}, use))
        cash = (result.ledger.cash / result.ledger.nav)[t - result.first]
        assert cash > -2e-3
        assert cash < 2e-3 or amount > 0.0
        assert cash < 2e-3 or use == "cash"


@pytest.mark.parametrize("name", NAMES)
def test_a_halt_at_the_booking_overdraws_nothing(name: str) -> None:
    """The asset that is to be sold, or bought, the most cannot trade on the day."""
    market = made(noise(name))
    plain = usual_backtest(name, TWO if name == "optimal" else WHOLE)
    least = plain.ledger.cash.min()
    for j in np.flatnonzero(plain.ledger.booked >= 0)[:3].tolist():
        for line in (int(plain.ledger.trades[j].argmin()), int(plain.ledger.trades[j].argmax())):
            tradable = np.ones(market.shape, dtype=bool)
            tradable[plain.ledger.booked[j], line] = False
            halted = dataclasses.replace(market, tradable=tradable)
            result = play(name, halted, allocation=TWO if name == "optimal" else WHOLE)
            assert result.ledger.cash.min() > least - 1e-3


def test_what_was_halted_on_the_first_of_three_days_is_traded_on_the_others() -> None:
    """One asset is past its band by far: on the third day it is at its target, as if only two days had been meant."""
    returns = np.zeros((DAYS, 5))
    returns[5, 0] = 0.3
    tradable = np.ones(returns.shape, dtype=bool)
    tradable[6, 0] = False
    market = dataclasses.replace(made(returns), tradable=tradable)
    rule = rules.Threshold(WHOLE, 0.04, lines="breaching")
    result = backtest(market, rule, Costs.bps(5), execution=Execution(days=3), start=market.dates[1])
    assert result.ledger.asked.tolist() == [5, 5, 5]
    assert result.weights.iloc[8, 0] == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_part_of_the_way_is_a_part_of_what_a_cap_allows(lag: int) -> None:
    rule = rules.Threshold(FIVE, 0.02, fraction=0.5, turnover_cap=0.005)
    result = backtest(made(noise("band")), rule, Costs.bps(5), lag=lag)
    assert result.turnover.max() == pytest.approx(0.0025, abs=1e-9)


def test_a_cap_holds_in_whole_lots() -> None:
    """At the prices of the decision: a lot is worth a millionth of NAV, and orders are filled as they were sized."""
    market = made(3.0 * noise("band"))
    market = dataclasses.replace(market, prices=market.index)
    rule = rules.Threshold(FIVE, 0.015, turnover_cap=0.01)
    result = backtest(market, rule, Costs.bps(5), nav=1e6, lag=0, execution=Execution(sizing="units"))
    assert 0.0099 < result.turnover.max() < 0.01 + 5e-5


def test_cash_without_a_target_takes_nothing_that_the_next_day_would_spend_again() -> None:
    """What an asset past its band frees goes to the others, since cash, who should take it, may hold none."""
    market = made(3.0 * noise("band"))
    paid, shared = (
        backtest(market, rules.Threshold(WHOLE, 0.015, lines="breaching", payer=payer), Costs.bps(5))
        for payer in ("cash", "pro_rata")
    )
    assert len(shared.booked) > 5
    assert np.abs(paid.ledger.cash / paid.ledger.nav).max() < 1e-9


def test_a_calendar_that_goes_half_way_does_so_on_its_days_alone(by_day: Callable[[Policy], Policy]) -> None:
    """A threshold is asked again until it holds; a calendar's box is one point, and it would be asked for ever."""
    market, rule = made(noise("calendar")), rules.Calendar(FIVE, "month", fraction=0.5)
    whole, half, slow = (backtest(market, r, Costs.bps(5)) for r in (rules.Calendar(FIVE, "month"), rule, by_day(rule)))
    np.testing.assert_array_equal(half.ledger.asked, whole.ledger.asked)
    np.testing.assert_array_equal(half.ledger.nav, slow.ledger.nav)
    np.testing.assert_allclose(half.ledger.trades[0], 0.5 * whole.ledger.trades[0], atol=1e-12)
    configuration = PreparedConfiguration(rule.no_trade_bands(market, half.targets), half.targets, Costs.bps(5))
    played = play_batch(market, [configuration], half.targets, 5.0, 252.0)
    np.testing.assert_array_equal(played[0], batch_metrics(half, *[target_path_returns(half.targets, market)] * 2, 5.0))


@pytest.mark.parametrize("tranches", [2, 4])
def test_a_locked_line_keeps_no_tranche_from_its_phase(tranches: int) -> None:
    market = made(noise("in tranches"), ["locked", "", "", "", ""])
    free = play("in tranches", made(noise("in tranches")))
    result = backtest(market, rules.Calendar(FIVE, "week", tranches=tranches), Costs.bps(5), start=market.dates[1])
    days = scheduled(market.days, "week", market.calendar, 0)
    for offset in phases("week", tranches)[1:]:
        days |= scheduled(market.days, "week", market.calendar, offset)
    assert len(free.ledger.asked) > 50
    assert len(result.ledger.asked) == days[1:].sum()


def test_sums_of_groups_are_the_same_day_by_day_where_targets_change(by_day: Callable[[Policy], Policy]) -> None:
    rule = rules.GroupThreshold(InverseVolatility(window=40, schedule="week"), "sector", 0.01, "edge")
    market = made(noise("edges of groups"))
    fast, slow = (backtest(market, p, Costs.bps(5, commission=3)) for p in (rule, by_day(rule)))
    assert len(fast.ledger.asked) > 5
    np.testing.assert_array_equal(fast.ledger.nav, slow.ledger.nav)


@pytest.mark.parametrize(("word", "way"), [("sell_only", 1.0), ("buy_only", -1.0)])
def test_a_group_of_one_restricted_line_is_moved_the_way_it_may_be(word: str, way: float) -> None:
    """The first asset drifts to where only the allowed trade brings its group back; a free asset would do the same."""
    returns = np.zeros((DAYS, 5))
    returns[5, 0] = 0.4 * way
    market = dataclasses.replace(made(returns), instruments=made(returns).instruments.assign(sector=list("abcde")))
    there = dataclasses.replace(market, instruments=market.instruments.assign(trading=[word, "", "", "", ""]))
    free, bound = (
        backtest(m, rules.GroupThreshold(FIVE, "sector", 0.02, "edge"), Costs.bps(5), start=m.dates[1])
        for m in (market, there)
    )
    assert free.weights.iloc[-1, 0] == pytest.approx(0.3 + 0.02 * way, abs=1e-9)
    assert bound.weights.iloc[-1, 0] == pytest.approx(0.3 + 0.02 * way, abs=1e-9)


@pytest.mark.parametrize("lag", [1, 3])
def test_tranches_do_not_spend_money_that_has_gone_since(lag: int) -> None:
    """Three tenths come on the day before a phase, and go on the day after it."""
    market, rule = made(noise("in tranches")), rules.Calendar(WHOLE, 10, tranches=2)
    t = int(backtest(market, rule, Costs.bps(5)).ledger.asked[3])
    flows = Flows({market.dates[t - 1]: 0.3, market.dates[t + 1]: -0.3}, "cash")
    assert backtest(market, rule, Costs.bps(5), lag=lag, flows=flows).ledger.cash.min() > -1e-6


def test_drift_of_borrowed_money_is_no_leverage_of_the_rule() -> None:
    """The assets that it leaves alone hold what they hold: a trade that does not raise gross weights is no leverage."""
    name, weights = "breaching, pro rata", np.array([0.47, 0.36, 0.205, 0.125, 0.1])
    market, lent = made(noise(name)), FixedWeights((0.4, 0.45, 0.2, 0.1, 0.1))
    view = View(market.past(50), np.array(lent.weights), weights, -0.26, 1.0, np.ones(1), 9, costs_of(name))
    answer = rule_of(name, lent).decide(view)
    assert isinstance(answer, Trade)
    check_trade(answer, 5, name, market.dates[50], market.assets, leverage_of(answer, weights, 1.25))
    with pytest.raises(PolicyError, match=r"gross weights of 1\.2600"):
        check_trade(answer, 5, name, market.dates[50], market.assets, 1.25)


# -- what a fee overdraws --------------------------------------------------------------------------------------------

PARTLY: dict[str, rules.Rule] = {
    "calendar, half of the way": rules.Calendar(WHOLE, "week", fraction=0.5),
    "band, a third of the way": rules.Threshold(WHOLE, 0.015, fraction=1.0 / 3.0),
    "breaching, half of the way": rules.Threshold(WHOLE, 0.015, "edge", lines="breaching", fraction=0.5),
    "in tranches, capped": rules.Calendar(WHOLE, "week", tranches=2, turnover_cap=0.01),
    "breaching, capped": rules.Threshold(WHOLE, 0.015, lines="breaching", turnover_cap=0.01),
}
OVER_DAYS = {"at once": None, "three days": Execution(days=3)}


@pytest.mark.parametrize(("lag", "over"), [(0, "at once"), (1, "at once"), (1, "three days")])
@pytest.mark.parametrize("name", [*(name for name in MAKERS if name not in DAY_BY_DAY), *PARTLY])
def test_a_trade_pays_back_what_a_fee_has_overdrawn(
    by_day: Callable[[Policy], Policy], name: str, lag: int, over: str
) -> None:
    """As far as a turnover cap allows; one worked over days by its last; and to the same bits day by day."""
    rule, costs = PARTLY.get(name) or rule_of(name, WHOLE), dataclasses.replace(costs_of(name), management_fee=0.05)
    given = {"start": made(noise(name)).dates[1], "lag": lag, "execution": OVER_DAYS[over]}
    result = backtest(made(noise(name)), rule, costs, **given)  # type: ignore[arg-type]
    book, cap = result.ledger, getattr(rule, "turnover_cap", None) or 0.0
    last = {int(part): j for j, part in enumerate(book.part_of.tolist())}
    done = [j for j in last.values() if 0 <= book.booked[j] < DAYS - 3 and (book.trades[j] != 0.0).any()]
    after, sides = book.cash_units[1:][done], (np.maximum(side * book.trades[done], 0.0) for side in (1.0, -1.0))
    bought, sold = (side.sum(axis=1) / book.nav_before[done] for side in sides)
    owing = after < -1e-12
    assert (sold[owing] > 0.99 * cap).all()
    assert (bought[owing] == 0.0).all()
    assert cap > 0.0 or not owing.any()
    assert len(done) > 2 or name == "never"
    assert book.cash.min() < -1e-4, "the fee overdraws"
    daily = backtest(made(noise(name)), by_day(rule), costs, **given).ledger  # type: ignore[arg-type]
    for field, ours, theirs in zip(book._fields, book, daily, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=field)


def test_a_fully_invested_portfolio_with_a_fee_holds_no_more_than_its_wealth_after_each_trade() -> None:
    """60/40 from 2008, 1 % a year, 2 bp: trades of breaching assets left 4.5 % of NAV borrowed (2.0 % at the edge)."""
    market, costs = load_market("us_etf_ohlcv").select(["SPY", "AGG"]), Costs.bps(2, commission=1, half_spread=1)
    for band, to in ((0.05, "target"), (0.05, "edge"), (0.02, "target"), (0.02, "edge")):
        rule = rules.Threshold(FixedWeights((0.6, 0.4)), band, to, lines="breaching")  # type: ignore[arg-type]
        result = backtest(market, rule, dataclasses.replace(costs, management_fee=0.01), start="2008-01-02")
        gross = result.weights.sum(axis=1).to_numpy()[result.ledger.booked[result.booked] - result.first]
        assert len(gross) > 15
        assert gross.max() <= 1.0 + 1e-12
