"""Playing a part of a plan: configurations in, a row of metrics each out. The same bits whoever plays it, and where."""

from collections.abc import Sequence

import numpy as np

from backtests.batch.batch import Lane, play_lanes
from backtests.batch.streaming_metrics import CVAR, METRICS, tally, target_path_returns
from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.sweeps.plan import Configuration, Part
from backtests.sweeps.setup import Arena, Stage
from research.accounting import Costs, Policy
from research.arrays import Array
from research.errors import ConfigError, DataError, PolicyError
from research.rules.no_trade_bands import NoTradeBands
from research.rules.protocol import compiled_rule, fitted_until


def is_plain(policy: Policy) -> bool:
    """Can the policy be played in lanes? Any other is played by itself."""
    rule = compiled_rule(policy)
    return rule is not None and rule.has_plain_bands and fitted_until(rule) is None


def metrics(stage: Stage) -> tuple[str, ...]:
    """The figures of a sweep, in the order of their columns."""
    return (*METRICS, CVAR) if stage.cvar95 else METRICS


def play(stage: Stage, part: Part) -> Array:
    """(k, metrics) the figures of the configurations of a part, for a wealth of 1; nothing of their paths is kept.

    A rule with plain no-trade bands, where costs are proportional and booked at once and all lines may be traded both
    ways, is played in lanes, anything else by itself, to the same bits.
    Raises : what the engine raises.
    """
    configurations = stage.plan.of(part)
    out = np.empty((len(configurations), len(metrics(stage))))
    for name, arena in stage.arenas.items():
        here = [k for k, c in enumerate(configurations) if c.portfolio == name]
        free = arena.scales and not any(arena.market.trading)
        lanes = [k for k in here if free and is_plain(configurations[k].policy)]
        if lanes:
            out[lanes] = _in_lanes(stage, arena, [configurations[k] for k in lanes], [part.first + k for k in lanes])
        for k in sorted(set(here) - set(lanes)):
            out[k] = _by_itself(stage, configurations[k], part.first + k)
    return out


def play_one(stage: Stage, number: int) -> Backtest:
    """The whole backtest of one configuration: the row of a sweep is its tally, to the bit."""
    c = stage.plan[number]
    arena = stage.arena(c)
    return backtest(
        arena.market,
        arena.policy(c.policy),
        arena.times(c.cost_multiple),
        start=c.start or arena.start,
        nav=arena.nav,
        lag=arena.lag if c.lag is None else c.lag,
        execution=arena.execution,
        dividends=arena.dividends,
        flows=arena.flows,
        targets=stage.targets(c),
        periods_per_year=arena.periods_per_year,
        name=f"configuration {number}",
    )


def _by_itself(stage: Stage, c: Configuration, number: int) -> Array:
    """The metrics of one configuration, by the general path."""
    arena = stage.arena(c)
    strategic = target_path_returns(stage.strategic[arena.name], arena.market)
    own = target_path_returns(stage.targets(c), arena.market)
    return tally(play_one(stage, number), strategic, own, arena.g, cvar95=stage.cvar95)


def _in_lanes(stage: Stage, arena: Arena, configurations: Sequence[Configuration], numbers: Sequence[int]) -> Array:
    """The metrics of configurations on one arena whose rules have plain bands; what lanes share is made once."""
    made: dict[tuple[int, int, float | None], NoTradeBands] = {}
    costs: dict[float, Costs] = {}
    lanes = []
    for c in configurations:
        targets = stage.targets(c)
        rule = compiled_rule(arena.policy(c.policy))
        assert rule is not None  # `is_plain` said so
        weighed = c.cost_multiple if rule.depends_on_costs else None
        key = (id(c.policy), id(targets), weighed)  # the plan holds one object of each
        if key not in made:
            made[key] = rule.no_trade_bands(arena.market, targets, arena.times(c.cost_multiple))
        if c.cost_multiple not in costs:
            costs[c.cost_multiple] = arena.times(c.cost_multiple)
        lag = arena.lag if c.lag is None else c.lag
        lanes.append(Lane(made[key], targets, costs[c.cost_multiple], lag, stage.first(c)))
    given = (stage.strategic[arena.name], arena.g, arena.periods_per_year)
    try:
        return play_lanes(arena.market, lanes, *given, cvar95=stage.cvar95)
    except (ConfigError, DataError, PolicyError) as error:
        raise type(error)(f"configurations {numbers[0]} to {numbers[-1]} on {arena.name}: {error}") from error
