"""Allocations under limits: a frontier of 50 points, and a smallest conflicting set of 30 constraints on 100 assets.

The frontier has sector limits and is asked of skfolio too, whose `efficient_frontier_size` states the same programme;
before a clock starts its weights are compared.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.timing import Times, keep, machine, show, take_turns, versions
from foundation.arrays import Array
from research.allocation.constraints.builder import build
from research.allocation.constraints.feasibility import conflict
from research.allocation.constraints.limits import Limits
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import Bounds, Constraints, Exposure, Group
from research.allocation.constraints.roots import root_of
from research.allocation.optimised.frontier import frontier
from research.allocation.risk_based.risks import volatility_risk

LINES, SECTORS, POINTS, ROUNDS = 100, 10, 50, 5
SAME = 1e-3  # of NAV: skfolio's solver leaves weights that are exact to so much
OURS, SKFOLIO = "ours", "skfolio"
FRONTIER_AIM, CONFLICT_AIM = 2.0, 1.0  # seconds


def lines() -> tuple[pd.DataFrame, Known]:
    """Two years of returns of assets with five common factors, and what is known of them."""
    rng = np.random.default_rng(0)
    loadings = rng.normal(0.0, 0.006, (5, LINES))
    returns = rng.normal(0.0003, 0.012, (504, LINES)) + rng.normal(size=(504, 5)) @ loadings
    names = tuple(f"A{i:03}" for i in range(LINES))
    columns = {
        "sector": [f"s{i % SECTORS}" for i in range(LINES)],
        "region": [f"r{i % 3}" for i in range(LINES)],
        "esg": rng.uniform(0.0, 10.0, LINES).tolist(),
    }
    return pd.DataFrame(returns, columns=list(names)), Known(names, columns, np.cov(returns, rowvar=False) * 252.0)


def with_sectors(known: Known) -> Limits:
    """No sector holds more than a fifth, no asset more than a tenth."""
    groups = {f"sector {i}": Group(where={"sector": f"s{i}"}, most=0.2) for i in range(SECTORS)}
    return build(Constraints(every_line=Bounds(least=0.0, most=0.1), groups=groups), known)


def in_conflict(known: Known) -> Limits:
    """Thirty limits, of which the three of the regions and the sum of the weights conflict."""
    groups = {f"sector {i}": Group(where={"sector": f"s{i}"}, most=0.11) for i in range(SECTORS)}
    groups |= {
        f"part {i}": Group(where={"sector": f"s{i}", "region": f"r{i % 3}"}, least=0.001) for i in range(SECTORS)
    }
    groups |= {f"pair {i}": Group(where={"sector": [f"s{i}", f"s{i + 1}"]}, most=0.2) for i in range(3)}
    groups |= {f"region {i}": Group(where={"region": f"r{i}"}, most=most) for i, most in enumerate((0.2, 0.2, 0.5))}
    every = Bounds(least=0.0, most=0.05)
    return build(
        Constraints(every_line=every, groups=groups, exposures={"esg": Exposure(column="esg", least=4.0)}), known
    )


def contestants(returns: pd.DataFrame, known: Known) -> dict[str, Callable[[], Array]]:
    """Both frontiers, ready to be called: the weights of each point."""
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk

    limits, mean = with_sectors(known), 252.0 * returns.mean().to_numpy()
    root = root_of(known.covariance, known.assets)
    groups = {name: [sector] for name, sector in zip(known.assets, known.columns["sector"], strict=True)}
    model = MeanRisk(
        risk_measure=RiskMeasure.VARIANCE,
        max_weights=0.1,
        groups=groups,
        linear_constraints=[f"s{i} <= 0.2" for i in range(SECTORS)],
        efficient_frontier_size=POINTS,
    )
    return {
        OURS: lambda: frontier(limits, mean, volatility_risk(root), POINTS).weights,
        SKFOLIO: lambda: np.asarray(model.fit(returns).weights_),
    }


def agreement(calls: dict[str, Callable[[], Array]]) -> float:
    """The largest difference of weights at the first point; raises where it is no rounding of a solver."""
    apart = float(np.abs(calls[SKFOLIO]()[0] - calls[OURS]()[0]).max())
    if apart > SAME:
        raise AssertionError(f"weights of the frontier's first point differ by {apart}")
    return apart


def main() -> None:
    """Compare, measure in turns, print, and keep."""
    returns, known = lines()
    calls = contestants(returns, known)
    apart = agreement(calls)
    frontiers: Times = take_turns(calls, ROUNDS)
    limits = in_conflict(known)
    found = conflict(limits)
    assert found is not None
    conflicts = take_turns({OURS: lambda: conflict(limits)}, ROUNDS)
    packages = versions("clarabel", "highspy", "skfolio")
    print(f"{machine()}; {packages}")
    show(
        f"A frontier of {POINTS} points, {LINES} assets, limits of {SECTORS} sectors: seconds a call",
        ("", "seconds", "aim"),
        [(name, f"{frontiers.median(name):.3f}", f"{FRONTIER_AIM:g}" if name == OURS else "") for name in calls],
        [f"processor time; medians of {ROUNDS} rounds; {frontiers.ratio(SKFOLIO, OURS):.0f} times skfolio"],
    )
    show(
        f"A smallest conflicting set of {len(limits.limits)} limits on {LINES} lines: seconds a call",
        ("", "seconds", "aim"),
        [(OURS, f"{conflicts.median(OURS):.3f}", f"{CONFLICT_AIM:g}")],
        [found.sentence],
    )
    keep(
        "limits",
        {
            "versions": packages,
            "frontier_seconds": {name: frontiers.median(name) for name in calls},
            "frontier_aim": FRONTIER_AIM,
            "conflict_seconds": conflicts.median(OURS),
            "conflict_aim": CONFLICT_AIM,
            "limits": len(limits.limits),
            "largest_difference_of_weights": apart,
        },
    )


if __name__ == "__main__":
    main()
