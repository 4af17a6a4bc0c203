"""The features of any portfolio and the network of the universal rebalancer, compiled: for any number of assets.

All features are ratios: neither the units of money, time and risk nor the order of the assets change the result. Each
    asset passes through two layers by itself; mean and maximum over all assets are then fed back to each of them
    (Zaheer et al. (2017), Deep Sets, section 2.2). The output is the width of the asset's box.

Gaps are measured in closed-form half-widths h. An asset by itself is described by u, the standard deviation of its
gap's drift between two decisions over h. The other assets matter by the slope of the tracking error, (S d)_i / (S_ii
h_i), which is d_i / h_i for uncorrelated assets. With cash in the target nothing is subtracted; without cash the mean
slope is, since what one asset sells another buys.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, frozen
from foundation.compiled import compiled, linked
from foundation.compiled.simd import WIDTH, load, store
from foundation.tolerances import SQUARE, TARGET_TOLERANCE
from research.rules.networks.features import FARTHEST, FeatureScaling
from research.rules.networks.policy_network import squash

MOVING = (  # what changes from close to close
    "drift",  # half-widths, without its sign
    "slope of the tracking error",  # in the direction of the drift
    "tracking error",  # over that of drifts of one half-width
    "drift over target",  # with its sign
)
STANDING = (
    "drift between decisions",  # log u_i
    "half-width over target",  # log
    "target",
    "cost",  # log, over the mean cost of drift
    "risk against the portfolio",  # log of var(r_i - r_p) / S_ii
    "share of the tracking error",  # log of S_ii h_i^2 over its mean
    "cash",  # of the target
    "no cash",  # 1 where there is none
    "lines",  # log of their number
    "drifts together",  # log of the tracking error of typical drifts, over that of uncorrelated ones
)
WIDEST_GAP = 6.0  # half-widths: wider gaps look alike
WIDE = 4 * WIDTH  # units of a layer whose sums are taken at once


class Lines(NamedTuple):
    """The features of a portfolio that do not drift; a batch of W portfolios has W in front of each shape.

    target     : (n,) fraction of NAV.
    half_width : (n,) fraction of NAV.
    covariance : (n, n) covariance, in any unit of time.
    counter    : (n,) weights of the mean slope where the target holds no cash, else zeros.
    standing   : (n, len(STANDING)) constant features, numbers without a unit.
    """

    target: Array
    half_width: Array
    covariance: Array
    counter: Array
    standing: Array


class Equivariant(NamedTuple):
    """The network's arrays, without a unit: two layers an asset, one over asset and pools, the output.

    weight_0    : (features, units) weights of the first layer of an asset.
    bias_0      : (units,) biases of the first layer.
    weight_1    : (units, units) weights of the second layer of an asset.
    bias_1      : (units,) biases of the second layer.
    weight_own  : (units, units) weights of the third layer, from the asset itself.
    weight_mean : (units, units) weights of the third layer, from the mean over assets.
    weight_most : (units, units) weights of the third layer, from the largest over assets.
    bias_2      : (units,) biases of the third layer.
    weight_3    : (units, 1) weights of the output.
    bias_3      : (1,) bias of the output.
    """

    weight_0: Array
    bias_0: Array
    weight_1: Array
    bias_1: Array
    weight_own: Array
    weight_mean: Array
    weight_most: Array
    bias_2: Array
    weight_3: Array
    bias_3: Array


def lines_of(target: Array, half_width: Array, covariance: Array, cost: Array, interval: Array | float) -> Lines:
    """The features that do not drift of one portfolio, or of W.

    target     : (..., n) fraction of NAV.
    half_width : (..., n) closed-form half-widths above zero, fraction of NAV.
    covariance : (..., n, n) a year, of assets with risk.
    cost       : (..., n) a side, above zero, fraction of the notional.
    interval   : (...) years between two decisions.
    """
    n = target.shape[-1]
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    to_portfolio = np.einsum("...ij,...j->...i", covariance, target)
    of_portfolio = np.einsum("...i,...i->...", target, to_portfolio)[..., None]
    against = np.maximum(variance - 2.0 * to_portfolio + of_portfolio, 0.0)
    spread = np.abs(target) * np.sqrt(against)  # with which each gap drifts in a year
    drifts = target[..., :, None] * target[..., None, :]
    drifts = drifts * (covariance - to_portfolio[..., :, None] - to_portfolio[..., None, :] + of_portfolio[..., None])
    alone = (variance * spread**2).sum(axis=-1, keepdims=True)
    together = (covariance * drifts).reshape(*target.shape[:-1], n * n).sum(axis=-1, keepdims=True)
    mean_cost = (cost * spread).sum(axis=-1, keepdims=True) / np.maximum(spread.sum(axis=-1, keepdims=True), SQUARE)
    share = variance * half_width**2
    cash = 1.0 - target.sum(axis=-1, keepdims=True)
    none = np.abs(cash) < TARGET_TOLERANCE
    counter = np.where(none, 1.0 / variance, 0.0)
    ratios = {
        "drift between decisions": _log(spread * np.sqrt(np.asarray(interval)[..., None]) / half_width, 0.02, 5.0),
        "half-width over target": _log(half_width / np.abs(target), 1e-3, 3.0),
        "target": np.abs(target),
        "cost": _log(cost / mean_cost, 0.1, 10.0),
        "risk against the portfolio": _log(against / variance, 1e-2, 1e2),
        "share of the tracking error": _log(share / share.mean(axis=-1, keepdims=True), 1e-4, 1e2),
        "cash": cash,
        "no cash": none.astype(float),
        "lines": np.log(np.full((1,), float(n))),
        "drifts together": _log(together / np.maximum(alone, SQUARE), 1e-2, 1e2),
    }
    standing = np.empty((*target.shape, len(STANDING)))
    for k, name in enumerate(STANDING):
        standing[..., k] = ratios[name]
    counter = counter / np.maximum(counter.sum(axis=-1, keepdims=True), SQUARE)
    return Lines(*(np.ascontiguousarray(x) for x in (target, half_width, covariance, counter, standing)))


def _log(ratio: Array, least: float, most: float) -> Array:
    """The logarithm of the ratio, clipped to the range of the training."""
    return np.log(np.minimum(np.maximum(ratio, least), most))  # a fifth of the time of a clip


@linked
def see(lines: Lines, weights: Array, out: Array) -> None:
    """Write the features of weights (n,), fraction of NAV, into out (n, features). The moving features come first."""
    n = len(weights)
    squared = scale = price = 0.0
    for i in range(n):
        toward = 0.0
        for j in range(n):
            toward += lines.covariance[i, j] * (weights[j] - lines.target[j])
        out[i, 1] = toward
        squared += toward * (weights[i] - lines.target[i])
        scale += lines.covariance[i, i] * lines.half_width[i] ** 2
        price += lines.counter[i] * toward
    size = min(np.sqrt(max(squared, 0.0) / scale), WIDEST_GAP)
    for i in range(n):
        gap, width = weights[i] - lines.target[i], lines.half_width[i]
        slope = np.sign(gap) * (out[i, 1] - price) / (lines.covariance[i, i] * width)
        out[i, 0] = min(abs(gap) / width, WIDEST_GAP)
        out[i, 1] = min(max(slope, -WIDEST_GAP), WIDEST_GAP)
        out[i, 2] = size
        out[i, 3] = min(gap / abs(lines.target[i]), 1.0)
        for k in range(lines.standing.shape[1]):
            out[i, 4 + k] = lines.standing[i, k]


@compiled
def forward(net: Equivariant, standard: FeatureScaling, seen: Array, out: Array) -> None:
    """Write the actions of one portfolio: the logarithm to base 8 of the multiple of each closed-form half-width.

    net      : the network.
    standard : scaling of the features.
    seen     : (n, features) features before scaling.
    out      : (n,) actions in [-1, 1].
    """
    forward_with(net, standard, seen, out, np.empty((8 + len(seen), max(seen.shape[1], widest(net)))))


@linked
def widest(net: Equivariant) -> int:
    """The most units of a layer."""
    return max(len(net.bias_0), len(net.bias_1), len(net.bias_2), 1)


@linked
def forward_with(net: Equivariant, standard: FeatureScaling, seen: Array, out: Array, scratch: Array) -> None:
    """The same, in scratch (8 + n, features or units), whose rows from the eighth on may be `seen` itself."""
    n, units = len(seen), len(net.bias_1)
    inputs, hidden = scratch[0, : seen.shape[1]], scratch[1, : len(net.bias_0)]
    mean, most = scratch[2, :units], scratch[3, :units]
    joint, both, shared = scratch[4, : len(net.bias_2)], scratch[5, : len(net.bias_2)], scratch[6, : len(net.bias_2)]
    answer = scratch[7, :1]
    for k in range(units):
        mean[k], most[k] = 0.0, -np.inf
    for i in range(n):
        for k in range(len(inputs)):
            z = (seen[i, k] - standard.mean[k]) / standard.deviation[k]
            inputs[k] = min(max(z, -FARTHEST), FARTHEST)
        _layer(inputs, net.weight_0, net.bias_0, hidden)
        squash(hidden)
        own = scratch[8 + i, :units]  # the features of the asset have been read
        _layer(hidden, net.weight_1, net.bias_1, own)
        squash(own)
        for k in range(units):
            mean[k] += own[k] / n
            most[k] = max(most[k], own[k])
    _layer(mean, net.weight_mean, net.bias_2, both)
    _layer(most, net.weight_most, both, shared)
    for i in range(n):
        _layer(scratch[8 + i, :units], net.weight_own, shared, joint)
        squash(joint)
        _layer(joint, net.weight_3, net.bias_3, answer)
        out[i] = min(max(answer[0], -1.0), 1.0)


@linked
def _layer(inputs: Array, weight: Array, bias: Array, out: Array) -> None:
    """`policy_network.layer`, to the same bits: the sums of `WIDE` units at a time stay in registers.

    inputs : (k,) features or units of the layer before.
    weight : (k, units).
    bias   : (units,).
    out    : (units,) result, written.
    """
    whole = len(out) - len(out) % WIDE
    for o in range(0, whole, WIDE):
        p, q, r = o + WIDTH, o + 2 * WIDTH, o + 3 * WIDTH
        a, b, c, d = load(bias, o), load(bias, p), load(bias, q), load(bias, r)
        for i in range(len(inputs)):
            row = weight[i]
            a, b = a + inputs[i] * load(row, o), b + inputs[i] * load(row, p)
            c, d = c + inputs[i] * load(row, q), d + inputs[i] * load(row, r)
        store(out, o, a)
        store(out, p, b)
        store(out, q, c)
        store(out, r, d)
    for j in range(whole, len(out)):
        total = bias[j]
        for i in range(len(inputs)):
            total += inputs[i] * weight[i, j]
        out[j] = total


@compiled
def answers(net: Equivariant, standard: FeatureScaling, lines: Lines, weights: Array, out: Array) -> None:
    """Write the actions for W states of one portfolio.

    net      : the network.
    standard : scaling of the features.
    lines    : the portfolio.
    weights  : (W, n) fraction of NAV.
    out      : (W, n) actions in [-1, 1].
    """
    seen = np.empty((weights.shape[1], len(MOVING) + lines.standing.shape[1]))
    for w in range(len(weights)):
        see(lines, weights[w], seen)
        forward(net, standard, seen, out[w])


def arrays_of(values: Mapping[str, Array]) -> Equivariant:
    """A network of these arrays by name, (inputs, units) or (units,), dimensionless, made read-only.

    Raises : KeyError for one that is missing.
    """
    return Equivariant(*(frozen(values[name]) for name in Equivariant._fields))
