"""A two-regime model of one line's returns, calm and turbulent, with filtered and smoothed probabilities.

Filtered probabilities use the returns up to each day; smoothed ones use later returns too. On the day of a large move
nobody knows whether it starts a turbulent month; a year later everybody does. Only `filtered` may be traded on.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from research.arguments import day, is_number, refuse
from research.arrays import Array
from research.errors import DataError
from research.market import Past

FEWEST = 250  # returns, below which the rare regime is hardly met
FARTHEST = 700.0  # log of the largest odds that one day may give: beyond it a float overflows


@dataclass(frozen=True)
class Regimes:
    """A regime model: normal returns in a calm and in a turbulent regime, and a Markov chain with daily steps.

    line       : the line of the returns.
    means, deviations : of a day's simple return, fraction; calm first.
    stays      : probability of staying in the calm regime from one day to the next, and in the turbulent one.
    seen       : the last date of the fit; kept as a Timestamp.
    Raises     : ConfigError for deviations that are not positive and rising, and for a probability outside (0, 1).
    Source     : Hamilton (1989), A New Approach to the Economic Analysis of Nonstationary Time Series and the Business
                 Cycle, Econometrica 57(2).
    """

    line: str
    means: tuple[float, float]
    deviations: tuple[float, float]
    stays: tuple[float, float]
    seen: date

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Check the numbers, and make the date a timestamp."""
        object.__setattr__(self, "seen", day("seen of Regimes is", self.seen))
        for name in ("means", "deviations", "stays"):
            pair = getattr(self, name)
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(map(is_number, pair))):
                refuse(f"{name} of Regimes are", pair, "give two finite numbers, that of calm days first.")
        if not 0.0 < self.deviations[0] < self.deviations[1]:
            refuse(
                "deviations of Regimes are", self.deviations, "give that of turbulent days second; it must be larger."
            )
        if not all(0.0 < stay < 1.0 for stay in self.stays):
            refuse("stays of Regimes are", self.stays, "give probabilities above 0 and below 1.")

    @property
    def share(self) -> float:
        """Stationary probability of turbulence, which is also the probability before the first return."""
        leaves_calm, leaves_turbulent = 1.0 - self.stays[0], 1.0 - self.stays[1]
        return leaves_calm / (leaves_calm + leaves_turbulent)

    def summary(self) -> pd.DataFrame:
        """A row a regime: mean and standard deviation of a day's return, per cent, and its mean duration in days."""
        lasts = [1.0 / (1.0 - stay) for stay in self.stays]
        percents = {f"{name}, % a day": 100.0 * np.array(getattr(self, f"{name}s")) for name in ("mean", "deviation")}
        return pd.DataFrame({**percents, "lasts, days": lasts}, index=["calm", "turbulent"])

    def filtered(self, returns: ArrayLike) -> Array:
        """(T,) probability that each day was turbulent, from simple `returns` (T,), fraction, up to and including that
        day.

        Source : Hamilton (1994), Time Series Analysis, equations 22.4.5 and 22.4.6, from the stationary probability.

        >>> law = Regimes("A", (0.0, 0.0), (0.01, 0.03), (0.99, 0.95), pd.Timestamp("2020-01-02"))
        >>> law.filtered([0.0, 0.05, -0.04, 0.0]).round(2).tolist()
        [0.06, 1.0, 1.0, 0.86]
        """
        odds = iter(self._odds(returns))

        def after(yesterday: float, odd: float) -> float:
            return _updated(self._tomorrow(yesterday), odd)

        first = _updated(self.share, next(odds))
        return np.fromiter(accumulate(odds, after, initial=first), dtype=float)

    def smoothed_knowing_the_future(self, returns: ArrayLike) -> Array:
        """(T,) probability that each day was turbulent, from all simple `returns` (T,), fraction, later ones too.

        For looking back only: a policy that trades on it uses the future.
        Source : Kim (1994), Dynamic Linear Models with Markov-Switching, Journal of Econometrics 60, as in Hamilton
                 (1994), equation 22.4.14.
        """
        filtered = self.filtered(returns)
        stays = self.stays[1]

        def before(tomorrow: float, today: float) -> float:
            expected = self._tomorrow(today)
            return today * (stays * tomorrow / expected + (1.0 - stays) * (1.0 - tomorrow) / (1.0 - expected))

        backwards = filtered[::-1].tolist()
        return np.fromiter(accumulate(backwards[1:], before, initial=backwards[0]), dtype=float)[::-1].copy()

    def _tomorrow(self, today: float) -> float:
        """Probability of turbulence on the next day, from that of today."""
        return (1.0 - self.stays[0]) * (1.0 - today) + self.stays[1] * today

    def _odds(self, returns: ArrayLike) -> Iterator[float]:
        """The likelihood of each return in the calm regime over that in the turbulent one."""
        values = np.asarray(returns, dtype=float)
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise DataError(
                f"returns of {self.line} have shape {values.shape}, {int((~np.isfinite(values)).sum())} of them not "
                "finite: give one finite return a day, and one day at least."
            )
        calm, turbulent = (
            ((values - mean) / deviation) ** 2 / 2.0 + np.log(deviation)
            for mean, deviation in zip(self.means, self.deviations, strict=True)
        )
        yield from np.exp(np.clip(turbulent - calm, -FARTHEST, FARTHEST)).tolist()


