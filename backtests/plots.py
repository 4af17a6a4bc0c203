"""Interactive pictures for notebooks (plotly); the tearsheet draws its own."""

from typing import TYPE_CHECKING

import numpy as np

from backtests.comparison import Comparison

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def growth_plot(comparison: Comparison) -> "Figure":
    """Wealth of each policy relative to the reference, per cent, net of costs: what choosing it was worth."""
    import plotly.graph_objects as go

    figure = go.Figure()
    base = comparison.backtests[comparison.reference].ledger.nav
    for name, played in comparison.backtests.items():
        relative = 100.0 * (played.ledger.nav / base - 1.0)
        figure.add_scatter(x=played.dates, y=relative, name=name, mode="lines", hovertemplate="%{y:.2f} %")
    return _dress(figure, f"Wealth against {comparison.reference}, net of costs", "close", "difference, %")


def loss_plot(comparison: Comparison) -> "Figure":
    """Cost against tracking error, a point a policy, with lines of equal J: the lower left is better."""
    import plotly.graph_objects as go

    figure, g = go.Figure(), comparison.yardstick.g
    scores = comparison.scores
    error = np.array([s.tracking_error for s in scores.values()])
    reach = np.linspace(0.0, 1.1 * error.max(), 100)
    for level in sorted({round(s.J, 1) for s in scores.values()}):
        cost = level - 1e4 * g / 2 * reach**2
        kept = cost >= 0.0
        figure.add_scatter(
            x=100 * reach[kept],
            y=cost[kept],
            mode="lines",
            line={"color": "lightgray", "width": 1},
            hoverinfo="skip",
            showlegend=False,
        )
    for name, s in scores.items():
        figure.add_scatter(
            x=[100 * s.tracking_error],
            y=[s.cost],
            name=name,
            mode="markers+text",
            text=[name],
            textposition="top center",
            hovertemplate=f"{name}: J {s.J:.2f} bp a year<extra></extra>",
        )
    figure.update_layout(showlegend=False)
    error_title = "tracking error to the strategic target, % a year"
    return _dress(figure, "Cost against tracking error; grey: equal J", error_title, "cost, bp a year")


def _dress(figure: "Figure", title: str, x: str, y: str) -> "Figure":
    figure.update_layout(title=title, template="plotly_white", height=420, margin={"l": 60, "r": 20, "t": 50, "b": 50})
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    return figure
