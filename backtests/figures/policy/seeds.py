"""J out of sample of every seed, with its interval, beside that of other policies on the same days."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from backtests.figures.layout import limits, ticks
from backtests.figures.picture import Format, Picture, heading, picture
from backtests.figures.styles import fitted_name
from backtests.figures.svg import Canvas
from backtests.wording import even, listed, median_words, number

TITLE, ROW, FOOT, SIDE, RIGHT = 30.0, 22.0, 24.0, 148.0, 44.0  # px


def seeds_picture(results: Mapping[str, Any]) -> Picture:
    """A row a seed, the lowest J first, then the others.  results : of `backtests.learned.results`."""
    stands = str(results["stands"])
    rows = [
        {"policy": f"seed {seed}", **{k: r[k] for k in ("J", "J_lower", "J_upper")}, "stands": seed == stands}
        for seed, r in sorted(results["seeds"].items(), key=lambda item: item[1]["J"])
    ]
    others = sorted(results["others"].items(), key=lambda item: item[1])
    rows += [{"policy": name, "J": J, "J_lower": J, "J_upper": J, "stands": False} for name, J in others]
    data = pd.DataFrame(rows)
    one, many = results["seeds"][stands], len(results["seeds"]) > 1
    beaten = [f"{sum(r['J'] < J for r in results['seeds'].values()) or 'none'} beat {name}" for name, J in others]
    caption = (
        f"Seed {stands}, with {median_words(len(results['seeds']))} in training worlds, stands for all: "
        f"{number(one['J'])} bp a year [{number(one['J_lower'])}, {number(one['J_upper'])}]. "
        + (f"Of {len(results['seeds'])} seeds {listed(beaten)}. " if others else "")
        + "Strokes are 95 % intervals of the days drawn again in blocks"
        + ("; the seeds share the days, so that their differences are surer than the strokes." if many else ".")
    )
    alt = "; ".join(f"{r['policy']} {number(r['J'])}" for r in rows)
    return picture(
        "seeds", "Out of sample, by seed", caption, f"J, bp a year: {alt}.", data,
        lambda f: _draw(f, data, len(results["seeds"])),
    )  # fmt: skip


def _draw(f: Format, data: pd.DataFrame, seeds: int) -> Canvas:
    high, plot = ROW * len(data), f.width - SIDE - RIGHT
    canvas = Canvas(f.width, TITLE + high + FOOT, f"seeds-{f.css}")
    low, most = limits([*data["J_lower"], *data["J_upper"]])

    def at(value: float) -> float:
        return SIDE + plot * (value - low) / (most - low)

    heading(canvas, SIDE, TITLE - 12.0, "J out of sample", "bp a year")
    marks = ticks(low, most, 5)
    for mark, words in zip(marks, even(marks), strict=True):
        canvas.line([at(mark)] * 2, [TITLE, TITLE + high], colour="rule", width=0.7, behind=True)
        canvas.text(at(mark), TITLE + high + 12.0, words, colour="soft", align="center")
    for k, r in enumerate(data.to_dict("records")):
        y, hue = TITLE + ROW * (k + 0.5), "sky" if k < seeds else "ink"
        canvas.text(SIDE - 10.0, y, fitted_name(r["policy"], SIDE - 14.0), align="right", bold=r["stands"])
        if k < seeds:
            canvas.line([at(r["J_lower"]), at(r["J_upper"])], [y, y], colour=hue, width=2.4 if r["stands"] else 1.2)
        canvas.point(at(r["J"]), y, colour=hue, size=8.0, face="" if r["stands"] or k >= seeds else "paper")
        canvas.text(f.width, y, number(r["J"]), align="right", bold=r["stands"])
    return canvas
