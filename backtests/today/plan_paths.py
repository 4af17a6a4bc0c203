"""The years of a plan played month by month: today's holdings, what is saved and spent, costs, taxes and a policy.

The market of a plan has a row a month, counted back from the last close, and a decision is carried out at the close at
which it is made. What a policy estimates stays as it is at the last close. A portfolio that cannot pay has run out: it
pays what it has, and nothing after that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from backtests.engine.compiled_loop import play
from backtests.engine.ledger import Ledger
from backtests.engine.tax_at_end import tax_of_all, unwritten
from backtests.today.future_paths import FuturePrices, Opening, SharedBands, engine_inputs, estimates, shown, typed
from foundation.arrays import Array, Rows, frozen
from foundation.compiled import compiled
from foundation.errors import ConfigError
from research.accounting import Costs, Execution, Policy
from research.accounting.cost_parameters import TAX, Lots
from research.accounting.spending import PAID
from research.market import Market
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.portfolio.plan import MONTHS_A_YEAR, Plan
from research.risk.simulation.future_laws import sample
from research.rules.protocol import compiled_rule

HALF_MONTH = pd.Timedelta(days=15)


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
    taxable   : false for what is held in sheltered accounts: its gains are not taxed, what is taken out may be.
    """

    plan: Plan
    fee: float = 0.0
    taxable: bool = True

    @classmethod
    def of(cls, portfolio: Portfolio, plan: Plan) -> "PlanOpening":
        """The opening of a portfolio. Raises ConfigError for rows that are rarer than months; others as `Opening`."""
        every = row_name(portfolio.periods_per_year)
        if every not in ("day", "week", "month"):
            raise ConfigError(f"a plan has a row a month, and market {portfolio.market.name!r} a row a {every}.")
        market = portfolio.market if every == "month" else in_months(portfolio.market)
        return cls(replace(portfolio, market=market, periods_per_year=MONTHS_A_YEAR, lag=0, given_prices=None), plan)

    @cached_property
    def dates(self) -> pd.DatetimeIndex:
        """(D + 1,) the last close, and the end of each month to come: a calendar has its day in every one of them."""
        first = self.portfolio.market.dates[-1]
        near = [first + pd.DateOffset(months=k) - HALF_MONTH for k in range(1, self.plan.months + 1)]
        return pd.DatetimeIndex([first, *(day + pd.offsets.MonthEnd(0) for day in near)]).as_unit("us")

    @cached_property
    def cash_growth(self) -> float:
        """1 + return of cash of each month to come: the mean of the months of the sample."""
        dates, _ = sample(self.portfolio.market, MONTHS_A_YEAR)
        return 1.0 + float(self.portfolio.market.cash[-len(dates) :].mean())

    @cached_property
    def execution(self) -> Execution:
        """The execution of the file within a month: at its close, at once."""
        return Execution(minimum_trade=self.portfolio.execution.minimum_trade)

    @cached_property
    def costs(self) -> Costs:
        """The costs of the file; where they depend on volumes, quotes or the day, at constant rates."""
        found = Opening(self.portfolio).costs  # not `super().costs`: that would be kept here until this returns
        tax = self.portfolio.costs.tax if self.taxable else None
        return replace(found, tax=tax, management_fee=found.management_fee + self.fee)

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

    @property
    def gross(self) -> float:
        """Currency that leaves the portfolio for one that the owner gets."""
        return 1.0 if self.taxable else 1.0 / (1.0 - self.plan.withdrawal_tax)

    def accounts(self, first: bool) -> "tuple[PlanOpening, ...]":
        """The holdings of taxable accounts and of sheltered ones, in the order in which they are spent.

        first : true if the taxable ones are spent first. A portfolio of one kind of account gives one.
        """
        portfolio = self.portfolio
        if not portfolio.accounts:
            return (self,)
        worth = np.divide(
            portfolio.holdings, portfolio.shares, out=np.zeros(len(portfolio.holdings)), where=portfolio.shares > 0.0
        )
        found = []
        for taxable in (first, not first):
            of = [each for each in portfolio.accounts if each.taxable == taxable]
            held, cash = sum((each.units for each in of), np.zeros(len(worth))) * worth, sum(each.cash for each in of)
            if of and held.sum() + cash > 0.0:
                found.append(
                    replace(self, portfolio=replace(portfolio, holdings=held, cash=cash, accounts=()), taxable=taxable)
                )
        return tuple(found)


