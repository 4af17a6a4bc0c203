"""The decision of a policy at a portfolio's last close, from the desk's real holdings."""

from functools import partial

import numpy as np

from foundation.arrays import Array
from foundation.paper.wording import percent
from foundation.tolerances import TRIGGER
from research.accounting import Hold, Policy, Trade, View, Why
from research.accounting.view import check_trade, leverage_of
from research.market.calendars import due
from research.orders.lots.position import Position
from research.orders.tax.tax_lots import sale_tax
from research.portfolio import Portfolio
from research.rules.no_trade_bands import RESTS
from research.rules.protocol import traits

BEGUN = Why("begun")  # what is left is asked for at the next close


def decision(
    portfolio: Portfolio, policy: Policy, name: str, target: Array, position: Position, again: bool
) -> Hold | Trade:
    """The policy's decision at the portfolio's last close; where it holds, a trade into limits of weights that bind.

    A rule with a `desk_schedule` is due when one of its sessions is after the last trade and not after this close; it
    decides on whatever day this is. A `review_schedule` is due likewise. Where orders were sized at this close
    before, it holds: what whole lots and limits left is for the next close.
    portfolio : the desk's file.
    policy    : policy that decides.
    name      : name of the policy, in messages.
    target    : (n,) weights in force, fraction of NAV.
    position  : holdings and cash that it sees.
    again     : true if orders of this list were already added to the position at this close.
    Raises    : PolicyError for a box that cannot be traded into.
    """
    answer = _of_policy(portfolio, policy, name, target, position, again)
    return (_into_limits(position) or answer) if isinstance(answer, Hold) else answer


def _of_policy(
    portfolio: Portfolio, policy: Policy, name: str, target: Array, position: Position, again: bool
) -> Hold | Trade:
    market, today = portfolio.market, portfolio.market.days[-1]
    last_trade = today if again else np.datetime64(portfolio.last_trade, "D")
    promised = traits(policy)
    review, schedule = promised.review_schedule, promised.desk_schedule
    offsets = () if schedule is None else promised.desk_offsets
    if schedule is not None and not any(due(last_trade, today, schedule, market.calendar, by) for by in offsets):
        return Hold(Why("calendar"))
    since = int((market.days > last_trade).sum())
    if 0 < promised.cooldown >= since:
        return Hold(RESTS)
    history = portfolio.nav_history
    answer = policy.decide(
        View(
            past=market.past(len(market.dates) - 1),
            target=target,
            weights=position.weights,
            cash_weight=position.cash_weight,
            nav=position.nav,
            nav_history=np.append(history.nav, portfolio.nav),
            days_since_trade=since,
            costs=portfolio.costs,
            unfinished=schedule is not None,
            reviewed=review is not None and due(last_trade, today, review, market.calendar),
            opened=history.opened,
            flow_history=history.flows,
            sale_tax=partial(sale_tax, portfolio, position.prices, position.nav) if portfolio.tax_lots else None,
        )
    )
    if isinstance(answer, Trade):
        limit = leverage_of(answer, position.weights, 1.0)
        check_trade(answer, len(target), name, portfolio.date, market.assets, limit)
        once = asked_once(policy, answer) or portfolio.orders.once_a_close or position.settles is not None
        if portfolio.listed_at == portfolio.date or (once and again):
            return Hold(BEGUN)
    return answer


def _into_limits(position: Position) -> Trade | None:
    """A trade whose box moves nothing, where a binding limit of weights is broken: its orders keep the limits."""
    for limit in position.limits.weights:
        if limit.binds and limit.outside(position.weights) > TRIGGER:
            weight, free = limit.weight(position.weights), np.full(len(position.units), np.inf)
            why = Why(f"{limit.words} is broken: at {percent(weight, 2)}")
            return Trade(-free, free, why, position.cash_weight, position.cash_weight)
    return None


def asked_once(policy: Policy, trade: Trade) -> bool:
    """True if a trade is decided once a close: one part of the way, or one that the rule's next would undo."""
    return trade.fraction < 1.0 or traits(policy).decides_once
