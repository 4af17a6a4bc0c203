"""The weights that make an aim the best under limits, with the limits that gave way or bind, and their prices.

Every optimiser says its aim as a cone programme and is solved here: by active sets where the limits and the aim allow
it, else as that programme.
"""

from collections.abc import Callable, Mapping
from math import inf

import numpy as np

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, field, replace
from research.allocation.accuracy import GIVES, LIMIT_TOLERANCE, RELAXED_ZERO, SUM_ROUNDING, ZERO_FROM_SOLVER
from research.allocation.answer import Binding, NotSolvedError
from research.allocation.constraints.active_set import by_active_sets
from research.allocation.constraints.binding import binding_of
from research.allocation.constraints.branch import best
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.feasibility import Conflict, room
from research.allocation.constraints.limits import HELD_LINES, WEIGHTS, Limit, Limits, Part, held_in
from research.allocation.constraints.programme import Elastic, Objective, Solved

SQUARES = "squares"
VARIANCE_SCALE = 100.0  # of the mean variance of an asset: values are then far above the gap at which a search ends
INSIDE = 1e-9  # of the diagonal: so that what is left of the square stays convex


@dataclass(frozen=True, eq=False)
class Aim:
    """The objective of an allocation.

    objective : objective to minimise.
    unit      : unit of the objective, as it is reported: "volatility a year", "return a year", "Sharpe ratio".
    sign      : 1 where the reported objective is minimised, -1 where its negative is.
    numerator : block -> (size): the aim is the largest numerator · x over the objective.
    parts     : parts that the objective and the numerator need, beside those of the limits.
    unreached : limits that some weights keep -> why none of these has a numerator above zero; "" where some have.
    sharpened : limits, what may be exceeded, a solution -> the same solution to full accuracy; None for that of
                the programme itself.
    """

    objective: Objective
    unit: str
    sign: float = 1.0
    numerator: Mapping[str, Array] | None = None
    parts: tuple[Part, ...] = ()
    unreached: Callable[[Limits], str] = lambda limits: ""
    sharpened: Callable[[Limits, Elastic, Solved], Solved] | None = None

    @property
    def smaller(self) -> bool:
        """True if a smaller value is better."""
        return self.numerator is None and self.sign > 0.0


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best weights (n,), and how they were found.

    weights : (n,) fraction of NAV; cash is the rest.
    value   : value of the aim, in its unit.
    unit    : unit of the aim.
    solver  : name of the solver.
    status  : "optimal" or "optimal_inaccurate".
    binding : limits that bind, with their shadow prices; none where limits gave way.
    prices  : key of a limit -> gain of the aim per unit that it is widened, for each limit of the day; of an
              equation, the gain from raising its value.
    failed  : solvers that were tried before.
    notes   : notes on limits that gave way or do not apply, and on what was not proven.
    smaller : true if a smaller value is better.
    denominator : denominator of a ratio, at the weights; 1 for another aim.
    """

    weights: Array
    value: float
    unit: str
    solver: str
    status: str
    binding: tuple[Binding, ...] = ()
    prices: Mapping[str, float] = field(default_factory=dict)
    failed: str = ""
    notes: tuple[str, ...] = ()
    smaller: bool = True
    denominator: float = 1.0


def optimum(limits: Limits, aim: Aim) -> Optimum:
    """The best weights within limits.

    limits : limits of the day.
    aim    : objective that the weights make the best.
    Raises : NotSolvedError, with a smallest conflicting set and its smallest relaxation, where no weights keep the
             limits; where no solver finds any; and for a Sharpe ratio that no weights make positive.
    """
    elastic = elastic_of(limits)
    solved, gap = _solved(limits, aim, elastic)
    weights = tidy(limits, weights_in(limits, solved))
    _check(limits, weights, elastic, solved)
    prices = limit_prices(limits, aim, solved)
    if elastic.pools:  # they share what gave way, to the last digit: duals of such a set are not unique
        prices = tuple(np.full(len(rows), np.nan) for rows in prices)
    ratio = aim.numerator is not None
    notes = [*limits.notes, *exceeded(limits, weights), *unproven(aim, solved.value, gap)]
    value = 1.0 / solved.value if ratio else aim.sign * solved.value
    binding = binding_of(limits, weights, prices, aim.unit, aim.smaller)
    return Optimum(
        weights, value, aim.unit, solved.solver, solved.status, binding,
        {limit.key: float(price.sum()) for limit, price in zip(limits.limits, prices, strict=True)},
        solved.failed, tuple(notes), aim.smaller, solved.value / solved.scale if ratio else 1.0,
    )  # fmt: skip


def _solved(limits: Limits, aim: Aim, elastic: Elastic) -> tuple[Solved, float]:
    """The best point to full accuracy, and its largest possible improvement with other assets held; 0 where proven."""
    with_parts = replace(limits, parts=(*limits.parts, *aim.parts))
    if aim.sharpened is None and not elastic.prices and not elastic.pools:
        solved = by_active_sets(with_parts, aim.objective, aim.numerator)
        if solved is not None:
            return solved, 0.0
    programme = ConeProgramme(with_parts, aim.objective, elastic, aim.numerator)
    tighter = perspective(with_parts, aim.objective) if aim.numerator is None and not elastic.prices else None
    found = best(programme if tighter is None else ConeProgramme(tighter.limits, tighter.objective, elastic))
    solved, gap = found.point, found.gap
    if solved is None:
        raise NotSolvedError(_why_none(limits, aim))
    whole = of_held(with_parts, solved)
    if whole is not None and (again := programme.solve(whole=whole)) is not None:
        solved, gap = again, gap if tighter is None else tighter.gap(again.value, gap)
    elif tighter is not None:
        raise NotSolvedError("no solver found weights of the assets that were chosen to be held")
    if aim.sharpened is not None:
        return aim.sharpened(limits, elastic, solved), gap
    return programme.sharpened(solved, whole=whole), gap


def elastic_of(limits: Limits) -> Elastic:
    """The limits that may be exceeded: those with a price, and those that give way, by as much as they must.

    Raises : NotSolvedError where the limits that do not give way conflict.
    """
    prices = {k: limit.price for k, limit in enumerate(limits.limits) if np.isfinite(limit.price)}
    if all(limit.gives_way is None for limit in limits.limits):
        return Elastic(prices)
    found = room(limits)
    if isinstance(found, Conflict):
        raise NotSolvedError(found.sentence.removesuffix("."))
    return Elastic(prices, tuple(pool for pool in found.pools if pool[1] > 0.0))


def weights_in(limits: Limits, solved: Solved) -> Array:
    """(n,) the weights of a settled solution, zero for each asset that a number of assets leaves out."""
    weights = solved.x[: len(limits.assets)]
    return np.where(held_in(limits, solved.x), weights, 0.0) if limits.whole.any() else weights


def tidy(limits: Limits, weights: Array) -> Array:
    """Weights (n,) without a solver's residues near zero, between the bounds of their assets, with the sum asked for.

    What is missing to the sum, or too much, is spread over the room to the bounds; it is a solver's rounding.
    """
    least, most = limits.of_lines
    found = np.clip(np.where(np.abs(weights) <= ZERO_FROM_SOLVER, 0.0, weights), least, most)
    net = [limit.bound for limit in limits.limits if limit.key == "net" and limit.equation and limit.hard]
    missing = net[0] - float(found.sum()) if net else 0.0
    room = np.where(found == 0.0, 0.0, np.minimum(most - found if missing > 0.0 else found - least, 1.0))
    total = float(room.sum())
    return found + missing * room / total if 0.0 < abs(missing) <= SUM_ROUNDING and total > 0.0 else found


def _check(limits: Limits, weights: Array, elastic: Elastic, solved: Solved) -> None:
    """Raise NotSolvedError for weights outside a limit that was to be kept."""
    free = {*elastic.prices, *(k for places, _ in elastic.pools for k in places)}
    outside = limits.outside(weights)
    over = [k for k in np.flatnonzero(outside > LIMIT_TOLERANCE).tolist() if k not in free]
    if over and solved.status == "optimal":
        k = max(over, key=lambda k: outside[k])
        raise NotSolvedError(f"{solved.solver}'s weights miss a limit by {outside[k]:.1e}: {limits.limits[k].words}")


def of_held(limits: Limits, solved: Solved) -> tuple[Array, Array] | None:
    """Least and most of x (size,) that hold the same assets as a solution and no others; None where none are counted.

    Solved within these, the prices are those of the limits for the assets that are held.
    """
    if not limits.whole.any():
        return None
    weights = solved.x[: len(limits.assets)]
    x = limits.x(np.where(np.abs(weights) > RELAXED_ZERO, weights, 0.0))
    return np.where(limits.whole, x, limits.least), np.where(limits.whole, x, limits.most)


def limit_prices(limits: Limits, aim: Aim, solved: Solved) -> tuple[Array, ...]:
    """For each limit, the gain of the aim per unit that each of its rows is widened, with the same assets held."""
    times = 1.0 if aim.numerator is None else solved.scale / solved.value**2  # of 1 / value, all bounds times the scale
    held = held_in(limits, solved.x)
    return tuple(times * _priced(limit, rows, held) for limit, rows in zip(limits.limits, solved.duals, strict=True))


def _priced(limit: Limit, rows: Array, held: Mask) -> Array:
    """Duals (k,) without those that no room brings: of a number of assets, and of an asset that it leaves out."""
    if HELD_LINES not in limit.rows:
        return rows
    return rows * (limit.rows[WEIGHTS][:, held] != 0.0).any(axis=1) if WEIGHTS in limit.rows else np.zeros(1)


def exceeded(limits: Limits, weights: Array) -> list[str]:
    """Limits that weights (n,) exceed, because a limit gave way or has a price, in sentences."""
    said = []
    for limit, by in zip(limits.limits, limits.outside(weights).tolist(), strict=True):
        if by > GIVES and not limit.hard:
            at = limit.bound + by if limit.raised else limit.bound - by
            at_price = f"was exceeded at its price {limit.price:g}"
            how = f"gave way (place {limit.gives_way})" if limit.gives_way else at_price
            said.append(f"{limit.words}: it {how}, and is at {limit.written(at)}.")
    return said


def unproven(aim: Aim, value: float, gap: float) -> list[str]:
    """Possible improvement of the aim with other assets held, in a sentence; [] where it is proven the best.

    value : value of the programme; of a ratio, its inverse.
    gap   : largest amount by which the value may be lower.
    """
    if gap <= 0.0:
        return []
    which = "which assets are held was not proven the best"
    if aim.numerator is None:
        return [f"{which}: the objective may be better by {gap:.2g}."]
    most = f" by {1.0 / (value - gap) - 1.0 / value:.2g}" if gap < value else ""
    return [f"{which}: the {aim.unit} may be higher{most}."]


def _why_none(limits: Limits, aim: Aim) -> str:
    found = room(limits)
    if isinstance(found, Conflict):
        return found.sentence.removesuffix(".")
    return aim.unreached(limits) or "no solver found weights, though linear programmes say that there are some"


@dataclass(frozen=True, eq=False)
class Perspective:
    """The square of a norm, times a half and a scale, but for a constant.

    limits    : with the squares of the weights over whether each asset is held.
    objective : over them.
    scale     : of the square.
    """

    limits: Limits
    objective: Objective
    scale: float

    def gap(self, value: float, gap: float) -> float:
        """Largest distance of a norm below `value` if half its square, times the scale, can be lower by `gap`."""
        return value - float(np.sqrt(max(value**2 - 2.0 * gap / self.scale, 0.0)))


def perspective(limits: Limits, objective: Objective) -> Perspective | None:
    """The tighter statement; None where no assets are counted, or the objective is not a norm of the weights alone.

    The square of the norm has a diagonal part, of which an asset has w² times its share of what is held. Stated as w²
    over whether it is held, a number from 0 to 1 in a relaxation, it is the same for assets that are held or not, and
    more between (Frangioni, Gentile 2006, Perspective cuts for a class of convex 0-1 mixed integer programs).
    """
    alone = not objective.linear and objective.curvature is None
    if not limits.whole.any() or not alone or objective.norm is None or set(objective.norm) != {WEIGHTS}:
        return None
    root = objective.norm[WEIGHTS]
    square, n = root.T @ root, root.shape[1]
    deviations = np.sqrt(np.diag(square))
    if not deviations.all():
        return None
    smallest = float(np.linalg.eigvalsh(square / np.outer(deviations, deviations))[0])
    diagonal = max(smallest - INSIDE, 0.0) * deviations**2
    scale = VARIANCE_SCALE / float(np.diag(square).mean())
    linear = {SQUARES: 0.5 * scale * diagonal}
    if objective.centre is not None:
        linear[WEIGHTS] = -scale * root.T @ objective.centre
    tighter = Objective(linear, scale * (square - np.diag(diagonal)))
    return Perspective(replace(limits, parts=(*limits.parts, _squares(n))), tighter, scale)


def _squares(n: int) -> Part:
    """(n,) at least w² / held: a cone of a norm for each asset."""
    eye, none = np.eye(n), np.zeros(n)
    cones = tuple(
        ("norm", {WEIGHTS: np.array([none, 2.0 * one, none]), HELD_LINES: np.array([one, none, -one]),
                  SQUARES: np.array([one, none, one])})
        for one in eye
    )  # fmt: skip
    return Part(SQUARES, n, {}, np.zeros(0), np.zeros(n), np.full(n, inf), lambda weights: weights**2, cones=cones)
