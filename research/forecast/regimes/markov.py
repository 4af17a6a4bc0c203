"""Regimes of one asset's returns by a hidden Markov chain, with filtered and smoothed probabilities.

Filtered probabilities use the returns up to each day; smoothed ones use later returns too. On the day of a large move
nobody knows whether it starts a turbulent month; a year later everybody does. Only `filtered` may be traded on.
"""

from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foundation.arguments import day, is_number, refuse
from foundation.arrays import Array, Rows
from foundation.dataclasses import dataclass
from foundation.errors import DataError
from research.forecast.model import RefitSchedule, refuse_earlier
from research.forecast.regimes.protocol import (
    FEWEST_STATE_RETURNS,
    OfLine,
    RegimeModel,
    checked_returns,
    fitted_history,
    history,
    state_names,
    volatility_names,
)
from research.market import Past

SEARCH_STARTS = 5  # of the search for the largest likelihood


@dataclass(frozen=True)
class MarkovRegimes(OfLine):
    """Normal returns in each of k regimes, and a Markov chain with daily steps.

    line       : the asset of the returns.
    means      : (k,) mean of a day's simple return, fraction, the calmest regime first.
    deviations : (k,) standard deviation of a day's simple return, fraction, rising.
    transition : (k, k) probability of the regime in the column on the day after that in the row.
    seen       : the last date of the fit; kept as a Timestamp.
    names      : (k,) names of the regimes; by default of their volatility alone.
    Raises     : ConfigError for deviations that are not positive and rising, for rows that are no probabilities, and
                 for a regime that is never left or lasts a day only.
    Source     : Hamilton (1989), A New Approach to the Economic Analysis of Nonstationary Time Series and the Business
                 Cycle, Econometrica 57(2).
    """

    line: str
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    transition: tuple[tuple[float, ...], ...]
    seen: date
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the numbers, make the date a timestamp, and name the regimes."""
        from research.risk.simulation.markov_chain import check_transition  # its room is slow to import

        object.__setattr__(self, "seen", day("seen of MarkovRegimes is", self.seen))
        k = len(self.means) if isinstance(self.means, tuple) else 0
        for name in ("means", "deviations"):
            _check_row(f"{name} of MarkovRegimes are", getattr(self, name), max(k, 2))
        rising = (0.0, *self.deviations)
        if not all(low < high for low, high in pairwise(rising)):
            refuse("deviations of MarkovRegimes are", self.deviations, "give positive ones that rise, calmest first.")
        if not (isinstance(self.transition, tuple) and len(self.transition) == k):
            refuse("transition of MarkovRegimes is", self.transition, f"give {k} rows of {k} probabilities.")
        for row in self.transition:
            _check_row("a row of the transition of MarkovRegimes is", row, k)
        check_transition("transition of MarkovRegimes", np.array(self.transition))
        if not all(0.0 < self.transition[j][j] < 1.0 for j in range(k)):
            stays = tuple(self.transition[j][j] for j in range(k))
            refuse("probabilities of staying in a regime are", stays, "give numbers above 0 and below 1.")
        object.__setattr__(self, "names", self.names or volatility_names(k))
        if len(self.names) != k:
            refuse("names of MarkovRegimes are", self.names, f"give {k}, the calmest first.")

    @property
    def shares(self) -> Array:
        """(k,) stationary probability of each regime, which is also that before the first return."""
        from research.risk.simulation.markov_chain import stationary

        return stationary(np.array(self.transition))

    @property
    def window(self) -> int:
        """Number of returns that they need: today's."""
        return 1

    def summary(self) -> pd.DataFrame:
        """A row a regime: mean and deviation of a day's return, per cent, share of days, and mean duration in days."""
        columns = {
            "mean, % a day": 100.0 * np.array(self.means),
            "deviation, % a day": 100.0 * np.array(self.deviations),
            "days, %": 100.0 * self.shares,
            "lasts, days": [1.0 / (1.0 - self.transition[j][j]) for j in range(len(self.means))],
        }
        return pd.DataFrame(columns, index=list(self.names))

    def filtered(self, returns: ArrayLike) -> Array:
        """(T, k) probability of each regime on each day, from simple `returns` (T,), fraction, up to and including it.

        Source : Hamilton (1994), Time Series Analysis, equations 22.4.5 and 22.4.6, from the stationary probability.

        >>> law = MarkovRegimes("A", (0.0, 0.0), (0.01, 0.03), ((0.99, 0.01), (0.05, 0.95)), pd.Timestamp("2020-01-02"))
        >>> law.filtered([0.0, 0.05, -0.04, 0.0])[:, 1].round(2).tolist()
        [0.06, 1.0, 1.0, 0.86]
        """
        from research.risk.simulation.hidden_markov import filtered_probabilities

        values = checked_returns(self.line, np.asarray(returns))[:, None]
        deviations = np.array(self.deviations)
        density = -0.5 * ((values - np.array(self.means)) / deviations) ** 2 - np.log(deviations)
        return filtered_probabilities(density, np.array(self.transition))[0]

    def smoothed_knowing_the_future(self, returns: ArrayLike) -> Array:
        """(T, k) probability of each regime on each day, from all simple `returns` (T,), fraction, later ones too.

        For looking back only: a policy that trades on it uses the future.
        Source : Kim (1994), Dynamic Linear Models with Markov-Switching, Journal of Econometrics 60, as in Hamilton
                 (1994), equation 22.4.14.
        """
        from research.risk.simulation.hidden_markov import smoothed_probabilities

        return smoothed_probabilities(self.filtered(returns), np.array(self.transition))

    def probabilities(self, past: Past) -> Array:
        """(T, k) filtered probabilities on the days of the asset's `history`; PolicyError before the end of the fit."""
        refuse_earlier(f"regimes of {self.line} were", self.seen, past)
        return self.filtered(history(past, self.line))

    def in_force(self, past: Past) -> tuple["MarkovRegimes", tuple[str, ...]]:
        """Itself. Raises PolicyError on a date before the end of its fit."""
        refuse_earlier(f"regimes of {self.line} were", self.seen, past)
        return self, ()

    def fit_rows(self, past: Past) -> Rows:
        """The first row that is not before the end of the fit."""
        return np.flatnonzero(past.dates >= pd.Timestamp(self.seen))[:1]


