"""What a policy looks at: by how much J rises when a feature is shuffled between worlds, with its error."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from backtests.figures.layout import limits, ticks
from backtests.figures.picture import HALF, Format, Picture, heading, picture
from backtests.figures.styles import fitted_name
from backtests.figures.svg import TOKENS, Canvas
from backtests.wording import even, listed, number

TITLE, ROW, FOOT, SIDE, RIGHT = 30.0, 19.0, 24.0, 164.0, 48.0  # px; SIDE, RIGHT: for names and figures
SHOWN = 15  # features at most
SURE = 2.0  # standard errors


def importance_picture(features: Sequence[dict[str, Any]], seed: int, worlds: int) -> Picture | None:
    """Bars, the longest first. features : of a card.  None where the card has no importance."""
    rows = [{k: f[k] for k in ("name", "importance", "importance_error")} for f in features if "importance" in f]
    if not rows:
        return None
    data = pd.DataFrame(rows).sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)
    sure = data[data["importance"] > SURE * data["importance_error"]]
    said = (
        f"Most is lost without {listed([str(name) for name in sure['name'][:3]])}."
        if len(sure)
        else "No feature by itself is worth more than its error."
    )
    left_out = f" Left out: {len(data) - SHOWN} of less worth." if len(data) > SHOWN else ""
    caption = (
        f"{said} Strokes are {SURE:g} standard errors over {worlds} judged worlds, seed {seed}. Features that tell "
        f"much the same stand in for one another, and each then seems to be worth little.{left_out}"
    )
    alt = "; ".join(f"{r['name']} {number(r['importance'], 3)}" for r in data.to_dict("records"))
    return picture(
        "importance", "What it looks at", caption, f"Rise of J when shuffled, bp a year: {alt}.", data,
        lambda f: _draw(f, data.head(SHOWN)), HALF,
    )  # fmt: skip


def _draw(f: Format, data: pd.DataFrame) -> Canvas:
    high, plot = ROW * len(data), f.width - SIDE - RIGHT
    canvas = Canvas(f.width, TITLE + high + FOOT, f"importance-{f.css}")
    lows = (data["importance"] - SURE * data["importance_error"]).tolist()
    tops = (data["importance"] + SURE * data["importance_error"]).tolist()
    low, most = limits([0.0, *lows, *tops], margin=0.02)

    def at(value: float) -> float:
        return SIDE + plot * (value - low) / (most - low)

    heading(canvas, SIDE, TITLE - 12.0, "J rises by", "bp a year, when shuffled")
    marks = ticks(low, most, 4)
    for mark, words in zip(marks, even(marks), strict=True):
        canvas.line([at(mark)] * 2, [TITLE, TITLE + high], colour="soft" if mark == 0.0 else "rule", width=0.7,
                    behind=True)  # fmt: skip
        canvas.text(at(mark), TITLE + high + 12.0, words, colour="soft", align="center")
    axes = canvas.axes(0.0, 0.0, f.width, TITLE + high + FOOT)
    axes.set_xlim(0.0, f.width)
    axes.set_ylim(TITLE + high + FOOT, 0.0)
    for k, r in enumerate(data.to_dict("records")):
        y = TITLE + ROW * (k + 0.5)
        canvas.text(SIDE - 8.0, y, fitted_name(r["name"], SIDE - 12.0), align="right")
        axes.barh([y], [at(r["importance"]) - at(0.0)], left=[at(0.0)], height=11.0, color=TOKENS["sky"], linewidth=0.0)
        canvas.line([at(lows[k]), at(tops[k])], [y, y], colour="ink", width=1.2)
        canvas.text(f.width, y, number(r["importance"], 3 if most < 1.0 else 2), align="right", colour="soft")
    return canvas
