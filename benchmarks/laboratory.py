"""One rule on ten thousand simulated decades of ten lines: seconds, and vectorbt on the same job in the same run.

Assets are correlated and normal, targets equal, checked daily and traded to target past five points, at 10 bp and the
close that was seen. A path of ours is drawn, played and measured (cost, tracking, turnover, deviation); vectorbt's has
its orders alone, or the path of its wealth as well, from prices that are ready. numpy draws with `standard_normal`.
"""

import os
import time

import numpy as np

from backtests.laboratory.simulate import DRAWN_TOGETHER, Laboratory, play
from benchmarks import jobs, with_vectorbt
from benchmarks.jobs import Job, Played
from benchmarks.timing import Times, keep, machine, show, take_turns, versions
from foundation.arrays import Array
from research.accounting import Costs
from research.risk import GBM

PATHS, DAYS, LINES, YEAR, SEED = 10_000, 2_520, 10, 252.0, 1
PART = 50 * DRAWN_TOGETHER  # paths of a turn
ROUNDS = 7
AIM = 3.0  # seconds for all paths, on two idle cores
SAME = 1e-9  # relative
OURS, PLAYED, DRAWN = "ours: drawn, played, measured", "ours: played, measured", "ours: drawn"


def laboratory(paths: int = PATHS, rate: float = jobs.RATE) -> Laboratory:
    """Ten assets of 20 % volatility, correlated by 0.3."""
    covariance = 0.04 * (0.7 * np.eye(LINES) + 0.3)
    model = GBM(np.full(LINES, 0.05), covariance, YEAR)
    costs = Costs.bps(LINES, commission=1e4 * rate)
    return Laboratory(model, (1.0 / LINES,) * LINES, costs, 5.0, paths, DAYS, SEED)


def job(path: int, rate: float = jobs.RATE) -> Job:
    """One path of it as the other benchmarks have jobs."""
    return jobs.band(laboratory(rate=rate).market(path), rate)


def agreement(path: int) -> dict[str, float]:
    """How one path of the laboratory agrees with one backtest, and that with vectorbt where trades are free.

    Largest relative differences. Raises AssertionError where they do not play the same job.
    """
    free, paid = job(path, rate=0.0), job(path)
    record = jobs.our_backtest(paid)
    theirs: Played = with_vectorbt.played(with_vectorbt.flexible(free, with_vectorbt.prices(free)))
    played = play(laboratory(path + 2), paid.policy)
    years = DAYS / YEAR
    found = {
        "cost, laboratory against backtest": _off(played.cost[path], 1e4 * record.cost_rate.sum() / years),
        "turnover, laboratory against backtest": _off(played.turnover[path], record.turnover.sum() / years),
        "wealth, backtest against vectorbt": jobs.widest_gap(theirs.wealth, jobs.ours(free).wealth),
    }
    if not all(value < SAME for value in found.values()):
        raise AssertionError(f"path {path} is not one job: {found}")
    return found


def _off(one: float, other: float) -> float:
    return abs(float(one) / float(other) - 1.0)


def drawn_by_numpy(model: GBM, paths: int) -> Array:
    """What a user of numpy would write for the same law: simple returns (paths, days, assets)."""
    root = np.linalg.cholesky(model.covariance / YEAR)
    drift = (model.mean - 0.5 * np.diag(model.covariance)) / YEAR
    normals = np.random.default_rng(SEED).standard_normal((paths, DAYS, LINES))
    return np.expm1(drift + normals @ root.T)


def drawn(lab: Laboratory) -> None:
    """The paths of a laboratory, as it draws them."""
    for start in range(0, lab.paths, DRAWN_TOGETHER):
        lab.model.growths(DRAWN_TOGETHER, DAYS, SEED, start)


def measure() -> Times:
    """Processor seconds a path."""
    lab, one = laboratory(PART), job(0)
    close = with_vectorbt.prices(one)
    contestants = {
        OURS: lambda: play(lab, one.policy),
        DRAWN: lambda: drawn(lab),
        "numpy: drawn": lambda: [drawn_by_numpy(lab.model, DRAWN_TOGETHER) for _ in range(PART // DRAWN_TOGETHER)],
        "vectorbt: played, fastest way found": lambda: with_vectorbt.flexible(one, close),
        "vectorbt: and its wealth": lambda: with_vectorbt.flexible(one, close).value(),
        "numpy: played, a loop over days": lambda: jobs.expected(one, jobs.vectorbt_convention),
    }
    times = take_turns(contestants, ROUNDS)
    seconds = {name: found / (PART if "drawn" in name else 1) for name, found in times.seconds.items()}
    return Times({OURS: seconds[OURS], PLAYED: seconds[OURS] - seconds[DRAWN]} | seconds)


def whole(workers: int, rounds: int = 3) -> float:
    """Seconds on the wall's clock for all paths, the least of some rounds."""
    lab, policy, seconds = laboratory(), job(0).policy, []
    for _ in range(rounds):
        before = time.perf_counter()
        play(lab, policy, workers)
        seconds.append(time.perf_counter() - before)
    return min(seconds)


def main() -> None:
    """Compared, then timed, then shown."""
    print(f"{machine()}; {versions('numpy', 'numba', 'vectorbt')}")
    same = agreement(0)
    times = measure()
    walls = {workers: whole(workers) for workers in (1, os.cpu_count() or 1)}
    show(
        f"One rule on simulated paths of {LINES} assets x {DAYS:,} days",
        ("", "ms a path", "ours is faster by", "without drawing"),
        [
            (name, f"{1e3 * times.median(name):.3f}", *(f"{times.ratio(name, us):,.1f}x" for us in (OURS, PLAYED)))
            for name in times.seconds
        ],
        [f"processor time; medians of {ROUNDS} rounds in which all take turns"],
    )
    show(
        f"All {PATHS:,} paths",
        ("workers", "seconds", "aim", ""),
        [
            (str(w), f"{s:.2f}", f"{AIM:.0f}" if w > 1 else "", "short" if w > 1 and s > AIM else "")
            for w, s in walls.items()
        ],
        ["by the wall's clock, the least of three: on a machine with other work it says less than processor time"],
    )
    show("Whether they do the same", ("", "largest difference"), [(k, f"{v:.1e}") for k, v in same.items()])
    keep(
        "laboratory",
        {
            "versions": versions("numpy", "numba", "vectorbt"),
            "median_ms_a_path": {name: 1e3 * times.median(name) for name in times.seconds},
            "wall_seconds": walls,
            "aim_seconds": AIM,
            "agreement": same,
        },
    )


if __name__ == "__main__":
    main()
