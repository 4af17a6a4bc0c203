"""The results of learned policies in backtests, as plain JSON values, and their gaps to the optimum."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backtests.engine.result import Backtest
from backtests.evaluation.scores import Score
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate
from backtests.laboratory.learned.saved import SavedPolicies
from backtests.laboratory.learned.warnings import drift_in
from research.learning.training import Training

RESULT_FIGURES = ("loss", "cost", "tracking_error", "growth", "sharpe", "max_drawdown", "turnover", "trades")


def results_of(
    training: Training,
    played: Mapping[int, Backtest],
    scores: Mapping[int, Score],
    losses: Mapping[int, Estimate],
    marks: Mapping[str, float],
    run: str,
) -> dict[str, Any]:
    """The results of a learned policy in a test, as plain JSON values.

    training : training of its seeds.
    played   : backtests by seed; the representative seed must be among them.
    scores   : scores of the same backtests.
    losses   : what the same are expected to lose, bp of NAV a year; of their intervals.
    marks    : J of other policies on the same days by name, bp of NAV a year.
    run      : id of the run that they belong to.
    """
    one = played[training.chosen]
    seeds = {}
    for seed, score in scores.items():
        figures = score.figures(played[seed].dates)
        seeds[str(seed)] = {name: figures[name] for name in RESULT_FIGURES} | {
            "loss_lower": losses[seed].lower,
            "loss_upper": losses[seed].upper if math.isfinite(losses[seed].upper) else None,
            "loss_training": training.losses[seed],
        }
    return {
        "run": run,
        "stands": training.chosen,
        "test": {
            "market": one.market.name,
            "fingerprint": one.market.fingerprint,
            "first": f"{one.dates[1]:%Y-%m-%d}",
            "last": f"{one.dates[-1]:%Y-%m-%d}",
            "days": len(one.dates) - 1,
        },
        "seeds": seeds,
        "others": dict(marks),
        "drift": [drift._asdict() for drift in drift_in(one)],
        "warnings": list(one.warnings),
    }


def loss_of(result: Mapping[str, Any]) -> Estimate:
    """J of a seed, with its interval, from its results."""
    upper = math.inf if result["loss_upper"] is None else result["loss_upper"]
    return Estimate(result["loss"], result["loss_lower"], upper, INTERVAL_LEVEL)


def with_optimality_gaps(found: SavedPolicies) -> SavedPolicies:
    """The same policies with each seed's gap to the optimum, or why there is none; known gaps are kept."""
    from backtests.laboratory.learned.optimality_gap import gap_of, region_of, why_no_optimum
    from research.learning import LearnedPolicy

    if "optimum" in found.results:
        return found
    policies = {seed: LearnedPolicy.load(folder) for seed, folder in found.folders.items()}
    why = why_no_optimum(found.cards[found.representative])
    if why:
        return found._replace(results=found.results | {"optimum": {"unknown": why}})
    region = region_of(policies[found.representative])
    gaps = {str(seed): asdict(gap_of(policy, region)) for seed, policy in policies.items()}
    return found._replace(results=found.results | {"optimum": {"seeds": gaps}})
