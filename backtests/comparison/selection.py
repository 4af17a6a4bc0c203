"""Selection bias of a comparison's findings: deflated savings in J, deflated ratios, and PBO.

The best of many configurations seems to save something by luck alone: as many standard errors of a difference in J as
the largest of so many independent normal numbers is expected to be. Only what was tried on days of the test counts
there: what was tuned on earlier days was not chosen by what it did in the test.

The ratios are those of *active* returns, net of costs over the strategic target: whether trading earned anything is a
question about them, and the market's own return would drown it. The strategic target, and not the reference policy, is
what is subtracted: the reference then has a ratio too, and trials of different comparisons can be counted together.
"""

import math
import os
from collections.abc import Mapping

import numpy as np

from backtests.comparison.fitting.candidates import PlayedCandidates
from backtests.comparison.fitting.trials import own_book
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import active_returns
from backtests.inference.evidence import LOSS, Evidence
from backtests.inference.selection import (
    Moments,
    expected_maximum,
    minimum_track_record,
    overfitting,
    probabilistic_sharpe,
)
from backtests.inference.slow_waves import student_t
from backtests.runs.folder import RUN_IN
from backtests.runs.trial_book import Batch, read_book
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.paper.wording import counted, number, probability
from foundation.tolerances import SERIES

OVERFITTING_BLOCKS = 16  # of days, for the probability of overfitting
CONSTANT_RETURNS = "its active returns do not vary"


@dataclass(frozen=True)
class ActiveSharpe:
    """The Sharpe ratio of one policy's active returns, before and after allowing for the search.

    ratio        : annual, net of costs, over the strategic target.
    probability  : probability that the true ratio is above zero, had nothing else been tried (PSR).
    deflated     : the same, given how many trials there were (DSR); None of a single one.
    track_record : years after which such a ratio would be above zero with 95 % probability (MinTRL); infinite where
                   it is not above zero.
    why_not      : the reason where there is no ratio, and no number is given; else "".
    """

    ratio: float | None = None
    probability: float | None = None
    deflated: float | None = None
    track_record: float | None = None
    why_not: str = ""


@dataclass(frozen=True)
class LargestSaving:
    """The largest saving in J of a comparison, judged as the best of a search.

    policy, against : names of the policy whose J is lower, and of the one with which it is compared.
    saving          : J of `against` less that of `policy`, bp a year.
    tried           : configurations besides `against`, variants counted once.
    luck            : saving that the best of so many, none better than `against`, exceeds half of the time, bp a year.
    probability     : probability that the best of so many shows less by luck; `alone`, that a single one does.
    """

    policy: str
    against: str
    saving: float
    tried: int
    luck: float
    probability: float
    alone: float


@dataclass(frozen=True, eq=False)
class Selection:
    """The effects of a comparison's own search on its figures.

    policies     : active Sharpe ratios of the policies, by name.
    trials       : configurations and seeds that this comparison tried.
    effective    : the same with variants counted once: clusters of the series that were played in the test, and each
                   configuration of a tuning that was not chosen.
    saving       : the largest saving in J over the desk's present policy, or None.
    noise        : annual active Sharpe ratio that the best of so many worthless trials is expected to reach; None of
                   a single one.
    overfitting  : probability that the best policy in one half of the days is no better than the median in the other
                   (PBO); None where `why_not` says why.
    compared     : number of different policies in that probability.
    why_not      : the reason why there is no such probability, or "".
    """

    policies: Mapping[str, ActiveSharpe]
    trials: int
    effective: int
    saving: LargestSaving | None
    noise: float | None
    overfitting: float | None
    compared: int
    why_not: str


def selection_of(played: PlayedCandidates, trials: Batch, evidence: Evidence) -> Selection:
    """Judge a comparison's findings as the result of a search.

    played   : the candidates, with the trials of their tunings.
    trials   : candidates and seeds of the test, as trials.
    evidence : evidence of the test, against the desk's present policy.
    """
    year, book = played.benchmark.periods_per_year, own_book(trials, played.fitted)
    active = {name: active_returns(one, played.benchmark) for name, one in played.backtests.items()}
    days = len(next(iter(active.values())))
    effective, variance = book.effective, book.luck(days)
    noise = None if variance is None or effective < 2 else math.sqrt(variance) * expected_maximum(effective)
    probability, compared, why_not = _overfitting(active)
    return Selection(
        policies={name: _judged(returns, noise, year) for name, returns in active.items()},
        trials=played.trials,
        effective=effective,
        saving=largest_saving(evidence, book.on(*_days_of(played.backtests)).effective),
        noise=None if noise is None else noise * math.sqrt(year),
        overfitting=probability,
        compared=compared,
        why_not=why_not,
    )


