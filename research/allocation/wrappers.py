"""Allocations made of others: exposures, averages, and targets that follow their own target of the refit before.

Exposures to cash are also the benchmarks of a policy that goes to cash: most of a smaller drawdown is only less
exposure (`backtests.studies.audits.matched_exposure`).

A target that follows its own, smoothed or with a limit on its turnover, is a function of the past alone: the first is
the other allocation's, at its first complete window, and each refit since goes on from the one before it.
"""

from collections.abc import Callable, Sequence

import numpy as np

from foundation.arguments import check_positive, cut, is_number, one_of, refuse, shown
from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError
from foundation.tolerances import RETURNS, TARGET_TOLERANCE
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer, Explained, NotSolvedError, of_inner
from research.allocation.estimated import EqualWeights, EstimationSchedule, check_estimate, check_period
from research.allocation.in_turn import in_turn, part_answer
from research.allocation.wrapper import Wrapper
from research.forecast import Forecast, Regimes
from research.forecast.predicted import seen_until
from research.market import Past
from research.market.calendars import EVERY


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
        check_period("Average", self.schedule)
        object.__setattr__(self, "allocations", tuple(self.allocations))
        if len(self.allocations) < 2:
            refuse("allocations of Average are", self.allocations, "give two or more.")
        if self.weights is None:
            return
        object.__setattr__(self, "weights", tuple(self.weights))
        numbers = all(is_number(weight) and weight >= 0.0 for weight in self.weights)
        if not numbers or len(self.weights) != len(self.allocations) or abs(sum(self.weights) - 1.0) > TARGET_TOLERANCE:
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
    """Another allocation's target, moved towards `EqualWeights`: 1/n for each of n assets, unlisted ones spread.

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
        check_period("Shrunk", self.schedule)
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
        cut=max(answer.cut for answer in answers),
    )


@dataclass(frozen=True)
class Smoothed(Wrapper):
    """Another allocation's target, smoothed exponentially over its refits.

    allocation : the portfolio.
    half_life  : refits after which a target counts half as much as the last one, above 0. Each refit goes
                 1 - 0.5^(1 / half_life) of the way from the smoothed target before to the portfolio's.
    schedule   : "day", "week", "month", "quarter" or "year"; and the days on which an asset leaves the market.
    Raises     : ConfigError for settings outside these.
    Source     : Brown (1956), Exponential Smoothing for Predicting Demand; for targets: Garleanu, Pedersen (2013),
                 Dynamic Trading with Predictable Returns and Transaction Costs, Journal of Finance 68(6), where trading
                 part of the way is optimal.
    """

    allocation: Allocation
    half_life: float = field(default=3.0, metadata={"length": "refits"})
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_period("Smoothed", self.schedule)
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
    schedule   : "day", "week", "month", "quarter" or "year"; and the days on which an asset leaves the market.
    Raises     : ConfigError for settings outside these.
    """

    allocation: Allocation
    most: float = 0.1
    schedule: EstimationSchedule = "month"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_period("CappedTurnover", self.schedule)
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
    step   : target before (n,), with exited assets spread over their class, and the portfolio's (n,) -> the new target.
    Raises : NotSolvedError where the portfolio has no solution today, and had none before.
    """

    def refit(then: Past, before: Array | None) -> Answer:
        answer = part_answer(owner.allocation, then)
        if before is None:
            return answer
        return answer.within(step(before, answer.weights))

    return in_turn(owner, past, refit)


HIGHEST_VOLATILITY = 2.0  # of a target, a year: what is more was written in per cent


@dataclass(frozen=True)
class ConstantExposure(Wrapper):
    """A constant share of another allocation's target; the rest is cash.

    allocation : the portfolio.
    exposure   : share of each weight to hold, 0 to 1.
    Raises     : ConfigError for a share outside 0 to 1.
    """

    allocation: Allocation
    exposure: float

    def __post_init__(self) -> None:
        """Check the share."""
        if not (is_number(self.exposure) and 0.0 <= self.exposure <= 1.0):
            refuse("exposure of ConstantExposure is", self.exposure, "give a share from 0 to 1, such as 0.6.")

    def answer(self, past: Past) -> Answer:
        """(n,) weights of the portfolio, fraction of NAV, times the share; with the portfolio's reasons."""
        return part_answer(self.allocation, past).times(self.exposure)


