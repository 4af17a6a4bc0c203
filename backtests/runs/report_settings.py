"""The settings by which a report is known: read where a trade list looks for one, without what makes a report.

A client of a book is compared with others of his model: `comparison_key` says which portfolios share one comparison.
"""

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from backtests.runs.trial_words import scales
from foundation.compiled.content import name_of
from research.market import Market
from research.portfolio import Portfolio

FULL_RUN = {"rl_steps": 0, "rl_seeds": 0, "draws": 10_000}  # settings of a full run; 0: as the portfolio file says
OF_CLIENT = frozenset(  # fields of a portfolio that are its owner's, and of which a comparison reads the NAV alone
    {
        "name", "file", "settings", "holdings", "shares", "cash", "last_trade", "given_prices", "notes", "tax_lots",
        "ticket", "cycle", "governance", "accounts", "currencies", "rates", "nav_history", "blotter", "pending",
    }
)  # fmt: skip


def settings_of(portfolio: Portfolio, reference: str, *, rl_steps: int, rl_seeds: int, draws: int) -> dict[str, object]:
    """The settings of a comparison, as plain JSON values: the portfolio file's and the notebook's.

    portfolio : portfolio whose candidates are compared.
    reference : the policy to which differences are taken.
    rl_steps  : training steps a seed of learned candidates.
    rl_seeds  : number of seeds of learned candidates.
    draws     : number of draws of the bootstrap.
    """
    return {
        "portfolio": portfolio.settings,
        "rl_steps": rl_steps,
        "rl_seeds": rl_seeds,
        "draws": draws,
        "reference": reference,
        "candidates": list(portfolio.policies),
    }


def is_told_by_settings(portfolio: Portfolio) -> bool:
    """True if the settings and the market of a portfolio hold all that its runs are made from.

    False where they name files whose content may change, or a book, and where code of the user's may be read: a run of
    these settings may be of other prices, rates, holdings or rules, so that it is made again.
    """
    named = [portfolio.settings.get(key) for key in ("prices", "fx", "fx_today", "nav_history")]
    named.append(portfolio.settings.get("stress", {}).get("file"))
    files = any(isinstance(one, str) for one in named)
    return not (files or portfolio.pending or portfolio.blotter or portfolio.trust_code)


def scales_with_nav(portfolio: Portfolio) -> bool:
    """True if a comparison is the same at any NAV: costs are proportional, and no work is priced in currency."""
    priced = portfolio.day_cost or portfolio.order_cost
    own = (portfolio.market, portfolio.costs, portfolio.execution, portfolio.dividends, portfolio.flows)
    return not priced and scales(*own)


def comparison_key(portfolio: Portfolio) -> str:
    """The sha256, hex, of all that a comparison reads of a portfolio: portfolios with one key share one comparison.

    It is made from the content of every field but those in `OF_CLIENT`, and from the NAV where a comparison depends on
    it (`scales_with_nav`). Where it has a value of an unknown kind (`content_digest`), it may be compared by itself.
    """
    read = [[f.name, getattr(portfolio, f.name)] for f in fields(portfolio) if f.name not in OF_CLIENT]
    return content_digest(*read, "any" if scales_with_nav(portfolio) else portfolio.nav)


def content_digest(*values: object) -> str:
    """The sha256, hex, of the content of values: markets, dataclasses, arrays, tables and plain values.

    A value of an unknown kind counts by its pickle, which may differ for equal values.

    >>> content_digest(1.0, "SPY") == content_digest(1.0, "SPY"), content_digest(1.0) == content_digest(1)
    (True, False)
    """
    digest = hashlib.sha256()
    for value in values:
        _add(digest, value)
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    """Add the content of a value to a digest, with its type and size, so that different values differ."""
    add = partial(_add, digest)
    if isinstance(value, Market):
        parts: list[Any] = [value.fingerprint, [str(note) for note in value.notes]]
    elif is_dataclass(value) and not isinstance(value, type):
        parts = [part for f in fields(value) for part in (f.name, getattr(value, f.name))]
    elif isinstance(value, Mapping):
        parts = [part for item in value.items() for part in item]
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        parts = [str(value.dtype), value.shape, value.tobytes()]
    elif isinstance(value, pd.DataFrame):
        parts = [list(value.columns), list(value.index), *(value[column].to_numpy() for column in value)]
    elif isinstance(value, pd.Series | pd.Index | np.ndarray | list | tuple):
        parts = [list(value.index), *value] if isinstance(value, pd.Series) else list(value)
    else:
        plain = value is None or isinstance(value, str | int | float | bytes | pd.Timestamp | np.generic | type)
        content = repr(value).encode() if plain else pickle.dumps(value)
        digest.update(f"{name_of(type(value))} {len(content)} ".encode() + content)
        return
    digest.update(f"{name_of(type(value))} {len(parts)} ".encode())
    for part in parts:
        add(part)
