"""A norm of the weights stated so that relaxations are tighter where lines are held or not.

The square of the norm has a diagonal part, of which a line has w² times its share of what is held. Stated as w² over
whether it is held, a number from 0 to 1 in a relaxation, it is the same for lines that are held or not, and more
between (Frangioni, Gentile 2006, Perspective cuts for a class of convex 0-1 mixed integer programs).
"""

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from research.allocation.constraints.limits import HELD, WEIGHTS, Limits, Part
from research.allocation.constraints.programme import Objective

SQUARES = "squares"
SCALE = 100.0  # of the mean variance of a line: values are then far above the gap at which a search ends
INSIDE = 1e-9  # of the diagonal: so that what is left of the square stays convex


@dataclass(frozen=True, eq=False)
class Perspective:
    """The square of a norm, times a half and a scale, but for a constant.

    limits    : with the squares of the weights over whether each line is held.
    objective : over them.
    scale     : of the square.
    """

    limits: Limits
    objective: Objective
    scale: float

    def gap(self, value: float, gap: float) -> float:
        """How far a norm can be below `value` where half its square, times the scale, can be lower by `gap`."""
        return value - float(np.sqrt(max(value**2 - 2.0 * gap / self.scale, 0.0)))


def perspective(limits: Limits, objective: Objective) -> Perspective | None:
    """The tighter statement; None where no lines are counted, or the objective is not a norm of the weights alone."""
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
    scale = SCALE / float(np.diag(square).mean())
    linear = {SQUARES: 0.5 * scale * diagonal}
    if objective.centre is not None:
        linear[WEIGHTS] = -scale * root.T @ objective.centre
    tighter = Objective(linear, scale * (square - np.diag(diagonal)))
    return Perspective(replace(limits, parts=(*limits.parts, _squares(n))), tighter, scale)


def _squares(n: int) -> Part:
    """(n,) at least w² / held: a cone of a norm for each line."""
    eye, none = np.eye(n), np.zeros(n)
    cones = tuple(
        ("norm", {WEIGHTS: np.array([none, 2.0 * one, none]), HELD: np.array([one, none, -one]),
                  SQUARES: np.array([one, none, one])})
        for one in eye
    )  # fmt: skip
    return Part(SQUARES, n, {}, np.zeros(0), np.zeros(n), np.full(n, inf), lambda weights: weights**2, cones=cones)
