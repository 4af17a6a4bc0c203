"""The learned function: two tanh layers, from what is seen to how wide a box should be. Playing it needs no torch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.arrays import Floats, frozen
from research.compiled import compiled

Numbers = NDArray[np.floating[Any]]  # of one kind throughout a call


class Network(NamedTuple):
    """Weights (inputs, units) and biases (units,) of each layer, float32. The last layer gives the mean action.

    bounded : (1,) 1 where the hyperbolic tangent is taken of the last layer too, else 0.
    """

    weight_0: Floats
    bias_0: Floats
    weight_1: Floats
    bias_1: Floats
    weight_2: Floats
    bias_2: Floats
    bounded: Floats


def network(arrays: Sequence[Floats], bounded: bool = False) -> Network:
    """A network of the six arrays of its layers, made read-only."""
    return Network(*(frozen(np.asarray(array, dtype=np.float32)) for array in (*arrays, [float(bounded)])))


@compiled
def forward(net: Network, seen: Floats, out: Floats) -> None:
    """Write the actions out (W, n) of what is seen (W, k). A row alone gives the same bits as among others."""
    first = np.empty(len(net.bias_0), np.float32)
    second = np.empty(len(net.bias_1), np.float32)
    for w in range(len(seen)):
        layer(seen[w], net.weight_0, net.bias_0, first)
        squash(first)
        layer(first, net.weight_1, net.bias_1, second)
        squash(second)
        layer(second, net.weight_2, net.bias_2, out[w])
        if net.bounded[0] > 0.0:
            squash(out[w])


@compiled
def layer(inputs: Numbers, weight: Numbers, bias: Numbers, out: Numbers) -> None:
    """Write inputs (k,) @ weight (k, units) + bias into out, one input after the other."""
    for j in range(len(out)):
        out[j] = bias[j]
    for i in range(len(inputs)):
        for j in range(len(out)):
            out[j] += inputs[i] * weight[i, j]


@compiled
def squash(values: Numbers) -> None:
    """Take the hyperbolic tangent in place."""
    for j in range(len(values)):
        values[j] = np.tanh(values[j])
