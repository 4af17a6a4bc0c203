"""Walk-forward: a candidate that is fitted again at the start of every fold, each time on all earlier data.

One portfolio goes through all folds: what one policy leaves behind, the next one takes over.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from backtests.comparison.candidates import Fitted, Progress, backtest_candidate, benchmark_of, fit, fitted_without
from backtests.engine.result import Backtest
from backtests.evaluation.scores import Score, score
from backtests.learned.warnings import warnings_of
from backtests.text_tables import warnings_text
from research.accounting import Hold, Policy, Trade, View
from research.allocation import Allocation
from research.arguments import day, one_of, refuse
from research.errors import ConfigError, PolicyError
from research.learning import Learned
from research.market.notes import warnings_in
from research.portfolio import Portfolio
from research.rules import Rule, RuleTraits, TunedThreshold, UnfittedRule
from research.rules.protocol import Schedule, fitted_until, held_by, long_name, traits


@dataclass(frozen=True, eq=False)
class Succession(RuleTraits):
    """A sequence of policies.  starts : the first day of each; it decides up to the next one's."""

    policies: tuple[Rule, ...]
    starts: tuple[pd.Timestamp, ...]

    @property
    def allocation(self) -> Allocation | None:
        """The allocation of all policies; None if they use the given target."""
        return held_by(self.policies[0])

    @property
    def family(self) -> str:
        """The family of all policies."""
        return traits(self.policies[0]).family

    @property
    def long_name(self) -> str:
        """The long name of all policies."""
        return long_name(self.policies[0])

    @property
    def desk_schedule(self) -> Schedule | None:
        """The schedule of all policies, if they have one."""
        return traits(self.policies[0]).desk_schedule

    @property
    def limits_drift(self) -> bool:
        """Do all policies end every drift past a limit within a week?"""
        return all(traits(policy).limits_drift for policy in self.policies)

    @property
    def turnover_cap(self) -> float | None:
        """The turnover cap of all policies, if they have one."""
        return traits(self.policies[0]).turnover_cap

    def decide(self, view: View) -> Hold | Trade:
        """The decision of the active policy. Raises PolicyError before the first start."""
        k = bisect_right(self.starts, view.past.date) - 1
        if k < 0:
            raise PolicyError(
                f"a walk-forward from {self.starts[0]:%Y-%m-%d} on has no policy for {view.past.date:%Y-%m-%d}. "
                "Start the test later."
            )
        return self.policies[k].decide(view)


