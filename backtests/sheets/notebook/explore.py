"""A band that follows the hand: sliders, a backtest at each of their steps, and a picture of it.

While a slider moves, each step is backtested, and growth and the gaps to the target are drawn. After half a second at
rest the whole picture is drawn below, where it stays in the saved notebook, and the backtest counts in the trial book.
A click keeps the band as a policy, and `compare(explorer.kept, market, costs)` takes what was kept.
"""

import asyncio
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
from IPython.display import DisplayHandle, display

from backtests.engine import backtest, run
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from backtests.sheets.pictures.comparison.timeline import growth_picture
from backtests.sheets.pictures.comparison.weights import weights_picture
from foundation.arguments import is_number, refuse
from foundation.dataclasses import dataclass, field, replace
from foundation.paper.charts.curves import Series, series_plotted
from foundation.paper.charts.panel import Axis
from foundation.paper.picture import WIDE
from foundation.paper.styles import LineStyle, line_styles
from foundation.paper.svg import LIGHT
from foundation.paper.wording import number
from research.accounting import Costs
from research.allocation import Allocation, TargetPath
from research.market import Market
from research.market.calendars import period
from research.risk.measures import BPS, TRACKING_PENALTY
from research.rules import Rule, Threshold

REST = 0.5  # seconds without a step, after which a setting is whole, and counts
STEP_FIGURES = ("growth", "cost", "tracking_error", "loss", "trading_days", "trades")  # metrics of a step
GAP_AXIS, STYLE = Axis(-10.5, 10.5), LineStyle("sky", width=1.3)  # points, as far as the widest band; of the policy
NO_CASH = 1e-9  # weight of cash below which it has no target
YEAR_LEFT = np.timedelta64(366, "D")  # from the first day to the last: a year has a growth
WIDE_WORDS, LONG = {"description_width": "170px"}, {"width": "640px"}  # of a slider


@dataclass(frozen=True)
class Setting:
    """The place of all sliders.

    width     : half-width of the band, fraction of NAV.
    penalty   : price of squared tracking error.
    multiple  : of the costs.
    day_cost  : cost to the desk of a day with a trade, currency.
    start     : row of the market before the test.
    """

    width: float
    penalty: float
    multiple: float
    day_cost: float
    start: int

    @property
    def name(self) -> str:
        """The policy in a few words."""
        return _named(self.width)


def explore(
    market: Market,
    target: Allocation,
    costs: Costs,
    *,
    start: str | pd.Timestamp | None = None,
    tracking_penalty: float = TRACKING_PENALTY,
    day_cost: float = 25.0,
    **terms: Any,
) -> "Explorer":
    """Sliders for a band round a target, which a notebook shows.

    market           : T days of n assets.
    target           : what the band is round.
    costs            : costs of n assets.
    start            : day on which the test starts where its slider begins; by default the first that has a target.
    tracking_penalty : price of squared tracking error where its slider begins.
    day_cost         : cost to the desk of a day with a trade, currency, likewise.
    terms            : other terms of each backtest, as `backtests.engine.backtest` takes them; `nav` is 1,000,000.
    Raises           : ConfigError for a price below zero, and where no year of days is left after the first target.
    """
    for name, price in (("tracking_penalty", tracking_penalty), ("day_cost", day_cost)):
        if not (is_number(price) and price >= 0.0):
            refuse(f"{name} is", price, "give a number of 0 or more.")
    if not hasattr(target, "target"):
        refuse("target is", target, "give an allocation, such as FixedWeights({'SPY': 0.6, 'AGG': 0.4}).")
    terms = {"nav": 1e6} | terms
    played = run.backtest(market, Threshold(target, 0.02), costs, **terms)  # which refuses what is no market
    rows = _starts(market, played.first, start)
    return Explorer(market, target, costs, played.targets, rows, tracking_penalty, day_cost, terms)


