"""Allocations made of others: averages, and targets that follow their own target of the refit before.

A target that follows its own, smoothed or with a limit on its turnover, is a function of the past alone: the first is
the other allocation's, at its first complete window, and each refit since goes on from the one before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from foundation.arguments import check_positive, is_number, refuse
from foundation.arrays import Array
from foundation.tolerances import TARGET
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer, Explained, of_inner
from research.allocation.estimated import EstimationSchedule, check_schedule
from research.allocation.fixed import EqualWeights
from research.allocation.in_turn import in_turn, part_answer
from research.allocation.wrapper import Wrapper
from research.market import Past


@dataclass(frozen=True)
class Average(Explained):
    """The weighted mean of the targets of several allocations.

    allocations : two or more.
    weights     : one each, 0 or more, that sum to 1; without them all count alike.
    schedule    : "day", "week", "month", "quarter" or "year", whatever the schedules of its parts.
    Raises      : ConfigError for settings outside these.
    """

    allocations: tuple[Allocation, ...]
    weights: tuple[float, ...] | None = None
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_schedule("Average", self.schedule)
        object.__setattr__(self, "allocations", tuple(self.allocations))
        if len(self.allocations) < 2:
            refuse("allocations of Average are", self.allocations, "give two or more.")
        if self.weights is None:
            return
        object.__setattr__(self, "weights", tuple(self.weights))
        numbers = all(is_number(weight) and weight >= 0.0 for weight in self.weights)
        if not numbers or len(self.weights) != len(self.allocations) or abs(sum(self.weights) - 1.0) > TARGET:
            fix = f"give {len(self.allocations)} numbers, one for each allocation, 0 or more, that sum to 1."
            refuse("weights of Average are", self.weights, fix)

    @property
    def window(self) -> int:
        """The most returns that one of its parts needs."""
        return max(part.window for part in self.allocations)

    def answer(self, past: Past) -> Answer:
        """(n,) the mean of the targets, fraction of NAV; with the reasons of all parts.

        Raises : NotSolvedError where one of the parts has no solution.
        """
        shares = self.weights or (1.0 / len(self.allocations),) * len(self.allocations)
        return mixed([part_answer(part, past) for part in self.allocations], shares)


@dataclass(frozen=True)
class Shrunk(Wrapper):
    """Another allocation's target, moved towards `EqualWeights`: 1/n for each of n lines, unlisted ones spread.

    allocation : the portfolio.
    share      : share of the equal weights, 0 to 1: 0 leaves the target as it is.
    schedule   : "day", "week", "month", "quarter" or "year".
    Raises     : ConfigError for settings outside these.
    Source     : Tu, Zhou (2011), Markowitz Meets Talmud, Journal of Financial Economics 99(1), with a given share; why
                 equal weights: DeMiguel, Garlappi, Uppal (2009), Optimal versus Naive Diversification.
    """

    allocation: Allocation
    share: float = 0.5
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_schedule("Shrunk", self.schedule)
        if not (is_number(self.share) and 0.0 <= self.share <= 1.0):
            refuse("share of Shrunk is", self.share, "give a share from 0 to 1, such as 0.5.")

    def answer(self, past: Past) -> Answer:
        """(n,) the mean of target and equal weights, fraction of NAV; with the portfolio's reasons."""
        both = [part_answer(self.allocation, past), part_answer(EqualWeights(), past)]
        return mixed(both, (1.0 - self.share, self.share))


