"""The rules of when and how far to trade: boxes and no-trade bands, and closed forms of the width of a box."""

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
from research.rules.regime_threshold import RegimeThreshold
from research.rules.risk_rules import BestPoint, CostBenefit, NoTradeRegion, OptimalRegion, TrackingError
from research.rules.rules import Calendar, Never, Threshold, TunedThreshold
from research.rules.wealth_rules import CPPI, DrawdownFloor, StopLoss

__all__ = [
    "CPPI",
    "BestPoint",
    "Calendar",
    "CompiledRule",
    "CostBenefit",
    "DrawdownFloor",
    "FittedRule",
    "GroupThreshold",
    "Never",
    "NoTradeBands",
    "NoTradeRegion",
    "OptimalRegion",
    "RegimeThreshold",
    "Rule",
    "RuleTraits",
    "StopLoss",
    "Threshold",
    "TrackingError",
    "TunedThreshold",
    "UnfittedRule",
    "Within",
]
