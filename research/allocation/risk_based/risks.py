"""Risks of the returns of a window as parts of a cone programme: CVaR, EVaR, drawdowns, semi-deviation.

Drawdowns are those of the sum of returns since the window's start, not of their product, which is not convex in the
weights (Chekhlov, Uryasev, Zabarankin 2005).

EVaR(w) is the least of F(w, z) = z (ln sum exp(loss / z) - ln (T (1 - level))) over z > 0. An exponential cone leaves
weights that are exact to the root of the solver's tolerance only; Newton's steps on EVaR itself, each a quadratic
programme within the same limits (`newton`), take them to that tolerance.

Source : Ahmadi-Javid (2012), Entropic Value-at-Risk; Cajas (2021), Entropic Portfolio Optimization, equation 14.
"""

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Literal

import numpy as np

from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.allocation.constraints.limits import WEIGHTS, Limits, Part
from research.allocation.constraints.newton import by_newton
from research.allocation.constraints.optimum import Aim
from research.allocation.constraints.programme import Elastic, Objective, Solved
from research.allocation.constraints.risk_limits import tail, tail_mean
from research.allocation.constraints.roots import Root, norm_of

RiskName = Literal["cvar", "evar", "cdar", "max_drawdown", "semi_deviation"]
MINIMISED_RISKS: tuple[RiskName, ...] = ("cvar", "evar", "cdar", "max_drawdown", "semi_deviation")

RISK_TAIL, DRAWDOWN, LARGEST_LOSS, BELOW = "risk tail", "drawdown", "largest", "below"


@dataclass(frozen=True, eq=False)
class Risk:
    """A risk as a programme states it.

    parts     : parts that it needs.
    objective : objective over the parts.
    unit      : unit as it is reported.
    sharpened : as of `Aim`.
    """

    parts: tuple[Part, ...]
    objective: Objective
    unit: str
    sharpened: Callable[[Limits, Elastic, Solved], Solved] | None = None

    @property
    def aim(self) -> Aim:
        """The least risk."""
        return Aim(self.objective, self.unit, parts=self.parts, sharpened=self.sharpened)

    def value(self, weights: Array) -> float:
        """The risk of weights (n,), in its unit."""
        blocks = {WEIGHTS: weights} | {part.name: part.of(weights) for part in self.parts}
        linear = sum(float(values @ blocks[name]) for name, values in self.objective.linear.items())
        norms = [rows @ blocks[name] for name, rows in (self.objective.norm or {}).items()]
        return linear + float(np.linalg.norm(sum(norms))) if norms else linear


def volatility_risk(root: Array | Root) -> Risk:
    """|root · weights|, of a root (r, n) of the covariance a year."""
    return Risk((), Objective(norm=norm_of(root)), "volatility a year")


def risk_of(name: RiskName, returns: Array, level: float, periods_per_year: float) -> Risk:
    """A risk by name.

    name    : cvar            mean loss of the worst 1 - level of the periods (Rockafellar, Uryasev 2000);
              evar            the least bound of it by moments of all orders (Ahmadi-Javid 2012);
              cdar            mean drawdown of the worst 1 - level of the periods (Chekhlov, Uryasev, Zabarankin 2005);
              max_drawdown    the largest drawdown;
              semi_deviation  root of the mean square below the mean, ddof 1, a year (Markowitz 1959).
    returns : (T, n) returns of the window, a period.
    level   : level of the first three, from 0 to 1.
    periods_per_year : returns a year.
    """
    if name == "cvar":
        linear = {RISK_TAIL: tail_mean(len(returns), level)}
        return Risk((tail(returns, level, RISK_TAIL),), Objective(linear), f"CVaR at {level:.4g} a period")
    if name == "evar":
        linear = {ENTROPIC: entropic_bound(len(returns), level)}
        return Risk((entropic(returns, level),), Objective(linear), f"EVaR at {level:.4g} a period",
                    partial(sharpened_evar, returns, level))  # fmt: skip
    if name == "semi_deviation":
        root = np.sqrt(periods_per_year / (len(returns) - 1)) * np.eye(len(returns))
        return Risk((below_mean(returns),), Objective(norm={BELOW: root}), "semi-deviation a year")
    fallen = _drawdowns(returns)
    if name == "cdar":
        worst = tail_of(fallen, level)
        return Risk((fallen, worst), Objective({RISK_TAIL: tail_mean(len(returns), level)}), f"CDaR at {level:.4g}")
    return Risk((fallen, largest_of(fallen)), Objective({LARGEST_LOSS: np.ones(1)}), "maximum drawdown")


def below_mean(returns: Array) -> Part:
    """(T,) shortfall of each return of the portfolio below their mean."""
    sessions, apart = len(returns), returns - returns.mean(axis=0)
    return Part(
        BELOW, sessions, {WEIGHTS: apart, BELOW: np.eye(sessions)}, np.zeros(sessions), np.zeros(sessions),
        np.full(sessions, inf), lambda weights: np.maximum(-apart @ weights, 0.0),
    )  # fmt: skip


