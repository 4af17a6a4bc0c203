"""Pictures of allocations for a notebook: their tree, correlations, weights through time, and how sure they are."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from backtests.comparison.axes import TwoAxes
from backtests.inference.target_inference import CERTAIN, MATCHED, TARGET_MEASURES
from backtests.sheets.notebook.interactive import dress, heat_plot, stacked_figure
from backtests.sheets.notebook.interactive_views import TABLE_ROW_HEIGHT, interval_panels
from backtests.today.target_changes import targets_in_force
from foundation.paper.plotly_figure import ShownFigure
from foundation.paper.svg import HUES, LIGHT
from foundation.paper.wording import listed, percent
from research.allocation import TargetPath
from research.allocation.hierarchical.model import Hierarchy
from research.allocation.weight_intervals import WEIGHT_LEVEL, WeightIntervals

TARGET_COLOURS = [LIGHT[name] for name in HUES]
STATED_MEASURES = ("sharpe", CERTAIN, MATCHED)  # measures by which targets of different risk can be compared
PANEL = 150  # px of a panel of weights


def dendrogram_plot(tree: Hierarchy) -> Figure:
    """The clustering tree, its leaves with their weight and their share of the variance, in quasi-diagonal order."""
    figure, place = ShownFigure(), {name: -float(k) for k, name in enumerate(tree.assets)}
    nodes = [(0.0, place[name]) for name in tree.leaf_names]
    cluster = dict(zip(tree.assets, tree.cluster.tolist(), strict=True))
    inside: list[int] = [cluster[name] for name in tree.leaf_names]  # cluster of each node, 0 above the cut
    for left, right, height, _ in tree.linkage:
        pair = [nodes[int(child)] for child in (left, right)]
        of = {inside[int(child)] for child in (left, right)}
        inside.append(of.pop() if len(of) == 1 else 0)
        colour = TARGET_COLOURS[(inside[-1] - 1) % len(TARGET_COLOURS)] if inside[-1] else LIGHT["soft"]
        x, y = [pair[0][0], height, height, pair[1][0]], [pair[0][1], pair[0][1], pair[1][1], pair[1][1]]
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": colour, "width": 1.6}, showlegend=False,
                           hovertemplate="distance %{x:.2f}<extra></extra>")  # fmt: skip
        nodes.append((float(height), (pair[0][1] + pair[1][1]) / 2.0))
    rows = zip(tree.assets, tree.weights, tree.risk, strict=True)
    words = [f"{name} {100.0 * weight:.0f} | {100.0 * risk:.0f}" for name, weight, risk in rows]
    title = f"Clusters on {tree.clustered:%Y-%m-%d}; weight | share of variance, %"
    dress(figure, title, "distance at which clusters join", "", 90 + TABLE_ROW_HEIGHT * (len(words) + 2))
    return figure.update_yaxes(tickvals=list(place.values()), ticktext=words, showgrid=False)


def correlation_plot(tree: Hierarchy) -> Figure:
    """Correlations in quasi-diagonal order: clusters are squares on the diagonal."""
    cells = pd.DataFrame(tree.correlation, tree.assets, tree.assets)
    return heat_plot(cells, 1.0, "%{z:.2f}", "%{y} and %{x}: %{z:.2f}", "Correlations in quasi-diagonal order", 34)


def weights_plot(paths: Mapping[str, TargetPath], dates: pd.DatetimeIndex, first: int) -> Figure:
    """A panel a target: the weight of each asset from refit to refit, % of NAV.

    paths : paths of targets by name, on one market.
    dates : (T,) dates of the market.
    first : first row that is drawn.
    """
    figure = stacked_figure(list(paths), 0.25 / len(paths))
    for row, path in enumerate(paths.values(), start=1):
        days = [dates[max(first, int(np.argmax(path.row == k)))] for k in np.unique(path.row[first:])]
        table = 100.0 * targets_in_force(path, first)
        shown = pd.DatetimeIndex([*days, dates[-1]])
        for k, asset in enumerate(path.assets):
            line = {"color": TARGET_COLOURS[k % len(TARGET_COLOURS)], "width": 1.3, "shape": "hv"}
            figure.add_scatter(
                x=shown, y=np.append(table[:, k], table[-1, k]), name=asset, mode="lines", line=line, row=row, col=1,
                legendgroup=asset, showlegend=row == 1, hovertemplate=f"{asset} %{{y:.1f}} %<extra></extra>",
            )  # fmt: skip
    return dress(figure, "Target weights through time", "", "% of NAV", 90 + PANEL * len(paths))


def intervals_plot(found: Mapping[str, WeightIntervals]) -> Figure:
    """A panel a target: the weight of each asset, and its interval of 90 % over new samples."""
    panels = {}
    for name, one in found.items():
        table = 100.0 * one.table()
        panels[name] = pd.DataFrame({"value": table["weight"], "low": table["lower"], "high": table["upper"]})
    title = "Weights, and how far the sample alone moves them"
    return interval_panels(title, panels, f"weight, % of NAV, with {percent(WEIGHT_LEVEL, 0)} of the draws")


def differences_plot(axes: TwoAxes) -> Figure:
    """A panel a measure: each target less the strategic one under the same rule, with 95 %."""
    panels, names = {}, _names(axes)
    for measure in STATED_MEASURES:
        rows = axes.targets.loc[[measure]].droplevel("measure").dropna(subset="difference")
        factor = TARGET_MEASURES[measure].factor
        parts = {"value": "difference", "low": "difference_lower", "high": "difference_upper"}
        table = pd.DataFrame({end: factor * rows[of].astype(float) for end, of in parts.items()})
        panels[TARGET_MEASURES[measure].label] = table.rename(index=names)
    rule = "" if axes.compared is None else axes.compared.rule
    return interval_panels(f"Targets less the strategic one, all by the rule {rule}", panels, "difference, with 95 %")


def _names(axes: TwoAxes) -> dict[str, str]:
    """The first policy of the file that holds each target, by target: a shorter name."""
    found: dict[str, str] = {}
    for (_, target), policy in axes.grid.policies.items():
        found.setdefault(target, policy)
    return found


def models_answer(axes: TwoAxes, changes: pd.DataFrame, intervals: Mapping[str, WeightIntervals]) -> str:
    """The comparison in words: targets that differ, the one that changes most, the most sample-dependent one."""
    names, tested = _names(axes), axes.targets.loc[list(STATED_MEASURES)].dropna(subset="verdict").reset_index()
    rows = zip(tested["measure"], tested["target"], tested["verdict"], strict=True)
    said = [
        f"{names[of]} is {word} by {TARGET_MEASURES[key].name}" for key, of, word in rows if word != "not significant"
    ]
    differ = listed(said) if said else "no target differs significantly from the strategic one where risk counts"
    turned, busiest = changes["turnover"], changes["turnover"].idxmax()
    unsure = max(intervals, key=lambda name: intervals[name].spread)
    return (
        f"With the rule held fixed, {differ}. The target that changes most by itself is {busiest}, by "
        f"{percent(turned.max(), 0)} of NAV a year. Another sample of the same law moves {unsure} most, by "
        f"{percent(intervals[unsure].spread)} of NAV on average."
    )