def fit_regimes(past: Past, line: str) -> Regimes:
    """The regime model of a line's returns up to today, by maximum likelihood (statsmodels' MarkovRegression).

    A halt counts as a day with a return of zero.
    Raises : DataError for an unknown line, for fewer than 250 returns, and where the fit finds no two regimes.
    """
    returns = history(past, line)
    where = f"of {line} up to {past.date:%Y-%m-%d}"
    if len(returns) < FEWEST or np.ptp(returns) == 0.0:
        raise DataError(
            f"{len(returns)} returns {where}, {len(np.unique(returns))} of them different: regimes need {FEWEST} that "
            "move. Fit them on a later date, or on another line."
        )
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    scale = float(returns.std())  # in units of it the optimiser's steps are of the right size
    model = MarkovRegression(returns / scale, k_regimes=2, switching_variance=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # raised as an error below
        found = model.fit(disp=False)
    number = dict(zip(model.param_names, found.params.tolist(), strict=True))
    order = sorted((0, 1), key=lambda k: number[f"sigma2[{k}]"])
    stays = {0: number["p[0->0]"], 1: 1.0 - number["p[1->0]"]}
    if not found.mle_retvals["converged"] or not all(0.0 < stay < 1.0 for stay in stays.values()):
        raise DataError(
            f"no two regimes are found in the {len(returns)} returns {where}: the likelihood has no maximum inside, "
            f"regimes stay with {stays[order[0]]:.4g} and {stays[order[1]]:.4g}. Fit them on more days, or on another "
            "line."
        )
    means, deviations, kept = (
        tuple(values[k] for k in order)
        for values in (
            [scale * number[f"const[{k}]"] for k in (0, 1)],
            [scale * number[f"sigma2[{k}]"] ** 0.5 for k in (0, 1)],
            stays,
        )
    )
    return Regimes(line, means, deviations, kept, past.date)  # type: ignore[arg-type]


def history(past: Past, line: str) -> Array:
    """(k,) simple returns of a line, fraction, from the day after its listing to today.

    Raises : DataError for an unknown line.
    """
    if line not in past.assets:
        raise DataError(f"unknown line {line!r}: the market has {', '.join(past.assets)}. Correct the name.")
    i = past.assets.index(line)
    listed = np.flatnonzero(past.listed[:, i])
    return past.returns[listed[0] + 1 : listed[-1] + 1, i] if len(listed) else np.empty(0)


def _updated(expected: float, odd: float) -> float:
    """Bayes' rule: the probability of turbulence after a return, from that before it and the odds of the return."""
    return expected / (expected + (1.0 - expected) * odd)