@dataclass(frozen=True, eq=False)
class PlanPaths:
    """The results of one policy on P futures of Y years.

    nav    : (P, Y + 1) NAV as each year ends, and today's first, after what was paid at that close, currency; what is
             sheltered less the tax on taking it out; 0 where it has run out.
    ended  : (P,) months from today to the payment that it could not make, -1 where there is none.
    due    : (P,) tax on the gains that are left at the end, unless `at_end` of the tax forgives it, currency.
    taken  : (P, Y) what the rule of spending paid out in each year, currency in today's money.
    taxes  : (P,) taxes in all, currency in today's money.
    costs  : (P,) costs of trading in all, likewise.
    prices : (P, Y + 1) consumer prices, 1 today.
    """

    nav: Array
    ended: Rows
    due: Array
    taken: Array
    taxes: Array
    costs: Array
    prices: Array

    @property
    def nominal(self) -> Array:
        """(P,) what is left at the end after all taxes, currency."""
        end: Array = self.nav[:, -1] - self.due
        return end

    @property
    def left(self) -> Array:
        """(P,) the same in today's money."""
        end: Array = self.nominal / self.prices[:, -1]
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
    if estimates(policy):
        found, rows, rule = SharedBands.of(daily, policy), opening.days + 2, compiled_rule(policy)
        asked = opening.skeleton.scheduled(getattr(rule, "schedule", "day"), getattr(rule, "offset", 0)).copy()
        asked[1], row = found.bands.asked[1], frozen(np.full(rows, found.bands.row[1]))
        targets = replace(found.targets, row=np.zeros(rows, dtype=np.int64))
        found = replace(found, targets=targets, bands=found.bands._replace(asked=frozen(asked), row=row))
    else:
        found = SharedBands.of(opening, policy)
    a_month = daily.portfolio.periods_per_year / MONTHS_A_YEAR  # rows, in which the file counts
    cooldown, after = (math.ceil(rows / a_month) for rows in (found.bands.cooldown, found.options.after_trade))
    options = found.options._replace(cooldown=cooldown, after_trade=after)
    return replace(found, bands=found.bands._replace(cooldown=cooldown), options=options)


def play_plan(
    accounts: Sequence[PlanOpening], shared: SharedBands, growths: Array, consumer: Array, scale: float = 1.0
) -> PlanPaths:
    """Play one policy through P futures of a plan.

    accounts : one, or the two that are spent one after the other; each is rebalanced to the whole target by itself.
    shared   : the policy on their rows.
    growths  : (P, D, n) 1 + simple return of each asset in each month.
    consumer : (P, D + 1) or (1, D + 1) consumer prices, 1 today.
    scale    : multiple of the amount, or of the share, that is spent.
    """
    paths, years, now = len(growths), accounts[0].plan.years, FuturePrices.room(accounts[0])
    *first, last = (_Account(opening, shared, now, scale, alone=len(accounts) == 1) for opening in accounts)
    out = PlanPaths(
        np.zeros((paths, years + 1)), np.full(paths, -1), np.zeros(paths), np.zeros((paths, years)), np.zeros(paths),
        np.zeros(paths), np.empty((paths, years + 1)),
    )  # fmt: skip
    for p in range(paths):
        prices = consumer[min(p, len(consumer) - 1)]
        out.prices[p] = prices[::MONTHS_A_YEAR]
        now.write(growths[p])
        stopped = last.play(prices, spends=not first)
        for account in first:  # whose owner spends of the last one what this one cannot pay
            stopped = account.play(prices, beside=last)
            account.add_to(out, p, stopped)
            if stopped >= 0:
                stopped = last.play(prices, after=account, since=stopped)
        last.add_to(out, p, stopped)
        out.ended[p] = stopped - 1 if stopped >= 0 else -1
    return out