def _drawdowns(returns: Array) -> Part:
    """(T,) sum of returns since the window's start below its highest so far, or below zero."""
    sessions = len(returns)
    rows = {WEIGHTS: returns, DRAWDOWN: np.eye(sessions) - np.eye(sessions, k=-1)}

    def of(weights: Array) -> Array:
        path = np.cumsum(returns @ weights)
        return np.maximum(np.maximum.accumulate(path), 0.0) - path

    return Part(DRAWDOWN, sessions, rows, np.zeros(sessions), np.zeros(sessions), np.full(sessions, inf), of)


def tail_of(losses: Part, level: float) -> Part:
    """The tail, as `risk_limits.tail`, of losses that are a part."""
    of_losses = tail(-np.eye(losses.size), level, RISK_TAIL)
    rows = {losses.name: of_losses.rows[WEIGHTS], RISK_TAIL: of_losses.rows[RISK_TAIL]}
    return Part(RISK_TAIL, of_losses.size, rows, of_losses.lower, of_losses.least, of_losses.most,
                lambda weights: of_losses.of(losses.of(weights)))  # fmt: skip


def largest_of(losses: Part) -> Part:
    """The largest of losses that are a part."""
    rows = {losses.name: -np.eye(losses.size), LARGEST_LOSS: np.ones((losses.size, 1))}
    return Part(LARGEST_LOSS, 1, rows, np.zeros(losses.size), np.zeros(1), np.full(1, inf),
                lambda weights: losses.of(weights).max(keepdims=True))  # fmt: skip


ENTROPIC = "entropic"
WIDEST = 12.0  # of ln z over the spread of losses, up or down


def entropic(returns: Array, level: float) -> Part:
    """t, z > 0, and T numbers z exp((loss - t) / z) of sum at most z: EVaR is the least `entropic_bound` · them."""
    sessions, n = returns.shape
    of_weights, of_part = np.zeros((3 * sessions, n)), np.zeros((3 * sessions, sessions + 2))
    of_weights[0::3], of_part[0::3, 0] = -returns, -1.0
    of_part[1::3, 1] = 1.0
    of_part[2::3, 2:] = np.eye(sessions)
    total = np.concatenate([[0.0, 1.0], -np.ones(sessions)])[None]

    def of(weights: Array) -> Array:
        losses = -returns @ weights
        z = best_z(losses, level)
        t = z * _log_sum(losses / z)
        return np.concatenate([[t, z], z * np.exp((losses - t) / z)])

    size = sessions + 2
    cones = (("exponential", {WEIGHTS: of_weights, ENTROPIC: of_part}),)
    return Part(
        ENTROPIC, size, {ENTROPIC: total}, np.zeros(1), np.full(size, -inf), np.full(size, inf), of, cones=cones
    )


def entropic_bound(sessions: int, level: float) -> Array:
    """(sessions + 2,) weights of `entropic` in EVaR."""
    return np.concatenate([[1.0, -np.log(sessions * (1.0 - level))], np.zeros(sessions)])


def best_z(losses: Array, level: float) -> float:
    """The z at which F is least, of losses (T,): where the entropy of the tilted losses is that of the level."""
    from scipy.optimize import brentq

    spread = float(np.ptp(losses)) or 1.0

    def slope(log_z: float) -> float:
        at = losses / (spread * np.exp(log_z))
        log_sum = _log_sum(at)
        return log_sum - float(np.exp(at - log_sum) @ at) - float(np.log(len(losses) * (1.0 - level)))

    if slope(-WIDEST) >= 0.0 or slope(WIDEST) <= 0.0:  # the largest loss, or the mean, is all that counts
        return spread * float(np.exp(-WIDEST if slope(-WIDEST) >= 0.0 else WIDEST))
    return spread * float(np.exp(brentq(slope, -WIDEST, WIDEST, xtol=1e-14, rtol=1e-14)))


def sharpened_evar(returns: Array, level: float, limits: Limits, elastic: Elastic, solved: Solved) -> Solved:
    """The weights of least EVaR to full accuracy; the given weights where a step does not improve them.

    returns : (T, n) returns of the window, a period.
    level   : level of EVaR, from 0 to 1.
    limits  : limits over the n assets.
    elastic : limits that may be exceeded.
    solved  : solution by the exponential cone.
    """

    def value(weights: Array) -> float:
        losses = -returns @ weights
        z = best_z(losses, level)
        return z * (_log_sum(losses / z) - float(np.log(len(losses) * (1.0 - level))))

    return by_newton(value, partial(_derivatives, returns, level), limits, elastic, solved)


def _derivatives(returns: Array, level: float, weights: Array) -> tuple[Array, Array]:
    """(n,) gradient and (n, n) curvature of EVaR, the least over z, at weights (n,).

    With probabilities p of the tilted losses, the gradient is that of the mean loss by p; the curvature is over z the
    covariance by p of the losses of assets, less what the loss of the portfolio explains of it.
    """
    losses = -returns @ weights
    z = best_z(losses, level)
    tilted = np.exp(losses / z - _log_sum(losses / z))
    apart = -returns + tilted @ returns
    mine = losses - tilted @ losses
    explained = apart.T @ (tilted * mine)
    curvature = (apart.T * tilted) @ apart - np.outer(explained, explained) / float(tilted @ mine**2)
    return -(tilted @ returns), curvature / z


def _log_sum(values: Array) -> float:
    """ln sum exp of values (k,)."""
    largest = float(values.max())
    return largest + float(np.log(np.exp(values - largest).sum()))
