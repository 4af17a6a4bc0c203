"""A portfolio before a trade, after the exact step and after the orders in whole lots: drift, ranges, risk and cost.

Risk is measured as the risk sheet does (`research.risk.decomposition.ex_ante`). A figure that is not defined is None,
and its reason stands in `undefined`.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import asdict, dataclass
from foundation.errors import DataError
from foundation.paper.wording import percent
from foundation.tolerances import TRIGGER
from research.accounting.costs import BASIS_POINT, CHARGED
from research.market.calendars import row_name
from research.orders.lots.sizing import SizedOrders
from research.portfolio import Portfolio
from research.risk import cvar, var
from research.risk.decomposition.ex_ante import WITHIN_A_MONTH, ExAnte

TAIL_LEVEL = 0.95  # of VaR and CVaR
CASH_ROW = "cash"
AMOUNTS = ("nav", "cash", "cost", "charges")  # of a record, currency
CENTS, DECIMALS = 2, 10
SHORT_HISTORY = "risk"  # in `undefined`: all figures of risk are missing


class Outside(NamedTuple):
    """An asset outside its stated range.

    asset  : its name.
    weight : fraction of NAV.
    lower  : lower bound of the range, fraction of NAV.
    upper  : upper bound of the range, fraction of NAV.
    by     : distance from the range, fraction of NAV.
    """

    asset: str
    weight: float
    lower: float
    upper: float
    by: float

    @property
    def sentence(self) -> str:
        """The same in words.

        >>> Outside("SPY", 0.342, 0.2, 0.3, 0.042).sentence
        'SPY is at 34.20 %, outside its range of 20.00 % to 30.00 % by 4.20 points'
        """
        return (
            f"{self.asset} is at {percent(self.weight, 2)}, outside its range of {percent(self.lower, 2)} to "
            f"{percent(self.upper, 2)} by {100.0 * self.by:.2f} points"
        )


@dataclass(frozen=True, eq=False)
class PortfolioState:
    """The portfolio at one moment of a trade, at the prices of one close.

    nav     : currency.
    cash    : currency.
    weights : (n,) fraction of NAV; cash is the rest.
    charges : by column, costs of the trade up to this moment, currency.
    """

    nav: float
    cash: float
    weights: Array
    charges: Mapping[str, float]

    @property
    def cost(self) -> float:
        """The sum of `charges`, currency."""
        return sum(self.charges.values())


@dataclass(frozen=True)
class Figures:
    """Figures of a state; None for a figure that is not defined.

    nav             : currency.
    cash            : currency.
    cash_weight     : fraction of NAV.
    drift           : half the sum of absolute gaps to the target, cash among them: the one-way turnover to it, fraction
                      of NAV.
    largest_drift   : the largest absolute gap, fraction of NAV.
    furthest        : asset with that gap, or cash.
    outside         : number of assets outside their ranges.
    tracking_error  : ex ante, to the target in force, fraction a year.
    strategic_tracking_error : the same to the strategic target.
    volatility      : ex ante, fraction a year.
    beta            : ex ante, to the benchmark of the file.
    var             : by horizon, the loss that 95 % of the past do not exceed, fraction of NAV.
    cvar            : by horizon, the mean loss of the other 5 %, fraction of NAV.
    cost            : cost of the trade up to here, currency.
    cost_bps        : the same, basis points of NAV before the trade.
    """

    nav: float
    cash: float
    cash_weight: float
    drift: float
    largest_drift: float
    furthest: str
    outside: int
    tracking_error: float | None
    strategic_tracking_error: float | None
    volatility: float | None
    beta: float | None
    var: Mapping[str, float | None]
    cvar: Mapping[str, float | None]
    cost: float
    cost_bps: float


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """The portfolio before orders, after the exact step that they follow, and after them.

    portfolio : portfolio before the orders.
    target    : (n,) weights in force, fraction of NAV.
    orders    : orders in whole lots.
    measured  : the estimate that risk is measured by, or why there is none, where that was made before.
    """

    portfolio: Portfolio
    target: Array
    orders: SizedOrders
    measured: ExAnte | str | None = None

    # -- states ----------------------------------------------------------------------------------------------------

    @cached_property
    def states(self) -> dict[str, PortfolioState]:
        """The states by name: "before", with the flow; "exact", the step before lots and limits; and "after"."""
        orders, before, after = self.orders, self.orders.position, self.orders.after
        step = before.exact_charges(np.abs(orders.wished * before.prices)).sum(axis=1)
        nav = before.nav - float(step.sum())
        cash = nav * (1.0 - float(orders.goal.sum()))
        return {
            "before": PortfolioState(before.nav, before.cash, before.weights, _columns(np.zeros(len(CHARGED)))),
            "exact": PortfolioState(nav, cash, orders.goal, _columns(step)),
            "after": PortfolioState(orders.nav_after, after.cash, after.weights, _columns(orders.charges.sum(axis=1))),
        }

    def outside(self, moment: str) -> list[Outside]:
        """The assets outside their ranges, the furthest first; `moment` is one of `states`."""
        weights, lower, upper = self.states[moment].weights, self.portfolio.lower, self.portfolio.upper
        past, assets = np.maximum(lower - weights, weights - upper), self.portfolio.market.assets
        lines = [int(i) for i in np.argsort(-past, kind="stable") if past[i] > TRIGGER]
        return [Outside(assets[i], *(float(x[i]) for x in (weights, lower, upper, past))) for i in lines]

    # -- figures ---------------------------------------------------------------------------------------------------

    @cached_property
    def ex_ante(self) -> ExAnte | str:
        """The estimate that risk is measured by; or the reason why there is none."""
        if self.measured is not None:
            return self.measured
        try:
            return ExAnte.of(self.portfolio.market, self.portfolio.periods_per_year)
        except DataError as error:
            return str(error)

    @cached_property
    def figures(self) -> dict[str, Figures]:
        """The figures of each state, by its name."""
        return {name: self._figures(name) for name in self.states}

    @cached_property
    def undefined(self) -> dict[str, str]:
        """The reason why a figure is None, by name: "risk" where none of them is defined, "beta" for beta alone."""
        if isinstance(self.ex_ante, str):
            return {SHORT_HISTORY: self.ex_ante}
        beta = self._beta(self.ex_ante, self.states["before"].weights)
        return {"beta": beta} if isinstance(beta, str) else {}

    @property
    def horizons(self) -> tuple[str, ...]:
        """The horizons of VaR and CVaR, the shortest first: a row of the market, and a month if it has several rows."""
        row = row_name(self.portfolio.periods_per_year)
        return (f"one {row}", "one month") if row in WITHIN_A_MONTH else (f"one {row}",)

    @property
    def benchmark(self) -> str:
        """The benchmark of beta, in words; "" where the file names none."""
        named = self.portfolio.benchmark
        return {"none": "", "strategic": "the strategic target"}.get(named.kind, named.name)

    def record(self) -> dict[str, Any]:
        """All of it as plain JSON types: amounts in whole cents, other numbers to ten decimals.

        So a file that holds it has the same bytes on every machine.
        """
        moments = {
            name: asdict(figures)
            | {"charges": dict(self.states[name].charges), "outside": [found._asdict() for found in self.outside(name)]}
            for name, figures in self.figures.items()
        }
        whole = {**moments, "level": TAIL_LEVEL, "benchmark": self.benchmark, "undefined": self.undefined}
        return {key: _rounded(value, DECIMALS) for key, value in whole.items()}

    def _figures(self, moment: str) -> Figures:
        state, assets = self.states[moment], (*self.portfolio.market.assets, CASH_ROW)
        gaps = state.weights - self.target
        apart = np.abs(np.append(gaps, -gaps.sum()))
        furthest = int(apart.argmax())
        return Figures(
            nav=state.nav,
            cash=state.cash,
            cash_weight=state.cash / state.nav,
            drift=0.5 * float(apart.sum()),
            largest_drift=float(apart[furthest]),
            furthest=assets[furthest],
            outside=len(self.outside(moment)),
            tracking_error=self._risk(lambda known: known.volatility(gaps)),
            strategic_tracking_error=self._risk(lambda known: known.volatility(state.weights - self.portfolio.target)),
            volatility=self._risk(lambda known: known.volatility(state.weights)),
            beta=self._risk(lambda known: _number(self._beta(known, state.weights))),
            var=self._losses(var, state.weights),
            cvar=self._losses(cvar, state.weights),
            cost=state.cost,
            cost_bps=state.cost / self.states["before"].nav / BASIS_POINT,
        )

    def _risk(self, figure: Callable[[ExAnte], float | None]) -> float | None:
        return None if isinstance(self.ex_ante, str) else figure(self.ex_ante)

    def _losses(self, measure: Callable[[Array, float], float], weights: Array) -> dict[str, float | None]:
        known = self.ex_ante
        if isinstance(known, str):
            return dict.fromkeys(self.horizons)
        return {horizon: measure(known.returned(weights, horizon), TAIL_LEVEL) for horizon in self.horizons}

    def _beta(self, known: ExAnte, weights: Array) -> float | str:
        """Beta of weights (n,), fraction of NAV, to the benchmark; or why it is not defined."""
        named = self.portfolio.benchmark
        if named.kind == "none":
            return "the portfolio file says `benchmark: none`."
        if named.kind == "policy":
            return f"the benchmark is the policy {named.name}, whose returns only a backtest knows."
        try:
            if named.returns is not None:
                return known.beta_to_series(weights, named.returns)
            return known.beta(weights, self.portfolio.target)
        except DataError as error:
            return str(error)


def _rounded(value: Any, decimals: int) -> Any:
    """A value whose numbers are rounded; those of `AMOUNTS` to cents."""
    if isinstance(value, Mapping):
        return {key: _rounded(item, CENTS if key in AMOUNTS else decimals) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item, decimals) for item in value]
    return round(value, decimals) + 0.0 if isinstance(value, float) else value


def _columns(charges: Array) -> dict[str, float]:
    return {column: float(charges[k]) for k, column in enumerate(CHARGED)}


def _number(found: float | str) -> float | None:
    return None if isinstance(found, str) else found
