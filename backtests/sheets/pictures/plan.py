"""The life of a plan: what is left as years pass, and the probability of failing by the amount that is spent."""

import math
from decimal import ROUND_DOWN, Context

import numpy as np
import pandas as pd

from backtests.today.plan import MEDIAN, OTHER_PATHS, WEALTH_LEVELS, LifeOfPlan
from foundation.paper.charts.curves import End, end_labels
from foundation.paper.charts.panel import Axis, Panel, Side, plotted
from foundation.paper.picture import Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import amount, counted, percent

HEIGHT = 240.0  # px
DOWN = Context(prec=3, rounding=ROUND_DOWN)  # an amount rounded up is not safe
LEVEL_BANDS = ((0, 4, 0.16), (1, 3, 0.24))  # numbers of the levels at the edges of a band, and strength of the colour
QUANTILE_LABELS = ("5 %", "25 %", "median", "75 %", "95 %")  # of the levels
HIGHEST = 3  # number of the level that the axis reaches: the highest futures would flatten all others


def plan_fan_picture(life: LifeOfPlan, style: LineStyle) -> Picture:
    """The policy shown: quantiles of NAV in today's money.  style : of its line; the bands have its colour."""
    fan, unit = life.policies[life.shown].fan, life.portfolio.basis
    years = np.arange(len(fan))
    table = pd.DataFrame(fan, columns=[f"NAV, {100 * level:g} % quantile" for level in WEALTH_LEVELS])
    table.insert(0, "year", years)

    high = 1.6 * float(fan[:, HIGHEST].max())
    million, words = (1e6, "million ") if high > 1e6 else (1.0, "")
    x = Side(Axis(0.0, float(years[-1])), "years from today", most=(8, 5))
    y = Side(Axis(0.0, high), "Left", f"{words}{unit} in today's money", texts=lambda mark: f"{mark / million:,g}")

    def marks(panel: Panel) -> None:
        for low, top, strength in LEVEL_BANDS:
            panel.area(years, fan[:, low], np.minimum(fan[:, top], high), style.colour, strength)
        panel.curve(years, fan[:, MEDIAN], style.colour, 2.1)
        ends = []
        for k, (words, value) in enumerate(zip(QUANTILE_LABELS, fan[-1], strict=True)):
            own, beyond = LineStyle(style.colour, bold=k == MEDIAN), panel.y.arrow(value)
            ends.append(End(words, panel.y_at(value), own, amount(value), beyond=beyond))
        end_labels(panel, ends[::-1], values=True)

    one, tax = life.policies[life.shown], life.portfolio.costs.tax
    low, top = (amount(one.left[k]) for k in (0, 4))
    net = ", and is after the tax on what is taken out of sheltered accounts" if life.plan.withdrawal_tax > 0.0 else ""
    is_taxed = tax is not None and tax.charges and tax.at_end != "step_up"
    caption = (
        f"Held and rebalanced by {life.shown}, the median leaves {amount(one.left[MEDIAN])} {unit} in today's money "
        f"after {counted(life.plan.years, 'year')} ({amount(one.nominal[MEDIAN])} in money of that day"
        f"{'; after the tax on its gains, which is not yet taken from the picture' if is_taxed else ''}). Nine futures "
        f"of ten leave between {low} and {top}. The picture begins after what is paid today{net}. No future follows an "
        "edge."
    )
    alt = f"Fan chart over {life.plan.years} years. At its end: " + ", ".join(
        f"{words} {amount(value)}" for words, value in zip(QUANTILE_LABELS, fan[-1], strict=True)
    )
    return picture("plan", "What is left", caption, f"{alt} {unit}.", table, plotted(x, y, marks, HEIGHT))


def rounded_down(value: float) -> str:
    """An amount that is searched for among futures, down to the three digits that it is known to; – for NaN."""
    return "–" if math.isnan(value) else amount(float(DOWN.create_decimal(value)))


def plan_amounts_picture(life: LifeOfPlan, style: LineStyle) -> Picture:
    """The probability of failing by the amount that is spent, of the policy shown.  style : its line."""
    unit, stated = f"{life.portfolio.basis} a year{life.money}", life.plan.spending.amount or 0.0
    failed, safe = life.policies[life.shown].failed, life.policies[life.shown].safe
    amounts = [each for each, _ in life.curve]
    columns = {name: [100.0 * getattr(chance, name) for _, chance in life.curve] for name in ("value", "low", "high")}

    def marks(panel: Panel) -> None:
        panel.y_line(100.0 * life.plan.probability, "soft", 0.8, (0, (3.0, 3.0)))
        panel.x_line(stated, "soft", 0.8, (0, (1.3, 1.5)))
        panel.area(amounts, columns["low"], columns["high"], style.colour, 0.25)
        panel.curve(amounts, columns["value"], style.colour, 2.1)

    x = Side(Axis(0.0, amounts[-1]), f"spent, {unit}", most=(7, 4), texts=amount)
    y = Side(Axis(0.0, 100.0), "Probability of failing", f"% within {life.plan.years} years")
    draw = plotted(x, y, marks, HEIGHT, right=24.0)
    bears = f"with {rounded_down(safe.value)} it is {percent(life.plan.probability)} (dashed)"
    if safe.value == 0.0:
        bears = f"however little is spent, it is more than {percent(life.plan.probability)} (dashed)"
    caption = (
        f"With {amount(stated)} {unit} (dotted) the plan fails in {percent(failed.value)} of {life.paths:,} futures; "
        f"{bears}. The line and its band, the interval of 95 %, are of {min(life.paths, OTHER_PATHS):,} futures."
    )
    alt = "Probability of failing by amount: " + ", ".join(
        f"{amount(each)} {percent(chance.value)}" for each, chance in life.curve
    )
    data = pd.DataFrame({f"spent, {unit}": amounts, **{f"probability, %, {k}": v for k, v in columns.items()}})
    return picture("amounts", "What may be spent", caption, f"{alt}.", data, draw)
