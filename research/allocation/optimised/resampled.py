"""Resampled efficiency: the mean of the best weights of many samples that the forecast could have come from."""

from collections.abc import Sequence

import numpy as np

from foundation.arguments import is_whole, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer, Following, NotSolvedError
from research.allocation.constrained.constrained import short_notes
from research.allocation.constrained.on_forecast import columns_of_forecast, root_of_moments
from research.allocation.constraints.optimum import Optimum, exceeded
from research.allocation.estimated import placed
from research.allocation.optimised.mean_variance import MeanVariance
from research.allocation.wrapper import Wrapper
from research.forecast import Moments
from research.forecast.predicted import seen_until
from research.market import Past


@dataclass(frozen=True)
class Resampled(Wrapper, Following):
    """The mean of the weights that a mean-variance allocation gives on samples drawn from its own forecast.

    Each sample has as many returns as the forecast's window, drawn from a normal law with its mean and covariance. All
    samples are solved under the limits of the day; since these are convex, the mean of the weights keeps them too.

    allocation : a MeanVariance without a limit of the number of assets, whose means would have many.
    draws      : number of samples.
    seed       : seed of the draws; the same on each date.
    Raises     : ConfigError for settings outside these; NotSolvedError where no sample has a solution.
    Source     : Michaud (1998), Efficient Asset Management, chapter 6.
    """

    allocation: Allocation
    draws: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        if not isinstance(self.allocation, MeanVariance):
            refuse("allocation of Resampled is", self.allocation, "give one of the kind mean_variance.")
        if self.allocation.constraints.cardinality is not None:
            raise ConfigError(
                "allocation of Resampled has a limit of the number of assets, which the mean of several portfolios "
                "does not keep. Leave out `cardinality`."
            )
        if not is_whole(self.draws) or self.draws < 1:
            refuse("draws of Resampled is", self.draws, "give a whole number, at least 1.")
        if not is_whole(self.seed) or self.seed < 0:
            refuse("seed of Resampled is", self.seed, "give a whole number, at least 0.")

    @property
    def held(self) -> MeanVariance:
        """The allocation that is resampled."""
        assert isinstance(self.allocation, MeanVariance)  # checked when it was made
        return self.allocation

    @property
    def follows(self) -> bool:
        """True if a target depends on the one before it."""
        return self.held.follows

    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """(n,) the mean weights; their volatility by the forecast, and the messages of the solvers of the samples."""
        held = self.held
        moments = seen_until(past, held.forecast.predict(past), held.forecast).over(held.periods_per_year)
        limits, cash = held.limits(past, moments, previous), held.cash(past)
        found, failed = [], []
        for sample in sampled_moments(moments, held.window, held.periods_per_year, self.draws, self.seed):
            try:
                found.append(held.best(limits, sample, cash))
            except NotSolvedError as error:
                failed.append(error)
        if not found:
            raise failed[0]
        weights = np.mean([one.weights for one in found], axis=0)
        notes = (f"{len(failed)} of {self.draws} samples had no solution ({failed[0]}).",) if failed else ()
        solver, status, why = _solved(found)
        lines = columns_of_forecast(moments, past)
        return Answer(
            placed(weights, lines, past), moments.seen, solver, status, "volatility a year",
            float(np.sqrt(weights @ moments.covariance @ weights)), why=why,
            notes=(*moments.notes, *limits.notes, *exceeded(limits, weights), *notes,
                   *short_notes(weights, lines, past, held.asked)),
        )  # fmt: skip


def _solved(found: Sequence[Optimum]) -> tuple[str, str, str]:
    """The solvers of samples, the worst status, and of how many solvers failed before, and how the first did."""
    before = [one.failed for one in found if one.failed]
    return (
        ", ".join(dict.fromkeys(one.solver for one in found)),
        "optimal" if all(one.status == "optimal" for one in found) else "optimal_inaccurate",
        f"{len(before)} of {len(found)} samples: {before[0]}" if before else "",
    )


def sampled_moments(moments: Moments, window: int, periods_per_year: float, draws: int, seed: int) -> list[Moments]:
    """Moments a year of samples of a normal law, which do not depend on the order of the assets.

    moments          : moments a year, of k assets.
    window           : number of returns of a sample.
    periods_per_year : returns a year.
    draws            : number of samples.
    seed             : seed of the draws.
    """
    order = np.argsort(np.array(moments.assets))
    back = np.argsort(order)
    assets = tuple(moments.assets[i] for i in order)
    by_name = Moments(
        assets, moments.mean[order], moments.covariance[np.ix_(order, order)], moments.horizon, moments.seen
    )
    root, rng = root_of_moments(by_name) / np.sqrt(periods_per_year), np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        returns = by_name.mean / periods_per_year + rng.standard_normal((window, len(root))) @ root
        mean, covariance = returns.mean(axis=0)[back], np.atleast_2d(np.cov(returns, rowvar=False))[np.ix_(back, back)]
        year = mean * periods_per_year, covariance * periods_per_year
        found.append(Moments(moments.assets, *year, periods_per_year, moments.seen))
    return found
