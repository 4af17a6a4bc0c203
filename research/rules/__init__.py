"""When and how far to trade: rules as boxes and corridors, and closed forms for how wide a box should be."""

from research.rules.by_group import GroupThreshold
from research.rules.by_risk import BestPoint, CostBenefit, NoTradeRegion, OptimalRegion, TrackingError
from research.rules.corridor import Corridor
from research.rules.rules import Calendar, Never, Rule, Threshold, TunedThreshold
from research.rules.within import Within

__all__ = [
    "BestPoint",
    "Calendar",
    "Corridor",
    "CostBenefit",
    "GroupThreshold",
    "Never",
    "NoTradeRegion",
    "OptimalRegion",
    "Rule",
    "Threshold",
    "TrackingError",
    "TunedThreshold",
    "Within",
]
