"""The protocol of allocations, and the path of targets that an allocation gives on a market.

A target depends on the past alone, not on holdings, rule or cost. An allocation is therefore computed on the days of
its schedule only, and its path is computed once for every policy that uses it.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from functools import cached_property
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from foundation.arguments import shown
from foundation.arrays import Array, MadeAnew, Mask, Rows, freeze_fields, frozen, kept, owned
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.threads import one_blas_thread
from foundation.tolerances import FIVE_DECIMALS, TARGET_TOLERANCE, WEIGHT
from research.allocation.accuracy import SOLVER_NOISE
from research.allocation.answer import (
    ANSWER_FAILED,
    PREVIOUS,
    UNANSWERED,
    Answer,
    Explained,
    Following,
    NotSolvedError,
    checked_weights,
    remarks,
)
from research.allocation.estimators.words import kind_of
from research.allocation.others_code import is_of_others, raise_of, without_noise
from research.forecast.moments import Forecast
from research.forecast.returns import left_out
from research.market import Market, Past
from research.market.calendars import EVERY, last_of

Refit = Callable[[Past, Array | None], Answer]
Unlisted = Literal["pro_rata", "cash"]

LISTING = "listing"
UNLISTED = ("pro_rata", "cash")
PROPER = ("CVaR", "Kelly", "Schur")  # words of names of classes that keep their letters, as abbreviations do
NAME_WORDS = re.compile(rf"{'|'.join(PROPER)}|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@runtime_checkable
class Allocation(Protocol):
    """Gives target weights.

    schedule : schedule on which a target is computed: "listing", only when the set of listed assets changes; or "day",
               "week", "month", "quarter" or "year", at the last scheduled session of each, and on the day that an asset
               leaves the market, since the target in force would hold it.
    window : number of returns that it needs; 0 for none.
    A target may miss a sum of 1 by rounding to five decimals; `target_path` then scales it to 1. One that has reasons
    inherits from `research.allocation.Explained`, and gives them with its weights, which are taken as they are.
    """

    @property
    def schedule(self) -> str:
        """Schedule on which a target is computed."""

    @property
    def window(self) -> int:
        """Number of returns that it needs."""

    def target(self, past: Past) -> Array:
        """(n,) fraction of NAV, cash is the rest; in the market's order, or a Series with the name of every asset."""


