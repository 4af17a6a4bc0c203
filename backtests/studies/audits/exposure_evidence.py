"""Policies that go to cash, beside the portfolio always invested and benchmarks of equal exposure, with intervals."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import backtest_candidate, benchmark_of
from backtests.comparison.paired import evidence_between
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import losses
from backtests.inference.block_draws import Resampling
from backtests.inference.evidence import Difference, Evidence
from backtests.studies.audits.matched_exposure import CONSTANT, VOLATILITY, benchmarks, exposure_table
from foundation.dataclasses import dataclass
from foundation.paper.wording import number
from research.allocation import Allocation
from research.allocation.estimated import EstimationSchedule
from research.market import Market
from research.portfolio import Portfolio
from research.rules import Calendar

ALWAYS_INVESTED = "always invested"
HOLD = "\N{NO-BREAK SPACE}"  # a table's cell stays on its line


@dataclass(frozen=True, eq=False, repr=False)
class ExposureEvidence:
    """The value of policies that go to cash, on the same days, net of costs.

    portfolio : portfolio with market, costs and strategic target.
    backtests : by name: the portfolio always invested, each policy, and after each its benchmarks of equal exposure.
    evidence  : their paired differences to the portfolio always invested.
    """

    portfolio: Portfolio
    backtests: Mapping[str, Backtest]
    evidence: Evidence

    @property
    def differences(self) -> dict[str, Difference]:
        """The Sharpe ratio of each policy less that of the portfolio always invested."""
        return self.evidence.differences("sharpe")

    def table(self) -> pd.DataFrame:
        """A row for each policy, as text.

        Exposure, growth, risk and cost a year, and its Sharpe ratio less that of `ALWAYS_INVESTED`.
        """
        played = dict(self.backtests)
        figures = exposure_table(played.pop(ALWAYS_INVESTED), played)
        shown = {
            "exposure %": ("exposure", 100.0, 1),
            "growth %": ("growth", 100.0, 2),
            "volatility %": ("volatility", 100.0, 2),
            "drawdown %": ("max_drawdown", 100.0, 1),
            "cost bp": ("cost_bps", 1.0, 1),
            "Sharpe": ("sharpe", 1.0, 2),
        }
        columns = {
            head: [number(factor * value, digits) for value in figures[name]]
            for head, (name, factor, digits) in shown.items()
        }
        differences = pd.DataFrame({name: cells(d) for name, d in self.differences.items()}).T
        return pd.DataFrame(columns, index=figures.index).join(differences).fillna("")


def played_with_benchmarks(
    portfolio: Portfolio,
    policies: Mapping[str, Callable[[Market], Calendar]],
    schedule: EstimationSchedule,
    draws: int,
    short: Callable[[str], str] = str,
) -> ExposureEvidence:
    """The portfolio's strategic target always invested, each policy with its benchmarks, and their paired differences.

    portfolio : portfolio with market, costs and strategic target.
    policies  : by name, a function from a market to the policy.
    schedule  : schedule by which all trade.
    draws     : number of draws of the bootstrap.
    short     : function that shortens a policy's name for the names of its benchmarks.
    """
    market, held = portfolio.market, portfolio.strategic

    def rule(allocation: Allocation) -> Calendar:
        return Calendar(allocation, schedule)

    played = {ALWAYS_INVESTED: backtest_candidate(portfolio, rule(held), ALWAYS_INVESTED)}
    for name, make in policies.items():
        played[name] = backtest_candidate(portfolio, make(market), name)
        found, how = benchmarks(played[name], held, rule), short(name)
        played |= {f"constant, as {how}": found[CONSTANT], f"volatility, as {how}": found[VOLATILITY]}
    benchmark = benchmark_of(portfolio, market)
    lost = [losses(one, benchmark) for one in played.values()]
    resampling = Resampling.of_rows(portfolio.periods_per_year, draws)
    return ExposureEvidence(portfolio, played, evidence_between(played, lost, ALWAYS_INVESTED, resampling))


def cells(difference: Difference) -> dict[str, str]:
    """A difference as text: its value, its interval and its p-values."""
    estimate, *ends = (number(x, signed=True) for x in (difference.value, difference.lower, difference.upper))
    chances = {"p": number(difference.p, 4), "p, Holm": number(difference.p_holm, 4)}
    return {"difference": estimate, "95 % interval": f"{ends[0]}{HOLD}to{HOLD}{ends[1]}", **chances}


def difference_words(difference: Difference) -> str:
    """A difference with its interval and its p-value, in one phrase; without them where there is no test."""
    found = cells(difference)
    if np.isnan(difference.lower):
        return f"{found['difference']}, without an interval ({difference.verdict})"
    return f"{found['difference']}, 95 % interval {found['95 % interval']}, p {found['p']}"
