"""Cache of what backtests of one market, or of one path of targets, share: computed once, stored as long as it is.

A market and a path are frozen and so are all keys, so no stored value can change: a changed market is another market,
and a changed rule another rule.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from research.accounting import Costs
from research.allocation import TargetPath
from research.market import Market
from research.portfolio.keys.allocations import allocation_key
from research.portfolio.keys.policies import rule_key
from research.rules.no_trade_bands import NoTradeBands
from research.rules.protocol import CompiledRule, held_by, traits

T = TypeVar("T")

MOST_VALUES = 16  # values of a market or a path; the one that was not asked for the longest is dropped
SETTLED = ("never", "calendar", "threshold")  # rules whose bands follow from their settings, targets and dates alone
_KEPT: WeakKeyDictionary[Market | TargetPath, dict[Hashable, Any]] = WeakKeyDictionary()


def kept(of: Market | TargetPath, key: Hashable, make: Callable[[], T]) -> T:
    """The value of `make` for a market, or a path of targets, and a key, computed when it is first asked for.

    of   : market or path of the value; no value may refer to it, or it would be stored for ever.
    key  : all that the value depends on beside it; immutable.
    make : function that gives a value that nobody changes.
    """
    known = _KEPT.setdefault(of, {})
    try:
        value: T = known.pop(key)
    except KeyError:
        value = make()
        while len(known) >= MOST_VALUES:
            known.pop(next(iter(known)), None)
    known[key] = value  # the last: the order is that of use
    return value


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

        def make() -> NoTradeBands:
            return rule.no_trade_bands(market, targets.opened(first))

        if traits(rule).window > 0:  # they follow from returns too
            return kept(market, ("bands", rule, targets, first), make)
        return kept(targets, (rule, first, market.calendar, market.days.tobytes()), make)
    return rule.no_trade_bands(market, targets.opened(first), costs)
