"""No-trade bands whose width follows the regime as known on the day, and the sessions since the last trade."""

from functools import cached_property
from typing import ClassVar

import numpy as np

from foundation.arguments import check_real, is_number, is_whole, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.paper.wording import counted
from research.accounting.costs import Costs
from research.accounting.view import Hold, Trade, View
from research.allocation import Allocation, TargetPath
from research.forecast import Regimes, as_known
from research.market.market import Market, Past
from research.rules.no_trade_bands import UNSEEN, NoTradeBands
from research.rules.protocol import CompiledRule, Schedule
from research.rules.rules import Threshold
from research.rules.standard_rule import To, Within, check_allocation, points

BAND_ROWS = ("target", "trigger_lower", "trigger_upper", "lower", "upper", "cash")


@dataclass(frozen=True)
class AfterTrade:
    """A band of another width after a trade.

    factor   : of the half-width, above 0: 1.5 widens it by half.
    sessions : sessions after a booked trade, the opening trade included, on which it counts.
    """

    factor: float
    sessions: int
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check that both are in range."""
        if not (is_number(self.factor) and 0.0 < self.factor <= 100.0):
            refuse("factor of AfterTrade is", self.factor, "give a factor above 0, at most 100.")
        if not (is_whole(self.sessions) and 1 <= self.sessions <= 1_000):
            refuse("sessions of AfterTrade are", self.sessions, "give a whole number from 1 to 1,000.")


@dataclass(frozen=True)
class BandToday:
    """The band of a `RegimeThreshold` at a close.

    half_width : fraction of NAV.
    factor     : half_width over the rule's `band`.
    sessions   : sessions more, after this one, that the last trade counts; 0 where it does not.
    why        : the reason, in words.
    """

    half_width: float
    factor: float
    sessions: int
    why: str


@dataclass(frozen=True)
class RegimeThreshold(CompiledRule):
    """Trade past a band whose half-width depends on the regime, and on the sessions since the last trade.

    While the most turbulent regime is the most probable one, the half-width is `turbulent_band`. On other days it is
    band x factor of the regime x factor after a trade, held within `bounds`. It is the `Threshold` of the band in
    force, and is not asked before its regimes are known, nor once their asset has left the market.
    regimes        : regimes of one asset of the market.
    band           : half-width, fraction of NAV.
    turbulent_band : half-width in turbulence, fraction of NAV: a wider one trades less when trading is dear, a narrower
                     one keeps risk nearer to its target.
    to             : "target", the band's "edge", or `Within` a box, whose half-width changes in proportion.
    schedule       : schedule on which it is asked, as `Threshold` has it.
    factors        : of the other regimes, the calmest first; () for 1 in all of them.
    after_trade    : factor after a trade, and for how long; None for none.
    bounds         : least and largest half-width, fraction of NAV.
    Raises         : ConfigError for a setting out of range.
    """

    allocation: Allocation
    regimes: Regimes
    band: float = 0.02
    turbulent_band: float = 0.04
    to: To = "target"
    schedule: Schedule = "day"
    factors: tuple[float, ...] = ()
    after_trade: AfterTrade | None = None
    bounds: tuple[float, float] = (0.0, 1.0)
    family: ClassVar[str] = "band"  # type: ignore[misc]
    depends_on_costs: ClassVar[bool] = False  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the settings, by making all thresholds."""
        check_allocation(self)
        if len(self.bounds) != 2 or not all(map(is_number, self.bounds)) or not 0.0 <= self.bounds[0] < self.bounds[1]:
            refuse("bounds of RegimeThreshold are", self.bounds, "give two half-widths that rise from 0 or more.")
        for name in ("band", "turbulent_band"):
            width = getattr(self, name)
            check_real(f"{name} of RegimeThreshold", width)
            if not (0.0 < width <= 1.0 and self.bounds[0] <= width <= self.bounds[1]):
                refuse(f"{name} of RegimeThreshold is", width, "give a half-width above 0, at most 1, within `bounds`.")
        if not all(is_number(factor) and factor > 0.0 for factor in self.factors):
            refuse("factors of RegimeThreshold are", self.factors, "give numbers above 0.")
        _ = self.thresholds

    @cached_property
    def half_widths(self) -> tuple[tuple[float, ...], ...]:
        """By regime, the turbulent one last, the half-widths on other days; and again those after a trade."""
        calm = np.array(self.factors or (1.0,)) * self.band
        times = (1.0,) if self.after_trade is None else (1.0, self.after_trade.factor)
        return tuple((*np.clip(calm * each, *self.bounds).tolist(), self.turbulent_band) for each in times)

    @cached_property
    def thresholds(self) -> tuple[tuple[Threshold, ...], ...]:
        """The rule of each of `half_widths`."""
        return tuple(tuple(map(self._of_width, widths)) for widths in self.half_widths)

    def _of_width(self, width: float) -> Threshold:
        to = self.to
        inside = Within(min(to.half_width * (width / self.band), width)) if isinstance(to, Within) else to
        return replace(self._of_band, band=width, to=inside)

    @property
    def _of_band(self) -> Threshold:
        return Threshold(self.allocation, self.band, self.to, self.schedule)

    @property
    def limits_drift(self) -> bool:
        """True if its thresholds limit drift."""
        return self._of_band.limits_drift

    @property
    def long_name(self) -> str:
        """The band, and what changes it, in words."""
        words = f"{self._of_band.does}; past {points(self.turbulent_band)} while {self.regimes.line} is turbulent"
        if self.factors:
            words += f"; times {', '.join(f'{each:g}' for each in self.factors)} in the calmer regimes"
        if self.after_trade is not None:
            words += f"; times {self.after_trade.factor:g} for {self.after_trade.sessions} sessions after a trade"
        return words

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or the box to trade into at this close; hold where the regimes are not known yet, or any more."""
        regime = self._regime(view.past)
        if regime is None:
            return Hold(UNSEEN)
        return self.thresholds[self._is_after_trade(view.days_since_trade)][regime[0]].decide(view)

    def today(self, past: Past, age: int) -> BandToday | None:
        """The band at the close of `past`; None where the regimes are not known.

        age : sessions since the last trade.
        """
        regime = self._regime(past)
        if regime is None:
            return None
        (number, name), after = regime, self._is_after_trade(age)
        width, why = self.half_widths[after][number], f"{self.regimes.line} is {name}"
        after = after and number < len(self.half_widths[0]) - 1
        left = self.after_trade.sessions - age if self.after_trade is not None and after else 0
        if after:
            why += f", and the last trade was {counted(age, 'session')} ago"
        return BandToday(width, width / self.band, left, why)

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        """The rows of all thresholds as arrays, and on each day those of its regime."""
        made = [rule.no_trade_bands(market, targets, costs) for widths in self.thresholds for rule in widths]
        known = as_known(self.regimes, market.past(len(market.dates) - 1)).to_numpy()
        there = np.isfinite(known).all(axis=1)
        unseen = int(np.argmax(there)) if there.any() else len(there)
        count, options = len(made[0].target), made[0].options
        if self.after_trade is not None:
            raised = count * len(self.half_widths[0])
            options = options._replace(some=True, after_trade=int(self.after_trade.sessions), raised=raised)
        rows = {name: np.concatenate([getattr(one, name) for one in made]) for name in BAND_ROWS}
        row = made[0].row + count * np.where(there, self._numbers(known), 0)
        return replace(made[0], asked=made[0].asked & there, row=row, unseen=unseen, options=options, **rows)  # type: ignore[arg-type]

    def _is_after_trade(self, age: int) -> bool:
        return self.after_trade is not None and age <= self.after_trade.sessions

    def _regime(self, past: Past) -> tuple[int, str] | None:
        """The number of today's regime among `half_widths`, and its name; None where it is not known."""
        try:
            fitted = self.regimes.in_force(past)[0]
            known = fitted.probabilities(past)[-1:]
        except (DataError, PolicyError):
            return None
        if not past.listed[-1, past.assets.index(self.regimes.line)]:
            return None
        return int(self._numbers(known)[0]), fitted.names[int(known[0].argmax())]

    def _numbers(self, known: Array) -> Rows:
        """(T,) number of the regime of each day among `half_widths`, by probabilities (T, k)."""
        regimes = known.shape[1]
        if self.factors and len(self.factors) != regimes - 1:
            raise ConfigError(
                f"factors of RegimeThreshold are {len(self.factors)} numbers, and {self.regimes.line} has {regimes} "
                "regimes: give one for each but the most turbulent."
            )
        likely: Rows = known.argmax(axis=1)
        return likely if self.factors else np.where(likely == regimes - 1, 1, 0)
