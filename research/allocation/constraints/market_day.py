"""The data of a day that constraints need, taken from a past and a forecast."""

from dataclasses import replace

import numpy as np

from foundation.arrays import Array, Rows
from foundation.errors import ConfigError, DataError
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import Constraints
from research.market import Past

FIXED_FACTS = ("asset_class", "sector", "currency")


def known_on(
    past: Past,
    constraints: Constraints,
    lines: Rows,
    window: int,
    covariance: Array | None = None,
    previous: Array | None = None,
) -> Known:
    """The data that the constraints need at the close of `past`.

    past        : market of n assets up to the close.
    constraints : constraints whose columns and volumes are looked up.
    lines       : (k,) columns of the assets that may be held.
    window      : number of returns in a CVaR.
    covariance  : (k, k) a year.
    previous    : (n,) target before, fraction of NAV.
    """
    returns = traded = None
    if constraints.cvar is not None:
        returns = np.ascontiguousarray(past.returns[past.t - window + 1 :, lines])
    if constraints.liquidity is not None and (of_all := _traded(past, constraints.liquidity.window)) is not None:
        traded = of_all[lines]
    known = lines.tolist()
    absent = sorted({*range(len(past.assets))}.difference(known))
    columns = _columns(past, constraints)
    return Known(
        tuple(past.assets[i] for i in known),
        {name: [values[i] for i in known] for name, values in columns.items()},
        covariance,
        returns,
        None if previous is None else previous[lines],
        traded,
        tuple(past.assets[i] for i in absent),
        {name: [values[i] for i in absent] for name, values in columns.items()},
        {name: None for name in columns if name in past.facts},
    )


def check_constraints(past: Past, constraints: Constraints) -> None:
    """Raise ConfigError for every asset, column and word that the market does not have, and every fact that is missing.

    past        : market of n assets up to the last close. All of them may be named, and a word that a column had on any
                  day; facts must be known of those that are listed, whether or not they have a window.
    constraints : constraints whose names are looked up.
    """
    listed = np.flatnonzero(past.listed[-1])
    k, n = len(listed), len(past.assets)
    known = known_on(past, constraints, listed, 1, np.eye(k), np.zeros(n))
    words = {name: frozenset(np.unique(past.facts[name]).tolist()) for name in known.dated}
    build(constraints, replace(known, dated=words))


def _columns(past: Past, constraints: Constraints) -> dict[str, list[object]]:
    wheres = [group.where for group in constraints.groups.values()]
    wheres += [constraints.exclude.where] if constraints.exclude else []
    asked = {column for where in wheres for column in where} | {e.column for e in constraints.exposures.values()}
    if not asked - {""}:
        return {}
    found: dict[str, list[object]] = {}
    for name in sorted({*asked, *FIXED_FACTS, *past.facts} - {""}):
        try:
            found[name] = past.fact(name).tolist()
        except DataError:  # the builder says it, beside what else is wrong
            continue
    return found


def _traded(past: Past, window: int) -> Array | None:
    """(n,) mean value traded a day, in the one currency of the assets; NaN where a volume is not known."""
    if past.volumes is None or past.prices is None:
        return None
    if len(currencies := sorted(set(past.currency))) > 1:
        raise ConfigError(
            f"liquidity: the assets are quoted in {', '.join(currencies)}, and their volumes are not converted. Leave "
            "the limit out, or quote all assets in one currency."
        )
    value = past.volumes[-window:] * past.prices[-window:]
    known = np.isfinite(value)
    return np.where(known.any(axis=0), np.nansum(value, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)
