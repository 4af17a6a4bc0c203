"""Exposures that wrap any allocation: constant, by volatility or by regimes, with the rest in cash or in a line.

Those to cash are also the benchmarks of a policy that goes to cash: most of a smaller drawdown is only less exposure
(`backtests.studies.audits.matched_exposure`).
"""

from dataclasses import dataclass, replace

import numpy as np

from foundation.arguments import check_positive, cut, is_number, one_of, refuse, shown
from foundation.arrays import Array, Mask
from foundation.errors import ConfigError, DataError
from foundation.tolerances import RETURNS
from research.allocation.allocation import Allocation
from research.allocation.answer import Answer
from research.allocation.estimated import EstimationSchedule, check_estimate
from research.allocation.in_turn import part_answer
from research.allocation.wrapper import Wrapper
from research.forecast import Forecast, Regimes
from research.forecast.predicted import seen_until
from research.market import Past
from research.market.calendars import EVERY

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
    lookback   : number of returns in the estimate, with the weights of today; a line without so many counts as if it
                 moved with the others, in proportion to absolute weights.
    forecast   : forecast whose covariance gives the volatility, in place of the last returns; a line that it does not
                 know counts likewise.
    schedule   : "day", "week", "month", "quarter" or "year".
    most       : maximum share of the target; 1 borrows nothing.
    periods_per_year : returns a year.
    Raises : ConfigError for settings outside these; on its schedule, DataError where the target did not move, or none
             of its lines has a complete window.
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
            refuse("volatility of VolatilityTarget is", self.volatility, "give a fraction a year, such as 0.1 for 10%.")

    @property
    def window(self) -> int:
        """Number of returns that it or the portfolio's allocation needs, whichever is more."""
        return max(self.lookback if self.forecast is None else self.forecast.window, self.allocation.window)

    def answer(self, past: Past) -> Answer:
        """(n,) weights of the portfolio, fraction of NAV, all times one factor; with the portfolio's reasons.

        Raises : DataError where the target did not move, or none of its lines has a complete window.
        """
        answer = part_answer(self.allocation, past)
        known, deviation, notes = self._deviation(answer.weights, past)
        if not known.any():
            needed = f"{self.lookback} returns" if self.forecast is None else "a forecast of its moments"
            raise DataError(
                f"no line of the target of {self.allocation!r} has {needed} on {past.date:%Y-%m-%d}. Give "
                "VolatilityTarget a shorter lookback, or start later."
            )
        deviation *= float(np.abs(answer.weights).sum() / np.abs(answer.weights[known]).sum())
        if deviation <= RETURNS:
            still = f"in the {self.lookback} sessions to" if self.forecast is None else "by its forecast, up to"
            raise DataError(
                f"the target of {self.allocation!r} did not move {still} {past.date:%Y-%m-%d}: it has no volatility to "
                "aim at. Leave it as it is."
            )
        scaled = answer.times(min(self.most, self.volatility / (deviation * self.periods_per_year**0.5)))
        return replace(scaled, notes=(*scaled.notes, *notes))

    def _deviation(self, weights: Array, past: Past) -> tuple[Mask, float, tuple[str, ...]]:
        """Lines (n,) held and known, the deviation of their return a period, and the notes of the forecast."""
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
    regimes   : of one line of the market, fitted before or refitted on a schedule of their own.
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

    allocation : the portfolio; what it gives the line itself comes on top.
    line       : name of the line. Before it is listed, and after it has left, its fraction is cash.
    fraction   : of NAV, 0 to 1.
    Raises     : ConfigError for a fraction outside 0 to 1; when asked, for a line that the market does not have.
    """

    allocation: Allocation
    line: str
    fraction: float

    def __post_init__(self) -> None:
        """Check the fraction."""
        if not (is_number(self.fraction) and 0.0 <= self.fraction <= 1.0):
            refuse("fraction of Reserve is", self.fraction, "give a fraction of NAV from 0 to 1, such as 0.1.")

    def answer(self, past: Past) -> Answer:
        """(n,) the fraction in the line and the portfolio in the rest, fraction of NAV; with the portfolio's reasons.

        Raises : ConfigError for a line that the market does not have.
        """
        if self.line not in past.assets:
            raise ConfigError(
                f"line of Reserve is {shown(self.line)}, which the market does not have: its lines are "
                f"{cut(', '.join(past.assets))}. Correct the name, or add the line to the market."
            )
        answer = part_answer(self.allocation, past).times(1.0 - self.fraction)
        weights, line = answer.weights.copy(), past.assets.index(self.line)
        weights[line] += self.fraction * past.listed[-1, line]
        return replace(answer, weights=weights)
