"""The years of a plan played month by month: today's holdings, what is saved and spent, costs, taxes and a policy.

The market of a plan has a row a month, counted back from the last close, and a decision is carried out at the close at
which it is made. What a policy estimates stays as it is at the last close. A portfolio that cannot pay has run out: it
pays what it has, and nothing after that.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from backtests.engine.compiled_loop import play
from backtests.engine.ledger import Ledger
from backtests.today.future_paths import FuturePrices, Opening, SharedBands, engine_inputs, estimates, shown, typed
from foundation.arrays import Array, Rows, frozen
from foundation.compiled import compiled
from foundation.errors import ConfigError
from research.accounting import Costs, Policy
from research.accounting.cost_parameters import TAX, Lots
from research.accounting.spending import SpendingState
from research.market import Market
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.portfolio.keys.plan import MONTHS, Plan
from research.rules.protocol import compiled_rule


def in_months(market: Market) -> Market:
    """The market with a row a month, on the day of the month of its last close or the session before it."""
    last = market.dates[-1]
    ends = [last - pd.DateOffset(months=k) for k in range((last - market.dates[0]).days // 28 + 1)]
    rows = np.unique(market.dates.searchsorted(pd.DatetimeIndex(ends), side="right") - 1)
    rows = rows[rows >= 0]
    before = np.concatenate([rows[:1], rows[:-1]])
    earned = market.index[rows] / market.index[before] - 1.0
    return Market(
        dates=market.dates[rows],
        assets=market.assets,
        returns=np.where(market.listed[before] & market.listed[rows], earned, 0.0),
        tradable=market.tradable[rows],
        cash=market.cash_index[rows] / market.cash_index[before] - 1.0,
        instruments=market.instruments,
        prices=market.prices[rows],
        calendar=market.calendar,
        name=f"{market.name} in months",
    )


@dataclass(frozen=True, eq=False)
class PlanOpening(Opening):
    """Today's holdings with a row a month to come, and the accounting of a plan; the costs include its taxes.

    portfolio : in months (`of`).
    plan      : the plan.
    fee       : rate on NAV that is charged besides, fraction a year.
    """

    plan: Plan
    fee: float = 0.0

    @classmethod
    def of(cls, portfolio: Portfolio, plan: Plan) -> "PlanOpening":
        """The opening of a portfolio. Raises ConfigError for rows that are rarer than months; others as `Opening`."""
        every = row_name(portfolio.periods_per_year)
        if every not in ("day", "week", "month"):
            raise ConfigError(f"a plan has a row a month, and market {portfolio.market.name!r} a row a {every}.")
        if every != "month":
            portfolio = replace(
                portfolio, market=in_months(portfolio.market), periods_per_year=MONTHS, lag=0, given_prices=None
            )
        return cls(portfolio, plan)

    @cached_property
    def dates(self) -> pd.DatetimeIndex:
        """(D + 1,) the last close, and the days that come months after it."""
        first = self.portfolio.market.dates[-1]
        return pd.DatetimeIndex([first + pd.DateOffset(months=k) for k in range(self.plan.months + 1)]).as_unit("us")

    @cached_property
    def costs(self) -> Costs:
        """The costs of the file; where they depend on volumes, quotes or the day, at constant rates."""
        found = super().costs
        return replace(found, tax=self.portfolio.costs.tax, management_fee=found.management_fee + self.fee)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The features that the file has and a plan does not, by name."""
        return tuple(each for each in super().left_out if each != "tax on gains")

    @cached_property
    def basis(self) -> Array:
        """(n,) what was paid for the holdings, over their worth at the last close: 1 where the file has no lots."""
        held, lots = self.portfolio.holdings, self.portfolio.tax_lots
        paid = held.copy()
        for i, of_asset in enumerate(() if lots is None else lots.lots):
            if of_asset and held[i] > 0.0:
                paid[i] = sum(lot.units * lot.price for lot in of_asset)
        return np.divide(paid, held, out=np.ones(len(held)), where=held > 0.0)


@dataclass(frozen=True, eq=False)
class PlanPaths:
    """The results of one policy on P futures of Y years.

    nav    : (P, Y + 1) NAV as each year ends, and today's first, after what was paid at that close, currency; 0 where
             it has run out.
    ended  : (P,) months from today to the payment that it could not make, -1 where there is none.
    taken  : (P, Y) what was paid out in each year, currency in today's money.
    taxes  : (P,) taxes in all, currency in today's money.
    costs  : (P,) costs of trading in all, likewise.
    prices : (P, Y + 1) consumer prices, 1 today.
    """

    nav: Array
    ended: Rows
    taken: Array
    taxes: Array
    costs: Array
    prices: Array

    @property
    def left(self) -> Array:
        """(P,) NAV at the end, currency in today's money."""
        end: Array = self.nav[:, -1] / self.prices[:, -1]
        return end

    @classmethod
    def joined(cls, parts: "list[PlanPaths]") -> "PlanPaths":
        """The futures of all parts, in their order."""
        return cls(*(np.concatenate(each) for each in zip(*(vars(part).values() for part in parts), strict=True)))


