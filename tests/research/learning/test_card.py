"""Importance of features: of those that a network reads, and of those that it cannot."""

from itertools import pairwise

import numpy as np

from research.learning.card import importance
from research.learning.worlds.rollouts import action_function
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import network


def waits_for(feature, lines):
    """A network that reads one feature: below a standard deviation above its mean it waits, past it it trades."""
    sizes = [len(SHARED_FEATURES) + lines, 2, 2, lines]
    weights = [np.zeros(shape) for shape in pairwise(sizes)]
    biases = [np.zeros(size) for size in sizes[1:]]
    weights[0][feature, 0], biases[0][0] = 20.0, -20.0
    weights[1][0, 0] = 1.0
    weights[2][0] = -0.7  # boxes of 8^±0.5 half-widths
    return network([array for pair in zip(weights, biases, strict=True) for array in pair])


def test_only_what_a_network_reads_is_worth_something_to_it(days, standard):
    lines = len(days.market.assets)
    count, tracking = len(SHARED_FEATURES) + lines, SHARED_FEATURES.index("tracking error")
    found = importance(days, action_function(waits_for(tracking, lines), standard), count, worlds=32)
    assert found.rise[tracking] > 5.0 * found.error[tracking] > 0.0
    others = np.delete(np.arange(count), tracking)
    assert (found.rise[others] == 0.0).all()
    assert (found.error[others] == 0.0).all()


def test_shuffles_are_seeded(days, standard):
    answer = action_function(waits_for(0, len(days.market.assets)), standard)
    one, again = (importance(days, answer, 1, worlds=16) for _ in range(2))
    assert one.rise[0] != 0.0
    np.testing.assert_array_equal(one, again)
