"""The registry of metrics holds what scores and sweeps compute, and one more row is one more metric everywhere."""

from dataclasses import replace

import pytest
from simulated import measured_by, world

from backtests.batch.streaming_metrics import BATCH_METRICS, CVAR
from backtests.comparison.comparison import compare
from backtests.comparison.text import comparison_text
from backtests.engine import backtest
from backtests.evaluation.backtest_figures import KEY_FIGURES, backtest_table
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import COMPARED, METRIC_GROUPS, METRICS, Measured, Metric, lower_is_better
from backtests.evaluation.scores import score
from backtests.sheets.sections.first_screen import first_screen
from research.accounting import Costs
from research.allocation import FixedWeights
from research.portfolio import load_portfolio
from research.rules import Calendar

TARGET = (0.4, 0.3, 0.3)


def martin(measured: Measured) -> float:
    """Growth over the Ulcer index."""
    return METRICS["growth"].of(measured) / METRICS["ulcer"].of(measured)  # type: ignore[misc]


MARTIN = Metric("martin", "Martin ratio", "", proper=True, lower_is_better=False, of=martin)


def test_a_metric_more_is_its_function_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function and the row above put it into scores, a backtest's table, the sheet, and the sheet's numbers."""
    group = "Trading"
    monkeypatch.setitem(METRICS, "martin", MARTIN)  # type: ignore[arg-type]  # as if it were written there
    monkeypatch.setitem(METRIC_GROUPS, group, (*METRIC_GROUPS[group], MARTIN))  # type: ignore[arg-type]
    market = world(days=400)
    result = backtest(market, Calendar(FixedWeights(TARGET), "month"), Costs.bps(3))
    benchmark: Benchmark = measured_by(market, TARGET)
    s = score(result, benchmark)
    assert s["martin"] == s["growth"] / s["ulcer"]
    assert s.figures(result.dates)["martin"] == s["martin"]
    assert backtest_table(result).loc["Martin ratio", "value"] == pytest.approx(s["martin"], rel=1e-12)
    assert "Martin ratio" in repr(result)
    comparison = compare(load_portfolio("data/portfolios/sixty_forty.yaml"), only=["never", "quarterly"], draws=100)
    assert comparison.table().loc["martin", "never"] == comparison.scores["never"]["martin"]
    shown = {each["name"]: [row["label"] for row in each["rows"]] for each in first_screen(comparison)["groups"]}
    assert shown[group][-1] == "Martin ratio"
    assert "Martin ratio" in comparison._repr_html_()
    assert comparison_text(comparison)  # whose columns are chosen


def test_whatever_is_computed_and_shown_is_in_the_registry() -> None:
    assert all(key == metric.key for key, metric in METRICS.items())
    assert set(BATCH_METRICS) | {CVAR} | set(KEY_FIGURES) | set(COMPARED) <= set(METRICS)
    computed = {metric.key for metric in METRICS.values() if metric.of is not None}
    assert {metric.key for group in METRIC_GROUPS.values() for metric in group} == computed


def test_which_way_is_better_is_said_once() -> None:
    higher = {key for key in METRICS if not lower_is_better(key)}
    assert higher == {
        "growth", "growth_gross", "total_return", "final_balance",
        "sharpe", "max_drawdown", "nav", "money_weighted", "sortino", "calmar", "omega",
        "hit_rate", "skewness", "tail_ratio", "alpha", "information_ratio", "up_capture", "effective_lines",
        "diversification", "lowest_cash", "final_balance_taxed", "growth_taxed", "harvested",
    }  # fmt: skip
    assert lower_is_better("band")  # no metric: a column of settings, the lowest first


def test_units_as_tables_records_and_differences_have_them() -> None:
    growth, sharpe, trades = METRICS["growth"], METRICS["sharpe"], METRICS["trades"]
    assert (growth.unit, growth.narrow_unit, growth.record_unit) == ("% a year", "%/year", "fraction a year")
    assert (growth.difference.unit, growth.difference.text(0.0123, signed=True)) == ("points a year", "+1.23")
    assert (sharpe.record_unit, sharpe.difference.digits, sharpe.digits) == ("ratio", 3, 2)
    assert (trades.counted_unit, trades.narrow_unit) == ("orders a year", "/year")
    assert growth.text_with_unit(0.05) == "5.00 % a year"
    assert replace(growth, label="Growth, of a part").name == "Growth"
    keys = ("loss", "growth", "sharpe", "max_drawdown", "cvar95", "ulcer", "alpha")
    assert [METRICS[key].phrase for key in keys] == [
        "rebalancing loss J", "CAGR", "Sharpe ratio", "maximum drawdown", "CVaR 95 %", "Ulcer index", "alpha",
    ]  # fmt: skip
