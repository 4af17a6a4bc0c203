"""A band that follows the hand: sliders, a backtest at each of their steps, and a picture of it.

While a slider moves, each step is backtested and drawn, with weights at a few hundred days. After half a second at rest
the whole picture is drawn below, where it stays in the saved notebook, and the setting counts in the trial book. A
click keeps the setting as a policy, and `compare(explorer.kept, market, costs)` takes what was kept.
"""

import asyncio
from dataclasses import dataclass, field
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from IPython.display import DisplayHandle, display

from backtests.engine import backtest, run
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from backtests.sheets.pictures.comparison.timeline import Series, growth_picture, series_canvas
from backtests.sheets.pictures.comparison.weights import weights_picture
from foundation.paper.charts.panel import Axis
from foundation.paper.picture import WIDE
from foundation.paper.styles import LineStyle
from foundation.paper.svg import HUES, LIGHT, Canvas
from foundation.paper.wording import number
from research.accounting import Costs
from research.allocation import Allocation, TargetPath, target_path
from research.market import Market
from research.risk.measures import BPS, TRACKING_PENALTY
from research.rules import Rule, Threshold

REST = 0.5  # seconds without a step, after which a setting is whole, and counts
STEP_FIGURES = ("growth", "cost", "tracking_error", "loss", "trading_days", "trades")  # metrics of a step
THIN, STRIP = 300, 110.0  # days of the weights while a slider moves, and px of their picture
GAPS, STYLE = Axis(0.0, 10.5), LineStyle("sky", width=1.3)  # of the picture of any step
FEWEST_ROWS = 60  # rows that a test keeps
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
    nav: float = 1e6,
    tracking_penalty: float = TRACKING_PENALTY,
    day_cost: float = 25.0,
) -> "Explorer":
    """Sliders for a band round a target, which a notebook shows.

    market           : T days of n assets.
    target           : what the band is round.
    costs            : costs of n assets.
    nav              : wealth, currency.
    tracking_penalty : price of squared tracking error where its slider begins.
    day_cost        : cost to the desk of a day with a trade, currency, likewise.
    """
    path = target_path(target, market, min(target.window, len(market.dates) - 1))
    return Explorer(market, target, costs, nav, path, tracking_penalty, day_cost)


@dataclass(eq=False, repr=False)
class Explorer:
    """The sliders, what they show, and the policies that were kept, by name; made by `explore`."""

    market: Market
    target: Allocation
    costs: Costs
    nav: float
    path: TargetPath
    penalty: float
    day_cost: float
    kept: dict[str, Rule] = field(default_factory=dict)
    drawn: int = 0
    counted: int = 0

    def __post_init__(self) -> None:
        """Make the sliders."""
        first = int(np.argmax(self.path.row >= 0))
        last = max(first, len(self.market.dates) - 1 - FEWEST_ROWS)
        self.sliders = {
            "width": _slider("width, points of NAV", 2.0, 0.1, 10.0, 0.1),
            "penalty": _slider("tracking penalty", self.penalty, 0.0, 20.0, 0.1),
            "multiple": _slider("costs, times yours", 1.0, 0.0, 5.0, 0.1),
            "day_cost": _slider("price of a day", self.day_cost, 0.0, max(500.0, 2.0 * self.day_cost), 1.0),
            "start": ipywidgets.SelectionSlider(
                options=[(f"{self.market.dates[row + 1]:%Y-%m}", row) for row in self._months(first, last)],
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

    def _months(self, first: int, last: int) -> list[int]:
        """The first row that has a target, and the last of each month after it."""
        month = self.market.days.astype("datetime64[M]")
        ends = np.flatnonzero(month[1:] != month[:-1]).tolist()
        return [first, *(row for row in ends if first < row <= last)]

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
        """The figures and the thinned picture at the place of the sliders, as HTML."""
        self._shown = setting = self.setting
        played = run.backtest(**self._given(setting))
        figures = score(played, Benchmark.of(played, setting.penalty), STEP_FIGURES)
        days, loss = figures["trading_days"], figures["loss"]
        total = loss * self.nav / BPS + setting.day_cost * days
        words = (
            f"{setting.name} from {played.dates[1]:%Y-%m-%d}: growth {number(100.0 * figures['growth'], 2)} % a year, "
            f"costs {number(figures['cost'], 2)} bp, tracking error {number(100.0 * figures['tracking_error'], 2)} %, "
            f"{number(days, 1)} days and {number(figures['trades'], 1)} orders a year. It loses {number(loss, 2)} bp a "
            f"year, {number(total, 0)} of {number(self.nav, 0)} with its days."
        )
        colours = ";".join(f"--{name}:{value}" for name, value in LIGHT.items())
        self.drawn += 1
        return (
            f'<div class="explored" data-drawn="{self.drawn}" style="{colours};max-width:{WIDE.width:g}px">'
            f"<p>{escape(words)}</p>{_step_picture(played)}{weights_strip(played)}</div>"
        )

    def rest(self) -> None:
        """Count the setting in the trial book, and draw its whole picture where the notebook keeps it."""
        self._waiting = None
        played = backtest(**self._given(self.setting))
        self.counted += 1
        styles = {played.name: STYLE}
        growth = growth_picture({played.name: played}, styles, played.name, played.periods_per_year)
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
        return {
            "market": self.market, "policy": Threshold(self.target, setting.width),
            "costs": self.costs.scaled(setting.multiple), "targets": self.path,
            "start": self.market.dates[setting.start + 1], "nav": self.nav, "name": setting.name,
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


def weights_strip(played: Backtest) -> str:
    """The weights on one another as an <svg> element, at `THIN` days; cash is what they leave."""
    rows = np.unique(np.linspace(0, len(played.dates) - 1, THIN).astype(int))
    ends = np.cumsum(np.clip(played.weights.to_numpy()[rows], 0.0, None), axis=1)
    across, canvas = np.linspace(0.0, WIDE.width, len(rows)), Canvas(WIDE.width, STRIP, "strip")
    for i in range(ends.shape[1]):
        below = ends[:, i - 1] if i else np.zeros(len(rows))
        x, y = np.concatenate([across, across[::-1]]), np.concatenate([ends[:, i], below[::-1]])
        canvas.area(x, STRIP * (1.0 - y), colour=HUES[i % len(HUES)], strength=0.8)
    return canvas.svg("wide", f"Weights of {played.name}")


def _named(width: float) -> str:
    return f"±{100.0 * width:.3g} % band"


def _step_picture(played: Backtest) -> str:
    """Growth, and how far the weights strayed, on a scale that a step leaves, as an <svg> element."""
    name, grown = played.name, played.growth_path / played.growth_path[0]
    target = played.targets.rows[played.targets.row[played.first :]]
    gap = 100.0 * np.abs(played.weights.to_numpy() - target).max(axis=1)
    up = Axis.over(grown, kind="log")
    shown = (
        Series("Growth of 1", "net of costs (log scale)", {name: grown}, {name: f"×{number(grown[-1])}"}, up),
        Series(
            "Largest gap", "to target, points of NAV; label: mean", {name: gap}, {name: number(gap.mean(), 1)}, GAPS
        ),
    )
    return series_canvas(WIDE, "explored", shown, {name: STYLE}, played.dates).svg("wide", f"{name}: growth and gap")


def _slider(words: str, value: float, least: float, most: float, step: float) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        value, min=least, max=most, step=step, description=words, continuous_update=True, style=WIDE_WORDS, layout=LONG
    )
