"""The best point of the no-trade region: our kernel against CLARABEL and OSQP, through cvxpy and called directly.

Targets are nearly equal weights, gaps 10 to 30% of each, costs 1 to 50 bp; the covariance is that of 1,000 days of five
factors and own risk. `kappa` is 5, a tracking_penalty of 5 for a gap that is held for a year, unless said otherwise.
All get what suits them: through cvxpy the problem is stated once, with parameters; called directly it is set up anew,
as the covariance is at hand on the day only. The objective is scaled to order one for them. OSQP is asked for 1e-9,
CLARABEL for 1e-10.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import clarabel
import cvxpy as cp
import numpy as np
import osqp
from scipy import sparse

from benchmarks.timing import keep, machine, show, take_turns, versions
from foundation.arrays import Array
from foundation.tolerances import WEIGHT
from research.rules.optimum.best_point import best_point, scratch_for

SIZES, ROOMS, KAPPAS = (20, 100, 500), (0.0, 0.05), (5.0, 30.0, 300.0)
ROUNDS, DRAWS = 5, 50
AIM = 5.0  # milliseconds for 500 assets
SAME = 1e-6  # widest gap of a weight
SCALE = 1e4  # of the objective
KERNEL = "our kernel"
CONE, CONE_DIRECT = "CLARABEL, cvxpy", "CLARABEL"
SPLIT, SPLIT_DIRECT = "OSQP, cvxpy", "OSQP"
TIGHT = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
NEAR = {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iter": 100_000, "polishing": True, "verbose": False}

Contestants = dict[str, Callable[[], Array]]


class Destination(NamedTuple):
    """What `best_point` takes, in its order; cash has both of its bounds."""

    weights: Array
    target: Array
    covariance: Array
    cost: Array
    kappa: float
    lower: Array
    upper: Array
    cash: tuple[float, float]


def saving_left(
    point: Array,
    weights: Array,
    target: Array,
    covariance: Array,
    cost: Array,
    kappa: float,
    lower: Array | float = -np.inf,
    upper: Array | float = np.inf,
    cash: tuple[float, float] = (0.0, 0.0),
) -> float:
    """The saving by the best pair of further trades at the margin, per unit of NAV traded; 0 at the best point.

    point      : (n,) weights to hold, inside their bounds, fraction of NAV.
    weights    : (n,) weights as drifted, fraction of NAV.
    target     : (n,) fraction of NAV.
    covariance : (n, n) a year.
    cost       : (n,) a side, fraction of the notional.
    kappa      : tracking_penalty x years for which the gap is held.
    lower      : (n,) or one number, fraction of NAV.
    upper      : (n,) or one number, fraction of NAV.
    cash       : lower and upper bound of cash, fraction of NAV.

    These are the Karush-Kuhn-Tucker conditions of the programme: some price of the budget lies between what every sale
    saves and what every purchase costs.
    """
    held = 1.0 - point.sum()
    slope = np.append(kappa * covariance @ (point - target), 0.0)
    y, w, c = np.append(point, held), np.append(weights, held), np.append(cost, 0.0)
    low, high = (
        np.append(np.broadcast_to(side, point.shape), end) for side, end in zip((lower, upper), cash, strict=True)
    )
    outlay = np.where(y >= high - WEIGHT, np.inf, slope + np.where(y >= w, c, -c))
    saved = np.where(y <= low + WEIGHT, -np.inf, slope + np.where(y > w, c, -c))
    return max(0.0, float(saved.max() - outlay.min()))


def draw(n: int, room: float, kappa: float, seed: int) -> Destination:
    """One trade date: n assets, long only; cash may be up to twice `room`, and its target is `room`."""
    rng = np.random.default_rng(seed)
    loadings = np.column_stack([rng.normal(1.0, 0.3, n) * 0.16, rng.normal(0.0, 0.05, (n, 4))])
    returns = rng.normal(size=(1_000, 5)) @ loadings.T + rng.normal(size=(1_000, n)) * rng.uniform(0.15, 0.35, n)
    target = rng.uniform(0.8, 1.2, n)
    target *= (1.0 - room) / target.sum()
    weights = target * (1.0 + rng.choice([-1.0, 1.0], n) * rng.uniform(0.1, 0.3, n))
    weights *= target.sum() / weights.sum()
    cost = rng.uniform(1e-4, 5e-3, n)
    none, wide = np.zeros(n), np.full(n, np.inf)
    return Destination(weights, target, np.cov(returns.T), cost, kappa, none, wide, (0.0, 2.0 * room))


# -- the contestants -------------------------------------------------------------------------------------------------


def our_kernel(at: Destination) -> Callable[[], Array]:
    """The kernel alone, in scratch that is at hand."""
    scratch, out = scratch_for(len(at.weights)), np.empty(len(at.weights))

    def solve() -> Array:
        best_point(*at[:7], *at.cash, scratch, out)
        return out

    return solve


def through_cvxpy(at: Destination, solver: str, **options: object) -> Callable[[], Array]:
    """The problem stated once; weights, target and the root of the covariance are parameters."""
    n = len(at.weights)
    y, w, p, root = cp.Variable(n), cp.Parameter(n), cp.Parameter(n), cp.Parameter((n, n))
    gap = cp.Variable(n)  # a parameter times a parameter is not allowed
    smooth = SCALE * at.kappa / 2.0 * cp.sum_squares(root @ gap)
    held = 1.0 - cp.sum(y)
    inside = [gap == y - p, y >= at.lower, held >= at.cash[0], held <= at.cash[1]]
    problem = cp.Problem(cp.Minimize(smooth + SCALE * at.cost @ cp.abs(y - w)), inside)

    def solve() -> Array:
        w.value, p.value, root.value = at.weights, at.target, np.linalg.cholesky(at.covariance).T
        problem.solve(solver=solver, **options)
        return y.value

    return solve


def as_arrays(at: Destination) -> tuple[sparse.csc_matrix, Array, sparse.csc_matrix, Array, Array]:
    """(P, q, A, l, u) of: min x'Px/2 + q'x with l <= Ax <= u, for x = (y, |y - w|); P is its upper triangle."""
    n, w = len(at.weights), at.weights
    eye, row = sparse.identity(n), sparse.csc_matrix(np.ones((1, n)))
    smooth = sparse.csc_matrix(np.triu(SCALE * at.kappa * at.covariance))
    p = sparse.block_diag([smooth, sparse.csc_matrix((n, n))], format="csc")
    q = SCALE * np.concatenate([-at.kappa * at.covariance @ at.target, at.cost])
    a = sparse.bmat([[eye, -eye], [eye, eye], [eye, None], [row, None]], format="csc")
    wide = np.full(n, np.inf)
    low = np.concatenate([-wide, w, at.lower, [1.0 - at.cash[1]]])
    high = np.concatenate([w, wide, at.upper, [1.0 - at.cash[0]]])
    return p, q, a, low, high


def osqp_direct(at: Destination) -> Callable[[], Array]:
    """OSQP, set up and solved."""

    def solve() -> Array:
        p, q, a, low, high = as_arrays(at)
        solver = osqp.OSQP()
        solver.setup(p, q, a, low, high, **NEAR)
        return solver.solve().x[: len(at.weights)]

    return solve


def clarabel_direct(at: Destination) -> Callable[[], Array]:
    """CLARABEL, set up and solved: every finite side is an inequality."""

    def solve() -> Array:
        p, q, a, low, high = as_arrays(at)
        up, down = np.isfinite(high), np.isfinite(low)
        sides, ends = sparse.vstack([a[up], -a[down]], format="csc"), np.concatenate([high[up], -low[down]])
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        for name, value in TIGHT.items():
            setattr(settings, name, value)
        cones = [clarabel.NonnegativeConeT(len(ends))]
        return np.array(clarabel.DefaultSolver(p, q, sides, ends, cones, settings).solve().x[: len(at.weights)])

    return solve


def contestants(at: Destination) -> Contestants:
    """All of them, each as a call that gives the weights."""
    return {
        KERNEL: our_kernel(at),
        CONE: through_cvxpy(at, cp.CLARABEL, **TIGHT),
        CONE_DIRECT: clarabel_direct(at),
        SPLIT: through_cvxpy(at, cp.OSQP, **{**NEAR, "warm_start": False}),
        SPLIT_DIRECT: osqp_direct(at),
    }


def gaps(at: Destination, calls: Contestants) -> dict[str, float]:
    """The widest gap of a weight to our kernel's."""
    ours = calls[KERNEL]().copy()
    return {name: float(np.abs(call() - ours).max()) for name, call in calls.items()}


