"""Models of returns with known parameters: estimates from their paths can be compared with the truth.

Every model is a frozen record. Its `growths(paths, days, seed, first)` gives (paths, days, n) the factor by which each
asset grows in a day, and `returns` gives that less one: simple returns, fraction. Both are pure functions: the same
arguments give the same bits, and path k is the same in every batch that holds it. A step of a path, a "day", lasts
d = 1 / periods_per_year of a year.

`mean` is the growth a year, continuously compounded: given the past, the expected simple return of a day is exactly
exp(mean·d) − 1; with regimes, with the mean of that day's regime.
"""

from abc import abstractmethod
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from foundation.arguments import floats, is_number, refuse, shown
from foundation.arrays import Array, Rows, frozen
from foundation.compiled import compiled
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from research.risk.simulation.covariances import taken_apart
from research.risk.simulation.markov_chain import check_transition, stationary
from research.risk.simulation.streams import (
    JUMP_COUNTS,
    JUMP_SIZES,
    NORMALS,
    REGIME_DRAWS,
    VARIANCES,
    check_batch,
    fill_normals,
    stream,
)


class Model(Protocol):
    """A return-generating process."""

    def returns(self, paths: int, days: int, seed: int, first: int = 0) -> Array:
        """(paths, days, n) simple returns, fraction.

        paths  : number of paths.
        days   : steps of each path.
        seed   : seed of the random numbers.
        first  : number of the first path.
        Raises : ConfigError for a number out of range.

        A return is as exact as its growth factor, to 1e-16 of the holding.
        """
        found = self.growths(paths, days, seed, first)
        found -= 1.0
        return found

    def growths(self, paths: int, days: int, seed: int, first: int = 0) -> Array:
        """(paths, days, n) 1 + simple returns, computed before `returns`; arguments as in `returns`.

        Raises : ConfigError for a number out of range.
        """
        ...


class _ByPath(Model):
    """A model of log returns, each path by itself.

    All arithmetic has the same shapes in every batch, and a path fits into the processor's cache.
    """

    mean: Array

    @property
    def _lines(self) -> int:
        return len(self.mean)

    def growths(self, paths: int, days: int, seed: int, first: int = 0) -> Array:
        """(paths, days, n) 1 + simple returns; arguments as in `Model.returns`.

        Raises : ConfigError for a number out of range.
        """
        check_batch(paths, days, seed, first)
        normals, out = np.empty((days, self._lines)), np.empty((paths, days, self._lines))
        for k in range(paths):
            fill_normals(stream(seed, first + k, NORMALS), normals.reshape(-1))
            self._log_returns(seed, first + k, normals, out[k])
            np.exp(out[k], out=out[k])
        return out

    @abstractmethod
    def _log_returns(self, seed: int, path: int, normals: Array, log: Array) -> None:
        """Write the log returns (days, n) of a path from its standard normals (days, n)."""


@dataclass(frozen=True, eq=False)
class GBM(_ByPath):
    """Geometric Brownian motion: dS_i / S_i = mean_i dt + dB_i, where the dB_i covary by covariance_ij dt.

    mean             : (n,) growth a year.
    covariance       : (n, n) a year.
    periods_per_year : steps a year, 252 for daily.
    Raises : ConfigError for what is not a finite number, of another shape or not positive semi-definite.

    Steps are exact, whatever their length: 1 + R_i = exp((mean_i − covariance_ii/2)d + √d·B_i), so that
    cov(R_i, R_j) = exp((mean_i + mean_j)d)·(exp(covariance_ij·d) − 1).
    Source : Glasserman (2004), Monte Carlo Methods in Financial Engineering, section 3.2.3.
    """

    mean: Array
    covariance: Array
    periods_per_year: float

    def __post_init__(self) -> None:
        """Check the numbers and make the arrays read-only."""
        _set_diffusion(self)
        _ = self._step

    @cached_property
    def _step(self) -> tuple[Array, Array]:
        """(n,) drift of the log return of a step, and (n, n) the matrix that mixes its normals."""
        return _diffusion(self.mean, self.covariance, self.periods_per_year, "covariance of GBM")

    def _log_returns(self, seed: int, path: int, normals: Array, log: Array) -> None:
        drift, mix = self._step
        np.matmul(normals, mix, out=log)
        _add(log, drift)


