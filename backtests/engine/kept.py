"""No-trade bands of rules, kept for all backtests of one market, or of one path of targets."""

from foundation.arrays import kept
from research.accounting import Costs
from research.allocation import TargetPath
from research.market import Market
from research.portfolio.keys.allocations import allocation_key
from research.portfolio.keys.policies import rule_key
from research.rules.no_trade_bands import NoTradeBands
from research.rules.protocol import CompiledRule, held_by, traits

SETTLED = ("never", "calendar", "threshold")  # rules whose bands follow from their settings, targets and dates alone


def is_settled(policy: object) -> bool:
    """True if the targets and bands of a policy follow from its settings and the market alone.

    A class of a user's own, or one derived from a shipped class, may read a file, or draw numbers: it is asked anew.
    """
    return rule_key(policy) in SETTLED and allocation_key(held_by(policy)) is not None


def bands_of(rule: CompiledRule, market: Market, targets: TargetPath, first: int, costs: Costs) -> NoTradeBands:
    """The no-trade bands of a portfolio that opens at market row `first`.

    rule    : rule that gives the bands.
    market  : T days of n assets.
    targets : the path of its targets on this market.
    first   : row of the opening trade.
    costs   : costs of n assets.
    """
    if rule.has_plain_bands and not rule.depends_on_costs and not any(market.trading) and is_settled(rule):
        if traits(rule).window > 0:  # they follow from returns too
            made = ("bands", rule, targets, first)
            return kept(market, made, lambda: rule.no_trade_bands(market, targets.opened(first)))
        of_days = (rule, market.calendar, market.day_bytes)  # nobody asks for the row of a day before the opening
        return kept(targets, of_days, lambda: rule.no_trade_bands(market, targets))
    return rule.no_trade_bands(market, targets.opened(first), costs)
