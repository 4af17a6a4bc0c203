"""Pictures of returns: over every span of years, of months and years, grown at one volatility, and of a day."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtests.evaluation.policy_risk import PolicyRisk
from backtests.evaluation.trailing_returns import SPANS
from backtests.sheets.pictures.comparison.timeline import axis_of
from foundation.arrays import Array
from foundation.paper.charts.curves import Series, series_plotted
from foundation.paper.charts.interval_rows import Row, interval_rows
from foundation.paper.charts.panel import Axis, Panel, Side, beside, evenly, one_panel
from foundation.paper.layout import AXIS, NAMES, ROW_HEIGHT, SCALE_STEPS, limits
from foundation.paper.picture import Format, Picture, by_day, picture
from foundation.paper.styles import LETTER, LineStyle, eligible_styles
from foundation.paper.svg import SMALL, Canvas
from foundation.paper.wording import counted, number, percent
from research.risk.distribution import TAIL_LEVELS

BETWEEN = 34.0  # px between the panels of a wide page
QUARTERS = (0.25, 0.5, 0.75)
HEIGHT, ROW = 170.0, 16.0  # px: of the bars, and of a marked loss above them
MOST_BARS = 60  # at most; fewer where there are few days
SHADE = 0.45  # strength of the bars' colour
RISK_MARKS = (("VaR", "var", (0, (4.0, 2.0))), ("CVaR", "cvar", "-"))  # words, field, dash
BAR_ROUNDING = 1e-9  # of a bar: how far beyond its end a return may lie by rounding


def rolling_returns_picture(
    found: Mapping[str, Mapping[str, Array]], styles: Mapping[str, LineStyle], dates: pd.DatetimeIndex
) -> Picture:
    """A panel a span of years: the return of each policy over the span up to each close.

    found  : by span and policy, (k,) the last ones, fraction a year.
    styles : line style of each policy.
    dates  : (D + 1,) closes.
    """
    shown = []
    for span, by_policy in found.items():
        curves = {name: 100.0 * values for name, values in by_policy.items()}
        figures = {name: percent(float(values[-1])) for name, values in by_policy.items()}
        title, unit = f"Over {counted(SPANS[span], 'year')}", "% a year, up to each close; label: latest"
        shown.append(Series(title, unit, curves, figures, axis_of(curves, styles)))
    frames = [
        pd.DataFrame({"last_close": dates[-len(v) :].strftime("%Y-%m-%d"), "policy": name, span: v})
        for span, by_policy in found.items()
        for name, v in by_policy.items()
    ]
    data = pd.concat(frames).groupby(["policy", "last_close"], sort=False, as_index=False).first()
    each = [
        f"{SPANS[span]}: "
        + ", ".join(f"{n} {percent(v.min())} to {percent(v.max())}, mean {percent(v.mean())}" for n, v in of.items())
        for span, of in found.items()
    ]
    caption = "Neighbouring spans share nearly all of their days: the curves describe the test and are no evidence."
    alt = f"Return a year over spans of so many years. {'; '.join(each)}."
    return picture("rolling_returns", "Rolling returns", caption, alt, data, series_plotted(shown, styles, dates))


def spreads_picture(found: Mapping[str, Mapping[str, Array]], styles: Mapping[str, LineStyle]) -> Picture:
    """A row a policy: a stroke a return, a broad line over the middle half of them, a mark at their median.

    found  : by "months" and "years", then policy, (k,) returns of whole periods, fraction.
    styles : line style of each policy.
    """
    each = [(length, name, values) for length, by_policy in found.items() for name, values in by_policy.items()]
    frames = [pd.DataFrame({"length": length, "policy": name, "return": values}) for length, name, values in each]

    def draw(f: Format) -> Canvas:
        spans = evenly(f, len(found), NAMES, BETWEEN, 8.0)
        panels = beside(f, [ROW_HEIGHT * len(styles)] * len(found), spans, AXIS)
        for at, (length, by_policy) in zip(panels, found.items(), strict=True):
            held = np.concatenate([by_policy[name] for name in eligible_styles(styles, by_policy)])
            x = Side(Axis.over(100.0 * held, 0.03), f"return of whole {length}, %, net of costs", most=6, zero="ink")
            panel = at.scaled(x, Side(words=f"Calendar {length}"))
            rows = [_row(panel, name, 100.0 * values, styles[name]) for name, values in by_policy.items()]
            interval_rows(panel, rows, names=panel.left == NAMES)
        return panel.canvas

    said = [
        f"{name}, {len(v)} {length}: {percent(v.min())} to {percent(v.max())}, median {percent(np.median(v))}"
        for length, name, v in each
    ]
    caption = (
        "A stroke a month or a year, over the middle half of them a broad line, a mark at the median. Strokes beyond "
        "the scale, which eligible policies set, are left out; the table has the worst and the best."
    )
    title, data = "Distribution of monthly and yearly returns", pd.concat(frames, ignore_index=True)
    return picture("return_spreads", title, caption, f"{'; '.join(said)}.", data, draw)


def _row(panel: Panel, name: str, values: Array, style: LineStyle) -> Row:
    low, middle, high = (float(q) for q in np.quantile(values, QUARTERS))
    shown = [float(v) for v in values if panel.x.low <= v <= panel.x.high]
    beyond = f"median {number(middle, 1)}" if panel.x.arrow(middle) else ""
    inner = (panel.x.held(low), panel.x.held(high))
    return Row(name, middle, middle, middle, style, filled=False, beyond=beyond, inner=inner, values=shown)


def matched_picture(
    found: Mapping[str, Array], shares: Mapping[str, float], styles: Mapping[str, LineStyle], reference: str,
    dates: pd.DatetimeIndex,
) -> Picture:  # fmt: skip
    """Growth of 1 of each policy at the volatility of the reference.

    found     : (D + 1,) growth of each policy, 1 at the first close.
    shares    : fraction of NAV that is in each policy; the rest is in cash.
    styles    : line style of each policy.
    reference : name of a policy.
    dates     : (D + 1,) closes.
    """
    figures = {name: f"×{number(float(path[-1]))}" for name, path in found.items()}
    unit = "net of costs (log scale)"
    series = Series(f"Growth of 1 at {reference}'s volatility", unit, found, figures, axis_of(found, styles, "log"))
    data = by_day(dates, {name: {"share": shares[name], "growth": path} for name, path in found.items()})
    caption = (
        "Each policy with so much of NAV in it that its returns over cash vary as the reference's; the rest earns the "
        "cash rate, or is borrowed at it, without further costs (Modigliani and Modigliani, 1997)."
    )
    alt = "; ".join(f"{name}: {percent(shares[name])} of NAV, grew to {words[1:]}" for name, words in figures.items())
    draw = series_plotted([series], styles, dates)
    return picture("matched_volatility", "Growth at one volatility", caption, f"{alt}.", data, draw)


# -- of a day ---------------------------------------------------------------------------------------------------------


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
        whole = one_panel(f, above + HEIGHT, across, right=8.0, below=AXIS)
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

    caption, alt = _daily_caption(name, risk), _daily_alt(risk)
    return picture("daily_returns", f"Returns by {one.row}: {name}", caption, alt, data, draw)


def _edges(returns: Array, days: int) -> Array | None:
    """(B + 1,) ends of at most `MOST_BARS` bars of a round width, one of them zero; None where all returns are equal.

    returns : (k,) returns of all policies, fraction.
    days    : number of days of one policy; they fill at most twice its root, and a few more bars.
    """
    low, high = float(returns.min()), float(returns.max())
    if not high > low:
        return None
    most = min(MOST_BARS, int(2.0 * np.sqrt(days)) + 4)
    power = 10.0 ** np.floor(np.log10((high - low) / most))
    for step in (s * power * k for k in (1.0, 10.0, 100.0) for s in SCALE_STEPS):
        first, last = np.floor(low / step + BAR_ROUNDING), np.ceil(high / step - BAR_ROUNDING)
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
        for words, field, dash in RISK_MARKS
    ]
    return sorted(found, key=lambda one: -one[1])


def _tail_words(name: str, risk: PolicyRisk) -> str:
    each = [f"{words} {percent(loss, 2)}" for words, loss, _ in reversed(_losses(risk))]
    return f"{name}: " + (f"{', '.join(each)} of NAV a {risk.row}" if each else f"too few {risk.row}s for such a loss")


def _daily_caption(name: str, risk: Mapping[str, PolicyRisk]) -> str:
    one = risk[name]
    worst = int(one.returns.argmin())
    date = one.dates[worst + 1]
    text = [f"{words}." for words in (_tail_words(n, r) for n, r in risk.items())]
    text.append(f"Worst {one.row} of {name}: {percent(float(one.returns[worst]), 2)} on {date:%Y-%m-%d}.")
    if one.tails:
        text.append(f"VaR 95 % is exceeded in one {one.row} of twenty; CVaR 95 % is their mean loss (historical).")
    text += [f"None at {percent(at, 0)}: {one.undefined[f'{at:g}']}" for at in TAIL_LEVELS if at not in one.tails]
    if len(risk) > 1:
        text.append(f"Bars: {name}; line: {list(risk)[1]}.")
    return " ".join(text)


def _daily_alt(risk: Mapping[str, PolicyRisk]) -> str:
    each = [
        f"{_tail_words(name, r)}; {len(r.returns):,} {r.row}s from {percent(float(r.returns.min()), 2)} to "
        f"{percent(float(r.returns.max()), 2)}, median {percent(float(np.median(r.returns)), 3)}"
        for name, r in risk.items()
    ]
    return f"Histogram of returns by {next(iter(risk.values())).row}, net of costs. {'. '.join(each)}."


def _mark(panel: Panel, at: float, y: float, words: str, dash: object) -> None:
    """A line at a return, up from the foot of the panel to its words."""
    x = panel.x_at(at)
    panel.canvas.line([x, x], [panel.bottom, y - 0.4 * ROW], colour="accent", width=1.4, dash=dash)
    left = min(x + 5.0, panel.right - LETTER * SMALL * len(words))
    panel.canvas.text(left, y, words)
