"""Target weights of a function of returns, or of any estimator with `fit(X).weights_`: the way in for own code.

So PyPortfolioOpt, skfolio and Riskfolio-Lib come in.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import cut, did_you_mean, floats, is_number, refuse, shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, PolicyError
from research.allocation.accuracy import SOLVER_NOISE
from research.allocation.answer import ANSWER_FAILED, PREVIOUS, Answer, Following, NotSolvedError
from research.allocation.estimated import EstimationSchedule, check_estimate, placed
from research.allocation.estimators.limits import BY_NAME, estimator_limits, reason_of
from research.allocation.estimators.words import LIBRARY, kind_of, words_of
from research.allocation.others_code import missed_by, raise_of, without_noise
from research.forecast.returns import complete_returns
from research.market import Past

UNSOLVED = ("NotSolvedError", "OptimizationError", "SolverError", "LinAlgError")  # of cvxpy, slow to import, and others
UNSEEDED = (f"{LIBRARY}.optimization.Random",)  # draws from numpy's global generator
SEEDED = {  # parameters without which weights are drawn anew each time, and how to mend that
    "random_state": "give a whole number, such as 7, so that the same returns give the same weights.",
    "seed": "give a whole number, such as 7, so that the same returns give the same weights.",
    "distribution_estimator": "give a distribution with a random_state, such as VineCopula(random_state=7).",
}
BESIDE = (
    "kind",
    "window",
    "schedule",
    "benchmark",
    "strict",
)  # keys of a file beside which the parameters of an estimator stand


@dataclass(frozen=True, eq=False, repr=False)
class EstimatorAllocation(Following):
    """The weights that an estimator of scikit-learn's kind learns from a window of returns, fitted anew on a schedule.

    A copy of the estimator is fitted each time, on a frame (window, k) of simple returns, dates down and the names of
    the k assets with a complete window across. Its `weights_` are fractions of NAV. Weights that miss a sum of 1, or a
    limit among its parameters, by at most 1e-4 miss it by what solvers leave, and are moved to it; any other sum is
    what the estimator means, and cash is the rest. One of skfolio that looks at its previous weights (`max_turnover`,
    `transaction_costs`) is given the target before; the first is free of `max_turnover`. A fit that fails is a refit
    without a solution, whose path goes on with the previous weights, unless `strict` is set, or no other data would
    mend it (`others_code.raise_of`).

    estimator : estimator with `fit`, `get_params` and, once fitted, `weights_`; two with the same class and parameters
                are equal. What draws at random has a `random_state` or a `seed`, which is set.
    window    : returns, at least 2.
    schedule  : "day", "week", "month", "quarter" or "year".
    benchmark : asset -> weight, whose returns `fit(X, y)` is given as y, cash being the rest; None where it takes none.
    strict    : True to end a test with the first fit that fails; a `fallback` of its own is no failure.
    Raises    : ConfigError for settings outside these; when asked, DataError for an asset whose returns do not vary;
                PolicyError, naming estimator and date, for a mistake in its code, and for weights that are none;
                NotSolvedError for a fit that fails otherwise.
    """

    estimator: Any
    window: int = 252
    schedule: EstimationSchedule = "month"
    benchmark: Mapping[str, float] | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        """Check the settings, and keep a copy of the estimator."""
        check_estimate("EstimatorAllocation", self.window, self.schedule)
        _check_estimator(self.estimator)
        if self.benchmark is not None and not (self.benchmark and all(map(is_number, self.benchmark.values()))):
            refuse("benchmark of EstimatorAllocation is", self.benchmark, "give weights by name, such as {SPY: 1}.")
        from sklearn.base import clone

        object.__setattr__(self, "estimator", clone(self.estimator))

    @property
    def follows(self) -> bool:
        """True if the estimator uses its previous weights."""
        return bool(getattr(self.estimator, "needs_previous_weights", False))

    @cached_property
    def words(self) -> dict[str, Any]:
        """All settings as a portfolio file states them, every default filled in but those of no value."""
        said = words_of(self.estimator)
        beside: dict[str, Any] = {"benchmark": dict(self.benchmark)} if self.benchmark else {}
        beside |= {"strict": True} if self.strict else {}
        return {"kind": said.pop("kind"), "window": self.window, "schedule": self.schedule, **beside, **said}

    def __eq__(self, other: object) -> bool:
        """Two with the same settings, and estimators of the same class with the same parameters, are equal."""
        return isinstance(other, EstimatorAllocation) and self.words == other.words

    def __hash__(self) -> int:
        """The hash of class and schedule."""
        return hash((type(self.estimator), self.window, self.schedule))

    def __repr__(self) -> str:
        """The estimator and the other settings: all that determines it."""
        further = f", benchmark={dict(self.benchmark)!r}" if self.benchmark else ""
        further += ", strict=True" if self.strict else ""
        return f"EstimatorAllocation({self.estimator_text}, window={self.window}, schedule={self.schedule!r}{further})"

    @property
    def estimator_text(self) -> str:
        """The estimator with the parameters that differ from the defaults of its class."""
        said = words_of(self.estimator, defaults=False)
        return f"{said.pop('kind')}({', '.join(f'{name}={value!r}' for name, value in said.items())})"

    def check(self, past: Past) -> None:
        """Raise ConfigError for a benchmark, or a bound, of an asset that the market does not have."""
        bounds = {name: getattr(self.estimator, name, None) for name in BY_NAME}
        named = {f"{name} has": bound for name, bound in bounds.items() if isinstance(bound, Mapping)}
        for what, names in {"the benchmark holds": self.benchmark or {}, **named}.items():
            for name in names:
                if name not in past.assets:
                    raise ConfigError(f"{what} {name!r}, no asset of the market. {did_you_mean(name, past.assets)}")

    def answer(self, past: Past, previous: Array | None = None) -> Answer:
        """Weights (n,): those of the estimator for assets with a complete window, zero for the others."""
        returns, lines = complete_returns(past, self.window)
        names = [past.assets[line] for line in lines]
        frame = pd.DataFrame(returns, index=past.dates[-self.window :], columns=names)
        fitted = self._fitted(frame, past, None if previous is None else previous[lines])
        where = f"{self._name} on {past.date:%Y-%m-%d}"
        weights = getattr(fitted, "weights_", None)
        if weights is None:
            if hasattr(fitted, "weights_"):  # one of skfolio that does not raise its errors
                said = reason_of(self.estimator, names) or cut(str(getattr(fitted, "error_", ""))) or "weights_ is None"
                raise NotSolvedError(f"{self._name} found no weights: {said}")
            raise PolicyError(
                f"{where} has no weights_ after fit. Give an estimator whose fit sets weights_, one a column."
            )
        budget, rows = estimator_limits(self.estimator if self._is_known else None, names)
        own_budget = not self._is_known and hasattr(self.estimator, "budget")
        limits = [*([] if own_budget else budget), *rows]
        given = weights_in_order(weights, names, where)
        exact = budget if hasattr(self.estimator, "w_max") else limits  # clusters only come near to their bounds
        if hasattr(self.estimator, "peer_library") and (far := missed_by(given, exact)) > SOLVER_NOISE:
            raise NotSolvedError(f"{self._name} found weights that miss its own limits by {far:.1g} of NAV")
        found, moved = without_noise(given, limits)
        status, fallback, why = _stand_in(fitted, names)
        return Answer(placed(found, lines, past), past.date, status=status, fallback=fallback, why=why, cut=moved)

    def _fitted(self, frame: pd.DataFrame, past: Past, previous: Array | None) -> Any:
        """A copy of the estimator, fitted; `previous` (k,) is the target before, if it follows one."""
        from sklearn.base import clone

        model = clone(self.estimator)
        if previous is not None:
            model.set_params(previous_weights=previous)
        elif self.follows and "max_turnover" in model.get_params(deep=False):
            model.set_params(max_turnover=None)  # of a first target: skfolio would measure it from no holdings
        arguments = (frame,) if self.benchmark is None else (frame, self._benchmark(frame, past))
        try:
            model.fit(*arguments)
        except ConfigError as error:
            raise PolicyError(
                f"{self._name} cannot be fitted to {self.window} returns on {past.date:%Y-%m-%d} ({error}). Correct "
                "its parameters."
            ) from error
        except Exception as error:  # whatever an estimator raises
            unsolved = any(cls.__name__ in UNSOLVED for cls in type(error).__mro__)
            why = reason_of(self.estimator, list(frame.columns)) if unsolved else ""
            raise_of(error, self._name, past.date, why)
        return model

    def _benchmark(self, frame: pd.DataFrame, past: Past) -> pd.Series:
        """(window,) returns of the benchmark, rebalanced each session. NotSolvedError where an asset has too few."""
        self.check(past)
        held = dict(self.benchmark or {})
        absent = [name for name in held if name not in frame]
        if absent:
            raise NotSolvedError(f"{absent[0]} of the benchmark has no {self.window} returns")
        cash = past.cash[past.t - self.window + 1 :]
        found = frame[list(held)].to_numpy() @ np.array(list(held.values())) + (1.0 - sum(held.values())) * cash
        return pd.Series(found, index=frame.index, name="benchmark")

    @property
    def _name(self) -> str:
        return type(self.estimator).__name__

    @property
    def _is_known(self) -> bool:
        """True if the meaning of its parameters is known: those of other estimators may have the same names."""
        return hasattr(self.estimator, "peer_library") or kind_of(type(self.estimator)).startswith(f"{LIBRARY}.")


def _check_estimator(estimator: Any) -> None:
    """Raise ConfigError for an object without `fit` and `get_params`, and for one with random draws without a seed."""
    if isinstance(estimator, type) or not all(
        callable(getattr(estimator, name, None)) for name in ("fit", "get_params")
    ):
        fix = "give an object with fit and get_params, such as skfolio.optimization.RiskBudgeting()."
        refuse("estimator of EstimatorAllocation is", estimator, fix)
    taken = [name for name in estimator.get_params(deep=False) if name in BESIDE]
    if taken:
        raise ConfigError(
            f"{type(estimator).__name__} has a parameter {taken[0]}, which is a setting of EstimatorAllocation too. "
            "Give the parameter another name."
        )
    parameters = estimator.get_params()
    for name, value in parameters.items():
        last = name.rpartition("__")[2]
        if last in SEEDED and value is None:
            refuse(f"{name} of {kind_of(type(estimator))} is", value, SEEDED[last])
    for value in (estimator, *parameters.values()):
        if kind_of(type(value)) in UNSEEDED:
            raise ConfigError(
                f"{kind_of(type(value))} draws weights that no seed determines, so no backtest of it can be repeated. "
                "Give another estimator."
            )


def _stand_in(fitted: Any, names: Sequence[str]) -> tuple[str, str, str]:
    """Status, name and reason of a fallback of skfolio's own that took the place of a solution; "" where none did."""
    used = getattr(fitted, "fallback_", None)
    if used is None:
        return "", "", ""
    name = PREVIOUS if isinstance(used, str) else type(used).__name__
    return ANSWER_FAILED, name, reason_of(fitted, names) or cut(str(fitted.fallback_chain_[0][1]))


