"""When and how far to trade: rules as boxes and corridors, and closed forms for how wide a box should be."""

from research.rules.by_group import GroupThreshold
from research.rules.by_risk import CostBenefit, NoTradeRegion, TrackingError
from research.rules.corridor import Corridor
from research.rules.rules import Calendar, Never, Rule, Threshold, TunedThreshold, Within

__all__ = [
    "Calendar",
    "Corridor",
    "CostBenefit",
    "GroupThreshold",
    "Never",
    "NoTradeRegion",
    "Rule",
    "Threshold",
    "TrackingError",
    "TunedThreshold",
    "Within",
]
