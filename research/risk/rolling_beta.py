"""Beta to a benchmark over a window that moves with it."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from foundation.arguments import shown
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from foundation.tolerances import SERIES
from research.risk.decomposition.factors import rolling_betas
from research.risk.series import excess_returns


def rolling_beta(returns: ArrayLike, benchmark: ArrayLike, cash: ArrayLike, window: int) -> Array:
    """(T - window + 1,) slope of each `window` of `returns` on `benchmark`, both over `cash`, all (T,).

    window : returns in each, two at least.
    Raises : DataError for fewer returns than `window`, and where the benchmark gains the same on cash in every period
             of some window; ConfigError for a window below two.
    Source : `research.risk.beta` of each window.

    >>> rolling_beta([0.02, -0.01, 0.0, 0.03], [0.01, -0.005, 0.0, 0.01], [0.0] * 4, window=2).round(12).tolist()
    [2.0, 2.0, 3.0]
    """
    if window != int(window) or window < 2:
        raise ConfigError(f"a rolling window holds two returns or more: found {shown(window)}. 252 is a year of days.")
    own, other = excess_returns(returns, cash), excess_returns(benchmark, cash)
    if len(own) < window:
        raise DataError(
            f"a window of {window} returns needs as many: found {len(own)}. Take a longer period or a shorter window."
        )
    x = sliding_window_view(other, window)
    still = np.ptp(x, axis=1) <= SERIES
    if still.any():
        row = int(np.argmax(still))
        raise DataError(
            f"the rolling beta is not defined: the benchmark gains {x[row, 0]:.3g} on cash in all {window} periods up "
            f"to row {row + window - 1}."
        )
    return rolling_betas(own, other[:, None], window)[:, 0]
