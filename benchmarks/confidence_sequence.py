"""How often a confidence sequence that is looked at for ten years leaves a true mean of 0, and when it finds another.

    python -m benchmarks.confidence_sequence [PATHS]

Daily differences of several kinds, all with mean 0, in batches of a day, a week, a month and a quarter; and the years
until a mean difference is known, by the formula and in simulated records.
"""

import sys
from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from backtests.inference.confidence_sequence import BATCHES_A_YEAR, confidence_sequence
from foundation.arrays import Array

PATHS, DAYS, YEAR = 2_000, 2_520, 252
BATCHES = (1, 5, 21, 63)  # days
TRACKING, MEANS, LONGEST = 0.01, (0.005, 0.01, 0.02, 0.05), 80  # a year; years of a record

Drawn = Callable[[np.random.Generator], Array]


def autocorrelated(of: float) -> Drawn:
    """Normal differences with an autocorrelation."""
    return lambda generator: lfilter([1.0], [1.0, -of], generator.standard_normal(DAYS + 200))[200:]


def garch(generator: np.random.Generator) -> Array:
    """Differences of changing variance: GARCH(1, 1) with 0.1 and 0.88."""
    found, variance = np.empty(DAYS), 1.0
    for t, shock in enumerate(generator.standard_normal(DAYS)):
        found[t] = shock * variance**0.5
        variance = 0.02 + 0.1 * found[t] ** 2 + 0.88 * variance
    return found


def rare(share: float) -> Drawn:
    """Differences on a share of the days, t with 3 degrees of freedom, and 0 on the others."""
    return lambda generator: (generator.random(DAYS) < share) * generator.standard_t(3, DAYS)


def one_sided(share: float) -> Drawn:
    """Gains on a share of the days, log-normal, and a small loss on all, so that the mean is 0."""
    return lambda generator: (generator.random(DAYS) < share) * generator.lognormal(0.0, 1.0, DAYS) - share * np.e**0.5


KINDS: dict[str, Drawn] = {
    "normal": lambda generator: generator.standard_normal(DAYS),
    "autocorrelation -0.3": autocorrelated(-0.3),
    "autocorrelation 0.3": autocorrelated(0.3),
    "autocorrelation 0.6": autocorrelated(0.6),
    "autocorrelation 0.9": autocorrelated(0.9),
    "t, 3 degrees of freedom": lambda generator: generator.standard_t(3, DAYS),
    "GARCH": garch,
    "exponential": lambda generator: generator.exponential(1.0, DAYS) - 1.0,
    "0 on 95 % of days": rare(0.05),
    "0 on 99 % of days": rare(0.01),
    "gains on 5 % of days": one_sided(0.05),
    "gains on 1 % of days": one_sided(0.01),
}


def alarms(kind: Drawn, batch: int, paths: int) -> float:
    """The share of records that are said to have another mean than 0 within ten years."""
    generator = np.random.default_rng(0)
    found = [confidence_sequence(kind(generator), BATCHES_A_YEAR * batch).first_apart() for _ in range(paths)]
    return sum(each is not None for each in found) / paths


def median_years(mean: float, paths: int) -> float:
    """The median years until a mean difference is found, where the tracking error is `TRACKING`."""
    generator, found = np.random.default_rng(0), list[float]()
    for _ in range(paths):
        daily = mean / YEAR + TRACKING / YEAR**0.5 * generator.standard_normal(LONGEST * YEAR)
        days = confidence_sequence(daily, YEAR).first_apart()
        found.append(np.inf if days is None else days / YEAR)
    return float(np.median(found))


def main(paths: int = PATHS) -> None:
    """Print both tables."""
    print(f"{'false alarms in 10 years, % of records':<40}", *(f"{batch:>6} d" for batch in BATCHES))
    for name, kind in KINDS.items():
        print(f"{name:<40}", *(f"{100.0 * alarms(kind, batch, paths):>8.1f}" for batch in BATCHES), flush=True)
    long = TRACKING / YEAR**0.5 * np.random.default_rng(1).standard_normal(400 * YEAR)
    formula = confidence_sequence(long, YEAR)
    print("\nmean, % a year; median years until it is known: by the formula, simulated")
    for mean in MEANS:
        print(f"{100 * mean:g} {formula.years_until_known(mean):.1f} {median_years(mean, paths // 4):.1f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
