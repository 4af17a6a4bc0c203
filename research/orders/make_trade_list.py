"""The trade list of a policy today: its decision at the last close, sized in whole lots and divided over accounts."""

from math import fsum

import numpy as np
import pandas as pd

from foundation.arguments import day
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, PolicyError
from research.accounting import Hold, Policy, Trade, Why
from research.allocation import TargetPath, Tilted, target_path
from research.orders.accounts.household import Divided, check_account, divided, to_divide, with_flow_in_cash
from research.orders.decision import BEGUN, decision
from research.orders.lots.own_orders import check_all_sent, own_orders
from research.orders.lots.position import Position
from research.orders.lots.sizing import Ask, SizedOrders, ask_once, size
from research.orders.price_age import PriceAges, check_ages, price_ages
from research.orders.rate_age import RateAges, check_rate_ages, rate_ages
from research.orders.reasons import CAP, FLOW_WORDS, ONE_SIDE, OTHER_TRADES, PART, STEP_WORDS, TRANCHE_WORDS
from research.orders.request import PLAIN_REQUEST, Request, flow_trade, with_flow
from research.orders.tax.gain_budget import within_gain_budget
from research.orders.tax.tax_lots import with_wash_sale_locks
from research.orders.trade_lists import TradeList
from research.orders.unfinished import Unfinished
from research.portfolio import Portfolio
from research.rules import Calendar
from research.rules.bands import band_rows
from research.rules.no_trade_bands import restricted
from research.rules.protocol import held_by, short_name, traits


def trade_list(
    portfolio: Portfolio,
    policy: Policy,
    name: str = "",
    *,
    run: str = "",
    targets: TargetPath | None = None,
    request: Request = PLAIN_REQUEST,
    position: Position | None = None,
    greedy: bool = False,
    as_of: str | pd.Timestamp | None = None,
    stale_ok: bool = False,
) -> TradeList:
    """The orders that `policy` wants at the portfolio's last close, from its holdings and that close's prices.

    portfolio : the desk's file.
    policy  : policy that decides, unless orders of an earlier list are open: they are completed first.
    name    : name of the policy; by default as in the portfolio's file, else its class.
    run     : id of a run that recommends it.
    targets : the path of the allocation's targets on the portfolio's market, if it was computed before.
    request : request besides: money in or out, one side only, all to target; or a person's own orders in place of the
              policy's, which then only names the target that weights are held against.
    position : position of the portfolio, if it was made before.
    greedy  : true if whole lots are those of the greedy search, as in backtests.
    as_of   : today, against which the age of each price is counted; None, for history, counts none.
    stale_ok : make the list, marked, where prices or exchange rates are too old for orders.
    Raises  : ConfigError for a policy that is still to be tuned or trained, and for a withdrawal that sells cannot pay;
              ConfigError for own orders that cannot be sent (`research.orders.lots.own_orders`);
              PolicyError for a box that cannot be traded into; DataError for prices or exchange rates that are
              later than today, or older than `orders: max_age` allows.

    >>> from research.portfolio import load_portfolio
    >>> portfolio = load_portfolio("data/portfolios/sixty_forty.yaml")
    >>> trade_list(portfolio, portfolio.policies["threshold"]).orders[["side", "asset", "units"]].to_numpy().tolist()
    [['sell', 'SPY', 133.0], ['buy', 'AGG', 721.0]]
    """
    name = name or next((known for known, p in portfolio.policies.items() if p is policy), short_name(policy))
    _check_decides(policy, name)
    check_account(portfolio, request)
    ages, of_rates = _ages(portfolio, as_of, stale_ok)
    today = None if ages is None else ages.today
    if portfolio.today != today:
        portfolio = replace(portfolio, today=today)
    portfolio, target, tilt = _in_force(portfolio, policy, name, targets)
    with_money = position or Position.of(portfolio)
    pending = tuple(Request(float(each.amount), account=each.account) for each in portfolio.pending)
    for each in pending:
        with_money, portfolio = with_flow(with_money, each), with_flow_in_cash(portfolio, each)
    with_money, portfolio = with_flow(with_money, request), replace(portfolio, pending=())
    bound, aim = with_wash_sale_locks(portfolio, target, with_money.weights)
    opening = portfolio.unopened and traits(policy).opens
    decides = Calendar(portfolio.strategic, "day") if request.to_target or opening else policy
    flow = fsum((request.flow, *(each.flow for each in pending)))
    asked = _Asked(bound, decides, name, aim, with_money.restricted(bound.market.trading), request, flow, greedy)
    asked, answer, orders = asked.answered()
    wanted, limit = asked.wanted(answer)
    listed = TradeList(
        portfolio=portfolio,
        policy=name,
        run=run,
        target=target,
        decides=policy,
        why=answer.why,
        holds=isinstance(answer, Hold),
        sized=orders,
        would=asked.would(wanted) if isinstance(answer, Hold) else None,
        wanted=(wanted.lower, wanted.upper),
        limit=ONE_SIDE.get(request.way, limit),
        request=request,
        pending=pending,
        ages=ages,
        rate_ages=of_rates,
        tilt=tilt,
    )
    _check_paid(listed, asked.position.debt)
    return listed


