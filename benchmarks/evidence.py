"""Evidence: draws of days by prefix sums against arch's row by row, and the tests of Sharpe ratios and of selection.

The paired bootstrap is of two policies and of eleven, 10,000 draws of 8,313 days in blocks of 20: ours from arrays to
intervals, arch's the means of the same columns alone, so that arch has the lighter task. Before a clock starts, both
have the same standard errors. What has no peer is timed alone, with its aim. Two calibrations stand below: how often a
true hypothesis is rejected, and the overfitting that is found in noise.
"""

import time

import numpy as np

from backtests.inference.block_draws import Resampling
from backtests.inference.evidence import Evidence, PairedSeries, paired_evidence
from backtests.inference.selection import overfitting, superior_ability
from backtests.inference.sharpe_inference import ledoit_wolf, memmel
from benchmarks.timing import keep, machine, show, take_turns, versions
from foundation.arrays import Array
from foundation.paper.wording import percent
from research.risk.simulation.models import Garch

DAYS, REPS, BLOCK, ROUNDS = 8_313, 10_000, 20, 3
AIM, STUDENTISED_AIM, OVERFITTING_AIM, SIZE_AIM = 8.0, 2.0, 5.0, (0.035, 0.065)
PAIRS, PAIR_DAYS, PAIR_SETTINGS = 2_000, 500, Resampling(block=5, reps=499)
SEEDS = 100
OURS, ARCH = "ours", "arch"


def policies(number: int) -> tuple[Array, Array, Array]:
    """Losses (T, P), returns (T, P) and cash (T,) of policies that share a market."""
    rng = np.random.default_rng(number)
    market = 0.0004 + 0.01 * rng.standard_normal((DAYS, 1))
    losses = 5.0 * rng.standard_exponential((DAYS, number)) + np.linspace(0.0, 0.5, number)
    return losses, market + 0.001 * rng.standard_normal((DAYS, number)), np.full(DAYS, 0.00005)


def ours(losses: Array, returns: Array, cash: Array) -> Evidence:
    """From arrays to intervals and tests of every metric."""
    names = tuple(f"p{i}" for i in range(losses.shape[1]))
    series = PairedSeries(names, returns, cash, DAYS * 365.25 / 252, 252)
    found = paired_evidence(series, losses, "p0", resampling=Resampling(BLOCK, REPS))
    for metric in found.estimates:
        found.figures(metric), found.differences(metric)
    return found


def arch_draws(_: Array, returns: Array, cash: Array) -> Array:
    """(reps, 3P) arch's means of the columns that ours draws: log returns, excess and its square."""
    from arch.bootstrap import StationaryBootstrap

    around = returns - cash[:, None] - (returns - cash[:, None]).mean(axis=0)
    columns = np.hstack([np.log1p(returns), around, around**2])
    return StationaryBootstrap(BLOCK, columns, seed=0).apply(lambda drawn: drawn.mean(axis=0), REPS)


def agreement(data: tuple[Array, Array, Array]) -> float:
    """How far standard errors of log growth, ours over arch's, are from one at most; raises where it is no noise."""
    number = data[0].shape[1]
    logs = np.log1p(ours(*data).draws["growth"])
    apart = logs.std(axis=0) / (252 * arch_draws(*data)[:, :number].std(axis=0)) - 1.0
    largest = float(np.abs(apart).max())
    if largest > 5.0 / np.sqrt(REPS):  # of two estimates with an error of 1 / sqrt(2 reps) each
        raise AssertionError(f"standard errors differ by {percent(largest, 2)}")
    return largest


def arch_ability(losses: Array) -> object:
    """arch's test of superior predictive ability."""
    from arch.bootstrap import SPA

    test = SPA(losses[:, 0], losses[:, 1:], block_size=BLOCK, reps=REPS, bootstrap="stationary", seed=0)
    test.compute()
    return test.pvalues


def sizes(pairs: int = PAIRS) -> dict[str, float]:
    """How often Sharpe ratios that are equal are called different at 5 %: GARCH pairs with a correlation of 0.8."""
    covariance = 0.04 * np.array([[1.0, 0.8], [0.8, 1.0]])
    worlds = Garch(np.array([0.08, 0.08]), covariance, 0.08, 0.90, 252).returns(pairs, PAIR_DAYS, seed=0)
    tests = {
        "Ledoit and Wolf, circular": lambda x, y: ledoit_wolf(x, y, 252, resampling=PAIR_SETTINGS),
        "Ledoit and Wolf, stationary": lambda x, y: ledoit_wolf(
            x, y, 252, resampling=PAIR_SETTINGS, blocks="stationary"
        ),
        "Memmel": lambda x, y: memmel(x, y, 252),
    }
    return {
        name: float(np.mean([test(world[:, 0], world[:, 1]).p <= 0.05 for world in worlds]))
        for name, test in tests.items()
    }


