"""The years of a plan played month by month: today's holdings, what is saved and spent, costs, taxes and a policy.

The market of a plan has a row a month, counted back from the last close, and a decision is carried out at the close at
which it is made. What a policy estimates stays as it is at the last close. A portfolio that cannot pay has run out: it
pays what it has, and nothing after that.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from backtests.engine.compiled_loop import play
from backtests.engine.ledger import Ledger
from backtests.engine.loop_inputs import BeforeFlow
from backtests.engine.tax_at_end import tax_of_all, unwritten
from backtests.today.future_paths import FuturePrices, Opening, SharedBands, engine_inputs, estimates, shown, typed
from foundation.arrays import Array, Rows, frozen, kept
from foundation.compiled import compiled
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from research.accounting import Costs, Execution, Policy
from research.accounting.cost_parameters import TAX, Lots
from research.accounting.spending import AMOUNT, BY_SHARE, GUARDRAILS, PAID
from research.accounting.tax_lots import tax_return
from research.market import Market
from research.market.calendars import row_name
from research.portfolio import Portfolio
from research.portfolio.plan import MONTHS_A_YEAR, Plan
from research.risk.simulation.future_laws import sample
from research.rules.protocol import compiled_rule

OPEN_CASH = 1e-12  # of NAV: cash with which an account without holdings is open for what comes to it
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
    def money(self) -> tuple[Array, Array, Array, Array]:
        """(D + 2,) what is saved at each row, what comes once, income, and what goes once: `Plan.money`."""
        return self.plan.money(self.dates)

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
            if of:
                cash = cash if held.sum() + cash > 0.0 else OPEN_CASH * portfolio.nav
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
    taken  : (P, Y) what was spent by the rule in each year, income included, currency in today's money.
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
    accounts: Sequence[PlanOpening],
    shared: SharedBands,
    growths: Array,
    consumer: Array,
    scale: float = 1.0,
    turn: int | None = None,
) -> PlanPaths:
    """Play one policy through P futures of a plan.

    accounts : one, or the two that are spent one after the other; each is rebalanced to the whole target by itself.
    shared   : the policy on their rows.
    growths  : (P, D, n) 1 + simple return of each asset in each month.
    consumer : (P, D + 1) or (1, D + 1) consumer prices, 1 today.
    scale    : multiple of the amount, or of the share, that is spent.
    turn     : month from which the second account is spent before the first, whole years from today; None for never.
    """
    paths, years, now = len(growths), accounts[0].plan.years, FuturePrices.room(accounts[0])
    _, _, income, _ = accounts[0].money
    laid_out = [_Account(opening, shared, now, scale, alone=len(accounts) == 1) for opening in accounts]
    out = PlanPaths(
        np.zeros((paths, years + 1)), np.full(paths, -1), np.zeros(paths), np.zeros((paths, years)), np.zeros(paths),
        np.full(paths, sum(each.paid for each in accounts)), np.empty((paths, years + 1)),
    )  # fmt: skip
    for p in range(paths):
        prices = consumer[min(p, len(consumer) - 1)]
        out.prices[p] = prices[::MONTHS_A_YEAR]
        now.write(growths[p])
        for account in laid_out:
            account.begin(prices, out, p)
        stopped = _play_both(laid_out[0], laid_out[1], turn) if len(laid_out) == 2 else laid_out[0].play()
        if stopped >= 0:  # what the owner gets elsewhere he still has
            out.ended[p] = stopped - 1
            left = np.arange(stopped, MONTHS_A_YEAR * years)  # months, whose rows come after it
            np.add.at(out.taken[p], left // MONTHS_A_YEAR, income[1 + left])
    return out


def _play_both(spent: "_Account", other: "_Account", turn: int | None) -> int:
    """Play two accounts through a future; gives the row of a payment that neither can make, or -1.

    spent : the account that pays, as long as it has something and whenever money comes to it again.
    other : the account that pays what it cannot.
    turn  : month from which they change places; its payment stands in the row after it.
    """
    while True:
        spent.see(other)
        stopped = spent.play(turn)
        if stopped < 0 and turn is None:
            return other.play(pays=False)
        if stopped < 0:
            other.play(turn, pays=False)
            other.spending.state[:] = spent.spending.state
            spent, other, turn = other, spent, None
            continue
        other.play(stopped - 1, pays=False)
        again = spent.next_money(stopped)
        failed = other.play(again - 1, after=spent)
        if failed >= 0 or again == spent.rows:
            return failed
        spent.open_again(again - 1, other)
        if turn is not None and again > turn:
            spent, other, turn = other, spent, None


class _Account:
    """An account laid out for the loop, which is played on one future after the other, piece by piece.

    row     : the last row that is played.
    tax_due : tax on a sale of all, and of the year's return, where a payment was not made or the future ends, currency.
    again   : true if the rule, which goes on with a trade, is asked at the next row whatever its schedule is.
    """

    tax_due = 0.0

    def __init__(
        self, opening: PlanOpening, shared: SharedBands, now: FuturePrices, scale: float, *, alone: bool
    ) -> None:
        """Arguments as of `play_plan`.

        now   : the prices of the future that is played.
        alone : false where there is another account: what is saved goes to the sheltered one, what comes once to the
                taxable one.
        """
        self.rows, n = now.closes.shape
        self.opening, self.spending = opening, opening.plan.state(opening.dates, opening.gross)
        self.spending.numbers[:2] *= scale
        spending, (saved, comes, _, _) = self.spending, opening.money
        self.planned = spending.years_left.copy(), spending.paid.copy(), spending.elsewhere.copy()
        self.comes = np.zeros(self.rows)
        self.comes += saved if alone or not opening.taxable else 0.0
        self.comes += comes if alone or opening.taxable else 0.0
        inputs = engine_inputs(opening, shared.policy, opening.skeleton, shared.targets, 0, "")
        returns, lots = inputs.desk.tax_returns, inputs.desk.lots
        busy = (spending.years_left > 0) | (spending.paid > 0.0) | (spending.known > 0.0) | (spending.elsewhere != 0.0)
        busy |= returns if len(returns) else False
        self.lots = Lots.empty(n, 3 * self.rows + 1, lots.long_from.shape[1] > 0) if lots.units.shape[1] > 0 else lots
        self.ledger = Ledger.empty(self.rows, n, self.rows + inputs.extra_bookings)
        self.closes = now.closes
        self.inputs = inputs.loop(shared.bands, shared.options, self.ledger)._replace(
            sessions=now.sessions(inputs.sessions, opening)._replace(
                flows=shown(self.spending.flows), busy=frozen(busy),
                years=frozen(np.where(np.arange(self.rows) > 1, inputs.sessions.years, 0.0)),  # what was before is over
            ),
            desk=inputs.desk._replace(
                spending=self.spending, lots=self.lots, before=BeforeFlow(np.empty(n), self.lots.room()),
                invest_flows=True,
            ),
        )  # fmt: skip
        self.held = opening.portfolio.holdings / opening.closes[1]
        self.held_cash = float(opening.portfolio.cash / opening.cash_closes[1])
        self.units, self.booked_before = np.empty(n), 1 - opening.portfolio.sessions_since_trade
        given = self.inputs, 0, self.units, self.held_cash, self.booked_before
        self.one = kept(opening, ("code", shared), lambda: typed(play, *given))  # of one policy, of the same types

    def begin(self, prices: Array, out: PlanPaths, p: int) -> None:
        """Go back to today, for the future that is now written.

        prices : (D + 1,) consumer prices.
        out    : results, to whose future p is added what is played.
        """
        self.out, self.p, self.spending.prices[1:], self.spending.state[:] = out, p, prices, 0.0
        self.units[:] = self.held
        self._stand_at(0, self.held_cash)
        self.count, self.booked, self.again = 0, self.booked_before, False
        if self.lots.units.shape[1] > 0:
            self._no_lots()
            self.lots.held[:], self.lots.carried[:], self.lots.year[:] = self.held > 0.0, 0.0, 0.0
            self.lots.units[:, 0], self.lots.price[:, 0] = self.held, self.opening.basis * self.opening.closes[1]

    def open_again(self, row: int, other: "_Account") -> None:
        """Go to the row before money comes to this account, which is empty but for losses that it carries.

        other : the account that paid until then.
        """
        self.units[:], self.spending.state[:], self.again = 0.0, other.spending.state, False
        self._stand_at(row, 0.0)
        if self.lots.units.shape[1] > 0:
            self._no_lots()

    def _stand_at(self, row: int, cash: float) -> None:
        """Go to a row.  cash : units of it held there."""
        self.row, self.cash = row, cash
        self.ledger.cash[row] = cash * self.opening.cash_closes[row]
        self.ledger.nav[row] = self.units @ self.closes[row] + self.ledger.cash[row]

    def _no_lots(self) -> None:
        """Empty the lots; losses carried stay."""
        self.lots.held[:], self.lots.long_from[:], self.lots.bought[:] = 0, 0, 0

    def next_money(self, row: int) -> int:
        """The first row after `row` at which money comes to this account, or the number of rows."""
        comes = np.flatnonzero(self.comes[row + 1 :])
        return row + 1 + int(comes[0]) if comes.size else self.rows

    def see(self, other: "_Account") -> None:
        """Learn what the owner would have in the other account if that goes on without paying, where a rule asks it."""
        if self.spending.rule not in (BY_SHARE, GUARDRAILS):
            return
        written = other.units, other.spending.state, *other.lots
        kept, (row, cash) = [each.copy() for each in written], (other.row, other.cash)
        stand = other.count, other.booked, other.again
        other._run(self.rows - 1, pays=False)
        beside, gross = self.spending.beside, other.opening.gross
        beside[1] = other.comes * self.spending.prices / gross
        beside[0] = other.ledger.nav / gross - beside[1]
        for each, before in zip(written, kept, strict=True):
            each[:] = before
        other._stand_at(row, cash)
        other.count, other.booked, other.again = stand

    def play(self, until: int | None = None, *, pays: bool = True, after: "_Account | None" = None) -> int:
        """Play the next rows; gives the row of a payment that cannot be made, or -1.

        until : the last row; None for the last of the future.
        pays  : false where another account pays.
        after : the account that paid before, and could not pay all that was due at the next row.
        """
        last = self.rows - 1 if until is None else until
        begins, count = self.row, self.count
        stopped = self._run(last, pays=pays, after=after)
        if self.lots.units.shape[1] > 0 and (stopped >= 0 or last == self.rows - 1):
            self.tax_due = self._settle_taxes(stopped if stopped >= 0 else last, sells=stopped >= 0)
        self._add(begins, stopped if stopped >= 0 else last + 1, slice(count, self.count), stopped)
        return stopped

    def _run(self, last: int, *, pays: bool, after: "_Account | None" = None) -> int:
        """Play the rows up to `last`, and stand there; gives the row of a payment that cannot be made, or -1."""
        spending, begins = self.spending, self.row
        settled = spending.years_left, spending.paid, spending.elsewhere
        for values, planned in zip(settled, self.planned, strict=True):
            values[:] = planned if pays else 0
        spending.known[:] = self.comes
        if after is not None:
            self._take_over(after)
        inputs, ledger, rule = self.inputs, self.ledger, self.inputs.rule
        if self.again:
            asked = rule.asked.copy()
            asked[begins + 1] = True
            inputs = inputs._replace(rule=rule._replace(asked=frozen(asked)))
        if begins > 0 or last < self.rows - 1:
            closes = shown(self.closes[: last + 1])
            inputs = inputs._replace(
                sessions=inputs.sessions._replace(closes=closes), ledger=ledger.after(begins, self.count)
            )
        written, stopped = self.one(inputs, begins, self.units, self.cash, self.booked)
        if last < self.rows - 1:
            trades = [j for j in range(self.count, self.count + written) if ledger.part_of[j] >= 0]
            self.booked = next((int(ledger.booked[j]) for j in reversed(trades) if ledger.trades[j].any()), self.booked)
            self.again = bool(rule.again) and any(ledger.asked[j] == last for j in trades)
        self.row, self.count = last, self.count + written
        self.cash = float(ledger.cash[last] / self.opening.cash_closes[last])
        return int(stopped)

    def _take_over(self, after: "_Account") -> None:
        """Pay at the next row what the other account could not, and from then on what is planned."""
        spending, at, gross = self.spending, self.row + 1, self.opening.gross
        price, (owed, of_rule) = spending.prices[at], after.owed(at)
        spending.state[:], spending.beside[:], spending.years_left[at] = after.spending.state, 0.0, 0
        spending.paid[at] = of_rule / spending.state[AMOUNT] if of_rule > 0.0 else 0.0
        spending.elsewhere[at] = (of_rule - owed) / price
        spending.state[PAID] += self.comes[at] * price / gross - owed  # which the other account has counted already

    def _settle_taxes(self, row: int, *, sells: bool) -> float:
        """The tax on a sale of all at a row, unless it is forgiven, and that of the year's return, currency.

        sells : true if all is sold there, whose losses are then carried; false at the end.
        """
        lots, costs = self.lots if sells else unwritten(self.lots), self.inputs.desk.cost_parameters
        tax, due = self.opening.costs.tax, 0.0
        if sells or tax is None or tax.at_end != "step_up":
            due = tax_of_all(lots, costs, self.closes[row], row)
        if tax is not None and tax.loss_limit is not None:
            due += float(tax_return(lots, costs, tax.loss_limit))
        return due

    def owed(self, stopped: int) -> tuple[float, float]:
        """(of all that was due at row `stopped`, of what the rule pays) what the owner did not get, currency.

        All is sold for the last payment, and its gains are taxed; below 0 for a refund of tax that is left of it.
        """
        lacking = (self.tax_due - float(self.ledger.nav[stopped])) / self.opening.gross
        all_due, of_rule = self._due(stopped)
        return min(lacking, all_due), max(min(lacking, of_rule), 0.0)

    def _due(self, row: int) -> tuple[float, float]:
        """All that the owner is to get at a row, and what the rule pays, currency."""
        price, spending = self.spending.prices[row], self.spending
        all_due = max((self.comes[row] * price - spending.flows[row]) / self.opening.gross, 0.0)
        return float(all_due), float(spending.state[AMOUNT] * spending.paid[row])

    def _add(self, begins: int, end: int, bookings: slice, stopped: int) -> None:
        """Add the rows after `begins` and before `end` to the results.

        bookings : those of the piece.
        stopped  : row of a payment that was not made whole, which is `end`, or -1.
        """
        gross, prices, flows, out, p = self.opening.gross, self.spending.prices, self.spending.flows, self.out, self.p
        rest, by_rule, ledger = 0.0, 0.0, self.ledger
        if stopped >= 0:
            rest, by_rule = np.subtract(self._due(stopped), self.owed(stopped)).tolist()
            out.taxes[p] += self.tax_due / prices[stopped]
        elif end == self.rows:
            out.due[p] += self.tax_due
        if gross > 1.0:
            piece = slice(begins + 1, end)
            out_of = float(np.maximum(self.comes[piece] - flows[piece] / prices[piece], 0.0).sum()) / gross
            out.taxes[p] += (gross - 1.0) * (out_of + rest / prices[min(end, self.rows - 1)])
        _sum_up(
            ledger.nav, ledger.booked[bookings], ledger.charges[bookings], (begins, end, stopped), prices, flows,
            self.comes, self.spending.elsewhere, gross, by_rule,
            out.nav[p], out.taken[p], out.taxes[p : p + 1], out.costs[p : p + 1],
        )  # fmt: skip


@compiled
def _sum_up(
    rows: Array, booked: Rows, charges: Array, piece: tuple[int, int, int], prices: Array, flows: Array, comes: Array,
    elsewhere: Array, gross: float, rest: float, nav: Array, taken: Array, taxes: Array, costs: Array,
) -> None:  # fmt: skip
    """Add the NAV of each year's row (Y + 1,), what was taken in each year (Y,), and taxes and costs (1,) in all.

    rows    : (T,) NAV at each close, currency.
    booked  : (k,) row of each booking; charges (k, columns, n), currency.
    piece   : (row before the first, row after the last, row whose payment could not be made or -1).
    prices  : (T,) consumer prices; flows (T,), currency.
    comes   : (T,) money that comes to the account, currency in today's money; elsewhere as of `SpendingState`.
    gross   : what leaves the account for one that the owner gets.
    rest    : what he gets of it in that row, currency.
    """
    (begins, end, stopped), last = piece, len(taken) - 1
    for y in range(len(nav)):
        if begins < 1 + MONTHS_A_YEAR * y < end:
            nav[y] += rows[1 + MONTHS_A_YEAR * y] / gross
    for t in range(begins + 1, end if stopped < 0 else end + 1):
        got = rest if t == stopped else (comes[t] * prices[t] - flows[t]) / gross + elsewhere[t] * prices[t]
        taken[min((t - 1) // MONTHS_A_YEAR, last)] += got / prices[t]
    for j in range(len(booked)):
        if booked[j] >= 0:
            price = prices[booked[j]]
            for i in range(charges.shape[2]):
                for c in range(charges.shape[1]):
                    costs[0] += charges[j, c, i] / price if c != TAX else 0.0
                taxes[0] += charges[j, TAX, i] / price
