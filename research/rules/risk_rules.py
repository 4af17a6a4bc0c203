"""Rules that weigh gaps by their risk: tracking error, cost against benefit, closed-form and optimal regions."""

import math
from typing import ClassVar, Literal

import numpy as np

from foundation.arguments import check_positive, floats, is_number, one_of, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field
from foundation.errors import PolicyError
from foundation.tolerances import TARGET_TOLERANCE, TRIGGER
from research.accounting.sale_tax import Deferral, TaxCurves
from research.accounting.view import View
from research.allocation import Allocation
from research.market.calendars import WEEKDAYS
from research.risk.measures import TRACKING_PENALTY
from research.risk.simulation.covariances import taken_apart
from research.rules.bands import band_rows, cash_of, or_narrowest, own_sides
from research.rules.no_trade_region import blocks, costs_and_widths, gap_curvature, half_widths, relative_variance
from research.rules.optimum.one_asset import OVERSHOOT
from research.rules.optimum.region import Region
from research.rules.protocol import Schedule
from research.rules.rule_options import BEST, REGION, RuleOptions
from research.rules.standard_rule import Bounds, Estimates, Square, StandardRule, check_covariance_window, checked, said

CHECKS_A_YEAR = {"week": 52, "month": 12, "quarter": 4, "year": 1} | dict.fromkeys(WEEKDAYS, 52)  # a year


@dataclass(frozen=True, kw_only=True)
class RiskRule(StandardRule):
    """The base of rules that use a covariance.

    schedule         : schedule on which the rule is asked, as `Threshold` has it.
    returns          : number of returns from which the covariance is estimated at each month's end.
    periods_per_year : returns a year, by which the estimate is annualised.
    covariance       : (n, n) a year where it is known, as in a laboratory; it is then not estimated.
    """

    schedule: Schedule = "day"  # type: ignore[misc]
    returns: int = 252
    periods_per_year: float = 252.0  # type: ignore[misc]
    covariance: Square | None = None  # type: ignore[misc]
    family: ClassVar[str] = "band"  # type: ignore[misc]

    @property
    def window(self) -> int:
        """Returns from which the covariance is estimated; 0 where it is given."""
        return self.returns if self.covariance is None else 0

    @property
    def interval(self) -> float:
        """Years from one day of the schedule to the next."""
        return years_between(self.asked_schedule, self.periods_per_year)

    def rows(self, estimates: Estimates) -> Bounds:
        """Rows without bands round single assets: only the options trigger."""
        return without_bands(estimates.target)

    def _with_unknown(self, estimates: Estimates) -> Array:
        """(K, n, n) covariance a year; an asset without its whole window is uncorrelated, with the largest variance."""
        if self.window == 0:
            return estimates.covariance
        variance = np.diagonal(estimates.covariance, axis1=1, axis2=2)
        unknown = np.where(variance == 0.0, variance.max(axis=1, keepdims=True), 0.0)
        return estimates.covariance + unknown[:, :, None] * np.eye(unknown.shape[1])

    def _check(self) -> None:
        """Check the settings that all these rules have. Raises ConfigError."""
        super()._check()
        check_covariance_window(self, "returns", self.returns, self.periods_per_year)
        if self.covariance is not None:
            name = f"covariance of {type(self).__name__}"
            square = floats(f"{name} is", self.covariance, "give a number for each two assets, a year.")
            if square.ndim != 2 or square.shape[0] != square.shape[1] or not np.isfinite(square).all():
                refuse(f"{name} is", self.covariance, "give as many rows as columns, an asset each, of finite numbers.")
            taken_apart(square, name)
            object.__setattr__(self, "covariance", tuple(map(tuple, square.tolist())))


@dataclass(frozen=True)
class TrackingError(RiskRule):
    """Trade to target when the ex-ante tracking error to it, sqrt(d'Sd) of the gaps d, is past a limit.

    limit : a year, fraction of NAV: 0.01 is one per cent a year.
    Where a halt or a restricted asset keeps a trade from the target, the gaps are to where it would go instead.
    With `fraction` below 1 a trade shrinks all gaps by one factor, and stops at the first point inside the limit.
    """

    allocation: Allocation
    limit: float = 0.01
    trigger: ClassVar[str] = "tracking_error"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"limit of TrackingError": self.limit})
        if self.limit >= 1.0:
            refuse("limit of TrackingError is", self.limit, "it is a fraction of NAV a year (0.01 is one per cent).")
        self._check()

    @property
    def does(self) -> str:
        """The rule's trigger and destination, in words."""
        return f"past a tracking error of {said(self.limit)} % a year, to target{checked(self)}"

    def options(self, estimates: Estimates) -> RuleOptions:
        """The limit of the tracking error, and the covariance that measures it."""
        covariance = self._with_unknown(estimates)
        return super().options(estimates)._replace(some=True, tracking_error=float(self.limit), covariance=covariance)


