"""The streamed figures are those of the scores, and of a path that a reader can follow."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import measured_by, world

from backtests.batch.streaming_metrics import BATCH_METRICS, CVAR, batch_metrics, target_path_returns
from backtests.engine import backtest
from backtests.evaluation.scores import score
from foundation.errors import DataError
from research.accounting import Costs, Flows
from research.allocation import EqualWeights, FixedWeights, target_path
from research.rules import Calendar, Never, Threshold, Within

POLICIES = [
    Never(FixedWeights((0.5, 0.3, 0.1))), Calendar(FixedWeights((0.5, 0.3, 0.2)), "month"),
    Calendar(EqualWeights(), "week", fraction=0.5), Threshold(EqualWeights(), 0.01),
    Threshold(FixedWeights((0.2, 0.3, 0.4)), 0.01, "edge"),
    Threshold(FixedWeights((0.2, 0.3, 0.4)), 0.02, Within(0.005)),
]  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("nav", [1.0, 2.5e6])
def test_figures_are_those_of_the_scores(policy: Never | Calendar | Threshold, nav: float) -> None:
    market = world(400, 3, seed=4)
    benchmark = measured_by(market, (0.4, 0.3, 0.3), tracking_penalty=7.0)
    played = backtest(
        market, policy, Costs.bps(3, commission=[1, 5, 9], half_spread=3), start=market.dates[20], nav=nav
    )
    own, strategic = (target_path_returns(path, market) for path in (played.targets, benchmark.strategic))
    found = dict(zip((*BATCH_METRICS, CVAR), batch_metrics(played, strategic, own, 7.0, cvar95=True), strict=True))
    expected = score(played, benchmark)
    assert found.pop("nav") == pytest.approx(played.ledger.nav[-1] / nav, rel=1e-14)
    assert found.pop("max_drawdown") == pytest.approx(expected.drawdown.depth, rel=1e-11)
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=1e-11, abs=1e-14), name


def test_costs_of_holding_and_flows_are_in_the_figures() -> None:
    market = world(400, 3, seed=8)
    benchmark = measured_by(market, (0.4, 0.3, 0.3))
    costs = replace(Costs.bps(3, commission=5), management_fee=0.01, ticket=np.full(3, 1e-5))
    flows = Flows.every("month", 0.01, market)
    played = backtest(market, Threshold(FixedWeights((0.4, 0.3, 0.3)), 0.01), costs, flows=flows)
    reference = target_path_returns(benchmark.strategic, market)
    found = dict(zip(BATCH_METRICS, batch_metrics(played, reference, reference, 5.0), strict=True))
    expected = score(played, benchmark)
    assert not played.plain
    for name in ("growth", "volatility", "sharpe", "tracking_error", "loss", "turnover", "cost", "opening_cost"):
        assert found[name] == pytest.approx(expected[name], rel=1e-10), name
    of_decisions, years = played.counted[played.booked], 399 / 252
    assert found["trades"] == pytest.approx(of_decisions.sum() / years, rel=1e-14)
    assert found["trading_days"] == pytest.approx(of_decisions.any(axis=1).sum() / years, rel=1e-14)
    assert expected["trading_days"] > found["trading_days"] > 0.0


def test_path_by_hand() -> None:
    """Half in an asset that doubles, halves and doubles: NAV 1, 1.5, 1, 1.5; its target earns 50, -25, 50 %."""
    market, returns = world(4, 2, cash=0.0), np.array([[0.0, 0.0], [1.0, 0.0], [-0.5, 0.0], [1.0, 0.0]])
    market = type(market)(
        market.dates, market.assets, returns, market.tradable, market.cash, market.instruments, market.prices,
        calendar="24/7",
    )  # fmt: skip
    allocation = FixedWeights((0.5, 0.0))
    played = backtest(market, Never(allocation), Costs.bps(2), periods_per_year=3.0)
    own = target_path_returns(target_path(allocation, market), market)
    assert own.tolist() == [0.0, 0.5, -0.25, 0.5]
    found = dict(zip(BATCH_METRICS, batch_metrics(played, own, own, tracking_penalty=2.0), strict=True))
    assert found["nav"] == pytest.approx(1.5)
    assert found["growth"] == pytest.approx(1.5 ** (365.25 / 5) - 1)
    assert found["max_drawdown"] == pytest.approx(-1 / 3)
    assert found["volatility"] == pytest.approx(np.std([0.5, -1 / 3, 0.5], ddof=1) * np.sqrt(3))
    assert found["loss"] == pytest.approx(1e4 * (1 / 3 - 1 / 4) ** 2)  # 3 a year, mean of three days, g/2 = 1
    assert found["tracking_error"] == pytest.approx(np.std([0.0, 1 / 4 - 1 / 3, 0.0], ddof=1) * np.sqrt(3))
    assert [found[name] for name in ("turnover", "cost", "trades", "trading_days", "opening_cost")] == [0.0] * 5


def test_path_that_only_holds_cash_has_no_sharpe_ratio() -> None:
    played = backtest(world(50, 2), Never(FixedWeights((0.0, 0.0))), Costs.bps(2), name="all cash")
    with pytest.raises(DataError, match="Sharpe ratio of backtest 'all cash' is not defined"):
        batch_metrics(played, np.zeros(50), np.zeros(50), tracking_penalty=5.0)


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-8, 0.02), st.integers(3, 2500), st.sampled_from([-1.0, 1.0]))
def test_path_that_gains_the_same_every_day_has_no_sharpe_ratio(gain: float, days: int, sign: float) -> None:
    """Sums of equal numbers cancel to their rounding, which is no variance, however many days there are."""
    market = world(days, 1, cash=0.0)
    market = replace(market, returns=np.vstack([np.zeros((1, 1)), np.full((days - 1, 1), sign * gain)]))
    played = backtest(market, Never(FixedWeights((1.0,))), Costs.bps(1), name="one rate")
    with pytest.raises(DataError, match="Sharpe ratio of backtest 'one rate' is not defined: it gains the same"):
        batch_metrics(played, np.zeros(days), np.zeros(days), tracking_penalty=5.0)


def test_small_moves_round_a_steady_gain_have_the_sharpe_ratio_of_the_scores() -> None:
    """1 % a day, give or take 1e-6: a Sharpe ratio of 1e4 a day, which is a number and no rounding."""
    market, moves = world(500, 1, cash=0.0), 0.01 + 1e-6 * np.where(np.arange(500) % 2, 1.0, -1.0)
    market = replace(market, returns=moves[:, None] * (np.arange(500) > 0)[:, None])
    played = backtest(market, Never(FixedWeights((1.0,))), Costs.bps(1))
    found = dict(
        zip(BATCH_METRICS, batch_metrics(played, np.zeros(500), np.zeros(500), tracking_penalty=5.0), strict=True)
    )
    assert found["sharpe"] == pytest.approx(0.01 / np.std(moves[1:], ddof=1) * np.sqrt(252), rel=1e-5)
