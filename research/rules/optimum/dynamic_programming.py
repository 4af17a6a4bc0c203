"""The optimal policy of one or two risky assets beside cash, or of two or three that stay fully invested.

No rule can beat it that holds no cash where the target has none: proceeds that wait in cash pay one side, not two.

The state is the gap d (n,), weight less target. Every `interval` years the policy sees it, and may trade to any d' for
sum_i c_i |d'_i - d_i| and a ticket, fractions of NAV. Until the next decision it is charged g/2 d'Sd' x interval, S
being the covariance of excess returns a year, while the weights drift as lognormal returns have it. The least loss a
year in the long run, l, and what each gap is worth beside the others, V, solve

    V(d) + l x interval = min(Q(d), ticket + min_d' (Q(d') + sum_i c_i |d'_i - d_i|)),
    Q(d) = g/2 d'Sd x interval + E V(where d drifts to).

It is solved on a grid. Trading: the least over the whole grid is two sweeps of running minima an asset, since the cost
is a sum over assets (Felzenszwalb and Huttenlocher (2012), Distance transforms of sampled functions, section 2).
Drifting: weights that drift by one source of risk and then by the next have drifted by both, so the expectation is a
          product of
sparse matrices, one a source: Gauss-Hermite nodes, with cubic interpolation between the points of the grid. Beyond the
grid V grows by the cost of trading back to it. This is exact where the grid holds the whole region of holding, and,
between one source and the next, nearly so some standard deviations further out.
Without cash the last asset takes the other side of every trade of the others with it, and costs c_n. Weights do not
depend on the unit in which wealth is counted: counted in units of the last asset, it is cash, and the returns of the
others are what they earn beyond it. Two assets may also trade with one another, for c_1 + c_2, which is a third sweep.
Iteration: values relative to one another (White (1963), Dynamic programming, Markov chains, and the method of
successive approximations), with the last few combined (Anderson (1965), Iterative procedures for nonlinear integral
equations). The largest and the least step bracket the loss of the grid's problem (Odoni (1969), On finding the maximal
gain for Markov decision processes), and are brought together.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from foundation.arrays import Array
from foundation.compiled import compiled
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from research.risk.simulation.covariances import taken_apart
from research.rules.bands import is_fully_invested
from research.rules.no_trade_region import half_widths
from research.rules.optimum.problem_checks import checked_problem
from research.rules.optimum.region import Region

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

POINTS = {1: 641, 2: 161}  # of the grid, an asset, by the number of assets
COARSE = 41  # of the grid that shows how wide the fine one should be
QUADRATURE_NODES = {1: 31, 2: 7}  # of the quadrature, a source of risk
FAR, FAR_NODES = 0.6, 21  # closed-form half-widths beyond which a drift of two gaps meets more of a region's kinks
GRID_REACH = 3.0  # standard deviations of one drift that the grid holds beyond the region of holding
CLOSE_BRACKETS = 1e-5  # how far apart, relative to their mean, the brackets of the loss may be
STEPS = 2000  # and how long they may take: some ten, as a rule
MEMORY = 6  # values that are combined
ALIKE = 0.98  # correlation, of either sign, beyond which two assets are so much one that the steps may not come to rest
SMALLEST_GROWTH = 1e-3  # of NAV in one drift: only assets borrowed for, far outside any region, come near it

Axes = tuple[Array, ...]
Affine = tuple["csr_matrix", Array]


def optimal_region(
    target: Array,
    mean: Array,
    covariance: Array,
    cost: Array,
    tracking_penalty: float,
    interval: float,
    *,
    ticket: float = 0.0,
) -> Region:
    """The policy with the least long-run loss, trading costs and tracking penalty, and this loss.

    target           : (n,) fraction of NAV, each above 0: one or two assets, of which cash is the rest, above 0 too; or
                       two or three that sum to one.
    mean             : (n,) growth a year above cash, as `research.risk.simulation.models.GBM` has it.
    covariance       : (n, n) covariance of returns in excess of cash, a year.
    cost             : (n,) a side, fraction of the notional.
    tracking_penalty : g, price of squared tracking.
    interval         : years between two decisions, 1/52 for every week.
    ticket           : fraction of NAV for an event, whatever is traded.
    Raises           : ConfigError for numbers out of range, for more assets, and for a covariance that is not
                       positive semi-definite.

    The loss is that of the grid: to 0.15 % where an asset drifts less in an interval than its region is wide, and
    to 0.3 % where it drifts up to twice as far. With both one decision a quarter and costs of a tenth of a basis point
    it is 2 % too low for one gap, and 0.3 to 0.7 % for two.

    One asset watched every day, against the closed form of `one_asset`:

    >>> region = optimal_region([0.6], [0.6 * 0.16**2], [[0.16**2]], [0.001], tracking_penalty=2.0, interval=1 / 252)
    >>> round(float(region.upper[0][0]), 3), round(1e4 * region.value, 2)
    (0.034, 0.31)
    """
    target, mean, covariance, cost, volatility = checked_problem(
        "optimal_region", target, mean, covariance, cost, tracking_penalty, interval, ticket, on_grid=True
    )
    given = _Problem(
        target, mean - 0.5 * volatility**2, covariance, cost, 0.0, float(tracking_penalty), float(interval),
        float(ticket),
    )  # fmt: skip
    problem = _beside_the_last(given) if is_fully_invested(target) else given
    axes = _wide_axes(problem)
    coarse = _solved(problem, axes, np.zeros(_shape(axes)))
    while (wider := _wider(problem, coarse)) is not None:
        coarse = _solved(problem, wider, np.zeros(_shape(wider)))
    axes = _fitted_axes(problem, coarse)
    stencil, beyond = _stencil(coarse.axes, _points(axes))
    start = (stencil @ coarse.values.ravel() + beyond @ problem.to_rest).reshape(_shape(axes))
    return _region(given, problem, _solved(problem, axes, start))


@dataclass(frozen=True, eq=False)
class _Problem:
    """The problem of d gaps: its settings; `growth` is (d,) of log returns a year, `rest_cost` a side of the rest."""

    target: Array
    growth: Array
    covariance: Array
    cost: Array
    rest_cost: float
    tracking_penalty: float
    interval: float
    ticket: float

    @property
    def to_rest(self) -> Array:
        """(d,) cost of a unit that an asset trades with the rest."""
        return self.cost + self.rest_cost

    @property
    def swap_cost(self) -> float:
        """The cost of a unit that two assets trade with one another; infinite where that is no way of its own."""
        return float(self.cost.sum()) if self.rest_cost > 0.0 and len(self.cost) > 1 else np.inf

    @cached_property
    def mix(self) -> Array:
        """(d, d) log returns of an interval: one column for each source of risk."""
        volatility, root = taken_apart(self.covariance, "covariance of optimal_region")
        return np.sqrt(self.interval) * volatility[:, None] * root


def _beside_the_last(problem: _Problem) -> _Problem:
    """The same problem with wealth counted in units of the last asset, which takes the place of cash."""
    n = len(problem.target)
    beyond = np.hstack([np.eye(n - 1), -np.ones((n - 1, 1))])
    return replace(
        problem,
        target=problem.target[:-1],
        growth=beyond @ problem.growth,
        covariance=beyond @ problem.covariance @ beyond.T,
        cost=problem.cost[:-1],
        rest_cost=float(problem.cost[-1]),
    )


class _Solution(NamedTuple):
    """A solution on a grid: V before a decision, Q after it, a trade's saving before ticket, an interval's loss."""

    axes: Axes
    values: Array
    after: Array
    advantage: Array
    loss: float


# -- the grid --------------------------------------------------------------------------------------------------------


def _wide_axes(problem: _Problem) -> Axes:
    """A first guess: twice the closed-form half-widths for costs and for the ticket, each as if it came alone.

    One ticket k a trade to target and its deviation lose k a^2/h^2 + g/2 S h^2/6 a year, where a^2 = w^2 var(r_i - r_p)
    widens the gap: least at h^4 = 12 k a^2 / (g S).
    """
    shock = _shock(problem)
    rate = shock**2 / problem.interval / (problem.tracking_penalty * np.diag(problem.covariance))
    width = 2.0 * (_half_widths(problem) + (12.0 * problem.ticket * rate) ** 0.25) + GRID_REACH * shock
    return _axes(problem, -width, width, COARSE)


def _wider(problem: _Problem, solution: _Solution) -> Axes | None:
    """Axes twice as wide where the region of holding touches their end and may go on, or None where it is inside."""
    lower, upper = _held(problem, solution)
    ends = np.array([axis[[0, -1]] for axis in solution.axes]).T
    cut = np.array([lower <= ends[0], upper >= ends[1]]) & (ends > -problem.target) & (ends < 1.0 - problem.target)
    if not cut.any():
        return None
    low, high = np.where(cut, 2.0 * ends, ends)
    return _axes(problem, low, high, COARSE)


def _fitted_axes(problem: _Problem, solution: _Solution) -> Axes:
    """A fine grid over the region of holding, and the reach of one drift beyond it."""
    lower, upper = _held(problem, solution)
    margin = GRID_REACH * _shock(problem) + np.array([axis[1] - axis[0] for axis in solution.axes])
    return _axes(problem, lower - margin, upper + margin, POINTS[len(lower)])


def _axes(problem: _Problem, low: Array, high: Array, points: int) -> Axes:
    """Evenly spaced gaps an asset. No asset's weight is below zero or above one.

    Where two assets trade with one another, both axes have one step, and the longer one has these points.
    """
    low, high = np.maximum(low, -problem.target), np.minimum(high, 1.0 - problem.target)
    if problem.swap_cost == np.inf:
        return tuple(np.linspace(*ends, points) for ends in zip(low, high, strict=True))
    step = float((high - low).max()) / (points - 1)
    return tuple(
        start + step * np.arange(round((end - start) / step) + 1) for start, end in zip(low, high, strict=True)
    )


def _shape(axes: Axes) -> tuple[int, ...]:
    return tuple(len(axis) for axis in axes)


def _shock(problem: _Problem) -> Array:
    """(n,) standard deviation by which one interval moves each gap from the target, to first order."""
    return problem.target * np.linalg.norm(problem.mix - problem.target @ problem.mix, axis=1)


def _half_widths(problem: _Problem) -> Array:
    """(d,) closed-form half-width of each gap, fraction of NAV."""
    return half_widths(problem.target, problem.covariance, problem.to_rest, problem.tracking_penalty)


def _held(problem: _Problem, solution: _Solution) -> tuple[Array, Array]:
    """(n,) least and (n,) largest gap of each asset at which holding is best, fraction of NAV."""
    gaps = _points(solution.axes)[solution.advantage.ravel() <= problem.ticket]
    return gaps.min(axis=0), gaps.max(axis=0)


def _points(axes: Axes) -> Array:
    """(points, n) all gaps of the grid."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


