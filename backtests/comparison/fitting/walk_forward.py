"""Walk-forward: a candidate that is fitted again at the start of every fold, on earlier days only.

These are all earlier days (expanding), or a window of the last ones (rolling), up to the fold or to an embargo before
it. One portfolio goes through all folds: what one policy leaves behind, the next one takes over.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import (
    Fitted,
    Progress,
    backtest_candidate,
    benchmark_of,
    fit,
    fitted_without,
)
from backtests.comparison.fitting.trials import fold_rows, fold_trials
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import losses
from backtests.evaluation.scores import Score, score
from backtests.laboratory.learned.warnings import warnings_of
from backtests.laboratory.simulate import estimate
from backtests.runs.trial_book import count_trials
from foundation.arguments import day, is_whole, one_of, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, PolicyError
from foundation.paper.text_tables import text_table, warnings_text, wrapped
from foundation.progress import bar
from research.accounting import Costs, Hold, Policy, Trade, View
from research.allocation import Allocation
from research.learning import Learned
from research.market import Market
from research.market.checks import PANELS
from research.market.quality import market_warnings
from research.portfolio import Portfolio
from research.rules import Rule, RuleTraits, TunedThreshold, UnfittedRule
from research.rules.protocol import Schedule, fitted_until, held_by, long_name, traits

AGES = (3, 6, 12, 24)  # months after the last training day at which `decay` begins a new row
MONTH = 365.25 / 12.0  # calendar days
MOST_OLDER = 3  # folds by which `older` makes fits older
LEAST_SESSIONS, LEAST_FOLDS = 30, 3  # of a fold to have a mean, and of a mean over folds to have an interval


@dataclass(frozen=True, eq=False)
class Succession(RuleTraits):
    """A sequence of policies.  starts : the first day of each; it decides up to the next one's.

    Raises : PolicyError for a policy that saw the day of its start, or a later one.
    """

    policies: tuple[Rule, ...]
    starts: tuple[pd.Timestamp, ...]

    def __post_init__(self) -> None:
        """Refuse a policy that knows what comes after its start."""
        for policy, start in zip(self.policies, self.starts, strict=True):
            if (seen := fitted_until(policy)) is not None and seen >= start:
                raise PolicyError(
                    f"a policy of a walk-forward that decides from {start:%Y-%m-%d} on saw data up to {seen:%Y-%m-%d}: "
                    "it knows what comes after. Fit it on earlier days."
                )

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
        """True if all policies end every drift past a limit within a week."""
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

    name             : name of the candidate.
    portfolio        : portfolio as it was backtested.
    fits             : fit of each fold's policy.
    starts           : first day of each fold.
    played           : one backtest through all folds.
    score            : figures of this backtest.
    window           : sessions that each fold was fitted on; None for all earlier ones.
    embargo          : sessions left out between the last training day and the fold.
    reference        : policy of the portfolio that `decay` takes differences to; "" where it is the candidate.
    reference_losses : (D,) daily terms of the reference's J through the same days, bp a year; zeros without one.
    """

    name: str
    portfolio: Portfolio
    fits: tuple[Fitted, ...]
    starts: tuple[pd.Timestamp, ...]
    played: Backtest
    score: Score
    window: int | None
    embargo: int
    reference: str
    reference_losses: Array

    @cached_property
    def rows(self) -> tuple[slice, ...]:
        """The days of each fold, as rows of the daily figures."""
        return fold_rows(self.played, self.starts)

    @property
    def trials(self) -> int:
        """Number of configurations and seeds tried in all folds, for the adjustment of the evidence."""
        return sum(fitted.tried for fitted in self.fits)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings for a reader to judge: on the data, the fits of folds, and learned policies in their folds."""
        names = [f"{self.name}, from {start:%Y-%m-%d}," for start in self.starts]
        first, last = self.played.dates[[0, -1]]
        found = [
            *market_warnings(self.portfolio.market, first, last, self.portfolio.file),
            *fitted_without(self.portfolio, dict(zip(names, self.fits, strict=True))),
        ]
        if not len(self.played.ledger.asked):
            found.append(f"{self.name} never traded in the test.")
        for name, fitted, within in zip(names, self.fits, self.rows, strict=True):
            found += warnings_of(fitted.policy, self.played, name, within)
        return tuple(found)

    def folds(self) -> pd.DataFrame:
        """A row for each fold: its start, the last day its policy saw, trials and choice, J before and in it."""
        rows = []
        for fitted, start, within in zip(self.fits, self.starts, self.rows, strict=True):
            seen, chosen, before = _account(fitted)
            rows.append(
                {
                    "start": start,
                    "seen": seen,
                    "tried": fitted.tried,
                    "chosen": chosen,
                    "loss_training": before,
                    "loss": float(self.score.losses[within].mean()),
                    "sessions": within.stop - within.start,
                }
            )
        return pd.DataFrame(rows)

    def tried(self) -> pd.DataFrame:
        """A row for each trial: its fold, seed or settings, and J on the training days; bp a year."""
        rows: list[dict[str, Any]] = []
        for fold, fitted in enumerate(self.fits):
            losses = {} if fitted.training is None else fitted.training.losses
            found = [(f"seed {seed}", loss) for seed, loss in losses.items()]
            for table in (tuned.card.tried for tuned in fitted.tunings):
                words = table.drop(columns=["loss", "chosen"]).astype(str).fillna("").agg(", ".join, axis=1)
                found += zip(words, table["loss"], strict=True)
            found = found or [("as given", np.nan)]
            rows += [{"fold": fold, "trial": trial, "loss_training": loss} for trial, loss in found]
        return pd.DataFrame(rows)

    def decay(self) -> pd.DataFrame:
        """J less the reference's by the age of the fit: a row for each age in months since a fold's last training day.

        Returns : months; folds with at least LEAST_SESSIONS sessions of that age; sessions of them; difference, the
                  mean over these folds, bp a year; lower and upper, Student's bounds at 95 % over folds, NaN for fewer
                  than LEAST_FOLDS.
        """
        rows = []
        for age, by_fold in zip(_age_names(), self._by_age(), strict=True):
            known = [values for values in by_fold if len(values)]
            if known:
                means = np.array([values.mean() for values in known])
                bounds = {"lower": np.nan, "upper": np.nan}
                if len(means) >= LEAST_FOLDS:
                    found = estimate(means)
                    bounds = {"lower": found.lower, "upper": found.upper}
                counts = {"months": age, "folds": len(known), "sessions": sum(map(len, known))}
                rows.append(counts | {"difference": float(means.mean())} | bounds)
        return pd.DataFrame(rows)

    def _by_age(self) -> list[list[Array]]:
        """Daily differences of J to the reference's by age and fold; none for a fold that is too short."""
        days, daily = self.played.dates[1:], self.score.losses - self.reference_losses
        found: list[list[Array]] = [[] for _ in range(len(AGES) + 1)]
        for fold, within in enumerate(self.rows):
            age = np.searchsorted(AGES, np.asarray((days[within] - self._seen(fold)).days) / MONTH, side="right")
            for k, by_fold in enumerate(found):
                values = daily[within][age == k]
                by_fold.append(values if len(values) >= LEAST_SESSIONS else values[:0])
        return found

    @cached_property
    def older(self) -> pd.DataFrame:
        """J of older fits less that of the newest on the same days: a row for each number of folds between them.

        One portfolio goes through all folds with the older fits too; in the first folds there are none, and no
        difference is taken there.
        Returns : older, 1 to MOST_OLDER folds; months, the mean age of the older fits; folds, in which both are known;
                  difference, the mean over these folds, bp a year; lower and upper as in `decay`.
        """
        days, rows, count = self.played.dates[1:], [], len(self.fits)
        benchmark = benchmark_of(self.portfolio, self.portfolio.market)
        for by in range(1, min(MOST_OLDER, count - LEAST_FOLDS) + 1):
            policies = tuple(self.fits[max(k - by, 0)].policy for k in range(count))
            played = backtest_candidate(self.portfolio, Succession(policies, self.starts), self.name)
            more = losses(played, benchmark) - self.score.losses
            folds = self.rows[by:]
            found = estimate(np.array([more[fold].mean() for fold in folds]))
            seen = [self._seen(k - by) for k in range(by, count)]
            ages = [np.asarray((days[fold] - last).days).mean() / MONTH for fold, last in zip(folds, seen, strict=True)]
            counts = {"older": by, "months": float(np.mean(ages)), "folds": len(folds)}
            rows.append(counts | {"difference": found.value, "lower": found.lower, "upper": found.upper})
        return pd.DataFrame(rows, columns=["older", "months", "folds", "difference", "lower", "upper"])

    def _seen(self, fold: int) -> pd.Timestamp:
        """The last day that the policy of a fold saw, or its start where it saw none."""
        return _account(self.fits[fold])[0] or self.starts[fold]

    @property
    def decay_sentence(self) -> str:
        """The decay of the fit, in words, from the fits that are one fold older, on the same days."""
        if all(_account(fitted)[0] is None for fitted in self.fits):
            return f"{self.name} was not fitted, so there is no decay."
        if self.older.empty:
            return f"Too few folds to tell whether the fit decays: {LEAST_FOLDS + 1} at least are needed."
        row = self.older.iloc[0]
        if row["lower"] == row["upper"] == 0.0:
            return "Fits that are one fold older decide the same: no decay."
        word = "No decay can be told"
        if row["lower"] > 0.0:
            word = "The fit decays"
        elif row["upper"] < 0.0:
            word = "The fit does not decay, older ones are better"
        return (
            f"{word}: on the same days J of fits that are one fold older, {row['months']:.0f} months in the mean, "
            f"differs by {row['difference']:+.2f} [{row['lower']:+.2f}, {row['upper']:+.2f}] bp a year from that of "
            f"the newest, in the mean of {row['folds']:.0f} folds."
        )

    def __repr__(self) -> str:
        """The folds, J over all of them, and the decay."""
        seen = "all earlier days" if self.window is None else f"{self.window:,} sessions"
        left_out = f", {self.embargo} left out before each fold" if self.embargo else ""
        against = f"J less {self.reference}'s" if self.reference else "J"
        parts = [
            f"{self.name}, walk-forward: loss J {self.score['loss']:.2f} bp a year, {self.trials} trials, fitted on "
            f"{seen}{left_out}\n{self.folds().to_string(index=False)}",
            _decay_table("months since the fit", "months", against, self.decay()),
        ]
        if not self.older.empty:
            by_older = self.older.assign(words=[f"{r.older} ({r.months:.0f})" for r in self.older.itertuples()])
            parts.append(_decay_table("folds older (months)", "words", "J less the newest fits'", by_older))
        return "\n\n".join([*parts, wrapped(self.decay_sentence)]) + warnings_text(self.warnings)


