"""What a policy says of a portfolio at its last close: a backtest's question, asked of a desk's real holdings."""

import numpy as np

from research.accounting import Hold, Policy, Trade, View, Why
from research.accounting.view import check_trade, leverage_of
from research.arrays import Array
from research.market.calendars import due
from research.portfolio import Portfolio
from research.rules.corridor import RESTS
from research.trading.sizing import Position

BEGUN = Why("begun")  # what is left is asked for at the next close


def decision(
    portfolio: Portfolio, policy: Policy, name: str, target: Array, position: Position, again: bool
) -> Hold | Trade:
    """The policy's answer at the portfolio's last close.

    target : (n,) in force, fraction of NAV.  again : orders of the same list were filled at this close already.
    A rule that is asked on a calendar (it has `every`) is due when one of its sessions lies after the last trade and
    not after this close: the view then calls it unfinished, so that it answers on whatever day this is. A rule that
    goes only a part of the way, or up to a turnover cap, is asked once a close. A band with a `review` is reviewed
    likewise.
    Raises : PolicyError for a box that cannot be booked.
    """
    market, today = portfolio.market, portfolio.market.days[-1]
    last_trade = today if again else np.datetime64(portfolio.last_trade, "D")
    review = getattr(policy, "review", None)
    every, offsets = getattr(policy, "every", None), getattr(policy, "offsets", (0,))
    if every is not None and not any(due(last_trade, today, every, market.calendar, offset) for offset in offsets):
        return Hold(Why("calendar"))
    since = int((market.days > last_trade).sum())
    if 0 < getattr(policy, "cooldown", 0) >= since:
        return Hold(RESTS)
    answer = policy.decide(
        View(
            past=market.past(len(market.dates) - 1),
            target=target,
            weights=position.weights,
            cash_weight=position.cash_weight,
            nav=position.nav,
            nav_history=np.array([position.nav]),
            days_since_trade=since,
            costs=portfolio.costs,
            unfinished=every is not None,
            reviewed=review is not None and due(last_trade, today, review, market.calendar),
        )
    )
    if isinstance(answer, Trade):
        limit = leverage_of(answer, position.weights, 1.0)
        check_trade(answer, len(target), name, portfolio.date, market.assets, limit)
        if asked_once(policy, answer) and last_trade == today:
            return Hold(BEGUN)
    return answer


def asked_once(policy: Policy, trade: Trade) -> bool:
    """Does a trade go a part of its way, or up to a cap, so that it is asked for once at a close?"""
    return trade.part < 1.0 or getattr(policy, "turnover_cap", None) is not None
