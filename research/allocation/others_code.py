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
from foundation.machine import CODE_OF_OURS, OUR_PACKAGES, is_library
from foundation.tolerances import WEIGHT
from research.allocation.accuracy import SOLVER_NOISE
from research.allocation.answer import NotSolvedError
from research.allocation.constraints.limits import WEIGHTS, Limit

PROJECTION_SWEEPS = 1_000  # of the limits that are missed, the one that is missed most first
MISTAKES = (NameError, TypeError, AttributeError, ImportError, NotImplementedError)  # of code, which no data mend
ARRAYS = ("numpy", "pandas")  # libraries in which a wrong name or type of a caller's own is found


def raise_of(error: Exception, who: str, day: pd.Timestamp, why: str = "") -> NoReturn:
    """Raise what an error of others' code amounts to, on a day on which they were asked for weights.

    error  : what they raised, with its traceback.
    who    : name of the function, class or estimator.
    why    : reason that says more than the text of the error, or "".
    Raises : the error itself, if it is one of the workbench's; PolicyError with file and line for a wrong name or type
             in a user's own code, in what it asks of numpy and pandas too; NotSolvedError for all others.
    """
    if isinstance(error, InputError | MemoryError) and not isinstance(error, NotSolvedError):
        raise error
    places = raised_at(error)
    own = [k for k, (file, _) in enumerate(places) if _is_own(file)]
    kind, where = type(error).__name__, ""
    if own:
        file, line = places[own[-1]]
        where = f" ({Path(file).name}, line {line})"
    said = cut(str(error)) if isinstance(error, NotSolvedError) else f"{kind}: {cut(str(error))}"
    below = places[own[-1] + 1 :] if own else places
    in_arrays = bool(below) and any(f"/{name}/" in below[0][0] for name in ARRAYS)
    if isinstance(error, MISTAKES) and own and (not below or in_arrays):
        raise PolicyError(f"{who} on {day:%Y-%m-%d} stopped with {said}{where}. Correct the code.") from error
    if places[-1][0].startswith(CODE_OF_OURS) and not isinstance(error, NotSolvedError):
        if isinstance(error, TypeError):  # of a function that takes no frame
            raise PolicyError(f"{who} on {day:%Y-%m-%d} stopped with {said}.") from error
        raise error
    found = f"({kind}): {why}" if why else f"({said})"
    raise NotSolvedError(f"{who} found no weights {found}{where}") from error


def _is_own(file: str) -> bool:
    """True for a file of a user's own, or a cell: neither of a library, as compiled ones without a folder are."""
    cell = file.startswith("<") and not file.startswith("<__array_function__")
    return (cell or Path(file).is_absolute()) and not is_library(file) and not file.startswith(CODE_OF_OURS)


def is_of_others(allocation: object) -> bool:
    """True for an allocation whose class is none of the workbench's, or that calls code of others."""
    calls = hasattr(allocation, "function") or hasattr(allocation, "estimator")
    return calls or type(allocation).__module__.partition(".")[0] not in OUR_PACKAGES


def without_noise(weights: Array, limits: Sequence[Limit] = ()) -> tuple[Array, float]:
    """Weights that keep the limits which they miss by no more than a solver's accuracy, `SOLVER_NOISE`.

    weights : (k,) fraction of NAV.
    limits  : limits of the k weights, with rows. Beside them no weight is below 0, and their sum is 1 at most; where a
              weight is further below 0, the sum of their sizes is.
    Returns : (k,) the weights, and the most by which one was moved, `SOLVER_NOISE` at most. What is missed by more was
              meant; and weights stay as given where none near them keep all limits.

    Each limit moves the weights in proportion to their size, that which is missed most first (von Neumann 1950,
    alternating projections), until all are kept.
    """
    if not np.isfinite(weights).all():
        return weights, 0.0
    shorts, infinite = weights.min(initial=0.0) < -SOLVER_NOISE, np.full(len(weights), np.inf)
    gross = np.where(weights < 0.0, -1.0, 1.0) if shorts else np.ones(len(weights))
    parts = [(gross[None], np.array([-np.inf]), np.array([1.0]))]
    parts += [] if shorts else [(np.eye(len(weights)), np.zeros(len(weights)), infinite)]
    parts += [(limit.rows[WEIGHTS], limit.lower, limit.upper) for limit in limits]
    table, least, most = _of_nav(parts)
    near = np.flatnonzero(np.abs(_missed(table @ weights, least, most)) <= SOLVER_NOISE)
    table, least, most, found = table[near], least[near], most[near], weights.copy()
    for _ in range(PROJECTION_SWEEPS if len(near) else 0):
        missed = _missed(table @ found, least, most)
        worst = int(np.abs(missed).argmax())
        if abs(missed[worst]) <= WEIGHT:
            break
        share = np.abs(found) * np.abs(table[worst])
        share = share if share.any() else np.abs(table[worst])  # else a weight of zero stays one
        found += share * np.sign(table[worst]) * (missed[worst] / (share @ np.abs(table[worst])))
    else:
        return weights, 0.0  # no weights near these keep all
    found = found if shorts else np.maximum(found, 0.0)
    moved = float(np.abs(found - weights).max(initial=0.0))
    return (found, moved) if WEIGHT < moved <= SOLVER_NOISE else (weights, 0.0)


def missed_by(weights: Array, limits: Sequence[Limit]) -> float:
    """The most by which weights (k,) miss one of some limits with rows, fraction of NAV."""
    table, least, most = _of_nav([(limit.rows[WEIGHTS], limit.lower, limit.upper) for limit in limits])
    return float(np.abs(_missed(table @ weights, least, most)).max(initial=0.0))


def _of_nav(parts: Sequence[tuple[Array, Array, Array]]) -> tuple[Array, Array, Array]:
    """Rows (m, k) with their least and most values, one table of all; what is missed of them is of NAV."""
    table, least, most = (np.concatenate(part) for part in zip(*parts, strict=True))
    sizes = np.abs(table).max(axis=1)
    table, least, most, sizes = (each[sizes > 0.0] for each in (table, least, most, sizes))
    return table / sizes[:, None], least / sizes, most / sizes


def _missed(values: Array, least: Array, most: Array) -> Array:
    """By how much each value has to move to lie between its bounds; 0 for one that does."""
    found: Array = np.clip(values, least, most) - values
    return found