@dataclass(frozen=True, eq=False)
class MertonJumps(_ByPath):
    """Geometric Brownian motion with jumps at random times, which all assets share.

    mean             : (n,) growth a year, jumps included.
    covariance       : (n, n) covariance of the diffusion alone, a year.
    intensity        : expected number of jumps a year.
    jump_mean        : (n,) mean of the logarithm of 1 + jump.
    jump_covariance  : (n, n) covariance of these logarithms; zeros for jumps of one size.
    periods_per_year : steps a year, 252 for daily.
    Raises           : ConfigError as `GBM` does, and for an intensity below zero.

    Steps are exact: with N jumps, Poisson of mean intensity·d, the log return is normal with mean (mean − var/2 −
    intensity·κ)d + N·jump_mean, κ = exp(jump_mean + jump_var/2) − 1, and covariance covariance·d + N·jump_covariance.
    Over all N the log returns covary by (covariance + intensity·(jump_covariance + jump_mean·jump_mean'))d.
    Source           : Merton (1976), Option pricing when underlying stock returns are discontinuous, section 2, with
                       the lognormal jumps of section 3.
    """

    mean: Array
    covariance: Array
    intensity: float
    jump_mean: Array
    jump_covariance: Array
    periods_per_year: float

    def __post_init__(self) -> None:
        """Check the numbers and make the arrays read-only."""
        _set_diffusion(self)
        n = len(self.mean)
        _set(self, "jump_mean", n)
        _set(self, "jump_covariance", n, n)
        if not is_number(self.intensity) or self.intensity < 0.0:
            refuse("intensity of MertonJumps is", self.intensity, "give the expected number of jumps a year, from 0.")
        _ = self._step, self._jump_mix

    @cached_property
    def _step(self) -> tuple[Array, Array]:
        """(n,) drift of the log return of a step without jumps, and (n, n) the matrix that mixes its normals."""
        name = "covariance of MertonJumps"
        drift, mix = _diffusion(self.mean, self.covariance, self.periods_per_year, name)
        expected_jump = np.expm1(self.jump_mean + 0.5 * np.diag(self.jump_covariance))
        return drift - self.intensity / self.periods_per_year * expected_jump, mix

    @cached_property
    def _jump_mix(self) -> Array:
        """(n, n) the matrix that mixes the normals of one jump's logarithm."""
        volatility, root = taken_apart(self.jump_covariance, "jump_covariance of MertonJumps")
        return root * volatility

    def _log_returns(self, seed: int, path: int, normals: Array, log: Array) -> None:
        drift, mix = self._step
        np.matmul(normals, mix, out=log)
        _add(log, drift)
        count = stream(seed, path, JUMP_COUNTS).poisson(self.intensity / self.periods_per_year, len(log))
        jumped = np.flatnonzero(count)
        number = count[jumped, None]
        sizes = stream(seed, path, JUMP_SIZES).standard_normal((len(jumped), len(drift)))
        log[jumped] += number * self.jump_mean + np.sqrt(number) * (sizes @ self._jump_mix)


