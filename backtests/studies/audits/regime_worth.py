"""Value of regime models: exposure by each of them, as known on the day, net of cost, with intervals."""

from collections.abc import Mapping, Sequence

import pandas as pd

from backtests.studies.audits.exposure_evidence import (
    ALWAYS_INVESTED,
    ExposureEvidence,
    difference_words,
    played_with_benchmarks,
)
from foundation.dataclasses import dataclass
from foundation.paper.wording import listed
from research.allocation import RegimeExposure
from research.allocation.estimated import EstimationSchedule
from research.forecast import Regimes, as_known
from research.portfolio import Portfolio
from research.rules import Calendar


@dataclass(frozen=True, eq=False, repr=False)
class RegimeWorth(ExposureEvidence):
    """The value of a portfolio with exposure by the regimes of several models, on the same days, net of costs.

    exposures : the portfolio's target with exposure by the regimes of each model, by its name.
    """

    exposures: Mapping[str, RegimeExposure]

    @property
    def known(self) -> pd.DataFrame:
        """(D, m) probability of the most turbulent regime by each of m models, as known on each day of the test."""
        market = self.portfolio.market
        today = market.past(len(market.dates) - 1)
        found = {name: as_known(one.regimes, today).iloc[:, -1] for name, one in self.exposures.items()}
        return pd.DataFrame(found).loc[self.backtests[ALWAYS_INVESTED].dates[1:]]

    def answer(self) -> str:
        """The effect of each exposure, in words, with the limitations."""
        of, (first, last) = self.differences, self.backtests[ALWAYS_INVESTED].dates[[1, -1]]
        sure = [name for name in self.exposures if of[name].lower > 0.0 or of[name].upper < 0.0]
        worth = "; ".join(f"{name}: {difference_words(of[name])}" for name in self.exposures)
        return (
            f"**Exposure by regimes as known on the day changes the Sharpe ratio of {self.portfolio.name} as follows. "
            f"{worth}.** {excluding(sure)}. Limitations: one portfolio, the regimes of one asset, settings of the "
            f"papers and no others, one test from {first:%Y-%m-%d} to {last:%Y-%m-%d}, with wide intervals."
        )


def regime_worth(
    portfolio: Portfolio, regimes: Mapping[str, Regimes], schedule: EstimationSchedule = "week", draws: int = 10_000
) -> RegimeWorth:
    """Compare `portfolio` always invested with exposures by the regimes of several models.

    portfolio : portfolio with market, costs and strategic target.
    regimes   : regimes by name; the most turbulent regime of each holds cash.
    schedule  : schedule by which targets are made and traded.
    draws     : number of draws of the bootstrap.
    Raises    : the errors of `RegimeExposure`, `backtest` and `evidence_between`.
    """
    exposures = {name: RegimeExposure(portfolio.strategic, one, schedule) for name, one in regimes.items()}
    policies = {name: (lambda _, held=held: Calendar(held, schedule)) for name, held in exposures.items()}
    return RegimeWorth(**vars(played_with_benchmarks(portfolio, policies, schedule, draws)), exposures=exposures)


def excluding(names: Sequence[str]) -> str:
    """The names whose intervals exclude zero, in words.

    >>> excluding([]), excluding(["jump model"])
    ('No interval excludes zero', 'The interval of jump model excludes zero')
    >>> excluding(["Markov", "jump model"])
    'The intervals of Markov and jump model exclude zero'
    """
    if not names:
        return "No interval excludes zero"
    one = len(names) == 1
    return f"The interval{'' if one else 's'} of {listed(names)} exclude{'s' if one else ''} zero"
