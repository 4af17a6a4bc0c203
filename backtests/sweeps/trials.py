"""The trials of a sweep, for the trial book: what was played under which terms, and what it earned over the target.

A sweep keeps figures and no returns. The mean active return of a row follows from its growth and volatility: the mean
of simple returns is that of log returns plus half the mean square, to third order, and so is the strategic target's;
the third-order terms of the two, which are nearly the same, cancel. The tracking error of a row is before costs.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from itertools import repeat
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from backtests.batch.streaming_metrics import target_path_returns
from backtests.runs.trial_book import Batch
from backtests.sweeps.plan import Part
from backtests.sweeps.setup import PreparedSweep, Setup
from research.allocation import TargetPath
from research.arrays import Array, Rows
from research.risk.measures import DAYS_PER_YEAR
from research.rules import Rule

FIGURES = ("growth", "volatility", "tracking_error", "loss")  # of a table, from which its trials are made
PLAIN = frozenset({bool, int, float, str, type(None)})  # types of settings that are written as they are
NO_TERMS = ("start", "lag", "tracking_penalty")  # settings of a setup: columns of a trial, and what changes no return


def terms(setup: Setup) -> dict[str, Any]:
    """What all trials on a setup were played under, besides its market."""
    return {name: value for name, value in setup.settings.items() if name not in NO_TERMS}


def in_words(setup: Setup, values: Sequence[Any]) -> list[str]:
    """Policies, or settings of policies, by their classes and their own settings.

    The strategic target is named in a word, an array by its hash; what a class inherits is left out where it is as
    usual, such as a cooldown of no sessions. A sweep may have a hundred thousand policies, whose settings are mostly
    the same objects: settings are put into words a field at a time, and an object once.
    """
    kinds = set(map(type, values))
    if kinds <= PLAIN:
        return list(map(repr, values))
    once = {id(value): value for value in values}
    found: dict[int, str] = {}
    for kind in kinds:
        own = {key: value for key, value in once.items() if type(value) is kind}
        found |= zip(own, _of_one_kind(setup, kind, list(own.values())), strict=True)
    return [found[id(value)] for value in values]


def _of_one_kind(setup: Setup, kind: type[Any], values: Sequence[Any]) -> list[str]:
    """What `in_words` gives of values of one class."""
    settings = _settings(kind)  # type: ignore[arg-type]  # a class has a hash
    if issubclass(kind, np.generic):
        return [repr(value.item()) for value in values]
    if issubclass(kind, np.ndarray):
        return [f"array {value.shape} #{hashlib.sha256(value.tobytes()).hexdigest()[:16]}" for value in values]
    if settings is None:
        return [re.sub(" at 0x[0-9a-f]+", "", repr(value)) for value in values]
    columns: list[Iterable[str]] = []
    for name, usual in settings:
        own = list(map(attrgetter(name), values))
        alike = _all_alike(own)
        some = own[:1] if alike else own
        column = [text and f"{name}={text}" for text in _unusual(some, usual, in_words(setup, some))]
        if any(column):
            columns.append(repeat(column[0], len(values)) if alike else column)
    told = map(", ".join, map(partial(filter, None), zip(*columns, strict=True))) if columns else repeat("")
    found = [f"{kind.__name__}({text})" for text, _ in zip(told, values, strict=False)]
    if kind is type(setup.strategic):
        return ["Strategic()" if value == setup.strategic else text for value, text in zip(values, found, strict=True)]
    return found


def _all_alike(values: list[Any]) -> bool:
    if type(values[0]) in PLAIN:
        return values.count(values[0]) == len(values)
    return len(set(map(id, values))) == 1


def _unusual(values: Sequence[Any], usual: Any, words: Sequence[str]) -> Sequence[str]:
    """Words of values, "" of those that are as usual."""
    if usual is MISSING:
        return words
    kind = type(usual)
    return [
        "" if value is usual or (type(value) is kind and kind in PLAIN and value == usual) else text
        for value, text in zip(values, words, strict=True)
    ]


@cache
def _settings(kind: type[Any]) -> tuple[tuple[str, Any], ...] | None:
    """The fields of a dataclass: those that it inherits with their defaults, its own with `MISSING`."""
    if not is_dataclass(kind):
        return None
    own = kind.__annotations__
    return tuple((f.name, MISSING if f.name in own else f.default) for f in fields(kind))


def trial_batch(setup: Setup, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Batch:
    """The batch of trials on a setup. rows : the columns of `Batch.trials`, or its rows."""
    return Batch(setup.name, setup.market.fingerprint, terms(setup), setup.periods_per_year, pd.DataFrame(rows))


def sweep_trials(prepared: PreparedSweep, table: pd.DataFrame) -> list[Batch]:
    """The trials of a sweep, a batch a portfolio.

    prepared : the sweep.
    table    : a row a configuration, all or some: `configuration` and `FIGURES`, in the units of records.
    """
    plan, numbers = prepared.plan, table["configuration"].to_numpy()
    places = plan.positions(Part(numbers.min(), numbers.max() + 1))[numbers - numbers.min()]
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
            "policy": _labelled(in_words(setup, [plan.policies[k] for k in policies.tolist()]), policy),
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

    setup         : on which it was asked for.
    training      : the same up to the last training day, where rules were measured.
    cost_multiple : of the costs.
    rules         : that were tried.
    measured      : a row a rule: its loss, and where it was played the figures of a sweep.
    how           : words for what measured them; "" where they were played on the training days.
    """
    dates, first = training.market.dates, training.first(None)
    rows: dict[str, Any] = {
        "kind": "tuning",
        "policy": [text + how for text in in_words(setup, rules)],
        "first": f"{dates[first + 1]:%Y-%m-%d}",
        "last": f"{dates[-1]:%Y-%m-%d}",
        "days": len(dates) - 1 - first,
        "lag": setup.lag,
        "cost_multiple": cost_multiple,
        "loss": measured["loss"].to_numpy(),
    }
    if set(FIGURES) <= set(measured):
        rows["active_return"] = _active_returns(training, training.strategic_path, np.full(len(rules), first), measured)
        rows["active_volatility"] = measured["tracking_error"].to_numpy()
    return trial_batch(setup, rows)


def _labelled(texts: Sequence[str], which: Rows) -> Any:
    """(k,) a categorical of texts by their number; some may be equal."""
    place = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    codes: Rows = np.array([place[text] for text in texts], dtype=np.int64)[which]
    return pd.Categorical.from_codes(codes, pd.Index(list(place), dtype=object))


def _active_returns(setup: Setup, targets: TargetPath, firsts: Rows, figures: pd.DataFrame) -> Array:
    """(k,) mean return net of costs over the strategic target, fraction a year.

    setup   : where the rows were played.
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
