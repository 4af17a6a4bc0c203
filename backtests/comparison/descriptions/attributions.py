"""Attributions of a comparison: the gap of one policy to the reference, rebalancing premiums, classes and factors."""

from collections.abc import Mapping
from functools import partial
from typing import get_args

from backtests.attribution.attribution import Attribution, attributed
from backtests.attribution.class_attribution import By, ClassAttribution, class_attribution
from backtests.attribution.contributions import contributions
from backtests.attribution.factor_attribution import FactorAttribution, factor_attribution
from backtests.attribution.rebalancing_premium import RebalancingPremium, rebalancing_premium
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.inference.estimates import NotAvailable, or_why_not
from foundation.dataclasses import dataclass, replace
from research.allocation import TargetPath
from research.market.factors import FactorReturns


@dataclass(frozen=True, eq=False)
class Attributions:
    """The attributions of one comparison.

    shown     : the policy that is attributed: the recommended one, unless that is the reference or there is none.
    reference : the policy that it is compared with.
    gap       : attribution of the gap between the two; None where there is one policy.
    premiums  : by policy.
    by_class  : attributions of `shown`, by class against the reference (where there are two policies) and the strategic
                target, then likewise by sector where the instruments have sectors.
    factors   : attributions of `shown` and the reference, where factors are given.
    is_recommended : True if `shown` is the recommended policy.
    """

    shown: str
    reference: str
    gap: Attribution | None
    premiums: Mapping[str, RebalancingPremium | NotAvailable]
    by_class: tuple[ClassAttribution | NotAvailable, ...]
    factors: Mapping[str, FactorAttribution | NotAvailable]
    is_recommended: bool


def attributions(
    backtests: Mapping[str, Backtest],
    benchmark: Benchmark,
    reference: str,
    recommended: str | None,
    factors: FactorReturns | None,
) -> Attributions:
    """Attribute the returns of a comparison.

    backtests   : by policy.
    benchmark   : benchmark whose strategic target classes are compared with.
    reference   : a policy.
    recommended : a policy, or None.
    factors     : factor returns of the portfolio file, or None.
    """
    backtests = {name: b if b.name == name else replace(b, name=name) for name, b in backtests.items()}
    others = [name for name in backtests if name != reference]
    shown = recommended if recommended in others else next(iter(others), reference)
    parts = {name: contributions(backtests[name]) for name in dict.fromkeys((shown, reference))}
    one, base = backtests[shown], backtests[reference]
    against: list[Backtest] = [base] if shown != reference else []
    targets: list[Backtest | TargetPath] = [*against, benchmark.strategic]
    given = {"asset_class": one.market.asset_class, "sector": one.market.sector}
    kinds = [by for by in get_args(By) if any(given[by])]
    return Attributions(
        shown=shown,
        reference=reference,
        gap=attributed(one, parts[shown], base, parts[reference]) if against else None,
        premiums={
            name: or_why_not(partial(rebalancing_premium, played, parts.get(name)))
            for name, played in backtests.items()
        },
        by_class=tuple(
            or_why_not(partial(class_attribution, one, other, by, parts[shown])) for by in kinds for other in targets
        ),
        factors={}
        if factors is None
        else {
            name: or_why_not(partial(factor_attribution, backtests[name], factors))
            for name in dict.fromkeys((shown, reference))
        },
        is_recommended=shown == recommended,
    )