@dataclass(frozen=True)
class MarkovSwitching(RegimeModel):
    """Regimes by a hidden Markov chain of normal returns, fitted by maximum likelihood to all returns so far.

    line     : the asset of the returns.
    states   : number of regimes, 2 to 6.
    schedule : schedule on which they are fitted again, as `Refitted` has it.
    seed     : seed of the starts of the search.
    Raises   : ConfigError for a setting out of range.
    Source   : as `MarkovRegimes`; Hamilton (1990), Analysis of time series subject to changes in regime, for the fit.
    """

    line: str
    states: int = 2
    schedule: RefitSchedule = "year"
    seed: int = 0

    def fit(self, past: Past) -> MarkovRegimes:
        """The regimes of the returns up to today; a halt counts as a day with a return of zero.

        Raises : DataError for an unknown asset, for too few returns, and where the fit finds no such regimes.
        """
        from research.risk.simulation.hidden_markov import fit_hidden_markov

        returns = fitted_history(past, self.line, self.window)
        scale = float(returns.std())
        name = f"{self.line} up to {past.date:%Y-%m-%d}"
        found = fit_hidden_markov((returns / scale)[:, None], (name,), self.states, SEARCH_STARTS, self.seed)
        stays = np.diag(found.transition)
        if not ((stays > 0.0) & (stays < 1.0)).all():
            raise DataError(
                f"no {self.states} regimes are found in {len(returns)} returns of {name}: they stay with "
                f"{', '.join(f'{stay:.4g}' for stay in stays)}. Take fewer, or fit them on more days."
            )
        means, deviations = scale * found.means[:, 0], scale * np.sqrt(found.covariances[:, 0, 0])
        moves = tuple(tuple(row) for row in found.transition.tolist())
        names = state_names(means, deviations, found.days)
        return MarkovRegimes(self.line, tuple(means.tolist()), tuple(deviations.tolist()), moves, past.date, names)


def number_of_states(past: Past, line: str, most: int = 4) -> pd.DataFrame:
    """A row for each number of states, 1 to `most`: log likelihood, parameters and BIC, the smallest of which counts.

    NaN for a number with which no regimes are found. `table["BIC"].idxmin()` is the number to take.
    line : the asset of the returns.
    Source : Schwarz (1978), Estimating the Dimension of a Model, Annals of Statistics 6(2). The likelihood of one state
             more is not regular at the border, so the criterion is a guide and no test.
    """
    from research.risk.simulation.hidden_markov import fit_hidden_markov

    returns = fitted_history(past, line, FEWEST_STATE_RETURNS)
    days, scale = len(returns), float(returns.std())
    rows = {1: -0.5 * days * (np.log(2.0 * np.pi) + 1.0)}
    for states in range(2, most + 1):
        try:
            fitted_history(past, line, FEWEST_STATE_RETURNS * states)
            found = fit_hidden_markov((returns / scale)[:, None], (line,), states, SEARCH_STARTS)
            rows[states] = found.likelihood
        except DataError:
            rows[states] = np.nan
    table = pd.DataFrame({"log likelihood": rows}) - days * np.log(scale)
    table["parameters"] = [k * (k + 1) for k in rows]  # k means, k deviations, k (k - 1) transitions
    table["BIC"] = table["parameters"] * np.log(days) - 2.0 * table["log likelihood"]
    return table.rename_axis("states")


def _check_row(subject: str, row: object, k: int) -> None:
    if not (isinstance(row, tuple) and len(row) == k and all(map(is_number, row))):
        refuse(subject, row, f"give {k} finite numbers, that of the calmest regime first.")
