"""The differentiable step: the accounting's own numbers, and gradients against finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.arrays import Array
from foundation.errors import PolicyError
from research.accounting import Costs
from research.accounting.cost_parameters import CostParameters, Lots, Scratch
from research.accounting.kernel import Box, Pace, Quotes, Record, book
from research.learning.worlds.differentiable import Boxes, Holdings, step

WORLDS, N = 40, 4


def case(seed: int, invested: float) -> tuple[Array, Array, Array, Array, Array, Array, CostParameters]:
    """Drifted assets and cash, bounds round a target, the box of cash, and a cost_parameters for each world."""
    rng = np.random.default_rng(seed)
    target = rng.dirichlet(np.ones(N), WORLDS) * invested
    lines = target * rng.lognormal(0.0, 0.3, target.shape)
    cash = (1.0 - invested + 1e-3) * rng.lognormal(0.0, 0.3, WORLDS)  # none at all would lie on a kink
    half = rng.uniform(0.0, 0.08, target.shape)
    lower, upper = np.maximum(target - half, 0.0), np.minimum(target + half, 1.0)
    room = 0.02 if invested < 1.0 else 0.0
    rest = np.tile([1.0 - invested - room, 1.0 - invested + room], (WORLDS, 1))
    rates = rng.choice([1e-4, 1e-3, 5e-3], (WORLDS, 2, N))
    cost_parameters = Costs.bps(N).cost_parameters()._replace(rates=rates, total=rates[:, 0] + rates[:, 1])
    return lines, cash, lower, upper, rest, target, cost_parameters


def booked(lines, cash, lower, upper, rest, target, cost_parameters) -> tuple[Array, Array, Array]:
    """The same step by the kernel, one portfolio after the other: assets, cash and cost over NAV."""
    after, left, cost = lines.copy(), cash.copy(), np.empty(len(cash))
    for w in range(len(lines)):
        nav = float(lines[w].sum() + cash[w])
        quotes = Quotes(np.ones((1, N)), 0, 1.0, np.ones((1, N), dtype=bool))
        box = Box(lower[w][None], upper[w][None], target[w][None], 0, rest[w, 0], rest[w, 1], 1.0)
        pace, lots = Pace(np.empty((0, N)), w, 1.0), Lots.empty(N, 0)
        record = Record(np.empty((1, N)), np.empty((1, 5, N)), 0)
        _, _, left[w], paid, _ = book(
            after[w], cash[w], nav, quotes, box, pace, cost_parameters, lots, Scratch.of(N), record
        )
        cost[w] = paid / nav
    return after, left, cost


def tensors(*arrays: Array) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(a)) for a in arrays]


def stepped(lines, cash, lower, upper, rest, target, cost_parameters) -> tuple[Holdings, torch.Tensor]:
    return step(Holdings(lines, cash), Boxes(lower, upper, rest[:, 0], rest[:, 1]), target, cost_parameters)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**31), invested=st.sampled_from([1.0, 0.8]))
def test_the_step_is_that_of_the_accounting(seed: int, invested: float) -> None:
    given = case(seed, invested)
    held, cost = stepped(*tensors(*given[:5]), *given[5:])
    lines, cash, paid = booked(*given)
    assert (np.abs(lines - given[0]) > 1e-9).any()
    np.testing.assert_allclose(held.lines.numpy(), lines, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(held.cash.numpy(), cash, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(cost.numpy(), paid, rtol=1e-11, atol=1e-16)


@pytest.mark.parametrize("invested", [1.0, 0.8])
def test_gradients_are_those_of_finite_differences(invested: float) -> None:
    """Of a random sum of all that comes out, by all that goes in; the cases lie on no kink."""
    lines, cash, lower, upper, rest, target, cost_parameters = case(5, invested)
    rng = np.random.default_rng(0)
    by_line, by_cash, by_cost = rng.normal(size=(WORLDS, N)), rng.normal(size=WORLDS), rng.normal(size=WORLDS)
    goes_in = [x.requires_grad_() for x in tensors(lines, cash, lower, upper, rest)]

    def total(*x: torch.Tensor) -> torch.Tensor:
        held, cost = stepped(*x, target, cost_parameters)
        out = (held.lines * torch.from_numpy(by_line)).sum() + (held.cash * torch.from_numpy(by_cash)).sum()
        return out + (cost * torch.from_numpy(by_cost)).sum()

    found = torch.autograd.grad(total(*goes_in), goes_in)
    for k, (tensor, gradient) in enumerate(zip(goes_in, found, strict=True)):
        for at in rng.permutation(tensor.numel())[:40]:
            ends = []
            for way in (1e-7, -1e-7):
                moved = [x.detach().clone() for x in goes_in]
                moved[k].view(-1)[at] += way
                ends.append(float(total(*moved)))
            numeric = (ends[0] - ends[1]) / 2e-7
            assert float(gradient.reshape(-1)[at]) == pytest.approx(numeric, abs=2e-6), (k, at)


def test_wealth_is_earned_and_paid_for() -> None:
    """NAV after the step is NAV before less costs, through time as well."""
    lines, cash, lower, upper, rest, target, cost_parameters = case(1, 0.8)
    held = Holdings(*tensors(lines, cash))
    rng = np.random.default_rng(2)
    for _ in range(20):
        earned = held.earn(torch.from_numpy(rng.normal(0.0, 0.03, lines.shape)), torch.zeros(WORLDS))
        held, cost = step(earned, Boxes(*tensors(lower, upper, rest[:, 0], rest[:, 1])), target, cost_parameters)
        np.testing.assert_allclose(held.nav.numpy(), (earned.nav * (1.0 - cost)).numpy(), rtol=1e-13)


def test_costs_without_a_root_are_refused_by_the_worlds_number() -> None:
    lines, cash, lower, upper, rest, target, cost_parameters = case(1, 1.0)
    dear = cost_parameters._replace(rates=cost_parameters.rates + 2.0, total=cost_parameters.total + 4.0)
    with pytest.raises(PolicyError, match="simulated path 0 stopped"):
        stepped(*tensors(lines, cash, lower, upper, rest), target, dear)
