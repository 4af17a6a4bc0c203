"""The alternatives of a cycle: lists that a portfolio could send at its last close, each sized in whole lots.

Each is a rule that the workbench has, on the allocation of the policy that decides, or a request beside it.
"""

from collections.abc import Collection
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from backtests.today.future_paths import Opening
from desk.cycle.monitor import counted_rows, has_groups
from foundation.arrays import Array
from foundation.dataclasses import dataclass, fields, replace
from foundation.errors import PolicyError
from foundation.tolerances import TRIGGER
from research.accounting import Policy, Why
from research.allocation import TargetPath
from research.market import Market
from research.orders import Request, TradeList, trade_list
from research.orders.accounts.household import Divided
from research.orders.lots.position import Position
from research.orders.lots.sizing import SizedOrders
from research.portfolio import Portfolio
from research.portfolio.holdings.prices import last_closes
from research.rules import Calendar, GroupThreshold, Never, Threshold
from research.rules.protocol import held_by

POLICY, DEFER, FULL = "policy", "defer", "full"
CYCLE_LIST = "cycle: "  # begins the name of what decides a list, where it is another alternative than the policy
IN_BACKTESTS = (FULL, "partial", "edge", "sector", "asset_class", DEFER)  # rules; the others are requests of a desk


@dataclass(frozen=True, eq=False)
class Listed:
    """An alternative.

    name   : its name.
    words  : what it does, in a few words.
    trades : its list.
    also   : names of alternatives with the same orders.
    """

    name: str
    words: str
    trades: TradeList
    also: tuple[str, ...] = ()

    @cached_property
    def after(self) -> Portfolio:
        """The portfolio after its orders."""
        return self.trades.after()

    @property
    def paid(self) -> float:
        """The cost of its orders at the costs of simulated years, and the desk's price of them, currency.

        Tax, impact and commissions per unit are in neither: else a trade that is put off would seem to save them.
        """
        of, count = self.trades.portfolio, len(self.trades.orders)
        position = Position.of(replace(of, costs=Opening(of).costs))
        charges = position.exact_charges(np.abs(self.trades.sized.notional))
        return float(charges.sum()) + of.order_cost * count + (of.stated_day_cost if count else 0.0)


def alternatives(of_policy: TradeList, targets: TargetPath, only: Collection[str] = ()) -> tuple[Listed, ...]:
    """The alternatives of a portfolio, the policy's own list first; of those with the same orders, the first.

    One that the limits of the file do not allow is left out.

    of_policy : list of the policy that decides.
    targets   : path of its allocation's targets.
    only      : names of those besides the policy's; () for all.
    """
    found = [Listed(POLICY, "what the policy of the file says", of_policy)]
    for name, (words, rule, request, within) in _rules(of_policy).items():
        if only and name not in only:
            continue
        try:
            made = _idle(of_policy, rule) if name == DEFER else _made(of_policy, targets, name, rule, request, within)
        except PolicyError:  # limits of the file allow no such list
            continue
        units = made.sized.units
        same = next((i for i, one in enumerate(found) if np.array_equal(one.trades.sized.units, units)), None)
        if same is None:
            found.append(Listed(name, words, made))
        else:
            found[same] = replace(found[same], also=(*found[same].also, name))
    return tuple(found)


def _made(
    of_policy: TradeList, targets: TargetPath, name: str, rule: Policy, request: Request, within: Portfolio
) -> TradeList:
    """The list of a rule and a request, in whole lots and within the limits of the file."""
    today, title = of_policy.portfolio.today, f"{CYCLE_LIST}{name}"
    return trade_list(within, rule, title, targets=targets, request=request, as_of=today, stale_ok=True)


def _idle(of_policy: TradeList, rule: Policy) -> TradeList:
    """The list of a policy with no order, not even one that completes an earlier list."""
    position = of_policy.sized.position
    none, weights = np.zeros(len(position.units)), position.weights
    idle, sized = SizedOrders(position, none, none, weights, weights), of_policy.sized
    if isinstance(sized, Divided):
        division = replace(sized.division, parts=np.zeros_like(sized.division.parts))
        terms = {field.name: getattr(idle, field.name) for field in fields(SizedOrders)}
        idle = replace(sized, **terms, listed=idle, division=division)
    return replace(of_policy, decides=rule, why=Why("never"), holds=True, sized=idle, would=None)


def as_held(portfolio: Portfolio, market: Market, holdings: Array, cash: float, last_trade: pd.Timestamp) -> Portfolio:
    """A portfolio at the last close of a market, with what is held then: lots, books and prices of today are not known.

    market   : of the portfolio's n assets.
    holdings : (n,) currency.
    """
    return replace(
        portfolio,
        market=market,
        holdings=holdings,
        shares=holdings / last_closes(market).per_unit,
        cash=cash,
        last_trade=last_trade,
        given_prices=None,
        tax_lots=None,
        blotter=None,
        pending=(),
        accounts=(),
        today=None,
    )


def rule_of(of_policy: TradeList, name: str) -> Policy:
    """The rule that decides an alternative of `IN_BACKTESTS`, or the policy."""
    if name == POLICY:
        return of_policy.decides
    _, rule, request, _ = _rules(of_policy)[name]
    return Calendar(held_by(rule, of_policy.portfolio.strategic), "day") if request.to_target else rule


def _rules(of_policy: TradeList) -> dict[str, tuple[str, Policy, Request, Portfolio]]:
    """Words, rule, request and portfolio of each alternative to the policy, by name."""
    portfolio, policy = replace(of_policy.portfolio, blotter=None), of_policy.decides
    held, plain, level = held_by(policy, portfolio.strategic), Request(), portfolio.cycle.drift.medium
    all_to_target = Request(to_target=True)
    by: Literal["sector", "asset_class"] = "sector" if has_groups(portfolio, "sector") else "asset_class"
    points = f"{100 * level:g} {'point' if level == 0.01 else 'points'}"
    soonest = f"booked {counted_rows(portfolio, 1 + portfolio.lag)} later at the earliest"
    found: dict[str, tuple[str, Policy, Request, Portfolio]] = {
        DEFER: (f"no order today; the policy's next trade is {soonest}", Never(held), plain, portfolio),
        FULL: ("all to target", policy, all_to_target, portfolio),
        "partial": (
            f"assets more than {points} off target to theirs",
            Threshold(held, level, lines="breaching", payer="cash"),
            plain,
            portfolio,
        ),
        "edge": (f"each asset to within {points} of its target", Threshold(held, level, "edge"), plain, portfolio),
        by: (
            f"each {by.replace('asset_', '')} to within {points} of its target",
            GroupThreshold(held, by, level, "edge"), plain, portfolio,
        ),
    }  # fmt: skip
    tax = portfolio.tax_lots
    if tax is not None and (tax.rules.gain_budget is None or tax.rules.gain_budget > 0.0):
        without = replace(portfolio, tax_lots=replace(tax, rules=replace(tax.rules, gain_budget=tax.rules.realised)))
        found["no gains"] = ("all to target as far as no gain is realised", policy, all_to_target, without)
    if portfolio.cash / portfolio.nav > 1.0 - float(of_policy.target.sum()) + TRIGGER:
        found["new money"] = ("cash invested, nothing sold", policy, Request(side="buy", to_target=True), portfolio)
    return found
