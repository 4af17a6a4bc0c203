"""Behaviour of policies, compared or alone: limits, start and length of holding, costs, round trips and wealth."""

from collections.abc import Mapping

from backtests.comparison.descriptions.capacity import Capacity, capacity
from backtests.comparison.descriptions.cost_levels import CostLevels, cost_levels
from backtests.comparison.descriptions.policy_statement import PolicyStatement, policy_statement
from backtests.comparison.descriptions.replays import Replays
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, comparator_in_test
from backtests.evaluation.holding_windows import HoldingWindows, holding_windows
from backtests.evaluation.round_trips import RoundTrips, round_trips
from foundation.dataclasses import dataclass
from research.rules.protocol import traits

NEVER_FAMILY = "never"  # the family of the rule that never trades


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Descriptions of the policies in this test; none of them is evidence for one.

    shown      : the recommended policy, or the reference where none is recommended.
    other      : the policy that it stands beside: the reference, or one that never trades where it is the reference
                 itself; None where there is no such policy.
    statements : by policy, its weights against targets and ranges.
    windows    : growth of `shown` less that of `other` by start month and length, or less that of the benchmark where
                 `shown` is alone; None where there is neither.
    costs      : every policy at other costs of trading; None where they were not backtested again.
    trips      : by policy, its round trips.
    capacities : capacities of the recommended policy, over the reference and over a policy that never trades, if any.
    """

    shown: str
    other: str | None
    statements: Mapping[str, PolicyStatement]
    windows: HoldingWindows | None
    costs: CostLevels | None
    trips: Mapping[str, RoundTrips]
    capacities: tuple[Capacity, ...]


def behaviour_of(replays: Replays, reference: str, recommended: str | None) -> Behaviour:
    """Describe the policies of a comparison; for other costs and wealths they are backtested again.

    replays      : the candidates, as they were fitted.
    reference   : name of the candidate with which the others are compared.
    recommended : name of the recommended candidate, or None.
    """
    backtests, benchmark = replays.backtests, replays.benchmark
    shown = recommended or reference
    idle = [name for name, policy in replays.policies.items() if traits(policy).family == NEVER_FAMILY]
    others = [name for name in dict.fromkeys((reference, *idle)) if name != shown]
    other = others[0] if others else None
    return Behaviour(
        shown=shown,
        other=other,
        statements={name: policy_statement(played, benchmark) for name, played in backtests.items()},
        windows=None if other is None else holding_windows(backtests[shown], backtests[other]),
        costs=cost_levels(replays, reference, recommended),
        trips={name: round_trips(played) for name, played in backtests.items()},
        capacities=tuple(capacity(replays, recommended, each) for each in others[:2]) if recommended else (),
    )


def behaviour_alone(played: Backtest, benchmark: Benchmark) -> Behaviour:
    """Describe one policy by itself, without another replay.

    played    : its backtest.
    benchmark : benchmark by which it is measured.
    """
    comparator = comparator_in_test(benchmark, played)
    return Behaviour(
        shown=played.name,
        other=None,
        statements={played.name: policy_statement(played, benchmark)},
        windows=None if comparator.returns is None else holding_windows(played, comparator),
        costs=None,
        trips={played.name: round_trips(played)},
        capacities=(),
    )
