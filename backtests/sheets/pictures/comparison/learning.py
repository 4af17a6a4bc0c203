"""Pictures of fitted policies: the seeds of a learned one, their training curves, and all thresholds tried."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from backtests.comparison.fitting.tuning import Tuned, thresholds_tried
from backtests.sheets.pictures.policy.learning import seed_curves, steps_side, training_curves
from foundation.paper.charts.curves import Curve, End, curves, end_labels
from foundation.paper.charts.panel import Axis, Panel, Side, plotted
from foundation.paper.layout import OUTLIER_DISTANCE
from foundation.paper.picture import HALF, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import HUES
from foundation.paper.wording import counted, even, median_words, number, told
from research.learning import Training

HEIGHT = 190.0  # px


def candidate_seeds_picture(
    name: str,
    key: str,
    table: pd.DataFrame,
    training: Training,
    marks: Mapping[str, float],
    styles: Mapping[str, LineStyle],
) -> Picture:
    """A point a seed: J out of sample over J on training worlds; the representative seed is heavy.

    name     : name of the learned policy.
    key      : name of its file.
    table    : a row a seed: seed, loss_training and loss (bp a year), stands.
    training : training of the policy.
    marks    : J out of sample of the policies to compare the seeds with, bp a year.
    styles   : line style of each policy.
    """
    data = table[["seed", "loss_training", "loss", "stands"]].reset_index(drop=True)
    closed = f"The closed-form bands, where training starts, have {number(training.closed_form)} on the training paths."
    style = styles[name]

    near = {other: level for other, level in marks.items() if _within(level, data["loss"])}
    x, up = Side(Axis.over(data["loss_training"], margin=0.15), most=4, lines=False), [*data["loss"], *near.values()]
    y = Side(Axis.over(up, margin=0.12), "Loss J out of sample", "bp a year (y) vs loss on training paths (x)")

    def points(panel: Panel) -> None:
        ends = []
        for r in data.to_dict("records"):
            x, y, stands = panel.x_at(r["loss_training"]), panel.y_at(r["loss"]), bool(r["stands"])
            size = 9.0 if stands else 6.5
            panel.canvas.point(x, y, colour=style.colour, size=size, face="" if stands else "paper")
            ends.append(End(f"seed {r['seed']}", y, replace(style, bold=bool(stands)), number(r["loss"]), x))
        for other, level in marks.items():
            y, own = panel.y_at(level), styles[other]
            if other in near:
                panel.y_line(level, own.colour, 1.4, own.dash)
            arrow = "" if other in near else "↑" if level > data["loss"].max() else "↓"
            ends.append(End(other, y, replace(own, bold=False), number(level) + arrow, panel.right))
        end_labels(panel, ends, values=True)

    caption, draw = f"{_seeds_caption(name, data, marks)} {closed}", plotted(x, y, points, HEIGHT)
    return picture(key, f"{name}: {counted(len(table), 'seed')}", caption, _seeds_alt(data), data, draw, HALF)


def _seeds_caption(name: str, data: pd.DataFrame, marks: Mapping[str, float]) -> str:
    stands = data[data["stands"]].iloc[0]
    sentences = [f"Seed {stands['seed']} represents {name}: out-of-sample loss J {number(stands['loss'])} bp a year."]
    if len(data) > 1:
        sentences = [
            f"Out-of-sample loss J of the seeds: {number(data['loss'].min())} to {number(data['loss'].max())} bp a "
            f"year. Seed {stands['seed']}, with {median_words(len(data))} on simulated training paths, represents "
            f"{name}: {number(stands['loss'])}."
        ]
    for other, level in marks.items():
        sentences.append(f"{int((data['loss'] < level).sum())} of {len(data)} beat {other} ({number(level)}).")
    return " ".join(sentences)


def _seeds_alt(data: pd.DataFrame) -> str:
    named = data.assign(selected=np.where(data["stands"], " (selected)", ""))
    each = told(named, "seed {seed}{selected}: {loss_training} on training paths, {loss} out of sample")
    return f"Loss J, bp a year. {each}."


def _within(level: float, values: pd.Series) -> bool:
    """True if a level is near enough to values not to flatten them on one scale."""
    return abs(level - float(values.median())) <= OUTLIER_DISTANCE * max(float(np.ptp(values.to_numpy())), 1e-9)


# -- learning --------------------------------------------------------------------------------------------------------


def candidate_learning_picture(name: str, key: str, training: Training, style: LineStyle) -> Picture | None:
    """J along the training of each seed, by their cards; None where they have no curve.

    name     : name of the learned policy.
    key      : name of its file.
    training : training of its seeds.
    style    : line style of its curves.
    """
    data = training_curves({seed: policy.card for seed, policy in training.policies.items()}, training.chosen)
    if data.empty:
        return None
    first, last = (data.groupby("seed")["loss"].agg(end) for end in ("first", "last"))
    caption = (
        f"Over {data['steps'].max():,} steps the loss J falls from {number(first.mean())} to {number(last.mean())} bp "
        f"a year (mean of {counted(len(first), 'seed')})."
        if last.mean() < first.mean()
        else f"After {data['steps'].max():,} steps the loss J is no lower than at the start: {number(last.mean())} "
        f"against {number(first.mean())} bp a year (mean of {counted(len(first), 'seed')})."
    )
    each = [f"seed {seed} from {number(a)} to {number(b)}" for seed, a, b in zip(first.index, first, last, strict=True)]

    shown = seed_curves(data, style.colour, thin=0.9, digits=2)
    y = Side(Axis.over(data["loss"]), "Loss J on validation paths", "bp a year; x: thousand steps")
    draw = plotted(steps_side(data, 1e3), y, lambda panel: curves(panel, shown, values=True), HEIGHT)
    alt = f"Loss J on simulated paths that no seed is trained on, by training step. {'; '.join(each)}."
    return picture(key, f"{name}: training", caption, alt, data, draw, HALF)


# -- tuning ----------------------------------------------------------------------------------------------------------


def tuning_picture(name: str, key: str, tuned: Tuned) -> Picture:
    """The quantity minimised on the training days, of every threshold tried: a curve a destination, over the band.

    key : name of its files.
    """
    data, card = thresholds_tried(tuned), tuned.card
    best = data[data["chosen"]].iloc[0]
    band, aim = number(100 * best["band"]), _aim(best["destination"], best["band"])
    caption = (
        f"{len(data)} thresholds were tried on the days from {card.first:%Y-%m-%d} to {card.seen:%Y-%m-%d}. Lowest "
        f"loss {card.what}: a band of {band} pp, traded to {aim}, {number(best['loss'])} bp a year (ringed). The "
        f"others are up to {number(data['loss'].max() - best['loss'])} bp higher."
    )
    each = [
        f"band {number(100 * r['band'])} pp to {_aim(r['destination'], r['band'])}: {number(r['loss'])}"
        for r in data.to_dict("records")
    ]

    low, high = 100.0 * max(data["band"].min(), 1e-4), 100.0 * max(data["band"].max(), 2e-4)
    kind = "log" if (data["loss"] > 0.0).all() else "linear"  # else the valley round the lowest would look flat
    x = Side(Axis(low / 1.06, high * 1.06, "log"), at=Axis(low, high, "log").ticks(), lines=False)
    up, head = Axis.over(data["loss"], kind=kind), (f"Loss {card.what} on the training days", "bp a year; x: band, pp")
    shares = pd.Series([_share(d, b) for d, b in zip(data["destination"], data["band"], strict=True)])
    shown = []
    for k, share in enumerate(sorted(set(shares))):
        rows = data[(shares == share).to_numpy()].sort_values("band")
        words = {0.0: "to target", 1.0: "to the edge"}.get(share, f"to {share:g} × the band")
        style, bands = LineStyle(HUES[k % len(HUES)], width=1.2), np.maximum(100.0 * rows["band"].to_numpy(), low)
        shown.append(Curve(words, bands, rows["loss"].to_numpy(), style, points=3.5))

    def marks(panel: Panel) -> None:
        curves(panel, shown)
        at = panel.x_at(max(100.0 * best["band"], low))
        panel.canvas.point(at, panel.y_at(best["loss"]), colour="ink", size=13.0, face="none")

    draw = plotted(x, Side(up, *head, at=up.ticks(), texts=even(up.ticks())), marks, HEIGHT)
    alt = f"Loss {card.what} on the training days, bp a year. {'; '.join(each)}."
    return picture(key, f"{name}: {counted(len(data), 'threshold')} tried", caption, alt, data, draw, HALF)


def _share(destination: float, band: float) -> float:
    """The part of the band that a trade leaves."""
    return round(destination / band, 6) if band else 0.0


def _aim(destination: float, band: float) -> str:
    share = _share(destination, band)
    return {0.0: "target", 1.0: "the edge"}.get(share, f"within {number(100 * destination)} pp")
