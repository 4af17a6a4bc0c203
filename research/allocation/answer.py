"""The answer of an allocation on a date, with its reasons: the solver, binding limits, their prices, the fallback."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pandas as pd

from foundation.arguments import shown
from foundation.arrays import Array, MadeAnew, freeze_fields
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.labels import in_order
from foundation.threads import one_blas_thread
from research.market import Past

PREVIOUS = "previous weights"
ANSWER_FAILED = "failed"
INNER = " of the inner allocation"


class NotSolvedError(PolicyError):
    """A refit has no solution, or no solver finds one: its path of targets goes on with the previous weights."""


UNANSWERED = (ConfigError, DataError, PolicyError)  # what an allocation raises on a day on which it has no answer


@dataclass(frozen=True)
class Binding:
    """A limit that binds at a solution.

    limit : limit in words, such as "SPY at most 0.4".
    price : its shadow price: by how much the objective would improve for each unit that the limit is wider, 0 or more;
            of an equation, for each unit that its value is higher, which may be less than 0.
    brings : gain from one more step of the limit, in words; "" if it is not given.
    key   : key of a named constraint under `constraints`, such as "groups.us.most"; "" for other limits.
    """

    limit: str
    price: float
    brings: str = ""
    key: str = ""


@dataclass(frozen=True, eq=False)
class Answer(MadeAnew):
    """Target weights and their reasons.

    weights   : (n,) fraction of NAV; cash is the rest.
    seen      : the last date that it used.
    solver    : name of the solver; "" where nothing was solved.
    status    : "optimal"; "optimal_inaccurate", solved to less than full accuracy; "failed"; "" where none was needed.
    objective : quantity that was minimised or maximised, with its unit; "" where there is none.
    value     : value of the objective, NaN where there is none.
    binding   : limits that bind, the one with the highest price first.
    fallback  : replacement for a solution, such as "previous weights"; "" for none.
    why       : reason for the fallback, or the solvers that failed before.
    notes     : changes made to the input, in sentences.
    cut       : the most by which a weight was moved to keep a limit that its solver missed, fraction of NAV.
    """

    weights: Array
    seen: pd.Timestamp
    solver: str = ""
    status: str = ""
    objective: str = ""
    value: float = np.nan
    binding: tuple[Binding, ...] = ()
    fallback: str = ""
    why: str = ""
    notes: tuple[str, ...] = ()
    cut: float = 0.0

    def __post_init__(self) -> None:
        """Make the weights read-only, and put the dearest limit first."""
        freeze_fields(self, "weights")
        if self.binding:
            object.__setattr__(self, "binding", tuple(sorted(self.binding, key=lambda limit: -abs(limit.price))))

    def within(self, weights: Array) -> "Answer":
        """The reasons of an allocation, for the weights (n,) that another makes of its own."""
        return replace(self, weights=weights, objective=of_inner(self.objective))

    def times(self, factor: float) -> "Answer":
        """The same answer with all weights times a factor, as exposures make it."""
        return self.within(factor * self.weights)

    def __repr__(self) -> str:
        """One line: the date, the solver and its accuracy, the binding limits, the fallback."""
        said = [f"{self.seen:%Y-%m-%d}"]
        if self.solver:
            said.append(f"{self.status} by {self.solver}")
        if self.objective and np.isfinite(self.value):
            said.append(f"{self.objective} {self.value:.6g}")
        said += [f"{one.limit} (price {one.price:.3g})" for one in self.binding[:3]]
        if len(self.binding) > 3:
            said.append(f"and {len(self.binding) - 3} limits more bind")
        if self.fallback:
            said.append(f"{self.fallback}: {self.why}")
        return f"Answer of {', '.join(said)}"


def of_inner(objective: str) -> str:
    """The name of an objective, for an allocation that scales, mixes or smooths: it is of the weights before that.

    >>> of_inner("volatility a year"), of_inner(of_inner("volatility a year")), of_inner("")
    ('volatility a year of the inner allocation', 'volatility a year of the inner allocation', '')
    """
    return objective and objective.removesuffix(INNER) + INNER


class Explained(ABC):
    """An allocation that gives reasons: it inherits from this, and implements `answer` in place of `target`."""

    @abstractmethod
    def answer(self, past: Past) -> Answer:
        """Weights (n,), fraction of NAV, and why.

        Raises : NotSolvedError where there is no solution.
        """

    def target(self, past: Past) -> Array:
        """(n,) the weights of the answer, fraction of NAV; cash is the rest."""
        with one_blas_thread():
            return self.answer(past).weights


class Following(Explained):
    """An explained allocation whose answer may depend on its own answer before, as a limit of turnover does."""

    @property
    @abstractmethod
    def follows(self) -> bool:
        """True if it does, with these settings."""

    @abstractmethod
    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """Weights (n,), and why.

        previous : (n,) the target before, what has left the market since spread over its class; None for the first.
        """


def checked_weights(target: Array | pd.Series, allocation: object, past: Past) -> Array:
    """The target as n finite numbers. Raises PolicyError and names the worst weight."""
    if type(target) is not np.ndarray:
        where = f"on {past.date:%Y-%m-%d}"
        target = in_order(f"weights of {allocation!r} are", target, past.assets, error=PolicyError, where=where)
    target = np.array(target, dtype=np.float64)  # a copy: an allocation may hand out the same array again
    if target.shape != (len(past.assets),):
        raise PolicyError(
            f"target of {allocation!r} on {past.date:%Y-%m-%d} has shape {target.shape}, expected "
            f"({len(past.assets)},): one weight for each of {', '.join(past.assets)}."
        )
    bad = ~np.isfinite(target)
    if bad.any():
        worst = int(np.argmax(bad))
        raise PolicyError(
            f"target of {allocation!r} on {past.date:%Y-%m-%d} is not finite for {bad.sum()} of {len(target)} assets: "
            f"{past.assets[worst]} has {shown(target[worst])}. Give every asset a number; zero keeps it out."
        )
    return target


def remarks(answers: Sequence[Answer], name: str) -> tuple[str, ...]:
    """Warnings about refits: how many fell back or are inaccurate, with days and reasons; and about their inputs.

    answers : one a refit.
    name    : name of the allocation.
    """
    found: dict[str, list[tuple[Answer, str]]] = {}
    for one in answers:
        if one.fallback:
            found.setdefault(f"fell back to the {one.fallback}", []).append((one, one.why))
        elif one.status == "optimal_inaccurate":
            found.setdefault("were solved to reduced accuracy", []).append((one, f"by {one.solver}"))
        for note in one.notes:
            found.setdefault("changed their input", []).append((one, note))
    sentences = []
    for what, those in found.items():
        by_reason: dict[str, list[str]] = {}
        for one, why in those:
            by_reason.setdefault(why, []).append(f"{one.seen:%Y-%m-%d}")
        said = [f"{_few(days)}: {why}" for why, days in list(by_reason.items())[:3]]
        more = f"; and {len(by_reason) - 3} other reasons" if len(by_reason) > 3 else ""
        sentences.append(f"{len(those)} of {len(answers)} refits of {name} {what} ({'; '.join(said)}{more}).")
    if moved := [one for one in answers if one.cut > 0.0]:
        most = max(moved, key=lambda one: one.cut)
        sentences.append(
            f"{len(moved)} of {len(answers)} refits of {name} missed a limit by what solvers leave, and were moved to "
            f"it: by {most.cut:.1g} of NAV at most ({most.seen:%Y-%m-%d})."
        )
    return tuple(sentences)


def _few(days: list[str]) -> str:
    return ", ".join(days[:3]) + (f" and {len(days) - 3} more" if len(days) > 3 else "")