class _Account:
    """An account laid out for the loop, which is played on one future after the other."""

    def __init__(
        self, opening: PlanOpening, shared: SharedBands, now: FuturePrices, scale: float, *, alone: bool
    ) -> None:
        """Arguments as of `play_plan`.

        now   : the prices of the future that is played.
        alone : false where there is another account: what is saved goes to the sheltered one, what comes once to the
                taxable one.
        """
        rows, n = now.closes.shape
        self.opening, self.spending = opening, opening.plan.state(opening.dates)
        self.spending.numbers[:2] *= scale
        self.spending.paid[:] *= opening.gross
        saved, once = opening.plan.money(opening.dates)
        self.planned = self.spending.years_left.copy(), self.spending.paid.copy(), np.minimum(once, 0.0) * opening.gross
        self.saved, self.comes, self.besides = np.zeros((3, rows))
        self.saved += saved if alone or not opening.taxable else 0.0
        self.saved += np.maximum(once, 0.0) if alone or opening.taxable else 0.0
        inputs = engine_inputs(opening, shared.policy, opening.skeleton, shared.targets, 0, "")
        returns, lots = inputs.desk.tax_returns, inputs.desk.lots
        busy = (self.spending.years_left > 0) | (self.spending.paid > 0.0) | (self.spending.known != 0.0)
        busy |= returns if len(returns) else False
        self.lots = Lots.empty(n, 3 * rows + 1, lots.long_from.shape[1] > 0) if lots.units.shape[1] > 0 else lots
        self.ledger = Ledger.empty(rows, n, rows + inputs.extra_bookings)
        self.closes = now.closes
        self.inputs = inputs.loop(shared.bands, shared.options, self.ledger)._replace(
            sessions=now.sessions(inputs.sessions, opening)._replace(
                flows=shown(self.spending.flows), busy=frozen(busy),
                years=frozen(np.where(np.arange(rows) > 1, inputs.sessions.years, 0.0)),  # what was before is over
            ),
            desk=inputs.desk._replace(spending=self.spending, lots=self.lots, invest_flows=True),
        )  # fmt: skip
        self.held = opening.portfolio.holdings / opening.closes[1]
        self.cash = float(opening.portfolio.cash / opening.cash_closes[1])
        self.ledger.cash[0] = self.cash * opening.cash_closes[0]
        self.ledger.nav[0] = self.held @ opening.closes[0] + self.ledger.cash[0]
        tax = opening.costs.tax
        self.is_forgiven = tax is not None and tax.at_end == "step_up"
        self.units, self.booked = np.empty(n), 1 - opening.portfolio.sessions_since_trade
        self.one = typed(play, self.inputs, 0, self.units, self.cash, self.booked)
        self.count = 0
        self.tax_of_all = 0.0  # on what is left at the row that ends a future, currency; 0 where gains are not taxed
        self.laid_out: bool | None = None  # spends: as its arrays have it; None if for one future

    def play(
        self,
        prices: Array,
        *,
        spends: bool = True,
        beside: "_Account | None" = None,
        after: "_Account | None" = None,
        since: int = 0,
    ) -> int:
        """Play the future that is now written; gives the row of the payment that it cannot make, or -1.

        prices : (D + 1,) consumer prices.
        spends : false where another account pays.
        beside : the account that pays later; None without one.
        after  : the account that paid before, up to row `since`, and could not pay all that was due then.
        """
        self.units[:], spending = self.held, self.spending
        spending.prices[1:], spending.state[:] = prices, 0.0 if after is None else after.spending.state
        if after is not None:
            self._lay_out(since, np.where(np.arange(len(self.saved)) > since, after.saved, 0.0))
            self.laid_out = None
        elif self.laid_out != spends:
            self._lay_out(-1 if spends else len(self.saved))
            self.laid_out = spends
        if beside is not None:
            spending.beside[1] = beside.saved * spending.prices
            spending.beside[0] = beside.ledger.nav - spending.beside[1]
        if after is not None:
            owed, of_rule = after.owed(since)
            spending.known[since] -= owed * self.opening.gross / spending.prices[since]
            self.besides[since] -= (owed - of_rule) * self.opening.gross / spending.prices[since]
            before = slice(0, since + 1)  # what comes until then is in the other account's sum already
            spending.state[PAID] += float((spending.known[before] * spending.prices[before]).sum())
        if self.lots.units.shape[1] > 0:
            self.lots.held[:], self.lots.carried[:], self.lots.year[:] = self.held > 0.0, 0.0, 0.0
            self.lots.long_from[:], self.lots.bought[:] = 0, 0
            self.lots.units[:, 0], self.lots.price[:, 0] = self.held, self.opening.basis * self.opening.closes[1]
        self.count, stopped = self.one(self.inputs, 0, self.units, self.cash, self.booked)
        if self.lots.units.shape[1] > 0:
            end = stopped if stopped >= 0 else len(self.closes) - 1
            costs, lots = self.inputs.desk.cost_parameters, unwritten(self.lots)
            self.tax_of_all = tax_of_all(lots, costs, self.closes[end], end)
        return int(stopped)

    def _lay_out(self, begins: int, more: Array | float = 0.0) -> None:
        """Pay after row `begins` what is planned.  more : (T,) what comes to this account besides its own."""
        pays, spending = np.arange(len(self.saved)) > begins, self.spending
        years_left, paid, goes = (np.where(pays, planned, 0) for planned in self.planned)
        self.comes[:], spending.beside[:] = self.saved + more, 0.0
        self.besides[:] = self.comes + goes
        spending.years_left[:], spending.paid[:], spending.known[:] = years_left, paid, self.besides

    def owed(self, stopped: int) -> tuple[float, float]:
        """(of all that was due at row `stopped`, of what the rule pays) what the owner did not get, currency.

        All is sold for the last payment, and its gains are taxed.
        """
        lacking = max(self.tax_of_all - float(self.ledger.nav[stopped]), 0.0) / self.opening.gross
        all_due, of_rule = self._due(stopped)
        return min(lacking, all_due), min(lacking, of_rule)

    def _due(self, row: int) -> tuple[float, float]:
        """All that the owner is to get at a row, and what the rule pays, currency."""
        price, flow = self.spending.prices[row], self.spending.flows[row]
        all_due, of_rule = ((known[row] * price - flow) / self.opening.gross for known in (self.comes, self.besides))
        return float(all_due), float(of_rule)

    def add_to(self, out: PlanPaths, p: int, stopped: int) -> None:
        """Add what was played last to future p of the results.  stopped : row of a payment that was not made, or -1."""
        gross, prices, flows = self.opening.gross, self.spending.prices, self.spending.flows
        end, rest, by_rule = len(flows) if stopped < 0 else stopped, 0.0, 0.0
        if stopped >= 0:
            rest, by_rule = np.subtract(self._due(stopped), self.owed(stopped)).tolist()
            out.taxes[p] += self.tax_of_all / prices[stopped]
        elif not self.is_forgiven:
            out.due[p] += self.tax_of_all
        if gross > 1.0:
            out_of = float((self.comes[1:end] - flows[1:end] / prices[1:end]).sum()) / gross
            out.taxes[p] += (gross - 1.0) * (out_of + rest / prices[min(end, len(prices) - 1)])
        done, ledger = slice(self.count), self.ledger
        _sum_up(
            ledger.nav, ledger.booked[done], ledger.charges[done], stopped, prices, flows, self.besides, gross, by_rule,
            out.nav[p], out.taken[p], out.taxes[p : p + 1], out.costs[p : p + 1],
        )  # fmt: skip


