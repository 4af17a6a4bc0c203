"""What a learned policy would answer: how wide its boxes are, and what it trades, at gaps that we choose.

What is not chosen is as it was in training in the mean: the age of the last trade, the market's return and, where it is
not what we ask about, its volatility. A line's gap is taken to come from its own return: the other lines and cash make
up for it in proportion to their targets.
"""

import numpy as np

from research.arrays import Array
from research.learning import LearnedPolicy
from research.learning.rollouts import action_function
from research.learning.state import LOOKBACK, REACH, SHARED, observe

HELD = ("age", "volatility regime", "market return")  # features that gaps do not decide


def width_multiples(policy: LearnedPolicy, gaps: Array, regime: float | None = None) -> Array:
    """(m, n) width of each line's box, in closed-form half-widths, at gaps (m, n) from the last target, of NAV.

    regime : value of the feature "volatility regime", or None for its mean in training.
    """
    scales, last = policy.scales, len(policy.scales.target) - 1
    seen = np.empty((len(gaps), len(policy.standard.mean)))
    still = np.zeros(LOOKBACK)
    for row, gap in zip(seen, gaps, strict=True):
        observe(scales.target[last] + gap, still, 0, scales, last, row)
    for name in HELD:
        seen[:, SHARED.index(name)] = policy.standard.mean[SHARED.index(name)]
    if regime is not None:
        seen[:, SHARED.index("volatility regime")] = regime
    actions = action_function(policy.net, policy.standard)(seen).astype(float)
    found: Array = REACH ** np.clip(actions, -1.0, 1.0)
    return found


def single_line_gaps(policy: LearnedPolicy, line: int, drifts: Array) -> Array:
    """(m, n) gaps when one line has drifted by so many closed-form half-widths (m,) by its own return."""
    target, width = policy.scales.target[-1], policy.scales.half_width[-1]
    others = -target / (1.0 - target[line]) if target[line] < 1.0 else np.zeros(len(target))
    others[line] = 1.0
    found: Array = np.outer(drifts * width[line], others)
    return found


def own_width_multiples(policy: LearnedPolicy, line: int, drifts: Array, regime: float | None = None) -> Array:
    """(m,) width of a line's own box when it alone has drifted, see `single_line_gaps`."""
    found: Array = width_multiples(policy, single_line_gaps(policy, line, drifts), regime)[:, line]
    return found


def trade_sizes(policy: LearnedPolicy, line: int, drifts: Array) -> Array:
    """(m,) what is traded of a line that has drifted alone, to the edge of its box, in closed-form half-widths."""
    found: Array = np.maximum(np.abs(drifts) - own_width_multiples(policy, line, drifts), 0.0) * -np.sign(drifts)
    return found


def held_lines(policy: LearnedPolicy) -> list[int]:
    """The lines of the last target, the heaviest first."""
    target = policy.scales.target[-1]
    return [int(i) for i in np.argsort(-target, kind="stable") if target[i] > 0.0]


def distance_outside(policy: LearnedPolicy, gaps: Array) -> Array:
    """(m,) how far the worst line is outside its box, of NAV; below zero where nothing is traded. gaps : (m, n)."""
    found: Array = (np.abs(gaps) - width_multiples(policy, gaps) * policy.scales.half_width[-1]).max(axis=1)
    return found
