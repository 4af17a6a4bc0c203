"""Pictures of learning for a notebook: seeds beside the optimum, and a stretch of a test replayed."""

import pandas as pd
from plotly.graph_objects import Figure

from backtests.sheets.notebook.interactive import dress
from foundation.paper.plotly_figure import ShownFigure
from foundation.paper.svg import LIGHT

BLUE, GREY, RED = LIGHT["sky"], LIGHT["soft"], LIGHT["wine"]


def gap_plot(table: pd.DataFrame) -> Figure:
    """The gap of each seed above the optimum, per cent, with its 95 % interval.

    table : a row a learner and seed; columns and units as `gaps_to_optimum` gives them.
    """
    figure, least = ShownFigure(), 1e-3  # a tenth of a per cent: what is nearer, or below by chance, stands there
    gap, lower, upper = (100.0 * table[name].clip(lower=least) for name in ("gap", "lower", "upper"))
    figure.add_scatter(
        x=gap,
        y=table["learner"],
        mode="markers",
        marker={"color": BLUE, "size": 8, "opacity": 0.8},
        error_x={"type": "data", "array": upper - gap, "arrayminus": gap - lower, "color": GREY, "thickness": 1},
        customdata=table.assign(percent=100.0 * table["gap"])[["seed", "seconds", "percent"]],
        hovertemplate="%{y}, seed %{customdata[0]}: %{customdata[2]:.2f} %, %{customdata[1]:.0f} s<extra></extra>",
    )
    figure.update_xaxes(type="log", tickvals=[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
    figure.update_yaxes(autorange="reversed")
    height = 130 + 34 * table["learner"].nunique()
    return dress(figure, "J of seeds above the known optimum, on unseen paths", "J above, % (log scale)", "", height)


def replay_plot(table: pd.DataFrame, line: str) -> Figure:
    """A line's weight between the bounds that were answered, its target, and when it was traded.

    table : a row a day; columns and units as `replay` gives them.
    line  : name of the asset.
    """
    figure, days = ShownFigure(), table.index
    for bound, fill in (("lower", None), ("upper", "tonexty")):
        figure.add_scatter(
            x=days, y=100.0 * table[bound], name="no-trade band", mode="lines", fill=fill,
            line={"color": GREY, "width": 1, "shape": "hv"}, fillcolor="rgba(154, 165, 177, 0.2)",
            showlegend=bound == "upper", hovertemplate=bound + " %{y:.2f} %<extra></extra>",
        )  # fmt: skip
    dotted = {"color": GREY, "dash": "dot"}
    figure.add_scatter(x=days, y=100.0 * table["target"], name="target", mode="lines", line=dotted)
    figure.add_scatter(x=days, y=100.0 * table["weight"], name=line, mode="lines", line={"color": BLUE, "width": 1.5})
    traded = table[table["traded"]]
    figure.add_scatter(
        x=traded.index, y=100.0 * traded["weight"], name="traded", mode="markers", marker={"color": RED, "size": 8}
    )
    return dress(figure, f"{line}: weight and the policy's band", "close", "% of NAV")
