"""The aims of the mean-variance family, over a mean and a root of the covariance or a risk, of returns a year."""

from typing import Literal, get_args

import numpy as np

from foundation.arrays import Array
from foundation.paper.wording import percent
from research.allocation.constraints.branch import best
from research.allocation.constraints.conic import ConeProgramme
from research.allocation.constraints.limits import WEIGHTS, Limit, Limits
from research.allocation.constraints.optimum import Aim
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.risk_limits import risk_limit
from research.allocation.constraints.roots import Root, norm_of, square_of
from research.allocation.risk_based.risks import Risk, volatility_risk

AimName = Literal["minimum_volatility", "maximum_sharpe", "utility", "target_return", "target_risk", "robust_utility"]
AIMS: tuple[AimName, ...] = get_args(AimName)


def minimum_volatility(root: Array | Root) -> Aim:
    """The least |root · w|: Markowitz (1952). As a norm, so that prices are in volatility a year.

    root : (r, n) with root' root = covariance a year.
    """
    return volatility_risk(root).aim


def maximum_sharpe(mean: Array, root: Array | Root, cash: float) -> Aim:
    """The largest (mean - cash) · w / |root · w|.

    mean : (n,) a year.
    root : (r, n) with root' root = covariance a year.
    cash : return a year of cash.
    """
    return maximum_ratio(volatility_risk(root), mean, cash, "Sharpe ratio")


def maximum_ratio(risk: Risk, mean: Array, cash: float, unit: str) -> Aim:
    """The largest (mean - cash) · w over a risk, by homogeneous weights (Schaible 1976, Fractional programming).

    What is not held earns cash, so the numerator is the excess return of the portfolio.
    risk : risk of the weights, in proportion to them.
    mean : (n,) a year.
    cash : return a year of cash.
    unit : name of the ratio.
    """

    def unreached(limits: Limits) -> str:
        most = best(ConeProgramme(limits, Objective({WEIGHTS: cash - mean}))).point
        return "" if most is None else (
            f"no weights within the limits earn more than cash, {percent(cash, 2)} a year: the best earn "
            f"{percent(abs(most.value), 2)} less. Ask for the minimum volatility, or for other expected returns"
        )  # fmt: skip

    return Aim(risk.objective, unit, numerator={WEIGHTS: mean - cash}, parts=risk.parts, unreached=unreached)


def utility(mean: Array, root: Array | Root, risk_aversion: float, uncertainty: Array | None = None) -> Aim:
    """The largest mean · w - risk_aversion |root · w|² / 2 - |uncertainty · w|.

    mean          : (n,) a year.
    root          : (r, n) with root' root = covariance a year.
    risk_aversion : aversion to the variance.
    uncertainty   : (r, n) uncertainty of the mean: the worst mean of an ellipsoid (Tütüncü, Koenig 2004); or None.
    """
    curvature = risk_aversion * square_of(norm_of(root)) if risk_aversion > 0.0 else None
    return Aim(
        Objective({WEIGHTS: -mean}, curvature, None if uncertainty is None else {WEIGHTS: uncertainty}),
        "utility (return a year)",
        sign=-1.0,
    )


def maximum_return(mean: Array) -> Aim:
    """The largest mean · w a year, of a mean (n,)."""
    return Aim(Objective({WEIGHTS: -mean}), "return a year", sign=-1.0)


def return_limit(mean: Array, goal: float) -> Limit:
    """A return of at least `goal` a year, of a mean (n,): it conflicts, and is priced, as every limit."""
    span = float(np.ptp(mean)) or 1.0
    words = f"the expected return is at least {percent(goal, 2)} a year"
    return Limit("goal", words, {WEIGHTS: mean[None]}, np.array([goal]), np.array([np.inf]), goal,
                 "lower the goal", "a year", span)  # fmt: skip


def volatility_limit(root: Array, goal: float) -> Limit:
    """A volatility of at most `goal` a year, of a root (r, n) of the covariance."""
    words = f"volatility is at most {percent(goal, 2)} a year"
    return risk_limit("goal", words, root, np.zeros(root.shape[1]), goal, "raise the goal")
