"""The model card of a learned policy as plain JSON values: training data, settings, and its loss in simulated paths."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foundation.arrays import Array, Floats
from foundation.sets import installed_versions
from research.learning.drift import lengths, observed_features
from research.learning.settings import Learned
from research.learning.worlds.rollouts import ActionFunction, action_function, evaluate_paths
from research.learning.worlds.training_days import TrainingDays
from research.rules.networks.features import FeatureScaling
from research.rules.networks.names import SHARED_FEATURES
from research.rules.networks.policy_network import Network

if TYPE_CHECKING:
    from research.learning.learners.learning_curve import SeedResult

JUDGED_WORLDS = 128  # that are judged, and among which a feature is shuffled
SHUFFLE_SEED = 0  # of the shuffles
LEARNING_LIBRARIES = ("numpy", "stable-baselines3", "torch")


def card(
    spec: Learned,
    days: TrainingDays,
    seed: int,
    result: "SeedResult",
    reward_scale: float,
    references: dict[str, list[float]],
) -> dict[str, Any]:
    """The model card of one seed.

    spec         : settings of the training.
    days         : the training days.
    seed         : seed of the training.
    result       : result of the seed, with its features.
    reward_scale : factor of every reward.
    references   : by name, J of another rule for each target, bp of NAV a year.
    """
    market = days.market
    return {
        "saw": {
            "market": market.name,
            "fingerprint": market.fingerprint,
            "calendar": market.calendar,
            "first": f"{market.dates[0]:%Y-%m-%d}",
            "last": f"{market.dates[-1]:%Y-%m-%d}",
            "sessions": len(market.dates),
        },
        "objective": {
            "tracking_penalty": days.tracking_penalty,
            "periods_per_year": days.periods_per_year,
            "lag": days.lag,
            "costs_bps": days.costs.table(market.assets),
            "costs": days.costs.settings,
            "proportional": days.costs.proportional,
            "reward": "the sum of the terms of settings.reward by their weights, times reward_scale",
            "reward_scale": reward_scale,
        },
        "action": spec.action,
        "settings": spec.settings(),
        "seed": seed,
        "steps": result.steps,
        **result.features,
        "long_run_volatility": days.scales.volatility * float(np.sqrt(days.periods_per_year)),
        "targets": [_target(days, k, {"learned": result.losses, **references}) for k in range(len(days.share))],
        "curve": [{"steps": steps, "loss": loss} for steps, loss in result.curve],
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """The versions of the libraries on which a training depends, by name."""
    return installed_versions(LEARNING_LIBRARIES)


def features_of(days: TrainingDays, net: Network, standard: FeatureScaling) -> dict[str, Any]:
    """Each feature's scaling, its distribution in simulated paths, and its importance, as plain JSON values.

    days     : the training days.
    net      : network that a seed trained.
    standard : scaling of the features.
    """
    answer = action_function(net, standard)
    names = [*SHARED_FEATURES, *(f"drift of {asset}" for asset in days.market.assets)]
    seen, decisions = observed_features(days, answer)
    worth = importance(days, answer, len(names))
    features = [
        {
            "name": name,
            "mean": float(standard.mean[j]),
            "deviation": float(standard.deviation[j]),
            "importance": float(worth.rise[j]),
            "importance_error": float(worth.error[j]),
            "values": seen[j].values.tolist(),
            "shares": seen[j].shares.tolist(),
            "farthest": list(seen[j].farthest),
        }
        for j, name in enumerate(names)
    ]
    return {"features": features, "observed": {"lengths": lengths(decisions), "importance_worlds": JUDGED_WORLDS}}


def _target(days: TrainingDays, k: int, losses: dict[str, list[float]]) -> dict[str, Any]:
    """One target: the measurements on its training days, and J in its simulated paths, bp of NAV a year."""
    market, scales = days.market, days.scales
    rows = slice(days.first_row[k], days.stop_row[k])
    excess = (market.returns[rows] - market.cash[rows, None]).mean(axis=0)

    def by_line(values: Array) -> dict[str, float]:
        return {name: float(v) for name, v, w in zip(market.assets, values, scales.target[k], strict=True) if w}

    return {
        "share_of_worlds": float(days.share[k]),
        "first_day": f"{market.dates[days.first_row[k]]:%Y-%m-%d}",
        "days": int(days.stop_row[k] - days.first_row[k]),
        "target": by_line(scales.target[k]),
        "half_width": by_line(scales.half_width[k]),
        "variance": by_line(np.diag(scales.covariance[k])),
        "mean": by_line(days.periods_per_year * np.log1p(excess)),
        "loss": {name: loss[k] for name, loss in losses.items()},
    }


class Importance(NamedTuple):
    """The rise of J when one of k features is shuffled, bp of NAV a year.

    rise  : (k,) mean over paths.
    error : (k,) its standard error; paths are the same with and without the shuffle.
    """

    rise: Array
    error: Array


def importance(days: TrainingDays, answer: ActionFunction, features: int, worlds: int = JUDGED_WORLDS) -> Importance:
    """The importance of each feature, in paths of the last target as the training days were.

    At every decision the paths exchange the values of one feature by a random permutation; the policy goes on from
    where that leads it. A feature that is correlated with another has little importance by itself.
    days     : the training days.
    answer   : the policy.
    features : their number, k.
    worlds   : number of paths.
    Source   : Breiman (2001), Random forests, section 10; Fisher, Rudin and Dominici (2019), All models are wrong, but
               many are useful, section 3.
    """
    days, kind = days.without_variation, len(days.share) - 1
    whole = evaluate_paths(days, kind, answer, worlds)
    rises = np.array([evaluate_paths(days, kind, _shuffled(answer, j), worlds) - whole for j in range(features)])
    unit = days.annual(np.ones(1))
    return Importance(unit * rises.mean(axis=1), unit * rises.std(axis=1, ddof=1) / np.sqrt(worlds))


def _shuffled(answer: ActionFunction, feature: int) -> ActionFunction:
    """The same policy, but one feature is taken from another path."""
    rng = np.random.default_rng([SHUFFLE_SEED, feature])

    def misled(seen: Array) -> Floats:
        mixed = seen.copy()
        mixed[:, feature] = rng.permutation(seen[:, feature])
        return answer(mixed)

    return misled
