"""The rule that plans the trades of several periods from today's weights, and makes those of the first.

Source : Boyd et al. (2017), Multi-Period Trading via Convex Optimization.
"""

import numpy as np

from foundation.arguments import check_positive, is_number, is_whole, refuse
from foundation.arrays import Array, Mask, Rows
from foundation.dataclasses import dataclass, field, replace
from foundation.paper.wording import percent
from foundation.tolerances import TRIGGER
from research.accounting.daily_costs import impact_on
from research.accounting.sale_tax import Deferral, TaxCurves
from research.accounting.view import TAXED, Hold, Trade, View, Why
from research.allocation import Allocation, MeanVariance, NotSolvedError
from research.allocation.constrained.constrained import Constrained
from research.allocation.constrained.on_forecast import columns_of_forecast
from research.allocation.constraints.builder import build
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.market_day import known_on
from research.forecast.predicted import seen_until
from research.market.market import Past
from research.risk.measures import TRACKING_PENALTY
from research.rules.bands import cash_of, own_sides
from research.rules.estimates import covariance_now
from research.rules.no_trade_bands import UNSEEN
from research.rules.optimum.periods import PlanCosts, best_plan
from research.rules.protocol import RuleTraits, Schedule
from research.rules.risk_rules import years_between
from research.rules.standard_rule import check_allocation, check_covariance_window, when

MOST_PERIODS = 52


@dataclass(frozen=True, eq=False)
class Outlook:
    """The expected return and risk of the assets of a plan.

    lines      : (k,) columns of the assets that the plan is of.
    gain       : (k,) expected return over cash, a year.
    curvature  : (k, k) risk aversion x covariance a year.
    centre     : (k,) weights without risk, fraction of NAV.
    covariance : (k, k) a year.
    """

    lines: Rows
    gain: Array
    curvature: Array
    centre: Array
    covariance: Array