@dataclass(frozen=True)
class CostBenefit(RiskRule):
    """Trade to target when waiting is expected to lose more than the trade costs.

    Waiting loses g / 2 x d'Sd x horizon: the squared tracking of the gaps d as they are now, for as long as they are
    expected to last; the trade costs each asset's commission, half-spread and ticket. Gaps are as `TrackingError` has
    them, and those below 1e-6 of NAV are none.
    tracking_penalty : g, price of squared tracking.  horizon : years.
    """

    allocation: Allocation
    tracking_penalty: float = TRACKING_PENALTY
    horizon: float = field(default=0.25, metadata={"length": "years"})
    trigger: ClassVar[str] = "cost_benefit"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(
            **{"tracking_penalty of CostBenefit": self.tracking_penalty, "horizon of CostBenefit": self.horizon}
        )
        self._check()

    @property
    def does(self) -> str:
        """The rule's trigger and destination, in words."""
        return f"where waiting loses more than trading costs, to target{checked(self)}"

    def options(self, estimates: Estimates) -> RuleOptions:
        """The rule's options with the cost of waiting: tracking_penalty / 2 x horizon, and the covariance."""
        patience, covariance = 0.5 * self.tracking_penalty * self.horizon, self._with_unknown(estimates)
        return super().options(estimates)._replace(some=True, patience=patience, covariance=covariance)


@dataclass(frozen=True)
class NoTradeRegion(RiskRule):
    """Trade when an asset is past the band that is asymptotically best for it, to the band's edge.

    Half-widths are `no_trade_region.half_widths` of each asset's cost and of the covariance, as both are known at each
    month's end: zero where trading is free, and where checks overshoot any band. That of cash, and of an asset without
    variance or target, is the narrowest of the others that is not zero.
    tracking_penalty : g, price of squared tracking.
    to : the "edge", which is best where costs are proportional, or the "target".
    narrowed : make the trigger narrower by what checks at intervals overshoot, 0.5826 x the standard deviation of the
    gap between two checks (`one_asset`).
    deferral : the tax on a sale is a cost of it, as far as deferring it would save it; None if the rule goes by no tax.
    """

    allocation: Allocation
    tracking_penalty: float = TRACKING_PENALTY
    to: Literal["edge", "target"] = "edge"
    narrowed: bool = True
    deferral: Deferral | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"tracking_penalty of NoTradeRegion": self.tracking_penalty})
        if not isinstance(self.narrowed, bool):
            refuse("narrowed of NoTradeRegion is", self.narrowed, "say True or False.")
        one_of("to of NoTradeRegion is", self.to, ("edge", "target"))
        self._check()

    @property
    def does(self) -> str:
        """The rule's trigger and destination, in words."""
        return f"past the best band of each asset, to {'its edge' if self.to == 'edge' else 'target'}{checked(self)}"

    def rows(self, estimates: Estimates) -> Bounds:
        """The closed-form band of each asset."""
        view, widths = estimates.view, self._of_costs(estimates)
        rows = self._round(estimates.target, widths)
        if self.deferral is None or view is None or view.sale_tax is None:
            return rows
        tax = view.sale_tax().deferred(self.deferral).curves(view.weights)
        buying = self._round(estimates.target, self._of_costs(estimates, _of_funding(view, tax)))
        selling = self._round(estimates.target, self._of_sales(estimates, view, tax, widths))
        lower = {name: buying[name] for name in ("trigger_lower", "lower")}
        return selling | lower | {"cash": np.where([True, False, True, False], buying["cash"], selling["cash"])}

    @property
    def has_plain_bands(self) -> bool:
        """True if its arrays are a band round each asset and no more."""
        return self.is_unlimited

    @property
    def sees_lots(self) -> bool:
        """True if the tax on a sale is a cost of it."""
        return self.deferral is not None

    def _round(self, target: Array, widths: Array) -> Bounds:
        """Rows of bands of half-widths (K, n + 1) round targets (K, n)."""
        return band_rows(target, widths, widths if self.to == "edge" else 0.0)

    def _of_costs(self, estimates: Estimates, tax: Array | float = 0.0) -> Array:
        """(K, n + 1) half-widths where a trade of an asset costs a `tax` (n,) besides, fraction of the notional."""
        widths = np.zeros((len(estimates.target), estimates.target.shape[1] + 1))
        held, rates = np.zeros(widths.shape, dtype=bool), estimates.rates_then + tax
        held[:, :-1] = (np.diagonal(estimates.covariance, axis1=1, axis2=2) > 0.0) & (estimates.target != 0.0)
        for block in blocks(held[:, :-1]):
            own = block.of(estimates.target), block.among(estimates.covariance), block.of(rates)
            widths[block] = self._widths(*own)
        return np.where(held, widths, or_narrowest(widths))

    def _of_sales(self, estimates: Estimates, view: View, tax: TaxCurves, widths: Array) -> Array:
        """(1, n + 1) the upper half-widths: an asset is sold lot by lot while it is past the band of the next lot.

        widths : (1, n + 1) half-widths without tax.
        """
        found, gap, sold = widths.copy(), view.weights - view.target, tax.sizes[:, 0]
        parts = 1 + int(np.count_nonzero(tax.rates, axis=1).max())
        for rate, size in zip(tax.rates.T[1:parts], tax.sizes.T[1:parts], strict=True):
            wider = np.minimum(gap - np.maximum(sold, tax.untaxed), self._of_costs(estimates, rate)[0, :-1])
            found[0, :-1] = np.where(rate > 0.0, np.maximum(found[0, :-1], wider), found[0, :-1])
            sold = sold + size
        return found

    def _widths(self, target: Array, covariance: Array, rates: Array) -> Array:
        """(k, m) half-widths of assets that are held and have a variance, fraction of NAV.

        target     : (k, m) fraction of NAV.
        covariance : (k, m, m) a year.
        rates      : (k, m) cost a side, fraction of the notional.
        """
        widths = half_widths(target, covariance, rates, self.tracking_penalty)
        if self.narrowed:
            widths -= OVERSHOOT * math.sqrt(self.interval) * _spread(target, covariance)
        return np.maximum(widths, 0.0)


