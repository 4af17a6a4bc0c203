"""The two axes of "threshold, learned or HRP": which rule on the same target, and which target under the same rule.

    grid = rule_grid(comparison, resampling)
    compared = compare_targets(grid, comparing_rule(grid, portfolio, (portfolio.reference,)))
    chosen = chosen_target(compared)

Where a file says `target: may_change`, the target is chosen first, under the rule of the reference: the strategic one
is kept, unless the certainty equivalent of another is higher and the difference significant at 5 % after Holm's
adjustment over the other targets; of several such the highest is taken. The rule is then chosen by J against the path
of that target (`RuleGrid.candidates`), as on the strategic one.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from backtests.comparison.belief import DailyTerms
from backtests.comparison.fitting.candidates import PlayedCandidates
from backtests.comparison.paired import evidence_between
from backtests.comparison.recommendation import OTHER_TARGET, Question, Recommendation, question, recommend
from backtests.comparison.rule_grid import STRATEGIC, RuleGrid, rule_grid, targets_of
from backtests.comparison.simulated_tests import SimulatedTests
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import daily_costs
from backtests.evaluation.scores import Score
from backtests.inference.evidence import Difference, Evidence
from backtests.inference.slow_waves import SlowMeans
from backtests.inference.target_inference import CERTAIN, TargetEvidence, target_evidence
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import listed, number, percent
from research.portfolio import Portfolio
from research.rules.protocol import complexity

LIMITS_UNCHECKED = "The limits of tracking error and ranges are those of the strategic target, and were not applied."


# -- which target ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class ComparedTargets:
    """The targets of a grid under one rule, on the same days.

    rule      : under which they are compared.
    backtests : by target, the strategic one first.
    scores    : by target, against its own path.
    evidence  : their figures, and the differences to the strategic one.
    """

    rule: str
    backtests: Mapping[str, Backtest]
    scores: Mapping[str, Score]
    evidence: TargetEvidence

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each measure and target, in the units of records.

        Columns : value, lower, upper, difference, difference_lower, difference_upper, p, p_holm, verdict, detectable
                  (None where there is none), and no_interval and no_test: why there is none, or "".
        """
        rows: list[dict[str, object]] = [
            {"measure": measure, "target": target, **figure.record()}
            for measure, by_target in self.evidence.figures.items()
            for target, figure in by_target.items()
        ]
        return pd.DataFrame(rows, dtype=object).set_index(["measure", "target"])

    def __repr__(self) -> str:
        """The table without its reasons."""
        return self.table.drop(columns=["no_interval", "no_test"]).to_string(float_format="{:.4g}".format, na_rep="")


@dataclass(frozen=True)
class ChosenTarget:
    """The target that a recommendation holds where it may choose one.

    target      : its name; the strategic one, unless another is significantly better.
    rule        : under which the targets were compared.
    differences : by other target, its certainty equivalent less that of the strategic one, fraction a year.
    sentence    : the choice in words.
    """

    target: str
    rule: str
    differences: Mapping[str, Difference]
    sentence: str


def comparing_rule(grid: RuleGrid, portfolio: Portfolio, preferred: Sequence[str | None]) -> str:
    """The rule under which targets are compared: the first preferred one backtested on all, else the simplest.

    grid      : rules and targets.
    portfolio : the portfolio of the policies.
    preferred : policies of the file whose rules are taken if they can be; None for none.
    Raises    : ConfigError where no rule was played on all targets.
    """
    everywhere = grid.everywhere()
    if not everywhere:
        raise ConfigError("no rule of the file can be played on all of its targets: add `{rule: never}`, which can.")
    names = {policy: rule for (rule, _), policy in grid.policies.items()}
    for name in preferred:
        if name is not None and names.get(name) in everywhere:
            return names[name]
    return min(everywhere, key=lambda rule: complexity(portfolio.policies[rule]))