def _decay_table(head: str, key: str, difference: str, rows: pd.DataFrame) -> str:
    cells = [
        [
            str(row[key]),
            f"{row['folds']}",
            f"{row['difference']:+.2f}",
            "not available" if np.isnan(row["lower"]) else f"[{row['lower']:+.2f}, {row['upper']:+.2f}]",
        ]
        for row in rows.to_dict("records")
    ]
    return text_table([[head, "folds", difference, "95 %"], *cells], left=1)


def walk_forward(
    portfolio: Portfolio,
    name: str,
    starts: Sequence[str | pd.Timestamp],
    *,
    window: int | None = None,
    embargo: int = 0,
    spec: Rule | TunedThreshold | Learned | None = None,
    progress: Progress | None = None,
) -> WalkForward:
    """Fit candidate `name` of a portfolio at each start, on days before it, and backtest it through the whole test.

    portfolio : portfolio of the market, costs and candidates.
    name      : name of the candidate.
    starts    : the first days of the folds, in order; the test begins with the first of them.
    window    : sessions that each fold is fitted on, the last ones (rolling); None for all earlier days (expanding).
                Windows of allocations and estimates lie within it.
    embargo   : sessions left out between the last training day and the fold, 0 or more.
    spec      : the candidate itself, if it is not one of the file's.
    progress  : callback that is told the step and its progress; without it a bar is shown.
    Raises    : ConfigError for starts that are out of order, or none, or past the data, and for a window or an embargo
                that leaves no training days; and the errors of fitting.

    Each fold, with its seeds and the configurations of its tuning, is counted in the trial book
    (`backtests.runs.trial_book`).
    """
    days = _checked(portfolio, starts)
    if spec is not None and (isinstance(spec, type) or not isinstance(spec, Policy | UnfittedRule)):
        refuse("spec is", spec, "give a rule, a TunedThreshold or Learned, or leave it out for one of the file's.")
    if spec is None:
        one_of("a candidate to walk forward is", name, portfolio.policies)
    before = [_before(portfolio, start, window, embargo) for start in days]
    whole = replace(portfolio, test_start=days[0])
    benchmark = benchmark_of(whole, whole.market)
    with bar(len(days), "walking forward", shown=progress is None) as stages:
        tell, fits = progress or stages.stage, []
        for k, seen in enumerate(before):
            tell(f"fitting {name}, fold {k + 1}", k, len(days))
            fits.append(fit(name, seen, tell, spec))
        tell("backtesting", len(days), len(days))
        played = backtest_candidate(whole, Succession(tuple(fitted.policy for fitted in fits), days), name)
        reference = portfolio.reference if portfolio.reference != name or spec is not None else ""
        beside = np.zeros(len(played.net_returns))
        if reference:
            beside = losses(backtest_candidate(whole, fit(reference, whole, tell).policy, reference), benchmark)
    found = WalkForward(
        name=name,
        portfolio=whole,
        fits=tuple(fits),
        starts=days,
        played=played,
        score=score(played, benchmark),
        window=window,
        embargo=embargo,
        reference=reference,
        reference_losses=beside,
    )
    count_trials(fold_trials(whole, fits, days, played, found.score.losses))
    return found


