"""The rules of when and how far to trade: boxes and no-trade bands, and closed forms of the width of a box."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.rules.group_threshold import GroupThreshold
    from research.rules.multi_period import MultiPeriod
    from research.rules.no_trade_bands import NoTradeBands
    from research.rules.protocol import CompiledRule, FittedRule, Rule, RuleTraits, UnfittedRule
    from research.rules.regime_threshold import AfterTrade, RegimeThreshold
    from research.rules.risk_rules import (
        BestPoint,
        CostBenefit,
        NoTradeRegion,
        OptimalRegion,
        PairRegion,
        TrackingError,
    )
    from research.rules.rules import Calendar, Never, Threshold, TunedThreshold
    from research.rules.standard_rule import Within
    from research.rules.wealth_rules import CPPI, DrawdownFloor, StopLoss
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
