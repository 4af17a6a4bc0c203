"""The two tables of rules and of targets: their words and cells, and their numbers as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backtests.comparison import Comparison
from backtests.comparison.axes import ComparedTargets, TwoAxes
from backtests.comparison.rule_grid import SET_SIZE, STRATEGIC, RuleGrid
from backtests.evaluation.metrics import METRICS, Column, Metric
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate, NotAvailable, why_not
from backtests.inference.target_inference import CERTAIN, MATCHED, TARGET_MEASURES, Match, TargetFigure
from backtests.sheets.parts import Block, FilledTemplate, Part
from backtests.sheets.tables import page_styles
from foundation.paper.styles import LineStyle
from foundation.paper.wording import counted, listed, number, percent

NOT_AVAILABLE = "not available"
RULE_HEADS = ("loss J", "cost", "tracking", f"{percent(1.0 - SET_SIZE, 0)} set")
WORD_COLUMNS = (RULE_HEADS[-1], "verdict")  # columns of words
TARGET_HEADS = ("figure", "difference", "Holm p", "verdict", "detectable")


def axes_parts(comparison: Comparison) -> list[Part]:
    """Two tables; nothing where all policies hold one target."""
    axes = comparison.axes
    if axes is None:
        return []
    content = {
        "rules": _rules(axes.grid, page_styles(comparison)),
        "targets": None if axes.compared is None else _targets(axes.compared, axes.grid, comparison),
        "why_not": axes.why_not,
        "chosen": _chosen_words(axes),
    }
    return [FilledTemplate("axes.html.j2", content)]


def axes_numbers(axes: TwoAxes | None) -> dict[str, Any] | None:
    """Both tables and the choice of a target as plain values; None where all policies hold one target."""
    if axes is None:
        return None
    grid, compared, chosen = axes.grid, axes.compared, axes.chosen
    return {
        "rules": axes.rules.reset_index().to_dict("records"),
        "missing": [{"rule": rule, "target": target, "why": why} for (rule, target), why in grid.missing.items()],
        "targets": axes.targets.reset_index().to_dict("records"),
        "rule": None if compared is None else compared.rule,
        "risk_aversion": None if compared is None else compared.evidence.risk_aversion,
        "matches": {} if compared is None else {name: asdict(m) for name, m in compared.evidence.matches.items()},
        "why_not": axes.why_not,
        "may_change": axes.may_change,
        "chosen": None if chosen is None else {"target": chosen.target, "sentence": chosen.sentence},
    }


# -- rules -----------------------------------------------------------------------------------------------------------


def _rules(grid: RuleGrid, styles: Mapping[str, LineStyle]) -> Block:
    rows = []
    for rule, words in grid.rules.items():
        cells = [cell for target in grid.targets for cell in _rule_cells(grid, rule, target)]
        rows.append({"name": rule, "words": words, "look": styles.get(rule), "cells": cells})
    made = sum((rule, target) not in grid.policies for rule, target in grid.backtests)
    notes = [f"{rule} on {target}: {why}" for (rule, target), why in grid.missing.items()]
    return {
        "caption": (
            "Which rule: rebalancing loss J of each rule against the path of the target that it follows, bp a year, "
            f"with {percent(INTERVAL_LEVEL, 0)} intervals; in bold the lowest of a target. In the set: not "
            f"significantly different from the lowest, in the {percent(1.0 - SET_SIZE, 0)} model confidence set of "
            "the rules."
        ),
        "heads": RULE_HEADS,
        "words": WORD_COLUMNS,
        "targets": list(grid.targets),
        "rows": rows,
        "note": (
            f"{counted(made, 'cell')} without a policy of the file {'was' if made == 1 else 'were'} backtested here. "
            "Tuned thresholds are tuned for each target, before the test. Limits and ranges of the file are not "
            "applied here: they are set round the strategic target."
        ),
        "missing": "; ".join(notes),
    }


def _rule_cells(grid: RuleGrid, rule: str, target: str) -> list[Block]:
    if (rule, target) in grid.missing:
        return _dashes(RULE_HEADS)
    s, best = grid.scores[rule, target], grid.best[target]
    standing = "in the set" if rule in best.members else "outside"
    shown = _cell("lowest", text=True) if rule == best.rule else _cell(standing, _p_words(best.p[rule]), text=True)
    interval = best.losses[rule].interval(METRICS["loss"].digits)
    loss = _cell(METRICS["loss"].text(s["loss"]), interval, best=rule == best.rule)
    tracking = METRICS["tracking_loss"].text(s["loss"] - s["cost"])
    return [loss, _cell(METRICS["cost"].text(s["cost"])), _cell(tracking), shown]


# -- targets ---------------------------------------------------------------------------------------------------------


def _targets(compared: ComparedTargets, grid: RuleGrid, comparison: Comparison) -> Block:
    evidence = compared.evidence
    names = evidence.names
    rows = []
    for measure, metric in TARGET_MEASURES.items():
        figures = evidence.figures[measure]
        label = f"{metric.label}, risk aversion {evidence.risk_aversion:g}" if measure == CERTAIN else metric.label
        first = _figure_cell(metric, figures.get(STRATEGIC)) if measure != MATCHED else _cell("for each pair")
        cells = [first]
        for name in names[1:]:
            match = evidence.matches.get(name) if measure == MATCHED else None
            cells += _target_cells(metric, figures.get(name), match)
        rows.append({"label": label, "unit": metric.unit, "cells": cells})
    level = percent(evidence.level, 0)
    return {
        "caption": (
            f"Which target: each under {compared.rule} ({grid.rules[compared.rule]}){_because(compared, comparison)}, "
            f"net of costs. Below a figure its {level} interval, of a drawdown the predictive range of another history "
            f"as long; differences to the strategic target with {level} intervals, Holm-adjusted over "
            f"{counted(len(names) - 1, 'target')}; detectable: the smallest true difference that the test finds with a "
            "probability of 80 %."
        ),
        "heads": TARGET_HEADS,
        "words": WORD_COLUMNS,
        "targets": list(names),
        "rows": rows,
        "note": _target_note(compared),
    }


def _because(compared: ComparedTargets, comparison: Comparison) -> str:
    """The reason why targets are compared under this rule, in words."""
    grid, recommended = comparison.axes.grid, comparison.recommendation.policy  # type: ignore[union-attr]
    names = {policy: rule for (rule, _), policy in grid.policies.items()}
    may_change = comparison.portfolio.target_may_change
    if names.get(recommended or "") == compared.rule and not may_change:
        return ", the recommended rule"
    instead = "" if recommended is None else f", since {recommended} cannot be moved to every target"
    if may_change:
        instead = ": a target that may change is chosen before the rule"
    if names.get(comparison.reference) == compared.rule:
        return f", the reference{instead}"
    return f", the simplest rule that every target can have{instead}"


def _target_cells(metric: Metric, figure: TargetFigure | None, match: Match | None) -> list[Block]:
    if figure is None:
        return [_cell(NOT_AVAILABLE), *_dashes(TARGET_HEADS[1:])]
    first = _figure_cell(metric, figure)
    if match is not None:
        first["below"] += _match_words(match)
    d, shown = figure.difference, metric.difference
    if isinstance(d, NotAvailable):
        return [first, _cell("not tested"), *_dashes(TARGET_HEADS[2:])]
    return [
        first,
        _cell(shown.text(d.value, signed=True), _interval(d, shown)),
        _cell(f"{d.p_holm:.3f}"),
        _cell(_verdict(metric, d.verdict, d.value), text=True),
        _cell("–" if figure.detectable is None else shown.text(figure.detectable)),
    ]


def _verdict(metric: Metric, word: str, value: float) -> str:
    """The verdict on a difference; of volatility, which is no merit by itself, whether it is higher or lower."""
    if metric.key != "volatility" or word not in ("better", "worse"):
        return word
    return "higher" if value > 0.0 else "lower"


def _figure_cell(metric: Metric, figure: TargetFigure | None) -> Block:
    if figure is None:
        return _cell(NOT_AVAILABLE)
    below = () if isinstance(figure.interval, NotAvailable) else (_interval(figure.interval, metric),)
    return _cell(metric.text(figure.value), *below)


def _interval(estimate: Estimate, column: Column) -> str:
    return estimate.times(column.factor).interval(column.digits)


def _match_words(match: Match) -> list[str]:
    """The values of the pair at equal volatility, shown below the figure of the other target."""
    share = match.first_invested if match.first_invested < 1.0 else match.invested
    who = "strategic" if match.first_invested < 1.0 else "this target"
    return [f"strategic {number(100.0 * match.first_value)};", f"{who} {percent(share, 0)} invested"]


def _target_note(compared: ComparedTargets) -> str:
    evidence = compared.evidence
    at = [f"{percent(m.volatility)} for {name}" for name, m in evidence.matches.items()]
    parts = [
        f"At equal volatility ({listed(at)} a year): the riskier of the two is mixed with cash so that its realised "
        "volatility in this test is that of the other; intervals take the mix as known."
        if at
        else ""
    ]
    parts += [f"No equal volatility for {name}: {why}" for name, why in evidence.unmatched.items()]
    reasons = {
        f"{TARGET_MEASURES[measure].name} of {name}: {why}"
        for measure, figures in evidence.figures.items()
        for name, figure in figures.items()
        for why in map(why_not, (figure.interval, figure.difference))
        if why and name != STRATEGIC and measure != "max_drawdown"
    }
    parts += sorted(reasons)
    parts.append(
        "Sharpe ratios: Ledoit and Wolf (2008); volatility, turnover and cost: from the slowest waves of the "
        "series; the others: paired bootstrap of the days. A history has one drawdown, so two are not tested."
    )
    return " ".join(filter(None, parts))


def _chosen_words(axes: TwoAxes) -> str:
    if axes.chosen is None:
        return ""
    if axes.may_change:
        return axes.chosen.sentence
    return (
        "The recommendation stays on the strategic target, since the file does not say “target: may_change”. By these "
        f"figures alone: {axes.chosen.sentence}"
    )


def _p_words(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def _dashes(heads: Sequence[str]) -> list[Block]:
    return [_cell("–", text=head in WORD_COLUMNS) for head in heads]


def _cell(words: str, *below: str, best: bool = False, text: bool = False) -> Block:
    return {"words": words, "below": list(below), "best": best, "text": text}
