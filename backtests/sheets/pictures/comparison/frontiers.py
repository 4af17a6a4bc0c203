"""Efficient frontiers of one forecast: under the limits of an allocation, and without them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.paper.charts.curves import End, end_labels
from foundation.paper.charts.panel import Axis, Panel, Side, plotted
from foundation.paper.charts.plane import Place, name_points
from foundation.paper.picture import Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import listed, percent
from research.allocation.optimised.frontier_pair import FrontierPair

HEIGHT = 300.0  # px: of the panel
# times the largest volatility under limits and of the weights beside: what is drawn without limits
FRONTIER_REACH = 1.25
CURVES = {"without limits": LineStyle("soft", width=1.5), "under limits": LineStyle("sky", width=2.0)}
TARGET_POINT = "target"


def frontiers_picture(pair: FrontierPair, beside: Mapping[str, Array], name: str, policy: str) -> Picture:
    """Volatility and mean a year of both frontiers, of the target, and of other weights.

    pair   : frontiers of one day.
    beside : other weights (n,) of the same assets, by name.
    name   : name of its file.
    policy : policy that holds the target.
    """
    points = {TARGET_POINT: pair.place(pair.weights)} | {
        other: pair.place(weights) for other, weights in beside.items()
    }
    table = frontiers_table(pair, points)
    higher = "" if np.isnan(pair.given_up) else (
        f" At the volatility of the target, the mean is {percent(pair.given_up)} a year higher without limits."
    )  # fmt: skip
    caption = (
        f"One forecast under the limits of {policy}, and without them: then only net and gross weight are limited. "
        f"The least volatility is {percent(pair.limited.risk[0])} under limits and "
        f"{percent(pair.unlimited.risk[0])} without.{higher} Part of what limits prevent is the forecast's own "
        "error."
    )
    said = [f"{other} {percent(volatility)} and {percent(mean)}" for other, (volatility, mean) in points.items()]
    ends = [f"{which} from {_span(table, which)}" for which in CURVES]
    alt = f"Volatility and mean a year: {listed(said)}. Frontiers: {'; '.join(ends)}."

    shown = table.assign(volatility=100.0 * table["volatility"], mean=100.0 * table["mean"])
    x = Side(Axis.over(shown["volatility"], 0.04), "volatility, % a year", most=(7, 4))
    y = Side(Axis.over(shown["mean"]), "Mean", "% a year, by the forecast")

    def marks(panel: Panel) -> None:
        ends, paths = [], []
        for which, style in CURVES.items():
            rows = shown[shown["of"] == which]
            panel.curve(rows["volatility"], rows["mean"], style.colour, style.width)
            paths.append((panel.across(rows["volatility"]), panel.up(rows["mean"])))
            across, up = float(rows["volatility"].iloc[-1]), float(rows["mean"].iloc[-1])
            ends.append(End(which, panel.y_at(up), style, x=panel.x_at(across)))
        rows = shown[~shown["of"].isin(CURVES)]
        spots: list[Place] = list(zip(panel.across(rows["volatility"]), panel.up(rows["mean"]), strict=True))
        for which, spot in zip(rows["of"], spots, strict=True):
            panel.canvas.point(*spot, colour="orange" if which == TARGET_POINT else "ink", size=8.0)
        end_labels(panel, ends)
        words = rows["of"].tolist()
        name_points(panel, spots, words, ["ink"] * len(words), marks=spots, paths=paths)

    title = f"Frontiers of {policy}, with its limits and without"
    return picture(name, title, caption, alt, table, plotted(x, y, marks, HEIGHT))


def frontiers_table(pair: FrontierPair, points: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """A row for each point drawn: its curve or name, volatility and mean a year, fraction.

    pair   : frontiers of one day.
    points : volatility and mean of weights, by name.
    """
    reach = FRONTIER_REACH * max(*pair.limited.risk, *(volatility for volatility, _ in points.values()))
    frontiers = {"without limits": pair.unlimited, "under limits": pair.limited}
    rows = [pd.DataFrame({"of": of, "volatility": one.risk, "mean": one.mean}) for of, one in frontiers.items()]
    rows += [pd.DataFrame({"of": [name], "volatility": [at[0]], "mean": [at[1]]}) for name, at in points.items()]
    table = pd.concat(rows, ignore_index=True)
    return table[table["volatility"] <= reach].reset_index(drop=True)


def _span(table: pd.DataFrame, which: str) -> str:
    """The ends of a frontier, in words."""
    rows = table[table["of"] == which]
    first, last = rows.iloc[0], rows.iloc[-1]
    return (
        f"{percent(first['volatility'])} and {percent(first['mean'])} to {percent(last['volatility'])} and "
        f"{percent(last['mean'])}"
    )
