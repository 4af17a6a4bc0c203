"""How claims are made that nobody could have earned: a policy by regimes smoothed over the future, or by filtered ones.

Smoothed probabilities of turbulence are what many packages return, and what is drawn in papers: each of them has seen
the days that follow. A policy that trades on them leaves before the fall. Here it stands beside the policy that it
pretends to be, and beside what only holds less: a constant exposure of the same mean, and a volatility target.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.audits.look_ahead import LookAhead, look_ahead
from backtests.audits.matched_exposure import CONSTANT, VOLATILITY, benchmarks, beside
from backtests.comparison.candidates import backtest_candidate, benchmark_of
from backtests.comparison.comparison import evidence_between
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import losses
from backtests.evaluation.evidence import Difference, Evidence, Resampling
from backtests.wording import number, percent
from research.allocation import Allocation, RegimeExposure
from research.allocation.estimated import Every
from research.forecast import Regimes, fit_regimes, history
from research.market import Market, Past
from research.market.market import Array, frozen
from research.portfolio import Portfolio
from research.rules import Calendar

WHOLE, SMOOTHED, FILTERED = "always invested", "regimes, smoothed", "regimes, filtered"
HOLD = "\N{NO-BREAK SPACE}"  # a table's cell stays on its line


@dataclass(frozen=True, eq=False)
class SmoothedExposure:
    """`RegimeExposure` by what was known only at the end of a market. It shows what foresight is worth; nobody has it.

    turbulent : (T,) probability of turbulence on each day of one market, smoothed over all of its days.
    """

    allocation: Allocation
    turbulent: Array
    refit: Every = "week"

    @classmethod
    def on(cls, market: Market, allocation: Allocation, regimes: Regimes, refit: Every = "week") -> "SmoothedExposure":
        """Smoothed over the whole `market`."""
        turbulent = on_dates(market, regimes.line, regimes.smoothed_knowing_the_future)
        return cls(allocation, frozen(turbulent.to_numpy()), refit)

    @property
    def window(self) -> int:
        """Returns that the other one needs."""
        return self.allocation.window

    def target(self, past: Past) -> Array:
        """(n,) the other's weights, all by one factor."""
        return (1.0 - float(self.turbulent[past.t])) * self.allocation.target(past)

    def __repr__(self) -> str:
        """Without its numbers."""
        return f"SmoothedExposure({self.allocation!r}, refit={self.refit!r})"


@dataclass(frozen=True, eq=False, repr=False)
class Claim:
    """What a portfolio was worth by smoothed and by filtered regimes, on the same days, net of costs.

    makers    : the policies by regimes, by name: each from a market.
    backtests : the portfolio always invested, both policies, and after each what holds as much in the mean.
    evidence  : their paired differences to the portfolio always invested.
    """

    portfolio: Portfolio
    regimes: Regimes
    makers: Mapping[str, Callable[[Market], Calendar]]
    backtests: Mapping[str, Backtest]
    evidence: Evidence

    @property
    def probabilities(self) -> pd.DataFrame:
        """(D, 2) probability of turbulence on each day of the test, smoothed and filtered."""
        market, line = self.portfolio.market, self.regimes.line
        columns = {
            SMOOTHED: on_dates(market, line, self.regimes.smoothed_knowing_the_future),
            FILTERED: on_dates(market, line, self.regimes.filtered),
        }
        return pd.DataFrame(columns).loc[self.backtests[WHOLE].dates[1:]]

    @property
    def differences(self) -> dict[str, Difference]:
        """By policy: its Sharpe ratio less that of the portfolio always invested."""
        return self.evidence.differences("sharpe")

    def table(self) -> pd.DataFrame:
        """A row a policy, in words, a year: exposure, wealth, cost; and its Sharpe ratio less that of `WHOLE`."""
        figures = beside(self.backtests[WHOLE], {k: v for k, v in self.backtests.items() if k != WHOLE})
        told = {
            "exposure %": [number(100.0 * value, 1) for value in figures["exposure"]],
            "growth %": [number(100.0 * value) for value in figures["growth"]],
            "volatility %": [number(100.0 * value) for value in figures["volatility"]],
            "drawdown %": [number(100.0 * value, 1) for value in figures["max_drawdown"]],
            "cost bp": [number(value, 1) for value in figures["cost_bps"]],
            "Sharpe": [number(value) for value in figures["sharpe"]],
        }
        differences = pd.DataFrame({name: _told(d) for name, d in self.differences.items()}).T
        return pd.DataFrame(told, index=figures.index).join(differences).fillna("")

    def audit(self, name: str) -> LookAhead:
        """Does the policy by smoothed, or by filtered, regimes look ahead?"""
        desk = self.portfolio
        return look_ahead(self.makers[name], desk.market, desk.costs, desk.test_start, lag=desk.lag)

    def answer(self, smoothed: LookAhead, filtered: LookAhead) -> str:
        """The answer in words, with its doubt.  smoothed, filtered : what the audit found of each policy."""
        whole = self.evidence.figures("sharpe")[WHOLE].value
        of = self.differences
        worth = [
            f"{percent(of[name].value / whole, signed=True)} ({_in_words(of[name])})" for name in (SMOOTHED, FILTERED)
        ]
        foresight = self.evidence.against(FILTERED).differences("sharpe")[SMOOTHED]
        seen = ["looks ahead" if audit.found else "does not look ahead" for audit in (smoothed, filtered)]
        first, last = self.backtests[WHOLE].dates[[1, -1]]
        return (
            f"**Smoothed over the future, the regimes of {self.regimes.line} move the Sharpe ratio of "
            f"{self.portfolio.name} by {worth[0]}; filtered, as anyone could have known them, by {worth[1]}.** "
            f"Foresight alone, the one less the other, is worth {_in_words(foresight)}. The audit says that the first "
            f"{seen[0]} and the second {seen[1]}. The doubt: one portfolio, one line's regimes, one law, one test, "
            f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, and intervals that say how little a test of this length can show of "
            "either policy. That a policy does not look ahead makes it honest, not good; and the audit asks about some "
            "days, not all."
        )


