"""When and how far to trade: rules as boxes and no-trade bands, and closed forms for how wide a box should be."""

from research.rules.band_destination import Within
from research.rules.group_threshold import GroupThreshold
from research.rules.no_trade_bands import NoTradeBands
from research.rules.protocol import (
    CompiledRule,
    FittedRule,
    Rule,
    RuleTraits,
    UnfittedRule,
)
from research.rules.risk_rules import BestPoint, CostBenefit, NoTradeRegion, OptimalRegion, TrackingError
from research.rules.rules import Calendar, Never, Threshold, TunedThreshold

__all__ = [
    "BestPoint",
    "Calendar",
    "CompiledRule",
    "CostBenefit",
    "FittedRule",
    "GroupThreshold",
    "Never",
    "NoTradeBands",
    "NoTradeRegion",
    "OptimalRegion",
    "Rule",
    "RuleTraits",
    "Threshold",
    "TrackingError",
    "TunedThreshold",
    "UnfittedRule",
    "Within",
]
