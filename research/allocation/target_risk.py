"""The risk of target weights by the moments of a forecast: volatility, shares by line, effective number of bets."""

from dataclasses import dataclass

import numpy as np

from foundation.arrays import Array, frozen
from foundation.tolerances import COUNTED
from research.forecast import Moments
from research.risk.decomposition.contributions import risk_contributions
from research.risk.decomposition.torsion import torsion_bets


@dataclass(frozen=True, eq=False)
class TargetRisk:
    """The risk of weights, of the lines whose moments are known.

    volatility : of the return over the forecast's horizon, fraction.
    share      : (n,) of each line in the portfolio's variance; they sum to one. NaN for a line whose moments are not
                 known, and for all lines where none of them is held.
    bets       : effective number of minimum torsion bets (`research.risk.decomposition.torsion`), 1 to n; NaN where
                 nothing is held.
    unknown    : lines that are held and whose moments are not known: their risk is left out.
    """

    volatility: float
    share: Array
    bets: float
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the shares read-only."""
        object.__setattr__(self, "share", frozen(np.asarray(self.share, dtype=float)))


def target_risk(weights: Array, assets: tuple[str, ...], moments: Moments) -> TargetRisk:
    """The risk of weights (n,), fraction of NAV, of the lines `assets`.

    Raises : DataError for a covariance without an inverse.
    """
    lines = np.array([assets.index(asset) for asset in moments.assets])
    held = np.abs(weights) > COUNTED
    unknown = tuple(asset for asset, there in zip(assets, held, strict=True) if there and asset not in moments.assets)
    share = np.full(len(assets), np.nan)
    if not held[lines].any():
        return TargetRisk(0.0, share, np.nan, unknown)
    known = weights[lines]
    added = risk_contributions(known, moments.covariance)
    share[lines] = added / added.sum()
    return TargetRisk(float(added.sum()), share, torsion_bets(known, moments.covariance), unknown)