Weights = Mapping[str, float] | pd.Series | Array
WEIGHT_FORMS = "a mapping or a Series by name, or one number a column"


@dataclass(frozen=True, repr=False)
class FunctionAllocation:
    """The weights that a function computes from a window of returns, asked anew on a schedule.

    function : function of a frame (window, k) of simple returns, dates down and the names of the k assets with a
               complete window across; gives their weights, fraction of NAV: by name (a mapping or a Series; zero for an
               asset that is not named), or (k,) in the order of the columns. Cash is the rest.
    window   : returns, at least 2.      schedule : "day", "week", "month", "quarter" or "year".
    strict   : True to end a test where the function raises an error, whatever it is.
    Raises   : ConfigError for settings outside these; when asked, DataError for an asset whose returns do not vary, and
               PolicyError, naming function and date, for weights of unknown names or of another form.
    """

    function: Callable[[pd.DataFrame], Any]
    window: int = 252
    schedule: EstimationSchedule = "month"
    strict: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        check_estimate("FunctionAllocation", self.window, self.schedule)
        if not callable(self.function):
            raise ConfigError(
                f"function of FunctionAllocation is {shown(self.function)}. Give a function of a frame of returns, "
                "such as lambda returns: 1 / returns.std()."
            )

    def __repr__(self) -> str:
        """The function by its name, so that the same allocation prints the same text in every process."""
        strict = ", strict=True" if self.strict else ""
        return f"FunctionAllocation({self._name}, window={self.window}, schedule={self.schedule!r}{strict})"

    def target(self, past: Past) -> Array:
        """(n,) the function's weights for the assets with a complete window; zero for the others."""
        returns, lines = complete_returns(past, self.window)
        names = [past.assets[line] for line in lines]
        frame = pd.DataFrame(returns, index=past.dates[-self.window :], columns=names)
        found = weights_in_order(self.function(frame), names, where=f"{self._name} on {past.date:%Y-%m-%d}")
        return placed(found, lines, past)

    @property
    def _name(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))


