"""What constraints need to know of a day, taken from a past and a forecast."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from research.allocation.constraints.known import Known
from research.allocation.constraints.records import Constraints
from research.allocation.constraints.roots import root_of
from research.arrays import Array, Mask
from research.errors import ConfigError, DataError
from research.forecast import Moments
from research.market import Past

FIXED = ("asset_class", "sector", "currency")


@dataclass(frozen=True, eq=False)
class MomentsOfYear:
    """Mean and covariance of the returns of all n lines of a market over a year; zeros for lines without a forecast.

    assets     : n names.
    mean       : (n,) a year.
    covariance : (n, n) a year.
    present    : (n,) lines that have a forecast.
    """

    assets: tuple[str, ...]
    mean: Array
    covariance: Array
    present: Mask

    @cached_property
    def root(self) -> Array:
        """(n, n) with root' root = covariance. Raises DataError for a covariance that is none."""
        return root_of(self.covariance, self.assets)


def of_year(moments: Moments, assets: tuple[str, ...], periods_per_year: float) -> MomentsOfYear:
    """A forecast for all lines of a market.

    moments          : of some of them.
    assets           : n names.
    periods_per_year : of the market.
    """
    a_year, n = moments.over(periods_per_year), len(assets)
    lines = np.array([assets.index(asset) for asset in moments.assets])
    mean, covariance = np.zeros(n), np.zeros((n, n))
    mean[lines] = a_year.mean
    covariance[np.ix_(lines, lines)] = a_year.covariance
    return MomentsOfYear(assets, mean, covariance, np.isin(np.arange(n), lines))


def known_on(
    past: Past,
    constraints: Constraints,
    present: Mask,
    window: int,
    covariance: Array | None = None,
    previous: Array | None = None,
) -> Known:
    """What the constraints need to know at the close of `past`.

    past        : of n lines.
    constraints : whose columns and volumes are looked up.
    present     : (n,) lines that may be held.
    window      : returns of which a CVaR is taken.
    covariance  : (n, n) a year.
    previous    : (n,) target before, fraction of NAV.
    """
    returns = None
    if constraints.cvar is not None:
        returns = np.where(present, past.returns[past.t - window + 1 :], 0.0)
    traded = _traded(past, constraints.liquidity.window) if constraints.liquidity is not None else None
    absent = None if present.all() else ~present
    return Known(past.assets, _columns(past, constraints), covariance, returns, previous, traded, absent)


def _columns(past: Past, constraints: Constraints) -> dict[str, list[object]]:
    of = [*constraints.groups.values(), *([constraints.exclude] if constraints.exclude else [])]
    asked = {column for one in of for column in one.where} | {e.column for e in constraints.exposures.values()}
    if not asked - {""}:
        return {}
    found: dict[str, list[object]] = {}
    for name in sorted({*asked, *FIXED, *past.facts} - {""}):
        try:
            found[name] = past.fact(name).tolist()
        except DataError:  # the builder says it, beside what else is wrong
            continue
    return found


def _traded(past: Past, window: int) -> Array | None:
    """(n,) mean value traded a day, in the one currency of the lines; NaN where a volume is not known."""
    if past.volumes is None or past.prices is None:
        return None
    if len(currencies := sorted(set(past.currency))) > 1:
        raise ConfigError(
            f"liquidity: the lines are quoted in {', '.join(currencies)}, and their volumes are not converted. Leave the "
            "limit out, or quote all lines in one currency."
        )
    value = past.volumes[-window:] * past.prices[-window:]
    known = np.isfinite(value)
    return np.where(known.any(axis=0), np.nansum(value, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)
