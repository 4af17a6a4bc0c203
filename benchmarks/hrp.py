"""Hierarchical risk parity through its public class, against PyPortfolioOpt, skfolio and Riskfolio-Lib.

A call is `HRP(…).target(past)` for 252 returns, and what each library documents for a frame of the same returns. 20
assets are the embedded stocks; 100 and 500 are simulated with one common factor. PyPortfolioOpt lists the leaves as the
linkage numbers them (`order="pypfopt"`); the other two order them optimally, as is our default. Before a clock starts,
all weights are compared.
"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.timing import Times, keep, machine, show, take_turns, versions
from foundation.arrays import Array
from research.allocation import HRP, target_path
from research.market import Market, Past, instruments_table
from research.market.reading.embedded import load_market

WINDOW, ROUNDS, PATHS = 252, 5, 11
SAME = 1e-12  # of NAV: weights that differ by less are equal
OURS, NUMBERED = "ours: HRP()", 'ours: HRP(order="pypfopt")'
PYPFOPT, SKFOLIO, RISKFOLIO = "PyPortfolioOpt", "skfolio", "Riskfolio-Lib"
PEER_OF = {PYPFOPT: NUMBERED, SKFOLIO: OURS, RISKFOLIO: OURS}  # who orders the leaves alike
AIMS = {NUMBERED: {20: 300, 100: 300, 500: 150}, OURS: {20: 150, 100: 150, 500: 75}}  # times PyPortfolioOpt
PATH_AIM = 20.0  # ms
SIMULATED = (100, 500)


def simulated(assets: int) -> Market:
    """A year of returns with one common factor."""
    rng = np.random.default_rng(assets)
    returns = rng.normal(0.0, 0.008, (WINDOW + 1, assets)) + rng.normal(0.0, 0.008, (WINDOW + 1, 1))
    returns *= rng.uniform(0.5, 2.0, assets)
    names, none = tuple(f"A{i:03}" for i in range(assets)), np.full(returns.shape, np.nan)
    days = pd.bdate_range("2020-01-01", periods=WINDOW + 1)
    listed, cash = np.ones(returns.shape, dtype=bool), np.zeros(WINDOW + 1)
    return Market(days, names, returns, listed, cash, instruments_table(names), none, calendar="24/5", name="simulated")


def contestants(past: Past) -> dict[str, Callable[[], Array]]:
    """Everyone, ready to be called; weights are in the order of the assets."""
    import riskfolio
    from pypfopt import HRPOpt
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.seriation import HierarchicalSeriation

    names = list(past.assets)
    frame = pd.DataFrame(past.returns[-WINDOW:], index=past.dates[-WINDOW:], columns=names)

    def pypfopt() -> Array:
        weights = HRPOpt(frame).optimize()
        return np.array([weights[name] for name in names])

    def skfolio() -> Array:
        clustering = HierarchicalClustering(linkage_method=LinkageMethod.SINGLE)
        seriation = HierarchicalSeriation(hierarchical_clustering_estimator=clustering)
        return np.asarray(HierarchicalRiskParity(seriation_estimator=seriation).fit(frame).weights_)

    def riskfolio_lib() -> Array:
        portfolio = riskfolio.HCPortfolio(returns=frame)
        table = portfolio.optimization(model="HRP", codependence="pearson", rm="MV", linkage="single", leaf_order=True)
        return table["weights"].reindex(names).to_numpy()

    return {
        OURS: lambda: HRP(window=WINDOW).target(past),
        NUMBERED: lambda: HRP(window=WINDOW, order="pypfopt").target(past),
        PYPFOPT: pypfopt,
        SKFOLIO: skfolio,
        RISKFOLIO: riskfolio_lib,
    }


def agreement(calls: dict[str, Callable[[], Array]]) -> dict[str, float]:
    """The largest difference of each library's weights from ours; raises where it is not rounding."""
    apart = {peer: float(np.abs(calls[peer]() - calls[us]()).max()) for peer, us in PEER_OF.items()}
    if max(apart.values()) > SAME:
        raise AssertionError(f"weights of HRP differ: {apart}")
    return apart


def monthly() -> tuple[int, float]:
    """How many monthly targets the twenty stocks have, and the ms of `target_path`; the calendar is known."""
    market = load_market("sp500_20")
    fits, seconds = len(target_path(HRP(window=WINDOW), market, WINDOW).rows), []
    for _ in range(PATHS):
        before = time.process_time()
        target_path(HRP(window=WINDOW), market, WINDOW)
        seconds.append(time.process_time() - before)
    return fits, 1e3 * float(np.median(seconds))


def main() -> None:
    """Compare, measure in turns, print, and keep."""
    stocks = load_market("sp500_20")
    pasts = {20: stocks.past(len(stocks.dates) - 1)} | {n: simulated(n).past(WINDOW) for n in SIMULATED}
    calls = {n: contestants(past) for n, past in pasts.items()}
    apart = {n: agreement(all_of) for n, all_of in calls.items()}
    times: dict[int, Times] = {n: take_turns(all_of, ROUNDS) for n, all_of in calls.items()}
    fits, path = monthly()
    packages = versions("numba", "pyportfolioopt", "skfolio", "riskfolio-lib")
    print(f"{machine()}; {packages}")
    show(
        f"Hierarchical risk parity of {WINDOW} returns: ms a call",
        ("", *(f"{n} assets" for n in times)),
        [(name, *(f"{1e3 * t.median(name):.3f}" for t in times.values())) for name in calls[20]],
        [f"processor time; medians of {ROUNDS} rounds in which all take turns"],
    )
    reached = {us: {n: t.ratio(PYPFOPT, us) for n, t in times.items()} for us in AIMS}
    show(
        "Times PyPortfolioOpt, and the aim",
        ("", *(f"{n} assets" for n in times)),
        [(us, *(f"{ratio:,.0f}x ({AIMS[us][n]})" for n, ratio in row.items())) for us, row in reached.items()],
        [f"{fits} monthly targets of 20 assets by target_path: {path:.1f} ms (aim {PATH_AIM:.0f})"],
    )
    keep(
        "hrp",
        {
            "versions": packages,
            "median_ms": {n: {name: 1e3 * t.median(name) for name in t.seconds} for n, t in times.items()},
            "times_pyportfolioopt": reached,
            "aims": AIMS,
            "monthly_targets": {"targets": fits, "ms": path, "aim": PATH_AIM},
            "largest_difference_of_weights": apart,
        },
    )


if __name__ == "__main__":
    main()
