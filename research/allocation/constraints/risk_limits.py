"""Limits of risk: a norm of the weights, for volatility and tracking error, and the linear form of CVaR."""

from math import inf

import numpy as np

from foundation.arrays import Array
from research.allocation.constraints.limits import WEIGHTS, Limit, Part
from research.allocation.constraints.records import ALWAYS, Firmness

TAIL = "tail"


def risk_limit(
    key: str, words: str, root: Array, centre: Array, most: float, mend: str,
    firm: Firmness = ALWAYS,
) -> Limit:  # fmt: skip
    """A limit |root · (weights - centre)| <= most, a year.

    key    : place of the limit in the file.
    words  : text of the limit.
    root   : (r, n) with root' root = covariance a year.
    centre : (n,) weights of the benchmark; zeros for none.
    most   : fraction a year.
    mend   : change that widens it.
    firm   : its price, or its place in the order of giving way.
    """
    scale = float(np.sqrt((root**2).sum(axis=0)).max(initial=0.0)) or 1.0
    return Limit(key, words, {}, np.array([-inf]), np.array([most]), most, mend, "a year", scale, firm, root,
                 centre)  # fmt: skip


def tail(returns: Array, level: float, name: str = TAIL) -> Part:
    """The value at risk (first), and the losses (T,) past it, of returns (T, n): a linear form of CVaR.

    Source : Rockafellar, Uryasev (2000), Optimization of Conditional Value-at-Risk, equation 17.
    """
    sessions = len(returns)
    rows = {WEIGHTS: returns, name: np.hstack([np.ones((sessions, 1)), np.eye(sessions)])}

    def of(weights: Array) -> Array:
        losses = -returns @ weights
        at_risk = np.sort(losses)[max(int(np.ceil(level * sessions - 1e-9)) - 1, 0)]
        return np.append(at_risk, np.maximum(losses - at_risk, 0.0))

    least = np.append(-inf, np.zeros(sessions))
    return Part(name, sessions + 1, rows, np.zeros(sessions), least, np.full(sessions + 1, inf), of)


def tail_mean(sessions: int, level: float) -> Array:
    """(sessions + 1,) weights of a `tail` in CVaR."""
    return np.append(1.0, np.full(sessions, 1.0 / (sessions * (1.0 - level))))
