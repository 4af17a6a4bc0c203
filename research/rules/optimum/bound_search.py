"""The least charge of a bound from below over portfolios, and the mixture of its terms for which it is largest.

`research.rules.optimum.lower_bound` states the inequality.
"""

from typing import NamedTuple

import numpy as np

from foundation.arrays import Array
from foundation.compiled import compiled, inlined
from foundation.solvers.linear_programme import LinearProgramme
from research.rules.optimum.dynamic_programming import QUADRATURE_NODES
from research.rules.optimum.region import Region

DESCENTS, WITH_TICKET = 20, 300  # of the search for the portfolio that is charged least: a ticket makes many low places
TERM_SHAPES = ((1.0, 0.0), *((f, s) for f in (0.7, 1.0, 1.4) for s in (-0.25, 0.0, 0.25) if (f, s) != (1.0, 0.0)))
# of a term: what stretches it, and what shifts it in half-widths
SAMPLED, ROUNDS = 200, 20  # portfolios drawn at first; and programmes, of which some 15 suffice
AGREED = 5e-4  # of the programme's value: where it is no further above the least charge, no programme follows
FARTHEST_LOG = 6.0  # logs from its target that it takes an asset, so that no asset is all of NAV


class Inequality(NamedTuple):
    """The yearly cost of holding a portfolio, in tracking and in values: the bound is its least over portfolios.

    directions    : (k, n) of the terms.
    target        : (n,) of the assets, and of cash where there is some; covariance is (n, n).
    growth        : (n,) expected of one of each in an interval.
    products      : (n, n) expected product of the growths of each two, over the product of what is expected of them.
    cost, centre  : (k,) of the terms, and their a'w at target.
    pieces        : (k, points - 1, 4) cubic pieces of each h_k, the highest power first, in steps of its grid.
    first, step   : (k,) first gap of each grid, and the distance between two gaps, fraction of NAV.
    nodes, chances : of the quadrature over what is held in a direction beside the rest.
    """

    directions: Array
    target: Array
    covariance: Array
    growth: Array
    products: Array
    cost: Array
    centre: Array
    tracking_penalty: float
    interval: float
    pieces: Array
    first: Array
    step: Array
    nodes: Array
    chances: Array


def library_of(
    directions: Array, target: Array, mean: Array, covariance: Array, tracking_penalty: float, interval: float,
    regions: list[Region], width: Array,
) -> Inequality:  # fmt: skip
    """The inequality of all terms in all of `TERM_SHAPES`, the shapes of one term after another, on one grid each."""
    from scipy.interpolate import CubicSpline

    directions = np.repeat(directions, len(TERM_SHAPES), axis=0)
    stretch, shift = np.array(TERM_SHAPES).T
    values, grids = [], []
    for region, wide in zip(regions, width, strict=True):
        own, off = region.axes[0], shift * wide
        grid = np.linspace((stretch * own[0] + off).min(), (stretch * own[-1] + off).max(), len(own))
        asked = (grid[:, None] - off) / stretch
        inside = np.clip(asked, own[0], own[-1])
        values.append(stretch * (CubicSpline(own, region.values)(inside) + region.cost[0] * np.abs(asked - inside)))
        grids.append([(grid[0], grid[1] - grid[0])] * len(TERM_SHAPES))
    first, step = np.concatenate(grids).T
    pieces = CubicSpline(np.arange(len(grid)), np.concatenate(values, axis=1)).c.T
    nodes, chances = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES[1])
    return Inequality(
        directions, target, covariance, np.exp(mean * interval), np.exp(covariance * interval),
        np.repeat(np.concatenate([region.cost for region in regions]), len(TERM_SHAPES)), directions @ target,
        float(tracking_penalty), float(interval), np.ascontiguousarray(pieces), first.copy(), step.copy(), nodes,
        chances / chances.sum(),
    )  # fmt: skip


def mixed_terms(library: Inequality, shares: Array) -> Inequality:
    """The inequality of terms that are made of these shares (k, shapes) of their shapes."""
    k, shapes = shares.shape
    one = slice(None, None, shapes)
    return library._replace(
        directions=library.directions[one].copy(),
        cost=(library.cost.reshape(k, shapes) * shares).sum(axis=1),
        centre=library.centre[one].copy(),
        pieces=np.einsum("ks,ks...->k...", shares, library.pieces.reshape(k, shapes, -1, 4)),
        first=library.first[one].copy(),
        step=library.step[one].copy(),
    )


