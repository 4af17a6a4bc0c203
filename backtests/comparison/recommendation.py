"""The recommended policy: the simplest that is within the limits and not significantly different from the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backtests.evaluation.block_draws import Resampling
from backtests.evaluation.evidence import confidence_set
from backtests.evaluation.scores import Score
from research.portfolio import Portfolio
from research.rules.protocol import complexity


@dataclass(frozen=True)
class Recommendation:
    """The simplest policy that is within the limits and not significantly different from the best of them.

    policy : its name, or None.  members : the 90 % model confidence set of the eligible on daily J.
    p : each eligible policy's p of belonging to it.  broken : for each that is not eligible, the limits it breached.
    sentence : the recommendation in words.
    """

    policy: str | None
    members: tuple[str, ...]
    p: Mapping[str, float]
    broken: Mapping[str, tuple[str, ...]]
    sentence: str


def recommend(portfolio: Portfolio, scores: Mapping[str, Score], resampling: Resampling) -> Recommendation:
    """The simplest class of the 90 % confidence set of the eligible on daily J, and within it the lowest J.

    A policy is not eligible if its realised tracking error to the strategic target exceeds the file's limit, or if an
    asset is outside its range on more than the allowed fraction of test days. Growth and Sharpe never select.
    """
    broken = {name: found for name, s in scores.items() if (found := _broken(s, portfolio))}
    eligible = [name for name in scores if name not in broken]
    if not eligible:
        reasons = "; ".join(f"{name}: {' and '.join(limits)}" for name, limits in broken.items())
        return Recommendation(None, (), {}, broken, f"No policy is recommended: none is within the limits ({reasons}).")
    chosen_from = confidence_set(
        np.column_stack([scores[n].losses for n in eligible]), size=0.10, resampling=resampling
    )
    members = tuple(name for name, held in zip(eligible, chosen_from.included, strict=True) if held)
    best = min(members, key=lambda name: (complexity(portfolio.policies[name]), scores[name]["loss"]))
    return Recommendation(
        best,
        members,
        dict(zip(eligible, chosen_from.p.tolist(), strict=True)),
        broken,
        _sentence(best, members, eligible, scores),
    )


def _broken(s: Score, portfolio: Portfolio) -> tuple[str, ...]:
    """The limits that a policy breached in the test, in words."""
    limits, found = portfolio.limits, []
    if limits.tracking_error is not None and s["tracking_error"] > limits.tracking_error:
        found.append(f"tracking error {s['tracking_error']:.2%} exceeds the limit of {limits.tracking_error:.2%}")
    if s["days_outside"] > limits.max_days_outside:
        found.append(
            f"an asset outside its range on {s['days_outside']:.1%} of days, {limits.max_days_outside:.1%} allowed"
        )
    return tuple(found)


def _sentence(best: str, members: tuple[str, ...], eligible: Sequence[str], scores: Mapping[str, Score]) -> str:
    lowest = min(eligible, key=lambda name: scores[name]["loss"])
    tail = f"Its loss J is {scores[best]['loss']:.2f} bp a year"
    if best == lowest:
        tail += ", the lowest of the eligible"
    else:
        tail += f"; the lowest, {scores[lowest]['loss']:.2f} of {lowest}, is in the same set"
    if len(members) == 1:
        return f"Use {best}: it is alone in the 90 % confidence set of {len(eligible)} eligible policies. {tail}."
    return (
        f"Use {best}: the simplest of {len(members)} policies in the 90 % confidence set of the best, among "
        f"{len(eligible)} eligible. {tail}."
    )
