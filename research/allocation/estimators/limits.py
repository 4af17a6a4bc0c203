"""Reasons for which an estimator of a library found no weights: the limits among its parameters that conflict.

The libraries say that a solver failed. Bounds of weights, budgets and linear constraints are limits of rows, so that
`research.allocation.constraints.feasibility` decides which of them no weights keep together.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np

from foundation.arrays import Array
from foundation.paper.wording import percent
from research.allocation.constraints.feasibility import conflict
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits

LEAST = {"min_weights": 0.0, "w_min": 0.0}  # parameter -> bound of an asset that it does not name
MOST = {"max_weights": 1.0, "upperlng": 1.0, "w_max": 1.0}
BY_NAME = (*LEAST, *MOST, "weight_bounds")  # parameters that may be bounds by name of an asset
OTHER_LIMITS = ("cardinality", "group_cardinalities", "threshold_long", "threshold_short", "left_inequality")
TARGETS = ("target_return", "target_volatility")


def reason_of(estimator: Any, names: Sequence[str]) -> str:
    """The reason for which an estimator has no weights, from its limits; "" where they do not say.

    names : n names of the assets that it was fitted to.
    """
    budget, rows = estimator_limits(estimator, names)
    if not rows:
        return ""
    found = conflict(Limits(tuple(names), (*budget, *rows)))
    if found is not None:
        return found.sentence
    if hasattr(estimator, "peer_library"):  # whose own message names what was asked
        return ""
    asked = [f"{name} {value}" for name, value in estimator.get_params(deep=False).items() if _is_other(name, value)]
    if not asked:
        return "the solver failed, although weights keep its limits. Set another `solver`, or a longer window"
    return (
        f"weights keep its bounds and linear constraints, but the solver found none with {', '.join(asked)}. Widen it"
    )


def estimator_limits(estimator: Any, names: Sequence[str]) -> tuple[list[Limit], list[Limit]]:
    """The limits of the sum of an estimator's weights, and the others that its parameters state.

    names : n names of the assets that it was fitted to.
    """
    own = tuple(names)
    return list(_budget(estimator, len(own))), [*_bounds(estimator, own), *_linear(estimator, own)]


def _is_other(name: str, value: object) -> bool:
    """True for a parameter that states a limit or a target which is not a row of weights."""
    known = name in (*LEAST, *MOST, "min_budget", "max_budget", "max_iter")
    limits = name.startswith(("max_", "min_")) or name in (*OTHER_LIMITS, *TARGETS)
    return value is not None and limits and not known


def _budget(estimator: Any, n: int) -> Iterator[Limit]:
    """The limits of the sum of the weights, 1 where the estimator states none."""
    row = {WEIGHTS: np.ones((1, n))}
    budget = getattr(estimator, "budget", 1.0)
    for name, low, high in (
        ("budget", budget, budget),
        ("min_budget", getattr(estimator, "min_budget", None), inf),
        ("max_budget", -inf, getattr(estimator, "max_budget", None)),
    ):
        if low is None or high is None:
            continue
        bound = low if np.isfinite(low) else high
        side = "" if low == high else "at least " if np.isfinite(low) else "at most "
        words = f"the sum of the weights is {side}{percent(bound, 2)} of NAV"
        mend = f"change {name}" if hasattr(estimator, name) else ""
        yield Limit(name, words, row, np.array([low]), np.array([high]), bound, mend)


def _bounds(estimator: Any, names: tuple[str, ...]) -> Iterator[Limit]:
    """The limits of single assets, one for all where a parameter is one number."""
    stated = {name: (getattr(estimator, name, None), name in MOST) for name in (*LEAST, *MOST)}
    pairs = getattr(estimator, "weight_bounds", None)
    if pairs is not None:
        sides = zip(*pairs.values(), strict=True) if isinstance(pairs, Mapping) else iter(pairs)
        for side, most in zip(sides, (False, True), strict=True):
            bound = dict(zip(pairs, side, strict=True)) if isinstance(pairs, Mapping) else side
            stated[f"weight_bounds.{'most' if most else 'least'}"] = bound, most
    for name, (bound, most) in stated.items():
        if bound is None:
            continue
        if isinstance(bound, int | float):
            yield _bound(name, "every asset", float(bound), np.eye(len(names)), most)
            continue
        other = 1.0 if most else 0.0
        values = (
            [bound.get(asset, other) for asset in names]
            if isinstance(bound, Mapping)
            else np.asarray(bound, float).tolist()
        )
        for asset, value, row in zip(names, values, np.eye(len(names)), strict=True):
            yield _bound(name, asset, float(value), row[None], most)


def _bound(name: str, who: str, bound: float, rows: Array, most: bool) -> Limit:
    low, high = (-inf, bound) if most else (bound, inf)
    of = f" of {who}" if len(rows) == 1 else ""
    return Limit(
        f"{name}{of}", f"{who} is at {'most' if most else 'least'} {percent(bound, 2)} of NAV", {WEIGHTS: rows},
        np.full(len(rows), low), np.full(len(rows), high), bound,
        f"{'raise' if most else 'lower'} {name}{of}",
    )  # fmt: skip


def _linear(estimator: Any, names: tuple[str, ...]) -> Iterator[Limit]:
    """The linear constraints of an optimiser of skfolio, one limit for each equation."""
    equations = getattr(estimator, "linear_constraints", None)
    if equations is None:
        return
    from skfolio.utils.equations import equations_to_matrix
    from skfolio.utils.tools import input_to_array

    assets = np.array(names)
    stated = getattr(estimator, "groups", None)
    groups = assets[None] if stated is None else input_to_array(stated, len(names), "", 2, assets, "groups")
    for equation in equations:
        equal, to, below, at_most = equations_to_matrix(groups, [equation])
        rows = equal if len(equal) else below
        bounds = to if len(equal) else at_most
        if len(rows):  # none, of groups that are not there today
            low = bounds if len(equal) else np.full(len(rows), -inf)
            words = f"the linear constraint {equation!r}"
            scale = float(np.abs(rows).max()) or 1.0
            yield Limit(f"linear_constraints.{equation}", words, {WEIGHTS: rows}, low, bounds, float(bounds[0]),
                        scale=scale)  # fmt: skip