# -- one decision and one drift --------------------------------------------------------------------------------------


def _solved(problem: _Problem, axes: Axes, start: Array) -> _Solution:
    """The problem on one grid. start : first guess of V on it."""
    points = _points(axes)
    tracking = (
        0.5 * problem.tracking_penalty * problem.interval * np.einsum("pi,ij,pj->p", points, problem.covariance, points)
    )
    step = np.array([axis[1] - axis[0] for axis in axes])
    prices = problem.to_rest * step
    swap = problem.swap_cost * float(step[0])
    drifts = [_drift(problem, axes, points, source) for source in range(len(axes))]

    def after(values: Array) -> Array:
        expected = values.ravel()
        for matrix, beyond in drifts:
            expected = matrix @ expected + beyond
        return (expected + tracking).reshape(start.shape)

    def before(values: Array) -> Array:
        held = after(values)
        return np.minimum(held, _cheapest(held, prices, swap) + problem.ticket)

    values, loss = _stationary(before, start, _mend(problem))
    held = after(values)
    return _Solution(axes, values, held, held - _cheapest(held, prices, swap), loss)


def _drift(problem: _Problem, axes: Axes, points: Array, source: int) -> Affine:
    """E V(where `source` takes each point to) as a matrix and a vector. The first source brings the drift as well."""
    from scipy.sparse import csr_matrix

    far = len(axes) > 1 and (_shock(problem) > FAR * _half_widths(problem)).any()
    nodes, chances = np.polynomial.hermite_e.hermegauss(FAR_NODES if far else QUADRATURE_NODES[len(axes)])
    logs = nodes[:, None] * problem.mix[:, source] + (problem.growth * problem.interval if source == 0 else 0.0)
    weights = problem.target + points
    growth = np.maximum(1.0 + weights @ np.expm1(logs).T, SMALLEST_GROWTH)
    drifted = weights[:, None, :] * np.exp(logs) / growth[:, :, None] - problem.target
    stencil, beyond = _stencil(axes, drifted.reshape(-1, len(axes)))
    chances = chances / chances.sum()
    shares = stencil.data.reshape(len(points), len(nodes), -1) * chances[:, None]
    starts = np.arange(len(points) + 1) * shares[0].size
    matrix = csr_matrix((shares.ravel(), stencil.indices, starts), shape=(len(points), len(points)))
    return matrix, (beyond @ problem.to_rest).reshape(-1, len(nodes)) @ chances


