"""Twelve measures of many NAV curves in one pass, against four of vectorbt's compiled functions on the same curves.

2,000 curves of 8,313 days; `python -m benchmarks.curves 10000` takes ten thousand, which need 1.4 GB. Ours starts from
NAV and checks it; vectorbt starts from returns that are made ready beforehand, each curve's in one piece, which is the
order in which it is fastest. Before a clock starts, the four are compared. One curve is timed as well, as a score asks
for one.
"""

import sys

import numpy as np
from vectorbt.returns import nb

from benchmarks.timing import keep, machine, show, take_turns, versions
from foundation.arrays import Array
from research.risk import CURVE_MEASURES, curve_measures

DAYS, CURVES, ROUNDS, YEAR, AIM = 8_313, 2_000, 7, 252.0, 3.0
OURS, FOUR = "ours: twelve measures", "vectorbt: four figures"
SAME = ("growth", "volatility", "sharpe", "max_drawdown")


def curves(number: int) -> tuple[Array, Array]:
    """NAV (T + 1, N) of curves with fat tails, and their returns (T, N), a curve's beside each other in memory.

    The first return is zero: vectorbt takes the first day's close for the first peak.
    """
    rng = np.random.default_rng(0)
    nav = np.empty((DAYS + 1, number))
    nav[:2] = 1.0
    for t in range(2, DAYS + 1):
        nav[t] = nav[t - 1] * (1.0003 + 0.008 * rng.standard_t(5, number))
    returns = np.empty((DAYS, number), order="F")
    np.divide(nav[1:], nav[:-1], out=returns)
    returns -= 1.0
    return nav, returns


def ours(nav: Array) -> dict[str, Array]:
    """All twelve, (N,) each."""
    return curve_measures(nav, periods_per_year=YEAR)


def four_of_vectorbt(returns: Array) -> dict[str, Array]:
    """Growth, volatility, Sharpe ratio and maximum drawdown, (N,) each."""
    return {
        "growth": nb.annualized_return_nb(returns, YEAR),
        "volatility": nb.annualized_volatility_nb(returns, YEAR),
        "sharpe": nb.sharpe_ratio_nb(returns, YEAR),
        "max_drawdown": nb.max_drawdown_nb(returns),
    }


def agreement(nav: Array, returns: Array) -> float:
    """How far the four are from each other at most, relative; raises where it is no rounding."""
    own, peer = ours(nav), four_of_vectorbt(returns)
    apart = max(float(np.abs(own[name] / peer[name] - 1.0).max()) for name in SAME)
    if apart > 1e-7:
        raise AssertionError(f"figures differ by {apart:.2g}")
    return apart


def main(number: int = CURVES) -> None:
    """Compare, measure in turns, print, and keep."""
    nav, returns = curves(number)
    apart = agreement(nav, returns)
    one, own = nav[:, :1].copy(), returns[:, :1].copy(order="F")
    times = {
        f"{number:,} curves": take_turns({OURS: lambda: ours(nav), FOUR: lambda: four_of_vectorbt(returns)}, ROUNDS),
        "one curve": take_turns({OURS: lambda: ours(one), FOUR: lambda: four_of_vectorbt(own)}, ROUNDS),
    }
    packages = versions("numba", "vectorbt")
    print(f"{machine()}; {packages}")
    show(
        f"{len(CURVE_MEASURES)} measures of curves of {DAYS:,} days: processor ms",
        ("", OURS, FOUR, "ours is faster by"),
        [
            (name, f"{1e3 * t.median(OURS):,.2f}", f"{1e3 * t.median(FOUR):,.2f}", f"{t.ratio(FOUR, OURS):.1f}x")
            for name, t in times.items()
        ],
        [f"aim {AIM:.0f}x of many curves; the four figures differ by {apart:.1g} at most"],
    )
    keep(
        "curves",
        {
            "versions": packages,
            "curves": number,
            "days": DAYS,
            "median_ms": {name: {who: 1e3 * t.median(who) for who in t.seconds} for name, t in times.items()},
            "times_vectorbt": {name: t.ratio(FOUR, OURS) for name, t in times.items()},
            "aim_times_vectorbt": AIM,
            "largest_difference": apart,
        },
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