@dataclass(frozen=True, eq=False)
class WalkForward:
    """The walk-forward of a candidate through the test of its portfolio.

    portfolio : as it was played.  fits : how each fold's policy came to be.  starts : first day of each fold.
    played, score : one backtest through all of them, and its figures.
    """

    name: str
    portfolio: Portfolio
    fits: tuple[Fitted, ...]
    starts: tuple[pd.Timestamp, ...]
    played: Backtest
    score: Score

    @property
    def trials(self) -> int:
        """Number of configurations and seeds tried in all folds, for the adjustment of the evidence."""
        return sum(fitted.tried for fitted in self.fits)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must judge: of the data, of how folds were fitted, of learned policies each in its own fold."""
        days, names = self.played.dates[1:], [f"{self.name}, from {start:%Y-%m-%d}," for start in self.starts]
        found = [
            *warnings_in(self.portfolio.market.notes, *self.played.dates[[0, -1]]),
            *fitted_without(self.portfolio, dict(zip(names, self.fits, strict=True))),
        ]
        if not len(self.played.ledger.asked):
            found.append(f"{self.name} never traded in the test.")
        rows = [int(days.searchsorted(start)) for start in self.starts]
        for name, fitted, within in zip(names, self.fits, map(slice, rows, [*rows[1:], None]), strict=True):
            found += warnings_of(fitted.policy, self.played, name, within)
        return tuple(found)

    def folds(self) -> pd.DataFrame:
        """A row a fold: its start, the last day that its policy saw, what was tried and chosen, J before and in it."""
        days, rows = self.played.dates[1:], []
        for fitted, start, stop in zip(self.fits, self.starts, [*self.starts[1:], None], strict=True):
            within = (days >= start) & (days < stop if stop is not None else True)
            seen, chosen, before = _account(fitted)
            rows.append(
                {
                    "start": start,
                    "seen": seen,
                    "tried": fitted.tried,
                    "chosen": chosen,
                    "loss_training": before,
                    "loss": float(self.score.losses[within].mean()),
                    "sessions": int(within.sum()),
                }
            )
        return pd.DataFrame(rows)

    def tried(self) -> pd.DataFrame:
        """A row a trial: fold, what was tried (a seed, or settings), and its J on the training days; bp a year."""
        rows: list[dict[str, Any]] = []
        for fold, fitted in enumerate(self.fits):
            if fitted.training is not None:
                losses = fitted.training.losses.items()
                rows += [{"fold": fold, "trial": f"seed {seed}", "loss_training": loss} for seed, loss in losses]
            elif fitted.tuned is not None:
                table = fitted.tuned.card.tried
                words = table.drop(columns=["loss", "chosen"]).astype(str).agg(", ".join, axis=1)
                rows += [
                    {"fold": fold, "trial": word, "loss_training": j}
                    for word, j in zip(words, table["loss"], strict=True)
                ]
            else:
                rows.append({"fold": fold, "trial": "as given", "loss_training": np.nan})
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        """The folds, and J over all of them."""
        return (
            f"{self.name}, walk-forward: loss J {self.score['loss']:.2f} bp a year, {self.trials} trials\n"
            f"{self.folds().to_string(index=False)}{warnings_text(self.warnings)}"
        )


def walk_forward(
    portfolio: Portfolio,
    name: str,
    starts: Sequence[str | pd.Timestamp],
    *,
    spec: Rule | TunedThreshold | Learned | None = None,
    progress: Progress | None = None,
) -> WalkForward:
    """Fit candidate `name` of a portfolio at each start, on the days before it, and play all of it through the test.

    portfolio : whose market, costs and candidates are taken.
    name      : of the candidate.
    starts    : the first days of the folds, in order; the test begins with the first of them.
    spec      : the candidate itself, if it is not one of the file's.
    progress  : told what is being done, or None.
    Raises    : ConfigError for starts that are out of order, or none, or past the data; what fitting raises.
    """
    days = _checked(portfolio, starts)
    if spec is not None and (isinstance(spec, type) or not isinstance(spec, Policy | UnfittedRule)):
        refuse("spec is", spec, "give a rule, a TunedThreshold or Learned, or leave it out for one of the file's.")
    if spec is None:
        one_of("a candidate to walk forward is", name, portfolio.policies)
    fits = tuple(fit(name, replace(portfolio, test_start=start), progress, spec) for start in days)
    whole = replace(portfolio, test_start=days[0])
    played = backtest_candidate(whole, Succession(tuple(fitted.policy for fitted in fits), days), name)
    return WalkForward(name, whole, fits, days, played, score(played, benchmark_of(whole, whole.market)))


def _checked(portfolio: Portfolio, starts: Sequence[str | pd.Timestamp]) -> tuple[pd.Timestamp, ...]:
    if not isinstance(portfolio, Portfolio):
        refuse("portfolio is", portfolio, "give one, as load_portfolio('my_portfolio.yaml') reads it.")
    if isinstance(starts, str) or not isinstance(starts, Iterable):
        refuse("starts are", starts, "give a list of first days, such as ['2015-01-02', '2018-01-02'].")
    days = tuple(day("a start of a fold is", start) for start in starts)
    dates = portfolio.market.dates
    last, first = dates[-1], dates.searchsorted(pd.DatetimeIndex(days))
    if not days or any(later <= earlier for earlier, later in pairwise(first.tolist())) or days[-1] > last:
        shown = ", ".join(f"{d:%Y-%m-%d}" for d in days) or "none"
        raise ConfigError(
            f"starts are {shown}: give one or more first days of folds, in order, up to "
            f"{last:%Y-%m-%d}, with a session in each."
        )
    return days


def _account(fitted: Fitted) -> tuple[pd.Timestamp | None, str, float]:
    """The last day that a policy saw, what was chosen, and its J there."""
    if fitted.training is not None:
        chosen = fitted.training.chosen
        return fitted.training.policy.seen, f"seed {chosen}", fitted.training.losses[chosen]
    if fitted.tuned is not None:
        card = fitted.tuned.card
        return card.seen, ", ".join(f"{k}={v}" for k, v in card.settings.items() if k in ("band", "to")), card.loss
    return fitted_until(fitted.policy), "as given", float("nan")
