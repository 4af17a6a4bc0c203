"""The asset that grew most in the test: whoever chose it may have known that it would."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.paper.wording import number
from research.portfolio import Portfolio

OUTLIER = 3.0  # times as large a growth as that of the next asset is warned of


def best_line(portfolio: Portfolio) -> int | None:
    """The number of the asset with a target that grew most in the test; None where fewer than three have one."""
    held, grown = _grown(portfolio)
    return None if len(held) < 3 else int(held[np.argmax(grown)])


def hindsight_warning(portfolio: Portfolio) -> list[str]:
    """A warning where one asset grew more than `OUTLIER` times as far as any other."""
    held, grown = _grown(portfolio)
    if len(held) < 3:
        return []
    (best, most), (second, next_most) = ((int(held[k]), float(np.exp(grown[k]))) for k in np.argsort(-grown)[:2])
    if most <= OUTLIER * next_most:
        return []
    names = portfolio.market.assets
    return [
        f"{names[best]} grew {number(most, 1)}-fold in the test, and the next asset, {names[second]}, "
        f"{number(next_most, 1)}-fold: it may have been chosen with hindsight."
    ]


def _grown(portfolio: Portfolio) -> tuple[NDArray[np.intp], Array]:
    """The numbers of the assets with a target, and the logarithm of the growth of each in the test."""
    held = np.flatnonzero(portfolio.target > 0.0)
    before = portfolio.market.row(portfolio.test_start - pd.Timedelta(days=1))
    return held, np.log1p(portfolio.market.returns[before + 1 :, held]).sum(axis=0)
