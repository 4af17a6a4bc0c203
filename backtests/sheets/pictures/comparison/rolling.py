"""Pictures of what changes through a test: rolling measures, betas on factors, and concentration."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from backtests.attribution.exposures import Concentration
from backtests.attribution.factor_attribution import FactorAttribution
from backtests.evaluation.policy_risk import PolicyRisk
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.paper.charts.curves import Series, series_plotted
from foundation.paper.charts.panel import Axis
from foundation.paper.picture import HALF, Picture, by_day, picture
from foundation.paper.styles import LineStyle
from foundation.paper.wording import counted, listed, number, percent

HEIGHT, FACTOR_HEIGHT, NUMBER_HEIGHT = 80.0, 110.0, 104.0  # px: of a panel
FACTORS_SHOWN = 6  # factors that are drawn; all are in the CSV


@dataclass(frozen=True)
class Measure:
    """The metric of one panel.

    name, unit : its heading.  narrow : unit on a phone.  factor : from records to unit.  base : value of its dark line.
    """

    name: str
    unit: str
    narrow: str
    factor: float
    digits: int
    base: float = 0.0

    def text(self, value: float) -> str:
        """A value of records in words."""
        return percent(value, self.digits) if self.factor == 100.0 else number(value, self.digits)

    def series(self, found: Mapping[str, Array]) -> Series:
        """The panel of the metric. found : (k,) values of records, by policy."""
        scaled = {name: self.factor * values for name, values in found.items()}
        away = [float(np.abs(values - self.base).max()) for values in scaled.values()]
        least = 10.0**-self.digits  # the axis holds the least value that a label can show: rounding is no movement
        shows = [self.base, *([self.base + least] if max(away) < least else [])]
        axis = Axis.over(np.concatenate([*scaled.values(), shows]))
        figures = {name: self.text(float(values[-1])) for name, values in found.items()}
        return Series(self.name, (self.unit, self.narrow), scaled, figures, axis, self.base, most=4)


ROLLING_MEASURES = {
    "volatility": Measure("Volatility", "% a year, over the last year; label: latest", "% a year", 100.0, 1),
    "sharpe": Measure("Sharpe ratio", "net of costs, over the last year; label: latest", "net of costs", 1.0, 2),
    "tracking_error": Measure(
        "Tracking error", "% a year, to the strategic target; label: latest", "% a year, to the target", 100.0, 2
    ),
    "beta": Measure("Beta", "to the benchmark, over the last year; label: latest", "to the benchmark", 1.0, 2, 1.0),
}


def rolling_picture(risk: Mapping[str, PolicyRisk], styles: Mapping[str, LineStyle]) -> Picture | None:
    """The picture of the measures that are defined; None where the test is shorter than a year.

    risk   : risk by policy; the caption describes the first one.
    styles : line style of each policy.
    """
    kept = {m: {n: r.rolling[m] for n, r in risk.items() if m in r.rolling} for m in ROLLING_MEASURES}
    there = {measure: found for measure, found in kept.items() if found}
    if not there:
        return None
    name, one = next(iter(risk.items()))
    dates, nothing = one.rolling_dates, np.full(len(one.rolling_dates), np.nan)
    data = by_day(dates, {n: {m: r.rolling.get(m, nothing) for m in ROLLING_MEASURES} for n, r in risk.items()})
    shown = [ROLLING_MEASURES[measure].series(found) for measure, found in there.items()]
    title, draw = f"Rolling one-year {listed(list(map(_said, there)))}", series_plotted(shown, styles, dates, HEIGHT)
    return picture("rolling", title, _caption(there, name, one), _alt(there, one), data, draw)


def _said(measure: str) -> str:
    """The name of a measure within a sentence."""
    return ROLLING_MEASURES[measure].name if measure == "sharpe" else ROLLING_MEASURES[measure].name.lower()


def _caption(there: Mapping[str, Mapping[str, np.ndarray]], name: str, one: PolicyRisk) -> str:
    parts, dates = [], one.rolling_dates
    for measure, found in there.items():
        if name in found:
            shown, values = ROLLING_MEASURES[measure], found[name]
            rows = int(values.argmin()), int(values.argmax())
            ends = [f"{shown.text(float(values[k]))} ({dates[k]:%Y-%m})" for k in rows]
            parts.append(f"{_said(measure)} from {' to '.join(ends)}")
    text = f"{name}, over each year: {listed(parts)}. " if parts else ""
    first = f"Each point describes the year before it; the first is {dates[0]:%Y-%m-%d}."
    to = f" Beta is to {one.benchmark}." if "beta" in there else ""
    return (
        f"{text}{first} Neighbouring points share their days, so a move that lasts a year may be that of one week.{to}"
    )


def _alt(there: Mapping[str, Mapping[str, np.ndarray]], one: PolicyRisk) -> str:
    dates = one.rolling_dates
    each = [
        f"{name} {ROLLING_MEASURES[key].name}: {_extremes(values, ROLLING_MEASURES[key].text)}"
        for key, found in there.items()
        for name, values in found.items()
    ]
    return f"Over {one.window} days to each day from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}. {'; '.join(each)}."


def _extremes(values: Array, text: Callable[[float], str]) -> str:
    """The ends of a curve in words."""
    return f"lowest {text(values.min())}, highest {text(values.max())}, latest {text(values[-1])}"


# -- betas on factors ------------------------------------------------------------------------------------------------


def factor_betas_picture(found: Mapping[str, FactorAttribution], styles: Mapping[str, LineStyle]) -> Picture:
    """A panel a factor with a curve a policy.

    found  : attribution by policy; the caption describes the first one.
    styles : line style of each policy.
    """
    name, one = next(iter(found.items()))
    shown, unit = [], ("beta over the last year; label: latest", "beta")
    for row, factor in enumerate(one.factors[:FACTORS_SHOWN]):
        values = {name: a.rolling[:, row] for name, a in found.items()}
        figures, axis = (
            {name: number(v[-1]) for name, v in values.items()},
            Axis.over([0.0, *np.ravel([*values.values()])]),
        )
        shown.append(Series(factor, unit, values, figures, axis, 0.0, most=4))
    frames = [
        pd.DataFrame({"date": a.rolling_dates.strftime("%Y-%m-%d"), "policy": policy, **_betas(a)})
        for policy, a in found.items()
    ]
    title, data = f"Rolling betas over {one.window} days", pd.concat(frames, ignore_index=True)
    draw = series_plotted(shown, styles, one.rolling_dates, FACTOR_HEIGHT, "last day of the year")
    return picture("factor_betas", title, _betas_caption(name, one), _betas_alt(found), data, draw)


def _betas(one: FactorAttribution) -> dict[str, Array]:
    """Its columns of the table."""
    return {f"beta on {factor}": one.rolling[:, k] for k, factor in enumerate(one.factors)}


def _betas_caption(name: str, one: FactorAttribution) -> str:
    ranges = [
        f"on {factor} from {number(float(one.rolling[:, k].min()))} to {number(float(one.rolling[:, k].max()))}"
        for k, factor in enumerate(one.factors[:FACTORS_SHOWN])
    ]
    left_out = len(one.factors) - FACTORS_SHOWN
    more = f" {counted(left_out, 'factor')} more in the CSV." if left_out > 0 else ""
    return (
        f"Beta of {name} over each year: {listed(ranges)}. Neighbouring points share their days, and each is an "
        f"estimate; intervals over the whole test are in the table.{more}"
    )


def _betas_alt(found: Mapping[str, FactorAttribution]) -> str:
    each = [
        f"{name} on {factor}: {_extremes(a.rolling[:, k], number)}"
        for name, a in found.items()
        for k, factor in enumerate(a.factors[:FACTORS_SHOWN])
    ]
    return f"Betas over the year up to each day. {'; '.join(each)}."


# -- concentration ---------------------------------------------------------------------------------------------------


def concentration_picture(name: str, found: Concentration, style: LineStyle) -> Picture | None:
    """The picture; None where nothing but cash was held.

    name  : of the policy.
    found : its concentration.
    style : of its line.
    """
    if np.isnan(found.lines).all():
        return None
    known = found.lines[~np.isnan(found.lines)]
    text = f"Effective number of assets of {name}: {number(known.min(), 1)} to {number(known.max(), 1)}. "
    if len(found.bets):
        text += (
            f"Effective number of bets, the squared diversification ratio: {number(found.bets.min(), 2)} to "
            f"{number(found.bets.max(), 2)}, least on {found.dates[found.ends[int(found.bets.argmin())]]:%Y-%m-%d}: so "
            "many uncorrelated assets of equal risk would be diversified as well, by the returns of the year before."
        )
    else:
        text += "The effective number of bets needs a year of returns of every asset held."
    each = [("lines at each close", known, 1), *([("bets at month ends", found.bets, 2)] if len(found.bets) else [])]
    told = [
        f"{what}, {number(float(v[0]), digits)} first, {number(float(v[-1]), digits)} last, between "
        f"{number(float(v.min()), digits)} and {number(float(v.max()), digits)}"
        for what, v, digits in each
    ]
    alt = f"Effective number of {'; of '.join(told)}."
    bets = np.full(len(found.dates), np.nan)
    bets[found.ends] = found.bets
    data = pd.DataFrame(
        {"date": found.dates.strftime("%Y-%m-%d"), "effective_lines": found.lines, "effective_bets": bets}
    )

    curves = [
        ("Effective lines", "number, by weight", found.lines),
        ("Effective bets", "number, over the last year", bets),
    ]
    shown = []
    for words, unit, values in curves[: 2 if len(found.bets) > 1 else 1]:
        own, dates = values[~np.isnan(values)], found.dates[~np.isnan(values)]
        end, axis = {name: number(float(own[-1]), 1)}, Axis.over([*own, 1.0])
        shown.append(Series(words, unit, {name: own}, end, axis, most=4, dates=dates))
    draw = series_plotted(shown, {name: style}, found.dates, NUMBER_HEIGHT, right=130.0)
    return picture("concentration", f"Concentration: {name}", text, alt, data, draw, HALF)