@dataclass(frozen=True)
class BestPoint(RiskRule):
    """Trade to the best point of the no-trade region, when that is another than today's weights.

    It is the least of kappa / 2 x d'Sd + cost over all weights d away from the target, with long assets long and cash
    in its box, where kappa = tracking_penalty x horizon: the gap that is left is held for so many years (`best_point`).
    tracking_penalty, horizon : as `CostBenefit` has them.
    """

    allocation: Allocation
    tracking_penalty: float = TRACKING_PENALTY
    horizon: float = field(default=0.25, metadata={"length": "years"})
    schedule: Schedule = field(default="month", kw_only=True)
    trigger: ClassVar[str] = "best_point"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"tracking_penalty of BestPoint": self.tracking_penalty, "horizon of BestPoint": self.horizon})
        self._check()

    @property
    def does(self) -> str:
        """The rule's trigger and destination, in words."""
        return f"to the best point of the no-trade region{checked(self)}"

    def rows(self, estimates: Estimates) -> Bounds:
        """Bounds of the programme that gives the destination."""
        return programme_bounds(estimates.target)

    def options(self, estimates: Estimates) -> RuleOptions:
        """The quadratic programme that gives the destination: its kappa and the covariance."""
        options, kappa = super().options(estimates), self.tracking_penalty * self.horizon
        return options._replace(some=True, makes_boxes=True, goal=BEST, kappa=kappa, covariance=estimates.covariance)


@dataclass(frozen=True)
class PairRegion(RiskRule):
    """Trade to the edge of the no-trade region of one quadratic value function of all gaps.

    Gaps d from the target cost d'Kd / 2, where K is `no_trade_region.gap_curvature` of costs and correlations as both
    are known at each month's end. A trade is the least of that plus its costs, with long assets long and cash in its
    box, as `BestPoint` has them. Two assets trade with each other where |(Kd)_i - (Kd)_j| > c_i + c_j; cash has
    (Kd)_i = c_i = 0. Where orders have tickets, widths are those of both costs, and only the orders are sent that are
    worth their tickets (`best_orders`).
    tracking_penalty : g, price of squared tracking. K grows with its cube root.
    power : exponent of the correlations in K, 0 to 1.
    """

    allocation: Allocation
    tracking_penalty: float = TRACKING_PENALTY
    power: float = 0.25
    trigger: ClassVar[str] = "pair_region"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_positive(**{"tracking_penalty of PairRegion": self.tracking_penalty})
        if not (is_number(self.power) and 0.0 <= self.power <= 1.0):
            refuse("power of PairRegion is", self.power, "give an exponent of the correlations, 0 to 1.")
        self._check()

    @property
    def does(self) -> str:
        """The rule's trigger and destination, in words."""
        return f"where a pair of gaps is worth both costs, to the edge of that region{checked(self)}"

    def rows(self, estimates: Estimates) -> Bounds:
        """Bounds of the programme that gives the destination."""
        return programme_bounds(estimates.target)

    def options(self, estimates: Estimates) -> RuleOptions:
        """The quadratic programme that gives the destination: the curvature of gaps, in the place of a covariance."""
        rows = zip(estimates.target, self._with_unknown(estimates), estimates.rates_then, strict=True)
        curvature = np.array([gap_curvature(*row, self.tracking_penalty, self.power) for row in rows])
        options = (
            super().options(estimates)._replace(some=True, makes_boxes=True, goal=BEST, kappa=1.0, covariance=curvature)
        )
        if not estimates.tickets.any():
            return options
        alone = zip(estimates.target, estimates.rates_then, strict=True)
        return options._replace(alone=np.array([costs_and_widths(*row, self.tracking_penalty) for row in alone]))


