"""The value of a risky return series to a risk-averse investor, and its return at another volatility."""

import math

import numpy as np
from numpy.typing import ArrayLike

from foundation.arguments import check_positive, is_number, refuse
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from foundation.tolerances import SERIES
from research.market.calendars import DAYS_PER_YEAR
from research.risk.measures import nav_path, volatility
from research.risk.series import check_rising, two_series

RISK_AVERSION = 3.0  # relative, of power utility, where nothing else is said: of those that investors show, 1 to 5
MOST_AVERSION = 100.0


def certainty_equivalent(returns: ArrayLike, span_days: float, risk_aversion: float = RISK_AVERSION) -> float:
    """The certain annual growth rate that an investor with power utility values as much as these returns, fraction.

    returns       : (T,) simple returns a period, fraction.
    span_days     : calendar days from the close before the first return to the last.
    risk_aversion : γ of u(W) = W^(1 − γ) / (1 − γ); 1 is log utility, whose certainty equivalent is the growth rate.
    Raises        : DataError for a return of -1 or less; ConfigError for a span or a γ that is not positive.

    (mean of (1 + r)^(1 − γ))^(1 / (1 − γ)) − 1 a period, compounded over the periods of a year of 365.25 days. With
    power utility and independent periods this rate is the same for every horizon.
    Source        : Campbell and Viceira (2002), Strategic Asset Allocation, section 2.1 (power utility).

    >>> round(certainty_equivalent([0.10, -0.10], span_days=2 * 365.25), 5)
    -0.01491
    """
    r = nav_path(returns)[1:]  # refuses a loss of everything
    terms = utility_terms(returns, risk_aversion)
    return float(annual_rate(terms.mean(), len(r), span_days, risk_aversion))


def utility_terms(returns: ArrayLike, risk_aversion: float) -> Array:
    """(T,) the terms whose mean gives a certainty equivalent: (1 + r)^(1 − γ) − 1, or log(1 + r) where γ is 1.

    returns       : (T,) simple returns above -1, fraction.
    risk_aversion : γ.
    Raises        : ConfigError for a γ that is not above 0 and at most 100.
    """
    if not (is_number(risk_aversion) and 0.0 < risk_aversion <= MOST_AVERSION):
        refuse("risk_aversion is", risk_aversion, f"give a number above 0, {MOST_AVERSION:g} at most, such as 3.")
    check_rising(returns, "returns")
    logs = np.log1p(np.asarray(returns, dtype=float))
    return logs if risk_aversion == 1.0 else np.expm1((1.0 - risk_aversion) * logs)


def annual_rate(mean_terms: ArrayLike, periods: int, span_days: float, risk_aversion: float) -> Array:
    """The annual certainty equivalent from the mean of `utility_terms`, fraction; of any shape.

    mean_terms    : means over a history, or over draws of it.
    periods       : T, of that history.
    span_days     : calendar days of it.
    risk_aversion : γ.
    Raises        : ConfigError for a span that is not positive.
    """
    check_positive(span_days=span_days)
    mean = np.asarray(mean_terms, dtype=float)
    logs = mean if risk_aversion == 1.0 else np.log1p(mean) / (1.0 - risk_aversion)
    return np.expm1(logs * (periods * DAYS_PER_YEAR / span_days))


@dataclass(frozen=True, eq=False)
class Scaled:
    """A series that was scaled with cash.  invested : fraction held in it, the rest in cash.  returns : (T,)."""

    invested: float
    returns: Array


def scaled_to_volatility(returns: ArrayLike, cash: ArrayLike, wanted: float, periods_per_year: float) -> Scaled:
    """A series held in part, and cash for the rest, so that its realised volatility is the wanted one.

    returns          : (T,) simple returns, fraction.
    cash             : (T,) simple returns of cash, fraction.
    wanted           : volatility a year, between that of cash and that of the series.
    periods_per_year : periods a year, by which it is annualised.
    Raises           : DataError for a volatility that no mix of series and cash between 0 and 1 has.

    The mix is restored every period at no cost. Its variance is a quadratic of the fraction λ that is invested,
    var(c) + 2 λ cov(c, e) + λ² var(e) with the excess returns e: the larger root is taken.
    """
    r, c = two_series(returns, "returns", cash, "cash", at_least=2)
    own = volatility(r, periods_per_year)
    if wanted == own:
        return Scaled(1.0, r)
    excess, around = r - c, c - c.mean()
    variance, shared = float(np.var(excess, ddof=1)), float(around @ (excess - excess.mean())) / (len(r) - 1)
    missing = float(np.var(c, ddof=1)) - wanted**2 / periods_per_year
    root = shared**2 - variance * missing
    if variance > SERIES**2 and root >= 0.0 and 0.0 <= wanted < own:
        invested = (math.sqrt(root) - shared) / variance
        if 0.0 <= invested <= 1.0:
            return Scaled(invested, c + invested * excess)
    raise DataError(
        f"no mix of this series, of a volatility of {own:.4f} a year, and cash has one of {wanted:.4f}: take one "
        "between that of cash and that of the series."
    )
