"""Playing a part of a plan: configurations in, a row of metrics each out. The same bits whoever plays it, and where."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from backtests.batch.batch import PreparedConfiguration, play_batch
from backtests.batch.streaming_metrics import BATCH_METRICS, CVAR, batch_metrics, target_path_returns
from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.sweeps.plan import CHUNKS, Configuration, Part
from backtests.sweeps.setup import PreparedSweep, Setup, Start
from research.accounting import Policy
from research.allocation import TargetPath
from research.arrays import Array
from research.errors import ConfigError, DataError, PolicyError
from research.rules.no_trade_bands import NoTradeBands
from research.rules.protocol import CompiledRule, compiled_rule, fitted_until


def is_plain(policy: Policy) -> bool:
    """Can the batch engine play the policy? Any other is played by itself."""
    rule = compiled_rule(policy)
    return rule is not None and rule.has_plain_bands and fitted_until(rule) is None


def is_free(setup: Setup) -> bool:
    """Can the batch engine play on a setup? All lines are traded both ways, and nothing depends on wealth."""
    return setup.scales and not any(setup.market.trading)


def parts_of(prepared: PreparedSweep) -> Iterator[Part]:
    """The parts in which a sweep is played: those of its plan, where the batch engine plays them.

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
                yield Part(begin, min(begin + size, stop))


def metrics(prepared: PreparedSweep) -> tuple[str, ...]:
    """The figures of a sweep, in the order of their columns."""
    return (*BATCH_METRICS, CVAR) if prepared.cvar95 else BATCH_METRICS


def run_part(prepared: PreparedSweep, part: Part) -> Array:
    """(k, metrics) the figures of the configurations of a part, for a wealth of 1; nothing of their paths is kept.

    A rule with plain no-trade bands, where costs are proportional and booked at once and all lines may be traded both
    ways, is played in batches, anything else by itself, to the same bits.
    Raises : what the engine raises.
    """
    configurations = prepared.plan.of(part)
    out = np.empty((len(configurations), len(metrics(prepared))))
    known = {id(c.policy): is_plain(c.policy) for c in {id(c.policy): c for c in configurations}.values()}
    for name, setup in prepared.setups.items():
        here = [k for k, c in enumerate(configurations) if c.portfolio == name]
        free = is_free(setup)
        plain = [k for k in here if free and known[id(configurations[k].policy)]]
        if plain:
            out[plain] = _in_batch(prepared, setup, [configurations[k] for k in plain], [part.first + k for k in plain])
        for k in sorted(set(here) - set(plain)):
            out[k] = _by_itself(prepared, configurations[k], part.first + k)
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
        nav=setup.nav,
        lag=setup.lag if c.lag is None else c.lag,
        execution=setup.execution,
        dividends=setup.dividends,
        flows=setup.flows,
        targets=prepared.targets(c),
        periods_per_year=setup.periods_per_year,
        name=f"configuration {number}",
    )


def _by_itself(prepared: PreparedSweep, c: Configuration, number: int) -> Array:
    """The metrics of one configuration, by the general path."""
    setup = prepared.setup(c)
    strategic = target_path_returns(prepared.strategic[setup.name], setup.market)
    own = target_path_returns(prepared.targets(c), setup.market)
    return batch_metrics(backtest_one(prepared, number), strategic, own, setup.tracking_penalty, cvar95=prepared.cvar95)


def _in_batch(
    prepared: PreparedSweep, setup: Setup, configurations: Sequence[Configuration], numbers: Sequence[int]
) -> Array:
    """The metrics of configurations on one setup whose rules have plain bands; what they share is made once."""
    costs = {multiple: setup.times(multiple) for multiple in dict.fromkeys(c.cost_multiple for c in configurations)}
    rules: dict[tuple[int, Start], tuple[CompiledRule, TargetPath, int]] = {}
    made: dict[tuple[int, int, float | None], NoTradeBands] = {}
    batch = []
    for c in configurations:
        case = (id(c.policy), c.start)  # the plan holds one object of each policy
        if case not in rules:
            found = compiled_rule(setup.policy(c.policy))
            assert found is not None  # `is_plain` said so
            rules[case] = found, prepared.targets(c), prepared.first(c)
        rule, targets, first = rules[case]
        key = (id(c.policy), id(targets), c.cost_multiple if rule.depends_on_costs else None)
        if key not in made:
            made[key] = rule.no_trade_bands(setup.market, targets, costs[c.cost_multiple])
        lag = setup.lag if c.lag is None else c.lag
        batch.append(PreparedConfiguration(made[key], targets, costs[c.cost_multiple], lag, first))
    given = (prepared.strategic[setup.name], setup.tracking_penalty, setup.periods_per_year)
    try:
        return play_batch(setup.market, batch, *given, cvar95=prepared.cvar95)
    except (ConfigError, DataError, PolicyError) as error:
        raise type(error)(f"configurations {numbers[0]} to {numbers[-1]} on {setup.name}: {error}") from error
