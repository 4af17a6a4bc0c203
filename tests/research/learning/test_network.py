"""The compiled network: torch's own, and each row by itself."""

import numpy as np
import pytest
from learned import any_network

from research.rules.networks.equivariant import _layer
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import forward, layer, squash


def acted(net, seen):
    out = np.empty((len(seen), len(net.bias_2)), np.float32)
    forward(net, seen, out)
    return out


def test_it_is_the_network_that_was_trained(days, spec, standard):
    import torch

    from research.learning.learners.reinforcement import actor, model_in_paths

    model, _ = model_in_paths(days, spec, seed=3)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())))
    seen = np.random.default_rng(0).normal(size=(64, len(SHARED_FEATURES) + 8)).astype(np.float32)
    with torch.no_grad():
        mean = model.policy.get_distribution(torch.from_numpy(seen)).distribution.mean.numpy()
    np.testing.assert_allclose(acted(actor(model), seen), mean, rtol=3e-5, atol=3e-5)  # sums of single precision


def test_a_row_alone_gives_the_same_bits():
    net = any_network(8)
    seen = np.random.default_rng(1).normal(size=(33, len(SHARED_FEATURES) + 8)).astype(np.float32)
    together = acted(net, seen)
    assert all(np.array_equal(acted(net, seen[i : i + 1])[0], together[i]) for i in range(33))


@pytest.mark.parametrize(("kind", "within"), [(np.float32, 6e-8), (np.float64, 4e-15)])
def test_it_squashes_by_the_hyperbolic_tangent(kind: type, within: float) -> None:
    x = np.append(np.linspace(-30.0, 30.0, 60_001), [0.0, 1e-300, 1e6, np.inf, -np.inf]).astype(kind)
    values = x.copy()
    squash(values)
    np.testing.assert_allclose(values, np.tanh(x.astype(np.float64)), rtol=0.0, atol=within)
    assert not values[x == 0.0].any()
    assert values[np.isinf(x)].tolist() == [1.0, -1.0]


def test_what_is_not_a_number_stays_so() -> None:
    """In any of the places that are computed together."""
    values = np.full(64, np.nan)
    squash(values)
    assert np.isnan(values).all()


@pytest.mark.parametrize("units", [1, 32, 75])
def test_a_layer_of_many_units_at_a_time_has_the_bits_of_one_after_the_other(units: int) -> None:
    rng = np.random.default_rng(units)
    inputs, weight, bias = rng.normal(size=14), rng.normal(size=(14, units)), rng.normal(size=units)
    plain, wide = np.full((2, units), np.nan)
    layer(inputs, weight, bias, plain)
    _layer(inputs, weight, bias, wide)
    assert np.array_equal(plain, wide)
