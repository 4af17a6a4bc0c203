"""The inputs and results of a cone programme: the objective, the limits that may be exceeded, the solution."""

from collections.abc import Mapping

from foundation.arrays import Array
from foundation.dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class Objective:
    """Objective to minimise: linear · x + x' · curvature · x / 2 + |norm · x - centre| + the price of excesses.

    linear    : block -> (size of the block).
    curvature : (m, m) positive semidefinite, over the first m of x, such as the weights; None for zero.
    norm      : block -> (r, size of the block); None for zero.
    centre    : (r,); None for zeros.
    """

    linear: Mapping[str, Array] = field(default_factory=dict)
    curvature: Array | None = None
    norm: Mapping[str, Array] | None = None
    centre: Array | None = None


@dataclass(frozen=True, eq=False)
class Elastic:
    """Limits that may be exceeded, their prices, and the amounts they may exceed together.

    prices : place of a limit -> price of a unit of its excess.
    pools  : places of limits that share an allowance, with their allowance: the sum of excess over scale.
    """

    prices: Mapping[int, float] = field(default_factory=dict)
    pools: tuple[tuple[tuple[int, ...], float], ...] = ()


@dataclass(frozen=True, eq=False)
class Solved:
    """The best point of a cone programme.

    x      : (size,) weights and parts.
    excess : place of a limit -> its excess.
    value  : value of the objective.
    duals  : for each limit, the fall of the objective per unit that each of its rows (k,) is widened; of an equation,
             the fall from raising its value.
    solver : name of the solver.
    status : "optimal" or "optimal_inaccurate".
    failed : solvers that were tried before, each with its message.
    scale  : v = solution / scale, for a homogeneous programme; else 1.
    """

    x: Array
    excess: Mapping[int, float]
    value: float
    duals: tuple[Array, ...]
    solver: str
    status: str = "optimal"
    failed: str = ""
    scale: float = 1.0