def compare_foresight(
    portfolio: Portfolio,
    line: str,
    fitted_until: str | pd.Timestamp,
    every: Every = "week",
    draws: int = 10_000,
) -> Claim:
    """Play the strategic target of `portfolio` always invested, and with an exposure by the regimes of `line`.

    fitted_until : the last date that the regimes are fitted on, a period `every` or more before the test. From then on
    their law stays, for both policies; only what the probabilities have seen differs.
    every : when targets are made, and traded to.  draws : of the bootstrap.
    Raises : as `fit_regimes`, `backtest` and `paired_evidence` do.
    """
    market, held = portfolio.market, portfolio.strategic
    regimes = fit_regimes(market.past(market.row(fitted_until)), line)

    def rule(allocation: Allocation) -> Calendar:
        return Calendar(allocation, every)

    makers: dict[str, Callable[[Market], Calendar]] = {
        SMOOTHED: lambda market: rule(SmoothedExposure.on(market, held, regimes, every)),
        FILTERED: lambda _: rule(RegimeExposure(held, regimes, every)),
    }

    played = {WHOLE: backtest_candidate(portfolio, rule(held), WHOLE)}
    for name, make in makers.items():
        played[name] = backtest_candidate(portfolio, make(market), name)
        yardsticks = benchmarks(played[name], held, rule)
        how = name.partition(", ")[2]
        played |= {f"constant, as {how}": yardsticks[CONSTANT], f"volatility, as {how}": yardsticks[VOLATILITY]}
    yardstick = benchmark_of(portfolio, market)
    lost = [losses(one, yardstick) for one in played.values()]
    evidence = evidence_between(played, lost, WHOLE, Resampling(reps=draws))
    return Claim(portfolio, regimes, makers, played, evidence)


def on_dates(market: Market, line: str, probability: Callable[[Array], Array]) -> pd.Series:
    """(T,) what `probability` gives for all returns of a line, by date; missing where it has none, yet or any more."""
    known = probability(history(market.past(len(market.dates) - 1), line))
    listed = np.flatnonzero(market.listed[:, market.assets.index(line)])
    return pd.Series(known, index=market.dates[listed[1:]]).reindex(market.dates)


def _told(difference: Difference) -> dict[str, str]:
    estimate, *ends = (number(x, signed=True) for x in (difference.value, difference.lower, difference.upper))
    chances = {"p": number(difference.p, 4), "p, Holm": number(difference.p_holm, 4)}
    return {"difference": estimate, "95 % interval": f"{ends[0]}{HOLD}to{HOLD}{ends[1]}", **chances}


def _in_words(difference: Difference) -> str:
    told = _told(difference)
    return f"{told['difference']}, 95 % interval {told['95 % interval']}, p {told['p']}"
