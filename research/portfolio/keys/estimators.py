"""An optimiser of a library, or an own estimator, as a portfolio file states it: class by name, parameters in words.

    allocation:
      kind: skfolio.optimization.MeanRisk
      window: 252
      risk_measure: CVAR
      prior_estimator: {kind: skfolio.prior.EmpiricalPrior, mu_estimator: {kind: skfolio.moments.ShrunkMu}}

`pypfopt.EfficientFrontier` and its like are the classes of `research.allocation.peers`.

Whatever an estimator holds may be one of skfolio, at any depth. Classes are looked for among the public ones of the
library, so that no file runs other code by being read.
"""

import pkgutil
from enum import Enum, EnumMeta
from importlib import import_module
from inspect import Parameter, isabstract, signature
from typing import Any

from foundation.arguments import did_you_mean, is_number
from research.allocation import EstimatorAllocation
from research.allocation.estimators.estimator import BESIDE
from research.allocation.estimators.words import LIBRARY, NONE_WORD, PEERS
from research.portfolio.file.document import Document
from research.portfolio.file.lengths import default_lengths
from research.portfolio.file.settings import adapters, validated
from research.portfolio.file.strict_yaml import KeyPath, dotted

KIND = "kind"


def read_estimator_allocation(
    document: Document, path: KeyPath, cls: type, periods_per_year: float
) -> EstimatorAllocation:
    """The allocation at `path` that fits an estimator of a class, on a market with so many rows a year.

    Raises : ConfigError for unknown parameters, and for values that neither the class nor the allocation takes.
    """
    given, types = document.mapping(*path), adapters(EstimatorAllocation)
    beside = {
        name: validated(document, (*path, name), types[name], given[name]) for name in BESIDE[1:] if name in given
    }
    own = ("code",) if ":" in given[KIND] else ()
    beside = default_lengths(EstimatorAllocation, periods_per_year, beside) | beside
    estimator = _estimator(document, path, cls, (*BESIDE, *own))
    with document.placing(path):
        return EstimatorAllocation(estimator, **beside)


def optimiser(document: Document, path: KeyPath) -> type:
    """The optimiser of a library that the text at `path` names. Raises ConfigError for other classes of the library."""
    named = document.text(*path)
    if not named.startswith(f"{LIBRARY}."):
        if named not in PEERS:
            document.refuse(path, "unknown optimiser", named, did_you_mean(named, PEERS))
        peer: type = getattr(import_module("research.allocation.peers"), named.partition(".")[2])
        return peer
    found = _skfolio_class(document, path)
    from skfolio.optimization import BaseOptimization

    if not issubclass(found, BaseOptimization):
        what, fix = f"{found.__name__} has no weights_", f"Name an optimiser, such as {LIBRARY}.optimization.MeanRisk."
        document.refuse(path, what, document.text(*path), fix)
    return found


def _skfolio_class(document: Document, path: KeyPath) -> type:
    """The estimator of skfolio that the text at `path` names, as skfolio.module.Class."""
    named = document.text(*path)
    library, module, name = ([*named.split("."), "", ""])[:3] if named.count(".") == 2 else (named, "", "")
    if library != LIBRARY:
        document.refuse(path, "not a class of skfolio", named, f"Write it as {LIBRARY}.optimization.MeanRisk is.")
    import skfolio

    modules = [found.name for found in pkgutil.iter_modules(skfolio.__path__) if not found.name.startswith("_")]
    if module not in modules:
        document.refuse(path, f"{LIBRARY} has no module {module}", named, did_you_mean(module, modules))
    found = import_module(f"{LIBRARY}.{module}")
    public = list(getattr(found, "__all__", ()))
    if name not in public:
        document.refuse(path, f"{LIBRARY}.{module} has no class {name}", named, did_you_mean(name, public))
    cls = getattr(found, name)
    if not (isinstance(cls, type) and callable(getattr(cls, "get_params", None))) or isabstract(cls):
        document.refuse(
            path, f"{name} is no estimator", named, did_you_mean(name, [one for one in public if one != name])
        )
    return cls


def _estimator(document: Document, path: KeyPath, cls: type, beside: tuple[str, ...]) -> Any:
    """An estimator of a class from the parameters at `path`; `beside` them stand other keys."""
    parameters = signature(cls).parameters
    document.check_keys(path, (*beside, *parameters))
    for name, one in parameters.items():
        if one.default is Parameter.empty:
            document.value(*path, name)  # refuses: it is missing
    given = {name: value for name, value in document.mapping(*path).items() if name in parameters}
    read = {name: _value(document, (*path, name), value, parameters[name].default) for name, value in given.items()}
    try:
        return cls(**read)
    except (TypeError, ValueError) as error:
        raise document.mistake(path, f"{dotted(path)} ({document.place(path)}): {error}") from error


def _value(document: Document, path: KeyPath, value: Any, default: Any = None) -> Any:
    """The value of a parameter: an estimator, None, a member of an enumeration by its name, or the file's value.

    default : default of the parameter; it gives the type where that is a number, true or false, or such a member.
    """
    if isinstance(value, dict):
        if KIND in value:
            return _estimator(document, path, _skfolio_class(document, (*path, KIND)), (KIND,))
        return {key: _value(document, (*path, key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_value(document, (*path, str(k)), item) for k, item in enumerate(value)]
    if value == NONE_WORD:
        return None
    if isinstance(default, Enum):
        return _member(document, path, value, type(default))
    if isinstance(default, bool) and not isinstance(value, bool):
        document.refuse(path, "not true or false", value, "Write true or false.")
    if is_number(default) and not is_number(value):
        document.refuse(path, "not a number", value, "Write a plain number, such as 0.25.")
    return value


def _member(document: Document, path: KeyPath, value: Any, cls: type[Enum]) -> Enum:
    """The member of an enumeration that a word names; of a measure, one of any kind of measure."""
    from skfolio import measures

    kinds = [getattr(measures, name) for name in measures.__all__]
    kinds = [kind for kind in kinds if isinstance(kind, EnumMeta)] if cls in kinds else [cls]
    members: dict[str, Enum] = {name: member for kind in kinds for name, member in kind.__members__.items()}
    word = str(value).upper()
    if word not in members:
        document.refuse(path, f"not a {cls.__name__}", value, did_you_mean(word, members))
    return members[word]
