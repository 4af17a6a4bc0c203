"""Pictures of regimes for a notebook: probabilities in layers, below the line that they are of; and their number."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from backtests.sheets.notebook.interactive import dress, stacked_figure
from backtests.sheets.notebook.interactive_views import interval_panels
from foundation.paper.svg import LIGHT
from research.market import Market

CALM_TO_TURBULENT = ("green", "sky", "violet", "orange", "red")


def regimes_plot(market: Market, line: str, panels: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """The growth of an asset, log axis, and below it a panel a table: probabilities of the states, %, in layers.

    market : market that holds the line.
    panels : (D, k) probability of each state on dates, by title; columns by name, the calmest first. All have the dates
             of the first.
    """
    dates, titles = next(iter(panels.values())).index, [f"Growth of 1 in {line}", *panels]
    figure = stacked_figure(titles, 0.06)
    grown = np.cumprod(1.0 + market.returns[market.dates.isin(dates), market.assets.index(line)])
    ink = {"line": {"color": LIGHT["ink"], "width": 1.2}, "showlegend": False, "mode": "lines"}
    figure.add_scatter(x=dates, y=grown, name=line, hovertemplate="%{y:.2f}", row=1, col=1, **ink)
    for row, table in enumerate(panels.values(), start=2):
        _add_layers(figure, 100.0 * table.loc[dates], row)
    dress(figure, title, "", "", 150 * (1 + len(titles)))
    figure.update_yaxes(type="log", row=1, col=1)
    return figure


def states_plot(table: pd.DataFrame) -> Figure:
    """BIC of each number of states less the least one, which is at zero: the number to take.

    table : result of `number_of_states`.
    """
    over = (table["BIC"] - table["BIC"].min()).dropna()
    over.index = [f"{k} state{'s' if k > 1 else ''}" for k in over.index]
    rows = pd.DataFrame({"value": over, "low": 0.0, "high": over})
    return interval_panels("What each number of states lacks to the best", {"": rows}, "BIC less the least")


def _add_layers(figure: Figure, table: pd.DataFrame, row: int) -> None:
    """Add a panel of layers (D, k), per cent, each from the sum of those before it."""
    places = np.linspace(0, len(CALM_TO_TURBULENT) - 1, table.shape[1]).round().astype(int)
    total = table.cumsum(axis=1)
    for name, place, below in zip(table, places, ["tozeroy"] + ["tonexty"] * len(places), strict=False):
        line = {"color": LIGHT[CALM_TO_TURBULENT[place]], "width": 0.8}
        figure.add_scatter(
            x=table.index, y=total[name], customdata=table[name], name=name, mode="lines", line=line, fill=below,
            hovertemplate="%{customdata:.0f} %", legendgroup=name, showlegend=row == 2, row=row, col=1,
        )  # fmt: skip
    figure.update_yaxes(range=[0, 100], row=row, col=1)