@dataclass(frozen=True, eq=False)
class TargetPath(MadeAnew):
    """The targets that an allocation gave on a market, and which of them is in force at the close of each day.

    assets     : n names.
    rows       : (K, n) targets in the order in which they were computed, fraction of NAV; cash is the rest.
    row        : (T,) index of the target in force at each close, -1 before the first.
    seen       : (K,) market row of the last date that each target used.
    allocation : allocation that gave them, as it prints itself.
    rounded    : the most by which the sum of a target missed 1 before it was scaled to 1, fraction of NAV; 0 where
                 none was scaled.
    answers    : K, the reasons of each target; () where they are not known.
    Raises     : PolicyError when a target is in force before the last date that it used, or is none of the path.
    """

    assets: tuple[str, ...]
    rows: Array
    row: Rows
    seen: Rows
    allocation: str = ""
    rounded: float = 0.0
    answers: tuple[Answer, ...] = ()

    def __post_init__(self) -> None:
        """Check that no target looks ahead, and make the arrays read-only."""
        freeze_fields(self, "rows")
        freeze_fields(self, "row", "seen", dtype=np.int64)
        for row in (self.row.min(initial=-1), self.row.max(initial=-1)):
            if not -1 <= row < len(self.rows):
                raise PolicyError(
                    f"target {row} of {self.allocation} is in force, and the path has {len(self.rows)}. Number them "
                    "from 0, -1 for none."
                )
        early = self.row[: self.seen.max(initial=0)]  # no target has seen what comes after these
        if len(early) and (ahead := np.append(self.seen, -1)[early] > np.arange(len(early))).any():  # -1 is the last
            t = int(np.argmax(ahead))
            raise PolicyError(
                f"target {self.row[t]} of {self.allocation} is used at row {t}, but contains data of row "
                f"{self.seen[self.row[t]]}. A target can be used only from its last data on."
            )

    @cached_property
    def first(self) -> int:
        """Row of the market on which the first target is in force; 0 where none is."""
        return 0 if self.row[0] >= 0 else int(np.argmax(self.row >= 0))

    @cached_property
    def gross(self) -> Array:
        """(K,) the sum of the sizes of each target, fraction of NAV."""
        return frozen(np.abs(self.rows).sum(axis=1))

    def capped(self, gross: float) -> "TargetPath":
        """The path with targets whose sizes add up to no more than `gross`, where they miss it by a solver's noise."""
        sums = self.gross
        over = np.flatnonzero((sums > gross + TARGET_TOLERANCE) & (sums <= gross + SOLVER_NOISE))
        if not len(over):
            return self
        rows, answers = self.rows.copy(), list(self.answers)
        rows[over] *= (gross / sums[over])[:, None]
        for k in over if answers else ():
            moved = float(np.abs(rows[k] - self.rows[k]).max())
            answers[k] = replace(answers[k], weights=rows[k], cut=max(answers[k].cut, moved))
        return replace(self, rows=rows, answers=tuple(answers))

    def opened(self, first: int) -> "TargetPath":
        """The path of a portfolio that starts at the close of row `first`: no target is in force before."""
        if first <= self.first or not (self.row[:first] >= 0).any():
            return self
        row = self.row.copy()
        row[:first] = -1
        return replace(self, row=row)

    def since(self, first: int) -> Array:
        """(T - first, n) the target in force at each close from row `first` on, fraction of NAV; there is one."""
        return self.rows[self.row[first:]]

    def answer_at(self, t: int) -> Answer:
        """The target in force at the close of market row `t`, with its reasons. Raises PolicyError before the first."""
        self.at(t)
        return self.answers[self.row[t]]

    def remarks(self, first: int = 0, name: str = "") -> tuple[str, ...]:
        """Warnings about the targets in force from row `first` on: refits that fell back, and the like.

        name : name of the allocation in the warnings; by default the allocation as it prints itself.
        """
        return remarks(self._in_force(first), name or self.allocation)

    def held(self, first: int = 0) -> tuple[int, int]:
        """The number of targets in force from row `first` on that stayed for want of a solution, and of all."""
        answers = self._in_force(first)
        return sum(answer.fallback == PREVIOUS for answer in answers), len(answers)

    def _in_force(self, first: int) -> list[Answer]:
        in_force = np.unique(self.row[first:])
        return [self.answers[k] for k in in_force[in_force >= 0]] if self.answers else []

    def at(self, t: int) -> Array:
        """(n,) the target in force at the close of market row `t`, fraction of NAV.

        Raises PolicyError before the first one.
        """
        if not 0 <= t < len(self.row) or self.row[t] < 0:
            first = "none" if not len(self.seen) else f"row {self.seen[0]}"
            raise PolicyError(
                f"{self.allocation} has no target at row {t}: the first is {first}, the market ends at row "
                f"{len(self.row) - 1}. Compute the path with an earlier `start`, or use a later row."
            )
        return self.rows[self.row[t]]

    def __repr__(self) -> str:
        """One line: the allocation, the number of targets, and the market rows on which they are in force."""
        span = f"for row {self.seen[0]} to {len(self.row) - 1}" if len(self.seen) else "for no row"
        scaled = f"; sums rounded to five decimals, up to {self.rounded:.5f} off, scaled to 1" if self.rounded else ""
        return f"TargetPath of {self.allocation}: {len(self.rows)} targets of {len(self.assets)} assets, {span}{scaled}"