@dataclass(frozen=True)
class OptimalRegion(StandardRule):
    """Trade into the optimal no-trade region of one or two assets beside cash, as dynamic programming gives it.

    region : as `research.rules.optimum.dynamic_programming.optimal_region` gives it, for the target of the allocation.
    schedule : schedule on which it is asked; the region is best where that is as often as the region's own interval.
    """

    allocation: Allocation
    region: Region
    schedule: Schedule = "day"  # type: ignore[misc]
    family: ClassVar[str] = "band"  # type: ignore[misc]
    trigger: ClassVar[str] = "optimal"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not isinstance(self.region, Region):
            refuse("region of OptimalRegion is", self.region, "give what `optimal_region` gives.")
        self._check()

    @property
    def does(self) -> str:
        """The rule's trigger and destination, in words."""
        return f"into the optimal region{checked(self)}"

    def rows(self, estimates: Estimates) -> Bounds:
        """Rows without bands round single assets. Raises PolicyError where the region is of another target."""
        wrong = estimates.target.shape[1:] != self.region.target.shape
        if wrong or not np.allclose(estimates.target, self.region.target, rtol=0.0, atol=TARGET_TOLERANCE):
            raise PolicyError(
                f"region of OptimalRegion is for the target {self.region.target.tolist()}, and the allocation gives "
                f"{estimates.target[0].tolist()}: solve it for that target, which must not change."
            )
        if any(estimates.market.trading):
            raise PolicyError("OptimalRegion trades each asset both ways: free the assets that are restricted.")
        return without_bands(estimates.target)

    def options(self, estimates: Estimates) -> RuleOptions:
        """The region, which triggers and gives the destination."""
        options = super().options(estimates)
        return options._replace(some=True, makes_boxes=True, goal=REGION, region=self.region.surfaces)


def years_between(schedule: Schedule, periods_per_year: float) -> float:
    """Years from one day of a schedule to the next."""
    if isinstance(schedule, int):
        return schedule / periods_per_year
    return 1.0 / CHECKS_A_YEAR.get(schedule, periods_per_year)


def _of_funding(view: View, tax: TaxCurves) -> float:
    """Tax on what funds a purchase, fraction of it: that on the next unit of what is above target, by its gaps."""
    gap = np.maximum(np.append(view.weights - view.target, view.cash_weight - cash_of(view.target[None])), 0.0)
    of_next = np.where(tax.untaxed > TRIGGER, 0.0, tax.rates[:, 1])
    return float(gap[:-1] @ of_next / gap.sum()) if gap.any() else 0.0


def _spread(target: Array, covariance: Array) -> Array:
    """(..., n) standard deviation a year of the gap of each asset that drifts: w_i x sd(r_i - r_p)."""
    return np.abs(target) * np.sqrt(np.maximum(relative_variance(target, covariance), 0.0))


def without_bands(target: Array) -> Bounds:
    """Rows that trade to the targets (K, n), and that only the options of the rule trigger."""
    rows, far = band_rows(target, 0.0, 0.0), np.full(target.shape, np.inf)
    cash = rows["cash"].copy()
    cash[:, :2] = -np.inf, np.inf
    return rows | {"trigger_lower": -far, "trigger_upper": far, "cash": cash}


def programme_bounds(target: Array) -> Bounds:
    """Bounds of a programme to the targets (K, n): long assets stay long, short assets stay short, cash is bounded.

    Cash lies between 0, or the cash that the target borrows, and all of NAV.
    """
    rows = without_bands(target)
    cash = rows["cash"].copy()
    aim = cash[:, 2]
    cash[:, 2:] = np.stack([np.minimum(aim, 0.0), np.where(aim != 0.0, 1.0, 0.0)], axis=1)
    return rows | own_sides(target) | {"cash": cash}
