"""Rules that weigh the gaps by their risk: a tracking error, waiting against cost, and the closed-form band."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from research.allocation import Allocation
from research.arguments import check_positive, one_of, refuse
from research.errors import PolicyError
from research.market.market import Array
from research.rules.bands import band_rows
from research.rules.handled import Every, Handled, Known, Rows, check_window, checked, said
from research.rules.no_trade_region import half_widths
from research.rules.one_asset import OVERSHOOT
from research.rules.region import Region
from research.rules.rules import or_narrowest
from research.rules.terms import BEST, REGION, Terms

CHECKS = {"day": None, "week": 52, "month": 12, "quarter": 4, "year": 1}  # a year; of days it is `periods_per_year`


@dataclass(frozen=True)
class TrackingError(Handled):
    """Trade to target when the ex-ante tracking error to it, sqrt(d'Sd) of the gaps d, is past a limit.

    limit : a year, fraction of NAV: 0.01 is one per cent a year.  check : when it looks, as `Threshold` has it.
    window, periods_per_year : returns that the covariance S is of, estimated at each month's end; and a year's number.
    Where a halt or a restricted line keeps a trade from the target, the gaps are to where it would go instead.
    With `part` below 1 a trade shrinks all gaps by one factor, and stops at the first point inside the limit.
    """

    allocation: Allocation
    limit: float = 0.01
    check: Every = "day"
    window: int = 252  # type: ignore[misc]
    periods_per_year: float = 252.0  # type: ignore[misc]
    family: ClassVar[str] = "band"
    trigger: ClassVar[str] = "tracking_error"
    plain: ClassVar[bool] = False  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"limit of TrackingError": self.limit})
        check_window(self, self.window, self.periods_per_year)
        self._check()

    @property
    def looks(self) -> Every:
        """When it checks."""
        return self.check

    @property
    def does(self) -> str:
        """When, and where to."""
        return f"past a tracking error of {said(self.limit)}\u202f% a year, to target{checked(self)}"

    def rows(self, known: Known) -> Rows:
        """No line has a band of its own."""
        return _without_bands(known.target)

    def terms(self, known: Known) -> Terms:
        """Its limit."""
        return super().terms(known)._replace(some=True, tracking_error=float(self.limit), covariance=known.covariance)


@dataclass(frozen=True)
class CostBenefit(Handled):
    """Trade to target when waiting is expected to lose more than the trade costs.

    Waiting loses g / 2 x d'Sd x horizon: the squared tracking of the gaps d as they are now, for as long as they are
    expected to last; the trade costs each line's commission, half-spread and ticket. Gaps are as `TrackingError` has
    them, and those below 1e-6 of NAV are none.
    g : price of squared tracking.  horizon : years.  check, window, periods_per_year : as `TrackingError` has them.
    """

    allocation: Allocation
    g: float = 5.0
    horizon: float = 0.25
    check: Every = "day"
    window: int = 252  # type: ignore[misc]
    periods_per_year: float = 252.0  # type: ignore[misc]
    family: ClassVar[str] = "band"
    trigger: ClassVar[str] = "cost_benefit"
    plain: ClassVar[bool] = False  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"g of CostBenefit": self.g, "horizon of CostBenefit": self.horizon})
        check_window(self, self.window, self.periods_per_year)
        self._check()

    @property
    def looks(self) -> Every:
        """When it checks."""
        return self.check

    @property
    def does(self) -> str:
        """When, and where to."""
        return f"where waiting loses more than trading costs, to target{checked(self)}"

    def rows(self, known: Known) -> Rows:
        """No line has a band of its own."""
        return _without_bands(known.target)

    def terms(self, known: Known) -> Terms:
        """What waiting and trading cost."""
        return (
            super().terms(known)._replace(some=True, patience=0.5 * self.g * self.horizon, covariance=known.covariance)
        )


@dataclass(frozen=True)
class NoTradeRegion(Handled):
    """Trade when a line is past the band that is asymptotically best for it, to the band's edge.

    Half-widths are `no_trade_region.half_widths` of each line's cost and of the covariance, as both are known at each
    month's end; that of cash is the narrowest of them.
    g : price of squared tracking.  to : the "edge", which is best where costs are proportional, or the "target".
    narrowed : make the trigger narrower by what checks at intervals overshoot, 0.5826 x the standard deviation of the
    gap between two checks (`one_asset`).
    check, window, periods_per_year : as `TrackingError` has them; checks are periods.
    """

    allocation: Allocation
    g: float = 5.0
    to: Literal["edge", "target"] = "edge"
    check: Literal["day", "week", "month", "quarter", "year"] = "day"
    narrowed: bool = True
    window: int = 252  # type: ignore[misc]
    periods_per_year: float = 252.0  # type: ignore[misc]
    family: ClassVar[str] = "band"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"g of NoTradeRegion": self.g})
        one_of("to of NoTradeRegion is", self.to, ("edge", "target"))
        one_of("check of NoTradeRegion is", self.check, CHECKS)
        check_window(self, self.window, self.periods_per_year)
        self._check()

    @property
    def looks(self) -> Every:
        """When it checks."""
        return self.check

    @property
    def does(self) -> str:
        """When, and where to."""
        return f"past the best band of each line, to {'its edge' if self.to == 'edge' else 'target'}{checked(self)}"

    def rows(self, known: Known) -> Rows:
        """A band of its own for each line."""
        rates, years = known.rates[known.of_rates], 1.0 / (CHECKS[self.check] or self.periods_per_year)
        widths = np.zeros((len(known.target), known.target.shape[1] + 1))
        for k, (target, covariance) in enumerate(zip(known.target, known.covariance, strict=True)):
            widths[k, :-1] = self._widths(target, covariance, rates[k], years)
        widths = or_narrowest(widths)
        return band_rows(known.target, widths, widths if self.to == "edge" else 0.0)

    def _widths(self, target: Array, covariance: Array, rates: Array, years: float) -> Array:
        """(n,) half-widths; zero for a line without variance or target, and where checks overshoot any band."""
        held = (np.diag(covariance) > 0.0) & (target != 0.0)
        widths = np.zeros(len(target))
        if held.any():
            covariance, target = covariance[np.ix_(held, held)], target[held]
            widths[held] = half_widths(target, covariance, rates[held], self.g)
            if self.narrowed:
                widths[held] -= OVERSHOOT * math.sqrt(years) * _spread(target, covariance)
        return np.maximum(widths, 0.0)


@dataclass(frozen=True)
class BestPoint(Handled):
    """Trade to the best point of the no-trade region, when that is another than today's weights.

    It is the least of kappa / 2 x d'Sd + cost over all weights d away from the target, with long lines long and cash in
    its box, where kappa = g x horizon: the gap that is left is held for so many years (`best_point`).
    g, window, periods_per_year : as `CostBenefit` has them.  check : when it looks.
    """

    allocation: Allocation
    g: float = 5.0
    horizon: float = 0.25
    check: Every = "month"
    window: int = 252  # type: ignore[misc]
    periods_per_year: float = 252.0  # type: ignore[misc]
    family: ClassVar[str] = "band"
    trigger: ClassVar[str] = "best_point"
    plain: ClassVar[bool] = False  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"g of BestPoint": self.g, "horizon of BestPoint": self.horizon})
        check_window(self, self.window, self.periods_per_year)
        self._check()

    @property
    def looks(self) -> Every:
        """When it solves."""
        return self.check

    @property
    def does(self) -> str:
        """When, and where to."""
        return f"to the best point of the no-trade region{checked(self)}"

    def rows(self, known: Known) -> Rows:
        """Each line on its own side of zero, cash between nothing and all that it may be."""
        rows, target = _without_bands(known.target), known.target
        cash = rows["cash"].copy()
        has = cash[:, 2] != 0.0
        cash[:, 2:] = np.where(has[:, None], [0.0, 1.0], 0.0)
        return rows | {
            "lower": np.where(target < 0.0, -1.0, 0.0),
            "upper": np.where(target > 0.0, 1.0, 0.0),
            "cash": cash,
        }

    def terms(self, known: Known) -> Terms:
        """The programme."""
        return (
            super()
            .terms(known)
            ._replace(some=True, makes_boxes=True, goal=BEST, kappa=self.g * self.horizon, covariance=known.covariance)
        )


@dataclass(frozen=True)
class OptimalRegion(Handled):
    """Trade as dynamic programming has it: into the optimal region of one or two lines beside cash.

    region : as `research.rules.dynamic_programming.optimal_region` gives it, for the target of the allocation.
    check : when it looks; the region is best where that is as often as the region's own interval.
    """

    allocation: Allocation
    region: Region
    check: Every = "day"
    family: ClassVar[str] = "band"
    trigger: ClassVar[str] = "optimal"
    plain: ClassVar[bool] = False  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check the settings."""
        if not isinstance(self.region, Region):
            refuse("region of OptimalRegion is", self.region, "give what `optimal_region` gives.")
        self._check()

    @property
    def looks(self) -> Every:
        """When it checks."""
        return self.check

    @property
    def does(self) -> str:
        """When, and where to."""
        return f"into the optimal region{checked(self)}"

    def rows(self, known: Known) -> Rows:
        """No line has a band of its own. Raises PolicyError where the region is of another target."""
        wrong = known.target.shape[1:] != self.region.target.shape
        if wrong or not np.allclose(known.target, self.region.target, rtol=0.0, atol=1e-9):
            raise PolicyError(
                f"region of OptimalRegion is for the target {self.region.target.tolist()}, and the allocation gives "
                f"{known.target[0].tolist()}: solve it for that target, which must not change."
            )
        if any(known.market.trading):
            raise PolicyError("OptimalRegion trades each line both ways: free the lines that are restricted.")
        return _without_bands(known.target)

    def terms(self, known: Known) -> Terms:
        """The region."""
        return super().terms(known)._replace(some=True, makes_boxes=True, goal=REGION, region=self.region.surfaces)


def _spread(target: Array, covariance: Array) -> Array:
    """(n,) standard deviation a year of the gap of each line that drifts: w_i x sd(r_i - r_p)."""
    to_portfolio = covariance @ target
    relative = np.diag(covariance) - 2.0 * to_portfolio + float(target @ to_portfolio)
    return np.abs(target) * np.sqrt(np.maximum(relative, 0.0))


def _without_bands(target: Array) -> Rows:
    """Rows that trade to target, and that nothing but the terms triggers."""
    rows, far = band_rows(target, 0.0, 0.0), np.full(target.shape, np.inf)
    cash = rows["cash"].copy()
    cash[:, :2] = -np.inf, np.inf
    return rows | {"trigger_lower": -far, "trigger_upper": far, "cash": cash}
