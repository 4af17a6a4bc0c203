"""A portfolio of two funds with nothing else about it, and plans of it that are played on given futures."""

from dataclasses import replace
from functools import cache

import numpy as np

from backtests.today.plan_paths import PlanOpening, PlanPaths, bands_in_months, play_plan
from foundation.arrays import Array
from research.accounting import Costs, Execution, Policy
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.plan import Plan

FREE = Costs.bps(2)


@cache
def _file() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


def holding(weights: tuple[float, float], nav: float = 1.0, costs: Costs = FREE) -> Portfolio:
    """Two funds at weights of `nav`, the rest in cash, traded last at the last close."""
    values = nav * np.array(weights)
    return replace(
        _file(), holdings=values, cash=nav - float(values.sum()), costs=costs, execution=Execution(),
        last_trade=_file().date,
    )  # fmt: skip


def played(
    portfolio: Portfolio, plan: Plan, policy: Policy, growths: Array, consumer: Array | None = None, scale: float = 1.0
) -> PlanPaths:
    """The results on growths (P, D, 2); `consumer` prices stay at 1 unless they are given."""
    opening = PlanOpening.of(portfolio, plan)
    shared = bands_in_months(opening, opening, policy)
    prices = np.ones((1, plan.months + 1)) if consumer is None else consumer
    return play_plan((opening,), shared, growths, prices, scale)
