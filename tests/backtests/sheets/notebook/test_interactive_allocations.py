"""Pictures of the notebook of allocations: their numbers are those of the records, and each has an image."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulated import world

from backtests.comparison import compare
from backtests.comparison.axes import TwoAxes
from backtests.sheets.notebook import interactive_allocations
from backtests.today.target_changes import target_changes
from foundation.paper.traces import traces_picture
from research.allocation import HERC, HRP, InverseVolatility, target_path
from research.allocation.hierarchical.model import Hierarchy
from research.allocation.weight_intervals import WeightIntervals, weight_intervals
from research.market import load_market
from research.portfolio import load_portfolio

FILE = Path(__file__).parents[4] / "data" / "portfolios" / "sixty_forty.yaml"
MARKET = world(300, 3)


@pytest.fixture(scope="module")
def tree() -> Hierarchy:
    market = load_market("sp500_20")
    return HERC(clusters=4).hierarchy(market.past(market.row("2022-12-28")))


@pytest.fixture(scope="module")
def intervals() -> dict[str, WeightIntervals]:
    models = {"hrp": HRP(window=100), "inverse": InverseVolatility(window=100)}
    return {name: weight_intervals(model, MARKET, 20) for name, model in models.items()}


@pytest.fixture(scope="module")
def axes() -> TwoAxes:
    model = {"rule": "calendar", "schedule": "month", "allocation": {"kind": "inverse_volatility"}}
    portfolio = load_portfolio(FILE, {"policies.inverse": model})
    reference = next(name for name, rule in portfolio.policies.items() if type(rule).__name__ == "Calendar")
    found = compare(portfolio, only=[reference, "inverse"], reference=reference, draws=200).axes
    assert found is not None
    return found


def test_leaves_stand_in_quasi_diagonal_order_with_weight_and_risk(tree: Hierarchy) -> None:
    figure = interactive_allocations.dendrogram_plot(tree)
    words = figure.layout.yaxis.ticktext
    assert [word.split()[0] for word in words] == list(tree.assets)
    assert words[0] == f"{tree.assets[0]} {100 * tree.weights[0]:.0f} | {100 * tree.risk[0]:.0f}"
    assert list(figure.layout.yaxis.tickvals) == [-k for k in range(len(tree.assets))]
    drawn = traces_picture(figure).wide
    assert all(f">{name} " in drawn for name in tree.assets)


def test_branches_join_at_the_heights_of_the_linkage_and_never_cross(tree: Hierarchy) -> None:
    """In an order of leaves that the tree has, each node lies over the leaves between its outermost two."""
    traces = interactive_allocations.dendrogram_plot(tree).data
    assert [trace.x[1] for trace in traces] == pytest.approx(tree.linkage[:, 2].tolist())
    ends = [(min(trace.y), max(trace.y)) for trace in traces]
    for k, (low, high) in enumerate(ends):
        for other_low, other_high in ends[:k]:
            apart = other_high <= low or other_low >= high
            inside = low <= other_low <= high or low <= other_high <= high
            assert apart or inside
    coloured = {trace.line.color for trace in traces}
    assert len(coloured) == len({c for c in tree.cluster if (tree.cluster == c).sum() > 1}) + 1  # and what joins them


def test_cells_are_the_correlations_in_the_order_of_the_leaves(tree: Hierarchy) -> None:
    figure = interactive_allocations.correlation_plot(tree)
    assert np.array_equal(np.asarray(figure.data[0].z), tree.correlation)
    seen = traces_picture(figure)
    assert seen.data["value"].tolist() == tree.correlation.T.ravel().tolist()
    assert seen.alt.startswith("Cells of ")
    assert seen.wide.count("<text") >= 2 * len(tree.assets)


def test_a_negative_correlation_has_another_colour() -> None:
    returns = np.random.default_rng(0).normal(0.0, 0.01, 300)
    mirrored = np.column_stack([returns, -returns + 1e-4 * MARKET.returns[:, 0], MARKET.returns[:, 1]])
    mirrored[0] = 0.0
    tree = HRP(window=100).hierarchy(replace(MARKET, returns=mirrored).past(299))
    page = traces_picture(interactive_allocations.correlation_plot(tree)).wide
    assert "fill:var(--orange)" in page
    assert "fill:var(--sky)" in page


def test_weights_are_drawn_from_refit_to_refit() -> None:
    path = target_path(HRP(window=100), MARKET, start=150)
    figure = interactive_allocations.weights_plot({"hrp": path}, MARKET.dates, 150)
    first, last = figure.data[0], figure.data[-1]
    assert first.name == "A"
    assert last.name == "C"
    assert first.y[0] == pytest.approx(100.0 * path.at(150)[0])
    assert last.y[-1] == pytest.approx(100.0 * path.at(299)[2])
    assert pd.Timestamp(first.x[0]) == MARKET.dates[150]
    assert pd.Timestamp(first.x[-1]) == MARKET.dates[-1]
    assert "Target weights through time" in traces_picture(figure).title


def test_bars_hold_the_weights_of_the_draws(intervals: dict[str, WeightIntervals]) -> None:
    figure, table = interactive_allocations.intervals_plot(intervals), 100.0 * intervals["hrp"].table()
    [point] = [t for t in figure.data if t.yaxis == "y" and t.y[0] == "A"]
    assert point.x[0] == pytest.approx(table.loc["A", "weight"])
    assert point.x[0] + point.error_x.array[0] == pytest.approx(table.loc["A", "upper"])
    assert re.search(r">weight, % of NAV", traces_picture(figure).wide)


def test_differences_are_those_of_the_comparison_under_one_rule(axes: TwoAxes) -> None:
    figure = interactive_allocations.differences_plot(axes)
    [sharpe] = [t for t in figure.data if t.yaxis == "y"]
    assert sharpe.y[0] == "inverse"
    assert sharpe.x[0] == pytest.approx(float(axes.targets.loc["sharpe", "difference"].iloc[1]))
    assert [note.text.split(",")[0] for note in figure.layout.annotations][1:] == [
        "Certainty equivalent",
        "CAGR at equal volatility",
    ]


def test_the_answer_names_what_changes_most_and_depends_most_on_its_sample(
    axes: TwoAxes, intervals: dict[str, WeightIntervals]
) -> None:
    models: dict[str, Any] = {"hrp": HRP(window=100), "inverse": InverseVolatility(window=100)}
    paths = {name: target_path(model, MARKET, start=150) for name, model in models.items()}
    changes = target_changes(paths, MARKET.dates, 150)
    said = interactive_allocations.models_answer(axes, changes, intervals)
    assert f"The target that changes most by itself is {changes['turnover'].idxmax()}" in said
    most = max(intervals, key=lambda name: intervals[name].spread)
    assert f"moves {most} most" in said
    assert "no target differs significantly" in said or "inverse is " in said
