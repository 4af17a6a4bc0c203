"""The outcomes of forecasts: the return of each line over the horizon after a day, and its realised variance.

An outcome that reaches beyond the last day is not known yet: NaN. So is that of a line that was not listed on the day.
A line that leaves the market within the horizon counts with its delisting return, and returns nothing after it.
"""

from collections.abc import Callable

import numpy as np

from foundation.arrays import Array, Mask, Rows
from research.market import Past


def returns_after(past: Past, rows: Rows, horizon: int) -> Array:
    """(D, n) compound simple return of each line over the `horizon` rows after each of the D rows, fraction.

    past    : T days of n lines, up to today.
    rows    : (D,) rows of the past; one below 0 lies before it, and has no outcome.
    horizon : rows, at least 1.
    """
    return _after(past, rows, horizon, lambda returns: np.prod(1.0 + returns, axis=1) - 1.0)


def variances_after(past: Past, rows: Rows, horizon: int) -> Array:
    """(D, n) realised variance: the sum of squared simple returns over the `horizon` rows after each of the D rows.

    Source : Andersen and Bollerslev (1998), Answering the Skeptics, International Economic Review 39(4).
    """
    return _after(past, rows, horizon, lambda returns: np.square(returns).sum(axis=1))


def portfolio_variances_after(past: Past, rows: Rows, horizon: int, weights: Array) -> Array:
    """(D,) realised variance of portfolios that hold weights (D, n) over the `horizon` rows after each of the D rows.

    past, rows, horizon : as of `returns_after`.
    weights             : at the close of each row, held on each day of the horizon; 0 for lines that are not listed.
    """
    passed, returns = _ahead(past, rows, horizon)
    found = np.full(len(rows), np.nan)
    found[passed] = np.square(np.einsum("dhn,dn->dh", returns, weights[passed])).sum(axis=1)
    return found


def overlap(rows: Rows, horizon: int) -> int:
    """The most of the days of rows (D,) whose outcomes share a part with that of one of them; 1 where none does.

    >>> overlap(np.array([0, 20, 41, 62]), 21)
    2
    """
    reach = np.searchsorted(rows, rows + horizon) - np.arange(len(rows))
    return int(reach.max(initial=1))


def _after(past: Past, rows: Rows, horizon: int, summed: Callable[[Array], Array]) -> Array:
    """(D, n) sums of returns (D, horizon, n), where the horizon has passed and the line was listed; else NaN."""
    passed, returns = _ahead(past, rows, horizon)
    found = np.full((len(rows), len(past.assets)), np.nan)
    found[passed] = np.where(past.listed[rows[passed]], summed(returns), np.nan)
    return found


def _ahead(past: Past, rows: Rows, horizon: int) -> tuple[Mask, Array]:
    """(D,) true where the horizon after a row has passed, and the returns (·, horizon, n) after these rows."""
    passed = (rows >= 0) & (rows + horizon <= past.t)
    return passed, past.returns[rows[passed, None] + np.arange(1, horizon + 1)]
