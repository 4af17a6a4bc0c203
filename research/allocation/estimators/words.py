"""An estimator in words: its class and parameters as a portfolio file states them, by which two are compared."""

from collections.abc import Mapping
from enum import Enum
from inspect import signature
from typing import Any

from foundation.arguments import is_number
from foundation.names import import_path

LIBRARY = "skfolio"
PEERS = ("pypfopt.EfficientFrontier", "pypfopt.HRPOpt", "riskfolio.Portfolio", "riskfolio.HCPortfolio")
LIBRARIES = (LIBRARY, *dict.fromkeys(peer.partition(".")[0] for peer in PEERS))
NONE_WORD = "none"  # the word for None, which takes a bound away: a file has no empty values


def words_of(value: Any, defaults: bool = True) -> Any:
    """An estimator as {kind: ..., parameter: ...}, and those that it holds likewise; other values in plain JSON types.

    value    : value to write; one that has no such form, such as a function, stays what it is.
    defaults : state parameters that are what the class takes by default, too, but for None.

    >>> from sklearn.covariance import LedoitWolf
    >>> words_of(LedoitWolf(block_size=500), defaults=False)
    {'kind': 'sklearn.covariance._shrunk_covariance:LedoitWolf', 'block_size': 500}
    """
    if hasattr(value, "get_params") and not isinstance(value, type):
        return {"kind": kind_of(type(value)), **_parameters(value, defaults)}
    if value is None:
        return NONE_WORD
    if isinstance(value, Enum):
        return value.name
    if hasattr(value, "to_dict"):  # of pandas
        value = value.to_dict()
    if isinstance(value, Mapping):
        return {key: words_of(item, defaults) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [words_of(item, defaults) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def kind_of(cls: type) -> str:
    """The name by which a portfolio file calls the class of an estimator."""
    if library := getattr(cls, "peer_library", ""):
        return f"{library}.{cls.__name__}"
    parts = cls.__module__.split(".")
    return f"{LIBRARY}.{parts[1]}.{cls.__name__}" if parts[0] == LIBRARY else import_path(cls)


def says_all(words: Any) -> bool:
    """True if words determine an estimator, whoever reads them: not with an object in them, or a user's own class."""
    if isinstance(words, dict):
        plain_keys = all(isinstance(key, str) for key in words)
        return plain_keys and ":" not in words.get("kind", "") and all(map(says_all, words.values()))
    if isinstance(words, list):
        return all(map(says_all, words))
    return isinstance(words, str | bool) or is_number(words)


def _parameters(estimator: Any, defaults: bool) -> dict[str, Any]:
    usual = {name: words_of(one.default, defaults) for name, one in signature(type(estimator)).parameters.items()}
    words = {name: words_of(value, defaults) for name, value in estimator.get_params(deep=False).items()}
    return {name: said for name, said in words.items() if (defaults and said != NONE_WORD) or said != usual.get(name)}
