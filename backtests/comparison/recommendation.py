"""The recommendation: among the policies within the limits, the simplest that is not materially worse than the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backtests.evaluation.evidence import LOSS
from backtests.evaluation.scores import Score
from backtests.evaluation.slow_waves import SlowMeans, confidence_set
from research.allocation import Allocation
from research.portfolio import Portfolio
from research.rules.protocol import complexity, held_by

JUDGED = (LOSS, "tracking_error", "days_outside")  # the metrics that it looks at
CONFIDENCE = 0.90  # one-sided, that a policy is not materially worse; also that of the set


@dataclass(frozen=True)
class Recommendation:
    """The simplest policy that is within the limits and not materially worse than the best of them.

    policy  : its name, or None.
    best    : the eligible policy of the lowest J among those whose J is known from above; of all, if none is; or None.
    excess  : for each eligible policy, the most by which its J exceeds that of the best, bp a year, with 90 %
              confidence; infinite where the test holds too few episodes to know.
    margin  : what is material, bp a year.
    members : the 90 % confidence set of the best among the eligible.
    p       : each eligible policy's p of belonging to it.
    broken  : for each that is not eligible, the limits that it breached, or that it holds another target.
    target  : why another target than the strategic one is held, where the file lets it change; else "".
    """

    policy: str | None
    best: str | None
    excess: Mapping[str, float]
    margin: float
    members: tuple[str, ...]
    p: Mapping[str, float]
    broken: Mapping[str, tuple[str, ...]]
    target: str = ""

    @property
    def as_good(self) -> tuple[str, ...]:
        """The other policies that are not materially worse than the best, in the order of the file."""
        return tuple(name for name, most in self.excess.items() if most <= self.margin and name != self.policy)


def recommend(
    portfolio: Portfolio, scores: Mapping[str, Score], losses: SlowMeans, held: Allocation | None = None
) -> Recommendation:
    """The simplest class of policies that are not materially worse than the best, and within it the lowest J.

    A policy is not eligible if it holds another target than `held`, if its realised tracking error to the strategic
    target exceeds the file's limit, or if an asset is outside its range on more than the allowed fraction of test days.
    An eligible policy is not materially worse if its J exceeds the lowest by the file's margin at most, with 90 %
    confidence. Growth and Sharpe ratio never select.

    portfolio : whose limits and margin are taken.
    scores    : of each policy.
    losses    : J of the same policies, in the same order.
    held      : the target that they are to hold; by default the strategic one.
    """
    held = portfolio.strategic if held is None else held
    broken = {name: found for name, s in scores.items() if (found := _broken(name, s, portfolio, held))}
    names = list(scores)
    eligible = [name for name in names if name not in broken]
    margin = portfolio.materiality
    if not eligible:
        return Recommendation(None, None, {}, margin, (), {}, broken)
    among = losses.select([names.index(name) for name in eligible])
    chosen, best = simplest(among, [complexity(portfolio.policies[name]) for name in eligible], margin)
    excess = [among.most(p, best, CONFIDENCE) for p in range(len(eligible))]
    together = confidence_set(among, 1.0 - CONFIDENCE)
    return Recommendation(
        eligible[chosen],
        eligible[best],
        dict(zip(eligible, excess, strict=True)),
        margin,
        tuple(name for name, held in zip(eligible, together.included, strict=True) if held),
        dict(zip(eligible, together.p.tolist(), strict=True)),
        broken,
    )


def simplest(losses: SlowMeans, classes: Sequence[int], margin: float) -> tuple[int, int]:
    """The numbers of the recommended policy and of the best: that of the lowest J among those known from above.

    What is known from below only is recommended where nothing else is there: its J may be many times that of the test.

    losses  : of the eligible policies.
    classes : the place of each in the order of complexity.
    margin  : what is material, bp a year.
    """
    among = np.flatnonzero(losses.known) if losses.known.any() else np.arange(len(losses.means))
    best = int(among[np.argmin(losses.means[among])])
    from_the_simplest = sorted(range(len(losses.means)), key=lambda p: (classes[p], losses.means[p]))
    return next(p for p in from_the_simplest if p == best or losses.chance(p, best, margin) >= CONFIDENCE), best


def _broken(name: str, s: Score, portfolio: Portfolio, held: Allocation) -> tuple[str, ...]:
    """The limits that a policy breached in the test, in words; or that it holds another target."""
    if held_by(portfolio.policies[name], portfolio.strategic) != held:
        return ("it holds another target",)
    limits, found = portfolio.limits, []
    if limits.tracking_error is not None and s["tracking_error"] > limits.tracking_error:
        found.append(f"tracking error {s['tracking_error']:.2%} exceeds the limit of {limits.tracking_error:.2%}")
    if s["days_outside"] > limits.max_days_outside:
        found.append(
            f"an asset outside its range on {s['days_outside']:.1%} of days, {limits.max_days_outside:.1%} allowed"
        )
    return tuple(found)
