"""The worlds of torch are the compiled worlds: the same terms, decision by decision, on the same actions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from learned import COSTS, PENALTY, TARGET, YEAR, two_lines
from torch_loss import at_target, days_of

from research.learning import Learned
from research.learning.learners.gradient import draw_days
from research.learning.worlds.torch_worlds import TorchWorlds, boxes_of
from research.learning.worlds.training_days import training_days
from research.learning.worlds.worlds import Worlds
from research.risk.simulation.resampling import resampled
from research.rules.networks.features import LOOKBACK


@pytest.mark.parametrize("lag", [0, 1, 5])
def test_both_faces_have_the_same_terms_and_weights(lag):
    lab = replace(training_days(Learned(TARGET), two_lines(252 * 12, seed=4), COSTS, PENALTY, YEAR), lag=lag)
    drawn, many, decisions = draw_days(lab, 48, 30, np.random.default_rng(6)), 48, 30
    compiled, rng = Worlds(lab, drawn.kind, decisions, [2]), np.random.default_rng(6)
    first, stop = lab.first_row[drawn.kind], lab.stop_row[drawn.kind]
    compiled.open_on(compiled.everyone, resampled(rng, first, stop, (many, LOOKBACK + 150), lab.block))
    target, half = (torch.from_numpy(x[drawn.kind]) for x in (lab.scales.target, lab.scales.half_width))
    since = days_of(drawn)
    ours = TorchWorlds(
        at_target(target), target.numpy(), since, lab.cost_parameters, lab.tracking_penalty, lab.sessions, lag
    )
    actions = np.random.default_rng(7)
    for _ in range(decisions):
        action = actions.uniform(-1.1, 0.3, (many, 2)).astype(np.float32)
        expected = compiled.act(action)
        terms = ours.act(boxes_of(torch.from_numpy(action.astype(float)), target, half)).numpy()
        np.testing.assert_allclose(terms, expected, rtol=1e-12, atol=1e-18)
        state = compiled.state
        np.testing.assert_allclose(ours.weights.numpy(), state.units * state.prices / state.nav[:, None], rtol=1e-12)
        np.testing.assert_array_equal(ours.age.numpy(), state.age)
    assert (compiled.state.age < 50).mean() > 0.5  # traded in the last ten weeks
