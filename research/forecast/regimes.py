"""Calm and turbulent days of one line: how probable turbulence is, as known on each day, and as known afterwards.

The two are not the same number. On a day it is uncertain whether a large move begins a turbulent month or stands alone;
a year later it is not. Only `filtered` may be traded on.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from research.arguments import is_number, refuse
from research.arrays import Array
from research.errors import DataError
from research.market import Past

FEWEST = 250  # returns, below which the rare regime is hardly met
FARTHEST = 700.0  # log of the largest odds that one day may give: beyond it a float overflows


@dataclass(frozen=True)
class Regimes:
    """A law of two regimes, calm and turbulent: normal returns each, and a Markov chain that moves once a day.

    line       : whose returns.
    means, deviations : of a day's simple return, fraction; calm first.
    stays      : probability that a calm day follows a calm one, and a turbulent day a turbulent one.
    seen       : the last date that the numbers were fitted on.
    Raises     : ConfigError for deviations that are not positive and rising, and for a probability outside (0, 1).
    Source     : Hamilton (1989), A New Approach to the Economic Analysis of Nonstationary Time Series and the Business
                 Cycle, Econometrica 57(2).
    """

    line: str
    means: tuple[float, float]
    deviations: tuple[float, float]
    stays: tuple[float, float]
    seen: pd.Timestamp

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("means", "deviations", "stays"):
            pair = getattr(self, name)
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(map(is_number, pair))):
                refuse(f"{name} of Regimes are", pair, "give two finite numbers, that of calm days first.")
        if not 0.0 < self.deviations[0] < self.deviations[1]:
            refuse("deviations of Regimes are", self.deviations, "turbulent days, the second, deviate by more.")
        if not all(0.0 < stay < 1.0 for stay in self.stays):
            refuse("stays of Regimes are", self.stays, "give probabilities above 0 and below 1.")

    @property
    def share(self) -> float:
        """Share of turbulent days in the long run, and the probability of one before anything is known."""
        leaves_calm, leaves_turbulent = 1.0 - self.stays[0], 1.0 - self.stays[1]
        return leaves_calm / (leaves_calm + leaves_turbulent)

    def summary(self) -> pd.DataFrame:
        """A row a regime: mean and deviation of a day's return, per cent, and how many days it lasts in the mean."""
        lasts = [1.0 / (1.0 - stay) for stay in self.stays]
        percents = {f"{name}, % a day": 100.0 * np.array(getattr(self, f"{name}s")) for name in ("mean", "deviation")}
        return pd.DataFrame({**percents, "lasts, days": lasts}, index=["calm", "turbulent"])

    def filtered(self, returns: ArrayLike) -> Array:
        """(T,) probability that each day was turbulent, by the `returns` (T,) up to and including it.

        Source : Hamilton (1994), Time Series Analysis, equations 22.4.5 and 22.4.6, from the long run's share.

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
        """(T,) probability that each day was turbulent, by all of `returns` (T,), those after it too.

        It serves to look back. A policy that trades on it trades on what nobody knew.
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
        """How much less likely each return is on a turbulent day than on a calm one."""
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
    """The regimes of a line's returns up to today, by maximum likelihood (statsmodels' MarkovRegression).

    A halt counts as a day without a move.
    Raises : DataError for an unknown line, for fewer than 250 returns, and where no two regimes are found.
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
    """(k,) simple returns of a line, from the day after its listing to today. Raises DataError for an unknown line."""
    if line not in past.assets:
        raise DataError(f"unknown line {line!r}: the market has {', '.join(past.assets)}. Correct the name.")
    i = past.assets.index(line)
    listed = np.flatnonzero(past.listed[:, i])
    return past.returns[listed[0] + 1 : listed[-1] + 1, i] if len(listed) else np.empty(0)


def _updated(expected: float, odd: float) -> float:
    """Bayes: from the expected probability of turbulence to that after a return `odd` times less likely under it."""
    return expected / (expected + (1.0 - expected) * odd)
