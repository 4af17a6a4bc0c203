"""The policy network: two tanh layers from features to the numbers of an action. It runs without torch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from foundation.arrays import Floats, Numbers, frozen
from foundation.compiled import compiled, linked


class Network(NamedTuple):
    """The arrays of three layers, float32, without a unit. The last layer gives the mean action.

    weight_0 : (k, units) weights of the first layer, from k features.
    bias_0   : (units,) biases of the first layer.
    weight_1 : (units, units) weights of the second layer.
    bias_1   : (units,) biases of the second layer.
    weight_2 : (units, m) weights of the last layer, to m numbers of an action.
    bias_2   : (m,) biases of the last layer.
    bounded  : (1,) 1 where the hyperbolic tangent is applied to the last layer too, else 0.
    """

    weight_0: Floats
    bias_0: Floats
    weight_1: Floats
    bias_1: Floats
    weight_2: Floats
    bias_2: Floats
    bounded: Floats


def network(arrays: Sequence[Floats], bounded: bool = False) -> Network:
    """A network with these arrays, made read-only float32.

    arrays  : weights (inputs, units) and biases (units,) of the three layers in turn, dimensionless.
    bounded : true if the hyperbolic tangent is applied to the last layer too.
    """
    return Network(*(frozen(np.asarray(array, dtype=np.float32)) for array in (*arrays, [float(bounded)])))


@compiled
def forward(net: Network, seen: Floats, out: Floats) -> None:
    """Write the actions for W rows of features. A row gives the same bits alone as among others.

    net  : the network.
    seen : (W, k) standardised features.
    out  : (W, m) numbers of the action.
    """
    first = np.empty(len(net.bias_0), np.float32)
    second = np.empty(len(net.bias_1), np.float32)
    for w in range(len(seen)):
        forward_row(net, seen[w], first, second, out[w])


@linked
def forward_row(net: Network, seen: Floats, first: Floats, second: Floats, out: Floats) -> None:
    """Write the action for one row of features.

    net    : the network.
    seen   : (k,) standardised features.
    first  : (units,) scratch of the first layer.
    second : (units,) scratch of the second layer.
    out    : (m,) numbers of the action.
    """
    layer(seen, net.weight_0, net.bias_0, first)
    squash(first)
    layer(first, net.weight_1, net.bias_1, second)
    squash(second)
    layer(second, net.weight_2, net.bias_2, out)
    if net.bounded[0] > 0.0:
        squash(out)


@linked
def layer(inputs: Numbers, weight: Numbers, bias: Numbers, out: Numbers) -> None:
    """Write inputs @ weight + bias into out, summing over inputs in order.

    inputs : (k,) features or units of the layer before.
    weight : (k, units).
    bias   : (units,).
    out    : (units,) result of the same type.
    """
    for j in range(len(out)):
        out[j] = bias[j]
    for i in range(len(inputs)):
        for j in range(len(out)):
            out[j] += inputs[i] * weight[i, j]


@linked
def squash(values: Numbers) -> None:
    """Replace `values` (units,), dimensionless features, by their hyperbolic tangent, in place, to 4e-15.

    It is 1 - 2 / (e^2|x| + 1), with the sign of x. The exponential is the 32nd power of its Taylor polynomial at
    2|x| / 32: processors compute several at a time, all to the same bits. np.tanh of a kernel takes ten times as long.
    """
    for j in range(len(values)):
        z, power = abs(values[j]) * 0.0625, 1.0
        for k in range(10, 0, -1):
            power = 1.0 + power * (z * (1.0 / k))
        for _ in range(5):
            power *= power
        tangent = 1.0 - 2.0 / (power + 1.0)
        values[j] = tangent if values[j] > 0.0 else -tangent
