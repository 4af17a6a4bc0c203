"""The least risk of a window of returns under constraints, and the most return for it: tail, drawdowns, worse laws."""

from collections.abc import Mapping

import numpy as np

from foundation.arguments import check_positive, is_number, one_of, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.allocation.answer import NotSolvedError
from research.allocation.constrained.on_window import OnTail
from research.allocation.constraints.limits import WEIGHTS, Limits, Part
from research.allocation.constraints.optimum import Aim, Optimum, optimum
from research.allocation.constraints.programme import Objective
from research.allocation.constraints.risk_limits import tail, tail_mean
from research.allocation.estimated import check_length
from research.allocation.optimised.aims import maximum_ratio
from research.allocation.optimised.frontier import Frontier, frontier
from research.allocation.risk_based.risks import MINIMISED_RISKS, RiskName, risk_of
from research.market import Past

LEAST_RISK = 1e-9  # a period: less than this is no risk
DOUBTED = 1e-6  # a period or a year: of the largest ratio a programme gives such a risk for none


@dataclass(frozen=True, repr=False)
class MinimumRisk(OnTail):
    """The weights of least risk in a window of returns.

    risk   : "cvar", the mean loss of the worst 1 - level of the periods; "evar", the entropic value at risk, a
             bound of CVaR that looks at all losses; "cdar", the mean drawdown of the worst 1 - level of the
             periods; "max_drawdown"; "semi_deviation" below the mean. Drawdowns are those of summed returns.
    Others : as of `OnTail`; the level is that of the first three.
    Raises : as `OnTail`; DataError for a window of no more returns than assets; NotSolvedError where weights without
             any loss keep the constraints.
    Source : see `research.allocation.risk_based.risks`.
    """

    risk: RiskName = "cvar"

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        one_of(f"risk of {type(self).__name__} is", self.risk, MINIMISED_RISKS)

    def found(self, limits: Limits, returns: Array, past: Past) -> Optimum:
        """The weights (k,) within limits of the k assets of returns (T, k), a period."""
        check_length(type(self).__name__, returns, limits.assets)
        risk = risk_of(self.risk, returns, self.level, self.periods_per_year)
        found = optimum(limits, risk.aim)
        if found.value <= LEAST_RISK:
            raise NotSolvedError(
                f"weights within the limits have no loss in the {self.window} sessions: the least {risk.unit} is "
                f"{found.value:.3g}, which does not say what is risky. Give a longer window, or exclude assets that "
                "never fall"
            )
        return found

    def frontier(self, past: Past, points: int = 50, previous: Array | None = None) -> Frontier:
        """The frontier of the risk and the mean a year of the window, under the constraints, at the close of `past`."""
        limits, returns, _ = self.programme(past, previous)
        check_length(type(self).__name__, returns, limits.assets)
        mean = self.periods_per_year * returns.mean(axis=0)
        return frontier(limits, mean, risk_of(self.risk, returns, self.level, self.periods_per_year), points)


@dataclass(frozen=True, repr=False)
class MaximumRatio(MinimumRisk):
    """The weights of the largest mean over cash for their risk, both of a window of returns.

    The mean is that of the window, a year; the price of a constraint is in return a year.
    Others : as of `MinimumRisk`.
    Raises : as `OnTail`; DataError for a window of no more returns than assets; NotSolvedError where no weights earn
             more than cash, and where weights that do have no loss.
    Source : Stoyanov, Rachev, Fabozzi (2007), Optimal Financial Portfolios: the programme of a ratio.
    """

    def found(self, limits: Limits, returns: Array, past: Past) -> Optimum:
        """The weights (k,) within limits of the k assets of returns (T, k), a period."""
        check_length(type(self).__name__, returns, limits.assets)
        mean, cash = returns.mean(axis=0), float(past.cash[-self.window :].mean())
        risk = risk_of(self.risk, returns, self.level, self.periods_per_year)
        year = self.periods_per_year
        aim = maximum_ratio(risk, year * mean, year * cash, f"return a year over {risk.unit}")
        found = optimum(limits, aim)
        if risk.value(found.weights) <= DOUBTED:
            super().found(limits, returns, past)  # refuses weights without any loss, whose ratio has no limit
        return found


