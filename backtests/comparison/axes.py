"""The two axes of "threshold, learned or HRP": which rule on the same target, and which target under the same rule."""

from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from backtests.comparison.belief import DailyTerms
from backtests.comparison.fitting.candidates import PlayedCandidates
from backtests.comparison.recommendation import OTHER_TARGET, Question, Recommendation, question, recommend
from backtests.comparison.rule_grid import STRATEGIC, RuleGrid, rule_grid, targets_of
from backtests.comparison.simulated_tests import SimulatedTests
from backtests.comparison.targets import ChosenTarget, ComparedTargets, chosen_target, compare_targets, comparing_rule
from backtests.inference.evidence import Evidence
from foundation.errors import ConfigError, DataError

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


def two_axes(played: PlayedCandidates, evidence: Evidence, recommended: str | None) -> TwoAxes | None:
    """Both axes of a comparison; None where all its policies hold the strategic target.

    played      : the candidates.
    evidence    : evidence on the differences to the reference: its rule is taken where that of `recommended` cannot be
                  moved; and where the target may change, as it is then chosen before the rule, and by nothing that was
                  chosen in this test.
    recommended : the policy under whose rule targets are compared, if this can be moved onto all of them; or None.
    """
    if len(targets_of(played)) == 1:
        return None
    grid, may_change = rule_grid(played, evidence.resampling), played.portfolio.target_may_change
    try:
        preferred = (evidence.reference,) if may_change else (recommended, evidence.reference)
        compared = compare_targets(grid, comparing_rule(grid, played.portfolio, preferred))
    except (ConfigError, DataError) as error:
        return TwoAxes(grid, None, str(error), may_change)
    return TwoAxes(grid, compared, "", may_change)


def recommend_with_target(
    played: PlayedCandidates, evidence: Evidence, tests: SimulatedTests | None
) -> tuple[Recommendation, Question | None]:
    """The recommendation on the strategic target; where the file lets it change, the target is chosen first.

    played   : the candidates.
    evidence : evidence on the differences to the reference.
    tests    : simulated tests on the strategic target, or None.
    Returns  : the recommendation, and the question that it follows from.
    """
    portfolio, backtests = played.portfolio, played.backtests
    axes = two_axes(played, evidence, None) if portfolio.target_may_change else None
    chosen = None if axes is None else axes.chosen
    on = {} if axes is None or chosen is None else axes.grid.candidates(chosen.target)
    if axes is None or chosen is None or chosen.target == STRATEGIC or not on:  # none: all were tuned for the strategic
        terms = DailyTerms.of(backtests, played.benchmark)
        asked, broken = question(portfolio, played.scores, terms, tests, backtests)
        return recommend(asked, broken), asked
    own = {name: backtests[name] for name in on}
    terms = DailyTerms.of(own, replace(played.benchmark, strategic=next(iter(own.values())).targets))
    asked, broken = question(portfolio, on, terms, None, own, axes.grid.targets[chosen.target])
    others = {name: (OTHER_TARGET,) for name in played.scores if name not in on}
    return recommend(asked, others | broken, f"{chosen.sentence} {NO_LIMITS}"), asked
