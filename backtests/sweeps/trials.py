"""The trials of a sweep, for the trial book: the configurations, their terms, and their returns over the target.

A sweep keeps figures and no returns. The mean active return of a row follows from its growth and volatility: the mean
of simple returns is that of log returns plus half the mean square, to third order, and so is the strategic target's;
the third-order terms of the two, which are nearly the same, cancel. The tracking error of a row is before costs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from backtests.batch.streaming_metrics import target_path_returns
from backtests.runs.chunks import WorkPart
from backtests.runs.trial_book import Batch
from backtests.runs.trial_words import in_words, seed_in_words
from backtests.sweeps.setup import PreparedSweep, Setup
from foundation.arrays import Array, Rows
from research.allocation import TargetPath
from research.learning import LearnedPolicy
from research.market.calendars import DAYS_PER_YEAR
from research.rules import Rule

TRIAL_FIGURES = ("growth", "volatility", "tracking_error", "loss")  # of a table, from which its trials are made


def trial_batch(setup: Setup, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Batch:
    """The batch of trials on a setup. rows : the columns of `Batch.trials`, or its rows."""
    market = setup.market
    return Batch(setup.name, market.assets, setup.terms, setup.periods_per_year, pd.DataFrame(rows), market.fingerprint)


def sweep_trials(prepared: PreparedSweep, table: pd.DataFrame) -> list[Batch]:
    """The trials of a sweep, a batch a portfolio.

    prepared : the sweep.
    table    : a row for each configuration, all or some: `configuration` and `TRIAL_FIGURES`, in the units of records.
    """
    plan, numbers = prepared.plan, table["configuration"].to_numpy()
    places = plan.positions(WorkPart(numbers.min(), numbers.max() + 1))[numbers - numbers.min()]
    found = []
    for k, name in enumerate(plan.portfolios):
        setup, here = prepared.setups[name], places[:, 0] == k
        _, policy, start, lag, cost = places[here].T
        policies, policy = np.unique(policy, return_inverse=True)
        figures, dates = table[here], setup.market.dates
        opened = np.array([prepared.firsts[name, day] for day in plan.days])
        lags = [setup.lag if own is None else own for own in plan.lags]
        active = _active_returns(setup, prepared.strategic[name], opened[start], figures)
        rows = {
            "kind": "sweep",
            "policy": _labelled(in_words(setup.strategic, [plan.policies[k] for k in policies.tolist()]), policy),
            "first": _labelled([f"{day:%Y-%m-%d}" for day in dates[opened + 1]], start),
            "last": f"{dates[-1]:%Y-%m-%d}",
            "days": len(dates) - 1 - opened[start],
            "lag": np.array(lags)[lag],
            "cost_multiple": np.array(plan.cost_multiples, dtype=float)[cost],
            "active_return": active,
            "active_volatility": figures["tracking_error"].to_numpy(),
            "loss": figures["loss"].to_numpy(),
        }
        found.append(trial_batch(setup, rows))
    return found


def tuning_trials(
    setup: Setup, training: Setup, cost_multiple: float, rules: Sequence[Rule], measured: pd.DataFrame, how: str = ""
) -> Batch:
    """The trials of a tuning.

    setup         : the setup for which it was asked.
    training      : the same up to the last training day, where rules were measured.
    cost_multiple : multiple of the costs.
    rules         : rules that were tried.
    measured      : a row for each rule: its loss, and if it was backtested the figures of a sweep.
    how           : words for the measure; "" where rules were backtested on the training days.
    """
    dates, first = training.market.dates, training.first(None)
    rows: dict[str, Any] = {
        "kind": "tuning",
        "policy": [text + how for text in _words(setup, rules)],
        "first": f"{dates[first + 1]:%Y-%m-%d}",
        "last": f"{dates[-1]:%Y-%m-%d}",
        "days": len(dates) - 1 - first,
        "lag": setup.lag,
        "cost_multiple": cost_multiple,
        "loss": measured["loss"].to_numpy(),
    }
    if set(TRIAL_FIGURES) <= set(measured):
        rows["active_return"] = _active_returns(training, training.strategic_path, np.full(len(rules), first), measured)
        rows["active_volatility"] = measured["tracking_error"].to_numpy()
    return trial_batch(setup, rows)


def _words(setup: Setup, rules: Sequence[Rule]) -> list[str]:
    """Rules in words; a learned policy by what it was trained with."""
    learned = [rule for rule in rules if isinstance(rule, LearnedPolicy)]  # all of them, or none
    if not learned:
        return in_words(setup.strategic, rules)
    return [seed_in_words(setup.strategic, rule.card["seed"], rule) for rule in learned]


def _labelled(texts: Sequence[str], which: Rows) -> Any:
    """(k,) a categorical of texts by their number; some may be equal."""
    place = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    codes: Rows = np.array([place[text] for text in texts], dtype=np.int64)[which]
    return pd.Categorical.from_codes(codes, pd.Index(list(place), dtype=object))


def _active_returns(setup: Setup, targets: TargetPath, firsts: Rows, figures: pd.DataFrame) -> Array:
    """(k,) mean return net of costs over the strategic target, fraction a year.

    setup   : setup on which the rows ran.
    targets : the strategic ones.
    firsts  : (k,) market row of the opening trade of each row.
    figures : k rows, with growth and volatility.
    """
    calendar, last = setup.market.days.astype(np.int64), len(setup.market.days) - 1
    of_target = target_path_returns(targets, setup.market)
    benchmark = {row: _mean_by_logs(of_target[row + 1 :]) for row in np.unique(firsts).tolist()}
    days, years = last - firsts, (calendar[last] - calendar[firsts]) / DAYS_PER_YEAR
    logs = np.log1p(figures["growth"].to_numpy()) * years / days
    variance = figures["volatility"].to_numpy() ** 2 / setup.periods_per_year
    squares = variance * (days - 1) / days + (logs + 0.5 * variance) ** 2
    means: Array = logs + 0.5 * squares - np.array([benchmark[row] for row in firsts.tolist()])
    return setup.periods_per_year * means


def _mean_by_logs(returns: Array) -> float:
    """The mean of simple returns, to third order, as `_active_returns` finds that of a row."""
    return float(np.mean(np.log1p(returns)) + 0.5 * np.mean(returns**2))
