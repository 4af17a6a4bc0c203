"""The weights of the largest growth rate: the mean logarithm of one plus the return, over the returns of a window.

An exponential cone states the logarithms; Newton's steps take its weights to full accuracy.
"""

from functools import partial
from math import inf

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.allocation.constrained.on_window import OnWindow
from research.allocation.constraints.limits import WEIGHTS, Limits, Part
from research.allocation.constraints.newton import by_newton
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.estimated import check_length
from research.market import Past

GROWTH = "growth"


@dataclass(frozen=True, repr=False)
class Kelly(OnWindow):
    """The weights of the largest mean log growth in a window of returns; what is not held earns cash.

    Each period of the window is as likely as the others. The price of a constraint is in growth a year.
    Others : as of `OnWindow`.
    Raises : as `OnWindow`; DataError for a window of no more returns than assets.
    Source : Kelly (1956), A New Interpretation of Information Rate; Breiman (1961), Optimal Gambling Systems for
             Favorable Games.
    """

    def found(self, limits: Limits, returns: Array, past: Past) -> Optimum:
        """The weights (k,) within limits of the k assets of returns (T, k), a period."""
        check_length("Kelly", returns, limits.assets)
        return largest_growth(limits, returns, past.cash[-self.window :], self.periods_per_year)


def largest_growth(limits: Limits, returns: Array, cash: Array, periods_per_year: float) -> Optimum:
    """The weights (n,) of the largest mean log growth a year.

    limits  : limits of n assets.
    returns : (T, n) simple returns, a period.
    cash    : (T,) simple returns of cash, a period.
    periods_per_year : periods a year.
    Raises  : as `optimum`.
    """
    excess, year = returns - cash[:, None], periods_per_year
    part = _log_growth(excess, 1.0 + cash)
    objective = Objective({GROWTH: np.append(0.0, np.full(len(cash), -year / len(cash)))})

    def loss(weights: Array) -> float:
        return -year * float(np.log(1.0 + cash + excess @ weights).mean())

    def derivatives(weights: Array) -> tuple[Array, Array]:
        each = excess / (1.0 + cash + excess @ weights)[:, None]
        return -year * each.mean(axis=0), year * each.T @ each / len(cash)

    sharpened = partial(by_newton, loss, derivatives)
    return optimum(limits, Aim(objective, "log growth a year", sign=-1.0, parts=(part,), sharpened=sharpened))


def _log_growth(excess: Array, cash: Array) -> Part:
    """One, and at most the logarithm of cash + excess · weights in each period.

    excess : (T, n) returns over cash, a period.
    cash   : (T,) one plus the return of cash, a period.
    """
    periods, n = excess.shape
    of_weights, of_part = np.zeros((3 * periods, n)), np.zeros((3 * periods, periods + 1))
    of_part[0::3, 1:], of_part[1::3, 0], of_part[2::3, 0] = np.eye(periods), 1.0, cash
    of_weights[2::3] = excess
    free = np.full(periods, inf)
    return Part(
        GROWTH, periods + 1, {}, np.zeros(0), np.append(1.0, -free), np.append(1.0, free),
        lambda weights: np.append(1.0, np.log(cash + excess @ weights)),
        cones=(("exponential", {WEIGHTS: of_weights, GROWTH: of_part}),),
    )  # fmt: skip
