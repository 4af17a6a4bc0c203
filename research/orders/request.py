"""The requests of a desk besides the policy's decision: money in or out, one side only, or all to target."""

from collections.abc import Mapping, Sequence

import numpy as np

from foundation.arguments import refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field
from foundation.errors import ConfigError
from research.accounting import Trade, Why
from research.market import Market
from research.orders.lots.position import Position

MOST_DEPOSITED, LEAST_BASE = 1_000.0, 10_000.0  # times of what is there, which counts as at least so much currency
SIDES = {"": 0.0, "buy": 1.0, "sell": -1.0}


@dataclass(frozen=True)
class Request:
    """The request for a trade list.

    flow      : currency that comes in before the orders, or goes out after them (below zero). It is not in the cash of
                the file.
    side      : "buy" or "sell" sends only these orders; "" both.
    to_target : trade to target whatever the policy's rule decides.
    account   : account of the portfolio whose cash the flow comes to or leaves; "" where it has one account.
    orders    : signed units by asset, buys above zero, that a person orders in place of the policy; {} for none.
    ordered   : who orders them and why, in words, the reason of each of them.
    Raises    : ConfigError for a side of another name, for a flow that is no amount, and for own orders without a
                reason.

    A flow buys what is under target, or sells what is over it, and nothing else where the policy then holds; where it
    would trade, the list is its trade, with the flow in it. With the one `side` that a flow needs (buys of a deposit,
    sells of a withdrawal) the list is that of the flow, whatever the policy would do.
    """

    flow: float = 0.0
    side: str = ""
    to_target: bool = False
    account: str = ""
    orders: Mapping[str, float] = field(default_factory=dict)
    ordered: str = ""

    def __post_init__(self) -> None:
        """Check side and flow."""
        if self.side not in SIDES:
            refuse("side of a trade list is", self.side, 'give "buy", "sell" or "" for both.')
        if not np.isfinite(self.flow):
            refuse("flow of a trade list is", self.flow, "give currency: above zero comes in, below zero goes out.")
        if self.orders and not self.ordered:
            raise ConfigError("orders of a trade list have no reason: say who orders them and why, as `ordered`.")

    @property
    def way(self) -> float:
        """1.0 where only buys are sent, -1.0 where only sells are, 0.0 where both are."""
        return SIDES[self.side]

    def flows(self, accounts: Sequence[str]) -> list[float]:
        """The part of the flow of each account, by its name, currency."""
        return [self.flow if name == (self.account or accounts[0]) else 0.0 for name in accounts]

    def words(self, basis: str, state: str = "") -> str:
        """The flow as a sentence, with a blank after it; "" without one.  state : further words, such as " pending"."""
        if self.flow == 0.0:
            return ""
        where = f" {'to' if self.flow > 0.0 else 'from'} {self.account}" if self.account else ""
        return f"{'Deposit' if self.flow > 0.0 else 'Withdrawal'} of {abs(self.flow):,.2f} {basis}{where}{state}. "


PLAIN_REQUEST = Request()


def with_flow(position: Position, request: Request) -> Position:
    """The position whose orders the flow pays for, or that pay for it.

    Raises : ConfigError for a withdrawal of all wealth or more, and for a deposit that is surely a slip of the hand.
    """
    if request.flow > MOST_DEPOSITED * max(position.nav, LEAST_BASE):
        raise ConfigError(
            f"deposit is {request.flow:,.2f}, more than {MOST_DEPOSITED:,.0f} times the holdings and cash, "
            f"{position.nav:,.2f}: deposit less, or write it as cash into the portfolio file."
        )
    if request.flow <= -position.nav:
        worth = f"holdings and cash are worth {position.nav:,.2f}"
        raise ConfigError(f"withdrawal is {-request.flow:,.2f}: {worth}: withdraw less.")
    return position.with_cash(request.flow)


def flow_trade(position: Position, target: Array, market: Market, flow: float, kept: float = 0.0) -> Trade:
    """The trade that invests a flow, or raises it: only buys of assets under target, or only sells of assets over it.

    It trades at most the flow, and stops where cash is at its target and covers the reserve and the adverse move. As
    backtests do with `Flows(use="rebalance")`, see `backtests.engine.account_events`.
    position : holdings with the flow in their cash.
    target   : (n,) weights in force, fraction of NAV.
    market   : says which assets may be bought and sold.
    flow     : currency.
    kept     : currency that a withdrawal leaves in cash, where that is more than the reserve.
    """
    weights, words, deposit = position.weights, np.array(market.trading), flow > 0.0
    may = position.tradable & ~np.isin(words, ("sell_only" if deposit else "buy_only", "locked"))
    moves = may & ((target > weights) if deposit else (target < weights))
    lower = np.where(moves, np.minimum(weights, target), -np.inf)
    upper = np.where(moves, np.maximum(weights, target), np.inf)
    part, room = flow / position.nav, float((upper - lower)[moves].sum())
    limits, nav = position.limits, position.nav
    stays = max(limits.stays(nav) / nav, limits.adverse_move * abs(part), kept / nav)
    aim, cash = 1.0 - float(target.sum()) + (0.0 if deposit else stays), position.cash_weight
    goal = max(aim, cash - min(room, part)) if deposit else min(aim, cash + min(room, stays - part))
    goal = cash if (goal - cash) * flow >= 0.0 else goal
    return Trade(lower, upper, Why("flow"), cash_lower=goal, cash_upper=goal)
