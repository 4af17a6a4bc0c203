"""Weights that the code of others gives: what its solvers leave of a limit, and what follows from its errors.

A library, or a function of a user's own, may find weights on one day and none on another. An error that ends a refit
only is a `NotSolvedError`: its path of targets goes on with the weights before. What ends the test is a mistake that no
other day mends: one of the workbench's own errors, or a wrong name, type or attribute in a user's own code.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from foundation.arguments import cut
from foundation.arrays import Array
from foundation.errors import InputError, PolicyError, raised_at
from foundation.machine import CODE_OF_OURS, HOUSE, is_library
from foundation.tolerances import WEIGHT
from research.allocation.accuracy import NOISE
from research.allocation.answer import NotSolvedError
from research.allocation.constraints.limits import WEIGHTS, Limit

SWEEPS = 1_000  # of the limits that are missed, the one that is missed most first
LEAST_SHARE = 1e-6  # of the largest weight: a limit of several assets moves a weight of zero by as little
MISTAKES = (NameError, TypeError, AttributeError, ImportError, NotImplementedError)  # of code, which no data mend


def raise_of(error: Exception, who: str, day: pd.Timestamp, why: str = "") -> NoReturn:
    """Raise what an error of others' code amounts to, on a day on which they were asked for weights.

    error  : what they raised, with its traceback.
    who    : name of the function, class or estimator.
    why    : reason that says more than the text of the error, or "".
    Raises : the error itself, if it is one of the workbench's; PolicyError with file and line for a mistake of a
             user's own code; NotSolvedError for all others.
    """
    if isinstance(error, InputError | MemoryError) and not isinstance(error, NotSolvedError):
        raise error
    (file, line), kind = raised_at(error), type(error).__name__
    said = cut(str(error)) if isinstance(error, NotSolvedError) else f"{kind}: {cut(str(error))}"
    if isinstance(error, MISTAKES) and not is_library(file):
        raise PolicyError(
            f"{who} on {day:%Y-%m-%d} stopped with {said} ({Path(file).name}, line {line}). Correct the code."
        ) from error
    if file.startswith(CODE_OF_OURS) and not isinstance(error, NotSolvedError):
        raise error
    raise NotSolvedError(f"{who} found no weights ({f'{kind}): {why}' if why else f'{said})'}") from error


def is_of_others(allocation: object) -> bool:
    """True for an allocation whose class is none of the workbench's, or that calls a function of a user's own."""
    return hasattr(allocation, "function") or type(allocation).__module__.partition(".")[0] not in HOUSE


def without_noise(weights: Array, limits: Sequence[Limit] = ()) -> tuple[Array, float]:
    """Weights that keep the limits which they miss by no more than a solver's accuracy, `NOISE`.

    weights : (k,) fraction of NAV.
    limits  : limits of the k weights, with rows. Beside them no weight is below 0, and their sum is 1 at most; where a
              weight is further below 0, the sum of their sizes is.
    Returns : (k,) the weights, and the most by which one of them was moved. A limit that is missed by more is none of
              the code that gave them.

    Each limit moves the weights in proportion to their size, that which is missed most first (von Neumann 1950,
    alternating projections), until all are kept.
    """
    if not np.isfinite(weights).all():
        return weights, 0.0
    shorts, infinite = weights.min(initial=0.0) < -NOISE, np.full(len(weights), np.inf)
    gross = np.where(weights < 0.0, -1.0, 1.0) if shorts else np.ones(len(weights))
    parts = [(gross[None], np.array([-np.inf]), np.array([1.0]))]
    parts += [] if shorts else [(np.eye(len(weights)), np.zeros(len(weights)), infinite)]
    parts += [(limit.rows[WEIGHTS], limit.lower, limit.upper) for limit in limits]
    table, least, most = (np.concatenate(part) for part in zip(*parts, strict=True))
    near = np.abs(_missed(table @ weights, least, most)) <= NOISE
    table, least, most, found = table[near], least[near], most[near], weights.copy()
    for _ in range(SWEEPS):
        missed = _missed(table @ found, least, most)
        worst = int(np.abs(missed).argmax()) if near.any() else -1
        if worst < 0 or abs(missed[worst]) <= WEIGHT:
            break
        share = np.maximum(np.abs(found), LEAST_SHARE * np.abs(found).max(initial=WEIGHT)) * table[worst]
        found += share * (missed[worst] / (share @ table[worst]))
    moved = float(np.abs(found - weights).max(initial=0.0))
    return (found if shorts or not moved else np.maximum(found, 0.0)), moved


def _missed(values: Array, least: Array, most: Array) -> Array:
    """By how much each value has to move to lie between its bounds; 0 for one that does."""
    found: Array = np.clip(values, least, most) - values
    return found