def _stencil(axes: Axes, points: Array) -> Affine:
    """Cubic interpolation from the grid to points (k, n) as a matrix, and the distance of each beyond the grid (k, n).

    What is beyond is moved to the nearest point of the grid. Lagrange's polynomials through four points an asset.
    """
    from scipy.sparse import csr_matrix

    columns, shares, beyond = np.zeros((len(points), 1), np.int32), np.ones((len(points), 1)), []
    for axis, x in zip(axes, points.T, strict=True):
        step = (axis[-1] - axis[0]) / (len(axis) - 1)
        at = np.clip((x - axis[0]) / step, 0.0, len(axis) - 1.0)
        beyond.append(np.abs(x - axis[0] - at * step))
        base = np.clip(at.astype(np.int32) - 1, 0, len(axis) - 4)
        s = at - base
        own = [-(s - 1) * (s - 2) * (s - 3) / 6, s * (s - 2) * (s - 3) / 2, -s * (s - 1) * (s - 3) / 2,
               s * (s - 1) * (s - 2) / 6]  # fmt: skip
        near = base[:, None] + np.arange(4, dtype=np.int32)
        columns = (columns[:, :, None] * len(axis) + near[:, None, :]).reshape(len(points), -1)
        shares = (shares[:, :, None] * np.stack(own, axis=1)[:, None, :]).reshape(len(points), -1)
    starts = np.arange(len(points) + 1) * shares.shape[1]
    size = int(np.prod([len(axis) for axis in axes]))
    return csr_matrix((shares.ravel(), columns.ravel(), starts), shape=(len(points), size)), np.stack(beyond, axis=1)


