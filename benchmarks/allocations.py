"""Twenty allocations over fifteen years of monthly targets for twenty stocks: 3,600 fits in two processes, then again.

Each process begins with its imports. The second time the paths of targets are taken from disk (`kept_target_path`), and
have to be those of the first.
"""

import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.timing import keep, machine, processor_seconds, show, versions
from foundation.arrays import Array
from research.allocation import (
    HERC,
    HRP,
    NCO,
    Allocation,
    Anticor,
    Average,
    CappedTurnover,
    EstimatorAllocation,
    ExponentialGradient,
    InverseVolatility,
    MeanVariance,
    MinimumVariance,
    Momentum,
    RiskParity,
    RobustCVaR,
    Schur,
    Shrunk,
    Smoothed,
    UniversalPortfolio,
    VolatilityTarget,
    kept_target_path,
)
from research.allocation.constraints import Constraints, Most
from research.forecast import Estimated
from research.market import Market
from research.market.reading.embedded import load_market

START, WORKERS = "2007-12-31", 2  # to November 2022
FIRST_AIM, AGAIN_AIM = 60.0, 5.0  # seconds of two cores that have nothing else to do


def risk_budgeting() -> Allocation:
    """That of skfolio, which takes seconds to import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of names that will leave the library
        from skfolio.optimization import RiskBudgeting

    return EstimatorAllocation(RiskBudgeting())


SHARPE = MeanVariance("maximum_sharpe", upper=0.3)
DENOISED = Estimated(covariance="denoised")
ALLOCATIONS: dict[str, Callable[[], Allocation]] = {  # dear ones first
    "universal_portfolio": UniversalPortfolio,
    "skfolio.optimization.RiskBudgeting": risk_budgeting,
    "shrunk, of denoised mean_variance": lambda: Shrunk(MeanVariance(forecast=DENOISED)),
    "schur": Schur,
    "robust_cvar": RobustCVaR,
    "risk_parity": RiskParity,
    "anticor": Anticor,
    "capped_turnover, of minimum_variance": lambda: CappedTurnover(MinimumVariance(), 0.1),
    "mean_variance, turnover limited": lambda: MeanVariance(constraints=Constraints(turnover=Most(most=0.1))),
    "mean_variance, utility": lambda: MeanVariance("utility", forecast=Estimated("james_stein", "oas"), upper=0.2),
    "mean_variance, maximum_sharpe": lambda: SHARPE,
    "average, of hrp and minimum_variance": lambda: Average((HRP(), MinimumVariance())),
    "minimum_variance": MinimumVariance,
    "nco": NCO,
    "exponential_gradient": ExponentialGradient,
    "herc": HERC,
    "smoothed, of inverse_volatility": lambda: Smoothed(InverseVolatility()),
    "volatility_target, of hrp": lambda: VolatilityTarget(HRP(), 0.1),
    "hrp": HRP,
    "momentum": Momentum,
}


@cache
def market() -> Market:
    """Twenty stocks; a process reads them once."""
    return load_market("sp500_20")


def path_rows(name: str, folder: str) -> tuple[Array, float]:
    """The targets (K, n) of an allocation, and the processor seconds that they took."""
    stocks, allocation, before = market(), ALLOCATIONS[name](), time.process_time()
    path = kept_target_path(allocation, stocks, stocks.row(START), folder)
    return path.rows, time.process_time() - before


def all_paths(folder: str) -> tuple[dict[str, Array], dict[str, float], float, float]:
    """Targets and processor seconds by allocation; seconds by the clock, and of the processor with imports."""
    clock, used, names = time.perf_counter(), processor_seconds(), list(ALLOCATIONS)
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        found = dict(zip(names, pool.map(path_rows, names, [folder] * len(names)), strict=True))
    rows, seconds = ({name: one[k] for name, one in found.items()} for k in (0, 1))
    return rows, seconds, time.perf_counter() - clock, processor_seconds() - used


def main() -> None:
    """Compute, take again, compare, print, and keep."""
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes
    with TemporaryDirectory() as folder:
        rows, seconds, first, first_used = all_paths(folder)
        again_rows, _, again, again_used = all_paths(folder)
    if not all(np.array_equal(rows[name], again_rows[name]) for name in rows):
        raise AssertionError("a path that was kept is not the one that was computed")
    fits = sum(map(len, rows.values()))
    print(f"{machine()}; {versions('numba', 'skfolio', 'clarabel')}")
    show(
        f"{len(rows)} allocations, {fits:,} fits of 20 stocks, {WORKERS} processes: seconds",
        ("", "by the clock", "aim", "of the processor"),
        [
            ("computed", f"{first:.1f}", f"{FIRST_AIM:.0f}", f"{first_used:.1f}"),
            ("again", f"{again:.1f}", f"{AGAIN_AIM:.0f}", f"{again_used:.1f}"),
        ],
    )
    show(
        "The first time, of the processor", ("", "seconds", "ms a fit"),
        [(name, f"{spent:.2f}", f"{1e3 * spent / len(rows[name]):.2f}") for name, spent in seconds.items()],
    )  # fmt: skip
    keep(
        "allocations",
        {
            "versions": versions("numba", "skfolio", "clarabel"),
            "fits": fits,
            "first": {"clock": first, "processor": first_used, "aim": FIRST_AIM},
            "again": {"clock": again, "processor": again_used, "aim": AGAIN_AIM},
            "processor seconds": seconds,
        },
    )


if __name__ == "__main__":
    main()
