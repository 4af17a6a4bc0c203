"""Rules × targets: every rule of a portfolio's policies on every target of them, each by J against that target's path.

The J of a policy with another target than the strategic one, against the strategic one, measures how far the targets
are apart. Here each rule is judged by how well it follows what it is to hold, so that every target has its best rule.
Most rules are moved to another target as they are. A tuned threshold is tuned anew, on the same days, for J against the
new target. A learned policy was trained for its own target and is not moved.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import Fitted, PlayedCandidates, backtest_candidate, tuning_setup
from backtests.comparison.fitting.tuning import tune
from backtests.comparison.paired import slow_losses
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import Score, score
from backtests.inference.block_draws import Resampling
from backtests.inference.estimates import INTERVAL_LEVEL, Estimate
from backtests.inference.evidence import LOSS
from backtests.inference.slow_waves import SlowMeans, confidence_set
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError, PolicyError
from research.allocation import Allocation, TargetPath
from research.allocation.allocation import allocation_name
from research.portfolio import Portfolio
from research.portfolio.keys.policies import rule_key
from research.rules import Rule
from research.rules.protocol import held_by, long_name

STRATEGIC = "strategic"  # the name of the strategic target
SET_SIZE = 0.10  # of the confidence sets
Cell = tuple[str, str]  # rule, target


@dataclass(frozen=True)
class BestRule:
    """The rule of lowest J on one target, and those that are not significantly different from it.

    rule    : its name.
    members : the model confidence set of the rules on J, the best among them.
    p       : p-value of belonging to it, by rule.
    losses  : J of each rule with its interval, bp a year.
    """

    rule: str
    members: tuple[str, ...]
    p: Mapping[str, float]
    losses: Mapping[str, Estimate]


@dataclass(frozen=True, eq=False, repr=False)
class RuleGrid:
    """Rules × targets, on the same days, costs and lag.

    targets    : allocation by name, the strategic one first.
    benchmarks : by target, the benchmark by which J is measured. Only the strategic one has the ranges of the file:
                 they surround the strategic weights.
    rules      : by rule, its description. A rule is called by the first policy that has it, if possible one
                 on the strategic target.
    policies   : the policy of the file in each cell; none for a cell that was made here.
    backtests  : backtests by cell.
    scores     : scores by cell, against the target of the cell.
    missing    : the reason why a cell has no backtest, by cell.
    resampling : resampling of the days.
    """

    targets: Mapping[str, Allocation]
    benchmarks: Mapping[str, Benchmark]
    rules: Mapping[str, str]
    policies: Mapping[Cell, str]
    backtests: Mapping[Cell, Backtest]
    scores: Mapping[Cell, Score]
    missing: Mapping[Cell, str]
    resampling: Resampling

    def on(self, target: str) -> dict[str, Score]:
        """The figures of each rule on this target; without the rules that it cannot have."""
        return {rule: s for (rule, on), s in self.scores.items() if on == target}

    def candidates(self, target: str) -> dict[str, Score]:
        """The figures of each policy that holds this target against its own path; of equal ones the first."""
        return {name: self.scores[cell] for cell, name in self.policies.items() if cell[1] == target}

    def everywhere(self) -> tuple[str, ...]:
        """The rules that were played on every target."""
        return tuple(rule for rule in self.rules if all((rule, target) in self.backtests for target in self.targets))

    @cached_property
    def best(self) -> Mapping[str, BestRule]:
        """The best rule on each target."""
        return {target: _best(self.on(target), self.slow_losses(target)) for target in self.targets}

    def slow_losses(self, target: str) -> SlowMeans:
        """J of the rules on one target, in the order of `on`, with what is not known of it."""
        scores = self.on(target)
        return slow_losses(scores, {rule: self.backtests[rule, target] for rule in scores})

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each rule and target that were played together.

        Columns : policy of the file or "", loss with lower and upper (infinite where the test holds too few episodes to
                  know it), cost and tracking_loss in bp a year, tracking_error and turnover as fractions a year, p and
                  in_set of the 90 % confidence set of the target, and best.
        """
        rows = []
        for (rule, target), s in self.scores.items():
            best = self.best[target]
            rows.append(
                {"rule": rule, "target": target, "policy": self.policies.get((rule, target), "")}
                | {"loss": s[LOSS], "lower": best.losses[rule].lower, "upper": best.losses[rule].upper}
                | {"cost": s["cost"], "tracking_loss": s[LOSS] - s["cost"]}
                | {"tracking_error": s["tracking_error"], "turnover": s["turnover"]}
                | {"p": best.p[rule], "in_set": rule in best.members, "best": rule == best.rule}
            )
        return pd.DataFrame(rows).set_index(["rule", "target"])

    def __repr__(self) -> str:
        """The table."""
        return self.table.to_string(float_format="{:.4g}".format)


