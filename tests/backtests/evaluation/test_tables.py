"""Tables and text: figures in their units, best only where significant, and no formula in a CSV."""

import io
import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from simulated import world

from backtests.comparison.comparison import Comparison, compare
from backtests.comparison.text import comparison_text
from backtests.engine import backtest
from backtests.evaluation.backtest_figures import backtest_table
from backtests.evaluation.metrics import METRICS
from backtests.evaluation.scores import score
from backtests.inference.block_draws import Resampling
from backtests.inference.evidence import PairedSeries, paired_evidence
from backtests.inference.words import distinguished
from foundation.paper.formats import csv_text
from research.accounting import Costs, Flows, Hold, View
from research.allocation import HRP, Allocation, FixedWeights
from research.portfolio import load_portfolio
from research.rules import Calendar, Never, Threshold, Within
from research.rules.protocol import long_name

TARGET = FixedWeights((0.6, 0.4))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    return compare(portfolio, only=["never", "quarterly", "threshold"], draws=300)


def weighed(losses: list[float]) -> "paired_evidence":
    """Policies a, b, c … whose daily losses are these, with a little noise of their own."""
    rng = np.random.default_rng(1)
    days, names = 400, [chr(97 + k) for k in range(len(losses))]
    daily = np.abs(np.array(losses) + 0.5 * rng.standard_normal((days, len(losses))))
    returns = 0.01 * rng.standard_normal((days, 1)) + 1e-4 * rng.standard_normal((days, len(losses)))
    series = PairedSeries(tuple(names), returns, np.zeros(days), 579.0, 252)
    return paired_evidence(series, daily, names[-1], resampling=Resampling(reps=300))


def test_the_best_is_named_only_where_every_other_can_be_told_apart() -> None:
    assert distinguished(weighed([1.0, 2.0, 3.0]), "loss") == "a"
    assert distinguished(weighed([1.0, 1.0, 3.0]), "loss") is None
    assert distinguished(weighed([3.0, 1.0, 2.0]), "loss") == "b"
    assert distinguished(weighed([1.0]), "loss") is None


def test_text_fits_a_terminal_whatever_the_names(comparison) -> None:
    assert max(map(len, comparison_text(comparison).splitlines())) <= 110
    long = "a policy with a name that nobody would want to type twice"
    renamed = {("quarterly" if n == "quarterly" else f"{n} {long}"): v for n, v in comparison.scores.items()}
    candidates = comparison.recommendation.candidates
    renamed_candidates = {n if n == "quarterly" else f"{n} {long}": v for n, v in candidates.items()}
    portfolio = replace(comparison.portfolio, policies={n: comparison.portfolio.policies["never"] for n in renamed})
    longer = replace(
        comparison,
        portfolio=portfolio,
        scores=renamed,
        fitted=dict(zip(renamed, comparison.fitted.values(), strict=True)),
        backtests=dict(zip(renamed, comparison.backtests.values(), strict=True)),
        recommendation=replace(
            comparison.recommendation, policy="quarterly", now="quarterly", base="quarterly",
            candidates=renamed_candidates, broken={},
        ),
        asked=None,
        evidence=replace(comparison.evidence, series=replace(comparison.evidence.series, names=tuple(renamed))),
    )  # fmt: skip
    assert max(map(len, comparison_text(longer).splitlines())) <= 110


def test_text_shows_the_figures_the_differences_and_what_follows(comparison) -> None:
    text = comparison_text(comparison)
    for name, s in comparison.scores.items():
        line = next(line for line in text.splitlines() if re.match(rf"{name}\b.*(yes|no)$", line))
        assert f"{s['loss']:.2f}" in line
        assert f"{100 * s['growth']:.2f}" in line
    difference = comparison.evidence.differences("loss")["threshold"]
    assert difference.interval() in text
    assert difference.interval() == f"at most {difference.upper:.2f}".replace("-", "−")
    assert difference.verdict in text
    assert comparison.verdict.do[:60] in text
    assert f"{comparison.trials} configurations were tried" in " ".join(text.split())


def test_a_backtest_shows_its_own_figures(comparison) -> None:
    played = comparison.backtests["threshold"]
    table, s = backtest_table(played), score(played, comparison.benchmark)
    assert table.loc["CAGR", "value"] == pytest.approx(100.0 * s["growth"])
    assert table.loc["Tracking error, own target", "value"] == pytest.approx(100.0 * s["tracking_error_own"])
    assert table.loc["Cost", "unit"] == "bp a year"
    assert METRICS["loss"].label not in table.index
    assert played.summary().equals(table)
    assert "not recovered" in repr(played) or "recovered 20" in repr(played)


