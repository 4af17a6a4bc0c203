"""The self-financing step in torch: compiled kernels decide, and torch repeats their arithmetic with gradients.

The kernels decide for each asset whether it is held, moved to a bound or to its target, or placed with others, and the
sign of its trade. Given that, the step is smooth, and torch differentiates it: values are those of the accounting, and
gradients are exact except on the kinks. torch is imported here: import this module only where it is used.

Costs are proportional, every asset can trade, and a box holds its target, so that it can always be met.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foundation.arrays import Array
from foundation.compiled import compiled
from foundation.tolerances import WEIGHT_SUM
from research.accounting.box import Lines, into_box
from research.accounting.cost_parameters import CostParameters, Lots, Scratch
from research.accounting.self_financing import REFUSED, Booking, self_financing_step
from research.learning.worlds.worlds import no_root

STAYS, LOWER, UPPER, TARGET, LEVEL = range(5)  # where an asset is put: left alone, at a bound, at target, among others


class Holdings(NamedTuple):
    """W portfolios at a close: assets (W, n) and cash (W,), currency."""

    lines: Tensor
    cash: Tensor

    @property
    def nav(self) -> Tensor:
        """(W,) currency."""
        return self.lines.sum(dim=1) + self.cash

    def earn(self, returns: Tensor, cash: Tensor) -> "Holdings":
        """The same units a day later, after simple returns (W, n) of the assets and (W,) of cash, fraction."""
        return Holdings(self.lines * (1.0 + returns), self.cash * (1.0 + cash))


class Boxes(NamedTuple):
    """The boxes of W portfolios.

    lower      : (W, n) lower bounds of weights, fraction of NAV.
    upper      : (W, n) upper bounds of weights, fraction of NAV.
    cash_lower : (W,) lower bound of cash, fraction of NAV.
    cash_upper : (W,) upper bound of cash, fraction of NAV.
    """

    lower: Tensor
    upper: Tensor
    cash_lower: Tensor
    cash_upper: Tensor


def step(held: Holdings, boxes: Boxes, target: Array, cost_parameters: CostParameters) -> tuple[Holdings, Tensor]:
    """Trade every portfolio into its box, and pay the costs.

    held    : assets (W, n) and cash (W,), currency.
    boxes   : bounds, fraction of NAV.
    target  : (W, n) fraction of NAV.
    cost_parameters  : proportional costs; row w for portfolio w, or a single row for all.
    Returns : the holdings after it, and (W,) cost over NAV.
    Raises  : PolicyError for a trade whose costs exceed the value of the assets traded.
    Source  : `research.accounting.box.into_box` and `research.accounting.self_financing`, asset by asset.
    """
    side, sign, binding, pace = _sides(held, boxes, target, cost_parameters)
    rates = torch.from_numpy(np.broadcast_to(cost_parameters.total, sign.shape).copy())
    nav = held.nav
    weights = held.lines / nav[:, None]
    asked = _point(weights, boxes, torch.from_numpy(np.ascontiguousarray(target)), side, binding, pace)
    moves = side != STAYS
    paid = rates * sign
    kept = torch.where(moves, 0.0, held.lines)
    share = 1.0 - torch.where(moves, 0.0, weights).sum(dim=1)
    # kept + share x s + sum of rate x sign x (asked x s - held) = NAV, linear in s where no sign changes
    slope = share + torch.where(moves, paid * asked, 0.0).sum(dim=1)
    rest = nav - kept.sum(dim=1) + torch.where(moves, paid * held.lines, 0.0).sum(dim=1)
    some = moves.any(dim=1)
    scale = torch.where(some, rest, 1.0) / torch.where(some, slope, 1.0)
    after = torch.where(moves, asked * scale[:, None], held.lines)
    trades = after - held.lines
    cost = (paid * trades).sum(dim=1)
    return Holdings(after, held.cash - trades.sum(dim=1) - cost), cost / nav


def _point(weights: Tensor, boxes: Boxes, target: Tensor, side: Tensor, binding: Tensor, pace: Tensor) -> Tensor:
    """(W, n) the point of the box, given the result of `_sides`."""
    level = side == LEVEL
    asked = torch.where(side == LOWER, boxes.lower, torch.where(side == UPPER, boxes.upper, weights))
    asked = torch.where((side == TARGET) | level, target, asked)
    cash = torch.where(binding == 1, boxes.cash_upper, boxes.cash_lower)
    paces = torch.where(level, pace, 0.0)  # assets of a level are off their targets by one multiple of their paces
    total = paces.sum(dim=1)
    multiple = (1.0 - cash - asked.sum(dim=1)) / torch.where(total > 0.0, total, 1.0)
    return asked + multiple[:, None] * paces


def _sides(
    held: Holdings, boxes: Boxes, target: Array, cost_parameters: CostParameters
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The side of each asset, the sign of its trade (W, n), the bound at which cash is (W,), and the paces (W, n)."""
    lines, cash, *bounds = (np.ascontiguousarray(x.detach().numpy(), dtype=np.float64) for x in (*held, *boxes))
    count, n = lines.shape
    numbers = np.empty((2, count, n))
    stand = Sides(np.empty((count, n), dtype=np.int64), numbers[0], np.empty(count, dtype=np.int64), numbers[1])
    wrong = _decide((lines, cash), tuple(bounds), target, cost_parameters, Workspace.of(n), stand)
    if wrong >= 0:
        raise no_root(wrong)
    side, sign, binding, pace = map(torch.from_numpy, stand)
    return side, sign, binding, pace