@dataclass(frozen=True)
class MultiPeriod(RuleTraits):
    """Trade as the first period of the best plan for several periods says, from the weights that are held.

    The plan weighs expected returns and risk against the costs of trading and holding, within limits. With the
    allocation `MeanVariance` of objective "utility" its mean and risk aversion are those of the plan. The target of any
    other allocation is tracked: the risk is that of the gaps d, tracking_penalty / 2 x d'Sd a year, and no return is
    expected. Limits are the constraints of the allocation. For an allocation without constraints no asset changes its
    side of zero, and cash is as `BestPoint` has it.

    Commission, spread, impact, borrowing, financing and tax on sales are in the plan; tickets and least commissions are
    not. A limit of turnover is that of the first period.

    allocation       : allocation that says what to hold.
    horizon          : number of periods of the plan, each as long as the time between two days of the schedule.
    tracking_penalty : price of squared tracking.
    half_life        : periods after which half of the expected returns over cash is left; None if they stay.
    deferral         : the tax on a sale is charged as far as deferring it would save it; None to charge it in full, as
                       if a gain that is kept were never taxed.
    schedule         : schedule on which the rule is asked, as `Threshold` has it.
    returns          : number of returns from which the covariance of gaps is estimated at each month's end.
    periods_per_year : returns a year.
    """

    allocation: Allocation
    horizon: int = field(default=13, metadata={"length": "periods"})
    tracking_penalty: float = TRACKING_PENALTY
    half_life: float | None = field(default=None, metadata={"length": "periods"})
    deferral: Deferral | None = field(default=None, kw_only=True)
    schedule: Schedule = field(default="week", kw_only=True)
    returns: int = field(default=252, kw_only=True)
    periods_per_year: float = field(default=252.0, kw_only=True)

    def __post_init__(self) -> None:
        """Check the settings."""
        check_allocation(self)
        check_positive(**{"tracking_penalty of MultiPeriod": self.tracking_penalty})
        if not (is_whole(self.horizon) and 1 <= self.horizon <= MOST_PERIODS):
            refuse("horizon of MultiPeriod is", self.horizon, f"give a number of periods, 1 to {MOST_PERIODS}.")
        if self.half_life is not None and not (is_number(self.half_life) and self.half_life > 0.0):
            refuse("half_life of MultiPeriod is", self.half_life, "give a number of periods above 0, or leave it out.")
        check_covariance_window(self, "returns", self.returns, self.periods_per_year)
        when(self.schedule)

    @property
    def window(self) -> int:
        """Returns from which the covariance of gaps is estimated; 0 where a forecast gives it."""
        return 0 if self._by_utility else self.returns

    @property
    def risk_periods_per_year(self) -> float:
        """Periods a year by which it annualises risk."""
        return self.periods_per_year

    @property
    def long_name(self) -> str:
        """The plan in words."""
        what = "return, risk and cost" if self._by_utility else "tracking and cost"
        return f"the first trade of the best plan of {what} over {self.horizon} periods, {when(self.schedule)}"

    def decide(self, view: View) -> Hold | Trade:
        """Hold, or the trade of the first period; Hold with the conflict in words where no weights keep the limits."""
        if not view.past.scheduled(self.schedule)[-1]:
            return Hold(Why("multi_period"))
        outlook = self._outlook(view)
        if outlook is None:
            return Hold(UNSEEN)
        tax = None if view.sale_tax is None else view.sale_tax().deferred(self.deferral).curves(view.weights)
        try:
            best = self._best(view, outlook, tax, view.weights, view.tradable)
        except NotSolvedError as error:
            return Hold(Why(str(error)))
        moved = np.abs(best - view.weights)
        traded = bool((moved > TRIGGER).any())
        line = int(np.argmax(moved if traded else np.abs(view.weights - view.target)))
        before, after = (float(w[line] - view.target[line]) for w in (view.weights, best))
        taxed = tax is not None and after > TRIGGER and tax.is_taxed(line, view.weights - best)
        why = Why(TAXED if taxed else "multi_period", line, before, after)

        def by_then(weights: Array, cash_weight: float, tradable: Mask) -> Trade:
            then = None if view.sale_tax is None else view.sale_tax().deferred(self.deferral).drifted(weights)
            lots = None if then is None else then.curves(weights)
            try:
                return _to(self._best(view, outlook, lots, weights, tradable), weights, why)
            except NotSolvedError:  # no plan from the weights of that day: nothing is traded
                return _to(weights, weights, why)

        return replace(_to(best, view.weights, why), by_then=by_then) if traded else Hold(why)

    @property
    def _by_utility(self) -> bool:
        return isinstance(self.allocation, MeanVariance) and self.allocation.objective == "utility"

    def _outlook(self, view: View) -> Outlook | None:
        """The expected returns and risk at a close; None before some asset has a variance."""
        past, model = view.past, self.allocation
        if isinstance(model, MeanVariance) and self._by_utility:
            moments = seen_until(past, model.forecast.predict(past), model.forecast).over(model.periods_per_year)
            gain, curvature = moments.mean - model.cash(past), model.risk_aversion * moments.covariance
            return Outlook(columns_of_forecast(moments, past), gain, curvature, np.zeros(len(gain)), moments.covariance)
        found = covariance_now(past, self.returns, self.periods_per_year)
        if found is None:
            return None
        lines = np.flatnonzero(np.diag(found[0]) > 0.0)
        if not len(lines):
            return None
        covariance = found[0][np.ix_(lines, lines)]
        return Outlook(lines, np.zeros(len(lines)), self.tracking_penalty * covariance, view.target[lines], covariance)

    def _best(self, view: View, outlook: Outlook, tax: TaxCurves | None, weights: Array, tradable: Mask) -> Array:
        """(n,) the weights of the first period, from weights (n,) of which some can be traded.

        Raises : NotSolvedError where no weights keep the limits.
        """
        lines, periods, years = outlook.lines, self.horizon, years_between(self.schedule, self.periods_per_year)
        costs = _plan_costs(view, lines)
        if tax is not None:
            costs = replace(costs, tax=tax.of(lines))
        asked = self.allocation.asked if isinstance(self.allocation, Constrained) else None
        if not costs.impact.any() and self.half_life is None and (asked is None or asked.turnover is None):
            years, periods = years * periods, 1
        decay = 0.5 ** (np.arange(periods) / (self.half_life or np.inf))
        best = np.where(tradable, 0.0, weights) if asked is not None else weights.copy()
        known = None if asked is None else known_on(
            view.past, asked, lines, self.allocation.window, outlook.covariance, weights
        )  # fmt: skip
        limits = []
        for h in range(min(periods, 2)):
            if asked is None or known is None:
                found = _own_sides(view, lines, weights)
            else:
                found = build(asked, known if h == 0 else replace(known, previous=None))
            limits.append(_with_trading(found, view.past, lines, weights, tradable))
        plan = best_plan(
            (*limits, *limits[1:] * (periods - 2)), weights[lines], decay[:, None] * outlook.gain, outlook.curvature,
            outlook.centre, costs, years,
        )  # fmt: skip
        best[lines] = plan[0]
        return best


