"""Description of a trial in words and plain values, the same for a backtest, a comparison or a sweep."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd

from research.accounting import Costs, Execution, Flows
from research.allocation import Allocation
from research.market import Market

_within: ContextVar[frozenset[int]] = ContextVar("within", default=frozenset())  # ids of what is put into words now
WHOLE_AT_CLOSE = Execution()
SETTING_TYPES = frozenset({bool, int, float, str, type(None)})  # types of settings that are written as they are


def is_proportional(market: Market, costs: Costs, execution: Execution, dividends: str, flows: Flows | None) -> bool:
    """True if everything is proportional to wealth, and booked at once at the close."""
    events = flows is not None or dividends == "cash" or bool((market.exits < len(market.dates)).any())
    return costs.proportional and execution == WHOLE_AT_CLOSE and not events


def terms(
    strategic: Allocation | None,
    costs: Costs,
    nav: float,
    periods_per_year: float,
    dividends: str,
    execution: Execution,
    flows: Flows | None,
) -> dict[str, Any]:
    """The conditions of a backtest besides market, days and lag, as plain JSON values; daily spreads by sha256.

    strategic : the target that J is measured against, None for a policy that has none.
    nav       : wealth before the opening trade, 1 where everything scales with it.
    """
    charged = dict(costs.settings)
    if costs.half_spread.ndim > 1:
        charged |= {"half_spread": hashlib.sha256(costs.half_spread.tobytes()).hexdigest()}
    found = {
        "costs": charged,
        "nav": nav,
        "periods_per_year": float(periods_per_year),
        "dividends": dividends,
        "strategic": repr(strategic),
        "execution": repr(execution),
    }
    return found if flows is None else found | {"flows": flows.settings}


def in_words(strategic: Allocation | None, values: Sequence[Any]) -> list[str]:
    """Policies, or settings of policies, by their classes and their own settings.

    The strategic target is named in a word, an array by its hash; what a class inherits is left out where it is as
    usual, such as a cooldown of no sessions. A sweep may have a hundred thousand policies, whose settings are mostly
    the same objects: an object is put into words once.
    """
    once: dict[int, tuple[Any, str]] = {}
    return [_words(strategic, value, once) for value in values]


def _words(strategic: Allocation | None, value: Any, once: dict[int, tuple[Any, str]]) -> str:
    """The words of a value. once : objects and their words by id, which is an object's own while it is kept here."""
    kind = type(value)
    if kind in SETTING_TYPES:
        return repr(value)
    if (known := once.get(id(value))) is not None:
        return known[1]
    if issubclass(kind, np.generic):
        text = repr(value.item())
    elif issubclass(kind, np.ndarray):
        text = f"array {value.shape} #{hashlib.sha256(value.tobytes()).hexdigest()[:16]}"
    elif (settings := _settings(kind)) is None:  # type: ignore[arg-type]  # a class has a hash
        text = _of_content(strategic, value)
    elif kind is type(strategic) and value == strategic:
        text = "Strategic()"
    else:
        told = []
        for name, usual in settings:
            own = getattr(value, name, None)
            if own is not usual and not (type(own) is type(usual) in SETTING_TYPES and own == usual):
                told.append(f"{name}={_words(strategic, own, once)}")
        text = f"{kind.__name__}({', '.join(told)})"
    once[id(value)] = value, text
    return text


def _of_content(strategic: Allocation | None, value: Any) -> str:
    """The words of a value that is no dataclass: a table by its hash, an object or function by name and content."""
    if id(value) in (within := _within.get()):
        return "itself"
    token = _within.set(within | {id(value)})
    try:
        return _content(strategic, value)
    finally:
        _within.reset(token)


def _content(strategic: Allocation | None, value: Any) -> str:
    kind = type(value)
    if isinstance(value, pd.Series | pd.DataFrame | pd.Index):
        hashed = pd.util.hash_pandas_object(value).to_numpy().tobytes()
        return f"{kind.__name__} {value.shape} #{hashlib.sha256(hashed).hexdigest()[:16]}"
    if isinstance(value, list | tuple | set | frozenset):
        if set(map(type, value)) <= SETTING_TYPES:
            return repr(value)
        return f"{kind.__name__}({', '.join(in_words(strategic, list(value)))})"
    if isinstance(value, Mapping):
        return f"{kind.__name__}({_pairs(strategic, value)})"
    if isinstance(value, FunctionType):
        code = value.__code__
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        digest = hashlib.sha256(code.co_code + repr(code.co_consts).encode()).hexdigest()[:16]
        return f"{value.__qualname__}({', '.join(in_words(strategic, held))}) #{digest}"
    own: dict[str, Any] = getattr(value, "__dict__", {})
    if own and " object at 0x" in repr(value):  # which says nothing of it
        return f"{kind.__name__}({_pairs(strategic, own)})"
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


def _pairs(strategic: Allocation | None, own: Mapping[Any, Any]) -> str:
    return ", ".join(f"{k}={text}" for k, text in zip(own, in_words(strategic, list(own.values())), strict=True))


@cache
def _settings(kind: type[Any]) -> tuple[tuple[str, Any], ...] | None:
    """The fields of a dataclass: those that it inherits with their defaults, its own with `MISSING`."""
    if not is_dataclass(kind):
        return None
    own = kind.__annotations__
    return tuple((f.name, MISSING if f.name in own else f.default) for f in fields(kind))


def seed_in_words(strategic: Allocation | None, seed: int, policy: Any) -> str:
    """A seed of a learned policy, by what it was trained with, and by its schedule where that is another.

    strategic : the target that is named in a word, or None.
    seed      : number of the seed.
    policy    : its policy.
    """
    card = getattr(policy, "card", {})
    if "settings" not in card:
        return f"{in_words(strategic, [policy])[0]}, seed {seed}"
    settings = {name: value for name, value in card["settings"].items() if name != "seeds"}
    made = hashlib.sha256(json.dumps([settings, card.get("objective")], sort_keys=True).encode()).hexdigest()[:8]
    held, asked = in_words(strategic, [policy.allocation])[0], policy.schedule
    other = "" if asked == card["settings"]["schedule"] else f", asked each {asked}"
    learner = card["settings"]["learner"]
    return f"Learned({held}, {learner} #{made}), seed {seed}, trained to {policy.seen:%Y-%m-%d}{other}"
