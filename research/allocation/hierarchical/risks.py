"""Measures of risk by name, of assets and of portfolios of them, by which hierarchical allocations divide.

Weights depend on ratios of risk only, so that no measure is annualised. Tails are those of 95 %; drawdowns are of sums
of returns, not compounded, as in skfolio and Riskfolio-Lib. "equal" gives all assets and all clusters the same risk.
"""

from collections.abc import Callable

import numpy as np

from foundation.arrays import Array, Rows
from foundation.errors import DataError
from research.allocation.hierarchical.settings import Risk


def _semi_deviation(returns: Array) -> Array:
    return np.sqrt((np.minimum(returns - returns.mean(axis=0), 0.0) ** 2).mean(axis=0))


def _cvar(returns: Array) -> Array:
    from research.risk.measures import cvar  # its room is slow to import

    return np.array([cvar(column) for column in returns.T])


def _max_drawdown(returns: Array) -> Array:
    wealth = np.vstack([np.zeros(returns.shape[1]), returns.cumsum(axis=0)])
    return (np.maximum.accumulate(wealth, axis=0) - wealth).max(axis=0)


MEASURES: dict[str, Callable[[Array], Array]] = {  # of returns (T, m) to (m,)
    "mean_absolute_deviation": lambda returns: np.abs(returns - returns.mean(axis=0)).mean(axis=0),
    "semi_deviation": _semi_deviation,
    "cvar": _cvar,
    "worst_loss": lambda returns: -returns.min(axis=0),
    "max_drawdown": _max_drawdown,
}


def risks(name: Risk, returns: Array, cov: Array, weights: Array, names: tuple[str, ...]) -> Array:
    """(m,) risk of each of some portfolios.

    name    : name of the measure.
    returns : (T, k) simple returns, of the same assets as
    cov     : (k, k) covariance, which gives variance and standard deviation.
    weights : (k, m) fraction of each portfolio.
    names   : names of the k assets, for messages.
    Raises  : DataError for a risk that is not positive, which nothing can be divided by.
    """
    if name == "equal":
        return np.ones(weights.shape[1])
    if name in ("variance", "standard_deviation"):
        found = np.einsum("im,ij,jm->m", weights, cov, weights, optimize=True)
        found = found if name == "variance" else np.sqrt(found)
    else:
        found = MEASURES[name](returns @ weights)
    if not (found > 0.0).all():
        worst = int(np.argmin(found))
        held = [names[i] for i in np.flatnonzero(weights[:, worst])]
        raise DataError(
            f"{name} of {' with '.join(held[:3])} is {found[worst]:.6g} over {len(returns)} returns, so nothing can be "
            "divided by it. Take a longer window, or a measure that is always positive, such as standard_deviation."
        )
    return found


def parities(
    name: Risk, returns: Array, cov: Array, parts: list[Rows], names: tuple[str, ...]
) -> tuple[list[Array], Array]:
    """Weights of each part of the assets in inverse proportion to risk, and the risk of each part held like that.

    parts   : columns of each part.
    Returns : weights of each part, which sum to one, and (parts,) risks.
    Others  : as of `risks`.
    """
    inverse = 1.0 / risks(name, returns, cov, np.eye(len(cov)), names)
    portfolios = np.zeros((len(cov), len(parts)))
    for p, part in enumerate(parts):
        portfolios[part, p] = inverse[part] / inverse[part].sum()
    return [portfolios[part, p] for p, part in enumerate(parts)], risks(name, returns, cov, portfolios, names)
