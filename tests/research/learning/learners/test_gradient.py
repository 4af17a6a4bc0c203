"""Learning by the gradient: the worlds' own J, its slope against finite differences, and what is learned from it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from learned import COSTS, PENALTY, TARGET, YEAR, two_lines
from simulated import world
from torch_loss import observe, torch_loss

from backtests.engine import backtest
from foundation.errors import ConfigError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.learning import GradientSettings, Learned, LearnedPolicy, train
from research.learning.learners.gradient import _perceptron, draw_days, learn
from research.learning.learners.loss_gradient import annual_loss
from research.learning.worlds.rollouts import VALIDATION, closed_form, evaluate, measure_scaling
from research.learning.worlds.torch_worlds import boxes_of
from research.learning.worlds.training_days import training_days
from research.learning.worlds.worlds import Worlds
from research.risk.simulation.resampling import resampled
from research.rules.networks.actions import decode_actions
from research.rules.networks.features import LOOKBACK

QUICK = GradientSettings(worlds=64)
SPEC = Learned(TARGET, steps=8 * QUICK.update, seeds=(1,), learner="gradient", gradient=QUICK)


@pytest.fixture(scope="module")
def market():
    return two_lines(252 * 40, seed=1)


@pytest.fixture(scope="module")
def lab(market):
    return training_days(SPEC, market, COSTS, PENALTY, YEAR)


def network_of(days, seed: int = 0) -> torch.nn.Sequential:
    """A network whose boxes differ from the closed form's, and from asset to asset."""
    torch.manual_seed(seed)
    net = _perceptron(9, 8, 2)
    torch.nn.init.normal_(net[4].weight, std=0.3)
    return net


def found(days, net: torch.nn.Sequential, standard, drawn, decisions: int):
    """J and its gradient, compiled."""
    return annual_loss(days, [a.detach().numpy() for a in net.parameters()], standard, drawn, decisions)


@pytest.mark.parametrize("lag", [0, 1, 5])
def test_the_loss_is_the_j_of_the_worlds(lab, lag):
    """The same days, the same network: what gradients are taken of is what `worlds` books and `evaluate` measures."""
    lab = replace(lab, lag=lag)
    standard, _ = measure_scaling(lab, SPEC)
    net, drawn = network_of(lab), draw_days(lab, 64, 20, np.random.default_rng(3))
    ours, _ = found(lab, net, standard, drawn, 20)
    worlds, rng = Worlds(lab, drawn.kind, 20, [9]), np.random.default_rng(3)
    first, stop = lab.first_row[drawn.kind], lab.stop_row[drawn.kind]
    worlds.open_on(worlds.everyone, resampled(rng, first, stop, (64, LOOKBACK + 100), lab.block))
    total = np.zeros(64)
    for _ in range(20):
        seen = (worlds.features(worlds.everyone) - standard.mean) / standard.deviation
        with torch.no_grad():
            action = net(torch.from_numpy(np.clip(seen, -5.0, 5.0))).numpy()
        total += worlds.act(action.astype(np.float32))
    assert ours == pytest.approx(lab.annual(total / 20), rel=1e-6)  # actions are float32 there


@pytest.mark.parametrize("lag", [0, 1, 5])
@pytest.mark.parametrize("target", [TARGET, FixedWeights((0.6, 0.4)), FixedWeights((1.0, 0.0))])
def test_its_gradient_is_that_of_torch(market, target, lag):
    """With cash and without it, and with an asset that has no target; some actions and features are past their ends."""
    lab = training_days(replace(SPEC, allocation=target), market, COSTS, PENALTY, YEAR, lag=lag)
    standard, _ = measure_scaling(lab, replace(SPEC, allocation=target))
    net, drawn = network_of(lab, 4), draw_days(lab, 32, 26, np.random.default_rng(5))
    expected = torch_loss(lab, net, standard, drawn, 26)
    expected.backward()
    ours, slopes = found(lab, net, standard, drawn, 26)
    assert ours == pytest.approx(expected.item(), rel=1e-12)
    for slope, parameter in zip(slopes, net.parameters(), strict=True):
        np.testing.assert_allclose(slope, parameter.grad.numpy(), rtol=1e-9, atol=1e-11)


