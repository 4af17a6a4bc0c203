"""Choice of the target: the policies' targets under one rule, and whether another may replace the strategic one.

    grid = rule_grid(portfolio, benchmark, fitted, backtests, scores, resampling)
    compared = compare_targets(grid, comparing_rule(grid, portfolio, (portfolio.reference,)))
    chosen = chosen_target(compared)

Where a file says `target: may_change`, the target is chosen first, under the rule of the reference: the strategic one
is kept, unless the certainty equivalent of another is higher and the difference significant at 5 % after Holm's
adjustment over the other targets; of several such the highest is taken. The rule is then chosen by J against the path
of that target (`RuleGrid.candidates`), as on the strategic one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from backtests.comparison.paired import evidence_between
from backtests.comparison.rule_grid import STRATEGIC, RuleGrid
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import daily_costs
from backtests.evaluation.scores import Score
from backtests.inference.evidence import Difference
from backtests.inference.slow_waves import SlowMeans
from backtests.inference.target_inference import CERTAIN, TargetEvidence, target_evidence
from foundation.errors import ConfigError
from foundation.paper.wording import listed, number, percent
from research.portfolio import Portfolio
from research.risk.utility import RISK_AVERSION
from research.rules.protocol import complexity


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


def compare_targets(grid: RuleGrid, rule: str, risk_aversion: float = RISK_AVERSION) -> ComparedTargets:
    """Compare all targets of a grid under one of its rules.

    grid          : rules and targets.
    rule          : name of a rule that was backtested on all targets.
    risk_aversion : risk aversion of the certainty equivalent.
    Raises        : ConfigError for a rule that was not played on all targets; DataError for a series that is in cash on
                    nearly all days.
    """
    if rule not in grid.everywhere():
        raise ConfigError(f"rule {rule!r} was not played on all targets: use one of {', '.join(grid.everywhere())}.")
    played = {target: grid.backtests[rule, target] for target in grid.targets}
    scores = {target: grid.scores[rule, target] for target in grid.targets}
    one = played[STRATEGIC]
    evidence = evidence_between(played, [s.losses for s in scores.values()], STRATEGIC, grid.resampling)
    found = target_evidence(
        evidence,
        np.column_stack([b.net_returns for b in played.values()]),
        one.market.cash[one.first + 1 :],
        span_days=float((one.dates[-1] - one.dates[0]).days),
        periods_per_year=one.periods_per_year,
        slow=_traded(played),
        risk_aversion=risk_aversion,
    )
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