@compiled
def _sum_up(
    rows: Array, booked: Rows, charges: Array, stopped: int, prices: Array, flows: Array, besides: Array, gross: float,
    rest: float, nav: Array, taken: Array, taxes: Array, costs: Array,
) -> None:  # fmt: skip
    """Add the NAV of each year's row (Y + 1,), what was taken in each year (Y,), and taxes and costs (1,) in all.

    rows    : (T,) NAV at each close, currency.
    booked  : (k,) row of each booking; charges (k, columns, n), currency.
    stopped : row whose payment could not be made, -1 without one.
    prices  : (T,) consumer prices; flows (T,), currency.
    besides : (T,) money that comes and goes besides what the rule pays, currency in today's money.
    gross   : what leaves the account for one that the owner gets.
    rest    : what he gets of it in that row, currency.
    """
    end, last = len(rows) if stopped < 0 else stopped, len(taken) - 1
    for y in range(len(nav)):
        if 1 + MONTHS_A_YEAR * y < end:
            nav[y] += rows[1 + MONTHS_A_YEAR * y] / gross
    for t in range(1, min(end + 1, len(rows))):
        got = rest if t == stopped else (besides[t] * prices[t] - flows[t]) / gross
        taken[min((t - 1) // MONTHS_A_YEAR, last)] += got / prices[t]
    for j in range(len(booked)):
        if booked[j] >= 0:
            price = prices[booked[j]]
            for i in range(charges.shape[2]):
                for c in range(charges.shape[1]):
                    costs[0] += charges[j, c, i] / price if c != TAX else 0.0
                taxes[0] += charges[j, TAX, i] / price