def _threads(allocation: Allocation) -> AbstractContextManager[None]:
    """One BLAS thread, but for an allocation that follows from no returns."""
    return nullcontext() if allocation.schedule == LISTING else one_blas_thread()


def answer_of(allocation: Allocation, past: Past, previous: Array | None = None) -> Answer:
    """The answer of an allocation: with its own reasons, or its weights alone; the weights are checked.

    An asset that did not move within its window, or has stopped, such as one that is halted, is left out, and a note
    says so.
    allocation : allocation that is asked.
    past       : market up to the day.
    previous   : (n,) its target before, for one that follows it.
    Raises : NotSolvedError where it refuses a window in which no asset moved; PolicyError for weights that are not n
             finite numbers, and what the allocation raises.
    """
    try:
        with _threads(allocation):
            return _answered(allocation, past, previous)
    except NotSolvedError as error:
        if getattr(allocation, "strict", False):
            raise PolicyError(f"{error}, on {past.date:%Y-%m-%d}. Leave `strict` away to go on without it.") from error
        raise


def _answered(allocation: Allocation, past: Past, previous: Array | None) -> Answer:
    notes = left_out(past, allocation.window) if allocation.window > 1 else ()
    try:
        answer = _asked(allocation, past, previous)
    except DataError as error:
        names = [name for note in notes for name in note.assets]
        if not names or len(names) < past.complete(allocation.window).sum():
            raise
        fix = "correct their prices, or say when they left the market (delist)"
        what = f"{', '.join(names)} did not move in the {allocation.window} sessions before: {fix}"
        raise NotSolvedError(what) from error
    return replace(answer, notes=tuple(dict.fromkeys((*answer.notes, *notes)))) if notes else answer


def _asked(allocation: Allocation, past: Past, previous: Array | None) -> Answer:
    asked: object = allocation
    try:
        if isinstance(asked, Explained):
            follows = isinstance(asked, Following) and asked.follows
            answer = asked.answer(past, previous) if follows else asked.answer(past)  # type: ignore[call-arg]
        else:
            answer = Answer(checked_weights(allocation.target(past), allocation, past), past.date)
    except NotSolvedError:
        raise
    except Exception as error:  # whatever the code of others raises
        raise_of(error, repr(allocation), past.date)
    weights = checked_weights(answer.weights, allocation, past) if isinstance(asked, Explained) else answer.weights
    if answer.cut or not is_of_others(allocation):
        return answer
    weights, moved = without_noise(weights)
    return replace(answer, weights=weights, cut=moved) if moved else answer


def target_path(allocation: Allocation, market: Market, start: int = 0) -> TargetPath:
    """The path of targets of `allocation` on `market`, computed on the days of its schedule only.

    allocation : allocation that gives the targets.
    market  : T days of n assets.
    start   : first row at whose close a target is needed. The target of the last day of the schedule up to it is in
              force there; earlier days are skipped. If no asset had a complete window then, a target is computed at
              `start`.
    Returns : a TargetPath; a target computed at row t is in force from the close of t on. Weights of five decimals that
              sum to 1 but for rounding, at most 5e-6 an asset (PyPortfolioOpt's `clean_weights` sums to 0.99999 or
              1.00001), are divided by their sum, and `TargetPath.rounded` says by how much it missed 1: this is
              neither leverage nor a target for cash. A refit without a solution goes on with the weights of the one
              before it, of a day before `start` if need be, which its answer says; the weights of assets that have left
              since are spread over those of their class.
    Raises  : DataError when no asset has a complete window at `start`; ConfigError for an unknown schedule or a `start`
              outside the market; PolicyError for a target that is not n finite numbers, or, where it is a Series,
              for names that are missing or that the market does not have, and for a first refit without a solution.
    """
    sessions = len(market.dates)
    if not 0 <= start < sessions:
        raise ConfigError(
            f"start of the targets of {allocation!r} is row {start}, and market {market.name!r} has rows 0 to "
            f"{sessions - 1}. Choose a row inside."
        )
    of_listings, start = follows_listings(allocation), asked_from(allocation, market, start)
    if of_listings:
        refits = kept(market, ("refits", start), lambda: _refits(allocation, market, start))
    else:
        refits = _refits(allocation, market, start)
    with _threads(allocation):
        answers = _answers(allocation, market, refits)
    rows, rounded = np.array([answer.weights for answer in answers]), 0.0
    if not isinstance(allocation, Explained):
        rows, rounded = _scaled(rows)
    rows = frozen(rows)
    if rounded:
        answers = [replace(answer, weights=weights) for answer, weights in zip(answers, rows, strict=True)]
    return TargetPath(market.assets, rows, refits.row, refits.asked, repr(allocation), rounded, tuple(answers))


