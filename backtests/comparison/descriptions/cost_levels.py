"""Policies at other costs of trading: each played again at every level, and the costs at which two change places."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from backtests.comparison.descriptions.replays import Replays
from backtests.engine.result import Backtest
from backtests.evaluation.metrics import annual_growth
from foundation.dataclasses import dataclass, replace
from foundation.errors import InputError
from research.accounting import Costs
from research.accounting.costs import BASIS_POINT
from research.rules.protocol import RULE_FAMILIES, compiled_rule, held_by, traits

COST_LEVELS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0)  # bp of notional a side
FEWER = (0.0, 5.0, 20.0, 50.0)  # of a policy that decides day by day in Python: a replay takes 100 times as long
ROOT_TOLERANCE = 1e-4  # bp of notional a side: how near the root is found
EQUAL = 1e-3  # bp a year: what J may differ by at a break-even; where it differs by more, it jumps there
OWN_FAMILY = RULE_FAMILIES[-1]  # the family of a class of the user's own


@dataclass(frozen=True)
class BreakEven:
    """A cost at which a policy and the reference change places by J, found by replays.

    policy     : name of the policy, which is not the reference.
    cost       : bp of notional a side.
    difference : J of the policy less that of the reference, both backtested at that cost, bp a year.
    below      : name of the one of the two with the lower J at lower costs.
    """

    policy: str
    cost: float
    difference: float
    below: str

    @property
    def jumps(self) -> bool:
        """True if the difference passes zero by a jump, where a trade moves to another day."""
        return abs(self.difference) > EQUAL


@dataclass(frozen=True, eq=False)
class CostLevels:
    """Policies played at several costs of trading, the same for every asset.

    table       : a row for each policy and level: policy, cost_bps (of notional a side), loss (J, bp a year), growth
                  (fraction a year, net), or NaN for both where the policy cannot pay that much.
    break_evens : against the reference, by policy and cost.
    reference   : its name.
    searched    : the policies for which they were looked for.
    by_day      : those that decide day by day, and were played at `FEWER` levels.
    left_out    : those of a class of the user's own that decide day by day, and were not played: one replay of them may
                  take as long as all others.
    """

    table: pd.DataFrame
    break_evens: tuple[BreakEven, ...]
    reference: str
    searched: tuple[str, ...]
    by_day: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def wide(self, metric: str) -> pd.DataFrame:
        """A row for each policy, a column for each level, of "loss" or "growth"."""
        rows = {name: own.set_index("cost_bps")[metric] for name, own in self.table.groupby("policy", sort=False)}
        return pd.DataFrame(rows).T.rename_axis(index="policy")

    def of(self, policy: str) -> list[BreakEven]:
        """The break-evens of one policy, from the lowest cost on."""
        return [each for each in self.break_evens if each.policy == policy]


def at_level(costs: Costs, bps: float) -> Costs:
    """The same costs with `bps` of notional a side for every asset in place of commission rates and half-spreads.

    Tickets, least commissions, commissions a unit, impact, tax and the costs of holding stay.
    """
    n = len(costs.commission)
    return replace(costs, commission=np.full(n, bps * BASIS_POINT), half_spread=np.zeros(n))


def cost_levels(replays: Replays, reference: str, recommended: str | None) -> CostLevels:
    """Backtest policies at each of `COST_LEVELS`, and find where each and the reference change places by J.

    replays      : the policies.
    reference   : name of the policy with which the others are compared.
    recommended : name of the recommended policy, or None.

    Policies of a user's own class that decide day by day are left out, except the reference and the recommended one.
    Between two levels at which the order differs the root is found by replays (Brent, 1973): for the recommended
    policy, and for those that run compiled, as the reference does, and hold its target. The J of another target
    measures the distance of the targets.
    """
    portfolio, policies = replays.portfolio, replays.policies
    lots = portfolio.execution.sizing != "fractional"  # of which fewer levels are replayed
    own_class = [n for n, p in policies.items() if compiled_rule(p) is None and traits(p).family == OWN_FAMILY]
    left_out = tuple(name for name in own_class if name not in (reference, recommended))
    by_day = tuple(n for n, p in policies.items() if (lots or compiled_rule(p) is None) and n not in left_out)
    rows = [
        {"policy": name, "cost_bps": bps, **_figures(replays, name, bps)}
        for name in policies
        if name not in left_out
        for bps in (FEWER if name in by_day else COST_LEVELS)
    ]
    found = pd.DataFrame(rows)
    losses_at = found.set_index(["policy", "cost_bps"])["loss"]

    def difference(name: str, bps: float) -> float:
        return replays.loss(_at(replays, name, bps)) - replays.loss(_at(replays, reference, bps))

    own = held_by(policies[reference], portfolio.strategic)
    alike = {name for name, policy in policies.items() if held_by(policy, portfolio.strategic) == own}
    quick = set() if reference in by_day else alike - {reference, *by_day, *left_out}
    searched = tuple(name for name in policies if name in quick or name == recommended != reference)
    roots = list[BreakEven]()
    for name in searched:
        levels = FEWER if {name, reference} & {*by_day} else COST_LEVELS
        known = [float(losses_at[name, bps] - losses_at[reference, bps]) for bps in levels]
        roots += break_even_levels(name, reference, levels, known, partial(difference, name))
    return CostLevels(found, tuple(roots), reference, searched, by_day, left_out)


def break_even_levels(
    policy: str,
    reference: str,
    levels: Sequence[float],
    differences: Sequence[float],
    difference: Callable[[float], float],
) -> list[BreakEven]:
    """The roots of a difference, one in each gap between levels at whose ends its signs differ.

    policy      : its name.
    reference   : name of the other one.
    levels      : increasing, bp of notional a side.
    differences : at each, J of the policy less that of the reference, bp a year; NaN where one cannot be played.
    difference  : the same at any level.
    """
    from scipy.optimize import brentq

    found = []
    for (low, at_low), (high, at_high) in pairwise(zip(levels, differences, strict=True)):
        if not at_low * at_high < 0.0:  # nor where one is not known
            continue
        cost = float(brentq(difference, low, high, xtol=ROOT_TOLERANCE))
        found.append(BreakEven(policy, cost, difference(cost), policy if at_low < 0.0 else reference))
    return found


def _at(replays: Replays, name: str, bps: float) -> Backtest:
    """A policy at a level of costs."""
    return replays.again(name, replace(replays.portfolio, costs=at_level(replays.portfolio.costs, bps)))


def _figures(replays: Replays, name: str, bps: float) -> dict[str, float]:
    """J ("loss"), bp a year, and CAGR, fraction; NaN for a policy that cannot pay these costs, CAGR of a short test."""
    figures = {"loss": float("nan"), "growth": float("nan")}
    with suppress(InputError):
        played = _at(replays, name, bps)
        figures["loss"] = replays.loss(played)
        figures["growth"] = annual_growth(played.growth_path, float((played.dates[-1] - played.dates[0]).days))
    return figures
