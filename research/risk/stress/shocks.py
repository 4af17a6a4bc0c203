"""Hypothetical shocks: some assets move by stated returns, and the others by propagation through the covariance.

Functions of weights, a covariance and shocks; they need no policy and no backtest, so that they serve the holdings of
a desk as well as the last weights of a backtest:

    covariance = recent_covariance(past, window)
    moved = propagated(shock, past.assets, past.asset_class, covariance)
    effect = shock_effect(weights, moved)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from foundation.arguments import is_number, shown
from foundation.arrays import Array, Mask, freeze_fields
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from foundation.tolerances import COUNTED, VARIATION
from research.market.delisting import moving, stopped
from research.market.market import Past
from research.risk.decomposition.contributions import summed_by
from research.risk.simulation.shrinkage import shrunk_covariance

LEAST_RETURN, MOST_RETURN = -0.99, 10.0  # of a shock: no asset loses all that it is worth
WINDOW_YEARS = 2  # of returns, from which a shock is propagated: recent, and long enough for some thirty assets
LEAST_RETURNS = 60  # below which no covariance is estimated: of rare rows, the window itself


def shock_window(periods_per_year: float) -> int:
    """The number of returns from which a shock is propagated, of so many a year.

    >>> shock_window(252.0), shock_window(12.0)
    (504, 60)
    """
    return max(round(WINDOW_YEARS * periods_per_year), LEAST_RETURNS)


@dataclass(frozen=True)
class Shock:
    """Returns that some assets are stated to have, by asset or asset class.

    name   : name in tables.
    moves  : simple return by asset or asset class, fraction: {"us_equity": -0.2}. An asset's own name goes before its
             class, and every asset of a class has the return of the class.
    Raises : ConfigError for a return out of bounds, and for no move at all.
    """

    name: str
    moves: Mapping[str, float]

    def __post_init__(self) -> None:
        """Check the moves."""
        if not self.moves:
            raise ConfigError(f"shock {self.name!r} moves nothing: name an asset or an asset class, and its return.")
        for what, move in self.moves.items():
            if not (is_number(move) and LEAST_RETURN <= move <= MOST_RETURN):
                raise ConfigError(
                    f"shock {self.name!r} moves {what} by {shown(move)}: give a fraction from {LEAST_RETURN:g} to "
                    f"{MOST_RETURN:g}, such as -0.2 for a fall of 20 %."
                )

    def left_out(self, assets: Sequence[str], asset_class: Sequence[str]) -> str:
        """A sentence with the names of its moves that are none of these assets, or ""."""
        missing = self.unknown(assets, asset_class)
        if len(missing) == len(self.moves):
            return f"{self.name}: the portfolio has no {' and no '.join(missing)}."
        return f"{self.name}: without {' and '.join(missing)}, which the portfolio does not have." if missing else ""

    def unknown(self, assets: Sequence[str], asset_class: Sequence[str]) -> list[str]:
        """The names that it moves and that are neither among these assets nor among their classes."""
        return [what for what in self.moves if what not in assets and what not in asset_class]

    def stated(self, assets: Sequence[str], asset_class: Sequence[str]) -> Array:
        """(n,) the stated return of each asset, NaN for an asset that it does not name, fraction."""
        of_class = [self.moves.get(name, np.nan) for name in asset_class]
        return np.array([self.moves.get(a, move) for a, move in zip(assets, of_class, strict=True)], dtype=float)


@dataclass(frozen=True, eq=False)
class Moved:
    """The returns of n assets under a shock.

    name       : name of the shock.
    returns    : (n,) simple return of each asset, fraction.
    stated     : (n,) true if it is stated by the shock, and not propagated.
    unknown    : (n,) assets that have too short a history to be moved by others: they return 0.
    bounded    : (n,) assets that the propagation would have moved past `LEAST_RETURN`, and that stop there. A rise has
                 no bound: an asset that is held short may lose more than it is worth.
    covariance : (n, n) covariance by which it was propagated, a period.
    """

    name: str
    returns: Array
    stated: Mask
    unknown: Mask
    bounded: Mask
    covariance: Array

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "returns", "stated", "unknown", "bounded", dtype=None)


@dataclass(frozen=True, eq=False)
class ShockEffect:
    """The effect of a shock on a portfolio, before anything is traded.

    moved     : returns of the assets.
    lines     : (n,) gain or loss of each asset, fraction of NAV before the shock.
    total     : return of the portfolio, fraction of NAV; cash does not move.
    weights   : (n,) after the shock, without trading, fraction of NAV; NaN where the shock takes all NAV or more.
    explained : share of the portfolio's variance that the shocked assets explain, 0 to 1; NaN without variance, and
                where an asset is held whose own is not known. Where it is small, the loss by the other assets is little
                more than a guess.
    """

    moved: Moved
    lines: Array
    total: float
    weights: Array
    explained: float

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "lines", "weights")

    @property
    def name(self) -> str:
        """Name of the shock."""
        return self.moved.name

    def by_class(self, asset_class: Sequence[str]) -> dict[str, float]:
        """Gain or loss of each asset class, fraction of NAV, in the order of the assets."""
        return summed_by(self.lines, asset_class)


def recent_covariance(past: Past, window: int) -> tuple[Array, Mask]:
    """The shrunk covariance of the last returns, and the assets that it knows.

    past   : the market up to today.
    window : number of returns; fewer where the market is shorter.
    Returns : (n, n) covariance a period, zeros for an asset without a complete window and for one that has stopped;
              and (n,) the other assets.
    Raises  : DataError where no asset has `LEAST_RETURNS` returns.
    """
    window = min(window, past.t)
    known = past.complete(window) if window >= LEAST_RETURNS else np.zeros(len(past.assets), dtype=bool)
    known = known & moving(past)
    if not known.any():
        raise DataError(
            f"no asset has {max(window, LEAST_RETURNS)} returns on {past.date:%Y-%m-%d}, so no shock can be "
            "propagated. Give the market a longer history."
        )
    found = np.zeros((len(past.assets),) * 2)
    found[np.ix_(known, known)] = shrunk_covariance(past.returns[past.t - window + 1 :, known])
    return found, known


def covariance_of_held(weights: Array, past: Past, window: int) -> Array:
    """(n, n) `recent_covariance`, where it knows every asset that is held: one that it does not know has no variance.

    weights : (n,) fraction of NAV.
    past    : the market up to today.
    window  : number of returns; fewer where the market is shorter.
    Raises  : DataError as `recent_covariance` does, and for an asset that is held and has fewer returns, or stopped.
    """
    covariance, known = recent_covariance(past, window)
    young = np.flatnonzero((np.abs(weights) > COUNTED) & ~known)
    if len(young):
        name, since = past.assets[young[0]], stopped(past)
        short = f"has fewer than {min(window, past.t)} returns on {past.date:%Y-%m-%d}"
        why = f"has not moved since {since[name]}" if name in since else short
        raise DataError(f"{name} is held and {why}: without its variance the risk would be too small.")
    return covariance


def conditional_mean(covariance: Array, values: Array) -> Array:
    """The expected values of all assets where some are given, under a normal law with means of zero.

    covariance : (n, n).
    values     : (n,) values of the given assets, NaN for the others.
    Returns    : (n,) given values as they are; Σ₂₁ Σ₁₁⁻¹ values₁ for the others. A given asset without variance says
                 nothing about others.
    Raises     : ConfigError for given assets whose covariance is singular: they cannot move apart.
    Source     : Kupiec (1998), Stress Testing in a Value at Risk Framework; Meucci (2005), Risk and Asset Allocation,
                 equation 2.165.

    >>> conditional_mean(np.array([[0.04, 0.01], [0.01, 0.01]]), np.array([-0.2, np.nan])).round(12).tolist()
    [-0.2, -0.05]
    """
    given = ~np.isnan(values)
    found = np.where(given, values, 0.0)
    informs = given & (np.diag(covariance) > 0.0)
    if informs.any() and not given.all():
        others = np.flatnonzero(~given)
        found[others] = covariance[np.ix_(others, informs)] @ _solved(covariance, informs, values[informs])
    return found


def propagated(
    shock: Shock, assets: Sequence[str], asset_class: Sequence[str], covariance: Array, known: Mask
) -> Moved:
    """The returns of all assets under a shock.

    shock       : its moves.
    assets      : n names.
    asset_class : n names.
    covariance  : (n, n) a period, as `recent_covariance` gives it.
    known       : (n,) assets that the covariance knows.
    Raises      : ConfigError for a shock that moves none of these assets.
    """
    stated = shock.stated(assets, asset_class)
    given = ~np.isnan(stated)
    if not given.any():
        raise ConfigError(
            f"shock {shock.name!r} moves {', '.join(shock.moves)}, and the portfolio has none of them: name an asset "
            f"({', '.join(assets)}) or a class ({', '.join(dict.fromkeys(asset_class))})."
        )
    moved = conditional_mean(covariance, stated)
    low = ~given & (moved < LEAST_RETURN)
    return Moved(shock.name, np.where(low, LEAST_RETURN, moved), given, ~given & ~known, low, covariance)


def shock_effect(weights: Array, moved: Moved) -> ShockEffect:
    """The effect of the returns of a shock on a portfolio of these weights (n,), fraction of NAV; cash is the rest."""
    lines = weights * moved.returns
    total = float(lines.sum())
    left = 1.0 + total if total > -1.0 else float("nan")
    whole = not (moved.unknown & (np.abs(weights) > COUNTED)).any()
    explained = _explained(weights, moved.covariance, moved.stated) if whole else float("nan")
    return ShockEffect(moved, lines, total, weights * (1.0 + moved.returns) / left, explained)


def shock_effects(
    weights: Array, past: Past, shocks: Sequence[Shock], window: int
) -> tuple[list[ShockEffect], list[str]]:
    """The effects of several shocks on one portfolio, and a sentence for each that moves assets which it does not have.

    weights : (n,) fraction of NAV.
    past    : the market up to today.
    shocks  : shocks in the order of the table.
    window  : returns of the covariance.
    Raises  : as `recent_covariance` and `conditional_mean` do.
    """
    covariance, known = recent_covariance(past, window)
    found = []
    for shock in shocks:
        if not np.isnan(shock.stated(past.assets, past.asset_class)).all():
            moved = propagated(shock, past.assets, past.asset_class, covariance, known)
            found.append(shock_effect(weights, moved))
    left_out = [shock.left_out(past.assets, past.asset_class) for shock in shocks]
    return found, [sentence for sentence in left_out if sentence]


def _solved(covariance: Array, lines: Mask, values: Array) -> Array:
    """Σ₁₁⁻¹ values (k,) or (k, m), by correlations. Raises ConfigError where these are singular."""
    deviation = np.sqrt(np.diag(covariance)[lines])
    correlation = covariance[np.ix_(lines, lines)] / np.outer(deviation, deviation)
    if np.linalg.eigvalsh(correlation)[0] < VARIATION:
        raise ConfigError(
            "the covariance of the shocked assets is singular: two of them move as one, so they cannot have returns of "
            "their own. Shock one of them, or give a longer history."
        )
    scaled = (values.T / deviation).T
    return (np.linalg.solve(correlation, scaled).T / deviation).T


def _explained(weights: Array, covariance: Array, stated: Mask) -> float:
    """Share of the variance of a portfolio that its projection on the stated assets has."""
    variance, informs = float(weights @ covariance @ weights), stated & (np.diag(covariance) > 0.0)
    if variance <= 0.0 or not informs.any():
        return float("nan")
    joint = covariance[informs] @ weights
    return min(float(joint @ _solved(covariance, informs, joint)) / variance, 1.0)