def follows_listings(allocation: Allocation) -> bool:
    """True if the days on which an allocation is asked follow from the listings of a market alone."""
    return allocation.schedule == LISTING and allocation.window == 0


def asked_from(allocation: Allocation, market: Market, start: int) -> int:
    """The first row on which an allocation is asked for targets from row `start` on, if listings tell it, else `start`.

    Paths from all rows between two listings are the same one.
    """
    if not follows_listings(allocation):
        return start
    return max((row for row in market.listings.tolist() if row <= start), default=0)


class _Refits(NamedTuple):
    """The rows of a market on which targets are computed.

    asked   : (K,) those of the targets of a path.
    earlier : rows of the schedule before them that have a complete window.
    row     : (T,) number of the target in force at each close, -1 before the first.
    """

    asked: Rows
    earlier: list[int]
    row: Rows


def _refits(allocation: Allocation, market: Market, start: int) -> _Refits:
    """The rows on which an allocation is asked; arguments and errors as of `target_path`."""
    complete = check_history(allocation, market, start)
    dates = _schedule_rows(allocation, market)
    before = dates[dates <= start][-1:]
    before = before[complete[before]]
    asked = np.concatenate([before if len(before) else [start], dates[dates > start]]).astype(np.int64)
    earlier = [t for t in dates[dates < asked[0]].tolist() if complete[t]]
    row = np.repeat(np.arange(-1, len(asked)), np.diff([0, *asked, len(market.dates)]))
    return _Refits(owned(asked), earlier, owned(row))


def _answers(allocation: Allocation, market: Market, refits: _Refits) -> list[Answer]:
    """The answer on each of the rows of refits.

    An allocation that follows its own target before is asked on the earlier rows too, from the first with an answer on:
    its path does not depend on where it starts. Of those rows, one without an answer is left out: no target of it is
    asked for.
    """

    def refit(past: Past, previous: Array | None) -> Answer:
        return answer_of(allocation, past, previous)

    found: list[Answer] = []
    before: Answer | None = None
    earlier = refits.earlier
    if isinstance(allocation, Following) and allocation.follows:
        for t in earlier:
            with suppress(*UNANSWERED):
                before = refit_after(before, market.past(t), refit)
        earlier = []
    for t in refits.asked.tolist():
        past = market.past(t)
        try:
            before = refit_after(before, past, refit)
        except NotSolvedError as error:
            last = _last_solved(allocation, market, earlier)
            if last is None:
                raise PolicyError(
                    f"{allocation!r} has no solution on {past.date:%Y-%m-%d}, and none before: {error}. Correct its "
                    "settings, widen its limits, or start later."
                ) from error
            before = _fallen_back(carried(last.weights, past), past, error)
        found.append(before)
    return found


def refit_after(before: Answer | None, past: Past, refit: Refit) -> Answer:
    """The answer of a refit at the close of `past`, or, where it has no solution, the weights of the one before it.

    before : answer before it, None for the first.
    past   : market up to the day of the refit.
    refit  : function of the past, and of the weights (n,) before it as `carried` gives them.
    Raises : NotSolvedError where there is no solution, and no answer before.
    """
    previous = None if before is None else carried(before.weights, past)
    try:
        return refit(past, previous)
    except NotSolvedError as error:
        if previous is None:
            raise
        return _fallen_back(previous, past, error)


