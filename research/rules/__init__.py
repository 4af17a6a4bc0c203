"""When and how far to trade: rules as boxes and corridors, and closed forms for how wide a box should be."""

from research.rules.by_group import GroupThreshold
from research.rules.by_risk import BestPoint, CostBenefit, NoTradeRegion, OptimalRegion, TrackingError
from research.rules.corridor import Corridor
from research.rules.protocol import (
    CompiledRule,
    FittedRule,
    Rule,
    RuleTraits,
    UnfittedRule,
)
from research.rules.rules import Calendar, Never, Threshold, TunedThreshold
from research.rules.within import Within

__all__ = [
    "BestPoint",
    "Calendar",
    "CompiledRule",
    "Corridor",
    "CostBenefit",
    "FittedRule",
    "GroupThreshold",
    "Never",
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