def _before(portfolio: Portfolio, start: pd.Timestamp, window: int | None, embargo: int) -> Portfolio:
    """The portfolio from whose training days a fold is fitted: they end an embargo before its start."""
    dates = portfolio.market.dates
    if window is not None and not (is_whole(window) and window >= 2):
        refuse("window is", window, "give a whole number of sessions, 2 or more, or None for all earlier days.")
    if not (is_whole(embargo) and embargo >= 0):
        refuse("embargo is", embargo, "give a whole number of sessions, 0 or more.")
    stop = int(dates.searchsorted(start)) - embargo
    if stop < 3:
        raise ConfigError(
            f"a fold starts on {start:%Y-%m-%d}, and {max(stop, 0)} sessions are left before it with an embargo of "
            f"{embargo}: start it later, or give a shorter embargo."
        )
    first = 0 if window is None else max(stop - window - 1, 0)  # the close before the first return
    return replace(
        portfolio,
        test_start=dates[stop] if embargo else start,
        market=_from_row(portfolio.market, first),
        costs=_costs_from_row(portfolio.costs, first),
    )


def _from_row(market: Market, first: int) -> Market:
    """The market from a row on, which is the close before its first return.

    An asset that was delisted by then is never listed in it; one that is halted there is listed with its next trade.
    """
    if first == 0:
        return market
    table, gone = market.instruments, market.exits <= first
    if gone.any():
        table = table.assign(**{c: table[c].mask(gone) for c in ("delisted", "delisting_return")})
    cut = {
        name: getattr(market, name)[first:] for name in ("dates", "cash", *PANELS) if getattr(market, name) is not None
    }
    opening = np.arange(len(cut["dates"])) == 0
    for name in {"returns", "dividends"} & set(cut):
        cut[name] = np.where(opening[:, None], 0.0, cut[name])
    return replace(
        market,
        instruments=table,
        bars=None if market.bars is None else {name: bar[first:] for name, bar in market.bars.items()},
        facts=None if market.facts is None else {name: fact[first:] for name, fact in market.facts.items()},
        notes=market.notes_in(first=market.days[first]),
        **cut | {"cash": np.where(opening, 0.0, cut["cash"])},
    )


def _costs_from_row(costs: Costs, first: int) -> Costs:
    """The same costs for a market that begins with this row of theirs."""
    return costs if costs.half_spread.ndim == 1 else replace(costs, half_spread=costs.half_spread[first:])


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
    if fitted.tunings:
        card = fitted.tunings[0].card
        told = ("schedule",) if fitted.tuned is None else ("band", "to")
        return card.seen, ", ".join(f"{k}={v}" for k, v in card.settings.items() if k in told), card.loss
    return fitted_until(fitted.policy), "as given", float("nan")


def _age_names() -> list[str]:
    """The ages of `decay`, in months.

    >>> _age_names()
    ['0–3', '3–6', '6–12', '12–24', '24 and more']
    """
    return [f"{a}–{b}" for a, b in pairwise((0, *AGES))] + [f"{AGES[-1]} and more"]
