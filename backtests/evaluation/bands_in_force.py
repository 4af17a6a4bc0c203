"""The bands past which a rule trades, on days of its backtest."""

import numpy as np
from numpy.typing import NDArray

from backtests.engine.kept import bands_of
from backtests.engine.result import Backtest
from foundation.arrays import Array
from research.rules.bands_today import BAND_FAMILIES
from research.rules.protocol import compiled_rule


def bands_in_force(played: Backtest, rows: NDArray[np.int64]) -> tuple[Array, Array]:
    """The weights below and above which the rule trades an asset, fraction of NAV; NaN where it has none.

    A rule that trades past something else, such as the sum of a class or a tracking error, has none for a single asset.

    played  : the backtest.
    rows    : (D,) rows of its market.
    Returns : (D, n) twice.
    """
    nothing = np.full((len(rows), len(played.market.assets)), np.nan)
    rule = compiled_rule(played.policy)
    if rule is None or rule.family not in BAND_FAMILIES:
        return nothing, nothing
    bands = bands_of(rule, played.market, played.targets, played.first, played.costs)
    ages = rows - played.last_booked[rows - played.first]
    k = [bands.in_force(row, age) for row, age in zip(rows.tolist(), ages.tolist(), strict=True)]
    lower, upper = bands.trigger_lower[k], bands.trigger_upper[k]
    banded = np.isfinite(lower) & np.isfinite(upper)
    return np.where(banded, lower, np.nan), np.where(banded, upper, np.nan)