def _check_decides(policy: object, name: str) -> None:
    """Raise ConfigError for a policy that is still to be tuned or trained."""
    if not isinstance(policy, Policy):
        raise ConfigError(
            f"policy {name!r} cannot decide: a {short_name(policy)} must be tuned or trained first. Give the "
            "result of that."
        )


def _ages(
    portfolio: Portfolio, as_of: str | pd.Timestamp | None, stale_ok: bool
) -> tuple[PriceAges | None, RateAges | None]:
    """The ages of prices and exchange rates on a day, None without one; DataError where they are too old for orders."""
    if as_of is None:
        return None, None
    ages = price_ages(portfolio, day("as_of is", as_of))
    of_rates = rate_ages(portfolio, ages.today)
    if not stale_ok:
        check_ages(portfolio, ages)
        check_rate_ages(portfolio, of_rates)
    return ages, of_rates


def _in_force(
    portfolio: Portfolio, policy: Policy, name: str, targets: TargetPath | None
) -> tuple[Portfolio, Array, Array | None]:
    """The target in force at the last close, the portfolio with its allocation's remarks there, and its tilt.

    The tilt is the change of the target (n,) by a forecast, where its allocation is a tilted one; else None.
    """
    last, allocation = len(portfolio.market.dates) - 1, held_by(policy, portfolio.strategic)
    if targets is None:
        targets = target_path(allocation, portfolio.market, start=last)
    said, moved = targets.remarks(last, name), None
    if isinstance(allocation, Tilted) and not targets.answer_at(last).fallback:
        tilt = allocation.tilt(portfolio.market.past(int(targets.seen[targets.row[last]])))
        said, moved = (*said, *(tilt.sentences() if tilt.moved.any() else ())), tilt.moved
    if said:
        portfolio = replace(portfolio, notes=(*portfolio.notes, *said))
    return portfolio, targets.at(last), moved


def _check_paid(listed: TradeList, debt: float) -> None:
    """Raise ConfigError for a withdrawal that cash and sells do not pay.  debt : owed before it, currency."""
    flow = listed.request.flow
    if flow < 0.0 and listed.sized.cash < -debt:
        limits = f" ({'; '.join(listed.binding)})" if listed.binding else ""
        raise ConfigError(
            f"the withdrawal of {-flow:,.2f} {listed.portfolio.basis} cannot be paid: cash and the sells that its "
            f"limits allow, less costs and an adverse move, do not reach it{limits}. Withdraw less, or change the "
            "limits."
        )


