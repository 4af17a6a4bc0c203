"""A configuration of a batch is its own backtest, to the bit: whatever rule, lag, costs, start, target, neighbours."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import MakeMarket, world

from backtests.batch.batch import BLOCK, PreparedConfiguration, play_batch
from backtests.batch.streaming_metrics import BATCH_METRICS, batch_metrics, target_path_returns
from backtests.engine import backtest
from foundation.errors import ConfigError, DataError, PolicyError
from research.accounting import Costs
from research.allocation import HRP, Allocation, EqualWeights, FixedWeights, InverseVolatility, TargetPath, target_path
from research.market import Market, Past, delist, load_market
from research.rules import Calendar, Never, Rule, Threshold, Within

PENALTY = 5.0
Configuration = tuple[Rule, Costs, int, int]  # rule, costs, lag, row of the opening trade


def differences(market: Market, configurations: list[Configuration], **how: object) -> list[str]:
    """The metrics in which a configuration and its own backtest differ by a bit or more."""
    paths: dict[Allocation, TargetPath] = {}
    for rule, *_ in configurations:
        if rule.allocation not in paths:
            paths[rule.allocation] = target_path(rule.allocation, market, start=rule.allocation.window)
    strategic = target_path(EqualWeights(), market)
    bands_of = {id(rule): rule.no_trade_bands(market, paths[rule.allocation]) for rule, *_ in configurations}
    prepared = [
        PreparedConfiguration(bands_of[id(r)], paths[r.allocation], c, lag, first)
        for r, c, lag, first in configurations
    ]
    found = play_batch(market, prepared, strategic, PENALTY, 252.0, **how)  # type: ignore[arg-type]
    reference, wrong = target_path_returns(strategic, market), []
    for j, (rule, costs, lag, first) in enumerate(configurations):
        targets, limit = paths[rule.allocation], how.get("leverage_limit", 1.0)
        start = market.dates[first + 1]
        played = backtest(market, rule, costs, start=start, lag=lag, targets=targets, leverage_limit=limit)  # type: ignore[arg-type]
        own = target_path_returns(targets, market)
        expected = batch_metrics(played, reference, own, PENALTY, cvar95=bool(how.get("cvar95")))
        wrong += [f"{j} {rule}: column {k}" for k in np.flatnonzero(found[j] != expected)]
    return wrong


def rules(allocation: Allocation) -> list[Rule]:
    return [
        Never(allocation), Calendar(allocation, "day"), Calendar(allocation, "week", fraction=0.5),
        Calendar(allocation, "month"), Threshold(allocation, 0.0), Threshold(allocation, 0.005),
        Threshold(allocation, 0.01, "edge"), Threshold(allocation, 0.02, "edge", fraction=0.3),
        Threshold(allocation, 0.03, Within(0.01)), Threshold(allocation, 0.02, fraction=0.5),
    ]  # fmt: skip


@st.composite
def markets(draw: st.DrawFn, make_market: MakeMarket) -> Market:
    n, days, seed = draw(st.integers(1, 7)), draw(st.integers(12, 90)), draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    listed = [0, *rng.integers(0, 8, n - 1)]
    lines = rng.integers(1, n, 8) if n > 1 else []  # the first always trades, so that no configuration stands still
    halted = [(int(t), int(i)) for t, i in zip(rng.integers(9, days, 8), lines, strict=False)]
    returns = rng.normal(3e-4, draw(st.sampled_from([0.005, 0.02, 0.08])), (days, n)).clip(-0.6, 0.6)
    return make_market(returns, rng.uniform(0, 2e-4, days), listed, halted if draw(st.booleans()) else ())


@given(data=st.data())
@settings(max_examples=20)
def test_configurations_are_backtests_to_the_bit(make_market: MakeMarket, data: st.DataObject) -> None:
    market = data.draw(markets(make_market))
    n, rng = len(market.assets), np.random.default_rng(data.draw(st.integers(0, 2**16)))
    fixed = FixedWeights(tuple(rng.dirichlet(np.ones(n)) * data.draw(st.sampled_from([1.0, 0.8]))))
    everything = rules(EqualWeights()) + rules(fixed)
    configurations = [
        (
            everything[rng.integers(len(everything))],
            Costs.bps(n, commission=rng.uniform(0, 50, n) * rng.integers(0, 2), half_spread=rng.integers(0, 3) * 5.0),
            lag,
            int(rng.integers(0, len(market.dates) - max(lag, 1) - 2)),
        )
        for lag in rng.choice([0, 1, 2, 5], data.draw(st.sampled_from([1, 5, BLOCK + 3]))).tolist()
    ]
    assert differences(market, configurations) == []


def test_estimated_targets_with_refits_listings_and_halts(halting: Market) -> None:
    allocations = [HRP(window=30, schedule="week"), InverseVolatility(window=20, schedule="month")]
    configurations = [
        (rule, Costs.bps(3, commission=cost), lag, first)
        for allocation in allocations
        for rule in rules(allocation)
        for cost, lag, first in ((0.0, 1, 45), (10.0, 0, 60), ([1.0, 20.0, 50.0], 5, 100))
    ]
    assert differences(halting, configurations, cvar95=True) == []


@dataclass(frozen=True)
class Borrowing:
    """What borrows for 50 days, and holds no cash afterwards."""

    schedule: str = "month"
    window: int = 0

    def target(self, past: Past) -> np.ndarray:
        return np.array([0.9, 0.6] if past.t < 50 else [0.6, 0.4])


def test_borrowed_money_is_paid_back_at_once_where_a_part_of_the_way_is_traded() -> None:
    market = world(120, 2)
    configurations: list[Configuration] = [
        (rule, Costs.bps(2, commission=10.0), lag, 1) for rule in rules(Borrowing()) for lag in (0, 1)
    ]
    assert differences(market, configurations, leverage_limit=1.6) == []
    played = backtest(market, Calendar(Borrowing(), "week", fraction=0.5), Costs.bps(2), leverage_limit=1.6)
    paid = played.cash_weight.to_numpy() > -1e-12
    assert not paid[:50].any()
    assert paid[70:].all()


def test_twenty_stocks_over_many_years_on_two_threads() -> None:
    market = load_market("sp500_20").until("2000-12-29")
    configurations: list[Configuration] = [
        (rule, Costs.bps(20, commission=cost), lag, 1)
        for rule in (Threshold(EqualWeights(), 0.01), Threshold(EqualWeights(), 0.03, "edge"), Calendar(EqualWeights()))
        for cost in (0.0, 10.0, 50.0)
        for lag in (0, 1, 2, 5)
    ] + [
        (Threshold(HRP(window=252), 0.02), Costs.bps(20, commission=5.0), lag, 300 + 100 * lag) for lag in (0, 1, 2, 5)
    ] * 8
    assert differences(market, configurations, workers=2) == []


def test_neighbours_do_not_matter() -> None:
    market = world(200, 3)
    targets = target_path(EqualWeights(), market)
    configurations = [
        PreparedConfiguration(
            Threshold(EqualWeights(), band).no_trade_bands(market, targets), targets, Costs.bps(3, commission=10),
            lag, lag * 7,
        )
        for band in np.geomspace(0.001, 0.05, 20)
        for lag in (0, 1, 2, 5)
    ]  # fmt: skip
    together = play_batch(market, configurations, targets, PENALTY, 252.0)
    alone = np.concatenate(
        [play_batch(market, [configuration], targets, PENALTY, 252.0) for configuration in configurations]
    )
    assert together.shape == (80, len(BATCH_METRICS))
    assert (together == alone).all()
    assert (together == play_batch(market, configurations[::-1], targets, PENALTY, 252.0)[::-1]).all()


# -- at the door -----------------------------------------------------------------------------------------------------


def configuration(market: Market, allocation: Allocation | None = None, **how: object) -> PreparedConfiguration:
    targets = target_path(allocation or EqualWeights(), market)
    how = {"costs": Costs.bps(len(market.assets), commission=10)} | how
    return PreparedConfiguration(
        Threshold(allocation or EqualWeights(), 0.01).no_trade_bands(market, targets), targets, **how
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(("how", "error", "words"), [
    ({"lag": -1}, ConfigError, "lag of configuration 1 is -1"),
    ({"lag": 99_999}, ConfigError, "lag of configuration 1 is 99999, of .* nothing would ever be booked"),
    ({"first": 99}, ConfigError, "configuration 1 opens in row 99"),
    ({"first": -1}, ConfigError, "configuration 1 opens in row -1"),
    ({"costs": replace(Costs.bps(3), ticket=np.ones(3))}, PolicyError, "configuration 1 .* not all proportional"),
    ({"costs": Costs.bps(2)}, PolicyError, "configuration 1 .* its costs have 2 assets and the market 3"),
    ({"allocation": FixedWeights((1.0, 0.5, 0.0))}, PolicyError, "configuration 1 .* gross weights of 1.5"),
])  # fmt: skip
def test_lane_that_cannot_be_played_is_named(how: dict[str, object], error: type[ValueError], words: str) -> None:
    market = world(100, 3)
    with pytest.raises(error, match=words):
        play_batch(
            market,
            [configuration(market), configuration(market, **how)],
            target_path(EqualWeights(), market),
            PENALTY,
            252.0,
        )  # type: ignore[arg-type]


@pytest.mark.parametrize(("settings", "message"), [
    ({"tracking_penalty": float("nan")}, "tracking_penalty is nan: the price of tracking error"),
    ({"tracking_penalty": -5.0}, "tracking_penalty is -5.0"),
    ({"periods_per_year": 0}, "periods_per_year is 0"),
    ({"workers": 0}, "workers is 0: give a whole number of threads"),
    ({"leverage_limit": float("nan")}, "leverage_limit is nan"),
])  # fmt: skip
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    market, rule = world(60, 2), Threshold(EqualWeights(), 0.01)
    targets = target_path(rule.allocation, market)
    configurations = [PreparedConfiguration(rule.no_trade_bands(market, targets), targets, Costs.bps(2))]
    given = {"tracking_penalty": 5.0, "periods_per_year": 252.0} | settings
    with pytest.raises(ConfigError, match=message):
        play_batch(market, configurations, targets, **given)


def test_market_with_a_delisting_is_refused() -> None:
    market = world(100, 3)
    tradable, returns = market.tradable.copy(), market.returns.copy()
    tradable[69:, 0], returns[69:, 0] = False, 0.0
    market = delist(replace(market, tradable=tradable, returns=returns), "A", "2020-04-07", -0.3)
    targets = target_path(EqualWeights(), market)
    configurations = [
        PreparedConfiguration(
            Never(EqualWeights()).no_trade_bands(market, targets), targets, Costs.bps(len(market.assets))
        )
    ]
    with pytest.raises(ConfigError, match="A is delisted on 2020-04-07: a batch books no exits"):
        play_batch(market, configurations, targets, PENALTY, 252.0)


def test_bands_for_another_market_are_refused() -> None:
    market, other = world(100, 3), world(101, 3)
    stray = PreparedConfiguration(configuration(other).bands, configuration(market).targets, Costs.bps(3))
    with pytest.raises(PolicyError, match=r"configuration 0 .* 101 days"):
        play_batch(market, [stray], stray.targets, PENALTY, 252.0)


def test_trade_that_cannot_be_paid_names_lane_day_and_line() -> None:
    """Weights of 2 and -1.4 at costs of 40 % leave no root; the same portfolio without costs is played."""
    market, long_short = world(60, 2, seed=2), FixedWeights((2.0, -1.4))
    targets = target_path(long_short, market)
    bands = Threshold(long_short, 0.001).no_trade_bands(market, targets)
    good, bad = (PreparedConfiguration(bands, targets, Costs.bps(2, commission=bps)) for bps in (0.0, 4000.0))
    strategic = target_path(EqualWeights(), market)
    play_batch(market, [good], strategic, PENALTY, 252.0, leverage_limit=4.0)
    words = f"configuration 70 cannot go on at {market.dates[0]:%Y-%m-%d}: .* is A: 40.00 % of a weight of 2.0000"
    with pytest.raises(PolicyError, match=re.compile(words, re.DOTALL)):
        play_batch(market, [*[good] * 70, bad], strategic, PENALTY, 252.0, leverage_limit=4.0)


def test_ruin_names_its_day() -> None:
    """A short asset that rises by half each day eats up the wealth on the third day of the test."""
    market, returns = world(20, 2, cash=0.0), np.zeros((20, 2))
    returns[1:, 1] = 0.5
    market = type(market)(
        market.dates, market.assets, returns, market.tradable, market.cash, market.instruments, market.prices,
        calendar="24/7",
    )  # fmt: skip
    allocation = FixedWeights((1.0, -0.5))
    targets = target_path(allocation, market)
    ruined = PreparedConfiguration(Never(allocation).no_trade_bands(market, targets), targets, Costs.bps(2))
    with pytest.raises(PolicyError, match=f"configuration 0 cannot go on at {market.dates[3]:%Y-%m-%d}"):
        play_batch(market, [ruined], target_path(EqualWeights(), market), PENALTY, 252.0, leverage_limit=2.0)


def test_lane_that_only_holds_cash_has_no_sharpe_ratio() -> None:
    market, allocation = world(60, 2), FixedWeights((0.0, 0.0))
    targets = target_path(allocation, market)
    still = PreparedConfiguration(Never(allocation).no_trade_bands(market, targets), targets, Costs.bps(2))
    with pytest.raises(DataError, match="Sharpe ratio of configuration 0"):
        play_batch(market, [still], target_path(EqualWeights(), market), PENALTY, 252.0)
