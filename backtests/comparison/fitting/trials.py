"""The trials of a comparison and of a walk-forward, for the trial book: candidates, seeds and folds as they were.

What a tuning tried comes with it (`backtests.comparison.fitting.tuning.Tuned.trials`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, starmap
from typing import Any

import numpy as np
import pandas as pd

from backtests.comparison.fitting.candidates import Fitted, PlayedCandidates, benchmark_of
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, active_returns
from backtests.evaluation.scores import Score
from backtests.inference.selection import Moments, trial_clusters
from backtests.inference.sharpe_inference import FEWEST_OBSERVATIONS
from backtests.runs.trial_book import Batch, TrialBook, book_of_batches
from backtests.runs.trial_words import in_words, seed_in_words
from backtests.sweeps import Setup
from backtests.sweeps.trials import trial_batch
from foundation.arrays import Array
from foundation.tolerances import SERIES
from research.portfolio import Portfolio

Row = dict[str, Any]


def played_trials(all_played: PlayedCandidates) -> Batch:
    """The trials of one test: a row for each candidate or seed of a learned one; variants share a cluster."""
    setup, rows, benchmark = Setup.of(all_played.portfolio), list[Row](), all_played.benchmark
    for name, one in all_played.fitted.items():
        played, by_seed = all_played.backtests[name], all_played.seed_backtests.get(name, {})
        own = _played(played, benchmark, all_played.scores[name])
        if one.training is None:
            rows.append({"kind": "candidate"} | own | _rule(setup, one))
            continue
        for seed, policy in one.seeds.items():
            row: Row = {"kind": "seed", "policy": seed_in_words(setup.strategic, seed, policy)}
            if seed in by_seed:
                rows.append(row | _played(by_seed[seed], benchmark, all_played.seed_scores[name][seed]))
            elif seed == one.training.chosen:
                rows.append(row | own)
            else:
                rows.append(row | _when(played, played.dates[1:]))
    for row, cluster in zip(rows, clusters([row.pop("active", None) for row in rows]), strict=True):
        row["cluster"] = cluster
    return trial_batch(setup, rows)


def fold_trials(
    portfolio: Portfolio, fits: Sequence[Fitted], starts: Sequence[pd.Timestamp], played: Backtest, losses: Array
) -> list[Batch]:
    """The trials of a walk-forward: a row for each fold, with its policy, and for each seed that was not backtested.

    Folds are parts of one trial: all are in one cluster. The tunings of folds follow, as trials on the whole data,
    whatever part of them a fold was fitted on.

    portfolio : portfolio as it was backtested, from the first fold on.
    fits      : the candidate as it was fitted for each fold.
    starts    : the first day of each fold.
    played    : through all folds.
    losses    : (D,) daily terms of its J, bp a year.
    """
    setup, days = Setup.of(portfolio), played.dates[1:]
    active = active_returns(played, benchmark_of(portfolio, portfolio.market))
    rows: list[Row] = []
    for fitted, within in zip(fits, fold_rows(played, starts), strict=True):
        when, row = _when(played, days[within]), _rule(setup, fitted)
        if fitted.training is not None:
            chosen = fitted.training.chosen
            row = {"policy": seed_in_words(setup.strategic, chosen, fitted.policy)}
            others = {seed: policy for seed, policy in fitted.seeds.items() if seed != chosen}
            rows += [{"kind": "seed", "policy": seed_in_words(setup.strategic, *one)} | when for one in others.items()]
        judged = {"cluster": 0, "loss": float(losses[within].mean())}
        figures = _moments(active[within], portfolio.periods_per_year)
        rows.append({"kind": "fold"} | when | row | judged | figures)
    data = portfolio.market.fingerprint
    return [trial_batch(setup, rows), *(replace(one, data=data) for one in tunings_of(fits))]


def fold_rows(played: Backtest, starts: Sequence[pd.Timestamp]) -> tuple[slice, ...]:
    """The days of each fold of a walk-forward, as rows of the daily figures of its backtest."""
    days = played.dates[1:]
    return tuple(starmap(slice, pairwise([*days.searchsorted(pd.DatetimeIndex(list(starts))).tolist(), len(days)])))


def tunings_of(fits: Iterable[Fitted]) -> list[Batch]:
    """The trials of the candidates that were tuned, or asked on several schedules."""
    return [tuned.trials for fitted in fits for tuned in fitted.tunings]


def own_book(candidates: Batch, fitted: Mapping[str, Fitted]) -> TrialBook:
    """All trials of a comparison: its candidates and seeds in the test, and what its tunings tried before it."""
    return book_of_batches([candidates, *tunings_of(fitted.values())])


def clusters(series: Sequence[Array | None]) -> Sequence[float]:
    """The cluster of each of N series (T,), some of which are missing or do not vary: each of these by itself, NaN."""
    found = np.full(len(series), np.nan)
    varied = [
        k
        for k, one in enumerate(series)
        if one is not None and np.ptp(one) > SERIES and len(one) >= FEWEST_OBSERVATIONS
    ]
    if len(varied) > 1:
        found[varied] = trial_clusters(np.column_stack([series[k] for k in varied]))  # type: ignore[misc]
    return found.tolist()


def _rule(setup: Setup, fitted: Fitted) -> Row:
    """A candidate by its settings; a tuned one by those that were chosen, so that it is no other trial than these."""
    rule = fitted.tunings[0].card.rule if fitted.tunings else fitted.policy
    return {"policy": in_words(setup.strategic, [rule])[0]}


def _played(played: Backtest, benchmark: Benchmark, score: Score) -> Row:
    """The record of a backtest: its days, active figures and J, and the active returns themselves under `active`."""
    active = active_returns(played, benchmark)
    return (
        {"active": active, "loss": score["loss"]}
        | _when(played, played.dates[1:])
        | _moments(active, played.periods_per_year)
    )


def _when(played: Backtest, days: pd.DatetimeIndex) -> Row:
    """The days and conditions of a trial of which nothing else is known yet."""
    return {
        "first": f"{days[0]:%Y-%m-%d}",
        "last": f"{days[-1]:%Y-%m-%d}",
        "days": len(days),
        "lag": played.lag,
        "cost_multiple": 1.0,
    }


def _moments(active: Array, periods_per_year: float) -> Row:
    """Figures of active returns (T,), as far as they are defined."""
    if len(active) < 2:
        return {}
    found: Row = {
        "active_return": periods_per_year * float(active.mean()),
        "active_volatility": math.sqrt(periods_per_year) * float(active.std(ddof=1)),
    }
    if len(active) >= FEWEST_OBSERVATIONS and np.ptp(active) > SERIES:
        moments = Moments.of(active)
        found |= {name: getattr(moments, name) for name in ("skewness", "kurtosis", "dependence")}
    return found
