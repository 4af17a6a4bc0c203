"""Mean-variance portfolios: the weights within bounds that a forecast of means and covariances makes the best."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np

from research.allocation.answer import Answer, Binding, Explained, NotSolvedError
from research.allocation.bounds import Bound, bounds_of, check_bound, frozen_bound
from research.allocation.estimated import EstimationSchedule, check_schedule, placed
from research.allocation.solve import Limit, solve, within
from research.arguments import one_of
from research.arrays import Array
from research.forecast import Estimated, Forecast, Moments
from research.market import Past

Objective = Literal["minimum_volatility"]
OBJECTIVES: tuple[Objective, ...] = ("minimum_volatility",)


@dataclass(frozen=True)
class MeanVariance(Explained):
    """The weights within bounds that have the least volatility, by a forecast's covariance.

    objective : "minimum_volatility".
    forecast  : of means and covariances.
    lower     : least weight of each line, fraction of NAV: one for all, or by name, 0 for those that are not named.
    upper     : most weight of each line: one for all, or by name, 1 for those that are not named.
    schedule  : "day", "week", "month", "quarter" or "year".
    Raises    : ConfigError for settings outside these and for names that the market does not have; when asked, what the
                forecast raises, and NotSolvedError where the bounds of the lines that it knows exclude every portfolio.
    Source    : Markowitz (1952), Portfolio Selection. The quadratic programme is solved by `research.allocation.solve`.
    """

    objective: Objective = "minimum_volatility"
    forecast: Forecast = field(default_factory=Estimated)
    lower: Bound = 0.0
    upper: Bound = 1.0
    schedule: EstimationSchedule = "month"

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the settings."""
        one_of("objective of MeanVariance is", self.objective, OBJECTIVES)
        check_schedule("MeanVariance", self.schedule)
        for name in ("lower", "upper"):
            object.__setattr__(self, name, frozen_bound(getattr(self, name)))
            check_bound(f"{name} of MeanVariance", getattr(self, name))

    @property
    def window(self) -> int:
        """Number of returns that the forecast needs."""
        return self.forecast.window

    def answer(self, past: Past) -> Answer:
        """(n,) weights that sum to one over the lines that the forecast knows, and which bounds hold them back.

        A price is the fall in the volatility of the forecast's horizon for each unit that the bound is wider.
        """
        moments = self.forecast.predict(past)
        lines = np.array([past.assets.index(asset) for asset in moments.assets])
        lower = bounds_of(self.lower, past.assets, 0.0)[lines]
        upper = bounds_of(self.upper, past.assets, 1.0)[lines]
        answer = least_volatile(moments, lower, upper)
        return replace(answer, weights=placed(answer.weights, lines, past))


def least_volatile(moments: Moments, lower: Array, upper: Array) -> Answer:
    """The weights (k,) of least volatility between bounds, with a sum of one, and why.

    moments : of k lines.
    lower   : (k,) fraction of NAV.
    upper   : (k,) fraction of NAV.
    Raises  : NotSolvedError where the bounds admit no sum of one, or nothing is solved.
    """
    import cvxpy as cp

    _check_room(moments.assets, lower, upper)
    unit = float(np.diag(moments.covariance).mean())  # variances near 1e-4 are near a solver's idea of zero
    weights = cp.Variable(len(lower))
    limits = [
        Limit(cp.sum(weights) == 1.0),
        Limit(lower <= weights, tuple(f"{a} at least {w:g}" for a, w in zip(moments.assets, lower, strict=True))),
        Limit(weights <= upper, tuple(f"{a} at most {w:g}" for a, w in zip(moments.assets, upper, strict=True))),
    ]
    variance = cp.quad_form(weights, cp.psd_wrap(moments.covariance / unit))
    solved = solve(cp.Problem(cp.Minimize(variance), [limit.constraint for limit in limits]), limits)
    found = within(np.asarray(weights.value, dtype=float), lower, upper)
    volatility = float(np.sqrt(found @ moments.covariance @ found))
    to_volatility = (
        unit / (2.0 * volatility) if volatility > 0.0 else 0.0
    )  # a price is of variance: d sqrt(v) = d v / (2 sqrt(v))
    return Answer(
        weights=found,
        seen=moments.seen,
        solver=solved.solver,
        status=solved.status,
        objective=f"volatility over {moments.horizon:g} periods" if moments.horizon != 1 else "volatility a period",
        value=volatility,
        binding=tuple(Binding(one.limit, one.price * to_volatility) for one in solved.binding),
        why=solved.failed,
        notes=moments.notes,
    )


def _check_room(assets: tuple[str, ...], lower: Array, upper: Array) -> None:
    """Raise NotSolvedError where the bounds (k,) exclude every portfolio."""
    crossed = lower > upper
    if crossed.any():
        i = int(np.argmax(crossed))
        raise NotSolvedError(f"{assets[i]} is to be at least {lower[i]:g} and at most {upper[i]:g}")
    if lower.sum() > 1.0 + 1e-12:
        raise NotSolvedError(f"the least weights of {len(assets)} lines sum to {lower.sum():.6g}, more than 1")
    if upper.sum() < 1.0 - 1e-12:
        raise NotSolvedError(f"the most weights of {len(assets)} lines sum to {upper.sum():.6g}, less than 1")
