"""How fitted policies came to be: seeds of a learned one as a distribution and as they learned, all that was tuned."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtests.comparison.tuning import Tuned, thresholds_tried
from backtests.figures.layout import FAR, limits, log_ticks, spread, ticks
from backtests.figures.picture import HALF, Format, Picture, heading, height_of, picture, scale
from backtests.figures.styles import LABEL_GAP, LEAD, Look, fitted_name
from backtests.figures.svg import HUES, TOKENS, Canvas
from backtests.wording import counted, even, median_words, number
from research.learning import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE, FOOT, HIGH = 30.0, 26.0, 190.0  # px
FIGURE = 40.0  # px: room for a figure at the right edge


def seeds(
    name: str,
    key: str,
    table: pd.DataFrame,
    training: Training,
    marks: Mapping[str, float],
    styles: Mapping[str, Look],
) -> Picture:
    """A point a seed: J out of sample over J on training worlds; the one that stands for them all is heavy.

    key : name of its file.  table : a row a seed: seed, J_training, J, stands.  marks : J out of sample of the policies
    that they must be held against.
    """
    data = table[["seed", "J_training", "J", "stands"]].reset_index(drop=True)
    closed = f"On training worlds the closed form, where learning starts, has {number(training.closed_form)}."
    return picture(
        key,
        f"{name}: {counted(len(table), 'seed')}",
        f"{_seeds_caption(name, data, marks)} {closed}",
        _seeds_alt(data),
        data,
        lambda f: _draw_seeds(f, key, data, marks, styles, styles[name]),
        HALF,
    )


def _seeds_caption(name: str, data: pd.DataFrame, marks: Mapping[str, float]) -> str:
    stands = data[data["stands"]].iloc[0]
    said = [f"Seed {stands['seed']} stands for {name}, with {number(stands['J'])} bp a year out of sample."]
    if len(data) > 1:
        said = [
            f"Out of sample the seeds' J lie between {number(data['J'].min())} and {number(data['J'].max())} bp a year."
            f" Seed {stands['seed']}, with {median_words(len(data))} on training worlds, stands for {name}: "
            f"{number(stands['J'])}."
        ]
    for other, level in marks.items():
        said.append(f"{int((data['J'] < level).sum())} of {len(data)} beat {other} ({number(level)}).")
    return " ".join(said)


def _seeds_alt(data: pd.DataFrame) -> str:
    each = [
        f"seed {r['seed']}{' (stands for them)' if r['stands'] else ''}: {number(r['J_training'])} on training worlds, "
        f"{number(r['J'])} out of sample"
        for r in data.to_dict("records")
    ]
    return f"J, bp a year. {'; '.join(each)}."


def _draw_seeds(
    f: Format, key: str, data: pd.DataFrame, marks: Mapping[str, float], styles: Mapping[str, Look], look: Look
) -> Canvas:
    canvas = Canvas(f.width, TITLE + HIGH + FOOT, f"{key}-{f.css}")
    right, foot = f.left + f.plot, TITLE + HIGH
    near = [level for level in marks.values() if _within(level, data["J"])]
    axes = canvas.axes(f.left, TITLE, f.plot, HIGH)
    axes.set_xlim(*limits(data["J_training"].tolist(), margin=0.15))
    axes.set_ylim(*limits([*data["J"], *near], margin=0.12))
    heading(canvas, f.left, TITLE - 12.0, "J out of sample", "bp a year, over J on training worlds")
    scale(canvas, axes, ticks(*axes.get_ylim()), f.left, right)
    across = ticks(*axes.get_xlim(), most=4)
    for mark, words in zip(across, even(across), strict=True):
        canvas.text(_across(axes, mark), foot + 12.0, words, colour="soft", align="center")
    ends = [(f"seed {r['seed']}", r["J"], _across(axes, r["J_training"]), look) for r in data.to_dict("records")]
    ends += [(other, level, right, styles[other]) for other, level in marks.items()]
    stands = f"seed {data.loc[data['stands'], 'seed'].iloc[0]}"
    heights = [height_of(canvas, axes, level) for _, level, _, _ in ends]
    places = spread(heights, LABEL_GAP, TITLE + 5.0, foot - 5.0)
    for (words, level, x, own), y, place in zip(ends, heights, places, strict=True):
        bold, start = words == stands, right + LEAD
        canvas.line([x, right + 3.0, start - 7.0, start - 3.0], [y, y, place, place], colour=own.colour, width=0.6)
        if words not in marks:
            canvas.point(x, y, colour=own.colour, size=9.0 if bold else 6.5, face="" if bold else "paper")
        elif _within(level, data["J"]):
            canvas.line([f.left, right], [y, y], colour=own.colour, width=1.4, dash=own.dash)
        arrow = "" if words not in marks or _within(level, data["J"]) else "↑" if level > data["J"].max() else "↓"
        canvas.text(start, place, fitted_name(words, f.right - LEAD - FIGURE), bold=bold)
        canvas.text(f.width, place, number(level) + arrow, align="right", colour="ink" if bold else "soft", bold=bold)
    return canvas


def _within(level: float, values: pd.Series) -> bool:
    """Is a level so near to values that it does not flatten them on one scale?"""
    return abs(level - float(values.median())) <= FAR * max(float(np.ptp(values.to_numpy())), 1e-9)


def _across(axes: "Axes", value: float) -> float:
    """Where a value stands, px from the left of the picture."""
    return float(axes.transData.transform((value, axes.get_ylim()[0]))[0])


# -- learning --------------------------------------------------------------------------------------------------------


def curves(name: str, key: str, training: Training, look: Look) -> Picture | None:
    """J along the training of each seed, by their cards; None where they have no curve. key : name of its file."""
    rows = [
        {"seed": seed, "steps": point["steps"], "J": point["J"], "stands": seed == training.chosen}
        for seed, policy in training.policies.items()
        for point in policy.card.get("curve", ())
    ]
    if not rows:
        return None
    data = pd.DataFrame(rows)
    first, last = (data.groupby("seed")["J"].agg(end) for end in ("first", "last"))
    caption = (
        f"From where it starts to {data['steps'].max():,} steps, J falls from "
        f"{number(first.mean())} to {number(last.mean())} bp a year in the mean of {counted(len(first), 'seed')}."
        if last.mean() < first.mean()
        else f"After {data['steps'].max():,} steps J is no lower than where it starts: "
        f"{number(last.mean())} against {number(first.mean())} bp a year in the mean of {counted(len(first), 'seed')}."
    )
    each = [f"seed {seed} from {number(a)} to {number(b)}" for seed, a, b in zip(first.index, first, last, strict=True)]
    return picture(
        key,
        f"{name}: learning",
        caption,
        f"J in worlds of training days that no seed learns on, over the steps learned. {'; '.join(each)}.",
        data,
        lambda f: _draw_curves(f, key, data, look),
        HALF,
    )


def _draw_curves(f: Format, key: str, data: pd.DataFrame, look: Look) -> Canvas:
    canvas = Canvas(f.width, TITLE + HIGH + FOOT, f"{key}-{f.css}")
    right, foot, most = f.left + f.plot, TITLE + HIGH, max(float(data["steps"].max()), 1.0)
    axes = canvas.axes(f.left, TITLE, f.plot, HIGH)
    axes.set_xlim(0.0, most)
    axes.set_ylim(*limits(data["J"].tolist()))
    heading(canvas, f.left, TITLE - 12.0, "J in training worlds", "bp a year, over thousand steps")
    scale(canvas, axes, ticks(*axes.get_ylim()), f.left, right)
    for mark in ticks(0.0, most / 1e3, most=4):
        canvas.text(f.left + f.plot * 1e3 * mark / most, foot + 12.0, number(mark, 0), colour="soft", align="center")
    own = {str(seed): rows for seed, rows in data.groupby("seed")}
    heights = [height_of(canvas, axes, rows["J"].iloc[-1]) for rows in own.values()]
    places = spread(heights, LABEL_GAP, TITLE + 5.0, foot - 5.0)
    for (seed, rows), y, place in zip(own.items(), heights, places, strict=True):
        heavy, start, figure = bool(rows["stands"].iloc[0]), right + LEAD, number(rows["J"].iloc[-1])
        axes.plot(rows["steps"], rows["J"], color=TOKENS[look.colour], linewidth=2.2 if heavy else 0.9)
        canvas.line([right + 3.0, right + 5.0, start - 7.0, start - 3.0], [y, y, place, place], colour=look.colour)
        canvas.text(start, place, f"seed {seed}", bold=heavy)
        canvas.text(f.width, place, figure, align="right", colour="ink" if heavy else "soft", bold=heavy)
    return canvas


# -- tuning ----------------------------------------------------------------------------------------------------------


def tuning(name: str, key: str, tuned: Tuned) -> Picture:
    """J on the training days of every threshold that was tried: a curve a destination, over the band.

    key : name of its files.
    """
    data, card = thresholds_tried(tuned), tuned.card
    best = data[data["chosen"]].iloc[0]
    band, aim = number(100 * best["band"]), _aim(best["destination"], best["band"])
    caption = (
        f"Of {len(data)} thresholds tried on the days from {card.first:%Y-%m-%d} to {card.seen:%Y-%m-%d}, a "
        f"band of {band} points, traded to {aim}, had the lowest J there: {number(best['J'])} bp a year. The others "
        f"lie up to {number(data['J'].max() - best['J'])} above it."
    )
    each = [
        f"band {number(100 * r['band'])} points to {_aim(r['destination'], r['band'])}: {number(r['J'])}"
        for r in data.to_dict("records")
    ]
    return picture(
        key,
        f"{name}: {counted(len(data), 'threshold')} tried",
        caption,
        f"J on the training days, bp a year. {'; '.join(each)}.",
        data,
        lambda f: _draw_tuning(f, key, data),
        HALF,
    )


def _share(destination: float, band: float) -> float:
    """Of the band, what a trade leaves."""
    return round(destination / band, 6) if band else 0.0


def _aim(destination: float, band: float) -> str:
    share = _share(destination, band)
    return {0.0: "target", 1.0: "the edge"}.get(share, f"within {number(100 * destination)} points")


def _draw_tuning(f: Format, key: str, data: pd.DataFrame) -> Canvas:
    canvas = Canvas(f.width, TITLE + HIGH + FOOT, f"{key}-{f.css}")
    right, foot = f.left + f.plot, TITLE + HIGH
    low, high = 100.0 * max(data["band"].min(), 1e-4), 100.0 * max(data["band"].max(), 2e-4)
    axes = canvas.axes(f.left, TITLE, f.plot, HIGH)
    axes.set_xscale("log")
    axes.set_xlim(low / 1.06, high * 1.06)
    log = bool((data["J"] > 0.0).all())  # else the valley round the lowest would look flat
    axes.set_yscale("log" if log else "linear")
    ends = limits(np.log(data["J"]).tolist() if log else data["J"].tolist())
    axes.set_ylim(*(np.exp(ends) if log else ends))
    heading(canvas, f.left, TITLE - 12.0, "J on the training days", "bp a year, over the band in points")
    scale(canvas, axes, (log_ticks if log else ticks)(*axes.get_ylim()), f.left, right)
    for mark in log_ticks(low, high):
        canvas.text(_across(axes, mark), foot + 12.0, f"{mark:g}", colour="soft", align="center")
    shares = pd.Series([_share(d, b) for d, b in zip(data["destination"], data["band"], strict=True)])
    curves = {share: data[(shares == share).to_numpy()].sort_values("band") for share in sorted(set(shares))}
    heights = [height_of(canvas, axes, rows["J"].iloc[-1]) for rows in curves.values()]
    places = spread(heights, LABEL_GAP, TITLE + 5.0, foot - 5.0)
    for k, ((share, rows), y, place) in enumerate(zip(curves.items(), heights, places, strict=True)):
        hue, first = HUES[k % len(HUES)], right + LEAD
        axes.plot(100.0 * rows["band"], rows["J"], "-o", color=TOKENS[hue], linewidth=1.2, markersize=3.5)
        canvas.line([right - 6.0, right + 4.0, first - 7.0, first - 3.0], [y, y, place, place], colour=hue)
        words = {0.0: "to target", 1.0: "to the edge"}.get(share, f"within {share:g} of it")
        canvas.text(first, place, fitted_name(words, f.right - LEAD))
    best = data[data["chosen"]].iloc[0]
    at = _across(axes, max(100.0 * best["band"], low))
    canvas.point(at, height_of(canvas, axes, best["J"]), colour="ink", size=13.0, face="none")
    return canvas