@dataclass(frozen=True, eq=False)
class RegimeSwitching(_ByPath):
    """Geometric Brownian motion whose mean and covariance depend on a regime, a Markov chain that moves once a step.

    means            : (K, n) growth a year in each regime.
    covariances      : (K, n, n) a year.
    transition       : (K, K) probability of regime l on a day, in column l, after regime k on the day before, in row k.
    periods_per_year : as in `GBM`.
    Raises           : ConfigError as `GBM` does, for rows that are not probabilities or do not sum to one, and for
                       regimes that never lead to one another: then no single stationary distribution exists.

    The first day's regime is drawn from the stationary distribution `shares`, so every day has the same law.
    Source           : Hamilton (1989), A new approach to the economic analysis of nonstationary time series and the
                       business cycle; Hamilton (1994), Time Series Analysis, section 22.2.
    """

    means: Array
    covariances: Array
    transition: Array
    periods_per_year: float

    def __post_init__(self) -> None:
        """Check the numbers and make the arrays read-only."""
        _set_periods(self)
        _set(self, "means", None, None)
        count, n = self.means.shape
        _set(self, "covariances", count, n, n)
        _set(self, "transition", count, count)
        check_transition("transition of RegimeSwitching", self.transition)
        _ = self._steps

    @property
    def _lines(self) -> int:
        return int(self.means.shape[1])

    @cached_property
    def shares(self) -> Array:
        """(K,) stationary probability of each regime, on every day: shares = shares·transition."""
        return frozen(stationary(self.transition))

    @cached_property
    def _steps(self) -> tuple[Array, Array]:
        """(K, n) drifts of the log return of a step, and (K, n, n) the matrices that mix its normals."""
        drifts, mixes = zip(
            *(
                _diffusion(mean, covariance, self.periods_per_year, f"covariance {k} of RegimeSwitching")
                for k, (mean, covariance) in enumerate(zip(self.means, self.covariances, strict=True))
            ),
            strict=True,
        )
        return np.array(drifts), np.array(mixes)

    def regimes(self, paths: int, days: int, seed: int, first: int = 0) -> Rows:
        """(paths, days) the index of each day's regime in `returns`; arguments as in `Model.returns`.

        Raises : ConfigError for a number out of range.
        """
        check_batch(paths, days, seed, first)
        return np.array([self._chain(seed, path, days) for path in range(first, first + paths)])

    def _chain(self, seed: int, path: int, days: int) -> Rows:
        rows = np.cumsum(np.vstack([self.shares, self.transition]), axis=1)
        rows /= rows[:, -1:]
        return _markov(stream(seed, path, REGIME_DRAWS).random(days), rows[0], rows[1:])

    def _log_returns(self, seed: int, path: int, normals: Array, log: Array) -> None:
        (drifts, mixes), regime = self._steps, self._chain(seed, path, len(log))
        np.take(drifts, regime, axis=0, out=log)
        for k, mix in enumerate(mixes):
            log[regime == k] += normals[regime == k] @ mix