@dataclass(frozen=True)
class VolatilityTarget(Wrapper):
    """Another allocation's target, scaled to a volatility that is estimated or forecast; the rest is cash.

    allocation : the portfolio.
    volatility : a year, such as 0.10.
    lookback   : number of returns in the estimate, with the weights of today; an asset without so many counts as if it
                 moved with the others, in proportion to absolute weights.
    forecast   : forecast whose covariance gives the volatility, in place of the last returns; an asset that it does not
                 know counts likewise.
    schedule   : "day", "week", "month", "quarter" or "year".
    most       : maximum share of the target; 1 borrows nothing.
    periods_per_year : returns a year.
    Raises : ConfigError for settings outside these; on its schedule, NotSolvedError where the target did not move,
             and DataError where none of its assets has a complete window.
    Source : Moreira and Muir (2017), Volatility-Managed Portfolios, Journal of Finance 72(4); with volatility, as
             desks do, in place of variance, and a limit on exposure.
    """

    allocation: Allocation
    volatility: float
    lookback: int = 63
    schedule: EstimationSchedule = "month"
    most: float = 1.0
    periods_per_year: float = 252.0
    forecast: Forecast | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("VolatilityTarget", self.lookback, self.schedule)
        numbers = {name: getattr(self, name) for name in ("volatility", "most", "periods_per_year")}
        check_positive(**{f"{name} of VolatilityTarget": value for name, value in numbers.items()})
        if self.volatility > HIGHEST_VOLATILITY:
            refuse(
                "volatility of VolatilityTarget is", self.volatility, "give a fraction a year, such as 0.1 for 10 %."
            )

    @property
    def window(self) -> int:
        """Number of returns that it or the portfolio's allocation needs, whichever is more."""
        return max(self.lookback if self.forecast is None else self.forecast.window, self.allocation.window)

    def answer(self, past: Past) -> Answer:
        """(n,) weights of the portfolio, fraction of NAV, all times one factor; with the portfolio's reasons.

        Raises : NotSolvedError where the target did not move; DataError where no asset of it has a complete window.
        """
        answer = part_answer(self.allocation, past)
        known, deviation, notes = self._deviation(answer.weights, past)
        if not known.any():
            needed = f"{self.lookback} returns" if self.forecast is None else "a forecast of its moments"
            raise DataError(
                f"no asset of the target of {self.allocation!r} has {needed} on {past.date:%Y-%m-%d}. Give "
                "VolatilityTarget a shorter lookback, or start later."
            )
        deviation *= float(np.abs(answer.weights).sum() / np.abs(answer.weights[known]).sum())
        if deviation <= RETURNS:
            still = f"in the {self.lookback} sessions to" if self.forecast is None else "by its forecast, up to"
            raise NotSolvedError(f"the target of {self.allocation!r} did not move {still} {past.date:%Y-%m-%d}")
        scaled = answer.times(min(self.most, self.volatility / (deviation * self.periods_per_year**0.5)))
        return replace(scaled, notes=(*scaled.notes, *notes))

    def _deviation(self, weights: Array, past: Past) -> tuple[Mask, float, tuple[str, ...]]:
        """Assets (n,) held and known, the deviation of their return a period, and the notes of the forecast."""
        if self.forecast is None:
            known = (weights != 0.0) & past.complete(self.lookback)
            returns = past.returns[past.t - self.lookback + 1 :][:, known] @ weights[known]
            return known, float(returns.std(ddof=1)) if known.any() else 0.0, ()
        moments = seen_until(past, self.forecast.predict(past), self.forecast)
        held = weights[[past.assets.index(asset) for asset in moments.assets]]
        known = (weights != 0.0) & np.isin(past.assets, moments.assets)
        return known, float(held @ moments.covariance @ held / moments.horizon) ** 0.5, moments.notes


