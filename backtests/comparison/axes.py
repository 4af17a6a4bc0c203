"""The two axes of "threshold, learned or HRP": which rule on the same target, and which target under the same rule."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from backtests.comparison.belief import DailyTerms
from backtests.comparison.fitting.candidates import Fitted
from backtests.comparison.recommendation import OTHER_TARGET, Question, Recommendation, question, recommend
from backtests.comparison.rule_grid import STRATEGIC, RuleGrid, rule_grid, targets_of
from backtests.comparison.simulated_tests import SimulatedTests
from backtests.comparison.targets import ChosenTarget, ComparedTargets, chosen_target, compare_targets, comparing_rule
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import Score
from backtests.inference.block_draws import Resampling
from backtests.inference.evidence import Evidence
from foundation.errors import ConfigError, DataError
from research.portfolio import Portfolio

NO_LIMITS = "The limits of tracking error and ranges are those of the strategic target, and were not applied."


@dataclass(frozen=True, eq=False, repr=False)
class TwoAxes:
    """The two choices of a comparison: the rule and the target.

    grid       : every rule on every target.
    compared   : the targets under one rule, or None.
    why_not    : the reason why targets are not compared; "" where they are.
    may_change : True if the recommendation may hold another target than the strategic one.
    """

    grid: RuleGrid
    compared: ComparedTargets | None
    why_not: str
    may_change: bool

    @property
    def rules(self) -> pd.DataFrame:
        """A row for each rule and target, by J against the target's own path."""
        return self.grid.table

    @property
    def targets(self) -> pd.DataFrame:
        """A row for each measure and target, with the difference to the strategic one; empty without a comparison."""
        return pd.DataFrame() if self.compared is None else self.compared.table

    @cached_property
    def chosen(self) -> ChosenTarget | None:
        """The target of the procedure for files with `target: may_change`; None where targets are not compared."""
        return None if self.compared is None else chosen_target(self.compared)

    def __repr__(self) -> str:
        """Both tables."""
        targets = f"Targets are not compared: {self.why_not}" if self.compared is None else repr(self.compared)
        return f"{self.grid!r}\n\n{targets}"


def two_axes(
    portfolio: Portfolio,
    benchmark: Benchmark,
    fitted: Mapping[str, Fitted],
    backtests: Mapping[str, Backtest],
    scores: Mapping[str, Score],
    *,
    recommended: str | None,
    reference: str,
    resampling: Resampling,
) -> TwoAxes | None:
    """Both axes of a comparison; None where all its policies hold the strategic target.

    portfolio   : the portfolio of the candidates.
    benchmark   : the benchmark, with the path of the strategic target.
    fitted      : candidates by name.
    backtests   : backtest of each candidate.
    scores      : scores of each candidate, by `benchmark`.
    recommended : the policy under whose rule targets are compared, if this can be moved onto all of them; or None.
    reference   : the policy whose rule takes its place where it cannot; and where the target may change, as it is then
                  chosen before the rule, and by nothing that was chosen in this test.
    resampling  : resampling of the days.
    """
    if len(targets_of(portfolio, fitted)) == 1:
        return None
    grid = rule_grid(portfolio, benchmark, fitted, backtests, scores, resampling)
    try:
        preferred = (reference,) if portfolio.target_may_change else (recommended, reference)
        compared = compare_targets(grid, comparing_rule(grid, portfolio, preferred))
    except (ConfigError, DataError) as error:
        return TwoAxes(grid, None, str(error), portfolio.target_may_change)
    return TwoAxes(grid, compared, "", portfolio.target_may_change)


def recommend_with_target(
    portfolio: Portfolio,
    benchmark: Benchmark,
    fitted: Mapping[str, Fitted],
    played: Mapping[str, Backtest],
    scores: Mapping[str, Score],
    evidence: Evidence,
    tests: SimulatedTests | None,
) -> tuple[Recommendation, Question | None]:
    """The recommendation on the strategic target; where the file lets it change, the target is chosen first.

    portfolio : the portfolio of the candidates.
    benchmark : the benchmark, with the path of the strategic target.
    fitted    : candidates by name.
    played    : the backtest of each.
    scores    : scores of each candidate, by `benchmark`.
    evidence  : evidence on the differences to the reference.
    tests     : simulated tests on the strategic target, or None.
    Returns   : the recommendation, and the question that it follows from.
    """
    axes = None
    if portfolio.target_may_change:
        axes = two_axes(
            portfolio,
            benchmark,
            fitted,
            played,
            scores,
            recommended=None,
            reference=evidence.reference,
            resampling=evidence.resampling,
        )
    chosen = None if axes is None else axes.chosen
    on = {} if axes is None or chosen is None else axes.grid.candidates(chosen.target)
    if axes is None or chosen is None or chosen.target == STRATEGIC or not on:  # none: all were tuned for the strategic
        asked, broken = question(portfolio, scores, DailyTerms.of(played, benchmark), tests, played)
        return recommend(asked, broken), asked
    held = axes.grid.targets[chosen.target]
    own = {name: played[name] for name in on}
    terms = DailyTerms.of(own, replace(benchmark, strategic=next(iter(own.values())).targets))
    asked, broken = question(portfolio, on, terms, None, own, held)
    others = {name: (OTHER_TARGET,) for name in scores if name not in on}
    return recommend(asked, others | broken, f"{chosen.sentence} {NO_LIMITS}"), asked
