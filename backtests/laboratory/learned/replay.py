"""A learned policy's backtest day by day: its weight, its boxes, and its trades."""

import numpy as np
import pandas as pd

from backtests.engine.result import Backtest
from backtests.laboratory.learned.warnings import observations
from foundation.arguments import one_of
from foundation.errors import ConfigError
from research.learning import LearnedPolicy
from research.learning.worlds.rollouts import action_function
from research.market.calendars import last_of
from research.rules.networks.actions import decode_actions


def replay(played: Backtest, line: str) -> pd.DataFrame:
    """The days of one asset: `weight` after booking, `target`, `lower` and `upper` of the last box, and `traded`.

    Weights are fractions of NAV; bounds are NaN where the last decision was to hold.
    Raises : ConfigError for an asset that is not in the market, and for a backtest of a policy that was not learned.
    """
    policy, market = played.policy, played.market
    if not isinstance(policy, LearnedPolicy):
        raise ConfigError(f"{played.name} is a {type(policy).__name__}, not a learned policy: give a backtest of one.")
    one_of("asset is", line, market.assets)
    i, first = market.assets.index(line), played.first
    days = np.arange(first + 1, len(market.dates))
    decides = last_of(market.days, policy.schedule, market.calendar)[first + 1 :]
    targets = np.array([played.targets.at(int(t)) for t in days])
    same = np.abs(policy.scales.target[None] - targets[decides][:, None]).max(axis=2)
    made = decode_actions(
        policy.action,
        action_function(policy.net, policy.standard)(observations(policy, played)),
        same.argmin(axis=1),
        policy.scales,
    )
    table = pd.DataFrame({"weight": played.weights.to_numpy()[1:, i], "target": targets[:, i]}, played.dates[1:])
    last, holds = np.cumsum(decides) - 1, made.fraction == 0.0  # of the answers, on each day
    for name, bound in (("lower", made.lower), ("upper", made.upper)):
        answered = np.where(holds, np.nan, bound[:, i])
        table[name] = [answered[k] if k >= 0 else np.nan for k in last]
    bookings = played.booked[played.counted[played.booked, i]]
    table["traded"] = np.isin(days, played.ledger.booked[bookings])
    return table