def carried(weights: Array, past: Past, how: Unlisted = "pro_rata") -> Array:
    """A target (n,) on a day, such as one from before: weights of unlisted assets are spread (`spread_unlisted`)."""
    listed = past.listed[-1]
    return spread_unlisted(weights, listed, () if listed.all() else past.asset_class, how)


def _fallen_back(previous: Array, past: Past, error: NotSolvedError) -> Answer:
    """The weights (n,) before, in place of those that were not found."""
    return Answer(previous, past.date, status=ANSWER_FAILED, fallback=PREVIOUS, why=str(error))


def _last_solved(allocation: Allocation, market: Market, earlier: list[int]) -> Answer | None:
    """The answer on the last of some rows on which there is one; None where there is none."""
    for t in reversed(earlier):
        with suppress(*UNANSWERED):
            return answer_of(allocation, market.past(t))
    return None


def allocation_name(allocation: Allocation) -> str:
    """The name of an allocation in words, with its window where it has one, or with the allocation that it scales.

    An estimator of a library has the name that a portfolio file gives it.

    >>> from research.allocation import HRP, ConstantExposure, MeanVariance
    >>> allocation_name(ConstantExposure(HRP(window=252), 0.6)), allocation_name(MeanVariance())
    ('constant exposure of HRP of 252 returns', 'mean variance (minimum volatility) of 252 returns')
    """
    found = NAME_WORDS.findall(type(allocation).__name__)
    words = " ".join(word if word.isupper() or word in PROPER else word.lower() for word in found)
    if (scaled := getattr(allocation, "allocation", None)) is not None:
        return f"{words}{'' if words.endswith(('ed', 'shrunk')) else ' of'} {allocation_name(scaled)}"
    if (model := getattr(allocation, "estimator", None)) is not None:
        words = kind_of(type(model))
    if isinstance(aim := getattr(allocation, "objective", None), str):
        words += f" ({aim.replace('sharpe', 'Sharpe ratio').replace('_', ' ')})"
    return f"{words}{f' of {allocation.window} returns' if allocation.window else ''}"


def check_history(allocation: Allocation | Forecast, market: Market, start: int, whose: str = "") -> Mask:
    """(T,) whether an asset that is listed at each close has a complete window.

    allocation : allocation or forecast that has the window.
    market     : market with its listings.
    start      : row on which an asset needs a complete window.
    whose      : words for what has the window; "" for the name of the allocation.
    Raises     : DataError when none has it at row `start`.
    """
    complete = _complete(allocation, market)
    if not complete[start]:
        raise _too_short(allocation, market, start, complete, whose)
    return complete


def spread_unlisted(weights: Array, listed: Mask, asset_class: Sequence[str], how: Unlisted = "pro_rata") -> Array:
    """The target of listed assets only: weights of unlisted assets are spread over the others, or left in cash.

    weights     : (n,) fraction of NAV.
    listed      : (n,) whether each asset is listed.
    asset_class : n names.
    how         : "pro_rata": the weight of an unlisted asset goes to the listed assets of its class with a target, in
                  proportion to their size; where the class has none, to those of the whole portfolio; where nothing is
                  listed, to cash. "cash": it stays in cash.
    Returns     : (n,) fraction of NAV, zero for every unlisted asset.
    Raises      : ConfigError for another `how`.

    >>> spread_unlisted(np.array([0.6, 0.2, 0.2]), np.array([True, True, False]), ["equity", "bond", "bond"]).tolist()
    [0.6, 0.4, 0.0]
    """
    check_unlisted("spread_unlisted", how)
    spread = np.where(listed, weights, 0.0)
    if how == "cash" or listed.all():
        return spread
    classes = np.asarray(asset_class)
    size = np.abs(spread)
    for line in np.flatnonzero(~listed & (weights != 0.0)):
        share = np.where(classes == classes[line], size, 0.0)
        share = share if share.any() else size
        if share.any():
            spread += weights[line] * (share / share.sum())
    return spread


