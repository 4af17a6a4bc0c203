"""The band of each asset under a rule at a market's last close: the weights past which it trades the asset."""

import numpy as np

from foundation.arrays import Array
from research.accounting import Costs
from research.allocation import Allocation, target_path
from research.market import Market
from research.rules.protocol import compiled_rule, held_by, traits

BAND_FAMILIES = ("band", "tuned")  # of rules that trade past a band
WINDOWS = 3  # windows of the rule before the last close from which its bands are made
MINIMUM_WINDOW = 21  # rows


def bands_today(policy: object, market: Market, costs: Costs, strategic: Allocation, age: int) -> Array:
    """(2, n) weights below and above which a policy trades each asset, fraction of NAV; NaN where it has no such band.

    policy    : any policy; None for none.
    market    : market whose last close is today.
    costs     : costs by which the rule weighs a trade.
    strategic : target of a policy that names none.
    age       : sessions since the last trade.
    """
    nothing = np.full((2, len(market.assets)), np.nan)
    rule = None if policy is None else compiled_rule(policy)
    if rule is None or traits(rule).family not in BAND_FAMILIES or held_by(rule) is None:
        return nothing
    last = len(market.dates) - 1
    first = max(last - WINDOWS * max(traits(rule).window, MINIMUM_WINDOW), 0)
    targets = target_path(held_by(rule, strategic), market, start=first)
    bands = rule.no_trade_bands(market, targets.opened(first), costs)
    k = bands.in_force(last, age)
    found = np.array([bands.trigger_lower[k], bands.trigger_upper[k]])
    return np.where(np.isfinite(found), found, np.nan)
