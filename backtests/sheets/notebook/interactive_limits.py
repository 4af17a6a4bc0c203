"""Pictures of limits for a notebook: use, value of slack, frontiers, sensitivity to inputs; and the answer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from IPython.display import Markdown
from plotly.graph_objects import Figure

from backtests.sheets.notebook.interactive import dress, heat_plot
from backtests.sheets.notebook.interactive_views import interval_panels
from foundation.arrays import Array
from foundation.paper.plotly_figure import ShownFigure
from foundation.paper.svg import LIGHT
from foundation.paper.wording import listed, number, percent
from research.allocation.constraints.feasibility import Conflict
from research.allocation.constraints.limits_used import LimitsUsed
from research.allocation.input_sensitivity import InputSensitivity
from research.allocation.optimised.frontier import Frontier
from research.allocation.optimised.frontier_pair import FrontierPair

RISK_REACH = 1.25  # times the largest volatility under limits: the frontier without them is drawn so far
STILL = 1e-6  # of NAV: an input that moves less moves nothing


def limits_plot(used: LimitsUsed) -> Figure:
    """A row a limit: the share of its bound that is used, per cent; 100 where it binds, more where it gave way."""
    shares = {one.limit.short: 100.0 * one.share for one in used.uses if np.isfinite(one.share)}
    rows = pd.DataFrame({"value": shares, "low": 0.0, "high": shares})
    return interval_panels("Limits used", {"": rows}, "% of the bound; 100: it binds")


def room_plot(used: LimitsUsed) -> Figure:
    """A row a limit that binds: the gain from one more step, solved again, and by its price."""
    times, unit = (1.0, used.optimum.unit) if used.optimum.unit.endswith("ratio") else (1e4, f"{used.optimum.unit}, bp")
    rows = {}
    for one in used.uses:
        ends = [times * value for value in (one.brought, one.price) if np.isfinite(value)]
        if any(ends):
            rows[one.limit.short] = {"value": ends[0], "low": min(ends), "high": max(ends)}
    table = pd.DataFrame.from_dict(rows, orient="index")
    x = f"{unit}: solved again (point), and by the price (other end)"
    return interval_panels("What one more step of each limit brings", {"": table}, x)


def frontier_plot(pair: FrontierPair, beside: Mapping[str, Array]) -> Figure:
    """Volatility and mean a year: the frontier with limits and without, the best weights, and others beside.

    pair   : frontiers of one day.
    beside : other weights (n,) of the same assets, by name.
    """
    figure, places = ShownFigure(), {"target": pair.place(pair.weights)}
    places |= {name: pair.place(weights) for name, weights in beside.items()}
    reach = RISK_REACH * max(*pair.limited.risk, *(volatility for volatility, _ in places.values()))
    for name, one, colour in (("without limits", pair.unlimited, "soft"), ("under limits", pair.limited, "sky")):
        near = one.risk <= reach
        figure.add_scatter(
            x=100.0 * one.risk[near], y=100.0 * one.mean[near], name=name, mode="lines",
            line={"color": LIGHT[colour], "width": 2}, text=np.array(_held_back(one))[near],
            hovertemplate="%{x:.2f} %, %{y:.2f} %<br>%{text}",
        )  # fmt: skip
    for name, (volatility, mean) in places.items():
        colour = LIGHT["orange" if name == "target" else "ink"]
        figure.add_scatter(
            x=[100.0 * volatility], y=[100.0 * mean], mode="markers+text", text=[name],
            textposition="top center" if name == "target" else "bottom center",
            marker={"color": colour, "size": 9}, showlegend=False, hovertemplate=f"{name}: %{{x:.2f}} %, %{{y:.2f}} %",
        )  # fmt: skip
    return dress(figure, "The frontier under limits and without", "volatility, % a year", "mean, % a year", 460)


def _held_back(frontier: Frontier) -> list[str]:
    """The limits that hold back each point most, in words."""
    return [listed([one.limit for one in binding], most=2) if binding else "nothing binds"
            for binding in frontier.binding]  # fmt: skip


def sensitivity_plot(found: InputSensitivity, most: int = 6) -> Figure | Markdown:
    """Points of weight that one standard error of an input moves, a row an input, a column a line.

    found : sensitivity of one allocation on one day.
    most  : largest number of inputs of each kind.
    """
    table = found.table(most).dropna()
    table = 100.0 * table[table["turnover"] > STILL].drop(columns="turnover")
    table = table.loc[:, table.abs().max() > 100.0 * STILL]
    if table.empty:
        return Markdown("No input moves the target by its standard error: the limits hold all weights.")
    title, size = (
        "What one standard error of an input moves, points of weight",
        float(table.abs().to_numpy().max(initial=STILL)),
    )
    return heat_plot(table, size, "%{z:.1f}", "%{y}: %{x} %{z:+.1f} points", title, 26)


def prices_plot(table: pd.DataFrame, shadow: float, limit: str) -> Figure:
    """The excess over a limit that is priced instead of hard, against its price over the shadow price.

    table  : result of `at_prices`.
    shadow : price of a unit by the hard limit.
    limit  : the limit in few words.
    """
    figure = ShownFigure()
    figure.add_scatter(
        x=table.index / shadow, y=100.0 * table["outside"], mode="lines+markers", showlegend=False, name="",
        line={"color": LIGHT["sky"], "width": 2}, hovertemplate="price %{x:.2f}: %{y:.2f} points outside",
    )  # fmt: skip
    return dress(figure, f"{limit} with a price", "price over the shadow price", "outside, points", 320)


def conflict_words(conflict: Conflict | None) -> str:
    """A conflict as a list: limits that no weights satisfy together, and each single sufficient change, else all."""
    if conflict is None:
        return "Some weights keep all limits: none of them has to give way."
    no_less = "\n".join(f"- {words}" for words in conflict.words)
    changes = [mend.words for mend in conflict.mends] or [" and ".join(mend.words for mend in conflict.together)]
    how = "Each of these alone makes weights possible:" if conflict.mends else "No single change suffices, but:"
    doubt = f"\n\n{conflict.doubt}" if conflict.doubt else ""
    mends = "\n".join(f"- {words}" for words in changes)
    return f"No weights keep these together, and each part of them can be kept:\n\n{no_less}\n\n{how}\n\n{mends}{doubt}"


def limits_answer(used: LimitsUsed, pair: FrontierPair, sensitivity: InputSensitivity) -> str:
    """The effect of the limits in words: binding limits, their cost, the most valuable slack, the main input."""
    binds = [one for one in used.uses if one.price > 0.0]
    if not binds:
        return "No limit holds the weights back: without limits they are the same."
    brought = max(used.uses, key=lambda one: one.brought)
    size = (
        number(brought.brought, 3) if used.optimum.unit.endswith("ratio") else f"{number(1e4 * brought.brought, 0)} bp"
    )
    surest = int(np.nanargmax(sensitivity.turnover))
    given = "" if np.isnan(pair.given_up) else (
        f" At its volatility, the mean would be {percent(pair.given_up)} a year higher without limits, by a forecast "
        "that is itself uncertain."
    )  # fmt: skip
    return (
        f"{listed([one.limit.short for one in binds])} bind.{given} One more step brings most at "
        f"*{brought.limit.short}*: {size} of the {used.optimum.unit}, solved again. The estimate that matters most is "
        f"the {sensitivity.inputs[surest]}: one standard error moves {percent(sensitivity.turnover[surest])} of NAV."
    )