def _cheapest(values: Array, prices: Array, swap: float) -> Array:
    """The least over the grid of the value there and the cost of getting there.

    prices : (d,) price of one step of each asset, traded with the rest.
    swap   : price of one step of two assets, traded with one another.

    The cost of a trade is the least over all ways to make it of such steps, so three sweeps, each along one of them,
    find the least over all.
    """
    if len(prices) == 1:
        return _running_least(values[:, None], prices[0])[:, 0]
    first = _running_least(values, prices[0])
    both = np.ascontiguousarray(_running_least(np.ascontiguousarray(first.T), prices[1]).T)
    return _running_least_of_pairs(both, swap) if swap < np.inf else both


@compiled
def _running_least(values: Array, step: float) -> Array:
    """min over i' of values[i', j] + step * |i' - i|: the least on the way up, and then on the way down."""
    least = values.copy()
    rows, columns = values.shape
    for i in range(1, rows):
        for j in range(columns):
            least[i, j] = min(least[i, j], least[i - 1, j] + step)
    for i in range(rows - 2, -1, -1):
        for j in range(columns):
            least[i, j] = min(least[i, j], least[i + 1, j] + step)
    return least


@compiled
def _running_least_of_pairs(values: Array, step: float) -> Array:
    """min over k of values[i + k, j - k] + step * |k|, likewise."""
    least = values.copy()
    rows, columns = values.shape
    for i in range(1, rows):
        for j in range(columns - 1):
            least[i, j] = min(least[i, j], least[i - 1, j + 1] + step)
    for i in range(rows - 2, -1, -1):
        for j in range(1, columns):
            least[i, j] = min(least[i, j], least[i + 1, j - 1] + step)
    return least


# -- the long run ----------------------------------------------------------------------------------------------------


