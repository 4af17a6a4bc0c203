"""Out-of-sample loss of every seed with its interval, beside that of other policies on the same days."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from backtests.laboratory.learned.results import loss_of
from foundation.paper.charts.interval_rows import Row, interval_rows
from foundation.paper.charts.panel import Axis, Side, plotted
from foundation.paper.layout import ROW_HEIGHT, ROW_ROOM
from foundation.paper.picture import Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import listed, median_words, number, told


def seeds_picture(results: Mapping[str, Any]) -> Picture:
    """A row a seed, the lowest J first, then the others.  results : of `backtests.laboratory.learned.results`."""
    stands = str(results["stands"])
    rows = [
        {"policy": f"seed {seed}", "loss": r["loss"], "loss_lower": r["loss_lower"], "loss_upper": _end(r)}
        | {"stands": seed == stands}
        for seed, r in sorted(results["seeds"].items(), key=lambda item: item[1]["loss"])
    ]
    others = sorted(results["others"].items(), key=lambda item: item[1])
    rows += [
        {"policy": name, "loss": loss, "loss_lower": loss, "loss_upper": loss, "stands": False} for name, loss in others
    ]
    data = pd.DataFrame(rows)
    one, many = results["seeds"][stands], len(results["seeds"]) > 1
    beaten = [
        f"{sum(r['loss'] < loss for r in results['seeds'].values()) or 'none'} beat {name}" for name, loss in others
    ]
    caption = (
        f"Seed {stands}, with {median_words(len(results['seeds']))} on simulated training paths, is selected: "
        f"{number(one['loss'])} bp a year {loss_of(one).interval()}. "
        + (f"Of {len(results['seeds'])} seeds {listed(beaten)}. " if others else "")
        + "Error bars: 95 % intervals, as on the tearsheet"
        + ("; the seeds share the days, so differences between them are more precise than the bars." if many else ".")
    )
    drawn = []
    for k, r in enumerate(rows):
        heavy, learned = r["stands"], k < len(results["seeds"])
        style = LineStyle("sky" if learned else "ink", width=2.4 if heavy else 1.2, bold=heavy)
        ends = (r["loss"], r["loss_lower"], r["loss_upper"])
        drawn.append(Row(r["policy"], *ends, style, filled=heavy or not learned, figure=number(r["loss"])))
    x = Side(Axis.over([*data["loss_lower"], *data["loss_upper"]]))
    y, high = Side(words="Loss J out of sample", unit="bp a year"), ROW_HEIGHT * len(drawn)
    draw = plotted(x, y, lambda panel: interval_rows(panel, drawn), high, **ROW_ROOM)
    alt = f"Loss J, bp a year: {told(rows, '{policy} {loss}')}."
    return picture("seeds", "Out-of-sample loss by seed", caption, alt, data, draw)


def _end(result: Mapping[str, Any]) -> float:
    """End of the bar of a seed: its J if the test does not know how much higher it may be."""
    return float(result["loss"] if result["loss_upper"] is None else result["loss_upper"])