@dataclass(frozen=True, eq=False)
class Garch(_ByPath):
    """Returns whose variances follow GARCH(1,1), each asset its own, with constant conditional correlations.

    mean             : (n,) growth a year.
    covariance       : (n, n) a year, the unconditional one of the shocks.
    alpha            : (n,) or one number for all assets: weight of yesterday's squared shock.
    beta             : (n,) or one number for all assets: weight of yesterday's variance.
    periods_per_year : steps a year, 252 for daily.
    Raises           : ConfigError as `GBM` does, for an alpha or beta below zero, and where alpha + beta is not below
                       one: such a variance has no stationary mean.

    log(1 + R_t) = mean·d − h_t/2 + e_t, where e_t is normal with variance h_t = (1 − alpha − beta)·var·d +
    alpha·e²_{t−1} + beta·h_{t−1}. The first variance is the stationary one, var·d: every day's unconditional variance
    is var·d, and fourth moments approach theirs (kurtosis 3 + 6·alpha²/(1 − 2·alpha² − (alpha + beta)²), where that is
    positive) from the 3 of the first day.
    Unconditional covariances between assets are covariance·d·E√(h_i·h_j)/√(E h_i·E h_j), somewhat nearer zero than
    covariance·d where the variances of assets move apart; correlations on a day, given the days before it, are exact.
    Source           : Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity, theorems 1 and 2;
                       Bollerslev (1990), Modelling the coherence in short-run nominal exchange rates (the
                       correlations); Duan (1995), The GARCH option pricing model, equation 2.1 (the drift).
    """

    mean: Array
    covariance: Array
    alpha: Array
    beta: Array
    periods_per_year: float

    def __post_init__(self) -> None:
        """Check the numbers and make the arrays read-only."""
        _set_diffusion(self)
        n = len(self.mean)
        for name in ("alpha", "beta"):
            value = getattr(self, name)
            object.__setattr__(self, name, np.full(n, value) if is_number(value) else value)
            _set(self, name, n)
            if (getattr(self, name) < 0.0).any():
                i = int(np.argmin(getattr(self, name)))
                raise ConfigError(f"{name} of Garch is {getattr(self, name)[i]:.6g} for asset {i}: it is zero or more.")
        total = self.alpha + self.beta
        if (total >= 1.0).any():
            i = int(np.argmax(total))
            raise ConfigError(
                f"alpha + beta of Garch is {total[i]:.6g} for asset {i} (alpha {self.alpha[i]:.6g}, beta "
                f"{self.beta[i]:.6g}): only below one does the variance have a stationary mean. Lower either."
            )
        _ = self._step

    @cached_property
    def _step(self) -> tuple[Array, Array]:
        """(n,) stationary variance of the shock of a step, and (n, n) the root of the correlations."""
        volatility, root = taken_apart(self.covariance, "covariance of Garch")
        return volatility**2 / self.periods_per_year, root

    def _log_returns(self, seed: int, path: int, normals: Array, log: Array) -> None:
        stationary, root = self._step
        noise = normals @ root.T
        variance = _variances(noise, stationary, self.alpha, self.beta)
        log[:] = self.mean / self.periods_per_year - 0.5 * variance + np.sqrt(variance) * noise


@dataclass(frozen=True, eq=False)
class StochasticVolatility(_ByPath):
    """Normal returns whose variances all rise and fall together, by a factor that moves slowly.

    mean             : (n,) growth a year.
    covariance       : (n, n) a year, the mean over time.
    spread           : standard deviation of the logarithm of the factor, 0 or more.
    half_life        : years in which half of a deviation of that logarithm is gone, above zero.
    periods_per_year : steps a year, 252 for daily.
    Raises           : ConfigError as `GBM` does, and for a spread or half-life out of range.

    log(1 + R_t) = mean·d − f_t·var·d/2 + √f_t·e_t, e_t normal with covariance covariance·d, where log f_t is a
    stationary autoregression of the first order with mean −spread²/2, so that E f_t = 1; it is independent of e_t.
    Source           : Taylor (1986), Modelling Financial Time Series, section 3.5; Jacquier, Polson and Rossi (1994),
                       Bayesian analysis of stochastic volatility models, equation 1.
    """

    mean: Array
    covariance: Array
    spread: float
    half_life: float
    periods_per_year: float

    def __post_init__(self) -> None:
        """Check the numbers and make the arrays read-only."""
        _set_diffusion(self)
        if not is_number(self.spread) or self.spread < 0.0:
            refuse("spread of StochasticVolatility is", self.spread, "give a number of 0 or more.")
        if not is_number(self.half_life) or self.half_life <= 0.0:
            refuse("half_life of StochasticVolatility is", self.half_life, "give years above zero.")
        _ = self._step

    @cached_property
    def _step(self) -> tuple[Array, Array]:
        """(n,) growth less variance of a step, and (n, n) the matrix that mixes its normals, at a factor of 1."""
        return _diffusion(self.mean, self.covariance, self.periods_per_year, "covariance of StochasticVolatility")

    def _log_returns(self, seed: int, path: int, normals: Array, log: Array) -> None:
        growth, variance = self.mean / self.periods_per_year, np.diag(self.covariance) / self.periods_per_year
        shocks = stream(seed, path, VARIANCES).standard_normal(len(log))
        factor = np.exp(_slow(shocks, self.spread, 0.5 ** (1.0 / (self.half_life * self.periods_per_year))))[:, None]
        np.matmul(normals, self._step[1], out=log)
        log *= np.sqrt(factor)
        log += growth - 0.5 * factor * variance