def _stationary(step: Callable[[Array], Array], values: Array, fix: str) -> tuple[Array, float]:
    """Values that a step raises by the same amount everywhere, up to `CLOSE_BRACKETS`, and that amount.

    fix : advice where there are none. Raises ConfigError.
    """
    images: list[Array] = []
    changes: list[Array] = []
    narrowest = np.inf
    for _ in range(STEPS):
        image = step(values)
        change = image - values
        least, most = float(change.min()), float(change.max())
        if most - least <= CLOSE_BRACKETS * abs(most + least) / 2.0:
            return values, (most + least) / 2.0
        if not np.isfinite(most - least):
            break
        if most - least > 3.0 * narrowest:  # combining has led astray: from here anew
            images, changes = [], []
        narrowest = min(narrowest, most - least)
        images, changes = [*images, image - image.min()][-MEMORY:], [*changes, change - change.mean()][-MEMORY:]
        values = _combined(images, changes)
    raise ConfigError(
        f"optimal_region has found no policy in {STEPS} steps: its loss an interval is between {least:.3g} and "
        f"{most:.3g} of NAV. {fix}"
    )


def _mend(problem: _Problem) -> str:
    """The error for a problem of which no policy is found."""
    if len(problem.target) == 2 and problem.rest_cost == 0.0:
        (first, between), (_, second) = problem.covariance
        if abs(correlation := between / np.sqrt(first * second)) > ALIKE:
            return (
                f"The correlation of the two assets in covariance is {correlation:.6g}, and one all but decides the "
                "other: make them one asset, or give a correlation nearer to 0, or longer intervals."
            )
    return "Give longer intervals, or costs that are small beside an asset's target."


def _combined(images: list[Array], changes: list[Array]) -> Array:
    """The affine combination of the images whose changes, so combined, are least in the mean square."""
    newest = changes[-1]
    apart = np.array([(newest - change).ravel() for change in changes[:-1]]).reshape(-1, newest.size)
    parts = np.linalg.lstsq(apart @ apart.T, apart @ newest.ravel(), rcond=1e-12)[0]
    combined: Array = images[-1].copy()
    for part, image in zip(parts, images[:-1], strict=True):
        combined -= part * (images[-1] - image)
    return combined


# -- what is read off ------------------------------------------------------------------------------------------------


def _region(given: _Problem, problem: _Problem, solution: _Solution) -> Region:
    """The intervals are where the slope of Q is within the cost: Q - cost x gap is least at their upper end.

    given : the problem as it was asked, with all assets.  problem : the one that was solved.
    """
    axes = list(solution.axes)
    tables = [np.moveaxis(solution.after, line, 0).reshape(len(axis), -1) for line, axis in enumerate(axes)]
    prices = problem.to_rest.tolist()
    if problem.swap_cost < np.inf:
        axes.append(axes[0])
        tables.append(_by_sum(solution.after))
        prices.append(problem.swap_cost)
    ends = [
        tuple(
            _least(axis, table + way * price * axis[:, None])
            for axis, table, price in zip(axes, tables, prices, strict=True)
        )
        for way in (1.0, -1.0)
    ]
    return Region(
        given.target, given.cost, given.ticket, given.interval, given.tracking_penalty,
        solution.loss / given.interval, solution.axes, solution.values, solution.advantage, *ends,
    )  # fmt: skip


def _by_sum(values: Array) -> Array:
    """(a, a + b - 1) the values (a, b) by the first gap and the sum of both; infinite where the grid has none."""
    a, b = values.shape
    table = np.full((a, a + b - 1), np.inf)
    for i in range(a):
        table[i, i : i + b] = values[i]
    return table


def _least(axis: Array, values: Array) -> Array:
    """(k,) where each column of values (m, k) is least, by the parabola through the least point and its neighbours."""
    columns = np.arange(values.shape[1])
    i = np.argmin(values, axis=0)
    inner = np.clip(i, 1, len(axis) - 2)
    before, here, after = (values[inner + k, columns] for k in (-1, 0, 1))
    known = np.isfinite(before + here + after) & (inner == i)
    before, here, after = (np.where(known, value, 0.0) for value in (before, here, after))
    bend = before - 2.0 * here + after
    shift = np.divide(before - after, 2.0 * bend, out=np.zeros(len(i)), where=bend > 0.0)
    return axis[i] + shift * (axis[1] - axis[0])