WORST, LARGEST_WEIGHT = "worst", "largest"
RELIABLE = 1.6448536269514722  # standard errors: the quantile of 95 % of the normal distribution


@dataclass(frozen=True, repr=False)
class RobustCVaR(OnTail):
    """The weights of least mean loss plus risk_aversion × CVaR, under the worst law within a radius of the window's.

    The distance of two laws is the Wasserstein distance with the 1-norm of returns. Over all of them the worst is the
    window's own plus radius × (1 + risk_aversion / (1 - level)) × the largest weight, so a larger radius spreads the
    weights. skfolio's DistributionallyRobustCVaR admits only laws whose returns stay above -1, which makes its worst
    case smaller, and takes a variable for each return.

    radius        : of the ball of laws, return a period; 0 for none. By default that of `reliable_radius`, which falls
                    with the root of the window; at one that is several times larger, weights are near 1/n.
    risk_aversion : of the CVaR.
    Others        : as of `OnTail`.
    Raises        : as `OnTail`; with a radius of 0, DataError for a window of no more returns than assets.
    Source        : Mohajerin Esfahani, Kuhn (2018), Data-driven distributionally robust optimization using the
                    Wasserstein metric, section 7.1 and equation 27.
    """

    radius: float | None = None
    risk_aversion: float = 1.0

    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        check_positive(risk_aversion=self.risk_aversion)
        if self.radius is not None and not (is_number(self.radius) and self.radius >= 0.0):
            refuse("radius of RobustCVaR is", self.radius, "give a number of at least 0, such as 0.001.")

    def found(self, limits: Limits, returns: Array, past: Past) -> Optimum:
        """The best weights (k,) within limits of the k assets of returns (T, k), a period."""
        if self.radius == 0.0:
            check_length("RobustCVaR", returns, limits.assets)
        radius = reliable_radius(returns, self.level, self.risk_aversion) if self.radius is None else self.radius
        return robust_cvar(limits, returns, self.level, radius, self.risk_aversion)


def reliable_radius(returns: Array, level: float, risk_aversion: float) -> float:
    """The least radius at which the worst case of equal weights is above their true risk with a confidence of 95 %.

    The risk in the window is a mean over its days, whose standard error falls with their root. The worst case adds
    radius × (1 + risk_aversion / (1 - level)) / n to it: at this radius 1.64 standard errors.

    returns       : (T, n) of the window, a period.
    level         : of the CVaR.
    risk_aversion : of the CVaR.
    Source        : Mohajerin Esfahani, Kuhn (2018), section 7.2, portfolios driven by reliability: the least radius
                    with a reliable certificate, estimated there by the bootstrap, here by the central limit theorem.
    """
    sessions, n = returns.shape
    losses = -returns.mean(axis=1)
    at_risk = np.quantile(losses, level)
    terms = losses + risk_aversion * np.maximum(losses - at_risk, 0.0) / (1.0 - level)
    error = float(terms.std(ddof=1)) / np.sqrt(sessions)
    return RELIABLE * error * n / (1.0 + risk_aversion / (1.0 - level))


def robust_cvar(limits: Limits, returns: Array, level: float, radius: float, risk_aversion: float) -> Optimum:
    """The best weights by the worst mean loss and CVaR of laws near that of returns.

    limits        : over n assets.
    returns       : (T, n) of the window, a period.
    level         : of the CVaR.
    radius        : of the ball of laws, return a period.
    risk_aversion : of the CVaR.
    Raises        : as `optimum`.
    """
    n = returns.shape[1]
    largest = Part(
        LARGEST_WEIGHT, 1, {WEIGHTS: np.vstack([-np.eye(n), np.eye(n)]), LARGEST_WEIGHT: np.ones((2 * n, 1))},
        np.zeros(2 * n), np.zeros(1), np.full(1, np.inf), lambda weights: np.array([np.abs(weights).max(initial=0.0)]),
    )  # fmt: skip
    linear: Mapping[str, Array] = {
        WEIGHTS: -returns.mean(axis=0),
        WORST: risk_aversion * tail_mean(len(returns), level),
        LARGEST_WEIGHT: np.array([radius * (1.0 + risk_aversion / (1.0 - level))]),
    }
    parts = (tail(returns, level, WORST), largest)
    return optimum(limits, Aim(Objective(linear), "worst utility (return a period)", sign=-1.0, parts=parts))
