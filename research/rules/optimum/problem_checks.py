"""The input of `optimal_region` and `lower_bound`, checked: one market, its costs, and the price of tracking."""

import numpy as np

from foundation.arguments import check_positive, floats, is_number, refuse
from foundation.arrays import Array
from foundation.errors import ConfigError
from foundation.tolerances import EIGENVALUE
from research.risk.simulation.covariances import taken_apart
from research.rules.bands import is_fully_invested
from research.rules.no_trade_region import relative_variance


def checked_problem(
    who: str,
    target: object,
    mean: object,
    covariance: object,
    cost: object,
    tracking_penalty: float,
    interval: float,
    ticket: float,
    *,
    on_grid: bool = False,
) -> tuple[Array, Array, Array, Array, Array]:
    """(target, mean, covariance, cost, volatility) as arrays of one number of assets.

    who     : the function that is given them, in messages.
    on_grid : true to refuse more assets than a grid is made for.
    Raises  : ConfigError for numbers out of range, and for a covariance that is not positive semi-definite.
    """
    weights = _numbers(who, "target", target)
    n = len(weights)
    if on_grid:
        _check_lines(weights)
    if n == 0 or not (weights > 0.0).all():
        refuse(f"target of {who} is", weights.tolist(), "give each asset a weight above 0.")
    if not (weights.sum() < 1.0 or is_fully_invested(weights)):
        refuse(f"target of {who} is", weights.tolist(), "weights sum to one, or to less beside cash.")
    if n == 1 and is_fully_invested(weights):
        refuse(f"target of {who} is", weights.tolist(), "leave something to cash, or give a second line.")
    growth, square, rates = (
        _numbers(who, name, value, *shape)
        for name, value, shape in (("mean", mean, (n,)), ("covariance", covariance, (n, n)), ("cost", cost, (n,)))
    )
    if not ((rates > 0.0) & (rates < 1.0)).all():
        fix = "give a fraction of the notional above 0 and below 1 for each asset; 10 basis points are 0.001."
        refuse(f"cost of {who} is", rates.tolist(), fix)
    check_positive(tracking_penalty=tracking_penalty, interval=interval)
    if not (is_number(ticket) and ticket >= 0.0):
        refuse("ticket is", ticket, "give a fraction of NAV for an event, 0 for none.")
    volatility, _ = taken_apart(square, f"covariance of {who}")
    if not (volatility > 0.0).all():
        refuse(f"covariance of {who} is", square.tolist(), "give each asset a variance above 0.")
    still = relative_variance(weights, square) <= EIGENVALUE * volatility**2
    if still.any():
        fix = f"its asset {int(np.argmax(still))} earns what the portfolio earns and never drifts: leave the asset out."
        refuse(f"covariance of {who} is", square.tolist(), fix)
    return weights, growth, square, rates, volatility


def _numbers(who: str, name: str, value: object, *shape: int) -> Array:
    """A parameter as an array of this shape, by default of one dimension. Raises ConfigError."""
    array = floats(f"{name} of {who} is", value, "give finite numbers.")
    if not np.isfinite(array).all():
        refuse(f"{name} of {who} is", value, "give finite numbers.")
    if array.shape != shape if shape else array.ndim != 1:
        raise ConfigError(f"{name} of {who} has shape {array.shape}: give {shape or 'one number a line'}.")
    return array


def _check_lines(target: Array) -> None:
    """Refuse more assets than a grid is made for. Raises ConfigError."""
    if len(target) > 2 + is_fully_invested(target):
        raise ConfigError(
            f"target of optimal_region has {len(target)} assets that sum to {target.sum():.9g}: a grid is made for one "
            "or two beside cash, or for two or three that sum to one. Ask for the assets that cost most, or use "
            "`lower_bound`."
        )