def _starts(market: Market, first: int, start: str | pd.Timestamp | None) -> list[int]:
    """Rows before a test: the wanted one, then the first that has a target, and the last of each month after it."""
    if market.days[-1] - market.days[first] < YEAR_LEFT:
        refuse(
            "the market ends on", f"{market.dates[-1]:%Y-%m-%d}", "give a year of days or more after the first target."
        )
    last = int(np.searchsorted(market.days, market.days[-1] - YEAR_LEFT, side="right")) - 1
    ends = np.flatnonzero(np.diff(period(market.days, "month"))).tolist()
    wanted = first if start is None else int(market.dates.searchsorted(pd.Timestamp(start))) - 1
    if not first <= wanted <= last:
        refuse(
            "start is", start,
            f"give a day from {market.dates[first + 1]:%Y-%m-%d} to {market.dates[last + 1]:%Y-%m-%d}.",
        )  # fmt: skip
    return [wanted, *sorted({first, wanted, *(row for row in ends if first < row <= last)})]


@dataclass(eq=False, repr=False)
class Explorer:
    """The sliders, what they show, and the policies that were kept, by name; made by `explore`."""

    market: Market
    target: Allocation
    costs: Costs
    path: TargetPath
    starts: list[int]
    penalty: float
    day_cost: float
    terms: dict[str, Any]
    kept: dict[str, Rule] = field(default_factory=dict)
    drawn: int = 0
    counted: int = 0

    def __post_init__(self) -> None:
        """Make the sliders."""
        at, *rows = self.starts
        self.sliders = {
            "width": _slider("width, points of NAV", 2.0, 0.1, 10.0, 0.1),
            "penalty": _slider("tracking penalty", self.penalty, 0.0, max(20.0, 2.0 * self.penalty), 0.1),
            "multiple": _slider("costs, times yours", 1.0, 0.0, 5.0, 0.1),
            "day_cost": _slider("price of a day", self.day_cost, 0.0, max(500.0, 2.0 * self.day_cost), 1.0),
            "start": ipywidgets.SelectionSlider(
                options=[(f"{self.market.dates[row + 1]:%Y-%m-%d}", row) for row in rows],
                value=at,
                description="start",
                continuous_update=True,
                style=WIDE_WORDS,
                layout=LONG,
            ),
        }
        self._live, self._said = ipywidgets.HTML(), ipywidgets.HTML()
        self._keep = ipywidgets.Button(description="Keep this policy")
        self._keep.on_click(lambda _: self.keep())
        for slider in self.sliders.values():
            slider.observe(lambda _: self._moved(), "value")
        self._below: DisplayHandle | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._shown: Setting | None = None

    @property
    def setting(self) -> Setting:
        """The place of the sliders."""
        at = {name: slider.value for name, slider in self.sliders.items()}
        return Setting(**at | {"width": round(at["width"] / 100.0, 6)})  # browsers add tenths up with their noise

    def keep(self, *widths: float) -> None:
        """Keep the bands of these half-widths, fraction of NAV, by their names; without any, that of the slider."""
        self.kept |= {_named(width): Threshold(self.target, width) for width in widths or (self.setting.width,)}
        self._said.value = escape(f"Kept: {', '.join(self.kept)}.")

    def step(self) -> str:
        """The figures and the picture at the place of the sliders, as HTML."""
        setting = self.setting
        played = run.backtest(**self._given(setting))
        figures = score(played, Benchmark.of(played, setting.penalty), STEP_FIGURES)
        days, loss, nav = figures["trading_days"], figures["loss"], self.terms["nav"]
        total = loss * nav / BPS + setting.day_cost * days
        words = (
            f"{setting.name} from {played.dates[1]:%Y-%m-%d}: growth {number(100.0 * figures['growth'], 2)} % a year, "
            f"costs {number(figures['cost'], 2)} bp, tracking error {number(100.0 * figures['tracking_error'], 2)} %, "
            f"{number(days, 1)} days and {number(figures['trades'], 1)} orders a year. It loses {number(loss, 2)} bp a "
            f"year, {number(total, 0)} of {number(nav, 0)} with its days."
        )
        colours = ";".join(f"--{name}:{value}" for name, value in LIGHT.items())
        picture = _step_picture(played)
        self.drawn, self._shown = self.drawn + 1, setting
        return (
            f'<div class="explored" data-drawn="{self.drawn}" style="{colours};max-width:{WIDE.width:g}px">'
            f"<p>{escape(words)}</p>{picture}</div>"
        )

    def rest(self) -> None:
        """Count the backtest in the trial book, and draw its whole picture where the notebook keeps it."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = None
        played = backtest(**self._given(self.setting))
        self.counted += 1
        growth = growth_picture({played.name: played}, {played.name: STYLE}, played.name, played.periods_per_year)
        pictures = (growth, weights_picture(played, STYLE))
        whole = {"text/html": "".join(picture._repr_html_() for picture in pictures), "text/plain": repr(self)}
        if self._below is not None:
            self._below.update(whole, raw=True)

    def _moved(self) -> None:
        if self.setting == self._shown:
            return
        self._live.value = self.step()
        if self._waiting is not None:
            self._waiting.cancel()
        try:
            self._waiting = asyncio.get_running_loop().call_later(REST, self.rest)
        except RuntimeError:  # outside a kernel nobody waits
            self.rest()

    def _given(self, setting: Setting) -> dict[str, Any]:
        return self.terms | {
            "market": self.market, "policy": Threshold(self.target, setting.width),
            "costs": self.costs.scaled(setting.multiple), "targets": self.path,
            "start": self.market.dates[setting.start + 1], "name": setting.name,
        }  # fmt: skip

    def __repr__(self) -> str:
        """One line."""
        return f"Explorer of {self.market.name}: {self.setting.name}, {len(self.kept)} kept."

    def _ipython_display_(self) -> None:
        """Show sliders and picture, and below them the whole picture."""
        self._live.value = self.step()
        buttons = ipywidgets.HBox([self._keep, self._said])
        display(ipywidgets.VBox([*self.sliders.values(), buttons, self._live]))
        self._below = display({"text/html": "", "text/plain": repr(self)}, raw=True, display_id=True)
        self.rest()


def gaps_to_target(played: Backtest) -> dict[str, np.ndarray]:
    """(D + 1,) weight less target at each close, points of NAV, of each asset, and of cash where it has a target."""
    target = played.targets.since(played.first)
    found = dict(zip(played.market.assets, 100.0 * (played.weights.to_numpy() - target).T, strict=True))
    cash = 1.0 - target.sum(axis=1)
    if np.abs(cash).max() > NO_CASH:
        found["cash"] = 100.0 * (played.cash_weight.to_numpy() - cash)
    return found


def _step_picture(played: Backtest) -> str:
    """The gap of each weight to its target, on a scale that no step changes, and growth, as an <svg> element."""
    name, grown, away = played.name, played.growth_path / played.growth_path[0], gaps_to_target(played)
    means = {asset: f"{number(np.abs(gap).mean(), 1)}" for asset, gap in away.items()}
    end = {name: f"×{number(grown[-1])}"}
    shown = (
        Series("Gap to target", "points of NAV, as far as ±10; label: mean size", away, means, GAP_AXIS),
        Series("Growth of 1", "net of costs (log scale)", {name: grown}, end, Axis.over(grown, kind="log")),
    )
    styles = {name: STYLE} | line_styles(dict.fromkeys(away, False), "", None)
    drawn = series_plotted(shown, styles, played.dates)(replace(WIDE, name="explored"))
    return drawn.svg("wide", f"{name}: growth, and gaps to target")


def _named(width: float) -> str:
    return f"±{round(100.0 * width, 4):g} % band"


def _slider(words: str, value: float, least: float, most: float, step: float) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        value, min=least, max=most, step=step, description=words, continuous_update=True, style=WIDE_WORDS, layout=LONG
    )