def check_unlisted(owner: str, how: str) -> None:
    """Raise ConfigError unless `how` is "pro_rata" or "cash"."""
    if how not in UNLISTED:
        raise ConfigError(f"unlisted of {owner} is {shown(how)}. Use one of {', '.join(UNLISTED)}.")


def _scaled(rows: Array) -> tuple[Array, float]:
    """Targets (K, n), scaled to a sum of 1 where they miss it by rounding to five decimals; and the most it was.

    A sum below 1 is cash where a weight has more decimals. One above 1 is scaled then too: weights of five decimals
    have more once those of unlisted assets are spread, and nobody asks for leverage so small.
    """
    sums = rows.sum(axis=1)
    off = np.abs(sums - 1.0)
    rounded = (off > TARGET_TOLERANCE) & (off <= FIVE_DECIMALS * rows.shape[1] + TARGET_TOLERANCE)
    if not rounded.any():
        return rows, 0.0
    rounded &= (sums > 1.0) | (np.abs(rows - rows.round(5)) <= WEIGHT).all(axis=1)
    whole = np.where(rounded[:, None], rows / np.where(rounded, sums, 1.0)[:, None], rows)
    return whole, float(off[rounded].max(initial=0.0))


def _schedule_rows(allocation: Allocation, market: Market | Past) -> Rows:
    """Rows of the days of the schedule; for "listing" the first row is one."""
    if allocation.schedule == LISTING and isinstance(market, Market):
        return np.union1d(0, market.listings)
    if allocation.schedule not in EVERY:
        raise ConfigError(
            f"schedule of {allocation!r} is {shown(allocation.schedule)}. Use one of {', '.join((LISTING, *EVERY))}."
        )
    exits = np.flatnonzero((market.listed[:-1] & ~market.listed[1:]).any(axis=1)) + 1
    return np.union1d(np.flatnonzero(last_of(market.days, allocation.schedule, market.calendar)), exits)


def refits_so_far(allocation: Allocation, past: Past) -> list[int]:
    """Rows of an allocation's schedule up to today, and today, from the first complete window on."""
    rows = np.union1d(_schedule_rows(allocation, past), past.t)
    return [int(t) for t in rows[_complete(allocation, past)[rows]]]


def _complete(allocation: Allocation | Forecast, market: Market | Past) -> Mask:
    """(T,) whether an asset that is listed at each close has a complete window."""
    complete, window = np.ones(len(market.dates), dtype=bool), allocation.window
    if window > 0:
        complete[:window] = False
        complete[window:] = (market.listed[window:] & market.listed[:-window]).any(axis=1)
    return complete


def _too_short(allocation: Allocation | Forecast, market: Market, start: int, complete: Mask, whose: str) -> DataError:
    """The error for a history that is too short, with the first day of a test for which it is long enough."""
    known = max(start - int(np.argmax(market.listed.any(axis=1))), 0)
    ready = start + int(np.argmax(complete[start:]))
    opens = f"{market.dates[ready] + timedelta(days=1):%Y-%m-%d}"
    later = f"Start the test on {opens} or later (`test_start`, in Python `start`), " if complete[ready] else ""
    name = whose or (allocation_name(allocation) if isinstance(allocation, Allocation) else type(allocation).__name__)
    return DataError(
        f"market {market.name!r} is too short for {name}: it needs {allocation.window} returns on "
        f"{market.dates[start]:%Y-%m-%d} (row {start}), and {known} are known there. {later}"
        f"{'or give' if later else 'Give'} a shorter `window`, or the market a longer history."
    )