def bands_in_months(opening: PlanOpening, daily: Opening, policy: Policy) -> SharedBands:
    """The target and the bands of a policy on the rows of a plan.

    opening : of the plan.
    daily   : of the portfolio as the file has it: what a policy estimates is what it estimates there at the last close.
    policy  : one that `is_played_at_once`.
    """
    if not estimates(policy):
        return SharedBands.of(opening, policy)
    there, rows, rule = SharedBands.of(daily, policy), opening.days + 2, compiled_rule(policy)
    asked = opening.skeleton.scheduled(getattr(rule, "schedule", "day"), getattr(rule, "offset", 0))
    target = replace(there.targets, row=np.zeros(rows, dtype=np.int64))
    row = frozen(np.full(rows, there.bands.row[1]))
    return replace(there, targets=target, bands=there.bands._replace(asked=asked, row=row))


def play_plan(
    opening: PlanOpening, shared: SharedBands, closes: FuturePrices, consumer: Array, scale: float = 1.0
) -> PlanPaths:
    """Play one policy through P futures of a plan.

    opening  : today's holdings and the plan.
    shared   : the policy on its rows.
    closes   : worth of a unit in each future.
    consumer : (P, D + 1) or (1, D + 1) consumer prices, 1 today.
    scale    : multiple of the amount, or of the share, that is spent.
    """
    paths, rows, n = closes.closes.shape
    spending = opening.plan.state(opening.dates)
    spending.numbers[:2] *= scale
    inputs = engine_inputs(opening, shared.policy, opening.skeleton, shared.targets, 0, "")
    returns = inputs.desk.tax_returns
    busy = (
        (spending.years_left > 0)
        | (spending.paid > 0.0)
        | (spending.known != 0.0)
        | (returns if len(returns) else False)
    )
    ledger = Ledger.empty(rows, n, rows + n + int(returns.sum()))
    here, laid = np.empty_like(closes.closes[0]), np.empty_like(closes.tiles[0])
    lots = inputs.desk.lots
    if lots.units.shape[1] > 0:
        lots = Lots.empty(n, 2 * rows + 1, lots.long_from.shape[1] > 0)
    given = inputs.loop(shared.bands, shared.options, ledger)._replace(
        sessions=inputs.sessions._replace(
            closes=shown(here),
            tiles=shown(laid),
            cash_index=opening.cash_closes,
            flows=shown(spending.flows),
            busy=frozen(busy),
        ),
        desk=inputs.desk._replace(spending=spending, lots=lots),
    )
    held, cash_units = (
        opening.portfolio.holdings / opening.closes[1],
        float(opening.portfolio.cash / opening.cash_closes[1]),
    )
    units, years = np.empty(n), opening.plan.years
    out = PlanPaths(
        np.zeros((paths, years + 1)), np.empty(paths, dtype=np.int64), *np.zeros((1, paths, years)), *np.zeros((2, paths)),
        np.empty((paths, years + 1)),
    )  # fmt: skip
    booked = 1 - opening.portfolio.sessions_since_trade
    ledger.nav[0], ledger.cash[0] = (
        held @ opening.closes[0] + cash_units * opening.cash_closes[0],
        cash_units * opening.cash_closes[0],
    )
    one = typed(play, given, 0, units, cash_units, booked)
    for p in range(paths):
        here[:], laid[:], units[:] = closes.closes[p], closes.tiles[p], held
        spending.prices[1:] = consumer[min(p, len(consumer) - 1)]
        spending.state[:] = 0.0
        if lots.units.shape[1] > 0:
            lots.held[:], lots.carried[:], lots.year[:] = held > 0.0, 0.0, 0.0
            lots.units[:, 0], lots.price[:, 0] = held, opening.basis * opening.closes[1]
        count, stopped = one(given, 0, units, cash_units, booked)
        _sum_up(ledger, count, stopped, spending, out.nav[p], out.taken[p], out.taxes[p : p + 1], out.costs[p : p + 1])
        out.ended[p] = stopped - 1 if stopped >= 0 else -1
        out.prices[p] = spending.prices[1::MONTHS]
    return out


@compiled
def _sum_up(
    ledger: Ledger,
    count: int,
    stopped: int,
    spending: SpendingState,
    nav: Array,
    taken: Array,
    taxes: Array,
    costs: Array,
) -> None:
    """Write the NAV of each year's row (Y + 1,), what was taken in each year (Y,), and taxes and costs (1,) in all.

    count   : number of bookings.
    stopped : row whose payment could not be made, -1 without one.
    """
    end = len(ledger.nav) if stopped < 0 else stopped
    for y in range(len(nav)):
        if 1 + 12 * y < end:
            nav[y] = ledger.nav[1 + 12 * y]
    for t in range(1, end):
        if spending.flows[t] < 0.0:
            taken[min((t - 1) // 12, len(taken) - 1)] -= spending.flows[t] / spending.prices[t]
    if stopped >= 0:  # what there was
        rest = max(min(ledger.nav[stopped], 0.0) - spending.flows[stopped], 0.0)
        taken[min((stopped - 1) // 12, len(taken) - 1)] += rest / spending.prices[stopped]
    for j in range(count):
        t = ledger.booked[j]
        if t < 0:
            continue
        for c in range(ledger.charges.shape[1]):
            for i in range(ledger.charges.shape[2]):
                if c == TAX:
                    taxes[0] += ledger.charges[j, c, i] / spending.prices[t]
                else:
                    costs[0] += ledger.charges[j, c, i] / spending.prices[t]