def test_each_of_several_costs_stands_below_their_sum_and_none_that_was_not_charged() -> None:
    costs = Costs(np.full(3, 1e-4), np.zeros(3), ticket=np.full(3, 1e-5), management_fee=0.01)
    played = backtest(world(), Calendar(FixedWeights((0.4, 0.3, 0.3)), "month"), costs)
    table, years = played.summary(), 299 / 252
    named = [label for label in table.index if label.startswith("Cost")]
    assert named == ["Cost", "Cost, commission", "Cost, ticket", "Cost, management fee"]
    assert table.loc["Cost, ticket", "value"] == pytest.approx(played.cost_rates["ticket"] / years * 1e4, rel=1e-12)
    assert table.loc[named[1:], "value"].sum() == pytest.approx(table.loc["Cost", "value"], rel=1e-12)
    assert "Cost, management fee" in repr(played)
    assert "Cost, management fee" in played._repr_html_()


def test_one_kind_of_cost_and_no_flows_are_no_further_rows() -> None:
    rule = Calendar(FixedWeights((0.4, 0.3, 0.3)), "month")
    shown = backtest(world(), rule, Costs.bps(3, commission=10)).summary().index
    assert [label for label in shown if label.startswith("Cost")] == ["Cost"]
    assert not {"Money-weighted return", "Net cash flows"} & set(shown)


def test_flows_are_shown_with_what_the_money_earned() -> None:
    market = world(days=400)
    flows = Flows({market.dates[50]: 30.0, market.dates[200]: -10.0})
    played = backtest(market, Never(FixedWeights((0.4, 0.3, 0.3))), Costs.bps(3), nav=100.0, flows=flows)
    table = played.summary()
    assert table.loc["Net cash flows", "value"] == 20.0
    assert table.loc["Money-weighted return", "value"] == pytest.approx(100.0 * played.money_weighted, rel=1e-12)
    assert table.loc["Money-weighted return", "value"] != pytest.approx(table.loc["CAGR", "value"], rel=1e-3)


def test_a_backtest_too_short_for_figures_still_shows_itself(make_market) -> None:
    market = make_market(np.zeros((4, 2)))
    played = backtest(market, Never(TARGET), Costs.bps(2), start=market.dates[1], name="still")
    for shown in (" ".join(repr(played).split()), played._repr_html_()):
        assert (
            "Sharpe ratio not available for still: the Sharpe ratio is not defined: all 3 excess returns are" in shown
        )
        assert "CVaR 95 % not available for still: 3 returns leave 0.15 observations in the tail" in shown
        assert "nan" not in shown.lower().replace("finance", "")
    assert "still: never trades" in repr(played)
    table = played.summary()
    assert table.loc["Sharpe ratio", "not available"].startswith("the Sharpe ratio is not defined")
    assert table.loc["CAGR", "not available"].startswith("a test of 3 calendar days is shorter than a year")
    assert table.loc["Total return", "value"] == 0.0
    assert "nan" not in table.to_string().lower()


@dataclass(frozen=True)
class Own:
    """A user's own rule."""

    allocation: Allocation = TARGET
    words: str = "of something else"

    def decide(self, view: View) -> Hold:
        return Hold()


@pytest.mark.parametrize(("policy", "words"), [
    (Never(TARGET), "never trades"),
    (Calendar(TARGET, "month"), "each month, to target"),
    (Calendar(TARGET, "week", fraction=0.5), "each week, to target, 50 % of the way"),
    (Threshold(TARGET, 0.02), "past 2 points, to target"),
    (Threshold(TARGET, 0.02, schedule="month"), "past 2 points, to target, checked each month"),
    (Threshold(TARGET, 0.0215, to="edge"), "past 2.15 points, to the edge"),
    (Threshold(TARGET, 0.02, to=Within(0.0175)), "past 2 points, to within 1.75"),
    (Threshold(TARGET, 0.2, to=Within(0.1), kind="relative"), "past 20 % of its target, to within 10 % of its target"),
    (Threshold(TARGET, 0.25, kind="relative", cap=0.05), "past 25 % of its target or 5 points, to target"),
    (Calendar(HRP(window=252), "month"), "HRP of 252 returns; each month, to target"),
    (Own(), "Own"),
    (Own(HRP(window=63)), "HRP of 63 returns; Own"),
])  # fmt: skip
def test_what_a_policy_does_is_said_in_words(policy, words) -> None:
    assert long_name(policy, TARGET) == words


@pytest.mark.parametrize("cell", ["=cmd()", "+1", "-1+2", "@SUM(A1)", "\tx", "\rx"])
def test_text_that_looks_like_a_formula_is_quoted_and_numbers_stay_numbers(cell) -> None:
    written = csv_text(pd.DataFrame({cell: [cell, "SPY"], "number": [-1.5, 2.0]}))
    back = pd.read_csv(io.StringIO(written), lineterminator="\n")
    assert back.columns[0] == f"'{cell}"
    assert back.iloc[0, 0] == f"'{cell}"
    assert back["number"].tolist() == [-1.5, 2.0]


def test_a_csv_holds_numbers_to_twelve_digits() -> None:
    values = np.random.default_rng(0).normal(size=50)
    back = pd.read_csv(io.StringIO(csv_text(pd.DataFrame({"x": values}))))
    assert back["x"].to_numpy() == pytest.approx(values, rel=1e-11)
