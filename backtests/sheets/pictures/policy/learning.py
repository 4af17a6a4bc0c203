"""Seeds of a learned policy: their training curves, and their loss out of sample beside that of other policies."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from backtests.laboratory.learned.results import loss_of
from foundation.paper.charts.curves import Curve, curves, end_labels, end_of
from foundation.paper.charts.interval_rows import Row, interval_rows
from foundation.paper.charts.panel import Axis, Panel, Side, plotted
from foundation.paper.layout import ROW_HEIGHT, ROW_ROOM, ticks
from foundation.paper.picture import HALF, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import counted, listed, median_words, number, told

HEIGHT, RIGHT = 210.0, 112.0  # px: of the panel, and for the label at its right


# -- training ---------------------------------------------------------------------------------------------------------


def learning_picture(cards: Mapping[int, Mapping[str, Any]], stands: int) -> Picture | None:
    """J in training worlds over the steps learned, by seed; None where no card has a curve.

    stands : the representative seed.
    """
    data = training_curves(cards, stands)
    if data.empty:
        return None
    ends = data.groupby("seed")["loss"].last()
    caption = (
        f"Loss J of {counted(len(ends), 'seed')} on validation paths, on which no seed is trained and by which none is "
        f"selected; final values {number(ends.min(), 3)} to {number(ends.max(), 3)} bp a year. Shaded: range over "
        f"seeds; heavy line: the selected seed, {stands}."
        if len(ends) > 1
        else "Loss J on validation paths, on which the policy is neither trained nor judged; final value "
        f"{number(ends.iloc[0], 3)} bp a year."
    )
    each = told(ends.reset_index(), "seed {seed} ends at {loss:3}")
    of = ("Loss J on validation paths", "bp a year; x: thousand steps")
    return _picture(caption, f"Loss J, bp a year. {each}.", data, of, 1e3)


def training_curves(cards: Mapping[int, Mapping[str, Any]], stands: int) -> pd.DataFrame:
    """A row a seed and checkpoint of its training, by the seeds' cards: seed, steps, loss, and if it is selected."""
    rows = [
        {"seed": seed, "steps": point["steps"], "loss": point["loss"], "stands": seed == stands}
        for seed, card in cards.items()
        for point in card.get("curve", ())
    ]
    return pd.DataFrame(rows)


def updates_picture(curve: Sequence[Mapping[str, float]], seed: int) -> Picture:
    """Loss of the universal policy in each update, divided by the loss that the closed form expects there."""
    data = pd.DataFrame(curve).rename(columns={"updates": "steps"}).assign(seed=seed, stands=True)
    last = number(data["loss"].iloc[-1], 3)
    caption = (
        "Loss J in random markets over the closed form's expected loss, averaged over neighbouring updates. Each "
        f"update uses new markets, hence the noise. Final value {last}."
    )
    return _picture(caption, f"Final value {last}.", data, ("Loss J over expected loss", "x: updates"), 1.0)


def _picture(caption: str, alt: str, data: pd.DataFrame, of: tuple[str, str], unit: float) -> Picture:
    """The losses of `data` over steps, shown in units of so many; `of` is the heading of the panel."""
    shown = seed_curves(data, "sky", thin=0.8, digits=3)

    def marks(panel: Panel) -> None:
        by_step = data.groupby("steps")["loss"].agg(["min", "max"])
        if not data["stands"].all():
            panel.area(by_step.index, by_step["min"], by_step["max"], "sky", 0.22)
        curves(panel, shown, named=False)
        end_labels(panel, [end_of(panel, curve) for curve in shown if curve.style.bold], values=True)

    draw = plotted(steps_side(data, unit), Side(Axis.over(data["loss"]), *of), marks, HEIGHT, right=RIGHT)
    return picture("learning", "Training curve", caption, alt, data, draw, HALF)


def seed_curves(data: pd.DataFrame, colour: str, thin: float, digits: int) -> list[Curve]:
    """A curve a seed, that of the selected one heavy.

    data   : columns seed, steps, loss and stands, a seed after the other.
    colour : name of a token.
    thin   : width of the lines of the others, px.
    digits : digits of the last loss, which is written beside the name.
    """
    found = []
    for (seed, stands), rows in data.groupby(["seed", "stands"], sort=False):
        style = LineStyle(colour, width=2.2 if stands else thin, bold=bool(stands))
        steps, losses = rows["steps"].to_numpy(), rows["loss"].to_numpy()
        found.append(Curve(f"seed {seed}", steps, losses, style, number(losses[-1], digits)))
    return found


def steps_side(data: pd.DataFrame, unit: float) -> Side:
    """Steps of training across a panel.

    data : with a column steps.
    unit : number of steps that the marks below the panel count in.
    """
    across = Axis(0.0, max(float(data["steps"].max()), 1.0))
    marks = ticks(0.0, across.high / unit, most=4)
    return Side(across, at=[unit * mark for mark in marks], texts=[number(mark, 0) for mark in marks], lines=False)


# -- out of sample ----------------------------------------------------------------------------------------------------


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