# -- paths -----------------------------------------------------------------------------------------------------------


def _diffusion(mean: Array, covariance: Array, periods_per_year: float, name: str) -> tuple[Array, Array]:
    """(n,) drift of the log return of a step, and (n, n) B: its covariance is B'B, that of normals z (n,) in z @ B."""
    volatility, root = taken_apart(covariance, name)
    drift = (mean - 0.5 * np.diag(covariance)) / periods_per_year
    return drift, root * (volatility / np.sqrt(periods_per_year))


@compiled
def _add(log: Array, drift: Array) -> None:
    """Add drift (n,) to each row of log (T, n): numpy takes twice as long over rows so short."""
    for t in range(len(log)):
        for i in range(len(drift)):
            log[t, i] += drift[i]


@compiled
def _markov(uniforms: Array, opening: Array, rows: Array) -> Rows:
    """(T,) states: the first by the cumulative probabilities opening (K,), then by rows (K, K), a row a state."""
    states = np.empty(len(uniforms), np.int64)
    row = opening
    for t in range(len(uniforms)):
        state = 0
        while row[state] <= uniforms[t]:
            state += 1
        states[t] = state
        row = rows[state]
    return states


@compiled
def _variances(noise: Array, stationary: Array, alpha: Array, beta: Array) -> Array:
    """(T, n) variance of each day, known the day before, from standard noise (T, n)."""
    variance = np.empty_like(noise)
    variance[0] = stationary
    for t in range(1, len(noise)):
        for i in range(noise.shape[1]):
            before, z = variance[t - 1, i], noise[t - 1, i]
            news = (1.0 - alpha[i] - beta[i]) * stationary[i] + alpha[i] * before * z * z
            variance[t, i] = news + beta[i] * before
    return variance


@compiled
def _slow(shocks: Array, spread: float, keeps: float) -> Array:
    """(T,) stationary autoregression of the first order from standard normals (T,), with mean -spread²/2."""
    out, news = np.empty_like(shocks), np.sqrt(1.0 - keeps * keeps)
    level = shocks[0]
    for t in range(len(shocks)):
        if t > 0:
            level = keeps * level + news * shocks[t]
        out[t] = spread * level - 0.5 * spread * spread
    return out


# -- parameters ------------------------------------------------------------------------------------------------------


def _set_diffusion(model: Any) -> None:
    """Check mean, covariance and periods_per_year of a model, and make its arrays read-only."""
    _set_periods(model)
    _set(model, "mean", None)
    _set(model, "covariance", len(model.mean), len(model.mean))


def _set_periods(model: Any) -> None:
    value = model.periods_per_year
    if not is_number(value) or value <= 0.0:
        refuse(
            f"periods_per_year of {type(model).__name__} is", value,
            "give a number above zero: 252 for daily steps, 52 for weekly, 12 for monthly.",
        )  # fmt: skip


def _set(model: Any, name: str, *shape: int | None) -> None:
    """Make a field a read-only array of this shape; None stands for any length. Raises ConfigError."""
    subject, value = f"{name} of {type(model).__name__}", getattr(model, name)
    array = floats(f"{subject} is", value, "give finite numbers.")
    if not np.isfinite(array).all():
        place = ", ".join(str(int(k)) for k in np.argwhere(~np.isfinite(array))[0])
        raise ConfigError(f"{subject} has no finite number in place ({place}): found {shown(value)}. Correct it.")
    if array.ndim != len(shape) or any(k is not None and k != m for k, m in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any length" if k is None else str(k) for k in shape)
        raise ConfigError(f"{subject} has shape {array.shape}: give ({wanted}{',' if len(shape) == 1 else ''}).")
    object.__setattr__(model, name, frozen(array))
