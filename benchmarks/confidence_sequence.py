"""How often a confidence sequence and an e-detector alarm without cause, and when they find a difference or a break.

    python -m benchmarks.confidence_sequence [PATHS]

Daily differences of several kinds, all with mean 0: the share of ten years with an alarm of the confidence sequence, in
batches of a day, a week, a month and a quarter; and the mean run until an alarm of the e-detector. Then the years until
a mean difference is known, by the formula and in simulated records; and the sessions until a break is found that begins
after some years, its start and its size as the e-detector states them.
"""

import sys
from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

from backtests.inference.confidence_sequence import BATCHES_A_YEAR, confidence_sequence
from backtests.inference.detector import break_now, e_detector
from foundation.arrays import Array

PATHS, DAYS, YEAR = 2_000, 2_520, 252
BATCHES = (1, 5, 21, 63)  # days
TRACKING, MEANS, LONGEST = 0.01, (0.005, 0.01, 0.02, 0.05), 80  # a year; years of a record
RUN = 10 * DAYS  # of a record without a break
BEFORE, BREAKS, AFTER = (0, YEAR, 3 * YEAR), (-0.05, -0.03, -0.02), 8 * YEAR  # days; a year; days
GOAL = 151  # sessions, 0.6 years

Drawn = Callable[[np.random.Generator, int], Array]  # days


def autocorrelated(of: float) -> Drawn:
    """Normal differences with an autocorrelation."""
    return lambda generator, days: lfilter([1.0], [1.0, -of], generator.standard_normal(days + 200))[200:]


def garch(generator: np.random.Generator, days: int) -> Array:
    """Differences of changing variance: GARCH(1, 1) with 0.1 and 0.88."""
    found, variance = np.empty(days), 1.0
    for t, shock in enumerate(generator.standard_normal(days)):
        found[t] = shock * variance**0.5
        variance = 0.02 + 0.1 * found[t] ** 2 + 0.88 * variance
    return found


def rare(share: float) -> Drawn:
    """Differences on a share of the days, t with 3 degrees of freedom, and 0 on the others."""
    return lambda generator, days: (generator.random(days) < share) * generator.standard_t(3, days)


def one_sided(share: float) -> Drawn:
    """Gains on a share of the days, log-normal, and a small loss on all, so that the mean is 0."""
    loss = share * np.e**0.5
    return lambda generator, days: (generator.random(days) < share) * generator.lognormal(0.0, 1.0, days) - loss


KINDS: dict[str, Drawn] = {
    "normal": lambda generator, days: generator.standard_normal(days),
    "autocorrelation -0.3": autocorrelated(-0.3),
    "autocorrelation 0.1": autocorrelated(0.1),
    "autocorrelation 0.3": autocorrelated(0.3),
    "autocorrelation 0.6": autocorrelated(0.6),
    "autocorrelation 0.9": autocorrelated(0.9),
    "t, 3 degrees of freedom": lambda generator, days: generator.standard_t(3, days),
    "GARCH": garch,
    "exponential": lambda generator, days: generator.exponential(1.0, days) - 1.0,
    "0 on 95 % of days": rare(0.05),
    "0 on 99 % of days": rare(0.01),
    "gains on 5 % of days": one_sided(0.05),
    "gains on 1 % of days": one_sided(0.01),
}


def alarms(kind: Drawn, batch: int, paths: int) -> float:
    """The share of records that are said to have another mean than 0 within ten years."""
    generator = np.random.default_rng(0)
    found = [confidence_sequence(kind(generator, DAYS), BATCHES_A_YEAR * batch).first_apart() for _ in range(paths)]
    return sum(each is not None for each in found) / paths


def median_years(mean: float, paths: int) -> float:
    """The median years until a mean difference is found, where the tracking error is `TRACKING`."""
    generator, found = np.random.default_rng(0), list[float]()
    for _ in range(paths):
        daily = mean / YEAR + TRACKING / YEAR**0.5 * generator.standard_normal(LONGEST * YEAR)
        days = confidence_sequence(daily, YEAR).first_apart()
        found.append(np.inf if days is None else days / YEAR)
    return float(np.median(found))


def first_alarms(daily: Array) -> Array:
    """(paths,) days after which the e-detector first alarms in daily differences (paths, T); inf where it does not."""
    days, ratios = e_detector(daily, YEAR)
    reached = ratios >= 0.0
    alarmed: Array = np.where(reached.any(axis=1), days[reached.argmax(axis=1)], np.inf)
    return alarmed


def mean_run(kind: Drawn, paths: int) -> tuple[float, float]:
    """The mean days until the e-detector alarms, where no record is longer than `RUN`, and its standard error."""
    generator = np.random.default_rng(0)
    runs = np.minimum(first_alarms(np.stack([kind(generator, RUN) for _ in range(paths)])), RUN)
    return float(runs.mean()), float(runs.std() / paths**0.5)


def break_row(kind: Drawn, mean: float, before: int, paths: int) -> str:
    """The days until a break is found, and its stated start and size, of records without an alarm before.

    kind   : differences of any scale.
    mean   : mean of the differences since the break, a year, where the tracking error is `TRACKING`.
    before : days before the break.
    """
    generator = np.random.default_rng(0)
    daily = np.stack([kind(generator, before + AFTER) for _ in range(paths)])
    daily *= TRACKING / YEAR**0.5 / daily.std()
    daily[:, before:] += mean / YEAR
    alarmed = first_alarms(daily)
    later = np.flatnonzero((alarmed > before) & np.isfinite(alarmed))
    stated = [break_now(daily[i, : int(alarmed[i])], YEAR) for i in later]
    starts = np.percentile([each.since - before for each in stated if each], (25, 50, 75))
    delays, sizes = alarmed[alarmed > before] - before, [100.0 * each.mean for each in stated if each]
    figures = (np.median(delays), 100.0 * (delays <= GOAL).mean(), *starts, np.median(sizes))
    return " ".join(f"{each:>7.1f}" for each in figures)


def main(paths: int = PATHS) -> None:
    """Print the tables."""
    heads = (*(f"{batch:>6} d" for batch in BATCHES), "  e-detector: days until an alarm")
    print(f"{'false alarms in 10 years, % of records':<40}", *heads)
    for name, kind in KINDS.items():
        shares = (f"{100.0 * alarms(kind, batch, paths):>8.1f}" for batch in BATCHES)
        run, error = mean_run(kind, paths // 2)
        print(f"{name:<40}", *shares, f"{run:>8.0f} ± {error:.0f}", flush=True)
    long = TRACKING / YEAR**0.5 * np.random.default_rng(1).standard_normal(400 * YEAR)
    formula = confidence_sequence(long, YEAR)
    print("\nmean, % a year; median years until it is known: by the formula, simulated")
    for mean in MEANS:
        print(f"{100 * mean:g} {formula.years_until_known(mean):.1f} {median_years(mean, paths // 4):.1f}", flush=True)
    print(f"\nbreak: median days, % within {GOAL}; start less the true one, days: quartiles; median size, % a year")
    for name in ("normal", "t, 3 degrees of freedom", "GARCH"):
        for mean, before in ((mean, before) for mean in BREAKS for before in BEFORE):
            row = break_row(KINDS[name], mean, before, paths)
            print(f"{name:<24} {100 * mean:>3g} % after {before:>3} days {row}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