def plain_shares(n: int) -> Array:
    """The shares (n, shapes) of n terms as they are."""
    return np.eye(len(TERM_SHAPES))[np.zeros(n, dtype=int)]


class Search(NamedTuple):
    """The search for the portfolio that is charged least.

    scale : of the charge, fraction of NAV a year.
    reach : (n,) logs from its target as far as which an asset begins.
    """

    scale: float
    reach: Array

    def drawn(self, target: Array, count: int, seed: int) -> Array:
        """(count, n) logs of portfolios round the target, the first of which is the target."""
        away = np.random.default_rng(seed).uniform(-1.0, 1.0, (count, len(target)))
        away[0] = 0.0
        return np.log(target) + away * self.reach

    def ends(self, inequality: Inequality, starts: int, seed: int = 0) -> tuple[Array, Array]:
        """The charges (starts,) at which so many descents end, fraction of NAV a year, and the portfolios there."""
        from scipy.optimize import minimize

        target = inequality.target
        slope, terms = np.zeros(len(target)), np.zeros(len(inequality.directions))
        far = np.log(target)[:, None] + np.array([-FARTHEST_LOG, FARTHEST_LOG])

        def charge(logs: Array) -> tuple[float, Array]:
            parts = _weights(logs)
            value = _charge(inequality, parts, slope, terms)
            return value / self.scale, parts * (slope - parts @ slope) / self.scale

        found = [
            minimize(charge, start, jac=True, method="L-BFGS-B", bounds=far)
            for start in self.drawn(target, starts, seed)
        ]
        return self.scale * np.array([end.fun for end in found]), _weights(np.array([end.x for end in found]))


def _weights(logs: Array) -> Array:
    """The portfolios of these logs (..., n), fraction of NAV."""
    parts = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return parts / parts.sum(axis=-1, keepdims=True)


def raised_bound(library: Inequality, search: Search, cost: Array) -> tuple[float, Array]:
    """The largest least charge that is found, fraction of NAV a year, and the shares (k, shapes) that it has.

    cost : (n,) a side, of the assets and of cash, where there is some.
    """
    shapes, target = len(TERM_SHAPES), library.target
    k, one_unit = len(library.directions) // shapes, search.scale
    one, other = np.triu_indices(len(target), 1)
    moved = np.abs(library.directions[:, one] - library.directions[:, other]).T * library.cost
    dear = -moved / (cost[one] + cost[other])[:, None]
    charged, tracking = np.zeros((0, k * shapes)), np.zeros(0)

    def add(portfolios: Array) -> None:
        nonlocal charged, tracking
        slope, terms = np.zeros(len(target)), np.zeros((len(portfolios), k * shapes))
        charges = [_charge(library, portfolio, slope, own) for portfolio, own in zip(portfolios, terms, strict=True)]
        charged = np.concatenate([charged, terms / one_unit])
        tracking = np.append(tracking, (np.array(charges) - terms.sum(axis=1)) / one_unit)

    def least(shares: Array, seed: int) -> float:
        ends, portfolios = search.ends(mixed_terms(library, shares), DESCENTS, seed)
        add(portfolios)
        return min(float(ends.min()) / one_unit, float((charged @ shares.ravel() + tracking).min()))

    add(_weights(search.drawn(target, SAMPLED, 1)))
    plain = best = plain_shares(k)
    at_first = value = least(plain, 0)
    for turn in range(ROUNDS):
        shares, most = _programme(charged, tracking, dear)
        shares = 0.5 * (best + shares.reshape(k, shapes))  # those of the programme leap from corner to corner
        found = least(shares, turn)
        if found > value:
            value, best = found, shares
        if most - value <= AGREED * most:
            break
    value = least(best, ROUNDS)
    return (value * one_unit, best) if value > at_first else (at_first * one_unit, plain)


def _programme(charged: Array, tracking: Array, dear: Array) -> tuple[Array, float]:
    """The shares (k * shapes,) for which the least charge of some portfolios is largest, and this charge.

    charged  : (portfolios, k * shapes) of each term in each shape.
    tracking : (portfolios,) charge of each for tracking.
    dear     : (pairs, k * shapes) less what a trade of a pair pays each, over what it costs.
    """
    rows = np.vstack([np.c_[charged, -np.ones(len(charged))], np.c_[dear, np.zeros(len(dear))]])
    count, floor = rows.shape[1], np.append(-tracking, -np.ones(len(dear)))
    least, most = np.zeros(count), np.full(count, np.inf)
    programme = LinearProgramme(rows, floor, least, most, np.zeros(count, dtype=bool))
    point = programme.minimise(-np.eye(count)[-1], least, most)
    assert point is not None  # no shares at all keep every row
    return point.x[:-1], -point.cost