def _plan_costs(view: View, lines: Rows) -> PlanCosts:
    """The costs of a view, of the assets in columns `lines` (k,)."""
    costs, model = view.costs, view.costs.impact
    holding = costs.holding_costs._replace(borrow=costs.borrow[lines])
    if model is None:
        return PlanCosts(costs.per_side[-1][lines], np.zeros(len(lines)), 1.5, holding)
    impact = impact_on(view.past, model)[lines] * view.nav ** (model.exponent - 1.0)
    return PlanCosts(costs.per_side[-1][lines], impact, model.exponent, holding)


def _own_sides(view: View, lines: Rows, weights: Array) -> Limits:
    """The limits of a target without constraints; assets outside of `lines` (k,) keep their weights (n,)."""
    target, k = view.target[None], len(lines)
    sides, cash = own_sides(target), float(cash_of(target)[0])
    least, most = min(cash, 0.0), float(cash != 0.0)
    free = 1.0 - float(np.delete(weights, lines).sum())
    net = Limit("net", f"cash is {percent(least, 2)} to {percent(most, 2)} of NAV", {WEIGHTS: np.ones((1, k))},
                np.array([free - most]), np.array([free - least]), free - least)  # fmt: skip
    words = "no asset changes its side of zero"
    line = Limit("lines", words, {WEIGHTS: np.eye(k)}, sides["lower"][0, lines], sides["upper"][0, lines], 1.0)
    return Limits(tuple(view.past.assets[i] for i in lines), (line, net))


def _with_trading(limits: Limits, past: Past, lines: Rows, weights: Array, tradable: Mask) -> Limits:
    """Limits, and the weights (n,) of assets that cannot be bought, or sold, at this close as bounds."""
    words = np.array(past.trading)
    no_buys = (~tradable | np.isin(words, ("sell_only", "locked")))[lines]
    no_sells = (~tradable | np.isin(words, ("buy_only", "locked")))[lines]
    if not (no_buys | no_sells).any():
        return limits
    lower, upper = np.where(no_sells, weights[lines], -np.inf), np.where(no_buys, weights[lines], np.inf)
    names = ", ".join(past.assets[i] for i in lines[no_buys | no_sells])
    text = f"{names} cannot be traded both ways at this close"
    fixed = Limit("trading", text, {WEIGHTS: np.eye(len(lines))}, lower, upper, 0.0)
    return limits.with_limits([*limits.limits, fixed])


def _to(best: Array, weights: Array, why: Why) -> Trade:
    """The trade from weights (n,) to the best ones (n,); assets that do not move are left alone."""
    moved, cash = np.abs(best - weights) > TRIGGER, round(1.0 - float(best.sum()), 12)
    lower, upper = np.where(moved, best, -np.inf), np.where(moved, best, np.inf)
    return Trade(lower, upper, why, cash_lower=cash, cash_upper=cash)
