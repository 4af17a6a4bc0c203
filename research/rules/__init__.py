"""When and how far to trade: rules as boxes and corridors, and closed forms for how wide a box should be."""

from research.rules.corridor import Corridor
from research.rules.rules import Calendar, Never, Rule, Threshold, TunedThreshold, Within

__all__ = ["Calendar", "Corridor", "Never", "Rule", "Threshold", "TunedThreshold", "Within"]
