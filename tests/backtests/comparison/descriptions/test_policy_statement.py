"""Weights against targets and ranges: three days by hand, an independent count, and the metric of the same name."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated import measured_by, world

from backtests.comparison.descriptions.policy_statement import longest_run, policy_statement
from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from research.accounting import Costs
from research.allocation import FixedWeights, target_path
from research.market import Market
from research.rules import Calendar, Never, Threshold


def test_three_days_by_hand(make_market) -> None:
    """Halves that nobody trades: after +10 % and 0 % they are 11/21 and 10/21; after another 0 % and +10 %, halves."""
    market = make_market([[0.0, 0.0], [0.10, 0.0], [0.0, 0.0], [0.0, 0.10]])
    target = FixedWeights((0.5, 0.5))
    played = backtest(market, Never(target), Costs.bps(2), start=market.dates[1])
    ranges = np.array([0.49, 0.0]), np.array([0.51, 1.0])
    found = policy_statement(played, Benchmark(target_path(target, market), *ranges, 5.0, 252.0))
    first, second = found.lines.to_dict("records")
    assert (found.days, found.days_outside) == (3, 2)
    assert (first["days_outside"], first["longest_outside"], second["days_outside"]) == (2, 2, 0)
    assert first["worst_gap"] == pytest.approx(11 / 21 - 0.5)
    assert second["worst_gap"] == pytest.approx(10 / 21 - 0.5)
    assert first["worst_date"] == f"{market.dates[1]:%Y-%m-%d}"
    assert first["mean_gap"] == pytest.approx(2 / 3 * (11 / 21 - 0.5))
    (stocks,) = found.classes.to_dict("records")
    assert (stocks["days_outside"], stocks["target"]) == (2, 1.0)
    assert stocks["worst_gap"] == pytest.approx(0.0, abs=1e-15)  # the two assets of one class make up for one another


@pytest.fixture(scope="module")
def market() -> Market:
    made = world(400, 3, seed=3)
    return replace(made, instruments=made.instruments.assign(asset_class=["stocks", "bonds", "stocks"]))


@pytest.mark.parametrize("half", [0.005, 0.02])
def test_days_outside_are_an_independent_count_and_the_metric(market: Market, half: float) -> None:
    weights = (0.5, 0.3, 0.1)
    played = backtest(
        market, Calendar(FixedWeights(weights), "quarter"), Costs.bps(3, commission=10), start="2020-03-02"
    )
    benchmark = measured_by(market, weights, half=half)
    found = policy_statement(played, benchmark)
    outside = (played.weights.iloc[1:] - np.array(weights)).abs() > half + 1e-6
    assert 0 < found.days_outside == int(outside.any(axis=1).sum()) < found.days
    assert found.days_outside / found.days == score(played, benchmark)["days_outside"]
    own = found.lines.set_index("line")
    assert own.loc[list("ABC"), "days_outside"].tolist() == outside.sum().tolist()
    runs = [max(len(run) for run in "".join("x" if v else " " for v in outside[line]).split(" ")) for line in "ABC"]
    assert own.loc[list("ABC"), "longest_outside"].tolist() == runs
    by_class = found.classes.set_index("asset_class")
    assert by_class["days_outside"].to_dict() == {
        "stocks": int((outside["A"] | outside["C"]).sum()),
        "bonds": int(outside["B"].sum()),
    }


def test_gaps_are_those_of_pandas(market: Market) -> None:
    weights = (0.5, 0.3, 0.1)
    played = backtest(market, Threshold(FixedWeights(weights), 0.01), Costs.bps(3, commission=10))
    found = policy_statement(played, measured_by(market, weights))
    gaps = played.weights.iloc[1:].assign(cash=played.cash_weight.iloc[1:]) - np.array([*weights, 0.1])
    table = found.lines.set_index("line")
    assert table.index.tolist() == ["A", "B", "C", "cash"]
    assert table["mean_gap"].to_numpy() == pytest.approx(gaps.abs().mean().to_numpy(), rel=1e-12)
    worst = gaps.abs().idxmax()
    assert table["worst_date"].tolist() == worst.dt.strftime("%Y-%m-%d").tolist()
    assert table["worst_gap"].to_numpy() == pytest.approx([gaps.loc[worst[name], name] for name in table.index])
    stocks, by_class = gaps["A"] + gaps["C"], found.classes.set_index("asset_class")
    assert by_class.loc["stocks", "mean_gap"] == pytest.approx(stocks.abs().mean())
    assert abs(by_class.loc["stocks", "worst_gap"]) == pytest.approx(stocks.abs().max())
    assert by_class["target"].tolist() == pytest.approx([0.6, 0.3])
    past = (gaps[["A", "B", "C"]].abs() > 0.01 + 1e-6).sum()
    assert table.loc[list("ABC"), "past_band"].tolist() == past.tolist()
    assert past.sum() > 0  # a weight is past its band at the close at which the trade is decided


def test_a_calendar_has_no_band_to_be_past(market: Market) -> None:
    target = FixedWeights((0.5, 0.3, 0.2))
    for rule in (Calendar(target, "month"), Never(target)):
        found = policy_statement(backtest(market, rule, Costs.bps(3)), measured_by(market, target.weights))
        assert found.lines["past_band"].isna().all()
        assert "cash" not in found.lines["line"].tolist()  # it has no target, and never a gap


def test_a_line_counts_from_its_listing_on(make_market) -> None:
    returns = np.zeros((6, 2))
    returns[4, 0] = 0.2
    market, target = make_market(returns, first=[0, 3]), FixedWeights((0.6, 0.4))
    played = backtest(market, Never(target), Costs.bps(2), start=market.dates[1])
    found = policy_statement(
        played, Benchmark(target_path(target, market), *np.array([[0.5, 0.3], [0.7, 0.5]]), 5.0, 252.0)
    )
    late = found.lines.iloc[1]
    assert late["days_outside"] == 3  # not on the two days before it could be held
    assert (late["worst_gap"], late["mean_gap"]) == (pytest.approx(-0.4), pytest.approx(0.4))


@pytest.mark.parametrize(("found", "longest"), [([], 0), ([0, 0], 0), ([1], 1), ([1, 0, 1, 1, 0, 1, 1, 1], 3)])
def test_longest_run(found: list[int], longest: int) -> None:
    assert longest_run(np.array(found, dtype=bool)) == longest


def test_the_worst_line_is_the_one_with_the_largest_gap(market: Market) -> None:
    played = backtest(market, Never(FixedWeights((0.5, 0.3, 0.2))), Costs.bps(3))
    found = policy_statement(played, measured_by(market, (0.5, 0.3, 0.2)))
    sizes = pd.Series(np.abs(found.lines["worst_gap"].to_numpy()), found.lines["line"])
    assert found.worst["line"] == sizes.idxmax()


def test_a_line_called_cash_is_told_from_the_account(market: Market) -> None:
    named = replace(market, assets=("cash", "B", "C"), instruments=market.instruments.rename({"A": "cash"}))
    played = backtest(named, Never(FixedWeights((0.5, 0.3, 0.1))), Costs.bps(3), start="2020-03-02")
    found = policy_statement(played, measured_by(named, (0.5, 0.3, 0.1)))
    assert found.lines["line"].tolist() == ["cash", "B", "C", "cash account"]
