"""The limits of the target in force on a day: the programme solved on the day of its refit.

day = limits_in_force(portfolio, "limited", as_of="2022-12-29")
limits_used(day.programme)
"""

from functools import cached_property

import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from research.allocation import Allocation, Answer, MeanVariance, TargetPath, kept_target_path
from research.allocation.allocation import carried
from research.allocation.constraints.limits_used import DayProgramme
from research.allocation.optimised.frontier_pair import FrontierPair, frontier_pair
from research.allocation.wrapper import each_of
from research.market import Market, Past
from research.portfolio import Portfolio
from research.rules.protocol import held_by


@dataclass(frozen=True, eq=False)
class LimitsInForce:
    """The programme that a mean-variance allocation solved for the target in force.

    allocation : allocation that gave the target.
    market     : market up to the day of the refit.
    answer     : answer of that day.
    previous   : (n,) target before, with that of assets gone since spread over their class; None for the first.
    """

    allocation: MeanVariance
    market: Market
    answer: Answer
    previous: Array | None

    @property
    def past(self) -> Past:
        """The market's past up to the day of the refit."""
        return self.market.past(len(self.market.dates) - 1)

    @cached_property
    def programme(self) -> DayProgramme:
        """The programme that was solved."""
        return self.allocation.programme(self.past, self.previous)

    def frontiers(self, points: int) -> FrontierPair:
        """The frontier with and without limits, of so many points."""
        return frontier_pair(self.allocation, self.past, points, self.previous)

    def weights_beside(self, **others: Array) -> pd.DataFrame:
        """Weights of all assets, % of NAV: others (n,) by name, the target before, the target, and that without limits.

        For a target that has one before it.
        """
        own = {
            "target before": self.previous,
            "target": self.answer.weights,
            "without limits": self.allocation.unlimited.answer(self.past).weights,
        }
        return 100.0 * pd.DataFrame(others | own, index=list(self.market.assets))

    def without_previous(self) -> "LimitsInForce":
        """The programme without a target before: one that another allocation scales or combines has an unknown one."""
        return replace(self, previous=None)

    def of_lines(self, weights: Array) -> Array:
        """(k,) of weights (n,), those of the assets of the programme."""
        chosen: Array = weights[[self.market.assets.index(name) for name in self.programme.limits.assets]]
        return chosen


def limits_in_force(portfolio: Portfolio, policy: str, as_of: str) -> LimitsInForce:
    """The programme solved for the target of a policy in force at the last close up to a date.

    portfolio : portfolio with its policies.
    policy    : name of a policy that holds a mean-variance allocation.
    as_of     : YYYY-MM-DD, from the first day of the test on.
    Raises    : ConfigError for an unknown policy, and one that holds another allocation; the errors of the allocation.
    """
    portfolio.check_policy(policy)
    allocation = held_by(portfolio.policies[policy], portfolio.strategic)
    if not isinstance(allocation, MeanVariance):
        raise ConfigError(
            f"policy {policy} holds {type(allocation).__name__}, whose limits are not known. Name one with an "
            "allocation of the kind mean_variance."
        )
    market = portfolio.market.until(as_of)
    path = kept_target_path(allocation, market, market.row(portfolio.test_start))
    return at_row(allocation, path, market, len(market.dates) - 1)


def at_row(allocation: MeanVariance, path: TargetPath, market: Market, t: int) -> LimitsInForce:
    """The programme solved for the target in force at row `t` of a market. `path` is that of the allocation."""
    answer, k = path.answer_at(t), int(path.row[t])
    seen = market.until(f"{answer.seen:%Y-%m-%d}")
    previous = carried(path.rows[k - 1], seen.past(len(seen.dates) - 1)) if k else None
    return LimitsInForce(allocation, seen, answer, previous)


def limited_part(allocation: Allocation) -> MeanVariance | None:
    """The first mean-variance allocation with limits in an allocation and what it scales or combines; None for none."""
    models = (one for one in each_of(allocation) if isinstance(one, MeanVariance))
    return next((one for one in models if one.limited), None)
