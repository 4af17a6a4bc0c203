"""The point that keeps the limits of weights with the least trade past the policy's own point."""

import numpy as np

from foundation.arrays import Array
from foundation.solvers.cone_programme import SOLVED, by_clarabel
from research.orders.lots.order_limits import BOUGHT, SOLD, cash_limits, order_room, weight_limits
from research.orders.lots.position import Position

TRADED_GAIN = 4.0  # per unit of weight: more than a trade can bring an asset and its counterpart nearer their targets
POINT_TOLERANCE = 1e-8  # of NAV: an asset that is moved by less stays at the policy's point
INTERIOR_TOLERANCE = 1e-11  # of the interior-point method


def limited_point(position: Position, point: Array, target: Array, floor: float) -> Array | None:
    """(n,) weights that keep the limits of `position`, or None where none do; the point itself where it keeps them.

    Of all weights that keep them, those that trade least past the point, and of these the nearest to target:

        min  4 Σ (rise + fall) + 4 Σ price · excess + ½ Σ (w − target)²    with w = point + rise − fall

    over the assets and cash, and the excesses of soft limits; 4 is more than what a unit of trade can gain in the last
    sum. An asset trades only where, and in the direction in which, it may; cash covers the adverse move of what is
    bought and sold. Costs do not count. Solved by Clarabel (Goulart, Chen 2024).
    position : before the orders.
    point    : (n,) weights of the exact step, fraction of NAV.
    target   : (n,) in force, fraction of NAV.
    floor    : cash that stays where the point has as much, fraction of NAV.
    """
    if all(limit.outside(point) <= POINT_TOLERANCE for limit in position.limits.weights):
        return point
    from scipy import sparse

    point, target = (np.append(weights, 1.0 - weights.sum()) for weights in (point, target))  # cash is the last
    m, n = len(point), len(point) - 1
    least, most = _bounds(position, point)
    low, high = np.flatnonzero(np.isfinite(least)), np.flatnonzero(np.isfinite(most))
    stays = min(floor, float(point[n])) * position.nav
    limits = [*cash_limits(position, stays), *weight_limits(position, stays)]
    bought, sold = (np.vstack([limit.rows[:, side] for limit in limits]) for side in (BOUGHT, SOLD))
    soft = [limit for limit in limits if not limit.binds]
    right = np.concatenate([limit.most for limit in limits])
    excess = [-1.0 * (limit is other) for limit in limits for _ in limit.most for other in soft]
    eye, lines, one = sparse.eye_array(m, format="csr"), sparse.eye_array(n), np.ones((1, m))
    rows = [  # of w, rise, fall, excess, bought and sold, and what they equal or do not exceed
        ((eye, -eye, eye, None, None, None), point),
        ((one, None, None, None, None, None), [1.0]),
        ((eye[:n], None, None, None, -lines, lines), position.weights),
        ((-eye[low], None, None, None, None, None), -least[low]),
        ((eye[high], None, None, None, None, None), most[high]),
        ((None, None, None, np.reshape(excess, (len(right), len(soft))), bought, sold), right),
        ((None, -eye, None, None, None, None), np.zeros(m)),
        ((None, None, -eye, None, None, None), np.zeros(m)),
        ((None, None, None, -sparse.eye_array(len(soft)), None, None), np.zeros(len(soft))),
        ((None, None, None, None, -lines, None), np.zeros(n)),
        ((None, None, None, None, None, -lines), np.zeros(n)),
    ]
    matrix = sparse.block_array([blocks for blocks, _ in rows], format="csc")
    ended = by_clarabel(
        sparse.diags_array(np.concatenate([np.ones(m), np.zeros(2 * m + len(soft) + 2 * n)]), format="csc"),
        np.concatenate([-target, np.full(2 * m, TRADED_GAIN), [TRADED_GAIN * x.price for x in soft], np.zeros(2 * n)]),
        matrix,
        np.concatenate([of for _, of in rows]),
        [("zero", m + 1 + n), ("positive", matrix.shape[0] - m - 1 - n)],
        INTERIOR_TOLERANCE,
    )
    if ended.status not in SOLVED:
        return None
    weights = ended.v[:m]
    return np.where(np.abs(weights - point) < POINT_TOLERANCE, point, weights)[:-1]


def _bounds(position: Position, point: Array) -> tuple[Array, Array]:
    """Least and largest weights (m,) of assets and cash, -inf and inf where there is none; `point` keeps them."""
    held, price, (bought, sold) = position.weights, position.prices / position.nav, order_room(position)
    least, most = np.maximum(np.minimum(held, 0.0), held - sold * price), held + bought * price
    return np.minimum(np.append(least, -np.inf), point), np.maximum(np.append(most, np.inf), point)
