"""Pictures of views for a notebook: prior, views and posterior with intervals, the effect of each view; the answer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from backtests.sheets.notebook.interactive import dress, stacked_figure
from foundation.paper.svg import LIGHT
from foundation.paper.wording import listed, percent
from research.accounting.turnover import one_way
from research.forecast import Posterior, ViewEffects

VIEW_COLOURS = {"prior": LIGHT["soft"], "view": LIGHT["orange"], "posterior": LIGHT["sky"]}
TWO = ("prior", "posterior")
RETURN = "return, % a year, with 90 %"
TABLE_ROW_HEIGHT = 24  # px a row


def posterior_plot(posterior: Posterior) -> Figure:
    """Two rows a line: prior and posterior mean, per cent a year, each with its interval of 90 %."""
    both = {f"{line}, {name}": _row(of, name) for line, of in posterior.lines().iterrows() for name in TWO}
    rows = pd.DataFrame.from_dict(both, orient="index")
    return interval_panels("What is expected of each asset", {"": rows}, RETURN)


def views_plot(posterior: Posterior) -> Figure:
    """A panel a view: its expected return by prior, view and posterior, per cent a year, with 90 % intervals."""
    panels = {
        str(view): pd.DataFrame.from_dict({name: _row(of, name) for name in VIEW_COLOURS}, orient="index")
        for view, of in posterior.views().iterrows()
    }
    return interval_panels("What is expected of each view", panels, RETURN)


def moves_plot(effects: ViewEffects) -> Figure:
    """A panel a view: points of weight that it added to each asset, on average over orders; last, their sum."""
    table = 100.0 * effects.weight_table()
    moves = {**{part: table[part] for part in effects.parts}, "all views": table["posterior"] - table["prior"]}
    panels = {
        part: pd.DataFrame({"value": move, "low": move.clip(upper=0.0), "high": move.clip(lower=0.0)})
        for part, move in moves.items()
    }
    return interval_panels("What each view moved", panels, "weight, percentage points")


def views_answer(effects: ViewEffects) -> str:
    """The effect of the views in words: the line and the view that moved most, and how sure the means are."""
    moves, moved = effects.weight_moves, effects.weights - effects.prior_weights
    turned = one_way(moves)
    if not turned.any():
        return "No view moves a weight: none has a confidence above 0 and says other than the prior."
    most, strongest = int(np.argmax(np.abs(moved))), int(np.argmax(turned))
    lines = effects.posterior.lines()
    sure = lines["posterior low"].gt(lines["prior"]) | lines["posterior high"].lt(lines["prior"])
    apart = listed(lines.index[sure].tolist()) if sure.any() else "no asset"
    weights = f"{percent(effects.prior_weights[most])} to {percent(effects.weights[most])}"
    return (
        f"The views move {lines.index[most]} most, from {weights} of the portfolio. The strongest is "
        f"*{effects.parts[strongest]}*, which turns over {percent(turned[strongest])} of it. The prior mean lies "
        f"outside the interval of the posterior for {apart}; elsewhere the two agree within their errors, and weights "
        "change all the same: they are as good as the views."
    )


def _row(of: pd.Series, name: str) -> dict[str, float]:
    """Mean and bounds in a row of `Posterior.lines` or `.views`, per cent; the mean in place of infinite bounds."""
    found = {"value": of[name], "low": of[f"{name} low"], "high": of[f"{name} high"]}
    return {end: 100.0 * float(value if np.isfinite(value) else of[name]) for end, value in found.items()}


def interval_panels(title: str, panels: Mapping[str, pd.DataFrame], x: str) -> Figure:
    """Panels below one another: a point a row, and a bar from its low to its high end.

    title  : title above all of them.
    panels : tables by title; a row a name, whose words after a comma give the colour; columns value, low and high.
    x      : title of the horizontal axis, with its unit.
    """
    figure = stacked_figure(list(panels), 0.3 / len(panels))
    for row, table in enumerate(panels.values(), start=1):
        for name, of in table.iterrows():
            colour = VIEW_COLOURS.get(str(name).rpartition(", ")[2], LIGHT["sky"])
            ends = {"array": [of["high"] - of["value"]], "arrayminus": [of["value"] - of["low"]]}
            figure.add_scatter(
                x=[of["value"]], y=[name], mode="markers", marker={"color": colour, "size": 8},
                error_x={"type": "data", "color": colour, "thickness": 1.5, "width": 0, **ends},
                showlegend=False, hovertemplate="%{y}: %{x:.2f}<extra></extra>", row=row, col=1,
            )  # fmt: skip
    rows = sum(len(table) + 2 for table in panels.values())
    dress(figure, title, "", "", 90 + TABLE_ROW_HEIGHT * rows).update_xaxes(title=x, row=len(panels), col=1)
    return figure.update_yaxes(autorange="reversed")