def targets_of(played: PlayedCandidates) -> dict[str, Allocation]:
    """The distinct allocations of the candidates by name, after the strategic target."""
    found: dict[str, Allocation] = {STRATEGIC: played.portfolio.strategic}
    for name, f in played.fitted.items():
        held = held_by(f.policy, played.portfolio.strategic)
        if held not in found.values():
            words = allocation_name(held)
            found[words if words not in found else f"{words} ({name})"] = held
    return found


def rule_grid(all_played: PlayedCandidates, resampling: Resampling) -> RuleGrid:
    """Backtest every rule of the candidates on each of their targets; finished backtests are taken as they are.

    all_played : the candidates.
    resampling : resampling of the days.
    """
    portfolio, fitted, targets = all_played.portfolio, all_played.fitted, targets_of(all_played)
    on = {
        name: next(t for t, held in targets.items() if held == held_by(f.policy, portfolio.strategic))
        for name, f in fitted.items()
    }
    benchmarks = {STRATEGIC: all_played.benchmark}
    for name, target in on.items():
        benchmarks.setdefault(target, own_benchmark(all_played.benchmark, all_played.backtests[name].targets))
    shared = {targets[target]: one.strategic for target, one in benchmarks.items()}
    rules = _rules(portfolio, fitted, on)
    policies: dict[Cell, str] = {}
    played: dict[Cell, Backtest] = {}
    scored: dict[Cell, Score] = {}
    missing: dict[Cell, str] = {}
    for rule, names in rules.items():
        for target, held in targets.items():
            cell, there = (rule, target), next((name for name in names if on[name] == target), None)
            if there is not None and (target == STRATEGIC or fitted[there].tuned is None):
                policies[cell], played[cell], own = there, all_played.backtests[there], all_played.scores[there]
                scored[cell] = own if target == STRATEGIC else score(played[cell], benchmarks[target])
                continue
            try:
                moved = _moved(portfolio, rule, fitted[rule], held)
                played[cell] = backtest_candidate(portfolio, moved, f"{rule} on {target}", shared)
                scored[cell] = score(played[cell], benchmarks[target])
            except Exception as error:
                if not isinstance(error, ConfigError | DataError | PolicyError) and rule_key(portfolio.policies[rule]):
                    raise  # a mistake of ours; a class of the user's own may fail on a target it was not written for
                missing[cell] = str(error) or type(error).__name__
    words = {rule: long_name(fitted[rule].policy) for rule in rules}
    return RuleGrid(targets, benchmarks, words, policies, played, scored, missing, resampling)


def own_benchmark(benchmark: Benchmark, targets: TargetPath) -> Benchmark:
    """The same price of tracking error against another target, without ranges.

    benchmark : benchmark of the strategic target.
    targets   : path of the other target.
    """
    anywhere = np.full(len(benchmark.lower), np.inf)
    return replace(benchmark, strategic=targets, lower=-anywhere, upper=anywhere)


def _rules(portfolio: Portfolio, fitted: Mapping[str, Fitted], on: Mapping[str, str]) -> dict[str, list[str]]:
    """The policies with each rule, in the order of the file; the first on the strategic target names it."""
    kinds: list[tuple[Any, list[str]]] = []
    for name in fitted:
        spec = portfolio.policies[name]
        kind = _on(spec, portfolio.strategic)
        same = next((names for known, names in kinds if known is not None and known == kind), None)
        if same is None:
            kinds.append((kind, [name]))
        else:
            same.append(name)
    return {next((n for n in names if on[n] == STRATEGIC), names[0]): names for _, names in kinds}


def _on(spec: Any, allocation: Allocation) -> Any:
    """The same rule on an allocation; None for a class that cannot be made with another."""
    try:
        return replace(spec, allocation=allocation)
    except (TypeError, ValueError):  # no dataclass, no such field, or one that it refuses
        return None


def _moved(portfolio: Portfolio, name: str, fitted: Fitted, allocation: Allocation) -> Rule:
    """The rule of a candidate on another allocation. Raises ConfigError, with the reason, where it has none."""
    if fitted.training is not None:
        raise ConfigError("a learned policy is trained for one target: add a policy that learns this one.")
    if fitted.tuned is not None:
        spec = replace(portfolio.policies[name], allocation=allocation)
        return tune(spec, replace(tuning_setup(portfolio), strategic=allocation)).policy
    moved: Rule | None = _on(fitted.policy, allocation)
    if moved is None:
        raise ConfigError("its class takes no other allocation.")
    return moved


def _best(scores: Mapping[str, Score], slow: SlowMeans) -> BestRule:
    names, found = list(scores), confidence_set(slow, SET_SIZE)
    members = tuple(name for name, included in zip(names, found.included, strict=True) if included)
    lowest = min(names, key=lambda name: scores[name][LOSS])
    losses = {name: slow.figure(k, INTERVAL_LEVEL) for k, name in enumerate(names)}
    return BestRule(lowest, members, dict(zip(names, found.p.tolist(), strict=True)), losses)