@dataclass(frozen=True, eq=False)
class _Asked:
    """The inputs of a list's decision.

    portfolio : portfolio with the locks of wash sales.
    decides   : policy, or that of a trade to target.
    name      : name of the policy.
    target    : (n,) weights in force, which no locked asset leaves.
    position  : position with the flow in its cash.
    request   : request besides the policy's decision.
    flow      : money that comes or goes, with that of earlier lists that is not booked yet, currency.
    greedy    : true if whole lots are those of the greedy search.
    step      : step of an earlier list that is completed before the policy decides, or None.
    """

    portfolio: Portfolio
    decides: Policy
    name: str
    target: Array
    position: Position
    request: Request
    flow: float
    greedy: bool
    step: Unfinished | None = None

    def answered(self) -> tuple["_Asked", Hold | Trade, SizedOrders]:
        """The inputs that decide, their decision and its orders: an open step is completed if any of it can be sent."""
        if self.request.orders:
            return self, *self._ordered()
        step = None if self.request.to_target else Unfinished.of(self.portfolio)
        if step is not None:
            completing = replace(self, step=step, position=step.only(self.position))
            answer, orders = completing.answer()
            if orders.moved.any():
                return completing, answer, orders
        return self, *self.answer()

    def answer(self) -> tuple[Hold | Trade, SizedOrders]:
        """The decision and its orders; of a flow after which the policy holds, the trade that the flow alone asks.

        So it is of a flow for which only the side that it needs is asked: buys of a deposit, sells of a withdrawal.
        """
        answer = self._decision(self.position, again=False)
        if self.flow != 0.0:
            kept = max(self._covers, self._of_others)
            flow = flow_trade(self.position, self.target, self.portfolio.market, self.flow, kept)
            invested = self.orders(ask_once(flow), kept=kept)
            is_alone = self.flow * self.request.way > 0.0 and not self.request.to_target
            if is_alone or isinstance(self._decision(invested.after, again=False), Hold):
                return flow, self.orders(
                    ask_once(flow), kept=kept, divide=True
                ) if self.portfolio.accounts else invested

        def ask(state: Position, again: bool) -> Trade | None:
            now = self._decision(state, again) if again else answer
            return now if isinstance(now, Trade) else None

        return answer, self.orders(ask, divide=True)

    def would(self, wanted: Trade) -> SizedOrders | None:
        """The orders of a trade that is not made; None where its costs could not be paid."""
        try:
            return self.orders(ask_once(wanted))
        except PolicyError:
            return None

    def _ordered(self) -> tuple[Trade, SizedOrders]:
        """The orders that a person gave, and the trade that they are."""

        def sized(position: Position) -> SizedOrders:
            given = own_orders(
                self.portfolio, replace(position, way=self.request.way), self.request.orders, self._covers
            )
            found = divided(self.portfolio, given, self.request)
            if isinstance(found, Divided):
                check_all_sent(self.portfolio, found.left, found.division.why)
            return found

        orders = within_gain_budget(self.portfolio, self.position, sized)
        return Trade(orders.goal, orders.goal, Why(self.request.ordered)), orders

    @property
    def _covers(self) -> float:
        """Cash that earlier orders of this close may need for an adverse move, currency.

        An order trades at most twice NAV: all is sold and bought. None of those whose fills are known needs any.
        """
        if self.portfolio.blotter is not None or self.portfolio.listed_at != self.portfolio.date:
            return 0.0
        before = max(self.position.cash - self.request.flow, 0.0)
        return min(before, 2.0 * self.position.limits.adverse_move * self.position.nav)

    @property
    def _of_others(self) -> float:
        """Cash of the accounts that do not pay a withdrawal, currency: none of it is moved to the one that does.

        With it, what covers an adverse move of the sells of that one.
        """
        accounts = self.portfolio.accounts
        if self.flow > 0.0 or len(accounts) < 2:
            return 0.0
        others = fsum(max(each.cash, 0.0) for each in accounts if each.name != self.request.account)
        return others + self.position.limits.adverse_move * abs(self.flow)

    def orders(self, ask: Ask, kept: float = 0.0, divide: bool = False) -> SizedOrders:
        """The orders of a trade that is asked, within the gain budget.

        kept   : currency that stays in cash, where that is more than the reserve and covers earlier orders.
        divide : true to divide the orders over the accounts, where there are some.
        """
        way, kept = self.request.way, max(kept, self._covers)

        def sized(position: Position) -> SizedOrders:
            spare = to_divide(position, len(self.portfolio.accounts)) if divide else 0.0
            less = position.with_cash(-spare) if spare else position
            whole = size(less, ask, self.target, self.name, way=way, kept=kept, greedy=self.greedy)
            whole = whole if self.step is None else self.step.as_sent(whole)
            whole = replace(whole, position=replace(position, way=way)) if spare else whole
            return divided(self.portfolio, whole, self.request) if divide else whole

        return within_gain_budget(self.portfolio, self.position, sized)

    def wanted(self, answer: Hold | Trade) -> tuple[Trade, tuple[str, str]]:
        """The box that a trade aims at, without turnover cap, in one tranche; and the limit that keeps it away."""
        if isinstance(answer, Hold):
            return self._to_target(Why("calendar")), OTHER_TRADES
        if self.request.orders:
            return answer, OTHER_TRADES
        if answer.why.trigger == "flow":
            return answer, FLOW_WORDS
        if self.step is not None:
            return answer, STEP_WORDS
        if (uncapped := traits(self.decides).uncapped()) is not None:
            whole = replace(self, decides=uncapped)._decision(self.position, again=False)
            box = (answer.lower, answer.upper)
            if isinstance(whole, Trade) and not np.array_equal((whole.lower, whole.upper), box):
                return whole, CAP
        if traits(self.decides).tranches > 1:
            return self._to_target(answer.why), TRANCHE_WORDS
        return answer, PART if answer.fraction < 1.0 else OTHER_TRADES

    def _decision(self, state: Position, again: bool) -> Hold | Trade:
        if self.step is not None:
            return Hold(BEGUN) if again else self.step.trade
        return decision(self.portfolio, self.decides, self.name, self.target, state, again)

    def _to_target(self, why: Why) -> Trade:
        """The trade to target, as far as restrictions of the assets allow."""
        rows = restricted(band_rows(self.target[None], 0.0, 0.0), self.portfolio.market)
        cash = rows["cash"][0]
        return Trade(rows["lower"][0], rows["upper"][0], why, cash_lower=cash[2], cash_upper=cash[3])