def compare_targets(grid: RuleGrid, rule: str) -> ComparedTargets:
    """Compare all targets of a grid under one of its rules.

    grid   : rules and targets.
    rule   : name of a rule that was backtested on all targets.
    Raises : DataError for a series that is in cash on nearly all days.
    """
    played = {target: grid.backtests[rule, target] for target in grid.targets}
    scores = {target: grid.scores[rule, target] for target in grid.targets}
    evidence = evidence_between(played, [s.losses for s in scores.values()], STRATEGIC, grid.resampling)
    found = target_evidence(evidence, _traded(played))
    return ComparedTargets(rule, played, scores, found)


def _traded(played: Mapping[str, Backtest]) -> dict[str, SlowMeans]:
    """Turnover, fraction a year, and cost, bp a year, of each backtest, with what is not known of them."""
    traded = [len(b.booked) > 0 for b in played.values()]
    daily = {
        "turnover": [b.turnover * b.periods_per_year for b in played.values()],
        "cost": [daily_costs(b) for b in played.values()],
    }
    return {key: SlowMeans.of(np.column_stack(columns), traded) for key, columns in daily.items()}


def chosen_target(compared: ComparedTargets) -> ChosenTarget:
    """The strategic target, unless another has a significantly higher certainty equivalent under the same rule.

    compared : the targets.
    """
    evidence = compared.evidence
    figures = evidence.figures[CERTAIN]
    differences = {name: f.difference for name, f in figures.items() if isinstance(f.difference, Difference)}
    better = [name for name, d in differences.items() if d.verdict == "better"]
    target = max(better, key=lambda name: figures[name].value, default=STRATEGIC)
    aversion, size = f"{evidence.risk_aversion:g}", percent(1.0 - evidence.level, 0)
    held = f"its certainty equivalent, at a relative risk aversion of {aversion} and under {compared.rule},"
    if target != STRATEGIC:
        d = differences[target].times(100.0)
        sentence = (
            f"Hold {target}: {held} is {number(d.value)} points a year higher than that of the strategic target "
            f"({percent(d.level, 0)} interval {d.interval()}, Holm p {differences[target].p_holm:.3f})."
        )
        return ChosenTarget(target, compared.rule, differences, sentence)
    others = listed([_compared_words(name, d) for name, d in differences.items()])
    sentence = (
        f"Keep the strategic target: no other has a significantly higher certainty equivalent ({size}, Holm-adjusted) "
        f"at a relative risk aversion of {aversion} under {compared.rule}: {others}."
    )
    return ChosenTarget(target, compared.rule, differences, sentence)


def _compared_words(name: str, d: Difference) -> str:
    points = d.times(100.0)
    return f"{name} {number(points.value, signed=True)} points a year {points.interval()}, Holm p {d.p_holm:.3f}"


# -- both ------------------------------------------------------------------------------------------------------------


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
        asked, kept, broken = question(portfolio, played.scores, terms, tests)
        return recommend(asked, kept, broken, stays=_stays(axes)), asked
    own = {name: backtests[name] for name in on}
    terms = DailyTerms.of(own, replace(played.benchmark, strategic=next(iter(own.values())).targets))
    asked, kept, broken = question(portfolio, on, terms, None, axes.grid.targets[chosen.target])
    others = {name: (OTHER_TARGET,) for name in played.scores if name not in on}
    return recommend(asked, kept, others | broken, target=f"{chosen.sentence} {LIMITS_UNCHECKED}"), asked


def _stays(axes: TwoAxes | None) -> str:
    """The reason why the target stays the strategic one, where it may change; "" where it may not."""
    if axes is None:
        return ""
    if axes.chosen is None:
        return f"The target stays: {axes.why_not}"
    if axes.chosen.target != STRATEGIC:
        return f"The target stays: no rule of the file can be moved onto {axes.chosen.target}."
    return f"The target stays: no other has a significantly higher certainty equivalent under {axes.chosen.rule}."
