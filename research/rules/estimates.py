"""The covariance that a rule uses: estimated at each month's end from the last returns known on that day."""

import numpy as np

from foundation.arguments import refuse
from foundation.arrays import Array, Rows, frozen, kept
from research.allocation import VolatilityTarget
from research.market.market import Market, Past
from research.risk.decomposition.ex_ante import covariance_of
from research.rules.protocol import held_by, short_name, traits


def check_year(policy: object, periods_per_year: float) -> None:
    """Refuse a rule, or an allocation in it, that annualises risk by another number of periods. Raises ConfigError.

    policy           : any policy.
    periods_per_year : periods a year of the market of the backtest.
    """
    own: object = policy
    while own is not None:
        given = own.periods_per_year if isinstance(own, VolatilityTarget) else traits(own).risk_periods_per_year
        if given is not None and given != periods_per_year:
            refuse(
                f"periods_per_year of {short_name(own)} is", given,
                f"its market is played with {periods_per_year:g} a year. Give both the same: 252 for days, 52 for "
                "weeks, 12 for months.",
            )  # fmt: skip
        own = held_by(own)


def covariances(market: Market, window: int, periods_per_year: float) -> tuple[Array, Rows, Rows]:
    """The covariance of each month's end, and the number of the one in force on each day.

    market           : T days of n assets.
    window           : number of returns of an estimate.
    periods_per_year : periods a year, by which it is annualised.
    Returns          : (M, n, n) a year; (M,) row of the market of each; (T,) number in force, -1 before the first; all
                       read-only.
    """
    key = ("covariances", window, periods_per_year)
    return kept(market, key, lambda: _covariances(market, window, periods_per_year))


def _covariances(market: Market, window: int, periods_per_year: float) -> tuple[Array, Rows, Rows]:
    """The same, estimated anew."""
    ends, row = in_force(market, window)
    found = [covariance_of(market.past(int(t)), window, periods_per_year) for t in ends]
    return frozen(np.array(found).reshape(-1, *[len(market.assets)] * 2)), frozen(ends), frozen(row)


def in_force(market: Market, window: int = 0) -> tuple[Rows, Rows]:
    """(M,) rows of the months' ends of `month_ends`, and (T,) the number of the one in force, -1 before the first."""
    ends = month_ends(market.past(len(market.dates) - 1), window)
    return ends, np.searchsorted(ends, np.arange(len(market.dates)), side="right") - 1


def covariance_now(past: Past, window: int, periods_per_year: float) -> tuple[Array, int] | None:
    """(n, n) covariance a year in force on the last day of `past`, and the row it is of; None before the first."""
    ends = month_ends(past, window)
    if not len(ends):
        return None
    return covariance_of(Past(past._market, int(ends[-1])), window, periods_per_year), int(ends[-1])


def known_from(market: Market, window: int) -> int:
    """The first row of the market with a covariance in force; the number of rows if there is none."""
    ends = month_ends(market.past(len(market.dates) - 1), window)
    return int(ends[0]) if len(ends) else len(market.dates)


def month_ends(past: Past, window: int = 0) -> Rows:
    """Rows of the months' ends on which at least one asset has its whole window of returns."""
    ends = np.flatnonzero(past.scheduled("month"))
    known = past.listed[np.maximum(ends - window, 0)] & past.listed[ends]
    return ends[(ends >= window) & known.any(axis=1)]