def test_features_and_boxes_are_those_of_the_worlds(lab):
    worlds = Worlds(lab, lab.kinds(32), 10, [1])
    for _ in range(6):
        worlds.hold()
    features, state = worlds.features(worlds.everyone), worlds.state
    scales = lab.scales
    weights = state.units * state.prices / state.nav[:, None]
    tensors = [torch.from_numpy(x) for x in (weights, scales.target[state.kind], scales.half_width[state.kind])]
    covariance, age = torch.from_numpy(scales.covariance[state.kind]), torch.from_numpy(state.age.astype(float))
    calm, trend = (torch.from_numpy(features[:, j].copy()) for j in (5, 6))
    ours = observe(tensors[0], tensors[1], tensors[2], covariance, age, calm, trend).numpy()
    np.testing.assert_allclose(ours, features, rtol=1e-9, atol=1e-9)
    action = np.random.default_rng(2).uniform(-1.2, 1.2, (32, 2)).astype(np.float32)
    lower, upper, cash, _ = decode_actions("bands", action, state.kind, scales)
    made = boxes_of(torch.from_numpy(action.astype(float)), tensors[1], tensors[2])
    for found, expected in zip(made, (lower, upper, cash[:, 2], cash[:, 3]), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_its_gradient_is_that_of_torch_and_of_differences_where_five_assets_share_what_is_left():
    """Costs from none to 20 bp; the difference is along one direction, by so little that no trade appears."""
    target = FixedWeights((0.3, 0.25, 0.2, 0.15, 0.1))
    spec, costs = replace(SPEC, allocation=target), Costs(np.array([1.0, 5.0, 10.0, 20.0, 0.0]) * 1e-4, np.zeros(5))
    lab = training_days(spec, world(days=1_500, n=5, seed=3), costs, PENALTY, YEAR)
    standard, _ = measure_scaling(lab, spec)
    torch.manual_seed(2)
    net, drawn = _perceptron(12, 8, 5), draw_days(lab, 16, 26, np.random.default_rng(6))
    torch.nn.init.normal_(net[4].weight, std=0.3)
    expected = torch_loss(lab, net, standard, drawn, 26)
    expected.backward()
    ours, slopes = found(lab, net, standard, drawn, 26)
    assert ours == pytest.approx(expected.item(), rel=1e-12)
    for slope, parameter in zip(slopes, net.parameters(), strict=True):
        np.testing.assert_allclose(slope, parameter.grad.numpy(), rtol=1e-9, atol=1e-10)
    parameters = [a.detach().numpy() for a in net.parameters()]
    way = [np.random.default_rng(k).normal(size=a.shape) for k, a in enumerate(parameters)]
    ends = [
        annual_loss(lab, [a + step * b for a, b in zip(parameters, way, strict=True)], standard, drawn, 26)[0]
        for step in (1e-7, -1e-7)
    ]
    along = sum(float((a * b).sum()) for a, b in zip(slopes, way, strict=True))
    assert (ends[0] - ends[1]) / 2e-7 == pytest.approx(along, rel=5e-3)


def test_it_learns_what_the_closed_form_does_not_know_and_another_seed_another_policy(lab):
    """A few seconds of descent are below the closed form, from its boxes on."""
    told: list[int] = []
    result = learn(lab, SPEC, 1, told.append)
    assert told[-1] == result.steps == SPEC.whole_steps
    assert result.curve[0][1] == pytest.approx(evaluate(lab, 0, closed_form(lab), 128, VALIDATION), rel=1e-9)
    assert result.losses[0] < 0.995 * evaluate(lab, 0, closed_form(lab))
    brief = replace(QUICK, decisions=13)
    short = replace(SPEC, steps=2 * brief.update, gradient=brief)
    one, other = (learn(lab, short, seed, told.append).net for seed in (1, 2))
    assert (one.weight_0 != other.weight_0).any()


def test_what_is_trained_is_played_and_kept_like_any_learned_policy(market, tmp_path):
    past, spec = market.until(market.dates[252 * 20]), replace(SPEC, steps=1)
    policy = train(spec, past, COSTS, PENALTY, YEAR, workers=1).policy
    assert policy.card["settings"]["gradient"]["worlds"] == 64
    assert "ppo" not in policy.card["settings"]
    start = market.dates[252 * 38]
    played = backtest(market, LearnedPolicy.load(policy.save(tmp_path / "one")), COSTS, start=start)
    assert len(played.ledger.asked) > 5


def test_costs_that_jump_are_refused(market):
    dear = replace(COSTS, ticket=np.full(2, 1e-4))
    with pytest.raises(ConfigError, match="learner 'gradient' needs proportional costs"):
        train(SPEC, market, dear, PENALTY, YEAR)


@pytest.mark.parametrize("changed", [{"worlds": 0}, {"decisions": 1.5}, {"learning_rate": 0.0}, {"hidden": -1}])
def test_a_setting_out_of_range_is_refused(changed):
    with pytest.raises(ConfigError, match=f"{next(iter(changed))} of GradientSettings"):
        GradientSettings(**changed)
    with pytest.raises(ConfigError, match="learner of Learned is 'magic': use one of ppo, sac, dqn, gradient"):
        replace(SPEC, learner="magic")