# -- the questions ---------------------------------------------------------------------------------------------------


def against_peers(n: int, room: float) -> dict[str, object]:
    """One trade date: milliseconds of each, how many times slower than our kernel, and how far apart they are."""
    at = draw(n, room, KAPPAS[0], seed=n)
    calls = contestants(at)
    apart = gaps(at, calls)
    if not apart[CONE] < SAME:
        raise AssertionError(f"CLARABEL is at another point of {n} lines: a weight is off by {apart[CONE]:.1e}")
    times = take_turns(calls, ROUNDS)
    show(
        f"{n} assets, {'cash with room' if room else 'fully invested'}, "
        f"{(calls[KERNEL]() != at.weights).mean():.0%} of them trade",
        ("", "ms", "our kernel is faster by", "widest gap to our weights"),
        [
            (name, f"{1e3 * times.median(name):.3f}", f"{times.ratio(name, KERNEL):,.1f}x", f"{apart[name]:.0e}")
            for name in calls
        ],
    )
    return {
        "median_ms": {name: 1e3 * times.median(name) for name in calls},
        "ratio_to_our_kernel": {name: times.ratio(name, KERNEL) for name in calls},
        "gaps": apart,
    }


def over_draws(n: int, room: float, kappa: float) -> dict[str, float]:
    """Milliseconds of our kernel over many trade dates, each the least of three; and what is left to save at most."""
    took, traded, saving = [], [], []
    for seed in range(DRAWS):
        at = draw(n, room, kappa, seed)
        solve, seconds = our_kernel(at), []
        for _ in range(3):
            before = time.process_time()
            found = solve()
            seconds.append(time.process_time() - before)
        took.append(1e3 * min(seconds))
        traded.append((found != at.weights).mean())
        saving.append(saving_left(found, *at))
    return {
        "median_ms": float(np.median(took)),
        "worst_ms": max(took),
        "share_that_trades": float(np.mean(traded)),
        "saving_left": max(saving),
    }


def main() -> None:
    """All of it, in about two minutes."""
    print(f"{machine()}; {versions('numba', 'cvxpy', 'clarabel', 'osqp')}")
    peers = {f"{n} assets, room {room}": against_peers(n, room) for n in SIZES for room in ROOMS}
    draws = {
        f"{n} assets, room {room}, kappa {kappa:.0f}": over_draws(n, room, kappa)
        for n in SIZES for room in ROOMS for kappa in KAPPAS
    }  # fmt: skip
    show(
        f"Our kernel over {DRAWS} trade dates",
        ("", "median ms", "worst ms", "assets that trade", "left to save"),
        [
            (
                name,
                f"{found['median_ms']:.3f}",
                f"{found['worst_ms']:.3f}",
                f"{found['share_that_trades']:.0%}",
                f"{found['saving_left']:.0e}",
            )
            for name, found in draws.items()
        ],
        [f"processor time; the aim for 500 assets, most of which do not trade, is {AIM:.0f} ms"],
    )
    keep("destination", {"versions": versions("numba", "cvxpy", "clarabel", "osqp"), "peers": peers, "draws": draws})


if __name__ == "__main__":
    main()