class Workspace(NamedTuple):
    """Scratch of one trade of n assets; `ones` (1, n) are the prices of amounts counted in currency."""

    lots: Lots
    scratch: Scratch
    trades: Array
    charges: Array
    ones: Array
    tradable: NDArray[np.bool_]

    @classmethod
    def of(cls, n: int) -> "Workspace":
        """Scratch for n assets."""
        return cls(
            Lots.empty(n, 0), Scratch.of(n), np.empty(n), np.empty((5, n)), np.ones((1, n)), np.ones(n, dtype=np.bool_)
        )


class Sides(NamedTuple):
    """The state of the assets of W portfolios.

    side    : (W, n) side at which each asset is put.
    sign    : (W, n) sign of its trade.
    binding : (W,) bound at which cash is, 0 or 1, or -1.
    pace    : (W, n) change of each asset with the level of `place`.
    """

    side: NDArray[np.int64]
    sign: Array
    binding: NDArray[np.int64]
    pace: Array


@compiled
def _decide(
    held: tuple[Array, Array],
    boxes: tuple[Array, ...],
    target: Array,
    cost_parameters: CostParameters,
    workspace: Workspace,
    stand: Sides,
) -> int:
    """Book every portfolio, and write where each asset stands; gives one whose costs have no root, or -1.

    held and boxes have the arrays of `Holdings` and of `Boxes`.
    """
    (lines, cash), (lower, upper, cash_lower, cash_upper) = held, boxes
    for w in range(len(lines)):
        row = min(w, len(cost_parameters.total) - 1)
        one = Sides(stand.side[w], stand.sign[w], stand.binding[w : w + 1], stand.pace[w])
        if not decide_path(
            lines[w], cash[w], lower[w], upper[w], cash_lower[w], cash_upper[w], target[w], cost_parameters, row,
            workspace, one,
        ):  # fmt: skip
            return w
    return -1


@compiled
def decide_path(
    lines: Array,
    cash: float,
    lower: Array,
    upper: Array,
    cash_lower: float,
    cash_upper: float,
    target: Array,
    cost_parameters: CostParameters,
    row: int,
    workspace: Workspace,
    stand: Sides,
) -> bool:
    """Book one portfolio into its box, and write where each asset stands; False where its costs have no root.

    lines      : (n,) currency.
    cash       : currency.
    lower      : (n,) fraction of NAV.
    upper      : (n,) fraction of NAV.
    cash_lower : fraction of NAV.
    cash_upper : fraction of NAV.
    target     : (n,) fraction of NAV.
    cost_parameters : proportional costs.
    row        : row of them.
    workspace  : scratch.
    stand      : written: side, sign and pace (n,), binding (1,).
    """
    n, scratch, trades = len(lines), workspace.scratch, workspace.trades
    no_limits = np.empty((0, n))
    weights, asked, nav, clamped = scratch.weights, scratch.asked, cash, 1.0
    for i in range(n):
        nav += lines[i]
    for i in range(n):
        weights[i] = lines[i] / nav
        clamped -= min(max(weights[i], lower[i]), upper[i])
    stand.binding[0] = 1 if clamped > cash_upper else 0 if clamped < cash_lower else -1
    box = Lines(lower, upper, target, cost_parameters.total[row], scratch.movable)
    into_box(weights, workspace.tradable, box, cash_lower, cash_upper, asked)
    for i in range(n):
        past = (asked[i] - target[i]) * (1.0 if stand.binding[0] == 1 else -1.0)
        stand.side[i] = _side(weights[i], asked[i], lower[i], upper[i], past)
        rate = cost_parameters.total[row, i]
        stand.pace[i] = rate if past < 0.0 < rate else 1.0
    units = lines.copy()
    booking = Booking(
        units, workspace.ones, 0, nav, weights, asked, scratch.capped, no_limits, 0, scratch.one_way, cost_parameters,
        row, 0, workspace.lots,
    )  # fmt: skip
    status, _, _ = self_financing_step(booking, cash, 1.0, scratch.gains, trades, workspace.charges)
    for i in range(n):
        stand.sign[i] = np.sign(trades[i])
    return bool(status != REFUSED)


@compiled
def _side(weight: float, asked: float, lower: float, upper: float, past: float) -> int:
    """The side at which the point of the box puts an asset.  past : distance past its target, fraction of NAV."""
    if asked == weight:
        return STAYS
    if abs(asked - lower) <= WEIGHT_SUM:
        return LOWER
    if abs(asked - upper) <= WEIGHT_SUM:
        return UPPER
    if past == 0.0:
        return TARGET
    return LEVEL
