"""Laws of the returns to come, fitted to the past of a market up to its last close, and drawn from that close on.

Three laws that err in different ways: the stationary bootstrap repeats days that happened; two normal regimes keep
calm and turbulent spells, and start from what today is likely to be; filtered historical simulation starts from the
volatility of today. In the long run each keeps the mean log return of its sample. Paths come in blocks of
`BLOCK_PATHS`, and a block has its own random numbers: the same seed gives the same bits, whichever blocks are drawn
and in whatever order.
"""

from typing import Protocol

import numpy as np
import pandas as pd

from foundation.arrays import Array
from foundation.dataclasses import dataclass, field
from foundation.errors import DataError
from research.market import Market
from research.market.calendars import row_name
from research.risk.simulation.garch_fit import fit_garch
from research.risk.simulation.hidden_markov import HiddenMarkov, fit_hidden_markov
from research.risk.simulation.resampling import StationaryBootstrap, common_rows

BLOCK_PATHS = 500  # paths that are drawn together
FITTED_RETURNS = 252  # returns of days and weeks, below which nothing is fitted
FITTED_MONTHS = 60  # returns of longer rows: three of them are beyond a VaR at 95 %
WITHIN_A_MONTH = ("day", "week")  # rows of which a month has several
MEAN_BLOCK = 20.0  # days, of the bootstrap: the same as of the intervals of a comparison


def fewest_returns(periods_per_year: float) -> int:
    """The least number of returns from which figures of risk and futures are made, of so many rows a year."""
    return FITTED_RETURNS if row_name(periods_per_year) in WITHIN_A_MONTH else FITTED_MONTHS


