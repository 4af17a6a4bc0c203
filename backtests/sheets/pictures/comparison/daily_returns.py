"""The distribution of returns of a day, or of another row of the market, with the losses at 95 and 99 % marked."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.evaluation.policy_risk import PolicyRisk
from foundation.paper.charts.panel import Axis, Panel, one_panel
from foundation.paper.layout import AXIS, SCALE_STEPS, Array, limits
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LETTER, LineStyle
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import percent
from research.risk.distribution import TAIL_LEVELS

HEIGHT, ROW = 170.0, 16.0  # px: of the bars, and of a marked loss above them
BARS = 60  # at most; fewer where there are few days
SHADE = 0.45  # strength of the bars' colour
MARKS = (("VaR", "var", (0, (4.0, 2.0))), ("CVaR", "cvar", "-"))  # words, field, dash
TINY = 1e-9  # of a bar: how far beyond its end a return may lie by rounding


def daily_returns_picture(risk: Mapping[str, PolicyRisk], styles: Mapping[str, LineStyle]) -> Picture | None:
    """The picture; None where all returns of the policy are equal, so that there is no distribution.

    risk   : risk by policy; the first one is the one shown.
    styles : line style of each policy.
    """
    name, one = next(iter(risk.items()))
    edges = _edges(np.concatenate([r.returns for r in risk.values()]), len(one.returns))
    if edges is None or one.constant:
        return None
    counts = {n: np.histogram(r.returns, edges)[0] for n, r in risk.items()}
    data = pd.DataFrame({"from": edges[:-1], "to": edges[1:]} | {f"{one.row}s of {n}": c for n, c in counts.items()})

    def draw(f: Format) -> Canvas:
        marked, percents = _losses(one), 100.0 * edges
        (name, days), *others = counts.items()
        above = ROW * len(marked)
        most = max(float(c.max()) for c in counts.values())
        across = Axis(*limits([*percents, *(-100.0 * loss for _, loss, _ in marked)], margin=0.01))
        whole = one_panel(f, "daily_returns", above + HEIGHT, across, right=8.0, below=AXIS)
        up = Axis(0.0, most * 1.04, "root")
        panel = Panel(whole.canvas, whole.left, whole.top + above, whole.width, HEIGHT, across, up)
        whole.title(f"{one.row.capitalize()}s", "per bar (square-root scale)")
        panel.y_grid([tick for tick in panel.y.ticks() if tick == round(tick)])
        panel.x_grid(panel.x.ticks(9 if f.is_wide else 6))
        panel.x_title(f"return of a {one.row}, %, net of costs")
        for left, right, count in zip(percents[:-1], percents[1:], days, strict=True):
            panel.area([left, right], 0.0, float(count), styles[name].colour, SHADE)
        for other, also in others:
            style = styles[other]
            panel.curve(np.repeat(percents, 2), np.concatenate([[0.0], np.repeat(also, 2), [0.0]]), style.colour, 1.1)
        panel.y_line(0.0, "ink", 0.8)
        for row, (words, loss, dash) in enumerate(marked):
            _mark(panel, -100.0 * loss, whole.top + (row + 0.5) * ROW, f"{words}: {percent(loss, 2)}", dash)
        return whole.canvas

    return picture("daily_returns", f"Returns by {one.row}: {name}", _caption(name, risk), _alt(risk), data, draw)


def _edges(returns: Array, days: int) -> Array | None:
    """(B + 1,) ends of at most `BARS` bars of a round width, one of them zero; None where all returns are equal.

    returns : (k,) returns of all policies, fraction.
    days    : number of days of one policy; they fill at most twice its root, and a few more bars.
    """
    low, high = float(returns.min()), float(returns.max())
    if not high > low:
        return None
    most = min(BARS, int(2.0 * np.sqrt(days)) + 4)
    power = 10.0 ** np.floor(np.log10((high - low) / most))
    for step in (s * power * k for k in (1.0, 10.0, 100.0) for s in SCALE_STEPS):
        first, last = np.floor(low / step + TINY), np.ceil(high / step - TINY)
        if last - first <= most:
            break
    edges: Array = step * np.arange(first, last + 1.0)
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    return edges


def _losses(risk: PolicyRisk) -> list[tuple[str, float, object]]:
    """Words, loss and dash of each marked loss, the largest first."""
    found = [
        (f"{words} {percent(level, 0)}", float(getattr(tail, field)), dash)
        for level, tail in risk.tails.items()
        for words, field, dash in MARKS
    ]
    return sorted(found, key=lambda one: -one[1])


def _words(name: str, risk: PolicyRisk) -> str:
    each = [f"{words} {percent(loss, 2)}" for words, loss, _ in reversed(_losses(risk))]
    return f"{name}: " + (f"{', '.join(each)} of NAV a {risk.row}" if each else f"too few {risk.row}s for such a loss")


def _caption(name: str, risk: Mapping[str, PolicyRisk]) -> str:
    one = risk[name]
    worst = int(one.returns.argmin())
    date = one.dates[worst + 1]
    text = [f"{words}." for words in (_words(n, r) for n, r in risk.items())]
    text.append(f"Worst {one.row} of {name}: {percent(float(one.returns[worst]), 2)} on {date:%Y-%m-%d}.")
    if one.tails:
        text.append(f"VaR 95 % is exceeded in one {one.row} of twenty; CVaR 95 % is their mean loss (historical).")
    text += [f"None at {percent(at, 0)}: {one.undefined[f'{at:g}']}" for at in TAIL_LEVELS if at not in one.tails]
    if len(risk) > 1:
        text.append(f"Bars: {name}; line: {list(risk)[1]}.")
    return " ".join(text)


def _alt(risk: Mapping[str, PolicyRisk]) -> str:
    each = [
        f"{_words(name, r)}; {len(r.returns):,} {r.row}s from {percent(float(r.returns.min()), 2)} to "
        f"{percent(float(r.returns.max()), 2)}, median {percent(float(np.median(r.returns)), 3)}"
        for name, r in risk.items()
    ]
    return f"Histogram of returns by {next(iter(risk.values())).row}, net of costs. {'. '.join(each)}."


# -- drawing ---------------------------------------------------------------------------------------------------------


def _mark(panel: Panel, at: float, y: float, words: str, dash: object) -> None:
    """A line at a return, up from the foot of the panel to its words."""
    x = panel.x_at(at)
    panel.canvas.line([x, x], [panel.bottom, y - 0.4 * ROW], colour="accent", width=1.4, dash=dash)
    left = min(x + 5.0, panel.right - LETTER * SMALL * len(words))
    panel.canvas.text(left, y, words)