@dataclass(frozen=True)
class RegimeExposure(Wrapper):
    """A share of another allocation's target by today's probabilities of the regimes; the rest is cash.

    allocation : the portfolio to hold.
    regimes   : of one asset of the market, fitted before or refitted on a schedule of their own.
    schedule  : "day", "week", "month", "quarter" or "year".
    exposures : share of the portfolio to hold in each regime, 0 to 1, the calmest first; by default all of it but in
                the most turbulent, where it holds none. What it holds is their mean by the probabilities.
    Raises    : ConfigError for another schedule, and for a share outside 0 to 1; on its schedule, ConfigError for
                another number of shares than of regimes, PolicyError on a date before the end of the regimes' fit,
                DataError where no regimes were found yet.
    Source    : Ang and Bekaert (2004), How Regimes Affect Asset Allocation, Financial Analysts Journal 60(2): their
                switch between stocks and cash, by degrees.
    """

    allocation: Allocation
    regimes: Regimes
    schedule: EstimationSchedule = "week"
    exposures: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Check the schedule and the shares."""
        one_of("schedule of RegimeExposure is", self.schedule, EVERY)
        if self.exposures is not None and not all(is_number(one) and 0.0 <= one <= 1.0 for one in self.exposures):
            refuse("exposures of RegimeExposure are", self.exposures, "give a share from 0 to 1 for each regime.")

    @property
    def window(self) -> int:
        """Number of returns that the portfolio's allocation or the regimes need, whichever is more."""
        return max(self.allocation.window, self.regimes.window)

    def answer(self, past: Past) -> Answer:
        """(n,) weights of the portfolio, fraction of NAV, times the share of today; with the portfolio's reasons.

        Raises : as the class says.
        """
        fitted, notes = self.regimes.in_force(past)
        share = float(fitted.probabilities(past)[-1] @ self.shares(fitted.names))
        answer = part_answer(self.allocation, past).times(share)
        return replace(answer, notes=(*answer.notes, *notes)) if notes else answer

    def shares(self, names: tuple[str, ...]) -> Array:
        """(k,) share of the portfolio to hold in each of k regimes. Raises ConfigError for another number of them."""
        if self.exposures is None:
            return np.append(np.ones(len(names) - 1), 0.0)
        if len(self.exposures) != len(names):
            raise ConfigError(
                f"exposures of RegimeExposure are {len(self.exposures)}, and {self.regimes.line} has {len(names)} "
                f"regimes ({', '.join(names)}). Give one for each, the calmest first."
            )
        return np.array(self.exposures, dtype=float)


@dataclass(frozen=True)
class Reserve(Wrapper):
    """A fixed fraction of NAV in one line, and another allocation's target with the rest; for cash: `ConstantExposure`.

    allocation : the portfolio; what it gives the asset itself comes on top.
    line       : name of the asset. Before it is listed, and after it has left, its fraction is cash.
    fraction   : of NAV, 0 to 1.
    Raises     : ConfigError for a fraction outside 0 to 1; when asked, for an asset that the market does not have.
    """

    allocation: Allocation
    line: str
    fraction: float

    def __post_init__(self) -> None:
        """Check the fraction."""
        if not (is_number(self.fraction) and 0.0 <= self.fraction <= 1.0):
            refuse("fraction of Reserve is", self.fraction, "give a fraction of NAV from 0 to 1, such as 0.1.")

    def answer(self, past: Past) -> Answer:
        """(n,) the fraction in the asset and the portfolio in the rest, fraction of NAV; with the portfolio's reasons.

        Raises : ConfigError for an asset that the market does not have.
        """
        if self.line not in past.assets:
            raise ConfigError(
                f"line of Reserve is {shown(self.line)}, which the market does not have: its assets are "
                f"{cut(', '.join(past.assets))}. Correct the name, or add the asset to the market."
            )
        answer = part_answer(self.allocation, past).times(1.0 - self.fraction)
        weights, line = answer.weights.copy(), past.assets.index(self.line)
        weights[line] += self.fraction * past.listed[-1, line]
        return replace(answer, weights=weights)
