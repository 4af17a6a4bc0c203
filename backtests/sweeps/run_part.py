"""Playing a part of a plan: configurations in, a row of metrics each out. The same bits whoever plays it, and where."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from backtests.batch.batch import Batch, each_once, play_batch
from backtests.batch.streaming_metrics import BATCH_METRICS, CVAR, batch_metrics, target_path_returns
from backtests.engine.result import Backtest
from backtests.engine.run import backtest, conditions
from backtests.runs.chunks import WorkPart
from backtests.sweeps.plan import BLOCK_CONFIGURATIONS, CHUNKS, Configuration, held_in_plan
from backtests.sweeps.setup import PreparedSweep, Setup
from foundation.arguments import shown
from foundation.arrays import Array, Rows
from foundation.errors import InputError, PolicyError
from research.accounting import Policy
from research.allocation import TargetPath
from research.rules import Rule
from research.rules.protocol import CompiledRule, compiled_rule, fitted_until

TOGETHER = 16 * BLOCK_CONFIGURATIONS  # configurations whose no-trade bands are made at a time: they need memory


def is_plain(policy: Policy) -> bool:
    """True if the batch engine can run the policy. Any other runs by itself."""
    rule = compiled_rule(policy)
    return rule is not None and rule.has_plain_bands and fitted_until(rule) is None


def is_free(setup: Setup) -> bool:
    """True if the batch engine can run on a setup: all assets are traded both ways, and nothing depends on wealth."""
    return setup.scales and not any(setup.market.trading)


def parts_of(prepared: PreparedSweep) -> Iterator[WorkPart]:
    """The parts in which a sweep runs: those of its plan, where the batch engine runs them.

    What is played by itself takes as long as many that are played together, so each is a part of its own, or a few are
    where there are more than `CHUNKS`; any workers can then share them, and little is lost when one is stopped.
    """
    plan = prepared.plan
    free = np.array([is_free(prepared.setups[name]) for name in plan.portfolios])
    plain = np.array([is_plain(policy) for policy in plan.policies])
    few = -(-len(plan) // CHUNKS)
    for part in plan.parts():
        if free.all() and plain.all():
            yield part
            continue
        places = plan.positions(part)
        together = free[places[:, 0]] & plain[places[:, 1]]
        edges = [part.first, *(part.first + 1 + np.flatnonzero(np.diff(together))).tolist(), part.stop]
        for first, stop in pairwise(edges):
            size = stop - first if together[first - part.first] else few
            for begin in range(first, stop, size):
                yield WorkPart(begin, min(begin + size, stop))


def sweep_metrics(prepared: PreparedSweep) -> tuple[str, ...]:
    """The figures of a sweep, in the order of their columns."""
    return (*BATCH_METRICS, CVAR) if prepared.cvar95 else BATCH_METRICS


def run_part(prepared: PreparedSweep, part: WorkPart) -> Array:
    """(k, metrics) the figures of the configurations of a part, for a wealth of 1; nothing of their paths is kept.

    A rule with plain no-trade bands, where costs are proportional and booked at once and all assets may be traded both
    ways, is played in batches, anything else by itself, to the same bits.
    Raises : the errors of the engine; PolicyError for whatever a policy raises as it decides.
    """
    plan = prepared.plan
    places, numbers = plan.positions(part), np.arange(part.first, part.stop)
    out = np.empty((len(places), len(sweep_metrics(prepared))))
    policies, which = np.unique(places[:, 1], return_inverse=True)
    together = np.array([is_plain(plan.policies[k]) for k in policies.tolist()])[which]
    for k in np.unique(places[:, 0]).tolist():
        setup = prepared.setups[plan.portfolios[k]]
        here = places[:, 0] == k
        plain = here & together & is_free(setup)
        played = np.flatnonzero(plain)
        for some in (played[first : first + TOGETHER] for first in range(0, len(played), TOGETHER)):
            out[some] = _in_batch(prepared, setup, places[some], numbers[some])
        for j in np.flatnonzero(here & ~plain).tolist():
            out[j] = _by_itself(prepared, plan[part.first + j], part.first + j)
    return out


def backtest_one(prepared: PreparedSweep, number: int) -> Backtest:
    """The whole backtest of one configuration: the row of a sweep is its `batch_metrics`, to the bit."""
    c = prepared.plan[number]
    setup = prepared.setup(c)
    return backtest(
        setup.market,
        setup.policy(c.policy),
        setup.times(c.cost_multiple),
        start=c.start or setup.start,
        targets=prepared.targets(c),
        name=f"configuration {number}",
        **conditions(setup, lag=setup.lag if c.lag is None else c.lag),
    )


def _by_itself(prepared: PreparedSweep, c: Configuration, number: int) -> Array:
    """The metrics of one configuration, by the general path."""
    setup = prepared.setup(c)
    strategic = target_path_returns(prepared.strategic[setup.name], setup.market)
    own = target_path_returns(prepared.targets(c), setup.market)
    try:
        played = backtest_one(prepared, number)
    except Exception as error:
        if not (failed := getattr(error, "__notes__", [])):  # the engine's own errors name the policy and the day
            raise
        raise PolicyError(
            f"{failed[-1]}: {type(error).__name__}: {error}. It is {shown(c.policy)} on {setup.name}, costs × "
            f"{c.cost_multiple:g}, lag {setup.lag if c.lag is None else c.lag}, from {c.start or setup.start:%Y-%m-%d}."
        ) from error
    return batch_metrics(played, strategic, own, setup.tracking_penalty, cvar95=prepared.cvar95)


def _in_batch(prepared: PreparedSweep, setup: Setup, places: Rows, numbers: Rows) -> Array:
    """The metrics of configurations on one setup whose rules have plain bands; what they share is made once.

    places  : (k, 5) their positions on the axes of the plan.
    numbers : (k,) theirs in the plan.
    """
    plan = prepared.plan
    _, policy, start, lag, cost = places.T
    policies, of_rules = np.unique(policy, return_inverse=True)
    multiples, of_costs = np.unique(cost, return_inverse=True)
    rules = [_rule(setup, plan.policies[k]) for k in policies.tolist()]
    costs = [setup.times(plan.cost_multiples[k]) for k in multiples.tolist()]

    cases, of_cases = np.unique(policy * len(plan.days) + start, return_inverse=True)
    paths = [_path(prepared, setup, *divmod(key, len(plan.days))) for key in cases.tolist()]
    targets, of_paths = each_once(paths)
    of_targets = of_paths[of_cases]

    priced = np.array([rule.depends_on_costs for rule in rules])[of_rules]
    shape = len(rules), len(targets), len(costs)
    keys = np.ravel_multi_index((of_rules, of_targets, np.where(priced, of_costs, 0)), shape)
    distinct, of_bands = np.unique(keys, return_inverse=True)
    bands = [
        rules[r].no_trade_bands(setup.market, targets[t], costs[c])
        for r, t, c in zip(*(axis.tolist() for axis in np.unravel_index(distinct, shape)), strict=True)
    ]

    lags = np.array([setup.lag if value is None else value for value in plan.lags])[lag]
    firsts = np.array([prepared.firsts[setup.name, day] for day in plan.days])[start]
    batch = Batch(bands, targets, costs, of_bands, of_targets, of_costs, lags, firsts)
    given = (prepared.strategic[setup.name], setup.tracking_penalty, setup.periods_per_year)
    try:
        return play_batch(setup.market, batch, *given, cvar95=prepared.cvar95)
    except InputError as error:
        raise type(error)(f"configurations {numbers[0]} to {numbers[-1]} on {setup.name}: {error}") from error


def _rule(setup: Setup, policy: Rule) -> CompiledRule:
    """A policy with plain bands as it is played on a setup."""
    found = compiled_rule(setup.policy(policy))
    assert found is not None  # `is_plain` said so
    return found


def _path(prepared: PreparedSweep, setup: Setup, policy: int, start: int) -> TargetPath:
    """The target path of a policy on a setup from a start, by their positions in the plan."""
    plan = prepared.plan
    return prepared.paths[setup.name, held_in_plan(plan.policies[policy]), plan.days[start]]
