"""Risks of the returns of a window as parts of a cone programme: CVaR, EVaR, drawdowns, semi-deviation.

Drawdowns are those of the sum of returns since the window's start, not of their product, which is not convex in the
weights (Chekhlov, Uryasev, Zabarankin 2005).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Literal

import numpy as np

from foundation.arrays import Array
from research.allocation.constraints.limits import WEIGHTS, Limits, Part
from research.allocation.constraints.optimum import Aim
from research.allocation.constraints.programme import Elastic, Objective, Solved
from research.allocation.constraints.risk_limits import tail, tail_mean
from research.allocation.risk_based.evar import ENTROPIC, entropic, entropic_bound, sharpened_evar

RiskName = Literal["cvar", "evar", "cdar", "max_drawdown", "semi_deviation"]
RISKS: tuple[RiskName, ...] = ("cvar", "evar", "cdar", "max_drawdown", "semi_deviation")

RISK_TAIL, DRAWDOWN, LARGEST, BELOW = "risk tail", "drawdown", "largest", "below"


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
    fallen = drawdowns(returns)
    if name == "cdar":
        worst = tail_of(fallen, level)
        return Risk((fallen, worst), Objective({RISK_TAIL: tail_mean(len(returns), level)}), f"CDaR at {level:.4g}")
    return Risk((fallen, largest_of(fallen)), Objective({LARGEST: np.ones(1)}), "maximum drawdown")


def below_mean(returns: Array) -> Part:
    """(T,) shortfall of each return of the portfolio below their mean."""
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
    rows = {losses.name: -np.eye(losses.size), LARGEST: np.ones((losses.size, 1))}
    return Part(LARGEST, 1, rows, np.zeros(losses.size), np.zeros(1), np.full(1, inf),
                lambda weights: losses.of(weights).max(keepdims=True))  # fmt: skip