def mean_block(periods_per_year: float) -> float:
    """The mean length of a block of the bootstrap, rows: a month of days, a quarter of rarer rows, at least one.

    >>> mean_block(252.0), mean_block(52.0), mean_block(12.0)
    (20.0, 13.0, 3.0)
    """
    return MEAN_BLOCK if row_name(periods_per_year) == "day" else max(periods_per_year // 4.0, 1.0)


class FutureLaw(Protocol):
    """A law of the returns to come."""

    @property
    def name(self) -> str:
        """Name of the law."""
        ...

    def growths(self, block: int, days: int, seed: int) -> Array:
        """(BLOCK_PATHS, days, n) 1 + simple return of each asset on each day to come.

        block : number of the block of paths, from 0.
        days  : sessions of each path.
        seed  : seed of the random numbers.
        """
        ...


@dataclass(frozen=True, eq=False)
class BootstrappedFuture:
    """Days of the past again, in blocks of random length; the draws are those of `StationaryBootstrap`."""

    bootstrap: StationaryBootstrap
    name: str = field(default="stationary bootstrap", init=False)

    def growths(self, block: int, days: int, seed: int) -> Array:
        """(BLOCK_PATHS, days, n), as `FutureLaw` says."""
        return self.bootstrap.growths(BLOCK_PATHS, days, seed, block * BLOCK_PATHS)


@dataclass(frozen=True, eq=False)
class RegimeFuture:
    """Normal log returns in a calm and in a turbulent regime, from the regimes' probabilities at the last close.

    Source : Hamilton (1994), Time Series Analysis, chapter 22.
    """

    regimes: HiddenMarkov
    name: str = field(default="two regimes", init=False)

    def growths(self, block: int, days: int, seed: int) -> Array:
        """(BLOCK_PATHS, days, n), as `FutureLaw` says."""
        rng, law = _stream(seed, block, 1), self.regimes
        uniforms, n = rng.random((days + 1, BLOCK_PATHS)), law.means.shape[1]
        turbulent = np.empty((days, BLOCK_PATHS), dtype=bool)
        state = uniforms[0] < law.today[1]
        for t in range(days):
            state = uniforms[t + 1] < law.transition[state.astype(np.int64), 1]
            turbulent[t] = state
        normals, which = rng.standard_normal((BLOCK_PATHS * days, n)), turbulent.T.ravel()
        calm, wild = law.roots
        log = law.means[0] + normals @ calm
        log[which] = law.means[1] + normals[which] @ wild
        return np.exp(log, out=log).reshape(BLOCK_PATHS, days, n)


@dataclass(frozen=True, eq=False)
class FilteredFuture:
    """Filtered historical simulation: past shocks in units of their volatility then, at the volatilities to come.

    All assets take the shocks of the same past day, so that they stay together; days are drawn independently, and each
    asset's variance goes on by its own GARCH(1,1) from that of the first day to come, and never past the largest of the
    past: shocks that are no normals would else drive some paths to variances without bound, and means with them.

    mean      : (n,) mean of a day's log return.
    omega     : (n,) constant of the variance of a day.
    alpha     : (n,) weight of yesterday's squared shock.
    beta      : (n,) weight of yesterday's variance.
    variance  : (n,) variance of the first day to come.
    largest   : (n,) largest variance of any day of the past or of the first to come.
    shocks    : (T, n) past shocks over their volatility, with mean 0 and variance 1.
    Source    : Barone-Adesi, Giannopoulos and Vosper (1999), VaR without correlations for portfolios of derivative
                securities, Journal of Futures Markets 19.
    """

    mean: Array
    omega: Array
    alpha: Array
    beta: Array
    variance: Array
    largest: Array
    shocks: Array
    name: str = field(default="filtered historical", init=False)

    def growths(self, block: int, days: int, seed: int) -> Array:
        """(BLOCK_PATHS, days, n), as `FutureLaw` says."""
        rows = _stream(seed, block, 2).integers(len(self.shocks), size=(days, BLOCK_PATHS))
        log = np.empty((BLOCK_PATHS, days, len(self.mean)))
        variance = np.broadcast_to(self.variance, (BLOCK_PATHS, len(self.mean)))
        for t in range(days):
            shock = np.sqrt(variance) * self.shocks[rows[t]]
            log[:, t] = self.mean + shock
            variance = np.minimum(self.omega + self.alpha * shock * shock + self.beta * variance, self.largest)
        return np.exp(log, out=log)


def future_laws(market: Market, periods_per_year: float) -> tuple[dict[str, FutureLaw], dict[str, str]]:
    """The laws by name, the stationary bootstrap first, and by name of a law that cannot be fitted: why not.

    They are fitted to the days on which all assets have returns; the bootstrap needs no more than these.
    market           : its last row is today.
    periods_per_year : number of its rows a year.
    Raises           : DataError as `sample`.
    """
    log_returns = np.log1p(sample(market, periods_per_year)[1])
    bootstrap = StationaryBootstrap(market, mean_block(periods_per_year))
    laws: dict[str, FutureLaw] = {BootstrappedFuture.name: BootstrappedFuture(bootstrap)}
    refused = {}
    for name, fitted in ((RegimeFuture.name, fit_regimes), (FilteredFuture.name, fit_filtered)):
        try:
            laws[name] = fitted(log_returns, market.assets)
        except DataError as error:
            refused[name] = str(error)
    return laws, refused


def sample(market: Market, periods_per_year: float) -> tuple[pd.DatetimeIndex, Array]:
    """(T,) dates and (T, n) simple returns of the rows on which all assets have returns, the last close among them.

    market           : its last row is today.
    periods_per_year : number of its rows a year.
    Raises           : DataError for less than `fewest_returns`, and where an asset has left by the last close.
    """
    fewest = fewest_returns(periods_per_year)
    first, stop = common_rows(market, np.ones(len(market.assets), dtype=bool))
    gone = [asset for asset, there in zip(market.assets, market.listed[-1], strict=True) if not there]
    if gone:
        raise DataError(
            f"{gone[0]} is not listed at the last close of market {market.name!r}, {market.days[-1]}: no future of it "
            "can be simulated. Leave it out of the file."
        )
    if stop - first < fewest:
        raise DataError(
            f"market {market.name!r} has {max(stop - first, 0)} {row_name(periods_per_year)}s with returns of all its "
            f"assets, and figures of risk and futures need {fewest}. Leave out the asset that was listed last, or take "
            "more history."
        )
    returns = market.returns[first:stop]
    if (returns <= -1.0).any():
        t, i = np.argwhere(returns <= -1.0)[0]
        raise DataError(
            f"{market.assets[i]} lost everything on {market.days[first + t]}: its log return is not finite, and no law "
            "can be fitted to it. Leave it out of the file."
        )
    return market.dates[first:stop], returns


def fit_regimes(log_returns: Array, assets: tuple[str, ...]) -> RegimeFuture:
    """Two regimes; arguments and errors of `fit_hidden_markov`."""
    return RegimeFuture(fit_hidden_markov(log_returns, assets))


def fit_filtered(log_returns: Array, assets: tuple[str, ...]) -> FilteredFuture:
    """Filtered historical simulation with a GARCH(1,1) of each asset, by maximum likelihood.

    log_returns : (T, n) log returns of each day.
    assets      : n names.
    Raises      : DataError as `fit_garch` does.
    """
    mean = log_returns.mean(axis=0)
    apart = log_returns - mean
    fits = [fit_garch(np.ascontiguousarray(apart[:, i]), asset) for i, asset in enumerate(assets)]
    variances = np.column_stack([fit.variance for fit in fits])
    shocks = apart / np.sqrt(variances)
    shocks = (shocks - shocks.mean(axis=0)) / shocks.std(axis=0)
    names = ("omega", "alpha", "beta", "following")
    omega, alpha, beta, following = (np.array([getattr(fit, name) for fit in fits]) for name in names)
    largest = np.maximum(variances.max(axis=0), following)
    return FilteredFuture(mean, omega, alpha, beta, following, largest, shocks)


def _stream(seed: int, block: int, law: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(law, block)))
