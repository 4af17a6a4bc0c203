"""How far each rule is above the optimum, a row a rule, with the bounds of its gap, on a log scale."""

import pandas as pd

from backtests.figures.log_axis import Logs, upright
from backtests.figures.picture import Format, Picture, heading, picture
from backtests.figures.svg import Canvas
from backtests.wording import listed, number

TITLE, ROW, FOOT, SIDE, RIGHT = 30.0, 22.0, 46.0, 148.0, 62.0  # px; SIDE, RIGHT: for names and figures
LEAST = 0.5  # per cent: the foot of the scale goes no lower, and a rule below it stands there


def ladder_picture(table: pd.DataFrame, reference: str, name: str = "ladder") -> Picture:
    """J over that of the optimum, less 1, in per cent.

    table : as `backtests.laboratory.study.gaps` gives it; its reference is not drawn.
    """
    rows = table.drop(index=reference).sort_values("J", kind="stable")
    over = {str(rule): 100.0 * float(value) for rule, value in rows["relative"].items()}
    near = [rule for rule, value in over.items() if value < 10.0]
    caption = (
        f"{f'Within a tenth of the best: {listed(near)}. ' if near else ''}Strokes are 95 % bounds of the paired "
        "difference, where they are wider than the mark. Filled: a setting that was tuned; open: none was."
    )
    alt = "; ".join(f"{rule} {number(value, 1)} %" for rule, value in over.items())
    return picture(name, "Above the best", caption, alt, rows.reset_index(), lambda f: _draw(f, rows, name))


def _draw(f: Format, rows: pd.DataFrame, name: str) -> Canvas:
    high = ROW * len(rows)
    canvas = Canvas(f.width, TITLE + high + FOOT, f"{name}-{f.css}")
    relative = 100.0 * rows["relative"]
    x = Logs(
        max(0.6 * float(relative.min()), LEAST), 1.25 * max(float(relative.max()), 1.0), SIDE, f.width - RIGHT
    )  # fmt: skip
    heading(canvas, SIDE, TITLE - 12.0, "J above the best", "%, log scale")
    upright(canvas, x, TITLE, TITLE + high)
    for k, (rule, r) in enumerate(rows.iterrows()):
        y, tuned = TITLE + ROW * (k + 0.5), str(rule).startswith("tuned ")
        low, middle, most = (
            x.at(max(100.0 * float(r[c]), x.low)) for c in ("relative_lower", "relative", "relative_upper")
        )
        canvas.text(SIDE - 12.0, y, str(rule), align="right")
        canvas.line([SIDE, middle], [y, y], colour="rule", width=0.7, behind=True)
        canvas.line([low, most], [y, y], colour="wine", width=2.0)
        canvas.point(middle, y, colour="wine", size=8.0, face="" if tuned else "paper", ring=1.6)
        canvas.text(
            f.width - 4.0, y, f"{number(100.0 * r['relative'], 0 if r['relative'] > 1.0 else 1)}", align="right"
        )
    canvas.text((SIDE + f.width - RIGHT) / 2.0, TITLE + high + 31.0, "% above the best", colour="soft", align="center")
    return canvas
