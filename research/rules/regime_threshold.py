"""No-trade bands of one width on calm days and of another in turbulence, as known on the day."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from foundation.arguments import check_real, refuse
from foundation.arrays import Array, Mask
from foundation.errors import DataError, PolicyError
from research.accounting.costs import Costs
from research.accounting.view import Hold, Trade, View
from research.allocation import Allocation, TargetPath
from research.forecast import Regimes, as_known
from research.market.market import Market
from research.rules.no_trade_bands import UNSEEN, NoTradeBands
from research.rules.protocol import CompiledRule, Schedule
from research.rules.rules import Threshold
from research.rules.standard_rule import To, Within, check_allocation, points

ROWS = ("target", "trigger_lower", "trigger_upper", "lower", "upper", "cash")


@dataclass(frozen=True)
class RegimeThreshold(CompiledRule):
    """Trade past a band that has another width while the most turbulent regime is the most probable one.

    It is `Threshold` of one band or of the other, and is not asked before its regimes are known, nor once their asset
    has left the market.
    regimes        : regimes of one asset of the market.
    band           : half-width on other days, fraction of NAV.
    turbulent_band : half-width in turbulence, fraction of NAV: a wider one trades less when trading is dear, a narrower
                     one keeps risk nearer to its target.
    to             : "target", the band's "edge", or `Within` a box, whose half-width changes in proportion.
    schedule       : schedule on which it is asked, as `Threshold` has it.
    Raises         : ConfigError for a setting out of range.
    """

    allocation: Allocation
    regimes: Regimes
    band: float = 0.02
    turbulent_band: float = 0.04
    to: To = "target"
    schedule: Schedule = "day"
    family: ClassVar[str] = "band"  # type: ignore[misc]
    depends_on_costs: ClassVar[bool] = False  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the settings, by making both thresholds."""
        check_allocation(self)
        for name in ("band", "turbulent_band"):
            width = getattr(self, name)
            check_real(f"{name} of RegimeThreshold", width)
            if not 0.0 < width <= 1.0:
                refuse(f"{name} of RegimeThreshold is", width, "give a half-width above 0, at most 1.")
        _ = self.thresholds

    @cached_property
    def thresholds(self) -> tuple[Threshold, Threshold]:
        """The rule on other days, and in turbulence."""
        to = self.to
        scaled = Within(to.half_width * self.turbulent_band / self.band) if isinstance(to, Within) else to
        one = Threshold(self.allocation, self.band, to, self.schedule)
        return one, replace(one, band=self.turbulent_band, to=scaled)

    @property
    def limits_drift(self) -> bool:
        """True if its threshold limits drift."""
        return self.thresholds[0].limits_drift

    @property
    def long_name(self) -> str:
        """The band, and that in turbulence, in words."""
        return f"{self.thresholds[0].does}; past {points(self.turbulent_band)} while {self.regimes.line} is turbulent"

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or the box to trade into at this close; hold where the regimes are not known yet, or any more."""
        past = view.past
        try:
            known = self.regimes.in_force(past)[0].probabilities(past)[-1:]
        except (DataError, PolicyError):
            return Hold(UNSEEN)
        if not past.listed[-1, past.assets.index(self.regimes.line)]:
            return Hold(UNSEEN)
        return self.thresholds[int(_turbulent(known)[0])].decide(view)

    def no_trade_bands(self, market: Market, targets: TargetPath, costs: Costs | None = None) -> NoTradeBands:
        """The rows of both thresholds as arrays, and on each day that of its regime."""
        made = [rule.no_trade_bands(market, targets, costs) for rule in self.thresholds]
        known = as_known(self.regimes, market.past(len(market.dates) - 1)).to_numpy()
        there = np.isfinite(known).all(axis=1)
        unseen = int(np.argmax(there)) if there.any() else len(there)
        row = np.where(_turbulent(known), made[1].row + len(made[0].target), made[0].row)
        rows = {name: np.concatenate([getattr(one, name) for one in made]) for name in ROWS}
        return replace(made[0], asked=made[0].asked & there, row=row, unseen=unseen, **rows)  # type: ignore[arg-type]


def _turbulent(known: Array) -> Mask:
    """(T,) true where the last of k regimes is the most probable one, by probabilities (T, k)."""
    return known[:, -1] > known[:, :-1].max(axis=1)
