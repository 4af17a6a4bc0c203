"""Risks of the returns of a window as parts of a cone programme: CVaR, EVaR, drawdowns, semi-deviation.

Drawdowns are those of the sum of returns since the window's start, not of their product, which is not convex in the
weights (Chekhlov, Uryasev, Zabarankin 2005).
"""

from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from research.allocation.constraints.limits import WEIGHTS, Part
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.risk_limits import tail, tail_mean
from research.arrays import Array

RiskName = Literal["cvar", "evar", "cdar", "max_drawdown", "semi_deviation"]
RISKS: tuple[RiskName, ...] = ("cvar", "evar", "cdar", "max_drawdown", "semi_deviation")

RISK_TAIL, ENTROPIC, DRAWDOWN, LARGEST, BELOW = "risk tail", "entropic", "drawdown", "largest", "below"


@dataclass(frozen=True, eq=False)
class Risk:
    """A risk as a programme states it.

    parts     : that it needs.
    objective : over them.
    unit      : as it is said.
    """

    parts: tuple[Part, ...]
    objective: Objective
    unit: str


def volatility(root: Array) -> Risk:
    """|root · weights|, of a root (r, n) of the covariance a year."""
    return Risk((), Objective(norm={WEIGHTS: root}), "volatility a year")


def risk_of(name: RiskName, returns: Array, level: float, periods_per_year: float) -> Risk:
    """A risk by name.

    name    : cvar            mean loss of the worst 1 - level of the periods (Rockafellar, Uryasev 2000);
              evar            the least bound of it by moments of all orders (Ahmadi-Javid 2012);
              cdar            mean drawdown of the worst 1 - level of the periods (Chekhlov, Uryasev, Zabarankin 2005);
              max_drawdown    the largest drawdown;
              semi_deviation  root of the mean square below the mean, ddof 1, a year (Markowitz 1959).
    returns : (T, n) of the window, a period.
    level   : of the first three, from 0 to 1.
    periods_per_year : returns a year.
    """
    if name == "cvar":
        linear = {RISK_TAIL: tail_mean(len(returns), level)}
        return Risk((tail(returns, level, RISK_TAIL),), Objective(linear), f"CVaR at {level:.4g} a period")
    if name == "evar":
        return Risk((entropic(returns, level),), Objective({ENTROPIC: entropic_bound(len(returns), level)}),
                    f"EVaR at {level:.4g} a period")  # fmt: skip
    if name == "semi_deviation":
        root = np.sqrt(periods_per_year / (len(returns) - 1)) * np.eye(len(returns))
        return Risk((below_mean(returns),), Objective(norm={BELOW: root}), "semi-deviation a year")
    fallen = drawdowns(returns)
    if name == "cdar":
        worst = tail_of(fallen, level)
        return Risk((fallen, worst), Objective({RISK_TAIL: tail_mean(len(returns), level)}), f"CDaR at {level:.4g}")
    return Risk((fallen, largest_of(fallen)), Objective({LARGEST: np.ones(1)}), "maximum drawdown")


def entropic(returns: Array, level: float) -> Part:
    """t, z > 0, and T numbers z exp((loss - t) / z) that sum to at most z; EVaR is the least `entropic_bound` · them.

    Source : Ahmadi-Javid (2012), Entropic Value-at-Risk; Cajas (2021), Entropic Portfolio Optimization, equation 14.
    """
    sessions, n = returns.shape
    of_weights, of_part = np.zeros((3 * sessions, n)), np.zeros((3 * sessions, sessions + 2))
    of_weights[0::3], of_part[0::3, 0] = -returns, -1.0
    of_part[1::3, 1] = 1.0
    of_part[2::3, 2:] = np.eye(sessions)
    total = np.concatenate([[0.0, 1.0], -np.ones(sessions)])[None]

    def of(weights: Array) -> Array:
        from scipy.optimize import minimize_scalar
        from scipy.special import logsumexp

        losses = -returns @ weights
        spread = float(np.ptp(losses)) or 1.0

        def bound(log_z: float) -> float:
            z = spread * np.exp(log_z)
            return float(z * (logsumexp(losses / z) - np.log(sessions * (1.0 - level))))

        z = spread * float(np.exp(minimize_scalar(bound, bounds=(-12.0, 12.0), method="bounded").x))
        t = z * float(logsumexp(losses / z))
        return np.concatenate([[t, z], z * np.exp((losses - t) / z)])

    size = sessions + 2
    cones = (("exponential", {WEIGHTS: of_weights, ENTROPIC: of_part}),)
    return Part(
        ENTROPIC, size, {ENTROPIC: total}, np.zeros(1), np.full(size, -inf), np.full(size, inf), of, cones=cones
    )


def entropic_bound(sessions: int, level: float) -> Array:
    """(sessions + 2,) what EVaR adds up of `entropic`."""
    return np.concatenate([[1.0, -np.log(sessions * (1.0 - level))], np.zeros(sessions)])


def below_mean(returns: Array) -> Part:
    """(T,) by how much each return of the portfolio is below their mean."""
    sessions, apart = len(returns), returns - returns.mean(axis=0)
    return Part(
        BELOW, sessions, {WEIGHTS: apart, BELOW: np.eye(sessions)}, np.zeros(sessions), np.zeros(sessions),
        np.full(sessions, inf), lambda weights: np.maximum(-apart @ weights, 0.0),
    )  # fmt: skip


def drawdowns(returns: Array) -> Part:
    """(T,) sum of returns since the window's start below its highest so far, or below zero."""
    sessions = len(returns)
    rows = {WEIGHTS: returns, DRAWDOWN: np.eye(sessions) - np.eye(sessions, k=-1)}

    def of(weights: Array) -> Array:
        path = np.cumsum(returns @ weights)
        found: Array = np.maximum(np.maximum.accumulate(path), 0.0) - path
        return found

    return Part(DRAWDOWN, sessions, rows, np.zeros(sessions), np.zeros(sessions), np.full(sessions, inf), of)


def tail_of(losses: Part, level: float) -> Part:
    """The tail, as `risk_limits.tail`, of losses that are a part."""
    of_losses = tail(-np.eye(losses.size), level, RISK_TAIL)
    rows = {losses.name: of_losses.rows[WEIGHTS], RISK_TAIL: of_losses.rows[RISK_TAIL]}
    return Part(RISK_TAIL, of_losses.size, rows, of_losses.lower, of_losses.least, of_losses.most,
                lambda weights: of_losses.of(losses.of(weights)))  # fmt: skip


def largest_of(losses: Part) -> Part:
    """The largest of losses that are a part."""
    rows = {losses.name: -np.eye(losses.size), LARGEST: np.ones((losses.size, 1))}
    return Part(LARGEST, 1, rows, np.zeros(losses.size), np.zeros(1), np.full(1, inf),
                lambda weights: losses.of(weights).max(keepdims=True))  # fmt: skip