def weights_in_order(found: object, names: Sequence[str], where: str) -> Array:
    """(k,) weights that somebody gave, in the order of the names; zero for a name that a mapping does not have.

    found  : a mapping or a Series by name, or (k,) numbers.
    names  : k of them.
    where  : source of the weights, and their date.
    Raises : PolicyError for unknown names, and for weights of another form.
    """
    if isinstance(found, Mapping | pd.Series):
        given = {str(name): weight for name, weight in found.items()}
        if len(given) < len(found):
            raise PolicyError(f"{where} gave two weights for one name: found {shown(found)}. Return one a name.")
        unknown = [name for name in given if name not in names]
        if unknown:
            raise PolicyError(
                f"{where} gave a weight for {unknown[0]!r}, but the columns are {', '.join(names)}. Return weights "
                "by the names of the frame's columns."
            )
        found = [given.get(name, 0.0) for name in names]
    try:
        weights = floats("weights are", found, WEIGHT_FORMS)
    except ConfigError as error:
        raise PolicyError(f"{where} gave {shown(found)}. Return {WEIGHT_FORMS}, each a fraction of NAV.") from error
    if weights.shape != (len(names),):
        raise PolicyError(
            f"{where} gave weights of shape {weights.shape} for {len(names)} assets, {', '.join(names)}. "
            f"Return {WEIGHT_FORMS}."
        )
    return np.asarray(weights)
