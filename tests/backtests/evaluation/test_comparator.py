"""What relative figures are taken to changes them, and no other number of a policy by a bit."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import Comparison, compare
from backtests.evaluation.comparator import RELATIVE_METRICS
from backtests.evaluation.policy_risk import PolicyRisk
from research.portfolio import load_portfolio
from research.portfolio.keys.benchmark import NamedBenchmark
from research.risk import beta
from research.risk.rolling import rolling_beta

pytestmark = pytest.mark.usefixtures("few_simulated_tests")

FILE, NAMES = "data/portfolios/global_multi_asset.yaml", ["never", "quarterly", "threshold"]
BENCHMARKS: dict[str, object] = {"the target": None, "a policy": "monthly", "an asset": "SPY", "none": "none"}


@pytest.fixture(scope="module")
def made() -> dict[str, Comparison]:
    def one(word: object) -> Comparison:
        return compare(load_portfolio(FILE, {} if word is None else {"benchmark": word}), only=NAMES, draws=100)

    return {name: one(word) for name, word in BENCHMARKS.items()}


def test_all_other_figures_are_equal_to_the_bit(made) -> None:
    base = made["the target"]
    for found in made.values():
        for name in NAMES:
            own, other = base.scores[name], found.scores[name]
            assert np.array_equal(own.losses, other.losses)
            for key in {*own.values, *other.values} - set(RELATIVE_METRICS):
                assert own[key] == other[key], key
        assert found.evidence.summary().equals(base.evidence.summary())
        assert repr(found.recommendation) == repr(base.recommendation)
        assert found.intervals.keys() == base.intervals.keys()


def test_all_other_risk_is_equal_to_the_bit(made) -> None:
    for found in made.values():
        for name, one in made["the target"].risk.items():
            for part in {f.name for f in fields(PolicyRisk)} - {"rolling", "benchmark", "undefined"}:
                assert repr(getattr(one, part)) == repr(getattr(found.risk[name], part))
            for measure in ("volatility", "sharpe", "tracking_error"):
                assert np.array_equal(one.rolling[measure], found.risk[name].rolling[measure])


def test_beta_is_to_the_benchmark_that_is_named(made) -> None:
    spy = made["an asset"]
    for name in NAMES:
        played = spy.backtests[name]
        market, first = played.market, played.first
        line, cash = market.returns[first + 1 :, market.assets.index("SPY")], market.cash[first + 1 :]
        assert spy.scores[name]["beta"] == beta(played.net_returns, line, cash)
    for name, one in spy.risk.items():
        assert np.array_equal(one.rolling["beta"], rolling_beta(spy.backtests[name].net_returns, line, cash, 252))
        assert one.benchmark == "SPY"
    assert made["a policy"].benchmark.compared_with == "the policy monthly"
    assert 0.9 < made["a policy"].scores["threshold"]["beta"] < 1.1


def test_a_policy_against_itself_has_a_beta_of_one_and_no_information_ratio() -> None:
    found = compare(load_portfolio(FILE, {"benchmark": "never"}), only=NAMES, draws=100).scores["never"]
    assert found["beta"] == pytest.approx(1.0, rel=1e-12)
    assert "information_ratio" in found.undefined


def test_without_a_benchmark_every_relative_figure_says_why(made) -> None:
    found = made["none"]
    for name in NAMES:
        for key in RELATIVE_METRICS:
            assert found.scores[name].undefined[key] == "the portfolio file says `benchmark: none`."
    for one in found.risk.values():
        assert "benchmark: none" in one.undefined["beta"]


def test_a_series_that_is_not_of_the_test_cannot_be_used() -> None:
    portfolio = load_portfolio(FILE)
    short = replace(portfolio, benchmark=NamedBenchmark("series", "x", np.full(len(portfolio.market.dates), np.nan)))
    found = compare(short, only=["never"], draws=100, reference="never").scores["never"]
    assert set(RELATIVE_METRICS) <= set(found.undefined)
    assert pd.notna(found["sharpe"])
