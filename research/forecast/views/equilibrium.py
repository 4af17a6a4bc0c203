"""Expected returns at which a portfolio would be the best one to hold: reverse optimisation of a market or benchmark.

The holder of weights w with risk aversion delta, who may borrow and lend at cash, is content with them where the excess
returns are pi = delta * Sigma * w (He and Litterman 1999). A prior that is made so asks for no forecast.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from foundation.arguments import check_positive, cut, did_you_mean, is_number, refuse, shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.tolerances import VARIATION
from research.forecast.estimated import Estimated
from research.forecast.moments import Forecast, Moments
from research.market import Past

WORLD_RISK_AVERSION = 2.5  # of the world's average investor, in He and Litterman (1999)


def equilibrium_returns(covariance: Array, weights: Array, risk_aversion: float = WORLD_RISK_AVERSION) -> Array:
    """(k,) excess returns over cash at which `weights` are optimal: delta * Sigma * w.

    covariance    : (k, k) covariance of returns over a horizon, which is that of the answer.
    weights       : (k,) weights of the market or the benchmark, fraction.
    risk_aversion : delta, above 0.
    Source        : He and Litterman (1999), The Intuition Behind Black-Litterman Model Portfolios.

    >>> equilibrium_returns(np.diag([0.04, 0.01]), np.array([0.6, 0.4])).round(3).tolist()
    [0.06, 0.01]
    """
    return covariance @ (risk_aversion * weights)


def unconstrained_weights(moments: Moments, risk_aversion: float = WORLD_RISK_AVERSION, cash: float = 0.0) -> Array:
    """(k,) weights that are best for moments where nothing limits them: (delta * Sigma)^-1 * (mean - cash).

    moments       : moments of k assets; a posterior's covariance contains the error of its mean, as He and Litterman
                    take it.
    risk_aversion : delta, above 0.
    cash          : its return over the horizon of the moments, fraction; what the weights lack to 1 is held in it.
    Raises        : DataError for a covariance that is singular.
    Source        : He and Litterman (1999), The Intuition Behind Black-Litterman Model Portfolios.

    >>> import pandas as pd
    >>> day = pd.Timestamp("2022-12-30")
    >>> unconstrained_weights(Moments(("A", "B"), [0.06, 0.01], np.diag([0.04, 0.01]), 252.0, day)).round(3).tolist()
    [0.6, 0.4]
    """
    from research.risk.simulation.covariances import least_eigenvalue  # its room is slow to import

    check_positive(risk_aversion=risk_aversion)
    least, i, j = least_eigenvalue(moments.covariance)
    if least <= VARIATION:
        raise DataError(
            f"the covariance up to {moments.seen:%Y-%m-%d} is singular, {moments.assets[i]} and {moments.assets[j]} "
            "contribute most: weights without limits do not exist. Leave one out, or take a shrunk covariance."
        )
    return np.asarray(np.linalg.solve(risk_aversion * moments.covariance, moments.mean - cash), dtype=float)


@dataclass(frozen=True)
class MarketCap:
    """The moments of `of`, with the means at which the portfolio by market capitalisation is optimal.

    of            : forecast that gives the covariance.
    risk_aversion : delta, above 0.
    Raises        : ConfigError for a risk aversion that is not positive; when asked, DataError for assets without the
                    fact `market_cap`, which it names.
    """

    of: Forecast = field(default_factory=Estimated)
    risk_aversion: float = WORLD_RISK_AVERSION

    def __post_init__(self) -> None:
        """Check the risk aversion."""
        check_positive(**{"risk_aversion of MarketCap": self.risk_aversion})

    @property
    def window(self) -> int:
        """Number of returns that the covariance needs."""
        return self.of.window

    def predict(self, past: Past) -> Moments:
        """Cash and the equilibrium returns of the assets of `of`."""
        moments = self.of.predict(past)
        caps = market_caps(moments.assets, past)
        return _at_rest(moments, caps / caps.sum(), self.risk_aversion, past, self.window)


@dataclass(frozen=True)
class Benchmark:
    """The moments of `of`, with the means at which a benchmark is optimal.

    weights       : name -> fraction, of the benchmark; zero for an asset that is not named, cash is the rest. Those of
                    assets without a complete window go to the others, in proportion, with a note.
    of            : forecast that gives the covariance.
    risk_aversion : delta, above 0.
    Raises        : ConfigError for weights that are no finite numbers or sum to 0 or less, and a risk aversion that is
                    not positive; when asked, DataError for an asset that the market does not have, and where no asset
                    of the benchmark has a complete window.
    """

    weights: Mapping[str, float] | tuple[tuple[str, float], ...]
    of: Forecast = field(default_factory=Estimated)
    risk_aversion: float = WORLD_RISK_AVERSION

    def __post_init__(self) -> None:
        """Check the numbers, and keep them immutable."""
        check_positive(**{"risk_aversion of Benchmark": self.risk_aversion})
        given = dict(self.weights)
        if not given or not all(map(is_number, given.values())) or sum(given.values()) <= 0.0:
            refuse("weights of Benchmark are", given, "give each asset a finite number, with a sum above 0.")
        object.__setattr__(self, "weights", tuple(sorted(given.items())))

    @property
    def window(self) -> int:
        """Number of returns that the covariance needs."""
        return self.of.window

    def check(self, past: Past) -> None:
        """Raise DataError for an asset that the market does not have."""
        for name in dict(self.weights):
            if name not in past.assets:
                raise DataError(
                    f"the benchmark holds {name!r}, no asset of the market. {did_you_mean(name, past.assets)}"
                )

    def predict(self, past: Past) -> Moments:
        """Cash and the equilibrium returns of the assets of `of`."""
        self.check(past)
        moments = self.of.predict(past)
        weights, absent = weights_present(dict(self.weights), moments.assets)
        if weights.sum() <= 0.0:
            raise DataError(
                f"no asset of the benchmark ({cut(', '.join(dict(self.weights)))}) has a complete window on "
                f"{past.date:%Y-%m-%d}. Start later, or take a shorter window."
            )
        if absent:
            words = f"the benchmark is taken without {cut(', '.join(absent))} on {past.date:%Y-%m-%d}"
            moments = replace(moments, notes=(*moments.notes, words))
        return _at_rest(moments, weights, self.risk_aversion, past, self.window)


def cash_over(horizon: float, past: Past, window: int) -> float:
    """Return of cash over a horizon, fraction: its mean of the last `window` periods, times the horizon."""
    return float(past.cash[-window:].mean()) * horizon


def _at_rest(moments: Moments, weights: Array, risk_aversion: float, past: Past, window: int) -> Moments:
    """Moments with cash and the equilibrium returns of `weights` (k,) as their mean."""
    cash = cash_over(moments.horizon, past, window)
    return replace(moments, mean=cash + equilibrium_returns(moments.covariance, weights, risk_aversion))


def weights_present(weights: Mapping[str, float], present: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """(k,) weights over the assets that are there, and the names of the others that have a weight.

    weights : asset -> fraction; what they lack to 1 is cash.
    present : k names. The weights of other assets go to these, in proportion, so that their sum stays; where they sum
              to 0 or less there is no such proportion, and they stay as they are.

    >>> found, absent = weights_present({"SPY": 0.6, "AGG": 0.3}, ("SPY", "GLD"))
    >>> found.round(3).tolist(), absent
    ([0.9, 0.0], ('AGG',))
    """
    found = np.array([float(weights.get(name, 0.0)) for name in present])
    absent = tuple(name for name, weight in weights.items() if weight and name not in present)
    total, left = sum(weights.values()), float(found.sum())
    return (found * (total / left) if absent and total > 0.0 and left > 0.0 else found), absent


MARKET_CAP = "market_cap"  # the fact of assets, where no other is named


def market_caps(assets: Sequence[str], past: Past, fact: str = MARKET_CAP) -> Array:
    """(k,) market capitalisation of each of k assets as known today, in one currency.

    assets : k names.
    fact   : its name.
    Raises : DataError for assets without one, or with one that is not positive, which it names.
    """
    if fact not in past.fact_names:
        raise DataError(
            f"weights by market capitalisation need the fact {fact!r} of {cut(', '.join(assets))}, and the "
            f"market has {', '.join(past.fact_names)}. Give it by with_facts, or in a portfolio file under "
            "`market.facts` or the `facts` of each asset."
        )
    caps = dict(zip(past.assets, past.fact(fact).tolist(), strict=True))
    bad = [asset for asset in assets if not (isinstance(caps[asset], float) and caps[asset] > 0.0)]
    if bad:
        raise DataError(
            f"{fact} of {', '.join(bad)} is {shown(caps[bad[0]])} on {past.date:%Y-%m-%d}: weights by market "
            "capitalisation need a number above 0. State it from an earlier date, or weight equally."
        )
    return np.array([caps[asset] for asset in assets])