def mixed(answers: Sequence[Answer], shares: Sequence[float]) -> Answer:
    """The weighted mean of some answers on one day, with the reasons of all of them.

    An objective is that of the only part that has one, as are limits that bind: prices of different objectives do not
    compare.
    """
    solved = [answer for answer in answers if answer.solver]
    alone = solved[0] if len(solved) == 1 else None
    inaccurate = [answer for answer in solved if answer.status != "optimal"]
    return Answer(
        np.sum([share * answer.weights for answer, share in zip(answers, shares, strict=True)], axis=0),
        max(answer.seen for answer in answers),
        solver=", ".join(dict.fromkeys(answer.solver for answer in solved)),
        status=(inaccurate or solved)[0].status if solved else "",
        objective=of_inner(alone.objective) if alone else "",
        value=alone.value if alone else np.nan,
        binding=alone.binding if alone else (),
        fallback=", ".join(dict.fromkeys(answer.fallback for answer in answers if answer.fallback)),
        why="; ".join(dict.fromkeys(answer.why for answer in answers if answer.why)),
        notes=tuple(dict.fromkeys(note for answer in answers for note in answer.notes)),
    )


@dataclass(frozen=True)
class Smoothed(Wrapper):
    """Another allocation's target, smoothed exponentially over its refits.

    allocation : the portfolio.
    half_life  : refits after which a target counts half as much as the last one, above 0. Each refit goes
                 1 - 0.5^(1 / half_life) of the way from the smoothed target before to the portfolio's.
    schedule   : "day", "week", "month", "quarter" or "year"; and the days on which a line leaves the market.
    Raises     : ConfigError for settings outside these.
    Source     : Brown (1956), Exponential Smoothing for Predicting Demand; for targets: Garleanu, Pedersen (2013),
                 Dynamic Trading with Predictable Returns and Transaction Costs, Journal of Finance 68(6), where trading
                 part of the way is optimal.
    """

    allocation: Allocation
    half_life: float = 3.0
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_schedule("Smoothed", self.schedule)
        check_positive(**{"half_life of Smoothed": self.half_life})

    def answer(self, past: Past) -> Answer:
        """(n,) the smoothed target, fraction of NAV; with the reasons of the portfolio's today.

        Raises : NotSolvedError where the portfolio has no solution today, and had none before.
        """
        share = 1.0 - 0.5 ** (1.0 / self.half_life)
        return _followed(self, past, lambda before, aim: before + share * (aim - before))


@dataclass(frozen=True)
class CappedTurnover(Wrapper):
    """Another allocation's target, approached by at most so much turnover a refit.

    It caps the turnover of the target itself, not of trading: a rule has `turnover_cap` for that.
    allocation : the portfolio.
    most       : one-way turnover between two refits of the schedule, above 0 and at most 1, fraction of NAV. Past it
                 the target goes that far towards the portfolio's, on a straight line. What leaves the market is spread
                 over its class first, and is not counted.
    schedule   : "day", "week", "month", "quarter" or "year"; and the days on which a line leaves the market.
    Raises     : ConfigError for settings outside these.
    """

    allocation: Allocation
    most: float = 0.1
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_schedule("CappedTurnover", self.schedule)
        if not (is_number(self.most) and 0.0 < self.most <= 1.0):
            refuse("most of CappedTurnover is", self.most, "give a one-way turnover above 0, at most 1, such as 0.1.")

    def answer(self, past: Past) -> Answer:
        """(n,) the target, fraction of NAV; with the reasons of the portfolio's today.

        Raises : NotSolvedError where the portfolio has no solution today, and had none before.
        """

        def step(before: Array, aim: Array) -> Array:
            change = aim - before
            moved = float(max(change[change > 0.0].sum(), -change[change < 0.0].sum()))
            return aim if moved <= self.most else before + self.most / moved * change

        return _followed(self, past, step)


def _followed(owner: "Smoothed | CappedTurnover", past: Past, step: Callable[[Array, Array], Array]) -> Answer:
    """The answer today of a target that follows its own.

    owner  : allocation whose target is followed, and its schedule.
    past   : market up to today.
    step   : target before (n,), with exited lines spread over their class, and the portfolio's (n,) -> the new target.
    Raises : NotSolvedError where the portfolio has no solution today, and had none before.
    """

    def refit(then: Past, before: Array | None) -> Answer:
        answer = part_answer(owner.allocation, then)
        if before is None:
            return answer
        return answer.within(step(before, answer.weights))

    return in_turn(owner, past, refit)
