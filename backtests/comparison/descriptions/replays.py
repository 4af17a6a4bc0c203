"""Policies in the test of a portfolio, and their replays at other costs or wealths."""

from collections.abc import Mapping

from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, losses
from foundation.dataclasses import dataclass
from research.accounting import Policy
from research.portfolio import Portfolio
from research.rules.protocol import held_by


@dataclass(frozen=True, eq=False)
class Replays:
    """Policies in the test of a portfolio, which can be played again.

    portfolio : portfolio of the market, test and costs.
    benchmark : benchmark by which they are measured.
    policies  : ready for a backtest, by name: a tuned or learned one as it was fitted at the costs of the file.
    backtests : backtest of each policy in the test, by name.
    """

    portfolio: Portfolio
    benchmark: Benchmark
    policies: Mapping[str, Policy]
    backtests: Mapping[str, Backtest]

    def again(self, name: str, portfolio: Portfolio, policy: Policy | None = None) -> Backtest:
        """Backtest a policy, or another one in its place, on its target path with what differs in `portfolio`."""
        policy = policy or self.policies[name]
        paths = {held_by(policy, portfolio.strategic): self.backtests[name].targets}
        return backtest_candidate(portfolio, policy, name, paths)

    def loss(self, played: Backtest) -> float:
        """J of a backtest, bp a year."""
        return float(losses(played, self.benchmark).mean())
