"""Today's holdings over the next year: the median of simulated futures, and bands round it."""

import pandas as pd

from backtests.today.from_today import FAN_LEVELS, FromToday, PolicyFuture
from foundation.paper.charts.curves import End, end_labels
from foundation.paper.charts.panel import Axis, Panel, Side, day_numbers, plotted
from foundation.paper.picture import Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import percent

HEIGHT = 220.0  # px
BANDS = (("0.05", "0.95", 0.14), ("0.1", "0.9", 0.16), ("0.25", "0.75", 0.22))  # low, high, strength of the colour
LEVEL_LABELS = {"0.95": "95 %", "0.75": "75 %", "0.5": "median", "0.25": "25 %", "0.05": "5 %"}  # at the right edge


def fan_picture(found: FromToday, style: LineStyle) -> Picture:
    """The policy shown, under the recommended law.  style : of its line; the bands have its colour."""
    shown = found.shown
    fan = 100.0 * (shown.fan - 1.0)
    last = shown.fan.iloc[-1] - 1.0

    dates = pd.DatetimeIndex(fan.index)
    days = day_numbers(dates)

    def marks(panel: Panel) -> None:
        panel.y_line(0.0, "soft", 0.8, behind=True)
        for low, high, strength in BANDS:
            panel.area(days, fan[low], fan[high], style.colour, strength)
        for edge in ("0.05", "0.95"):
            panel.curve(days, fan[edge], style.colour, 0.8, (0, (1.3, 1.5)))
        panel.curve(days, fan["0.5"], style.colour, 2.1)
        labels = []
        for name, words in LEVEL_LABELS.items():
            own, value = LineStyle(style.colour, bold=name == "0.5"), float(fan[name].iloc[-1])
            labels.append(End(words, panel.y_at(value), own, percent(value / 100.0)))
        end_labels(panel, labels, values=True)

    x = Side(Axis(days[0], days[-1]), "date", dates=dates)
    y = Side(Axis.over([fan["0.05"].min(), fan["0.95"].max(), 0.0]), "Return since today", "%, net of costs")
    title, data = f"A year from {found.dates[0]:%Y-%m-%d}: {shown.policy}", shown.fan.rename_axis("date").reset_index()
    caption, alt, data = _caption(found, shown, last), _alt(found, shown, last), data.rename(columns=_column)
    return picture("fan", title, caption, alt, data, plotted(x, y, marks, HEIGHT))


def _column(name: str) -> str:
    return "date" if name == "date" else f"wealth over today's, {100.0 * float(name):g} % quantile"


def _caption(found: FromToday, shown: PolicyFuture, last: pd.Series) -> str:
    low, middle, high = (percent(last[level], signed=True) for level in ("0.05", "0.5", "0.95"))
    return (
        f"Wealth of {shown.policy} in {shown.paths:,} futures by the {shown.law}: bands hold 50, 80 and 90 % of them "
        f"on each day. On {found.dates[-1]:%Y-%m-%d} the median is {middle} and 90 % lie between {low} and {high}. No "
        "path follows an edge of a band, and a band is no interval for what will happen: it holds where the law does."
    )


def _alt(found: FromToday, shown: PolicyFuture, last: pd.Series) -> str:
    each = ", ".join(f"{100.0 * level:g} % quantile {percent(last[f'{level:g}'], signed=True)}" for level in FAN_LEVELS)
    return f"Fan chart over {len(found.dates) - 1} {found.rows} from {found.dates[0]:%Y-%m-%d}. At its end: {each}."
