"""Risk and return of constant weights, by the functions of the tearsheet, from two returns on.

Intervals are those of the tearsheet where it has them: of a volatility from 250 returns on, of a Sharpe ratio from 24
on. Below that they are those of independent normal returns, and the method says so.
"""

import math

import numpy as np
from scipy.special import betaincinv, chdtri, nctdtrinc, ndtri, stdtrit

from backtests.inference.estimates import INTERVAL_LEVEL
from backtests.inference.risk_inference import risk_with_error
from backtests.inference.sharpe_inference import FEWEST_OBSERVATIONS, sharpe_with_error
from desk.service.payload.answer import Figure, Metrics
from foundation.arrays import Array, Rows
from foundation.errors import DataError
from research import risk
from research.market.calendars import DAYS_PER_YEAR
from research.risk.simulation.future_laws import MEAN_BLOCK
from research.risk.simulation.long_run_variance import newey_west, newey_west_lags
from research.risk.simulation.resampling import resampled

FEWEST_OF_PAYLOAD = 2
FEWEST_HISTORICAL = 20  # returns: below, no whole one lies beyond 95 %
CVAR_LEVEL = 0.95
PATHS, SEED, SPAN_DAYS = 2_000, 0, 30  # of the simulation; calendar days
DOWNSIDE = 0.05  # percentile
HISTORICAL, NORMAL = "historical", "normal returns"
LOW, HIGH = (1.0 - INTERVAL_LEVEL) / 2.0, (1.0 + INTERVAL_LEVEL) / 2.0  # probabilities below the ends of an interval
SIMULATED = f"stationary bootstrap, {PATHS:,} paths; interval of the simulation"


def payload_metrics(returns: Array, active: Array, periods_per_year: int, paths: Rows | None) -> Metrics:
    """The figures of a portfolio's returns.

    returns : (T,) simple returns, fraction.
    active  : (T,) returns less those of the targets, fraction.
    periods_per_year : returns a year.
    paths   : rows as `simulated_rows` gives them; None for fewer than two returns.
    """
    if paths is None:
        few = Figure(reason=f"{FEWEST_OF_PAYLOAD} returns or more of all assets are needed: there are {len(returns)}.")
        return Metrics(**dict.fromkeys(Metrics.model_fields, few))
    enough = len(returns) >= FEWEST_HISTORICAL
    at_risk, beyond, method = (
        (risk.var, risk.cvar, HISTORICAL) if enough else (risk.gaussian_var, risk.gaussian_cvar, NORMAL)
    )
    return Metrics(
        volatility=_volatility(returns, periods_per_year),
        expected_annual_return=_mean(returns, periods_per_year),
        sharpe=_sharpe(returns, periods_per_year),
        max_drawdown=Figure(value=risk.max_drawdown(risk.nav_path(returns)).depth, method=HISTORICAL),
        var_95=Figure(value=at_risk(returns, CVAR_LEVEL), method=method),
        cvar_95=Figure(value=beyond(returns, CVAR_LEVEL), method=method),
        tracking_error=Figure(value=risk.tracking_error(active, periods_per_year), method=HISTORICAL),
        **_simulated(np.prod(1.0 + returns[paths], axis=1) - 1.0),
    )


def simulated_rows(count: int, periods_per_year: int) -> Rows | None:
    """(PATHS, periods) rows of `count` returns that simulated 30 days have; None for fewer than two returns.

    Source : Politis and Romano (1994), The stationary bootstrap, as `research.risk.simulation.resampling` draws it.
    """
    if count < FEWEST_OF_PAYLOAD:
        return None
    periods = max(round(SPAN_DAYS * periods_per_year / DAYS_PER_YEAR), 1)
    first = np.zeros(PATHS, dtype=np.int64)
    return resampled(np.random.default_rng(SEED), first, first + count, (PATHS, periods), min(MEAN_BLOCK, float(count)))


def _volatility(returns: Array, periods_per_year: int) -> Figure:
    """By three cosine waves; else by the distribution of a normal sample's variance, chi-squared."""
    try:
        found = risk_with_error(returns, periods_per_year)["volatility"]
        return _between("three cosine waves (Müller 2014)", found.value, found.lower, found.upper)
    except DataError:
        value, freedom = risk.volatility(returns, periods_per_year), len(returns) - 1
        lower, upper = (value * math.sqrt(freedom / chdtri(freedom, p)) for p in (LOW, HIGH))
        return _between(NORMAL, value, lower, upper)


def _mean(returns: Array, periods_per_year: int) -> Figure:
    """By the long-run variance of Newey and West; else by Student's t."""
    value, count = float(returns.mean()), len(returns)
    if count < FEWEST_OBSERVATIONS:
        half, method = float(stdtrit(count - 1, HIGH)) * math.sqrt(returns.var(ddof=1) / count), NORMAL
    else:
        long_run = newey_west(returns - value, newey_west_lags(count))
        half, method = float(ndtri(HIGH)) * math.sqrt(long_run / count), "Newey and West (1987)"
    return _between(method, *((value + end) * periods_per_year for end in (0.0, -half, half)))


def _sharpe(returns: Array, periods_per_year: int) -> Figure:
    """By Lo (2002), annualised by √periods_per_year as tables have it; else by the noncentral t distribution."""
    try:
        value, count = risk.sharpe(returns, np.zeros_like(returns), periods_per_year), len(returns)
        if count >= FEWEST_OBSERVATIONS:
            found = sharpe_with_error(returns, periods_per_year)
            plain = found.times(math.sqrt(periods_per_year) / found.scale)
            return _between("Lo (2002)", value, plain.lower, plain.upper)
    except DataError as error:
        return Figure(reason=str(error))
    annual = math.sqrt(periods_per_year / count)
    lower, upper = (float(nctdtrinc(count - 1, p, value / annual)) * annual for p in (HIGH, LOW))
    return _between(NORMAL, value, lower, upper)


def _simulated(outcomes: Array) -> dict[str, Figure]:
    """Probability of a loss and downside percentile of outcomes (PATHS,), with what other random numbers would give."""
    lost = int((outcomes < 0.0).sum())
    lower = float(betaincinv(lost, PATHS - lost + 1, LOW)) if lost else 0.0
    upper = float(betaincinv(lost + 1, PATHS - lost, HIGH)) if lost < PATHS else 1.0
    half = float(ndtri(HIGH)) * math.sqrt(DOWNSIDE * (1.0 - DOWNSIDE) / PATHS)
    percentiles = np.quantile(outcomes, [DOWNSIDE, DOWNSIDE - half, DOWNSIDE + half]).tolist()
    return {
        "probability_of_loss_30d": _between(SIMULATED, lost / PATHS, lower, upper),
        "downside_percentile_30d": _between(SIMULATED, *percentiles),
    }


def _between(method: str, value: float, lower: float, upper: float) -> Figure:
    return Figure(value=value, lower=lower, upper=upper, method=method)