@compiled
def _charge(given: Inequality, weights: Array, slopes: Array, terms: Array) -> float:
    """The cost of a year of holding weights (n,), fraction of NAV; writes its slopes (n,), and of each term (k,)."""
    n, interval, value = len(weights), given.interval, 0.0
    part, rest, with_part, with_rest = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        slopes[i] = 0.0
        for j in range(n):
            slopes[i] += given.tracking_penalty * given.covariance[i, j] * (weights[j] - given.target[j])
        value += 0.5 * slopes[i] * (weights[i] - given.target[i])
    for k in range(len(given.directions)):
        share, in_part, in_rest = 0.0, 0.0, 0.0  # now, and expected: of what is held in the direction, and beside it
        for i in range(n):
            share += given.directions[k, i] * weights[i]
            part[i] = given.directions[k, i] * weights[i] * given.growth[i]
            rest[i] = (1.0 - given.directions[k, i]) * weights[i] * given.growth[i]
            in_part += part[i]
            in_rest += rest[i]
        of_part, of_rest, of_both = 0.0, 0.0, 0.0  # products of their growths, expected, over those of the expected
        for i in range(n):
            with_part[i], with_rest[i] = 0.0, 0.0
            for j in range(n):
                with_part[i] += given.products[i, j] * part[j] / in_part
                with_rest[i] += given.products[i, j] * rest[j] / in_rest
            of_part += part[i] / in_part * with_part[i]
            of_rest += rest[i] / in_rest * with_rest[i]
            of_both += part[i] / in_part * with_rest[i]
        middle = np.log(in_part / in_rest) - 0.5 * np.log(of_part / of_rest)  # of the logarithm of part over rest
        wide = np.sqrt(np.log(of_part * of_rest / (of_both * of_both)))
        before, slope = _worth(given, k, share - given.centre[k])
        terms[k] = -before / interval
        by_share, by_middle, by_wide = -slope / interval, 0.0, 0.0
        for node in range(len(given.nodes)):
            then = 1.0 / (1.0 + np.exp(-middle - wide * given.nodes[node]))
            after, slope = _worth(given, k, then - given.centre[k])
            terms[k] += given.chances[node] * after / interval
            slope *= given.chances[node] * then * (1.0 - then) / interval
            by_middle += slope
            by_wide += slope * given.nodes[node] / wide
        value += terms[k]
        mean_part, mean_rest = 0.0, 0.0
        for i in range(n):
            both_part, both_rest = by_wide * with_rest[i] / of_both, by_wide * with_part[i] / of_both
            with_part[i] = (by_wide - by_middle) * with_part[i] / of_part - both_part  # the slopes by part and by rest
            with_rest[i] = (by_wide + by_middle) * with_rest[i] / of_rest - both_rest
            mean_part += part[i] / in_part * with_part[i]
            mean_rest += rest[i] / in_rest * with_rest[i]
        for i in range(n):
            of_direction = by_share + given.growth[i] * (by_middle + with_part[i] - mean_part) / in_part
            beside = given.growth[i] * (with_rest[i] - by_middle - mean_rest) / in_rest
            slopes[i] += given.directions[k, i] * of_direction + (1.0 - given.directions[k, i]) * beside
    return value


@inlined
def _worth(given: Inequality, i: int, gap: float) -> tuple[float, float]:
    """h_i of a gap, fraction of NAV, and its slope; beyond the asset's grid it pays its cost to come back."""
    pieces, step = given.pieces[i], given.step[i]
    asked = (gap - given.first[i]) / step
    at = min(max(asked, 0.0), float(len(pieces)))
    piece = min(int(at), len(pieces) - 1)
    x, beyond = at - piece, (asked - at) * step
    third, second, first, still = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2], pieces[piece, 3]
    value = still + x * (first + x * (second + x * third))
    if beyond == 0.0:
        return value, (first + x * (2.0 * second + 3.0 * x * third)) / step
    return value + given.cost[i] * abs(beyond), given.cost[i] * (1.0 if beyond > 0.0 else -1.0)
