"""Partial dependence of a learned policy: the widths of its boxes and the size of its trades at chosen gaps.

All other features are at their training means: the age of the last trade, the market's return and, where it is not
chosen, its volatility. An asset's gap comes from its own return: the other assets and cash offset it in proportion to
their targets.
"""

import numpy as np

from foundation.arrays import Array
from research.learning import LearnedPolicy
from research.learning.worlds.rollouts import action_function
from research.rules.networks.features import ACTION_REACH, LOOKBACK, observe
from research.rules.networks.names import SHARED_FEATURES

OTHER_FEATURES = ("age", "volatility regime", "market return")  # features that gaps do not decide


def width_multiples(policy: LearnedPolicy, gaps: Array, regime: float | None = None) -> Array:
    """(m, n) width of each asset's box as a multiple of the closed-form half-width.

    policy : policy with action "bands".
    gaps   : (m, n) weights less the last target, fraction of NAV.
    regime : value of the feature "volatility regime"; None for its training mean.
    """
    scales, last = policy.scales, len(policy.scales.target) - 1
    seen = np.empty((len(gaps), len(policy.standard.mean)))
    still = np.zeros(LOOKBACK)
    for row, gap in zip(seen, gaps, strict=True):
        observe(scales.target[last] + gap, still, 0, scales, last, row)
    for name in OTHER_FEATURES:
        seen[:, SHARED_FEATURES.index(name)] = policy.standard.mean[SHARED_FEATURES.index(name)]
    if regime is not None:
        seen[:, SHARED_FEATURES.index("volatility regime")] = regime
    actions = action_function(policy.net, policy.standard)(seen).astype(float)
    found: Array = ACTION_REACH ** np.clip(actions, -1.0, 1.0)
    return found


def single_line_gaps(policy: LearnedPolicy, line: int, drifts: Array) -> Array:
    """(m, n) gaps, fraction of NAV, after one asset drifted by its own return.

    policy : its last target and half-widths are used.
    line   : index of the asset.
    drifts : (m,) drifts of the asset, in closed-form half-widths.
    """
    target, width = policy.scales.target[-1], policy.scales.half_width[-1]
    others = -target / (1.0 - target[line]) if target[line] < 1.0 else np.zeros(len(target))
    others[line] = 1.0
    found: Array = np.outer(drifts * width[line], others)
    return found


def own_width_multiples(policy: LearnedPolicy, line: int, drifts: Array, regime: float | None = None) -> Array:
    """(m,) width of an asset's own box, as a multiple of the closed-form half-width, after it alone drifted.

    policy : policy with action "bands".
    line   : index of the asset.
    drifts : (m,) drifts of the asset, in closed-form half-widths.
    regime : value of the feature "volatility regime"; None for its training mean.
    """
    found: Array = width_multiples(policy, single_line_gaps(policy, line, drifts), regime)[:, line]
    return found


def trade_sizes(policy: LearnedPolicy, line: int, drifts: Array) -> Array:
    """(m,) signed trade, in closed-form half-widths, of an asset to the edge of its box after it alone drifted.

    policy : policy with action "bands".
    line   : index of the asset.
    drifts : (m,) drifts of the asset, in closed-form half-widths.
    """
    found: Array = np.maximum(np.abs(drifts) - own_width_multiples(policy, line, drifts), 0.0) * -np.sign(drifts)
    return found


def held_lines(policy: LearnedPolicy) -> list[int]:
    """Indices of the assets in the last target, the largest weight first."""
    target = policy.scales.target[-1]
    return [int(i) for i in np.argsort(-target, kind="stable") if target[i] > 0.0]


def distance_outside(policy: LearnedPolicy, gaps: Array) -> Array:
    """(m,) largest distance of an asset from its box at gaps (m, n), fraction of NAV; negative without a trade."""
    found: Array = (np.abs(gaps) - width_multiples(policy, gaps) * policy.scales.half_width[-1]).max(axis=1)
    return found