def noise(seeds: int = SEEDS) -> tuple[float, float]:
    """Mean and standard deviation over seeds of the probability of overfitting: 50 worthless trials of 500 days."""
    found = [
        overfitting(np.random.default_rng(seed).standard_normal((500, 50)), blocks=10).probability
        for seed in range(seeds)
    ]
    return float(np.mean(found)), float(np.std(found))


def main() -> None:
    """Compare, measure in turns, print, and keep."""
    two, eleven = policies(2), policies(11)
    apart = agreement(two)
    paired = {
        number: take_turns({OURS: lambda d=data: ours(*d), ARCH: lambda d=data: arch_draws(*d)}, ROUNDS)
        for number, data in ((2, two), (11, eleven))
    }
    losses = eleven[0]
    settings = Resampling(BLOCK, REPS)
    tests = {
        "superior ability": take_turns(
            {OURS: lambda: superior_ability(losses[:, 0], losses[:, 1:], settings), ARCH: lambda: arch_ability(losses)},
            1,
        )
    }
    trials = np.random.default_rng(0).standard_normal((2_500, 1_000))
    alone = take_turns(
        {
            "studentised": lambda: ledoit_wolf(two[1][:, 0], two[1][:, 1], 252, resampling=settings),
            "overfitting": lambda: overfitting(trials),
        },
        ROUNDS,
    )
    before = time.process_time()
    rejected, (mean, deviation) = sizes(), noise()
    spent = time.process_time() - before
    packages = versions("numba", "arch")
    print(f"{machine()}; {packages}")
    rows = [(f"paired bootstrap, {number} policies", t) for number, t in paired.items()]
    rows += [(f"{name}, 11 policies", t) for name, t in tests.items()]
    show(
        f"{REPS:,} draws of {DAYS:,} days: processor ms",
        ("", OURS, ARCH, "ours is faster by"),
        [
            (name, f"{1e3 * t.median(OURS):,.0f}", f"{1e3 * t.median(ARCH):,.0f}", f"{t.ratio(ARCH, OURS):,.0f}x")
            for name, t in rows
        ],
        [f"aim {AIM:.0f}x of the paired bootstrap; standard errors of growth differ by {percent(apart, 2)} at most"],
    )
    show(
        "Alone: processor seconds",
        ("", "seconds", "aim"),
        [
            (
                "studentised bootstrap of a Sharpe difference",
                f"{alone.median('studentised'):.3f}",
                f"{STUDENTISED_AIM:.0f}",
            ),
            ("overfitting, 16 blocks, 1,000 x 2,500", f"{alone.median('overfitting'):.3f}", f"{OVERFITTING_AIM:.0f}"),
        ],
    )
    show(
        f"Equal Sharpe ratios called different at 5 %: {PAIRS:,} GARCH pairs of {PAIR_DAYS} days",
        ("", "rejected"),
        [(name, f"{share:.1%}") for name, share in rejected.items()],
        [
            f"aim {SIZE_AIM[0]:.1%} to {SIZE_AIM[1]:.1%}",
            f"overfitting of noise: {mean:.3f}, mean of {SEEDS} seeds that vary by {deviation:.2f} (aim 0.5 ± 0.04)",
            f"{spent:.1f} processor seconds",
        ],
    )
    keep(
        "evidence",
        {
            "versions": packages,
            "median_ms": {name: {who: 1e3 * t.median(who) for who in t.seconds} for name, t in rows},
            "times_arch": {name: t.ratio(ARCH, OURS) for name, t in rows},
            "aim_times_arch": AIM,
            "seconds": {name: alone.median(name) for name in alone.seconds},
            "aims": {"studentised": STUDENTISED_AIM, "overfitting": OVERFITTING_AIM, "size": SIZE_AIM},
            "rejected": rejected,
            "overfitting_of_noise": {"mean": mean, "deviation": deviation, "seeds": SEEDS},
            "largest_difference_of_standard_errors": apart,
        },
    )


if __name__ == "__main__":
    main()