def largest_saving(evidence: Evidence, tried: int) -> LargestSaving | None:
    """The largest saving in J over the reference of `evidence`, as the best of so many configurations.

    The chance of one is that of the test of its pair, of the logarithm of two J by Student's t; that of the best of N
    independent ones is its N-th power (Šidák 1967), and too small where they resemble each other. None where no J is
    lower, as far as the test knows it, and where nothing was chosen among several.

    tried : configurations, the reference among them, which can save nothing over itself: N is one less.
    """
    known = {name: d for name, d in evidence.differences(LOSS).items() if math.isfinite(d.upper) and d.value < 0.0}
    others = tried - 1
    if others < 2 or not known:
        return None
    name, best = min(known.items(), key=lambda item: item[1].value)
    chance = best.p / 2.0 if math.isfinite(best.lower) else best.p
    base = evidence.figures(LOSS)[evidence.reference].value
    reached = float(student_t(1.0 - chance))
    error = -math.log1p(best.value / base) / reached if reached < math.inf and -best.value < base else 0.0
    return LargestSaving(
        policy=name,
        against=evidence.reference,
        saving=-best.value,
        tried=others,
        luck=-base * math.expm1(-error * float(student_t(0.5 ** (1.0 / others)))),
        probability=(1.0 - chance) ** others,
        alone=1.0 - chance,
    )


def saving_words(found: LargestSaving | None) -> str:
    """The largest saving compared with luck, in words; "" where there is none."""
    if found is None:
        return ""
    return (
        f"Of {found.tried:,} other configurations that save nothing, the best shows {number(found.luck)} bp a year "
        f"of J or more by luck in half of all searches. {found.policy} shows {number(found.saving)} less than "
        f"{found.against}. Luck shows less than that with a probability of {probability(found.probability)}, and with "
        f"{probability(found.alone)} had nothing else been tried."
    )


def searched_words(evidence: Evidence, backtests: Mapping[str, Backtest]) -> str:
    """The trial book's judgement of a cell's comparison: the number of trials in these days, and the saving after luck.

    "" in a run, whose pages must not depend on what else was tried, and where nothing else was.
    """
    if os.environ.get(RUN_IN):
        return ""
    assets = next(iter(backtests.values())).market.assets
    try:
        book = read_book(assets).on(*_days_of(backtests))
    except DataError as error:
        return f"How much was tried is not known: {error}"
    if book.configurations <= len(backtests):
        return ""
    tried = f"The trial book has {counted(book.configurations, 'configuration')} of these assets in days of this test."
    return " ".join(filter(None, [tried, saving_words(largest_saving(evidence, book.effective))]))


def _days_of(backtests: Mapping[str, Backtest]) -> tuple[str, str]:
    """The first and the last day of a test, YYYY-MM-DD."""
    dates = next(iter(backtests.values())).dates
    return f"{dates[1]:%Y-%m-%d}", f"{dates[-1]:%Y-%m-%d}"


def _judged(active: Array, noise: float | None, year: float) -> ActiveSharpe:
    """The Sharpe ratio of active returns (T,). noise : the best worthless trial's ratio a period, or None."""
    try:
        moments = Moments.of(active)
    except DataError as error:
        return ActiveSharpe(why_not=CONSTANT_RETURNS if np.ptp(active) <= SERIES else str(error))
    return ActiveSharpe(
        ratio=moments.sharpe * math.sqrt(year),
        probability=probabilistic_sharpe(moments),
        deflated=None if noise is None else probabilistic_sharpe(moments, noise),
        track_record=minimum_track_record(moments) / year if moments.sharpe > 0.0 else math.inf,
    )


def _overfitting(active: Mapping[str, Array]) -> tuple[float | None, int, str]:
    """PBO of the policies that differ, how many these are, and why there is no such probability."""
    differ: dict[bytes, tuple[str, Array]] = {}
    for name, returns in active.items():
        if np.ptp(returns) > SERIES:
            differ.setdefault(returns.tobytes(), (name, returns))
    if len(differ) < 2:
        return None, len(differ), "fewer than two policies with different active returns were compared"
    names, series = zip(*differ.values(), strict=True)
    try:
        return overfitting(np.column_stack(series), OVERFITTING_BLOCKS, names).probability, len(differ), ""
    except DataError as error:
        return None, len(differ), str(error)
