"""Loops over the days of one asset, compiled: each day's value depends on the days up to it alone."""

import numpy as np

from foundation.arrays import Array, Rows
from foundation.compiled import compiled


def running_mean(values: Array, half_life: float) -> Array:
    """(T,) exponentially weighted mean of values (T,) up to each day, with weights that sum to one.

    half_life : days after which a value has half the weight.

    >>> running_mean(np.array([1.0, 4.0]), half_life=1.0).tolist()
    [1.0, 3.0]
    """
    found = np.empty(len(values))
    _run(np.ascontiguousarray(values, dtype=float), 0.5 ** (1.0 / half_life), found)
    return found


def ranks_so_far(values: Array, lookback: int, days: int | None = None) -> Array:
    """(T,) share of the last `lookback` values up to each day that are below that day's, half of its equals counted.

    values : (T,) values in any unit.
    days   : number of days, the last ones, that are asked for; None for all.

    >>> ranks_so_far(np.array([1.0, 3.0, 2.0]), lookback=3).tolist()
    [0.5, 0.75, 0.5]
    """
    found = np.empty(len(values) if days is None else days)
    _rank(values, lookback, found)
    return found


def path_values(distance: Array, penalty: float) -> Array:
    """(T, k) the least sum of distances (T, k) and of a penalty a change, over all paths that end in each state.

    Source : Nystrup, Lindström and Madsen (2020), algorithm 2.
    """
    values = np.empty_like(distance)
    _add_up(distance, penalty, values)
    return values


def best_path(distance: Array, penalty: float) -> tuple[Rows, float]:
    """(T,) the states of the path with the least sum, as `path_values` has it, and that sum."""
    values, path = path_values(distance, penalty), np.empty(len(distance), dtype=np.int64)
    _trace_back(values, penalty, path)
    return path, float(values[-1, path[-1]])


@compiled
def _run(values: Array, decay: float, found: Array) -> None:
    total, weight = 0.0, 0.0
    for t in range(len(values)):
        total, weight = decay * total + values[t], decay * weight + 1.0
        found[t] = total / weight


@compiled
def _rank(values: Array, lookback: int, found: Array) -> None:
    before = len(values) - len(found)
    for t in range(before, len(values)):
        first = max(0, t + 1 - lookback)
        below, equal = 0, 0
        for s in range(first, t + 1):
            below += values[s] < values[t]
            equal += values[s] == values[t]
        found[t - before] = (below + 0.5 * equal) / (t + 1 - first)


@compiled
def _add_up(distance: Array, penalty: float, values: Array) -> None:
    values[0] = distance[0]
    for t in range(1, len(distance)):
        change = values[t - 1].min() + penalty
        for j in range(distance.shape[1]):
            values[t, j] = distance[t, j] + min(values[t - 1, j], change)


@compiled
def _trace_back(values: Array, penalty: float, path: Rows) -> None:
    path[-1] = values[-1].argmin()
    for t in range(len(values) - 1, 0, -1):
        other = values[t - 1].argmin()
        stays = values[t - 1, path[t]] <= values[t - 1, other] + penalty
        path[t - 1] = path[t] if stays else other
